import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("A rung of the ladder that cannot be told")
struct LadderTests {
    /// A complaint six hours before its limit, at a relay that refuses the manager's address.
    private func scene(_ answer: [String: Int]) async throws -> (RecordingSMTPServer, TestDaemon)? {
        guard RecordingSMTPServer.python != nil else {
            print("skipped: no Python with aiosmtpd for a real relay")
            return nil
        }
        var options = RecordingSMTPServer.Options()
        options.refuse = answer
        let relay = try RecordingSMTPServer(options)
        var settings = TestShop.Settings()
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        let shop = try TestShop(settings)
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T02:00:00Z")
        return (relay, daemon)
    }

    @Test("leaves its place to the next at once: the director learns what the manager could not")
    func refused() async throws {
        guard let (relay, daemon) = try await scene(["manager@shop.example": 550]) else { return }
        let told = await daemon.announcer.first { $0.kind == .sent && $0.step == "tell-director" }
        #expect(told != nil)
        #expect(try relay.messages(3).map(\.recipients).last == ["director@shop.example"])
        let rows = try daemon.rows(rule: "complaint-care")
        #expect(rows.first { $0.key.step == "tell-manager" }?.standing == "failed(recipient-refused)")
        let director = try #require(rows.first { $0.key.step == "tell-director" })
        #expect(try director.state == .sent && director.plan.dueAt == at("2027-05-05T02:00:00Z"))
        // The later ones keep their times, and staff are not suppressed for it.
        #expect(rows.filter { $0.key.step.hasPrefix("tell-director#") }.map(\.standing) == ["planned", "planned"])
        #expect(daemon.announcer.notices(.suppressed).isEmpty)
        try await daemon.stop()
    }

    @Test("waits its turn where the relay only puts the manager off")
    func deferred() async throws {
        guard let (relay, daemon) = try await scene(["manager@shop.example": 450]) else { return }
        #expect(relay.messages.count == 2)
        let rows = try daemon.rows(rule: "complaint-care")
        #expect(rows.first { $0.key.step == "tell-manager" }?.state == .planned)
        let director = try #require(rows.first { $0.key.step == "tell-director" })
        #expect(try director.state == .planned && director.plan.dueAt == at("2027-05-05T08:00:00Z"))
        try await daemon.stop()
    }

    /// `regards test` and `simulate` live by the same rule.
    @Test("is climbed under a virtual clock too")
    func virtual() throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let start = try at("2027-05-04T07:00:00Z")
        let clock = VirtualClock(start)
        let outbox = try SQLiteOutbox.openForDaemon(path: shop.state, now: start)
        let channels = ChannelSet([.mail: ScriptedChannel(.refused(.recipientRefused))], clock: clock)
        let daemon = try VirtualDaemon(
            try shop.assembly().with(mode: .live), outbox: outbox, channels: channels, clock: clock, salt: Array("test".utf8))
        try daemon.look()
        try daemon.run(until: try at("2027-05-04T08:00:00Z"))
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try daemon.look()
        try daemon.run(until: try at("2027-05-04T08:00:01Z"))
        let told = try outbox.list(OutreachFilter(rule: "complaint-care"), limit: .max, after: 0).filter { $0.key.step.hasPrefix("tell") }
        // Whom nobody reached leaves it to the next; a repetition keeps its time.
        let failed = told.filter { $0.state == .failed }
        #expect(Set(failed.map(\.key.step)) == ["tell-advisor", "tell-manager", "tell-director"])
        #expect(failed.allSatisfy { $0.endedAt.map { $0 < clock.now() } ?? false })
        #expect(told.filter { $0.state == .planned }.map(\.key.step).sorted() == ["tell-director#2", "tell-director#3"])
        daemon.stop()
        try outbox.close()
    }
}
