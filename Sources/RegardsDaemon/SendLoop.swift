import Dispatch
package import RegardsCalendar
import RegardsCore
package import RegardsStore

/// Sends what is due. One serial queue owns all of its state; channels report from their own threads and are put on
/// it. A turn is the path of a message: claim, facts, decide, render, mark, send; a report ends it: record, announce.
///
/// What a crash does: before the mark, nothing (the row is claimed, and planned again at the next start); after it,
/// the row is in doubt. The mark of one group and the endings of the one before share a commit; when that fails (disk
/// full), nothing is sent.
package final class SendLoop: @unchecked Sendable {
    package struct Limits: Sendable {
        /// Rows claimed and decided together.
        package var claim = 64
        /// Rows ready or on their way before no more are claimed.
        package var ready = 256
        package var readyBytes = 32 << 20
        /// A relay that is down is tried again after this long.
        package var probe = TimeSpan.seconds(60)
        package var storageRetry = TimeSpan.seconds(5)
        package var sourceRetry = TimeSpan.seconds(30)
        package init() {}
    }

    private let queue = DispatchQueue(label: "regards.send")
    private let outbox: any Outbox
    private let clock: any WallClock
    private let announcer: any Announcer
    private let hash: AddressHash
    private let limits: Limits
    private var alarm: Alarm!

    // Everything below is touched on `queue` only.
    private var desk: SendDesk
    private var channels: ChannelSet
    private var ready = ReadyQueue()
    private var sending: [Int64: ReadyOutreach] = [:]
    private var endings: [Ending] = []
    private var endingNotices: [Notice] = []
    /// The last claim found less than it asked for: there is nothing to claim before the next wake.
    private var isDrained = false
    private var isTurnScheduled = false
    private var isStopping = false
    private var isStateWritable = true
    private var sourceDownUntil: Instant?
    private var givenBack: [Int64: Int] = [:]
    private var idleHandlers: [@Sendable () -> Void] = []
    private var stopHandler: (@Sendable () -> Void)?
    package let progress = Progress()

    package init(
        outbox: any Outbox, desk: SendDesk, channels: ChannelSet, clock: any WallClock, announcer: any Announcer,
        hash: AddressHash, limits: Limits = Limits()
    ) {
        self.outbox = outbox
        self.desk = desk
        self.channels = channels
        self.clock = clock
        self.announcer = announcer
        self.hash = hash
        self.limits = limits
        alarm = Alarm(queue: queue, clock: clock) { [weak self] in self?.wakeOnQueue() }
        watch(channels)
    }

    // MARK: From outside

    /// Something may be due: planning wrote rows, time passed, a customer's complaint was solved.
    package func wake() { queue.async { self.wakeOnQueue() } }

    /// Calls `body` once nothing that is due now is left to do: all is sent, or waits for a relay, a database or a later
    /// time.
    package func whenIdle(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            self.idleHandlers.append(body)
            self.wakeOnQueue()
        }
    }

    /// Puts new rules, cards and channels in the place of the old ones. Rows that were decided by the old ones and have
    /// not been marked are given back first.
    package func replace(desk: SendDesk, channels: ChannelSet) {
        queue.async {
            self.giveBack(self.ready.removeAll())
            self.desk = desk
            let old = self.channels
            self.channels = channels
            self.watch(channels)
            old.close(except: channels, grace: .seconds(8)) {}
            self.wakeOnQueue()
        }
    }

    /// Stops claiming, lets what was handed over end within `grace`, records it and calls `done`.
    package func stop(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        queue.async {
            self.isStopping = true
            self.stopHandler = done
            self.alarm.cancel()
            self.giveBack(self.ready.removeAll())
            self.channels.close(grace: grace) { self.queue.async { self.finishStopping() } }
        }
    }

    private func finishStopping() {
        // Every report came before the channels said they were done, so this is the last commit.
        _ = commit([])
        stopHandler?()
        stopHandler = nil
    }

    // MARK: The turn

    private func wakeOnQueue() {
        isDrained = false
        scheduleTurn()
    }

    /// Reports that came together share one turn, and so one commit.
    private func scheduleTurn() {
        dispatchPrecondition(condition: .onQueue(queue))
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        queue.async {
            self.isTurnScheduled = false
            self.turn()
        }
    }

    private func turn() {
        progress.begin()
        defer { progress.end() }
        guard !isStopping else { return _ = commit([]) }
        claim()
        let marked = chooseForSessions()
        guard commit(marked) else {
            ready.putBack(marked)
            alarm.arm(for: clock.now() + limits.storageRetry)
            return tellIfIdle()
        }
        openChannels()
        rest()
    }

    private func claim() {
        guard !isDrained, ready.count + sending.count < limits.ready, ready.bytes < limits.readyBytes else { return }
        let names = channels.names.filter { !channels.isDown($0) }
        let now = clock.now()
        do {
            _ = try outbox.expireHeld(now: now)
            let rows = try outbox.claim(limit: limits.claim, now: now, channels: names)
            stateWorked()
            isDrained = rows.count < limits.claim
            prepare(rows, now: now)
        } catch {
            isDrained = true
            stateFailed(error)
        }
    }

    private func prepare(_ rows: [Outreach], now: Instant) {
        guard !rows.isEmpty else { return }
        let outcome = desk.prepare(rows, now: now, alarmsOnly: sourceDownUntil.map { $0 > now } ?? false)
        if let failure = outcome.failure { stateFailed(failure) }
        if let failure = outcome.sourceFailure {
            if sourceDownUntil == nil { announcer.announce(Notice(.sourceUnreachable, detail: failure.description)) }
            sourceDownUntil = now + limits.sourceRetry
            isDrained = true
        } else if outcome.askedSource, sourceDownUntil != nil {
            sourceDownUntil = nil
            announcer.announce(Notice(.sourceBack))
        }
        for item in outcome.ready { ready.append(item) }
        endings += outcome.endings
        endingNotices += outcome.notices
        giveBackRows(outcome.givenBack)
    }

    /// Rows for sessions that are free, and one ahead for each that is busy.
    private func chooseForSessions() -> [ReadyOutreach] {
        channels.names.flatMap { name -> [ReadyOutreach] in
            guard let free = channels.free(name, busy: sending.values.count { $0.outreach.plan.channel == name }) else { return [] }
            return ready.take(free, for: name)
        }
    }

    /// Marks rows and records endings in one transaction, then sends what was marked. False: nothing was written, and
    /// nothing may be sent.
    private func commit(_ marked: [ReadyOutreach]) -> Bool {
        guard !marked.isEmpty || !endings.isEmpty else { return true }
        let marks = marked.map { SendMark(id: $0.outreach.id, card: $0.composed.card) }
        let lost: Set<Int64>
        do {
            lost = Set(try outbox.commit(GroupCommit(now: clock.now(), marks: marks, endings: endings)))
        } catch {
            stateFailed(error)
            return false
        }
        stateWorked()
        endings.removeAll(keepingCapacity: true)
        endingNotices.forEach(announcer.announce)
        endingNotices.removeAll(keepingCapacity: true)
        for item in marked where !lost.contains(item.outreach.id) { send(item) }
        return true
    }

    private func send(_ item: ReadyOutreach) {
        var item = item
        item.outreach.attempts += 1
        sending[item.outreach.id] = item
        let outgoing = Outgoing(
            outreach: item.outreach.id, destination: item.composed.destination, message: item.composed.message,
            attemptedAt: clock.now())
        let id = item.outreach.id
        channels.send(outgoing, by: item.outreach.plan.channel) { report in
            self.queue.async { self.ended(id, report) }
        }
    }

    private func ended(_ id: Int64, _ report: AttemptReport) {
        guard let item = sending.removeValue(forKey: id) else { return }
        endings.append(Ending(id: id, next(after: report, item), report: report))
        endingNotices.append(
            Notice(report, about: item.outreach, addressHash: item.composed.recipient.map(hash.of)))
        scheduleTurn()
    }

    /// The one switch from an outcome to what becomes of the row.
    private func next(after report: AttemptReport, _ item: ReadyOutreach) -> Ending.Next {
        let now = clock.now()
        switch report.outcome {
        case .delivered:
            givenBack[item.outreach.id] = nil
            return desk.isRedirecting ? .skipped(.redirected) : .sent
        case .refused(let reason):
            givenBack[item.outreach.id] = nil
            return .failed(reason)
        case .inDoubt:
            guard desk.ifInDoubt(item.candidate) == .resend else { return .held(.inDoubt) }
            return desk.retry(item.outreach, reason: HoldReason.inDoubt.description, notBefore: nil, now: now)
        case .deferred(let reason, let notBefore):
            if reason.costsAttempt {
                return desk.retry(item.outreach, reason: reason.rawValue, notBefore: notBefore, now: now)
            }
            let times = (givenBack[item.outreach.id] ?? 0) + 1
            givenBack[item.outreach.id] = times
            // The first time at once; a connection that is lost again and again must not spin.
            let pause = TimeSpan.seconds(times == 1 ? 0 : min(60, Int64(1) << min(times, 6)))
            return .retry(notBefore: max(notBefore ?? now, now + pause), reason: reason.rawValue, givesAttemptBack: true)
        }
    }

    // MARK: Channels

    private func watch(_ set: ChannelSet) {
        set.whenStateChanges { [weak self] name, change in
            guard let self else { return }
            queue.async { self.channelChanged(name, change) }
        }
    }

    private func channelChanged(_ name: ChannelName, _ change: ChannelSet.Change) {
        switch change {
        case .wentDown(let reason, let detail):
            giveBack(ready.removeAll(for: name))
            announcer.announce(
                Notice(.relayDown, channel: name.description, reason: reason.rawValue, until: clock.now() + limits.probe, detail: detail))
        case .cameBack:
            announcer.announce(Notice(.relayUp, channel: name.description))
            isDrained = false
        case .other:
            break
        }
        scheduleTurn()
    }

    private func openChannels() {
        for name in channels.names where ready.hasWork(for: name) { channels.openIfNeeded(name) }
        channels.probeIfDue(clock.now(), every: limits.probe)
    }

    // MARK: Giving back

    private func giveBack(_ items: [ReadyOutreach]) { giveBackRows(items.map(\.outreach.id)) }

    private func giveBackRows(_ ids: [Int64]) {
        guard !ids.isEmpty else { return }
        do {
            try outbox.release(ids, now: clock.now())
        } catch {
            // They stay claimed under our epoch; the next start gives them back.
            stateFailed(error)
        }
    }

    // MARK: Rest

    private func rest() {
        if !isDrained, ready.count + sending.count < limits.ready { return scheduleTurn() }
        do {
            let names = channels.names.filter { !channels.isDown($0) }
            let wake = sourceDownUntil == nil ? try outbox.earliestWake(channels: names) : sourceDownUntil
            alarm.arm(for: [wake, channels.nextProbe].compactMap { $0 }.min())
        } catch {
            stateFailed(error)
            alarm.arm(for: clock.now() + limits.storageRetry)
        }
        tellIfIdle()
    }

    private func tellIfIdle() {
        guard sending.isEmpty, endings.isEmpty || !isStateWritable, ready.isEmpty || !isStateWritable else { return }
        let handlers = idleHandlers
        idleHandlers = []
        handlers.forEach { $0() }
    }

    private func stateFailed(_ error: any Error) {
        if isStateWritable { announcer.announce(Notice(.stateUnwritable, detail: "\(error)")) }
        isStateWritable = false
        alarm.arm(for: clock.now() + limits.storageRetry)
    }

    private func stateWorked() {
        if !isStateWritable { announcer.announce(Notice(.stateWritable)) }
        isStateWritable = true
    }
}
