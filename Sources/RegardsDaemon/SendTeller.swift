import Dispatch
import RegardsCore
import Synchronization

/// What is to be told of a row.
enum Telling: Sendable {
    case notice(Notice)
    /// How an attempt ended; the address as it went out, nil where there was none.
    case attempt(AttemptReport, Outreach, Address?)
}

/// Tells what is durable, in order, on a queue of its own: a line costs about as much as a message's way to the relay.
final class SendTeller: Sendable {
    private struct State {
        var untold = 0
        var isBehind = false
        var whenCaughtUp: (@Sendable () -> Void)?
    }

    private let announcer: any Announcer
    private let hash: AddressHash
    private let enough: Int
    private let queue = DispatchQueue(label: "regards.send.tell")
    private let state = Mutex(State())

    /// - Parameter enough: with fewer lines left to tell it counts as having caught up.
    init(_ announcer: any Announcer, _ hash: AddressHash, enough: Int) {
        self.announcer = announcer
        self.hash = hash
        self.enough = enough
    }

    /// Lines that wait to be told.
    var untold: Int { state.withLock { $0.untold } }

    /// Called when few lines are left after there were many.
    func whenCaughtUp(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenCaughtUp = body } }

    func tell(_ notice: Notice) { tell([.notice(notice)]) }

    func tell(_ tellings: [Telling]) {
        guard !tellings.isEmpty else { return }
        state.withLock { state in
            state.untold += tellings.count
            if state.untold > enough { state.isBehind = true }
        }
        queue.async { self.announce(tellings) }
    }

    /// Whether something that was given to it is not told yet.
    var isTelling: Bool { state.withLock { $0.untold > 0 } }

    /// Calls `body` after all that was given to it before.
    func whenTold(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

    private func announce(_ tellings: [Telling]) {
        announcer.announce(tellings.map(notice))
        let caughtUp = state.withLock { state -> (@Sendable () -> Void)? in
            state.untold -= tellings.count
            guard state.isBehind, state.untold <= enough else { return nil }
            state.isBehind = false
            return state.whenCaughtUp
        }
        caughtUp?()
    }

    private func notice(_ telling: Telling) -> Notice {
        switch telling {
        case .notice(let notice): notice
        case .attempt(let report, let outreach, let address):
            Notice(report, about: outreach, addressHash: address.map(hash.of))
        }
    }
}

/// Reports of the channels, which come on their threads, gathered for the loop's queue.
final class SendReports: Sendable {
    private struct State {
        var reports: [(id: Int64, report: AttemptReport)] = []
        var isTold = false
        var whenSomeCame: (@Sendable () -> Void)?
    }

    private let queue: DispatchQueue
    private let state = Mutex(State())

    /// - Parameter queue: where the news is given.
    init(_ queue: DispatchQueue) { self.queue = queue }

    /// Called once for all that comes until they are taken.
    func whenSomeCame(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenSomeCame = body } }

    func add(_ id: Int64, _ report: AttemptReport) {
        let body = state.withLock { state -> (@Sendable () -> Void)? in
            state.reports.append((id, report))
            defer { state.isTold = true }
            return state.isTold ? nil : state.whenSomeCame
        }
        if let body { queue.async(execute: body) }
    }

    func take() -> [(id: Int64, report: AttemptReport)] {
        state.withLock { state in
            defer { state.reports.removeAll() }
            state.isTold = false
            return state.reports
        }
    }
}
