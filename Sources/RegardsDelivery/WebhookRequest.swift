import CCurl
import Glibc
import RegardsCalendar
import RegardsCore

/// One POST under way: its libcurl handle, what was sent of it and what came back. Or, without a job, a probe: a
/// connection with its TLS, and nothing said on it. Owned by the endpoint's thread.
final class WebhookRequest {
    /// Most bytes of headers, and of the body, that are read of an answer.
    private static let longestAnswer = 64 * 1024

    let handle: UnsafeMutableRawPointer
    let job: WebhookEndpoint.Job?
    private let settings: WebhookSettings
    private let body: [UInt8]
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var addresses: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    /// How often libcurl has begun to send the request. It would repeat one by itself where a kept connection dies under
    /// it, which may have carried it to its end: the second time is refused.
    private var begun = 0
    private var isHandleTaken = false
    private var headerBytes = 0
    private var bodyBytes = 0
    private var retryAfter: String?
    private var refusedAddress: String?

    /// - Parameter spare: the handle of a request that has ended.
    /// - Returns: nil when libcurl has no handle to give.
    init?(_ job: WebhookEndpoint.Job?, _ settings: WebhookSettings, spare: UnsafeMutableRawPointer? = nil) {
        guard let handle = spare ?? CurlLibrary.makeHandle() else { return nil }
        self.handle = handle
        self.job = job
        self.settings = settings
        body = job?.outgoing.message.bytes ?? []
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setTarget()
        setCallbacks()
        if let job { setContent(job.outgoing) } else { regards_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 1) }
    }

    /// Hands the handle to the next request. Everything that was set or learnt is forgotten, so that nothing about this
    /// request can be taken for the next one's; the connection stays with the multi handle.
    func takeHandle() -> UnsafeMutableRawPointer {
        isHandleTaken = true
        curl_easy_reset(handle)
        return handle
    }

    deinit {
        if !isHandleTaken { curl_easy_cleanup(handle) }
        curl_slist_free_all(headers)
        curl_slist_free_all(addresses)
        errorText.deallocate()
    }

    /// The id goes into a header: nothing but visible ASCII may stand in it.
    static func isUsable(identifier: String) -> Bool {
        !identifier.isEmpty && identifier.utf8.count <= 256 && identifier.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private func setTarget() {
        regards_curl_set_string(handle, CURLOPT_URL, settings.url)
        regards_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        regards_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
        // With a proxy the address behind it could not be checked; the environment has no say here.
        regards_curl_set_string(handle, CURLOPT_PROXY, "")
        // One request after the other on a connection: what was handed over is then known to the byte.
        regards_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        regards_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        regards_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Int(settings.timeout.microseconds / 1000))
        regards_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(settings.timeout.microseconds / 2000))
        regards_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        regards_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
        regards_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
        for answer in settings.answersOfDNS { addresses = curl_slist_append(addresses, answer) }
        if addresses != nil { regards_curl_set_list(handle, CURLOPT_RESOLVE, addresses) }
        if let caFile = settings.caFile { regards_curl_set_string(handle, CURLOPT_CAINFO, caFile) }
    }

    private func setContent(_ outgoing: Outgoing) {
        regards_curl_set_long(handle, CURLOPT_POST, 1)
        // With the body at hand libcurl sends it together with the head; the size comes first, because it is copied.
        regards_curl_set_off(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        _ = body.withUnsafeBytes { bytes in
            regards_curl_set_pointer(
                handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(errorText)))
        }
        // libcurl takes a buffer of 64 KiB for each request and gives it back; few bodies need that.
        if body.count < 16 * 1024 { regards_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 16 * 1024) }
        let message = outgoing.message
        let timestamp = outgoing.attemptedAt.seconds
        let signatures = settings.keys.map { $0.signature(id: message.id, timestamp: timestamp, body: body) }
        var lines = [
            "Content-Type: application/json", "User-Agent: Regards", "webhook-id: \(message.id)",
            "webhook-timestamp: \(timestamp)",
            // Without this libcurl waits for "100 Continue" before a long body.
            "Expect:",
        ]
        lines += settings.headers.map { "\($0.name): \($0.value.reveal)" }
        if !signatures.isEmpty { lines.append("webhook-signature: \(signatures.joined(separator: " "))") }
        for line in lines { headers = curl_slist_append(headers, line) }
        regards_curl_set_list(handle, CURLOPT_HTTPHEADER, headers)
    }

    private func setCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        regards_curl_set_pointer(handle, CURLOPT_PRIVATE, context)
        regards_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        for option in [CURLOPT_PREREQDATA, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_OPENSOCKETDATA] {
            regards_curl_set_pointer(handle, option, context)
        }
        regards_curl_set_prereq_function(handle) { context, _, _, _, _ in
            guard let context else { return CURL_PREREQFUNC_ABORT }
            return WebhookRequest.at(context).begin()
        }
        regards_curl_set_data_function(handle, CURLOPT_WRITEFUNCTION) { _, size, count, context in
            guard let context else { return 0 }
            return WebhookRequest.at(context).heard(bodyBytes: size * count)
        }
        regards_curl_set_data_function(handle, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            guard let data, let context else { return 0 }
            return WebhookRequest.at(context).heard(header: UnsafeRawBufferPointer(start: data, count: size * count))
        }
        regards_curl_set_open_socket_function(handle) { context, _, address in
            guard let context, let address else { return CURL_SOCKET_BAD }
            return WebhookRequest.at(context).openSocket(address)
        }
    }

    private static func at(_ context: UnsafeMutableRawPointer) -> WebhookRequest {
        Unmanaged<WebhookRequest>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: - Called by libcurl

    private func begin() -> Int32 {
        begun += 1
        return begun == 1 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
    }

    /// Answering less than was offered ends the transfer (CURLE_WRITE_ERROR); the status is known by then.
    private func heard(bodyBytes count: Int) -> Int {
        bodyBytes += count
        return bodyBytes <= Self.longestAnswer ? count : 0
    }

    /// Of a status line, and of the one header that is read.
    private static let headerStarts: [UInt8] = Array("HRr".utf8)

    private func heard(header bytes: UnsafeRawBufferPointer) -> Int {
        headerBytes += bytes.count
        guard let first = bytes.first, Self.headerStarts.contains(first) else {
            return headerBytes <= Self.longestAnswer ? bytes.count : 0
        }
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") { retryAfter = nil }
        if let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "retry-after" {
            retryAfter = line[line.index(after: colon)...].filter { $0 != "\r\n" && $0 != "\n" && $0 != "\r" }
        }
        return headerBytes <= Self.longestAnswer ? bytes.count : 0
    }

    /// The address is the one that DNS gave and the connection will go to: no later look-up can change it.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let place = NetworkPlace(address)
        guard isAllowed(place) else {
            refusedAddress = place.description
            return CURL_SOCKET_BAD
        }
        let one = address.pointee
        return socket(one.family, one.socktype | Int32(SOCK_CLOEXEC.rawValue), one.protocol)
    }

    private func isAllowed(_ place: NetworkPlace) -> Bool {
        if settings.isLoopback { return place.isLoopback }
        return settings.allowPrivate || !place.isSpecial
    }

    // MARK: - The end

    /// True when the whole request may be with the endpoint.
    var isHandedOver: Bool {
        guard job != nil else { return false }
        var sent: curl_off_t = 0
        regards_curl_get_off(handle, CURLINFO_SIZE_UPLOAD_T, &sent)
        return isConnected && sent >= body.count
    }

    private var isConnected: Bool {
        var time: curl_off_t = 0
        regards_curl_get_off(handle, CURLINFO_PRETRANSFER_TIME_T, &time)
        return time > 0
    }

    /// The report of a finished transfer; of a probe, `delivered` says that the endpoint can be reached. A status that came decides, whatever became of the answer's body.
    func report(_ code: CURLcode) -> AttemptReport {
        guard let job else {
            return code == CURLE_OK ? AttemptReport(.delivered) : report(.notConnected, code)
        }
        var status = 0
        regards_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        if status >= 200 { return answered(status, job) }
        // A kept connection died under the request, which it may have carried to its end.
        if isHandedOver || begun > 1 { return report(code == CURLE_OPERATION_TIMEDOUT ? .timeoutAfter : .lostAfter, code) }
        guard isConnected || begun > 0 else { return report(.notConnected, code) }
        var report = report(.lostBefore, code)
        report.outcome = .deferred(
            .connectionLost, notBefore: job.outgoing.attemptedAt + WebhookEndpoint.pauseAfterLoss)
        return report
    }

    private func answered(_ status: Int, _ job: WebhookEndpoint.Job) -> AttemptReport {
        var elapsed: curl_off_t = 0
        regards_curl_get_off(handle, CURLINFO_TOTAL_TIME_T, &elapsed)
        let answeredAt = job.outgoing.attemptedAt + .seconds(Int64(elapsed) / 1_000_000)
        let outcome = WebhookOutcomes.outcome(status: status, retryAfter: retryAfter, answeredAt: answeredAt)
        return AttemptReport(outcome, code: status, detail: "HTTP \(status)")
    }

    private func report(_ event: WebhookOutcomes.Event, _ code: CURLcode) -> AttemptReport {
        if let refusedAddress, event == .notConnected {
            return AttemptReport(event.outcome, detail: "the endpoint's name leads to \(refusedAddress), an address of "
                + "a private network; allow_private: yes permits that")
        }
        let text = Redaction.reply(String(cString: errorText))
        let row = WebhookOutcomes.failures.first { $0.code == code }
        let problem = row?.problem ?? CurlLibrary.words(for: code)
        let said = text.isEmpty ? "" : " (\(text))"
        return AttemptReport(event.outcome, detail: "\(event.words): \(problem)\(said)" + (row.map { "; \($0.advice)" } ?? ""))
    }
}
