import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDelivery

/// Logins: the mechanism that was asked for and no other, and nothing of them in any line that is kept.
@Suite("SMTP logins")
struct SMTPLoginTests {
    private func probe(_ server: ScriptedSMTPServer, _ login: SMTPLogin, _ wire: Wire = .plain) throws -> ChannelProbe {
        let settings = try SMTPSettings(
            host: "localhost", port: server.port, security: wire.security, login: login,
            caFile: try TestCertificate.good.get().authority, heloName: "shop.test")
        return ChannelProbe(SMTPRelay(name: "test", settings: settings))
    }

    private func down(_ state: ChannelState) -> String {
        if case .down(_, let detail) = state { detail } else { "\(state)" }
    }

    private static func base64(_ text: String) -> String { Base64.encode(Array(text.utf8)) }

    @Test(arguments: SMTPLogin.Mechanism.allCases, Wire.allCases)
    func theOneThatWasAskedFor(mechanism: SMTPLogin.Mechanism, wire: Wire) throws {
        let server = try ScriptedSMTPServer(
            mechanisms: "CRAM-MD5 LOGIN PLAIN XOAUTH2 OAUTHBEARER", security: try wire.serverSecurity())
        let probe = try probe(server, SMTPLogin(user: "shop", mechanism: mechanism) { Secret("geheim") }, wire)
        #expect(try probe.open() == .ready)
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        try probe.close()
        let lines = server.commands(1)
        #expect(lines.filter { $0.hasPrefix("AUTH") }.count == 1)
        #expect(lines.contains { $0.hasPrefix("AUTH \(mechanism.rawValue.uppercased())") })
        let secret =
            switch mechanism {
            case .plain: Self.base64("\0shop\0geheim")
            case .login: Self.base64("geheim")
            case .xoauth2: Self.base64("user=shop\u{1}auth=Bearer geheim\u{1}\u{1}")
            }
        #expect(lines.contains { $0.hasSuffix(secret) })
    }

    @Test func oneThatIsNotOffered() throws {
        let server = try ScriptedSMTPServer(mechanisms: "PLAIN LOGIN")
        let probe = try probe(server, SMTPLogin(user: "shop", mechanism: .xoauth2) { Secret("geheim") })
        #expect(
            down(try probe.open())
                == "localhost:\(server.port): the relay offers no xoauth2, only PLAIN LOGIN; change auth, or remove user and secret")
        try probe.close()
        #expect(!server.commands().contains { $0.hasPrefix("AUTH") })
    }

    @Test func nothingThatWeKnow() throws {
        let server = try ScriptedSMTPServer(mechanisms: "X-OURS")
        let probe = try probe(server, SMTPLogin(user: "shop", password: Secret("geheim")))
        #expect(
            down(try probe.open()).hasPrefix(
                "localhost:\(server.port): the relay offers no way to log in that Regards knows, only X-OURS; "))
        try probe.close()
    }

    /// An access token is good for an hour: the next connection asks for it again.
    @Test func aTokenIsReadForEachConnection() throws {
        let server = try ScriptedSMTPServer([".": "reply-close:250 taken"], mechanisms: "XOAUTH2")
        let asked = Mutex(0)
        let login = SMTPLogin(user: "shop", mechanism: .xoauth2) {
            Secret("token-\(asked.withLock { $0 += 1; return $0 })")
        }
        let probe = try probe(server, login)
        for number in 1...2 {
            #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
            try server.awaitGone(number)
        }
        try probe.close()
        for number in 1...2 {
            let sent = Self.base64("user=shop\u{1}auth=Bearer token-\(number)\u{1}\u{1}")
            #expect(server.commands(number).contains { $0.hasSuffix(sent) })
        }
    }

    @Test func aTokenThatCannotBeRead() throws {
        struct Missing: Error, CustomStringConvertible { var description: String { "/run/token: no such file" } }
        let server = try ScriptedSMTPServer(mechanisms: "XOAUTH2")
        let probe = try probe(server, SMTPLogin(user: "shop", mechanism: .xoauth2) { throw Missing() })
        #expect(down(try probe.open()) == "localhost:\(server.port): the login cannot be read: /run/token: no such file")
        #expect(server.sessions == 0)
        try probe.close()
    }

    /// As Gmail does it: the reason comes as a challenge.
    @Test func aTokenThatIsNotWelcome() throws {
        let reason = Self.base64(#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#)
        let server = try ScriptedSMTPServer(
            ["TOKEN": "reply:334 \(reason)", "AUTH": "reply:535 5.7.8 not accepted"], mechanisms: "XOAUTH2")
        let probe = try probe(server, SMTPLogin(user: "shop", mechanism: .xoauth2) { Secret("ya29.stale") })
        let text = down(try probe.open())
        #expect(text.contains("the relay refused the login ("))
        #expect(text.contains("400") || text.contains("535 5.7.8 not accepted"))
        #expect(!text.contains("ya29"))
        try probe.close()
    }

    /// A relay may repeat what it was told: plain, or in any of the forms in which it goes over the wire.
    @Test func whatTheRelayRepeatsIsNotShown() throws {
        let forms = ["geheim-1", Self.base64("geheim-1"), Self.base64("\0shop\0geheim-1")]
        for form in forms {
            let server = try ScriptedSMTPServer(["AUTH": "reply:535 5.7.8 what is (\(form)) supposed to be"], mechanisms: "PLAIN")
            let probe = try probe(server, SMTPLogin(user: "shop", password: Secret("geheim-1")))
            let text = down(try probe.open())
            #expect(text.contains("(535 5.7.8 what is <secret> supposed to be)"))
            #expect(!text.contains(form))
            try probe.close()
        }
    }
}
