import Dispatch
import RegardsCalendar

/// A Dispatch timer on the wall clock that is armed for one instant, and at the latest for a minute from now:
/// clock jumps and lost wake-ups heal by the next look. It is used on its queue only.
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
        let now = clock.now()
        let wait = min(max((instant ?? now + Alarm.recheck) - now, .zero), Alarm.recheck)
        source.schedule(wallDeadline: .now() + .microseconds(Int(wait.microseconds)), leeway: .milliseconds(10))
    }

    func cancel() { source.cancel() }
}
