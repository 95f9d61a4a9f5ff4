import GRDB
package import RegardsCalendar
import RegardsCore

private enum ListSQL {
    /// By primary key; guarded as an ending is. Nothing goes over the network, so the row was never `sending`.
    static let end = """
        UPDATE outreach SET state = 10, reason = '', not_before = NULL, ended_at = ?3, updated_at = ?3, lease_id = NULL
        WHERE id = ?1 AND lease_id = ?2 AND state = 1 AND channel LIKE 'list:%'
        """
    /// The item's key is the row's, so a row is on its list once.
    static let insert = """
        INSERT INTO list_items (outreach_id, list, customer, recipient, owner, why, since)
        SELECT id, substr(channel, 6), customer, recipient, ?2, ?3, ?4 FROM outreach WHERE id = ?1
        """
    private static let select = """
        SELECT i.outreach_id, i.list, i.customer, r.name, o.occasion, i.recipient, i.owner, i.why, i.since, i.outcome,
            i.try_again_at, i.ended_at, i.mailed_on
        FROM list_items i
        """
    private static let joins =
        "CROSS JOIN outreach o ON o.id = i.outreach_id CROSS JOIN rules r ON r.id = o.rule_id"
    /// By `list_items_open`, sorted: open items are few.
    static let open = """
        \(select) INDEXED BY list_items_open \(joins)
        WHERE i.ended_at IS NULL AND (i.try_again_at IS NULL OR i.try_again_at <= ?1) ORDER BY i.since, i.outreach_id
        """
    /// By primary key.
    static let one = "\(select) \(joins) WHERE i.outreach_id = ?1"
    /// By primary key. The last word counts: a command and the daemon may both have one.
    static let settle =
        "UPDATE list_items SET outcome = ?2, try_again_at = ?3, ended_at = ?4 WHERE outreach_id = ?1"
    static let mailed = "UPDATE list_items SET mailed_on = ?2 WHERE outreach_id = ?1"
}

extension SQLiteOutbox {
    /// Ends the row and opens the item.
    /// - Returns: false when the row was not ours, not claimed, or no row of a list.
    func putOnList(_ id: Int64, _ item: NewListItem, now: Instant, _ database: Database) throws -> Bool {
        let end = try SQLStatement(database, ListSQL.end)
        end.bind(1, id)
        end.bind(2, epoch)
        end.bind(3, now.microseconds)
        guard try end.run() == 1 else { return false }
        let insert = try SQLStatement(database, ListSQL.insert)
        insert.bind(1, id)
        insert.bind(2, item.owner)
        insert.bind(3, item.why)
        insert.bind(4, now.microseconds)
        try insert.run()
        return true
    }

    package func openListItems(now: Instant) throws -> [ListItem] {
        try read { database in
            let statement = try SQLStatement(database, ListSQL.open)
            defer { statement.reset() }
            statement.bind(1, now.microseconds)
            var items: [ListItem] = []
            while try statement.step() { items.append(try listItem(statement)) }
            return items
        }
    }

    package func listItem(_ id: Int64) throws -> ListItem? {
        try read { database in
            let statement = try SQLStatement(database, ListSQL.one)
            defer { statement.reset() }
            statement.bind(1, id)
            return try statement.step() ? try listItem(statement) : nil
        }
    }

    package func settleListItem(
        _ id: Int64, as outcome: ListItem.Outcome, tryAgainAt: Instant?, now: Instant
    ) throws {
        try write { database in
            let again = outcome == .notReached ? tryAgainAt : nil
            let statement = try SQLStatement(database, ListSQL.settle)
            statement.bind(1, id)
            statement.bind(2, outcome.rawValue)
            statement.bind(3, again?.microseconds)
            statement.bind(4, outcome == .open || again != nil ? nil : now.microseconds)
            guard try statement.run() == 1 else { throw OutboxError.noSuchListItem(id: id) }
        }
    }

    package func markMailed(_ ids: [Int64], on day: CivilDate) throws {
        guard !ids.isEmpty else { return }
        try write { database in
            let statement = try SQLStatement(database, ListSQL.mailed)
            statement.bind(2, Int64(day.dayNumber))
            for id in ids {
                statement.bind(1, id)
                try statement.run()
            }
        }
    }

    private func listItem(_ row: SQLStatement) throws -> ListItem {
        guard let outcome = ListItem.Outcome(rawValue: row.string(9)) else {
            throw OutboxError.damaged(path: path, detail: "list item \(row.int64(0)) has no outcome that is known")
        }
        return ListItem(
            id: row.int64(0), list: row.string(1), customer: row.string(2), rule: row.string(3),
            occasion: row.string(4), recipient: row.string(5), owner: row.optionalString(6), why: row.string(7),
            since: Instant(microseconds: row.int64(8)), outcome: outcome,
            tryAgainAt: row.optionalInt64(10).map(Instant.init(microseconds:)),
            endedAt: row.optionalInt64(11).map(Instant.init(microseconds:)),
            mailedOn: row.optionalInt64(12).map { CivilDate(dayNumber: Int32(truncatingIfNeeded: $0)) })
    }
}
