package import RegardsCalendar
package import RegardsCore
import Dispatch
import Synchronization

/// A webhook: each message is one signed POST (Standard Webhooks), several at once over libcurl's multi interface on
/// one thread.
///
/// A request that was handed over whole and got no answer ends in doubt. The endpoint can tell a repetition by its
/// `webhook-id`, but whether it does is not ours to know, so the house's policy for doubt decides here as for mail.
/// As in `SMTPRelay`, everything shared lies behind one lock that is never held while a callback runs, the thread is
/// started by the first `open()` or `send()`, and `close` must be called before the endpoint is let go.
package final class WebhookEndpoint: Channel {
    package typealias Ended = @Sendable (AttemptReport) -> Void

    struct Job: Sendable {
        var outgoing: Outgoing
        var ended: Ended
    }

    struct Shared {
        var state = ChannelState.idle
        var handler: (@Sendable (ChannelState) -> Void)?
        var jobs: [Job] = []
        var opening = false
        var pings: [@Sendable () -> Void] = []
        /// Set by an answer of 410: nothing is sent any more.
        var isGone = false
        /// The thread waits, or is about to: it must be woken. Otherwise it looks again before it waits.
        var isAsleep = false
        var thread: JoinableThread?
        var closeBy: Monotonic?
    }

    /// How long a message waits whose connection broke under it: that end costs no attempt.
    static let pauseAfterLoss = TimeSpan.minutes(5)

    package let name: String
    package var sessions: Int { settings.sessions }
    let settings: WebhookSettings
    let shared = Mutex(Shared())
    /// nil when the system had no descriptor to give.
    let watch = SocketWatch()

    package init(name: String, settings: WebhookSettings) {
        self.name = name
        self.settings = settings
    }

    package func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        shared.withLock { $0.handler = handler }
    }

    /// There is nothing to connect beforehand: an endpoint is ready at once, unless it was down. Then a connection is
    /// made and closed again to see whether it can be reached; one that answered 410 stays down.
    package func open() {
        startThread { $0.opening = true }
    }

    package func send(_ outgoing: Outgoing, ended: @escaping Ended) {
        let refusal: AttemptReport? = shared.withLock { shared in
            if shared.closeBy != nil { return Self.report(.stoppedBefore) }
            if case .down(let reason, let detail) = shared.state, !shared.opening {
                return AttemptReport(.deferred(reason, notBefore: nil), detail: detail)
            }
            shared.jobs.append(Job(outgoing: outgoing, ended: ended))
            return nil
        }
        if let refusal { return ended(refusal) }
        startThread { _ in }
    }

    package func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        let thread: JoinableThread? = shared.withLock { shared in
            guard shared.closeBy == nil else { return nil }
            shared.closeBy = Monotonic.now + Double(grace.microseconds) / 1e6
            defer { shared.thread = nil }
            return shared.thread
        }
        watch?.ring()
        // Not a global queue: Dispatch would wake up every second from then on to look after its threads.
        DispatchQueue(label: "regards.closing").async { [self] in
            thread?.join()
            change(to: .closed)
            done()
        }
    }

    package func ping(_ answer: @escaping @Sendable () -> Void) {
        let isRunning = shared.withLock { shared in
            guard shared.thread != nil else { return false }
            shared.pings.append(answer)
            return true
        }
        if isRunning { watch?.ring() } else { answer() }
    }

    // MARK: - For the loop

    func change(to state: ChannelState) {
        let handler = shared.withLock { shared -> (@Sendable (ChannelState) -> Void)? in
            guard shared.state != state, shared.state != .closed else { return nil }
            shared.state = state
            return shared.handler
        }
        handler?(state)
    }

    /// Becomes `down`, or says again that it is, and gives back the messages that had come in meanwhile, in one step:
    /// after it `send` refuses.
    func goDown(_ reason: DeferralReason, _ detail: String) -> [Job] {
        let (jobs, handler) = shared.withLock { shared in
            let changes = shared.state != .closed
            if changes { shared.state = .down(reason, detail: detail) }
            defer { shared.jobs = [] }
            return (shared.jobs, changes ? shared.handler : nil)
        }
        handler?(.down(reason, detail: detail))
        return jobs
    }

    static func report(_ event: WebhookOutcomes.Event) -> AttemptReport {
        AttemptReport(event.outcome, detail: event.words)
    }

    private func startThread(_ update: (inout Shared) -> Void) {
        let isRunning = shared.withLock { shared in
            guard shared.closeBy == nil else { return true }
            update(&shared)
            if shared.thread == nil, let watch, let tools = WebhookTools(settings) {
                shared.thread = JoinableThread(name: "webhook \(name)") { WebhookLoop(self, tools, watch).run() }
                if shared.thread == nil { tools.discard() }
            }
            return shared.thread != nil
        }
        let mustWake = shared.withLock { shared in
            defer { shared.isAsleep = false }
            return shared.isAsleep
        }
        if mustWake { watch?.ring() }
        guard !isRunning else { return }
        let detail = "the system has no thread or no memory to give"
        for job in goDown(.relayDown, detail) {
            job.ended(AttemptReport(.deferred(.relayDown, notBefore: nil), detail: detail))
        }
    }
}
