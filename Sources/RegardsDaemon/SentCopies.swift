import Glibc
package import RegardsCalendar
import RegardsCore
package import RegardsRules
import RegardsStore

/// Copies of what goes out, where a house wants them (`keep_copies`): `copies/DAY/TIME-ROW.eml` beside the state file, a
/// webhook's body as `.json`. Day and time are those at which the attempt began, in UTC.
///
/// A copy is on the disk before its attempt is marked, and goes when the attempt ended without a message having gone. So
/// every attempt that ended in `delivered` or is in doubt has its copy, whenever the daemon dies. A crash may leave copies
/// of attempts that never began or had failed: the ledger knows what became of each.
package struct SentCopies: Sendable {
    /// One message on its way to the disk.
    struct Copy: Sendable {
        var path: String
        var bytes: [UInt8]
    }

    /// How many there are, and how large.
    package struct Size: Hashable, Sendable {
        package var messages = 0
        package var bytes: Int64 = 0
    }

    package let folder: String
    private let keep: TimeSpan

    /// nil where no copies are wanted.
    package init?(_ configuration: Configuration) {
        guard let keep = configuration.keepCopies, case .sqlite(let state) = configuration.state else { return nil }
        self.keep = keep
        folder = Self.folder(besideState: state)
    }

    /// Where they lie, wanted or not.
    package static func folder(besideState path: String) -> String {
        path.lastIndex(of: "/").map { "\(path[..<$0])/copies" } ?? "copies"
    }

    /// Of the attempt of a row that began at an instant.
    package static func path(of row: Int64, at start: Instant, isMail: Bool, in folder: String) -> String {
        // `2027-05-05T09:00:00`. With milliseconds: a daemon that was killed may try again within the second.
        let local = Zone.utc.local(at: start).description.split(separator: "T")
        let rest = String(start.microseconds % 1_000_000 / 1000 + 1000).dropFirst()
        return "\(folder)/\(local[0])/\(local[1].filter { $0 != ":" }).\(rest)-\(row).\(isMail ? "eml" : "json")"
    }

    /// The copy of an attempt of a row; nil where there is none.
    package static func find(row: Int64, startedAt: Instant, besideState path: String) -> String? {
        [true, false].map { Self.path(of: row, at: startedAt, isMail: $0, in: folder(besideState: path)) }
            .first { access($0, F_OK) == 0 }
    }

    // MARK: Keeping

    func copy(of item: ReadyOutreach, at start: Instant) -> Copy {
        let isMail = if case .endpoint = item.composed.destination { false } else { true }
        return Copy(
            path: Self.path(of: item.outreach.id, at: start, isMail: isMail, in: folder), bytes: item.composed.message.bytes)
    }

    /// Returns when all are on the disk.
    /// - Throws: `OutboxError`: then nothing may be sent.
    func write(_ copies: [Copy]) throws {
        guard !copies.isEmpty else { return }
        for day in Set(copies.map { Self.folder(of: $0.path) }) { try makeFolder(day) }
        for result in Parallel.map(copies, { copy in Result { try Self.write(copy) } }) { try result.get() }
        for day in Set(copies.map { Self.folder(of: $0.path) }) { try Self.sync(day) }
    }

    /// Of attempts that sent nothing. One that stays goes with its day.
    static func drop(_ paths: [String]) { for path in paths { unlink(path) } }

    private static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    private func makeFolder(_ day: String) throws {
        guard access(day, F_OK) != 0 else { return }
        for path in [folder, day] {
            guard mkdir(path, 0o700) != 0 else {
                try Self.sync(Self.folder(of: path))
                continue
            }
            guard errno == EEXIST else { throw Self.failure(path) }
        }
    }

    private static func write(_ copy: Copy) throws {
        let descriptor = open(copy.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(copy.path) }
        defer { close(descriptor) }
        var written = 0
        while written < copy.bytes.count {
            let count = copy.bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw failure(copy.path)
            }
            written += count
        }
        guard fsync(descriptor) == 0 else { throw failure(copy.path) }
    }

    private static func sync(_ folder: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    private static func failure(_ path: String) -> OutboxError {
        errno == ENOSPC || errno == EDQUOT
            ? .diskFull(path: path) : .unreachable(path: path, detail: String(cString: strerror(errno)))
    }

    // MARK: Forgetting

    /// Removes the days that ended before what is kept. What cannot be removed is met again after the next pass.
    func prune(now: Instant) {
        let first = Zone.utc.local(at: now - keep).date
        for name in FolderNames.list(folder) {
            guard let day = CivilDate(name), day < first else { continue }
            let path = "\(folder)/\(name)"
            Self.drop(FolderNames.list(path).map { "\(path)/\($0)" })
            rmdir(path)
        }
    }

    /// nil where there is no folder of copies.
    package static func size(besideState path: String) -> Size? {
        let folder = folder(besideState: path)
        guard access(folder, F_OK) == 0 else { return nil }
        var size = Size()
        for day in FolderNames.list(folder) {
            for name in FolderNames.list("\(folder)/\(day)") {
                var status = stat()
                guard stat("\(folder)/\(day)/\(name)", &status) == 0 else { continue }
                size.messages += 1
                size.bytes += Int64(status.st_size)
            }
        }
        return size
    }
}

extension Outcome {
    /// Whether somebody may have got the message.
    var mayHaveGone: Bool {
        switch self {
        case .delivered, .inDoubt: true
        case .deferred, .refused: false
        }
    }
}
