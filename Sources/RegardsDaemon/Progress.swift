import Synchronization

/// Tells `Pulse` whether a loop that is busy gets on: it has begun or ended something since the last look.
package final class Progress: Sendable {
    private struct State {
        var steps = 0
        var seen = 0
        var isCancelled = false
    }
    private let state = Mutex(State())

    package func begin() { state.withLock { $0.steps += 1 } }

    package func end() { state.withLock { $0.steps += 1 } }

    /// A step inside long work, at which it may be broken off.
    /// - Throws: `CancellationError` after `cancel`.
    package func step() throws {
        let isCancelled = state.withLock { state in
            state.steps += 1
            return state.isCancelled
        }
        if isCancelled { throw CancellationError() }
    }

    /// Ends long work at its next step.
    package func cancel() { state.withLock { $0.isCancelled = true } }

    /// True when something happened since the last call.
    func hasMoved() -> Bool {
        state.withLock { state in
            defer { state.seen = state.steps }
            return state.steps != state.seen
        }
    }
}
