import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// A pass asks all rules at once; it must find what asking each rule finds.
@Suite struct PassTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func rules() throws -> [Rule] {
        let nine = try time("09:00")
        func anniversary(_ name: String, _ column: CustomerColumn, _ offsets: [Int], calendar: CustomerColumn? = nil) -> Rule {
            var rule = anniversaryRule(at: nine, offsets: offsets)
            rule.name = name
            rule.trigger = .anniversary(
                .init(column: column.rawValue, at: nine, dayOffsets: offsets, calendarColumn: calendar?.rawValue))
            return rule
        }
        var monthly = try scheduleRule("*-*-01", at: nine)
        monthly.name = "monthly"
        var never = try scheduleRule("2020-01-01", at: nine)
        never.name = "never"
        return [
            anniversary("birthday", .birthday, [0]), monthly, anniversary("soon", .birthday, [-7, 7]), never,
            anniversary("since", .customerSince, [0]), anniversary("lunar", .birthday, [0], calendar: .birthdayCalendar),
            Rule(name: "care", purpose: .care, trigger: .event(.init(kind: 0)), steps: [step()]),
        ]
    }

    func window(_ from: Instant, _ span: TimeSpan) -> PlanWindow { PlanWindow(from: from, through: from + span, plannedThrough: from) }

    @Test func aPassFindsWhatEachRuleFinds() throws {
        var random = SeededGenerator()
        let rules = try rules()
        var count = 0
        var planner = try house.planner(rules)
        var alone = try house.planner(rules)
        for _ in 0..<60 {
            let start = try at("2027-01-01") + .hours(Int64.random(in: 0..<20_000, using: &random))
            var windows: [Int: PlanWindow] = [:]
            for index in rules.indices where Int.random(in: 0..<5, using: &random) > 0 {
                windows[index] = window(start + .hours(Int64.random(in: 0..<20, using: &random)), random.pick([.hours(51), .days(20), .days(500)]))
            }
            planner.beginPass(windows)
            for _ in 0..<40 {
                let text = CivilDate(dayNumber: Int32.random(in: 4000..<12_000, using: &random)).description
                let customer = house.customer(
                    birthday: random.pick(["", text, "--05-05", "1980-02-29", "1980-02-30", "never", text + " 00:00:00", "1980-01-31"]),
                    zone: random.pick(AnniversaryRuleTests.zoneNames),
                    more: [.customerSince: random.pick(["", text]), .birthdayCalendar: random.pick(["", "", "lunar", "gregorian", "maya"])])
                let place = planner.zone(of: customer)
                let zone = try #require(place)
                var found: [PlannedOutreach] = []
                let unusable = planner.candidates(of: customer, zone: zone) { found.append($0.outreach) }
                var expected: [PlannedOutreach] = []
                var expectedUnusable: Set<Int> = []
                for (index, window) in windows {
                    let isUsable = alone.candidates(of: customer, zone: zone, rule: index, in: window) { expected.append($0.outreach) }
                    if !isUsable { expectedUnusable.insert(index) }
                }
                #expect(Set(found) == Set(expected))
                #expect(found.count == expected.count)
                #expect(Set(unusable) == expectedUnusable)
                #expect(unusable.allSatisfy { planner.problem(with: customer, rule: $0) != nil })
                count += found.count
            }
        }
        #expect(count > 300)
    }

    @Test func aNewPassForgetsTheOld() throws {
        var planner = try house.planner(rules())
        let customer = house.customer(birthday: "1980-05-05", zone: "UTC")
        let place = planner.zone(of: customer)
        let zone = try #require(place)
        func found() -> [String] {
            var names: [String] = []
            _ = planner.candidates(of: customer, zone: zone) { names.append($0.outreach.key.rule) }
            return names.sorted()
        }
        #expect(found() == [])
        let may = window(try at("2027-05-01"), .days(10))
        planner.beginPass([0: may, 1: may])
        #expect(found() == ["birthday", "monthly"])
        planner.beginPass([0: may])
        #expect(found() == ["birthday"])
        planner.beginPass([0: window(try at("2027-06-02"), .days(10)), 1: window(try at("2027-06-02"), .days(10))])
        #expect(found() == [])
        planner.beginPass([:])
        #expect(found() == [])
        // Asking for one rule in between leaves the pass as it is.
        planner.beginPass([0: may])
        #expect(try planner.owed(customer, in: 2030).map(\.outreach.key.occasion) == ["2030"])
        var occasions: [String] = []
        _ = planner.candidates(of: customer, zone: zone) { occasions.append($0.outreach.key.occasion) }
        #expect(occasions == ["2027"])
    }
}
