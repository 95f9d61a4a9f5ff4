import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Synchronization

@testable import RegardsDaemon

/// A way out whose answers a test decides: for what a real relay does too rarely, and for holding an attempt open.
final class ScriptedChannel: Channel {
    private struct State {
        var answer: Outcome?
        /// Of eight messages one is answered by `answer`, whatever the others are.
        var usual: Outcome?
        var count = 0
        var handler: (@Sendable (ChannelState) -> Void)?
        var waiting: [@Sendable (AttemptReport) -> Void] = []
        var sent: [Outgoing] = []
        var delivered: [Int64] = []
        var openAnswer = ChannelState.ready
        var keepsOpen = false
        var isSilent = false
        var pings: [@Sendable () -> Void] = []
    }

    let name = "scripted"
    let sessions: Int
    private let state: Mutex<State>
    /// What was asked of it.
    private let calls = EventLog<String>()

    /// - Parameter answer: to each message; nil: none before `finish`.
    init(_ answer: Outcome?, sessions: Int = 1) {
        self.sessions = sessions
        state = Mutex(State(answer: answer))
    }

    /// Rows whose message was taken over, once for each time.
    var delivered: [Int64] { state.withLock { $0.delivered } }
    var sent: [Outgoing] { state.withLock { $0.sent } }
    func awaitSent(_ count: Int) throws { try awaitCalls("send", count) }
    func awaitOpened(_ count: Int) throws { try awaitCalls("open", count) }

    private func awaitCalls(_ name: String, _ count: Int) throws {
        try calls.await("\(count) calls of \(name)") { calls in calls.count { $0 == name } >= count ? () : nil }
    }

    func answer(_ outcome: Outcome?) { state.withLock { $0.answer = outcome } }
    /// To seven of eight messages; nil: to none.
    func usualAnswer(_ outcome: Outcome?) { state.withLock { $0.usual = outcome } }
    /// What `open` leads to.
    func answerToOpen(_ answer: ChannelState) { state.withLock { $0.openAnswer = answer } }
    /// A `close` waits for `finish`, as one does with a message that was handed over.
    func keepsOpenAtClose() { state.withLock { $0.keepsOpen = true } }
    /// Gives no sign of life until `speak`.
    func silence() { state.withLock { $0.isSilent = true } }
    func speak() {
        let pings = state.withLock { state in
            state.isSilent = false
            defer { state.pings = [] }
            return state.pings
        }
        for answer in pings { answer() }
    }
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
        let (handler, answer) = state.withLock { ($0.handler, $0.openAnswer) }
        handler?(answer)
        calls.add("open")
    }

    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) {
        let answer = state.withLock { state -> Outcome? in
            state.sent.append(outgoing)
            state.count += 1
            let answer = state.usual.map { state.count % 8 == 0 ? state.answer : $0 } ?? state.answer
            if answer == .delivered { state.delivered.append(outgoing.outreach) }
            if answer == nil { state.waiting.append(ended) }
            return answer
        }
        calls.add("send")
        if let answer { ended(AttemptReport(answer)) }
    }

    func ping(_ answer: @escaping @Sendable () -> Void) {
        let isSilent = state.withLock { state in
            if state.isSilent { state.pings.append(answer) }
            return state.isSilent
        }
        if !isSilent { answer() }
    }

    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) {
        guard !state.withLock({ $0.keepsOpen }) else { return }
        finish(.inDoubt(.shutdown))
        done()
    }
}
