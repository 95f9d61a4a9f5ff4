import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct EventIdentityTests {
    private func tracked(isOpen: Bool = true, isGone: Bool = false, generation: Int = 1) -> TrackedEvent {
        TrackedEvent(
            row: 1,
            event: Event(
                kind: "complaint", id: "7", generation: generation, customer: "1", at: noon, isOpen: isOpen,
                isGone: isGone),
            hash: 5)
    }

    private func seen(
        _ at: Instant = noon, isDone: Bool = false, hash: UInt64 = 5, customer: String? = "1"
    ) -> SeenEvent {
        SeenEvent(id: "7", customer: customer, at: at, isDone: isDone, hash: hash)
    }

    private let later = noon + .seconds(1)

    @Test func theWholeTable() {
        typealias Verdict = EventIdentity.Verdict
        func judge(_ seen: SeenEvent, _ known: TrackedEvent?) -> Verdict { EventIdentity.judge(seen, known: known) }
        #expect(judge(seen(), nil) == .new(generation: 1))
        #expect(judge(seen(isDone: true), nil) == .new(generation: 1))
        // Open and present: whatever changes is an edit, or its end.
        #expect(judge(seen(), tracked()) == .unchanged)
        #expect(judge(seen(hash: 6), tracked()) == .changed(.edited))
        #expect(judge(seen(later), tracked()) == .changed(.edited))
        #expect(judge(seen(customer: nil), tracked()) == .changed(.edited))
        #expect(judge(seen(isDone: true), tracked()) == .changed(.done))
        #expect(judge(seen(later, isDone: true), tracked()) == .changed(.done))
        // Over and present: open again it is the same event, unless its `at` is later.
        #expect(judge(seen(isDone: true), tracked(isOpen: false)) == .unchanged)
        #expect(judge(seen(isDone: true, hash: 6), tracked(isOpen: false)) == .changed(.edited))
        #expect(judge(seen(later, isDone: true), tracked(isOpen: false)) == .changed(.edited))
        #expect(judge(seen(), tracked(isOpen: false)) == .changed(.reopened))
        #expect(judge(seen(noon - .hours(1)), tracked(isOpen: false)) == .changed(.reopened))
        #expect(judge(seen(later), tracked(isOpen: false)) == .new(generation: 2))
        // Gone: back with the same `at` it is the same event, with a later one it is another.
        #expect(judge(seen(), tracked(isGone: true)) == .changed(.returned))
        #expect(judge(seen(isDone: true), tracked(isOpen: false, isGone: true)) == .changed(.returned))
        #expect(judge(seen(noon - .hours(1)), tracked(isGone: true)) == .changed(.returned))
        #expect(judge(seen(later), tracked(isGone: true)) == .new(generation: 2))
        #expect(
            judge(seen(later, isDone: true), tracked(isOpen: false, isGone: true, generation: 2)) == .new(generation: 3)
        )
    }

    @Test func whatWasThereBeforeIsBaseline() {
        let day = noon - .days(1)
        func isBaseline(_ at: Instant, covered: Instant?, before: Instant?) -> Bool {
            EventIdentity.isBaseline(at: at, coveredFrom: covered, baselineBefore: before)
        }
        #expect(isBaseline(noon, covered: nil, before: nil))
        #expect(isBaseline(noon - .days(2), covered: nil, before: day))
        #expect(!isBaseline(day, covered: nil, before: day))
        // Known kind: entered late is new, unless nobody ever looked that far back.
        #expect(!isBaseline(day, covered: day, before: nil))
        #expect(isBaseline(day - .seconds(1), covered: day, before: nil))
    }
}

@Suite struct EventSyncTests {
    private let horizon = noon - .days(31)

    /// One sync in which the database holds exactly these rows.
    @discardableResult
    private func sync(
        _ ledger: Ledger, _ rows: [SeenEvent], vanished: EventKind.Vanished = .stillOpen,
        baselineBefore: Instant? = nil,
        horizon: Instant? = nil, now: Instant = noon, limits: (SeenEvent) -> [String: Instant] = { _ in [:] }
    ) throws -> [EventChange] {
        let horizon = horizon ?? self.horizon
        let sync = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: vanished, horizon: horizon, baselineBefore: baselineBefore, now: now)
        var changes = try sync.add(rows.filter { $0.at >= horizon }, limits: limits)
        let unseen = Set(try sync.unseen())
        changes += try sync.add(rows.filter { unseen.contains($0.id) }, limits: limits)
        return changes + (try sync.finish())
    }

    private func event(
        _ id: String, at: Instant = noon, customer: String? = "1", isDone: Bool = false, hash: UInt64 = 1
    ) -> SeenEvent {
        SeenEvent(id: id, customer: customer, at: at, isDone: isDone, hash: hash)
    }

    @Test func theFirstSightIsBaseline() throws {
        let ledger = try Ledger()
        let changes = try sync(ledger, [event("1"), event("2", at: noon - .days(3))])
        #expect(changes.map(\.kind) == [.new, .new] && changes.allSatisfy(\.event.isBaseline))
        #expect(try ledger.outbox.openEvents(customers: ["1"]).isEmpty)
        let next = try sync(
            ledger, [event("1"), event("2", at: noon - .days(3)), event("3", at: noon - .days(2))],
            now: noon + .hours(1))
        #expect(next.map(\.event.id) == ["3"] && next.map(\.event.isBaseline) == [false])
        #expect(next[0].event.firstSeen == noon + .hours(1))
        #expect(try ledger.outbox.openEvents(customers: ["1", "2"]).map(\.id) == ["3"])
    }

    @Test func anEmptyFirstSightIsASightToo() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        #expect(try sync(ledger, [event("1")]).map(\.event.isBaseline) == [false])
    }

    @Test func aFirstSightThatWasCutShortIsStillTheFirst() throws {
        let ledger = try Ledger()
        let first = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: .stillOpen, horizon: horizon, baselineBefore: nil, now: noon)
        _ = try first.add([event("1")]) { _ in [:] }
        let second = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: .stillOpen, horizon: horizon, baselineBefore: nil, now: noon)
        #expect(second.isFirstSight)
        #expect(try second.add([event("1"), event("2")]) { _ in [:] }.map(\.event.isBaseline) == [true])
        _ = try second.finish()
        let third = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: .stillOpen, horizon: horizon, baselineBefore: nil, now: noon)
        #expect(!third.isFirstSight)
    }

    @Test func backfillServesWhatIsYoungEnough() throws {
        let ledger = try Ledger()
        let changes = try sync(
            ledger, [event("old", at: noon - .days(8)), event("young", at: noon - .days(6))],
            baselineBefore: noon - .days(7))
        #expect(changes.map(\.event.isBaseline) == [true, false])
    }

    @Test func aLongerHorizonBringsNoPast() throws {
        let ledger = try Ledger()
        try sync(ledger, [], horizon: noon - .days(7))
        let old = event("old", at: noon - .days(20))
        #expect(try sync(ledger, [old], horizon: noon - .days(31)).map(\.event.isBaseline) == [true])
        // From now on the days up to 31 are covered: what is entered there is new.
        let late = event("late", at: noon - .days(21))
        #expect(try sync(ledger, [old, late], horizon: noon - .days(31)).map(\.event.isBaseline) == [false])
    }

    @Test func aQuietSyncWritesNothing() throws {
        let ledger = try Ledger()
        let rows = (0..<50).map { event("\($0)", isDone: $0 % 2 == 0) }
        try sync(ledger, rows)
        let before = try ledger.totalChanges()
        #expect(try sync(ledger, rows, now: noon + .hours(1)).isEmpty)
        #expect(try ledger.totalChanges() == before)
    }

    @Test func answeringEndingAndReopening() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1")])
        #expect(try sync(ledger, [event("1", hash: 2)]).map(\.kind) == [.edited])
        let done = try sync(ledger, [event("1", isDone: true, hash: 3)])
        #expect(done.map(\.kind) == [.done] && done[0].event.isOpen == false)
        #expect(try ledger.outbox.openEvents(customers: ["1"]).isEmpty)
        let reopened = try sync(ledger, [event("1", hash: 4)])
        #expect(reopened.map(\.kind) == [.reopened] && reopened[0].event.occasion == "1")
        #expect(try ledger.outbox.openEvents(customers: ["1"]).map(\.id) == ["1"])
    }

    @Test func anIdUsedAgainAfterItsEndIsAnotherEvent() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1", isDone: true)])
        let later = noon + .days(1)
        let changes = try sync(ledger, [event("1", at: later)], now: later)
        #expect(changes.map(\.kind) == [.gone, .new])
        #expect(changes.map(\.event.occasion) == ["1", "1~2"])
        #expect(try ledger.outbox.event(kind: "complaint", id: "1", generation: 1)?.isGone == true)
        #expect(try ledger.outbox.events(kind: "complaint", openOrSince: horizon).map(\.occasion) == ["1~2"])
    }

    @Test func anIdUsedAgainAfterDeletionIsAnotherEvent() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1")])
        let gone = try sync(ledger, [])
        #expect(gone.map(\.kind) == [.gone] && gone[0].event.isOpen)
        // Still open: somebody waits for an answer.
        #expect(try ledger.outbox.openEvents(customers: ["1"]).map(\.id) == ["1"])
        #expect(try sync(ledger, []).isEmpty)
        let later = noon + .days(1)
        #expect(try sync(ledger, [event("1", at: later)], now: later).map(\.event.occasion) == ["1", "1~2"])
        #expect(try ledger.outbox.openEvents(customers: ["1"]).map(\.occasion) == ["1~2"])
        #expect(try sync(ledger, [event("1", at: later)], now: later).isEmpty)
    }

    @Test func aRowThatComesBackIsTheSameEvent() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1")])
        try sync(ledger, [])
        let back = try sync(ledger, [event("1")])
        #expect(back.map(\.kind) == [.returned] && back[0].event.occasion == "1" && !back[0].event.isGone)
    }

    @Test func vanishedMayMeanDone() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1")])
        let gone = try sync(ledger, [], vanished: .done)
        #expect(gone.map(\.kind) == [.gone] && gone[0].event.isOpen == false)
        #expect(try ledger.outbox.openEvents(customers: ["1"]).isEmpty)
    }

    @Test func openEventsAreFollowedBeyondTheHorizon() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        let old = event("1", at: noon)
        try sync(ledger, [old])
        let now = noon + .days(60)
        #expect(try sync(ledger, [old], horizon: now - .days(31), now: now).isEmpty)
        #expect(try sync(ledger, [event("1", isDone: true)], horizon: now - .days(31), now: now).map(\.kind) == [.done])
        // Over and old: nobody looks any more, and nobody takes it for deleted.
        #expect(try sync(ledger, [], horizon: now - .days(31), now: now).isEmpty)
    }

    /// An appointment that was made long ago and is still to come.
    @Test func whatOwesMessagesIsFollowedBeyondTheHorizonToo() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1", isDone: true), event("2", isDone: true), event("3", isDone: true), event("4")])
        for occasion in ["1", "2", "4"] { try ledger.plan([.row("1", rule: "care", occasion: occasion)]) }
        let (now, rules) = (noon + .days(60), ["care"])
        let horizon = now - .days(31)
        func awaited(_ rules: [String] = rules) throws -> [String] {
            try ledger.outbox.events(kind: "complaint", awaitedBy: rules, before: horizon).map(\.id).sorted()
        }
        // Those that are open are followed anyway.
        #expect(try awaited() == ["1", "2"])
        #expect(try awaited(["birthday"]).isEmpty)
        #expect(try ledger.outbox.events(kind: "order", awaitedBy: rules, before: horizon).isEmpty)
        #expect(try ledger.outbox.events(kind: "complaint", awaitedBy: rules, before: noon).isEmpty)
        let sync = try ledger.outbox.beginEventSync(
            kind: "complaint", vanished: .stillOpen, horizon: horizon, baselineBefore: nil, now: now)
        sync.expect(try awaited())
        #expect(Set(try sync.unseen()) == ["1", "2", "4"])
        let edited = try sync.add([event("1", isDone: true, hash: 2), event("4")]) { _ in [:] }
        #expect(edited.map(\.event.id) == ["1"])
        #expect(try sync.finish().map(\.event.id) == ["2"])
        #expect(try awaited() == ["1"])
    }

    @Test func aDeletedOrderIsNoticedThoughItWasOver() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1", isDone: true)])
        #expect(try sync(ledger, []).map(\.kind) == [.gone])
    }

    @Test func anEventThatChangesHandsNamesItsFormerKey() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(ledger, [event("1", customer: nil)])
        let change = try #require(try sync(ledger, [event("1", customer: "5")]).first)
        #expect(change.kind == .edited && change.formerCustomerKey == "event:1" && change.event.customerKey == "5")
        let same = try #require(try sync(ledger, [event("1", customer: "5", hash: 9)]).first)
        #expect(same.formerCustomerKey == nil)
    }

    @Test func limitsAreFixedWhenTheEventIsFirstSeen() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        let limit = noon + .hours(24)
        let new = try sync(ledger, [event("1")]) { _ in ["care": limit] }
        #expect(new[0].event.limits == ["care": limit])
        var asked = 0
        try sync(ledger, [event("1", hash: 2)]) { _ in
            asked += 1
            return [:]
        }
        #expect(asked == 0)
        try ledger.outbox.fixLimits(of: new[0].event, ["care": noon, "monthly": noon + .hours(1)])
        #expect(
            try ledger.outbox.event(kind: "complaint", id: "1", generation: 1)?.limits
                == ["care": limit, "monthly": noon + .hours(1)])
        #expect(throws: OutboxError.unknownRule("nameless")) {
            try ledger.outbox.fixLimits(of: new[0].event, ["nameless": noon])
        }
    }

    @Test func kindsAreApart() throws {
        let ledger = try Ledger()
        try sync(ledger, [event("1")])
        let other = try ledger.outbox.beginEventSync(
            kind: "return", vanished: .stillOpen, horizon: horizon, baselineBefore: nil, now: noon)
        #expect(other.isFirstSight)
        #expect(try other.unseen().isEmpty)
        #expect(try ledger.outbox.events(kind: "return", openOrSince: horizon).isEmpty)
        #expect(try ledger.outbox.events(kind: "nameless", openOrSince: horizon).isEmpty)
        #expect(try ledger.outbox.event(kind: "return", id: "1", generation: 1) == nil)
    }

    @Test func oldClosedEventsAreNotListed() throws {
        let ledger = try Ledger()
        try sync(ledger, [])
        try sync(
            ledger,
            [event("1", at: noon - .days(9), isDone: true), event("2", at: noon - .days(9)), event("3", isDone: true)])
        let ids = try ledger.outbox.events(kind: "complaint", openOrSince: noon - .days(1)).map(\.id)
        #expect(Set(ids) == ["2", "3"] && ids.count == 2)
    }
}
