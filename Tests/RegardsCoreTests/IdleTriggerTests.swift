import RegardsCalendar
import RegardsCore
import Testing

@Suite struct IdleTriggerTests {
    var house: TestHouse
    let gap: Int
    let last = CustomerColumn.lastOrderAt.rawValue
    init() throws {
        var house = try TestHouse()
        gap = house.schema.columns.use("usual_gap")
        self.house = house
    }

    func rule(
        _ length: IdleTrigger.Length = .fixed(CalendarSpan(days: 180)), every: CalendarSpan? = nil, atMost: Int = 1
    ) throws -> Rule {
        let trigger = IdleTrigger(column: last, length: length, every: every, atMost: atMost, at: try time("10:00"))
        return Rule(name: "win-back", purpose: .marketing, trigger: .idle(trigger), steps: [step()])
    }

    func customer(_ last: String, zone: String? = nil, since: String = "", count: Int? = nil, usual: String = "") -> Customer {
        var customer = house.customer(zone: zone, more: [.lastOrderAt: last, .customerSince: since])
        if let count { customer.record.set(CustomerColumn.orderCount.rawValue, integer: Int64(count)) }
        if !usual.isEmpty { customer.record.set(gap, text: usual) }
        return customer
    }

    func owed(_ rule: Rule, _ customer: Customer, from: String = "2026-01-01", baseline: String = "2000-01-01") throws -> [String] {
        var planner = try house.planner(rule)
        let place = planner.zone(of: customer)
        let window = PlanWindow(from: try at(from), through: try at("2031-01-01"), plannedThrough: try at(from), baseline: try at(baseline))
        var found: [Candidate] = []
        planner.candidates(of: customer, zone: try #require(place), rule: 0, in: window) { found.append($0) }
        return summary(found.sorted { $0.outreach.dueAt < $1.outreach.dueAt })
    }

    // MARK: How long is long

    @Test(arguments: [
        ("2027-01-01", CalendarSpan(days: 180), "2027-01-01 2027-06-30T08:00:00Z"),
        ("2027-01-01", CalendarSpan(months: 6), "2027-01-01 2027-07-01T08:00:00Z"),
        // A month that has no such day.
        ("2027-08-31", CalendarSpan(months: 6), "2027-08-31 2028-02-29T09:00:00Z"),
        ("2027-08-31", CalendarSpan(months: 6, days: 2), "2027-08-31 2028-03-02T09:00:00Z"),
        ("2027-01-01", CalendarSpan(seconds: 36 * 3600), "2027-01-01 2027-01-03T09:00:00Z"),
    ])
    func aFixedLength(last: String, length: CalendarSpan, expected: String) throws {
        #expect(try owed(rule(.fixed(length)), customer(last)) == [expected])
    }

    @Test(arguments: [
        // A bare date is itself; a time without an offset is the business's, and its day the customer's.
        ("2027-01-01", "America/New_York", "2027-01-01 2027-01-11T15:00:00Z"),
        ("2027-01-01 03:00:00", "America/New_York", "2026-12-31 2027-01-10T15:00:00Z"),
        ("2027-01-01T23:30:00Z", "Europe/Berlin", "2027-01-02 2027-01-12T09:00:00Z"),
        ("2027-01-01T12:00:00+12:00", "Pacific/Kiritimati", "2027-01-01 2027-01-10T20:00:00Z"),
        ("2027-01-01T00:30:00+14:00", "Pacific/Pago_Pago", "2026-12-30 2027-01-09T21:00:00Z"),
    ])
    func theDayIsTheCustomers(last: String, zone: String, expected: String) throws {
        #expect(try owed(rule(.fixed(CalendarSpan(days: 10))), customer(last, zone: zone)) == [expected])
    }

    // MARK: A customer's own rhythm

    @Test(arguments: [
        // 100 days between the first and the last of five orders: every 25 days.
        ("2027-01-01", "2026-09-23", 5, 3, "2027-01-01 2027-03-17T09:00:00Z"),
        // Rounded up to a whole day: 3 * 100 / 6 = 50, 3 * 100 / 7 = 42.86.
        ("2027-01-01", "2026-09-23", 7, 0, "2027-01-01 2027-02-20T09:00:00Z"),
        ("2027-01-01", "2026-09-23", 8, 0, "2027-01-01 2027-02-13T09:00:00Z"),
        // At least so long.
        ("2027-01-01", "2026-09-23", 100, 30, "2027-01-01 2027-01-31T09:00:00Z"),
        // All on one day: never sooner than a day later, or than the floor.
        ("2027-01-01", "2027-01-01", 5, 3, "2027-01-01 2027-01-04T09:00:00Z"),
        ("2027-01-01", "2027-01-01", 5, 0, "2027-01-01 2027-01-02T09:00:00Z"),
        // The bare first day is a day later than the last one where the customer lives.
        ("2027-01-01", "2027-01-02", 5, 3, "2027-01-01 2027-01-04T09:00:00Z"),
        // No rhythm: two orders, none known.
        ("2027-01-01", "2026-09-23", 2, 3, nil), ("2027-01-01", "2026-09-23", nil, 3, nil),
        ("2027-01-01", "", 5, 3, nil),
        ("2027-01-01", "long ago", 5, 3, nil),
        // Longer than anybody waits.
        ("2027-01-01", "1800-01-01", 3, 3, nil),
    ] as [(String, String, Int?, Int, String?)])
    func theAverage(last: String, since: String, count: Int?, floor: Int, expected: String?) throws {
        let rhythm = IdleTrigger.Rhythm.average(since: CustomerColumn.customerSince.rawValue, count: CustomerColumn.orderCount.rawValue)
        let found = try owed(rule(.usual(times: 3, rhythm, floor: floor)), customer(last, since: since, count: count))
        #expect(found == [expected].compactMap { $0 })
    }

    @Test(arguments: [
        ("14", "2027-01-01 2027-01-22T09:00:00Z"), ("14.1", "2027-01-01 2027-01-23T09:00:00Z"), ("0", "2027-01-01 2027-01-02T09:00:00Z"), ("-3", nil),
        ("often", nil), ("", nil), ("1e18", nil),
    ] as [(String, String?)])
    func aColumnOfDays(usual: String, expected: String?) throws {
        let found = try owed(rule(.usual(times: 1.5, .column(gap), floor: 0)), customer("2027-01-01", usual: usual))
        #expect(found == [expected].compactMap { $0 })
    }

    // MARK: Again and again

    @Test func itRepeatsAfterAsMuchAgain() throws {
        #expect(
            try owed(rule(every: CalendarSpan(days: 90), atMost: 3), customer("2027-01-01")) == [
                "2027-01-01 2027-06-30T08:00:00Z", "2027-01-01#2 2027-09-28T08:00:00Z", "2027-01-01#3 2027-12-27T09:00:00Z",
            ])
        // Months are added to the first day together, so that the day of the month is not worn off.
        #expect(
            try owed(rule(.fixed(CalendarSpan(days: 10)), every: CalendarSpan(months: 1), atMost: 3), customer("2027-01-21")) == [
                "2027-01-21 2027-01-31T09:00:00Z", "2027-01-21#2 2027-02-28T09:00:00Z", "2027-01-21#3 2027-03-31T08:00:00Z",
            ])
        #expect(try owed(rule(every: nil, atMost: 3), customer("2027-01-01")).count == 1)
        #expect(try owed(rule(every: CalendarSpan(days: 90), atMost: 0), customer("2027-01-01")).count == 1)
    }

    @Test func anOrderBeginsAnew() throws {
        let rule = try rule(every: CalendarSpan(days: 90), atMost: 3)
        var planner = try house.planner(rule)
        let all = try planner.owed(customer("2027-01-01"), in: 2027)
        for candidate in all {
            #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer("2027-01-01")))?.outreach == candidate.outreach)
            #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer("2027-05-01"))) == nil)
            #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer(""))) == nil)
        }
        #expect(all.count == 3)
        var key = all[0].outreach.key
        key.occasion = "2027-01-01#4"
        #expect(planner.derive(key, facts: Facts(customer: customer("2027-01-01"))) == nil)
        key.occasion = "2027-01-01#1"
        #expect(planner.derive(key, facts: Facts(customer: customer("2027-01-01"))) == nil)
    }

    // MARK: Baseline

    @Test func whoWasIdleBeforeIsLeftAlone() throws {
        let rule = try rule(every: CalendarSpan(days: 90), atMost: 3)
        // Due first at 2027-06-30T08:00Z: of a period that had begun no repetition is owed either.
        #expect(try owed(rule, customer("2027-01-01"), from: "2027-07-01", baseline: "2027-06-30T08:00:01Z").isEmpty)
        #expect(try owed(rule, customer("2027-01-01"), from: "2027-07-01", baseline: "2027-06-30T08:00:00Z").count == 2)
        #expect(try owed(rule, customer("2027-01-01"), from: "2027-07-01").count == 2)
    }

    @Test func aBackfillThatReachesTheBeginningServesTheRest() throws {
        var rule = try rule(every: CalendarSpan(days: 90), atMost: 3)
        let firstSeen = try at("2027-07-10")
        for (backfill, count) in [(Backfill.none, 0), (.since(.days(9)), 0), (.since(.days(10)), 2), (.all, 1)] {
            rule.backfill = backfill
            var window = PlanWindow(rule: rule, firstSeen: firstSeen, plannedThrough: firstSeen, now: firstSeen)
            window.through = try at("2027-11-01")
            var planner = try house.planner(rule)
            let customer = customer("2027-01-01")
            let place = planner.zone(of: customer)
            var found = 0
            planner.candidates(of: customer, zone: try #require(place), rule: 0, in: window) { _ in found += 1 }
            #expect(found == count, "\(backfill)")
        }
    }

    @Test(arguments: ["soon", "2027-02-29", "2027-01-01 25:00:00", "0000-00-00"])
    func whatIsNoDateIsToldWithItsColumn(text: String) throws {
        var planner = try house.planner(rule())
        let customer = customer(text)
        let place = planner.zone(of: customer)
        let window = PlanWindow(from: try at("2027-05-05"), through: try at("2027-05-06"), plannedThrough: try at("2027-05-05"))
        #expect(!planner.candidates(of: customer, zone: try #require(place), rule: 0, in: window) { _ in })
        #expect(planner.problem(with: customer, rule: 0) == .badDate)
        #expect(planner.problemColumn(with: customer, rule: 0) == "last_order_at")
        #expect(planner.problem(with: self.customer(""), rule: 0) == nil)
    }
}
