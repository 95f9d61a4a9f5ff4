import GRDB
import Glibc
package import RegardsCalendar
import RegardsCore

/// Makes a sound state file from a damaged one, and keeps the damaged one beside it.
///
/// What is safe is decided so that nothing is sent twice and nothing goes to somebody who asked for peace:
///
/// - A row that can be read is believed.
/// - A row whose page is lost is pieced together: the unique key is an index with pages of its own, and so is the list of
///   what has ended. A row that is known to have ended has ended; one that is not may have been sent, so it is held in doubt.
/// - Two parts of the file that contradict each other about a row put it in doubt.
/// - Where even keys were lost, nobody knows which rows there were. From then on a row that is new to the ledger, and was
///   due before the recovery, is held in doubt when it is planned (`Meta.doubtBefore`).
/// - Lost suppressions or pauses: everything is paused until somebody lifts it. Lost stays in segments: the segments are
///   looked at as if for the first time, so nobody comes or goes.
///
/// The daemon must not run.
package struct StateRecovery {
    package struct Report: Sendable {
        package struct Table: Hashable, Sendable {
            package var name: String
            /// Rows that were read whole.
            package var read: Int
            /// Rows that were pieced together from what else knows of them.
            package var rebuilt = 0
            /// Something of it is lost, as far as can be seen.
            package var hasGaps: Bool
        }

        package var tables: [Table] = []
        /// Where the damaged file is now.
        package var kept = ""
        /// Rows that are held in doubt because of the damage.
        package var inDoubt = 0
        /// Rows are lost of which nothing is known any more.
        package var hasUnknownRows = false
        /// Everything is paused.
        package var isPaused = false
        /// The machine is not known as live any more.
        package var lostLive = false
    }

    private static let tables: [(name: String, key: [String])] = [
        ("meta", ["key"]), ("rules", ["id"]), ("steps", ["id"]), ("outreach", ["id"]), ("attempts", ["outreach_id", "number"]),
        ("event_kinds", ["id"]), ("events", ["id"]), ("event_limits", ["event_row", "rule_id"]), ("pauses", ["id"]),
        ("suppressions", ["address", "purpose", "reason"]), ("segments", ["id"]), ("segment_entries", ["id"]),
        ("list_items", ["outreach_id"]),
    ]

    private let source: Database
    private let target: Database
    private let now: Instant
    private var report = Report()

    /// - Returns: nil when the file is sound: nothing was done.
    /// - Throws: `OutboxError.inUse` while a daemon has it, `.missing`, `.foreign`, `.newer`; `.damaged` when nothing of it
    ///   can be read; `.diskFull`.
    package static func recover(path: String, now: Instant) throws -> Report? {
        guard access(path, F_OK) == 0 else { throw OutboxError.missing(path: path) }
        let lock = try StateLock(state: path)
        defer { lock.release() }
        return try OutboxError.translate(path) {
            let damaged = try openDamaged(path)
            guard try !isSound(damaged) else { return nil }
            let fresh = path + ".recovering"
            func clear() { for suffix in ["", "-wal", "-shm"] { unlink(fresh + suffix) } }
            clear()
            do {
                var report = try salvage(damaged, into: fresh, now: now)
                try damaged.close()
                report.kept = try exchange(path, fresh, now: now)
                // What it does not know any more is seen to already.
                lock.note(newestSent: nil)
                return report
            } catch {
                clear()
                throw error
            }
        }
    }

    private static func salvage(_ damaged: DatabaseQueue, into fresh: String, now: Instant) throws -> Report {
        let queue = try StateConnection.openWriter(path: fresh, durability: .full)
        try StateConnection.migrate(queue, path: fresh)
        // Without a transaction, whose end would report the damage once more; the lock keeps everybody else out.
        let report = try damaged.inDatabase { source in
            try queue.write { target in
                var recovery = StateRecovery(source: source, target: target, now: now)
                try recovery.run()
                return recovery.report
            }
        }
        // Closing the last connection puts the log into the file, and removes it.
        try queue.close()
        return report
    }

    private init(source: Database, target: Database, now: Instant) {
        self.source = source
        self.target = target
        self.now = now
    }

    // MARK: Files

    private static func openDamaged(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.label = "regards.outbox.damaged"
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let identity = try queue.inDatabase { try StateConnection.pragma($0, "application_id") }
        guard identity == String(LedgerMigrations.applicationID) else { throw OutboxError.foreign(path: path) }
        do {
            _ = try StateConnection.needsMigration(queue, path: path)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
            // Which release wrote it stands in a page that is lost; its columns say enough.
        }
        return queue
    }

    private static func isSound(_ queue: DatabaseQueue) throws -> Bool {
        do {
            return try queue.inDatabase { database in
                let statement = try SQLStatement(database, "PRAGMA integrity_check(1)")
                defer { statement.reset() }
                return try statement.step() && statement.string(0) == "ok"
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
            return false
        }
    }

    /// Puts the new file in the damaged one's place. A crash in between leaves a damaged file, or none, in the place, and
    /// neither sends anything twice: the first is refused, and without a state nothing of the past is sent.
    private static func exchange(_ path: String, _ fresh: String, now: Instant) throws -> String {
        let stamp = String(Instant(seconds: now.seconds).description.filter { $0.isNumber || $0 == "T" || $0 == "Z" })
        let kept = "\(path).damaged-\(stamp)"
        for suffix in ["", "-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, kept + suffix) == 0 else {
                throw OutboxError.unreachable(path: kept + suffix, detail: String(cString: strerror(errno)))
            }
        }
        guard rename(fresh, path) == 0, StateBackup.sync(folderOf: path) else {
            throw OutboxError.unreachable(path: path, detail: String(cString: strerror(errno)))
        }
        unlink(StateCheck.suspect(path))
        return kept
    }

    // MARK: The salvage

    private mutating func run() throws {
        // A row whose rule is lost is kept, and its rule made up before the end.
        try target.execute(sql: "PRAGMA defer_foreign_keys = ON")
        try rebuildNames()
        for (name, key) in Self.tables {
            if name == "outreach" { try collectKeys() }
            var salvage = try TableSalvage(name, key: key, from: source, to: target)
            try salvage.run()
            var table = Report.Table(name: name, read: salvage.count, hasGaps: salvage.hasGaps)
            if name == "steps" { table.rebuilt = try rebuildSteps() }
            if name == "rules" { table.rebuilt = try rebuildRules() }
            if name == "outreach" { table.rebuilt = try rebuildOutreach(isWhole: !salvage.hasGaps) }
            report.tables.append(table)
        }
        try adoptOrphans()
        try doubtContradictions()
        try beCareful()
    }

    private func hasGaps(_ names: String...) -> Bool { report.tables.contains { names.contains($0.name) && $0.hasGaps } }

    private func execute(_ sql: String) throws -> Int {
        try SQLStatement(target, sql).run()
    }

    // MARK: Rules and steps

    /// Names are in indexes of their own. A rule that is nothing but a number any more gets a name that no rule has: the
    /// next start finds that it vanished, and cancels what it still owed.
    private mutating func rebuildNames() throws {
        try target.execute(
            sql: """
                CREATE TEMP TABLE names (kind TEXT, id INTEGER, rule_id INTEGER, name TEXT, PRIMARY KEY (kind, id));
                CREATE TEMP TABLE keys (id INTEGER PRIMARY KEY, customer TEXT, rule_id INTEGER, occasion TEXT,
                    step_id INTEGER, recipient TEXT);
                CREATE TEMP TABLE ends (id INTEGER PRIMARY KEY, ended_at INTEGER, state INTEGER);
                """)
        let note = try SQLStatement(target, "INSERT OR IGNORE INTO temp.names VALUES (?1, ?2, ?3, ?4)")
        for (kind, select) in [
            ("rule", "SELECT id, NULL, name FROM rules INDEXED BY sqlite_autoindex_rules_1 ORDER BY name{order}"),
            (
                "step",
                "SELECT id, rule_id, name FROM steps INDEXED BY sqlite_autoindex_steps_1 ORDER BY rule_id{order}, name{order}"
            ),
        ] {
            _ = try TableSalvage.index(select, from: source) { row in
                note.bind(1, kind)
                for column: Int32 in 0..<3 { note.bind(column + 2, column, of: row) }
                try note.run()
            }
        }
    }

    private func rebuildRules() throws -> Int {
        try execute(
            """
            INSERT OR IGNORE INTO rules (id, name, hash, first_seen, planned_through)
            SELECT id, name, 0, \(now.microseconds), \(now.microseconds) FROM temp.names WHERE kind = 'rule'
            """)
    }

    private func rebuildSteps() throws -> Int {
        try execute("INSERT OR IGNORE INTO steps (id, rule_id, name) SELECT id, rule_id, name FROM temp.names WHERE kind = 'step'")
    }

    // MARK: Rows

    /// Every key that the unique index still knows, and every end that the index of ends does.
    private mutating func collectKeys() throws {
        let key = try SQLStatement(target, "INSERT OR IGNORE INTO temp.keys VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        let hasAllKeys = try TableSalvage.index(
            """
            SELECT id, customer, rule_id, occasion, step_id, recipient FROM outreach INDEXED BY sqlite_autoindex_outreach_1
            ORDER BY customer{order}, rule_id{order}, occasion{order}, step_id{order}, recipient{order}
            """, from: source
        ) { row in
            for column: Int32 in 0..<6 { key.bind(column + 1, column, of: row) }
            try key.run()
        }
        report.hasUnknownRows = !hasAllKeys
        let end = try SQLStatement(target, "INSERT OR IGNORE INTO temp.ends VALUES (?1, ?2, ?3)")
        _ = try TableSalvage.index(
            """
            SELECT id, ended_at, state FROM outreach INDEXED BY outreach_ended WHERE state >= 10 AND ended_at IS NOT NULL
            ORDER BY ended_at{order}, state{order}
            """, from: source
        ) { row in
            for column: Int32 in 0..<3 { end.bind(column + 1, column, of: row) }
            try end.run()
        }
    }

    /// - Parameter isWhole: the table itself could be read, so there is no row that it does not know.
    private mutating func rebuildOutreach(isWhole: Bool) throws -> Int {
        if isWhole { report.hasUnknownRows = false }
        let stamp = now.microseconds
        return try execute(
            """
            INSERT OR IGNORE INTO outreach (id, customer, rule_id, occasion, step_id, recipient, state, reason, due_at, zone,
                local_date, local_time, channel, lane, rule_hash, created_at, updated_at, ended_at)
            SELECT k.id, k.customer, k.rule_id, k.occasion, k.step_id, k.recipient, coalesce(e.state, 3),
                CASE WHEN e.state IS NULL THEN 'in-doubt' ELSE '' END, coalesce(e.ended_at, \(stamp)), 'UTC',
                coalesce(e.ended_at, \(stamp)) / 86400000000, 0, 'mail', 1, 0, \(stamp), \(stamp), e.ended_at
            FROM temp.keys k LEFT JOIN temp.ends e ON e.id = k.id
            WHERE NOT EXISTS (SELECT 1 FROM outreach o WHERE o.id = k.id)
            """)
    }

    /// Rules and steps that only rows speak of any more, and what belongs to rows that are gone. Where a step's rule is
    /// lost, its name says nothing either.
    private func adoptOrphans() throws {
        let stamp = now.microseconds
        for users in ["outreach", "steps"] {
            _ = try execute(
                """
                INSERT INTO rules (id, name, hash, first_seen, planned_through)
                SELECT DISTINCT rule_id, 'lost-rule-' || rule_id, 0, \(stamp), \(stamp) FROM \(users)
                WHERE rule_id NOT IN (SELECT id FROM rules)
                """)
        }
        _ = try execute(
            """
            INSERT OR IGNORE INTO steps (id, rule_id, name) SELECT DISTINCT step_id, rule_id, 'lost-step-' || step_id
            FROM outreach WHERE step_id NOT IN (SELECT id FROM steps)
            """)
        for (table, column, owner) in [
            ("attempts", "outreach_id", "outreach"), ("list_items", "outreach_id", "outreach"),
            ("events", "kind_id", "event_kinds"), ("event_limits", "event_row", "events"),
            ("event_limits", "rule_id", "rules"), ("segment_entries", "segment_id", "segments"),
        ] {
            _ = try execute("DELETE FROM \(table) WHERE \(column) NOT IN (SELECT id FROM \(owner))")
        }
    }

    /// A page that is old, because a later write of it never reached the disk, reads well and says what is not true any
    /// more. Where another part of the file knows better, the row is in doubt.
    private mutating func doubtContradictions() throws {
        _ = try execute("UPDATE outreach SET marked_at = contacted_at WHERE address IS NOT NULL AND marked_at IS NULL")
        _ = try execute(
            """
            UPDATE outreach SET state = 3, reason = 'in-doubt', lease_id = NULL,
                updated_at = \(now.microseconds), marked_at = \(now.microseconds)
            WHERE state IN (0, 1) AND (id IN (SELECT id FROM temp.ends)
                OR EXISTS (SELECT 1 FROM attempts a WHERE a.outreach_id = outreach.id AND a.outcome = 'delivered'))
            """)
        let count = try SQLStatement(
            target, "SELECT count(*) FROM outreach WHERE state = 3 AND reason = 'in-doubt' AND updated_at = ?1")
        defer { count.reset() }
        count.bind(1, now.microseconds)
        report.inDoubt = try count.step() ? count.int(0) : 0
    }

    // MARK: What is lost

    private mutating func beCareful() throws {
        if report.hasUnknownRows || hasGaps("rules", "steps", "events", "event_kinds", "meta") {
            try Meta.set(Meta.doubtBefore, String(now.microseconds), target)
        }
        if hasGaps("suppressions", "pauses") {
            _ = try execute(
                """
                INSERT INTO pauses (scope, since, reason)
                VALUES ('all', \(now.microseconds), 'recover: suppressions or pauses were lost')
                """)
            report.isPaused = true
        }
        if hasGaps("segments", "segment_entries") { _ = try execute("UPDATE segments SET first_seen = NULL") }
        let lease = try SQLStatement(target, "SELECT coalesce(max(lease_id), 0) FROM outreach WHERE lease_id IS NOT NULL")
        defer { lease.reset() }
        let newest = try lease.step() ? lease.int64(0) : 0
        let epoch = try Meta.value("epoch", target).flatMap { Int64($0) } ?? 0
        if newest > epoch { try Meta.set("epoch", String(newest), target) }
        report.lostLive = try hasGaps("meta") && Meta.value("live_machine", target) == nil
    }
}
