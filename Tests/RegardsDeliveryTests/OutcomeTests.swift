import CCurl
import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsDelivery

@Suite("Outcomes")
struct OutcomeTests {
    /// `REGARDS_WRITE_DOCS=1 swift test --filter OutcomeTests` writes the tables anew.
    @Test func thePageShowsTheTablesOfTheCode() throws {
        let page = try OutcomePage.read()
        let filled = OutcomePage.filled(page)
        if getenv("REGARDS_WRITE_DOCS") != nil { try OutcomePage.write(filled) }
        #expect(try OutcomePage.read() == filled, "write it anew with REGARDS_WRITE_DOCS=1")
    }

    @Test(arguments: SMTPOutcomes.Stage.allCases)
    func everyReplyHasARow(stage: SMTPOutcomes.Stage) {
        for code in 200...599 {
            for text in ["", "\(code / 100).1.1 text", "\(code / 100).3.4 text", "\(code / 100).6.7 text"] {
                let row = SMTPOutcomes.row(stage, SMTPReply(code: code, text: text))
                #expect(row.note != "unforeseen", "\(stage) \(code) \(text)")
                check(row, stage, code)
            }
        }
    }

    /// What must hold whatever the rows say.
    private func check(_ row: SMTPOutcomes.Row, _ stage: SMTPOutcomes.Stage, _ code: Int) {
        switch row.meaning {
        case .accepted:
            let isYes = stage == .data ? code == 354 : (200...299).contains(code)
            #expect(isYes, "\(stage) \(code)")
        case .refused:
            #expect((500...599).contains(code), "only 5xx is final: \(stage) \(code)")
        case .inDoubt:
            #expect(stage == .end && (300...399).contains(code), "\(stage) \(code)")
        case .deferred:
            #expect(code >= 400 || row.session == .closed, "\(stage) \(code)")
        }
        if (400...499).contains(code) {
            #expect({ if case .deferred = row.meaning { true } else { false } }(), "4xx waits: \(stage) \(code)")
        }
    }

    @Test(arguments: [
        (SMTPOutcomes.Stage.mail, 421, "", SMTPOutcomes.Meaning.deferred(.relayBusy)),
        (.end, 421, "", .deferred(.relayBusy)),
        (.mail, 530, "5.7.0 login", .deferred(.relayDown)),
        (.recipient, 535, "", .deferred(.relayDown)),
        (.mail, 550, "5.7.1 no", .refused(.senderRefused)),
        (.mail, 552, "", .refused(.tooLarge)),
        (.mail, 552, "5.2.2 full", .refused(.senderRefused)),
        (.mail, 553, "5.6.7 ascii only", .refused(.addressNeedsUTF8)),
        (.recipient, 550, "5.1.1 unknown", .refused(.recipientRefused)),
        (.recipient, 552, "5.2.2 full", .deferred(.temporary)),
        (.recipient, 450, "4.2.0 greylisted", .deferred(.temporary)),
        (.data, 554, "", .refused(.messageRefused)),
        (.end, 552, "5.7.0 attachment", .refused(.messageRefused)),
        (.end, 554, "5.3.4 size", .refused(.tooLarge)),
        (.end, 250, "2.0.0 queued", .accepted),
        (.end, 354, "", .inDoubt(.connectionLost)),
        (.data, 250, "", .deferred(.connectionLost)),
    ])
    func repliesWorthNaming(stage: SMTPOutcomes.Stage, code: Int, text: String, meaning: SMTPOutcomes.Meaning) {
        #expect(SMTPOutcomes.row(stage, SMTPReply(code: code, text: text)).meaning == meaning)
    }

    // MARK: - libcurl

    /// Whatever the installed libcurl can say has its row, once.
    @Test(arguments: [SMTPConnectFailure.rows, WebhookOutcomes.failures])
    func everyErrorOfLibcurlHasARow(rows: [CurlFailure]) throws {
        for number in 1..<UInt32(CURL_LAST.rawValue) {
            let code = CURLcode(rawValue: number)
            guard CurlLibrary.words(for: code) != "Unknown error" else { continue }
            let row = try #require(CurlFailure.row(code, in: rows), "\(number): \(CurlLibrary.words(for: code))")
            #expect(!row.problem.isEmpty && !row.advice.isEmpty)
            #expect(rows.count { $0.codes.contains(number) } <= 1, "\(number)")
            #expect(CurlFailure.elsewhere.count { $0.codes.contains(number) } <= 1, "\(number)")
        }
    }

    // MARK: - Webhooks

    private let now = Fixture.moment

    @Test func everyStatusHasAnOutcome() {
        for status in 200...999 {
            let expected: Outcome =
                switch status {
                case 200...299: .delivered
                case 410: .refused(.endpointGone)
                case 429: .deferred(.rateLimited, notBefore: nil)
                case 408, 425, 500...599: .deferred(.endpointError, notBefore: nil)
                default: .refused(.endpointRefused)
                }
            #expect(WebhookOutcomes.outcome(status: status, retryAfter: nil, answeredAt: now) == expected, "\(status)")
        }
    }

    @Test(arguments: [
        ("120", TimeSpan.seconds(120)), ("0", nil), ("86400", .hours(24)), ("86401", .hours(24)), ("  60 ", .seconds(60)),
        ("99999999999999999999999999", .hours(24)), ("-5", nil), ("", nil), ("soon", nil), ("1.5", nil), ("12 apples", nil),
        ("Sat, 01 May 2027 09:10:00 GMT", .minutes(10)), ("Saturday, 01-May-27 09:10:00 GMT", .minutes(10)),
        ("Sat May  1 09:10:00 2027", .minutes(10)), ("Sat, 01 May 2027 08:59:59 GMT", nil),
        ("Sat, 01 May 2027 09:00:00 GMT", nil), ("Thu, 01 Jan 2099 00:00:00 GMT", .hours(24)),
        ("Sat, 99 May 2027 99:10:00 GMT", nil),
    ] as [(String, TimeSpan?)])
    func retryAfter(text: String, wait: TimeSpan?) {
        #expect(WebhookOutcomes.moment(text, answeredAt: now) == wait.map { now + $0 })
        #expect(WebhookOutcomes.outcome(status: 429, retryAfter: text, answeredAt: now)
            == .deferred(.rateLimited, notBefore: wait.map { now + $0 }))
        #expect(WebhookOutcomes.outcome(status: 503, retryAfter: text, answeredAt: now)
            == (wait.map { .deferred(.rateLimited, notBefore: now + $0) } ?? .deferred(.endpointError, notBefore: nil)))
        #expect(WebhookOutcomes.outcome(status: 500, retryAfter: text, answeredAt: now) == .deferred(.endpointError, notBefore: nil))
    }
}
