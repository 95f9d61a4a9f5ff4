import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// Messages to a real server (aiosmtpd), which shows what really arrives.
@Suite(
    "SMTP to a real server",
    .enabled(if: RecordingSMTPServer.python != nil, "needs a Python with aiosmtpd (make test installs it)"))
struct SMTPRecordingTests {
    private func relay(
        _ server: RecordingSMTPServer, security: SMTPSettings.Security = .none, login: (String, String)? = nil,
        certificate: TestCertificate? = nil
    ) throws -> ChannelProbe {
        let settings = try SMTPSettings(
            host: security == .none ? "127.0.0.1" : "localhost", port: server.port, security: security,
            login: login.map { SMTPLogin(user: $0.0, password: Secret($0.1)) }, caFile: certificate?.authority, heloName: "shop.test")
        return ChannelProbe(SMTPRelay(name: "test", settings: settings))
    }

    @Test func oneMessageArrivesAsItWas() throws {
        let server = try RecordingSMTPServer()
        let probe = try relay(server)
        #expect(try probe.open() == .ready)
        let report = try probe.send(try Fixture.mail())
        #expect(report == AttemptReport(.delivered, code: 250, detail: "250 2.0.0 recorded as 1"))
        let message = try #require(try server.messages(1).first)
        #expect(message.sender == "shop@example.com")
        #expect(message.recipients == ["customer@example.net"])
        #expect(message.bytes == Array("Subject: Greetings\r\n\r\nHappy birthday!\r\n".utf8))
        #expect(message.parameters == ["SIZE=39"])
        try probe.close()
        #expect(probe.states.all == [.opening, .ready, .closed])
    }

    @Test func oneSessionCarriesManyMessages() throws {
        let server = try RecordingSMTPServer(.init(refusing: ["nobody@example.net": 550]))
        let probe = try relay(server)
        try probe.open()
        for number in 1...20 {
            let address = number % 5 == 0 ? "nobody@example.net" : "customer\(number)@example.net"
            let report = try probe.send(try Fixture.mail(to: address, id: "\(number)@regards.example"))
            if number % 5 == 0 {
                #expect(report.outcome == .refused(.recipientRefused))
                #expect(report.code == 550)
                #expect(report.detail == "550 refused by the test")
            } else {
                #expect(report.outcome == .delivered)
            }
        }
        try probe.close()
        let messages = try server.messages(16)
        #expect(messages.count == 16)
        #expect(Set(messages.map(\.session)) == [1])
    }

    @Test(arguments: [SMTPSettings.Security.startTLS, .implicitTLS])
    func encryptedWithALogin(security: SMTPSettings.Security) throws {
        let certificate = try TestCertificate.good.get()
        var options = RecordingSMTPServer.Options()
        options.security = security == .startTLS ? .startTLS(certificate) : .implicitTLS(certificate)
        options.login = ("shop", "geheim")
        let server = try RecordingSMTPServer(options)
        let probe = try relay(server, security: security, login: ("shop", "geheim"), certificate: certificate)
        #expect(try probe.open() == .ready)
        let body = "Subject: long\r\n\r\n" + String(repeating: "A line of the letter.\r\n", count: 15_000)
        #expect(try probe.send(try Fixture.mail(body: body)).outcome == .delivered)
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        let messages = try server.messages(2)
        #expect(messages.allSatisfy { $0.isEncrypted && $0.user == "shop" })
        #expect(messages[0].bytes == Array(body.utf8))
        try probe.close()
    }

    @Test func aWrongLoginSaysSoWithoutShowingIt() throws {
        let server = try RecordingSMTPServer(.init(login: ("shop", "geheim")))
        let probe = try relay(server, login: ("shop", "falsch"))
        guard case .down(.relayDown, let detail) = try probe.open() else {
            Issue.record("expected the relay to be down, got \(probe.states.all)")
            return
        }
        #expect(detail.hasPrefix("127.0.0.1:\(server.port): the relay refused the login (535 5.7.8"))
        #expect(detail.hasSuffix("); check user and password"))
        #expect(!detail.contains("falsch"))
        #expect(try probe.send(try Fixture.mail()).outcome == .deferred(.relayDown, notBefore: nil))
        try probe.close()
    }

    @Test func noTextOfAMessageBecomesACommand() throws {
        let server = try RecordingSMTPServer()
        let probe = try relay(server)
        try probe.open()
        let attacks = [
            "\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: x\r\n\r\nspam\r\n.\r\n",
            "a\n.\nMAIL FROM:<evil@example.org>\n", "a\n.\r\nMAIL FROM:<evil@example.org>\r\n",
            "a\r.\rMAIL FROM:<evil@example.org>\r", "a\r\n.\rb", "a\r\r\n.\r\r\nb", ".", "..", ".\r\n", "\r\n.\r\n", "",
        ]
        for (number, attack) in attacks.enumerated() {
            let text = "Subject: \(number)\r\n\r\n" + attack
            #expect(try probe.send(try Fixture.mail(bytes: Array(text.utf8))).outcome == .delivered)
        }
        let messages = try server.messages(attacks.count)
        #expect(messages.count == attacks.count)
        for (number, message) in messages.enumerated() {
            #expect(message.sender == "shop@example.com")
            #expect(message.recipients == ["customer@example.net"])
            #expect(message.bytes == Self.withCleanLineEnds("Subject: \(number)\r\n\r\n" + attacks[number]))
        }
        try probe.close()
    }

    /// Every CR LF, lone CR and lone LF as CR LF, and one at the end: written another way than `WireBody`.
    private static func withCleanLineEnds(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for character in text {
            let isEnd = character == "\r\n" || character == "\r" || character == "\n"
            bytes += isEnd ? [0x0d, 0x0a] : Array(String(character).utf8)
        }
        return bytes.last == 0x0a ? bytes : bytes + [0x0d, 0x0a]
    }

    @Test(arguments: [
        "a@example.net\r\nRCPT TO:<b@example.net>", "a@example.net>\r\nDATA", "<a@example.net", "a@example.net\n",
        "a b@example.net", "a@example.net\u{0}", "\"a b\"@example.net", "a@example.net,b@example.net",
    ])
    func noSuchAddressCanBeMade(text: String) {
        #expect(throws: AddressError.self) { try Address(text) }
    }

    @Test func addressesInOtherScripts() throws {
        let modern = try RecordingSMTPServer()
        let probe = try relay(modern)
        try probe.open()
        #expect(try probe.send(try Fixture.mail(to: "王小明@example.net")).outcome == .delivered)
        let message = try #require(try modern.messages(1).first)
        #expect(message.recipients == ["王小明@example.net"])
        #expect(message.parameters.contains("SMTPUTF8"))
        try probe.close()

        var options = RecordingSMTPServer.Options()
        options.offersUTF8 = false
        let old = try RecordingSMTPServer(options)
        let second = try relay(old)
        try second.open()
        #expect(try second.send(try Fixture.mail(to: "王小明@example.net")).outcome == .refused(.addressNeedsUTF8))
        #expect(try second.send(try Fixture.mail()).outcome == .delivered)
        #expect(try old.messages(1).count == 1)
        try second.close()
    }

    @Test func aLostAnswerLeavesADoubt() throws {
        var options = RecordingSMTPServer.Options()
        options.failAfterDot = true
        let server = try RecordingSMTPServer(options)
        let probe = try relay(server)
        try probe.open()
        let report = try probe.send(try Fixture.mail())
        #expect(report.outcome == .inDoubt(.connectionLost))
        #expect(try server.messages(1).count == 1)
        try probe.close()
    }

    @Test func tooLargeForTheRelay() throws {
        let server = try RecordingSMTPServer(.init(size: 1000))
        let probe = try relay(server)
        try probe.open()
        let report = try probe.send(try Fixture.mail(body: String(repeating: "12345678\r\n", count: 101)))
        #expect(report.outcome == .refused(.tooLarge))
        #expect(try probe.send(try Fixture.mail(body: String(repeating: "12345678\r\n", count: 100))).outcome == .delivered)
        #expect(server.messages.count == 1)
        try probe.close()
    }
}

extension RecordingSMTPServer.Options {
    fileprivate init(refusing: [String: Int] = [:], login: (String, String)? = nil, size: Int = 33_554_432) {
        self.init()
        refuse = refusing
        self.login = login
        self.size = size
    }
}
