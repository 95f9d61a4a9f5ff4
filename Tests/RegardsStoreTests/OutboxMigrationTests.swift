import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// A state of the first release, with a row in every state, brought up to date.
@Suite struct OutboxMigrationTests {
    /// As the first release wrote it: by its own schema, with plain SQL.
    private func firstRelease() throws -> (folder: TemporaryFolder, path: String) {
        let folder = try TemporaryFolder()
        let path = folder.file("state.db")
        let queue = try DatabaseQueue(path: path)
        try LedgerMigrations.migrator.migrate(queue, upTo: "001-ledger")
        try queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO meta VALUES ('epoch', '4'), ('live_machine', 'machine-1');
                    INSERT INTO rules (name, hash, first_seen, planned_through, gone_at)
                    VALUES ('birthday', 7, 1, 2, NULL), ('care', 8, 1, 2, NULL), ('old', 9, 1, 2, 3);
                    INSERT INTO steps (rule_id, name) VALUES (1, 'send'), (2, 'tell-manager');
                    """)
            for (index, state) in OutreachState.allCases.enumerated() {
                let ended = state.hasEnded ? "\(noon.microseconds)" : "NULL"
                let lease = state == .claimed || state == .sending ? "4" : "NULL"
                let reason = state == .held ? "in-doubt" : ""
                try database.execute(
                    sql: """
                        INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, reason, due_at, zone,
                            local_date, local_time, channel, lane, rule_hash, card, attempts, lease_id, created_at,
                            updated_at, ended_at)
                        VALUES ('\(index)', 1, '2027', 1, 'customer/0', \(state.rawValue), '\(reason)', \(noon.microseconds),
                            'UTC', 20942, 43200, 'mail', 1, 7, 'cake', 1, \(lease), 1, 1, \(ended));
                        INSERT INTO attempts (outreach_id, number, started_at) VALUES (last_insert_rowid(), 1, 5);
                        """)
            }
            try database.execute(
                sql: """
                    INSERT INTO event_kinds (name, first_seen, covered_from) VALUES ('complaint', 1, 1);
                    INSERT INTO events (kind_id, event_id, generation, customer, at, first_seen, last_seen, is_open,
                        is_baseline, is_gone, hash)
                    VALUES (1, 'c1', 1, '1', 5, 5, 5, 1, 0, 0, 1);
                    INSERT INTO event_limits VALUES (1, 2, 9);
                    """)
        }
        try queue.close()
        return (folder, path)
    }

    private func rows(_ path: String) throws -> [Outreach] {
        try SQLiteOutbox.openForCommand(path: path, access: .read).list(OutreachFilter(), limit: 100, after: 0)
    }

    @Test func everyRowStaysWhatItWas() throws {
        let (folder, path) = try firstRelease()
        let outbox = try SQLiteOutbox.openForDaemon(path: path, now: noon)
        #expect(outbox.epoch == 5)
        #expect(try outbox.liveMachine() == "machine-1")
        let rows = try rows(path)
        #expect(rows.map(\.state) == OutreachState.allCases)
        #expect(rows.allSatisfy { $0.card == "cake" && $0.attempts == 1 && $0.plan.dueAt == noon })
        #expect(try rows.allSatisfy { try outbox.show($0.id)?.attempts.count == 1 })
        #expect(try outbox.openEvents(customers: ["1"]).map(\.limits) == [["care": Instant(microseconds: 9)]])
        withExtendedLifetime(folder) {}
    }

    @Test func whatWasBeforeIsApprovedAndReached() throws {
        let (folder, path) = try firstRelease()
        let outbox = try SQLiteOutbox.openForDaemon(path: path, now: noon)
        // An upgrade holds nothing back.
        #expect(try outbox.unapproved(["birthday": 7, "care": 8]).isEmpty)
        #expect(try outbox.unapproved(["birthday": 70]) == ["birthday"])
        let sent = try #require(try rows(path).first { $0.state == .sent })
        let question = HistoryQuestion(
            customers: [sent.key.customer], since: noon, received: ["birthday"], series: ["birthday"])
        let history = try #require(try outbox.histories(question)[sent.key.customer])
        #expect(history.lastReceived == ["birthday": noon] && history.cards == ["birthday": [SentCard("cake", at: noon)]])
        #expect(history.toAddress.isEmpty)
        withExtendedLifetime(folder) {}
    }

    @Test func workGoesOn() throws {
        let (folder, path) = try firstRelease()
        let outbox = try SQLiteOutbox.openForDaemon(path: path, now: noon)
        let adopted = try outbox.adoptRules(
            [RuleAdoption(name: "birthday", hash: 7), RuleAdoption(name: "care", hash: 8)], now: noon)
        #expect(adopted.rules.allSatisfy { !$0.isNew && !$0.isChanged && $0.ledger.purpose != nil })
        let recovery = try outbox.recover(now: noon) { _ in .resend }
        #expect(recovery.unclaimed == 1 && recovery.inDoubt.count == 1)
        let ids = try outbox.claim(limit: 10, now: noon, channels: [.mail]).map(\.id)
        #expect(ids.count == 3)
        let marks = ids.map { SendMark(id: $0, address: "\($0)", counts: true, guards: SendGuards(once: true)) }
        #expect(try outbox.commit(GroupCommit(now: noon, marks: marks)).isEmpty)
        #expect(try outbox.commit(GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .sent) })).isEmpty)
        let histories = try outbox.histories(HistoryQuestion(customers: ["0"], addresses: ["0": "1"], since: noon))
        #expect(histories["0"]?.toAddress.map(\.purpose) == [.greeting])
        withExtendedLifetime(folder) {}
    }

    /// Contacts that an older release recorded use up room as before.
    @Test func whoWasReachedBeforeIsFound() throws {
        let (folder, path) = try firstRelease()
        let queue = try DatabaseQueue(path: path)
        try LedgerMigrations.migrator.migrate(queue, upTo: "004-looks")
        try queue.write {
            try $0.execute(sql: "UPDATE rules SET purpose = 'greeting'; UPDATE outreach SET address = 'a', purpose = 'greeting', counts = 1")
        }
        try queue.close()
        let outbox = try SQLiteOutbox.openForDaemon(path: path, now: noon)
        let question = HistoryQuestion(customers: ["0"], addresses: ["0": "a"], since: Instant(seconds: 0))
        let reached = try rows(path).filter { [.sent, .sending].contains($0.state) || $0.reason == "in-doubt" }.map(\.key.customer)
        #expect(try outbox.histories(question)["0"]?.toAddress.map(\.customer).sorted() == reached.sorted())
        withExtendedLifetime(folder) {}
    }

    /// Only a daemon's start, or a writing command while there is none, brings a state up to date.
    @Test func aReadingCommandLeavesAnOlderStateAlone() throws {
        let (folder, path) = try firstRelease()
        #expect(throws: OutboxError.older(path: path, isInUse: false)) { try SQLiteOutbox.openForCommand(path: path, access: .read) }
        let lock = try StateLock(state: path)
        for access in [SQLiteOutbox.CommandAccess.read, .write] {
            #expect(throws: OutboxError.older(path: path, isInUse: true)) { try SQLiteOutbox.openForCommand(path: path, access: access) }
        }
        lock.release()
        let command = try SQLiteOutbox.openForCommand(path: path, access: .write)
        #expect(try command.addPause(.all, until: nil, reason: "upgrade", now: noon).id == 1)
        #expect(try rows(path).count == OutreachState.allCases.count)
        withExtendedLifetime(folder) {}
    }
}

/// The state of the first release as a file of statements, which tests of the package start from.
@Suite struct FirstStateTests {
    @Test func theStatementsMakeWhatTheFirstMigrationMakes() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let file = try #require(fopen("/\(path)/Tests/Fixtures/state/001-ledger.sql", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let statements = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
        let recorded = try DatabaseQueue()
        try recorded.write { try $0.execute(sql: statements) }
        let migrated = try DatabaseQueue()
        try LedgerMigrations.migrator.migrate(migrated, upTo: "001-ledger")
        #expect(try Self.schema(recorded) == Self.schema(migrated))
        #expect(try recorded.read { try LedgerMigrations.migrator.appliedIdentifiers($0) } == ["001-ledger"])
        let id = try recorded.read { try Int32.fetchOne($0, sql: "PRAGMA application_id") }
        #expect(id == LedgerMigrations.applicationID)
    }

    private static func schema(_ queue: DatabaseQueue) throws -> [String] {
        try queue.read { database in
            try String.fetchAll(
                database, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'grdb%' ORDER BY name")
        }
    }
}
