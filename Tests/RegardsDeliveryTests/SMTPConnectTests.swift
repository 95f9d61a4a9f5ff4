import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// A relay that cannot be reached: what the operator reads, and that nothing secret goes out in clear.
@Suite("SMTP connections that fail")
struct SMTPConnectTests {
    private func detail(_ state: ChannelState) -> String? {
        if case .down(.relayDown, let detail) = state { return detail }
        return nil
    }

    private func probe(
        _ port: Int, security: SMTPSettings.Security, host: String = "localhost", caFile: String? = nil,
        login: Bool = false, connectTimeout: TimeSpan = .seconds(20)
    ) throws -> ChannelProbe {
        ChannelProbe(SMTPRelay(name: "test", settings: try SMTPSettings(
            host: host, port: port, security: security, login: login ? SMTPLogin(user: "shop", password: Secret("geheim")) : nil,
            caFile: caFile, allowPlaintext: true, connectTimeout: connectTimeout)))
    }

    @Test func nobodyListens() throws {
        let server = try ScriptedSMTPServer()
        server.stop()
        let probe = try probe(server.port, security: .none, host: "127.0.0.1")
        let text = try #require(detail(try probe.open()))
        #expect(text.hasPrefix("127.0.0.1:\(server.port): nothing answers there ("))
        #expect(text.hasSuffix("); check host and port, that the relay runs, and the firewall"))
        try probe.close()
    }

    @Test func aNameThatDoesNotExist() throws {
        let probe = try probe(25, security: .none, host: "relay.invalid")
        let text = try #require(detail(try probe.open()))
        #expect(text.hasPrefix("relay.invalid:25: the name of the relay is not known"))
        try probe.close()
    }

    @Test func aServerThatNeverGreets() throws {
        let server = try ScriptedSMTPServer(["CONNECT": "stall"])
        let probe = try probe(server.port, security: .none, connectTimeout: TimeSpan(microseconds: 300_000))
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("no answer within the connect timeout"))
        try probe.close()
    }

    @Test func aServerThatRefusesUs() throws {
        let server = try ScriptedSMTPServer(["CONNECT": "reply-close:554 5.7.1 listed"])
        let probe = try probe(server.port, security: .none)
        let text = try #require(detail(try probe.open()))
        #expect(text == "localhost:\(server.port): the relay did not greet us (554 5.7.1 listed); "
            + "its answer says why; check that the port is an SMTP port")
        try probe.close()
    }

    @Test func aServerThatIsBusyAtTheGreeting() throws {
        let server = try ScriptedSMTPServer(["CONNECT": "reply-close:421 4.7.0 later"])
        let probe = try probe(server.port, security: .none)
        guard case .down(.relayBusy, let text) = try probe.open() else {
            Issue.record("expected a busy relay, got \(probe.states.all)")
            return
        }
        #expect(text.contains("(421 4.7.0 later)"))
        try probe.close()
    }

    @Test(arguments: ["close", "reset"])
    func aServerThatHangsUp(action: String) throws {
        let server = try ScriptedSMTPServer(["CONNECT": action])
        let probe = try probe(server.port, security: .none)
        #expect(detail(try probe.open()) != nil)
        try probe.close()
    }

    /// A man in the middle who takes STARTTLS out of the offer gets no login and no mail.
    @Test func withoutSTARTTLSNothingIsSaid() throws {
        let server = try ScriptedSMTPServer(mechanisms: "PLAIN LOGIN")
        let probe = try probe(server.port, security: .startTLS, login: true)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("the relay offers no STARTTLS, and without encryption nothing is sent"))
        #expect(try probe.send(try Fixture.mail()).outcome == .deferred(.relayDown, notBefore: nil))
        try probe.close()
        #expect(!server.commands().contains { $0.hasPrefix("AUTH") || $0.hasPrefix("MAIL") })
    }

    @Test func aRefusedSTARTTLS() throws {
        let server = try ScriptedSMTPServer(
            ["STARTTLS": "reply:454 4.7.0 not now"], mechanisms: "PLAIN",
            security: .startTLS(try TestCertificate.good.get()))
        let probe = try probe(server.port, security: .startTLS, login: true)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("(454 4.7.0 not now)"))
        try probe.close()
        #expect(!server.commands().contains { $0.hasPrefix("AUTH") })
    }

    @Test(arguments: [SMTPSettings.Security.startTLS, .implicitTLS])
    func aCertificateFromAStranger(security: SMTPSettings.Security) throws {
        let certificate = try TestCertificate.good.get()
        let server = try ScriptedSMTPServer(
            mechanisms: "PLAIN", security: security == .startTLS ? .startTLS(certificate) : .implicitTLS(certificate))
        let probe = try probe(server.port, security: security, login: true)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("the relay's certificate is not trusted (SSL certificate problem: "))
        #expect(text.hasSuffix("; renew it, use the name it was made for as host, or name its authority in ca_file"))
        try probe.close()
        #expect(!server.commands().contains { $0.hasPrefix("AUTH") })
    }

    @Test func aCertificateForAnotherHost() throws {
        let certificate = try TestCertificate.otherHost.get()
        let server = try ScriptedSMTPServer(security: .implicitTLS(certificate))
        let probe = try probe(server.port, security: .implicitTLS, caFile: certificate.authority)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("the relay's certificate is not trusted"))
        try probe.close()
    }

    @Test func anExpiredCertificate() throws {
        let certificate = try TestCertificate.expired.get()
        let server = try ScriptedSMTPServer(security: .implicitTLS(certificate))
        let probe = try probe(server.port, security: .implicitTLS, caFile: certificate.authority)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("certificate has expired"))
        try probe.close()
    }

    @Test func aFileOfAuthoritiesThatIsMissing() throws {
        let server = try ScriptedSMTPServer(security: .implicitTLS(try TestCertificate.good.get()))
        let probe = try probe(server.port, security: .implicitTLS, caFile: "/nowhere/ca.pem")
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("the file of trusted authorities cannot be read"))
        try probe.close()
    }

    @Test func plainSMTPWhereTLSIsExpected() throws {
        let server = try ScriptedSMTPServer()
        let probe = try probe(server.port, security: .implicitTLS)
        let text = try #require(detail(try probe.open()))
        #expect(text.contains("TLS could not be agreed"))
        try probe.close()
    }

    @Test func aRefusedLogin() throws {
        let server = try ScriptedSMTPServer(["AUTH": "reply:535 5.7.8 bad shop:geheim@example.com"], mechanisms: "PLAIN")
        let probe = try probe(server.port, security: .none, login: true)
        let text = try #require(detail(try probe.open()))
        #expect(text == "localhost:\(server.port): the relay refused the login (535 5.7.8 bad <secret>); check user and password")
        try probe.close()
    }

    @Test func aLoginThatIsNotOffered() throws {
        let server = try ScriptedSMTPServer()
        let probe = try probe(server.port, security: .none, login: true)
        let text = try #require(detail(try probe.open()))
        #expect(text == "localhost:\(server.port): the relay offers no login; check port and security, or remove user and "
            + "password if it wants none")
        try probe.close()
    }

    /// Messages that were with the channel when the relay went down come back, and it can be opened again.
    @Test func whatWaitsComesBack() throws {
        let server = try ScriptedSMTPServer(["CONNECT#1": "hold:554 no", "CONNECT": "reply:220 scripted.test"])
        let probe = try probe(server.port, security: .none)
        probe.channel.open()
        try server.awaitHold("CONNECT")
        let tickets = [probe.start(try Fixture.mail(id: "1@x")), probe.start(try Fixture.mail(id: "2@x"))]
        server.go()
        for ticket in tickets { #expect(try ticket.report().outcome == .deferred(.relayDown, notBefore: nil)) }
        #expect(try probe.open() == .ready)
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        try probe.close()
        for ticket in tickets { #expect(ticket.reports.all.count == 1) }
    }

    // MARK: - Settings

    @Test func settingsThatCannotWork() {
        func error(_ make: () throws -> SMTPSettings) -> String {
            do { _ = try make() } catch { return "\(error)" }
            return "none"
        }
        #expect(error { try SMTPSettings(host: "", port: 25, security: .startTLS) } == "expected a host name or an IP address, got \"\"")
        #expect(error { try SMTPSettings(host: "a/b@c", port: 25, security: .startTLS) } == "expected a host name or an IP address, got \"a/b@c\"")
        #expect(error { try SMTPSettings(host: "a\r\nb", port: 25, security: .startTLS) }.hasPrefix("expected a host name"))
        #expect(error { try SMTPSettings(host: "a", port: 0, security: .startTLS) } == "expected a number from 1 to 65535, got 0")
        #expect(error { try SMTPSettings(host: "a", port: 25, security: .none) } == "mail would cross the network unencrypted: use starttls or tls")
        let login = SMTPLogin(user: "shop", password: Secret("geheim"))
        #expect(error { try SMTPSettings(host: "a", port: 25, security: .none, login: login, allowPlaintext: true) } == "a login would cross the network in clear: use starttls or tls, or no login")
        #expect(error { try SMTPSettings(host: "localhost", port: 25, security: .none, login: login) } == "none")
        #expect(error { try SMTPSettings(host: "a", port: 25, security: .startTLS, heloName: "x y") }.hasPrefix("expected a host name or an address like"))
        #expect(error { try SMTPSettings(host: "a", port: 25, security: .startTLS, sessions: 0) } == "expected a number from 1 to 100, got 0")
        #expect(error { try SMTPSettings(host: "a", port: 25, security: .startTLS, replyTimeout: .zero) } == "expected more than nothing and at most a day")
        for host in ["localhost", "127.0.0.1", "127.1.2.3", "::1"] {
            #expect(error { try SMTPSettings(host: host, port: 25, security: .none) } == "none")
        }
    }

    @Test func whatLibcurlIsTold() throws {
        let plain = try SMTPSettings(host: "relay.example", port: 587, security: .startTLS, heloName: "shop.example")
        #expect(plain.url == "smtp://relay.example:587/shop.example")
        let six = try SMTPSettings(host: "::1", port: 465, security: .implicitTLS, heloName: "[192.0.2.1]")
        #expect(six.url == "smtps://[::1]:465/%5B192.0.2.1%5D")
        #expect(six.place == "[::1]:465")
    }
}
