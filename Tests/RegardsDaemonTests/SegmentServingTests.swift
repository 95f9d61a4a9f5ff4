import RegardsCalendar
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
}
