import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxListTests {
    private let call = PlannedOutreach.row(
        "1", rule: "care", occasion: "c1", step: "list-calls", recipient: "advisor/0", channel: .list("calls"))

    private func listed(_ ledger: Ledger, _ row: PlannedOutreach, at now: Instant = noon) throws -> Int64 {
        let id = try ledger.claim([row], now: now)[0]
        let item = NewListItem(owner: "eva", why: "Call about the complaint")
        let report = try ledger.outbox.commit(GroupCommit(now: now, endings: [Ending(id: id, .listed(item))]))
        guard report.isEmpty else { throw Failure("not put on the list") }
        return id
    }

    @Test func aRowOfAListEndsAsAnItem() throws {
        let ledger = try Ledger()
        let id = try listed(ledger, call)
        let row = try ledger.row(id)
        #expect(row.state == .sent && row.attempts == 0 && row.endedAt == noon)
        let item = ListItem(
            id: id, list: "calls", customer: "1", rule: "care", occasion: "c1", recipient: "advisor/0", owner: "eva",
            why: "Call about the complaint", since: noon)
        #expect(try ledger.outbox.openListItems(now: noon) == [item])
        #expect(try ledger.outbox.listItem(id) == item)
        #expect(try ledger.outbox.listItem(99) == nil)
        // Nobody was written to.
        #expect(try ledger.outbox.histories(HistoryQuestion(customers: ["1"], since: noon, received: ["care"]))["1"] == History.none)
    }

    @Test func onlyAClaimedRowOfAListBecomesAnItem() throws {
        let ledger = try Ledger()
        let mail = try ledger.claim([.row("1")])[0]
        let sending = try ledger.claim([call])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: sending)]))
        try ledger.outbox.addOutreach([.row("2", channel: .list("calls"))], now: noon)
        let planned = try #require(try ledger.all().last).id
        let before = try ledger.all()
        let endings = [mail, sending, planned].map { Ending(id: $0, .listed(NewListItem(why: ""))) }
        #expect(
            try ledger.outbox.commit(GroupCommit(now: noon, endings: endings)) == CommitReport(lost: [mail, sending, planned]))
        #expect(try ledger.all() == before)
        #expect(try ledger.outbox.openListItems(now: noon).isEmpty)
    }

    @Test func anItemIsDone() throws {
        let ledger = try Ledger()
        let id = try listed(ledger, call)
        try ledger.outbox.settleListItem(id, as: .done, tryAgainAt: nil, now: noon + .hours(1))
        #expect(try ledger.outbox.openListItems(now: noon + .days(9)).isEmpty)
        let item = try #require(try ledger.outbox.listItem(id))
        #expect(item.outcome == .done && item.endedAt == noon + .hours(1))
        // A mistake is taken back.
        try ledger.outbox.settleListItem(id, as: .open, tryAgainAt: noon, now: noon + .hours(2))
        let again = try #require(try ledger.outbox.openListItems(now: noon).first)
        #expect(again.outcome == .open && again.endedAt == nil && again.tryAgainAt == nil)
        #expect(throws: OutboxError.noSuchListItem(id: 99)) {
            try ledger.outbox.settleListItem(99, as: .done, tryAgainAt: nil, now: noon)
        }
    }

    @Test func whoWasNotReachedIsTriedAgain() throws {
        let ledger = try Ledger()
        let id = try listed(ledger, call)
        try ledger.outbox.settleListItem(id, as: .notReached, tryAgainAt: noon + .days(2), now: noon)
        #expect(try ledger.outbox.openListItems(now: noon + .days(2) - .seconds(1)).isEmpty)
        let item = try #require(try ledger.outbox.openListItems(now: noon + .days(2)).first)
        #expect(item.outcome == .notReached && item.tryAgainAt == noon + .days(2) && item.endedAt == nil)
        try ledger.outbox.settleListItem(id, as: .notReached, tryAgainAt: nil, now: noon + .days(2))
        #expect(try ledger.outbox.openListItems(now: noon + .days(9)).isEmpty)
        #expect(try ledger.outbox.listItem(id)?.endedAt == noon + .days(2))
    }

    @Test func itemsAreListedOldestFirstAndMailedOnce() throws {
        var ledger = try Ledger()
        var ids: [Int64] = []
        for number in 0..<4 {
            let row = PlannedOutreach.row("\(number)", due: noon - .days(1), channel: .list(number % 2 == 0 ? "calls" : "gifts"))
            ids.append(try listed(ledger, row, at: noon - .hours(Int64(number))))
        }
        let today = Zone.utc.local(at: noon).date
        try ledger.outbox.markMailed([ids[1], ids[3]], on: today)
        _ = try ledger.restart()
        let items = try ledger.outbox.openListItems(now: noon)
        #expect(items.map(\.id) == ids.reversed())
        #expect(items.map(\.mailedOn) == [today, nil, today, nil])
        #expect(items.map(\.list) == ["gifts", "calls", "gifts", "calls"])
    }

    @Test func aCommandSettlesBesideTheDaemon() throws {
        let ledger = try Ledger()
        let id = try listed(ledger, call)
        let command = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        try command.settleListItem(id, as: .done, tryAgainAt: nil, now: noon)
        #expect(try ledger.outbox.openListItems(now: noon).isEmpty)
    }

    // MARK: What is owed because of an ending

    @Test func aRefusedRecipientBecomesAnItemInTheSameCommit() throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id)]))
        let report = try ledger.outbox.commit(
            GroupCommit(now: noon, endings: [Ending(id: id, .failed(.recipientRefused))], additions: [call]))
        #expect(report.isEmpty)
        #expect(try ledger.all().map(\.state) == [.failed, .planned])
        #expect(try ledger.outbox.claim(limit: 1, now: noon, channels: [.list("calls")]).map(\.plan) == [call])
    }

    @Test func anAdditionIsOwedOnce() throws {
        let ledger = try Ledger()
        #expect(try ledger.outbox.addOutreach([call, call], now: noon).inserted == 1)
        #expect(try ledger.outbox.addOutreach([call], now: noon).changes == 0)
        var moved = call
        moved.dueAt = noon + .hours(1)
        #expect(try ledger.outbox.addOutreach([moved], now: noon).updated == 1)
        let id = try listed(ledger, moved, at: noon + .hours(1))
        #expect(try ledger.outbox.addOutreach([call], now: noon).changes == 0)
        #expect(try ledger.row(id).state == .sent)
        #expect(try ledger.outbox.addOutreach([], now: noon) == ReconcileCounts())
        #expect(throws: OutboxError.unknownRule("gone")) { try ledger.outbox.addOutreach([.row("1", rule: "gone")], now: noon) }
    }

    /// A rule may have been renamed while its message was on its way; its ending is recorded all the same.
    @Test func anAdditionOfAnUnknownRuleIsDropped() throws {
        let ledger = try Ledger()
        let id = try ledger.claim([.row("1")])[0]
        let stray = PlannedOutreach.row("1", rule: "gone")
        let group = GroupCommit(now: noon, endings: [Ending(id: id, .failed(.addressInvalid))], additions: [stray, call])
        #expect(try ledger.outbox.commit(group) == CommitReport(dropped: [stray.key]))
        #expect(try ledger.all().map(\.state) == [.failed, .planned])
    }
}
