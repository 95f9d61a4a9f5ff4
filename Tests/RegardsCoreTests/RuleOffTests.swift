import RegardsCalendar
import RegardsCore
import Testing

/// Rules that are switched off, or out of their days.
@Suite struct RuleOffTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func birthday() throws -> Rule { anniversaryRule(at: try time("09:00")) }
    func complaint() -> Rule { Rule(name: "care", purpose: .care, trigger: .event(.init(kind: 0)), steps: [step()]) }

    func facts() throws -> Facts {
        let event = Event(kind: "complaint", id: "1", customer: "17", at: try at("2027-05-05T22:30:00Z"))
        return Facts(customer: house.customer(birthday: "1980-05-05"), event: event, eventRecord: house.record([:]))
    }

    @Test func aRuleThatIsOffOwesNothing() throws {
        var (birthday, complaint) = (try birthday(), complaint())
        (birthday.isEnabled, complaint.isEnabled) = (false, false)
        var on = try house.planner(try self.birthday(), self.complaint())
        var off = try house.planner(birthday, complaint)
        let facts = try facts()
        let customer = try #require(facts.customer)
        let keys = try on.owed(customer, in: 2027).map(\.outreach.key) + on.candidates(ofEvent: facts, rule: 1).map(\.outreach.key)
        #expect(keys.count == 2)
        #expect(try off.owed(customer, in: 2027).isEmpty)
        #expect(off.candidates(ofEvent: facts, rule: 1).isEmpty)
        off.beginPass([0: PlanWindow(from: try at("2027-05-01"), through: try at("2027-06-01"), plannedThrough: try at("2027-05-01"))])
        let zone = off.zone(of: customer)
        #expect(off.candidates(of: customer, zone: try #require(zone)) { _ in Issue.record("nothing is owed") } == [])
        for key in keys {
            #expect(off.derive(key, facts: facts) == nil)
            let decided = off.decide(key, facts: facts, now: try at("2027-05-05"))
            #expect(decided.candidate == nil)
            #expect(decided.decision.verdict == .cancel(.ruleOff))
        }
    }

    @Test(arguments: [
        ("2027-05-05", nil, true), ("2027-05-06", nil, false), (nil, "2027-05-05", true), (nil, "2027-05-04", false),
        ("2027-05-05", "2027-05-05", true), (nil, nil, true),
    ] as [(String?, String?, Bool)])
    func theDaysOfARule(from: String?, to: String?, isOwed: Bool) throws {
        var rule = try birthday()
        rule.active = ActivePeriod(from: try from.map(date), to: try to.map(date))
        var planner = try house.planner(rule)
        let facts = try facts()
        #expect(try planner.owed(#require(facts.customer), in: 2027).count == (isOwed ? 1 : 0))
        let key = OutreachKey(customer: "17", rule: rule.name, occasion: "2027", step: "send", recipient: "customer/0")
        #expect((planner.derive(key, facts: facts) != nil) == isOwed)
        let verdict = planner.decide(key, facts: facts, now: try at("2027-05-05T07:00:00Z")).decision.verdict
        #expect(verdict == (isOwed ? .send : .cancel(.ruleOff)))
    }

    @Test func whatIsNotOwedAnywayIsGoneAndNotOff() throws {
        var rule = try birthday()
        rule.active = ActivePeriod(to: try date("2026-01-01"))
        var planner = try house.planner(rule)
        let key = OutreachKey(customer: "17", rule: rule.name, occasion: "2027", step: "farewell", recipient: "customer/0")
        #expect(planner.decide(key, facts: try facts(), now: try at("2027-05-05")).decision.verdict == .cancel(.occasionGone))
    }

    @Test func theOccasionsOwnDayCounts() throws {
        // Three days before a birthday on the 5th is the 2nd; the follow-up belongs to it.
        var rule = anniversaryRule(at: try time("23:30"), offsets: [-3])
        rule.steps = [step(), step("later", at: .start(.days(9)))]
        rule.active = ActivePeriod(from: try date("2027-05-02"), to: try date("2027-05-02"))
        var planner = try house.planner(rule)
        #expect(try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027).map(\.outreach.key.step) == ["send", "later"])
        // An event's day is the customer's: at half past midnight in Berlin it is the 6th.
        var care = complaint()
        care.active = ActivePeriod(from: try date("2027-05-06"), to: try date("2027-05-06"))
        var events = try house.planner(care)
        #expect(events.candidates(ofEvent: try facts(), rule: 0).count == 1)
    }
}

/// What the files alone say about whether a rule still has a day to come.
@Suite struct FiringTests {
    private let house: TestHouse
    init() throws { house = try TestHouse() }

    private func rule(_ trigger: Trigger, active: ActivePeriod? = nil, steps: [Step] = [step()]) -> Rule {
        Rule(name: "open-day", purpose: .greeting, trigger: trigger, steps: steps, active: active)
    }

    private func on(_ day: String, offsets: [Int] = [0]) throws -> Trigger {
        .on(DayTrigger(day: try date(day), at: try time("09:00"), dayOffsets: offsets))
    }

    @Test func aDayThatIsOverNeverComesAgain() throws {
        #expect(try rule(on("2027-06-12")).canFire(from: date("2027-06-12")))
        #expect(try !rule(on("2027-06-12")).canFire(from: date("2027-06-13")))
        #expect(try !rule(on("2027-06-12", offsets: [-14])).canFire(from: date("2027-06-01")))
        #expect(try rule(on("2027-06-12", offsets: [-14, 1])).canFire(from: date("2027-06-13")))
        // Thanks two days later are still to come.
        let thanks = [step(), step("thanks", at: .start(.days(2)))]
        #expect(try rule(on("2027-06-12"), steps: thanks).canFire(from: date("2027-06-14")))
        #expect(try !rule(on("2027-06-12"), steps: thanks).canFire(from: date("2027-06-17")))
    }

    @Test func aPeriodThatIsOverFiresNothing() throws {
        let birthday = anniversaryRule(at: try time("09:00")).trigger
        let spring = ActivePeriod(from: try date("2027-03-01"), to: try date("2027-05-31"))
        #expect(try rule(birthday, active: spring).canFire(from: date("2027-05-31")))
        #expect(try !rule(birthday, active: spring).canFire(from: date("2027-06-01")))
        #expect(try rule(birthday, active: spring).canFire(from: date("2020-01-01")))
        #expect(try rule(birthday).canFire(from: date("2099-01-01")))
        let schedule = Trigger.schedule(ScheduleTrigger(expression: try calendar("2027-04-01 09:00")))
        #expect(try rule(schedule).canFire(from: date("2027-04-01")))
        #expect(try !rule(schedule).canFire(from: date("2027-04-02")))
    }
}
