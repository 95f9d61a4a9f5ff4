import Glibc

/// How many sessions each channel may have, where a process may not open as many files as all of them together want:
/// else the first ones would take all there are, and whoever finds none left looks like a relay that is down.
struct SessionShares {
    /// What a channel wants.
    struct Wish {
        /// As the configuration has it.
        let sessions: Int
        /// For each session.
        let files: Int

        /// libcurl keeps a pair of sockets beside each connection that is handed out.
        static func smtp(_ sessions: Int) -> Wish { Wish(sessions: sessions, files: 3) }
        static func webhook(_ sessions: Int) -> Wish { Wish(sessions: sessions, files: 1) }
    }

    /// What the daemon needs beside sessions: its ledger, the customer database with its logs, the journal, what Dispatch
    /// and each channel wait with. Counted: 23 to 36 with one relay.
    private static let reserve = 40

    /// Files that one channel may have.
    private let most: Int

    /// - Parameter limit: files that the process may open (`ulimit -n`, `LimitNOFILE=`).
    init(_ wishes: [Wish], limit: Int) {
        most = Self.most(wishes.map { $0.sessions * $0.files }, of: limit - Self.reserve)
    }

    init(_ wishes: [Wish]) {
        var limit = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        self.init(wishes, limit: isKnown ? Int(clamping: limit.rlim_cur) : .max)
    }

    /// Sessions that the channel gets; one at least.
    func sessions(for wish: Wish) -> Int { min(wish.sessions, max(most / wish.files, 1)) }

    /// Whoever wants less than all others may have keeps it; the rest is shared evenly.
    private static func most(_ wanted: [Int], of files: Int) -> Int {
        var left = max(files, 0)
        for (index, one) in wanted.sorted().enumerated() {
            let share = left / (wanted.count - index)
            guard one <= share else { return share }
            left -= one
        }
        return .max
    }
}
