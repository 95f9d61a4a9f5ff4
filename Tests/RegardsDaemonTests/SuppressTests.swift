import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("A suppressed address")
struct SuppressTests {
    @Test("by command: gets nothing more, is listed as a hash alone, and is written to again when it is removed")
    func commands() throws {
        let served = try ServedShop(customers: 3)
        let early = try served.run(["suppress", "c1@mail.example"])
        #expect(early.ending.status == 66)
        #expect(early.errors == ["regards: \(served.shop.path)/state/journal.key: no key yet; it is made by the first: \(ChildProcess.regards) serve"])
        try served.shop.folder.write("0123456789abcdef", to: "state/journal.key")
        #expect(try served.run(["suppress", "list"]).output == ["nothing is suppressed"])
        #expect(try served.run(["suppress", "list", "--json"]).output == [])
        let given = try served.run(["suppress", "C1@Mail.example", "--reason", "complaint"])
        #expect(given.ending.status == 0, "\(given.errors)")
        let hash = String(try #require(given.output.first).prefix(16))
        #expect(given.output == ["\(hash) gets nothing more of greeting, marketing, survey"])
        #expect(try served.run(["suppress", "--customer", "1", "--purpose", "greeting", "--reason", "complaint"]).output
            == ["\(hash) gets nothing more of greeting; it was so already"])
        let second = try served.run(["suppress", "--customer", "2", "--purpose", "marketing"])
        #expect(second.output.first?.hasSuffix("gets nothing more of marketing") == true)
        let listed = try served.run(["suppress", "list"]).output
        #expect(listed.count == 5 && !listed.contains { $0.contains("@") })
        #expect(listed.count { $0.hasPrefix(hash) && $0.contains("complaint") } == 3)
        #expect(try served.run(["suppress", "list", "--customer", "2"]).output.count == 2)
        #expect(try served.run(["suppress", "list", "--json", "--customer", "2"]).output.first?.contains("\"purpose\":\"marketing\"") == true)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows([.sent]).map(\.key.customer).sorted() == ["2", "3"])
        #expect(try served.run(["suppress", "remove", hash, "--purpose", "greeting"]).output == ["\(hash) is written to again"])
        #expect(try served.run(["suppress", "remove", "c1@mail.example"]).output == ["\(hash) is written to again"])
        #expect(try served.run(["suppress", "remove", "c1@mail.example"]).ending.status == 66)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows([.sent]).map(\.key.customer).sorted() == ["1", "2", "3"])
    }

    @Test("by command: what cannot be meant is refused", arguments: [
        (["suppress"], 64), (["suppress", "nobody"], 64), (["suppress", "a@b.example", "--customer", "1"], 64),
        (["suppress", "--customer", "99"], 66), (["suppress", "remove", "0123456789abcdef"], 66),
        (["suppress", "a@b.example", "--purpose", "spam"], 64),
    ])
    func refused(command: [String], status: Int) throws {
        let served = try ServedShop(customers: 1, isLive: false)
        try served.shop.folder.write("0123456789abcdef", to: "state/journal.key")
        let run = try served.run(command)
        #expect(run.ending.status.map(Int.init) == status)
        #expect(!run.errors.isEmpty && !run.errors.contains { $0.contains("b.example") && status != 64 })
    }
}

@Suite("A rule with a ledger")
struct RuleLedgerTests {
    private static func rule(_ name: String, more: String = "") -> String {
        "\(name):\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n\(more)"
    }

    private func check(_ shop: TestShop) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        try ChildProcess.run([ChildProcess.regards, "check", "--config", shop.file])
    }

    @Test("that vanished is warned of by check and by the start; a new name keeps it")
    func vanished() async throws {
        let shop = try TestShop(rules: ["birthday"])
        try shop.addCustomer(1, birthday: "1980-05-05")
        let first = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await first.cleanPass(at: "2027-05-04T12:00:00Z")
        try await first.stop()
        #expect(try !check(shop).errors.contains { $0.contains("ledger") })

        try shop.rules(RuleLedgerTests.rule("card"))
        let gone = try check(shop)
        #expect(gone.ending.status == 0)
        #expect(gone.errors.contains {
            $0.hasSuffix("warning: birthday-card: this rule has a ledger and is in no file: its unsent messages will be "
                + "cancelled; where it was renamed, write formerly: birthday-card in the new one")
        })
        try shop.rules(RuleLedgerTests.rule("card", more: "  formerly: birthday-card\n"))
        let renamed = try check(shop)
        #expect(!renamed.errors.contains { $0.contains("ledger") })
        #expect(renamed.output.contains("card: was birthday-card, and keeps what it has sent"))
        let second = try TestDaemon(shop, now: try at("2027-05-04T13:00:00Z"))
        #expect(second.announcer.notices(.ruleChanged).map(\.detail) == ["it was birthday-card, and keeps what it has sent"])
        #expect(second.announcer.notices(.ruleVanished).isEmpty)
        try await second.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try second.row().key.rule == "card")
        try await second.stop()

        try shop.rules(RuleLedgerTests.rule("other"))
        let third = try TestDaemon(shop, now: try at("2027-05-04T14:00:00Z"))
        #expect(third.announcer.notices(.ruleVanished).map(\.rule) == ["card"])
        try await third.stop()
        #expect(try !check(shop).errors.contains { $0.contains("ledger") })
    }

    @Test("that was changed is named by check and by the start")
    func changed() async throws {
        let shop = try TestShop(rules: [])
        try shop.rules(RuleLedgerTests.rule("card"))
        let first = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await first.stop()
        try shop.rules(RuleLedgerTests.rule("card", more: "  if_late: {grace: 3h}\n"))
        #expect(try check(shop).output.contains("card: changed since the daemon read it; unsent messages will follow it"))
        let second = try TestDaemon(shop, now: try at("2027-05-04T13:00:00Z"))
        #expect(second.announcer.notices(.ruleChanged).map(\.detail) == ["unsent messages follow the rule as it is now"])
        try await second.stop()
        #expect(try !check(shop).output.contains { $0.contains("changed") })
    }
}
