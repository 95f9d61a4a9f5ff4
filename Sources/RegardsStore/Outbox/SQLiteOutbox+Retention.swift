import GRDB
package import RegardsCalendar
import RegardsCore

/// What may go from the ledger because nothing can ask for it any more.
package struct Retention: Hashable, Sendable {
    /// What ended before it may go.
    package var endedBefore: Instant
    /// Events before it may go once they are over; nothing may still look so far back for them.
    package var eventsBefore: Instant
    /// How many of its newest mails to each customer a rule must remember, by name; of a rule that is not named, one.
    package var newest: [String: Int]

    package init(endedBefore: Instant, eventsBefore: Instant, newest: [String: Int] = [:]) {
        self.endedBefore = endedBefore
        self.eventsBefore = min(eventsBefore, endedBefore)
        self.newest = newest
    }
}

private enum RetentionSQL {
    /// By `outreach_ended`, from a cursor on. A row stays, however old it is, as long as it is
    /// - about a local day that is not so long ago: a cancelled one may still be owed again;
    /// - an item of a list that is open, or was lately;
    /// - one of the newest mails of its rule to the customer;
    /// - about an event that is remembered.
    static let ended = """
        SELECT o.id, o.ended_at, o.state,
            o.local_date < ?6
            AND NOT EXISTS (SELECT 1 FROM list_items i WHERE i.outreach_id = o.id AND (i.ended_at IS NULL OR i.ended_at >= ?1))
            AND NOT EXISTS (SELECT 1 FROM event_kinds k CROSS JOIN events e ON e.kind_id = k.id
                WHERE e.event_id IN (o.occasion, rtrim(rtrim(o.occasion, '0123456789'), '~')))
            AND (o.state <> 10 OR o.channel <> 'mail' OR o.recipient <> 'customer/0'
                OR (SELECT count(*) FROM (SELECT 1 FROM outreach n INDEXED BY outreach_received
                    WHERE n.customer = o.customer AND n.rule_id = o.rule_id AND n.state = 10 AND n.channel = 'mail'
                        AND n.recipient = 'customer/0' AND (n.ended_at, n.id) > (o.ended_at, o.id)
                    LIMIT ?7))
                    >= (SELECT r.keep FROM temp.retained_rules r WHERE r.id = o.rule_id))
        FROM outreach o INDEXED BY outreach_ended
        WHERE o.ended_at < ?1 AND (o.ended_at, o.state, o.id) > (?2, ?3, ?4)
        ORDER BY o.ended_at, o.state, o.id LIMIT ?5
        """
    /// By primary key; its attempts and its item go with it.
    static let delete = "DELETE FROM outreach WHERE id = ?1 AND state >= 10"
    /// By `events_at`.
    static let events = """
        DELETE FROM events WHERE id IN (SELECT e.id FROM event_kinds k CROSS JOIN events e INDEXED BY events_at
            WHERE e.kind_id = k.id AND e.at < ?1 AND e.is_open = 0 AND e.last_seen < ?2 LIMIT ?3)
        """
    /// An event that comes into view again was there before: it is baseline.
    static let uncover = "UPDATE event_kinds SET covered_from = ?1 WHERE covered_from < ?1"
    /// The newest stay of each customer stays: the next one takes its number from it.
    static let stays = """
        DELETE FROM segment_entries WHERE left_at < ?1 AND EXISTS (SELECT 1 FROM segment_entries n
            WHERE n.segment_id = segment_entries.segment_id AND n.customer = segment_entries.customer
                AND n.number > segment_entries.number)
        """
    static let pauses = "DELETE FROM pauses WHERE coalesce(ended_at, until, 9223372036854775807) < ?1"
}

extension SQLiteOutbox {
    /// Rows that one transaction looks at: a message that is due must not wait for this.
    private static let retained = 500

    /// Removes what may go, some hundred rows in each transaction.
    /// - Parameter atMost: rows of the outbox that are looked at in this call.
    /// - Returns: rows of the outbox that went.
    package func retire(_ retention: Retention, atMost: Int = .max) throws -> Int {
        try retireEvents(retention)
        var removed = 0
        var seen = 0
        var cursor: (ended: Int64, state: Int64, id: Int64) = (.min, 0, 0)
        while seen < atMost {
            let (count, gone, next) = try write { try Self.retire(retention, after: cursor, $0) }
            removed += gone
            seen += count
            guard count == Self.retained else { break }
            cursor = next
        }
        return removed
    }

    private func retireEvents(_ retention: Retention) throws {
        try write { database in
            let before = retention.endedBefore.microseconds
            let stays = try SQLStatement(database, RetentionSQL.stays)
            stays.bind(1, before)
            try stays.run()
            let pauses = try SQLStatement(database, RetentionSQL.pauses)
            pauses.bind(1, before)
            try pauses.run()
        }
        var removed = Self.retained
        while removed == Self.retained {
            removed = try write { database in
                let events = try SQLStatement(database, RetentionSQL.events)
                events.bind(1, retention.eventsBefore.microseconds)
                events.bind(2, retention.endedBefore.microseconds)
                events.bind(3, Self.retained)
                let removed = try events.run()
                guard removed > 0 else { return 0 }
                let uncover = try SQLStatement(database, RetentionSQL.uncover)
                uncover.bind(1, retention.eventsBefore.microseconds)
                try uncover.run()
                return removed
            }
        }
    }

    private static func retire(
        _ retention: Retention, after cursor: (ended: Int64, state: Int64, id: Int64), _ database: Database
    ) throws -> (seen: Int, removed: Int, next: (ended: Int64, state: Int64, id: Int64)) {
        try remember(retention.newest, database)
        // More of a customer's newest mails than any rule must know need not be counted.
        let most = max(1, retention.newest.values.max() ?? 1)
        let statement = try SQLStatement(database, RetentionSQL.ended)
        statement.bind(1, retention.endedBefore.microseconds)
        statement.bind(2, cursor.ended)
        statement.bind(3, cursor.state)
        statement.bind(4, cursor.id)
        statement.bind(5, retained)
        statement.bind(6, Int64(Zone.utc.local(at: retention.endedBefore).date.dayNumber))
        statement.bind(7, most)
        var (seen, next, going) = (0, cursor, [Int64]())
        while try statement.step() {
            seen += 1
            next = (statement.int64(1), statement.int64(2), statement.int64(0))
            if statement.int(3) == 1 { going.append(statement.int64(0)) }
        }
        let delete = try SQLStatement(database, RetentionSQL.delete)
        for id in going {
            delete.bind(1, id)
            try delete.run()
        }
        return (seen, going.count, next)
    }

    private static func remember(_ newest: [String: Int], _ database: Database) throws {
        try SQLStatement(database, "CREATE TEMP TABLE IF NOT EXISTS retained_rules (id INTEGER PRIMARY KEY, keep INTEGER)").run()
        let insert = try SQLStatement(database, "INSERT OR REPLACE INTO temp.retained_rules VALUES (?1, ?2)")
        for rule in try loadRules(database) {
            insert.bind(1, rule.id)
            insert.bind(2, max(1, newest[rule.name] ?? 1))
            try insert.run()
        }
    }
}
