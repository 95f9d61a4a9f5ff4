import RegardsCalendar
import RegardsCore
import Testing

/// Steps before and after an occasion on a date, and windows that see only some of them.
@Suite struct StepTimeTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func rule(_ steps: Step...) throws -> Rule {
        var rule = anniversaryRule(at: try time("09:00"), purpose: .care)
        rule.steps = steps
        return rule
    }

    func step(_ name: String, _ span: TimeSpan, at: String? = nil) throws -> Step {
        Step(name: name, action: .send(CardPattern("card")), time: .start(span), at: try at.map(time))
    }

    /// `remind 2027 2027-05-04T07:00:00Z on 2027-05-04 09:00`.
    func told(_ candidates: [Candidate]) -> [String] {
        candidates.map {
            "\($0.outreach.key.step) \($0.outreach.key.occasion) \($0.outreach.dueAt) on \($0.outreach.localDate) \($0.outreach.localTime)"
        }
    }

    @Test func aDayHas24Hours() throws {
        // Clocks go forward on 28 March.
        var planner = try house.planner(rule(step("before", .days(-1)), step("day", .zero), step("after", .days(2))))
        #expect(
            told(try planner.owed(house.customer(birthday: "1980-03-27"), in: 2027)) == [
                "before 2027 2027-03-26T08:00:00Z on 2027-03-26 09:00",
                "day 2027 2027-03-27T08:00:00Z on 2027-03-27 09:00",
                "after 2027 2027-03-29T08:00:00Z on 2027-03-29 10:00",
            ])
    }

    @Test(arguments: [
        // (span, at, due, local date and time)
        (TimeSpan.hours(36), nil, "2027-03-28T20:00:00Z", "2027-03-28 22:00"),
        (.hours(-10), nil, "2027-03-26T22:00:00Z", "2027-03-26 23:00"),
        (.days(2), "10:00", "2027-03-29T08:00:00Z", "2027-03-29 10:00"),
        (.days(-2), "23:59", "2027-03-25T22:59:00Z", "2027-03-25 23:59"),
        (.zero, "10:00", "2027-03-27T09:00:00Z", "2027-03-27 10:00"),
        (.zero, "08:00", "2027-03-28T06:00:00Z", "2027-03-28 08:00"),
        (.hours(20), "02:30", "2027-03-29T00:30:00Z", "2027-03-29 02:30"),
        (.hours(12), "02:30", "2027-03-28T01:30:00Z", "2027-03-28 02:30"),
    ] as [(TimeSpan, String?, String, String)])
    func aStepAtATimeOfDay(span: TimeSpan, clock: String?, due: String, local: String) throws {
        var planner = try house.planner(rule(step("a", span, at: clock)))
        let found = try planner.owed(house.customer(birthday: "1980-03-27"), from: at("2027-01-01"), through: at("2027-12-01"))
        #expect(told(found) == ["a 2027 \(due) on \(local)"])
    }

    @Test func aWindowFindsAStepFarFromItsOccasion() throws {
        let rule = try rule(step("before", .days(-45)), step("day", .zero), step("after", .days(30)), step("late", .days(400)))
        var planner = try house.planner(rule)
        let customer = house.customer(birthday: "1980-05-05")
        func found(_ day: String) throws -> [String] {
            try planner.owed(customer, from: at(day), through: at(day) + .days(1)).map { "\($0.outreach.key.step) \($0.outreach.key.occasion)" }
        }
        #expect(try found("2027-03-21") == ["before 2027"])
        #expect(try found("2027-05-05") == ["day 2027"])
        #expect(try found("2027-06-04") == ["after 2027"])
        #expect(try found("2028-06-08") == ["late 2027"])
        #expect(try found("2027-06-05") == [])
    }

    @Test func aFollowUpOfWhatWasNotServedIsNone() throws {
        let rule = try rule(step("day", .zero), step("after", .days(30)))
        var planner = try house.planner(rule)
        let customer = house.customer(birthday: "1980-05-05")
        let place = planner.zone(of: customer)
        func found(baseline: String) throws -> [String] {
            var found: [String] = []
            let window = PlanWindow(from: try at(baseline), through: try at("2027-07-01"), plannedThrough: try at(baseline), baseline: try at(baseline))
            planner.candidates(of: customer, zone: try #require(place), rule: 0, in: window) { found.append($0.outreach.key.step) }
            return found.sorted()
        }
        #expect(try found(baseline: "2027-05-05T07:00:00Z") == ["after", "day"])
        #expect(try found(baseline: "2027-05-05T07:00:01Z") == [])
    }

    @Test func whatHangsOnAnEventIsNeverDueOnADate() throws {
        var planner = try house.planner(
            rule(
                RegardsCoreTests.step("limit", at: .limit(.zero)), RegardsCoreTests.step("column", at: .column(slot: 3, .zero)),
                RegardsCoreTests.step("day")))
        #expect(try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027).map(\.outreach.key.step) == ["day"])
    }

    @Test func stepsOfEveryTriggerMove() throws {
        let lunar = AnniversaryTrigger(
            column: CustomerColumn.birthday.rawValue, at: try time("09:00"), calendarColumn: CustomerColumn.birthdayCalendar.rawValue)
        let feast = try #require(FeastCatalog().feast(named: "mid-autumn"))
        let cases: [(Trigger, String)] = [
            (.anniversary(lunar), "2027-05-12T01:00:00Z"),
            (.schedule(.init(expression: try calendar("2027-05-10 18:30"))), "2027-05-12T10:30:00Z"),
            (.schedule(.init(expression: try calendar("2027-05-10"), at: try time("18:30"))), "2027-05-12T10:30:00Z"),
            (.feast(.init(.named(feast), at: try time("08:30"))), "2027-09-17T00:30:00Z"),
            (.feast(.init(.byCountry(FeastCatalog(own: [Feast(name: "ours", rule: try #require(FeastRule("05-10")))]), column: nil), at: try time("08:30"))), "2028-01-03T00:30:00Z"),
            (.date(.init(column: CustomerColumn.customerSince.rawValue, at: try time("09:00"))), "2027-05-12T01:00:00Z"),
            (.on(.init(day: try date("2027-05-10"), at: try time("09:00"))), "2027-05-12T01:00:00Z"),
        ]
        // Born on the 5th day of the 4th lunar month, which in 2027 is 10 May.
        let customer = house.customer(
            birthday: "1981-05-08", zone: "Asia/Shanghai",
            more: [.birthdayCalendar: "lunar", .customerSince: "2027-05-10", .country: "FR"])
        for (trigger, due) in cases {
            var moved = try rule(step("after", .days(2)))
            moved.trigger = trigger
            var planner = try house.planner(moved)
            let day = try at(due)
            let found = try planner.owed(customer, from: day - .hours(13), through: day + .hours(13))
            #expect(found.map(\.outreach.dueAt) == [day], "\(trigger)")
            for candidate in found {
                #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer))?.outreach == candidate.outreach)
            }
        }
    }
}
