import GRDB
package import RegardsCalendar
package import RegardsCore

/// Each answers one question for a whole page: `json_each` walks the customers or addresses, and an index is sought for
/// each of them. `CROSS JOIN` fixes that order.
private enum HistorySQL {
    /// By `outreach_address`.
    static let contacts = """
        SELECT a.key, o.customer, r.name, s.name, o.occasion, o.contacted_at, o.local_date, o.card, o.state <> 2,
            o.counts, o.purpose
        FROM json_each(?1) a CROSS JOIN outreach o INDEXED BY outreach_address \(OutreachRow.joins)
        WHERE o.address = a.value AND o.marked_at >= ?2 - \(OutreachRow.longestAttempt) AND o.contacted_at >= ?2
            AND (o.state IN (2, 10) OR (o.state = 3 AND o.reason = 'in-doubt'))
        """
    /// By `outreach_received` alone, at its last entry.
    static let received = """
        SELECT n.key, c.key, (SELECT max(o.ended_at) FROM outreach o INDEXED BY outreach_received
            WHERE o.customer = c.value AND o.rule_id = r.id
                AND o.state = 10 AND o.channel = 'mail' AND o.recipient = 'customer/0')
        FROM json_each(?2) n CROSS JOIN rules r ON r.name = n.value CROSS JOIN json_each(?1) c
        """
    /// By `outreach_received` alone: backwards to the oldest that counts, then forwards from there.
    static let cards = """
        SELECT n.key, c.key, o.ended_at, o.card
        FROM json_each(?2) n CROSS JOIN rules r ON r.name = n.value CROSS JOIN json_each(?1) c
            CROSS JOIN outreach o INDEXED BY outreach_received
        WHERE o.customer = c.value AND o.rule_id = r.id
            AND o.state = 10 AND o.channel = 'mail' AND o.recipient = 'customer/0' AND o.card IS NOT NULL
            AND o.ended_at >= coalesce((SELECT i.ended_at FROM outreach i INDEXED BY outreach_received
                WHERE i.customer = c.value AND i.rule_id = r.id
                    AND i.state = 10 AND i.channel = 'mail' AND i.recipient = 'customer/0'
                ORDER BY i.ended_at DESC LIMIT 1 OFFSET ?3), 0)
        """
    /// By `outreach_lost`.
    static let lost = """
        SELECT c.key, r.name, o.occasion, s.name, o.ended_at
        FROM json_each(?1) c CROSS JOIN outreach o INDEXED BY outreach_lost \(OutreachRow.joins)
        WHERE o.customer = c.value AND o.ended_at >= ?2 AND o.state IN (11, 12) AND o.recipient = 'customer/0'
        """
    /// By primary key prefix.
    static let suppressed = """
        SELECT a.key, s.purpose FROM json_each(?1) a CROSS JOIN suppressions s WHERE s.address = a.value
        """
    /// By the unique key, whose first column is the customer.
    static let refused = """
        SELECT e.key, r.name || '/' || s.name, max(CASE o.state WHEN 11 THEN o.ended_at END)
        FROM json_each(?1) e CROSS JOIN outreach o \(OutreachRow.joins)
        WHERE o.customer = json_extract(e.value, '$[0]') AND o.occasion = json_extract(e.value, '$[1]')
            AND o.channel = 'mail' AND o.recipient <> 'customer/0'
        GROUP BY e.key, o.rule_id, o.step_id HAVING max(o.state = 11) = 1 AND min(o.state) >= 11
        """
}

extension SQLiteOutbox {
    /// Cards of a series that are remembered: `no_repeat` reaches back as far.
    private static let cardsRemembered = 100

    package func histories(_ question: HistoryQuestion) throws -> [String: History] {
        guard !question.customers.isEmpty else { return [:] }
        let customers = Array(Set(question.customers))
        let addresses = Array(Set(customers.compactMap { question.addresses[$0] }))
        let list = IDList.texts(customers)
        var histories = [History](repeating: .none, count: customers.count)
        var contacts = [[PastContact]](repeating: [], count: addresses.count)
        var suppressed = [Set<Purpose>](repeating: [], count: addresses.count)
        try read { database in
            if !addresses.isEmpty {
                let list = IDList.texts(addresses)
                try Self.find(&contacts, of: list, since: question.since, database)
                try Self.find(&suppressed, of: list, database)
            }
            try Self.addReceived(Array(question.received), list, database, to: &histories)
            try Self.addCards(Array(question.series), list, database, to: &histories)
            if question.asksForLost {
                try Self.addLost(customers, list, since: question.since, database, to: &histories)
            }
        }
        let places = Dictionary(uniqueKeysWithValues: zip(addresses, addresses.indices))
        for (index, customer) in customers.enumerated() {
            guard let place = question.addresses[customer].flatMap({ places[$0] }) else { continue }
            histories[index].toAddress = contacts[place]
            histories[index].suppressed = suppressed[place]
        }
        return Dictionary(uniqueKeysWithValues: zip(customers, histories))
    }

    private static func find(
        _ contacts: inout [[PastContact]], of addresses: String, since: Instant, _ database: Database
    ) throws {
        let statement = try SQLStatement(database, HistorySQL.contacts)
        defer { statement.reset() }
        statement.bind(1, addresses)
        statement.bind(2, since.microseconds)
        while try statement.step() {
            guard let purpose = Purpose(rawValue: statement.string(10)) else { continue }
            contacts[statement.int(0)].append(
                PastContact(
                    customer: statement.string(1), rule: statement.string(2), step: statement.string(3),
                    occasion: statement.string(4), at: Instant(microseconds: statement.int64(5)),
                    localDate: CivilDate(dayNumber: Int32(truncatingIfNeeded: statement.int64(6))),
                    card: statement.optionalString(7), hasEnded: statement.int(8) == 1, counts: statement.int(9) == 1,
                    purpose: purpose))
        }
        for index in contacts.indices where contacts[index].count > 1 { contacts[index].sort { $0.at > $1.at } }
    }

    private static func find(
        _ suppressed: inout [Set<Purpose>], of addresses: String, _ database: Database
    ) throws {
        let statement = try SQLStatement(database, HistorySQL.suppressed)
        defer { statement.reset() }
        statement.bind(1, addresses)
        while try statement.step() {
            guard let purpose = Purpose(rawValue: statement.string(1)) else { continue }
            suppressed[statement.int(0)].insert(purpose)
        }
    }

    private static func addLost(
        _ customers: [String], _ list: String, since: Instant, _ database: Database, to histories: inout [History]
    ) throws {
        let statement = try SQLStatement(database, HistorySQL.lost)
        defer { statement.reset() }
        statement.bind(1, list)
        statement.bind(2, since.microseconds)
        while try statement.step() {
            let place = statement.int(0)
            let key = OutreachKey(
                customer: customers[place], rule: statement.string(1), occasion: statement.string(2), step: statement.string(3),
                recipient: "customer/0")
            histories[place].lost[key] = Instant(microseconds: statement.int64(4))
        }
    }

    private static func addReceived(
        _ rules: [String], _ customers: String, _ database: Database, to histories: inout [History]
    ) throws {
        guard !rules.isEmpty else { return }
        let statement = try SQLStatement(database, HistorySQL.received)
        defer { statement.reset() }
        statement.bind(1, customers)
        statement.bind(2, IDList.texts(rules))
        while try statement.step() {
            guard let last = statement.optionalInt64(2) else { continue }
            histories[statement.int(1)].lastReceived[rules[statement.int(0)]] = Instant(microseconds: last)
        }
    }

    private static func addCards(
        _ rules: [String], _ customers: String, _ database: Database, to histories: inout [History]
    ) throws {
        guard !rules.isEmpty else { return }
        let statement = try SQLStatement(database, HistorySQL.cards)
        defer { statement.reset() }
        statement.bind(1, customers)
        statement.bind(2, IDList.texts(rules))
        statement.bind(3, cardsRemembered - 1)
        var sent: [(at: Int64, card: String)] = []
        var place = (rule: -1, customer: -1)
        func keep() {
            guard place.rule >= 0 else { return }
            sent.sort { ($0.at, $0.card) > ($1.at, $1.card) }
            histories[place.customer].cards[rules[place.rule]] = sent.prefix(cardsRemembered).map {
                SentCard($0.card, at: Instant(microseconds: $0.at))
            }
            sent.removeAll(keepingCapacity: true)
        }
        // The rows of one rule and customer come together, from the innermost loop.
        while try statement.step() {
            let next = (rule: statement.int(0), customer: statement.int(1))
            if next != place { keep() }
            place = next
            sent.append((statement.int64(2), statement.string(3)))
        }
        keep()
    }

    package func refusedSteps(_ occasions: [CustomerOccasion]) throws -> [CustomerOccasion: [String: Instant]] {
        guard !occasions.isEmpty else { return [:] }
        var json = ""
        for occasion in occasions {
            json += json.isEmpty ? "[" : ","
            json += IDList.texts([occasion.customer, occasion.occasion])
        }
        return try read { database in
            let statement = try SQLStatement(database, HistorySQL.refused)
            defer { statement.reset() }
            statement.bind(1, json + "]")
            var refused: [CustomerOccasion: [String: Instant]] = [:]
            while try statement.step() {
                refused[occasions[statement.int(0)], default: [:]][statement.string(1)] = Instant(
                    microseconds: statement.int64(2))
            }
            return refused
        }
    }
}
