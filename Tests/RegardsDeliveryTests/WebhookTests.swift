import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

@Suite("Webhooks")
struct WebhookTests {
    private static let secret = Secret("whsec_" + Base64.encode(Array("0123456789abcdef0123456789abcdef".utf8)))
    private static let oldSecret = Secret("whsec_" + Base64.encode(Array("abcdefghijklmnopqrstuvwx".utf8)))

    private func probe(
        _ port: Int, secrets: [Secret] = [secret], host: String = "127.0.0.1", scheme: String = "http",
        allowPrivate: Bool = false, caFile: String? = nil, timeout: TimeSpan = .seconds(20), sessions: Int = 4
    ) throws -> ChannelProbe {
        let settings = try WebhookSettings(
            url: "\(scheme)://\(host):\(port)/hook?shop=1", secrets: secrets, allowPrivate: allowPrivate, caFile: caFile,
            timeout: timeout, sessions: sessions)
        return ChannelProbe(WebhookEndpoint(name: "test", settings: settings))
    }

    private func event(id: String = "msg_1", body: String = #"{"type":"birthday"}"#, at: Instant = Fixture.moment) -> Outgoing {
        Outgoing(
            outreach: 1, destination: .endpoint, message: RenderedMessage(id: id, bytes: Array(body.utf8)), attemptedAt: at)
    }

    // MARK: - Requests

    @Test func oneRequest() throws {
        let server = try RecordingHTTPServer(["204"])
        let probe = try probe(server.port)
        #expect(try probe.open() == .ready)
        #expect(try probe.send(event()) == AttemptReport(.delivered, code: 204, detail: "HTTP 204"))
        let request = try #require(try server.requests(1).first)
        #expect(request.target == "/hook?shop=1")
        #expect(request.body == Array(#"{"type":"birthday"}"#.utf8))
        #expect(request.headers["content-type"] == "application/json")
        #expect(request.headers["webhook-id"] == "msg_1")
        #expect(request.headers["webhook-timestamp"] == "1809162000")
        #expect(request.headers["webhook-signature"]?.hasPrefix("v1,") == true)
        #expect(request.headers["accept-encoding"] == nil)
        #expect(request.headers["expect"] == nil)
        try probe.close()
        #expect(probe.states.all == [.ready, .closed])
    }

    @Test func headersOfTheUser() throws {
        let server = try RecordingHTTPServer(["204"])
        let settings = try WebhookSettings(
            url: "http://127.0.0.1:\(server.port)/hook", secrets: [Self.secret],
            headers: [
                WebhookHeader(name: "X-Source", value: Secret("regards 1")),
                WebhookHeader(name: "Authorization", value: Secret("Bearer abc")),
            ])
        let probe = ChannelProbe(WebhookEndpoint(name: "test", settings: settings))
        #expect(try probe.open() == .ready)
        #expect(try probe.send(event()).outcome == .delivered)
        let request = try #require(try server.requests(1).first)
        #expect(request.headers["x-source"] == "regards 1")
        #expect(request.headers["authorization"] == "Bearer abc")
        #expect(request.headers["webhook-id"] == "msg_1")
        try probe.close()
        for value in ["", " a", "a ", "a\r\nX: b", "a\nb", "a\0b", "ü", String(repeating: "a", count: 4_097)] {
            #expect(throws: SettingsError.self, "\(value)") {
                try WebhookSettings(
                    url: "https://example.com/", secrets: [], headers: [WebhookHeader(name: "X-A", value: Secret(value))])
            }
        }
    }

    /// The example of the specification: its signature must come out.
    @Test func theSpecificationsExample() throws {
        let signer = try #require(WebhookSigner(try WebhookKey(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))))
        let head = Array("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".utf8)
        // The same again: what was signed before leaves nothing behind.
        for _ in 1...3 {
            let signature = try #require(signer.signature(head: head, body: Array(#"{"test": 2432232314}"#.utf8)))
            #expect(String(decoding: signature, as: UTF8.self) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
            #expect(try #require(signer.signature(head: [], body: [])) != signature)
        }
    }

    @Test(.enabled(if: TestTools.python(with: "standardwebhooks") != nil, "needs PyPI's standardwebhooks (make test installs it)"))
    func theReferenceLibraryAgrees() throws {
        let python = try #require(TestTools.python(with: "standardwebhooks"))
        let server = try RecordingHTTPServer()
        let probe = try probe(server.port, secrets: [Self.secret, Self.oldSecret])
        // The library refuses what is not of today.
        let now = try #require(Self.now)
        #expect(try probe.send(event(body: "{\"name\":\"王小明 \\u0000\"}", at: now)).outcome == .delivered)
        let request = try #require(try server.requests(1).first)
        for (secret, expected) in [(Self.secret, true), (Self.oldSecret, true), (Secret("whsec_" + Base64.encode(Array(repeating: 7, count: 32))), false)] {
            let process = try ServerProcess([
                python, "\(TestTools.root)/Tests/Fixtures/http/verify_signature.py", secret.reveal, request.headersHex,
                request.bodyHex,
            ])
            let verdict = try process.await("the verdict") { $0.first }
            #expect((verdict == "valid") == expected, "\(verdict)")
        }
        try probe.close()
    }

    private static var now: Instant? {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return nil }
        return Instant(seconds: Int64(time.tv_sec))
    }

    @Test func unsigned() throws {
        let server = try RecordingHTTPServer()
        let probe = try probe(server.port, secrets: [])
        #expect(try probe.send(event()).outcome == .delivered)
        #expect(try server.requests(1)[0].headers["webhook-signature"] == nil)
        try probe.close()
    }

    @Test func severalAtOnceOnKeptConnections() throws {
        let server = try RecordingHTTPServer(["hold:200"])
        let probe = try probe(server.port)
        let tickets = (1...8).map { probe.start(event(id: "msg_\($0)")) }
        try server.awaitHold(4)
        #expect(server.requests.count == 4)
        for _ in tickets { server.go() }
        for ticket in tickets { #expect(try ticket.report().outcome == .delivered) }
        #expect(Set(server.requests.compactMap { $0.headers["webhook-id"] }).count == 8)
        try probe.close()
        for ticket in tickets { #expect(ticket.reports.all.count == 1) }
    }

    /// Requests, their memory and the numbers of their sockets are used again, in an order that nobody can foresee.
    @Test func everyMessageIsItselfAndGetsItsOwnAnswer() throws {
        let answers = (0..<80).map { $0 % 7 == 3 ? "close" : "\(500 + $0)" }
        let bodies = answers.indices.map { String(repeating: "\($0) ", count: $0 % 9 == 5 ? 40_000 : $0 * 11 % 500) }
        let server = try RecordingHTTPServer(answers)
        let probe = try probe(server.port, sessions: 8)
        let tickets = answers.indices.map { probe.start(event(id: "msg_\($0)", body: bodies[$0])) }
        let reports = try tickets.map { try $0.report() }
        try probe.close()
        let requests = try server.requests(answers.count)
        #expect(requests.count == answers.count)
        for request in requests {
            let id = try #require(request.headers["webhook-id"])
            let number = try #require(Int(id.dropFirst(4)))
            #expect(request.target == "/hook?shop=1")
            #expect(request.body == Array(bodies[number].utf8), "\(id)")
            let answer = answers[request.number - 1]
            #expect(reports[number].code == Int(answer) ?? 0, "\(id)")
            #expect(reports[number].outcome == (answer == "close" ? .inDoubt(.connectionLost) : .deferred(.endpointError, notBefore: nil)))
        }
    }

    @Test func anIdThatWouldMakeAHeader() throws {
        let server = try RecordingHTTPServer()
        let probe = try probe(server.port)
        for id in ["a\r\nX-Evil: 1", "a b", "", "é", String(repeating: "x", count: 257)] {
            #expect(try probe.send(event(id: id)).outcome == .refused(.messageRefused))
        }
        #expect(server.requests.isEmpty)
        try probe.close()
    }

    @Test func aBigBody() throws {
        let server = try RecordingHTTPServer()
        let probe = try probe(server.port)
        let body = String(repeating: "x", count: 300_000)
        #expect(try probe.send(event(body: body)).outcome == .delivered)
        #expect(try server.requests(1)[0].body.count == 300_000)
        #expect(try probe.send(event(body: "")).outcome == .delivered)
        #expect(try server.requests(2)[1].body.isEmpty)
        try probe.close()
    }

    // MARK: - Answers

    @Test(arguments: [
        ("200", Outcome.delivered), ("302;Location: http://127.0.0.1:1/", .refused(.endpointRefused)),
        ("302;Location: http://169.254.169.254/latest/meta-data/", .refused(.endpointRefused)),
        ("301;Location: /hook?shop=1", .refused(.endpointRefused)), ("303;Location: /hook?shop=1", .refused(.endpointRefused)),
        ("307;Location: /hook?shop=1", .refused(.endpointRefused)), ("308;Location: //evil.example/", .refused(.endpointRefused)),
        ("302;Location: file:///etc/passwd", .refused(.endpointRefused)), ("300", .refused(.endpointRefused)),
        ("400", .refused(.endpointRefused)), ("401", .refused(.endpointRefused)),
        ("408", .deferred(.endpointError, notBefore: nil)), ("425", .deferred(.endpointError, notBefore: nil)),
        ("429", .deferred(.rateLimited, notBefore: nil)),
        ("429;Retry-After: 90", .deferred(.rateLimited, notBefore: Fixture.moment + .seconds(90))),
        ("429;retry-after: Sat, 01 May 2027 09:10:00 GMT", .deferred(.rateLimited, notBefore: Fixture.moment + .minutes(10))),
        ("429;Retry-After: 999999999", .deferred(.rateLimited, notBefore: Fixture.moment + .hours(24))),
        ("429;Retry-After: -1", .deferred(.rateLimited, notBefore: nil)),
        ("429;Retry-After: 0", .deferred(.rateLimited, notBefore: nil)),
        ("429;Retry-After: tomorrow", .deferred(.rateLimited, notBefore: nil)),
        ("429;Retry-After: Saturday, 01-May-27 09:10:00 GMT", .deferred(.rateLimited, notBefore: Fixture.moment + .minutes(10))),
        ("429;Retry-After: Sat May  1 09:10:00 2027", .deferred(.rateLimited, notBefore: Fixture.moment + .minutes(10))),
        ("429;Retry-After: Fri, 01 Jan 2027 00:00:00 GMT", .deferred(.rateLimited, notBefore: nil)),
        ("429;Retry-After: Mon, 01 Jan 2103 00:00:00 GMT", .deferred(.rateLimited, notBefore: Fixture.moment + .hours(24))),
        ("503;Retry-After: garbage", .deferred(.endpointError, notBefore: nil)),
        ("500;Retry-After: 60", .deferred(.endpointError, notBefore: nil)),
        ("500", .deferred(.endpointError, notBefore: nil)), ("503", .deferred(.endpointError, notBefore: nil)),
        ("503;Retry-After: 60", .deferred(.rateLimited, notBefore: Fixture.moment + .minutes(1))),
        ("200;body=60000", .delivered), ("200;body=5000000", .delivered), ("500;body=5000000", .deferred(.endpointError, notBefore: nil)),
        ("endless", .delivered),
    ])
    func anAnswerBecomesItsOutcome(answer: String, outcome: Outcome) throws {
        let server = try RecordingHTTPServer([answer, "200"])
        let probe = try probe(server.port)
        let report = try probe.send(event())
        #expect(report.outcome == outcome)
        #expect(report.code == Int(answer.prefix(3)) ?? 200)
        #expect(try probe.send(event(id: "msg_2")).outcome == .delivered)
        // No redirect was followed.
        #expect(server.requests.count == 2)
        try probe.close()
    }

    /// Nothing of it is kept, unpacked or waited for: the status has decided.
    @Test(arguments: ["huge", "bomb", "endless", "headers"])
    func moreThanAnybodyWants(answer: String) throws {
        let server = try RecordingHTTPServer([answer, "200"])
        let probe = try probe(server.port)
        #expect(try probe.send(event()) == AttemptReport(.delivered, code: 200, detail: "HTTP 200"))
        if answer != "endless" { #expect(try server.written() < 16 << 20) }
        #expect(try probe.send(event(id: "msg_2")).outcome == .delivered)
        try probe.close()
    }

    /// The status came at once, and the body is not worth more than the time limit.
    @Test func aBodyOneByteNowAndThen() throws {
        let server = try RecordingHTTPServer(["trickle", "200"])
        let probe = try probe(server.port, timeout: .seconds(10), sessions: 1)
        #expect(try probe.send(event()) == AttemptReport(.delivered, code: 200, detail: "HTTP 200"))
        #expect(try probe.send(event(id: "msg_2")).outcome == .delivered)
        try probe.close()
    }

    /// Whoever answers something else has read the request.
    @Test func anAnswerThatIsNotHTTP() throws {
        let server = try RecordingHTTPServer(["garbage", "200"])
        let probe = try probe(server.port)
        #expect(try probe.send(event()).outcome == .inDoubt(.connectionLost))
        #expect(try probe.send(event(id: "msg_2")).outcome == .delivered)
        try probe.close()
    }

    @Test func fiveFailuresAndThenAYes() throws {
        let server = try RecordingHTTPServer(["500", "500", "500", "500", "500", "200"])
        let probe = try probe(server.port)
        for _ in 1...5 {
            #expect(try probe.send(event()) == AttemptReport(.deferred(.endpointError, notBefore: nil), code: 500, detail: "HTTP 500"))
        }
        #expect(try probe.send(event()).outcome == .delivered)
        #expect(Set(server.requests.compactMap { $0.headers["webhook-id"] }) == ["msg_1"])
        try probe.close()
    }

    @Test func goneForGood() throws {
        let server = try RecordingHTTPServer(["410", "200"])
        let probe = try probe(server.port)
        try probe.open()
        #expect(try probe.send(event()) == AttemptReport(.refused(.endpointGone), code: 410, detail: "HTTP 410"))
        let state = try probe.open()
        guard case .down(.endpointError, let detail) = state else {
            Issue.record("expected the endpoint to be down, got \(state)")
            return
        }
        #expect(detail.hasPrefix("the endpoint answered 410 Gone: it is not used until the configuration is read again"))
        #expect(try probe.send(event(id: "msg_2")).outcome == .deferred(.endpointError, notBefore: nil))
        #expect(server.requests.count == 1)
        try probe.close()
    }

    @Test func silenceAfterTheRequestIsADoubt() throws {
        let server = try RecordingHTTPServer(["stall"])
        let probe = try probe(server.port, timeout: .seconds(10))
        let report = try probe.send(event())
        #expect(report.outcome == .inDoubt(.timeout))
        #expect(report.detail.hasPrefix("no answer in time to the whole request: "))
        try probe.close()
    }

    @Test func aHeadThatNeverEnds() throws {
        let server = try RecordingHTTPServer(["drip"])
        let probe = try probe(server.port, timeout: .seconds(10))
        #expect(try probe.send(event()).outcome == .inDoubt(.timeout))
        try probe.close()
    }

    @Test func aConnectionThatEndsWithoutAnAnswerIsADoubt() throws {
        let server = try RecordingHTTPServer(["close", "200"])
        let probe = try probe(server.port)
        let report = try probe.send(event())
        #expect(report.outcome == .inDoubt(.connectionLost))
        #expect(server.requests.count == 1)
        try probe.close()
    }

    /// libcurl likes to repeat a request by itself when a kept connection dies under it. The first may have been read.
    @Test func nothingIsRepeatedUnseenOnAKeptConnection() throws {
        let server = try RecordingHTTPServer(["200", "close", "200"])
        let probe = try probe(server.port, sessions: 1)
        #expect(try probe.send(event(id: "msg_1")).outcome == .delivered)
        #expect(try probe.send(event(id: "msg_2")).outcome == .inDoubt(.connectionLost))
        #expect(try probe.send(event(id: "msg_3")).outcome == .delivered)
        #expect(server.requests.compactMap { $0.headers["webhook-id"] } == ["msg_1", "msg_2", "msg_3"])
        try probe.close()
    }

    @Test func aRequestThatWasNotReadIsNoDoubt() throws {
        let server = try RecordingHTTPServer(["quiet"])
        let probe = try probe(server.port, timeout: .seconds(10))
        let report = try probe.send(event(body: String(repeating: "x", count: 30_000_000)))
        #expect(report.outcome == .deferred(.connectionLost, notBefore: Fixture.moment + .minutes(5)))
        try probe.close()
    }

    /// One object serves one request after the other, on one handle of libcurl.
    @Test func nothingIsLeftOfTheRequestBefore() throws {
        let server = try RecordingHTTPServer(["429;Retry-After: 90", "429", "200", "stall"])
        let probe = try probe(server.port, timeout: .seconds(10), sessions: 1)
        #expect(try probe.send(event()).outcome == .deferred(.rateLimited, notBefore: Fixture.moment + .seconds(90)))
        #expect(try probe.send(event(body: String(repeating: "x", count: 100_000))).outcome == .deferred(.rateLimited, notBefore: nil))
        #expect(try probe.send(event(body: "{}")) == AttemptReport(.delivered, code: 200, detail: "HTTP 200"))
        #expect(try server.requests(3)[2].body == Array("{}".utf8))
        let silent = try probe.send(event())
        #expect(silent.outcome == .inDoubt(.timeout) && silent.code == 0)
        server.stop()
        let unreachable = try probe.send(event())
        #expect(unreachable.outcome == .deferred(.relayDown, notBefore: nil) && unreachable.code == 0)
        try probe.close()
    }

    // MARK: - Connections

    @Test func nobodyListens() throws {
        let server = try RecordingHTTPServer()
        server.stop()
        let probe = try probe(server.port)
        try probe.open()
        let report = try probe.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        #expect(report.detail.hasPrefix("the endpoint could not be reached: "))
        try probe.awaitState(.down(.relayDown, detail: report.detail))
        #expect(try probe.send(event()).outcome == .deferred(.relayDown, notBefore: nil))
        // A probe tells that it is still down, and later that it is back, without a message.
        #expect(try probe.open() != .ready)
        let again = try RecordingHTTPServer(port: server.port)
        #expect(try probe.open() == .ready)
        #expect(again.requests.isEmpty)
        #expect(try probe.send(event()).outcome == .delivered)
        try probe.close()
    }

    @Test func encrypted() throws {
        let certificate = try TestCertificate.good.get()
        let server = try RecordingHTTPServer(certificate: certificate)
        let trusting = try probe(server.port, host: "localhost", scheme: "https", caFile: certificate.authority)
        #expect(try trusting.send(event()).outcome == .delivered)
        try trusting.close()
        let stranger = try probe(server.port, host: "localhost", scheme: "https")
        let report = try stranger.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        #expect(report.detail.contains("certificate"))
        try stranger.close()
        #expect(server.requests.count == 1)
    }

    @Test(arguments: ["expired", "other host", "self-signed"])
    func aCertificateThatIsNotGood(fault: String) throws {
        let certificate =
            switch fault {
            case "expired": try TestCertificate.expired.get()
            case "other host": try TestCertificate.otherHost.get()
            default: try TestCertificate.selfSigned.get()
            }
        let server = try RecordingHTTPServer(certificate: certificate)
        let authority = fault == "self-signed" ? nil : certificate.authority
        let probe = try probe(server.port, host: "localhost", scheme: "https", caFile: authority)
        let report = try probe.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        let words = ["expired": "certificate has expired", "other host": "match", "self-signed": "self-signed certificate"]
        #expect(report.detail.contains(try #require(words[fault])), "\(report.detail)")
        #expect(server.requests.isEmpty)
        try probe.close()
    }

    /// A name that looks public and leads inside: the address is checked where the connection is made, after DNS.
    @Test(arguments: ["10.0.0.1", "169.254.169.254", "192.168.1.1", "[fd00::1]", "[::ffff:10.0.0.1]", "0.0.0.0"])
    func noPrivateTargets(host: String) throws {
        let probe = try probe(443, host: host, scheme: "https")
        let report = try probe.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        #expect(report.detail.hasPrefix("the endpoint's name leads to "))
        #expect(report.detail.hasSuffix(", an address of a private network; allow_private: yes permits that"))
        try probe.close()
    }

    /// The same addresses as numbers of other kinds, and names of this machine that do not look like it.
    @Test(arguments: [
        "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "shop.localhost",
        "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fe80::1]",
    ])
    func noPrivateTargetsUnderOtherNames(host: String) throws {
        let server = try RecordingHTTPServer(certificate: try TestCertificate.good.get())
        let probe = try probe(server.port, host: host, scheme: "https")
        let report = try probe.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        #expect(report.detail.hasPrefix("the endpoint's name leads to "), "\(report.detail)")
        #expect(server.requests.isEmpty)
        try probe.close()
    }

    /// A public name whose answer from DNS is a private address: it is the address of the connection that is looked at.
    @Test(arguments: ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1"])
    func noPrivateTargetsThroughDNS(address: String) throws {
        let server = try RecordingHTTPServer(certificate: try TestCertificate.good.get())
        var settings = try WebhookSettings(url: "https://crm.example.com:\(server.port)/hook", secrets: [Self.secret])
        settings.answersOfDNS = ["crm.example.com:\(server.port):\(address)"]
        let probe = ChannelProbe(WebhookEndpoint(name: "test", settings: settings))
        let report = try probe.send(event())
        #expect(report.outcome == .deferred(.relayDown, notBefore: nil))
        #expect(report.detail.hasPrefix("the endpoint's name leads to \(address), an address of a private network; "))
        #expect(server.requests.isEmpty)
        try probe.close()
    }

    @Test func privateTargetsWhereAllowed() throws {
        let server = try RecordingHTTPServer()
        // Not among the names that count as this machine by themselves.
        let probe = try probe(server.port, host: "0.0.0.0", allowPrivate: true)
        #expect(try probe.send(event()).outcome == .delivered)
        try probe.close()
    }

    // MARK: - Stopping

    @Test func theThreadAnswersTheWatchdog() throws {
        let server = try RecordingHTTPServer()
        try probe(server.port).pingThroughLife()
    }

    @Test func stopping() throws {
        let server = try RecordingHTTPServer(["hold:200"])
        let probe = try probe(server.port, sessions: 1)
        let first = probe.start(event(id: "msg_1"))
        let second = probe.start(event(id: "msg_2"))
        try server.awaitHold()
        let closed = EventLog<Bool>()
        probe.channel.close(grace: .seconds(30)) { closed.add(true) }
        #expect(try second.report().outcome == .deferred(.shutdown, notBefore: nil))
        server.go()
        #expect(try first.report().outcome == .delivered)
        try closed.await("the end") { $0.first }
        #expect(try probe.send(event()).outcome == .deferred(.shutdown, notBefore: nil))
    }

    @Test func oneAfterTheOther() throws {
        let server = try RecordingHTTPServer()
        let probe = try probe(server.port, sessions: 1)
        let tickets = (1...5).map { probe.start(event(id: "msg_\($0)")) }
        for ticket in tickets { #expect(try ticket.report().outcome == .delivered) }
        #expect(server.requests.compactMap { $0.headers["webhook-id"] } == (1...5).map { "msg_\($0)" })
        try probe.close()
    }

    @Test func stoppingWithoutAnAnswer() throws {
        let server = try RecordingHTTPServer(["stall"])
        let probe = try probe(server.port)
        let ticket = probe.start(event())
        try server.awaitHold()
        try probe.close(grace: TimeSpan(microseconds: 200_000))
        #expect(try ticket.report().outcome == .inDoubt(.shutdown))
    }

    @Test func stoppingInTheMiddleOfARequest() throws {
        let server = try RecordingHTTPServer(["quiet"])
        let probe = try probe(server.port)
        let ticket = probe.start(event(body: String(repeating: "x", count: 30_000_000)))
        try probe.close(grace: .hours(1))
        #expect(try ticket.report().outcome == .deferred(.shutdown, notBefore: nil))
    }

    // MARK: - Settings

    @Test func settingsThatCannotWork() {
        func error(_ url: String, _ secrets: [Secret] = []) -> String {
            do { _ = try WebhookSettings(url: url, secrets: secrets) } catch { return "\(error.setting): \(error)" }
            return "none"
        }
        #expect(error("https://example.com/hook") == "none")
        #expect(error("http://localhost:8080/hook") == "none")
        #expect(error("http://[::1]:8080/hook") == "none")
        #expect(error("http://example.com/") == "url: an http: URL would send customers' data unencrypted: use https:")
        #expect(error("http://localhost.example.com/").hasPrefix("url: an http:"))
        #expect(error("http://127.0.0.1.example.com/").hasPrefix("url: an http:"))
        #expect(error("ftp://example.com/") == "url: expected https://…, got a URL that begins with ftp:")
        #expect(error("file:///etc/passwd").hasPrefix("url: expected"))
        #expect(error("example.com") == "url: expected a URL like https://example.com/hook")
        #expect(error("https://") == "url: expected a URL like https://example.com/hook")
        #expect(error("https://a b/") == "url: expected a URL like https://example.com/hook")
        #expect(error("https://example.com/\r\nX: y") == "url: expected a URL like https://example.com/hook")
        #expect(error("https://shop:x@example.com/") == "url: a login does not belong in the URL: the signature says who sends")
        for text in ["geheim", "whsec_", "whsec_!!!", "whsec_AAAA", "whsec_" + Base64.encode(Array(repeating: 1, count: 65))] {
            let found = error("https://example.com/", [Secret(text)])
            #expect(found.hasPrefix("secret: expected"))
            #expect(!found.contains(text) || text == "whsec_")
        }
    }

    @Test func base64() {
        #expect(Base64.encode([]) == "")
        #expect(Base64.encode(Array("f".utf8)) == "Zg==")
        #expect(Base64.decode("Zm9vYmE=") == Array("fooba".utf8))
        for count in 1...80 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        for text in ["", "Zg", "Zg=", "=Zg=", "Z===", "Zg==\n", " Zg==", "Zg==Zg==", "Zé=="] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
    }
}

@Suite("Addresses of the network")
struct NetworkPlaceTests {
    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
        "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001:db8::1", "2001::1", "100::1",
        "192.88.99.1", "64:ff9b:1::a00:1", "2001:2::1", "2001:1ff::1", "3fff::1", "3fff:fff::1", "5f00::1", "::ffff:0:a00:1",
    ])
    func special(text: String) throws {
        #expect(try #require(NetworkPlace(text)).isSpecial)
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
        "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::",
        "2001:200::1", "3ffe:ffff::1", "3fff:1000::1", "192.88.98.255", "192.88.100.0",
    ])
    func ordinary(text: String) throws {
        #expect(!(try #require(NetworkPlace(text)).isSpecial))
    }

    @Test func loopback() throws {
        for text in ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"] { #expect(try #require(NetworkPlace(text)).isLoopback) }
        for text in ["128.0.0.1", "::2", "10.0.0.1"] { #expect(!(try #require(NetworkPlace(text)).isLoopback)) }
        #expect(NetworkPlace("localhost") == nil)
        #expect(NetworkPlace("10.0.0.1")?.description == "10.0.0.1")
        #expect(NetworkPlace("fe80::1")?.description == "fe80::1")
    }
}
