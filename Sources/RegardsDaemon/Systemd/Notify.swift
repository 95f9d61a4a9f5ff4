import CSystemd
import Glibc
package import RegardsCalendar

/// Tells the service manager where the daemon stands, by the protocol of sd_notify(3): one datagram for each message.
/// Without a socket every call does nothing, so that a run on a terminal needs no second path.
///
/// sd_notify itself takes the socket from the process's environment alone, and a test that sets it there would hand its
/// socket to every other daemon of the test run; hence the few lines of `send`.
package struct Notify: Sendable {
    private let socketPath: String?

    /// - Parameter socket: a path, or a name in the abstract namespace that begins with `@`; nil where nobody listens.
    package init(socket: String?) { socketPath = socket }

    /// The manager that started this process, if it wants to be told (`$NOTIFY_SOCKET`).
    package init() { self.init(socket: getenv("NOTIFY_SOCKET").map { String(cString: $0) }) }

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
        guard socketPath != nil, sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return TimeSpan(microseconds: Int64(clamping: microseconds / 2))
    }

    /// A line end would begin a new assignment: a status is one line.
    private func line(_ name: String, _ text: String) -> String {
        name + "=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// A failed message has nobody to be told: systemd acts on the silence (start or watchdog timeout).
    private func send(_ state: String) {
        guard let socketPath, let (address, length) = Notify.address(of: socketPath) else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(state.utf8)
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                while sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length) < 0,
                    errno == EINTR
                {}
            }
        }
    }

    /// nil for what is no address of a Unix socket. A name that begins with `@` has a zero byte in its place (unix(7)).
    private static func address(of path: String) -> (sockaddr_un, socklen_t)? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        guard let first = name.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
            name.count < MemoryLayout.size(ofValue: address.sun_path)
        else { return nil }
        if first == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        return (address, socklen_t(start + name.count))
    }

    private static func monotonicMicroseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }
}
