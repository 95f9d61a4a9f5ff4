import GRDB
import Glibc

/// The copy of a state file that is made before a migration: `STATE.before-002-language`, for its owner alone. It stays
/// until the next migration has succeeded, so that the release before can be installed again.
struct StateBackup {
    private static let mark = ".before-"

    let path: String
    private let state: String

    /// Copies the state, durably: under another name first, so that what bears the name is whole.
    ///
    /// There must be room for the copy and, as a migration may write every page anew, for as much again.
    /// - Returns: nil for a file without a ledger in it.
    /// - Throws: `OutboxError.noRoom` before anything is written; `DatabaseError`; `.unreachable` when the copy cannot be
    ///   made.
    init?(before writer: DatabaseQueue, path state: String) throws {
        guard let next = try writer.read(StateBackup.nextMigration) else { return nil }
        self.state = state
        path = state + StateBackup.mark + next
        let needed = try writer.read(StateBackup.size) * 2
        if let free = StateBackup.free(beside: state), free < needed {
            throw OutboxError.noRoom(path: state, needed: needed, free: free)
        }
        let partial = path + ".partial"
        unlink(partial)
        let descriptor = Glibc.open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw OutboxError.unreachable(path: partial, detail: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        do {
            let copy = try DatabaseQueue(path: partial)
            try writer.backup(to: copy)
            try copy.close()
            RetiredConnections.take(copy)
            guard fsync(descriptor) == 0, rename(partial, path) == 0, StateBackup.sync(folderOf: path) else {
                throw OutboxError.unreachable(path: path, detail: String(cString: strerror(errno)))
            }
        } catch {
            unlink(partial)
            throw error
        }
    }

    /// Removes the copies of earlier migrations.
    func dropOlder() {
        let (folder, name) = StateBackup.parts(of: state)
        let own = StateBackup.parts(of: path).name
        for entry in FolderNames.list(folder) where entry.hasPrefix(name + StateBackup.mark) && entry != own {
            unlink("\(folder)/\(entry)")
        }
    }

    /// The first migration that is still to be made; nil for a database that has had none.
    private static func nextMigration(_ database: Database) throws -> String? {
        let done = try LedgerMigrations.migrator.appliedMigrations(database)
        guard !done.isEmpty else { return nil }
        return LedgerMigrations.all.map(\.name).first { !done.contains($0) }
    }

    /// In bytes, the write-ahead log included in what it will become.
    private static func size(_ database: Database) throws -> Int64 {
        guard let pages = Int64(try StateConnection.pragma(database, "page_count")),
            let bytes = Int64(try StateConnection.pragma(database, "page_size"))
        else { return 0 }
        return pages * bytes
    }

    /// Bytes that are free for whoever runs this; nil where the system does not say.
    static func free(beside path: String) -> Int64? {
        var facts = statvfs()
        guard statvfs(parts(of: path).folder, &facts) == 0 else { return nil }
        return Int64(clamping: UInt64(facts.f_bavail)) * Int64(clamping: UInt64(facts.f_frsize))
    }

    static func sync(folderOf path: String) -> Bool {
        let descriptor = Glibc.open(parts(of: path).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    static func parts(of path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        return (folder, String(path[path.index(after: slash)...]))
    }
}
