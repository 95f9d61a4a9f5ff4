import CCurl
import Glibc

/// A thread that its owner joins.
///
/// Every thread that speaks TLS is joined before the process exits: OpenSSL cleans up per thread, and that must not
/// meet its clean-up at exit. All asynchronous signals are blocked in it, so that SIGTERM and SIGHUP reach the daemon's
/// own handling, and a write to a closed connection answers EPIPE instead of raising SIGPIPE in the process.
package struct JoinableThread: @unchecked Sendable {
    // Unchecked: a pthread_t is an identifier that any thread may join; it is never changed.
    private let thread: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts the thread.
    /// - Parameter name: shown by ps and debuggers, cut to 15 bytes (prctl(2), PR_SET_NAME).
    /// - Returns: nil when the system has no thread left to give (EAGAIN).
    package init?(name: String, body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        let failure = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
            JoinableThread.blockSignals()
            regards_thread_set_name(start.name)
            start.body()
            return nil
        }, start.toOpaque())
        guard failure == 0 else {
            start.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits until the body has returned. Call once.
    package func join() {
        pthread_join(thread, nil)
    }

    private static func blockSignals() {
        var set = sigset_t()
        sigfillset(&set)
        // These report a fault of the thread itself; blocking them is undefined (sigprocmask(2)).
        for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP] { sigdelset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }
}

/// Seconds of CLOCK_MONOTONIC, for time limits: unmoved by changes of the wall clock.
struct Monotonic: Comparable, Sendable {
    var seconds: Double

    static var now: Monotonic {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Monotonic(seconds: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
    }
    static let never = Monotonic(seconds: .infinity)

    static func < (left: Monotonic, right: Monotonic) -> Bool { left.seconds < right.seconds }
    static func + (time: Monotonic, seconds: Double) -> Monotonic { Monotonic(seconds: time.seconds + seconds) }

    /// Milliseconds from `now` until this moment for poll(2): rounded up, so that a wake-up is never early.
    func pollTimeout(from now: Monotonic) -> Int32 {
        guard seconds.isFinite else { return -1 }
        let milliseconds = ((seconds - now.seconds) * 1000).rounded(.up)
        return Int32(min(max(milliseconds, 0), 3_600_000))
    }
}
