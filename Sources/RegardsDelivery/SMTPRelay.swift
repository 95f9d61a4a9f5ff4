package import RegardsCalendar
package import RegardsCore
import Dispatch
import Synchronization

/// A mail relay: sessions over connections that libcurl makes, all on one thread of the relay's own.
///
/// This file is what other threads touch: everything shared lies in `shared`, behind one lock that is never held
/// while a callback runs. `SMTPRelayLoop` is what the relay's thread does. The thread is started by the first
/// `open()` or `send()` and joined by `close`, which must be called before the relay is let go.
package final class SMTPRelay: Channel {
    package typealias Ended = @Sendable (AttemptReport) -> Void

    struct Job: Sendable {
        var outgoing: Outgoing
        var ended: Ended
        /// Not to be begun behind another message.
        var isAlone = false
    }

    /// The result of a connecting thread.
    struct Connected: Sendable {
        var connection: SMTPConnection?
        var failure: SMTPConnectFailure?
        var number: Int
    }

    struct Shared {
        var state = ChannelState.idle
        var handler: (@Sendable (ChannelState) -> Void)?
        var jobs: [Job] = []
        var opening = false
        /// Sessions that what waits is worth.
        var wantedSessions = 0
        /// Sessions that are open at the moment.
        var openSessions = 0
        /// The thread waits, or is about to: it must be woken. Otherwise it looks again before it waits.
        var isAsleep = false
        var pings: [@Sendable () -> Void] = []
        var connected: [Connected] = []
        var thread: JoinableThread?
        /// Set by `close`: until then messages that were handed over may wait for their answer.
        var closeBy: Monotonic?
    }

    package let name: String
    package var sessions: Int { settings.sessions }
    /// Of the sessions that are open, not of those that are allowed: a row is marked only when it has a session to go by,
    /// or will soon. More are opened while messages wait for the ones there are.
    package var capacity: Int { shared.withLock { $0.openSessions * 2 } }
    let settings: SMTPSettings
    let shared = Mutex(Shared())
    /// Set by `close` before anything else: read by connecting threads, which cannot wait for the lock's owner, and by
    /// sessions.
    let isClosing = Atomic<Bool>(false)
    /// nil when the system had no descriptor to give.
    let watch = SocketWatch()

    /// Connects to nothing yet.
    package init(name: String, settings: SMTPSettings) {
        self.name = name
        self.settings = settings
    }

    package func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        shared.withLock { $0.handler = handler }
    }

    package func open() {
        startThread { $0.opening = true }
    }

    /// A further session is worth its opening where it has a few messages to carry. Without it, a relay that answers
    /// faster than messages are marked would be given them one at a time.
    package func expect(_ waiting: Int) {
        let wanted = min(settings.sessions, waiting / Self.messagesOfSession)
        let isNews = shared.withLock { shared in
            guard shared.state == .ready, wanted > max(shared.openSessions, shared.wantedSessions) else { return false }
            shared.wantedSessions = wanted
            return true
        }
        if isNews { startThread { _ in } }
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
        isClosing.store(true, ordering: .releasing)
        let thread: JoinableThread? = shared.withLock { shared in
            guard shared.closeBy == nil else { return nil }
            shared.closeBy = Monotonic.now + Double(grace.microseconds) / 1e6
            defer { shared.thread = nil }
            return shared.thread
        }
        wake()
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
        if isRunning { wake() } else { answer() }
    }

    // MARK: - For the loop

    /// Sets the state and tells the handler, outside the lock.
    func change(to state: ChannelState) {
        let handler = shared.withLock { shared -> (@Sendable (ChannelState) -> Void)? in
            guard shared.state != state, shared.state != .closed else { return nil }
            shared.state = state
            return shared.handler
        }
        handler?(state)
    }

    /// Ready, with so many sessions open; told again when they have become more.
    func ready(openSessions: Int) {
        let handler = shared.withLock { shared -> (@Sendable (ChannelState) -> Void)? in
            let isNews = shared.state != .ready || openSessions > shared.openSessions
            shared.openSessions = openSessions
            guard isNews, shared.state != .closed else { return nil }
            shared.state = .ready
            return shared.handler
        }
        handler?(.ready)
    }

    /// Becomes `down` and gives back the messages that had come in meanwhile, in one step: after it `send` refuses.
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

    func wake() { watch?.ring() }

    /// So many messages wait for each session before another is opened for them.
    private static let messagesOfSession = 4

    /// How long a message waits whose session broke under it.
    static let pauseAfterLoss = TimeSpan.minutes(5)

    static func report(_ event: SMTPOutcomes.Event) -> AttemptReport {
        AttemptReport(event.outcome, detail: event.words)
    }

    private func startThread(_ update: (inout Shared) -> Void) {
        let isRunning = shared.withLock { shared in
            guard shared.closeBy == nil else { return true }
            update(&shared)
            if shared.thread == nil, let watch {
                shared.thread = JoinableThread(name: "smtp \(name)") { SMTPRelayLoop(self, watch).run() }
            }
            return shared.thread != nil
        }
        guard isRunning else { return cannotStart() }
        let mustWake = shared.withLock { shared in
            defer { shared.isAsleep = false }
            return shared.isAsleep
        }
        if mustWake { wake() }
    }

    private func cannotStart() {
        let detail = "the system has no thread or no file descriptor to give"
        for job in goDown(.relayDown, detail) {
            job.ended(AttemptReport(.deferred(.relayDown, notBefore: nil), detail: detail))
        }
    }
}
