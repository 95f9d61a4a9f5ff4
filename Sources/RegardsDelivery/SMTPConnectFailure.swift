import CCurl
import RegardsCore

/// Why a relay could not be reached, in words that say what to do. Holds no secret: libcurl's texts and the relay's
/// last line go through `Redaction.reply`, and the login was never part of either.
struct SMTPConnectFailure: Hashable, Sendable {
    var reason: DeferralReason
    /// The relay's reply code, 0 when it said nothing.
    var code: Int
    var detail: String

    /// One row for each way libcurl fails to connect; shown in `docs/outcomes.md`.
    struct Row: Sendable {
        var code: CURLcode
        var name: String
        var problem: String
        var advice: String
    }

    static let rows: [Row] = [
        Row(code: CURLE_COULDNT_RESOLVE_HOST, name: "CURLE_COULDNT_RESOLVE_HOST",
            problem: "the name of the relay is not known", advice: "check host and the name servers"),
        Row(code: CURLE_COULDNT_CONNECT, name: "CURLE_COULDNT_CONNECT",
            problem: "nothing answers there", advice: "check host and port, that the relay runs, and the firewall"),
        Row(code: CURLE_OPERATION_TIMEDOUT, name: "CURLE_OPERATION_TIMEDOUT",
            problem: "no answer within the connect timeout",
            advice: "check host, port and firewall; a relay on port 465 wants security: tls"),
        Row(code: CURLE_WEIRD_SERVER_REPLY, name: "CURLE_WEIRD_SERVER_REPLY",
            problem: "the relay did not greet us", advice: "its answer says why; check that the port is an SMTP port"),
        Row(code: CURLE_REMOTE_ACCESS_DENIED, name: "CURLE_REMOTE_ACCESS_DENIED",
            problem: "the relay refused our EHLO", advice: "set helo to a name the relay accepts"),
        Row(code: CURLE_SSL_CONNECT_ERROR, name: "CURLE_SSL_CONNECT_ERROR",
            problem: "TLS could not be agreed",
            advice: "check security (tls is for port 465, starttls for 587) and that the relay speaks TLS 1.2 or later"),
        Row(code: CURLE_PEER_FAILED_VERIFICATION, name: "CURLE_PEER_FAILED_VERIFICATION",
            problem: "the relay's certificate is not trusted",
            advice: "renew it, use the name it was made for as host, or name its authority in ca_file"),
        Row(code: CURLE_SSL_CACERT_BADFILE, name: "CURLE_SSL_CACERT_BADFILE",
            problem: "the file of trusted authorities cannot be read", advice: "check ca_file and its permissions"),
        Row(code: CURLE_USE_SSL_FAILED, name: "CURLE_USE_SSL_FAILED",
            problem: "the relay offers no STARTTLS, and without encryption nothing is sent",
            advice: "use its TLS port with security: tls, or security: none for a relay on a network you trust"),
        Row(code: CURLE_LOGIN_DENIED, name: "CURLE_LOGIN_DENIED",
            problem: "the relay refused the login", advice: "check user and password"),
        Row(code: CURLE_GOT_NOTHING, name: "CURLE_GOT_NOTHING",
            problem: "the relay closed the connection without a word", advice: "see the relay's log"),
        Row(code: CURLE_SEND_ERROR, name: "CURLE_SEND_ERROR",
            problem: "the connection broke while it was made", advice: "see the relay's log"),
        Row(code: CURLE_RECV_ERROR, name: "CURLE_RECV_ERROR",
            problem: "the connection broke while it was made", advice: "see the relay's log"),
    ]

    init(code: CURLcode, lastLine: String, curlText: String, settings: SMTPSettings) {
        let replyCode = Self.replyCode(lastLine)
        self.code = replyCode
        // A refusal in the relay's own words outranks libcurl's: 421 means come later whatever it interrupted.
        reason = replyCode == 421 ? .relayBusy : .relayDown
        let row = Self.rows.first { $0.code == code }
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
