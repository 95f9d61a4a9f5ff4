import Dispatch
import RegardsCalendar
import RegardsCore
import Synchronization
import Testing

@testable import RegardsDaemon

/// A part that answers when the test says so.
private final class Patient: Sendable {
    private let questions = Mutex<[@Sendable () -> Void]>([])
    let asked = Mutex(0)

    func ask(_ answer: @escaping @Sendable () -> Void) {
        asked.withLock { $0 += 1 }
        questions.withLock { $0.append(answer) }
    }

    func answer() {
        let waiting = questions.withLock { questions in
            defer { questions = [] }
            return questions
        }
        for body in waiting { body() }
    }
}

@Suite struct PulseTests {
    private let first = Patient()
    private let second = Patient()
    private let work = Progress()
    private let pulse: Pulse

    init() {
        let (first, second) = (first, second)
        pulse = Pulse([
            Pulse.Part(name: "first", ask: first.ask), Pulse.Part(name: "second", work: [work], ask: second.ask),
        ])
    }

    @Test func whoAnswersBetweenTwoBeatsMoves() {
        #expect(pulse.beat() == [])
        first.answer()
        second.answer()
        #expect(pulse.beat() == [])
    }

    @Test func whoDoesNotAnswerIsNamedAndAskedOnlyOnce() {
        #expect(pulse.beat() == [])
        second.answer()
        #expect(pulse.beat() == ["first"])
        #expect(pulse.beat() == ["first", "second"])
        #expect(first.asked.withLock { $0 } == 1)
        first.answer()
        second.answer()
        #expect(pulse.beat() == [])
        #expect(first.asked.withLock { $0 } == 2)
    }

    @Test func whoIsBusyCountsAsLongAsItGetsOn() throws {
        _ = pulse.beat()
        first.answer()
        work.begin()
        #expect(pulse.beat() == [])
        first.answer()
        try work.step()
        #expect(pulse.beat() == [])
        first.answer()
        #expect(pulse.beat() == ["second"], "no step since the last beat")
        first.answer()
        work.end()
        second.answer()
        #expect(pulse.beat() == [])
    }
}

/// The watchdog of a running daemon.
@Suite struct WatchdogTests {
    /// Fed while all moves; not fed, and told in the journal, while one part does not, whichever it is; fed again when it
    /// moves again.
    @Test(arguments: ["plan", "events", "send", "signals", "channel mail"])
    func aPartThatDoesNotMoveStarvesTheWatchdog(name: String) async throws {
        let socket = try NotifySocket()
        let channel = ScriptedChannel(.delivered)
        let mainThread = DispatchQueue(label: "in place of the main thread")
        let daemon = try TestDaemon(TestShop(), now: nil, channel: channel) { options in
            options.notify = Notify(socket: socket.path)
            options.beatEvery = TimeSpan(microseconds: 20_000)
            options.watched = [Pulse.Part(name: "signals") { mainThread.async(execute: $0) }]
        }
        await daemon.start()
        #expect(Self.isFed(socket, times: 3))
        let gate = DispatchSemaphore(value: 0)
        if let part = daemon.daemon.pulse.parts.first(where: { $0.name == name }) {
            part.ask { gate.wait() }
        } else {
            channel.silence()
        }
        #expect(Self.starves(socket))
        let stuck = try #require(await daemon.announcer.first(.stuck))
        #expect(stuck.detail == name)
        gate.signal()
        channel.speak()
        #expect(Self.isFed(socket, times: 3))
        try await daemon.stop()
    }

    /// WATCHDOG=1 comes so often.
    private static func isFed(_ socket: NotifySocket, times: Int) -> Bool {
        var fed = 0
        while fed < times {
            guard let text = socket.receive() else { return false }
            if text == "WATCHDOG=1" { fed += 1 }
        }
        return true
    }

    /// After a while only the status comes: ten of them with nothing in between.
    private static func starves(_ socket: NotifySocket) -> Bool {
        var without = 0
        for _ in 0..<1000 where without < 10 {
            guard let text = socket.receive() else { return false }
            without = text == "WATCHDOG=1" ? 0 : without + 1
        }
        return without == 10
    }
}

@Suite struct StartPatienceTests {
    @Test func aLongStartAsksForMoreTimeUntilItIsOver() throws {
        let socket = try NotifySocket()
        let patience = StartPatience(notify: Notify(socket: socket.path), every: TimeSpan(microseconds: 10_000))
        patience.begin()
        for _ in 0..<3 { #expect(socket.receive() == "EXTEND_TIMEOUT_USEC=150000") }
        patience.end()
        while socket.receive(within: 0) != nil {}
        #expect(socket.receive(within: 0) == nil)
    }

    @Test func aStartThatDoesNotGetOnAsksNoMore() throws {
        let socket = try NotifySocket()
        let patience = StartPatience(notify: Notify(socket: socket.path), every: TimeSpan(microseconds: 10_000), limit: 3)
        let asked = Mutex(0)
        patience.ask {
            asked.withLock { $0 += 1 }
            return false
        }
        patience.begin()
        for _ in 0..<2 { #expect(socket.receive() == "EXTEND_TIMEOUT_USEC=150000") }
        #expect(socket.receive(within: 1) == nil)
        #expect(asked.withLock { $0 } > 3)
        patience.end()
    }
}
