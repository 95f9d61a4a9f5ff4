import Dispatch
import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// A daemon in this process, over the real parts: its state file, its source, its channels. Only the clock and the
/// machine's identity may be made up.
final class TestDaemon: Sendable {
    let shop: TestShop
    let daemon: Daemon
    let outbox: SQLiteOutbox
    let announcer: RecordingAnnouncer
    /// nil where the machine's clock counts.
    let clock: VirtualClock?
    /// In front of the outbox, where asked for.
    let faults: InterposedOutbox?

    /// - Parameters:
    ///   - now: where a virtual clock starts; nil: the machine's clock.
    ///   - channel: the way out for mail; nil: the one that the shop's configuration names.
    ///   - liveMachine: what `go-live` was given for; nil: this machine.
    init(
        _ shop: TestShop, now: Instant?, isLive: Bool = true, liveMachine: String? = nil, channel: ScriptedChannel? = nil,
        interposed: Bool = false, state: String? = nil, announcer: RecordingAnnouncer = RecordingAnnouncer(),
        zones: ZoneCatalog = ZoneCatalog(), configure: (inout Daemon.Options) -> Void = { _ in }
    ) throws {
        self.shop = shop
        self.announcer = announcer
        let assembly = try shop.assembly(zones: zones)
        let clock = now.map(VirtualClock.init)
        self.clock = clock
        let wall: any WallClock = clock ?? SystemClock()
        outbox = try SQLiteOutbox.openForDaemon(path: state ?? shop.state, now: wall.now())
        faults = interposed ? InterposedOutbox(outbox) : nil
        if isLive { try outbox.setLiveMachine(liveMachine ?? Machine.identity(), now: wall.now()) }
        var options = Daemon.Options(
            file: shop.file, environment: [:], zones: zones, announcer: announcer,
            hash: AddressHash(key: AddressHash.Key(first: 1, second: 2)), salt: Array("test".utf8))
        options.clock = wall
        configure(&options)
        do {
            daemon = try Daemon(
                assembly: assembly, outbox: faults ?? outbox, options: options,
                channels: channel.map { ChannelSet([.mail: $0], clock: wall) })
        } catch {
            try outbox.close()
            throw error
        }
    }

    /// Looks at events, plans and sends all that is due at an instant.
    /// - Returns: what kept it from doing all of it.
    @discardableResult
    func pass(at instant: Instant) async throws -> (any Error)? {
        try #require(clock).set(instant)
        return await withCheckedContinuation { continuation in
            daemon.runOnce { continuation.resume(returning: $0) }
        }
    }

    /// As `pass`, and nothing may go wrong.
    func cleanPass(at text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let trouble = try await pass(at: try RegardsDaemonTests.at(text, sourceLocation: sourceLocation))
        #expect(trouble == nil, sourceLocation: sourceLocation)
    }

    /// Begins to run by its own timers.
    func start() async {
        await withCheckedContinuation { continuation in
            daemon.start { continuation.resume() }
        }
    }

    /// Ends it as SIGTERM does, and gives the state up to the next daemon.
    func stop() async throws {
        await withCheckedContinuation { continuation in
            daemon.stop { continuation.resume() }
        }
        try outbox.close()
    }

    // MARK: The ledger

    func rows(rule: String? = nil, customer: String? = nil) throws -> [Outreach] {
        try outbox.list(OutreachFilter(rule: rule, customer: customer), limit: .max, after: 0)
    }

    /// Rows as `step state(reason) due`, in the order of due time.
    func ledger(rule: String? = nil, customer: String? = nil) throws -> [String] {
        try rows(rule: rule, customer: customer)
            .sorted { ($0.plan.dueAt, $0.id) < ($1.plan.dueAt, $1.id) }
            .map { "\($0.key.occasion) \($0.key.step) \($0.standing) \($0.plan.dueAt)" }
    }

    /// The only row of a rule or customer.
    func row(rule: String? = nil, customer: String? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws -> Outreach {
        let rows = try rows(rule: rule, customer: customer)
        try #require(rows.count == 1, "\(rows.map(\.standing))", sourceLocation: sourceLocation)
        return rows[0]
    }
}

extension Outreach {
    /// `held(open:complaint)`, `sent`.
    var standing: String { reason.isEmpty ? "\(state)" : "\(state)(\(reason))" }
}
