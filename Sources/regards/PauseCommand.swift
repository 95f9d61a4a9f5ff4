import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold messages back, at once.",
        usage: """
            regards pause --all | --rule <name> | --customer <id> | --purpose <name>
                          [--until <when>] [--reason <text>] [<options>]
            """,
        discussion: """
            Nothing that it is about goes out from the very next message on, whether a daemon runs or not, until it is \
            lifted or its time is over. What was due meanwhile goes then, as far as the rule's if_late allows, and is \
            skipped where it is too late. A pause of a customer leaves alone what staff are told of their complaints.

            EXAMPLES
              regards pause --all --reason "wrong prices in the card"
              regards pause --rule newsletter --until 2h
              regards pause --customer 17 --until 2027-06-01
              regards pause list
              regards pause lift 3
            """,
        subcommands: [PauseAdd.self, PauseList.self, PauseLift.self], defaultSubcommand: PauseAdd.self)
}

struct PauseAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Hold messages back.",
        usage: """
            regards pause --all | --rule <name> | --customer <id> | --purpose <name>
                          [--until <when>] [--reason <text>] [<options>]
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Everything, what staff are told included.")
    var all = false

    @Option(help: ArgumentHelp("This rule.", valueName: "name"), completion: .rules)
    var rule: String?

    @Option(help: ArgumentHelp("This customer.", valueName: "id"))
    var customer: String?

    @Option(help: ArgumentHelp("All rules of this purpose.", valueName: "name"))
    var purpose: Purpose?

    @Option(
        help: ArgumentHelp(
            """
            How long, as 2h or 3 days, or until when: 18:00, 2027-06-01 or 2027-06-01T09:00, by the business's clock. \
            Default: until it is lifted.
            """, valueName: "when"))
    var until: String?

    @Option(help: ArgumentHelp("Why, for whoever asks later.", valueName: "text"))
    var reason = ""

    func run() throws {
        try carryOut {
            let scope = try scope()
            let assembly = try options.load()
            if case .rule(let name) = scope { try assembly.requireRule(name) }
            let now = SystemClock().now()
            let zone = assembly.book.house.business.zone
            let end = try until.map { try self.end($0, zone, now: now) }
            let outbox = try assembly.writableLedger()
            let pause = try outbox.addPause(scope, until: end, reason: reason, now: now)
            try outbox.close()
            if case .customer(let id) = scope { warnOfStranger(id, assembly) }
            Terminal.write("paused \(pause.scope.words) \(pause.end(zone)); to lift it: \(Process.command) pause lift \(pause.id)")
        }
    }

    /// A pause may come before the customer, and must not wait for a database that is away.
    private func warnOfStranger(_ id: String, _ assembly: Assembly) {
        do {
            guard try Workshop.source(assembly).lookUp([id])[id] == nil else { return }
            Terminal.error("regards: there is no customer \(id) now: the pause begins to count when there is one")
        } catch {
            Terminal.error("regards: whether there is a customer \(id) is not known: \(error)")
        }
    }

    /// - Throws: `Failure` 64.
    private func end(_ text: String, _ zone: Zone, now: Instant) throws -> Instant {
        guard let end = Until.instant(text, zone, now: now) else {
            throw Failure(.usage, "--until \(text): expected a span such as 2h, or a time such as 18:00 or 2027-06-01T09:00")
        }
        guard end > now else { throw Failure(.usage, "--until \(text): that is over already") }
        return end
    }

    /// - Throws: `Failure` 64 unless exactly one is given.
    private func scope() throws -> Pause.Scope {
        let scopes = [
            all ? Pause.Scope.all : nil, rule.map { .rule($0) }, customer.map { .customer($0) }, purpose.map { .purpose($0) },
        ].compactMap { $0 }
        guard scopes.count == 1 else {
            throw Failure(.usage, "give one of --all, --rule, --customer and --purpose; for several, pause several times")
        }
        return scopes[0]
    }
}

struct PauseList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the pauses in force.",
        discussion: """
            EXAMPLES
              regards pause list
              regards pause list --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let zone = assembly.book.house.business.zone
            let pauses = try assembly.ledger()?.pauses(at: SystemClock().now()) ?? []
            if json { return pauses.forEach { Terminal.write($0.json.description) } }
            guard !pauses.isEmpty else { return Terminal.write("nothing is paused") }
            var table = Table(["ID", "WHAT", "SINCE", "UNTIL", "REASON"])
            for pause in pauses {
                table.add([
                    "\(pause.id)", pause.scope.words, Moment.short(pause.since, zone),
                    pause.until.map { Moment.short($0, zone) } ?? "it is lifted", pause.reason,
                ])
            }
            table.print()
        }
    }
}

struct PauseLift: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lift", abstract: "End a pause.",
        usage: "regards pause lift <id> ... | --all [<options>]",
        discussion: """
            A running daemon follows within two seconds. What is too late by then is skipped, not sent.

            EXAMPLES
              regards pause lift 3
              regards pause lift --all
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The pauses' ids, as `pause list` prints them.")
    var id: [Int64] = []

    @Flag(help: "All of them.")
    var all = false

    func run() throws {
        try carryOut {
            guard all == id.isEmpty else { throw Failure(.usage, "give the ids of pauses, or --all") }
            let assembly = try options.load()
            let outbox = try assembly.writableLedger()
            let now = SystemClock().now()
            let pauses = try outbox.pauses(at: now)
            for id in id where !pauses.contains(where: { $0.id == id }) {
                throw Failure(.noInput, "there is no pause \(id) in force; \(Process.command) pause list shows them")
            }
            for pause in pauses where all || id.contains(pause.id) {
                guard try outbox.liftPause(pause.id, now: now) else { continue }
                Terminal.write("lifted the pause of \(pause.scope.words)")
            }
            if all, pauses.isEmpty { Terminal.write("nothing is paused") }
            try outbox.close()
        }
    }
}

extension Purpose: ExpressibleByArgument {}

extension Pause {
    fileprivate func end(_ zone: Zone) -> String { until.map { "until \(Moment.short($0, zone))" } ?? "until it is lifted" }

    var json: JSON {
        let (name, value): (String, String?) =
            switch scope {
            case .all: ("all", nil)
            case .rule(let name): ("rule", name)
            case .customer(let id): ("customer", id)
            case .purpose(let purpose): ("purpose", purpose.rawValue)
            }
        return .object([
            "id": .number(Int(id)), "scope": .text(name), "value": .optional(value), "since": .text(Moment.utc(since)),
            "until": .optional(until.map(Moment.utc)), "reason": .text(reason),
        ])
    }
}

extension Pause.Scope {
    /// `rule newsletter`.
    var words: String {
        switch self {
        case .all: "everything"
        case .rule(let name): "rule \(name)"
        case .customer(let id): "customer \(id)"
        case .purpose(let purpose): "purpose \(purpose.rawValue)"
        }
    }
}

extension Assembly {
    /// The ledger, made where there is none yet, for commands that write beside a running daemon.
    func writableLedger() throws -> SQLiteOutbox {
        try Folder.make(stateFolder)
        return try SQLiteOutbox.openForCommand(path: statePath, access: .write)
    }
}
