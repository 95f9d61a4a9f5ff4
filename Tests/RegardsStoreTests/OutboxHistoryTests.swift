import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// What later decisions learn of the past.
@Suite struct OutboxHistoryTests {
    private func ask(
        _ ledger: Ledger, _ addresses: [String: String], since: Instant = noon - .days(30), received: Set<String> = [],
        series: Set<String> = []
    ) throws -> [String: History] {
        try ledger.outbox.histories(
            HistoryQuestion(
                customers: Array(addresses.keys), addresses: addresses.filter { !$0.value.isEmpty }, since: since,
                received: received, series: series))
    }

    @Test func nothingIsKnownOfACustomerNeverWrittenTo() throws {
        let ledger = try Ledger()
        #expect(try ask(ledger, ["1": "a", "2": ""], received: ["birthday", "unheard-of"], series: ["monthly"]) == ["1": .none, "2": .none])
        #expect(try ledger.outbox.histories(HistoryQuestion(customers: [], since: noon)).isEmpty)
    }

    // MARK: Contacts

    @Test func contactsOfAnAddressAreEverybodysNewestFirst() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1", due: noon - .days(9)), to: "home", card: "cake", at: noon - .days(9))
        try ledger.send(.row("2", rule: "care", step: "tell", due: noon - .days(3)), to: "home", counts: false, at: noon - .days(3))
        try ledger.send(.row("3"), to: "elsewhere", at: noon - .days(3))
        try ledger.send(.row("4"), to: nil, at: noon - .days(3))
        let histories = try ask(ledger, ["1": "home", "2": "home", "3": "elsewhere", "4": ""])
        let first = PastContact(
            customer: "1", rule: "birthday", step: "send", occasion: "2027", at: noon - .days(9),
            localDate: Zone.utc.local(at: noon - .days(9)).date, card: "cake", purpose: .greeting)
        let second = PastContact(
            customer: "2", rule: "care", step: "tell", occasion: "2027", at: noon - .days(3),
            localDate: Zone.utc.local(at: noon - .days(3)).date, counts: false, purpose: .care)
        #expect(histories["1"]?.toAddress == [second, first])
        #expect(histories["2"]?.toAddress == [second, first])
        #expect(histories["3"]?.toAddress.map(\.customer) == ["3"])
        #expect(histories["4"]?.toAddress.isEmpty == true)
    }

    @Test func contactsReachBackAsFarAsAsked() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1"), to: "a", at: noon - .days(2))
        #expect(try ask(ledger, ["1": "a"], since: noon - .days(2))["1"]?.toAddress.count == 1)
        #expect(try ask(ledger, ["1": "a"], since: noon - .days(2) + TimeSpan(microseconds: 1))["1"]?.toAddress.isEmpty == true)
    }

    @Test func whatFailedOrWasSkippedIsKnownWhereItIsAskedFor() throws {
        let ledger = try Ledger()
        let rows = ["1", "2", "3", "4"].map { PlannedOutreach.row($0) }
        let ids = try ledger.claim(rows)
        let ends: [Ending.Next] = [.failed(.messageRefused), .skipped(.late), .cancelled(.noConsent), .held(.paused)]
        try ledger.outbox.commit(GroupCommit(now: noon, endings: zip(ids, ends).map { Ending(id: $0, $1) }))
        try ledger.send(.row("5"), to: "e")
        var question = HistoryQuestion(customers: ["1", "2", "3", "4", "5"], since: noon, asksForLost: true)
        let found = try ledger.outbox.histories(question).mapValues(\.lost)
        #expect(found == ["1": [rows[0].key: noon], "2": [rows[1].key: noon], "3": [:], "4": [:], "5": [:]])
        question.since = noon + .seconds(1)
        #expect(try ledger.outbox.histories(question).values.allSatisfy(\.lost.isEmpty))
        (question.since, question.asksForLost) = (noon, false)
        #expect(try ledger.outbox.histories(question).values.allSatisfy(\.lost.isEmpty))
    }

    @Test func whatIsOnItsWayHasNotEnded() throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, address: "a", counts: true)]))
        #expect(try ask(ledger, ["1": "a"])["1"]?.toAddress.map(\.hasEnded) == [false])
        try ledger.outbox.commit(GroupCommit(now: noon + .seconds(3), endings: [Ending(id: id, .held(.inDoubt))]))
        let inDoubt = try #require(try ask(ledger, ["1": "a"])["1"]?.toAddress.first)
        #expect(inDoubt.hasEnded && inDoubt.at == noon + .seconds(3))
        try ledger.outbox.settle(id, as: .resend, now: noon)
        #expect(try ask(ledger, ["1": "a"])["1"]?.toAddress.isEmpty == true)
    }

    /// A machine that was off for long: what it was at when it went off counts from when that was found out, and later by
    /// hand.
    @Test func whatIsSettledLateIsFoundByItsLateContact() throws {
        var ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, address: "a", counts: true)]))
        let found = noon + .days(40)
        #expect(try ledger.restart(now: found, ifInDoubt: .ask).inDoubt.map(\.id) == [id])
        #expect(try ask(ledger, ["1": "a"], since: found)["1"]?.toAddress.map(\.at) == [found])
        let settled = found + .days(40)
        try ledger.outbox.settle(id, as: .sent, now: settled)
        #expect(try ask(ledger, ["1": "a"], since: settled)["1"]?.toAddress.map(\.at) == [settled])
    }

    static let noContacts: [Ending.Next] = [
        .failed(.recipientRefused), .skipped(.redirected), .cancelled(.conditionFalse), .held(.paused),
        .retry(notBefore: nil, reason: "temporary", givesAttemptBack: false),
    ]

    @Test(arguments: noContacts) func whatDidNotArriveIsNoContact(_ next: Ending.Next) throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, address: "a", counts: true)]))
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, next)]))
        #expect(try ask(ledger, ["1": "a"], received: ["birthday"])["1"] == History.none)
    }

    @Test func theAddressIsThatOfTheLastAttempt() throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, address: "old", counts: true)]))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon, endings: [Ending(id: id, .retry(notBefore: nil, reason: "temporary", givesAttemptBack: false))]))
        _ = try ledger.claimAll()
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, address: "new", counts: true)]))
        #expect(try ask(ledger, ["1": "old"])["1"]?.toAddress.isEmpty == true)
        #expect(try ask(ledger, ["1": "new"])["1"]?.toAddress.count == 1)
    }

    /// A rule that changes its purpose does not change what went out before.
    @Test func aContactKeepsThePurposeItHad() throws {
        let ledger = try Ledger(rules: ["birthday"])
        try ledger.send(.row("1"), to: "a")
        _ = try ledger.outbox.adoptRules([RuleAdoption(name: "birthday", purpose: .marketing, hash: 1)], now: noon)
        try ledger.send(.row("1", occasion: "2028"), to: "a", at: noon + .hours(1))
        #expect(try ask(ledger, ["1": "a"])["1"]?.toAddress.map(\.purpose) == [.marketing, .greeting])
    }

    // MARK: What a rule sent

    @Test func theLastArrivalOfEachRule() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1", occasion: "2025"), at: noon - .days(700))
        try ledger.send(.row("1", occasion: "2026"), at: noon - .days(365))
        try ledger.send(.row("1", rule: "monthly"), at: noon - .days(30))
        try ledger.send(.row("2", rule: "monthly"), at: noon - .days(4))
        let found = try ask(ledger, ["1": "", "2": ""], received: ["birthday", "monthly", "never"])
        #expect(found["1"]?.lastReceived == ["birthday": noon - .days(365), "monthly": noon - .days(30)])
        #expect(found["2"]?.lastReceived == ["monthly": noon - .days(4)])
        #expect(try ask(ledger, ["1": ""], received: ["monthly"])["1"]?.lastReceived == ["monthly": noon - .days(30)])
    }

    @Test func whatStaffOrAProgramGotTheCustomerDidNot() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1", step: "tell-manager", recipient: "manager/0"), to: "m")
        try ledger.send(.row("1", channel: .webhook("crm")))
        #expect(try ask(ledger, ["1": ""], received: ["birthday"], series: ["birthday"])["1"] == History.none)
    }

    @Test func aSeriesRemembersTheLastHundredCards() throws {
        let ledger = try Ledger()
        for number in 0..<105 {
            let row = PlannedOutreach.row("1", rule: "monthly", occasion: "\(number)")
            try ledger.send(row, card: "card-\(number)", at: noon + .hours(Int64(number)))
        }
        try ledger.send(.row("1"), card: "cake")
        let cards = try #require(try ask(ledger, ["1": "", "2": ""], series: ["monthly"])["1"]?.cards)
        #expect(cards == ["monthly": (5..<105).reversed().map { SentCard("card-\($0)", at: noon + .hours(Int64($0))) }])
    }

    /// Ids that JSON or SQLite could take for something else.
    @Test(arguments: ["7", "007", "1e3", "it's", "a\"b\\c", "naïve \u{1F382}", "tab\tline\n", "null", "a/b"])
    func anyIdAndAddressIsFound(_ id: String) throws {
        let ledger = try Ledger()
        try ledger.send(.row(id), to: id, card: "cake")
        try ledger.outbox.suppress(id, [.survey], reason: .request, now: noon)
        let found = try #require(try ask(ledger, [id: id, "other": "x"], received: ["birthday"], series: ["birthday"])[id])
        #expect(found.toAddress.count == 1 && found.lastReceived.count == 1)
        #expect(found.cards.mapValues { $0.map(\.name) } == ["birthday": ["cake"]])
        #expect(found.suppressed == [.survey])
        let refused = PlannedOutreach.row(id, rule: "care", occasion: id, step: "tell", recipient: "manager/0")
        let row = try ledger.claim([refused])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: row, .failed(.addressInvalid))]))
        let occasion = CustomerOccasion(customer: id, occasion: id)
        #expect(try ledger.outbox.refusedSteps([occasion]) == [occasion: ["care/tell": noon]])
    }

    // MARK: Refused steps

    @Test func aStepThatReachedNobodyIsRefused() throws {
        let ledger = try Ledger()
        func rung(_ step: String, _ position: Int = 0, occasion: String = "c1") -> PlannedOutreach {
            .row("1", rule: "care", occasion: occasion, step: step, recipient: "manager/\(position)")
        }
        let ids = try ledger.claim([
            rung("both"), rung("both", 1), rung("one"), rung("one", 1), rung("waits"), rung("waits", 1), rung("gone"),
            .row("1", rule: "care", occasion: "c1"), rung("both", occasion: "c2"), rung("sent", occasion: "c3"),
        ])
        let sent: Set<Int> = [3, 9]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: sent.map { SendMark(id: ids[$0]) }))
        var endings = sent.map { Ending(id: ids[$0], .sent) }
        endings += [0, 2, 4, 7, 8].map { Ending(id: ids[$0], .failed(.recipientRefused)) }
        endings.append(Ending(id: ids[6], .cancelled(.eventEnded)))
        try ledger.outbox.commit(GroupCommit(now: noon, endings: endings))
        try ledger.outbox.commit(
            GroupCommit(now: noon + .minutes(1), endings: [Ending(id: ids[1], .failed(.attemptsUsedUp))]))
        let occasions = ["c1", "c2", "c3", "c4"].map { CustomerOccasion(customer: "1", occasion: $0) }
        let found = try ledger.outbox.refusedSteps(occasions + [CustomerOccasion(customer: "2", occasion: "c1")])
        #expect(found == [occasions[0]: ["care/both": noon + .minutes(1)], occasions[1]: ["care/both": noon]])
        #expect(try ledger.outbox.refusedSteps([]).isEmpty)
    }

    // MARK: Suppression

    @Test func aSuppressedAddressIsKnownByPurpose() throws {
        let ledger = try Ledger()
        #expect(try ledger.outbox.suppress("a", .unasked, reason: .request, now: noon))
        #expect(try ledger.outbox.suppress("b", [.marketing], reason: .bounce, now: noon))
        #expect(try !ledger.outbox.suppress("a", .unasked, reason: .request, now: noon + .days(1)))
        let histories = try ask(ledger, ["1": "a", "2": "b", "3": "c", "4": "a"])
        #expect(histories["1"]?.suppressed == [.greeting, .marketing, .survey])
        #expect(histories["2"]?.suppressed == [.marketing])
        #expect(histories["3"]?.suppressed == [])
        #expect(histories["4"]?.suppressed == histories["1"]?.suppressed)
    }

    @Test func aWishOutlivesABounceThatIsTakenBack() throws {
        let ledger = try Ledger()
        try ledger.outbox.suppress("a", .unasked, reason: .bounce, now: noon)
        #expect(try ledger.outbox.suppress("a", [.marketing], reason: .request, now: noon))
        #expect(try ledger.outbox.unsuppress("a", .unasked, reason: .bounce) == 3)
        #expect(try ask(ledger, ["1": "a"])["1"]?.suppressed == [.marketing])
        #expect(try ledger.outbox.unsuppress("a", .unasked, reason: nil) == 1)
        #expect(try ledger.outbox.unsuppress("a", .unasked, reason: nil) == 0)
        #expect(try ask(ledger, ["1": "a"])["1"]?.suppressed == [])
    }

    @Test func suppressionsAreListedPageByPage() throws {
        let ledger = try Ledger()
        for number in 0..<7 {
            try ledger.outbox.suppress("address-\(number)", .unasked, reason: .complaint, now: noon)
        }
        var found: [Suppression] = []
        while true {
            let page = try ledger.outbox.suppressions(limit: 5, after: found.last)
            found += page
            if page.count < 5 { break }
        }
        let purposes: [Purpose] = [.greeting, .marketing, .survey]
        #expect(
            found
                == (0..<7).flatMap { number in
                    purposes.map { Suppression(address: "address-\(number)", purpose: $0, reason: .complaint, since: noon) }
                })
    }
}
