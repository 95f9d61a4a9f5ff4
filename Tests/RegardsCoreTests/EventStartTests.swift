import RegardsCalendar
import RegardsCore
import Testing

/// What the steps of an event hang on: its own instant, a delay after it, or a day in one of its columns.
@Suite struct EventStartTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func rule(_ start: EventTrigger.Start, _ steps: [Step]? = nil, promise: Promise? = nil) -> Rule {
        Rule(
            name: "after-sale", purpose: .care, trigger: .event(.init(kind: 0, start: start, promise: promise)),
            steps: steps ?? [step()])
    }

    func facts(_ at: String = "2027-05-05T07:00:00Z", _ values: [Int: String] = [:], zone: String? = nil) throws -> Facts {
        Facts(
            customer: house.customer(zone: zone), event: Event(kind: "complaint", id: "1", customer: "17", at: try RegardsCoreTests.at(at)),
            eventRecord: house.record(values))
    }

    func due(_ rule: Rule, _ facts: Facts) throws -> [String] {
        var planner = try house.planner(rule)
        let found = planner.candidates(ofEvent: facts, rule: 0)
        for candidate in found {
            #expect(planner.derive(candidate.outreach.key, facts: facts)?.outreach == candidate.outreach)
        }
        return found.map { "\($0.outreach.key.step) \($0.outreach.dueAt)" }
    }

    @Test func aDelay() throws {
        let start = EventTrigger.Start.event(Delay(after: CalendarSpan(days: 3), at: try time("10:00")))
        #expect(try due(rule(start), facts()) == ["send 2027-05-08T08:00:00Z"])
        #expect(try due(rule(start), facts(zone: "Asia/Tokyo")) == ["send 2027-05-08T01:00:00Z"])
        let later = step("later", at: .start(.days(2)))
        let before = step("before", at: .start(.hours(-1)))
        #expect(
            try due(rule(start, [before, step(), later]), facts()) == [
                "before 2027-05-08T07:00:00Z", "send 2027-05-08T08:00:00Z", "later 2027-05-10T08:00:00Z",
            ])
    }

    @Test func anEventThatMovesTakesItsStepsAlong() throws {
        let rule = rule(.event(Delay(after: CalendarSpan(days: -1), at: try time("10:00"))))
        #expect(try due(rule, facts("2027-05-05T12:00:00Z")) == ["send 2027-05-04T08:00:00Z"])
        #expect(try due(rule, facts("2027-05-08T12:00:00Z")) == ["send 2027-05-07T08:00:00Z"])
    }

    @Test(arguments: [
        ("2027-06-10", -3, "Europe/Berlin", "2027-06-07T07:00:00Z"), ("2027-06-10", 0, "Asia/Tokyo", "2027-06-10T00:00:00Z"),
        ("2027-06-10 23:30:00", 1, "Asia/Tokyo", "2027-06-11T00:00:00Z"), ("", 0, "UTC", nil), ("soon", 0, "UTC", nil),
    ] as [(String, Int, String, String?)])
    func aDayInAColumn(text: String, offset: Int, zone: String, expected: String?) throws {
        let rule = rule(.day(column: house.solved, offset: offset, at: try time("09:00")))
        #expect(try due(rule, facts("2027-05-05T07:00:00Z", [house.solved: text], zone: zone)) == [expected.map { "send \($0)" }].compactMap { $0 })
    }

    @Test func whileTheDayIsUnknownOnlyTheRestIsDue() throws {
        let steps = [step(), step("later", at: .start(.days(1))), step("limit", at: .limit(.zero)), step("column", at: .column(slot: house.opened, .zero))]
        let rule = rule(.day(column: house.solved, offset: 0, at: try time("09:00")), steps, promise: Promise(answerWithin: .hours(1)))
        #expect(
            try due(rule, facts("2027-05-05T07:00:00Z", [house.opened: "2027-05-05T06:00:00Z"])) == [
                "limit 2027-05-05T08:00:00Z", "column 2027-05-05T06:00:00Z",
            ])
    }

    @Test(arguments: [
        // (step's time, at, due)
        (StepTime.occasion, "10:00", "2027-05-05T08:00:00Z"), (.occasion, "08:30", "2027-05-06T06:30:00Z"),
        (.start(.days(2)), "10:00", "2027-05-07T08:00:00Z"), (.start(.hours(30)), "10:00", "2027-05-07T08:00:00Z"),
        (.limit(.zero), "10:00", "2027-05-06T08:00:00Z"), (.limit(.days(-1)), "08:00", "2027-05-05T07:00:00Z"),
        (.limit(.hours(2)), "10:00", "2027-05-07T08:00:00Z"), (.column(slot: 3, .days(3)), "10:00", "2027-05-08T08:00:00Z"),
    ])
    func aStepAtATimeOfDay(time: StepTime, clock: String, expected: String) throws {
        #expect(house.opened == 3)
        let step = Step(name: "a", action: .send(CardPattern("card")), time: time, at: try RegardsCoreTests.time(clock))
        let rule = rule(.event(.none), [step], promise: Promise(answerWithin: .hours(24)))
        #expect(try due(rule, facts("2027-05-05T07:00:00Z", [3: "2027-05-05T20:00:00Z"])) == ["a \(expected)"])
    }

    @Test func inBusinessTimeATimeOfDayIsWaitedFor() throws {
        var house = house
        house.kind.done = nil
        let hours = WeeklyHours([.wednesday: [try #require(.init("09:00-17:00"))], .thursday: [try #require(.init("09:00-17:00"))]])
        let step = Step(name: "a", action: .send(CardPattern("card")), time: .limit(.hours(2)), at: try time("10:00"))
        var book = try house.book([rule(.event(.none), [step], promise: Promise(answerWithin: .hours(4), clock: .business))])
        book.house.business.hours = hours
        var planner = Planner(book: book, zones: zones, countries: countries)
        // 5 May 2027 is a Wednesday: the limit stands at 13:00, two hours later it is 15:00, and ten the next day.
        let found = planner.candidates(ofEvent: try facts("2027-05-05T07:00:00Z"), rule: 0)
        #expect(found.map(\.outreach.dueAt) == [try at("2027-05-06T08:00:00Z")])
    }
}
