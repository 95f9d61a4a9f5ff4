import CCurl
import RegardsCalendar
import RegardsCore
import Synchronization

/// What the endpoint's thread does: keep up to `sessions` requests under way and wait in curl_multi_poll.
final class WebhookLoop {
    private let endpoint: WebhookEndpoint
    private let settings: WebhookSettings
    private let multi: UnsafeMutableRawPointer
    private var jobs: [WebhookEndpoint.Job] = []
    private var requests: [UnsafeMutableRawPointer: WebhookRequest] = [:]
    private var closeBy: Monotonic?
    /// libcurl's handles of requests that have ended: making them is a good part of a request's cost.
    private var spares: [UnsafeMutableRawPointer] = []

    init(_ endpoint: WebhookEndpoint, _ multi: WebhookEndpoint.Multi) {
        self.endpoint = endpoint
        settings = endpoint.settings
        self.multi = multi.handle
        // Kept connections: no more than can be in use at once.
        regards_curl_multi_set_long(self.multi, CURLMOPT_MAXCONNECTS, settings.sessions)
    }

    func run() {
        while true {
            takeInbox()
            if closeBy != nil, stop() { break }
            start()
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            // Each end makes room for a message that waits, or is the last one before closing.
            if !finish() { wait() }
        }
        for handle in spares { curl_easy_cleanup(handle) }
        endpoint.shared.withLock { $0.multi = nil }
        curl_multi_cleanup(multi)
    }

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
        guard let request = WebhookRequest(nil, settings), curl_multi_add_handle(multi, request.handle) == CURLM_OK else {
            return goDown(.relayDown, Self.noMemoryWords)
        }
        requests[request.handle] = request
    }

    private static let noMemoryWords = "libcurl has no memory left"
    private static let goneWords =
        "the endpoint answered 410 Gone: it is not used until the configuration is read again; "
        + "correct its url or remove it"

    private func start() {
        // While it is probed the channel takes no message, or it would know no better than before.
        while requests.count < settings.sessions, !jobs.isEmpty, !requests.values.contains(where: { $0.job == nil }) {
            let job = jobs.removeFirst()
            guard WebhookRequest.isUsable(identifier: job.outgoing.message.id) else {
                job.ended(WebhookEndpoint.report(.badIdentifier))
                continue
            }
            let spare = spares.popLast()
            guard let request = WebhookRequest(job, settings, spare: spare), curl_multi_add_handle(multi, request.handle) == CURLM_OK
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
            if let job = request.job {
                spares.append(request.takeHandle())
                job.ended(report)
            }
            follow(report, wasProbe: request.job == nil)
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
        let now = Monotonic.now
        let limit = (closeBy ?? .never).pollTimeout(from: now)
        let mayWait = endpoint.shared.withLock { shared in
            shared.isAsleep = shared.jobs.isEmpty && !shared.opening
            return shared.isAsleep
        }
        guard mayWait else { return }
        // No request and nothing to close: only curl_multi_wakeup ends this wait.
        curl_multi_poll(multi, nil, 0, limit < 0 ? 3_600_000 : limit, nil)
        endpoint.shared.withLock { $0.isAsleep = false }
    }

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
