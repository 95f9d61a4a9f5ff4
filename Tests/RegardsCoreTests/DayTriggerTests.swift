import RegardsCalendar
import RegardsCore
import Testing

/// Rules that fire once: on the day a column holds, and on one day for everybody.
@Suite struct DayTriggerTests {
    let house: TestHouse
    let lease: Int
    init() throws {
        var house = try TestHouse()
        lease = house.schema.columns.use("lease_ends_at")
        self.house = house
    }

    func rule(_ offsets: [Int] = [0], at time: String = "10:00", on day: String? = nil) throws -> Rule {
        let at = try RegardsCoreTests.time(time)
        let trigger: Trigger =
            if let day { .on(DayTrigger(day: try date(day), at: at, dayOffsets: offsets)) } else {
                .date(DateTrigger(column: lease, at: at, dayOffsets: offsets))
            }
        return Rule(name: "lease-end", purpose: .care, trigger: trigger, steps: [step()])
    }

    func customer(_ text: String, zone: String? = nil) -> Customer {
        var customer = house.customer(zone: zone)
        customer.record.set(lease, text: text)
        return customer
    }

    // MARK: The day in a column

    @Test(arguments: [
        ("2027-05-05", ["2027-05-05 2027-05-05T08:00:00Z"]),
        // The day is the one written, whatever time and offset stand behind it.
        ("2027-05-05 00:00:00", ["2027-05-05 2027-05-05T08:00:00Z"]),
        ("2027-05-05T23:59:59", ["2027-05-05 2027-05-05T08:00:00Z"]),
        ("2027-05-05T23:30:00Z", ["2027-05-05 2027-05-05T08:00:00Z"]),
        ("2028-02-29", ["2028-02-29 2028-02-29T09:00:00Z"]),
        ("", []), ("2027-02-29", []), ("soon", []), ("0000-00-00", []), ("--05-05", []),
    ] as [(String, [String])])
    func theColumnNamesTheDay(text: String, expected: [String]) throws {
        var planner = try house.planner(rule())
        let found = try planner.owed(customer(text), from: at("2020-01-01"), through: at("2030-01-01"))
        #expect(summary(found) == expected)
    }

    @Test func aNumberIsAnInstantOnTheBusinesssCalendar() throws {
        var planner = try house.planner(rule())
        var customer = house.customer(zone: "Pacific/Honolulu")
        // 2027-05-04T22:30Z is the 5th in Berlin.
        customer.record.set(lease, integer: 1_809_469_800)
        #expect(
            summary(try planner.owed(customer, in: 2027)) == ["2027-05-05 2027-05-05T20:00:00Z"])
        customer.record.set(lease, real: 1_809_469_800_000)
        #expect(try planner.owed(customer, in: 2027).count == 1)
    }

    @Test func offsetsCountOnlyWhereThereAreSeveral() throws {
        var one = try house.planner(rule([-60]))
        #expect(summary(try one.owed(customer("2027-05-05"), in: 2027)) == ["2027-05-05 2027-03-06T09:00:00Z"])
        var several = try house.planner(rule([-60, 0, 1]))
        #expect(
            summary(try several.owed(customer("2027-05-05"), in: 2027)) == [
                "2027-05-05/-60 2027-03-06T09:00:00Z", "2027-05-05/0 2027-05-05T08:00:00Z",
                "2027-05-05/+1 2027-05-06T08:00:00Z",
            ])
    }

    @Test func anotherDayIsAnotherOccasion() throws {
        var planner = try house.planner(rule())
        let before = try #require(try planner.owed(customer("2027-05-05"), in: 2027).first)
        #expect(planner.derive(before.outreach.key, facts: Facts(customer: customer("2027-05-05")))?.outreach == before.outreach)
        #expect(planner.derive(before.outreach.key, facts: Facts(customer: customer("2027-05-06"))) == nil)
        #expect(planner.derive(before.outreach.key, facts: Facts(customer: customer(""))) == nil)
        let verdict = planner.decide(before.outreach.key, facts: Facts(customer: customer("2027-05-06")), now: before.outreach.dueAt)
        #expect(verdict.decision.verdict == .cancel(.occasionGone))
    }

    @Test(arguments: [
        // Clocks are set forward at 02:00: the hour that is left out moves later. Back at 03:00: the first pass counts.
        ("2027-03-28", "02:30", "2027-03-28T01:30:00Z"), ("2027-10-31", "02:30", "2027-10-31T00:30:00Z"),
    ])
    func theHoursThatClocksSkipAndRepeat(day: String, time: String, due: String) throws {
        var planner = try house.planner(rule(at: time))
        let found = try planner.owed(customer(day), in: 2027)
        #expect(found.map(\.outreach.dueAt) == [try at(due)])
        #expect(found.map(\.outreach.localTime) == [try RegardsCoreTests.time(time)])
    }

    // MARK: What is no date

    @Test(arguments: ["soon", "2027-02-29", "0000-00-00", "05/05/2027"])
    func whatIsNoDateIsToldWithItsColumn(text: String) throws {
        var planner = try house.planner(rule())
        let customer = customer(text)
        let place = planner.zone(of: customer)
        let window = PlanWindow(from: try at("2027-05-05"), through: try at("2027-05-06"), plannedThrough: try at("2027-05-05"))
        let isUsable = planner.candidates(of: customer, zone: try #require(place), rule: 0, in: window) { _ in
            Issue.record("nothing is due")
        }
        #expect(!isUsable)
        #expect(planner.problem(with: customer, rule: 0) == .badDate)
        #expect(planner.problemColumn(with: customer, rule: 0) == "lease_ends_at")
        planner.beginPass([0: window])
        let unusable = planner.candidates(of: customer, zone: try #require(place)) { _ in Issue.record("nothing is due") }
        #expect(unusable == [0])
        #expect(planner.problem(with: self.customer("2027-05-05"), rule: 0) == nil)
        #expect(planner.problemColumn(with: self.customer(""), rule: 0) == nil)
    }

    // MARK: One day

    @Test func oneDayComesForEverybodyInTheirOwnZone() throws {
        var planner = try house.planner(rule([-14, 0], on: "2027-06-12"))
        #expect(
            summary(try planner.owed(house.customer(zone: "Asia/Tokyo"), in: 2027)) == [
                "2027-06-12/-14 2027-05-29T01:00:00Z", "2027-06-12/0 2027-06-12T01:00:00Z",
            ])
        #expect(try planner.owed(house.customer(), in: 2028).isEmpty)
        var single = try house.planner(rule([-14], on: "2027-06-12"))
        let found = try single.owed(house.customer(), in: 2027)
        #expect(summary(found) == ["2027-06-12 2027-05-29T08:00:00Z"])
        #expect(found.map(\.outreach.localDate) == [try date("2027-05-29")])
        #expect(single.problem(with: house.customer(), rule: 0) == nil)
    }
}
