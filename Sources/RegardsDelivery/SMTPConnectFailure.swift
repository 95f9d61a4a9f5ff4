import CCurl
import RegardsCore

/// Why a relay could not be reached, in words that say what to do. Holds no secret: libcurl's texts and the relay's
/// last line go through `Redaction.reply`, and the login was never part of either.
struct SMTPConnectFailure: Hashable, Sendable {
    var reason: DeferralReason
    /// The relay's reply code, 0 when it said nothing.
    var code: Int
    var detail: String

    /// What libcurl's errors mean where a relay is connected to; all others stand in `CurlFailure.elsewhere`.
    static let rows: [CurlFailure] = [
        CurlFailure(CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST",
            problem: "the name of the relay is not known", advice: "check host and the name servers"),
        CurlFailure(CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT",
            problem: "nothing answers there", advice: "check host and port, that the relay runs, and the firewall"),
        CurlFailure(CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT",
            problem: "no answer within the connect timeout",
            advice: "check host, port and firewall; a relay on port 465 wants security: tls"),
        CurlFailure(CURLE_WEIRD_SERVER_REPLY, "CURLE_WEIRD_SERVER_REPLY",
            problem: "the relay did not greet us", advice: "its answer says why; check that the port is an SMTP port"),
        CurlFailure(CURLE_REMOTE_ACCESS_DENIED, "CURLE_REMOTE_ACCESS_DENIED",
            problem: "the relay refused our EHLO", advice: "set helo to a name the relay accepts"),
        CurlFailure(CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR",
            problem: "TLS could not be agreed",
            advice: "check security (tls is for port 465, starttls for 587) and that the relay speaks TLS 1.2 or later"),
        CurlFailure(CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION",
            problem: "the relay's certificate is not trusted",
            advice: "renew it, use the name it was made for as host, or name its authority in ca_file"),
        CurlFailure(CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE",
            problem: "the file of trusted authorities cannot be read", advice: "check ca_file and its permissions"),
        CurlFailure(CURLE_USE_SSL_FAILED, "CURLE_USE_SSL_FAILED",
            problem: "the relay offers no STARTTLS, and without encryption nothing is sent",
            advice: "use its TLS port with security: tls, or security: none for a relay on a network you trust"),
        CurlFailure(CURLE_LOGIN_DENIED, "CURLE_LOGIN_DENIED",
            problem: "the relay refused the login", advice: "check user and password"),
        CurlFailure(CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING",
            problem: "the relay closed the connection without a word", advice: "see the relay's log"),
        CurlFailure(CURLE_SEND_ERROR, "CURLE_SEND_ERROR",
            problem: "the connection broke while it was made", advice: "see the relay's log"),
        CurlFailure(CURLE_RECV_ERROR, "CURLE_RECV_ERROR",
            problem: "the connection broke while it was made", advice: "see the relay's log"),
    ]

    init(code: CURLcode, lastLine: String, curlText: String, settings: SMTPSettings) {
        let replyCode = Self.replyCode(lastLine)
        self.code = replyCode
        // A refusal in the relay's own words outranks libcurl's: 421 means come later whatever it interrupted.
        reason = replyCode == 421 ? .relayBusy : .relayDown
        let row = CurlFailure.row(code, in: Self.rows)
        let problem = row?.problem ?? CurlLibrary.words(for: code)
        let heard = replyCode >= 400 ? lastLine : Self.tokenRefusal(lastLine) ?? curlText
        var text = "\(settings.place): \(problem)"
        if !heard.isEmpty { text += " (\(Redaction.reply(heard)))" }
        if let row { text += "; \(row.advice)" }
        detail = text
    }

    static func noSecret(_ settings: SMTPSettings, _ error: any Error) -> SMTPConnectFailure {
        SMTPConnectFailure(detail: "\(settings.place): the login cannot be read: \(error)")
    }

    static func noCommonLogin(_ settings: SMTPSettings, _ capabilities: SMTPCapabilities) -> SMTPConnectFailure {
        let offered = Redaction.reply(capabilities.mechanisms.joined(separator: " "))
        let wanted = settings.login?.mechanism.map { "no \($0.rawValue)" } ?? "no way to log in that Regards knows"
        return SMTPConnectFailure(
            detail: "\(settings.place): the relay offers \(wanted), only \(offered); change auth, or remove user and secret")
    }

    static func noLoginOffered(_ settings: SMTPSettings) -> SMTPConnectFailure {
        SMTPConnectFailure(detail: "\(settings.place): the relay offers no login; check port and security, or remove "
            + "user and password if it wants none")
    }

    /// For what libcurl has no code for: no memory, no thread.
    init(detail: String) {
        reason = .relayDown
        code = 0
        self.detail = detail
    }

    /// A relay that does not like a token says why in a challenge of base64 (the same at Gmail and Microsoft 365).
    private static func tokenRefusal(_ line: String) -> String? {
        guard line.hasPrefix("334 "), let bytes = Base64.decode(line.dropFirst(4)) else { return nil }
        return "334 " + String(decoding: bytes, as: UTF8.self)
    }

    private static func replyCode(_ line: String) -> Int {
        guard line.utf8.count >= 3, let code = Int(line.prefix(3)), (200...599).contains(code) else { return 0 }
        return code
    }
}
