import Dispatch
import RegardsCalendar
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDaemon

@Suite struct MetronomeTests {
    private let queue = DispatchQueue(label: "metronome")

    @Test(arguments: [1, 1000, 20_000, 2_000_000] as [Int64])
    func theNextTickIsTheFirstWholeMultipleAfterNow(microseconds: Int64) {
        let step = UInt64(microseconds) * 1000
        let before = DispatchTime.now().uptimeNanoseconds
        let next = Metronome.next(TimeSpan(microseconds: microseconds)).uptimeNanoseconds
        let after = DispatchTime.now().uptimeNanoseconds
        #expect(next.isMultiple(of: step))
        #expect(next > before && next <= after + step)
    }

    @Test func itTicksAgainAndAgainFromItsStartOnAndNotAfterItsEnd() throws {
        let ticks = Mutex(0)
        let some = DispatchSemaphore(value: 0)
        let metronome = Metronome(queue: queue, every: TimeSpan(microseconds: 2000)) {
            ticks.withLock { $0 += 1 }
            some.signal()
        }
        #expect(queue.sync { ticks.withLock { $0 } } == 0, "not started")
        metronome.start()
        metronome.start()
        for _ in 0..<5 { #expect(some.wait(timeout: .now() + .seconds(FailureGuard.seconds)) == .success) }
        metronome.cancel()
        // What had been set off before ends first; the queue is serial.
        let last = queue.sync { ticks.withLock { $0 } }
        #expect(last >= 5)
        while some.wait(timeout: .now()) == .success {}
        #expect(some.wait(timeout: .now() + .milliseconds(50)) == .timedOut, "it goes on after its end")
    }

    @Test func oneThatIsLetGoTicksNoMore() {
        let some = DispatchSemaphore(value: 0)
        var metronome: Metronome? = Metronome(queue: queue, every: TimeSpan(microseconds: 2000)) { some.signal() }
        metronome?.start()
        #expect(some.wait(timeout: .now() + .seconds(FailureGuard.seconds)) == .success)
        metronome = nil
        queue.sync {}
        while some.wait(timeout: .now()) == .success {}
        #expect(some.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
    }

    @Test func noIntervalIsTooShort() {
        let some = DispatchSemaphore(value: 0)
        let metronome = Metronome(queue: queue, every: .zero) { some.signal() }
        metronome.start()
        #expect(some.wait(timeout: .now() + .seconds(FailureGuard.seconds)) == .success)
        metronome.cancel()
    }
}
