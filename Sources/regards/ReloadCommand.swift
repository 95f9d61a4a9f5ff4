import ArgumentParser
import Glibc
import RegardsDaemon
import RegardsRules
import RegardsStore

struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have the running daemon read its files again.",
        discussion: """
            Checks all files first, then signals the daemon and waits until the new rules are in force. With a mistake \
            the old rules go on, the mistakes are printed, and the command exits with 78. `systemctl reload regards` \
            runs this.

            EXAMPLES
              regards reload
            """)

    @OptionGroup var options: ConfigurationOptions

    /// Looked at so often while it works.
    private static let pause = timespec(tv_sec: 0, tv_nsec: 50_000_000)

    func run() throws {
        try carryOut {
            let assembly = try options.load(printsWarnings: true)
            let state = assembly.statePath
            guard let daemon = SQLiteOutbox.daemon(ofState: state) else {
                throw Failure(.unavailable, "no daemon runs on \(state); start it: \(start(assembly.configuration.file))")
            }
            let begun = ReloadReport.read(state: state)?.begun ?? 0
            guard kill(daemon, SIGHUP) == 0 else {
                throw Failure(.unavailable, "the daemon, process \(daemon), cannot be signalled: \(String(cString: strerror(errno)))")
            }
            let report = try awaitEnd(after: begun, of: daemon, state: state)
            guard report.mistakes.isEmpty else {
                for line in report.mistakes { Terminal.error(line) }
                throw Failure(.config, "the daemon refused the new files; the old rules go on")
            }
            // In the journal the daemon has said it.
            if !JournalAnnouncer.isConnected(environment: Process.environment) { Terminal.write("the new rules are in force") }
        }
    }

    private func start(_ file: String) -> String {
        file == "/etc/regards/regards.yaml" ? "systemctl start regards" : "\(Process.command) serve --config \(file)"
    }

    private func awaitEnd(after begun: Int, of daemon: Int32, state: String) throws -> ReloadReport {
        while SQLiteOutbox.daemon(ofState: state) == daemon {
            if let report = ReloadReport.read(state: state), report.ended > begun { return report }
            var pause = Self.pause
            nanosleep(&pause, nil)
        }
        throw Failure(.unavailable, "the daemon ended before it had read the files; see: journalctl -u regards")
    }
}
