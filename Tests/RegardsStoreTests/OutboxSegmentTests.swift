import GRDB
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsStore

@Suite struct OutboxSegmentTests {
    private static let gold = [WatchedSegment(name: "gold", hash: 1)]

    /// One pass in which exactly these customers exist, with the segments each belongs to.
    @discardableResult
    private func look(
        _ ledger: Ledger, _ members: [(String, [Int])], _ segments: [WatchedSegment] = gold, now: Instant = noon,
        finishes: Bool = true
    ) throws -> [String: [Int: SegmentEntry]] {
        let pass = try ledger.outbox.beginSegments(segments, now: now)
        let entries = try pass.record(members.map { SegmentMembership(customer: $0.0, members: $0.1) })
        if finishes { try pass.finish() }
        return entries
    }

    private func later(_ hours: Int64) -> Instant { noon + .hours(hours) }

    @Test func whoBelongsAtTheFirstLookIsBaseline() throws {
        let ledger = try Ledger()
        let entries = try look(ledger, [("1", [0]), ("2", [])])
        #expect(entries == ["1": [0: SegmentEntry(number: 1, enteredAt: noon, isBaseline: true)]])
    }

    @Test func comingAndGoingAreRecorded() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0]), ("2", [])])
        let first = SegmentEntry(number: 1, enteredAt: noon, leftAt: later(1), isBaseline: true)
        let second = SegmentEntry(number: 1, enteredAt: later(1))
        #expect(try look(ledger, [("1", []), ("2", [0])], now: later(1)) == ["1": [0: first], "2": [0: second]])
        let again = SegmentEntry(number: 2, enteredAt: later(2))
        #expect(try look(ledger, [("1", [0]), ("2", [0])], now: later(2)) == ["1": [0: again], "2": [0: second]])
        let entries = try ledger.outbox.segmentEntries(customers: ["1", "2", "3"], segments: ["silver", "gold"])
        #expect(entries == ["1": [1: again], "2": [1: second]])
    }

    @Test func aQuietPassWritesNothing() throws {
        let ledger = try Ledger()
        let members = (0..<50).map { ("\($0)", $0 % 3 == 0 ? [0, 1] : []) }
        let segments = Self.gold + [WatchedSegment(name: "regulars")]
        let first = try look(ledger, members, segments)
        let before = try ledger.totalChanges()
        #expect(try look(ledger, members, segments, now: later(1)) == first)
        #expect(try ledger.totalChanges() == before)
    }

    @Test func whoIsNoCustomerAnyMoreHasLeft() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0]), ("2", [0])])
        let pass = try ledger.outbox.beginSegments(Self.gold, now: later(1))
        _ = try pass.record([SegmentMembership(customer: "1", members: [0])])
        #expect(try pass.finish() == 1)
        let left = try ledger.outbox.segmentEntries(customers: ["1", "2"], segments: ["gold"])
        #expect(left["1"]?[0]?.leftAt == nil && left["2"]?[0]?.leftAt == later(1))
        #expect(throws: OutboxError.passEnded) { try pass.finish() }
        #expect(throws: OutboxError.passEnded) { try pass.record([]) }
    }

    @Test func aPassThatDoesNotFinishSendsNobodyAway() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0]), ("2", [0])])
        try look(ledger, [("1", [0])], now: later(1), finishes: false)
        #expect(try ledger.outbox.segmentEntries(customers: ["2"], segments: ["gold"])["2"]?[0]?.leftAt == nil)
    }

    /// A first look that a crash cut short is made whole by the next.
    @Test func aFirstLookIsOverWhenItSawEverybody() throws {
        var ledger = try Ledger()
        try look(ledger, [("1", [0])], finishes: false)
        _ = try ledger.restart()
        let entries = try look(ledger, [("1", [0]), ("2", [0])], now: later(1))
        #expect(entries["1"]?[0] == SegmentEntry(number: 1, enteredAt: noon, isBaseline: true))
        #expect(entries["2"]?[0] == SegmentEntry(number: 1, enteredAt: later(1), isBaseline: true))
        #expect(try look(ledger, [("3", [0])], now: later(2))["3"]?[0]?.isBaseline == false)
    }

    /// Another definition makes nobody come or go: who is in is baseline, who is out left without a word.
    @Test func anotherDefinitionIsLookedAtAnew() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0]), ("2", []), ("3", [0])])
        let changed = [WatchedSegment(name: "gold", hash: 2)]
        let entries = try look(ledger, [("1", []), ("2", [0]), ("3", [0])], changed, now: later(1))
        #expect(
            entries == [
                "2": [0: SegmentEntry(number: 1, enteredAt: later(1), isBaseline: true)],
                "3": [0: SegmentEntry(number: 1, enteredAt: noon, isBaseline: true)],
            ])
        // A number that was used is not used again.
        let back = try look(ledger, [("1", [0]), ("2", [0]), ("3", [0])], changed, now: later(2))
        #expect(back["1"]?[0] == SegmentEntry(number: 2, enteredAt: later(2)))
    }

    @Test func aHashThatIsLearnedLaterIsNoChange() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0])], [WatchedSegment(name: "gold")])
        #expect(try look(ledger, [("1", [0]), ("2", [0])], now: later(1))["2"]?[0]?.isBaseline == false)
        // Not compared where none is given.
        #expect(try look(ledger, [("3", [0])], [WatchedSegment(name: "gold")], now: later(2))["3"]?[0]?.isBaseline == false)
    }

    @Test func whatNobodyWatchedForAWhileIsLookedAtAnew() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0]), ("2", [])])
        try look(ledger, [("1", []), ("2", [])], [WatchedSegment(name: "other")], now: later(1))
        let entries = try look(ledger, [("1", []), ("2", [0])], now: later(2))
        #expect(entries == ["2": [0: SegmentEntry(number: 1, enteredAt: later(2), isBaseline: true)]])
    }

    @Test func aPassThatWatchesNothingDoesNothing() throws {
        let ledger = try Ledger()
        let before = try ledger.totalChanges()
        #expect(try look(ledger, [("1", [])], []).isEmpty)
        #expect(try ledger.totalChanges() == before)
    }

    @Test func anotherCustomersOfAnotherPageStay() throws {
        let ledger = try Ledger()
        let pass = try ledger.outbox.beginSegments(Self.gold, now: noon)
        for page in 0..<5 {
            let members = (0..<300).map { SegmentMembership(customer: "\(page)-\($0)", members: $0 % 2 == 0 ? [0] : []) }
            #expect(try pass.record(members).count == 150)
        }
        #expect(try pass.finish() == 0)
    }

    @Test func aFailedWriteLeavesThePageToTheNextPass() throws {
        let ledger = try Ledger()
        try look(ledger, [("1", [0])])
        try ledger.outbox.write {
            try $0.execute(
                sql: """
                    CREATE TRIGGER trip BEFORE INSERT ON segment_entries WHEN new.customer = '3'
                    BEGIN SELECT raise(ABORT, 'tripped'); END
                    """)
        }
        let members = [("1", [0]), ("2", [0]), ("3", [0])]
        #expect(throws: OutboxError.database(detail: "tripped")) { try look(ledger, members, now: later(1)) }
        #expect(try ledger.outbox.segmentEntries(customers: ["2", "3"], segments: ["gold"]).isEmpty)
        try ledger.outbox.write { try $0.execute(sql: "DROP TRIGGER trip") }
        #expect(try look(ledger, members, now: later(2))["3"]?[0] == SegmentEntry(number: 1, enteredAt: later(2)))
    }

    /// Against a model, through looks that find anything, some of them cut short.
    @Test(arguments: 0..<4) func behavesLikeADictionary(_ run: Int) throws {
        var random = SeededGenerator("segments \(run)")
        for _ in 0..<run { _ = random.next() }
        let ledger = try Ledger()
        let segments = [WatchedSegment(name: "gold"), WatchedSegment(name: "regulars")]
        let customers = (0..<12).map(String.init)
        var model: [String: [Int: Stay]] = [:]
        var hasLooked = false
        for step in 1...80 {
            let now = later(Int64(step))
            let seen = customers.filter { _ in Int.random(in: 0...9, using: &random) > 0 }
            let members = seen.map { customer in
                (customer, segments.indices.filter { _ in Int.random(in: 0...3, using: &random) == 0 })
            }
            let finishes = Int.random(in: 0...3, using: &random) > 0
            for (customer, belongs) in members {
                for segment in segments.indices {
                    model[customer, default: [:]][segment].look(belongs.contains(segment), hasLooked, now)
                }
            }
            let found = try look(ledger, members, segments, now: now, finishes: finishes)
            if finishes {
                for customer in customers where !seen.contains(customer) {
                    for segment in segments.indices { model[customer, default: [:]][segment].look(false, hasLooked, now) }
                }
                hasLooked = true
            }
            let known = model.mapValues { $0.compactMapValues(\.visible) }.filter { !$0.value.isEmpty }
            #expect(found == known.filter { seen.contains($0.key) })
            #expect(try ledger.outbox.segmentEntries(customers: customers, segments: segments.map(\.name)) == known)
        }
    }
}

private struct Stay {
    var entry: SegmentEntry
    var leftQuietly = false
    /// Who is found gone before the first whole look was never there, but the number is used.
    var visible: SegmentEntry? { leftQuietly ? nil : entry }
}

extension Stay? {
    mutating func look(_ belongs: Bool, _ hasLooked: Bool, _ now: Instant) {
        let isIn = self.map { $0.entry.leftAt == nil } ?? false
        if belongs, !isIn {
            let number = (self?.entry.number ?? 0) + 1
            self = Stay(entry: SegmentEntry(number: number, enteredAt: now, isBaseline: !hasLooked))
        } else if !belongs, isIn {
            self?.entry.leftAt = now
            self?.leftQuietly = !hasLooked
        }
    }
}
