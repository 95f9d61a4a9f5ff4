import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// Single cases of what other rules have to say about a message; `JudgingPropertyTests` draws many.
@Suite struct JudgingTests {
    let house: TestHouse
    /// Nine in the morning in Berlin on 5 May: the birthday.
    let due: Instant
    init() throws {
        house = try TestHouse()
        due = try at("2027-05-05T07:00:00Z")
    }

    let customer = { (house: TestHouse) in house.customer(birthday: "1980-05-05", more: [.consentMarketing: "yes"]) }

    func birthday(priority: Int? = nil, insteadOf: [String] = [], budget: BudgetPart? = nil, lateness: Lateness? = nil) throws -> Rule {
        var rule = anniversaryRule(at: try time("09:00"), lateness: lateness)
        rule.priority = priority ?? rule.priority
        rule.insteadOf = insteadOf
        rule.budget = budget ?? rule.budget
        return rule
    }

    /// On one day at ten in the morning.
    func mailing(
        _ day: String, name: String = "newsletter", at time: String = "10:00", purpose: Purpose = .marketing, priority: Int? = nil,
        lateness: Lateness? = nil, insteadOf: [String] = []
    ) throws -> Rule {
        Rule(
            name: name, purpose: purpose, trigger: .on(DayTrigger(day: try date(day), at: try RegardsCoreTests.time(time))), steps: [step()],
            lateness: lateness, priority: priority, insteadOf: insteadOf)
    }

    func planner(_ rules: [Rule], _ budgets: Budget..., quiet: Quiet = Quiet()) throws -> Planner {
        var book = try house.book(rules)
        book.house.limits = Limits(budgets: budgets, quiet: quiet)
        return Planner(book: book, zones: zones, countries: countries)
    }

    /// What is decided about the first message of a rule, at planning.
    func judge(
        _ planner: Planner, _ rule: String, history: [PastContact] = [], lost: [OutreachKey: Instant] = [:], received: [String: Instant] = [:],
        standing: Standing = Standing(), now: Instant? = nil, ahead: Bool = true, of person: Customer? = nil
    ) throws -> Decision {
        var planner = planner
        let customer = person ?? customer(house)
        let index = try #require(planner.book.rules.firstIndex { $0.name == rule })
        let candidate = try #require(try planner.owed(customer, in: 2027, rule: index).first)
        let facts = Facts(customer: customer, history: History(toAddress: history, lastReceived: received, lost: lost))
        let decision = planner.judge(candidate, facts: facts, standing: standing, now: now ?? due - .days(60), ahead: ahead)
        // One row derived again is decided in the same way.
        if !ahead {
            let again = planner.decide(candidate.outreach.key, facts: facts, standing: standing, now: now ?? due - .days(60))
            #expect(again.decision == decision)
        }
        return decision
    }

    func sent(_ rule: String, _ instant: String, customer: String = "17", purpose: Purpose = .marketing, counts: Bool = true) throws -> PastContact {
        let at = try at(instant)
        return PastContact(
            customer: customer, rule: rule, step: "send", occasion: "x", at: at, localDate: try zone("Europe/Berlin").local(at: at).date,
            counts: counts, purpose: purpose)
    }

    let fortnight = Budget(atMost: 1, per: .days(14))

    // MARK: Budgets

    /// What failed for good takes no room, from then on.
    @Test func whatWillNeverGoStandsInNobodysWay() throws {
        let birthday = try birthday(lateness: .grace(.days(3)))
        let planner = try planner([birthday, mailing("2027-05-05", lateness: .grace(.days(3)))], fortnight)
        let failed = OutreachKey(customer: "17", rule: "birthday-card", occasion: "2027", step: "send", recipient: "customer/0")
        let (then, later) = (due + .minutes(1), due + .hours(2))
        #expect(try judge(planner, "newsletter", now: later, ahead: false).verdict == .skip(.budget(lostTo: "birthday-card")))
        #expect(try judge(planner, "newsletter", lost: [failed: then], now: later, ahead: false).verdict == .send)
        // Told about a moment before it failed.
        #expect(try judge(planner, "newsletter", lost: [failed: later + 1], now: later, ahead: false).verdict == .skip(.budget(lostTo: "birthday-card")))
        let replacing = try self.planner([self.birthday(insteadOf: ["newsletter"]), mailing("2027-05-05")])
        #expect(try judge(replacing, "newsletter", now: due).verdict == .skip(.replaced(by: "birthday-card")))
        #expect(try judge(replacing, "newsletter", lost: [failed: due - 1], now: due).verdict == .send)
    }

    @Test func birthdayBeatsNewsletter() throws {
        let planner = try planner([birthday(), mailing("2027-04-25")], fortnight)
        let decision = try judge(planner, "newsletter")
        #expect(decision.verdict == .skip(.budget(lostTo: "birthday-card")))
        #expect(decision.because == "overall: 1 per 14d; birthday-card on 2027-05-05 goes first")
        #expect(try judge(planner, "birthday-card").verdict == .send)
        // At its time nothing is different.
        #expect(try judge(planner, "newsletter", now: at("2027-04-25T08:00:00Z"), ahead: false) == decision)
    }

    @Test func afterTheBirthdayToo() throws {
        let planner = try planner([birthday(), mailing("2027-05-10")], fortnight)
        #expect(try judge(planner, "newsletter").because == "overall: 1 per 14d; birthday-card on 2027-05-05 goes first")
        let went = try judge(
            planner, "newsletter", history: [sent("birthday-card", "2027-05-05T07:00:03Z")], now: at("2027-05-10T08:00:00Z"), ahead: false)
        #expect(went.verdict == .skip(.budget(lostTo: "birthday-card")))
        #expect(went.because == "overall: 1 per 14d; birthday-card on 2027-05-05 went first")
    }

    @Test func aSpanIsHalfOpen() throws {
        let budget = Budget(atMost: 1, per: .days(10) + .hours(-1))
        #expect(try judge(try planner([birthday(), mailing("2027-04-25")], budget), "newsletter").verdict == .send)
        let longer = Budget(atMost: 1, per: .days(10) + .hours(-1) + .seconds(1))
        #expect(try judge(try planner([birthday(), mailing("2027-04-25")], longer), "newsletter").verdict == .skip(.budget(lostTo: "birthday-card")))
    }

    @Test func whoeverIsNamedHigherGoes() throws {
        let rules = [try birthday(priority: 20), try mailing("2027-04-25", priority: 21)]
        let planner = try planner(rules, fortnight)
        #expect(try judge(planner, "newsletter").verdict == .send)
        #expect(try judge(planner, "birthday-card").verdict == .skip(.budget(lostTo: "newsletter")))
    }

    @Test func ofEqualsTheEarlierGoes() throws {
        let planner = try planner([mailing("2027-05-02", name: "b"), mailing("2027-05-01", name: "c"), mailing("2027-05-01", name: "a")], fortnight)
        #expect(try judge(planner, "a").verdict == .send)
        #expect(try judge(planner, "b").verdict == .skip(.budget(lostTo: "a")))
        #expect(try judge(planner, "c").verdict == .skip(.budget(lostTo: "a")))
    }

    /// Who loses takes no room from others.
    @Test func aLoserStandsInNobodysWay() throws {
        let rules = [try birthday(), try mailing("2027-04-25", name: "b", priority: 50), try mailing("2027-04-15", name: "c", priority: 40)]
        let planner = try planner(rules, fortnight)
        #expect(try judge(planner, "b").verdict == .skip(.budget(lostTo: "birthday-card")))
        #expect(try judge(planner, "c").verdict == .send)
    }

    @Test func budgetsOfAPurpose() throws {
        let marketing = Budget(purpose: .marketing, atMost: 1, per: .days(14))
        let rules = [try birthday(), try mailing("2027-04-25"), try mailing("2027-04-20", name: "offer", priority: 10)]
        let planner = try planner(rules, marketing)
        #expect(try judge(planner, "newsletter").verdict == .send)
        #expect(try judge(planner, "offer").because == "marketing: 1 per 14d; newsletter on 2027-04-25 goes first")
        #expect(try judge(planner, "birthday-card", history: [sent("offer", "2027-05-04T07:00:00Z")]).verdict == .send)
    }

    @Test func whatCountsAndWhatObeys() throws {
        func other(_ counts: Bool, _ obeys: Bool) throws -> [Decision.Verdict] {
            let card = try birthday(budget: BudgetPart(counts: counts, obeys: obeys))
            let planner = try planner([card, mailing("2027-04-25")], fortnight)
            let history = [try sent("offer", "2027-05-01T07:00:00Z")]
            return [try judge(planner, "newsletter").verdict, try judge(planner, "birthday-card", history: history).verdict]
        }
        let lost = Decision.Verdict.skip(.budget(lostTo: "birthday-card"))
        #expect(try other(true, true) == [lost, .skip(.budget(lostTo: "offer"))])
        #expect(try other(true, false) == [lost, .send])
        #expect(try other(false, true) == [.send, .skip(.budget(lostTo: "offer"))])
        #expect(try other(false, false) == [.send, .send])
    }

    @Test func careIsOutsideOfBudgets() throws {
        let planner = try planner([mailing("2027-05-01", name: "answer", purpose: .care), mailing("2027-05-02")], fortnight)
        #expect(try judge(planner, "answer", history: [sent("offer", "2027-05-01T07:00:00Z")]).verdict == .send)
        #expect(try judge(planner, "newsletter").verdict == .send)
    }

    @Test func theAddressCountsAndNotTheCustomer() throws {
        let planner = try planner([mailing("2027-05-01")], fortnight)
        #expect(try judge(planner, "newsletter", history: [sent("newsletter", "2027-04-28T07:00:00Z", customer: "18")]).verdict == .skip(.budget(lostTo: "newsletter")))
        #expect(try judge(planner, "newsletter", history: [sent("note", "2027-04-28T07:00:00Z", counts: false)]).verdict == .send)
    }

    @Test func anAttemptOfItsOwnIsNoObstacle() throws {
        let planner = try planner([mailing("2027-05-01")], fortnight)
        var own = try sent("newsletter", "2027-05-01T08:00:00Z")
        (own.occasion, own.hasEnded) = ("2027-05-01", false)
        #expect(try judge(planner, "newsletter", history: [own], now: at("2027-05-01T08:10:00Z"), ahead: false).verdict == .send)
    }

    @Test func whatWillNotBeSentTakesNoRoom() throws {
        let planner = try planner([birthday(), mailing("2027-04-25")], fortnight)
        let paused = Standing(pauses: [Pause(scope: .rule("birthday-card"), since: due - .days(90))])
        #expect(try judge(planner, "newsletter", standing: paused).verdict == .send)
        #expect(try judge(planner, "newsletter", standing: Standing(unapproved: ["birthday-card"])).verdict == .send)
        let silent = house.customer(birthday: "1980-05-05", more: [.consentMarketing: "yes", .consentGreeting: "no"])
        #expect(try judge(planner, "newsletter", of: silent).verdict == .send)
        // What was due before its rule was first seen.
        #expect(try judge(planner, "newsletter", standing: Standing(baselines: ["birthday-card": due + 1])).verdict == .send)
        #expect(try judge(planner, "newsletter", standing: Standing(baselines: ["birthday-card": due])).verdict != .send)
    }

    /// After an outage both are due, and the newsletter is asked first.
    @Test func whatIsDueSinceBeforeHasItsSay() throws {
        let rules = [try birthday(), try mailing("2027-05-05", at: "08:00")]
        let now = due + .hours(3)
        #expect(try judge(try planner(rules, fortnight), "newsletter", now: now, ahead: false).verdict == .skip(.budget(lostTo: "birthday-card")))
        // At midnight the card has become too late, and has no say any more.
        let patient = [rules[0], try mailing("2027-05-05", at: "08:00", lateness: .grace(.days(2)))]
        let tomorrow = try at("2027-05-05T22:00:00Z")
        #expect(try judge(try planner(patient, fortnight), "newsletter", now: tomorrow - 1, ahead: false).verdict == .skip(.budget(lostTo: "birthday-card")))
        #expect(try judge(try planner(patient, fortnight), "newsletter", now: tomorrow, ahead: false).verdict == .send)
    }

    @Test func anEventsMessageObeysToo() throws {
        let thanks = Rule(name: "thanks", purpose: .marketing, trigger: .event(.init(kind: 0)), steps: [step()], lateness: .grace(.days(1)))
        var planner = try planner([birthday(), thanks], fortnight)
        let event = Event(kind: "complaint", id: "1", customer: "17", at: due - .days(2))
        let facts = Facts(customer: customer(house), event: event, eventRecord: house.record([house.opened: "2027-05-03"]))
        let candidate = try #require(planner.candidates(ofEvent: facts, rule: 1).first)
        let decision = planner.judge(candidate, facts: facts, now: event.at)
        #expect(decision.verdict == .skip(.budget(lostTo: "birthday-card")))
    }

    // MARK: Received

    func received(_ rule: String, within days: Int) -> Condition {
        .test(.init(text: "received \(rule) within \(days)d", operand: .received(rule: rule), predicate: .within(CalendarSpan(days: days))))
    }

    /// On the 15th of April and of May at ten, but once in half a year.
    func survey() throws -> Rule {
        var rule = try scheduleRule("*-04,05-15", at: time("10:00"), purpose: .survey)
        rule.name = "survey"
        rule.condition = .not(received("survey", within: 170))
        return rule
    }

    func asked(_ house: TestHouse) -> Customer {
        house.customer(more: [.consentMarketing: "yes", .consentSurvey: "yes"])
    }

    /// The survey of April precludes that of May, which then takes nobody's room.
    @Test func whatWillBePrecludedTakesNoRoom() throws {
        let planner = try planner([survey(), mailing("2027-04-15")], Budget(atMost: 2, per: .days(31)))
        let (due, customer) = (try at("2027-04-15T08:00:00Z"), asked(house))
        var april = try sent("survey", "2027-04-15T08:00:00Z", purpose: .survey)
        april.occasion = "2027-04-15"
        // The day before; in one batch with the survey; when that went.
        #expect(try judge(planner, "newsletter", now: due - .days(1), of: customer).verdict == .send)
        #expect(try judge(planner, "newsletter", now: due, ahead: false, of: customer).verdict == .send)
        #expect(try judge(planner, "newsletter", history: [april], received: ["survey": due], now: due + 1, ahead: false, of: customer).verdict == .send)
        // While it is going.
        april.hasEnded = false
        #expect(try judge(planner, "newsletter", history: [april], now: due + 1, ahead: false, of: customer).verdict == .send)
        // What goes to somebody else at the address precludes nothing.
        april.customer = "18"
        #expect(try judge(planner, "newsletter", history: [april], now: due + 1, ahead: false, of: customer).verdict == .skip(.budget(lostTo: "survey")))
    }

    @Test func whatIsNotReceivedPrecludesNothing() throws {
        let planner = try planner([survey(), mailing("2027-05-10"), mailing("2027-04-14", name: "offer", priority: 50)], fortnight)
        let (now, customer) = (try at("2027-04-13T00:00:00Z"), asked(house))
        // The offer takes April's room, so May's survey is due.
        #expect(try judge(planner, "survey", now: now, of: customer).verdict == .skip(.budget(lostTo: "offer")))
        #expect(try judge(planner, "newsletter", now: now, of: customer).verdict == .skip(.budget(lostTo: "survey")))
    }

    /// The question whether the welcome was liked is owed once the welcome went, and has its room before.
    @Test func whatWillBeOwedTakesRoom() throws {
        var question = try mailing("2027-05-10", name: "question", purpose: .survey)
        question.condition = received("welcome", within: 20)
        let rules = [question, try mailing("2027-05-01", name: "welcome", purpose: .greeting), try mailing("2027-05-05")]
        let planner = try planner(rules, Budget(atMost: 2, per: .days(14)))
        let (welcomed, customer) = (try at("2027-05-01T08:00:00Z"), asked(house))
        #expect(try judge(planner, "newsletter", now: welcomed - .days(1), of: customer).verdict == .skip(.budget(lostTo: "welcome")))
        let history = [try sent("welcome", "2027-05-01T08:00:00Z", purpose: .greeting)]
        #expect(try judge(planner, "newsletter", history: history, received: ["welcome": welcomed], now: at("2027-05-05T08:00:00Z"), ahead: false, of: customer).verdict == .skip(.budget(lostTo: "question")))
        // No welcome, no question.
        let standing = Standing(unapproved: ["welcome"])
        #expect(try judge(planner, "newsletter", standing: standing, now: welcomed - .days(1), of: customer).verdict == .send)
        let strict = try self.planner(rules.map { rule in
            var rule = rule
            if rule.name == "question" { rule.condition = .all([rule.condition, received("other", within: 20)]) }
            return rule
        }, Budget(atMost: 2, per: .days(14)))
        #expect(try judge(strict, "newsletter", now: welcomed - .days(1), of: customer).verdict == .send)
    }

    /// A message without any part in the budgets is known to go all the same.
    @Test func whatIsReceivedNeedsNoPartInTheBudget() throws {
        var offer = try mailing("2027-05-10", name: "offer", priority: 50)
        offer.condition = .not(received("note", within: 20))
        var note = try mailing("2027-05-04", name: "note", purpose: .greeting)
        note.budget = BudgetPart(counts: false, obeys: false)
        let planner = try planner([offer, note, mailing("2027-05-02")], fortnight)
        let customer = asked(house)
        #expect(try judge(planner, "newsletter", of: customer).verdict == .send)
        #expect(try judge(planner, "newsletter", standing: Standing(unapproved: ["note"]), of: customer).verdict == .skip(.budget(lostTo: "offer")))
    }

    // MARK: Put off

    @Test func whatIsPutOffGoesWhenThereIsRoom() throws {
        let planner = try planner([mailing("2027-05-01", lateness: .grace(.days(7)))], fortnight)
        let history = [try sent("offer", "2027-04-20T07:30:00Z")]
        let room = try at("2027-05-04T07:30:00Z")
        for (now, ahead) in [(try at("2027-04-30T00:00:00Z"), true), (try at("2027-05-01T08:00:00Z"), false), (room - 1, false)] {
            let decision = try judge(planner, "newsletter", history: history, now: now, ahead: ahead)
            #expect(decision.verdict == .move(to: room))
            #expect(decision.because == "overall: 1 per 14d; offer on 2027-04-20 went first")
        }
        #expect(try judge(planner, "newsletter", history: history, now: room, ahead: false).verdict == .send)
        #expect(try judge(planner, "newsletter", history: history, now: room + .hours(5), ahead: false).verdict == .send)
    }

    @Test func neverPastItsExpiry() throws {
        let history = [try sent("offer", "2027-04-20T07:30:00Z")]
        let span = try at("2027-05-04T07:30:00Z") - at("2027-05-01T08:00:00Z")
        let short = try planner([mailing("2027-05-01", lateness: .grace(span))], fortnight)
        #expect(try judge(short, "newsletter", history: history).verdict == .skip(.budget(lostTo: "offer")))
        let long = try planner([mailing("2027-05-01", lateness: .grace(span + .seconds(1)))], fortnight)
        #expect(try judge(long, "newsletter", history: history).verdict == .move(to: at("2027-05-04T07:30:00Z")))
    }

    @Test func twoThatWaitTakeTurns() throws {
        let rules = [
            try mailing("2027-05-01", name: "a", lateness: .grace(.days(40))), try mailing("2027-05-01", name: "b", priority: 30, lateness: .grace(.days(40))),
        ]
        let planner = try planner(rules, fortnight)
        let history = [try sent("offer", "2027-04-20T07:30:00Z")]
        #expect(try judge(planner, "b", history: history).verdict == .move(to: at("2027-05-04T07:30:00Z")))
        let decision = try judge(planner, "a", history: history)
        #expect(try decision.verdict == .move(to: at("2027-05-18T07:30:00Z")))
        #expect(decision.because == "overall: 1 per 14d; offer on 2027-04-20 went first")
    }

    @Test func notIntoQuietHours() throws {
        let hours = QuietHours(hours: (start: try time("21:00"), end: try time("08:00")))
        let planner = try planner([mailing("2027-05-01", lateness: .grace(.days(7)))], fortnight, quiet: Quiet(hours: hours))
        // Room at three in the morning in Berlin, and so at eight.
        let decision = try judge(planner, "newsletter", history: [sent("offer", "2027-04-20T01:00:00Z")])
        #expect(try decision.verdict == .move(to: at("2027-05-04T06:00:00Z")))
    }

    // MARK: Quiet hours at sending

    @Test func afterAnOutageTheMorningIsAwaited() throws {
        let hours = QuietHours(hours: (start: try time("21:00"), end: try time("08:00")))
        let night = try at("2027-05-02T01:00:00Z")
        func verdict(_ lateness: Lateness, purpose: Purpose = .marketing) throws -> Decision {
            let planner = try planner([mailing("2027-05-01", purpose: purpose, lateness: lateness)], quiet: Quiet(hours: hours))
            return try judge(planner, "newsletter", now: night, ahead: false)
        }
        #expect(try verdict(.grace(.days(2))).verdict == .move(to: at("2027-05-02T06:00:00Z")))
        #expect(try verdict(.grace(.days(2))).because == "limits.quiet")
        // Too late before the night is over.
        #expect(try verdict(.grace(.hours(21))).verdict == .skip(.late))
        #expect(try verdict(.grace(.hours(2))).verdict == .skip(.late))
        #expect(try verdict(.forever, purpose: .care).verdict == .send)
    }

    // MARK: Instead of

    func monthly(priority: Int? = nil, lateness: Lateness? = nil) throws -> Rule {
        var rule = try mailing("2027-05-05", name: "monthly-card", at: "08:00", purpose: .greeting, priority: priority, lateness: lateness)
        rule.budget = BudgetPart(counts: false, obeys: false)
        return rule
    }

    @Test func oneCardADay() throws {
        let planner = try planner([birthday(insteadOf: ["monthly-card"]), monthly()])
        let decision = try judge(planner, "monthly-card")
        #expect(decision.verdict == .skip(.replaced(by: "birthday-card")))
        #expect(decision.because == "instead_of: birthday-card on 2027-05-05 goes")
        #expect(try judge(planner, "birthday-card").verdict == .send)
        // When it has gone, which another time of day may be.
        let late = try judge(
            planner, "monthly-card", history: [sent("birthday-card", "2027-05-05T07:00:03Z")], now: due + .hours(2), ahead: false)
        #expect(late.verdict == .skip(.replaced(by: "birthday-card")))
        #expect(late.because == "instead_of: birthday-card on 2027-05-05 went")
        // To another customer at the address it says nothing.
        let others = [try sent("birthday-card", "2027-05-05T07:00:03Z", customer: "18")]
        let stranger = house.customer(birthday: "1980-06-06")
        #expect(try judge(planner, "monthly-card", history: others, of: stranger).verdict == .send)
    }

    @Test func onAnotherDayBothGo() throws {
        let other = house.customer(birthday: "1980-05-06")
        #expect(try judge(try planner([birthday(insteadOf: ["monthly-card"]), monthly()]), "monthly-card", of: other).verdict == .send)
    }

    @Test func onlyWhatIsSentTakesAPlace() throws {
        let planner = try planner([birthday(insteadOf: ["monthly-card"]), monthly()])
        let silent = house.customer(birthday: "1980-05-05", more: [.birthdayCalendar: ""])
        let paused = Standing(pauses: [Pause(scope: .rule("birthday-card"), since: due - .days(90))])
        #expect(try judge(planner, "monthly-card", standing: paused, of: silent).verdict == .send)
        // A card that the budget has no room for leaves the day to the other.
        let rules = [try birthday(insteadOf: ["monthly-card"]), try monthly(), try mailing("2027-05-01", name: "offer", priority: 99)]
        let limited = try self.planner(rules, fortnight)
        #expect(try judge(limited, "birthday-card").verdict == .skip(.budget(lostTo: "offer")))
        #expect(try judge(limited, "monthly-card").verdict == .send)
    }

    @Test func whatIsReplacedReplacesNothing() throws {
        let rules = [
            try mailing("2027-05-05", name: "jubilee", purpose: .greeting, insteadOf: ["birthday-card"]), try birthday(insteadOf: ["monthly-card"]),
            try monthly(),
        ]
        let planner = try planner(rules)
        #expect(try judge(planner, "jubilee").verdict == .send)
        #expect(try judge(planner, "birthday-card").verdict == .skip(.replaced(by: "jubilee")))
        #expect(try judge(planner, "monthly-card").verdict == .send)
    }

    @Test func whatIsReplacedTakesNoRoom() throws {
        let rules = [
            try birthday(insteadOf: ["offer"]), try mailing("2027-05-05", name: "offer", at: "08:00", priority: 80),
            try mailing("2027-05-02", priority: 70),
        ]
        let planner = try planner(rules, Budget(atMost: 2, per: .days(14)))
        #expect(try judge(planner, "offer").verdict == .skip(.replaced(by: "birthday-card")))
        #expect(try judge(planner, "newsletter").verdict == .send)
        #expect(try judge(planner, "birthday-card").verdict == .send)
    }

    /// The whole budget was used up until the birthday; the offer that waited may not join it on its day.
    @Test func whatWaitsAvoidsTheDay() throws {
        let rules = [try birthday(insteadOf: ["offer"]), try mailing("2027-05-03", name: "offer", lateness: .grace(.days(7)))]
        let planner = try planner(rules, Budget(atMost: 2, per: .days(14)))
        let history = try ["2027-04-21T07:00:00Z", "2027-04-22T05:00:00Z"].map { try sent("news", $0) }
        let room = try at("2027-05-06T05:00:00Z")
        let decision = try judge(planner, "offer", history: history)
        #expect(decision.verdict == .move(to: room))
        #expect(try judge(planner, "offer", history: history + [sent("birthday-card", "2027-05-05T07:00:00Z")], now: room, ahead: false).verdict == .send)
    }

    @Test func aCircleOfRulesEnds() throws {
        let rules = [
            try mailing("2027-05-05", name: "a", insteadOf: ["b"]), try mailing("2027-05-05", name: "b", insteadOf: ["c"]),
            try mailing("2027-05-05", name: "c", insteadOf: ["a"]),
        ]
        let planner = try planner(rules, fortnight)
        // The loader refuses such rules. What becomes of them is not defined, but that they come to an end, and not all fall away.
        let verdicts = try ["a", "b", "c"].map { try judge(planner, $0).verdict }
        #expect(verdicts.contains(.send))
    }
}

@Suite struct BudgetRoomTests {
    /// By hours, each window looked at.
    func hasRoom(_ uses: [(hour: Int, purpose: Purpose)], _ budgets: [Budget], _ purpose: Purpose, _ hour: Int) -> Bool {
        budgets.allSatisfy { budget in
            guard budget.limits(purpose) else { return true }
            let hours = Int(budget.per.seconds / 3600)
            return ((hour - hours + 1)...hour).allSatisfy { start in
                uses.filter { budget.limits($0.purpose) && $0.hour >= start && $0.hour < start + hours }.count < budget.atMost
            }
        }
    }

    @Test func roomIsWhereEachSpanHasSome() throws {
        var random = SeededGenerator()
        let epoch = try at("2027-05-01T00:00:00Z")
        for _ in 0..<400 {
            let purposes = [Purpose.greeting, .marketing]
            let budgets = [nil, Purpose.greeting].map {
                Budget(purpose: $0, atMost: Int.random(in: 1...4, using: &random), per: .hours(Int64.random(in: 1...20, using: &random)))
            }
            var room = BudgetRoom(budgets)
            let uses = (0..<Int.random(in: 0...15, using: &random)).map { _ in
                (hour: Int.random(in: 0...60, using: &random), purpose: random.pick(purposes))
            }
            for use in uses {
                room.take(.init(
                    at: epoch + .hours(Int64(use.hour)), purpose: use.purpose, rule: "other", localDate: try date("2027-05-01"), isSent: true))
            }
            let purpose = random.pick(purposes)
            let open = Set((-5...120).filter { _ in Int.random(in: 0..<3, using: &random) > 0 } + [121])
            for hour in -5...70 {
                let isFree = hasRoom(uses, budgets, purpose, hour)
                #expect((room.obstacle(purpose, at: epoch + .hours(Int64(hour))) == nil) == isFree, "\(uses) \(budgets) \(hour)")
                let limit = hour + Int.random(in: 0...60, using: &random)
                let first = (hour..<max(hour, limit)).first { hasRoom(uses, budgets, purpose, $0) && open.contains($0) }
                let found = room.firstRoom(for: purpose, from: epoch + .hours(Int64(hour)), before: epoch + .hours(Int64(limit))) { instant in
                    let hour = Int((instant - epoch).seconds / 3600)
                    return epoch + .hours(Int64((hour...121).first(where: open.contains)!))
                }
                #expect(found == first.map { epoch + .hours(Int64($0)) })
            }
        }
    }
}
