import Glibc

/// The signals that a service obeys: SIGTERM and SIGINT stop it, SIGHUP reads the files again.
///
/// They are blocked before the first thread begins, so that every thread has them blocked, and taken by sigwait(3) on
/// the main thread: none is lost while the service is being made, and none ends it by default. (A Dispatch source
/// for signals loses those that come before its manager has registered it.)
enum Signals {
    private static let obeyed = [SIGTERM, SIGINT, SIGHUP]

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
            if sigwait(&set, &number) == 0 { body(number) }
        }
    }
}
