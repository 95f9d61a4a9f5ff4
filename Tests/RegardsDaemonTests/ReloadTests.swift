import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

@Suite("Reading the files again")
struct ReloadTests {
    private func planned() async throws -> (TestShop, TestDaemon) {
        let shop = try TestShop()
        for id in 1...2 { try shop.addCustomer(id, birthday: "1980-05-05") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        return (shop, daemon)
    }

    private func rule(at time: String = "09:00", where condition: String = "email is present", card: String = "birthday") -> String {
        """
        birthday-card:
          purpose: greeting
          when: {anniversary: birthday, at: \(time)}
          where: [\(condition)]
          send: \(card)
        """
    }

    @Test("a good file is in force at once")
    func good() async throws {
        let (shop, daemon) = try await planned()
        try shop.rules(rule(at: "10:00", where: "points >= 100"))
        try shop.sql("UPDATE customers SET points = 150 WHERE id = 2")
        #expect(daemon.daemon.reload().isEmpty)
        #expect(daemon.announcer.notices(.reloaded).map(\.count) == [2])
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        // `points` was no column of the old rules.
        #expect(try daemon.row(customer: "1").standing == "cancelled(condition-false)")
        #expect(try daemon.row(customer: "2").standing == "sent")
    }

    @Test("a bad file keeps the old rules and says so, in full")
    func bad() async throws {
        let (shop, daemon) = try await planned()
        try shop.rules(rule(at: "25:00", where: "points >< 100"))
        let mistakes = daemon.daemon.reload()
        #expect(mistakes.count { $0.severity == .error } == 2)
        let refused = try #require(daemon.announcer.notices(.reloadRefused).first)
        #expect(refused.count == 2)
        #expect(refused.detail == mistakes.map(\.description).joined(separator: "\n"))
        #expect(refused.detail.hasPrefix("\(shop.path)/rules.d/birthday.yaml:3:37: when.at: "))
        #expect(daemon.daemon.status().hasPrefix("the last reload was refused, the old rules run"))
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
        try shop.rules(rule())
        #expect(daemon.daemon.reload().isEmpty)
        #expect(!daemon.daemon.status().contains("refused"))
    }

    @Test("mistakes that only the database shows keep the old rules too")
    func unknownColumn() async throws {
        let (shop, daemon) = try await planned()
        try shop.rules(rule(where: "poinst >= 100"))
        let mistakes = daemon.daemon.reload()
        #expect(
            mistakes.map(\.description) == [
                "\(shop.path)/rules.d/birthday.yaml:4:11: there is no column called poinst in customers.query; did you mean \"points\"?"
            ])
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
    }

    @Test("a message that was tried keeps its card; one that no rule names any more gives way to the step's own")
    func pinnedCard() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        for name in ["first", "second"] { try shop.card("---\nsubject: \(name) card\n---\nHello", name: name) }
        try shop.rules(rule(card: "first"))
        let channel = ScriptedChannel(.deferred(.temporary, notBefore: nil))
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        try shop.rules(rule(card: "second"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T07:20:00Z")
        let subjects = channel.sent.map { String(decoding: $0.message.bytes, as: UTF8.self).contains("first card") }
        #expect(subjects == [true, false])
    }

    @Test("a card that is missing keeps the old rules too")
    func missingCard() async throws {
        let (shop, daemon) = try await planned()
        try shop.rules(rule(card: "brithday"))
        #expect(daemon.daemon.reload().contains { $0.severity == .error && $0.description.contains("brithday") })
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
    }

    @Test("another state file needs a restart")
    func otherState() async throws {
        let (shop, daemon) = try await planned()
        var settings = TestShop.Settings()
        settings.state = "sqlite:state/other.sqlite"
        try shop.configure(settings)
        #expect(
            daemon.daemon.reload().map(\.description) == [
                "\(shop.path)/regards.yaml: state: another state file needs a restart: systemctl restart regards"
            ])
        #expect(daemon.announcer.notices(.reloadRefused).count == 1)
    }

    @Test("a reload while the database is away is not refused")
    func sourceAway() async throws {
        let (shop, daemon) = try await planned()
        try moveDatabase(of: shop, away: true)
        try shop.rules(rule(at: "10:00"))
        #expect(daemon.daemon.reload().isEmpty)
        try moveDatabase(of: shop, away: false)
        try await daemon.cleanPass(at: "2027-05-05T07:59:00Z")
        #expect(try daemon.rows().map(\.standing) == ["planned", "planned"])
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        // Whether or not a pass came between: who is due is decided by the new rules.
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
    }

    @Test("an attempt that ends in doubt after its rule was removed is settled by the rule it had")
    func ruleRemovedWhileSending() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.rules(rule() + "\n  if_in_doubt: ask\n")
        let channel = ScriptedChannel(nil)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try #require(daemon.clock).set(try at("2027-05-05T07:00:00Z"))
        daemon.daemon.lookAgain()
        try channel.awaitSent(1)
        channel.keepsOpenAtClose()
        for file in ["birthday", "complaints"] { try shop.rules(nil, file: file) }
        #expect(!daemon.daemon.reload().contains { $0.severity == .error })
        channel.finish(.inDoubt(.timeout))
        _ = await daemon.announcer.first(.inDoubt)
        #expect(try daemon.row().standing == "held(in-doubt)")
    }
}

extension ReloadTests {
    private func moveDatabase(of shop: TestShop, away: Bool) throws {
        let (here, there) = (shop.path + "/shop.sqlite", shop.path + "/shop.away")
        try #require(rename(away ? here : there, away ? there : here) == 0)
    }
}
