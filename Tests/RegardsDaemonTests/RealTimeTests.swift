import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// What is promised in seconds of the machine's own clock. The test command runs this suite by itself, after all others:
/// beside a hundred other tests a figure would say nothing.
@Suite(.serialized) struct RealTimeTests {
    @Test func aComplaintIsAnsweredWithinFiveSeconds() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: nil)
        await daemon.start()
        let opened = SystemClock().now()
        try shop.complain(10, customer: 1, at: opened)
        let sent = await daemon.announcer.first { $0.kind == .sent && $0.step == "send" }
        let took = SystemClock().now() - opened
        #expect(sent?.customer == "1")
        #expect(took < .seconds(5), "took \(took.microseconds / 1000) ms")
        let told = await daemon.announcer.first { $0.kind == .sent && $0.step == "tell-advisor" }
        #expect(told != nil)
        try await daemon.stop()
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "c1@mail.example"])
    }

    @Test func aPauseActsAtOnceAndItsEndIsFollowedWithinFourSeconds() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: nil)
        await daemon.start()
        let command = try SQLiteOutbox.openForCommand(path: shop.state, access: .write)
        let pause = try command.addPause(.all, until: nil, reason: "", now: SystemClock().now())
        try shop.complain(10, customer: 1, at: SystemClock().now())
        #expect(await daemon.announcer.first { $0.kind == .held && $0.step == "send" } != nil)
        #expect(try shop.mails().isEmpty)
        let lifted = SystemClock().now()
        try command.liftPause(pause.id, now: lifted)
        try command.close()
        #expect(await daemon.announcer.first { $0.kind == .sent && $0.step == "send" } != nil)
        let took = SystemClock().now() - lifted
        #expect(took < .seconds(4), "took \(took.microseconds / 1000) ms")
        try await daemon.stop()
    }
}
