import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// Which card a step sends.
@Suite struct CardSeriesTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func candidate(_ rule: Rule, day: String = "2027-05-05", occasion: String = "2027", belatedFrom: String? = nil) throws -> Candidate {
        let key = OutreachKey(customer: "17", rule: rule.name, occasion: occasion, step: "send", recipient: "customer/0")
        let planned = PlannedOutreach(
            key: key, dueAt: try at("2027-05-05T07:00:00Z"), expiresAt: nil, zone: "Europe/Berlin", localDate: try date(day),
            localTime: try time("09:00"), channel: .mail, lane: .rest, ruleHash: 0)
        var planner = try house.planner(rule)
        let found = planner.zone(of: house.customer())
        let zone = try #require(found)
        return Candidate(outreach: planned, rule: 0, step: 0, position: 0, zone: zone, belatedFrom: try belatedFrom.map(at))
    }

    func rule(_ card: CardPattern) throws -> Rule {
        var rule = anniversaryRule(at: try time("09:00"))
        rule.steps = [step("send", .send(card))]
        return rule
    }

    /// `name`, with `!` where the series is used up.
    /// - Parameter every: how long before the next each of the history was sent.
    func chosen(
        _ card: CardPattern, _ history: [String], day: String = "2027-05-05", every: TimeSpan = .days(1)
    ) throws -> String {
        let rule = try rule(card)
        let now = try at("\(day)T07:00:00Z")
        let sent = history.enumerated().map { number, name in
            SentCard(name, at: Instant(microseconds: now.microseconds - every.microseconds * Int64(number + 1)))
        }
        let (name, isUsedUp) = rule.card(rule.steps[0], for: try candidate(rule, day: day), history: sent, now: now)
        return name + (isUsedUp ? "!" : "")
    }

    @Test(arguments: [
        ([], "a"), (["a"], "b"), (["b", "a"], "c"), (["c", "b", "a"], "a"), (["a", "c", "b"], "b"), (["b"], "a"), (["c"], "a"),
        // Never used goes first, then what was used longest ago; cards of former series do not matter.
        (["b", "a", "b", "a"], "c"), (["a", "old", "b", "c"], "c"), (["old"], "a"),
    ] as [([String], String)])
    func aSeriesGoesRound(history: [String], expected: String) throws {
        #expect(try chosen(CardPattern("a", others: ["b", "c"], noRepeat: 1), history) == expected)
    }

    @Test(arguments: [
        (2, ["b", "a"], "c"), (2, ["c", "b", "a"], "a"), (3, ["c", "b", "a"], "a!"), (3, ["a", "c", "b"], "b!"),
        (3, ["a", "a", "b"], "c"), (9, ["c", "b", "a"], "a!"), (9, ["b", "c"], "a"),
    ] as [(Int, [String], String)])
    func aCardIsNotSentAgainTooSoon(noRepeat: Int, history: [String], expected: String) throws {
        #expect(try chosen(CardPattern("a", others: ["b", "c"], noRepeat: noRepeat), history) == expected)
    }

    @Test func theMonthsOwnCardComesFirst() throws {
        let monthly = CardPattern("monthly/{month}", noRepeat: 12)
        #expect(try chosen(monthly, []) == "monthly/05")
        #expect(try chosen(monthly, ["monthly/04", "monthly/03"]) == "monthly/05")
        // Twice in a month: the first that was never sent.
        #expect(try chosen(monthly, ["monthly/05", "monthly/04"]) == "monthly/01")
        let year = (1...12).reversed().map { "monthly/\($0 < 10 ? "0" : "")\($0)" }
        #expect(try chosen(monthly, year, day: "2028-01-05") == "monthly/01!")
        #expect(try chosen(monthly, Array(year.dropLast()), day: "2028-01-05") == "monthly/01")
        #expect(try chosen(CardPattern("monthly/{month}", noRepeat: 11), year, day: "2028-01-05") == "monthly/01")
    }

    @Test func aMonthThatWasLeftOutShiftsNoOther() throws {
        // New Year's greeting went in place of January's card; a year later it is February again.
        let year = (2...12).reversed().map { "monthly/\($0 < 10 ? "0" : "")\($0)" }
        let monthly = CardPattern("monthly/{month}", noRepeat: 11)
        #expect(try chosen(monthly, year, day: "2028-02-01", every: .days(33)) == "monthly/02")
        // Within the year it would be a repetition.
        #expect(try chosen(monthly, year, day: "2028-02-01", every: .days(29)) == "monthly/01")
    }

    @Test func withoutNoRepeatTheHistoryIsNotAsked() throws {
        #expect(try chosen(CardPattern("a"), ["a", "a"]) == "a")
        #expect(try chosen(CardPattern("a", noRepeat: 2), ["a"]) == "a!")
        #expect(try chosen(CardPattern("m/{month}"), ["m/05"]) == "m/05")
    }

    @Test func noCardIsRepeatedWhileThereIsAnother() throws {
        var random = SeededGenerator()
        for _ in 0..<200 {
            let count = Int.random(in: 1...6, using: &random)
            let names = (0..<count).map { "card-\($0)" }
            let noRepeat = Int.random(in: 1...8, using: &random)
            let pattern = CardPattern(names[0], others: Array(names.dropFirst()), noRepeat: noRepeat)
            var history: [String] = []
            for _ in 0..<30 {
                let found = try chosen(pattern, history)
                let name = found.hasSuffix("!") ? String(found.dropLast()) : found
                #expect(names.contains(name))
                #expect(found.hasSuffix("!") == history.prefix(noRepeat).contains(name))
                #expect(found.hasSuffix("!") == Set(names).isSubset(of: history.prefix(noRepeat)))
                // Everybody's turn comes.
                #expect(Set(history.prefix(count - 1)).count == min(history.count, count - 1))
                history.insert(name, at: 0)
            }
        }
    }

    @Test func feastsHaveTheirOwn() throws {
        var rule = try rule(CardPattern("feasts/{feast}", noRepeat: 1))
        rule.trigger = .feast(.init(.byCountry(FeastCatalog(), column: nil), at: try time("09:00")))
        let christmas = try candidate(rule, day: "2027-12-25", occasion: "christmas-2027")
        #expect(rule.card(rule.steps[0], for: christmas.outreach) == "feasts/christmas")
        #expect(rule.card(rule.steps[0], for: christmas, now: christmas.outreach.dueAt).name == "feasts/christmas")
        let sent = [SentCard("feasts/christmas", at: christmas.outreach.dueAt - .days(1))]
        let other = rule.card(rule.steps[0], for: christmas, history: sent, now: christmas.outreach.dueAt)
        #expect(other.name != "feasts/christmas" && !other.isUsedUp)
        #expect(rule.cards(rule.steps[0]).contains("feasts/mid-autumn"))
    }

    // MARK: Belated

    @Test(arguments: [
        (Lateness.grace(.hours(10)), "2027-05-05T17:00:00Z"), (.untilMidnight, "2027-05-05T22:00:00Z"), (.forever, nil),
    ] as [(Lateness, String?)])
    func pastTheGraceAnotherCardGoes(lateness: Lateness, from: String?) throws {
        var rule = try rule(CardPattern("a", others: ["b"], noRepeat: 1))
        rule.lateness = lateness
        rule.belated = Belated(card: CardPattern("late/{month}"), within: .days(3))
        rule.steps.append(step("tell", .tell(TestHouse.director, CardPattern("task"))))
        rule.steps.append(step("hook", .webhook(endpoint: "crm", CardPattern("note"))))
        var planner = try house.planner(rule)
        let found = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        let (send, tell, hook) = (found[0], found[1], found[2])
        #expect(send.belatedFrom == (try from.map(at)))
        #expect(send.outreach.expiresAt == (from == nil ? nil : send.outreach.dueAt + .days(3)))
        #expect(tell.belatedFrom == nil && hook.belatedFrom == nil)
        #expect(tell.outreach.expiresAt == nil)
        #expect(hook.outreach.expiresAt == (try from.map(at)))
        func card(_ candidate: Candidate, _ now: Instant) -> String {
            rule.card(rule.steps[candidate.step], for: candidate, history: [SentCard("a", at: now - .days(300))], now: now).name
        }
        let late = try from.map(at) ?? send.outreach.dueAt + .days(99)
        #expect(card(send, late - 1) == "b")
        #expect(card(send, late) == (from == nil ? "b" : "late/05"))
        #expect(card(tell, late) == "task")
    }

    @Test func aBelatedCardMakesPlanningLookFurtherBack() throws {
        var rule = try rule(CardPattern("a"))
        #expect(rule.longestLateness == .hours(25))
        rule.belated = Belated(card: CardPattern("late"), within: .days(3))
        #expect(rule.longestLateness == .days(3))
        let now = try at("2027-05-05T12:00:00Z")
        let window = PlanWindow(rule: rule, firstSeen: now - .days(90), plannedThrough: now + .hours(26), now: now)
        #expect(window.from == now - .days(3))
        rule.lateness = .forever
        #expect(rule.longestLateness == .hours(25))
    }

    @Test func everyCardIsListed() throws {
        var rule = try rule(CardPattern("a", others: ["b", "m/{month}", "a"], noRepeat: 1))
        rule.belated = Belated(card: CardPattern("late", others: ["later"]), within: .days(3))
        let months = (1...12).map { "m/\($0 < 10 ? "0" : "")\($0)" }
        #expect(rule.cards(rule.steps[0]) == ["a", "b"] + months + ["late", "later"])
        #expect(rule.cards(step("tell", .tell(TestHouse.director, CardPattern("task")))) == ["task"])
        #expect(rule.cards(step("list", .list(ListTarget(name: "calls", role: TestHouse.director)))) == [])
    }
}
