import ArgumentParser
import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See it work: a made-up shop of 250 customers, real rules and cards, mail as .eml files.",
        discussion: """
            Makes a folder with the shop's database and a configuration, and runs the daemon on it. A few seconds after \
            the start a customer complains. A second start goes on where the first one ended: nobody hears twice. \
            On a terminal it runs until Ctrl-C; otherwise it ends after the summary.

            EXAMPLES
              regards demo
              regards demo --folder /tmp/shop --seed 7
            """)

    @Option(help: ArgumentHelp("Where the demo lives.", valueName: "folder"))
    var folder = "regards-demo"

    @Option(help: ArgumentHelp("Which made-up shop.", valueName: "number"))
    var seed: UInt64 = 2027

    @Option(help: ArgumentHelp("The shipped rules and cards. Default: config here, or /usr/share/regards/config.", valueName: "folder"))
    var shipped: String?

    func run() throws {
        try carryOut {
            let environment = ConfigurationOptions.parseNothing().environment
            let today = Zone.utc.local(at: SystemClock().now()).date
            let place = try Failure.translating { try DemoFolder(at: folder, shipped: try shippedFolder(), seed: seed, today: today) }
            Terminal.error("A shop of \(DemoShop.customerCount) made-up customers (seed \(place.shop.seed)) in \(folder)/\(place.isNew ? "" : ", as the last demo left it")")
            let zones = ZoneCatalog()
            let (assembly, mistakes) = Assembly.load(file: place.configurationFile, environment: environment, zones: zones)
            guard let assembly else { throw Failure(.config, mistakes.map(\.description).joined(separator: "\n")) }
            let service = try Service(
                assembly: assembly, file: place.configurationFile, environment: environment, zones: zones, goesLive: true)
            DemoRun(place: place, assembly: assembly, service: service).schedule()
            service.run(once: false)
        }
    }

    private func shippedFolder() throws -> String {
        for folder in [shipped, "config", "/usr/share/regards/config", "/etc/regards"].compactMap({ $0 })
        where access(folder + "/rules.d", F_OK) == 0 && access(folder + "/cards", F_OK) == 0 {
            return folder
        }
        throw Failure(.noInput, "the shipped rules and cards were not found; name their folder with --shipped")
    }
}

extension ConfigurationOptions {
    /// With every option at its default.
    static func parseNothing() -> ConfigurationOptions { ConfigurationOptions() }
}

/// What happens in a demo by itself: a complaint, and a summary.
private final class DemoRun: @unchecked Sendable {
    private static let complaintAfter = 4
    private static let summaryAfter = 12

    private let place: DemoFolder
    private let assembly: Assembly
    private let service: Service
    private let queue = DispatchQueue(label: "regards.demo")

    init(place: DemoFolder, assembly: Assembly, service: Service) {
        self.place = place
        self.assembly = assembly
        self.service = service
    }

    func schedule() {
        if place.isNew { queue.asyncAfter(deadline: .now() + .seconds(DemoRun.complaintAfter)) { self.complain() } }
        queue.asyncAfter(deadline: .now() + .seconds(DemoRun.summaryAfter)) { self.summarise() }
    }

    private func complain() {
        do {
            let database = try BusinessDatabase(path: place.database)
            _ = try place.shop.complain(in: database, at: SystemClock().now())
        } catch {
            service.announcer.announce(Notice(.fault, detail: "the demo's complaint could not be written: \(error)"))
        }
    }

    private func summarise() {
        let path = place.path
        do {
            guard let outbox = try assembly.ledger() else { return }
            let counts = try outbox.counts(endedSince: Instant(seconds: 0))
            Terminal.error(
                """

                \(counts[.sent]) messages were written, \(counts[.planned]) are planned, \(counts[.held]) wait for a complaint to be solved.

                Look at them:   ls \(place.maildir)/new          (.eml files: open one in a mail reader)
                Who is next:    regards plan --config \(path)/regards.yaml
                The ledger:     regards outbox list --config \(path)/regards.yaml
                One customer:   regards preview birthday-card --customer 17 --config \(path)/regards.yaml
                Change a rule:  edit \(path)/rules.d/*.yaml, then: regards check --config \(path)/regards.yaml
                Run it again:   nobody hears twice
                """)
        } catch {
            Terminal.error("regards: \(error)")
        }
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return service.stop() }
        Terminal.error("\nThe daemon goes on; Ctrl-C ends it.\n")
    }
}
