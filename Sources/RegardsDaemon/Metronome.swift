import Dispatch
import RegardsCalendar

/// Calls on its queue at whole multiples of an interval since the machine started. What the daemon does again and again
/// falls together so, and the process sleeps in between: a look every two seconds, and with every fifth the signs of life.
///
/// A repeating timer, because setting one anew wakes Dispatch's manager once more each time; of the clock that nobody sets.
final class Metronome {
    private let source: any DispatchSourceTimer
    private let every: TimeSpan
    private var isRunning = false

    /// - Parameter every: a microsecond at least.
    init(queue: DispatchQueue, every: TimeSpan, tick: @escaping @Sendable () -> Void) {
        self.every = max(every, TimeSpan(microseconds: 1))
        source = DispatchSource.makeTimerSource(queue: queue)
        source.setEventHandler(handler: tick)
        source.activate()
    }

    deinit { source.cancel() }

    /// From the next multiple on; once it runs it does nothing.
    func start() {
        guard !isRunning else { return }
        isRunning = true
        source.schedule(
            deadline: Metronome.next(every), repeating: .microseconds(Int(every.microseconds)), leeway: .milliseconds(1))
    }

    func cancel() { source.cancel() }

    /// The first whole multiple of `every` after now.
    static func next(_ every: TimeSpan) -> DispatchTime {
        let step = UInt64(every.microseconds) * 1000
        return DispatchTime(uptimeNanoseconds: (DispatchTime.now().uptimeNanoseconds / step + 1) * step)
    }
}
