package import RegardsCalendar
package import RegardsCore
import RegardsDelivery
import Synchronization

/// The ways out that one configuration gives, and what each can do at the moment. Its answers are about now: a channel
/// changes state on its own threads, and says so to the watcher afterwards.
package final class ChannelSet: Sendable {
    package enum Change: Sendable {
        case wentDown(DeferralReason, detail: String)
        case cameBack
        /// One relay of several; the others go on.
        case relayWentDown(String, DeferralReason, detail: String)
        case relayCameBack(String)
        case other
    }

    private struct Status {
        var state = ChannelState.idle
        /// Since when the relay cannot be reached; kept while it is probed.
        var isDown = false
        var lastOpened: Instant?
    }

    private struct Guarded {
        var status: [ChannelName: Status] = [:]
        var watcher: (@Sendable (ChannelName, Change) -> Void)?
        /// Channels that have not yet answered the last ping.
        var silent: Set<ChannelName> = []
    }

    /// In a fixed order.
    package let names: [ChannelName]
    private let channels: [ChannelName: any Channel]
    private let clock: any WallClock
    private let guarded = Mutex(Guarded())

    package init(_ channels: [ChannelName: any Channel], clock: any WallClock) {
        self.channels = channels
        self.clock = clock
        names = channels.keys.sorted { $0.description < $1.description }
        for (name, channel) in channels {
            channel.whenStateChanges { [weak self] state in self?.changed(name, to: state) }
            guard let group = channel as? RelayGroup else { continue }
            group.whenRelayChanges { [weak self] change in self?.relayChanged(name, change) }
        }
    }

    package func whenStateChanges(_ watcher: @escaping @Sendable (ChannelName, Change) -> Void) {
        guarded.withLock { $0.watcher = watcher }
    }

    private func changed(_ name: ChannelName, to state: ChannelState) {
        let (watcher, change) = guarded.withLock { guarded in
            var status = guarded.status[name] ?? Status()
            let wasDown = status.isDown
            status.state = state
            var change = Change.other
            if case .down(let reason, let detail) = state {
                status.isDown = true
                if !wasDown { change = .wentDown(reason, detail: detail) }
            } else if state == .ready {
                status.isDown = false
                if wasDown { change = .cameBack }
            }
            guarded.status[name] = status
            return (guarded.watcher, change)
        }
        watcher?(name, change)
    }

    private func relayChanged(_ name: ChannelName, _ change: RelayGroup.Change) {
        let watcher = guarded.withLock { $0.watcher }
        switch change {
        case .wentDown(let relay, let reason, let detail): watcher?(name, .relayWentDown(relay, reason, detail: detail))
        case .cameBack(let relay): watcher?(name, .relayCameBack(relay))
        }
    }

    private func status(_ name: ChannelName) -> Status { guarded.withLock { $0.status[name] ?? Status() } }

    package func isDown(_ name: ChannelName) -> Bool { status(name).isDown }

    /// How many more rows may be marked for the channel; nil when it takes none at the moment.
    package func free(_ name: ChannelName, busy: Int) -> Int? {
        guard status(name).state == .ready, let channel = channels[name] else { return nil }
        return max(0, channel.capacity - busy)
    }

    /// Asked of a row before it is marked: nil when it may go now, and then it counts as gone; else when its turn comes.
    package func turn(
        of outreach: Int64, to destination: Outgoing.Destination, by name: ChannelName, isUrgent: Bool, now: Instant
    ) -> Instant? {
        channels[name]?.turn(of: outreach, to: destination, isUrgent: isUrgent, now: now)
    }

    /// Whether a recipient domain was slowed, or is no longer, since the last call.
    func takePaceNews() -> Bool { (channels[.mail] as? RelayGroup)?.takePaceNews() ?? false }

    /// What is known of the pace of mail, to be kept over a restart; nil where no relay is used.
    func pace(now: Instant) -> String? { (channels[.mail] as? RelayGroup)?.pace.encoded(now: now) }

    package func openIfNeeded(_ name: ChannelName) {
        let status = status(name)
        guard status.state == .idle, !status.isDown else { return }
        open(name)
    }

    /// See `Channel.expect`.
    package func expect(_ waiting: Int, _ name: ChannelName) { channels[name]?.expect(waiting) }

    /// Tries relays that are down again, each at most once in `span`.
    package func probeIfDue(_ now: Instant, every span: TimeSpan) {
        for name in names {
            let status = status(name)
            guard status.isDown, status.state != .opening, (status.lastOpened ?? now - span) + span <= now else { continue }
            open(name)
        }
    }

    /// When the next probe is due; nil when nothing is down, or what is down is being probed.
    package func nextProbe(every span: TimeSpan) -> Instant? {
        names.compactMap { name in
            let status = status(name)
            return status.isDown && status.state != .opening ? status.lastOpened.map { $0 + span } : nil
        }.min()
    }

    private func open(_ name: ChannelName) {
        let now = clock.now()
        guarded.withLock { $0.status[name, default: Status()].lastOpened = now }
        channels[name]?.open()
    }

    package func send(_ outgoing: Outgoing, by name: ChannelName, ended: @escaping @Sendable (AttemptReport) -> Void) {
        guard let channel = channels[name] else {
            return ended(AttemptReport(.deferred(.relayDown, notBefore: nil), detail: "channel \(name) is not configured"))
        }
        channel.send(outgoing, ended: ended)
    }

    /// Closes every channel; `done` when all are.
    package func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        let left = Mutex(channels.count)
        guard !channels.isEmpty else { return done() }
        for channel in channels.values {
            channel.close(grace: grace) {
                if left.withLock({ $0 -= 1; return $0 == 0 }) { done() }
            }
        }
    }

    /// Asks each channel's thread for a sign of life.
    /// - Returns: those that have not answered the call before this one.
    package func unanswered() -> [ChannelName] {
        let silent = guarded.withLock { $0.silent }
        for name in names where !silent.contains(name) {
            guarded.withLock { _ = $0.silent.insert(name) }
            channels[name]?.ping { [weak self] in self?.guarded.withLock { _ = $0.silent.remove(name) } }
        }
        return names.filter(silent.contains)
    }

    /// One word for status lines.
    package func summary(_ name: ChannelName) -> String { isDown(name) ? "down" : "ok" }
}

/// Messages wait for a channel that cannot connect.
package struct ChannelDown: Error, CustomStringConvertible {
    package var name: ChannelName
    package var description: String { "\(name): the relay or endpoint cannot be reached; its messages wait" }
}
