import Dispatch
import RegardsCalendar

/// A Dispatch timer that is armed for one instant, and at the latest for a minute from now: jumps of the clock and lost
/// wake-ups heal by the next look. By a clock that stands still it never rings. It is used on its queue only.
///
/// It counts on the clock that nobody sets: a timer on the wall clock that is set back by an hour sleeps an hour longer.
final class Alarm {
    /// The longest it sleeps whatever it was told.
    static let recheck = TimeSpan.seconds(60)

    private let source: any DispatchSourceTimer
    private let queue: DispatchQueue
    private let clock: any WallClock

    init(queue: DispatchQueue, clock: any WallClock, ring: @escaping @Sendable () -> Void) {
        self.queue = queue
        self.clock = clock
        source = DispatchSource.makeTimerSource(queue: queue)
        source.setEventHandler(handler: ring)
        source.activate()
    }

    deinit { source.cancel() }

    /// Replaces the earlier setting.
    /// - Parameter instant: nil for the next re-check.
    func arm(for instant: Instant?) {
        dispatchPrecondition(condition: .onQueue(queue))
        guard clock.isRunning else { return }
        let now = clock.now()
        let wait = max((instant ?? now + Alarm.recheck) - now, .zero)
        source.schedule(deadline: Alarm.deadline(after: wait), leeway: .milliseconds(1))
    }

    func cancel() { source.cancel() }

    /// A re-check is in no hurry: it comes with a look at the customer database.
    private static func deadline(after wait: TimeSpan) -> DispatchTime {
        guard wait >= recheck else { return .now() + .microseconds(Int(wait.microseconds)) }
        let latest = DispatchTime.now() + .microseconds(Int(recheck.microseconds))
        let step = UInt64(Daemon.lookEvery.microseconds) * 1000
        return DispatchTime(uptimeNanoseconds: latest.uptimeNanoseconds / step * step)
    }
}
