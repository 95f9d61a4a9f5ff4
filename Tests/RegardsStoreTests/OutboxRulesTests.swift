import GRDB
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxRulesTests {
    private func adopt(
        _ ledger: Ledger, _ rules: RuleAdoption..., now: Instant = noon + .hours(1)
    ) throws -> RuleAdoptionReport {
        try ledger.outbox.adoptRules(rules, now: now)
    }

    @Test func aNewRuleHasItsBaselineNow() throws {
        let ledger = try Ledger(rules: [])
        let report = try adopt(ledger, RuleAdoption(name: "birthday", hash: 7), now: noon)
        let rule = try #require(report.rules.first)
        #expect(rule.isNew && !rule.isChanged && !rule.hasReturned && rule.renamedFrom == nil)
        #expect(rule.ledger.firstSeen == noon && rule.ledger.plannedThrough == noon && rule.ledger.hash == 7)
        #expect(try ledger.outbox.ruleLedgers() == [rule.ledger])
    }

    @Test func adoptingTheSameAgainWritesNothing() throws {
        let ledger = try Ledger()
        let before = try ledger.totalChanges()
        let report = try ledger.outbox.adoptRules(
            Ledger.rules.map { RuleAdoption(name: $0, hash: 1) }, now: noon + .hours(1))
        #expect(try ledger.totalChanges() == before)
        #expect(report.rules.allSatisfy { !$0.isNew && !$0.isChanged } && report.vanished.isEmpty)
        #expect(report.rules.map(\.ledger.name) == Ledger.rules)
    }

    @Test func aChangedHashIsReportedAndKept() throws {
        let ledger = try Ledger(rules: ["birthday"])
        let changed = try #require(try adopt(ledger, RuleAdoption(name: "birthday", hash: 2)).rules.first)
        #expect(changed.isChanged && changed.ledger.hash == 2 && changed.ledger.firstSeen == noon)
        #expect(try adopt(ledger, RuleAdoption(name: "birthday", hash: 2)).rules[0].isChanged == false)
    }

    @Test func aRenamedRuleKeepsItsLedger() throws {
        let ledger = try Ledger(rules: ["birthday"])
        try ledger.plan([.row("1")], rules: ["birthday"])
        let renamed = RuleAdoption(name: "birthday-card", hash: 1, formerly: ["birthday"])
        let report = try adopt(ledger, renamed)
        #expect(report.rules[0].renamedFrom == "birthday" && !report.rules[0].isNew && report.vanished.isEmpty)
        #expect(report.rules[0].ledger.firstSeen == noon)
        #expect(try ledger.all().map(\.key.rule) == ["birthday-card"])
        // The line may stay in the file.
        let again = try adopt(ledger, renamed)
        #expect(again.rules[0].renamedFrom == nil && !again.rules[0].isNew)
        // Derived under the new name, the row is the same row.
        let counts = try ledger.plan([.row("1", rule: "birthday-card")], rules: ["birthday-card"])
        #expect(counts.changes == 0 && counts.unchanged == 1)
    }

    @Test func aRuleMayHaveHadTwoNames() throws {
        let ledger = try Ledger(rules: ["second"])
        let report = try adopt(ledger, RuleAdoption(name: "third", hash: 1, formerly: ["first", "second"]))
        #expect(report.rules[0].renamedFrom == "second")
    }

    @Test(arguments: [
        [RuleAdoption(name: "birthday", hash: 1, formerly: ["monthly"])],
        [RuleAdoption(name: "new", hash: 1, formerly: ["monthly"]), RuleAdoption(name: "monthly", hash: 1)],
        [RuleAdoption(name: "new", hash: 1, formerly: ["birthday", "monthly"])],
        [
            RuleAdoption(name: "a", hash: 1, formerly: ["monthly"]),
            RuleAdoption(name: "b", hash: 1, formerly: ["monthly"]),
        ],
    ])
    func twoLedgersCannotBecomeOne(_ rules: [RuleAdoption]) throws {
        let ledger = try Ledger()
        let before = try ledger.outbox.ruleLedgers()
        let error = #expect(throws: OutboxError.self) { try ledger.outbox.adoptRules(rules, now: noon) }
        guard case .bothHaveLedgers(let rule, "monthly") = error else {
            Issue.record("expected bothHaveLedgers, got \(String(describing: error))")
            return
        }
        #expect(
            error?.description == "\(rule) says formerly: monthly, but both have a ledger; "
                + "drop the line, or give \(rule) a new name")
        #expect(try ledger.outbox.ruleLedgers() == before)
    }

    @Test func twoRulesOfOneNameAreRefused() throws {
        let ledger = try Ledger()
        #expect(throws: OutboxError.twoRulesOfOneName(rule: "x")) {
            try adopt(ledger, RuleAdoption(name: "x", hash: 1), RuleAdoption(name: "x", hash: 2))
        }
    }

    @Test func aVanishedRuleLosesWhatIsUnsent() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2"), .row("3"), .row("4"), .row("5", rule: "monthly")])
        let ids = try ledger.outbox.claim(limit: 4, now: noon, channels: [.mail]).map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[0])]))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [
                    Ending(id: ids[0], .sent), Ending(id: ids[1], .held(.eventOpen(kind: "complaint"))),
                    Ending(id: ids[2], .held(.inDoubt)),
                ]))
        try ledger.outbox.release([ids[3]], now: noon)
        let kept = [RuleAdoption(name: "monthly", hash: 1), RuleAdoption(name: "care", hash: 1)]
        let report = try ledger.outbox.adoptRules(kept, now: noon + .hours(1))
        #expect(report.vanished == [VanishedRule(name: "birthday", cancelled: 2)])
        #expect(try ledger.all().map(\.state) == [.sent, .cancelled, .held, .cancelled, .planned])
        #expect(try ledger.row(ids[1]).reason == "rule-gone")
        #expect(try ledger.outbox.ruleLedgers().first { $0.name == "birthday" }?.goneAt == noon + .hours(1))
        #expect(try ledger.outbox.adoptRules(kept, now: noon + .hours(2)).vanished.isEmpty)
    }

    @Test func aRuleThatReturnsOwesAgainWhatIsStillOwed() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let sent = try ledger.outbox.claim(limit: 1, now: noon, channels: [.mail])[0].id
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: sent)]))
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: sent, .sent)]))
        _ = try adopt(ledger, RuleAdoption(name: "monthly", hash: 1))
        let report = try ledger.outbox.adoptRules(Ledger.rules.map { RuleAdoption(name: $0, hash: 1) }, now: noon)
        let birthday = try #require(report.rules.first { $0.ledger.name == "birthday" })
        #expect(birthday.hasReturned && !birthday.isNew && birthday.ledger.goneAt == nil)
        let counts = try ledger.plan([.row("1"), .row("2")])
        #expect(counts.reopened == 1 && counts.inserted == 0)
        #expect(try ledger.all().map(\.state) == [.sent, .planned])
    }

    /// What it would have sent meanwhile was owed to nobody, and it is asked about as if it were new.
    @Test func aRuleThatWasAwayForLongStartsFromItsReturn() throws {
        func returned(after span: TimeSpan) throws -> RuleLedger {
            let ledger = try Ledger(rules: ["birthday", "monthly"])
            try ledger.outbox.approve(rule: "birthday", hash: 1, now: noon)
            _ = try adopt(ledger, RuleAdoption(name: "monthly", hash: 1), now: noon + .hours(1))
            let now = noon + .hours(1) + span
            let report = try ledger.outbox.adoptRules(["birthday", "monthly"].map { RuleAdoption(name: $0, hash: 1) }, now: now)
            let found = try #require(try ledger.outbox.ruleLedgers().first { $0.name == "birthday" })
            #expect(report.rules.first { $0.ledger.name == "birthday" }?.ledger == found)
            #expect(found.firstSeen == noon && found.goneAt == nil)
            return found
        }
        let soon = try returned(after: .hours(2))
        #expect(soon.plannedThrough == noon + .hours(3) && soon.approvedHash == 1)
        let late = try returned(after: .days(100))
        #expect(late.plannedThrough == noon + .hours(1) + .days(100) && late.approvedHash == nil)
    }

    @Test func planningARuleNobodyAdoptedIsAnError() throws {
        let ledger = try Ledger()
        #expect(throws: OutboxError.unknownRule("nameless")) {
            try ledger.outbox.beginPlan(rules: ["nameless"], window: Ledger.day, now: noon)
        }
    }

    // MARK: Purpose and approval

    @Test func aPurposeIsLearnedAndFollowed() throws {
        let ledger = try Ledger(rules: ["birthday"])
        #expect(try ledger.outbox.ruleLedgers().map(\.purpose) == [.greeting])
        // As after a migration from a ledger that knew no purposes.
        try ledger.outbox.write { try $0.execute(sql: "UPDATE rules SET purpose = NULL") }
        let same = try adopt(ledger, RuleAdoption(name: "birthday", purpose: .marketing, hash: 1))
        #expect(!same.rules[0].isChanged && same.rules[0].ledger.purpose == .marketing)
        #expect(try ledger.outbox.ruleLedgers() == [same.rules[0].ledger])
    }

    @Test func approvalIsForOneHash() throws {
        let ledger = try Ledger(rules: ["birthday", "monthly"])
        #expect(try ledger.outbox.unapproved(["birthday": 1, "monthly": 1, "new": 3]) == ["birthday", "monthly", "new"])
        try ledger.outbox.approve(rule: "birthday", hash: .max, now: noon + .hours(2))
        #expect(try ledger.outbox.unapproved(["birthday": .max, "monthly": 1]) == ["monthly"])
        #expect(try ledger.outbox.unapproved(["birthday": 2]) == ["birthday"])
        let rule = try #require(try ledger.outbox.ruleLedgers().first)
        #expect(rule.approvedHash == .max && rule.approvedAt == noon + .hours(2))
        #expect(throws: OutboxError.unknownRule("new")) { try ledger.outbox.approve(rule: "new", hash: 1, now: noon) }
    }

    @Test func anApprovalSurvivesANewNameAndARestart() throws {
        var ledger = try Ledger(rules: ["birthday"])
        let command = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        try command.approve(rule: "birthday", hash: 1, now: noon)
        _ = try adopt(ledger, RuleAdoption(name: "birthday-card", hash: 1, formerly: ["birthday"]))
        _ = try ledger.restart()
        #expect(try ledger.outbox.unapproved(["birthday-card": 1]).isEmpty)
    }

    @Test func aRuleThatVanishedIsStillListed() throws {
        let ledger = try Ledger(rules: ["birthday", "monthly"])
        _ = try adopt(ledger, RuleAdoption(name: "monthly", hash: 1), now: noon + .hours(3))
        let gone = try ledger.outbox.ruleLedgers().filter { $0.goneAt != nil }
        #expect(gone.map(\.name) == ["birthday"] && gone[0].goneAt == noon + .hours(3))
    }

    // MARK: Guards

    @Test func guardFiguresAreKept() throws {
        var ledger = try Ledger()
        #expect(try ledger.outbox.guardFigures() == GuardFigures())
        let figures = GuardFigures(
            customers: 59, customersAt: noon, collapsedSince: noon + .hours(2), customersSeen: 4,
            trippedSince: noon + .hours(1), added: 700, planned: 0, suspectedSince: noon, carried: 7,
            floods: [
                "order": EventFlood(since: noon, before: noon - .days(1)), "visit": EventFlood(since: noon, before: noon),
            ])
        #expect(try ledger.outbox.updateGuardFigures { $0 = figures } == figures)
        _ = try ledger.restart()
        #expect(try ledger.outbox.guardFigures() == figures)
        let before = try ledger.totalChanges()
        try ledger.outbox.updateGuardFigures { _ in }
        #expect(try ledger.totalChanges() == before)
        try ledger.outbox.updateGuardFigures {
            $0.planned = nil
            $0.trippedSince = nil
        }
        let after = try ledger.outbox.guardFigures()
        #expect(after.planned == nil && after.trippedSince == nil && after.customers == 59 && after.added == 700)
        // The other values of the ledger as a whole are untouched.
        #expect(ledger.outbox.epoch == 2)
    }

    @Test func daemonAndCommandKeepEachOthersFigures() throws {
        let ledger = try Ledger()
        let command = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        try ledger.outbox.updateGuardFigures { $0.customers = 10 }
        try command.updateGuardFigures { $0.collapsedSince = noon }
        try ledger.outbox.updateGuardFigures { $0.customersAt = noon }
        #expect(try command.guardFigures() == GuardFigures(customers: 10, customersAt: noon, collapsedSince: noon))
    }
}
