import GRDB
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// What must hold at the moment of a mark.
@Suite struct OutboxGuardTests {
    private let week = TimeSpan.days(7)

    private func mark(
        _ id: Int64, _ address: String? = "a", counts: Bool = true, budgets: [BudgetGuard] = [], once: Bool = false
    ) -> SendMark {
        SendMark(id: id, address: address, counts: counts, guards: SendGuards(budgets: budgets, once: once))
    }

    private func budget(_ atMost: Int, _ purpose: Purpose? = nil, since: Instant = noon - .days(7)) -> BudgetGuard {
        BudgetGuard(purpose: purpose, atMost: atMost, since: since)
    }

    private func commit(_ ledger: Ledger, _ marks: SendMark..., now: Instant = noon) throws -> CommitReport {
        try ledger.outbox.commit(GroupCommit(now: now, marks: marks))
    }

    @Test func aMarkWithoutGuardsGoesWhateverWentBefore() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1"), to: "a")
        let ids = try ledger.claim([.row("2"), .row("3")])
        #expect(try commit(ledger, mark(ids[0]), mark(ids[1])).isEmpty)
        #expect(try ledger.row(ids[0]).state == .sending)
    }

    // MARK: Budgets

    @Test func aBudgetThatIsUsedUpRefuses() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1"), to: "a", at: noon - .days(2))
        let ids = try ledger.claim([.row("1", occasion: "2028"), .row("2")])
        let report = try commit(ledger, mark(ids[0], budgets: [budget(1)]), mark(ids[1], "b", budgets: [budget(1)]))
        #expect(report == CommitReport(refused: [RefusedMark(ids[0], .noRoom)]))
        let row = try ledger.row(ids[0])
        #expect(row.state == .planned && row.attempts == 0 && row.notBefore == noon + .seconds(2))
        #expect(try ledger.outbox.show(ids[0])?.attempts.isEmpty == true)
        #expect(try ledger.row(ids[1]).state == .sending)
        #expect(try ledger.claimAll(now: noon + .seconds(1)).isEmpty)
        #expect(try ledger.claimAll(now: noon + .seconds(2)).map(\.id) == [ids[0]])
    }

    /// Half-open: what went exactly a window ago leaves room again.
    @Test(arguments: [(-1, true), (0, true), (1, false)])
    func theWindowEndsExactly(_ microseconds: Int64, hasRoom: Bool) throws {
        let ledger = try Ledger()
        let sent = noon - week + TimeSpan(microseconds: microseconds)
        try ledger.send(.row("1"), to: "a", at: sent)
        let id = try ledger.claim([.row("1", occasion: "2028")])[0]
        let guardian = BudgetGuard(Budget(atMost: 1, per: week), now: noon)
        #expect(try commit(ledger, mark(id, budgets: [guardian])).isEmpty == hasRoom)
    }

    @Test func everyBudgetMustHaveRoom() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1"), to: "a", at: noon - .days(3))
        let id = try ledger.claim([.row("1", occasion: "2028")])[0]
        #expect(try commit(ledger, mark(id, budgets: [budget(5), budget(1, .greeting)])).refused.map(\.reason) == [.noRoom])
        let again = try ledger.claimAll(now: noon + .seconds(2))[0].id
        #expect(try commit(ledger, mark(again, budgets: [budget(5), budget(1, .marketing)])).isEmpty)
    }

    @Test func whatDoesNotCountTakesNoRoom() throws {
        let ledger = try Ledger()
        try ledger.send(.row("1"), to: "a", counts: false, at: noon - .days(2))
        let id = try ledger.claim([.row("1", occasion: "2028")])[0]
        #expect(try commit(ledger, mark(id, budgets: [budget(1)])).isEmpty)
    }

    @Test func whatFailedTakesNoRoomAndWhatIsInDoubtDoes() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2")])
        _ = try commit(ledger, mark(ids[0], "a"), mark(ids[1], "b"))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon, endings: [Ending(id: ids[0], .failed(.recipientRefused)), Ending(id: ids[1], .held(.inDoubt))]))
        let next = try ledger.claim([.row("3"), .row("4")])
        let report = try commit(ledger, mark(next[0], "a", budgets: [budget(1)]), mark(next[1], "b", budgets: [budget(1)]))
        #expect(report.refused == [RefusedMark(next[1], .noRoom)])
        // Somebody found out that it had not arrived.
        try ledger.outbox.settle(ids[1], as: .resend, now: noon)
        let again = try ledger.outbox.claim(limit: 10, now: noon + .seconds(2), channels: [.mail])
        #expect(again.contains { $0.id == next[1] })
        #expect(try commit(ledger, mark(next[1], "b", budgets: [budget(1)]), now: noon + .seconds(2)).isEmpty)
    }

    /// Customers with one mailbox share its budgets.
    @Test func anAddressCountsWhicheverCustomerItBelongsTo() throws {
        let ledger = try Ledger()
        try ledger.send(.row("husband"), to: "home", at: noon - .days(1))
        let id = try ledger.claim([.row("wife")])[0]
        #expect(try commit(ledger, mark(id, "home", budgets: [budget(1)])).refused == [RefusedMark(id, .noRoom)])
    }

    // MARK: In flight

    @Test func oneMessageThatCountsIsOnItsWayToAnAddress() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2"), .row("3"), .row("4")])
        let report = try commit(
            ledger, mark(ids[0], budgets: [budget(9)]), mark(ids[1], budgets: [budget(9)]), mark(ids[2]),
            mark(ids[3], "b", budgets: [budget(9)]))
        #expect(report == CommitReport(refused: [RefusedMark(ids[1], .inFlight)]))
        #expect(try ledger.all().map(\.state) == [.sending, .planned, .sending, .sending])
        // Over in the group that asks again: endings come first.
        _ = try ledger.claimAll(now: noon + .seconds(2))
        let group = GroupCommit(
            now: noon + .seconds(2), marks: [mark(ids[1], budgets: [budget(9)])],
            endings: [Ending(id: ids[0], .sent), Ending(id: ids[2], .failed(.messageRefused))])
        #expect(try ledger.outbox.commit(group).isEmpty)
    }

    @Test func whatDoesNotCountIsNotInTheWay() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2")])
        #expect(try commit(ledger, mark(ids[0], counts: false), mark(ids[1], budgets: [budget(1)])).isEmpty)
    }

    // MARK: One for an address

    @Test func onceIsOnceForAnAddressAndDay() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([
            .row("1"), .row("2"), .row("3", step: "send-later"), .row("4", rule: "monthly"),
            .row("5", due: noon - .days(1)), .row("6"), .row("1", occasion: "another"),
        ])
        let marks = ids.map { mark($0, $0 == ids[5] ? "b" : "a", once: true) }
        let report = try ledger.outbox.commit(GroupCommit(now: noon, marks: marks))
        #expect(report == CommitReport(refused: [RefusedMark(ids[1], .sameAddress)]))
        #expect(try ledger.row(ids[1]).notBefore == noon + .seconds(2))
    }

    @Test func aSecondAttemptIsNotInItsOwnWay() throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        _ = try commit(ledger, mark(id, once: true))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [Ending(id: id, .retry(notBefore: nil, reason: "temporary", givesAttemptBack: false))]))
        _ = try ledger.claimAll()
        #expect(try commit(ledger, mark(id, budgets: [budget(1)], once: true)).isEmpty)
    }

    @Test func theOtherCustomersMessageMayFail() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2")])
        #expect(try commit(ledger, mark(ids[0], once: true), mark(ids[1], once: true)).refused.count == 1)
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: ids[0], .failed(.recipientRefused))]))
        _ = try ledger.claimAll(now: noon + .seconds(2))
        #expect(try commit(ledger, mark(ids[1], once: true), now: noon + .seconds(2)).isEmpty)
    }

    @Test func withoutAnAddressNoGuardApplies() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2")])
        #expect(
            try commit(
                ledger, mark(ids[0], nil, budgets: [budget(1)], once: true),
                mark(ids[1], nil, budgets: [budget(1)], once: true)
            ).isEmpty)
    }

    // MARK: Pauses

    static let scopes: [(Pause.Scope, refused: [String])] = [
        (.all, ["birthday/1", "birthday/2", "care/1"]), (.rule("birthday"), ["birthday/1", "birthday/2"]),
        (.customer("1"), ["birthday/1", "care/1"]), (.purpose(.care), ["care/1"]), (.purpose(.survey), []),
    ]

    @Test(arguments: scopes) func aPauseStopsTheNextMark(_ scope: Pause.Scope, refused: [String]) throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2"), .row("1", rule: "care", lane: .care)])
        _ = try ledger.outbox.addPause(scope, until: nil, reason: "a mistake", now: noon)
        let report = try ledger.outbox.commit(GroupCommit(now: noon, marks: ids.map { SendMark(id: $0) }))
        #expect(report.lost.isEmpty && report.refused.allSatisfy { $0.reason == .paused })
        let rows = try report.refused.map { try ledger.row($0.id) }
        #expect(rows.map { "\($0.key.rule)/\($0.key.customer)" }.sorted() == refused)
        #expect(rows.allSatisfy { $0.state == .planned && $0.notBefore == noon + .seconds(2) && $0.attempts == 0 })
    }

    @Test func aPauseThatIsOverStopsNothing() throws {
        let ledger = try Ledger()
        let lifted = try ledger.outbox.addPause(.all, until: nil, reason: "", now: noon - .hours(2))
        _ = try ledger.outbox.addPause(.all, until: noon, reason: "", now: noon - .hours(2))
        #expect(try ledger.outbox.liftPause(lifted.id, now: noon - .hours(1)))
        let id = try ledger.claim([.row("1")])[0]
        #expect(try commit(ledger, mark(id)).isEmpty)
    }

    // MARK: Rows of others

    @Test func aRefusedMarkOfALostRowIsLost() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let row = try ledger.all()[0]
        _ = try ledger.outbox.addPause(.all, until: nil, reason: "", now: noon)
        #expect(try commit(ledger, mark(row.id)) == CommitReport(lost: [row.id]))
        #expect(try ledger.row(row.id) == row)
    }

    @Test func aFullDiskRefusesNothingHalfway() throws {
        let ledger = try Ledger()
        try ledger.send(.row("0"), to: "a")
        let ids = try ledger.claim((1...200).map { .row("customer-\($0)") })
        let before = try ledger.all()
        try ledger.outbox.write { database in
            let pages = try StateConnection.pragma(database, "page_count")
            try database.execute(sql: "PRAGMA max_page_count = \(pages)")
        }
        let long = String(repeating: "x", count: 2000)
        let marks = ids.enumerated().map { index, id in
            SendMark(
                id: id, card: long, address: index < 10 ? "a" : "\(index)", counts: true,
                guards: SendGuards(budgets: [budget(1)]))
        }
        let group = GroupCommit(now: noon, marks: marks, additions: [.row("new")])
        #expect(throws: OutboxError.diskFull(path: ledger.path)) { try ledger.outbox.commit(group) }
        #expect(try ledger.all() == before)
        try ledger.outbox.write { try $0.execute(sql: "PRAGMA max_page_count = 1073741823") }
        #expect(try ledger.outbox.commit(group).refused.count == 10)
    }
}
