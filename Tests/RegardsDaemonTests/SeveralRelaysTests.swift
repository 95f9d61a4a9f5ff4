import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The daemon with relays and limits as an operator writes them.
@Suite(
    "Relays and limits in the file", .timeLimit(.minutes(60)),
    .enabled(if: RecordingSMTPServer.python != nil, "needs a Python with aiosmtpd (make test installs it)"))
struct SeveralRelaysTests {
    /// Ten customers whose birthday was yesterday; the odd ones live at slow.example.
    private func shop(_ mail: String) throws -> ServedShop {
        let shop = try ServedShop(customers: 10, mail: mail)
        try shop.shop.sql("UPDATE customers SET email = 'c' || id || '@slow.example' WHERE id % 2 = 1")
        return shop
    }

    @Test func aSlowDomainHoldsNobodyUp() throws {
        let relay = try RecordingSMTPServer()
        let shop = try shop(
            """
            smtp: {host: 127.0.0.1, port: \(relay.port), security: none}
            limits: {rate_per_domain: {slow.example: 1/h}}
            """)
        let daemon = try shop.start(["serve"])
        let messages = try relay.messages(6)
        #expect(messages.count { $0.recipients[0].hasSuffix("@slow.example") } == 1)
        daemon.signal(15)
        #expect(try daemon.wait().status == 0)
        let waiting = try shop.rows([.planned])
        #expect(waiting.count == 4)
        // No attempt, no doubt; each has a turn of its own, an hour after the one before.
        #expect(waiting.allSatisfy { $0.reason == "paced" && $0.attempts == 0 })
        #expect(relay.count == 6)
    }

    @Test func aRelayThatIsDownHoldsNobodyUp() throws {
        let relay = try RecordingSMTPServer()
        let dead = try RecordingSMTPServer()
        dead.stop()
        let shop = try shop(
            """
            smtp:
            - {host: 127.0.0.1, port: \(dead.port), security: none, name: first, weight: 9}
            - {host: 127.0.0.1, port: \(relay.port), security: none, name: second}
            """)
        let daemon = try shop.start(["serve"])
        _ = try relay.messages(10)
        try daemon.awaitError("mail/first")
        daemon.signal(15)
        #expect(try daemon.wait().status == 0)
        #expect(try shop.rows([.sent]).count == 10)
        #expect(relay.count == 10)
    }
}
