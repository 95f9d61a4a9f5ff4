import CCurl
import Glibc
import RegardsCalendar
import RegardsCore

/// Where an endpoint's requests go, for libcurl, which would take the text of a URL to pieces for each of them. It only
/// reads from it (CURLOPT_CURLU(3)). Owned by one thread.
final class WebhookTarget {
    fileprivate let url: OpaquePointer

    /// - Returns: nil when there is no memory left.
    init?(_ settings: WebhookSettings) {
        guard let url = curl_url() else { return nil }
        self.url = url
        guard curl_url_set(url, CURLUPART_URL, settings.url, 0) == CURLUE_OK else { return nil }
    }

    deinit { curl_url_cleanup(url) }
}

/// One POST at a time: its libcurl handle, what was sent of it and what came back. Or, without a job, a probe: a
/// connection with its TLS, and nothing said on it. Owned by the endpoint's thread.
///
/// Used again for the next POST, because what is the same for all of them is a good part of a request's cost. libcurl
/// forgets what it learnt when a transfer begins (`begun` says that it has), and `begin` what this object learnt.
final class WebhookRequest {
    /// Most bytes of headers, and of the body, that are read of an answer.
    private static let longestAnswer = 64 * 1024

    let handle: UnsafeMutableRawPointer
    private(set) var job: WebhookEndpoint.Job?
    private let settings: WebhookSettings
    private let target: WebhookTarget
    private let headers: WebhookHeaders
    private let sockets: CurlSockets
    private var addresses: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    private var bodySize = 0
    /// How often libcurl has begun to send the request. It would repeat one by itself where a kept connection dies under
    /// it, which may have carried it to its end: the second time is refused.
    private var begun = 0
    private var headerBytes = 0
    private var bodyBytes = 0
    private var retryAfter: String?
    private var refusedAddress: String?

    /// A probe, until `begin`.
    /// - Returns: nil when libcurl has no handle to give.
    init?(_ settings: WebhookSettings, _ target: WebhookTarget, _ fixed: WebhookHeaders.Fixed, _ sockets: CurlSockets) {
        guard let handle = CurlLibrary.makeHandle() else { return nil }
        self.handle = handle
        self.settings = settings
        self.target = target
        self.sockets = sockets
        headers = WebhookHeaders(fixed)
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setTarget()
        setCallbacks()
        sockets.adopt(handle)
        regards_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(addresses)
        errorText.deallocate()
    }

    /// Makes it the request for a message.
    /// - Returns: false when it cannot be signed.
    func begin(_ job: WebhookEndpoint.Job, _ signers: [WebhookSigner]) -> Bool {
        let message = job.outgoing.message
        let timestamp = String(job.outgoing.attemptedAt.seconds)
        let head = Array(message.id.utf8) + [0x2e] + timestamp.utf8 + [0x2e]
        var signatures: [UInt8] = []
        for signer in signers {
            guard let signature = signer.signature(head: head, body: message.bytes) else { return false }
            signatures = signatures.isEmpty ? signature : signatures + [0x20] + signature
        }
        headers.write(id: message.id, timestamp: timestamp, signatures: signatures)
        self.job = job
        (begun, headerBytes, bodyBytes, retryAfter, refusedAddress) = (0, 0, 0, nil, nil)
        errorText[0] = 0
        setContent(message.bytes)
        return true
    }

    /// The message has ended, and memory holds its body no longer than that: it may be long, and it is about somebody.
    func end() {
        job = nil
        regards_curl_set_pointer(handle, CURLOPT_POSTFIELDS, nil)
    }

    /// The id goes into a header: nothing but visible ASCII may stand in it.
    static func isUsable(identifier: String) -> Bool {
        !identifier.isEmpty && identifier.utf8.count <= 256 && identifier.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private func setTarget() {
        regards_curl_set_pointer(handle, CURLOPT_CURLU, UnsafeMutableRawPointer(target.url))
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
        // Buffers that libcurl takes for each request and gives back: 16 and 64 KiB if it were not told.
        regards_curl_set_long(handle, CURLOPT_BUFFERSIZE, 4 * 1024)
        regards_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 16 * 1024)
        for answer in settings.answersOfDNS { addresses = curl_slist_append(addresses, answer) }
        if addresses != nil { regards_curl_set_list(handle, CURLOPT_RESOLVE, addresses) }
        if let caFile = settings.caFile { regards_curl_set_string(handle, CURLOPT_CAINFO, caFile) }
    }

    private func setContent(_ body: [UInt8]) {
        regards_curl_set_long(handle, CURLOPT_CONNECT_ONLY, 0)
        regards_curl_set_long(handle, CURLOPT_POST, 1)
        // With the body at hand libcurl sends it together with the head; the size comes first, because it is copied.
        regards_curl_set_off(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        _ = body.withUnsafeBytes { bytes in
            regards_curl_set_pointer(
                handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(errorText)))
        }
        bodySize = body.count
        regards_curl_set_list(handle, CURLOPT_HTTPHEADER, headers.list)
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

    private func heard(header bytes: UnsafeRawBufferPointer) -> Int {
        headerBytes += bytes.count
        switch bytes.first {
        // A status line: the headers of an answer before it do not count.
        case UInt8(ascii: "H") where bytes.starts(with: "HTTP/".utf8): retryAfter = nil
        case UInt8(ascii: "R"), UInt8(ascii: "r"): heardRetryAfter(String(decoding: bytes, as: UTF8.self))
        default: break
        }
        return headerBytes <= Self.longestAnswer ? bytes.count : 0
    }

    private func heardRetryAfter(_ line: String) {
        guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "retry-after" else { return }
        retryAfter = line[line.index(after: colon)...].filter { $0 != "\r\n" && $0 != "\n" && $0 != "\r" }
    }

    /// The address is the one that DNS gave and the connection will go to: no later look-up can change it.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let place = NetworkPlace(address)
        guard isAllowed(place) else {
            refusedAddress = place.description
            return CURL_SOCKET_BAD
        }
        return sockets.open(address.pointee)
    }

    private func isAllowed(_ place: NetworkPlace) -> Bool {
        if settings.isLoopback { return place.isLoopback }
        return settings.allowPrivate || !place.isSpecial
    }

    // MARK: - The end

    /// True when the whole request may be with the endpoint.
    var isHandedOver: Bool {
        // Before that libcurl still says what it knows of the request before.
        guard begun > 0 else { return false }
        var sent: curl_off_t = 0
        regards_curl_get_off(handle, CURLINFO_SIZE_UPLOAD_T, &sent)
        return sent >= bodySize
    }

    /// The report of a finished transfer; of a probe, `delivered` says that the endpoint can be reached. A status that
    /// came decides, whatever became of the answer's body.
    func report(_ code: CURLcode) -> AttemptReport {
        guard let job else {
            return code == CURLE_OK ? AttemptReport(.delivered) : report(.notConnected, code)
        }
        guard begun > 0 else { return report(.notConnected, code) }
        var status = 0
        regards_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        if status >= 200 { return answered(status, job) }
        // A kept connection died under the request, which it may have carried to its end.
        if isHandedOver || begun > 1 { return report(code == CURLE_OPERATION_TIMEDOUT ? .timeoutAfter : .lostAfter, code) }
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
        let row = CurlFailure.row(code, in: WebhookOutcomes.failures)
        let problem = row?.problem ?? CurlLibrary.words(for: code)
        let said = text.isEmpty ? "" : " (\(text))"
        return AttemptReport(event.outcome, detail: "\(event.words): \(problem)\(said)" + (row.map { "; \($0.advice)" } ?? ""))
    }
}
