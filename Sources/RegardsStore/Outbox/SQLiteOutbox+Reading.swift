import GRDB
package import RegardsCalendar
package import RegardsCore

private enum ReadSQL {
    private static let select = "SELECT \(OutreachRow.columns) FROM outreach o"
    /// ?2 has the bit of each state wanted; ?3 a rule's name; ?4 and ?5 the due range.
    private static let filters = """
        o.id > ?1 AND (?2 >> o.state) & 1 AND (?3 IS NULL OR r.name = ?3)
        AND (?4 IS NULL OR (o.due_at >= ?4 AND o.due_at < ?5))
        """
    /// By primary key: history in the order it was planned.
    static let listAll = "\(select) \(OutreachRow.joins) WHERE \(filters) ORDER BY o.id LIMIT ?6"
    /// By `outreach_open`, sorted: open rows are few beside history.
    static let listOpen = """
        \(select) INDEXED BY outreach_open \(OutreachRow.joins)
        WHERE o.ended_at IS NULL AND \(filters) ORDER BY o.id LIMIT ?6
        """
    /// By `outreach_held_reason`, sorted: a pause may hold very many rows that are not asked for.
    static let listHeld = """
        \(select) INDEXED BY outreach_held_reason \(OutreachRow.joins)
        WHERE o.state = 3 AND o.reason >= ?8 AND o.reason < ?8 || char(1114111) AND (?7 IS NULL OR o.customer = ?7)
            AND \(filters)
        ORDER BY o.id LIMIT ?6
        """
    /// By the unique key, whose first column is the customer.
    static let listCustomer = """
        \(select) \(OutreachRow.joins) WHERE o.customer = ?7 AND \(filters) ORDER BY o.id LIMIT ?6
        """
    /// By the unique key, customer by customer.
    static let listCustomers = """
        SELECT \(OutreachRow.columns) FROM json_each(?7) c CROSS JOIN outreach o ON o.customer = c.value
        \(OutreachRow.joins) WHERE \(filters) ORDER BY o.id LIMIT ?6
        """
    /// By primary key.
    static let one = """
        SELECT \(OutreachRow.columns), o.created_at, o.updated_at FROM outreach o \(OutreachRow.joins) WHERE o.id = ?1
        """
    static let exists = "SELECT 1 FROM outreach WHERE id = ?1"
    /// By primary key prefix.
    static let attempts = """
        SELECT number, started_at, ended_at, outcome, reason, code, detail FROM attempts
        WHERE outreach_id = ?1 ORDER BY number
        """
    /// By the unique key.
    static let history = """
        \(select) \(OutreachRow.joins) WHERE o.customer = ?1 ORDER BY o.due_at DESC, o.id DESC LIMIT ?2
        """
    /// By `outreach_open`.
    static let openByState = """
        SELECT state, CASE state WHEN 3 THEN reason ELSE '' END, count(*) FROM outreach INDEXED BY outreach_open
        WHERE ended_at IS NULL GROUP BY 1, 2
        """
    /// By `outreach_ended` alone.
    static let endedByState = """
        SELECT state, '', count(*) FROM outreach INDEXED BY outreach_ended
        WHERE ended_at >= ?1 GROUP BY state
        """
    /// By `outreach_due` alone, all of it.
    static let dueCount = "SELECT count(*) FROM outreach INDEXED BY outreach_due WHERE state = 0 AND wake_at < ?1"
}

extension SQLiteOutbox {
    package func list(_ filter: OutreachFilter, limit: Int, after: Int64) throws -> [Outreach] {
        try read { database in
            let states = filter.heldFor == nil ? filter.states ?? Set(OutreachState.allCases) : [.held]
            let sql: String
            if filter.heldFor != nil {
                sql = ReadSQL.listHeld
            } else if filter.customers != nil {
                sql = ReadSQL.listCustomers
            } else if filter.customer != nil {
                sql = ReadSQL.listCustomer
            } else {
                sql = states.contains { $0.hasEnded } ? ReadSQL.listAll : ReadSQL.listOpen
            }
            let statement = try SQLStatement(database, sql)
            statement.bind(1, after)
            statement.bind(2, states.reduce(0) { $0 | 1 << $1.rawValue })
            statement.bind(3, filter.rule)
            statement.bind(4, filter.due?.lowerBound.microseconds)
            statement.bind(5, filter.due?.upperBound.microseconds)
            statement.bind(6, limit)
            if let customer = filter.customers.map(IDList.texts) ?? filter.customer { statement.bind(7, customer) }
            if let reason = filter.heldFor { statement.bind(8, reason) }
            return try rows(statement)
        }
    }

    package func history(customer: String, limit: Int) throws -> [Outreach] {
        try read { database in
            let statement = try SQLStatement(database, ReadSQL.history)
            statement.bind(1, customer)
            statement.bind(2, limit)
            return try rows(statement)
        }
    }

    package func show(_ id: Int64) throws -> OutreachDetail? {
        try read { database in
            let statement = try SQLStatement(database, ReadSQL.one)
            defer { statement.reset() }
            statement.bind(1, id)
            guard try statement.step() else { return nil }
            return OutreachDetail(
                outreach: try OutreachRow.read(statement, path: path),
                createdAt: Instant(microseconds: statement.int64(OutreachRow.columnCount)),
                updatedAt: Instant(microseconds: statement.int64(OutreachRow.columnCount + 1)),
                attempts: try Self.attempts(of: id, database))
        }
    }

    package func counts(endedSince instant: Instant) throws -> OutboxCounts {
        try read { database in
            var counts = OutboxCounts()
            try add(SQLStatement(database, ReadSQL.openByState), to: &counts)
            let ended = try SQLStatement(database, ReadSQL.endedByState)
            ended.bind(1, instant.microseconds)
            try add(ended, to: &counts)
            return counts
        }
    }

    package func dueCount(until instant: Instant) throws -> Int {
        try read { database in
            let statement = try SQLStatement(database, ReadSQL.dueCount)
            defer { statement.reset() }
            statement.bind(1, instant.microseconds)
            return try statement.step() ? statement.int(0) : 0
        }
    }

    static func exists(_ id: Int64, _ database: Database) throws -> Bool {
        let statement = try SQLStatement(database, ReadSQL.exists)
        defer { statement.reset() }
        statement.bind(1, id)
        return try statement.step()
    }

    private func rows(_ statement: SQLStatement) throws -> [Outreach] {
        defer { statement.reset() }
        var rows: [Outreach] = []
        while try statement.step() { rows.append(try OutreachRow.read(statement, path: path)) }
        return rows
    }

    private func add(_ statement: SQLStatement, to counts: inout OutboxCounts) throws {
        defer { statement.reset() }
        while try statement.step() {
            guard let state = OutreachState(rawValue: statement.int(0)) else { continue }
            counts.byState[state, default: 0] += statement.int(2)
            if state == .held { counts.heldByReason[statement.string(1)] = statement.int(2) }
        }
    }

    private static func attempts(of id: Int64, _ database: Database) throws -> [Attempt] {
        let statement = try SQLStatement(database, ReadSQL.attempts)
        defer { statement.reset() }
        statement.bind(1, id)
        var attempts: [Attempt] = []
        while try statement.step() {
            attempts.append(
                Attempt(
                    number: statement.int(0), startedAt: Instant(microseconds: statement.int64(1)),
                    endedAt: statement.optionalInt64(2).map(Instant.init(microseconds:)), outcome: statement.string(3),
                    reason: statement.string(4), code: statement.int(5), detail: statement.string(6)))
        }
        return attempts
    }
}
