import Glibc
import Synchronization

/// The signals that a service obeys: SIGTERM and SIGINT stop it, SIGHUP reads the files again.
///
/// They are blocked before the first thread begins, so that every thread has them blocked, and taken by sigwait(3) on
/// the main thread: none is lost while the service is being made, and none ends it by default. (A Dispatch source
/// for signals loses those that come before its manager has registered it.)
enum Signals {
    /// The last one asks the main thread for a sign of life; whoever else sends it does no harm.
    private static let obeyed = [SIGTERM, SIGINT, SIGHUP, SIGUSR2]
    private static let questions = Mutex<[@Sendable () -> Void]>([])

    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in obeyed { sigaddset(&set, number) }
        return set
    }

    /// Called on the main thread while it is the only one.
    static func hold() {
        // A relay that closes its connection must not end the daemon.
        signal(SIGPIPE, SIG_IGN)
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Takes one after the other, held ones first, for as long as the process lives.
    static func obey(_ body: (Int32) -> Void) -> Never {
        var set = set
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            if number == SIGUSR2 { answer() } else { body(number) }
        }
    }

    /// Has the main thread call `body`, which is how it shows that signals are still taken.
    static func ask(_ body: @escaping @Sendable () -> Void) {
        questions.withLock { $0.append(body) }
        kill(getpid(), SIGUSR2)
    }

    private static func answer() {
        let asked = questions.withLock { questions in
            defer { questions = [] }
            return questions
        }
        for body in asked { body() }
    }
}
