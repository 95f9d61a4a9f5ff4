import GRDB
import GRDBSQLite
import Glibc
package import RegardsCalendar

/// Opens connections to a state file with the settings that its promises depend on.
package enum StateConnection {
    enum Durability {
        /// A committed transaction survives a power cut.
        case full
        /// For scratch ledgers only.
        case none

        var pragma: (name: String, value: Int) { self == .full ? ("FULL", 2) : ("OFF", 0) }
    }

    /// How long a write waits for a command, and a command for the daemon.
    package static let patience = TimeSpan.seconds(5)

    /// 4 MB: the upper pages of the indexes of some million rows stay in memory.
    private static let cache = "PRAGMA cache_size = -4000"

    /// Of all connections together: past it a page that is read takes the place of one that was not used for longest.
    private static let heap: Int64 = 8 << 20

    /// Pages in the log before they are copied to the file, 32 MB of them: while messages go out the same pages are
    /// written again and again, and each copying costs two more waits for the disk.
    private static let log = "PRAGMA wal_autocheckpoint = 8000"

    static func openWriter(
        path: String, durability: Durability, patience: TimeSpan = StateConnection.patience
    ) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(patience.microseconds) / 1_000_000)
        configuration.foreignKeysEnabled = true
        configuration.label = "regards.outbox.write"
        makePrivate(path)
        sqlite3_soft_heap_limit64(StateConnection.heap)
        return try OutboxError.translate(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { database in
                try refuseForeign(database, path: path)
                try setAndAssert(database, "journal_mode", "WAL", reads: "wal")
                try setAndAssert(
                    database, "synchronous", durability.pragma.name, reads: String(durability.pragma.value))
                try setAndAssert(database, "foreign_keys", "ON", reads: "1")
                try database.execute(sql: cache)
                try database.execute(sql: log)
            }
            return queue
        }
    }

    /// A new file belongs to its owner alone: it says who was written to, and when. SQLite gives its journal the same
    /// mode. What goes wrong here goes wrong again when the file is opened, and is reported there.
    private static func makePrivate(_ path: String) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    static func openReader(path: String) throws -> DatabaseQueue {
        guard access(path, F_OK) == 0 else { throw OutboxError.missing(path: path) }
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(patience.microseconds) / 1_000_000)
        configuration.readonly = true
        configuration.label = "regards.outbox.read"
        return try OutboxError.translate(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase {
                try refuseForeign($0, path: path)
                try $0.execute(sql: cache)
            }
            return queue
        }
    }

    /// Brings the schema up to date. What was there before is backed up first: see `StateBackup`.
    static func migrate(_ writer: DatabaseQueue, path: String) throws {
        guard try needsMigration(writer, path: path) else { return }
        let backup = try StateBackup(before: writer, path: path)
        try LedgerMigrations.migrator.migrate(writer)
        backup?.dropOlder()
    }

    /// - Throws: `OutboxError.newer` for a file of a newer release.
    static func needsMigration(_ queue: DatabaseQueue, path: String) throws -> Bool {
        try queue.read { database in
            let migrator = LedgerMigrations.migrator
            if try migrator.hasBeenSuperseded(database) { throw OutboxError.newer(path: path) }
            return try !migrator.hasCompletedMigrations(database)
        }
    }

    /// Whether the commits that follow wait until the disk has them. Only the daemon's writer, for one transaction at a
    /// time.
    static func waitForDisk(_ waits: Bool, _ database: Database) throws {
        try setAndAssert(database, "synchronous", waits ? "FULL" : "NORMAL", reads: waits ? "2" : "1")
    }

    /// A setting counts only when this connection reads it back.
    private static func setAndAssert(
        _ database: Database, _ name: String, _ value: String, reads wanted: String
    ) throws {
        try database.execute(sql: "PRAGMA \(name) = \(value)")
        let found = try pragma(database, name)
        guard found == wanted else { throw OutboxError.settingRefused(name: name, wanted: value, found: found) }
    }

    /// A first start that died before its first migration leaves the list of migrations alone: that file is ours.
    private static func refuseForeign(_ database: Database, path: String) throws {
        guard try pragma(database, "application_id") != String(LedgerMigrations.applicationID) else { return }
        let statement = try SQLStatement(database, "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'grdb_migrations'")
        defer { statement.reset() }
        guard try statement.step(), statement.int(0) == 0 else { throw OutboxError.foreign(path: path) }
    }

    static func pragma(_ database: Database, _ name: String) throws -> String {
        let statement = try SQLStatement(database, "PRAGMA \(name)")
        defer { statement.reset() }
        return try statement.step() ? statement.string(0) : ""
    }
}

extension OutboxError {
    /// Runs `body` and turns SQLite's errors into the ledger's.
    static func translate<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as DatabaseError { throw OutboxError(error, path: path) }
    }

    /// The same for what `connection` writes, with the system's word for what the disk did: SQLite's own is "disk I/O error",
    /// be it broken, read-only or gone. Used outside of the connection's queue.
    static func translate<Result>(_ path: String, by connection: DatabaseQueue, _ body: () throws -> Result) throws -> Result {
        do { return try translate(path, body) } catch OutboxError.unreachable(path, let detail) {
            let number = connection.inDatabase(lastErrorOfDisk)
            let reason = number == 0 ? "" : " (\(String(cString: strerror(number))))"
            throw OutboxError.unreachable(path: path, detail: detail + reason)
        }
    }

    /// errno(3) of what last failed on the log or the file; 0 where nothing did. `sqlite3_system_errno` knows nothing of a
    /// COMMIT that failed.
    private static func lastErrorOfDisk(_ database: Database) -> Int32 {
        for pointer in [SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER] {
            var file: UnsafeMutablePointer<sqlite3_file>?
            var number: Int32 = 0
            guard sqlite3_file_control(database.sqliteConnection, "main", pointer, &file) == SQLITE_OK,
                let file, let control = file.pointee.pMethods?.pointee.xFileControl,
                control(file, SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK, number != 0
            else { continue }
            return number
        }
        return 0
    }
}
