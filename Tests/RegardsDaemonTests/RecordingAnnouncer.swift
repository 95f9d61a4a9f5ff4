import Dispatch
import RegardsTestSupport
import Synchronization

@testable import RegardsDaemon

/// Keeps every notice, and lets a test wait for one instead of sleeping.
final class RecordingAnnouncer: Announcer {
    private struct Waiter {
        let number: Int
        let matches: @Sendable (Notice) -> Bool
        let found: @Sendable (Notice?) -> Void
    }
    private struct State {
        var notices: [Notice] = []
        var waiters: [Waiter] = []
        var lastWaiter = 0
    }
    private let state = Mutex(State())

    var notices: [Notice] { state.withLock { $0.notices } }
    func notices(_ kind: NoticeKind) -> [Notice] { notices.filter { $0.kind == kind } }

    func announce(_ notice: Notice) {
        let met = state.withLock { state in
            state.notices.append(notice)
            let met = state.waiters.filter { $0.matches(notice) }
            state.waiters.removeAll { waiter in met.contains { $0.number == waiter.number } }
            return met
        }
        for waiter in met { waiter.found(notice) }
    }

    /// The first matching notice, past or to come; nil when none came within the limit. The limit only guards
    /// against a test that would hang.
    func first(
        within seconds: Int = FailureGuard.seconds, _ matches: @escaping @Sendable (Notice) -> Bool
    ) async -> Notice? {
        await withCheckedContinuation { continuation in
            wait(within: seconds, matches) { continuation.resume(returning: $0) }
        }
    }

    func first(_ kind: NoticeKind, within seconds: Int = FailureGuard.seconds) async -> Notice? {
        await first(within: seconds) { $0.kind == kind }
    }

    /// As `first`, for tests that are not asynchronous.
    func blockingFirst(
        within seconds: Int = FailureGuard.seconds, _ matches: @escaping @Sendable (Notice) -> Bool
    ) -> Notice? {
        let box = Mutex<Notice?>(nil)
        let done = DispatchSemaphore(value: 0)
        wait(within: seconds, matches) { notice in
            box.withLock { $0 = notice }
            done.signal()
        }
        done.wait()
        return box.withLock { $0 }
    }

    /// Calls `found` exactly once.
    private func wait(
        within seconds: Int, _ matches: @escaping @Sendable (Notice) -> Bool,
        found: @escaping @Sendable (Notice?) -> Void
    ) {
        let (past, number) = state.withLock { state -> (Notice?, Int) in
            if let notice = state.notices.first(where: matches) { return (notice, 0) }
            state.lastWaiter += 1
            state.waiters.append(Waiter(number: state.lastWaiter, matches: matches, found: found))
            return (nil, state.lastWaiter)
        }
        if let past { return found(past) }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds)) { [self] in
            let isWaiting = state.withLock { state in
                let count = state.waiters.count
                state.waiters.removeAll { $0.number == number }
                return state.waiters.count < count
            }
            if isWaiting { found(nil) }
        }
    }
}
