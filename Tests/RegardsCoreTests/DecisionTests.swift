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
        where condition: Condition = .always, step: Step = step(), open: [Int] = [], now: Instant? = nil
    ) throws -> Decision {
        var rule = anniversaryRule(at: try time("09:00"), purpose: purpose, lateness: lateness)
        rule.condition = condition
        rule.steps = [step]
        var planner = try house.planner(rule)
        let customer = customer ?? self.customer()
        let found = try planner.owed(customer, from: due, through: due + 1)
        let candidate = try #require(found.first)
        return Decision.make(candidate, Facts(customer: customer, openEvents: open), planner.book, now: now ?? due)
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

    // MARK: Precedence

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
