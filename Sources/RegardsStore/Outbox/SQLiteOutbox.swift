import GRDB
package import RegardsCalendar
import RegardsCore
import Synchronization

/// The outbox in one SQLite file: WAL, `synchronous=FULL`, one daemon at a time.
///
/// One connection writes, in `BEGIN IMMEDIATE` transactions, one after the other; a second, read-only one answers
/// listings, so that `status` never waits for a group commit. Commands open the same file beside a running daemon.
///
/// `@unchecked Sendable`: connections are GRDB queues, which serialise every access; the rest is immutable.
package final class SQLiteOutbox: Outbox, @unchecked Sendable {
    package enum CommandAccess: Sendable {
        case read
        /// Short guarded writes beside a running daemon, such as `settle`.
        case write
    }

    package let path: String
    package let epoch: Int64
    private let writer: DatabaseQueue?
    private let reader: DatabaseQueue
    private let lock: StateLock?
    /// A large file was only looked at in part: see `checkWhole`.
    package let isWholeChecked: Bool
    /// The file is older than the one that was used here last. The number of rows that have fallen due since it was made,
    /// and are held in doubt; nil where the file is the one that was used last.
    package let heldAsOlder: Int?
    private let isDurable: Bool
    /// Of the planning pass under way.
    let passMarks = Mutex<PassMarks?>(nil)

    /// Opens the state for the daemon: takes the lock, makes or migrates the file, raises the epoch.
    /// - Throws: `OutboxError.inUse` when another daemon has it; `.damaged`, `.foreign`, `.newer`, `.unreachable`,
    ///   `.diskFull`, `.noRoom`, `.settingRefused`.
    /// - Parameter patience: how long a write waits for somebody else's.
    package static func openForDaemon(
        path: String, now: Instant, patience: TimeSpan = StateConnection.patience
    ) throws -> SQLiteOutbox {
        let lock = try StateLock(state: path)
        return try SQLiteOutbox(path: path, lock: lock, durability: .full, patience: patience, now: now)
    }

    /// The process of the daemon that works on a state file now; nil where none does.
    package static func daemon(ofState path: String) -> Int32? { StateLock.holder(ofState: path) }

    /// Opens the state for a command, without the lock. `.write` makes the file when there is none.
    /// - Throws: as `openForDaemon`, except `.inUse`; `.missing` for `.read`; `.older` when the file needs a migration
    ///   that this call may not make.
    package static func openForCommand(path: String, access: CommandAccess) throws -> SQLiteOutbox {
        if access == .write { return try SQLiteOutbox(path: path, commandWriting: ()) }
        return try SQLiteOutbox(path: path, commandReading: ())
    }

    /// A ledger for `simulate`: everything works as for the daemon, but nothing waits for the disk.
    package static func openScratch(path: String, now: Instant) throws -> SQLiteOutbox {
        try SQLiteOutbox(path: path, lock: StateLock(state: path), durability: .none, patience: StateConnection.patience, now: now)
    }

    private init(
        path: String, lock: StateLock, durability: StateConnection.Durability, patience: TimeSpan, now: Instant
    ) throws {
        let writer = try StateConnection.openWriter(path: path, durability: durability, patience: patience)
        (isWholeChecked, epoch, heldAsOlder) = try OutboxError.translate(path) {
            let isWhole = try StateCheck.before(writer, path: path)
            try StateConnection.migrate(writer, path: path)
            return try writer.write { database in
                let held = try OlderState.doubt(database, lastKnown: lock.newestSent, now: now)
                lock.note(newestSent: try OlderState.newestSent(database))
                return (isWhole, try Self.raiseEpoch(database, now: now), held)
            }
        }
        reader = try StateConnection.openReader(path: path)
        self.path = path
        self.writer = writer
        self.lock = lock
        isDurable = durability == .full
    }

    private init(path: String, commandWriting: Void) throws {
        let writer = try StateConnection.openWriter(path: path, durability: .full)
        try OutboxError.translate(path) {
            if try StateConnection.needsMigration(writer, path: path) {
                // Only while no daemon runs: it would not know the new schema.
                let lock: StateLock
                do { lock = try StateLock(state: path) } catch OutboxError.inUse { throw OutboxError.older(path: path, isInUse: true) }
                try StateConnection.migrate(writer, path: path)
                withExtendedLifetime(lock) {}
            }
        }
        reader = try StateConnection.openReader(path: path)
        self.path = path
        self.writer = writer
        epoch = 0
        lock = nil
        isWholeChecked = true
        heldAsOlder = nil
        isDurable = true
    }

    private init(path: String, commandReading: Void) throws {
        reader = try StateConnection.openReader(path: path)
        let needsMigration = try OutboxError.translate(path) { [reader] in
            try StateConnection.needsMigration(reader, path: path)
        }
        guard !needsMigration else { throw OutboxError.older(path: path, isInUse: StateLock.holder(ofState: path) != nil) }
        self.path = path
        writer = nil
        epoch = 0
        lock = nil
        isWholeChecked = true
        heldAsOlder = nil
        isDurable = true
    }

    /// Closes both connections and gives up the lock; the outbox cannot be used after it. Without it all three go with
    /// the last reference.
    package func close() throws {
        do {
            try noteNewestSent()
        } catch {
            // A file that cannot be read is closed all the same; the next start notices less.
        }
        try OutboxError.translate(path) {
            try reader.close()
            try writer?.close()
        }
        lock?.release()
    }

    package func noteNewestSent() throws {
        guard let lock, lock.isHeld, let writer, isDurable else { return }
        // Not by the reader, which may be busy with long lists.
        lock.note(newestSent: try OutboxError.translate(path) { try writer.inDatabase(OlderState.newestSent) })
    }

    /// Something was durably recorded as sent at this instant.
    func noteSent(at now: Instant) {
        if isDurable { lock?.note(sentAt: now.microseconds) }
    }

    /// Looks at all of the file beside whoever uses it; takes seconds where there are millions of rows.
    /// - Throws: `OutboxError.damaged`: nothing more may be sent by this ledger.
    package func checkWhole() throws { try StateCheck.whole(path: path) }

    // MARK: Access

    /// One immediate transaction; all of it happens or nothing.
    func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
        guard let writer else { throw OutboxError.notDaemon }
        return try OutboxError.translate(path, by: writer) {
            var result: Result?
            try writer.inTransaction(.immediate) { database in
                result = try body(database)
                return .commit
            }
            return result!
        }
    }

    /// A write that needs the epoch's lease, and therefore the daemon.
    func writeAsDaemon<Result>(_ body: (Database) throws -> Result) throws -> Result {
        guard lock != nil else { throw OutboxError.notDaemon }
        return try write(body)
    }

    /// As `writeAsDaemon`, and does not wait for the disk: for what a power cut may undo, such as a claim. Any later
    /// `write` that has returned makes it durable too, because the journal is written in order.
    func writeUnsynced<Result>(_ body: (Database) throws -> Result) throws -> Result {
        guard isDurable else { return try writeAsDaemon(body) }
        guard lock != nil, let writer else { throw OutboxError.notDaemon }
        return try OutboxError.translate(path, by: writer) {
            try writer.writeWithoutTransaction { database in
                try StateConnection.waitForDisk(false, database)
                let result = Swift.Result { () throws -> Result in
                    var made: Result?
                    try database.inTransaction(.immediate) {
                        made = try body(database)
                        return .commit
                    }
                    return made!
                }
                // Whatever became of it: the next transaction waits again, or nothing is written any more.
                try StateConnection.waitForDisk(true, database)
                return try result.get()
            }
        }
    }

    /// One consistent view of what is committed.
    func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try OutboxError.translate(path) { try reader.read(body) }
    }

    // MARK: Meta

    package func liveMachine() throws -> String? { try read { try Meta.value("live_machine", $0) } }

    package func setLiveMachine(_ machine: String?, now: Instant) throws {
        try write { database in
            try Meta.set("live_machine", machine, database)
            try Meta.set("live_machine_at", machine == nil ? nil : String(now.microseconds), database)
        }
    }

    private static func raiseEpoch(_ database: Database, now: Instant) throws -> Int64 {
        let epoch = (try Meta.value("epoch", database).flatMap { Int64($0) } ?? 0) + 1
        try Meta.set("epoch", String(epoch), database)
        try Meta.set("started_at", String(now.microseconds), database)
        return epoch
    }
}

/// Single values about the ledger as a whole.
enum Meta {
    /// Rows that are new and were due before this instant may have been sent before the ledger was damaged. An instant in
    /// microseconds; missing in a ledger that never was.
    static let doubtBefore = "doubt_before"

    /// By primary key.
    private static let select = "SELECT value FROM meta WHERE key = ?1"
    /// Last writer wins: only the daemon and `go-live` write here.
    private static let upsert =
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    private static let delete = "DELETE FROM meta WHERE key = ?1"

    static func value(_ key: String, _ database: Database) throws -> String? {
        let statement = try SQLStatement(database, select)
        defer { statement.reset() }
        statement.bind(1, key)
        return try statement.step() ? statement.string(0) : nil
    }

    static func set(_ key: String, _ value: String?, _ database: Database) throws {
        let statement = try SQLStatement(database, value == nil ? delete : upsert)
        statement.bind(1, key)
        if let value { statement.bind(2, value) }
        try statement.run()
    }
}
