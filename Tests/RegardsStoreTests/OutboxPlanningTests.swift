import GRDB
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxPlanningTests {
    @Test func insertsWhatIsOwed() throws {
        let ledger = try Ledger()
        let row = PlannedOutreach.row("1", expires: noon + .hours(12), lane: .care, hash: .max)
        let counts = try ledger.plan([row])
        #expect(counts.inserted == 1 && counts.changes == 1 && counts.earliestWake == noon)
        #expect(try ledger.all() == [Outreach(id: 1, plan: row)])
    }

    @Test func aSecondPlanOfAnUnchangedDayWritesNothing() throws {
        let ledger = try Ledger()
        var rows = (0..<300).map { PlannedOutreach.row("\($0)") }
        rows += (0..<300).map { .row("\($0)", rule: "monthly", occasion: "2027-05-01", step: "send#2") }
        try ledger.plan(rows)
        // Some have ended, some wait, some are held by then.
        let ids = try ledger.outbox.claim(limit: 90, now: noon, channels: [.mail]).map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: ids[0..<60].map { SendMark(id: $0) }))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: ids[0..<30].map { Ending(id: $0, .sent) }
                    + ids[60..<90].map { Ending(id: $0, .held(.eventOpen(kind: "complaint"))) }))
        let before = try ledger.totalChanges()
        let counts = try ledger.plan(rows)
        #expect(counts.changes == 0 && counts.unchanged == 600)
        #expect(try ledger.totalChanges() == before)
    }

    struct Edit: Sendable, CustomTestStringConvertible {
        var name: String
        var row: PlannedOutreach
        var testDescription: String { name }
    }

    static let edits: [Edit] = {
        func edit(_ name: String, _ change: (inout PlannedOutreach) -> Void) -> Edit {
            var row = PlannedOutreach.row("1")
            change(&row)
            return Edit(name: name, row: row)
        }
        return [
            edit("due") { $0.dueAt = noon + .hours(1) }, edit("expiry") { $0.expiresAt = noon + .hours(9) },
            edit("zone") { $0.zone = "Asia/Shanghai" }, edit("date") { $0.localDate = $0.localDate + 1 },
            edit("time") { $0.localTime = .midnight }, edit("channel") { $0.channel = .webhook("crm") },
            edit("lane") { $0.lane = .care }, edit("hash") { $0.ruleHash = 2 },
        ]
    }()

    @Test(arguments: edits) func anEditReachesAPlannedRow(_ edit: Edit) throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let counts = try ledger.plan([edit.row])
        #expect(counts.updated == 1 && counts.changes == 1)
        #expect(try ledger.all() == [Outreach(id: 1, plan: edit.row)])
        #expect(try ledger.plan([edit.row]).changes == 0)
        #expect(try ledger.plan([.row("1")]).updated == 1)
    }

    @Test func aHeldRowTakesNewTimesAndStaysHeld() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let id = try ledger.claimAll()[0].id
        try ledger.outbox.commit(
            GroupCommit(now: noon, endings: [Ending(id: id, .held(.eventOpen(kind: "complaint")))]))
        let moved = PlannedOutreach.row("1", due: noon + .hours(1), expires: noon + .hours(5))
        let counts = try ledger.plan([moved])
        #expect(counts.updated == 1 && counts.earliestWake == nil)
        let row = try ledger.row(id)
        #expect(row.state == .held && row.reason == "open:complaint" && row.plan == moved)
    }

    @Test func rowsInHandAreNotTouched() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[1])]))
        let before = try ledger.all()
        #expect(try ledger.plan([.row("1", hash: 9), .row("2", hash: 9)]).changes == 0)
        #expect(try ledger.plan([], customers: ["1", "2"]).changes == 0)
        #expect(try ledger.plan([]).changes == 0)
        #expect(try ledger.all() == before)
    }

    @Test(arguments: [Ending.Next.sent, .failed(.messageRefused), .skipped(.late)])
    func anEndIsForEver(_ next: Ending.Next) throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, next)]))
        let before = try ledger.all()
        #expect(try ledger.plan([.row("1", due: noon + .hours(2), hash: 9)]).changes == 0)
        #expect(try ledger.plan([]).changes == 0)
        #expect(try ledger.all() == before)
    }

    // MARK: What is no longer owed

    @Test func whatIsNotDerivedAnyMoreIsCancelledWithItsReason() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("1", rule: "monthly"), .row("2")])
        let pass = try ledger.outbox.beginPlan(rules: ["birthday", "monthly"], window: Ledger.day, now: noon)
        var asked: [OutreachKey] = []
        let counts = try pass.reconcile(customers: ["1", "2"], rows: [.row("1", rule: "monthly")]) { key in
            asked.append(key)
            return key.customer == "1" ? .doNotContact : .conditionFalse
        }
        #expect(counts.cancelled == 2 && counts.unchanged == 1)
        #expect(asked == [PlannedOutreach.row("1").key, PlannedOutreach.row("2").key])
        #expect(try ledger.all().map(\.reason) == ["do-not-contact", "", "condition-false"])
        #expect(try ledger.all().map(\.endedAt) == [noon, nil, noon])
    }

    @Test func rowsOutsideTheWindowAreNotJudged() throws {
        let ledger = try Ledger()
        let window = (noon - .hours(1))..<(noon + .hours(1))
        let edge = TimeSpan(microseconds: 1)
        let rows: [PlannedOutreach] = [
            .row("1", occasion: "before", due: window.lowerBound - edge),
            .row("1", occasion: "first", due: window.lowerBound),
            .row("1", occasion: "last", due: window.upperBound - edge),
            .row("1", occasion: "after", due: window.upperBound),
        ]
        try ledger.plan(rows)
        #expect(try ledger.plan([], customers: ["1"], window: window).cancelled == 2)
        #expect(try ledger.all().map(\.state) == [.planned, .cancelled, .cancelled, .planned])
    }

    @Test func whatIsTooLateIsNotJudged() throws {
        let ledger = try Ledger()
        let expiry = noon + .hours(1)
        try ledger.plan([.row("1", expires: expiry)])
        #expect(try ledger.plan([], customers: ["1"], now: expiry).changes == 0)
        #expect(try ledger.row(1).state == .planned)
        #expect(try ledger.plan([], customers: ["1"], now: expiry - TimeSpan(microseconds: 1)).cancelled == 1)
    }

    @Test func rowsOfOtherRulesAreNotJudged() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("1", rule: "monthly"), .row("1", rule: "care")], rules: Ledger.rules)
        #expect(try ledger.plan([], customers: ["1"], rules: ["birthday"]).cancelled == 1)
        #expect(try ledger.all().map(\.state) == [.cancelled, .planned, .planned])
    }

    @Test func aCorrectedBirthdayMovesTheCard() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        // To a day outside the window: owed no more for now.
        try ledger.plan([], customers: ["1"])
        #expect(try ledger.all().map(\.reason) == ["occasion-gone"])
        // That day comes, the same year: the same occasion, the same row.
        let later = noon + .days(30)
        let counts = try ledger.plan(
            [.row("1", due: later)], window: (later - .hours(24))..<(later + .hours(26)), now: later)
        #expect(counts.reopened == 1 && counts.earliestWake == later)
        let row = try ledger.row(1)
        #expect(row.state == .planned && row.plan.dueAt == later && row.endedAt == nil && row.reason == "")
    }

    @Test func onlyOneRowForAKeyDerivedTwice() throws {
        let ledger = try Ledger()
        let counts = try ledger.plan([
            .row("1"), .row("1", due: noon + .hours(1)), .row("1", step: "new"), .row("1", step: "new"),
        ])
        #expect(counts.inserted == 2 && counts.duplicates == 2)
        let again = try ledger.plan([
            .row("1"), .row("1", due: noon + .hours(1)), .row("1", step: "new"), .row("1", step: "new"),
        ])
        #expect(again.changes == 0 && again.duplicates == 2)
    }

    @Test func keysDifferInEveryPart() throws {
        let ledger = try Ledger()
        let rows: [PlannedOutreach] = [
            .row("1"), .row("1", rule: "monthly"), .row("1", occasion: "2028"), .row("1", step: "send#2"),
            .row("1", recipient: "manager/0"), .row("1", recipient: "manager/1"), .row("2"),
        ]
        #expect(try ledger.plan(rows).inserted == rows.count)
        #expect(try ledger.plan(rows).unchanged == rows.count)
        #expect(Set(try ledger.all().map(\.key)) == Set(rows.map(\.key)))
    }

    // MARK: Customers who are gone

    @Test func aDeletedCustomersRowsAreCancelled() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2"), .row("2", rule: "care")], rules: Ledger.rules)
        let counts = try ledger.plan([.row("1")])
        #expect(counts.cancelled == 1 && counts.unchanged == 1)
        // What a rule owes that was not planned is judged by its own pass, or with its event.
        #expect(try ledger.all().map(\.reason) == ["", "customer-gone", ""])
        #expect(try ledger.plan([.row("1"), .row("2")]).reopened == 1)
    }

    @Test func rowsOfNoCustomerStay() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("event:9"), .row("staff:ab12")])
        #expect(try ledger.plan([]).cancelled == 0)
    }

    @Test func aPassThatIsNotFinishedJudgesNobodyGone() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let through = try ledger.outbox.ruleLedgers().map(\.plannedThrough)
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: noon..<(noon + .days(9)), now: noon)
        _ = try pass.reconcile(customers: ["1"], rows: [.row("1")])
        #expect(try ledger.all().allSatisfy { $0.state == .planned })
        #expect(try ledger.outbox.ruleLedgers().map(\.plannedThrough) == through)
    }

    @Test func whatEventsBringDuringAPassIsNotGone() throws {
        let ledger = try Ledger()
        try ledger.outbox.reconcileEvents(
            [EventPlan(customer: "8", occasion: "c1", rules: ["care"], rows: [careRow("8", "c1")])], now: noon)
        try ledger.outbox.reconcileEvents(
            [EventPlan(customer: "8", occasion: "c1", rules: ["care"], rows: [])], now: noon)
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: Ledger.day, now: noon)
        _ = try pass.reconcile(customers: ["8", "9"], rows: [])
        // A new row, and an old one that is owed again, of customers whose page has gone by.
        try ledger.outbox.reconcileEvents(
            [
                EventPlan(customer: "8", occasion: "c1", rules: ["care"], rows: [careRow("8", "c1")]),
                EventPlan(customer: "9", occasion: "c2", rules: ["care"], rows: [careRow("9", "c2")]),
            ], now: noon)
        #expect(try pass.finish().cancelled == 0)
        #expect(try ledger.all().allSatisfy { $0.state == .planned })
    }

    // MARK: The pass

    @Test func plannedThroughMovesAtTheEndAndNeverBack() throws {
        let ledger = try Ledger()
        try ledger.plan([], rules: ["birthday"], window: noon..<(noon + .hours(26)))
        func through(_ rule: String) throws -> Instant? {
            try ledger.outbox.ruleLedgers().first { $0.name == rule }?.plannedThrough
        }
        #expect(try through("birthday") == noon + .hours(26))
        #expect(try through("monthly") == noon)
        try ledger.plan([], rules: ["birthday"], window: noon..<(noon + .hours(2)))
        #expect(try through("birthday") == noon + .hours(26))
    }

    @Test func aCrashInAPassIsHealedByTheNext() throws {
        var ledger = try Ledger()
        let rows = (0..<20).map { PlannedOutreach.row("\($0)") }
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: Ledger.day, now: noon)
        _ = try pass.reconcile(customers: (0..<10).map { "\($0)" }, rows: Array(rows[0..<10]))
        _ = try ledger.restart()
        let counts = try ledger.plan(rows)
        #expect(counts.inserted == 10 && counts.unchanged == 10)
    }

    @Test func rowsMustStandInTheOrderOfThePage() throws {
        let ledger = try Ledger()
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: Ledger.day, now: noon)
        #expect(throws: OutboxError.rowsOutOfOrder(customer: "1")) {
            try pass.reconcile(customers: ["1", "2"], rows: [.row("2", step: "other"), .row("1")])
        }
        #expect(try ledger.all().isEmpty)
        // The step that was rolled back with the page gets its number anew.
        #expect(try pass.reconcile(customers: ["1", "2"], rows: [.row("1"), .row("2", step: "other")]).inserted == 2)
        #expect(try ledger.all().map(\.key.step) == ["send", "other"])
    }

    @Test func aPassEndsOnce() throws {
        let ledger = try Ledger()
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: Ledger.day, now: noon)
        _ = try pass.finish()
        #expect(throws: OutboxError.passEnded) { try pass.finish() }
        #expect(throws: OutboxError.passEnded) { try pass.reconcile(customers: [], rows: []) }
    }

    // MARK: Events

    private func careRow(
        _ customer: String, _ occasion: String, step: String = "send", due: Instant = noon
    ) -> PlannedOutreach {
        .row(customer, rule: "care", occasion: occasion, step: step, due: due, lane: .care)
    }

    @Test func anEventsRowsAreJudgedWheneverTheyAreDue() throws {
        let ledger = try Ledger()
        let far = noon + .days(90)
        let plan = EventPlan(
            customer: "1", occasion: "c1", rules: ["care"],
            rows: [careRow("1", "c1"), careRow("1", "c1", step: "survey", due: far)])
        #expect(try ledger.outbox.reconcileEvents([plan], now: noon).inserted == 2)
        #expect(try ledger.outbox.reconcileEvents([plan], now: noon).changes == 0)
        let ended = EventPlan(customer: "1", occasion: "c1", rules: ["care"], rows: [plan.rows[0]]) { _ in .eventEnded }
        #expect(try ledger.outbox.reconcileEvents([ended], now: noon).cancelled == 1)
        #expect(try ledger.all().map(\.reason) == ["", "event-ended"])
        #expect(try ledger.outbox.reconcileEvents([plan], now: noon).reopened == 1)
    }

    @Test func anEventsScopeIsItsOccasionAndItsRules() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        try ledger.outbox.reconcileEvents(
            [
                EventPlan(customer: "1", occasion: "c1", rules: ["care"], rows: [careRow("1", "c1")]),
                EventPlan(customer: "1", occasion: "c2", rules: ["care"], rows: [careRow("1", "c2")]),
                EventPlan(customer: "2", occasion: "c1", rules: ["care"], rows: [careRow("2", "c1")]),
            ], now: noon)
        let counts = try ledger.outbox.reconcileEvents(
            [EventPlan(customer: "1", occasion: "c1", rules: ["care"], rows: [])], now: noon)
        #expect(counts.cancelled == 1)
        #expect(try ledger.all().map(\.state) == [.planned, .cancelled, .planned, .planned])
    }

    @Test func anEventPlanHoldsOnlyItsCustomer() throws {
        let ledger = try Ledger()
        #expect(throws: OutboxError.rowsOutOfOrder(customer: "2")) {
            try ledger.outbox.reconcileEvents(
                [EventPlan(customer: "1", occasion: "c1", rules: ["care"], rows: [careRow("2", "c1")])], now: noon)
        }
    }

    // MARK: Behind the edge

    @Test func whatComesBehindTheEdgeIsCounted() throws {
        let ledger = try Ledger()
        try ledger.outbox.approve(rule: "birthday", hash: 1, now: noon)
        let window = (noon - .hours(24))..<(noon + .hours(26))
        // A rule that no pass has planned has no edge, however late its rows are.
        let first = try ledger.plan([.row("1", due: noon - .hours(5)), .row("2")], window: window)
        #expect(first.inserted == 2 && first.insertedBehind == 0)
        let later = noon + .minutes(15)
        let next = (later - .hours(24))..<(later + .hours(26))
        let edge = window.upperBound
        let rows: [PlannedOutreach] = [
            .row("1", due: noon - .hours(5)), .row("2", due: noon + .hours(1)), .row("3", due: edge - .seconds(1)),
            .row("4", due: edge), .row("5", due: noon - .hours(1)),
        ]
        let second = try ledger.plan(rows, window: next, now: later)
        #expect(second.inserted == 3 && second.insertedBehind == 2 && second.updated == 1)
        #expect(try ledger.plan(rows, window: next, now: later).changes == 0)
    }

    @Test func behindIsBehindTheRulesOwnEdge() throws {
        let ledger = try Ledger()
        for rule in ["birthday", "monthly"] { try ledger.outbox.approve(rule: rule, hash: 1, now: noon) }
        try ledger.plan([.row("1")], rules: ["birthday"])
        let counts = try ledger.plan([.row("1"), .row("1", rule: "monthly"), .row("2")])
        #expect(counts.inserted == 2 && counts.insertedBehind == 1)
    }

    @Test func aRuleThatWasEditedHasNoEdgeUntilItIsApproved() throws {
        let ledger = try Ledger()
        try ledger.outbox.approve(rule: "birthday", hash: 1, now: noon)
        try ledger.plan([.row("1")])
        _ = try ledger.outbox.adoptRules([RuleAdoption(name: "birthday", hash: 2), RuleAdoption(name: "monthly", hash: 1)], now: noon)
        #expect(try ledger.plan([.row("1"), .row("2")]).insertedBehind == 0)
        try ledger.outbox.approve(rule: "birthday", hash: 2, now: noon)
        #expect(try ledger.plan([.row("1"), .row("2"), .row("3")]).insertedBehind == 1)
    }

    /// A budget puts a message off, past the window too: the row takes the new time, and nothing takes it away.
    @Test func aRowThatWasPutOffIsStillTheSameRow() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        var putOff = PlannedOutreach.row("1")
        putOff.dueAt = noon + .days(3)
        #expect(try ledger.plan([putOff]).updated == 1)
        #expect(try ledger.plan([putOff]).changes == 0)
        // The pass no longer derives it, because it lies ahead of the window, and has no say about it.
        #expect(try ledger.plan([], customers: ["1"]).changes == 0)
        #expect(try ledger.all().map(\.plan) == [putOff])
        #expect(try ledger.plan([.row("1")]).updated == 1)
    }

    @Test func aPassDoesNotJudgeWhatCameDuringIt() throws {
        let ledger = try Ledger()
        let pass = try ledger.outbox.beginPlan(rules: ["birthday"], window: Ledger.day, now: noon)
        try ledger.outbox.addOutreach([.row("1", step: "list-calls"), .row("gone", step: "list-calls")], now: noon)
        #expect(try pass.reconcile(customers: ["1"], rows: []).changes == 0)
        #expect(try pass.finish().changes == 0)
        // The next one does.
        #expect(try ledger.plan([], customers: ["1"]).cancelled == 2)
    }
}
