import CCurl
import Glibc
import RegardsCalendar
import RegardsCore
import Synchronization

/// What the relay's thread does: hand messages to sessions, open and close sessions, wait in epoll_wait(2).
///
/// It never waits anywhere else: connecting, which blocks, happens on threads of its own that live for one connection
/// each and are joined here. Callbacks run on this thread without a lock.
final class SMTPRelayLoop {
    /// Connections made at once, however many sessions are allowed.
    private static let connectorLimit = 8
    /// After a further session could not be opened the others work on alone for this long, in seconds.
    private static let sparePause = 60.0

    private let relay: SMTPRelay
    private let settings: SMTPSettings
    private let watch: SocketWatch
    private var sessions: [SMTPSession] = []
    private var sessionAt: [Int32: SMTPSession] = [:]
    private var jobs: [SMTPRelay.Job] = []
    private var connectors: [Int: JoinableThread] = [:]
    private var connectorNumber = 0
    private var wantsSession = false
    /// Sessions that what waits elsewhere is worth.
    private var wantedSessions = 0
    private var noSpareBefore = Monotonic(seconds: 0)
    /// A message begun behind another was never answered: this relay is given one at a time.
    private var losesWhatIsBehind = false
    /// No session's deadline is earlier.
    private var nextDeadline = Monotonic.never
    private var ready = [regards_ready](repeating: regards_ready(), count: 64)
    private var closeBy: Monotonic?
    private var now = Monotonic.now

    init(_ relay: SMTPRelay, _ watch: SocketWatch) {
        self.relay = relay
        self.watch = watch
        settings = relay.settings
    }

    func run() {
        while true {
            takeInbox()
            if closeBy != nil, stop() { break }
            assign()
            connectMore()
            announce()
            wait()
        }
    }

    // MARK: - Inbox

    private func takeJobs() {
        relay.shared.withLock { shared in
            jobs += shared.jobs
            shared.jobs.removeAll(keepingCapacity: true)
        }
    }

    private func takeInbox() {
        let (connected, pings) = relay.shared.withLock { shared in
            jobs += shared.jobs
            shared.jobs.removeAll(keepingCapacity: true)
            if shared.opening { wantsSession = true }
            shared.opening = false
            wantedSessions = max(wantedSessions, shared.wantedSessions)
            shared.wantedSessions = 0
            closeBy = shared.closeBy
            defer {
                shared.connected.removeAll()
                shared.pings.removeAll()
            }
            return (shared.connected, shared.pings)
        }
        for answer in pings { answer() }
        for result in connected {
            connectors.removeValue(forKey: result.number)?.join()
            if let connection = result.connection, result.failure == nil {
                adopt(connection)
            } else if let failure = result.failure {
                connectFailed(failure)
            }
        }
    }

    private func adopt(_ connection: SMTPConnection) {
        let session = SMTPSession(connection, of: relay, now: now) { [unowned self] in jobToBeginBehind() }
        guard watch.add(session.socket, .reading) else {
            return connectFailed(SMTPConnectFailure(detail: "the system has no memory to watch a connection"))
        }
        wantsSession = false
        sessions.append(session)
        sessionAt[session.socket] = session
        follow(session)
    }

    private func connectFailed(_ failure: SMTPConnectFailure) {
        if openCount > 0 {
            // The relay works, it only grants no further session.
            noSpareBefore = now + Self.sparePause
            wantedSessions = 0
        } else if closeBy == nil {
            goDown(failure.reason, failure.code, failure.detail)
        }
    }

    /// Everything that waits ends, and only `open()` tries again.
    private func goDown(_ reason: DeferralReason, _ code: Int, _ detail: String) {
        wantsSession = false
        wantedSessions = 0
        let waiting = jobs
        jobs.removeAll()
        for job in waiting + relay.goDown(reason, detail) {
            job.ended(AttemptReport(.deferred(reason, notBefore: nil), code: code, detail: detail))
        }
    }

    // MARK: - Sessions

    private var openCount: Int { sessions.count { !$0.isQuitting } }

    private func assign() {
        guard !jobs.isEmpty else { return }
        for session in sessions where session.isFree {
            guard session.isAlive(now: now) else { remove(session); continue }
            // A message that the relay cannot carry leaves the session free for the next.
            while session.isFree, !jobs.isEmpty {
                guard handle(session.begin(jobs.removeFirst(), now: now), of: session) else { break }
            }
        }
        guard mayBeginBehind, !jobs.isEmpty else { return }
        for session in sessions where session.takesNext {
            _ = handle(session.beginBehind(now: now), of: session)
        }
    }

    /// Messages wait for a session of their own as long as one more may be opened.
    private var mayBeginBehind: Bool {
        closeBy == nil && !losesWhatIsBehind && (openCount >= settings.sessions || now < noSpareBefore)
    }

    /// What is handed to a session that has its hands full: only when no other is free.
    private func jobToBeginBehind() -> SMTPRelay.Job? {
        if jobs.isEmpty { takeJobs() }
        guard let first = jobs.first, !first.isAlone, mayBeginBehind, !sessions.contains(where: \.isFree) else { return nil }
        return jobs.removeFirst()
    }

    /// Carries out what a session's move led to.
    /// - Returns: false when the session is gone.
    @discardableResult
    private func handle(_ event: SMTPSession.Event, of session: SMTPSession) -> Bool {
        let isOver = if case .over = event { true } else { false }
        if isOver { remove(session) } else { follow(session) }
        for var job in session.takeGivenBack() {
            job.isAlone = true
            jobs.insert(job, at: 0)
        }
        if session.hasSwallowed { losesWhatIsBehind = true }
        if case .over(let job?, let report?) = event {
            job.ended(Self.delayed(report, job, session))
            if let reason = Self.troubleOfRelay(report, session), openCount == 0 {
                goDown(reason, report.code, "\(settings.place): \(report.detail)")
            }
        }
        return !isOver
    }

    /// Watches for what the session now waits for.
    private func follow(_ session: SMTPSession) {
        nextDeadline = min(nextDeadline, session.deadline)
        guard session.watchesForRoom != session.wantsToWrite else { return }
        session.watchesForRoom = session.wantsToWrite
        watch.change(session.socket, session.wantsToWrite ? [.reading, .writing] : .reading)
    }

    private func remove(_ session: SMTPSession) {
        watch.remove(session.socket)
        sessionAt[session.socket] = nil
        sessions.removeAll { $0 === session }
    }

    /// A session that ends without ever having carried a message says something about the relay, not about the
    /// message: the relay is down until the next probe, and the queue is not burnt against it.
    private static func troubleOfRelay(_ report: AttemptReport, _ session: SMTPSession) -> DeferralReason? {
        guard case .deferred(let reason, _) = report.outcome else { return nil }
        switch reason {
        case .relayDown: return reason
        case .relayBusy, .connectionLost: return session.hasServed ? nil : reason
        case .temporary, .rateLimited, .endpointError, .shutdown, .storage: return nil
        }
    }

    /// A message whose session broke under it waits a little, so that one message that breaks sessions cannot be
    /// tried in a tight circle: these ends cost no attempt. A kept session that died unseen is no such case.
    private static func delayed(
        _ report: AttemptReport, _ job: SMTPRelay.Job, _ session: SMTPSession
    ) -> AttemptReport {
        guard case .deferred(let reason, nil) = report.outcome, !session.diedUnseen else { return report }
        guard reason == .connectionLost || reason == .relayBusy else { return report }
        var delayed = report
        delayed.outcome = .deferred(reason, notBefore: job.outgoing.attemptedAt + SMTPRelay.pauseAfterLoss)
        return delayed
    }

    private func connectMore() {
        if openCount >= wantedSessions { wantedSessions = 0 }
        guard closeBy == nil, !jobs.isEmpty || wantsSession || wantedSessions > 0 else { return }
        let free = sessions.count { $0.isFree }
        let first = wantsSession && openCount == 0 ? 1 : 0
        var missing = max(jobs.count - free, wantedSessions - openCount, first) - connectors.count
        if openCount > 0, now < noSpareBefore { missing = 0 }
        let room = min(settings.sessions - openCount, Self.connectorLimit) - connectors.count
        for _ in 0..<max(min(missing, room), 0) { startConnector() }
    }

    private func startConnector() {
        connectorNumber += 1
        let number = connectorNumber
        let relay = relay
        let thread = JoinableThread(name: "smtp connect") {
            let connection = SMTPConnection(relay.settings) { relay.isClosing.load(ordering: .acquiring) }
            let failure =
                if let connection { connection.connect(relay.settings) } else {
                    SMTPConnectFailure(detail: "libcurl could not be started: out of memory?")
                }
            relay.shared.withLock {
                $0.connected.append(.init(connection: connection, failure: failure, number: number))
            }
            relay.wake()
        }
        guard let thread else {
            return connectFailed(SMTPConnectFailure(detail: "the system has no thread to give"))
        }
        connectors[number] = thread
    }

    private func announce() {
        if closeBy != nil {
            // `close` says when everything has ended.
        } else if openCount > 0 {
            relay.ready(openSessions: openCount)
        } else if !connectors.isEmpty {
            relay.change(to: .opening)
        } else if case .down = relay.shared.withLock({ $0.state }) {
            // Stays down until open() is called.
        } else {
            relay.change(to: .idle)
        }
    }

    // MARK: - Waiting

    private func wait() {
        let mayWait = relay.shared.withLock { shared in
            shared.isAsleep = shared.jobs.isEmpty && !shared.opening && shared.wantedSessions == 0
            return shared.isAsleep
        }
        let limit = min(nextDeadline, closeBy ?? .never)
        let found = watch.wait(&ready, milliseconds: mayWait ? limit.pollTimeout(from: .now) : 0)
        if mayWait { relay.shared.withLock { $0.isAsleep = false } }
        now = .now
        for one in found {
            guard let session = sessionAt[one.descriptor] else { continue }
            handle(session.advance(now: now), of: session)
        }
        if nextDeadline <= now { expire() }
    }

    private func expire() {
        for session in sessions where session.deadline <= now { handle(session.expire(now: now), of: session) }
        nextDeadline = sessions.map(\.deadline).min() ?? .never
    }

    // MARK: - Stopping

    /// Ends what can end at once; the thread goes on while handed-over messages may still be answered.
    /// - Returns: true when nothing is left.
    private func stop() -> Bool {
        let graceIsOver = closeBy.map { $0 <= now } ?? true
        for session in sessions {
            if session.isFree, !graceIsOver {
                handle(session.quit(now: now), of: session)
            } else if graceIsOver || !session.isHandedOver && !session.isQuitting {
                handle(session.stop(), of: session)
            }
        }
        // Those that a session gave back among them.
        for job in jobs { job.ended(SMTPRelay.report(.stoppedBefore)) }
        jobs.removeAll()
        guard sessions.isEmpty else { return false }
        for thread in connectors.values { thread.join() }
        connectors.removeAll()
        // A connection that came too late knows the relay: kept there, the two would keep each other.
        relay.shared.withLock { $0.connected.removeAll() }
        return true
    }
}
