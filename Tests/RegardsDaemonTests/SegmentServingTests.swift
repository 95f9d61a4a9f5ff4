import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDaemon

/// Rules that wait for customers to come into a segment, over a real shop.
@Suite struct SegmentServingTests {
    private func shop(_ segments: String) throws -> TestShop {
        var settings = TestShop.Settings()
        settings.extra = "segments: {\(segments)}"
        let shop = try TestShop(rules: [], settings)
        try shop.rules("welcome: {purpose: greeting, when: {becomes: regulars, at: 10:00}, send: birthday}\n", file: "welcome")
        for (id, points) in [(1, 50), (2, 150), (3, 20)] {
            try shop.addCustomer(id)
            try shop.sql("UPDATE customers SET points = \(points) WHERE id = \(id)")
        }
        return shop
    }

    /// Who belongs by another definition did nothing to belong: nobody is written to because of an edit.
    @Test func anEditedSegmentWelcomesNobody() async throws {
        let shop = try shop("regulars: {where: [points >= 100]}")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T12:00:00Z")
        #expect(try daemon.rows().isEmpty)
        var edited = TestShop.Settings()
        edited.extra = "segments: {regulars: {where: [points >= 40]}}"
        try shop.configure(edited)
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T12:00:00Z")
        #expect(try daemon.rows().isEmpty)
        // From then on they come by the new one; layout is no definition.
        edited.extra = "segments:\n  regulars:\n    # those who came back\n    where: [points >= 40]"
        try shop.configure(edited)
        #expect(daemon.daemon.reload().isEmpty)
        try shop.sql("UPDATE customers SET points = 60 WHERE id = 3")
        try await daemon.cleanPass(at: "2027-05-07T07:00:00Z")
        #expect(try daemon.rows().map(\.key.customer) == ["3"])
        try await daemon.stop()
    }

    // MARK: How often customers are read

    /// How often all customers were read for one plan of the day.
    private func passes(_ segments: String, plans: Int = 2) throws -> Int {
        let shop = try shop(segments)
        let assembly = try shop.assembly()
        let outbox = try SQLiteOutbox.openForDaemon(path: shop.state, now: try at("2027-05-04T12:00:00Z"))
        _ = try outbox.adoptRules(assembly.book.adoptions, now: try at("2027-05-04T12:00:00Z"))
        let source = CountingSource(try Workshop.source(assembly))
        let desk = PlanDesk(
            assembly: assembly, outbox: outbox, source: source,
            standings: StandingDesk(outbox: outbox, book: assembly.book, isGuarding: false),
            hash: AddressHash(key: .random()), isGuarding: false, progress: Progress())
        for plan in 0..<plans {
            if plan == plans - 1 { source.passes.withLock { $0 = 0 } }
            _ = try desk.plan(now: try at("2027-05-04T12:0\(plan):00Z"))
        }
        try outbox.close()
        return source.passes.withLock { $0 }
    }

    @Test func boundsAreLookedForOnlyWhereSomebodyWaitsForThem() throws {
        #expect(try passes("regulars: {where: [points >= 100]}") == 1)
        // Ranked, but nobody waits for it.
        #expect(try passes("gold: {top: 20%, by: points}, regulars: {where: [points >= 100]}") == 1)
        #expect(try passes("regulars: {top: 20%, by: points}") == 2)
        #expect(try passes("gold: {top: 50%, by: points}, regulars: {where: [segment is gold, points >= 100]}") == 2)
        #expect(try passes("value: {classes: 2, by: points}, regulars: {where: [class value >= 2]}") == 2)
    }
}

/// Counts the passes over all customers. The count has a lock.
private final class CountingSource: PassingSource, @unchecked Sendable {
    let passes = Mutex(0)

    override func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport {
        passes.withLock { $0 += 1 }
        return try super.forEachPage(size: size, body)
    }
}
