import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// The complaint clock: which rungs stand when, and what ends them.
@Suite struct EventRuleTests {
    let house: TestHouse
    let opened: Instant
    init() throws {
        house = try TestHouse()
        opened = try at("2027-05-05T07:00:00Z")
    }

    func ladder(promise: TimeSpan? = .hours(24), steps: [Step]? = nil, endsWhen: Bool = true) -> Rule {
        let answered = Condition.test(
            .init(text: "complaint.answered_at is present", operand: .event(slot: house.answered), predicate: .isPresent))
        let standard = [
            step(at: .occasion), step("tell-advisor", .tell(TestHouse.advisor, CardPattern("task-answer"))),
            step("tell-manager", .tell(TestHouse.manager, CardPattern("task-warning")), at: .limit(.hours(-6))),
            Step(
                name: "tell-director", action: .tell(TestHouse.director, CardPattern("task-breach")), time: .limit(.zero),
                every: .hours(24), atMost: 3),
            step("survey", at: .column(slot: house.solved, .days(3))),
        ]
        return Rule(
            name: "complaint-care", purpose: .care,
            trigger: .event(.init(kind: 0, promise: promise.map { Promise(answerWithin: $0) }, endsWhen: endsWhen ? answered : nil)),
            steps: steps ?? standard)
    }

    func event(customer: String? = "17", id: String = "4711", generation: Int = 1, limits: [String: Instant] = [:], isOpen: Bool = true, isGone: Bool = false) -> Event {
        Event(
            kind: "complaint", id: id, generation: generation, customer: customer, at: opened, limits: limits,
            isOpen: isOpen, isGone: isGone, firstSeen: opened)
    }

    func facts(_ values: [Int: String] = [:], event: Event? = nil, customer: Customer? = nil, hasRecord: Bool = true) -> Facts {
        Facts(
            customer: customer ?? house.customer(more: [.advisorEmail: "anna@shop.example"]), event: event ?? self.event(),
            eventRecord: hasRecord ? house.record(values) : nil)
    }

    /// `tell-manager manager/0 2027-05-06T01:00:00Z`.
    func rungs(_ candidates: [Candidate]) -> [String] {
        candidates.map { "\($0.outreach.key.step) \($0.outreach.key.recipient) \($0.outreach.dueAt)" }
    }

    // MARK: Where the rungs stand

    @Test func theLadderStandsAtTheRightInstants() throws {
        var planner = try house.planner(ladder())
        let found = planner.candidates(ofEvent: facts([house.solved: "2027-05-07 10:00:00"]), rule: 0)
        #expect(
            rungs(found) == [
                "send customer/0 2027-05-05T07:00:00Z",
                "tell-advisor advisor/0 2027-05-05T07:00:00Z",
                "tell-manager manager/0 2027-05-06T01:00:00Z",
                "tell-manager manager/1 2027-05-06T01:00:00Z",
                "tell-director director/0 2027-05-06T07:00:00Z",
                "tell-director#2 director/0 2027-05-07T07:00:00Z",
                "tell-director#3 director/0 2027-05-08T07:00:00Z",
                "survey customer/0 2027-05-10T08:00:00Z",
            ])
        #expect(Set(found.map(\.outreach.key.occasion)) == ["4711"])
        #expect(Set(found.map(\.outreach.key.customer)) == ["17"])
        #expect(Set(found.map(\.outreach.lane)) == [.care])
        #expect(found.map(\.position) == [0, 0, 0, 1, 0, 0, 0, 0])
    }

    @Test func aRepetitionTakesThePlaceOfTheOneBefore() throws {
        var planner = try house.planner(ladder())
        let found = planner.candidates(ofEvent: facts(), rule: 0).filter { $0.outreach.key.step.hasPrefix("tell-director") }
        #expect(found.map(\.outreach.expiresAt) == [try at("2027-05-07T07:00:00Z"), try at("2027-05-08T07:00:00Z"), nil])
        let late = try at("2027-05-08T09:00:00Z")
        let verdicts = found.map { Decision.make($0, facts(), planner.book, now: late).verdict }
        #expect(verdicts == [.skip(.late), .skip(.late), .send])
    }

    @Test func everyNeedsAtMostAndTheOtherWayAbout() throws {
        let tell = Step.Action.tell(TestHouse.director, CardPattern("x"))
        let steps = [
            Step(name: "a", action: tell, time: .occasion, every: nil, atMost: 5),
            Step(name: "b", action: tell, time: .occasion, every: .hours(1), atMost: 1),
            Step(name: "c", action: tell, time: .occasion, every: .hours(1), atMost: 0),
        ]
        var planner = try house.planner(ladder(steps: steps))
        let found = planner.candidates(ofEvent: facts(), rule: 0)
        #expect(found.map(\.outreach.key.step) == ["a", "b", "c"])
        #expect(found.allSatisfy { $0.outreach.expiresAt == nil && $0.outreach.dueAt == opened })
    }

    @Test func theLimitIsTheOneThatWasFixed() throws {
        var planner = try house.planner(ladder(promise: .hours(4)))
        let fixed = event(limits: ["complaint-care": opened + .hours(24), "other": opened])
        let found = planner.candidates(ofEvent: facts(event: fixed), rule: 0)
        #expect(rungs(found).contains("tell-director director/0 2027-05-06T07:00:00Z"))
    }

    @Test func noRungOfAShortPromiseComesBeforeItsEvent() throws {
        var planner = try house.planner(ladder(promise: .hours(4)))
        let found = planner.candidates(ofEvent: facts(), rule: 0)
        #expect(rungs(found).contains("tell-manager manager/0 2027-05-05T07:00:00Z"))
        #expect(rungs(found).contains("tell-director director/0 2027-05-05T11:00:00Z"))
    }

    @Test func aStepBeforeTheStartIsBeforeIt() throws {
        // An appointment is known days before it begins.
        var planner = try house.planner(ladder(steps: [step("remind", at: .start(.days(-1))), step("thank", at: .start(.hours(2)))]))
        #expect(
            rungs(planner.candidates(ofEvent: facts(), rule: 0)) == [
                "remind customer/0 2027-05-04T07:00:00Z", "thank customer/0 2027-05-05T09:00:00Z",
            ])
    }

    @Test func withoutAPromiseNothingHangsOnTheLimit() throws {
        var planner = try house.planner(ladder(promise: nil))
        let found = planner.candidates(ofEvent: facts(), rule: 0)
        #expect(found.map(\.outreach.key.step) == ["send", "tell-advisor"])
    }

    @Test(arguments: [
        // The business is in Berlin: a time without an offset is its own, wherever the customer lives.
        ("2027-05-07 10:00:00", "2027-05-10T08:00:00Z"), ("2027-05-07T10:00:00Z", "2027-05-10T10:00:00Z"),
        ("2027-05-07T10:00:00-05:00", "2027-05-10T15:00:00Z"), ("2027-05-07", "2027-05-09T22:00:00Z"),
        ("", nil), ("yesterday", nil),
    ] as [(String, String?)])
    func aStepOnAColumnWaitsForIt(solved: String, expected: String?) throws {
        var planner = try house.planner(ladder())
        let customer = house.customer(zone: "Asia/Tokyo")
        let survey = planner.candidates(ofEvent: facts([house.solved: solved], customer: customer), rule: 0).filter { $0.outreach.key.step == "survey" }
        #expect(survey.map(\.outreach.dueAt) == (try expected.map { [try at($0)] } ?? []))
    }

    // MARK: Who, where, whose

    @Test func anEventWithoutACustomerIsTheStaffsAlone() throws {
        var planner = try house.planner(ladder())
        let facts = Facts(customer: nil, event: event(customer: nil), eventRecord: house.record([:]))
        let found = planner.candidates(ofEvent: facts, rule: 0)
        #expect(Set(found.map(\.outreach.key.customer)) == ["event:4711"])
        #expect(Set(found.map(\.outreach.zone)) == ["Europe/Berlin"])
        let verdicts = found.map { Decision.make($0, facts, planner.book, now: $0.outreach.dueAt).verdict }
        // Nobody to write to; the advisor of nobody is the manager, of whom there are two.
        #expect(found.map(\.outreach.key.recipient).prefix(3) == ["customer/0", "advisor/0", "advisor/1"])
        #expect(verdicts.first == .cancel(.noAddress))
        #expect(verdicts.dropFirst().allSatisfy { $0 == .send })
    }

    @Test func aCustomerWhoIsGoneIsNoLongerWrittenTo() throws {
        var planner = try house.planner(ladder())
        let facts = Facts(customer: nil, event: event(), eventRecord: house.record([:]))
        let found = planner.candidates(ofEvent: facts, rule: 0)
        #expect(Set(found.map(\.outreach.key.customer)) == ["17"])
        #expect(Decision.make(found.first, facts, planner.book, now: opened).verdict == .cancel(.customerGone))
        #expect(Decision.make(found.last, facts, planner.book, now: found.last!.outreach.dueAt).verdict == .send)
    }

    @Test func aCustomerWithoutAZoneOrWithABadOneIsAnswered() throws {
        var planner = try house.planner(ladder())
        for zone in [nil, "Mars/Olympus"] {
            let found = planner.candidates(ofEvent: facts(customer: house.customer(zone: zone)), rule: 0)
            #expect(found.first?.outreach.dueAt == opened)
            #expect(found.first?.zone == planner.zone(of: house.customer()))
        }
    }

    @Test func localTimesAreTheCustomers() throws {
        var planner = try house.planner(ladder())
        let found = planner.candidates(ofEvent: facts(customer: house.customer(zone: "Asia/Tokyo")), rule: 0)
        let manager = try #require(found.first { $0.outreach.key.step == "tell-manager" }).outreach
        #expect(manager.zone == "Asia/Tokyo")
        #expect(manager.localDate == (try date("2027-05-06")))
        #expect(manager.localTime == (try time("10:00")))
    }

    @Test func webhooksHaveAChannelOfTheirOwn() throws {
        var planner = try house.planner(ladder(steps: [step("webhook-crm", .webhook(endpoint: "crm", CardPattern("note")))]))
        let facts = Facts(customer: nil, event: event(customer: nil), eventRecord: house.record([:]))
        let found = planner.candidates(ofEvent: facts, rule: 0)
        #expect(found.map(\.outreach.channel) == [.webhook("crm")])
        #expect(Decision.make(found.first, facts, planner.book, now: opened).verdict == .send)
    }

    @Test func aRuleAboutDatesHasNoEvents() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")), ladder())
        #expect(planner.candidates(ofEvent: facts(), rule: 0).isEmpty)
        #expect(planner.candidates(ofEvent: Facts(customer: house.customer()), rule: 1).isEmpty)
        #expect(try planner.owed(house.customer(), from: opened - .days(1), through: opened + .days(9), rule: 1).isEmpty)
    }

    // MARK: What ends the ladder

    /// The verdict on each step at its own time.
    func verdicts(_ rule: Rule, _ facts: Facts, house: TestHouse? = nil) throws -> [String: Decision.Verdict] {
        var planner = try (house ?? self.house).planner(rule)
        let found = planner.candidates(ofEvent: facts, rule: 0).map {
            ($0.outreach.key.step, Decision.make($0, facts, planner.book, now: $0.outreach.dueAt).verdict)
        }
        return Dictionary(found, uniquingKeysWith: { first, _ in first })
    }

    @Test func anAnswerEndsTheLadderAndNotTheSurvey() throws {
        let verdicts = try verdicts(ladder(), facts([house.answered: "2027-05-05 12:00:00", house.solved: "2027-05-07 10:00:00"]))
        #expect(verdicts["survey"] == .send)
        for name in ["send", "tell-advisor", "tell-manager", "tell-director", "tell-director#2", "tell-director#3"] {
            #expect(verdicts[name] == .cancel(.eventEnded), "\(name)")
        }
    }

    @Test func anAnswerTakenBackStartsTheUnsentRungsAgain() throws {
        let open = try verdicts(ladder(), facts([house.answered: ""]))
        #expect(open["tell-director"] == .send)
        #expect(open["survey"] == nil)
    }

    @Test func beingSolvedEndsItToo() throws {
        let solved = facts([house.solved: "2027-05-07 10:00:00"])
        #expect(try verdicts(ladder(endsWhen: false), solved)["tell-director"] == .cancel(.eventEnded))
        #expect(try verdicts(ladder(endsWhen: false), solved)["survey"] == .send)
        var planner = try house.planner(ladder(endsWhen: false))
        let director = try #require(planner.candidates(ofEvent: solved, rule: 0).first { $0.outreach.key.step == "tell-director" })
        #expect(Decision.make(director, solved, planner.book, now: director.outreach.dueAt).because == "complaint.solved_at is present")
    }

    @Test func anEndMayLookAtThePresent() throws {
        let old = Condition.test(.init(text: "complaint.opened_at older than 7d", operand: .event(slot: house.opened), predicate: .olderThan(CalendarSpan(days: 7))))
        let rule = Rule(
            name: "complaint-care", purpose: .care, trigger: .event(.init(kind: 0, endsWhen: old)),
            steps: [step(at: .start(.days(7))), step("later", at: .start(.days(8)))])
        let verdicts = try verdicts(rule, facts([house.opened: "2027-05-05 09:00:00"]))
        #expect(verdicts == ["send": .send, "later": .cancel(.eventEnded)])
    }

    @Test(arguments: [
        (EventKind.Vanished.stillOpen, true, Decision.Verdict.send), (.stillOpen, false, .cancel(.eventEnded)),
        (.done, false, .cancel(.eventEnded)), (.done, true, .cancel(.eventEnded)),
    ])
    func aRowThatLeftTheQuery(vanished: EventKind.Vanished, isOpen: Bool, expected: Decision.Verdict) throws {
        var house = house
        house.kind.vanished = vanished
        let gone = Facts(customer: house.customer(), event: event(isOpen: isOpen, isGone: true), eventRecord: nil)
        #expect(try verdicts(ladder(), gone, house: house)["tell-director"] == expected)
        #expect(try verdicts(ladder(), gone, house: house)["survey"] == nil)
    }

    @Test func aRowUnderTheIdOfAnEventThatIsGoneBelongsToTheNext() throws {
        // The first event ended as solved; the id came back with a new, open complaint.
        let first = Facts(customer: house.customer(), event: event(isOpen: false, isGone: true), eventRecord: house.record([:]))
        #expect(first.eventRecord == nil)
        #expect(try verdicts(ladder(), first)["tell-director"] == .cancel(.eventEnded))
    }

    @Test func anEventWithoutAnEndIsGoneWithItsRow() throws {
        var house = house
        house.kind.done = nil
        let gone = Facts(customer: house.customer(), event: event(isOpen: false, isGone: true), eventRecord: nil)
        var planner = try house.planner(ladder())
        #expect(planner.candidates(ofEvent: gone, rule: 0).isEmpty)
        let there = Facts(customer: house.customer(), event: event(isOpen: false), eventRecord: house.record([:]))
        #expect(try verdicts(ladder(), there, house: house)["tell-director"] == .send)
    }

    @Test func whileTheDatabaseIsSilentTheLedgerKnowsWhetherItIsOver() throws {
        let unknown = Facts(customer: nil, event: event())
        #expect(try verdicts(ladder(), unknown)["tell-director"] == .send)
        let over = Facts(customer: nil, event: event(isOpen: false))
        #expect(try verdicts(ladder(), over)["tell-director"] == .cancel(.eventEnded))
    }

    // MARK: Deriving

    @Test func derivingAgainGivesTheSame() throws {
        var planner = try house.planner(ladder())
        let solved = facts([house.solved: "2027-05-07 10:00:00"])
        let all = planner.candidates(ofEvent: solved, rule: 0)
        for candidate in all { #expect(planner.derive(candidate.outreach.key, facts: solved)?.outreach == candidate.outreach) }
        #expect(all.count == 8)
        var key = all[0].outreach.key
        key.occasion = "4711~2"
        #expect(planner.derive(key, facts: solved) == nil)
    }

    @Test func aManagerFewerIsARowFewer() throws {
        var planner = try house.planner(ladder())
        let key = OutreachKey(customer: "17", rule: "complaint-care", occasion: "4711", step: "tell-manager", recipient: "manager/1")
        #expect(planner.derive(key, facts: facts())?.position == 1)
        var smaller = house
        smaller.people[TestHouse.manager] = Person(.fixed([try TestHouse.contact("Maria", "maria@shop.example")]))
        planner = try smaller.planner(ladder())
        #expect(planner.derive(key, facts: facts()) == nil)
    }

    @Test func decidingByKeySaysWhyNothingIsDerived() throws {
        var planner = try house.planner(ladder())
        var key = OutreachKey(customer: "17", rule: "complaint-care", occasion: "4711", step: "send", recipient: "customer/0")
        let sent = planner.decide(key, facts: facts(), now: opened)
        #expect(sent.decision.verdict == .send)
        #expect(sent.candidate?.outreach.key == key)
        key.step = "farewell"
        #expect(planner.decide(key, facts: facts(), now: opened).decision.verdict == .cancel(.occasionGone))
        key.rule = "forgotten"
        #expect(planner.decide(key, facts: facts(), now: opened).decision.verdict == .cancel(.ruleGone))
        #expect(planner.decide(key, facts: facts(), now: opened).candidate == nil)
    }

    // MARK: Baseline

    @Test(arguments: [
        // (backfill, seen at, at, kind's baseline, is baseline)
        (Backfill.none, "2027-05-05T07:00:01Z", "2027-05-05T06:00:00Z", false, false),
        (.none, "2027-05-05T07:00:00Z", "2027-05-05T06:00:00Z", false, true),
        (.none, "2027-05-05T06:59:59Z", "2027-05-05T06:00:00Z", false, true),
        (.none, "2027-05-05T07:00:01Z", "2027-05-05T07:00:01Z", true, true),
        // A complaint entered today about last week is new.
        (.none, "2027-05-06T07:00:00Z", "2027-04-01T00:00:00Z", false, false),
        (.since(.days(1)), "2027-05-05T06:00:00Z", "2027-05-04T07:00:00Z", true, false),
        (.since(.days(1)), "2027-05-05T06:00:00Z", "2027-05-04T06:59:59Z", true, true),
        (.all, "2027-05-05T06:00:00Z", "2019-01-01T00:00:00Z", true, false),
    ])
    func whatWasThereBefore(backfill: Backfill, seen: String, begun: String, isBaseline: Bool, expected: Bool) throws {
        var rule = ladder()
        rule.backfill = backfill
        let event = Event(
            kind: "complaint", id: "1", customer: "17", at: try at(begun), isBaseline: isBaseline, firstSeen: try at(seen))
        #expect(rule.isBaseline(event, firstSeen: opened) == expected)
    }

    // MARK: Occasions of events

    @Test(arguments: [
        ("4711", 1, "4711"), ("4711", 2, "4711~2"), ("4711", 12, "4711~12"), ("A~2", 1, "A~2~1"), ("A~2", 3, "A~2~3"),
        ("A", 2, "A~2"), ("a~b", 1, "a~b"), ("a~", 1, "a~"), ("~", 1, "~"), ("", 1, ""), ("a~02", 1, "a~02"), ("a~0", 2, "a~0~2"),
        ("~7", 1, "~7~1"), ("x~99999999999999999999", 1, "x~99999999999999999999"), ("Ünïcode~5", 1, "Ünïcode~5~1"),
    ])
    func anOccasionStandsForOneEvent(id: String, generation: Int, occasion: String) throws {
        #expect(event(id: id, generation: generation).occasion == occasion)
        let back = Event.identity(ofOccasion: occasion)
        #expect(back.id == id)
        #expect(back.generation == generation)
    }

    @Test func noTwoEventsShareAnOccasion() {
        var random = SeededGenerator()
        var seen: [String: String] = [:]
        for _ in 0..<20_000 {
            let id = String((0..<Int.random(in: 0...5, using: &random)).map { _ in random.pick(["a", "~", "1", "0", "2"]) as Character })
            let generation = Int.random(in: 1...12, using: &random)
            let occasion = event(id: id, generation: generation).occasion
            let other = seen.updateValue("\(id) \(generation)", forKey: occasion)
            #expect(other == nil || other == "\(id) \(generation)")
        }
    }

    @Test func theCustomersKey() {
        #expect(event().customerKey == "17")
        #expect(event(customer: nil).customerKey == "event:4711")
    }
}
