import CCurl
import RegardsCalendar
import RegardsCore

/// A connection that libcurl makes and we talk over (CURLOPT_CONNECT_ONLY).
///
/// This is the only file of the SMTP side that calls libcurl, in five places: perform, the socket, send, receive,
/// clean-up. `connect` does DNS, TCP, TLS, EHLO, STARTTLS and the login. Rules that libcurl 7.88 imposes:
/// - a fresh handle for each connection (a second perform leaks the first socket until clean-up),
/// - after `again` a send is repeated with the same bytes at the same address (OpenSSL's write retry),
/// - over TLS the reader goes on until `again`: decrypted bytes may wait where poll(2) does not see them.
///
/// Unchecked: a connection has one owner at a time. The connecting thread hands it to the relay's thread through the
/// relay's lock and does not touch it again.
final class SMTPConnection: @unchecked Sendable {
    enum Transfer { case bytes(Int), again, ended }

    private let handle: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private let isCancelled: @Sendable () -> Bool
    private var hearsFirstLine = true
    /// What a relay must not be able to put into our journal: the secret of the login, plain and as it goes to the relay.
    private var hidden: [String] = []
    private(set) var capabilities = SMTPCapabilities()
    /// The last line the relay said while we connected, with its code. Not redacted.
    private(set) var lastLine = ""
    private(set) var socket: Int32 = -1
    let isEncrypted: Bool

    /// - Parameter isCancelled: asked about once a second while connecting; true gives up.
    init?(_ settings: SMTPSettings, isCancelled: @escaping @Sendable () -> Bool) {
        guard let handle = CurlLibrary.makeHandle() else { return nil }
        self.handle = handle
        self.isCancelled = isCancelled
        isEncrypted = settings.security != .none
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        apply(settings)
        setCallbacks()
    }

    deinit {
        if isCancelled() {
            // A name server that does not answer must not hold up the end of the process.
            regards_curl_set_quick_exit(handle)
        }
        curl_easy_cleanup(handle)
        errorText.deallocate()
    }

    private func apply(_ settings: SMTPSettings) {
        regards_curl_set_string(handle, CURLOPT_URL, settings.url)
        regards_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        regards_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
        regards_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // What the environment of the daemon says about proxies has no say in where mail goes.
        regards_curl_set_string(handle, CURLOPT_PROXY, "")
        let limit = Int(settings.connectTimeout.microseconds / 1000)
        regards_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, limit)
        regards_curl_set_long(handle, CURLOPT_TIMEOUT_MS, limit)
        regards_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        regards_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        regards_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
        regards_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
        if settings.security == .startTLS {
            regards_curl_set_long(handle, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
        }
        if let caFile = settings.caFile { regards_curl_set_string(handle, CURLOPT_CAINFO, caFile) }
    }

    /// libcurl would fall back to another mechanism, and give it an empty password, if it were not held to one.
    private func apply(_ login: SMTPLogin) throws {
        let secret = try login.secret()
        hidden = Self.forms(of: secret.reveal, login.user)
        regards_curl_set_string(handle, CURLOPT_USERNAME, login.user)
        if let mechanism = login.mechanism {
            regards_curl_set_string(handle, CURLOPT_LOGIN_OPTIONS, "AUTH=\(mechanism.rawValue.uppercased())")
        }
        let option = login.mechanism == .xoauth2 ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD
        regards_curl_set_string(handle, option, secret.reveal)
    }

    private func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        regards_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        regards_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        regards_curl_set_data_function(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            guard let data, let context else { return 0 }
            let line = UnsafeRawBufferPointer(start: data, count: size * count)
            Unmanaged<SMTPConnection>.fromOpaque(context).takeUnretainedValue().heard(line)
            return size * count
        }
        regards_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
        regards_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
        regards_curl_set_progress_function(handle) { context, _, _, _, _ in
            guard let context else { return 1 }
            return Unmanaged<SMTPConnection>.fromOpaque(context).takeUnretainedValue().isCancelled() ? 1 : 0
        }
    }

    /// Reply lines come one by one. A 220 (the greeting, and the answer to STARTTLS) begins a new list, so that only
    /// what was offered under encryption counts in the end.
    private func heard(_ bytes: UnsafeRawBufferPointer) {
        let end = bytes.lastIndex { $0 != 0x0d && $0 != 0x0a }.map { $0 + 1 } ?? 0
        lastLine = String(decoding: bytes[..<end], as: UTF8.self)
        if lastLine.hasPrefix("220") {
            capabilities = SMTPCapabilities()
            hearsFirstLine = true
        } else if lastLine.hasPrefix("250") {
            if !hearsFirstLine { capabilities.add(lastLine.dropFirst(4)) }
            hearsFirstLine = false
        }
    }

    private static func forms(of secret: String, _ user: String) -> [String] {
        let coded = [secret, "\0\(user)\0\(secret)", "user=\(user)\u{1}auth=Bearer \(secret)\u{1}\u{1}"]
        return [secret] + coded.map { Base64.encode(Array($0.utf8)) }
    }

    /// Relays like to repeat what they did not understand.
    private func shown(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        return words.map { word in hidden.contains { word.contains($0) } ? "<secret>" : word }.joined(separator: " ")
    }

    // MARK: - What libcurl does

    /// Connects and logs in; blocks for at most the connect timeout.
    /// - Returns: nil when the session is ready for MAIL.
    func connect(_ settings: SMTPSettings) -> SMTPConnectFailure? {
        do {
            if let login = settings.login { try apply(login) }
        } catch {
            return .noSecret(settings, error)
        }
        let code = curl_easy_perform(handle)
        if code == CURLE_OK {
            // libcurl goes on without a login where none is offered. The relay would then refuse our mail for good.
            if settings.login != nil, capabilities.mechanisms.isEmpty { return .noLoginOffered(settings) }
            regards_curl_get_socket(handle, &socket)
            if socket >= 0 { return nil }
        }
        // Where the relay refused a login, its own words came last; where none of its ways was tried, its offers did.
        if code == CURLE_LOGIN_DENIED, lastLine.hasPrefix("250") { return .noCommonLogin(settings, capabilities) }
        let curlText = String(cString: errorText)
        return SMTPConnectFailure(code: code, lastLine: shown(lastLine), curlText: shown(curlText), settings: settings)
    }

    /// Gives bytes to libcurl. After `again` repeat with the same bytes at the same address.
    func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        var count = 0
        switch curl_easy_send(handle, bytes.baseAddress, bytes.count, &count) {
        case CURLE_OK: return .bytes(count)
        case CURLE_AGAIN: return .again
        default: return .ended
        }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        var count = 0
        switch curl_easy_recv(handle, buffer.baseAddress, buffer.count, &count) {
        case CURLE_OK: return count > 0 ? .bytes(count) : .ended
        case CURLE_AGAIN: return .again
        default: return .ended
        }
    }
}
