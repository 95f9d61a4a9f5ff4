import RegardsCalendar
import RegardsCore
import Testing

/// Rungs that a late event has passed, that a shorter promise brings together, and that follow a refused one.
@Suite struct LadderTests {
    let house: TestHouse
    let opened: Instant
    init() throws {
        house = try TestHouse()
        opened = try at("2027-05-05T07:00:00Z")
    }

    func tell(_ role: Role, _ time: StepTime, _ name: String? = nil) -> Step {
        step(name ?? "tell-\(role)", .tell(role, CardPattern("task")), at: time)
    }

    func ladder(promise: Promise? = Promise(answerWithin: .hours(24)), _ steps: [Step]? = nil) -> Rule {
        let standard = [
            step(), tell(TestHouse.advisor, .occasion), tell(TestHouse.manager, .limit(.hours(-6))),
            Step(
                name: "tell-director", action: .tell(TestHouse.director, CardPattern("breach")), time: .limit(.zero),
                every: .hours(24), atMost: 2), step("survey", at: .column(slot: house.solved, .days(3))),
            tell(TestHouse.manager, .column(slot: house.solved, .hours(-200)), "tell-solved"),
        ]
        return Rule(name: "care", purpose: .care, trigger: .event(.init(kind: 0, promise: promise)), steps: steps ?? standard)
    }

    func facts(seenAfter: TimeSpan = .zero, limit: TimeSpan? = nil, refused: [String: Instant] = [:], advisor: String = "anna@shop.example") -> Facts {
        let event = Event(
            kind: "complaint", id: "1", customer: "17", at: opened, limits: limit.map { ["care": opened + $0] } ?? [:],
            firstSeen: opened + seenAfter)
        return Facts(
            customer: house.customer(more: [.advisorEmail: advisor]), event: event,
            eventRecord: house.record([house.solved: "2027-05-07T10:00:00Z"]), history: History(refused: refused))
    }

    func overtaken(_ rule: Rule, _ facts: Facts) throws -> [String] {
        var planner = try house.planner(rule)
        let found = planner.candidates(ofEvent: facts, rule: 0)
        for candidate in found {
            let again = planner.derive(candidate.outreach.key, facts: facts)
            #expect(again?.outreach == candidate.outreach)
            #expect(again?.isOvertaken == candidate.isOvertaken)
        }
        return found.filter(\.isOvertaken).map { "\($0.outreach.key.step) \($0.outreach.key.recipient)" }
    }

    // MARK: Late events

    @Test(arguments: [
        (TimeSpan.zero, []), (.seconds(5), []), (.hours(18), ["tell-advisor advisor/0"]),
        (TimeSpan(microseconds: 18 * 3_600_000_000 - 1), []),
        (.hours(24), ["tell-advisor advisor/0", "tell-manager manager/0", "tell-manager manager/1"]),
        (.days(9), ["tell-advisor advisor/0", "tell-manager manager/0", "tell-manager manager/1", "tell-director director/0"]),
    ] as [(TimeSpan, [String])])
    func onlyTheHighestRungDueIsWanted(seen: TimeSpan, expected: [String]) throws {
        #expect(try overtaken(ladder(), facts(seenAfter: seen)) == expected)
    }

    @Test func rungsOfOneInstantGoTogether() throws {
        let steps = [tell(TestHouse.advisor, .occasion), tell(TestHouse.manager, .start(.hours(1))), tell(TestHouse.director, .limit(.hours(-23)))]
        #expect(try overtaken(ladder(steps), facts(seenAfter: .hours(2))) == ["tell-advisor advisor/0"])
    }

    @Test func aRungThatMayNotGoOvertakesNone() throws {
        var director = tell(TestHouse.director, .limit(.zero))
        director.condition = .test(.init(text: "vip is present", operand: .customer(slot: house.vip), predicate: .isPresent))
        let conditional = [tell(TestHouse.advisor, .occasion), tell(TestHouse.manager, .start(.hours(1))), director]
        #expect(try overtaken(ladder(conditional), facts(seenAfter: .days(3))) == ["tell-advisor advisor/0"])
        let nobody = [tell(TestHouse.advisor, .occasion), tell(Role("nobody"), .start(.hours(1)))]
        #expect(try overtaken(ladder(nobody), facts(seenAfter: .days(3))) == [])
    }

    @Test func aLateEventStillGetsItsAnswerAndHangsOnItsColumns() throws {
        var planner = try house.planner(ladder())
        let facts = facts(seenAfter: .days(9))
        let found = planner.candidates(ofEvent: facts, rule: 0)
        #expect(found.filter { !$0.isOvertaken }.map(\.outreach.key.step) == ["send", "tell-director#2", "survey", "tell-solved", "tell-solved"])
        let verdicts = found.map { Decision.make($0, facts, planner.book, now: opened + .days(9)).verdict }
        #expect(zip(found, verdicts).allSatisfy { $0.isOvertaken == ($1 == .cancel(.overtaken)) || $1 == .cancel(.eventEnded) })
    }

    // MARK: A promise by segment

    let promise = Promise(answerWithin: .hours(24), bySegment: [.init(segment: 1, answerWithin: .hours(4)), .init(segment: 0, answerWithin: .hours(48))])

    @Test func theFirstSegmentDecides() {
        #expect(promise.granted { $0 == 1 } == .hours(4))
        #expect(promise.granted { $0 == 0 } == .hours(48))
        #expect(promise.granted { _ in true } == .hours(4))
        #expect(promise.granted { _ in false } == .hours(24))
    }

    @Test(arguments: [
        (TimeSpan.hours(24), "2027-05-06T01:00:00Z", "2027-05-06T07:00:00Z"),
        (.hours(4), "2027-05-05T10:00:00Z", "2027-05-05T11:00:00Z"), (.hours(48), "2027-05-06T19:00:00Z", "2027-05-07T07:00:00Z"),
        // The event moved by an hour since, or the file changed: the nearest promise counts.
        (.hours(5), "2027-05-05T11:00:00Z", "2027-05-05T12:00:00Z"), (.hours(30), "2027-05-06T07:00:00Z", "2027-05-06T13:00:00Z"),
    ])
    func rungsScaleWithThePromise(limit: TimeSpan, manager: String, director: String) throws {
        var planner = try house.planner(ladder(promise: promise))
        let found = planner.candidates(ofEvent: facts(limit: limit), rule: 0)
        func due(_ name: String) -> Instant? { found.first { $0.outreach.key.step == name }?.outreach.dueAt }
        #expect(due("tell-manager") == (try at(manager)))
        #expect(due("tell-director") == (try at(director)))
        // What hangs on the start, and a repetition, stay as they are written.
        #expect(due("tell-advisor") == opened)
        #expect(due("tell-director#2") == (try at(director)) + .hours(24))
    }

    @Test func inBusinessTimeTheFixedLimitTellsThePromiseToo() throws {
        let hours = WeeklyHours(Dictionary(uniqueKeysWithValues: try [Weekday.wednesday, .thursday, .friday].map { ($0, [try #require(.init("09:00-17:00"))]) }))
        var business = try house.book([]).house.business
        business.hours = hours
        let promise = Promise(answerWithin: .hours(16), bySegment: [.init(segment: 0, answerWithin: .hours(2))], clock: .business)
        for span in [TimeSpan.hours(16), .hours(2)] {
            let limit = promise.limit(from: opened, business, within: span)
            #expect(promise.granted(limit: limit, from: opened, business) == span)
        }
        #expect(promise.limit(from: opened, business) == promise.limit(from: opened, business, within: .hours(16)))
        #expect(promise.limit(from: opened, business, within: .hours(16)) == (try at("2027-05-06T15:00:00Z")))
        #expect(promise.scaled(.hours(-4), granted: .hours(2)) == .minutes(-30))
        #expect(promise.scaled(.hours(-4), granted: .hours(16)) == .hours(-4))
    }

    @Test func scalingIsExactForTheLongestSpans() {
        let long = Promise(answerWithin: .days(3_650_000), bySegment: [.init(segment: 0, answerWithin: .days(1_825_000))])
        #expect(long.scaled(.days(3_000_000), granted: .days(1_825_000)) == .days(1_500_000))
        #expect(Promise(answerWithin: .zero).scaled(.hours(1), granted: .hours(2)) == .hours(1))
    }

    // MARK: A refused recipient

    func dues(_ refused: [String: String], _ rule: Rule? = nil) throws -> [String: String] {
        var planner = try house.planner(rule ?? ladder())
        let facts = facts(refused: try refused.mapValues(at))
        let found = planner.candidates(ofEvent: facts, rule: 0)
        for candidate in found { #expect(planner.derive(candidate.outreach.key, facts: facts)?.outreach == candidate.outreach) }
        return Dictionary(found.map { ($0.outreach.key.step, "\($0.outreach.dueAt)") }, uniquingKeysWith: { first, _ in first })
    }

    @Test func theNextRungIsDueAtOnce() throws {
        let found = try dues(["care/tell-advisor": "2027-05-05T07:03:00Z"])
        #expect(found["tell-manager"] == "2027-05-05T07:03:00Z")
        #expect(found["tell-director"] == "2027-05-06T07:00:00Z")
        #expect(found["tell-advisor"] == "2027-05-05T07:00:00Z")
        // One after the other.
        let both = try dues(["care/tell-advisor": "2027-05-05T07:03:00Z", "care/tell-manager": "2027-05-05T07:04:00Z"])
        #expect(both["tell-director"] == "2027-05-05T07:04:00Z")
        // A repetition would go to the same people; a step on a column is no rung.
        #expect(both["tell-director#2"] == "2027-05-07T07:00:00Z")
        #expect(both["tell-solved"] == "2027-04-29T02:00:00Z")
    }

    @Test func aRefusalNeverPutsARungOff() throws {
        #expect(try dues(["care/tell-manager": "2027-05-09T07:00:00Z"])["tell-director"] == "2027-05-06T07:00:00Z")
        #expect(try dues(["care/tell-director": "2027-05-06T07:01:00Z"])["tell-director#2"] == "2027-05-07T07:00:00Z")
        #expect(try dues(["other/tell-advisor": "2027-05-05T07:03:00Z"])["tell-manager"] == "2027-05-06T01:00:00Z")
        #expect(try dues(["care/send": "2027-05-05T07:03:00Z"])["tell-manager"] == "2027-05-06T01:00:00Z")
    }

    @Test func allRungsOfTheNextInstantGo() throws {
        let steps = [tell(TestHouse.advisor, .occasion), tell(TestHouse.manager, .limit(.zero)), tell(TestHouse.director, .start(.hours(24)))]
        let found = try dues(["care/tell-advisor": "2027-05-05T07:03:00Z"], ladder(steps))
        #expect(found["tell-manager"] == "2027-05-05T07:03:00Z")
        #expect(found["tell-director"] == "2027-05-05T07:03:00Z")
    }
}
