import ArgumentParser
import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
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
        Memory.keepFewHeaps()
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
    private let state: String
    private let notify: Notify
    private let patience: StartPatience
    private let reloads = DispatchQueue(label: "regards.reloads")

    /// - Parameter goesLive: as if `regards go-live` had been given before.
    init(assembly: Assembly, file: String, zones: ZoneCatalog, goesLive: Bool = false) throws {
        Signals.hold()
        let environment = Process.environment
        notify = Notify()
        patience = StartPatience(notify: notify)
        patience.begin()
        try Folder.make(assembly.stateFolder)
        try assembly.makeOwnBusiness()
        state = assembly.statePath
        outbox = try SQLiteOutbox.openForDaemon(path: state, now: SystemClock().now())
        ReloadReport.remove(state: state)
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
        daemonOptions.watched = [Pulse.Part(name: "signals", ask: Signals.ask)]
        let rules = Words.count(assembly.book.rules.count, "rule")
        announcer.announce(Notice(.started, detail: "regards \(Version.text), \(rules)"))
        if let held = outbox.heldAsOlder {
            let detail = "the state file is older than the one that was used here last; what has fallen due since may have been sent"
            announcer.announce(Notice(.inDoubt, count: held, detail: detail + ", and waits for regards outbox settle"))
        }
        daemon = try Daemon(assembly: assembly, outbox: outbox, options: daemonOptions)
        patience.ask { [daemon] in daemon.isGettingOn() }
    }

    /// Runs until it is told to stop, or has done all that `--once` asks for; then the process ends.
    func run(once: Bool) -> Never {
        if once {
            daemon.runOnce { trouble in self.stop(after: trouble) }
        } else {
            daemon.start { [patience] in
                patience.end()
                self.announcer.announce(Notice(.ready))
                self.notify.ready(status: self.daemon.status())
                if !self.outbox.isWholeChecked { self.checkState() }
                Memory.giveBack()
            }
        }
        Signals.obey { number in
            guard number == SIGHUP else { return stop() }
            // Not here: a stop must not wait for a reload.
            if !once { reloads.async { self.reload() } }
        }
    }

    /// Touched on `reloads` only.
    private nonisolated(unsafe) var report = ReloadReport()

    private func reload() {
        dispatchPrecondition(condition: .onQueue(reloads))
        report.begun += 1
        publish()
        let mistakes = daemon.reload().filter { $0.severity == .error }
        report.ended = report.begun
        report.mistakes = mistakes.map(\.description)
        publish()
    }

    /// For `regards reload`, which waits for it.
    private func publish() {
        do {
            try report.write(state: state)
        } catch {
            announcer.announce(Notice(.fault, detail: "nobody can see what became of the reload: \(error)"))
        }
    }

    /// A large state was looked at in part before it was used; the rest is looked at beside the loops.
    private func checkState() {
        DispatchQueue(label: "regards.check", qos: .utility).async { [self] in
            do {
                try outbox.checkWhole()
            } catch OutboxError.damaged(let path, let detail) {
                let error = OutboxError.damaged(path: path, detail: detail)
                announcer.announce(Notice(.stateUnwritable, detail: "\(error)"))
                stop(after: error)
            } catch {
                announcer.announce(Notice(.fault, detail: "\(error)"))
            }
        }
    }

    /// - Parameter trouble: what `--once` could not do; it decides the exit status.
    func stop(after trouble: (any Error)? = nil) {
        patience.end()
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

extension Assembly {
    /// The shipped configuration reads a customer database of Regards' own, for a business that has none: the first start
    /// makes it, empty. One that is gone later is missed like any other; an empty one in its place would say that all
    /// customers are gone.
    /// - Throws: `BusinessDatabaseError`.
    fileprivate func makeOwnBusiness() throws {
        guard case .sqlite(path: let path) = configuration.source.database, path == "\(stateFolder)/\(Self.ownBusiness)",
            access(path, F_OK) != 0, access(statePath, F_OK) != 0
        else { return }
        _ = try BusinessDatabase.create(at: path)
    }

    private static let ownBusiness = "business.sqlite"
}
