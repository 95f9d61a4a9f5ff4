import ArgumentParser
import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See it work, with a made-up shop of 250 customers.",
        discussion: """
            Makes a folder with the shop's database and a configuration, and runs the daemon on it: real rules, real \
            cards, mail as .eml files. A few seconds after the start a customer complains. A second start goes on where \
            the first one ended: nobody hears twice. On a terminal it runs until Ctrl-C; otherwise it ends after the \
            summary.

            EXAMPLES
              regards demo
              regards demo --folder /tmp/shop --seed 7
            """)

    @Option(help: ArgumentHelp("Where the demo lives.", valueName: "folder"), completion: .directory)
    var folder = "regards-demo"

    @Option(help: ArgumentHelp("Which made-up shop.", valueName: "number"))
    var seed: UInt64 = 2027

    @Option(
        help: ArgumentHelp(
            "The shipped rules and cards. Default: config in this folder, or /usr/share/regards/config.",
            valueName: "folder"), completion: .directory)
    var shipped: String?

    func run() throws {
        try carryOut {
            let today = Zone.utc.local(at: SystemClock().now()).date
            let place = try DemoFolder(at: folder, shipped: try Folder.shipped(shipped), seed: seed, today: today)
            Terminal.error(
                "A shop of \(DemoShop.customerCount) made-up customers (seed \(place.shop.seed)) in \(folder)/"
                    + (place.isNew ? "" : ", as the last demo left it"))
            let zones = ZoneCatalog()
            let (assembly, mistakes) = Assembly.load(
                file: place.configurationFile, environment: Process.environment, zones: zones)
            guard let assembly else { throw Failure(mistakes: mistakes) }
            let service = try Service(assembly: assembly, file: place.configurationFile, zones: zones, goesLive: true)
            DemoRun(place: place, assembly: assembly, service: service).schedule()
            service.run(once: false)
        }
    }
}

/// What happens in a demo by itself: a complaint, and a summary.
private final class DemoRun: Sendable {
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
        do {
            if let outbox = try assembly.ledger() { Terminal.error(try summary(outbox)) }
        } catch {
            Terminal.error("regards: \(error)")
        }
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return service.stop() }
        Terminal.error("The daemon goes on; Ctrl-C ends it.\n")
    }

    /// Counts, and commands that can be pasted into a shell as they stand.
    private func summary(_ outbox: SQLiteOutbox) throws -> String {
        let counts = try outbox.counts(endedSince: Instant(seconds: 0))
        let greeted = try outbox.list(OutreachFilter(states: [.sent], rule: "birthday-card"), limit: 1, after: 0).first
        let held = counts[.held] > 0 ? ", \(counts[.held]) held back until a complaint is solved" : ""
        let command = Process.command
        let file = "--config \(place.path)/regards.yaml"
        var text = """

            So far: \(Words.count(counts[.sent], "message")) sent, \(counts[.planned]) planned\(held).
            Try these, in another terminal or later:

              # the messages: .eml files, which mail programs open
              ls \(place.maildir)/new
              # who gets what and when, by the clock where they live
              \(command) plan \(file)
              # what was sent, what waits, and for what
              \(command) outbox list \(file)
              # how things stand
              \(command) status \(file)

            """
        if let greeted {
            text += """
                  # one customer's card
                  \(command) preview birthday-card --customer \(greeted.key.customer) \(file)

                """
        }
        return text + """
              # change a rule, then look for mistakes
              ${EDITOR:-nano} \(place.rules)/birthdays.yaml
              \(command) check \(file)
              # once more: nobody hears twice
              \(command) demo\(place.path == "regards-demo" ? "" : " --folder \(place.path)")

            """
    }
}
