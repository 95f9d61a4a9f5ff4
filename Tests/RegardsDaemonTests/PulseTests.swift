import Dispatch
import RegardsCalendar
import RegardsCore
import Synchronization
import Testing

@testable import RegardsDaemon

/// A part that answers at once, or when the test says so.
private final class Patient: Sendable {
    private struct State {
        var asked = 0
        var isSilent = false
        var unanswered: [@Sendable () -> Void] = []
    }
    private let state = Mutex(State())

    var asked: Int { state.withLock { $0.asked } }

    func ask(_ answer: @escaping @Sendable () -> Void) {
        let isSilent = state.withLock { state in
            state.asked += 1
            if state.isSilent { state.unanswered.append(answer) }
            return state.isSilent
        }
        if !isSilent { answer() }
    }

    func silence() { state.withLock { $0.isSilent = true } }

    func speak() {
        let waiting = state.withLock { state in
            defer { (state.isSilent, state.unanswered) = (false, []) }
            return state.unanswered
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

    /// Five turns.
    private func beat() -> [String] {
        for _ in 1..<Pulse.turns { #expect(pulse.turn() == nil) }
        return pulse.turn() ?? ["no beat"]
    }

    @Test func eachIsAskedInATurnOfItsOwn() {
        #expect(pulse.turn() == nil)
        #expect((first.asked, second.asked) == (1, 0))
        for turn in 2...Pulse.turns {
            #expect((pulse.turn() == nil) == (turn < Pulse.turns))
            #expect((first.asked, second.asked) == (1, 1))
        }
        #expect(beat() == [])
        #expect((first.asked, second.asked) == (2, 2))
    }

    @Test func whoDoesNotAnswerIsNamedAndAskedOnlyOnce() {
        #expect(beat() == [])
        first.silence()
        #expect(beat() == ["first"])
        second.silence()
        #expect(beat() == ["first", "second"])
        #expect(first.asked == 2)
        first.speak()
        second.speak()
        #expect(beat() == [])
        #expect(first.asked == 3)
    }

    /// Whoever is asked shortly before a beat is judged at the next one.
    @Test func nobodyIsSilentAfterLessThanTwoTurns() {
        let late = (0..<Pulse.turns).map { _ in Patient() }
        let pulse = Pulse(late.enumerated().map { Pulse.Part(name: "\($0)", ask: $1.ask) })
        for part in late { part.silence() }
        let beats = (0..<2 * Pulse.turns).compactMap { _ in pulse.turn() }
        #expect(beats == [["0", "1", "2"], ["0", "1", "2", "3", "4"]])
    }

    @Test func whoIsBusyCountsAsLongAsItGetsOn() throws {
        second.silence()
        work.begin()
        #expect(beat() == [])
        try work.step()
        #expect(beat() == [])
        #expect(beat() == ["second"], "no step since the last beat")
        work.end()
        second.speak()
        #expect(beat() == [])
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
            options.beatEvery = TimeSpan(microseconds: 200_000)
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
        // On a busy machine another part may have been late as well.
        let stuck = await daemon.announcer.first { $0.kind == .stuck && $0.detail.split(separator: ", ").contains { $0 == name } }
        #expect(stuck != nil)
        gate.signal()
        channel.speak()
        #expect(Self.isFed(socket, times: 3))
        try await daemon.stop()
    }

    /// One after the other: each is told, and neither twice.
    @Test func aSecondPartThatStopsIsToldToo() async throws {
        let socket = try NotifySocket()
        let threads = ["one", "other"].map { DispatchQueue(label: $0) }
        let daemon = try TestDaemon(TestShop(), now: nil, channel: ScriptedChannel(.delivered)) { options in
            options.notify = Notify(socket: socket.path)
            options.beatEvery = TimeSpan(microseconds: 200_000)
            options.watched = threads.map { thread in Pulse.Part(name: thread.label) { thread.async(execute: $0) } }
        }
        await daemon.start()
        let gate = DispatchSemaphore(value: 0)
        var before = 0
        for (number, thread) in threads.enumerated() {
            let isStuck = DispatchSemaphore(value: 0)
            thread.async {
                isStuck.signal()
                gate.wait()
            }
            isStuck.wait()
            if number == 0 { before = daemon.announcer.notices(.stuck).count }
            #expect(Self.starves(socket))
            let told = await daemon.announcer.first { $0.kind == .stuck && $0.detail.contains(thread.label) }
            #expect(told != nil, "number \(number)")
        }
        // On a busy machine others may be late as well: each line tells of somebody who was not told of before.
        let told = daemon.announcer.notices(.stuck).dropFirst(before).map { Set($0.detail.split(separator: ", ")) }
        var known: Set<Substring> = []
        for names in told {
            #expect(!names.isSubset(of: known), "\(told)")
            known.formUnion(names)
        }
        for _ in threads { gate.signal() }
        #expect(Self.isFed(socket, times: 2))
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
        let asked = DispatchSemaphore(value: 0)
        patience.ask {
            asked.signal()
            return false
        }
        patience.begin()
        for _ in 0..<2 { #expect(socket.receive() == "EXTEND_TIMEOUT_USEC=150000") }
        // Whatever a beat says it says before the next one asks.
        for _ in 0..<10 { asked.wait() }
        #expect(socket.receive(within: 0) == nil)
        patience.end()
    }
}
