import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What relays answer, and what becomes of the pace: the daemon as a process.
extension SeveralRelaysTests {
    /// The line that the ledger keeps about a domain.
    private func kept(_ domain: String, _ shop: ServedShop) throws -> [Substring]? {
        let outbox = try SQLiteOutbox.openForCommand(path: shop.state, access: .read)
        defer { #expect(throws: Never.self) { try outbox.close() } }
        let lines = (try outbox.pace() ?? "").split(separator: "\n").map { $0.split(separator: "\t") }
        return lines.first { $0.first == "domain" && $0.count == 5 && $0[1] == domain }
    }

    /// When each message to a customer with an even id was begun, in microseconds.
    private func begun(_ rows: [Outreach], _ shop: ServedShop) throws -> [Int64] {
        let ids = rows.filter { (Int($0.key.customer) ?? 1) % 2 == 0 }.map(\.id)
        let ledger = try SQLiteOutbox.openForCommand(path: shop.state, access: .read)
        defer { #expect(throws: Never.self) { try ledger.close() } }
        return try ids.flatMap { try ledger.show($0)?.attempts ?? [] }.map(\.startedAt.microseconds).sorted()
    }

    @Test("an answer that asks for patience slows that domain, messages that are taken quicken it, and a restart forgets nothing",
        arguments: [421, 450, 454])
    func aSlowedDomain(code: Int) throws {
        // Not the first of all: a session that is closed before it has carried one message tells of the relay. And one
        // command after the other: who is begun behind a message that ends its session hears the same.
        let relay = try ScriptedSMTPServer(["RCPT#2": "reply:\(code) 4.7.0 too many at once"], offers: ["8BITMIME"])
        let shop = try ServedShop(
            customers: 6, mail: "smtp: {host: 127.0.0.1, port: \(relay.port), security: none, sessions: 1}")
        try shop.shop.sql("UPDATE customers SET email = 'c' || id || '@slow.example' WHERE id % 2 = 0")
        let daemon = try shop.start(["serve"])
        try daemon.awaitError("  sent  ", count: 5)
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
        let rows = try shop.rows()
        #expect(rows.count { $0.state == .sent && $0.attempts == 1 } == 5)
        // A relay that ends the session was not asked enough to cost an attempt.
        #expect(rows.filter { $0.state == .planned }.map(\.attempts) == [code == 421 ? 0 : 1])
        let begun = try begun(rows, shop)
        #expect(begun.count == 3 && begun[1] - begun[0] >= 1_000_000, "\(begun)")
        // A second between two messages, and twice three quarters of it.
        let slowness = try #require(try kept("slow.example", shop))[3]
        #expect(slowness == "562500")
        #expect(try kept("mail.example", shop) == nil)
        for _ in 1...2 {
            let next = try shop.start(["serve"])
            try next.awaitError("ready")
            next.signal(SIGTERM)
            #expect(try next.wait().status == 0)
            #expect(try kept("slow.example", shop)?[3] == slowness)
        }
    }

    @Test("a relay's limit outlives the daemon: what is above it goes by the other relay, also after a restart")
    func aRelaysLimitIsKept() throws {
        let limited = try RecordingSMTPServer()
        // Nothing more goes once it has six, of which one waits for its answer.
        let other = try ScriptedSMTPServer([".#6": "hold:250 taken"])
        let shop = try ServedShop(
            customers: 40,
            mail: """
                smtp:
                - {host: 127.0.0.1, port: \(limited.port), security: none, name: first, weight: 5, rate: 1/h}
                - {host: 127.0.0.1, port: \(other.port), security: none, name: second, sessions: 1}
                """)
        let daemon = try shop.start(["serve"])
        try other.awaitHold(".")
        // Of six messages five are the first one's by their weights.
        try limited.awaitCount(1)
        daemon.signal(SIGTERM)
        try daemon.awaitError("stopping")
        other.go()
        #expect(try daemon.wait().status == 0)
        #expect(try shop.rows([.planned]).count > 30)
        #expect(try shop.run(["serve", "--once"]).ending.status == 0)
        #expect(limited.count == 1 && other.bodies.count == 39)
    }

    @Test("a complaint goes before the greetings that wait for their turn")
    func aComplaintLeads() throws {
        let relay = try RecordingSMTPServer()
        var settings = TestShop.Settings()
        settings.zone = "UTC"
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}\nlimits: {rate: 1/s}"
        let shop = try ServedShop(customers: 60, settings)
        try shop.shop.folder.write(try TestShop.text("\(TestShop.fixtures)/rules/complaints.yaml"), to: "rules.d/complaints.yaml")
        try shop.shop.addCustomer(1000)
        let daemon = try shop.start(["serve"])
        try relay.awaitCount(2)
        try shop.shop.complain(1, customer: 1000, at: SystemClock().now())
        try daemon.awaitError("sent        complaint-care", count: 2)
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
        let recipients = relay.messages.flatMap(\.recipients)
        // One a second: some while the daemon had not looked yet, and what was in hand then.
        let place = try #require(recipients.firstIndex(of: "c1000@mail.example"))
        #expect(place < 30, "\(place)")
        #expect(recipients.contains("ana@shop.example") || recipients.contains("manager@shop.example"))
        #expect(try shop.rows([.planned]).count { $0.key.rule == "birthday-card" } > 20)
    }

    @Test("a relay that is down is asked once a minute whatever else goes on, costs no attempt and delays no other channel")
    func aRelayThatIsDownIsLeftAlone() throws {
        guard let clock = try SetClock() else { return }
        let relay = try ScriptedSMTPServer(["CONNECT#1": "reply-close:554 not today"])
        let endpoint = try RecordingHTTPServer()
        var settings = TestShop.Settings()
        settings.zone = "UTC"
        settings.mail = """
            smtp: {host: 127.0.0.1, port: \(relay.port), security: none}
            webhooks: {crm: {url: "http://127.0.0.1:\(endpoint.port)/in", secret: none, allow_private: yes}}
            """
        let shop = try ServedShop(customers: 3, settings)
        try shop.shop.folder.write(#"{"complaint": "{{complaint.id}}"}"#, to: "cards/to-crm.json")
        try shop.shop.rules("crm: {purpose: care, when: {event: complaint}, webhook: crm, card: to-crm}", file: "crm")
        try shop.shop.addCustomer(1000)
        let daemon = try shop.start(["serve"], environment: clock.environment)
        try daemon.awaitError("relay-down")
        // Each wakes the loop that sends.
        for number in 1...2 {
            try shop.shop.complain(number, customer: 1000, at: SystemClock().now())
            _ = try endpoint.requests(number)
        }
        #expect(relay.sessions == 1)
        let waiting = try shop.rows().filter { $0.key.rule == "birthday-card" }
        #expect(waiting.map(\.standing) == ["planned", "planned", "planned"] && waiting.allSatisfy { $0.attempts == 0 })
        try clock.set(SystemClock().now() + .seconds(61))
        try shop.shop.complain(3, customer: 1000, at: SystemClock().now())
        try daemon.awaitError("sent        birthday-card", count: 3)
        #expect(relay.commands(1).isEmpty && relay.bodies.count == 3)
        daemon.signal(SIGTERM)
        #expect(try daemon.wait().status == 0)
        #expect(try shop.rows().allSatisfy { $0.state == .sent && $0.attempts == 1 })
        // Each relay that goes down is told, and that it is back.
        #expect(daemon.errors.all.count { $0.contains("relay-down") } == 1 && daemon.errors.all.count { $0.contains("relay-up") } == 1)
    }
}
