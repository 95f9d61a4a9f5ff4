import Dispatch
package import RegardsCalendar
import RegardsCore
package import RegardsStore
import Synchronization

/// Sends what is due. The path of a message is claim, facts, decide, render, mark, send, record, tell, and different
/// messages are at different places of it at the same time:
///
/// - the serial queue *send* owns all state; a turn looks at what has come in and gives the others work;
/// - *decide* claims a batch and decides on it (`SendDesk`), while *render* makes messages of the one before, on all cores;
/// - *write* carries one group at a time to the ledger (`SendWriter`); while it waits for the disk the next group gathers;
/// - channels send on threads of their own, and what is durable is told on *tell* (`SendTeller`).
///
/// The marks of one group and the endings of attempts before it share a transaction, so no more rows are `sending` than
/// the channels may have in hand. What a crash does: before the mark, nothing (the row is claimed, and planned again at
/// the next start); after it, the row is in doubt. When a group cannot be written (disk full), nothing is sent.
package final class SendLoop: @unchecked Sendable {
    private let queue = DispatchQueue(label: "regards.send")
    private let deciding = DispatchQueue(label: "regards.send.decide")
    private let rendering = DispatchQueue(label: "regards.send.render")
    private let clock: any WallClock
    private let health: Health
    private let limits: Limits
    private let writer: SendWriter
    private let teller: SendTeller
    private let reports: SendReports
    private let outbox: any Outbox
    private var alarm: Alarm!
    private let wakesByItself: Bool

    // Everything below is touched on `queue` only.
    private var desk: SendDesk
    private var channels: ChannelSet
    private var ready = ReadyQueue()
    /// Marked rows: those in the group that is being written, and those a channel has.
    private var sending = SendingRows()
    /// What is to be written next.
    private var group = SendGroup()
    private var ends: AttemptEnds
    private var isDeciding = false
    /// Rows of batches that are decided and not yet rendered.
    private var rowsInRendering = 0
    /// Asked once for each wake.
    private var mayHaveExpired = true
    private var isWriting = false
    /// The last claim found less than it asked for: there is nothing to claim before the next wake.
    private var isDrained = false
    private var isTurnScheduled = false
    private var isStopping = false
    /// The ledger failed: nothing is asked of it before this, unless something wakes the loop.
    private var ledgerDownUntil: Instant?
    private var sourceDownUntil: Instant?
    /// What was last kept of the pace of mail, and when.
    private var keptPace = (text: "", at: Instant(seconds: 0))
    /// To be done when nothing is being prepared or written; until then nothing new is begun.
    private var changes: [() -> Void] = []
    private var idleHandlers: [@Sendable () -> Void] = []
    private var whenStaffRefused: (@Sendable () -> Void)?
    /// Entered once for each set of channels that closes, and left when nothing of it is under way any more.
    private let closing = DispatchGroup()
    package let progress = Progress()

    /// - Parameter wakesByItself: false under a clock that stands still: time passes only while the loop is asked to send.
    package init(
        outbox: any Outbox, desk: SendDesk, channels: ChannelSet, clock: any WallClock, announcer: any Announcer,
        health: Health, hash: AddressHash, limits: Limits = Limits(), wakesByItself: Bool = true
    ) {
        self.outbox = outbox
        self.desk = desk
        self.channels = channels
        self.clock = clock
        self.health = health
        self.limits = limits
        self.wakesByItself = wakesByItself
        writer = SendWriter(outbox)
        teller = SendTeller(announcer, hash, enough: limits.untold / 2)
        reports = SendReports(queue)
        ends = AttemptEnds(outbox: outbox, clock: clock)
        keptPace = (channels.pace(now: clock.now()) ?? "", clock.now())
        alarm = Alarm(queue: queue, clock: clock) { [weak self] in self?.wakeOnQueue() }
        reports.whenSomeCame { [weak self] in self?.scheduleTurn() }
        teller.whenCaughtUp { [weak self] in self?.look() }
        watch(channels)
    }

    // MARK: From outside

    /// Something may be due: planning wrote rows, time passed, a customer's complaint was solved.
    package func wake() { queue.async { self.wakeOnQueue() } }

    private func look() { queue.async { self.scheduleTurn() } }

    /// Calls `body` once the loop's queue and each that works for it has come to an end with what it is at: one that
    /// stands still must not hide behind the others. Those that are at nothing are not asked: nothing can stand still
    /// there, and each would take a thread to say so.
    func answer(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            guard self.isDeciding || self.rowsInRendering > 0 || self.isWriting || self.teller.isTelling else { return body() }
            self.deciding.async { self.rendering.async { self.writer.answer { self.teller.whenTold(body) } } }
        }
    }

    /// Called when a member of staff cannot be told: the ladder's next rung may be due at once.
    package func whenStaffRefused(_ body: @escaping @Sendable () -> Void) {
        queue.async { self.whenStaffRefused = body }
    }

    /// Calls `body` once nothing that is due now is left to do, and all of it was told: all is sent, or waits for a relay,
    /// a database or a later time.
    package func whenIdle(_ body: @escaping @Sendable () -> Void) {
        queue.async {
            self.idleHandlers.append(body)
            self.wakeOnQueue()
        }
    }

    /// Puts new rules, cards and channels in the place of the old ones. Rows that were decided by the old ones and have
    /// not been marked are given back first. Returns when the old ones decide nothing any more.
    package func replace(desk: SendDesk, channels: ChannelSet) {
        let isDone = DispatchSemaphore(value: 0)
        queue.async {
            self.change {
                self.changeOver(to: desk, channels)
                isDone.signal()
            }
        }
        isDone.wait()
    }

    private func changeOver(to desk: SendDesk, _ new: ChannelSet) {
        let isSame = new === channels
        guard !isStopping else { return isSame ? () : close(new, grace: .zero) }
        group.releases += ready.removeAll().map(\.outreach.id)
        self.desk = desk
        if !isSame {
            let old = channels
            channels = new
            watch(new)
            close(old, grace: .seconds(8))
        }
        wakeOnQueue()
    }

    /// Stops claiming, lets what was handed over end within `grace`, records it and calls `done`; all calls but the
    /// first do nothing.
    package func stop(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        queue.async {
            guard !self.isStopping else { return }
            self.isStopping = true
            self.alarm.cancel()
            self.group.releases += self.ready.removeAll().map(\.outreach.id)
            self.close(self.channels, grace: grace)
            self.scheduleTurn()
            self.closing.notify(queue: self.queue) {
                self.change {
                    // Every report came before its channel said it was done, so this is the last group.
                    self.takeReports()
                    self.keepPace(isLast: true)
                    self.writeLast()
                    self.teller.whenTold(done)
                }
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
        mayHaveExpired = true
        ledgerDownUntil = nil
        scheduleTurn()
    }

    /// What came together shares one turn.
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
        takeReports()
        carryOutChanges()
        guard changes.isEmpty else { return }
        keepPace()
        guard !isStopping else { return ledgerDownUntil == nil ? write([]) : () }
        giveBackStale()
        prepare()
        if !isWriting, ledgerDownUntil == nil { write(chooseForSessions()) }
        openChannels()
        rest()
    }

    private func takeReports() {
        for (id, report) in reports.take() { ended(id, report) }
    }

    /// Nothing is being prepared or written while `body` runs.
    private func change(_ body: @escaping () -> Void) {
        changes.append(body)
        carryOutChanges()
    }

    private func carryOutChanges() {
        while !isDeciding, rowsInRendering == 0, !isWriting, !changes.isEmpty { changes.removeFirst()() }
    }

    // MARK: Claim, facts, decide, render

    private var hasRoom: Bool {
        ready.count + sending.count + rowsInRendering < limits.ready && ready.bytes < limits.readyBytes && teller.untold < limits.untold
    }

    /// A decision holds for a few seconds: then customer, complaint and clock are asked again. Behind a slow relay rows
    /// wait longer than that, and somebody may have opted out meanwhile.
    private func giveBackStale() {
        let stale = ready.removeDecided(before: clock.now() - limits.freshness)
        guard !stale.isEmpty else { return }
        group.releases += stale.map(\.outreach.id)
    }

    private func prepare() {
        guard !isDeciding, !isDrained, ledgerDownUntil == nil, hasRoom else { return }
        isDeciding = true
        // Whoever wakes the loop from now on means rows that this claim may not see.
        isDrained = true
        progress.begin()
        let now = clock.now()
        let (desk, outbox, limits, expires) = (desk, outbox, limits, mayHaveExpired)
        mayHaveExpired = false
        // A list is no way out that could be down.
        let ways = channels.names.filter { !channels.isDown($0) } + desk.lists
        let alarmsOnly = sourceDownUntil.map { $0 > now } ?? false
        deciding.async {
            let batch = SendBatch(desk, outbox, limits, ways, now: now, alarmsOnly: alarmsOnly, expires: expires)
            self.queue.async { self.decided(batch, by: desk) }
        }
    }

    private func decided(_ batch: SendBatch, by desk: SendDesk) {
        isDeciding = false
        progress.end()
        if batch.expired > 0 {
            teller.tell(
                Notice(.skipped, reason: SkipReason.late.description, count: batch.expired, detail: "held until it was too late"))
        }
        if batch.claimed >= limits.claim { isDrained = false }
        let outcome = batch.decided.outcome
        if let failure = batch.failure ?? outcome.failure { ledgerFailed(failure) }
        if let failure = outcome.sourceFailure {
            health.failed(.send, failure)
            sourceDownUntil = batch.now + limits.sourceRetry
        } else if outcome.askedSource, outcome.failure == nil {
            sourceDownUntil = nil
            health.sourceWorked(.send)
        }
        // What waits for the customer database was given back, and would only be claimed again.
        if batch.claimed > 0, sourceDownUntil != nil { isDrained = true }
        render(batch, by: desk)
        turn()
    }

    private func render(_ batch: SendBatch, by desk: SendDesk) {
        guard batch.claimed > 0 else { return }
        progress.begin()
        rowsInRendering += batch.claimed
        rendering.async {
            let outcome = desk.compose(batch.decided, now: batch.now)
            self.queue.async { self.rendered(outcome, of: batch.claimed) }
        }
    }

    private func rendered(_ outcome: SendDesk.Outcome, of count: Int) {
        progress.end()
        rowsInRendering -= count
        group.take(outcome)
        if isStopping {
            group.releases += outcome.ready.map(\.outreach.id)
        } else {
            for item in outcome.ready { ready.append(item) }
        }
        turn()
    }

    // MARK: Mark, send, record

    /// Rows for sessions that are free, and one ahead for each that is busy.
    private func chooseForSessions() -> [ReadyOutreach] {
        var reached: Set<String> = []
        return channels.names.flatMap { name -> [ReadyOutreach] in
            guard let free = channels.free(name, busy: sending.count(name)) else { return [] }
            return takeInTurn(free, for: name, &reached)
        }
    }

    /// What is out of turn at its recipient's domain is put aside until then, and others go in its place. What asks for
    /// room while another message is on its way to the address waits for that one's end: the ledger would refuse its mark.
    /// - Parameter reached: the addresses at which the group takes room.
    private func takeInTurn(_ free: Int, for name: ChannelName, _ reached: inout Set<String>) -> [ReadyOutreach] {
        let now = clock.now()
        var chosen: [ReadyOutreach] = []
        var waiting: [ReadyOutreach] = []
        defer { ready.putBack(waiting) }
        while chosen.count < free {
            let taken = ready.take(free - chosen.count, for: name)
            if taken.isEmpty { break }
            for item in taken {
                if let address = item.mark.roomAskedAt, reached.contains(address) || sending.isReaching(address) {
                    waiting.append(item)
                    continue
                }
                let turn = channels.turn(
                    of: item.outreach.id, to: item.composed.destination, by: name,
                    isUrgent: item.outreach.plan.lane == .care, now: now)
                guard let turn else {
                    chosen.append(item)
                    if let address = item.mark.roomTakenAt { reached.insert(address) }
                    continue
                }
                group.endings.append(
                    Ending(id: item.outreach.id, .retry(notBefore: turn, reason: "paced", givesAttemptBack: false)))
            }
        }
        return chosen
    }

    /// Carries marks, and all that has come of earlier ones, to the ledger in one transaction.
    private func write(_ marked: [ReadyOutreach]) {
        guard !isWriting, !marked.isEmpty || !group.isEmpty else { return }
        isWriting = true
        progress.begin()
        let (desk, now) = (desk, clock.now())
        let (order, marked) = group.copying(marked, desk.copies, at: now)
        group = SendGroup()
        for item in marked { sending.add(item) }
        writer.write(order, marked.map(\.mark), desk, now: now) { result in
            self.queue.async { self.written(order, marked, result) }
        }
    }

    /// So that a restart knows which domains are slowed.
    private func keepPace(isLast: Bool = false) {
        let now = clock.now()
        let isNews = channels.takePaceNews()
        let isDue = now < keptPace.at || now - keptPace.at >= limits.keepPace
        guard isNews || isLast || isDue, let text = channels.pace(now: now) else { return }
        if text != keptPace.text { group.pace = text }
        keptPace = (text, now)
    }

    /// The last of all, when nothing else is under way.
    private func writeLast() {
        guard !group.isEmpty else { return }
        let result = writer.carryOut(group, [], desk, now: clock.now())
        if let failure = result.failure { ledgerFailed(failure) }
        if result.isWritten { teller.tell(group.tellings) }
        group = SendGroup()
    }

    private func written(_ order: SendGroup, _ marked: [ReadyOutreach], _ result: SendWriter.Result) {
        isWriting = false
        progress.end()
        if let failure = result.failure { ledgerFailed(failure) }
        group.putBack(result.left)
        guard result.isWritten else {
            // Nothing was written, and nothing may be sent.
            for item in marked { sending.remove(item.outreach.id) }
            SentCopies.drop(marked.compactMap(\.copy))
            if isStopping { group.releases += marked.map(\.outreach.id) } else { ready.putBack(marked) }
            return turn()
        }
        // A refused mark's row is planned again, and decided on what the ledger knows by then.
        let lost = Set(result.report.lost + result.report.refused.map(\.id))
        for item in marked {
            guard lost.contains(item.outreach.id) else {
                send(item)
                continue
            }
            sending.remove(item.outreach.id)
            if let copy = item.copy { SentCopies.drop([copy]) }
        }
        // A claim that was under way meanwhile may have missed what was given back.
        let hasGivenBack = !order.releases.isEmpty && sourceDownUntil == nil
        if !result.report.refused.isEmpty || !order.additions.isEmpty || result.hasReleased || hasGivenBack { isDrained = false }
        teller.tell(order.tellings)
        for address in result.suppressed {
            teller.tell(Notice(.suppressed, reason: SuppressionReason.bounce.rawValue, addressHash: address))
        }
        if order.hasRefusedStaff { whenStaffRefused?() }
        if ledgerDownUntil == nil { health.stateWorked(.send) }
        turn()
    }

    private func send(_ item: ReadyOutreach) {
        let id = item.outreach.id
        sending.countAttempt(id)
        // The channels are closing already.
        guard !isStopping else { return ended(id, AttemptEnds.stoppedBefore) }
        tellOfPromise(item)
        let outgoing = Outgoing(
            outreach: id, destination: item.composed.destination, message: item.composed.message, attemptedAt: clock.now())
        channels.send(outgoing, by: item.outreach.plan.channel) { [reports] report in reports.add(id, report) }
    }

    /// A rung of the ladder goes out: the promise nears its limit, or is broken.
    private func tellOfPromise(_ item: ReadyOutreach) {
        guard item.outreach.attempts == 0, let kind = item.ofPromise else { return }
        let key = item.outreach.key
        teller.tell(Notice(kind, rule: key.rule, customer: key.customer, occasion: key.occasion, step: key.step))
    }

    private func ended(_ id: Int64, _ report: AttemptReport) {
        guard let item = sending.remove(id) else { return }
        let next = ends.next(after: report, item) { self.ledgerFailed($0) }
        group.endings.append(Ending(id: id, next, report: report))
        group.tellings.append(.attempt(report, item.outreach, item.composed.recipient))
        if let copy = item.copy, !report.outcome.mayHaveGone { group.strayCopies.append(copy) }
        if case .refused(let reason) = report.outcome { group.refused(item, reason, report) }
    }

    // MARK: Channels

    private func watch(_ set: ChannelSet) {
        set.whenStateChanges { [weak self] name, change in
            guard let self else { return }
            queue.async { self.channelChanged(name, change) }
        }
    }

    private func channelChanged(_ name: ChannelName, _ change: ChannelSet.Change) {
        func down(_ who: String, _ reason: DeferralReason, _ detail: String) {
            let until = clock.now() + limits.probe
            teller.tell(Notice(.relayDown, channel: who, reason: reason.rawValue, until: until, detail: detail))
        }
        switch change {
        case .wentDown(let reason, let detail):
            group.releases += ready.removeAll(for: name).map(\.outreach.id)
            down(name.description, reason, detail)
        case .cameBack:
            teller.tell(Notice(.relayUp, channel: name.description))
            isDrained = false
        case .relayWentDown(let relay, let reason, let detail): down("\(name)/\(relay)", reason, detail)
        case .relayCameBack(let relay): teller.tell(Notice(.relayUp, channel: "\(name)/\(relay)"))
        case .other: break
        }
        scheduleTurn()
    }

    private func openChannels() {
        guard ledgerDownUntil == nil else { return }
        for name in channels.names {
            let waiting = ready.count(of: name)
            guard waiting > 0 else { continue }
            channels.openIfNeeded(name)
            channels.expect(waiting, name)
        }
        channels.probeIfDue(clock.now(), every: limits.probe)
    }

    // MARK: Rest

    private func arm(for instant: Instant?) {
        if wakesByItself { alarm.arm(for: instant) }
    }

    private func rest() {
        // The end of each is a turn.
        guard !isDeciding, rowsInRendering == 0, !isWriting else { return }
        if let until = ledgerDownUntil {
            arm(for: until)
            return tellIfIdle()
        }
        do {
            let wake = try nextWake()
            // Given back, or to be tried again at once, after the last claim: whoever waits for the end waits for that too.
            if isDrained, !idleHandlers.isEmpty, let wake, wake <= clock.now() {
                isDrained = false
                return scheduleTurn()
            }
            arm(for: [wake, channels.nextProbe(every: limits.probe)].compactMap { $0 }.min())
        } catch {
            ledgerFailed(error)
            arm(for: ledgerDownUntil)
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
        guard sending.isEmpty, ledgerDownUntil != nil || (isDrained && group.isEmpty && ready.isEmpty) else { return }
        let handlers = idleHandlers
        idleHandlers = []
        for handler in handlers { teller.whenTold(handler) }
    }

    private func ledgerFailed(_ error: any Error) {
        ledgerDownUntil = clock.now() + limits.storageRetry
        isDrained = true
        health.failed(.send, error)
    }
}
