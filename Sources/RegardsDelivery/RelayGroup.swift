package import RegardsCalendar
package import RegardsCore
import Dispatch
import Glibc
import Synchronization

/// The way out for mail: one relay or several, and the pace at which messages go.
///
/// Each recipient has an order of relays of its own, drawn by weight (rendezvous hashing), and the first that can take
/// the message gets it. So a message that is tried again meets the relay that knows it already, as greylisting wants,
/// and the shares follow the weights. A relay whose sessions are all busy is passed over, and so is one that is down: it
/// gets no message, and is probed at most once a minute. A message that a relay gave back untouched, because it went
/// down or will not take its kind, goes to the next at once.
///
/// Everything shared lies behind one lock that is never held while a callback of others runs. Changes of state are told
/// on one serial queue, in the order in which they happened.
package final class RelayGroup: Channel {
    package typealias Ended = @Sendable (AttemptReport) -> Void

    package struct Member: Sendable {
        package var relay: any Channel
        /// Its share beside the other relays' weights. 0: only when no other can be used.
        package var weight: Int

        package init(_ relay: any Channel, weight: Int = 1) {
            self.relay = relay
            self.weight = weight
        }
    }

    /// A relay of several went down or came back, while the way out as a whole may be open.
    package enum Change: Hashable, Sendable {
        case wentDown(relay: String, DeferralReason, detail: String)
        case cameBack(relay: String)
    }

    struct Status {
        var state = ChannelState.idle
        var isDown = false
        var busy = 0
        var lastOpened: Monotonic?
    }

    private struct Shared {
        var status: [Status]
        var state = ChannelState.idle
        var handler: (@Sendable (ChannelState) -> Void)?
        var changeHandler: (@Sendable (Change) -> Void)?
        var pace: Pace
        /// A domain was slowed, or is no longer.
        var hasPaceNews = false
        var isWakeSet = false
        var isClosing = false
    }

    /// A message and the relays that have had it.
    private struct Passage: Sendable {
        var outgoing: Outgoing
        var order: [Int]
        var tried: Set<Int> = []
    }

    package let name: String
    package let sessions: Int
    private let members: [Member]
    private let probeSpan: Double
    private let clock: @Sendable () -> Instant
    private let shared: Mutex<Shared>
    private let teller: DispatchQueue

    /// - Parameters:
    ///   - members: at least one; their names are told apart.
    ///   - pace: what is known of earlier days.
    ///   - probe: a relay that is down is tried again after this long.
    ///   - clock: the wall clock, for the pace.
    package init(
        name: String, members: [Member], pace: Pace = Pace(), probe: TimeSpan = .minutes(1),
        clock: @escaping @Sendable () -> Instant
    ) {
        self.name = name
        self.members = members
        self.clock = clock
        sessions = members.reduce(0) { $0 + $1.relay.sessions }
        probeSpan = Double(probe.microseconds) / 1e6
        shared = Mutex(Shared(status: members.map { _ in Status() }, pace: pace))
        teller = DispatchQueue(label: "regards.relays.\(name)")
        for (index, member) in members.enumerated() {
            member.relay.whenStateChanges { [weak self] state in self?.changed(index, to: state) }
        }
    }

    package func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        shared.withLock { $0.handler = handler }
    }

    /// Called, in order with the changes of state, when one relay of several goes down or comes back.
    package func whenRelayChanges(_ handler: @escaping @Sendable (Change) -> Void) {
        shared.withLock { $0.changeHandler = handler }
    }

    /// What has been learnt, to be kept over a restart (`Pace.init(_:restoring:)`).
    package var pace: Pace { shared.withLock { $0.pace } }

    /// Whether a domain was slowed, or is no longer, since the last call.
    package func takePaceNews() -> Bool {
        shared.withLock { shared in
            defer { shared.hasPaceNews = false }
            return shared.hasPaceNews
        }
    }

    // MARK: - Opening

    package func open() {
        let now = Monotonic.now
        let chosen = shared.withLock { shared in
            let indices = shared.isClosing ? [] : toOpen(shared, now)
            for index in indices { shared.status[index].lastOpened = now }
            return indices
        }
        for index in chosen { members[index].relay.open() }
    }

    package func expect(_ waiting: Int) {
        let ready = shared.withLock { shared in members.indices.filter { shared.status[$0].state == .ready } }
        for index in ready { members[index].relay.expect(waiting / ready.count) }
    }

    /// Every relay with a weight that is not open, each that is down at most once in a span; those without a weight when
    /// all others are down.
    private func toOpen(_ shared: Shared, _ now: Monotonic) -> [Int] {
        let spares = !members.indices.contains { members[$0].weight > 0 && !shared.status[$0].isDown }
        return members.indices.filter { index in
            let status = shared.status[index]
            guard members[index].weight > 0 || spares else { return false }
            switch status.state {
            case .idle: return !status.isDown || isProbeDue(status, now)
            case .down: return isProbeDue(status, now)
            case .opening, .ready, .closed: return false
            }
        }
    }

    /// With one relay it is for the caller to say when.
    private func isProbeDue(_ status: Status, _ now: Monotonic) -> Bool {
        members.count == 1 || status.lastOpened.map { $0 + probeSpan <= now } ?? true
    }

    // MARK: - Room and turns

    /// What is under way, and as many as the relays that are open may be given now.
    package var capacity: Int {
        let now = clock()
        return shared.withLock { shared in
            let busy = shared.status.reduce(0) { $0 + $1.busy }
            let room = members.indices.reduce(0) { $0 + self.room($1, shared, now) }
            if room == 0 { setWake(&shared, now) }
            // All mail together may go slower than the relays one by one.
            return busy + min(room, shared.pace.room(relay: "", now: now))
        }
    }

    /// Messages that the relay may be given now.
    private func room(_ index: Int, _ shared: Shared, _ now: Instant) -> Int {
        guard shared.status[index].state == .ready else { return 0 }
        let free = members[index].relay.capacity - shared.status[index].busy
        return max(0, min(free, shared.pace.room(relay: members[index].relay.name, now: now)))
    }

    /// Where only the pace holds mail back, nothing else would wake whoever waits for room.
    private func setWake(_ shared: inout Shared, _ now: Instant) {
        let turns = members.indices.filter { shared.status[$0].state == .ready }
            .compactMap { shared.pace.nextRoom(relay: members[$0].relay.name, now: now) }
        guard !shared.isWakeSet, let turn = turns.min() else { return }
        shared.isWakeSet = true
        let wait = max((turn - now).microseconds, 1000)
        teller.asyncAfter(deadline: .now() + .microseconds(Int(wait))) { [weak self] in
            guard let self else { return }
            let (state, handler) = self.shared.withLock { shared in
                shared.isWakeSet = false
                return (shared.state, shared.handler)
            }
            if state == .ready { handler?(state) }
        }
    }

    package func turn(of outreach: Int64, to destination: Outgoing.Destination, isUrgent: Bool, now: Instant) -> Instant? {
        guard case .mailbox(let envelope) = destination else { return nil }
        let domain = envelope.recipient.domain.lowercased()
        switch shared.withLock({ $0.pace.turn(of: outreach, domain: domain, isUrgent: isUrgent, now: now) }) {
        case .now: return nil
        case .at(let moment): return moment
        }
    }

    // MARK: - Sending

    package func send(_ outgoing: Outgoing, ended: @escaping Ended) {
        pass(Passage(outgoing: outgoing, order: order(for: outgoing)), ended) {
            ended(AttemptReport(.deferred(.shutdown, notBefore: nil), detail: "the daemon stopped before the message was handed over"))
        }
    }

    /// Gives the message to the first relay of its order that takes it.
    /// - Parameter nobody: called when there is none.
    private func pass(_ passage: Passage, _ ended: @escaping Ended, nobody: () -> Void) {
        let now = clock()
        let monotonic = Monotonic.now
        let (chosen, toOpen) = shared.withLock { shared -> (Int?, [Int]) in
            guard !shared.isClosing else { return (nil, []) }
            let chosen = choose(passage, shared, now)
            let toOpen = members.count > 1 ? self.toOpen(shared, monotonic).filter { isMissed($0, passage, chosen, shared) } : []
            for index in toOpen { shared.status[index].lastOpened = monotonic }
            guard let chosen else { return (nil, toOpen) }
            shared.status[chosen].busy += 1
            shared.pace.went(relay: members[chosen].relay.name, now: now)
            return (chosen, toOpen)
        }
        for index in toOpen { members[index].relay.open() }
        guard let chosen else { return nobody() }
        var passage = passage
        passage.tried.insert(chosen)
        members[chosen].relay.send(passage.outgoing) { [passage] report in
            self.ended(passage, by: chosen, report, ended)
        }
    }

    /// A relay with room, else one that is open, else, for the first try, any that is not down: it connects first.
    private func choose(_ passage: Passage, _ shared: Shared, _ now: Instant) -> Int? {
        let left = passage.order.filter { !passage.tried.contains($0) }
        if let roomy = left.first(where: { room($0, shared, now) > 0 }) { return roomy }
        if let open = left.first(where: { shared.status[$0].state == .ready }) { return open }
        guard passage.tried.isEmpty else { return nil }
        return left.first { !shared.status[$0].isDown } ?? left.first
    }

    /// Opened beside the message, for the next one: a relay that is down and may be up again, and one that would have had
    /// this message if it had not closed for want of work.
    private func isMissed(_ index: Int, _ passage: Passage, _ chosen: Int?, _ shared: Shared) -> Bool {
        guard index != chosen else { return false }
        return shared.status[index].isDown || passage.order.prefix { $0 != chosen }.contains(index)
    }

    private func ended(_ passage: Passage, by index: Int, _ report: AttemptReport, _ ended: @escaping Ended) {
        let now = clock()
        shared.withLock { shared in
            shared.status[index].busy -= 1
            guard case .mailbox(let envelope) = passage.outgoing.destination, !report.tellsOfRelay else { return }
            let isNews = shared.pace.heard(report.code, domain: envelope.recipient.domain.lowercased(), now: now)
            if isNews { shared.hasPaceNews = true }
        }
        let named = members.count == 1 ? report : report.said(by: members[index].relay.name)
        guard report.leavesItToOthers, passage.tried.count < members.count else { return ended(named) }
        pass(passage, ended) { ended(named) }
    }

    /// The relays in the order in which they are asked for this recipient.
    func order(for outgoing: Outgoing) -> [Int] {
        guard members.count > 1, case .mailbox(let envelope) = outgoing.destination else { return Array(members.indices) }
        let recipient = envelope.recipient.folded
        let scores = members.map { member -> Double in
            // Zero is left out, and so is one: the logarithm stays finite and below zero.
            let number = Double(StableHash.of(member.relay.name, recipient) >> 11) + 0.5
            return Double(member.weight) / -log(number / 0x1p53)
        }
        return members.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
    }

    // MARK: - State

    private func changed(_ index: Int, to state: ChannelState) {
        shared.withLock { shared in
            let wasDown = shared.status[index].isDown
            shared.status[index].state = state
            var change: Change?
            if case .down(let reason, let detail) = state {
                shared.status[index].isDown = true
                if !wasDown { change = .wentDown(relay: members[index].relay.name, reason, detail: detail) }
            } else if state == .ready {
                shared.status[index].isDown = false
                if wasDown { change = .cameBack(relay: members[index].relay.name) }
            }
            let whole = combined(shared)
            // Told again when a second relay is ready: there is more room.
            let isNews = whole != shared.state || state == .ready
            shared.state = whole
            tell(isNews ? whole : nil, members.count > 1 ? change : nil, shared)
        }
    }

    /// Put on the queue while the lock is held, so that what happened last is told last.
    private func tell(_ state: ChannelState?, _ change: Change?, _ shared: Shared) {
        let (handler, changeHandler) = (shared.handler, shared.changeHandler)
        teller.async {
            if let change { changeHandler?(change) }
            if let state { handler?(state) }
        }
    }

    private func combined(_ shared: Shared) -> ChannelState {
        let states = shared.status.map(\.state)
        if shared.isClosing { return states.allSatisfy { $0 == .closed } ? .closed : shared.state }
        if states.contains(.ready) { return .ready }
        if states.contains(.opening) { return .opening }
        // A relay that closed for want of work may be opened; one that is down may not yet.
        guard shared.status.allSatisfy({ $0.isDown || $0.state == .closed }) else { return .idle }
        var reasons: [(DeferralReason, String)] = []
        for case .down(let reason, let detail) in states { reasons.append((reason, detail)) }
        guard let first = reasons.first else { return .idle }
        return .down(first.0, detail: reasons.map(\.1).joined(separator: "; "))
    }

    // MARK: - The end

    package func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        shared.withLock { $0.isClosing = true }
        let left = Mutex(members.count)
        for member in members {
            member.relay.close(grace: grace) {
                // Behind what was still to be told.
                if left.withLock({ $0 -= 1; return $0 == 0 }) { self.teller.async(execute: done) }
            }
        }
    }

    /// Answers when every relay's thread has.
    package func ping(_ answer: @escaping @Sendable () -> Void) {
        let left = Mutex(members.count)
        for member in members {
            member.relay.ping { if left.withLock({ $0 -= 1; return $0 == 0 }) { answer() } }
        }
    }
}

extension AttemptReport {
    /// The relay granted no session, and its code was heard before it knew of the message. What it says of a message that
    /// it was given costs that one a wait.
    fileprivate var tellsOfRelay: Bool {
        switch outcome {
        case .deferred(.relayDown, notBefore: nil), .deferred(.relayBusy, notBefore: nil): true
        case .delivered, .deferred, .refused, .inDoubt: false
        }
    }

    /// The relay gave the message back without having begun with it, or cannot carry its kind: another relay may.
    fileprivate var leavesItToOthers: Bool {
        switch outcome {
        case .deferred(.relayDown, _), .deferred(.relayBusy, _): true
        case .deferred(.connectionLost, let notBefore): notBefore == nil
        // Without a code the relay was not even asked.
        case .refused(.addressNeedsUTF8), .refused(.tooLarge), .refused(.messageRefused): code == 0
        case .delivered, .deferred, .refused, .inDoubt: false
        }
    }

    fileprivate func said(by relay: String) -> AttemptReport {
        var report = self
        report.detail = detail.isEmpty ? relay : "\(relay): \(detail)"
        return report
    }
}
