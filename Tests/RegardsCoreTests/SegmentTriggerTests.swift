import RegardsCalendar
import RegardsCore
import Testing

@Suite struct SegmentTriggerTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func rule(_ change: SegmentTrigger.Change, _ delay: Delay = .none, segment: Int = 3) -> Rule {
        Rule(name: change.rawValue, purpose: .care, trigger: .segment(.init(segment: segment, change: change, delay: delay)), steps: [step()])
    }

    func entry(_ entered: String, _ number: Int = 1, left: String? = nil, isBaseline: Bool = false) throws -> SegmentEntry {
        SegmentEntry(number: number, enteredAt: try at(entered), leftAt: try left.map(at), isBaseline: isBaseline)
    }

    func owed(_ rule: Rule, _ entry: SegmentEntry?, baseline: String = "2000-01-01", zone: String? = nil) throws -> [String] {
        var planner = try house.planner(rule)
        let customer = house.customer(zone: zone)
        let place = planner.zone(of: customer)
        let window = PlanWindow(from: try at("2027-01-01"), through: try at("2028-01-01"), plannedThrough: try at("2027-01-01"), baseline: try at(baseline))
        let entries = entry.map { [3: $0, 4: $0] } ?? [:]
        planner.beginPass([0: window])
        var found: [Candidate] = []
        let unusable = planner.candidates(of: customer, zone: try #require(place), entries: entries) { found.append($0) }
        #expect(unusable == [])
        var alone: [Candidate] = []
        planner.candidates(of: customer, zone: try #require(place), rule: 0, entries: entries, in: window) { alone.append($0) }
        #expect(alone.map(\.outreach) == found.map(\.outreach))
        for candidate in found {
            let facts = Facts(customer: customer, entries: entries)
            #expect(planner.derive(candidate.outreach.key, facts: facts)?.outreach == candidate.outreach)
            #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer)) == nil)
        }
        return summary(found)
    }

    @Test func comingIn() throws {
        let ten = Delay(at: try time("10:00"))
        #expect(try owed(rule(.becomes), entry("2027-05-05T13:00:00Z")) == ["1 2027-05-05T13:00:00Z"])
        #expect(try owed(rule(.becomes, ten), entry("2027-05-05T13:00:00Z", 4)) == ["4 2027-05-06T08:00:00Z"])
        // Gone again before the message went.
        #expect(try owed(rule(.becomes, ten), entry("2027-05-05T13:00:00Z", left: "2027-05-05T14:00:00Z")) == [])
        #expect(try owed(rule(.becomes), nil) == [])
        #expect(try owed(rule(.becomes, segment: 1), entry("2027-05-05T13:00:00Z")) == [])
    }

    @Test func goingAway() throws {
        let left = try entry("2026-05-05T13:00:00Z", 2, left: "2027-05-05T13:00:00Z")
        #expect(try owed(rule(.leaves), left) == ["2 2027-05-05T13:00:00Z"])
        #expect(try owed(rule(.leaves, Delay(after: CalendarSpan(days: 3), at: time("10:00"))), left, zone: "Asia/Tokyo") == ["2 2027-05-08T01:00:00Z"])
        #expect(try owed(rule(.leaves), entry("2027-05-05T13:00:00Z")) == [])
    }

    @Test func whoBelongedBeforeHasNotComeButMayGo() throws {
        let old = try entry("2027-05-05T13:00:00Z", isBaseline: true)
        #expect(try owed(rule(.becomes), old) == [])
        let gone = try entry("2026-05-05T13:00:00Z", left: "2027-05-05T13:00:00Z", isBaseline: true)
        #expect(try owed(rule(.leaves), gone) == ["1 2027-05-05T13:00:00Z"])
    }

    @Test func whatWasSeenBeforeTheRuleIsNotServed() throws {
        let delay = Delay(after: CalendarSpan(days: 3))
        let entry = try entry("2027-05-05T13:00:00Z")
        #expect(try owed(rule(.becomes, delay), entry, baseline: "2027-05-05T13:00:00Z").count == 1)
        #expect(try owed(rule(.becomes, delay), entry, baseline: "2027-05-05T13:00:01Z") == [])
    }

    @Test func anEarlierStayIsOwedNoLonger() throws {
        var planner = try house.planner(rule(.becomes))
        let key = OutreachKey(customer: "17", rule: "becomes", occasion: "1", step: "send", recipient: "customer/0")
        let second = Facts(customer: house.customer(), entries: [3: try entry("2027-05-05T13:00:00Z", 2)])
        #expect(planner.derive(key, facts: second) == nil)
        #expect(planner.decide(key, facts: second, now: try at("2027-05-05")).decision.verdict == .cancel(.occasionGone))
        #expect(planner.problem(with: house.customer(), rule: 0) == nil)
    }
}
