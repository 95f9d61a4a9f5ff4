package import RegardsCalendar
package import RegardsCore
import CCurl

/// Where a webhook goes and how it is signed.
package struct WebhookSettings: Sendable {
    package let url: String
    /// Signing keys: usually one, two while they are being exchanged, none for an unsigned webhook.
    let keys: [WebhookKey]
    /// True when the URL itself names this machine.
    package let isLoopback: Bool
    /// Private and link-local addresses are refused unless this is true.
    package let allowPrivate: Bool
    /// PEM file with the authorities to trust instead of the system's.
    package let caFile: String?
    /// Longest time for one request, all in all (Standard Webhooks: 15 to 30 s).
    package let timeout: TimeSpan
    /// Requests under way at once, 1 to 100.
    package let sessions: Int
    /// Sent with each request beside our own.
    let headers: [WebhookHeader]
    /// What DNS is to have answered, as `host:port:address` (CURLOPT_RESOLVE); for tests.
    var answersOfDNS: [String] = []

    /// - Parameters:
    ///   - url: `https:`; `http:` only to this machine, or with `allowPrivate`.
    ///   - secrets: `whsec_` and 24 to 64 bytes in base64 each (Standard Webhooks), the newest first.
    /// - Throws: `SettingsError` that names the setting, never a secret.
    package init(
        url: String, secrets: [Secret], allowPrivate: Bool = false, caFile: String? = nil,
        timeout: TimeSpan = .seconds(20), sessions: Int = 4, headers: [WebhookHeader] = []
    ) throws(SettingsError) {
        let parts = try WebhookURL(url)
        guard parts.scheme == "https" || parts.scheme == "http" else {
            throw SettingsError("url", "expected https://…, got a URL that begins with \(parts.scheme):")
        }
        isLoopback = LoopbackName.matches(parts.host)
        guard parts.scheme == "https" || isLoopback || allowPrivate else {
            throw SettingsError("url", "an http: URL would send customers' data unencrypted: use https:")
        }
        guard parts.hasNoLogin else {
            throw SettingsError("url", "a login does not belong in the URL: the signature says who sends")
        }
        var keys: [WebhookKey] = []
        for secret in secrets { keys.append(try WebhookKey(secret)) }
        guard timeout > .zero, timeout <= .minutes(10) else {
            throw SettingsError("timeout", "expected more than nothing and at most 10 minutes")
        }
        guard (1...100).contains(sessions) else {
            throw SettingsError("sessions", "expected a number from 1 to 100, got \(sessions)")
        }
        for header in headers where !header.isValid {
            throw SettingsError("headers", "the value of \(header.name) has a character that cannot stand in a header")
        }
        self.headers = headers
        self.url = url
        self.keys = keys
        self.allowPrivate = allowPrivate
        self.caFile = caFile
        self.timeout = timeout
        self.sessions = sessions
    }
}

/// A header of our user's beside those that Standard Webhooks and HTTP want.
package struct WebhookHeader: Hashable, Sendable {
    package let name: String
    /// May be a token.
    let value: Secret

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }

    /// Visible ASCII and spaces inside: nothing that could begin a line of its own.
    fileprivate var isValid: Bool {
        let text = value.reveal.utf8
        return !text.isEmpty && text.count <= 4_096 && text.first != 0x20 && text.last != 0x20
            && text.allSatisfy { (0x20...0x7e).contains($0) }
    }
}

/// The parts of a URL that the settings care about, as libcurl itself will read them.
private struct WebhookURL {
    var scheme: String
    var host: String
    var hasNoLogin: Bool

    init(_ text: String) throws(SettingsError) {
        guard let url = curl_url() else { throw SettingsError("url", "cannot be read: out of memory") }
        defer { curl_url_cleanup(url) }
        let isText = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
        guard isText, curl_url_set(url, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK,
            let scheme = Self.part(url, CURLUPART_SCHEME), let host = Self.part(url, CURLUPART_HOST)
        else { throw SettingsError("url", "expected a URL like https://example.com/hook") }
        self.scheme = scheme.lowercased()
        self.host = host
        hasNoLogin = Self.part(url, CURLUPART_USER) == nil && Self.part(url, CURLUPART_PASSWORD) == nil
    }

    private static func part(_ url: OpaquePointer, _ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
