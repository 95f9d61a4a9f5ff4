import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct ScheduleRuleTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func owed(_ expression: String, at clock: String? = nil, zone: String, from: String, through: String) throws -> [Candidate] {
        var planner = try house.planner(scheduleRule(expression, at: clock.map { try time($0) }))
        return try planner.owed(house.customer(zone: zone), from: at(from), through: at(through))
    }

    // MARK: With a time of day

    @Test func aScheduleWithATimeNamesDays() throws {
        let found = try owed("*-*-01", at: "10:00", zone: "Europe/Berlin", from: "2027-01-01", through: "2027-05-01")
        #expect(
            summary(found) == [
                "2027-01-01 2027-01-01T09:00:00Z", "2027-02-01 2027-02-01T09:00:00Z", "2027-03-01 2027-03-01T09:00:00Z",
                "2027-04-01 2027-04-01T08:00:00Z",
            ])
        #expect(found.first?.outreach.key.recipient == "customer/0")
        #expect(found.first?.outreach.expiresAt == (try at("2027-01-01T23:00:00Z")))
        #expect(found.first?.outreach.zone == "Europe/Berlin")
    }

    @Test(arguments: [
        // 02:30 in the gap of 2027-03-28 moves later; 02:30 twice on 2027-10-31 means the first.
        ("02:30", "2027-03-27", "2027-03-30", ["2027-03-27 2027-03-27T01:30:00Z", "2027-03-28 2027-03-28T01:30:00Z", "2027-03-29 2027-03-29T00:30:00Z"]),
        ("02:30", "2027-10-30T12:00:00Z", "2027-11-01T00:00:00Z", ["2027-10-31 2027-10-31T00:30:00Z"]),
    ])
    func aTimeOfDayMovesThroughClockChanges(clock: String, from: String, through: String, expected: [String]) throws {
        #expect(summary(try owed("daily", at: clock, zone: "Europe/Berlin", from: from, through: through)) == expected)
    }

    @Test func theDayThatTheZoneLeftOutIsServedTheNext() throws {
        let found = try owed("*-12-30", at: "09:00", zone: "Pacific/Apia", from: "2011-12-01", through: "2012-01-10")
        #expect(summary(found) == ["2011-12-30 2011-12-30T19:00:00Z"])
        #expect(found.first?.outreach.expiresAt == (try at("2011-12-31T10:00:00Z")))
    }

    // MARK: Without

    @Test func aTimeInAGapDoesNotElapse() throws {
        let found = try owed("*-*-* 02:30", zone: "Europe/Berlin", from: "2027-03-27", through: "2027-03-30")
        #expect(summary(found) == ["2027-03-27 2027-03-27T01:30:00Z", "2027-03-29 2027-03-29T00:30:00Z"])
    }

    @Test func elapsesOfADayAreNumbered() throws {
        let found = try owed("*-*-* 09,12,18:00", zone: "Asia/Tokyo", from: "2027-05-04T15:00:00Z", through: "2027-05-05T15:00:00Z")
        #expect(
            summary(found) == [
                "2027-05-05 2027-05-05T00:00:00Z", "2027-05-05#2 2027-05-05T03:00:00Z", "2027-05-05#3 2027-05-05T09:00:00Z",
            ])
        #expect(found.map(\.outreach.localTime.description) == ["09:00", "12:00", "18:00"])
    }

    /// The number belongs to the day, wherever the window begins.
    @Test(arguments: [
        ("2027-05-05T00:00:00.000001Z", ["2027-05-05#2", "2027-05-05#3"]), ("2027-05-05T03:00:00Z", ["2027-05-05#2", "2027-05-05#3"]),
        ("2027-05-05T03:00:00.000001Z", ["2027-05-05#3"]), ("2027-05-05T09:00:00Z", ["2027-05-05#3"]),
        ("2027-05-05T09:00:00.000001Z", []),
    ])
    func aWindowThatBeginsInTheDayKeepsTheNumbers(from: String, expected: [String]) throws {
        let found = try owed("*-*-* 09,12,18:00", zone: "Asia/Tokyo", from: from, through: "2027-05-05T15:00:00Z")
        #expect(found.map(\.outreach.key.occasion) == expected)
    }

    @Test func anHourThatComesTwiceElapsesOnce() throws {
        let found = try owed("*-*-* *:30", zone: "Europe/Berlin", from: "2027-10-30T22:00:00Z", through: "2027-10-31T04:00:00Z")
        #expect(
            summary(found) == [
                "2027-10-31 2027-10-30T22:30:00Z", "2027-10-31#2 2027-10-30T23:30:00Z", "2027-10-31#3 2027-10-31T00:30:00Z",
                "2027-10-31#4 2027-10-31T02:30:00Z", "2027-10-31#5 2027-10-31T03:30:00Z",
            ])
    }

    /// St. John's used to set its clocks back at 00:01, so that a day began, ended and began again.
    @Test func aDayThatBeginsTwiceKeepsItsNumbers() throws {
        var planner = try house.planner(scheduleRule("*-*-* *:00/20"))
        let customer = house.customer(zone: "America/St_Johns")
        let start = try at("2010-11-06T00:00:00Z")
        let all = try planner.owed(customer, from: start, through: start + .days(3))
        for minute in 0..<(24 * 4) {
            let middle = start + .days(1) + .minutes(Int64(minute) * 15)
            let halves = try planner.owed(customer, from: start, through: middle) + planner.owed(customer, from: middle, through: start + .days(3))
            #expect(summary(halves) == summary(all))
        }
        #expect(Set(all.map(\.outreach.key)).count == all.count)
    }

    // MARK: A zone of its own

    @Test func aZoneInTheExpressionCountsForEverybody() throws {
        for clock in [nil, "00:30"] {
            let expression = clock == nil ? "2027-01-01 00:30 Asia/Tokyo" : "2027-01-01 Asia/Tokyo"
            let found = try owed(expression, at: clock, zone: "Pacific/Honolulu", from: "2026-12-30", through: "2027-01-03")
            #expect(summary(found) == ["2027-01-01 2026-12-31T15:30:00Z"])
            let outreach = try #require(found.first).outreach
            #expect(outreach.zone == "Asia/Tokyo")
            #expect(outreach.localDate == (try date("2027-01-01")))
            #expect(outreach.localTime == (try time("00:30")))
            // It may go until the customer's midnight: in Honolulu it is five in the morning of the 31st.
            #expect(outreach.expiresAt == (try at("2027-01-01T10:00:00Z")))
            #expect(found.first?.zone.zone.name == "Pacific/Honolulu")
        }
    }

    @Test func everyZoneHasItsOwnTime() throws {
        var planner = try house.planner(scheduleRule("*-*-01", at: time("10:00")))
        let window = (try at("2027-04-30"), try at("2027-05-03"))
        for _ in 0..<2 {
            let tokyo = try planner.owed(house.customer("1", zone: "Asia/Tokyo"), from: window.0, through: window.1)
            let berlin = try planner.owed(house.customer("2", zone: "Europe/Berlin"), from: window.0, through: window.1)
            #expect(tokyo.map(\.outreach.dueAt) == [try at("2027-05-01T01:00:00Z")])
            #expect(berlin.map(\.outreach.dueAt) == [try at("2027-05-01T08:00:00Z")])
            #expect(berlin.map(\.outreach.key.customer) == ["2"])
        }
    }

    // MARK: Windows

    @Test(arguments: [("*-*-01", "10:00"), ("*-*-01 10:00", nil)])
    func aWindowHoldsItsBeginningAndNotItsEnd(expression: String, clock: String?) throws {
        var planner = try house.planner(scheduleRule(expression, at: clock.map { try time($0) }))
        let customer = house.customer()
        let due = try at("2027-05-01T08:00:00Z")
        #expect(try planner.owed(customer, from: due - 1, through: due).isEmpty)
        #expect(try planner.owed(customer, from: due, through: due + 1).count == 1)
        #expect(try planner.owed(customer, from: due + 1, through: due + .days(20)).isEmpty)
        #expect(try planner.owed(customer, from: due + 1, through: due).isEmpty)
        #expect(try planner.owed(customer, from: due + .days(900), through: due - .days(900)).isEmpty)
    }

    static let expressions: [(String, String?)] = [
        ("daily", "02:30"), ("daily", "00:00"), ("*-*-* 00,06,12,18:15", nil), ("Mon..Fri *-*-* 09:00", nil), ("*-*-* *:30", nil),
        ("*-*-01", "10:00"), ("weekly", "23:59"), ("*-*-* 00:00", nil), ("*-*~1 12:00", nil),
    ]

    @Test func windowsThatTouchNeitherMissNorRepeat() throws {
        var random = SeededGenerator()
        for _ in 0..<120 {
            let (expression, clock) = random.pick(Self.expressions)
            var planner = try house.planner(scheduleRule(expression, at: clock.map { try time($0) }))
            let customer = house.customer(zone: random.pick(AnniversaryRuleTests.zoneNames))
            let days = Int64.random(in: 0..<4000, using: &random)
            let start = try at("2010-01-01") + .days(days) + .seconds(Int64.random(in: 0..<86_400, using: &random))
            let end = start + .days(45)
            let whole = summary(try planner.owed(customer, from: start, through: end))
            var parts: [String] = []
            var from = start
            while from < end {
                let through = min(end, from + random.pick([.minutes(7), .hours(1), .hours(26), .days(9)]))
                parts += summary(try planner.owed(customer, from: from, through: through))
                from = through
            }
            #expect(parts == whole, "\(expression) \(clock ?? "") from \(start)")
            #expect(Set(whole).count == whole.count)
        }
    }

    @Test func derivingAgainGivesTheSame() throws {
        var random = SeededGenerator()
        var count = 0
        for _ in 0..<120 {
            let (expression, clock) = random.pick(Self.expressions)
            var planner = try house.planner(scheduleRule(expression, at: clock.map { try time($0) }))
            let customer = house.customer(zone: random.pick(AnniversaryRuleTests.zoneNames))
            let start = try at("2011-12-01") + .hours(Int64.random(in: 0..<(24 * 4000), using: &random))
            for candidate in try planner.owed(customer, from: start, through: start + .days(40)) {
                let again = planner.derive(candidate.outreach.key, facts: Facts(customer: customer))
                #expect(again?.outreach == candidate.outreach)
                count += 1
            }
        }
        #expect(count > 1000)
    }

    @Test(arguments: ["2027-05-02", "2027-05-01#2", "2027-05", "2027", "2027-05-01#1", "2027-05-01 ", ""])
    func noOtherNameIsDerived(occasion: String) throws {
        for clock in [nil, "10:00"] {
            var planner = try house.planner(scheduleRule("*-*-01\(clock == nil ? " 10:00" : "")", at: clock.map { try time($0) }))
            var key = OutreachKey(customer: "17", rule: "monthly-card", occasion: "2027-05-01", step: "send", recipient: "customer/0")
            #expect(planner.derive(key, facts: Facts(customer: house.customer())) != nil)
            key.occasion = occasion
            #expect(planner.derive(key, facts: Facts(customer: house.customer())) == nil)
        }
    }

    @Test func aScheduleThatIsOverOwesNothing() throws {
        #expect(try owed("2020-01-01", at: "10:00", zone: "UTC", from: "2027-01-01", through: "2028-01-01").isEmpty)
        #expect(try owed("2020-01-01 10:00", zone: "UTC", from: "2027-01-01", through: "2028-01-01").isEmpty)
    }
}
