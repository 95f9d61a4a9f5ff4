import RegardsCalendar
import RegardsCore
import Synchronization

@testable import RegardsDaemon

/// A way out whose answers a test decides: for what a real relay does too rarely, and for holding an attempt open.
final class ScriptedChannel: Channel {
    private struct State {
        var answer: Outcome?
        var handler: (@Sendable (ChannelState) -> Void)?
        var waiting: [@Sendable (AttemptReport) -> Void] = []
        var sent: [Outgoing] = []
        var opened = 0
        var openAnswer = ChannelState.ready
    }

    let name = "scripted"
    let sessions: Int
    private let state: Mutex<State>

    /// - Parameter answer: to each message; nil: none before `finish`.
    init(_ answer: Outcome?, sessions: Int = 1) {
        self.sessions = sessions
        state = Mutex(State(answer: answer))
    }

    func set(_ clock: any WallClock) -> ChannelSet { ChannelSet([.mail: self], clock: clock) }

    var sent: [Outgoing] { state.withLock { $0.sent } }
    var opened: Int { state.withLock { $0.opened } }

    func answer(_ outcome: Outcome?) { state.withLock { $0.answer = outcome } }
    /// What `open` leads to.
    func answerToOpen(_ answer: ChannelState) { state.withLock { $0.openAnswer = answer } }
    func become(_ new: ChannelState) { state.withLock { $0.handler }?(new) }

    /// Ends the attempts that wait.
    func finish(_ outcome: Outcome) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for ended in waiting { ended(AttemptReport(outcome)) }
    }

    func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) {
        state.withLock { $0.handler = handler }
    }

    func open() {
        let (handler, answer) = state.withLock { state in
            state.opened += 1
            return (state.handler, state.openAnswer)
        }
        handler?(answer)
    }

    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) {
        let answer = state.withLock { state -> Outcome? in
            state.sent.append(outgoing)
            if state.answer == nil { state.waiting.append(ended) }
            return state.answer
        }
        if let answer { ended(AttemptReport(answer)) }
    }

    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        finish(.inDoubt(.shutdown))
        done()
    }
}
