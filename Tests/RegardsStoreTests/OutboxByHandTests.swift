import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// What an operator does to single rows, beside a daemon that has some of them in hand.
@Suite struct OutboxByHandTests {
    /// A ledger with the rows of one customer each, claimed by the daemon, and a command's connection beside it.
    private func claimed(_ count: Int = 1) throws -> (ledger: Ledger, command: SQLiteOutbox, ids: [Int64]) {
        let ledger = try Ledger()
        let ids = try ledger.claim((1...count).map { .row("\($0)") })
        return (ledger, try SQLiteOutbox.openForCommand(path: ledger.path, access: .write), ids)
    }

    private func standing(_ ledger: Ledger, _ id: Int64) throws -> String {
        let row = try ledger.row(id)
        return row.reason.isEmpty ? "\(row.state)" : "\(row.state)(\(row.reason))"
    }

    @Test(arguments: [(HandAction.hold, "held(by-hand)"), (.cancel, "cancelled(by-hand)")])
    func aClaimedRowIsTakenOutOfTheDaemonsHands(_ action: HandAction, _ standing: String) throws {
        let (ledger, command, ids) = try claimed(2)
        #expect(try command.act(action, on: [ids[0]], now: noon).isEmpty)
        let report = try ledger.outbox.commit(GroupCommit(now: noon, marks: ids.map { SendMark(id: $0) }))
        #expect(report.lost == [ids[0]])
        #expect(try self.standing(ledger, ids[0]) == standing)
        #expect(try self.standing(ledger, ids[1]) == "sending")
        #expect(try ledger.outbox.release(ids, now: noon) == ids)
    }

    @Test(arguments: HandAction.allCases) func whatIsOnItsWayCannotBeReached(_ action: HandAction) throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        let refusal = try #require(try ledger.outbox.act(action, on: [id], now: noon).first)
        #expect(refusal.id == id && refusal.found?.state == .sending)
        #expect(try standing(ledger, id) == "sending")
    }

    @Test(arguments: HandAction.allCases) func whatIsInDoubtIsSettled(_ action: HandAction) throws {
        var ledger = try Ledger()
        let id = try ledger.sendingRow()
        _ = try ledger.restart(ifInDoubt: .ask)
        #expect(try ledger.outbox.act(action, on: [id], now: noon).first?.found?.reason == "in-doubt")
        #expect(try standing(ledger, id) == "held(in-doubt)")
    }

    @Test(arguments: HandAction.allCases) func whatWasSentStaysSent(_ action: HandAction) throws {
        let ledger = try Ledger()
        let id = try ledger.send(.row("1"))
        let before = try ledger.row(id)
        #expect(try ledger.outbox.act(action, on: [id], now: noon + .hours(1)).count == 1)
        #expect(try ledger.row(id) == before)
    }

    @Test func oneRowThatCannotKeepsAllFromBeingDone() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let refusals = try ledger.outbox.act(.cancel, on: [1, 2, 4711], now: noon)
        #expect(refusals.map(\.id) == [4711] && refusals.first?.found == nil)
        #expect(try ledger.all().map(\.state) == [.planned, .planned])
    }

    @Test func whatIsHeldByHandWaitsForItsRelease() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1", expires: noon + .hours(2))])
        #expect(try ledger.outbox.act(.hold, on: [1], now: noon).isEmpty)
        #expect(try ledger.claimAll().isEmpty)
        // Neither a second pass nor the end of a pause lets it go.
        #expect(try ledger.plan([.row("1", expires: noon + .hours(2))]).changes == 0)
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .paused, now: noon) == 0)
        #expect(try standing(ledger, 1) == "held(by-hand)")
        #expect(try ledger.outbox.act(.release, on: [1], now: noon).isEmpty)
        #expect(try ledger.claimAll().count == 1)
    }

    @Test func pastItsExpiryItIsLate() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1", expires: noon + .hours(2))])
        _ = try ledger.outbox.act(.hold, on: [1], now: noon)
        #expect(try ledger.outbox.expireHeld(now: noon + .hours(2)) == 1)
        #expect(try standing(ledger, 1) == "skipped(late)")
    }

    @Test func planningDoesNotUndoACancellationByHand() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        #expect(try ledger.outbox.act(.cancel, on: [1], now: noon).isEmpty)
        #expect(try ledger.plan([.row("1")]).changes == 0)
        #expect(try standing(ledger, 1) == "cancelled(by-hand)")
        // Somebody may think better of it.
        #expect(try ledger.outbox.act(.retry, on: [1], now: noon).isEmpty)
        #expect(try standing(ledger, 1) == "planned")
    }

    @Test func whatPlanningCancelledIsPlanningsToUndo() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        try ledger.plan([], customers: ["1"])
        #expect(try standing(ledger, 1) == "cancelled(occasion-gone)")
        for action in HandAction.allCases { #expect(try ledger.outbox.act(action, on: [1], now: noon).count == 1) }
        #expect(try ledger.plan([.row("1")]).reopened == 1)
    }

    @Test func whatFailedIsTriedAgain() throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        let report = AttemptReport(.refused(.messageRefused), code: 550, detail: "5.7.1 no")
        let ending = Ending(id: id, .failed(.messageRefused), report: report)
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, endings: [ending])).isEmpty)
        #expect(try ledger.outbox.act(.retry, on: [id], now: noon + .hours(1)).isEmpty)
        let row = try #require(try ledger.claimAll(now: noon + .hours(1)).first)
        // The attempt that failed stays counted, and told.
        #expect(row.id == id && row.attempts == 1)
        #expect(try ledger.outbox.show(id)?.attempts.map(\.code) == [550])
    }

    @Test func whatWaitsAfterAFailureWaitsNoLonger() throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        let retry = Ending.Next.retry(notBefore: noon + .hours(4), reason: "temporary", givesAttemptBack: false)
        _ = try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, retry)]))
        #expect(try ledger.claimAll().isEmpty)
        #expect(try ledger.outbox.act(.retry, on: [id], now: noon).isEmpty)
        #expect(try ledger.claimAll().map(\.id) == [id])
    }
}
