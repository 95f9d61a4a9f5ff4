import GRDB
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxSendingTests {
    // MARK: Claiming

    @Test func claimsCareFirstThenByWakeTime() throws {
        let ledger = try Ledger()
        try ledger.plan([
            .row("1", due: noon - .minutes(1)), .row("2", due: noon - .minutes(5)),
            .row("3", rule: "monthly", due: noon - .minutes(1), lane: .care), .row("4", due: noon + .minutes(1)),
        ])
        let claimed = try ledger.claimAll()
        #expect(claimed.map(\.key.customer) == ["3", "2", "1"])
        #expect(claimed.allSatisfy { $0.state == .claimed })
        #expect(try ledger.claimAll().isEmpty)
        #expect(try ledger.outbox.earliestWake(channels: nil) == noon + .minutes(1))
    }

    @Test func aRowWakesAtItsDueTimeNotBefore() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1", due: noon)])
        #expect(try ledger.outbox.claim(limit: 9, now: noon - TimeSpan(microseconds: 1), channels: [.mail]).isEmpty)
        #expect(try ledger.outbox.claim(limit: 9, now: noon, channels: [.mail]).count == 1)
    }

    @Test func rowsPastTheirExpiryAreClaimed() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1", due: noon - .hours(2), expires: noon - .hours(1))])
        #expect(try ledger.claimAll().map(\.plan.expiresAt) == [noon - .hours(1)])
    }

    /// So that what an outage left behind is settled in large groups, and what may still go stays in small ones.
    @Test func rowsPastTheirExpiryDoNotCountAmongThoseThatMayGo() throws {
        let ledger = try Ledger()
        let hook = ChannelName.webhook("crm")
        func stale(_ customer: Int, _ channel: ChannelName = .mail) -> PlannedOutreach {
            .row("\(customer)", due: noon - .hours(3) + .seconds(Int64(customer)), expires: noon - .hours(1), channel: channel)
        }
        try ledger.plan([
            stale(1), stale(2, hook), stale(3), .row("4", due: noon - .hours(2)), stale(5), .row("6", due: noon - .hours(1)),
            .row("7", due: noon - .minutes(9), lane: .care), .row("8", due: noon - .minutes(8), channel: hook),
        ])
        func claim(_ limit: Int, _ stale: Int) throws -> [String] {
            let rows = try ledger.outbox.claim(limit: limit, stale: stale, now: noon, channels: [.mail, hook])
            try ledger.outbox.release(rows.map(\.id), now: noon)
            return rows.map(\.key.customer)
        }
        #expect(try claim(1, 9) == ["7"])
        #expect(try claim(2, 9) == ["7", "1", "2", "3", "5", "4"])
        #expect(try claim(3, 9) == ["7", "1", "2", "3", "5", "4", "6"])
        #expect(try claim(3, 4) == ["7", "1", "2", "3"])
        #expect(try claim(3, 0) == ["7", "1", "2"])
        #expect(try claim(9, 0).count == 8)
    }

    @Test func claimsOnlyForChannelsThatAreReady() throws {
        let ledger = try Ledger()
        let hook = ChannelName.webhook("crm")
        try ledger.plan([
            .row("1", due: noon - .minutes(3), channel: hook), .row("2", due: noon - .minutes(2)),
            .row("3", due: noon - .minutes(1), channel: hook),
        ])
        #expect(try ledger.outbox.earliestWake(channels: [.mail]) == noon - .minutes(2))
        #expect(try ledger.outbox.earliestWake(channels: [.mail, hook]) == noon - .minutes(3))
        #expect(try ledger.outbox.earliestWake(channels: nil) == noon - .minutes(3))
        #expect(try ledger.outbox.earliestWake(channels: []) == nil)
        #expect(try ledger.outbox.claim(limit: 2, now: noon, channels: [.mail]).map(\.key.customer) == ["2"])
        #expect(try ledger.outbox.claim(limit: 1, now: noon, channels: [.mail, hook]).map(\.key.customer) == ["1"])
        #expect(try ledger.outbox.claim(limit: 9, now: noon, channels: [.mail, hook]).map(\.key.customer) == ["3"])
        #expect(try ledger.outbox.earliestWake(channels: nil) == nil)
    }

    @Test func claimedRowsGoBackUncounted() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let id = try ledger.claimAll()[0].id
        #expect(try ledger.outbox.release([id, 99], now: noon) == [99])
        let row = try ledger.row(id)
        #expect(row.state == .planned && row.attempts == 0)
        #expect(try ledger.outbox.release([id], now: noon) == [id])
    }

    // MARK: Endings

    struct Case: Sendable, CustomTestStringConvertible {
        var next: Ending.Next
        var state: OutreachState
        var reason: String
        var testDescription: String { "\(state) \(reason)" }
    }

    static let endings: [Case] = [
        Case(next: .failed(.recipientRefused), state: .failed, reason: "recipient-refused"),
        Case(next: .skipped(.late), state: .skipped, reason: "late"),
        Case(next: .cancelled(.conditionFalse), state: .cancelled, reason: "condition-false"),
        Case(next: .held(.eventOpen(kind: "complaint")), state: .held, reason: "open:complaint"),
        Case(next: .held(.inDoubt), state: .held, reason: "in-doubt"),
        Case(
            next: .retry(notBefore: nil, reason: "temporary", givesAttemptBack: false), state: .planned,
            reason: "temporary"),
    ]

    @Test(arguments: endings) func endsFromClaimed(_ ending: Case) throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let id = try ledger.claimAll()[0].id
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, ending.next)])).isEmpty)
        let row = try ledger.row(id)
        #expect(row.state == ending.state && row.reason == ending.reason && row.attempts == 0)
        #expect(row.endedAt == (ending.state.hasEnded ? noon : nil))
    }

    @Test(arguments: endings) func endsFromSending(_ ending: Case) throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, ending.next)])).isEmpty)
        let row = try ledger.row(id)
        #expect(row.state == ending.state && row.reason == ending.reason && row.attempts == 1)
    }

    @Test(arguments: endings) func aPlannedRowCannotEnd(_ ending: Case) throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let before = try ledger.all()[0]
        #expect(
            try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: before.id, ending.next)]))
                == CommitReport(lost: [before.id]))
        #expect(try ledger.row(before.id) == before)
    }

    @Test func sentOnlyFromSending() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        let id = try ledger.claimAll()[0].id
        let sent = GroupCommit(
            now: noon, endings: [Ending(id: id, .sent, report: AttemptReport(.delivered, code: 250))])
        #expect(try ledger.outbox.commit(sent).lost == [id])
        #expect(try ledger.row(id).state == .claimed)
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, card: "birthday")])).isEmpty)
        #expect(try ledger.outbox.commit(sent).isEmpty)
        let detail = try #require(try ledger.outbox.show(id))
        #expect(detail.outreach.state == .sent && detail.outreach.endedAt == noon && detail.outreach.card == "birthday")
        #expect(
            detail.attempts == [
                Attempt(
                    number: 1, startedAt: noon, endedAt: noon, outcome: "delivered", reason: "", code: 250, detail: "")
            ])
        #expect(try ledger.outbox.commit(sent).lost == [id])
    }

    @Test func theCardIsPinnedAtTheFirstMark() throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [Ending(id: id, .retry(notBefore: nil, reason: "temporary", givesAttemptBack: false))]))
        _ = try ledger.claimAll()
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id, card: "another")]))
        #expect(try ledger.row(id).card == "birthday")
    }

    @Test func aRetryWaitsAndCounts() throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        let later = noon + .minutes(5)
        let report = AttemptReport(.deferred(.temporary, notBefore: later), code: 451, detail: "greylisted")
        try ledger.outbox.commit(
            GroupCommit(
                now: noon + .seconds(2),
                endings: [
                    Ending(
                        id: id, .retry(notBefore: later, reason: "temporary", givesAttemptBack: false), report: report)
                ]))
        #expect(try ledger.claimAll().isEmpty)
        #expect(try ledger.outbox.earliestWake(channels: nil) == later)
        #expect(try ledger.claimAll(now: later).map(\.id) == [id])
        let detail = try #require(try ledger.outbox.show(id))
        #expect(detail.outreach.attempts == 1 && detail.outreach.notBefore == later)
        #expect(
            detail.attempts == [
                Attempt(
                    number: 1, startedAt: noon, endedAt: noon + .seconds(2), outcome: "deferred", reason: "temporary",
                    code: 451, detail: "greylisted")
            ])
    }

    @Test func anAttemptGivenBackLeavesItsLine() throws {
        let ledger = try Ledger()
        let id = try ledger.sendingRow()
        let report = AttemptReport(.deferred(.relayDown, notBefore: nil))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [
                    Ending(id: id, .retry(notBefore: nil, reason: "relay-down", givesAttemptBack: true), report: report)
                ]))
        #expect(try ledger.row(id).attempts == 0)
        _ = try ledger.claimAll()
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id)]))
        let detail = try #require(try ledger.outbox.show(id))
        #expect(detail.outreach.attempts == 1)
        #expect(detail.attempts.map(\.number) == [1, 2])
        #expect(detail.attempts.map(\.outcome) == ["deferred", ""])
    }

    @Test func movesToAnotherTime() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1", expires: noon + .hours(12))])
        let id = try ledger.claimAll()[0].id
        let due = MovedDue(.row("1", due: noon + .hours(3), expires: noon + .hours(15)))
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: id, .moved(due))])).isEmpty)
        let row = try ledger.row(id)
        #expect(row.state == .planned && row.plan.dueAt == noon + .hours(3) && row.plan.expiresAt == noon + .hours(15))
        #expect(try ledger.outbox.earliestWake(channels: nil) == noon + .hours(3))
    }

    @Test func marksAndEndingsShareACommit() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[0])]))
        let group = GroupCommit(now: noon, marks: [SendMark(id: ids[1])], endings: [Ending(id: ids[0], .sent)])
        #expect(try ledger.outbox.commit(group).isEmpty)
        #expect(try ledger.all().map(\.state) == [.sent, .sending])
    }

    @Test func anotherEpochsRowsAreGuarded() throws {
        var ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[0])]))
        // As if a daemon of the old epoch had survived: the rows carry lease 1, the writer is epoch 2.
        try ledger.outbox.close()
        ledger.outbox = try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon)
        let before = try ledger.all()
        let group = GroupCommit(now: noon, marks: [SendMark(id: ids[1])], endings: [Ending(id: ids[0], .sent)])
        #expect(try ledger.outbox.commit(group) == CommitReport(lost: [ids[0], ids[1]]))
        #expect(try ledger.outbox.release([ids[1]], now: noon) == [ids[1]])
        #expect(try ledger.all() == before)
    }

    // MARK: Holds

    @Test func aHeldRowIsReleasedByItsReasonOnly() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(
            GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .held(.eventOpen(kind: "complaint"))) }))
        #expect(try ledger.claimAll().isEmpty)
        #expect(try ledger.outbox.releaseHeld(customer: "1", reason: .eventOpen(kind: "return"), now: noon) == 0)
        #expect(try ledger.outbox.releaseHeld(customer: "1", reason: .eventOpen(kind: "complaint"), now: noon) == 1)
        #expect(try ledger.claimAll().map(\.key.customer) == ["1"])
        #expect(try ledger.row(ids[1]).state == .held)
    }

    @Test func heldRowsExpireExceptThoseInDoubt() throws {
        let ledger = try Ledger()
        try ledger.plan([
            .row("1", expires: noon + .hours(1)), .row("2", expires: noon + .hours(1)), .row("3", expires: nil),
        ])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [
                    Ending(id: ids[0], .held(.eventOpen(kind: "complaint"))), Ending(id: ids[1], .held(.inDoubt)),
                    Ending(id: ids[2], .held(.eventOpen(kind: "complaint"))),
                ]))
        #expect(try ledger.outbox.expireHeld(now: noon + .hours(1) - .seconds(1)) == 0)
        #expect(try ledger.outbox.expireHeld(now: noon + .hours(1)) == 1)
        #expect(try ledger.all().map(\.state) == [.skipped, .held, .held])
        #expect(try ledger.row(ids[0]).reason == "late")
    }

    @Test func settlingEndsADoubt() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .held(.inDoubt)) }))
        let command = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        try command.settle(ids[0], as: .sent, now: noon)
        try command.settle(ids[1], as: .resend, now: noon)
        #expect(try ledger.all().map(\.state) == [.sent, .planned])
        #expect(throws: OutboxError.notInDoubt(id: ids[0])) { try command.settle(ids[0], as: .sent, now: noon) }
        #expect(throws: OutboxError.noSuchOutreach(id: 99)) { try command.settle(99, as: .sent, now: noon) }
    }

    // MARK: Crashes

    @Test func aKillWhileClaimedLeavesNoDoubt() throws {
        var ledger = try Ledger()
        try ledger.plan([.row("1")])
        let id = try ledger.claimAll()[0].id
        let recovery = try ledger.restart()
        #expect(recovery == Recovery(unclaimed: 1, inDoubt: []))
        let row = try ledger.row(id)
        #expect(row.state == .planned && row.attempts == 0)
    }

    @Test func aKillBetweenMarkAndEndingIsADoubt() throws {
        var ledger = try Ledger()
        let id = try ledger.sendingRow()
        let recovery = try ledger.restart(ifInDoubt: .resend)
        #expect(recovery.inDoubt.map(\.id) == [id])
        let detail = try #require(try ledger.outbox.show(id))
        #expect(detail.outreach.state == .planned && detail.outreach.attempts == 1)
        #expect(detail.attempts.map(\.outcome) == ["in-doubt"] && detail.attempts.map(\.reason) == ["crash"])
        #expect(try ledger.restart() == Recovery())
        #expect(try ledger.claimAll().map(\.id) == [id])
    }

    @Test func aDoubtIsHeldWhereTheRuleAsks() throws {
        var ledger = try Ledger()
        let id = try ledger.sendingRow()
        let recovery = try ledger.restart(ifInDoubt: .ask)
        #expect(recovery.inDoubt.map(\.state) == [.held])
        #expect(try ledger.row(id).reason == "in-doubt")
        #expect(try ledger.claimAll().isEmpty)
        // Planning has no say about it, whether or not it is still derived.
        try ledger.plan([.row("1", due: noon + .hours(1))])
        try ledger.plan([], customers: ["1"])
        try ledger.plan([], customers: [])
        #expect(try ledger.row(id).state == .held)
        #expect(try ledger.row(id).plan.dueAt == noon)
    }

    @Test func aDoubtOfARuleThatIsGoneIsNotResent() throws {
        var ledger = try Ledger()
        let id = try ledger.sendingRow()
        try ledger.outbox.close()
        ledger.outbox = try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon)
        _ = try ledger.outbox.adoptRules([RuleAdoption(name: "monthly", hash: 1)], now: noon)
        let recovery = try ledger.outbox.recover(now: noon) { _ in .resend }
        #expect(recovery.inDoubt.map(\.reason) == ["rule-gone"])
        #expect(try ledger.row(id).state == .cancelled)
    }

    // MARK: Failing writes

    @Test func aFullDiskChangesNothing() throws {
        let ledger = try Ledger()
        try ledger.plan((0..<200).map { .row("customer-\($0)") })
        let ids = try ledger.claimAll().map(\.id)
        let before = try ledger.all()
        // A quota stands in for the disk: no page more than there are.
        try ledger.outbox.write { database in
            let pages = try StateConnection.pragma(database, "page_count")
            try database.execute(sql: "PRAGMA max_page_count = \(pages)")
        }
        let long = String(repeating: "x", count: 2000)
        let group = GroupCommit(
            now: noon, marks: ids.map { SendMark(id: $0, card: long) })
        #expect(throws: OutboxError.diskFull(path: ledger.path)) { try ledger.outbox.commit(group) }
        #expect(try ledger.all() == before)
        try ledger.outbox.write { try $0.execute(sql: "PRAGMA max_page_count = 1073741823") }
        #expect(try ledger.outbox.commit(group).isEmpty)
    }

    @Test func aWriteThatFailsHalfwayLeavesNothingOfItself() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1"), .row("2")])
        let ids = try ledger.claimAll().map(\.id)
        let before = try ledger.all()
        try ledger.outbox.write {
            try $0.execute(
                sql: """
                    CREATE TRIGGER trip BEFORE UPDATE ON outreach WHEN new.id = \(ids[1]) AND new.state = 2
                    BEGIN SELECT raise(ABORT, 'tripped'); END
                    """)
        }
        let error = #expect(throws: OutboxError.self) {
            try ledger.outbox.commit(GroupCommit(now: noon, marks: ids.map { SendMark(id: $0) }))
        }
        #expect(error == .database(detail: "tripped"))
        #expect(try ledger.all() == before)
        #expect(try ledger.outbox.show(ids[0])?.attempts.isEmpty == true)
    }
}
