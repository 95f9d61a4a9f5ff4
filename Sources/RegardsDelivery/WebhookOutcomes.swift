import CCurl
import RegardsCalendar
import RegardsCore

/// What each answer of a webhook endpoint means. As with `SMTPOutcomes` these rows are the code, the test and the
/// table in `docs/outcomes.md`.
enum WebhookOutcomes {
    enum Meaning: Hashable, Sendable {
        case delivered
        case deferred(DeferralReason)
        case refused(RefusalReason)
    }

    struct Row: Sendable {
        var codes: ClosedRange<Int>
        /// The row is only for answers with a usable Retry-After.
        var needsRetryAfter = false
        var meaning: Meaning
        var note: String
    }

    /// The first row that matches decides.
    static let rows: [Row] = [
        Row(codes: 200...299, meaning: .delivered, note: "taken over"),
        Row(codes: 408...408, meaning: .deferred(.endpointError), note: "request timeout (RFC 9110 15.5.9)"),
        Row(codes: 410...410, meaning: .refused(.endpointGone),
            note: "the endpoint is gone: the channel stays down until the configuration is read again"),
        Row(codes: 425...425, meaning: .deferred(.endpointError), note: "too early (RFC 8470 5.2)"),
        Row(codes: 429...429, meaning: .deferred(.rateLimited), note: "not before Retry-After, at most 24 h"),
        Row(codes: 300...499, meaning: .refused(.endpointRefused), note: "final; redirects are not followed"),
        Row(codes: 503...503, needsRetryAfter: true, meaning: .deferred(.rateLimited),
            note: "with Retry-After: not before it, at most 24 h"),
        Row(codes: 500...599, meaning: .deferred(.endpointError), note: "tried again"),
        Row(codes: 600...999, meaning: .refused(.endpointRefused), note: "no status of HTTP"),
    ]

    /// Longest wait a Retry-After is obeyed for.
    static let longestPause = TimeSpan.hours(24)

    /// - Parameters:
    ///   - status: of the final answer, 200 to 999.
    ///   - retryAfter: the header's text, if it came.
    ///   - answeredAt: when the answer came, by the clock that `Outgoing.attemptedAt` was read from.
    static func outcome(status: Int, retryAfter: String?, answeredAt: Instant) -> Outcome {
        let notBefore = retryAfter.flatMap { moment($0, answeredAt: answeredAt) }
        let row = rows.first { $0.codes.contains(status) && (!$0.needsRetryAfter || notBefore != nil) }
        switch row?.meaning ?? .refused(.endpointRefused) {
        case .delivered: return .delivered
        case .deferred(.rateLimited): return .deferred(.rateLimited, notBefore: notBefore)
        case .deferred(let reason): return .deferred(reason, notBefore: nil)
        case .refused(let reason): return .refused(reason)
        }
    }

    /// Both forms of Retry-After (RFC 9110 10.2.3): seconds, or an HTTP date in any of its three notations.
    /// - Returns: nil for garbage and for a moment that is past; what is further away than 24 hours becomes 24 hours.
    static func moment(_ retryAfter: String, answeredAt: Instant) -> Instant? {
        let text = retryAfter.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
        guard !text.isEmpty else { return nil }
        let word = String(text)
        let limit = answeredAt + longestPause
        if word.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let seconds = Int64(word), seconds <= longestPause.seconds else { return limit }
            return seconds > 0 ? answeredAt + .seconds(seconds) : nil
        }
        guard word.utf8.contains(UInt8(ascii: ":")) else { return nil }
        let date = curl_getdate(word, nil)
        guard date >= 0 else { return nil }
        let moment = Instant(seconds: Int64(date))
        return moment > answeredAt ? min(moment, limit) : nil
    }

    /// What libcurl's errors mean for a request; all others stand in `CurlFailure.elsewhere`. How far the request had gone
    /// decides the outcome (`Event`); these are the words.
    static let failures: [CurlFailure] = [
        CurlFailure(CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST",
            problem: "the name of the endpoint is not known", advice: "check url and the name servers"),
        CurlFailure(CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT",
            problem: "nothing answers there", advice: "check url, that the endpoint runs, and the firewall"),
        CurlFailure(CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT",
            problem: "no answer within the timeout", advice: "see why the endpoint is slow, or raise timeout"),
        CurlFailure(CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR",
            problem: "TLS could not be agreed", advice: "check that the endpoint speaks TLS 1.2 or later at this port"),
        CurlFailure(CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION",
            problem: "the endpoint's certificate is not trusted", advice: "renew it, or use the name it was made for"),
        CurlFailure(CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE",
            problem: "the file of trusted authorities cannot be read", advice: "install ca-certificates"),
        CurlFailure(CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING",
            problem: "the endpoint closed the connection without a word", advice: "see the endpoint's log"),
        CurlFailure(CURLE_SEND_ERROR, "CURLE_SEND_ERROR",
            problem: "the connection broke under the request", advice: "see the endpoint's log"),
        CurlFailure(CURLE_RECV_ERROR, "CURLE_RECV_ERROR",
            problem: "the connection broke before the answer", advice: "see the endpoint's log"),
        CurlFailure(CURLE_UNSUPPORTED_PROTOCOL, "CURLE_UNSUPPORTED_PROTOCOL",
            problem: "the answer is not HTTP/1.1", advice: "check that the port is one of a web server"),
        CurlFailure(CURLE_WEIRD_SERVER_REPLY, "CURLE_WEIRD_SERVER_REPLY",
            problem: "the answer cannot be read as HTTP", advice: "check that the port is one of a web server"),
        CurlFailure(CURLE_WRITE_ERROR, "CURLE_WRITE_ERROR",
            problem: "the head of the answer is longer than 64 KiB", advice: "see the endpoint's log"),
        CurlFailure(CURLE_ABORTED_BY_CALLBACK, "CURLE_ABORTED_BY_CALLBACK",
            problem: "a kept connection died under the request, and it was not repeated unseen",
            advice: "nothing is to be done: the policy for doubt decides"),
    ]

    /// Ends that come without an answer.
    enum Event: CaseIterable, Sendable {
        case notConnected, lostBefore, lostAfter, timeoutAfter, stoppedBefore, stoppedAfter, badIdentifier

        var outcome: Outcome {
            switch self {
            case .notConnected: .deferred(.relayDown, notBefore: nil)
            case .lostBefore: .deferred(.connectionLost, notBefore: nil)
            case .lostAfter: .inDoubt(.connectionLost)
            case .timeoutAfter: .inDoubt(.timeout)
            case .stoppedBefore: .deferred(.shutdown, notBefore: nil)
            case .stoppedAfter: .inDoubt(.shutdown)
            case .badIdentifier: .refused(.messageRefused)
            }
        }

        var words: String {
            switch self {
            case .notConnected: "the endpoint could not be reached"
            case .lostBefore: "the connection ended or stalled before the whole request was handed over"
            case .lostAfter: "the connection ended after the whole request, before an answer"
            case .timeoutAfter: "no answer in time to the whole request"
            case .stoppedBefore: "the daemon stopped before the request was handed over"
            case .stoppedAfter: "the daemon stopped before the request was answered"
            case .badIdentifier: "the message's id cannot stand in a header"
            }
        }
    }
}
