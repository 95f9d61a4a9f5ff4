import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

@Suite("Messages due at one instant, of which one asks for the other")
struct RowsBehindTests {
    /// Messages of some rules to one customer, at one time.
    private func shop(_ rules: [(name: String, rest: String)]) throws -> TestShop {
        let shop = try TestShop(rules: [])
        try shop.rules(
            rules.map { "\($0.name): {purpose: greeting, when: {on: 2027-05-06, at: 08:00}, send: birthday\($0.rest)}" }
                .joined(separator: "\n"))
        try shop.addCustomer(1)
        return shop
    }

    /// What `plan` says of them, and what then is sent.
    private func foreseenAndSent(_ shop: TestShop) async throws -> (foreseen: [String], sent: [String]) {
        let daemon = try TestDaemon(shop, now: try at("2027-05-05T22:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T22:00:00Z")
        let assembly = try shop.assembly()
        let forecast = Forecast(
            assembly: assembly, source: try Workshop.source(assembly), outbox: daemon.outbox, hash: AddressHash(key: .random()))
        let start = try at("2027-05-05T22:00:00Z")
        let lines = try forecast.report(from: start, to: start + .days(3), now: start).lines
        for second in ["00", "02", "04", "06"] { try await daemon.cleanPass(at: "2027-05-06T06:00:\(second)Z") }
        let sent = try daemon.rows().filter { $0.state == .sent }.map(\.key.rule).sorted()
        #expect(try shop.mails().count == sent.count)
        try await daemon.stop()
        return (lines.filter { $0.verdict.word == "due" }.map(\.outreach.key.rule).sorted(), sent)
    }

    @Test("the one that is served first goes, whatever their names and places in the file", arguments: [false, true], [false, true])
    func higherPriority(isFirstInFile: Bool, isFirstByName: Bool) async throws {
        let (offer, card) = isFirstByName ? ("a-offer", "b-card") : ("b-offer", "a-card")
        let rules = [(offer, ", priority: 80"), (card, ", where: {not: received \(offer) within 2d}")]
        let shop = try shop(isFirstInFile ? rules : rules.reversed())
        let (foreseen, sent) = try await foreseenAndSent(shop)
        #expect(foreseen == [offer] && sent == [offer])
    }

    @Test("each asks for the other: one goes")
    func circle() async throws {
        let shop = try shop([
            ("b", ", where: {not: received a within 2d}"), ("a", ", where: {not: received b within 2d}"),
        ])
        let (foreseen, sent) = try await foreseenAndSent(shop)
        #expect(foreseen == ["a"] && sent == ["a"])
    }

    @Test("in a chain every other one goes, and what one makes true goes after it")
    func chain() async throws {
        let shop = try shop([
            ("a", ""), ("b", ", where: {not: received a within 2d}"), ("c", ", where: {not: received b within 2d}"),
            ("d", ", where: received a within 2d"),
        ])
        let (foreseen, sent) = try await foreseenAndSent(shop)
        #expect(foreseen == ["a", "c", "d"] && sent == ["a", "c", "d"])
    }

    @Test("a row waits for one before it until that has ended; nothing waits for itself, or for one that is not due")
    func waiting() throws {
        let assembly = try shop([("a", ""), ("b", ""), ("c", "")]).assembly()
        let planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
        let now = try at("2027-05-06T06:00:00Z")
        let day = try #require(CivilDate(year: 2027, month: 5, day: 6))
        func row(
            _ id: Int64, _ rule: String, _ state: OutreachState = .claimed, notBefore: Instant? = nil, way: ChannelName = .mail
        ) -> Outreach {
            let plan = PlannedOutreach(
                key: OutreachKey(customer: "1", rule: rule, occasion: "2027-05-06", step: "send", recipient: "customer/0"),
                dueAt: now, expiresAt: nil, zone: "UTC", localDate: day,
                localTime: .midnight, channel: way, lane: .rest, ruleHash: 0)
            return Outreach(id: id, plan: plan, state: state, notBefore: notBefore)
        }
        func behind(_ others: Outreach...) -> RowsBehind {
            RowsBehind([row(2, "b")], awaited: ["b": ["a", "b", "c"]], planner, now: now) { customers in
                #expect(customers == ["1"])
                return others + [row(2, "b")]
            }
        }
        var found = behind(row(1, "a"))
        #expect(found.wait(of: row(2, "b")) == .seconds(2))
        #expect(found.wait(of: row(1, "a")) == nil)
        found.end(1)
        #expect(found.wait(of: row(2, "b")) == nil)
        #expect(behind(row(1, "a", .sending)).wait(of: row(2, "b")) == .seconds(2))
        #expect(behind(row(1, "a", .planned)).wait(of: row(2, "b")) == .seconds(15))
        #expect(behind(row(1, "a", .planned, notBefore: now + .seconds(1))).wait(of: row(2, "b")) == nil)
        #expect(behind(row(1, "a", way: .webhook("crm"))).wait(of: row(2, "b")) == nil)
        #expect(behind(row(3, "c")).wait(of: row(2, "b")) == nil)
        #expect(found.inOrder([row(2, "b"), row(1, "a"), row(3, "c")], planner) == [1, 2, 0])
    }
}
