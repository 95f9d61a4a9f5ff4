import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// Every fault at every place of the dialogue, over every kind of connection: what becomes of the message, of the
/// session and of the login.
@Suite("SMTP faults, everywhere")
struct SMTPMatrixTests {
    private static let codes = [421, 432, 450, 451, 452, 454, 455, 500, 501, 503, 521, 530, 535, 541, 550, 551, 552, 553, 554, 555, 556, 571]

    // MARK: - Refusals

    /// Each code at each command in turn, on one server: a message that was refused is followed by one that is taken.
    @Test(arguments: [SMTPOutcomes.Stage.mail, .recipient, .data, .end], [true, false])
    func everyCodeAtEveryCommand(stage: SMTPOutcomes.Stage, pipelining: Bool) throws {
        let when = stage == .end ? "." : stage.rawValue
        let one = try MatrixCase(refusing: Self.codes, at: when, pipelining: pipelining)
        try one.probe.open()
        for code in Self.codes {
            let sessions = one.server.sessions
            let report = try one.probe.send(try Fixture.mail(id: "\(code)@x"))
            let row = SMTPOutcomes.row(stage, SMTPReply(code: code, text: "told so"))
            #expect(row.meaning.fits(report.outcome), "\(when) \(code): \(report)")
            #expect(report.code == code)
            #expect(report.detail == "\(code) told so")
            if row.session == .closed {
                try one.probe.states.await("the end of the session") { $0.last == .ready ? nil : () }
                try one.probe.open()
            }
            #expect(try one.probe.send(try Fixture.mail(id: "\(code)-again@x")).outcome == .delivered, "\(when) \(code)")
            #expect((one.server.sessions == sessions) == (row.session == .kept), "\(when) \(code)")
        }
        try one.probe.close()
    }

    /// A recipient after the other, most of them refused: the session is kept, and nobody gets another's answer.
    @Test(arguments: [true, false])
    func mixedRecipients(pipelining: Bool) throws {
        let answers = (1...60).map { [250, 550, 451, 553, 250, 452][$0 % 6] }
        let one = try MatrixCase(answering: answers, at: "RCPT", pipelining: pipelining)
        try one.probe.open()
        let tickets = try answers.indices.map { one.probe.start(try Fixture.mail(to: "c\($0)@example.net", id: "\($0)@x")) }
        for (ticket, code) in zip(tickets, answers) {
            let report = try ticket.report()
            switch code {
            case 250: #expect(report.outcome == .delivered)
            case 550, 553: #expect(report == AttemptReport(.refused(.recipientRefused), code: code, detail: "\(code) told so"))
            default: #expect(report == AttemptReport(.deferred(.temporary, notBefore: nil), code: code, detail: "\(code) told so"))
            }
            #expect(ticket.reports.all.count == 1)
        }
        #expect(one.server.sessions == 1)
        #expect(one.server.bodies.count { !$0.isEmpty } == answers.count { $0 == 250 })
        try one.probe.close()
    }

    // MARK: - While connecting

    @Test(arguments: ["CONNECT", "EHLO", "AUTH"], Wire.allCases)
    func busyWhileConnecting(when: String, wire: Wire) throws {
        let one = try FaultCase(
            wire, [when: "reply-close:421 4.3.2 come later"], mechanisms: "PLAIN", login: ("shop", "geheim"))
        guard case .down(.relayBusy, let detail) = try one.probe.open() else {
            Issue.record("\(when): \(one.probe.states.all)")
            return
        }
        #expect(detail.contains("(421 4.3.2 come later)"), "\(detail)")
        #expect(try one.send().outcome == .deferred(.relayBusy, notBefore: nil))
        try one.probe.close()
    }

    @Test(arguments: ["EHLO", "STARTTLS", "AUTH"], ["close", "reset"])
    func lostWhileConnecting(when: String, action: String) throws {
        let one = try FaultCase(.startTLS, [when: action], mechanisms: "PLAIN", login: ("shop", "geheim"))
        guard case .down(.relayDown, let detail) = try one.probe.open() else {
            Issue.record("\(when): \(one.probe.states.all)")
            return
        }
        #expect(detail.hasPrefix("localhost:\(one.server.port): "))
        #expect(!detail.contains("geheim"))
        try one.probe.close()
    }

    @Test(arguments: [500, 502, 530, 535, 550, 554, 454, 451], ["EHLO", "STARTTLS", "AUTH"])
    func refusedWhileConnecting(code: Int, when: String) throws {
        let one = try FaultCase(.startTLS, [when: "reply:\(code) no"], mechanisms: "PLAIN", login: ("shop", "geheim"))
        guard case .down(.relayDown, let detail) = try one.probe.open() else {
            Issue.record("\(when): \(one.probe.states.all)")
            return
        }
        #expect(detail.contains("(\(code) no)"), "\(detail)")
        // What came after STARTTLS, if it was refused, came in clear: no login, no mail.
        if when == "STARTTLS" { #expect(!one.server.commands().contains { $0.hasPrefix("AUTH") }) }
        #expect(!one.server.commands().contains { $0.hasPrefix("MAIL") })
        try one.probe.close()
    }

    /// Commands that somebody on the way put behind the answer to STARTTLS, to be taken for the relay's own later.
    @Test func nothingIsTakenFromBeforeTheEncryption() throws {
        let one = try FaultCase(
            .startTLS, ["STARTTLS": "reply:220 go ahead|250-evil.example|250-AUTH PLAIN|250 PIPELINING"],
            mechanisms: "PLAIN", login: ("shop", "geheim"))
        guard case .down(.relayDown, _) = try one.probe.open() else {
            Issue.record("\(one.probe.states.all)")
            return
        }
        #expect(!one.server.commands().contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") })
        try one.probe.close()
    }

    /// libcurl keeps to itself what came in one packet with the answer to EHLO. Nothing was handed over by then.
    @Test(arguments: Wire.allCases)
    func busyInOneBreathWithTheGreeting(wire: Wire) throws {
        let busy = "reply-close:250-scripted.test|250 PIPELINING|421 4.3.2 going down"
        let one = try FaultCase(wire, [wire == .startTLS ? "EHLO#2" : "EHLO#1": busy])
        try one.probe.open()
        let first = try one.send().outcome
        if case .deferred(let reason, _) = first {
            #expect(!reason.costsAttempt)
            try one.probe.open()
        } else {
            #expect(first == .delivered)
        }
        #expect(try one.send().outcome == .delivered)
        try one.probe.close()
    }

    @Test(arguments: [SMTPSettings.Security.startTLS, .implicitTLS], ["expired", "other host", "self-signed", "stranger"])
    func badCertificates(security: SMTPSettings.Security, fault: String) throws {
        let certificate =
            switch fault {
            case "expired": try TestCertificate.expired.get()
            case "other host": try TestCertificate.otherHost.get()
            case "self-signed": try TestCertificate.selfSigned.get()
            default: try TestCertificate.good.get()
            }
        let server = try ScriptedSMTPServer(
            mechanisms: "PLAIN", security: security == .startTLS ? .startTLS(certificate) : .implicitTLS(certificate))
        let knowsAuthority = fault == "expired" || fault == "other host"
        let settings = try SMTPSettings(
            host: "localhost", port: server.port, security: security,
            login: SMTPLogin(user: "shop", password: Secret("geheim")), caFile: knowsAuthority ? certificate.authority : nil)
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        guard case .down(.relayDown, let detail) = try probe.open() else {
            Issue.record("\(probe.states.all)")
            return
        }
        let words = ["expired": "has expired", "other host": "match", "self-signed": "self-signed", "stranger": "unable to get local issuer"]
        #expect(detail.contains("the relay's certificate is not trusted ("))
        #expect(detail.contains(try #require(words[fault])), "\(detail)")
        #expect(try probe.send(try Fixture.mail()).outcome == .deferred(.relayDown, notBefore: nil))
        try probe.close()
        #expect(!server.commands().contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") })
    }

    // MARK: - Slow and endless

    /// A tarpit keeps its answer coming, byte by byte. The limit is for the whole answer.
    @Test(arguments: ["MAIL", "RCPT", "DATA", "."])
    func answersByteByByte(when: String) throws {
        let limit = TimeSpan(microseconds: 400_000)
        let one = try FaultCase(
            .plain, [when: "trickle:250 " + String(repeating: "x", count: 1000)], pipelining: false, replyTimeout: limit,
            finalReplyTimeout: limit)
        try one.probe.open()
        let report = try one.send()
        #expect(
            report.outcome == (when == "." ? .inDoubt(.timeout) : .deferred(.connectionLost, notBefore: pauseAfterLoss)),
            "\(when)")
        try one.probe.close()
    }

    @Test(arguments: ["CONNECT", "EHLO", "AUTH"])
    func connectingByteByByte(when: String) throws {
        let one = try FaultCase(
            .plain, [when: "trickle:220 " + String(repeating: "x", count: 1000)], mechanisms: "PLAIN", login: ("shop", "geheim"),
            connectTimeout: TimeSpan(microseconds: 400_000))
        guard case .down(.relayDown, let detail) = try one.probe.open() else {
            Issue.record("\(one.probe.states.all)")
            return
        }
        #expect(detail.contains("no answer within the connect timeout"), "\(detail)")
        try one.probe.close()
    }

    @Test(arguments: ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."], ["flood:1000000", "lines:16000"])
    func aMegabyteOfAnswer(when: String, shape: String) throws {
        let one = try FaultCase(.plain, [when: shape], pipelining: false)
        let state = try one.probe.open()
        if case .down(_, let detail) = state {
            #expect(when == "CONNECT" || when == "EHLO")
            #expect(detail.utf8.count < 500)
        } else if when == "EHLO" {
            // A list of offers may be long; none of them is one.
            #expect(try one.send().outcome == .delivered)
        } else {
            let report = try one.send()
            #expect(report.detail.utf8.count < 300)
            let isDoubt = when == "."
            let expected: Outcome = isDoubt ? .inDoubt(.connectionLost) : .deferred(.connectionLost, notBefore: pauseAfterLoss)
            #expect(report.outcome == expected, "\(when) \(shape): \(report)")
        }
        try one.probe.close()
    }

    // MARK: - Drops

    @Test(arguments: ["RSET", "QUIT", "BODY@1000", "BODY@200000"], Wire.allCases)
    func droppedAt(when: String, wire: Wire) throws {
        let one = try FaultCase(wire, [when: "close", "RCPT#1": "reply:550 no"], pipelining: false)
        try one.probe.open()
        #expect(try one.send().outcome == .refused(.recipientRefused))
        let big = String(repeating: "0123456789abcdef0123456789abcd\r\n", count: 60_000)
        let report = try one.send(body: big)
        switch when {
        case "QUIT": #expect(report.outcome == .delivered)
        // RSET goes first, on a session that has served: its answer is missing, so nothing of the message was seen.
        case "RSET": #expect(report.outcome == .deferred(.connectionLost, notBefore: nil))
        default:
            // The kernel may have taken all of it before the end was seen; then the dot is said to be gone.
            let isEarly = report.outcome == .deferred(.connectionLost, notBefore: pauseAfterLoss)
            #expect(isEarly || report.outcome == .inDoubt(.connectionLost), "\(report)")
            #expect(one.server.bodies.isEmpty)
        }
        try one.probe.close()
    }

    // MARK: - The lost answer

    /// The worst moment, a thousand times: each message arrived, nobody said so, and each is a doubt. Not one is sent
    /// twice, not one is called sent.
    @Test func theAnswerToTheDotIsLostAThousandTimes() throws {
        let server = try ScriptedSMTPServer([".": "reset"])
        let settings = try SMTPSettings(host: "localhost", port: server.port, security: .none, sessions: 8)
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        try probe.open()
        let tickets = try (1...1000).map { number in
            probe.start(try Fixture.mail(id: "\(number)@x", body: "Message-ID: <\(number)@x>\r\n\r\nHello\r\n"))
        }
        for ticket in tickets { #expect(try ticket.report().outcome == .inDoubt(.connectionLost)) }
        let bodies = server.bodies
        #expect(bodies.count == 1000)
        #expect(Set(bodies).count == 1000)
        try probe.close()
        for ticket in tickets { #expect(ticket.reports.all.count == 1) }
    }
}

/// One server that answers the n-th command of a kind with the n-th code.
private struct MatrixCase {
    let server: ScriptedSMTPServer
    let probe: ChannelProbe

    /// Every second one, so that a good one follows each that is refused.
    init(refusing codes: [Int], at when: String, pipelining: Bool) throws {
        try self.init(script: codes.enumerated().map { ($0 * 2 + 1, $1) }, at: when, pipelining: pipelining)
    }

    init(answering codes: [Int], at when: String, pipelining: Bool) throws {
        let script = codes.enumerated().compactMap { $1 == 250 ? nil : ($0 + 1, $1) }
        try self.init(script: script, at: when, pipelining: pipelining)
    }

    private init(script: [(Int, Int)], at when: String, pipelining: Bool) throws {
        server = try ScriptedSMTPServer(
            pairs: script.map { ("\(when)#\($0)", "reply:\($1) told so") },
            offers: (pipelining ? ["PIPELINING"] : []) + ["8BITMIME"])
        let settings = try SMTPSettings(host: "localhost", port: server.port, security: .none)
        probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
    }
}

extension SMTPOutcomes.Meaning {
    fileprivate func fits(_ outcome: Outcome) -> Bool {
        switch (self, outcome) {
        case (.accepted, .delivered): true
        case (.deferred(let one), .deferred(let other, _)): one == other
        case (.refused(let one), .refused(let other)): one == other
        case (.inDoubt(let one), .inDoubt(let other)): one == other
        default: false
        }
    }
}
