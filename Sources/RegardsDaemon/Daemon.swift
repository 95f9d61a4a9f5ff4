import Dispatch
package import RegardsCalendar
package import RegardsCore
import RegardsRules
package import RegardsStore
import Synchronization

/// The running service: three loops, each on a serial queue of its own, and the timers that wake them.
///
/// - *plan* passes over all customers at each `refresh`;
/// - *events* looks for changes of the customer database every two seconds;
/// - *send* sends what is due (`SendLoop`).
///
/// Signals and flags belong to the command; it calls `start`, `reload` and `stop`.
package final class Daemon: @unchecked Sendable {
    package struct Options: Sendable {
        package var file: String
        package var environment: [String: String]
        package var zones: ZoneCatalog
        package var clock: any WallClock = SystemClock()
        package var announcer: any Announcer
        package var hash: AddressHash
        package var salt: [UInt8]
        package var notify = Notify(socket: nil)
        package var pollEvery = TimeSpan.seconds(2)

        package init(
            file: String, environment: [String: String], zones: ZoneCatalog, announcer: any Announcer,
            hash: AddressHash, salt: [UInt8]
        ) {
            self.file = file
            self.environment = environment
            self.zones = zones
            self.announcer = announcer
            self.hash = hash
            self.salt = salt
        }
    }

    private let options: Options
    private let outbox: any Outbox
    private let premises: Workshop.Premises
    private let givenChannels: ChannelSet?
    private let planQueue = DispatchQueue(label: "regards.plan")
    private let eventQueue = DispatchQueue(label: "regards.events")
    private let statusQueue = DispatchQueue(label: "regards.status")
    private let reloadQueue = DispatchQueue(label: "regards.reload")
    private let sendLoop: SendLoop
    private let health: Health
    private let isStopping = Atomic<Bool>(false)

    // Each of these is touched on its own queue only.
    private var planDesk: PlanDesk
    private var planAlarm: Alarm!
    private var refresh: TimeSpan
    /// Told again only when they are others: every pass meets them.
    private var toldUnusable: [CustomerProblem: UnusableCustomers] = [:]
    private var toldUnusableEvents: [EventProblem: UnusableCustomers] = [:]
    private var eventDesk: EventDesk
    private var eventAlarm: Alarm!
    private var watch: any CustomerSource
    private var seenToken: ChangeToken?
    private var dateGuard: GuardDesk
    private var eventGuard: GuardDesk
    private var standings: StandingDesk
    private let standingWatch: StandingWatch
    /// Thread-safe in itself; which one is in force is known on the event queue, and on the plan queue.
    private var lists: ListDesk
    private var statusTimer: (any DispatchSourceTimer)?

    /// What is in force, for whoever asks.
    private struct InForce {
        var assembly: Assembly
        var mode: Mode
        var state: StateSettings
        var channels: ChannelSet
        var isReloadRefused = false
    }
    private let inForce: Mutex<InForce>

    /// Adopts the rules and settles what an earlier daemon left; sends nothing yet.
    /// - Parameter channels: the ways out, also after a reload; nil: those that the configuration names.
    /// - Throws: `WorkshopError`, `OutboxError`.
    package init(assembly: Assembly, outbox: any Outbox, options: Options, channels: ChannelSet? = nil) throws {
        self.options = options
        self.outbox = outbox
        let now = options.clock.now()
        health = Health(announcer: options.announcer)
        premises = Workshop.Premises(
            outbox: outbox, clock: options.clock, environment: options.environment, salt: options.salt, hash: options.hash)
        givenChannels = channels
        let workshop = try Workshop(assembly, premises, channels: channels)
        try Daemon.adopt(assembly.book, outbox, now, options.announcer)
        try Daemon.recover(assembly.book, outbox, now, options.announcer)
        planDesk = workshop.plan
        eventDesk = workshop.events
        watch = workshop.watch
        dateGuard = workshop.dateGuard
        eventGuard = workshop.eventGuard
        standings = workshop.standings
        lists = workshop.lists
        standingWatch = StandingWatch(outbox: outbox, announcer: options.announcer)
        refresh = assembly.configuration.source.refresh
        inForce = Mutex(
            InForce(
                assembly: assembly, mode: workshop.mode, state: assembly.configuration.state, channels: workshop.channels))
        sendLoop = SendLoop(
            outbox: outbox, desk: workshop.send, channels: workshop.channels, clock: options.clock,
            announcer: options.announcer, health: health, hash: options.hash)
        planAlarm = Alarm(queue: planQueue, clock: options.clock) { [weak self] in self?.planTimeCame() }
        eventAlarm = Alarm(queue: eventQueue, clock: options.clock) { [weak self] in self?.eventTimeCame() }
        sendLoop.whenStaffRefused { [weak self] in
            guard let self else { return }
            // The next rung of the ladder is due at once.
            eventQueue.async { _ = self.syncEvents(all: true) }
        }
        if workshop.mode != .live { tellMode(workshop.mode, written: assembly.book.house.mode) }
    }

    // MARK: Start and stop

    /// Looks at events, plans, and begins to send; `ready` is called after the first pass of each.
    ///
    /// Events come first: a complaint that came in while nothing ran must hold a greeting back that is due now.
    package func start(ready: @escaping @Sendable () -> Void) {
        eventQueue.async {
            _ = self.syncEvents(all: true)
            self.planQueue.async {
                _ = self.plan()
                self.sendLoop.wake()
                self.statusQueue.async {
                    guard !self.isStopping.load(ordering: .relaxed) else { return }
                    self.startStatus()
                    ready()
                }
            }
        }
    }

    /// Plans once, sends all that is due, and calls `done` when nothing more can be done now, with what kept it from
    /// doing all of it.
    package func runOnce(done: @escaping @Sendable ((any Error)?) -> Void) {
        eventQueue.async {
            let trouble = self.syncEvents(all: true)
            self.planQueue.async {
                let failure = self.plan() ?? trouble
                self.sendLoop.whenIdle { done(failure ?? self.sendingTrouble) }
            }
        }
    }

    /// What keeps messages that are due from going.
    private var sendingTrouble: (any Error)? {
        if let error = health.trouble(of: .send) { return error }
        let channels = inForce.withLock { $0.channels }
        return channels.names.first(where: channels.isDown).map { ChannelDown(name: $0) }
    }

    /// Looks at the clock and the customer database at once, as after a jump of the clock.
    package func lookAgain() {
        eventQueue.async { self.eventTimeCame() }
        planQueue.async { self.planTimeCame() }
        sendLoop.wake()
    }

    /// Takes nothing new, lets what was handed over end, and calls `done` once all of it is recorded; all calls but the
    /// first do nothing.
    package func stop(done: @escaping @Sendable () -> Void) {
        guard !isStopping.exchange(true, ordering: .relaxed) else { return }
        health.silence()
        options.announcer.announce(Notice(.stopping, detail: "what was handed over is finished first"))
        premises.planProgress.cancel()
        premises.eventProgress.cancel()
        // Whoever is told may close the state file, so nothing may be at work on it then: not a pass, not a reload.
        let ended = DispatchGroup()
        reloadQueue.async(group: ended) {}
        statusQueue.async(group: ended) { self.statusTimer?.cancel() }
        planQueue.async(group: ended) { self.planAlarm.cancel() }
        eventQueue.async(group: ended) { self.eventAlarm.cancel() }
        ended.enter()
        sendLoop.stop(grace: .seconds(8)) { ended.leave() }
        // A reload that was under way gives its loops one pass more, which ends at its first step.
        ended.notify(queue: planQueue) { self.eventQueue.async { done() } }
    }

    // MARK: Reload

    /// Reads all files again. Mistakes leave everything as it is.
    /// - Returns: the mistakes, warnings included; the new rules are in force unless one is an error.
    package func reload() -> [Mistake] { reloadQueue.sync { reloadOnQueue() } }

    private func reloadOnQueue() -> [Mistake] {
        guard !isStopping.load(ordering: .relaxed) else { return [] }
        options.notify.reloading()
        defer { options.notify.ready(status: status()) }
        noteZones()
        defer { Memory.giveBack() }
        var (assembly, mistakes) = Assembly.load(
            file: options.file, environment: options.environment, zones: options.zones, keepsAllCards: false)
        do {
            if let assembly {
                try changeOver(to: assembly)
                areZonesOld = false
                options.announcer.announce(Notice(.reloaded, count: assembly.book.rules.count))
                return mistakes
            }
        } catch let error as WorkshopError {
            mistakes += error.mistakes
        } catch {
            mistakes.append(Mistake(at: Place(file: options.file, line: 0, column: 0), "\(error)"))
        }
        inForce.withLock { $0.isReloadRefused = true }
        let errors = mistakes.filter { $0.severity == .error }
        options.announcer.announce(
            Notice(.reloadRefused, count: errors.count, detail: errors.map(\.description).joined(separator: "\n")))
        return mistakes
    }

    private func changeOver(to assembly: Assembly) throws {
        let state = inForce.withLock { $0.state }
        guard assembly.configuration.state == state else {
            throw WorkshopError(mistakes: [
                Mistake(
                    at: Place(file: options.file, line: 0, column: 0), path: "state",
                    "another state file needs a restart: systemctl restart regards")
            ])
        }
        let workshop = try Workshop(assembly, premises, channels: givenChannels)
        // The ledger learns the new rules while no loop works by the old ones: else a pass under way could plan for a
        // rule that is gone, or find nothing under the name of one that was renamed.
        try planQueue.sync {
            try eventQueue.sync {
                try Daemon.adopt(assembly.book, outbox, options.clock.now(), options.announcer)
                planDesk = workshop.plan
                refresh = assembly.configuration.source.refresh
                eventDesk = workshop.events
                watch = workshop.watch
                dateGuard = workshop.dateGuard
                eventGuard = workshop.eventGuard
                standings = workshop.standings
                lists = workshop.lists
                seenToken = nil
                sendLoop.replace(desk: workshop.send, channels: workshop.channels)
            }
        }
        inForce.withLock { $0 = InForce(assembly: assembly, mode: workshop.mode, state: state, channels: workshop.channels) }
        if workshop.mode != .live { tellMode(workshop.mode, written: assembly.book.house.mode) }
        eventQueue.async { _ = self.syncEvents(all: true) }
        planQueue.async { _ = self.plan() }
    }

    // MARK: Time zones

    /// The tables of time zones on disk are newer than those that the rules hold. Touched on the reload queue only.
    private var areZonesOld = false
    /// Why they still do; said once.
    private var zoneTrouble = ""

    private func noteZones() {
        if options.zones.reloadIfChanged() { areZonesOld = true }
    }

    /// After an update of tzdata a time on the wall stays what it was and its instant moves: the same rules plan again,
    /// with the new tables. What fails is tried again at the next look, in a minute at most.
    private func followZones() {
        dispatchPrecondition(condition: .onQueue(reloadQueue))
        noteZones()
        guard areZonesOld, !isStopping.load(ordering: .relaxed) else { return }
        do {
            let (old, isReloadRefused) = inForce.withLock { ($0.assembly, $0.isReloadRefused) }
            let assembly = old.withCurrentZones()
            try changeOver(to: assembly)
            inForce.withLock { $0.isReloadRefused = isReloadRefused }
            areZonesOld = false
            zoneTrouble = ""
            let release = options.zones.release.map { " (\($0))" } ?? ""
            options.announcer.announce(
                Notice(.reloaded, count: assembly.book.rules.count, detail: "the time zones of this machine changed\(release)"))
        } catch {
            guard zoneTrouble != "\(error)" else { return }
            zoneTrouble = "\(error)"
            options.announcer.announce(Notice(.fault, detail: "the time zones changed and the rules still hold the old ones: \(error)"))
        }
    }

    // MARK: The plan loop

    private func planTimeCame() {
        reloadQueue.async { self.followZones() }
        let now = options.clock.now()
        // A wait longer than the longest there is: the clock was set back.
        guard now >= nextPlan || nextPlan - now > refresh else { return planAlarm.arm(for: nextPlan) }
        _ = plan()
        eventQueue.async { _ = self.syncEvents(all: true) }
    }

    private var nextPlan = Instant(seconds: 0)

    /// - Returns: what kept it from a whole pass.
    private func plan() -> (any Error)? {
        dispatchPrecondition(condition: .onQueue(planQueue))
        guard !isStopping.load(ordering: .relaxed) else { return nil }
        premises.planProgress.begin()
        defer {
            premises.planProgress.end()
            planAlarm.arm(for: nextPlan)
        }
        let now = options.clock.now()
        nextPlan = now + refresh
        do {
            standingWatch.tell(try dateGuard.assess(now: now))
            let report = try planDesk.plan(now: now)
            try standingWatch.lookAtGuards()
            health.sourceWorked(.plan)
            health.stateWorked(.plan)
            announce(report)
            try lists.settle(now: now)
            if report.counts.changes > 0 { sendLoop.wake() }
            return nil
        } catch {
            nextPlan = now + min(refresh, .seconds(30))
            health.failed(.plan, error)
            return error
        }
    }

    private func announce(_ report: PlanDesk.Report) {
        let counts = report.counts
        if counts.changes > 0 {
            options.announcer.announce(
                Notice(
                    .planned, count: report.customers,
                    numbers: [
                        ("inserted", counts.inserted), ("updated", counts.updated), ("reopened", counts.reopened),
                        ("cancelled", counts.cancelled),
                    ]))
        }
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where toldUnusable[problem] != customers {
            options.announcer.announce(
                Notice(
                    .unusableCustomers, reason: problem.rawValue, count: customers.count,
                    detail: "customers " + customers.firstIDs.map(options.hash.customer).joined(separator: ", ")))
        }
        toldUnusable = report.unusable
    }

    // MARK: The event loop

    private func eventTimeCame() {
        dispatchPrecondition(condition: .onQueue(eventQueue))
        guard !isStopping.load(ordering: .relaxed) else { return }
        followStanding(thorough: false)
        mailLists()
        do {
            let token = try watch.changeToken()
            if token != seenToken { return _ = syncEvents(all: false, token: token) }
        } catch {
            sourceFailed(error)
        }
        eventAlarm.arm(for: options.clock.now() + options.pollEvery)
    }

    /// What commands wrote into the ledger beside us: pauses, approvals.
    private func followStanding(thorough: Bool) {
        do {
            let released = try standingWatch.look(standings, thorough: thorough, now: options.clock.now())
            guard released > 0 else { return }
            options.announcer.announce(Notice(.released, count: released))
            sendLoop.wake()
        } catch {
            health.failed(.events, error)
        }
    }

    /// - Returns: what kept it from seeing every event.
    private func syncEvents(all: Bool, token: ChangeToken? = nil) -> (any Error)? {
        dispatchPrecondition(condition: .onQueue(eventQueue))
        guard !isStopping.load(ordering: .relaxed) else { return nil }
        premises.eventProgress.begin()
        defer {
            premises.eventProgress.end()
            eventAlarm.arm(for: options.clock.now() + options.pollEvery)
        }
        if all {
            followStanding(thorough: true)
            mailLists()
        }
        do {
            // Before the queries: what changes while they run is then seen at the next look.
            let token = try token ?? watch.changeToken()
            let doubt = all ? assessEventRules() : nil
            let report = try eventDesk.sync(now: options.clock.now(), all: all)
            announce(report)
            if report.counts.changes > 0 || report.released > 0 { sendLoop.wake() }
            health.stateWorked(.events)
            if let failure = report.failure ?? doubt { throw failure }
            // Only now: what failed is asked for again at the next look.
            seenToken = token
            health.sourceWorked(.events)
            return nil
        } catch {
            sourceFailed(error)
            return error
        }
    }

    /// The morning's mails to staff, once their time has come.
    private func mailLists() {
        do {
            if try lists.mail(now: options.clock.now()) > 0 { sendLoop.wake() }
        } catch {
            health.failed(.events, error)
        }
    }

    /// Rules that cannot be asked about wait; events are looked for all the same.
    /// - Returns: what kept it from asking.
    private func assessEventRules() -> (any Error)? {
        do {
            standingWatch.tell(try eventGuard.assess(now: options.clock.now()))
            return nil
        } catch {
            return error
        }
    }

    /// The next look reads everything again, whether or not the database has changed until then.
    private func sourceFailed(_ error: any Error) {
        seenToken = nil
        health.failed(.events, error)
    }

    private func announce(_ report: EventDesk.Report) {
        if report.released > 0 { options.announcer.announce(Notice(.released, count: report.released)) }
        for (problem, rows) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where toldUnusableEvents[problem] != rows {
            options.announcer.announce(
                Notice(
                    .unusableCustomers, reason: problem.rawValue, count: rows.count,
                    detail: "events " + rows.firstIDs.map(options.hash.customer).joined(separator: ", ")))
        }
        toldUnusableEvents.merge(report.unusable) { _, new in new }
        for (_, change) in report.changes where !change.event.isBaseline {
            // An event of a kind without `done` is over as soon as it happened: nothing opens or ends.
            let hasOpened = change.kind == .new || change.kind == .reopened
            guard change.event.isOpen == hasOpened else { continue }
            let kind: NoticeKind
            switch change.kind {
            case .new: kind = .eventOpened
            case .reopened: kind = .eventOpened
            case .done: kind = .eventEnded
            case .gone: kind = .eventEnded
            case .edited, .returned: continue
            }
            options.announcer.announce(
                Notice(
                    kind, customer: change.event.customerKey, occasion: change.event.occasion,
                    until: kind == .eventOpened ? change.event.limits.values.min() : nil, detail: change.event.kind))
        }
        let baseline = report.changes.count { $0.change.kind == .new && $0.change.event.isBaseline }
        if baseline > 0 {
            options.announcer.announce(
                Notice(
                    .ruleBaseline, count: baseline,
                    detail: "they were there before this start; only a rule's backfill: sends about them"))
        }
    }

    // MARK: Status

    private func startStatus() {
        let timer = DispatchSource.makeTimerSource(queue: statusQueue)
        let beat = options.notify.watchdogInterval.map { max(1, $0.seconds / 3) } ?? 10
        timer.schedule(deadline: .now(), repeating: .seconds(Int(min(beat, 10))))
        timer.setEventHandler { [weak self] in self?.beat() }
        timer.activate()
        statusTimer = timer
    }

    private func beat() {
        let loops = [sendLoop.progress, premises.planProgress, premises.eventProgress].map { $0.hasMoved() }
        let channels = inForce.withLock { $0.channels }
        // Both are asked each time: each answer is about the time since the last question.
        let haveAnswered = channels.haveAnswered()
        if loops.allSatisfy({ $0 }), haveAnswered { options.notify.feedWatchdog() }
        options.notify.status(status())
    }

    /// One sentence with numbers, as `systemctl status` shows it.
    package func status() -> String {
        let (mode, channels, isReloadRefused) = inForce.withLock { ($0.mode, $0.channels, $0.isReloadRefused) }
        let now = options.clock.now()
        var parts: [String] = []
        do {
            let counts = try outbox.counts(endedSince: now - .days(1))
            parts.append("\(try outbox.dueCount(until: now + .hours(1))) due in the next hour")
            parts.append("\(counts[.sent]) sent in 24 h")
            if counts[.held] > 0 { parts.append("\(counts[.held]) held") }
            if counts[.failed] > 0 { parts.append("\(counts[.failed]) failed in 24 h") }
            parts += try standingWatch.words(at: now)
        } catch {
            parts.append("the state file cannot be read")
        }
        for name in channels.names { parts.append("\(name) \(channels.summary(name))") }
        if mode != .live { parts.insert("rehearsing", at: 0) }
        if isReloadRefused { parts.insert("the last reload was refused, the old rules run", at: 0) }
        return parts.joined(separator: ", ")
    }

    // MARK: Telling

    private func tellMode(_ mode: Mode, written: Mode) {
        let detail: String
        switch (mode, written) {
        case (.redirect, _): detail = "mode is redirect, all mail goes to one address"
        case (_, .live): detail = "mode is live, but this machine was not taken live; run regards go-live"
        default: detail = "mode is rehearse; to mail them, write mode: live in regards.yaml and run regards go-live"
        }
        options.announcer.announce(Notice(.rehearsing, detail: detail))
    }

    private static func adopt(_ book: RuleBook, _ outbox: any Outbox, _ now: Instant, _ announcer: any Announcer) throws {
        let report = try outbox.adoptRules(book.adoptions, now: now)
        announceNew(report.rules.filter(\.isNew).map(\.ledger.name).filter { $0 != DayList.rule }, book, announcer)
        for rule in report.rules where rule.isChanged || rule.renamedFrom != nil {
            let former = rule.renamedFrom.map { "it was \($0), and keeps what it has sent" }
            announcer.announce(
                Notice(.ruleChanged, rule: rule.ledger.name, detail: former ?? "unsent messages follow the rule as it is now"))
        }
        for rule in report.vanished {
            announcer.announce(Notice(.ruleVanished, rule: rule.name, count: rule.cancelled))
        }
    }

    /// One notice for all new rules that treat the past alike: a first start has many.
    private static func announceNew(_ names: [String], _ book: RuleBook, _ announcer: any Announcer) {
        let groups = Dictionary(grouping: names) { name in
            book.rules.first { $0.name == name }?.backfill.words ?? Backfill.none.words
        }
        for (words, names) in groups.sorted(by: { $0.value[0] < $1.value[0] }) {
            let isOne = names.count == 1
            announcer.announce(
                Notice(
                    .ruleBaseline, rule: isOne ? names[0] : nil,
                    detail: isOne ? words : "new rules \(names.joined(separator: ", ")): \(words)"))
        }
    }

    private static func recover(_ book: RuleBook, _ outbox: any Outbox, _ now: Instant, _ announcer: any Announcer) throws {
        let recovery = try outbox.recover(now: now) { name in
            book.rules.first { $0.name == name }?.ifInDoubt ?? book.house.ifInDoubt
        }
        for outreach in recovery.inDoubt {
            announcer.announce(Notice(AttemptReport(.inDoubt(.crash)), about: outreach))
        }
    }
}

extension Backfill {
    /// What a rule does about the time before it was first seen.
    fileprivate var words: String {
        switch self {
        case .none: "what was due before now is not sent"
        case .since(let span): "what was due in the last \(span.seconds / 3600) hours is sent (backfill)"
        case .all: "what was due before now is sent too (backfill)"
        }
    }
}
