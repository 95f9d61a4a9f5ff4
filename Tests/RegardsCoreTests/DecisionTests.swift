import RegardsCalendar
import RegardsCore
import Testing

@Suite struct DecisionTests {
    let house: TestHouse
    let due: Instant
    init() throws {
        house = try TestHouse()
        due = try at("2027-05-05T07:00:00Z")
    }

    /// The decision about a birthday card due at nine in Berlin.
    func decide(
        _ customer: Customer? = nil, purpose: Purpose = .greeting, lateness: Lateness? = .grace(.hours(10)),
        where condition: Condition = .always, step: Step = step(), open: [Int] = [], history: History = .none,
        standing: Standing = Standing(), now: Instant? = nil, _ change: (inout Rule, inout RuleBook, inout Candidate) -> Void = { _, _, _ in }
    ) throws -> Decision {
        var rule = anniversaryRule(at: try time("09:00"), purpose: purpose, lateness: lateness)
        rule.condition = condition
        rule.steps = [step]
        var planner = try house.planner(rule)
        let customer = customer ?? self.customer()
        let found = try planner.owed(customer, from: due, through: due + 1)
        var candidate = try #require(found.first)
        var book = planner.book
        change(&rule, &book, &candidate)
        book.rules = [rule]
        let facts = Facts(customer: customer, openEvents: open, history: history)
        return Decision.make(candidate, facts, book, standing, now: now ?? due)
    }

    func customer(_ more: [CustomerColumn: String] = [:]) -> Customer { house.customer(birthday: "1980-05-05", more: more) }

    func test(_ text: String, _ column: CustomerColumn, _ predicate: Condition.Predicate) -> Condition {
        .test(.init(text: text, operand: .customer(slot: column.rawValue), predicate: predicate))
    }

    // MARK: Time

    @Test func beforeItsTimeItMoves() throws {
        #expect(try decide(now: due - 1).verdict == .move(to: due))
        #expect(try decide(now: due).verdict == .send)
        #expect(try decide(now: due + 1).verdict == .send)
    }

    @Test func afterItsTimeItIsLate() throws {
        #expect(try decide(now: due + .hours(10) - 1).verdict == .send)
        #expect(try decide(now: due + .hours(10)).verdict == .skip(.late))
        #expect(try decide(now: due + .days(400)).verdict == .skip(.late))
        #expect(try decide(purpose: .care, lateness: nil, now: due + .days(400)).verdict == .send)
        let midnight = try at("2027-05-05T22:00:00Z")
        #expect(try decide(lateness: .untilMidnight, now: midnight - 1).verdict == .send)
        #expect(try decide(lateness: .untilMidnight, now: midnight).verdict == .skip(.late))
    }

    @Test func whatStaffAreToldIsNeverTooLate() throws {
        let tell = step("tell-manager", .tell(TestHouse.manager, CardPattern("task")))
        #expect(try decide(step: tell, now: due + .days(400)).verdict == .send)
    }

    // MARK: Who

    @Test(arguments: ["", "ada", "ada@", "a b@example.org", "ada@example.org\r\nRCPT TO:<eve@example.org>"])
    func withoutAnAddressNobodyIsWrittenTo(email: String) throws {
        let decision = try decide(customer([.email: email]))
        #expect(decision.verdict == .cancel(.noAddress))
        #expect(decision.because == "email")
        #expect(try decide(customer([.email: email]), purpose: .care).verdict == .cancel(.noAddress))
    }

    @Test func aWebhookNeedsNoAddress() throws {
        let hook = step("webhook-crm", .webhook(endpoint: "crm", CardPattern("note")))
        #expect(try decide(customer([.email: ""]), step: hook).verdict == .send)
        #expect(try decide(customer([.doNotContact: "yes"]), step: hook).verdict == .cancel(.doNotContact))
    }

    @Test func aRoleThatNobodyHolds() throws {
        let decision = try decide(step: step("tell-nobody", .tell(Role("nobody"), CardPattern("task"))))
        #expect(decision.verdict == .cancel(.noAddress))
        #expect(decision.because == "people.nobody")
    }

    /// Any value but an evident no counts: in doubt nobody is written to.
    @Test(arguments: [
        ("1", true), ("yes", true), ("TRUE", true), ("t", true), ("x", true), ("2027-01-01", true), (" ", true),
        ("0", false), ("no", false), ("False", false), ("n", false), ("off", false), ("", false),
    ])
    func doNotContact(value: String, isSilent: Bool) throws {
        let expected: Decision.Verdict = isSilent ? .cancel(.doNotContact) : .send
        #expect(try decide(customer([.doNotContact: value])).verdict == expected)
        #expect(try decide(customer([.doNotContact: value]), purpose: .care).verdict == .send)
        let tell = step("tell-manager", .tell(TestHouse.manager, CardPattern("task")))
        #expect(try decide(customer([.doNotContact: value]), step: tell).verdict == .send)
    }

    @Test func doNotContactAsANumber() throws {
        var customer = customer()
        customer.record.set(CustomerColumn.doNotContact.rawValue, integer: 1)
        #expect(try decide(customer).verdict == .cancel(.doNotContact))
        customer.record.set(CustomerColumn.doNotContact.rawValue, integer: 0)
        #expect(try decide(customer).verdict == .send)
        customer.record.set(CustomerColumn.doNotContact.rawValue, real: .nan)
        #expect(try decide(customer).verdict == .cancel(.doNotContact))
    }

    /// NULL: greeting yes, marketing and survey no, care always. Any value but an evident yes counts as a no.
    @Test(arguments: [
        (Purpose.greeting, CustomerColumn.consentGreeting, true), (.marketing, .consentMarketing, false), (.survey, .consentSurvey, false),
    ])
    func consent(purpose: Purpose, column: CustomerColumn, whenEmpty: Bool) throws {
        let no = Decision.Verdict.cancel(.noConsent)
        #expect(try decide(customer(), purpose: purpose).verdict == (whenEmpty ? .send : no))
        for yes in ["1", "yes", "true", "Y", "on"] { #expect(try decide(customer([column: yes]), purpose: purpose).verdict == .send) }
        for other in ["0", "no", "f", "perhaps", "2027-01-01", "NULL"] {
            let decision = try decide(customer([column: other]), purpose: purpose)
            #expect(decision.verdict == no)
            #expect(decision.because == "consent_\(purpose.rawValue)")
        }
        #expect(try decide(customer([column: "0"]), purpose: .care).verdict == .send)
    }

    @Test func everyPurposeIsAskedForItsOwnConsent() throws {
        let only = customer([.consentMarketing: "yes", .consentGreeting: "no"])
        #expect(try decide(only, purpose: .marketing).verdict == .send)
        #expect(try decide(only, purpose: .greeting).verdict == .cancel(.noConsent))
        #expect(try decide(only, purpose: .survey).verdict == .cancel(.noConsent))
    }

    // MARK: Conditions

    @Test func theConditionThatDecidedIsNamed() throws {
        let country = test("country is DE", .country, .compare(.equal, .text("DE")))
        let rich = test("total_spent >= 1000", .totalSpent, .compare(.greaterOrEqual, .number(1000)))
        let condition = Condition.all([country, rich])
        #expect(try decide(customer([.country: "de", .totalSpent: "1000"]), where: condition).verdict == .send)
        let poor = try decide(customer([.country: "DE", .totalSpent: "999.99"]), where: condition)
        #expect(poor.verdict == .cancel(.conditionFalse))
        #expect(poor.because == "total_spent >= 1000")
        #expect(try decide(customer([.country: "FR"]), where: condition).because == "country is DE")
    }

    @Test func conditionsHoldForWhatStaffAreToldToo() throws {
        let tell = step("tell-manager", .tell(TestHouse.manager, CardPattern("task")))
        #expect(try decide(where: test("country is DE", .country, .isPresent), step: tell).verdict == .cancel(.conditionFalse))
    }

    // MARK: Pauses

    @Test func anOpenComplaintPausesWhatItSays() throws {
        #expect(try decide(open: [0]).verdict == .hold(.eventOpen(kind: "complaint")))
        #expect(try decide(customer([.consentMarketing: "1"]), purpose: .marketing, open: [0]).verdict == .hold(.eventOpen(kind: "complaint")))
        #expect(try decide(customer([.consentSurvey: "1"]), purpose: .survey, open: [0]).verdict == .send)
        #expect(try decide(purpose: .care, open: [0]).verdict == .send)
        #expect(try decide(step: step("tell-manager", .tell(TestHouse.manager, CardPattern("task"))), open: [0]).verdict == .send)
        #expect(try decide(open: []).verdict == .send)
    }

    // MARK: The rule itself

    @Test func aRuleThatIsOffOwesNothing() throws {
        let decision = try decide { rule, _, _ in rule.isEnabled = false }
        #expect(decision.verdict == .cancel(.ruleOff))
        #expect(decision.because == "enabled")
        // Also before its time: nothing has to be waited for.
        #expect(try decide(now: due - 1) { rule, _, _ in rule.isEnabled = false }.verdict == .cancel(.ruleOff))
    }

    @Test func aSampleIsAlwaysTheSame() throws {
        // Derived once for thousands of questions.
        var derived: (book: RuleBook, candidate: Candidate)?
        #expect(try decide { _, book, candidate in derived = (book, candidate) }.verdict == .send)
        var (book, candidate) = try #require(derived)
        let facts = Facts(customer: customer())
        func isSampled(_ share: Double, _ occasion: String) throws -> Bool {
            book.rules[0].sample = share
            candidate.outreach.key.occasion = occasion
            let decision = Decision.make(candidate, facts, book, now: due)
            #expect([.send, .cancel(.notSampled)].contains(decision.verdict))
            return decision.verdict == .send
        }
        let occasions = (0..<2000).map { "\($0)" }
        let tenth = try occasions.filter { try isSampled(0.1, $0) }
        #expect((140...260).contains(tenth.count))
        #expect(try occasions.filter { try isSampled(0.1, $0) } == tenth)
        // Who is in a sample is in every larger one.
        #expect(try tenth.allSatisfy { try isSampled(0.2, $0) })
        #expect(try occasions.allSatisfy { try isSampled(1, $0) })
        #expect(try decide(now: due - 1) { rule, _, _ in rule.sample = 1e-9 }.verdict == .cancel(.notSampled))
    }

    @Test func anOvertakenRungIsNotNeeded() throws {
        #expect(try decide { _, _, candidate in candidate.isOvertaken = true }.verdict == .cancel(.overtaken))
    }

    // MARK: Steps

    @Test func aStepHasAConditionOfItsOwn() throws {
        var german = step()
        german.condition = test("country is DE", .country, .country(.equal, code: "DE"))
        #expect(try decide(customer([.country: "Germany"]), step: german).verdict == .send)
        let decision = try decide(customer([.country: "France"]), step: german)
        #expect(decision.verdict == .cancel(.conditionFalse))
        #expect(decision.because == "country is DE")
        // The rule's is asked first.
        let rich = test("total_spent >= 1000", .totalSpent, .compare(.greaterOrEqual, .number(1000)))
        #expect(try decide(customer([.country: "France"]), where: rich, step: german).because == "total_spent >= 1000")
    }

    @Test func conditionsKnowSegmentsAndWhatWasReceived() throws {
        let gold = Condition.test(.init(text: "segment is gold", operand: .segment(0), predicate: .isPresent))
        let lately = Condition.not(.test(.init(
            text: "received survey within 30d", operand: .received(rule: "survey"), predicate: .within(CalendarSpan(days: 30)))))
        func decide(_ spent: String, received: Instant? = nil) throws -> Decision {
            try self.decide(
                customer([.totalSpent: spent]), where: .all([gold, lately]), history: History(lastReceived: received.map { ["survey": $0] } ?? [:]),
                standing: Standing(ranks: SegmentRanks(bounds: [0: [1000]]))
            ) { _, book, _ in
                book.segments = [Segment(name: "gold", definition: .top(.part(0.2), by: CustomerColumn.totalSpent.rawValue))]
            }
        }
        #expect(try decide("1000").verdict == .send)
        #expect(try decide("999").because == "segment is gold")
        #expect(try decide("1000", received: due - .days(31)).verdict == .send)
        #expect(try decide("1000", received: due - .days(3)).because == "not received survey within 30d")
    }

    // MARK: Whom mail reaches

    let unsubscribed = History(suppressed: [.greeting])
    let bounced = History(suppressed: Set(Purpose.allCases))

    @Test func suppression() throws {
        #expect(try decide(history: unsubscribed).verdict == .cancel(.suppressed))
        #expect(try decide(customer([.consentMarketing: "1"]), purpose: .marketing, history: unsubscribed).verdict == .send)
        #expect(try decide(purpose: .care, history: unsubscribed).verdict == .send)
        #expect(try decide(purpose: .care, history: bounced).verdict == .cancel(.suppressed))
        let tell = step("tell-manager", .tell(TestHouse.manager, CardPattern("task")))
        #expect(try decide(step: tell, history: bounced).verdict == .send)
        // Somebody who asked for no more greetings gets none another way; an address that bounced says nothing of other ways.
        let hook = step("webhook-crm", .webhook(endpoint: "crm", CardPattern("note")))
        let list = step("list-calls", .list(ListTarget(name: "calls", role: TestHouse.manager)))
        for other in [hook, list] {
            #expect(try decide(step: other, history: unsubscribed).verdict == .cancel(.suppressed))
            #expect(try decide(step: other, history: bounced).verdict == .send)
        }
    }

    /// The decision about the item that stands in for the message.
    func fallback(
        _ customer: Customer? = nil, purpose: Purpose = .greeting, history: History = .none, role: Role = TestHouse.manager
    ) throws -> Decision {
        try decide(customer, purpose: purpose, history: history) { rule, _, candidate in
            rule.unreachable = ListTarget(name: "calls", role: role)
            candidate.isFallback = true
        }
    }

    @Test func aListStandsInForMailThatReachesNobody() throws {
        #expect(try fallback().verdict == .cancel(.reachable))
        #expect(try fallback(customer([.email: ""])).verdict == .send)
        #expect(try fallback(customer([.email: "ada@"])).verdict == .send)
        #expect(try fallback(history: bounced).verdict == .send)
        // Who wants no mail wants no call.
        #expect(try fallback(history: unsubscribed).verdict == .cancel(.reachable))
        #expect(try fallback(customer([.email: "", .consentGreeting: "no"])).verdict == .cancel(.noConsent))
        #expect(try fallback(customer([.email: "", .doNotContact: "yes"])).verdict == .cancel(.doNotContact))
        #expect(try fallback(customer([.email: ""]), role: Role("nobody")).because == "people.nobody")
        // The message itself is not owed then.
        #expect(try decide(customer([.email: ""])).verdict == .cancel(.noAddress))
    }

    func contact(_ customer: String = "18", rule: String = "birthday-card", step: String = "send", on day: String = "2027-05-05") throws -> PastContact {
        PastContact(customer: customer, rule: rule, step: step, occasion: "2027", at: due - 1, localDate: try date(day), purpose: .greeting)
    }

    @Test func oneMessageForAnAddress() throws {
        func decide(_ contact: PastContact, house: SameAddress = .each, rule own: SameAddress? = nil, step: Step = step()) throws -> Decision.Verdict {
            try self.decide(step: step, history: History(toAddress: [contact])) { rule, book, _ in
                rule.sameAddress = own
                book.house.limits.sameAddress = house
            }.verdict
        }
        #expect(try decide(contact()) == .send)
        #expect(try decide(contact(), house: .once) == .skip(.sameAddress))
        #expect(try decide(contact(), house: .once, rule: .each) == .send)
        #expect(try decide(contact(), rule: .once) == .skip(.sameAddress))
        // The customer's own message, another rule, step or day.
        #expect(try decide(contact("17"), rule: .once) == .send)
        #expect(try decide(contact(rule: "other"), rule: .once) == .send)
        #expect(try decide(contact(step: "send-2"), rule: .once) == .send)
        #expect(try decide(contact(on: "2027-05-04"), rule: .once) == .send)
        var sending = try contact()
        sending.hasEnded = false
        #expect(try decide(sending, rule: .once) == .skip(.sameAddress))
        #expect(try decide(contact(step: "webhook"), rule: .once, step: step("webhook", .webhook(endpoint: "crm", CardPattern("note")))) == .send)
    }

    // MARK: What holds everything back

    let tell = step("tell-manager", .tell(TestHouse.manager, CardPattern("task")))

    func standing(_ scope: Pause.Scope, until: Instant? = nil) -> Standing {
        Standing(pauses: [Pause(scope: scope, since: due - .days(1), until: until, reason: "moving house")])
    }

    @Test(arguments: [
        (Pause.Scope.all, true), (.rule("birthday-card"), true), (.rule("other"), false), (.customer("17"), true),
        (.customer("18"), false), (.purpose(.greeting), true), (.purpose(.marketing), false),
    ])
    func whatIsPaused(scope: Pause.Scope, isHeld: Bool) throws {
        let expected: Decision.Verdict = isHeld ? .hold(.paused) : .send
        #expect(try decide(standing: standing(scope)).verdict == expected)
        #expect(try decide(standing: standing(scope)).because == (isHeld ? "moving house" : ""))
        #expect(try decide(step: tell, standing: standing(scope)).verdict == expected)
        #expect(try decide(standing: standing(scope, until: due)).verdict == .send)
        #expect(try decide(standing: standing(scope, until: due + 1)).verdict == expected)
    }

    @Test func aPauseOfCare() throws {
        for scope in [Pause.Scope.all, .rule("birthday-card"), .purpose(.care)] {
            #expect(try decide(purpose: .care, standing: standing(scope)).verdict == .hold(.paused))
            #expect(try decide(purpose: .care, step: tell, standing: standing(scope)).verdict == .hold(.paused))
        }
        // A customer who is left in peace still has a complaint to be answered.
        #expect(try decide(purpose: .care, standing: standing(.customer("17"))).verdict == .hold(.paused))
        #expect(try decide(purpose: .care, step: tell, standing: standing(.customer("17"))).verdict == .send)
    }

    @Test func approvalAndTheGuardOfTheDay() throws {
        let unapproved = Standing(unapproved: ["birthday-card"])
        #expect(try decide(standing: unapproved).verdict == .hold(.approval))
        #expect(try decide(purpose: .care, step: tell, standing: unapproved).verdict == .hold(.approval))
        #expect(try decide(standing: Standing(unapproved: ["other"])).verdict == .send)
        let tripped = Standing(isGuardTripped: true)
        #expect(try decide(standing: tripped).verdict == .hold(.guardDay))
        #expect(try decide(step: tell, standing: tripped).verdict == .hold(.guardDay))
        #expect(try decide(purpose: .care, standing: tripped).verdict == .send)
    }

    @Test func whoIsMissingWithMostOthersIsWaitedFor() throws {
        let house = try TestHouse()
        let planner = try house.planner(anniversaryRule(at: try time("09:00")))
        func decide(_ facts: Facts, _ standing: Standing) -> Decision.Verdict {
            Decision.make(nil, facts, planner.book, standing, now: due).verdict
        }
        let missing = Standing(areCustomersMissing: true)
        #expect(decide(Facts(customer: nil), missing) == .hold(.customersMissing))
        #expect(decide(Facts(customer: nil), Standing()) == .cancel(.customerGone))
        // Who is there lost the occasion by themselves.
        #expect(decide(Facts(customer: house.customer(birthday: nil)), missing) == .cancel(.occasionGone))
    }

    @Test func resumingNeverFloods() throws {
        // What has expired while it was held is late, whatever holds it.
        let late = due + .hours(10)
        #expect(try decide(standing: standing(.all), now: late).verdict == .skip(.late))
        #expect(try decide(standing: Standing(unapproved: ["birthday-card"], isGuardTripped: true), now: late).verdict == .skip(.late))
    }

    // MARK: Precedence

    /// Each line takes away the reason that came first.
    @Test func whatHoldsFirst() throws {
        var all = Standing(pauses: standing(.all).pauses, unapproved: ["birthday-card"], isGuardTripped: true)
        let twin = History(toAddress: [try contact()])
        #expect(try decide(open: [0], history: twin, standing: all, { rule, _, _ in rule.sameAddress = .once }).verdict == .skip(.sameAddress))
        #expect(try decide(open: [0], history: twin, standing: all).verdict == .hold(.paused))
        all.pauses = []
        #expect(try decide(open: [0], standing: all).verdict == .hold(.approval))
        all.unapproved = []
        #expect(try decide(open: [0], standing: all).verdict == .hold(.guardDay))
        all.isGuardTripped = false
        #expect(try decide(open: [0], standing: all).verdict == .hold(.eventOpen(kind: "complaint")))
    }

    /// Each line adds a reason that comes before all those below it.
    @Test func theFirstReasonCounts() throws {
        let never = test("country is XX", .country, .compare(.equal, .text("XX")))
        let late = due + .hours(10)
        #expect(try decide(open: [0]).verdict == .hold(.eventOpen(kind: "complaint")))
        #expect(try decide(open: [0], now: late).verdict == .skip(.late))
        // What was never owed cannot be late.
        #expect(try decide(where: never, open: [0], now: late).verdict == .cancel(.conditionFalse))
        let refused = customer([.consentGreeting: "no"])
        #expect(try decide(refused, where: never, open: [0], now: late).verdict == .cancel(.noConsent))
        let silent = customer([.consentGreeting: "no", .doNotContact: "1"])
        #expect(try decide(silent, where: never, open: [0], now: late).verdict == .cancel(.doNotContact))
        let unreachable = customer([.consentGreeting: "no", .doNotContact: "1", .email: ""])
        #expect(try decide(unreachable, where: never, open: [0], now: late).verdict == .cancel(.noAddress))
        // What has moved is asked about everything else in its own time.
        #expect(try decide(unreachable, where: never, open: [0], now: due - 1).verdict == .move(to: due))
    }

    @Test func anEventThatIsOverComesBeforeAll() throws {
        let rule = Rule(name: "complaint-care", purpose: .care, trigger: .event(.init(kind: 0)), steps: [step(at: .start(.days(9)))])
        var planner = try house.planner(rule)
        let event = Event(kind: "complaint", id: "1", customer: "17", at: due)
        let facts = Facts(customer: customer([.email: ""]), event: event, eventRecord: house.record([house.solved: "2027-05-06"]))
        let candidate = try #require(planner.candidates(ofEvent: facts, rule: 0).first)
        #expect(Decision.make(candidate, facts, planner.book, now: due).verdict == .cancel(.eventEnded))
    }

    @Test func nothingDerivedIsNothingOwed() throws {
        let book = try house.book([anniversaryRule(at: time("09:00"))])
        #expect(Decision.make(nil, Facts(customer: nil), book, now: due).verdict == .cancel(.customerGone))
        #expect(Decision.make(nil, Facts(customer: customer()), book, now: due).verdict == .cancel(.occasionGone))
        let event = Event(kind: "complaint", id: "1", customer: nil, at: due)
        #expect(Decision.make(nil, Facts(customer: nil, event: event), book, now: due).verdict == .cancel(.occasionGone))
    }
}
