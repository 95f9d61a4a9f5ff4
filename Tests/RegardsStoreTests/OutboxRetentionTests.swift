import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// What goes from the ledger, and what stays however old it is.
@Suite struct OutboxRetentionTests {
    private static let keep = TimeSpan.days(1000)
    private static let old = noon - .days(1200)

    private func retire(_ ledger: Ledger, newest: [String: Int] = [:], atMost: Int = .max) throws -> Int {
        try ledger.outbox.retire(
            Retention(endedBefore: noon - Self.keep, eventsBefore: noon - Self.keep, newest: newest), atMost: atMost)
    }

    private func occasions(_ ledger: Ledger) throws -> [String] { try ledger.all().map(\.key.occasion).sorted() }

    @Test func whatEndedLongAgoGoesWithItsAttemptsAndTheNewestStays() throws {
        let ledger = try Ledger(now: Self.old)
        let first = try ledger.send(.row("1", occasion: "a", due: Self.old), at: Self.old)
        try ledger.send(.row("1", occasion: "b", due: Self.old), at: Self.old + .days(1))
        try ledger.send(.row("2", occasion: "c", due: Self.old), at: Self.old)
        #expect(try retire(ledger) == 1)
        // The last mail of the rule to each customer is what `received … within` asks for.
        #expect(try occasions(ledger) == ["b", "c"])
        #expect(try ledger.outbox.show(first) == nil)
        let attempts = try ledger.outbox.read { try SQLStatement($0, "SELECT count(*) FROM attempts").step() }
        #expect(attempts)
        #expect(try retire(ledger) == 0)
    }

    @Test func aSeriesKeepsAsManyCardsAsItMustKnow() throws {
        let ledger = try Ledger(now: Self.old)
        for month in 0..<20 {
            try ledger.send(
                .row("1", rule: "monthly", occasion: "m\(month + 10)", due: Self.old), card: "monthly/\(month)",
                at: Self.old + .days(Int64(month)))
        }
        #expect(try retire(ledger, newest: ["monthly": 12]) == 8)
        let question = HistoryQuestion(customers: ["1"], since: noon, received: ["monthly"], series: ["monthly"])
        let history = try #require(try ledger.outbox.histories(question)["1"])
        #expect(history.cards["monthly"]?.map(\.name) == (8..<20).reversed().map { "monthly/\($0)" })
        #expect(history.lastReceived["monthly"] == Self.old + .days(19))
    }

    @Test func whatEndedLatelyOrIsAboutALaterDayStays() throws {
        let ledger = try Ledger(now: Self.old)
        try ledger.plan(
            [.row("1", occasion: "later", due: noon + .days(1))], window: Self.old..<(noon + .days(2)), now: Self.old)
        try ledger.plan([], customers: ["1"], window: Self.old..<(noon + .days(2)), now: Self.old)
        try ledger.plan([.row("2", occasion: "open", due: Self.old)], window: Self.old..<(Self.old + .days(1)), now: Self.old)
        let id = try ledger.claim([.row("3", occasion: "skipped", due: Self.old)], now: noon - .days(999))[0]
        _ = try ledger.outbox.commit(GroupCommit(now: noon - .days(999), endings: [Ending(id: id, .skipped(.late))]))
        #expect(try retire(ledger) == 0)
        #expect(try occasions(ledger) == ["later", "open", "skipped"])
        #expect(try ledger.all().first { $0.key.occasion == "later" }?.state == .cancelled)
    }

    @Test func whatBelongsToAnEventStaysAsLongAsTheEvent() throws {
        let ledger = try Ledger(now: Self.old)
        let horizon = Self.old - .days(31)
        func sync(_ rows: [SeenEvent], now: Instant) throws {
            let sync = try ledger.outbox.beginEventSync(
                kind: "complaint", vanished: .stillOpen, horizon: max(horizon, now - .days(31)), baselineBefore: nil, now: now)
            _ = try sync.add(rows) { _ in [:] }
            _ = try sync.finish()
        }
        func event(_ id: String, isDone: Bool) -> SeenEvent {
            SeenEvent(id: id, customer: "1", at: Self.old, isDone: isDone, hash: isDone ? 2 : 1)
        }
        try sync([], now: Self.old)
        try sync([event("open", isDone: false), event("done", isDone: true)], now: Self.old + .hours(1))
        for occasion in ["open", "open~2", "done"] {
            try ledger.send(.row("1", rule: "care", occasion: occasion, due: Self.old, channel: .webhook("crm")), at: Self.old)
        }
        // `done` was last seen long ago: event and row go. The other is still open.
        #expect(try retire(ledger) == 1)
        #expect(try occasions(ledger) == ["open", "open~2"])
        #expect(try ledger.outbox.event(kind: "complaint", id: "done", generation: 1) == nil)
        #expect(try ledger.outbox.event(kind: "complaint", id: "open", generation: 1) != nil)
        // A longer horizon brings it into view again: it is not new.
        let again = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: .stillOpen, horizon: Self.old - .days(100), baselineBefore: nil, now: noon)
        let changes = try again.add([event("done", isDone: false)]) { _ in [:] }
        #expect(changes.map(\.event.isBaseline) == [true])
    }

    @Test func anOpenItemOfAListStays() throws {
        let ledger = try Ledger(now: Self.old)
        for (customer, channel) in [("1", "calls"), ("2", "gifts")] {
            let row = PlannedOutreach.row(customer, occasion: channel, due: Self.old, channel: .list(channel))
            let id = try ledger.claim([row], now: Self.old)[0]
            let item = NewListItem(owner: nil, why: "call them")
            #expect(try ledger.outbox.commit(GroupCommit(now: Self.old, endings: [Ending(id: id, .listed(item))])).isEmpty)
        }
        let gift = try #require(try ledger.outbox.openListItems(now: Self.old).first { $0.list == "gifts" })
        try ledger.outbox.settleListItem(gift.id, as: .done, tryAgainAt: nil, now: Self.old + .days(1))
        #expect(try retire(ledger) == 1)
        #expect(try ledger.outbox.openListItems(now: noon).map(\.list) == ["calls"])
    }

    @Test func manyRowsGoInShares() throws {
        let ledger = try Ledger(now: Self.old)
        let rows = (0..<1800).map { PlannedOutreach.row("\($0)", occasion: "\($0)", due: Self.old) }
        let ids = try ledger.claim(rows, now: Self.old)
        _ = try ledger.outbox.commit(GroupCommit(now: Self.old, endings: ids.map { Ending(id: $0, .skipped(.late)) }))
        #expect(try retire(ledger, atMost: 600) == 1000)
        #expect(try retire(ledger) == 800)
        #expect(try ledger.all().isEmpty)
    }

    @Test func theNewestStayOfACustomerInASegmentStays() throws {
        let ledger = try Ledger(now: Self.old)
        let gold = [WatchedSegment(name: "gold", hash: 1)]
        func look(_ members: [String], _ days: Int64) throws {
            let pass = try ledger.outbox.beginSegments(gold, now: Self.old + .days(days))
            _ = try pass.record(["1", "2"].map { SegmentMembership(customer: $0, members: members.contains($0) ? [0] : []) })
            try pass.finish()
        }
        for (day, members) in [[], ["1", "2"], ["2"], ["1", "2"], [], ["1"]].enumerated() { try look(members, Int64(day)) }
        _ = try retire(ledger)
        let stays = try ledger.outbox.segmentEntries(customers: ["1", "2"], segments: ["gold"])
        #expect(stays["1"]?[0]?.number == 3 && stays["1"]?[0]?.leftAt == nil)
        #expect(stays["2"]?[0]?.number == 1)
        try look(["1", "2"], 1300)
        #expect(try ledger.outbox.segmentEntries(customers: ["2"], segments: ["gold"])["2"]?[0]?.number == 2)
    }
}
