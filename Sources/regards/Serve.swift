import ArgumentParser
import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the daemon.",
        discussion: """
            SIGHUP reads all files again; a mistake keeps the old rules. SIGTERM and SIGINT stop it within 9 seconds.

            EXAMPLES
              regards serve
              regards serve --once --config shop/regards.yaml
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Plan, send what is due, and exit.")
    var once = false

    func run() throws {
        try carryOut {
            let zones = ZoneCatalog()
            let assembly = try options.load(zones: zones, printsWarnings: true, keepsAllCards: false)
            try Service(assembly: assembly, file: options.path, zones: zones).run(once: once)
        }
    }
}

/// A daemon with its signals, as `serve` and `demo` run it.
final class Service: Sendable {
    let daemon: Daemon
    let announcer: any Announcer
    private let outbox: SQLiteOutbox
    private let notify = Notify()
    private let reloads = DispatchQueue(label: "regards.reloads")

    /// - Parameter goesLive: as if `regards go-live` had been given before.
    init(assembly: Assembly, file: String, zones: ZoneCatalog, goesLive: Bool = false) throws {
        Signals.hold()
        let environment = Process.environment
        try Folder.make(assembly.stateFolder)
        outbox = try SQLiteOutbox.openForDaemon(path: assembly.statePath, now: SystemClock().now())
        if goesLive { try outbox.setLiveMachine(Machine.identity(), now: SystemClock().now()) }
        let key = try KeyFile.load(stateDirectory: assembly.stateFolder)
        let hash = AddressHash(key: key)
        announcer =
            JournalAnnouncer.isConnected(environment: environment)
            ? JournalAnnouncer(hash: hash)
            : TerminalAnnouncer(hash: hash, zone: assembly.book.house.business.zone, environment: environment)
        var daemonOptions = Daemon.Options(
            file: file, environment: environment, zones: zones, announcer: announcer, hash: hash, salt: key.salt)
        daemonOptions.notify = notify
        let rules = Words.count(assembly.book.rules.count, "rule")
        announcer.announce(Notice(.started, detail: "regards \(Version.text), \(rules)"))
        daemon = try Daemon(assembly: assembly, outbox: outbox, options: daemonOptions)
    }

    /// Runs until it is told to stop, or has done all that `--once` asks for; then the process ends.
    func run(once: Bool) -> Never {
        if once {
            daemon.runOnce { trouble in self.stop(after: trouble) }
        } else {
            daemon.start {
                self.announcer.announce(Notice(.ready))
                self.notify.ready(status: self.daemon.status())
                Memory.giveBack()
            }
        }
        Signals.obey { number in
            guard number == SIGHUP else { return stop() }
            // Not here: a stop must not wait for a reload.
            if !once { reloads.async { _ = self.daemon.reload() } }
        }
    }

    /// - Parameter trouble: what `--once` could not do; it decides the exit status.
    func stop(after trouble: (any Error)? = nil) {
        notify.stopping(status: "finishing what was handed over")
        daemon.stop { [announcer, outbox] in
            announcer.announce(Notice(.stopped))
            do {
                try outbox.close()
            } catch {
                // Every ending was committed before; what is left is the close itself.
                announcer.announce(Notice(.fault, detail: "\(error)"))
            }
            exit(trouble.map { Failure($0).status.rawValue } ?? 0)
        }
    }
}
