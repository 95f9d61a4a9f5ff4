import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What a long outage leaves behind.
@Suite("A backlog", .serialized)
struct BacklogTests {
    /// `REGARDS_BACKLOG` asks for another number.
    private static let customers = Measure.number("REGARDS_BACKLOG", or: 50_000)

    @Test("stale greetings end in one pass and none is sent, complaints lead", .timeLimit(.minutes(60)))
    func settles() async throws {
        let shop = try TestShop(rules: ["birthday", "complaints"])
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n")
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(Self.customers))
            INSERT INTO customers (id, name, given_name, email, birthday, advisor_id)
            SELECT i, 'Customer ' || i, 'No. ' || i, 'c' || i || '@mail.example', '1980-05-05', 1 FROM n
            """)
        let before = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await before.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(try before.outbox.counts(endedSince: noneEnded)[.planned] == Self.customers)
        try await before.stop()
        // Nothing ran for three days. One birthday was corrected meanwhile, and some wait for an answer.
        try shop.sql("UPDATE customers SET birthday = '1980-05-20' WHERE id = 7")
        for id in 1...5 { try shop.complain(id, customer: id, at: try at("2027-05-07T20:00:00Z")) }
        let channel = ScriptedChannel(.delivered, sessions: 8)
        let daemon = try TestDaemon(shop, now: try at("2027-05-08T07:00:00Z"), channel: channel)
        let began = SystemClock().now()
        try await daemon.cleanPass(at: "2027-05-08T07:00:00Z")
        let took = SystemClock().now() - began
        print("backlog: \(Self.customers) stale rows settled in \(took.microseconds / 1000) ms")
        let rows = try daemon.rows()
        let moved = rows.filter { $0.key.rule == "birthday-card" && $0.key.customer == "7" }
        #expect(moved.map { "\($0.standing) \($0.plan.dueAt)" } == ["planned 2027-05-20T07:00:00Z"])
        let cards = rows.filter { $0.key.rule == "birthday-card" && $0.key.customer != "7" }
        #expect(cards.count == Self.customers - 1 && cards.allSatisfy { $0.standing == "skipped(late)" && $0.attempts == 0 })
        let care = Set(rows.filter { $0.key.rule == "complaint-care" && $0.state == .sent }.map(\.id))
        #expect(care.count >= 10)
        #expect(Set(channel.sent.map(\.outreach)) == care)
        // The complaints had been answered when the first thousands of stale rows were seen to.
        let notices = daemon.announcer.notices.filter { $0.kind == .sent || $0.kind == .skipped }
        let last = try #require(notices.lastIndex { $0.kind == .sent })
        func stale(_ some: ArraySlice<Notice>) -> Int { some.reduce(0) { $0 + ($1.kind == .skipped ? $1.count ?? 1 : 0) } }
        #expect(stale(notices[..<last]) <= 4 * SendLoop.Limits().stale)
        // All are told of, and not each by itself.
        #expect(stale(notices[...]) == Self.customers - 1)
        #expect(notices.count { $0.kind == .skipped } <= Self.customers / 500)
        try await daemon.stop()
    }

    private var noneEnded: Instant { SystemClock().now() + .days(40_000) }
}
