import RegardsCalendar
import RegardsCore
import Testing

/// Items of lists, and items that stand in for messages to customers whom no mail reaches.
@Suite struct ListCandidateTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    let calls = ListTarget(name: "calls", role: TestHouse.manager, why: "Call them.")

    func rule(_ steps: Step..., unreachable: ListTarget? = nil) throws -> Rule {
        var rule = anniversaryRule(at: try time("09:00"))
        rule.steps = steps
        rule.unreachable = unreachable
        return rule
    }

    @Test func anItemIsOneWhoeverHoldsTheRole() throws {
        let rule = try rule(step("list-calls", .list(calls)))
        var planner = try house.planner(rule)
        let found = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        #expect(found.map(\.outreach.key.recipient) == ["manager/0"])
        #expect(found.map(\.outreach.key.step) == ["list-calls"])
        #expect(found.map(\.outreach.channel) == [.list("calls")])
        #expect(found.map(\.outreach.lane) == [.rest])
        #expect(found.map(\.outreach.expiresAt) == [try at("2027-05-05T22:00:00Z")])
        #expect(found.allSatisfy { !$0.isFallback && $0.belatedFrom == nil })
        #expect(rule.list(of: found[0]) == calls)
        #expect(rule.card(rule.steps[0], for: found[0], now: found[0].outreach.dueAt).name == "")
    }

    @Test func eachMessageHasAStandIn() throws {
        let tell = step("tell-director", .tell(TestHouse.director, CardPattern("task")))
        var rule = try rule(step(), tell, step("later", at: .start(.days(2))), unreachable: calls)
        rule.belated = Belated(card: CardPattern("late"), within: .days(3))
        var planner = try house.planner(rule)
        let customer = house.customer(birthday: "1980-05-05")
        let found = try planner.owed(customer, in: 2027)
        #expect(
            found.map { "\($0.outreach.key.step) \($0.outreach.key.recipient) \($0.outreach.channel)" } == [
                "send customer/0 mail", "unreachable manager/0 list:calls", "tell-director director/0 mail",
                "later customer/0 mail", "unreachable-later manager/0 list:calls",
            ])
        #expect(found.map(\.isFallback) == [false, true, false, false, true])
        #expect(found.map(\.step) == [0, 0, 1, 2, 2])
        // It comes and goes with its message.
        #expect(found[1].outreach.dueAt == found[0].outreach.dueAt)
        #expect(found[1].outreach.expiresAt == found[0].outreach.expiresAt)
        #expect(rule.list(of: found[1]) == calls)
        #expect(rule.list(of: found[0]) == nil)
        #expect(rule.card(rule.steps[0], for: found[1], now: found[1].outreach.dueAt).name == "")
        for candidate in found {
            let again = planner.derive(candidate.outreach.key, facts: Facts(customer: customer))
            #expect(again?.outreach == candidate.outreach)
            #expect(again?.isFallback == candidate.isFallback)
            #expect(again?.step == candidate.step)
        }
        #expect(Set(found.map(\.outreach.key)).count == 5)
    }

    @Test func aStandInMayBePutOffWithItsMessage() throws {
        var book = try house.book([try rule(step(), unreachable: calls)])
        book.house.limits.quiet = Quiet(hours: QuietHours(hours: (try time("08:00"), try time("10:00"))))
        var planner = Planner(book: book, zones: zones, countries: countries)
        let found = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        #expect(found.map(\.outreach.dueAt) == [try at("2027-05-05T08:00:00Z"), try at("2027-05-05T08:00:00Z")])
    }

    @Test func anEventsMessagesHaveThemTooButNoRepetition() throws {
        var step = step()
        (step.every, step.atMost) = (.hours(1), 3)
        let rule = Rule(name: "care", purpose: .care, trigger: .event(.init(kind: 0)), steps: [step], unreachable: calls)
        var planner = try house.planner(rule)
        let event = Event(kind: "complaint", id: "1", customer: nil, at: try at("2027-05-05"))
        let found = planner.candidates(ofEvent: Facts(customer: nil, event: event, eventRecord: house.record([:])), rule: 0)
        #expect(found.map(\.outreach.key.step) == ["send", "unreachable", "send#2", "send#3"])
        #expect(Set(found.map(\.outreach.key.customer)) == ["event:1"])
    }
}
