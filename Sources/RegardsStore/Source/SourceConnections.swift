import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Synchronization

/// The read-only connections to one file, and the queries made ready for it.
struct SourceConnections: Sendable {
    /// Pages of scans.
    let scan: SourceConnection
    let wait: LockWait
    /// Look-ups at send time, which must not wait for a page.
    let look: SourceConnection
    /// `data_version` only: it stands still inside a transaction.
    let watch: SourceConnection
    let file: FileIdentity
    /// Counts from 1.
    let opening: Int
    let customers: RecordQuery
    let events: [String: RecordQuery]
}

/// A connection to the business's database, which is closed when nobody holds it any more.
final class SourceConnection: Sendable {
    private let queue: DatabaseQueue

    init(path: String, _ configuration: Configuration) throws {
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    deinit { RetiredConnections.take(queue) }

    func inDatabase<Result>(_ body: (Database) throws -> Result) throws -> Result {
        // Else it could be closed before it is used for the last time.
        try withExtendedLifetime(self) { try queue.inDatabase(body) }
    }
}

/// When a scan's connection last stopped waiting for a writer: waiting keeps nobody out, so it is no part of a read.
final class LockWait: Sendable {
    let end = Mutex(Instant(microseconds: 0))
}

extension Instant {
    /// For durations only.
    static var monotonic: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

/// Which file a path means: a database that was replaced has another.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64

    /// nil when there is no such file, or it cannot be seen.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

extension SourceConnections {

    /// - Throws: `SourceError`.
    static func open(_ settings: SourceSettings, opening: Int) throws -> SourceConnections {
        let path = settings.path
        guard let file = FileIdentity(path: path) else { throw SourceError.missing(path, code: errno) }
        guard SourceError.may(R_OK, path) else { throw SourceError.unreadable(path) }
        let wait = LockWait()
        let scan = try connection(path, "scan", wait)
        let customers = try makeReady(settings, scan)
        var events: [String: RecordQuery] = [:]
        for event in settings.events { events[event.kind] = try makeReady(event, scan, path) }
        return SourceConnections(
            scan: scan, wait: wait, look: try connection(path, "look"), watch: try connection(path, "watch"),
            file: file,
            opening: opening, customers: customers, events: events)
    }

    /// A read waits some five seconds for the shop's writer. It looks often and at random times: a writer that commits
    /// one transaction after the other leaves only short gaps.
    private static func connection(_ path: String, _ label: String, _ wait: LockWait? = nil) throws -> SourceConnection {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .callback { tries in
            usleep(.random(in: 300...3000))
            wait?.end.withLock { $0 = .monotonic }
            return tries < 3000
        }
        configuration.label = "regards.source.\(label)"
        return try SourceError.translate(path, query: nil) {
            try SourceConnection(path: path, configuration)
        }
    }

    /// Columns without which a query means nothing, and what to call them.
    private struct Required {
        var slot: Int
        var advice: String
    }

    private static func makeReady(_ settings: SourceSettings, _ queue: SourceConnection) throws -> RecordQuery {
        let id = Required(slot: CustomerColumn.id.rawValue, advice: "name the key with AS id")
        return try makeReady(
            "customers", settings.query, lookup: settings.lookup, settings.customers.columns, selected: [id.slot], [id],
            queue,
            settings.path)
    }

    private static func makeReady(_ event: EventQuery, _ queue: SourceConnection, _ path: String) throws -> RecordQuery {
        let required = [
            Required(slot: EventColumn.id.rawValue, advice: "name the key with AS id"),
            Required(slot: EventColumn.at.rawValue, advice: "name the event's time with AS at"),
        ]
        return try makeReady(
            event.kind, event.query, lookup: nil, event.columns, selected: EventColumn.allCases.map(\.rawValue),
            required,
            queue, path)
    }

    private static func makeReady(
        _ name: String, _ query: String, lookup: String?, _ schema: RecordSchema, selected: [Int],
        _ required: [Required],
        _ queue: SourceConnection, _ path: String
    ) throws -> RecordQuery {
        try SourceError.translate(path, query: name) {
            try queue.inDatabase { database in
                let columns = try Self.columns(of: query, database)
                for column in required where RecordQuery.column(schema.names[column.slot], in: columns) == nil {
                    throw SourceError.badQuery(
                        name: name,
                        detail: "the query returns no column called \(schema.names[column.slot]) (it returns "
                            + "\(columns.joined(separator: ", "))); \(column.advice)")
                }
                let ready = RecordQuery(
                    name: name, query: query, lookup: lookup, columns: columns, schema: schema, selected: selected)
                if let lookup { try check(lookup: lookup, for: ready, schema, path, database) }
                // Prepared once, so that a query that can never work is refused here.
                for statement in [ready.first, ready.next, ready.lookup] { _ = try SQLStatement(database, statement) }
                return ready
            }
        }
    }

    private static func check(
        lookup: String, for query: RecordQuery, _ schema: RecordSchema, _ path: String, _ database: Database
    ) throws {
        let name = query.name + ".lookup"
        let columns = try SourceError.translate(path, query: name) { try Self.columns(of: lookup, database) }
        guard lookup.contains(":ids") else {
            throw SourceError.badQuery(
                name: name, detail: "the query does not use :ids, a JSON array of the ids wanted")
        }
        for slot in query.slots where RecordQuery.column(schema.names[slot], in: columns) == nil {
            throw SourceError.badQuery(
                name: name,
                detail: "the query returns no column called \(schema.names[slot]), but \(query.name).query does")
        }
    }

    /// Names of a query's columns, without running it.
    static func columns(of query: String, _ database: Database) throws -> [String] {
        let statement = try SQLStatement(database, RecordQuery.bare(query))
        return (0..<statement.columnCount).map { statement.columnName($0) }
    }
}

extension SourceError {
    /// Runs `body` and turns SQLite's errors into the source's.
    /// - Parameter query: the name of the query that runs; nil when none does.
    static func translate<Result>(_ path: String, query: String?, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as DatabaseError { throw SourceError(error, path: path, query: query) }
    }

    init(_ error: DatabaseError, path: String, query: String?) {
        let detail = error.message ?? error.resultCode.description
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path: path, detail: detail)
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_IOERR, .SQLITE_PERM, .SQLITE_AUTH:
            self = SourceError.explain(path, detail)
        default: self = .badQuery(name: query ?? path, detail: detail)
        }
    }

    static func missing(_ path: String, code: Int32) -> SourceError {
        code == EACCES
            ? unreadable(path)
            : .unreachable(
                detail: "\(path): \(String(cString: strerror(code)))",
                remedy: "name the database's file under customers: database:")
    }

    static func unreadable(_ path: String) -> SourceError {
        .unreachable(
            detail: "\(path): this user (id \(geteuid())) may not read it",
            remedy:
                "let it read the file and enter the folders above it, for example by SupplementaryGroups= in a drop-in")
    }

    /// SQLite says only that it cannot open the file; most often it is the write-ahead log.
    private static func explain(_ path: String, _ detail: String) -> SourceError {
        guard FileIdentity(path: path) != nil else { return missing(path, code: errno) }
        guard may(R_OK, path) else { return unreadable(path) }
        let folder = folder(of: path)
        guard isWriteAheadLogged(path), !may(W_OK, folder) else {
            return .unreachable(detail: "\(path): \(detail)", remedy: "it is tried again")
        }
        return .unreachable(
            detail:
                "\(path) is in WAL mode, and SQLite reads such a database only where it may write to the folder, unless "
                + "a writer has it open",
            remedy: "let regards write to \(folder): systemctl edit regards, then [Service] ReadWritePaths=\(folder) "
                + "SupplementaryGroups=<the folder's group>")
    }

    /// With the rights that opening a file is checked against.
    static func may(_ access: Int32, _ path: String) -> Bool { faccessat(AT_FDCWD, path, access, AT_EACCESS) == 0 }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Bytes 18 and 19 of the header are 2 in WAL mode (https://www.sqlite.org/fileformat.html, 1.3.3).
    static func isWriteAheadLogged(_ path: String) -> Bool {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        var version: UInt8 = 0
        return pread(descriptor, &version, 1, 18) == 1 && version == 2
    }
}
