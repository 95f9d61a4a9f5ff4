import RegardsCalendar
import RegardsCore
import RegardsStore

/// A ledger with years of history: who was reached, and what marks cost that ask it.
///
/// - Parameter rows: messages that were sent, ten to each customer.
func benchmarkPast(rows: Int) throws {
    let path = "\(folder)/past.db"
    let outbox = try open(path, false)
    let raw = RawLedger(path: path, synchronous: "OFF")
    raw.fill(customers: rows / 10, now: now.microseconds)
    print("\n\(rows) messages sent to \(rows / 10) customers; customers a second")
    try benchmarkHistories(outbox, raw, customers: rows / 10)
    try benchmarkSegments(outbox, customers: rows / 10)
    try benchmarkGuards(outbox, raw, customers: rows / 10)
    try outbox.close()
}

/// Pages of 1,000 customers picked from everywhere: what 30 days of budgets, two conditions, a series and suppression ask.
private func benchmarkHistories(_ outbox: SQLiteOutbox, _ raw: RawLedger, customers: Int) throws {
    let pages = (0..<20).map { page in (0..<1000).map { "\(($0 * 7919 + page * 104_729) % customers)" } }
    let since = now - .days(30)
    var contacts = 0
    var cards = 0
    var slowest = 0.0
    let ours = try measure {
        for page in pages {
            slowest = max(
                slowest,
                try measure {
                    let histories = try outbox.histories(
                        HistoryQuestion(
                            customers: page, addresses: Dictionary(page.map { ($0, "a\($0)") }) { first, _ in first },
                            since: since, received: ["birthday-card", "monthly-card"], series: ["monthly-card"]))
                    for history in histories.values {
                        contacts += history.toAddress.count
                        cards += history.cards["monthly-card"]?.count ?? 0
                    }
                })
        }
    }
    var found = 0
    let reference = measure {
        for page in pages { found += raw.histories(Set(page), since: since.microseconds) }
    }
    if found != contacts + cards || contacts == 0 { fail("histories differ: \(contacts) + \(cards), \(found)") }
    report("histories, 1000 at once", 20_000, ours, reference)
    print("  the slowest page of 1000 took \(Int((slowest * 10_000).rounded()) / 10) ms")
}

/// A pass over a page in which nobody comes or goes, beside the statements it makes.
private func benchmarkSegments(_ outbox: SQLiteOutbox, customers: Int) throws {
    let segments = [WatchedSegment(name: "gold"), WatchedSegment(name: "regulars")]
    let pages = stride(from: 0, to: customers, by: 1000).map { page in
        (page..<min(page + 1000, customers)).map { SegmentMembership(customer: "\($0)", members: $0 % 5 == 0 ? [0] : []) }
    }
    func look() throws {
        let pass = try outbox.beginSegments(segments, now: now)
        for page in pages { _ = try pass.record(page) }
        try pass.finish()
    }
    let first = try measure(look)
    let quiet = try measure(look)
    print(pad("segments: first look", 28) + "\(Int(Double(customers) / first))")
    print(pad("segments: quiet pass", 28) + "\(Int(Double(customers) / quiet))")
}

/// Groups of 32 marks, each with two budgets and one for an address, beside the same without guards.
private func benchmarkGuards(_ outbox: SQLiteOutbox, _ raw: RawLedger, customers: Int) throws {
    func seconds(_ occasion: String, _ guards: SendGuards) throws -> Double {
        let count = min(20_000, customers)
        let rows = (0..<count).map { number in
            var row = planned("\(number)")
            row.key.occasion = occasion
            return row
        }
        try outbox.addOutreach(rows, now: now)
        let claimed = try outbox.claim(limit: count, now: now, channels: [.mail])
        return try measure {
            try inGroups(claimed.map(\.id), of: 32) { next, last in
                let marks = next.enumerated().map { index, id in
                    SendMark(id: id, card: "birthday", address: "b\(id)", counts: true, guards: guards)
                }
                let endings = last.map { Ending(id: $0, .sent, report: AttemptReport(.delivered, code: 250)) }
                guard try outbox.commit(GroupCommit(now: now, marks: marks, endings: endings)).isEmpty else { fail("refused") }
            }
        }
    }
    let count = Double(min(20_000, customers))
    let budgets = [Budget(atMost: 4, per: .days(30)), Budget(purpose: .greeting, atMost: 2, per: .days(14))]
    let plain = try seconds("plain", .none)
    let guarded = try seconds(
        "guarded", SendGuards(budgets: budgets.map { BudgetGuard($0, now: now) }, once: true))
    print(pad("mark and record, 32", 28) + "\(Int(count / plain))")
    print(pad("the same with 3 guards", 28) + "\(Int(count / guarded))")
}

extension RawLedger {
    /// Ten messages to each customer in the last 300 days, and a suppression for each hundredth.
    func fill(customers: Int, now: Int64) {
        run(
            """
            INSERT INTO rules (name, hash, first_seen, planned_through, purpose) VALUES ('monthly-card', 1, 0, 0, 'greeting');
            INSERT INTO steps (id, rule_id, name) SELECT id, id, 'send' FROM rules;
            INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, zone, local_date,
                local_time, channel, lane, rule_hash, card, attempts, created_at, updated_at, ended_at, address, purpose, counts)
            SELECT c.i, r.id, m.i, r.id, 'customer/0', 10, 0, 'Europe/Berlin', 20942 - m.i * 30, 32400, 'mail', 1, 1,
                'monthly/' || m.i, 1, 0, 0, \(now) - (m.i * 30 + c.i % 29) * 86400000000, 'a' || c.i, 'greeting', 1
            FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n) m
            CROSS JOIN (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(customers - 1))
                SELECT i FROM n) c
            CROSS JOIN rules r ON r.name = CASE m.i WHEN 4 THEN 'birthday-card' ELSE 'monthly-card' END;
            INSERT INTO suppressions SELECT DISTINCT address, 'survey', 'request', 0 FROM outreach WHERE id % 100 = 0;
            """)
    }

    /// The same questions, one customer after the other by statements that are ready.
    /// - Returns: contacts and cards found.
    func histories(_ customers: Set<String>, since: Int64) -> Int {
        run("BEGIN")
        defer { run("COMMIT") }
        var found = 0
        for customer in customers {
            found += rows(
                """
                SELECT o.customer, r.name, s.name, o.occasion, o.contacted_at, o.local_date, o.card, o.state, o.counts, o.purpose
                FROM outreach o INDEXED BY outreach_address CROSS JOIN rules r ON r.id = o.rule_id
                CROSS JOIN steps s ON s.id = o.step_id
                WHERE o.address = ?1 AND o.contacted_at >= ?2
                    AND (o.state IN (2, 10) OR (o.state = 3 AND o.reason = 'in-doubt')) ORDER BY o.contacted_at DESC
                """, "a\(customer)", since)
            _ = rows("SELECT purpose FROM suppressions WHERE address = ?1", "a\(customer)", 0)
            for rule: Int64 in [1, 2] {
                _ = rows(
                    """
                    SELECT max(ended_at) FROM outreach INDEXED BY outreach_received WHERE customer = ?1 AND rule_id = ?2
                        AND state = 10 AND channel = 'mail' AND recipient = 'customer/0'
                    """, customer, rule)
            }
            found += rows(
                """
                SELECT card FROM outreach INDEXED BY outreach_received WHERE customer = ?1 AND rule_id = ?2
                    AND state = 10 AND channel = 'mail' AND recipient = 'customer/0' ORDER BY ended_at DESC LIMIT 100
                """, customer, 2)
        }
        return found
    }
}
