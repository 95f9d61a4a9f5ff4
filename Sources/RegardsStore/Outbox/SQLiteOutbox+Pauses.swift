import GRDB
package import RegardsCalendar
package import RegardsCore

private enum PauseSQL {
    static let insert = "INSERT INTO pauses (scope, value, since, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)"
    /// By primary key; a second lift finds nothing to do.
    static let lift = """
        UPDATE pauses SET ended_at = ?2
        WHERE id = ?1 AND ended_at IS NULL AND coalesce(until, 9223372036854775807) > ?2
        """
    /// By `pauses_open`: none that is over is looked at, however many there were.
    static let open = """
        SELECT id, scope, value, since, until, reason FROM pauses INDEXED BY pauses_open
        WHERE ended_at IS NULL AND coalesce(until, 9223372036854775807) > ?1
        """
    /// By `outreach_held_reason`, in the order of the rows.
    static let held = """
        SELECT o.id, o.customer, r.name, r.purpose, o.recipient, o.channel
        FROM outreach o INDEXED BY outreach_held_reason
        CROSS JOIN rules r ON r.id = o.rule_id
        WHERE o.state = 3 AND o.reason = ?1 AND o.id > ?2 AND (?3 IS NULL OR r.name = ?3) ORDER BY o.id LIMIT ?4
        """
    /// By primary key. A row that expired or was cancelled since it was listed keeps its end.
    static let release =
        "UPDATE outreach SET state = 0, reason = '', updated_at = ?3 WHERE id = ?1 AND state = 3 AND reason = ?2"
}

extension SQLiteOutbox {
    package func addPause(_ scope: Pause.Scope, until: Instant?, reason: String, now: Instant) throws -> Pause {
        try write { database in
            let (name, value) = scope.stored
            let statement = try SQLStatement(database, PauseSQL.insert)
            statement.bind(1, name)
            statement.bind(2, value)
            statement.bind(3, now.microseconds)
            statement.bind(4, until?.microseconds)
            statement.bind(5, reason)
            try statement.run()
            return Pause(id: database.lastInsertedRowID, scope: scope, since: now, until: until, reason: reason)
        }
    }

    @discardableResult
    package func liftPause(_ id: Int64, now: Instant) throws -> Bool {
        try write { database in
            let statement = try SQLStatement(database, PauseSQL.lift)
            statement.bind(1, id)
            statement.bind(2, now.microseconds)
            return try statement.run() == 1
        }
    }

    package func pauses(at now: Instant) throws -> [Pause] { try read { try Self.pauses(at: now, $0) } }

    static func pauses(at now: Instant, _ database: Database) throws -> [Pause] {
        let statement = try SQLStatement(database, PauseSQL.open)
        defer { statement.reset() }
        statement.bind(1, now.microseconds)
        var pauses: [Pause] = []
        while try statement.step() {
            guard let scope = Pause.Scope(statement.string(1), statement.string(2)) else { continue }
            pauses.append(
                Pause(
                    id: statement.int64(0), scope: scope, since: Instant(microseconds: statement.int64(3)),
                    until: statement.optionalInt64(4).map(Instant.init(microseconds:)), reason: statement.string(5)))
        }
        return pauses.sorted { $0.id < $1.id }
    }

    // MARK: Releasing

    /// Rows released by one transaction: resuming after a long pause must not keep the send loop out.
    private static let batch = 2000

    @discardableResult
    package func releaseHeld(rule: String?, reason: HoldReason, now: Instant) throws -> Int {
        var released = 0
        var last: Int64 = 0
        while true {
            let (rows, end) = try held(rule, reason, after: last, now: now)
            if !rows.isEmpty { released += try release(rows, reason, now: now) }
            guard let end else { return released }
            last = end
        }
    }

    /// The next rows that nothing holds any more, and the last that was looked at; nil at the end.
    private func held(
        _ rule: String?, _ reason: HoldReason, after last: Int64, now: Instant
    ) throws -> (rows: [Int64], end: Int64?) {
        try read { database in
            let pauses = reason == .paused ? try Self.pauses(at: now, database) : []
            if pauses.contains(where: { $0.scope == .all }) { return ([], nil) }
            let statement = try SQLStatement(database, PauseSQL.held)
            defer { statement.reset() }
            statement.bind(1, reason.description)
            statement.bind(2, last)
            statement.bind(3, rule)
            statement.bind(4, Self.batch)
            var rows: [Int64] = []
            var seen = 0
            var end: Int64 = last
            while try statement.step() {
                seen += 1
                end = statement.int64(0)
                let row = PausableRow(
                    rule: statement.string(2), purpose: statement.optionalString(3), customer: statement.string(1),
                    recipient: statement.string(4), channel: statement.string(5))
                if !pauses.contains(where: { $0.holds(row, at: now) }) { rows.append(end) }
            }
            return (rows, seen < Self.batch ? nil : end)
        }
    }

    private func release(_ rows: [Int64], _ reason: HoldReason, now: Instant) throws -> Int {
        try write { database in
            let statement = try SQLStatement(database, PauseSQL.release)
            statement.bind(2, reason.description)
            statement.bind(3, now.microseconds)
            return try rows.reduce(0) { count, id in
                statement.bind(1, id)
                return count + (try statement.run())
            }
        }
    }
}

extension Pause.Scope {
    /// As the pauses table has it. Frozen.
    fileprivate var stored: (name: String, value: String) {
        switch self {
        case .all: ("all", "")
        case .rule(let name): ("rule", name)
        case .customer(let id): ("customer", id)
        case .purpose(let purpose): ("purpose", purpose.rawValue)
        }
    }

    fileprivate init?(_ name: String, _ value: String) {
        switch name {
        case "all": self = .all
        case "rule": self = .rule(value)
        case "customer": self = .customer(value)
        case "purpose":
            guard let purpose = Purpose(rawValue: value) else { return nil }
            self = .purpose(purpose)
        default: return nil
        }
    }
}
