package import RegardsCalendar
import Glibc
import Synchronization

/// Where the daemon learns what time it is. Core never asks: it is told.
package protocol WallClock: Sendable {
    /// Whether its time passes by itself: only then can an alarm ring by it.
    var isRunning: Bool { get }
    func now() -> Instant
}

/// The machine's clock (CLOCK_REALTIME).
package struct SystemClock: WallClock {
    package let isRunning = true

    package init() {}

    package func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

/// A clock that stands still until it is set: for simulation and tests.
package final class VirtualClock: WallClock {
    package let isRunning = false
    private let instant: Mutex<Instant>

    package init(_ instant: Instant) { self.instant = Mutex(instant) }

    package func now() -> Instant { instant.withLock { $0 } }
    package func set(_ new: Instant) { instant.withLock { $0 = new } }
}
