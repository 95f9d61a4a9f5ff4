import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// How the contract with the installed libcurl is exercised: each fault over each kind of connection.
enum Wire: String, CaseIterable, Sendable {
    case plain, startTLS, implicitTLS

    func serverSecurity() throws -> ServerSecurity {
        switch self {
        case .plain: .plain
        case .startTLS: .startTLS(try TestCertificate.good.get())
        case .implicitTLS: .implicitTLS(try TestCertificate.good.get())
        }
    }

    var security: SMTPSettings.Security {
        switch self {
        case .plain: .none
        case .startTLS: .startTLS
        case .implicitTLS: .implicitTLS
        }
    }
}

/// A scripted server and a relay for it.
struct FaultCase {
    let server: ScriptedSMTPServer
    let probe: ChannelProbe

    init(
        _ wire: Wire = .plain, _ script: KeyValuePairs<String, String> = [:], pairs: [(String, String)] = [],
        pipelining: Bool = true, offers: [String] = ["SIZE 33554432", "8BITMIME"], mechanisms: String = "",
        login: (String, String)? = nil, replyTimeout: TimeSpan = .seconds(20), finalReplyTimeout: TimeSpan = .seconds(20),
        idleTimeout: TimeSpan = .seconds(20), connectTimeout: TimeSpan = .seconds(20), quickAnswer: TimeSpan = .seconds(1)
    ) throws {
        server = try ScriptedSMTPServer(
            pairs: script.map { ($0.key, $0.value) } + pairs, offers: (pipelining ? ["PIPELINING"] : []) + offers, mechanisms: mechanisms,
            security: try wire.serverSecurity())
        var settings = try SMTPSettings(
            host: "localhost", port: server.port, security: wire.security, login: login.map { SMTPLogin(user: $0.0, password: Secret($0.1)) },
            caFile: try TestCertificate.good.get().authority,
            heloName: "shop.test", connectTimeout: connectTimeout, replyTimeout: replyTimeout,
            finalReplyTimeout: finalReplyTimeout, idleTimeout: idleTimeout)
        settings.quickAnswer = quickAnswer
        probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
    }

    func send(id: String = "1@regards.example", body: String = "Subject: Greetings\r\n\r\nHello\r\n") throws -> AttemptReport {
        try probe.send(try Fixture.mail(id: id, body: body))
    }
}

let pauseAfterLoss = Fixture.moment + .minutes(5)

@Suite("SMTP faults")
struct SMTPFaultTests {
    // MARK: - What libcurl does for us

    @Test(arguments: Wire.allCases)
    func libcurlConnectsAndWeTalk(wire: Wire) throws {
        let one = try FaultCase(wire, mechanisms: "PLAIN", login: ("shop", "geheim"))
        #expect(try one.probe.open() == .ready)
        #expect(try one.send().outcome == .delivered)
        #expect(try one.send().outcome == .delivered)
        try one.probe.close()
        let group = ["MAIL FROM:<shop@example.com> SIZE=29", "RCPT TO:<customer@example.net>", "DATA"]
        let start = wire == .startTLS ? ["EHLO shop.test", "STARTTLS", "EHLO shop.test"] : ["EHLO shop.test"]
        try one.server.awaitCommand("QUIT")
        let commands = one.server.commands(1)
        #expect(Array(commands.prefix(start.count)) == start)
        #expect(commands.contains("AUTH PLAIN") || commands.contains { $0.hasPrefix("AUTH PLAIN AHNob3AAZ2VoZWlt") })
        #expect(Array(commands.suffix(7)) == group + group + ["QUIT"])
        #expect(one.server.sessions == 1)
        #expect(one.server.bodies == Array(repeating: Array("Subject: Greetings\r\n\r\nHello\r\n".utf8), count: 2))
    }

    @Test func loginMechanismLOGIN() throws {
        let one = try FaultCase(.startTLS, mechanisms: "LOGIN", login: ("shop", "geheim"))
        #expect(try one.probe.open() == .ready)
        #expect(one.server.commands(1).contains("Z2VoZWlt"))
        try one.probe.close()
    }

    // MARK: - Answers

    @Test(arguments: Wire.allCases, [true, false])
    func aRefusedRecipientKeepsTheSession(wire: Wire, pipelining: Bool) throws {
        let one = try FaultCase(
            wire, ["RCPT#2": "reply:550 5.1.1 no such user <customer@example.net>", "DATA#2": "reply:503 no recipients"],
            pipelining: pipelining)
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        #expect(
            try one.send() == AttemptReport(.refused(.recipientRefused), code: 550, detail: "550 5.1.1 no such user <address>"))
        // Without pipelining DATA is not sent after the refusal, so the second DATA is the third message's.
        let third = try one.send()
        #expect(third.outcome == (pipelining ? .delivered : .refused(.messageRefused)))
        #expect(one.server.sessions == 1)
        #expect(one.server.commands(1).contains("RSET"))
        try one.probe.close()
    }

    /// RFC 2920 3.1: DATA may be accepted although the only recipient was refused; a lone dot gets out of it.
    @Test(arguments: Wire.allCases)
    func dataAcceptedWithoutARecipient(wire: Wire) throws {
        let one = try FaultCase(wire, ["RCPT#1": "reply:451 4.7.1 greylisted", ".#1": "reply:554 no recipients"])
        try one.probe.open()
        #expect(
            try one.send() == AttemptReport(
                .deferred(.temporary, notBefore: nil), code: 451, detail: "451 4.7.1 greylisted"))
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 1)
        #expect(one.server.bodies == [[], Array("Subject: Greetings\r\n\r\nHello\r\n".utf8)])
        try one.probe.close()
    }

    @Test(arguments: [true, false])
    func aRefusedSender(pipelining: Bool) throws {
        let one = try FaultCase(
            .plain, ["MAIL#1": "reply:550 5.7.1 not you", "RCPT#1": "reply:503 no", "DATA#1": "reply:503 no"],
            pipelining: pipelining)
        try one.probe.open()
        #expect(try one.send() == AttemptReport(.refused(.senderRefused), code: 550, detail: "550 5.7.1 not you"))
        try one.probe.close()
    }

    @Test(arguments: [
        ("MAIL", "451 later", Outcome.deferred(.temporary, notBefore: nil)),
        ("RCPT", "450 later", .deferred(.temporary, notBefore: nil)),
        ("RCPT", "552 mailbox full", .deferred(.temporary, notBefore: nil)),
        ("DATA", "451 later", .deferred(.temporary, notBefore: nil)),
        (".", "452 no space", .deferred(.temporary, notBefore: nil)),
        ("DATA", "554 no", .refused(.messageRefused)),
        (".", "554 5.6.0 spam", .refused(.messageRefused)),
        (".", "552 too big", .refused(.tooLarge)),
        ("MAIL", "552 5.3.4 too big", .refused(.tooLarge)),
    ])
    func anAnswerBecomesItsOutcome(when: String, text: String, outcome: Outcome) throws {
        let one = try FaultCase(.plain, ["\(when)#1": "reply:\(text)"], pipelining: false)
        try one.probe.open()
        let report = try one.send()
        #expect(report == AttemptReport(outcome, code: Int(text.prefix(3)) ?? 0, detail: text))
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 1)
        try one.probe.close()
    }

    @Test(arguments: ["MAIL", "RCPT", "DATA", "."], [true, false])
    func aBusyRelayIsLeftAlone(when: String, pipelining: Bool) throws {
        let one = try FaultCase(.plain, ["\(when)#2": "reply-close:421 4.3.2 shutting down"], pipelining: pipelining)
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        let report = try one.send()
        #expect(report.outcome == .deferred(.relayBusy, notBefore: pauseAfterLoss))
        #expect(report.detail == "421 4.3.2 shutting down")
        try one.probe.awaitState(.idle)
        #expect(try one.probe.open() == .ready)
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 2)
        try one.probe.close()
    }

    /// A session that never carried a message and ends with 421 tells of the relay, not of the message.
    @Test func busyFromTheStartIsDown() throws {
        let one = try FaultCase(.plain, ["MAIL": "reply-close:421 too many of you"])
        try one.probe.open()
        #expect(try one.send().outcome == .deferred(.relayBusy, notBefore: pauseAfterLoss))
        try one.probe.awaitState(.down(.relayBusy, detail: "localhost:\(one.server.port): 421 too many of you"))
        #expect(try one.send().outcome == .deferred(.relayBusy, notBefore: nil))
        try one.probe.close()
    }

    @Test func aLoginThatIsWantedPutsTheRelayDown() throws {
        let one = try FaultCase(.plain, ["MAIL": "reply:530 5.7.0 Authentication required"])
        try one.probe.open()
        let report = try one.send()
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        let detail = "localhost:\(one.server.port): 530 5.7.0 Authentication required"
        try one.probe.awaitState(.down(.relayDown, detail: detail))
        try one.probe.close()
    }

    @Test(arguments: Wire.allCases)
    func aRefusalInTheMiddleOfABigMessage(wire: Wire) throws {
        let one = try FaultCase(wire, ["BODY@1000": "reply:552 5.3.4 too big"])
        try one.probe.open()
        let report = try one.send(body: String(repeating: "0123456789abcdef0123456789abcd\r\n", count: 500_000))
        #expect(report == AttemptReport(.refused(.tooLarge), code: 552, detail: "552 5.3.4 too big"))
        try one.probe.close()
    }

    @Test(arguments: [
        ("250 no dash\\r\\n", "reply:25x what"), ("another code in one reply", "reply:250-one|251 two"),
        ("nothing", "reply:"), ("endless line", "reply:250 " + String(repeating: "x", count: 100_000)),
        ("a megabyte", "reply:" + String(repeating: "250-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|", count: 2_000) + "250 end"),
    ])
    func nonsenseEndsTheSession(name: String, action: String) throws {
        let one = try FaultCase(.plain, ["MAIL#2": action], pipelining: false)
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        let report = try one.send()
        guard case .deferred(.connectionLost, _) = report.outcome else {
            Issue.record("\(name): \(report)")
            return
        }
        #expect(report.detail.hasPrefix("the connection ended before the message was handed over: a"))
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        try one.probe.close()
    }

    // MARK: - Connections that end or hang

    @Test(arguments: ["MAIL", "RCPT", "DATA"], Wire.allCases)
    func lostBeforeTheDot(when: String, wire: Wire) throws {
        let one = try FaultCase(wire, ["\(when)#2": "close"], pipelining: false)
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        let report = try one.send()
        // Not one answer came to the second message: the kept session was dead already, and it may go again at once.
        #expect(report.outcome == .deferred(.connectionLost, notBefore: when == "MAIL" ? nil : pauseAfterLoss))
        #expect(report.detail == "the connection ended before the message was handed over")
        #expect(try one.probe.open() == .ready)
        #expect(try one.send().outcome == .delivered)
        try one.probe.close()
    }

    @Test(arguments: Wire.allCases, ["close", "reset"])
    func lostAfterTheDot(wire: Wire, action: String) throws {
        let one = try FaultCase(wire, [".#1": action])
        try one.probe.open()
        #expect(
            try one.send() == AttemptReport(
                .inDoubt(.connectionLost), detail: "the connection ended after the final dot, before an answer"))
        #expect(one.server.bodies.count == 1)
        try one.probe.close()
    }

    @Test(arguments: Wire.allCases)
    func silenceAfterTheDot(wire: Wire) throws {
        let one = try FaultCase(wire, ["."  : "stall"], finalReplyTimeout: TimeSpan(microseconds: 300_000))
        try one.probe.open()
        #expect(try one.send() == AttemptReport(.inDoubt(.timeout), detail: "no answer in time to the final dot"))
        try one.probe.close()
    }

    @Test(arguments: ["MAIL", "RCPT", "DATA"])
    func silenceBeforeTheDot(when: String) throws {
        let one = try FaultCase(
            .plain, [when: "stall"], pipelining: false, replyTimeout: TimeSpan(microseconds: 300_000))
        try one.probe.open()
        let report = try one.send()
        #expect(report.outcome == .deferred(.connectionLost, notBefore: pauseAfterLoss))
        #expect(report.detail == "no answer in time, before the message was handed over")
        try one.probe.close()
    }

    /// The dot did not leave us: whatever the relay has, it is not the message.
    @Test(arguments: Wire.allCases)
    func aRelayThatStopsReading(wire: Wire) throws {
        let one = try FaultCase(wire, ["BODY@100000": "stall"], replyTimeout: TimeSpan(microseconds: 500_000))
        try one.probe.open()
        let report = try one.send(body: String(repeating: "0123456789abcdef0123456789abcd\r\n", count: 900_000))
        #expect(report.outcome == .deferred(.connectionLost, notBefore: pauseAfterLoss))
        #expect(one.server.bodies.isEmpty)
        try one.probe.close()
    }

    @Test func aSlowAnswerInTimeIsAnAnswer() throws {
        let one = try FaultCase(.plain, [".": "hold:250 at last"])
        try one.probe.open()
        let ticket = one.probe.start(try Fixture.mail())
        try one.server.awaitHold(".")
        one.server.go()
        #expect(try ticket.report() == AttemptReport(.delivered, code: 250, detail: "250 at last"))
        try one.probe.close()
    }

    // MARK: - Idle sessions

    @Test(arguments: Wire.allCases)
    func anIdleSessionThatTheRelayClosesIsSeen(wire: Wire) throws {
        let one = try FaultCase(wire, [".#1": "reply-close:250 taken, and good bye"])
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        try one.probe.awaitState(.idle)
        #expect(try one.probe.open() == .ready)
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 2)
        try one.probe.close()
    }

    @Test(arguments: Wire.allCases)
    func anIdleSessionIsClosedWithQUIT(wire: Wire) throws {
        let one = try FaultCase(wire, idleTimeout: TimeSpan(microseconds: 200_000))
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        try one.server.awaitCommand("QUIT")
        try one.probe.awaitState(.idle)
        // Sending opens a session by itself where the caller did not.
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 2)
        try one.probe.close()
    }

    /// The relay's answer and something unasked in one packet: the next message must not take it for its own answer.
    @Test func leftoversDoNotAnswerTheNextMessage() throws {
        let one = try FaultCase(.plain, [".#1": "reply:250 taken|250 more"], pipelining: false)
        try one.probe.open()
        #expect(try one.send().outcome == .delivered)
        #expect(try one.send().outcome == .delivered)
        #expect(one.server.sessions == 2)
        #expect(one.server.bodies.count == 2)
        try one.probe.close()
    }

    // MARK: - What the relay does not offer

    @Test func eightBitBytesNeed8BITMIME() throws {
        let body = "Subject: x\r\n\r\nGrüße\r\n"
        let old = try FaultCase(.plain, offers: [])
        try old.probe.open()
        #expect(try old.send(body: body).outcome == .refused(.messageRefused))
        #expect(try old.send().outcome == .delivered)
        #expect(old.server.commands(1).filter { $0.hasPrefix("MAIL") } == ["MAIL FROM:<shop@example.com>"])
        try old.probe.close()

        let new = try FaultCase(.plain)
        try new.probe.open()
        #expect(try new.send(body: body).outcome == .delivered)
        #expect(new.server.commands(1).contains("MAIL FROM:<shop@example.com> SIZE=23 BODY=8BITMIME"))
        try new.probe.close()
    }

    @Test func aWebhooksBodyIsNoMail() throws {
        let one = try FaultCase(.plain)
        var outgoing = try Fixture.mail()
        outgoing.destination = .endpoint
        #expect(try one.probe.send(outgoing).outcome == .refused(.addressInvalid))
        try one.probe.close()
    }
}
