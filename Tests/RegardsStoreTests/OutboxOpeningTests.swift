import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxOpeningTests {
    @Test func settingsAreReadBackOnTheWritingConnection() throws {
        let ledger = try Ledger()
        let settings = try ledger.outbox.write { database in
            try ["synchronous", "journal_mode", "foreign_keys", "busy_timeout"].map {
                try StateConnection.pragma(database, $0)
            }
        }
        #expect(settings == ["2", "wal", "1", "5000"])
    }

    @Test func aScratchLedgerDoesNotWaitForTheDisk() throws {
        let folder = try TemporaryFolder()
        let outbox = try SQLiteOutbox.openScratch(path: folder.file("scratch.db"), now: noon)
        #expect(try outbox.write { try StateConnection.pragma($0, "synchronous") } == "0")
    }

    @Test func aNewStateFileBelongsToItsOwnerAlone() throws {
        let ledger = try Ledger()
        for suffix in ["", "-wal", "-shm", ".lock"] {
            var status = stat()
            #expect(stat(ledger.path + suffix, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(suffix)")
        }
    }

    @Test func everyStartRaisesTheEpoch() throws {
        var ledger = try Ledger()
        #expect(ledger.outbox.epoch == 1)
        _ = try ledger.restart()
        #expect(ledger.outbox.epoch == 2)
    }

    @Test func aSecondDaemonIsRefusedByLockAndProcess() throws {
        let ledger = try Ledger()
        let refusal = #expect(throws: OutboxError.self) {
            try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon)
        }
        #expect(refusal == .inUse(lock: ledger.path + ".lock", process: getpid()))
        #expect(
            refusal?.description
                == "another regards daemon (process \(getpid())) uses this state: \(ledger.path).lock is locked; "
                + "stop it first, or give this one its own state file")
        #expect(ledger.outbox.epoch == 1)
    }

    @Test func commandsWorkBesideTheDaemon() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let reading = try SQLiteOutbox.openForCommand(path: ledger.path, access: .read)
        #expect(try reading.counts(endedSince: noon)[.planned] == 1)
        #expect(throws: OutboxError.notDaemon) { try reading.setLiveMachine("m", now: noon) }
        let writing = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        try writing.setLiveMachine("machine-1", now: noon)
        #expect(try ledger.outbox.liveMachine() == "machine-1")
        #expect(throws: OutboxError.notDaemon) { try writing.claim(limit: 1, now: noon, channels: [.mail]) }
        try writing.setLiveMachine(nil, now: noon)
        #expect(try ledger.outbox.liveMachine() == nil)
    }

    @Test func aWritingCommandMakesTheFile() throws {
        let folder = try TemporaryFolder()
        let outbox = try SQLiteOutbox.openForCommand(path: folder.file("state.db"), access: .write)
        try outbox.setLiveMachine("machine-1", now: noon)
        try outbox.close()
        let daemon = try SQLiteOutbox.openForDaemon(path: folder.file("state.db"), now: noon)
        #expect(try daemon.liveMachine() == "machine-1")
        #expect(daemon.epoch == 1)
    }

    @Test func aReadingCommandNeedsAFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        #expect(throws: OutboxError.missing(path: path)) { try SQLiteOutbox.openForCommand(path: path, access: .read) }
        #expect(access(path, F_OK) != 0)
    }

    @Test func aFileThatIsNoDatabaseIsDamaged() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        try write(String(repeating: "this is not a database. ", count: 100), to: path)
        let error = #expect(throws: OutboxError.self) { try SQLiteOutbox.openForDaemon(path: path, now: noon) }
        #expect(
            error?.description == "\(path): the state file is damaged (file is not a database); "
                + "put a backup in its place, or salvage what can be read: regards recover")
    }

    @Test func aLedgerWithABrokenPageIsDamaged() throws {
        let ledger = try Ledger()
        try ledger.plan((0..<500).map { .row("customer-\($0)") })
        try ledger.outbox.write { _ in }
        try ledger.outbox.close()
        let descriptor = open(ledger.path, O_RDWR)
        let junk = [UInt8](repeating: 0xa5, count: 4096)
        for page in 2..<40 { pwrite(descriptor, junk, junk.count, off_t(page * 4096)) }
        close(descriptor)
        let error = #expect(throws: OutboxError.self) {
            let outbox = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
            _ = try outbox.list(OutreachFilter(), limit: 1000, after: 0)
        }
        guard case .damaged(ledger.path, _) = error else {
            Issue.record("expected damaged, got \(String(describing: error))")
            return
        }
    }

    @Test func aDatabaseOfAnotherProgramIsLeftAlone() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("shop.db")
        try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE customers (id)") }
        #expect(throws: OutboxError.foreign(path: path)) { try SQLiteOutbox.openForDaemon(path: path, now: noon) }
        let tables = try DatabaseQueue(path: path).read {
            try String.fetchAll($0, sql: "SELECT name FROM sqlite_schema")
        }
        #expect(tables == ["customers"])
    }

    @Test func aLedgerOfANewerReleaseIsRefused() throws {
        let ledger = try Ledger()
        try ledger.outbox.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999-later')") }
        try ledger.outbox.close()
        #expect(throws: OutboxError.newer(path: ledger.path)) {
            try SQLiteOutbox.openForCommand(path: ledger.path, access: .read)
        }
    }

    @Test func aFolderThatIsNotThereIsUnreachable() throws {
        let path = "/nonexistent/regards/state.db"
        let error = #expect(throws: OutboxError.self) { try SQLiteOutbox.openForDaemon(path: path, now: noon) }
        #expect(
            error?.description
                == "\(path).lock: the state file cannot be used: No such file or directory")
    }

    /// Each older version is made, filled by its own SQL, and brought up to date.
    @Test(arguments: LedgerMigrations.all.indices)
    func everyOlderVersionMigrates(_ version: Int) throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        let queue = try DatabaseQueue(path: path)
        try LedgerMigrations.migrator.migrate(queue, upTo: LedgerMigrations.all[version].name)
        try queue.write {
            try $0.execute(sql: "INSERT INTO rules (name, hash, first_seen, planned_through) VALUES ('old', 7, 1, 2)")
        }
        try queue.close()
        let outbox = try SQLiteOutbox.openForDaemon(path: path, now: noon)
        let rule = try #require(try outbox.ruleLedgers().first)
        #expect(rule.name == "old" && rule.hash == 7 && rule.plannedThrough == Instant(microseconds: 2))
    }

    /// The schema refuses what the code must never write.
    @Test(arguments: [
        "UPDATE outreach SET state = 10", "UPDATE outreach SET state = 1", "UPDATE outreach SET lease_id = 1",
        "UPDATE outreach SET ended_at = 1", "UPDATE outreach SET state = 7", "UPDATE outreach SET rule_id = 99",
        "UPDATE outreach SET attempts = -1",
        "UPDATE outreach SET address = 'a'", "UPDATE outreach SET counts = 2",
        """
        INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, zone, local_date, local_time,
            channel, lane, rule_hash, created_at, updated_at)
        SELECT customer, rule_id, occasion, step_id, recipient, 0, 1, '', 1, 1, 'mail', 0, 1, 1, 1 FROM outreach
        """,
        "INSERT INTO pauses (scope, since) VALUES ('rule', 1)", "INSERT INTO pauses (scope, since) VALUES ('some', 1)",
        "INSERT INTO pauses (scope, value, since) VALUES ('all', 'x', 1)",
        "INSERT INTO list_items (outreach_id, list, customer, recipient, why, since) VALUES (99, '', '', '', '', 1)",
        """
        INSERT INTO list_items (outreach_id, list, customer, recipient, why, since, outcome)
        VALUES (1, '', '', '', '', 1, 'done')
        """,
        """
        INSERT INTO segments (id, name) VALUES (1, 'gold');
        INSERT INTO segment_entries (segment_id, customer, number, entered_at, is_baseline)
        VALUES (1, '1', 1, 1, 0), (1, '1', 2, 1, 0)
        """,
    ])
    func theSchemaRefuses(_ sql: String) throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let before = try ledger.all()
        #expect(throws: OutboxError.self) { try ledger.outbox.write { try $0.execute(sql: sql) } }
        #expect(try ledger.all() == before)
    }
}

func write(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else { throw Failure("short write to \(path)") }
}
