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
        /// No message is marked on facts older than this.
        package var freshness = TimeSpan.seconds(5)
        package var storageRetry = TimeSpan.seconds(5)
        package var sourceRetry = TimeSpan.seconds(30)
        package init() {}
    }

    private let queue = DispatchQueue(label: "regards.send")
    private let outbox: any Outbox
    private let clock: any WallClock
    private let announcer: any Announcer
    private let health: Health
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
    private var additions: [PlannedOutreach] = []
    private var holds: [HeldMessage] = []
    /// What held the oldest of the holds that are not yet recorded, where it was a pause, an approval or a guard.
    private var heldUnder: Standing?
    /// A member of staff cannot be told, and the ending is not yet recorded.
    private var hasRefusedStaff = false
    /// Claimed rows to be given back; kept until the ledger takes them.
    private var releases: [Int64] = []
    /// The last claim found less than it asked for: there is nothing to claim before the next wake.
    private var isDrained = false
    private var isTurnScheduled = false
    private var isStopping = false
    /// What the ledger answered in this turn.
    private var hasLedgerFailed = false
    private var hasLedgerWorked = false
    private var sourceDownUntil: Instant?
    private var givenBack: [Int64: Int] = [:]
    /// When the oldest of `ready` was decided.
    private var preparedAt: Instant?
    private var idleHandlers: [@Sendable () -> Void] = []
    private var whenStaffRefused: (@Sendable () -> Void)?
    /// Entered once for each set of channels that closes, and left when nothing of it is under way any more.
    private let closing = DispatchGroup()
    package let progress = Progress()

    package init(
        outbox: any Outbox, desk: SendDesk, channels: ChannelSet, clock: any WallClock, announcer: any Announcer,
        health: Health, hash: AddressHash, limits: Limits = Limits()
    ) {
        self.outbox = outbox
        self.desk = desk
        self.channels = channels
        self.clock = clock
        self.announcer = announcer
        self.health = health
        self.hash = hash
        self.limits = limits
        alarm = Alarm(queue: queue, clock: clock) { [weak self] in self?.wakeOnQueue() }
        watch(channels)
    }

    // MARK: From outside

    /// Something may be due: planning wrote rows, time passed, a customer's complaint was solved.
    package func wake() { queue.async { self.wakeOnQueue() } }

    /// Calls `body` on the loop's own queue, after what it is at.
    func answer(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    /// Called when a member of staff cannot be told: the ladder's next rung may be due at once.
    package func whenStaffRefused(_ body: @escaping @Sendable () -> Void) {
        queue.async { self.whenStaffRefused = body }
    }

    /// Calls `body` once nothing that is due now is left to do: all is sent, or waits for a relay, a database or a later
    /// time.
    package func whenIdle(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            self.idleHandlers.append(body)
            self.wakeOnQueue()
        }
    }

    /// Puts new rules, cards and channels in the place of the old ones. Rows that were decided by the old ones and have
    /// not been marked are given back first. Returns when the old ones decide nothing any more.
    package func replace(desk: SendDesk, channels: ChannelSet) {
        queue.sync {
            let isSame = channels === self.channels
            guard !isStopping else { return isSame ? () : close(channels, grace: .zero) }
            giveBack(ready.removeAll())
            self.desk = desk
            if !isSame {
                let old = self.channels
                self.channels = channels
                watch(channels)
                close(old, grace: .seconds(8))
            }
            wakeOnQueue()
        }
    }

    /// Stops claiming, lets what was handed over end within `grace`, records it and calls `done`; all calls but the
    /// first do nothing.
    package func stop(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        queue.async {
            guard !self.isStopping else { return }
            self.isStopping = true
            self.alarm.cancel()
            self.giveBack(self.ready.removeAll())
            self.close(self.channels, grace: grace)
            self.closing.notify(queue: self.queue) {
                // Every report came before its channel said it was done, so this is the last commit.
                self.releaseClaims()
                _ = self.commit([])
                done()
            }
        }
    }

    private func close(_ set: ChannelSet, grace: TimeSpan) {
        closing.enter()
        set.close(grace: grace) { self.closing.leave() }
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
        hasLedgerFailed = false
        hasLedgerWorked = false
        releaseClaims()
        giveBackStale()
        claim()
        let marked = chooseForSessions()
        if commit(marked) { openChannels() } else { ready.putBack(marked) }
        rest()
    }

    private var hasRoom: Bool { ready.count + sending.count < limits.ready && ready.bytes < limits.readyBytes }

    /// A decision holds for a few seconds: then customer, complaint and clock are asked again. Behind a slow relay rows
    /// wait longer than that, and somebody may have opted out meanwhile.
    private func giveBackStale() {
        guard let preparedAt, clock.now() - preparedAt > limits.freshness, !ready.isEmpty else { return }
        giveBack(ready.removeAll())
        isDrained = false
    }

    private func claim() {
        guard !isDrained, hasRoom else { return }
        let names = channels.names.filter { !channels.isDown($0) }
        let now = clock.now()
        do {
            let expired = try outbox.expireHeld(now: now)
            if expired > 0 {
                announcer.announce(
                    Notice(.skipped, reason: SkipReason.late.description, count: expired, detail: "held until it was too late"))
            }
            // A list is no way out that could be down.
            let rows = try outbox.claim(limit: limits.claim, now: now, channels: names + desk.lists)
            hasLedgerWorked = true
            isDrained = rows.count < limits.claim
            prepare(rows, now: now)
        } catch {
            ledgerFailed(error)
        }
    }

    private func prepare(_ rows: [Outreach], now: Instant) {
        guard !rows.isEmpty else { return }
        let alarmsOnly = sourceDownUntil.map { $0 > now } ?? false
        let outcome = desk.prepare(rows, now: now, alarmsOnly: alarmsOnly)
        if let failure = outcome.failure { ledgerFailed(failure) }
        if let failure = outcome.sourceFailure {
            health.failed(.send, failure)
            sourceDownUntil = now + limits.sourceRetry
        } else if outcome.askedSource, outcome.failure == nil {
            sourceDownUntil = nil
            health.sourceWorked(.send)
        }
        // What waits for the customer database was given back, and would only be claimed again.
        if sourceDownUntil != nil { isDrained = true }
        if ready.isEmpty { preparedAt = now }
        for item in outcome.ready { ready.append(item) }
        endings += outcome.endings
        endingNotices += outcome.notices
        holds += outcome.holds
        heldUnder = heldUnder ?? outcome.heldUnder
        releases += outcome.givenBack
        releaseClaims()
    }

    /// Rows for sessions that are free, and one ahead for each that is busy.
    private func chooseForSessions() -> [ReadyOutreach] {
        channels.names.flatMap { name -> [ReadyOutreach] in
            guard let free = channels.free(name, busy: sending.values.count { $0.outreach.plan.channel == name }) else { return [] }
            return takeInTurn(free, for: name)
        }
    }

    /// What is out of turn at its recipient's domain is put aside until then, and others go in its place.
    private func takeInTurn(_ free: Int, for name: ChannelName) -> [ReadyOutreach] {
        let now = clock.now()
        var chosen: [ReadyOutreach] = []
        while chosen.count < free {
            let taken = ready.take(free - chosen.count, for: name)
            if taken.isEmpty { break }
            for item in taken {
                let turn = channels.turn(
                    of: item.outreach.id, to: item.composed.destination, by: name,
                    isUrgent: item.outreach.plan.lane == .care, now: now)
                guard let turn else {
                    chosen.append(item)
                    continue
                }
                endings.append(
                    Ending(id: item.outreach.id, .retry(notBefore: turn, reason: "paced", givesAttemptBack: false)))
            }
        }
        return chosen
    }

    /// Marks rows and records endings in one transaction, then sends what was marked. False: nothing was written, and
    /// nothing may be sent.
    private func commit(_ marked: [ReadyOutreach]) -> Bool {
        guard !marked.isEmpty || !endings.isEmpty || !additions.isEmpty else { return true }
        let lost: Set<Int64>
        do {
            let report = try outbox.commit(
                GroupCommit(now: clock.now(), marks: marked.map(\.mark), endings: endings, additions: additions))
            // A refused mark's row is planned again, and decided on what the ledger knows by then.
            lost = Set(report.lost + report.refused.map(\.id))
            if !report.refused.isEmpty || !additions.isEmpty { isDrained = false }
        } catch {
            ledgerFailed(error)
            return false
        }
        hasLedgerWorked = true
        endings.removeAll(keepingCapacity: true)
        additions.removeAll(keepingCapacity: true)
        endingNotices.forEach(announcer.announce)
        endingNotices.removeAll(keepingCapacity: true)
        releaseEndedHolds()
        if hasRefusedStaff {
            hasRefusedStaff = false
            whenStaffRefused?()
        }
        for item in marked where !lost.contains(item.outreach.id) { send(item) }
        return true
    }

    private func send(_ item: ReadyOutreach) {
        var item = item
        tellOfPromise(item)
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

    /// A rung of the ladder goes out: the promise nears its limit, or is broken.
    private func tellOfPromise(_ item: ReadyOutreach) {
        guard item.outreach.attempts == 0, let kind = item.ofPromise else { return }
        let key = item.outreach.key
        announcer.announce(Notice(kind, rule: key.rule, customer: key.customer, occasion: key.occasion, step: key.step))
    }

    private func ended(_ id: Int64, _ report: AttemptReport) {
        guard let item = sending.removeValue(forKey: id) else { return }
        endings.append(Ending(id: id, next(after: report, item), report: report))
        endingNotices.append(
            Notice(report, about: item.outreach, addressHash: item.composed.recipient.map(hash.of)))
        if case .refused(let reason) = report.outcome { refused(item, reason, report) }
        scheduleTurn()
    }

    /// A customer's address that takes no mail is written to no more, and the rule's list takes their place; staff who
    /// cannot be told leave their rung to the next.
    private func refused(_ item: ReadyOutreach, _ reason: RefusalReason, _ report: AttemptReport) {
        guard !item.isRedirected, reason.isAboutAddress else { return }
        guard let address = item.mark.address else { return hasRefusedStaff = true }
        if let fallback = item.fallback { additions.append(fallback) }
        guard reason == .recipientRefused, report.isBadMailbox else { return }
        do {
            let isNew = try outbox.suppress(address, Set(Purpose.allCases), reason: .bounce, now: clock.now())
            if isNew { announcer.announce(Notice(.suppressed, reason: SuppressionReason.bounce.rawValue, addressHash: address)) }
        } catch {
            ledgerFailed(error)
        }
    }

    /// The one switch from an outcome to what becomes of the row.
    private func next(after report: AttemptReport, _ item: ReadyOutreach) -> Ending.Next {
        let now = clock.now()
        let id = item.outreach.id
        guard case .deferred(let reason, let notBefore) = report.outcome, !reason.costsAttempt else {
            givenBack[id] = nil
            return counted(report.outcome, item, now)
        }
        // Rows that end elsewhere leave their count behind.
        if givenBack.count > 10_000 { givenBack.removeAll() }
        let times = (givenBack[id] ?? 0) + 1
        givenBack[id] = times
        // The first time at once; a connection that is lost again and again must not spin.
        let pause = TimeSpan.seconds(times == 1 ? 0 : min(60, Int64(1) << min(times, 6)))
        return .retry(notBefore: max(notBefore ?? now, now + pause), reason: reason.rawValue, givesAttemptBack: true)
    }

    private func counted(_ outcome: Outcome, _ item: ReadyOutreach, _ now: Instant) -> Ending.Next {
        switch outcome {
        case .delivered: item.isRedirected ? .skipped(.redirected) : .sent
        case .refused(let reason): .failed(reason)
        case .inDoubt:
            item.ifInDoubt == .ask
                ? .held(.inDoubt) : retry(item.outreach, reason: HoldReason.inDoubt.description, notBefore: nil, now)
        case .deferred(let reason, let notBefore):
            retry(item.outreach, reason: reason.rawValue, notBefore: notBefore, now)
        }
    }

    private func retry(_ outreach: Outreach, reason: String, notBefore: Instant?, _ now: Instant) -> Ending.Next {
        let schedule: RetrySchedule =
            if case .webhook = outreach.plan.channel { .webhook } else { .smtp }
        let key = outreach.key
        let next = schedule.next(
            attempts: outreach.attempts, endedAt: now, firstAttemptAt: firstAttempt(of: outreach, now),
            notBefore: notBefore, expiresAt: outreach.plan.expiresAt,
            hash: StableHash.of(key.customer, key.rule, key.occasion, key.step, key.recipient))
        switch next {
        case .at(let instant): return .retry(notBefore: instant, reason: reason, givesAttemptBack: false)
        case .expired: return .skipped(.late)
        case .usedUp: return .failed(.attemptsUsedUp)
        }
    }

    /// When the first attempt that counts began. Not the due time: a complaint of last week that was entered today was
    /// due last week, and still deserves its days of retries.
    private func firstAttempt(of outreach: Outreach, _ now: Instant) -> Instant {
        guard outreach.attempts > 1 else { return now }
        do {
            let counted = try outbox.show(outreach.id)?.attempts.first { attempt in
                attempt.outcome != "deferred" || DeferralReason(rawValue: attempt.reason)?.costsAttempt ?? true
            }
            return counted?.startedAt ?? now
        } catch {
            ledgerFailed(error)
            return now
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
                Notice(.relayDown, channel: name.description, reason: reason.rawValue, until: clock.now() + limits.probe,
                    detail: detail))
        case .cameBack:
            announcer.announce(Notice(.relayUp, channel: name.description))
            isDrained = false
        case .relayWentDown(let relay, let reason, let detail):
            announcer.announce(
                Notice(.relayDown, channel: "\(name)/\(relay)", reason: reason.rawValue, until: clock.now() + limits.probe,
                    detail: detail))
        case .relayCameBack(let relay):
            announcer.announce(Notice(.relayUp, channel: "\(name)/\(relay)"))
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

    private func giveBack(_ items: [ReadyOutreach]) {
        releases += items.map(\.outreach.id)
        releaseClaims()
    }

    /// What the ledger does not take now is given back in a later turn; after a crash the next start does it.
    private func releaseClaims() {
        guard !releases.isEmpty else { return }
        do {
            try outbox.release(releases, now: clock.now())
            releases.removeAll()
        } catch {
            ledgerFailed(error)
        }
    }

    /// An event may have ended between the look at the facts and the commit that held its customer's message: whoever
    /// recorded the end found nothing to release.
    private func releaseEndedHolds() {
        releaseEndedStanding()
        guard !holds.isEmpty else { return }
        do {
            let open = Set(
                try outbox.openEvents(customers: Array(Set(holds.map(\.customer)))).map {
                    HeldMessage(customer: $0.customerKey, kind: $0.kind)
                })
            for held in Set(holds).subtracting(open) {
                let reason = HoldReason.eventOpen(kind: held.kind)
                if try outbox.releaseHeld(customer: held.customer, reason: reason, now: clock.now()) > 0 { isDrained = false }
            }
            holds.removeAll()
        } catch {
            // Looked at again after the next commit; the passes over all events find them too.
            ledgerFailed(error)
        }
    }

    /// The same for a pause that was lifted, or a rule that was approved, between decision and commit.
    private func releaseEndedStanding() {
        guard let then = heldUnder else { return }
        do {
            if try desk.release(heldUnder: then, now: clock.now()) > 0 { isDrained = false }
            heldUnder = nil
        } catch {
            ledgerFailed(error)
        }
    }

    // MARK: Rest

    private func rest() {
        if hasLedgerFailed {
            alarm.arm(for: clock.now() + limits.storageRetry)
            return tellIfIdle()
        }
        if hasLedgerWorked { health.stateWorked(.send) }
        if !isDrained, hasRoom { return scheduleTurn() }
        do {
            alarm.arm(for: [try nextWake(), channels.nextProbe(every: limits.probe)].compactMap { $0 }.min())
        } catch {
            ledgerFailed(error)
            alarm.arm(for: clock.now() + limits.storageRetry)
        }
        tellIfIdle()
    }

    /// When rows are to be claimed again; nil when something else will wake the loop: the end of an attempt, a channel.
    private func nextWake() throws -> Instant? {
        guard hasRoom else { return nil }
        if let until = sourceDownUntil, until > clock.now() { return until }
        return try outbox.earliestWake(channels: channels.names.filter { !channels.isDown($0) } + desk.lists)
    }

    private func tellIfIdle() {
        guard sending.isEmpty, hasLedgerFailed || (endings.isEmpty && ready.isEmpty) else { return }
        let handlers = idleHandlers
        idleHandlers = []
        handlers.forEach { $0() }
    }

    private func ledgerFailed(_ error: any Error) {
        hasLedgerFailed = true
        isDrained = true
        health.failed(.send, error)
    }
}

extension RefusalReason {
    /// Another address might have taken the message.
    var isAboutAddress: Bool { self == .addressInvalid || self == .addressNeedsUTF8 || self == .recipientRefused }
}

extension AttemptReport {
    /// The mailbox itself is said not to exist, or to be closed for good (RFC 3463, X.1.1, X.1.2, X.1.10 and X.2.1). A
    /// relay that refuses without such a status, or for reasons of its own (5.7.x), says nothing about the address: a
    /// relay with a mistake in its settings refuses everybody.
    var isBadMailbox: Bool {
        detail.split { " ;,()#".contains($0) }.contains { ["5.1.1", "5.1.2", "5.1.10", "5.2.1"].contains($0) }
    }
}
