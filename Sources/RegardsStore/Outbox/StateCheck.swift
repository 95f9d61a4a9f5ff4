import GRDB
import Glibc

/// Looks whether a state file is sound (`PRAGMA quick_check`): every page can be read, and every row.
///
/// A look costs 1.7 s for a million rows, which a start need not wait for: of a large file only the tables that everything
/// hangs on are looked at before it is used, and the rest beside the running daemon. What that finds leaves a mark
/// (`STATE.suspect`), so that the next start looks at all of it first.
enum StateCheck {
    /// Up to this many bytes all of it is looked at before it is used: some tenths of a second.
    static let small: Int64 = 64 << 20

    /// Tables that grow with the years.
    private static let large: Set<String> = ["outreach", "attempts", "events", "event_limits", "segment_entries"]

    /// What is looked at before the file is used.
    /// - Returns: true when that was all of it.
    /// - Throws: `OutboxError.damaged`.
    static func before(_ queue: DatabaseQueue, path: String, small: Int64 = StateCheck.small) throws -> Bool {
        let isSuspect = access(suspect(path), F_OK) == 0
        return try queue.read { database in
            guard !isSuspect, try size(database) > small else {
                try look(database, path: path)
                if isSuspect { unlink(suspect(path)) }
                return true
            }
            for table in try tables(database) where !large.contains(table) { try look(database, path: path, at: table) }
            return false
        }
    }

    /// All of it, on a connection of its own.
    /// - Throws: `OutboxError.damaged`, and leaves the mark.
    static func whole(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.label = "regards.outbox.check"
        do {
            try OutboxError.translate(path) {
                let queue = try DatabaseQueue(path: path, configuration: configuration)
                defer { RetiredConnections.take(queue) }
                try queue.read { try look($0, path: path) }
            }
        } catch let error as OutboxError {
            if case .damaged = error {
                let descriptor = Glibc.open(suspect(path), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                if descriptor >= 0 { close(descriptor) }
            }
            throw error
        }
    }

    static func suspect(_ path: String) -> String { path + ".suspect" }

    private static func look(_ database: Database, path: String, at table: String? = nil) throws {
        let sql = table.map { "PRAGMA quick_check('\($0)')" } ?? "PRAGMA quick_check(1)"
        let statement = try SQLStatement(database, sql)
        defer { statement.reset() }
        guard try statement.step() else { return }
        let verdict = statement.string(0)
        guard verdict != "ok" else { return }
        // The first line says only that it is about the main database.
        let lines = verdict.split(separator: "\n").filter { !$0.hasPrefix("***") }
        throw OutboxError.damaged(path: path, detail: lines.first.map(String.init) ?? verdict)
    }

    private static func size(_ database: Database) throws -> Int64 {
        let pages = Int64(try StateConnection.pragma(database, "page_count")) ?? 0
        return pages * (Int64(try StateConnection.pragma(database, "page_size")) ?? 0)
    }

    private static func tables(_ database: Database) throws -> [String] {
        let statement = try SQLStatement(database, "SELECT name FROM sqlite_schema WHERE type = 'table'")
        defer { statement.reset() }
        var names: [String] = []
        while try statement.step() { names.append(statement.string(0)) }
        return names
    }
}
