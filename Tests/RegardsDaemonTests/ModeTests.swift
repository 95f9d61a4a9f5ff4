import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

@Suite("Nobody is mailed by accident")
struct ModeTests {
    /// Customers 1 and 2, born on 5 May, and an open complaint of a third.
    private func scene(
        mode: String, isLive: Bool = true, liveMachine: String? = nil
    ) async throws -> (TestShop, TestDaemon) {
        var settings = TestShop.Settings()
        settings.mode = mode
        let shop = try TestShop(settings)
        for id in 1...2 { try shop.addCustomer(id, birthday: "1980-05-05") }
        try shop.addCustomer(3)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), isLive: isLive, liveMachine: liveMachine)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try shop.complain(10, customer: 3, at: try at("2027-05-05T06:50:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        return (shop, daemon)
    }

    /// Standings of what was due.
    private func standings(_ daemon: TestDaemon) throws -> [String] {
        try daemon.rows().filter { $0.plan.dueAt <= (try at("2027-05-05T07:00:00Z")) }.map(\.standing)
    }

    @Test("rehearse sends nothing to anybody and records that")
    func rehearse() async throws {
        let (shop, daemon) = try await scene(mode: "rehearse")
        #expect(try shop.mails().isEmpty)
        #expect(try standings(daemon) == Array(repeating: "skipped(rehearsed)", count: 4))
        #expect(
            daemon.announcer.notices(.rehearsing).map(\.detail) == [
                "mode is rehearse; to mail them, write mode: live in regards.yaml and run regards go-live"
            ])
        #expect(daemon.daemon.status().contains("rehearsing"))
    }

    @Test("a rehearsed row never counts as sent, and is not sent later either")
    func rehearsedThenLive() async throws {
        let (shop, daemon) = try await scene(mode: "rehearse")
        try shop.configure(TestShop.Settings())
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T07:30:00Z")
        #expect(try shop.mails().isEmpty)
        #expect(try standings(daemon) == Array(repeating: "skipped(rehearsed)", count: 4))
        // What falls due from now on is meant.
        try await daemon.cleanPass(at: "2027-05-06T00:50:00Z")
        #expect(try shop.mails().map(\.recipient) == ["manager@shop.example"])
    }

    @Test("redirect sends everything to one address, marked, and ends it as redirected")
    func redirect() async throws {
        let (shop, daemon) = try await scene(mode: "{redirect: me@office.example}")
        #expect(try standings(daemon) == Array(repeating: "skipped(redirected)", count: 4))
        let mails = try shop.mails()
        #expect(mails.map(\.recipient) == Array(repeating: "me@office.example", count: 4))
        #expect(mails.allSatisfy { $0.header("To").contains("<me@office.example>") && $0.header("X-Regards-Redirected") == "yes" })
        #expect(!mails.contains { $0.text.contains("mail.example>") })
        #expect(daemon.announcer.notices(.rehearsing).map(\.detail) == ["mode is redirect, all mail goes to one address"])
    }

    @Test("live in the file without go-live rehearses", arguments: [nil, "another machine"])
    func notLive(machine: String?) async throws {
        let (shop, daemon) = try await scene(mode: "live", isLive: machine != nil, liveMachine: machine)
        #expect(try shop.mails().isEmpty)
        #expect(try standings(daemon) == Array(repeating: "skipped(rehearsed)", count: 4))
        #expect(
            daemon.announcer.notices(.rehearsing).map(\.detail) == [
                "mode is live, but this machine was not taken live; run regards go-live"
            ])
    }

    @Test("go-live is followed at the next reload, and so is its undoing")
    func goLive() async throws {
        let shop = try TestShop()
        for id in 1...2 { try shop.addCustomer(id, birthday: "1980-05-0\(id + 4)") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), isLive: false)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        let command = try SQLiteOutbox.openForCommand(path: shop.state, access: .write)
        try command.setLiveMachine(Machine.identity(), now: try at("2027-05-04T13:00:00Z"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.row(customer: "1").standing == "sent")
        try command.setLiveMachine(nil, now: try at("2027-05-05T13:00:00Z"))
        try command.close()
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T07:00:00Z")
        #expect(try daemon.row(customer: "2").standing == "skipped(rehearsed)")
        #expect(try shop.mails().map(\.recipient) == ["c1@mail.example"])
    }

    @Test("mail that is under way to the operator while the house goes live is not taken for sent")
    func redirectedAcrossReload() async throws {
        var settings = TestShop.Settings()
        settings.mode = "{redirect: me@office.example}"
        let shop = try TestShop(settings)
        try shop.addCustomer(1, birthday: "1980-05-05")
        let channel = ScriptedChannel(nil)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try #require(daemon.clock).set(try at("2027-05-05T07:00:00Z"))
        daemon.daemon.lookAgain()
        try channel.awaitSent(1)
        try shop.configure(TestShop.Settings())
        channel.keepsOpenAtClose()
        #expect(daemon.daemon.reload().isEmpty)
        channel.finish(.delivered)
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(try daemon.row().standing == "skipped(redirected)")
    }
}
