import Dispatch
package import RegardsCalendar
import RegardsCore
package import RegardsStore
import Synchronization

/// The whole daemon under a virtual clock: the same desks and the same send loop. Time passes when it is told to, so a
/// year takes seconds. Used by one thread at a time.
package final class VirtualDaemon {
    package let clock: VirtualClock
    private let outbox: any Outbox
    private let workshop: Workshop
    private let loop: SendLoop
    /// Staff could not be told: the next rung of the ladder is due at once.
    private let refusal = Flag()

    /// Adopts the rules and settles what an earlier daemon left, as a start does.
    /// - Parameter channels: the ways out.
    /// - Throws: `WorkshopError`, `OutboxError`.
    package init(
        _ assembly: Assembly, outbox: any Outbox, channels: ChannelSet, clock: VirtualClock, salt: [UInt8],
        hash: AddressHash = AddressHash(key: .random()), announcer: any Announcer = SilentAnnouncer()
    ) throws {
        self.clock = clock
        self.outbox = outbox
        var premises = Workshop.Premises(
            outbox: outbox, clock: clock, environment: [:], salt: salt, hash: hash, machine: "virtual")
        premises.isGuarding = false
        premises.keepsCopies = false
        try outbox.setLiveMachine("virtual", now: clock.now())
        workshop = try Workshop(assembly, premises, channels: channels)
        _ = try outbox.adoptRules(assembly.book.adoptions, now: clock.now())
        _ = try outbox.recover(now: clock.now()) { name in
            assembly.book.rules.first { $0.name == name }?.ifInDoubt ?? assembly.book.house.ifInDoubt
        }
        loop = SendLoop(
            outbox: outbox, desk: workshop.send, channels: workshop.channels, clock: clock, announcer: announcer,
            health: Health(announcer: announcer), hash: hash, wakesByItself: false)
        loop.whenStaffRefused { [refusal] in refusal.raise() }
    }

    /// One look at the customer database: a pass over all customers, and every event.
    /// - Throws: `SourceError`, `OutboxError`.
    @discardableResult
    package func look() throws -> PlanDesk.Report {
        let report = try workshop.plan.plan(now: clock.now())
        if let failure = try workshop.events.sync(now: clock.now(), all: true).failure { throw failure }
        try workshop.lists.settle(now: clock.now())
        return report
    }

    /// Sends what falls due until `end`, each message at its time, and leaves the clock there.
    /// - Throws: `OutboxError`, `SourceError`.
    package func run(until end: Instant) throws {
        _ = try workshop.lists.mail(now: clock.now())
        try drain()
        while let wake = try nextWake(), wake < end {
            // A row that is still awake after the drain waits for something that no virtual time brings.
            guard wake > clock.now() else { break }
            clock.set(wake)
            _ = try workshop.lists.mail(now: wake)
            try drain()
        }
        clock.set(end)
    }

    private func nextWake() throws -> Instant? {
        [try outbox.earliestWake(channels: nil), workshop.lists.nextMail(after: clock.now())].compactMap { $0 }.min()
    }

    private func drain() throws {
        repeat {
            let idle = DispatchSemaphore(value: 0)
            loop.whenIdle { idle.signal() }
            idle.wait()
        } while try climb()
    }

    /// - Returns: whether a ladder was looked at again.
    private func climb() throws -> Bool {
        guard refusal.lower() else { return false }
        if let failure = try workshop.events.sync(now: clock.now(), all: true).failure { throw failure }
        return true
    }

    /// Ends the send loop; nothing may be called after it.
    package func stop() {
        let stopped = DispatchSemaphore(value: 0)
        loop.stop(grace: .seconds(8)) { stopped.signal() }
        stopped.wait()
    }
}

/// Raised on one queue, lowered on another.
private final class Flag: Sendable {
    private let isRaised = Mutex(false)
    func raise() { isRaised.withLock { $0 = true } }
    /// - Returns: whether it was raised.
    func lower() -> Bool {
        isRaised.withLock { isRaised in
            defer { isRaised = false }
            return isRaised
        }
    }
}

/// Tells nobody: what happens under a virtual clock is in the ledger.
package struct SilentAnnouncer: Announcer {
    package init() {}
    package func announce(_ notice: Notice) {}
}
