import CCurl
import Glibc
import RegardsCalendar
import RegardsCore
import Synchronization

/// What the relay's thread does: hand messages to free sessions, open and close sessions, wait in poll(2).
///
/// It never waits anywhere else: connecting, which blocks, happens on threads of its own that live for one connection
/// each and are joined here. Callbacks run on this thread without a lock.
final class SMTPRelayLoop {
    /// Connections made at once, however many sessions are allowed.
    private static let connectorLimit = 8
    /// After a further session could not be opened the others work on alone for this long, in seconds.
    private static let sparePause = 60.0

    private struct Active {
        var session: SMTPSession
        var job: SMTPRelay.Job?
    }

    private let relay: SMTPRelay
    private let settings: SMTPSettings
    private var active: [Active] = []
    private var jobs: [SMTPRelay.Job] = []
    private var connectors: [Int: JoinableThread] = [:]
    private var connectorNumber = 0
    private var wantsSession = false
    private var noSpareBefore = Monotonic(seconds: 0)
    private var closeBy: Monotonic?
    private var now = Monotonic.now

    init(_ relay: SMTPRelay) {
        self.relay = relay
        settings = relay.settings
    }

    func run() {
        while true {
            now = .now
            takeInbox()
            if closeBy != nil, stop() { break }
            assign()
            connectMore()
            announce()
            wait()
        }
    }

    // MARK: - Inbox

    private func takeInbox() {
        let (connected, pings) = relay.shared.withLock { shared in
            jobs += shared.jobs
            shared.jobs.removeAll(keepingCapacity: true)
            if shared.opening { wantsSession = true }
            shared.opening = false
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
        wantsSession = false
        active.append(Active(session: SMTPSession(connection, settings, now: now), job: nil))
    }

    private func connectFailed(_ failure: SMTPConnectFailure) {
        if openCount > 0 {
            // The relay works, it only grants no further session.
            noSpareBefore = now + Self.sparePause
        } else if closeBy == nil {
            goDown(failure.reason, failure.code, failure.detail)
        }
    }

    /// Everything that waits ends, and only `open()` tries again.
    private func goDown(_ reason: DeferralReason, _ code: Int, _ detail: String) {
        wantsSession = false
        let waiting = jobs
        jobs.removeAll()
        for job in waiting + relay.goDown(reason, detail) {
            job.ended(AttemptReport(.deferred(reason, notBefore: nil), code: code, detail: detail))
        }
    }

    // MARK: - Sessions

    private var openCount: Int { active.count { !$0.session.isQuitting } }

    private func assign() {
        var index = 0
        while index < active.count, !jobs.isEmpty {
            guard active[index].session.isFree else { index += 1; continue }
            guard active[index].session.isAlive(now: now) else { active.remove(at: index); continue }
            let job = jobs.removeFirst()
            active[index].job = job
            // An event that ends the session removes it, and the next one takes its place. A message that the relay
            // cannot carry leaves the session free for the next.
            let stays = handle(active[index].session.begin(job.outgoing, now: now), at: index)
            if stays, !active[index].session.isFree { index += 1 }
        }
    }

    /// Carries out what a session's move led to.
    /// - Returns: false when the session is gone from `active`.
    private func handle(_ event: SMTPSession.Event, at index: Int) -> Bool {
        switch event {
        case .waits:
            return true
        case .free(let report):
            end(&active[index], report)
            return true
        case .over(let report):
            var gone = active.remove(at: index)
            if let report {
                let delayed = Self.delayed(report, gone)
                end(&gone, delayed)
                if let reason = Self.troubleOfRelay(report, gone.session), openCount == 0 {
                    goDown(reason, report.code, "\(settings.place): \(report.detail)")
                }
            }
            return false
        }
    }

    private func end(_ active: inout Active, _ report: AttemptReport) {
        let job = active.job
        active.job = nil
        job?.ended(report)
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
    private static func delayed(_ report: AttemptReport, _ gone: Active) -> AttemptReport {
        guard case .deferred(let reason, nil) = report.outcome, let job = gone.job, !gone.session.diedUnseen else {
            return report
        }
        guard reason == .connectionLost || reason == .relayBusy else { return report }
        var delayed = report
        delayed.outcome = .deferred(reason, notBefore: job.outgoing.attemptedAt + SMTPRelay.pauseAfterLoss)
        return delayed
    }

    private func connectMore() {
        guard closeBy == nil else { return }
        let free = active.count { $0.session.isFree }
        var missing = max(jobs.count - free, wantsSession && openCount == 0 ? 1 : 0) - connectors.count
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
        var descriptors = [pollfd(fd: relay.wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        var next = closeBy ?? .never
        for one in active {
            let writes = one.session.wantsToWrite ? Int16(POLLOUT) : 0
            descriptors.append(pollfd(fd: one.session.socket, events: Int16(POLLIN) | writes, revents: 0))
            next = min(next, one.session.deadline)
        }
        let mayWait = relay.shared.withLock { shared in
            shared.isAsleep = shared.jobs.isEmpty && !shared.opening
            return shared.isAsleep
        }
        _ = poll(&descriptors, nfds_t(descriptors.count), mayWait ? next.pollTimeout(from: .now) : 0)
        if mayWait { relay.shared.withLock { $0.isAsleep = false } }
        now = .now
        if descriptors[0].revents != 0 { regards_eventfd_clear(relay.wakeDescriptor) }
        // From the end, so that a session that goes does not move those still to be looked at.
        for index in active.indices.reversed() {
            let session = active[index].session
            if descriptors[index + 1].revents != 0 {
                _ = handle(session.advance(now: now), at: index)
            } else if session.deadline <= now {
                _ = handle(session.expire(now: now), at: index)
            }
        }
    }

    // MARK: - Stopping

    /// Ends what can end at once; the thread goes on while handed-over messages may still be answered.
    /// - Returns: true when nothing is left.
    private func stop() -> Bool {
        for job in jobs { job.ended(SMTPRelay.report(.stoppedBefore)) }
        jobs.removeAll()
        let graceIsOver = closeBy.map { $0 <= now } ?? true
        for index in active.indices.reversed() {
            let session = active[index].session
            if session.isFree, !graceIsOver {
                _ = handle(session.quit(now: now), at: index)
            } else if graceIsOver || !session.isHandedOver && !session.isQuitting {
                var gone = active.remove(at: index)
                if let report = session.stop() { end(&gone, report) }
            }
        }
        guard active.isEmpty else { return false }
        for thread in connectors.values { thread.join() }
        connectors.removeAll()
        // A connection that came too late knows the relay: kept there, the two would keep each other.
        relay.shared.withLock { $0.connected.removeAll() }
        return true
    }
}
