import GRDB
package import RegardsCalendar
package import RegardsCore

/// Each answers one question for a whole page: `json_each` walks the customers or addresses, and an index is sought for
/// each of them. `CROSS JOIN` fixes that order.
private enum HistorySQL {
    /// By `outreach_address`.
    static let contacts = """
        SELECT a.value, o.customer, r.name, s.name, o.occasion, o.contacted_at, o.local_date, o.card, o.state <> 2,
            o.counts, o.purpose
        FROM json_each(?1) a CROSS JOIN outreach o INDEXED BY outreach_address \(OutreachRow.joins)
        WHERE o.address = a.value AND o.contacted_at >= ?2
            AND (o.state IN (2, 10) OR (o.state = 3 AND o.reason = 'in-doubt'))
        ORDER BY o.contacted_at DESC, o.id DESC
        """
    /// By `outreach_received` alone, at its last entry.
    static let received = """
        SELECT c.value, r.name, (SELECT max(o.ended_at) FROM outreach o INDEXED BY outreach_received
            WHERE o.customer = c.value AND o.rule_id = r.id
                AND o.state = 10 AND o.channel = 'mail' AND o.recipient = 'customer/0')
        FROM json_each(?2) n CROSS JOIN rules r ON r.name = n.value CROSS JOIN json_each(?1) c
        """
    /// By `outreach_received`, backwards from its last entry, then by primary key.
    static let cards = """
        SELECT c.value, r.name, o.card
        FROM json_each(?2) n CROSS JOIN rules r ON r.name = n.value CROSS JOIN json_each(?1) c CROSS JOIN outreach o
        WHERE o.card IS NOT NULL AND o.id IN (
            SELECT i.id FROM outreach i INDEXED BY outreach_received
            WHERE i.customer = c.value AND i.rule_id = r.id
                AND i.state = 10 AND i.channel = 'mail' AND i.recipient = 'customer/0'
            ORDER BY i.ended_at DESC LIMIT ?3)
        ORDER BY o.ended_at DESC, o.id DESC
        """
    /// By primary key prefix.
    static let suppressed = """
        SELECT DISTINCT a.value, s.purpose FROM json_each(?1) a CROSS JOIN suppressions s WHERE s.address = a.value
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
        var histories = Dictionary(question.customers.map { ($0, History.none) }, uniquingKeysWith: { first, _ in first })
        guard !histories.isEmpty else { return [:] }
        let customers = IDList.texts(histories.keys)
        let addresses = Set(histories.keys.compactMap { question.addresses[$0] })
        try read { database in
            if !addresses.isEmpty {
                let list = IDList.texts(addresses)
                let contacts = try Self.contacts(list, since: question.since, database)
                let suppressed = try Self.suppressed(list, database)
                for (customer, address) in question.addresses {
                    histories[customer]?.toAddress = contacts[address] ?? []
                    histories[customer]?.suppressed = suppressed[address] ?? []
                }
            }
            try Self.addReceived(question.received, customers, database, to: &histories)
            try Self.addCards(question.series, customers, database, to: &histories)
        }
        return histories
    }

    private static func contacts(
        _ addresses: String, since: Instant, _ database: Database
    ) throws -> [String: [PastContact]] {
        let statement = try SQLStatement(database, HistorySQL.contacts)
        defer { statement.reset() }
        statement.bind(1, addresses)
        statement.bind(2, since.microseconds)
        var contacts: [String: [PastContact]] = [:]
        while try statement.step() {
            guard let purpose = Purpose(rawValue: statement.string(10)) else { continue }
            contacts[statement.string(0), default: []].append(
                PastContact(
                    customer: statement.string(1), rule: statement.string(2), step: statement.string(3),
                    occasion: statement.string(4), at: Instant(microseconds: statement.int64(5)),
                    localDate: CivilDate(dayNumber: Int32(truncatingIfNeeded: statement.int64(6))),
                    card: statement.optionalString(7), hasEnded: statement.int(8) == 1, counts: statement.int(9) == 1,
                    purpose: purpose))
        }
        return contacts
    }

    private static func suppressed(_ addresses: String, _ database: Database) throws -> [String: Set<Purpose>] {
        let statement = try SQLStatement(database, HistorySQL.suppressed)
        defer { statement.reset() }
        statement.bind(1, addresses)
        var suppressed: [String: Set<Purpose>] = [:]
        while try statement.step() {
            guard let purpose = Purpose(rawValue: statement.string(1)) else { continue }
            suppressed[statement.string(0), default: []].insert(purpose)
        }
        return suppressed
    }

    private static func addReceived(
        _ rules: Set<String>, _ customers: String, _ database: Database, to histories: inout [String: History]
    ) throws {
        guard !rules.isEmpty else { return }
        let statement = try SQLStatement(database, HistorySQL.received)
        defer { statement.reset() }
        statement.bind(1, customers)
        statement.bind(2, IDList.texts(rules))
        while try statement.step() {
            guard let last = statement.optionalInt64(2) else { continue }
            histories[statement.string(0)]?.lastReceived[statement.string(1)] = Instant(microseconds: last)
        }
    }

    private static func addCards(
        _ rules: Set<String>, _ customers: String, _ database: Database, to histories: inout [String: History]
    ) throws {
        guard !rules.isEmpty else { return }
        let statement = try SQLStatement(database, HistorySQL.cards)
        defer { statement.reset() }
        statement.bind(1, customers)
        statement.bind(2, IDList.texts(rules))
        statement.bind(3, cardsRemembered)
        while try statement.step() {
            histories[statement.string(0)]?.cards[statement.string(1), default: []].append(statement.string(2))
        }
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
