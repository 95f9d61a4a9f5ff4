import CSystemd
import Glibc
package import RegardsCalendar

/// Tells the service manager where the daemon stands (sd_notify(3)). Without `$NOTIFY_SOCKET` every call does
/// nothing, so that a run on a terminal needs no second path.
package struct Notify: Sendable {
    private let isEnabled: Bool

    /// - Parameter isEnabled: false for a daemon inside another program, which has no say about that program's unit.
    package init(isEnabled: Bool = true) { self.isEnabled = isEnabled }

    /// Migrated, rules loaded, loop armed.
    package func ready(status: String) { send("READY=1\n" + line("STATUS", status)) }

    /// One sentence for `systemctl status`.
    package func status(_ text: String) { send(line("STATUS", text)) }

    /// A reload begins; `ready` ends it, whatever came of it. The stamp tells systemd 253 and later
    /// (`Type=notify-reload`) that this reload began after its signal.
    package func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(Notify.monotonicMicroseconds())") }

    package func stopping(status: String) { send("STOPPING=1\n" + line("STATUS", status)) }

    /// To be sent at least every `watchdogInterval`.
    package func feedWatchdog() { send("WATCHDOG=1") }

    /// Asks for more time while starting or stopping, counted from now; to be repeated before it runs out.
    package func extendTimeout(by span: TimeSpan) { send("EXTEND_TIMEOUT_USEC=\(max(0, span.microseconds))") }

    /// Half of `WatchdogSec=`, which is how often systemd wants to be told; nil where no watchdog is set for this
    /// process (sd_watchdog_enabled(3)).
    package var watchdogInterval: TimeSpan? {
        var microseconds: UInt64 = 0
        guard isEnabled, sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return TimeSpan(microseconds: Int64(clamping: microseconds / 2))
    }

    /// A line end would begin a new assignment: a status is one line.
    private func line(_ name: String, _ text: String) -> String {
        name + "=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// A failed notice has nobody to be told: systemd acts on the silence (start or watchdog timeout).
    private func send(_ state: String) {
        guard isEnabled else { return }
        _ = sd_notify(0, state)
    }

    private static func monotonicMicroseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }
}
