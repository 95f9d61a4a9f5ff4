import CCurl
import RegardsCalendar
import RegardsCore
import Synchronization

/// What the endpoint's thread needs of libcurl and OpenSSL.
///
/// Unchecked: made by whoever starts the thread, and used by the thread alone.
struct WebhookTools: @unchecked Sendable {
    let multi: UnsafeMutableRawPointer
    let target: WebhookTarget
    let signers: [WebhookSigner]

    /// - Returns: nil when there is no memory left.
    init?(_ settings: WebhookSettings) {
        guard let multi = CurlLibrary.makeMulti() else { return nil }
        let signers = settings.keys.compactMap { WebhookSigner($0) }
        guard let target = WebhookTarget(settings), signers.count == settings.keys.count else {
            curl_multi_cleanup(multi)
            return nil
        }
        self.multi = multi
        self.target = target
        self.signers = signers
    }

    /// There is no thread to use them.
    func discard() { curl_multi_cleanup(multi) }
}

/// What the endpoint's thread does: keep up to `sessions` requests under way, and wait for their sockets.
final class WebhookLoop {
    private let endpoint: WebhookEndpoint
    private let settings: WebhookSettings
    private let multi: UnsafeMutableRawPointer
    private let target: WebhookTarget
    private let signers: [WebhookSigner]
    private let sockets: CurlSockets
    private let headers: WebhookHeaders.Fixed
    private var jobs: [WebhookEndpoint.Job] = []
    private var requests: [UnsafeMutableRawPointer: WebhookRequest] = [:]
    /// Requests that have ended and can be used again.
    private var spares: [WebhookRequest] = []
    private var isProbing = false
    private var closeBy: Monotonic?

    init(_ endpoint: WebhookEndpoint, _ tools: WebhookTools, _ watch: SocketWatch) {
        self.endpoint = endpoint
        settings = endpoint.settings
        multi = tools.multi
        target = tools.target
        signers = tools.signers
        sockets = CurlSockets(multi, watch)
        headers = WebhookHeaders.Fixed(settings)
        // Kept connections: no more than can be in use at once.
        regards_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, settings.sessions)
    }

    func run() {
        while true {
            takeInbox()
            if closeBy != nil, stop() { break }
            start()
            sockets.callIfDue()
            // Each end makes room for a message that waits, or is the last one before closing.
            if !finish() { wait() }
        }
        spares.removeAll()
        curl_multi_cleanup(multi)
    }

    // MARK: - Inbox

    private func takeInbox() {
        let (opening, isGone, state, pings) = endpoint.shared.withLock { shared in
            jobs += shared.jobs
            shared.jobs.removeAll(keepingCapacity: true)
            closeBy = shared.closeBy
            defer {
                shared.opening = false
                shared.pings.removeAll()
            }
            return (shared.opening, shared.isGone, shared.state, shared.pings)
        }
        for answer in pings { answer() }
        guard closeBy == nil else { return }
        if isGone {
            if opening { goDown(.endpointError, Self.goneWords) }
        } else if case .down = state {
            if opening { probe() }
        } else if state == .idle, opening || !jobs.isEmpty {
            endpoint.change(to: .ready)
        }
    }

    /// Sees whether an endpoint that was down can be reached again.
    private func probe() {
        endpoint.change(to: .opening)
        guard let request = WebhookRequest(settings, target, headers, sockets), curl_multi_add_handle(multi, request.handle) == CURLM_OK else {
            return goDown(.relayDown, Self.noMemoryWords)
        }
        isProbing = true
        requests[request.handle] = request
    }

    private static let noMemoryWords = "libcurl has no memory left"
    private static let goneWords =
        "the endpoint answered 410 Gone: it is not used until the configuration is read again; "
        + "correct its url or remove it"

    // MARK: - Requests

    private func start() {
        // While it is probed the channel takes no message, or it would know no better than before.
        while requests.count < settings.sessions, !jobs.isEmpty, !isProbing {
            let job = jobs.removeFirst()
            guard WebhookRequest.isUsable(identifier: job.outgoing.message.id) else {
                job.ended(WebhookEndpoint.report(.badIdentifier))
                continue
            }
            guard let request = spares.popLast() ?? WebhookRequest(settings, target, headers, sockets), request.begin(job, signers),
                curl_multi_add_handle(multi, request.handle) == CURLM_OK
            else {
                job.ended(AttemptReport(.deferred(.relayDown, notBefore: nil), detail: Self.noMemoryWords))
                continue
            }
            requests[request.handle] = request
        }
    }

    /// Reports the transfers that came to an end.
    /// - Returns: false when there were none.
    private func finish() -> Bool {
        var found = false
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle,
                let request = requests.removeValue(forKey: handle)
            else { continue }
            found = true
            let report = request.report(regards_curl_message_result(message))
            curl_multi_remove_handle(multi, handle)
            let job = request.job
            if let job {
                request.end()
                spares.append(request)
                job.ended(report)
            } else {
                isProbing = false
            }
            follow(report, wasProbe: job == nil)
        }
        return found
    }

    private func follow(_ report: AttemptReport, wasProbe: Bool) {
        switch report.outcome {
        case .deferred(.relayDown, _):
            goDown(.relayDown, report.detail)
        case .refused(.endpointGone):
            endpoint.shared.withLock { $0.isGone = true }
            goDown(.endpointError, Self.goneWords)
        default:
            if wasProbe { endpoint.change(to: .ready) }
        }
    }

    /// What waits ends; requests under way go on to their own end.
    private func goDown(_ reason: DeferralReason, _ detail: String) {
        let waiting = jobs
        jobs.removeAll()
        for job in waiting + endpoint.goDown(reason, detail) {
            job.ended(AttemptReport(.deferred(reason, notBefore: nil), detail: detail))
        }
    }

    private func wait() {
        let mayWait = endpoint.shared.withLock { shared in
            shared.isAsleep = shared.jobs.isEmpty && !shared.opening
            return shared.isAsleep
        }
        sockets.wait(until: mayWait ? closeBy ?? .never : nil)
        if mayWait { endpoint.shared.withLock { $0.isAsleep = false } }
    }

    // MARK: - Stopping

    /// Ends what was not handed over; the thread goes on while answers may still come.
    /// - Returns: true when nothing is left.
    private func stop() -> Bool {
        for job in jobs { job.ended(WebhookEndpoint.report(.stoppedBefore)) }
        jobs.removeAll()
        let graceIsOver = closeBy.map { $0 <= .now } ?? true
        for (handle, request) in requests where graceIsOver || !request.isHandedOver {
            requests[handle] = nil
            let isHandedOver = request.isHandedOver
            curl_multi_remove_handle(multi, handle)
            request.job?.ended(WebhookEndpoint.report(isHandedOver ? .stoppedAfter : .stoppedBefore))
        }
        return requests.isEmpty
    }
}
