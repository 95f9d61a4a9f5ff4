import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Beside a daemon, as a command does it.
func beside(_ daemon: TestDaemon, _ body: (SQLiteOutbox) throws -> Void) throws {
    let command = try SQLiteOutbox.openForCommand(path: daemon.shop.state, access: .write)
    try body(command)
    try command.close()
}

@Suite("A new rule that would reach many")
struct NewRuleTests {
    /// Customers who were all born on 5 May.
    private func shop(_ customers: Int, limit: String = "5", rules: [String] = ["birthday"]) throws -> TestShop {
        var settings = TestShop.Settings()
        settings.guards = "{new_rule: \(limit)}"
        let shop = try TestShop(rules: rules, settings)
        for id in 1...customers { try shop.addCustomer(id, birthday: "1980-05-05") }
        return shop
    }

    private func approve(_ daemon: TestDaemon, _ rule: String = "birthday-card") throws {
        let hash = try #require(try daemon.shop.assembly().book.rules.first { $0.name == rule }).hash
        try beside(daemon) { try $0.approve(rule: rule, hash: hash, now: try #require(daemon.clock).now()) }
    }

    /// By rule of the files, whether it is approved as it is.
    private func approvals(_ daemon: TestDaemon) throws -> [Bool] {
        try daemon.outbox.ruleLedgers().filter { $0.name != DayList.rule }.map { $0.approvedHash == $0.hash }
    }

    @Test("is approved without a word where it reaches few")
    func few() async throws {
        let daemon = try TestDaemon(try shop(5), now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 5))
        #expect(daemon.announcer.notices(.guardTripped).isEmpty && daemon.announcer.notices(.approved).isEmpty)
        #expect(try approvals(daemon) == [true])
    }

    @Test("waits, says so once, and goes when it is approved")
    func many() async throws {
        let daemon = try TestDaemon(try shop(6), now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        let told = try #require(daemon.announcer.notices(.guardTripped).first)
        #expect(told.rule == "birthday-card" && told.count == 6)
        #expect(
            told.detail == "it would send 6 messages in its first 31 days, and guard.new_rule is 5: "
                + "look at it and say yes with regards approve birthday-card")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "held(approval)", count: 6))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).count == 1)
        #expect(daemon.daemon.status().contains("1 rule to approve"))
        try approve(daemon)
        try await daemon.cleanPass(at: "2027-05-05T08:01:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 6))
        #expect(daemon.announcer.notices(.approved).map(\.rule) == ["birthday-card"])
        #expect(!daemon.daemon.status().contains("approve"))
    }

    @Test("is asked about again when it was changed")
    func changed() async throws {
        let shop = try shop(6)
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  where: [name contains \"Customer 1\"]\n  send: birthday\n")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).isEmpty)
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(daemon.announcer.notices(.ruleChanged).map(\.rule) == ["birthday-card"])
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [6])
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "held(approval)", count: 6))
        // Narrowed again: nobody need be asked.
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  where: [name contains \"Customer 2\"]\n  send: birthday\n")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T07:30:00Z")
        #expect(try daemon.row(customer: "2").standing == "sent")
        #expect(try daemon.rows().count { $0.standing == "cancelled(condition-false)" } == 5)
    }

    @Test("sends nothing of the time in which it was in no file")
    func away() async throws {
        let shop = try shop(6, limit: "50")
        // Care, which is never too late by itself.
        let rule = "birthday-card:\n  purpose: care\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n"
        try shop.rules(rule)
        try shop.rules("other:\n  purpose: greeting\n  when: {on: 2027-12-24, at: 09:00}\n  send: birthday\n", file: "other")
        let daemon = try TestDaemon(shop, now: try at("2027-05-01T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-01T12:00:00Z")
        try shop.rules(nil)
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-02T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-20T12:00:00Z")
        try shop.rules(rule)
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-20T13:00:00Z")
        #expect(try daemon.rows(rule: "birthday-card").isEmpty)
        #expect(try shop.mails().isEmpty)
        try await daemon.stop()
    }

    @Test("is not asked about where no mail reaches customers, and is at the change to live")
    func rehearsing() async throws {
        let shop = try shop(6)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), isLive: false)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).isEmpty)
        #expect(try approvals(daemon) == [false])
        try daemon.outbox.setLiveMachine(Machine.identity(), now: try at("2027-05-04T13:00:00Z"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "held(approval)", count: 6))
        // Back to rehearsing nothing waits any more.
        try daemon.outbox.setLiveMachine(nil, now: try at("2027-05-05T08:00:00Z"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "skipped(rehearsed)", count: 6))
        #expect(daemon.announcer.notices(.approved).isEmpty)
    }

    @Test("about events is judged by those of the last 31 days")
    func events() async throws {
        let shop = try shop(3, rules: ["complaints"])
        // Two messages to a customer for each complaint; the third complaint is too long ago to say anything.
        for (id, day) in [(1, "2027-04-20"), (2, "2027-04-25"), (3, "2027-03-01")] {
            try shop.complain(id, customer: id, at: try at("\(day)T08:00:00Z"))
        }
        let few = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await few.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(few.announcer.notices(.guardTripped).isEmpty)
        try await few.stop()

        let busy = try self.shop(3, rules: ["complaints"])
        for id in 1...3 { try busy.complain(id, customer: id, at: try at("2027-05-01T08:00:00Z")) }
        let many = try TestDaemon(busy, now: try at("2027-05-04T12:00:00Z"))
        try await many.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(many.announcer.notices(.guardTripped).map(\.count) == [6])
        try busy.complain(4, customer: 1, at: try at("2027-05-04T12:30:00Z"))
        try await many.cleanPass(at: "2027-05-04T12:30:00Z")
        #expect(try many.rows().filter { $0.state != .planned }.map(\.standing) == ["held(approval)", "held(approval)"])
        try approve(many, "complaint-care")
        try await many.cleanPass(at: "2027-05-04T12:31:00Z")
        #expect(try many.rows().filter { $0.state != .planned }.map(\.standing) == ["sent", "sent"])
    }

    @Test("about events is asked about when it is switched on again: it serves the events of the meantime")
    func switchedOn() async throws {
        let rule = try TestShop.text("\(TestShop.fixtures)/rules/complaints.yaml")
        let shop = try shop(3, rules: ["complaints"])
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(try approvals(daemon) == [true])
        try shop.rules(rule + "  enabled: no\n", file: "complaints")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        for id in 1...3 { try shop.complain(id, customer: id, at: try at("2027-05-0\(id + 4)T08:00:00Z")) }
        try await daemon.cleanPass(at: "2027-05-08T12:00:00Z")
        #expect(try daemon.rows().isEmpty)
        try shop.rules(rule, file: "complaints")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-08T13:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [6])
        #expect(try shop.mails().isEmpty)
        try approve(daemon, "complaint-care")
        try await daemon.cleanPass(at: "2027-05-08T13:01:00Z")
        #expect(try shop.mails().count >= 3)
        try await daemon.stop()
    }

    @Test("is judged by its first 31 days of sending, however far they are")
    func onceAYear() async throws {
        let shop = try shop(6)
        try shop.rules("christmas:\n  purpose: greeting\n  when: {on: 2027-12-24, at: 09:00}\n  send: birthday\n")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [6])
        // A card every month to five is five in 31 days.
        let monthly = try self.shop(5, rules: ["monthly"])
        let second = try TestDaemon(monthly, now: try at("2027-05-04T12:00:00Z"))
        try await second.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(second.announcer.notices(.guardTripped).isEmpty)
    }

    @Test("is counted with what it reaches back to")
    func backfill() async throws {
        let shop = try shop(6)
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n  backfill: 2d\n  if_late: {grace: 3d}\n")
        let daemon = try TestDaemon(shop, now: try at("2027-05-06T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-06T12:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [6])
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "held(approval)", count: 6))
    }

    @Test("waits too while the customer database is away, and is counted when it is back")
    func withoutDatabase() async throws {
        let shop = try shop(2)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        let away = shop.path + "/away"
        try #require(rename(shop.path + "/shop.sqlite", away) == 0)
        #expect(try await daemon.pass(at: try at("2027-05-04T12:00:00Z")) != nil)
        #expect(try approvals(daemon) == [false])
        try #require(rename(away, shop.path + "/shop.sqlite") == 0)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try approvals(daemon) == [true])
    }

    @Test("by command: listed, looked at, approved; a running daemon follows")
    func commands() throws {
        let served = try ServedShop(customers: 60)
        var settings = TestShop.Settings()
        (settings.zone, settings.events, settings.guards) = ("UTC", "", "{new_rule: 50}")
        try served.shop.configure(settings)
        let live = try served.run(["go-live"])
        let words = "it would send 60 messages in its first 31 days, and guard.new_rule is 50: look at it and say yes with regards approve birthday-card"
        #expect(live.output.last == "birthday-card will wait: \(words)")
        let child = try served.start(["serve"])
        try child.awaitError("guard ")
        try child.awaitError("ready")
        #expect(try served.run(["approve"]).output == ["birthday-card: \(words)"])
        #expect(try served.run(["status"]).output.contains { $0.hasPrefix("waits") && $0.hasSuffix("birthday-card, for regards approve birthday-card") })
        let unasked = try served.run(["approve", "birthday-card"])
        #expect(unasked.ending.status == 64)
        #expect(unasked.errors == ["regards: approve birthday-card? Nobody can be asked here: say --yes"])
        let shown = unasked.output
        #expect(shown.first == "birthday-card would send 60 messages in its first 31 days, to Customer 1 (1), Customer 2 (2), Customer 3 (3), "
            + "Customer 4 (4), Customer 5 (5), Customer 6 (6), Customer 7 (7), Customer 8 (8), Customer 9 (9), Customer 10 (10), …")
        #expect(shown.count { $0.hasPrefix("To customer ") } == 2)
        #expect(try served.rows([.sent]).isEmpty)
        let approved = try served.run(["approve", "birthday-card", "--yes"])
        #expect(approved.output.last == "birthday-card is approved")
        try child.awaitError("  sent  ", count: 60)
        #expect(try served.run(["approve", "birthday-card", "--yes"]).output == ["birthday-card is approved as it is"])
        #expect(try served.run(["approve"]).output == ["nothing waits for approval"])
        // Edited, and not read by the daemon yet: an approval would be about something nobody runs.
        try served.shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 10:00}\n  send: birthday\n")
        let early = try served.run(["approve", "birthday-card", "--yes"])
        #expect(early.ending.status == 65)
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
    }
}
