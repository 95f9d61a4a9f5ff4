import Dispatch
package import RegardsCalendar
package import RegardsCore
import RegardsRules
package import RegardsStore
import Synchronization

/// The running service: three loops, each on a serial queue of its own with the timer that wakes it (`PlanLoop`,
/// `EventLoop`, `SendLoop`), their start and end, and the reload that changes all three over at once.
///
/// Signals and flags belong to the command; it calls `start`, `reload` and `stop`.
package final class Daemon: @unchecked Sendable {
    /// How often it looks whether the customer database has changed.
    package static let lookEvery = TimeSpan.seconds(2)

    package struct Options: Sendable {
        package var file: String
        package var environment: [String: String]
        package var zones: ZoneCatalog
        package var clock: any WallClock = SystemClock()
        package var announcer: any Announcer
        package var hash: AddressHash
        package var salt: [UInt8]
        package var notify = Notify(socket: nil)
        package var pollEvery = Daemon.lookEvery
        /// How often every part is asked for a sign of life; nil: a third of the watchdog's time, and 10 seconds at most.
        package var beatEvery: TimeSpan?
        /// What else must move beside the daemon's own loops and channels.
        package var watched: [Pulse.Part] = []

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
    private let statusQueue = DispatchQueue(label: "regards.status")
    private let reloadQueue = DispatchQueue(label: "regards.reload")
    private let sendLoop: SendLoop
    private var planLoop: PlanLoop!
    private var eventLoop: EventLoop!
    private let standingWatch: StandingWatch
    private let health: Health
    private let isStopping = Atomic<Bool>(false)

    private var statusTimer: Metronome?
    private(set) var pulse: Pulse!
    /// All are touched on the status queue. Since when something does not move, in beats, and what of it was told.
    private var beatsMissed = 0
    private var toldStuck: Set<String> = []
    /// Since when nothing was planned or sent, in beats.
    private var quietBeats = 0

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
        let start = LedgerStart(outbox: outbox, announcer: options.announcer)
        try start.adopt(assembly.book, now: now)
        try start.recover(assembly.book, now: now)
        standingWatch = StandingWatch(outbox: outbox, announcer: options.announcer)
        inForce = Mutex(
            InForce(
                assembly: assembly, mode: workshop.mode, state: assembly.configuration.state, channels: workshop.channels))
        sendLoop = SendLoop(
            outbox: outbox, desk: workshop.send, channels: workshop.channels, clock: options.clock,
            announcer: options.announcer, health: health, hash: options.hash)
        makeLoops(workshop)
        pulse = Pulse(parts + options.watched)
        if workshop.mode != .live { tellMode(workshop.mode, written: assembly.book.house.mode) }
    }

    private func makeLoops(_ workshop: Workshop) {
        let context = LoopContext(
            clock: options.clock, announcer: options.announcer, hash: options.hash, health: health,
            standingWatch: standingWatch, isStopping: { [weak self] in self?.hasStopped ?? true },
            wake: { [weak self] in self?.sendLoop.wake() })
        eventLoop = EventLoop(workshop, context, progress: premises.eventProgress, pollEvery: options.pollEvery)
        planLoop = PlanLoop(
            workshop, context, progress: premises.planProgress, hasRung: { [weak self] in self?.lookAtZones() },
            hasPlanned: { [weak self] in self?.lookAtEvents() })
        // The next rung of the ladder is due at once.
        sendLoop.whenStaffRefused { [weak self] in self?.lookAtEvents() }
    }

    private var hasStopped: Bool { isStopping.load(ordering: .relaxed) }

    private func lookAtZones() { reloadQueue.async { self.followZones() } }

    private func lookAtEvents() { eventLoop.queue.async { _ = self.eventLoop.sync(all: true) } }
    /// What must move while the daemon runs, its channels apart: they may be others after a reload.
    private var parts: [Pulse.Part] {
        let (plan, events, send) = (premises.planProgress, premises.eventProgress, sendLoop.progress)
        return [
            Pulse.Part(name: "plan", work: [plan]) { [queue = planLoop.queue] in queue.async(execute: $0) },
            Pulse.Part(name: "events", work: [events]) { [queue = eventLoop.queue] in queue.async(execute: $0) },
            Pulse.Part(name: "send", work: [send]) { [sendLoop] in sendLoop.answer($0) },
            // A reload waits for the loops.
            Pulse.Part(name: "reload", work: [plan, events, send]) { [reloadQueue] in reloadQueue.async(execute: $0) },
        ]
    }

    /// Whether the first pass gets on: a start may take long, and must not take for ever.
    package func isGettingOn() -> Bool {
        // Both are asked each time: each answer is about the time since the last question.
        [premises.planProgress, premises.eventProgress].map { $0.hasMoved() }.contains(true)
    }

    // MARK: Start and stop

    /// Looks at events, plans, and begins to send; `ready` is called after the first pass of each.
    ///
    /// Events come first: a complaint that came in while nothing ran must hold a greeting back that is due now.
    package func start(ready: @escaping @Sendable () -> Void) {
        eventLoop.queue.async {
            _ = self.eventLoop.sync(all: true)
            self.planLoop.queue.async {
                _ = self.planLoop.plan()
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
        eventLoop.queue.async {
            let trouble = self.eventLoop.sync(all: true)
            self.planLoop.queue.async {
                let failure = self.planLoop.plan() ?? trouble
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
        eventLoop.queue.async { self.eventLoop.timeCame() }
        planLoop.queue.async { self.planLoop.timeCame() }
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
        planLoop.queue.async(group: ended) { self.planLoop.cancel() }
        eventLoop.queue.async(group: ended) { self.eventLoop.cancel() }
        ended.enter()
        sendLoop.stop(grace: .seconds(8)) { ended.leave() }
        // A reload that was under way gives its loops one pass more, which ends at its first step.
        ended.notify(queue: planLoop.queue) { self.eventLoop.queue.async { done() } }
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
        try planLoop.queue.sync {
            try eventLoop.queue.sync {
                try LedgerStart(outbox: outbox, announcer: options.announcer).adopt(assembly.book, now: options.clock.now())
                planLoop.change(to: workshop)
                eventLoop.change(to: workshop)
                sendLoop.replace(desk: workshop.send, channels: workshop.channels)
            }
        }
        inForce.withLock { $0 = InForce(assembly: assembly, mode: workshop.mode, state: state, channels: workshop.channels) }
        if workshop.mode != .live { tellMode(workshop.mode, written: assembly.book.house.mode) }
        lookAtEvents()
        planLoop.queue.async { _ = self.planLoop.plan() }
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

    // MARK: Status

    private func startStatus() {
        let turn = TimeSpan(microseconds: beatEvery.microseconds / Int64(Pulse.turns))
        let timer = Metronome(queue: statusQueue, every: turn) { [weak self] in self?.turn() }
        timer.start()
        statusTimer = timer
    }

    private var beatEvery: TimeSpan {
        if let given = options.beatEvery { return given }
        guard let interval = options.notify.watchdogInterval else { return .seconds(10) }
        return min(max(TimeSpan(microseconds: interval.microseconds / 3), .seconds(1)), .seconds(10))
    }

    /// By default together with every look at the customer database; every fifth is a beat.
    private func turn() {
        guard let parts = pulse.turn() else { return }
        let channels = inForce.withLock { $0.channels }
        let silent = parts + channels.unanswered().map { "channel \($0)" }
        if silent.isEmpty {
            (beatsMissed, toldStuck) = (0, [])
            options.notify.feedWatchdog()
        } else {
            beatsMissed += 1
            tellStuck(silent)
        }
        options.notify.status(status())
        quietBeats = pulse.hasWorked ? 0 : quietBeats + 1
        // A morning's work is over: what it took is not needed before the next.
        if quietBeats == 2 { Memory.giveBack() }
    }

    /// Once half of the time is over that the watchdog waits, because a slow disk alone is no news; and again when another
    /// part stands still too.
    private func tellStuck(_ names: [String]) {
        let missed = options.notify.watchdogInterval.map { max(1, Int($0.microseconds / beatEvery.microseconds)) } ?? 3
        guard beatsMissed >= missed, !toldStuck.isSuperset(of: names) else { return }
        toldStuck.formUnion(names)
        let end = options.notify.watchdogInterval == nil ? "" : "; systemd restarts the daemon soon, unless it moves again"
        options.announcer.announce(Notice(.stuck, detail: names.joined(separator: ", ") + end))
    }

    /// One sentence with numbers, as `systemctl status` shows it.
    package func status() -> String {
        let now = options.clock.now()
        return inForce.withLock { inForce in
            StatusSentence(
                mode: inForce.mode, book: inForce.assembly.book, file: options.file, channels: inForce.channels,
                isReloadRefused: inForce.isReloadRefused)
        }.text(outbox, standingWatch, at: now)
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
}
