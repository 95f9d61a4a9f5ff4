import GRDB
import Glibc
package import RegardsCalendar
package import RegardsCore

/// What `status` asks besides the counts.
private enum StatusSQL {
    /// By `outreach_ended`, backwards: few rows are looked at, because most that end were sent.
    static let lastSent = """
        SELECT \(OutreachRow.columns) FROM outreach o INDEXED BY outreach_ended \(OutreachRow.joins)
        WHERE o.ended_at IS NOT NULL AND o.state IN (?1, ?2) ORDER BY o.ended_at DESC LIMIT ?3
        """
    /// By `outreach_open`: rows that were tried and go again.
    static let retrying = """
        SELECT count(*) FROM outreach INDEXED BY outreach_open WHERE ended_at IS NULL AND state = ?1 AND attempts > 0
        """
    /// By `outreach_open`, and the attempts of each such row by primary key.
    static let lastTrouble = """
        SELECT a.started_at, a.reason, a.code, a.detail FROM outreach o INDEXED BY outreach_open
        CROSS JOIN attempts a ON a.outreach_id = o.id
        WHERE o.ended_at IS NULL AND o.state = ?1 AND o.attempts > 0 ORDER BY a.started_at DESC LIMIT 1
        """
}

/// Messages that were tried, did not go, and are tried again.
package struct Retrying: Hashable, Sendable {
    package var count: Int
    /// What the newest of these attempts met.
    package var at: Instant
    package var reason: String
    package var code: Int
    package var detail: String
}

extension SQLiteOutbox {
    /// What was sent or failed, the newest first.
    package func lastSent(limit: Int) throws -> [Outreach] {
        try read { database in
            let statement = try SQLStatement(database, StatusSQL.lastSent)
            defer { statement.reset() }
            statement.bind(1, OutreachState.sent.rawValue)
            statement.bind(2, OutreachState.failed.rawValue)
            statement.bind(3, limit)
            var rows: [Outreach] = []
            while try statement.step() { rows.append(try OutreachRow.read(statement, path: path)) }
            return rows
        }
    }

    /// nil where nothing is tried again.
    package func retrying() throws -> Retrying? {
        try read { database in
            let counting = try SQLStatement(database, StatusSQL.retrying)
            counting.bind(1, OutreachState.planned.rawValue)
            let count = try counting.step() ? counting.int(0) : 0
            counting.reset()
            let last = try SQLStatement(database, StatusSQL.lastTrouble)
            defer { last.reset() }
            last.bind(1, OutreachState.planned.rawValue)
            guard count > 0, try last.step() else { return nil }
            return Retrying(
                count: count, at: Instant(microseconds: last.int64(0)), reason: last.string(1), code: last.int(2),
                detail: last.string(3))
        }
    }

    /// When a daemon first read the rules as they are now. nil before the first daemon.
    package func rulesReadAt() throws -> Instant? {
        try read { try Meta.value(Self.rulesReadKey, $0).flatMap { Int64($0) }.map(Instant.init(microseconds:)) }
    }

    static let rulesReadKey = "rules_read_at"
}

extension RuleAdoptionReport {
    var changesNothing: Bool {
        vanished.isEmpty && rules.allSatisfy { !$0.isNew && !$0.isChanged && !$0.hasReturned && $0.renamedFrom == nil }
    }
}

/// The daemon that works on a state file, seen from outside.
package struct RunningDaemon: Hashable, Sendable {
    package var process: Int32
    /// nil where the kernel does not say.
    package var since: Instant?

    /// nil where none runs. The lock is not tried: somebody who tries it could keep a daemon from starting. The kernel says
    /// who holds it: /proc/PID/fdinfo of the process that the file names, because lines of /proc/locks are left out while
    /// others come and go.
    package init?(state path: String) {
        var status = stat()
        guard stat(path + ".lock", &status) == 0,
            let named = RunningDaemon.text(path + ".lock"), let process = Int32(named.prefix { $0 != "\n" }),
            RunningDaemon.holds(process, inode: UInt64(status.st_ino))
        else { return nil }
        self.process = process
        since = RunningDaemon.start(of: process)
    }

    private static func holds(_ process: Int32, inode: UInt64) -> Bool {
        let folder = "/proc/\(process)/fdinfo"
        guard let directory = opendir(folder) else { return locks(text("/proc/locks") ?? "", by: process, inode) }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if let info = text("\(folder)/\(name)"), locks(info, by: process, inode) { return true }
        }
        return false
    }

    /// `1: FLOCK  ADVISORY  WRITE 4711 fe:01:393217 0 EOF`, with `lock:` in front in fdinfo.
    private static func locks(_ lines: String, by process: Int32, _ inode: UInt64) -> Bool {
        lines.split(separator: "\n").contains { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let kind = words.firstIndex(of: "FLOCK"), words.count > kind + 4, Int32(words[kind + 3]) == process else { return false }
            return words[kind + 4].split(separator: ":").last.flatMap { UInt64($0) } == inode
        }
    }

    /// Field 22 of /proc/PID/stat counts ticks from the start of the machine (proc(5)).
    private static func start(of process: Int32) -> Instant? {
        guard let line = text("/proc/\(process)/stat"), let name = line.lastIndex(of: ")"),
            let boot = text("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let booted = Int64(boot.dropFirst("btime ".count))
        else { return nil }
        let fields = line[line.index(after: name)...].split(separator: " ")
        let ticks = sysconf(Int32(_SC_CLK_TCK))
        guard fields.count > 19, let start = Int64(fields[19]), ticks > 0 else { return nil }
        return Instant(seconds: booted + start / Int64(ticks))
    }

    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while case let count = Glibc.read(descriptor, &part, part.count), count > 0 { all += part[..<count] }
        return String(decoding: all, as: UTF8.self)
    }
}
