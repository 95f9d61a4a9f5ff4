package import RegardsCalendar
package import RegardsCore

/// Why a channel's settings cannot work; found when they are read, before anything is sent.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The setting at fault, as it is called in `regards.yaml`.
    package var setting: String
    package var description: String

    init(_ setting: String, _ description: String) {
        self.setting = setting
        self.description = description
    }
}

/// How to log in to a relay.
package struct SMTPLogin: Sendable {
    package enum Mechanism: String, CaseIterable, Sendable {
        /// RFC 4616.
        case plain
        /// Not standardised, and offered by many.
        case login
        /// An OAuth 2.0 access token in place of a password, as Gmail and Microsoft 365 want it.
        case xoauth2
    }

    package var user: String
    /// nil: the best of what the relay offers and libcurl knows.
    package var mechanism: Mechanism?
    /// The password, or the token. Asked for at each connection: a token is good for an hour, and whoever renews it
    /// writes a new one to the same place.
    let secret: @Sendable () throws -> Secret

    /// - Parameter secret: called on threads that connect; may block for a moment.
    package init(user: String, mechanism: Mechanism? = nil, secret: @escaping @Sendable () throws -> Secret) {
        self.user = user
        self.mechanism = mechanism
        self.secret = secret
    }

    package init(user: String, password: Secret) { self.init(user: user) { password } }
}

/// How to reach one mail relay.
package struct SMTPSettings: Sendable {
    package enum Security: String, CaseIterable, Sendable {
        /// Plain SMTP. For a relay on this machine, or where the operator said so.
        case none
        /// Plain at first, then STARTTLS, which is required (RFC 3207): a relay that does not offer it is not used.
        case startTLS = "starttls"
        /// TLS from the first byte (RFC 8314), usually port 465.
        case implicitTLS = "tls"
    }

    package var host: String
    package var port: Int
    package var security: Security
    package var login: SMTPLogin?
    /// PEM file with the authorities to trust instead of the system's.
    package var caFile: String?
    /// What we call ourselves in EHLO; nil for this machine's host name.
    package var heloName: String?
    /// Without it `security: none` is refused for any host but this machine.
    package var allowPlaintext: Bool
    /// Longest wait for DNS, TCP, TLS, greeting and login together.
    package var connectTimeout: TimeSpan
    /// Longest wait for one reply before the message is handed over (RFC 5321 4.5.3.2: 5 minutes), and for the relay
    /// to take more of the message.
    package var replyTimeout: TimeSpan
    /// Longest wait for the reply to the final dot (RFC 5321 4.5.3.2.6: 10 minutes). Giving up early makes doubles.
    package var finalReplyTimeout: TimeSpan
    /// A session without work is closed after this long.
    package var idleTimeout: TimeSpan
    /// Connections to the relay at once, 1 to 100.
    package var sessions: Int
    /// Behind a relay that takes longer than this over a message the next one does not wait: another session may be
    /// free sooner.
    var quickAnswer = TimeSpan.seconds(1)

    /// - Throws: `SettingsError` for a host or name that cannot stand in a URL, a port or a number out of range, or mail
    ///   that would cross the network in clear; a login is refused there even if the mail is not.
    package init(
        host: String, port: Int, security: Security, login: SMTPLogin? = nil,
        caFile: String? = nil, heloName: String? = nil, allowPlaintext: Bool = false,
        connectTimeout: TimeSpan = .seconds(60), replyTimeout: TimeSpan = .minutes(5),
        finalReplyTimeout: TimeSpan = .minutes(10), idleTimeout: TimeSpan = .seconds(30), sessions: Int = 1
    ) throws(SettingsError) {
        self.host = host
        self.port = port
        self.security = security
        self.login = login
        self.caFile = caFile
        self.heloName = heloName
        self.allowPlaintext = allowPlaintext
        self.connectTimeout = connectTimeout
        self.replyTimeout = replyTimeout
        self.finalReplyTimeout = finalReplyTimeout
        self.idleTimeout = idleTimeout
        self.sessions = sessions
        try check()
    }

    /// True for names and addresses that stay on this machine.
    package var isLoopback: Bool { LoopbackName.matches(host) }

    private func check() throws(SettingsError) {
        guard HostText.isHost(host) else {
            throw SettingsError("host", "expected a host name or an IP address, got \"\(host)\"")
        }
        guard (1...65535).contains(port) else {
            throw SettingsError("port", "expected a number from 1 to 65535, got \(port)")
        }
        if let heloName, !HostText.isHost(heloName), !HostText.isAddressLiteral(heloName) {
            throw SettingsError("helo", "expected a host name or an address like [192.0.2.1], got \"\(heloName)\"")
        }
        if security == .none, !isLoopback, !allowPlaintext {
            throw SettingsError("security", "mail would cross the network unencrypted: use starttls or tls")
        }
        if security == .none, !isLoopback, login != nil {
            throw SettingsError("user", "a login would cross the network in clear: use starttls or tls, or no login")
        }
        guard (1...100).contains(sessions) else {
            throw SettingsError("sessions", "expected a number from 1 to 100, got \(sessions)")
        }
        for (name, value) in [
            ("connect_timeout", connectTimeout), ("reply_timeout", replyTimeout),
            ("final_reply_timeout", finalReplyTimeout), ("idle_timeout", idleTimeout),
        ] where value <= .zero || value > .days(1) {
            throw SettingsError(name, "expected more than nothing and at most a day")
        }
    }

    /// Scheme, host, port, and the EHLO name, which libcurl takes from the path.
    var url: String {
        let scheme = security == .implicitTLS ? "smtps" : "smtp"
        let place = host.contains(":") ? "[\(host)]" : host
        let name = (heloName ?? "").map { $0 == "[" ? "%5B" : $0 == "]" ? "%5D" : String($0) }.joined()
        return "\(scheme)://\(place):\(port)/\(name)"
    }

    /// Host and port as the operator knows them.
    var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Text that may stand as a host in a URL: nothing there that could end it or begin something else.
enum HostText {
    static func isHost(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "-._:".utf8.contains($0) || $0 > 0x7f }
    }

    static func isAddressLiteral(_ text: String) -> Bool {
        guard text.hasPrefix("["), text.hasSuffix("]"), text.utf8.count > 2 else { return false }
        return text.dropFirst().dropLast().utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2e || $0 == 0x3a }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}

/// Names and literal addresses of this machine, before any look-up.
enum LoopbackName {
    static func matches(_ host: String) -> Bool {
        let name = host.lowercased()
        if name == "localhost" || name == "::1" || name == "[::1]" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
