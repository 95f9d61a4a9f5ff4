import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Messages of which nobody knows whether they arrived, and what an operator does about them.
@Suite("A message in doubt")
struct SettleTests {
    /// A relay that takes each message and then cuts the connection; the house wants to be asked.
    private func settings(_ relay: RecordingSMTPServer) -> TestShop.Settings {
        var settings = TestShop.Settings()
        (settings.zone, settings.events) = ("UTC", "")
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        settings.extra = "if_in_doubt: ask"
        return settings
    }

    @Test("waits until it is settled: one that arrived counts as sent, one that did not goes again under the same id")
    func settle() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        var options = RecordingSMTPServer.Options()
        options.failAfterDot = true
        let cutting = try RecordingSMTPServer(options)
        let served = try ServedShop(customers: 2)
        try served.shop.configure(settings(cutting))
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let held = try served.rows()
        #expect(held.map(\.standing) == ["held(in-doubt)", "held(in-doubt)"])
        let listed = try served.run(["outbox", "list", "--state", "held"])
        #expect(listed.output.count == 3)

        let sent = try served.run(["outbox", "settle", "\(held[0].id)", "--sent"])
        #expect(sent.output == ["row \(held[0].id) counts as sent"])
        let again = try served.run(["outbox", "settle", "\(held[1].id)", "--resend"])
        #expect(again.output == ["row \(held[1].id) goes again"])

        let relay = try RecordingSMTPServer()
        try served.shop.configure(settings(relay))
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.state) == [.sent, .sent])
        func mail(_ message: RecordingSMTPServer.Message) -> Mail { Mail(text: String(decoding: message.bytes, as: UTF8.self)) }
        let resent = try #require(try relay.messages(1).first)
        #expect(relay.messages.map(\.recipients) == [["c\(held[1].key.customer)@mail.example"]])
        let before = try #require(cutting.messages.first { $0.recipients == resent.recipients })
        #expect(mail(resent).id == mail(before).id)
    }

    @Test("a thousand times: each is flagged, and none goes a second time by itself", .timeLimit(.minutes(60)))
    func thousand() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        var options = RecordingSMTPServer.Options()
        options.failAfterDot = true
        let cutting = try RecordingSMTPServer(options)
        let served = try ServedShop(customers: 1_000)
        try served.shop.configure(settings(cutting))
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        func check() throws {
            let rows = try served.rows()
            #expect(rows.count == 1_000 && rows.allSatisfy { $0.standing == "held(in-doubt)" && $0.attempts == 1 })
            let recipients = cutting.messages.map(\.recipients)
            #expect(recipients.count == 1_000 && Set(recipients).count == 1_000)
        }
        try check()
        // Neither another start nor a pass sends one of them again, and each is listed.
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        try check()
        let listed = try served.run(["outbox", "list", "--state", "held", "--limit", "2000"])
        #expect(listed.output.count { $0.contains("in-doubt") } == 1_000)
        #expect(try served.run(["status"]).output.contains { $0.contains("1000 messages in doubt") })
    }

    @Test("only what is in doubt can be settled, and in one way")
    func wrong() throws {
        let served = try ServedShop(customers: 1)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let id = try #require(try served.rows().first).id
        let delivered = try served.run(["outbox", "settle", "\(id)", "--resend"])
        #expect(delivered.ending.status == 65)
        #expect(delivered.errors.count == 1)
        let missing = try served.run(["outbox", "settle", "4711", "--sent"])
        #expect(missing.ending.status == 66)
        #expect(missing.errors == ["regards: there is no row 4711"])
        #expect(try served.run(["outbox", "settle", "\(id)"]).ending.status == 64)
        #expect(try served.run(["outbox", "settle", "\(id)", "--sent", "--resend"]).ending.status == 64)
        #expect(try served.rows().map(\.standing) == ["sent"])
    }
}
