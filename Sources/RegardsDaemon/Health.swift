import RegardsStore
import Synchronization

/// Tells of a trouble once when the first loop meets it, and once when the last loop is rid of it: three loops use the
/// customer database and the state file, and an outage of either is one fact.
package final class Health: Sendable {
    package enum Loop: Hashable, Sendable {
        case plan, events, send
    }

    /// Loops that met a trouble and have not worked since, and the kind that was told.
    private struct Trouble {
        var loops: Set<Loop> = []
        var told: NoticeKind?
    }

    private struct State {
        var source = Trouble()
        var ledger = Trouble()
        /// What each loop met last and is not yet rid of.
        var errors: [Loop: any Error] = [:]
        var isQuiet = false
    }

    private let announcer: any Announcer
    private let state = Mutex(State())

    package init(announcer: any Announcer) { self.announcer = announcer }

    /// Sorts an error by what it is about and tells it; what is about neither database is told each time.
    package func failed(_ loop: Loop, _ error: any Error) {
        switch error {
        case SourceError.schemaChanged: failed(loop, \.source, .schemaDrift, error)
        case is SourceError: failed(loop, \.source, .sourceUnreachable, error)
        case is OutboxError: failed(loop, \.ledger, .stateUnwritable, error)
        default: tell(Notice(.fault, detail: "\(error)"))
        }
    }

    /// The customer database answered this loop.
    package func sourceWorked(_ loop: Loop) { worked(loop, \.source, .sourceBack) }

    /// The state file took this loop's writes.
    package func stateWorked(_ loop: Loop) { worked(loop, \.ledger, .stateWritable) }

    /// What a loop met and is not yet rid of.
    package func trouble(of loop: Loop) -> (any Error)? { state.withLock { $0.errors[loop] } }

    /// Nothing more is told: while the daemon stops, databases are closed under the loops.
    package func silence() { state.withLock { $0.isQuiet = true } }

    private func failed(
        _ loop: Loop, _ part: WritableKeyPath<State, Trouble>, _ kind: NoticeKind, _ error: any Error
    ) {
        let isNews = state.withLock { state in
            state[keyPath: part].loops.insert(loop)
            state.errors[loop] = error
            defer { state[keyPath: part].told = kind }
            return state[keyPath: part].told != kind
        }
        if isNews { tell(Notice(kind, detail: "\(error)")) }
    }

    private func worked(_ loop: Loop, _ part: WritableKeyPath<State, Trouble>, _ kind: NoticeKind) {
        let isOver = state.withLock { state in
            let wasAffected = state[keyPath: part].loops.remove(loop) != nil
            if wasAffected { state.errors[loop] = nil }
            guard wasAffected, state[keyPath: part].loops.isEmpty else { return false }
            state[keyPath: part].told = nil
            return true
        }
        if isOver { tell(Notice(kind)) }
    }

    private func tell(_ notice: Notice) {
        guard !state.withLock({ $0.isQuiet }) else { return }
        announcer.announce(notice)
    }
}
