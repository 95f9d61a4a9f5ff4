import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show whom to call and what to bring, and say what came of it.",
        usage: "regards list [--list <name>] [--for <address>] [<options>]",
        discussion: """
            What rules put on lists (calls, gifts, or any name) stays there until somebody says that it is done, or until \
            lists.done_when holds. Every morning each employee with open items gets them in one mail.

            EXAMPLES
              regards list --list calls
              regards list --for ana@example.com
              regards list done 4711
              regards list not-reached 4712 --try-again 2d
            """,
        subcommands: [ListShow.self, ListDone.self, ListNotReached.self], defaultSubcommand: ListShow.self)
}

struct ListShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the open items.",
        usage: "regards list [--list <name>] [--for <address>] [<options>]")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Only this list.", valueName: "name"))
    var list: String?

    @Option(name: .customLong("for"), help: ArgumentHelp("Only what is for this employee.", valueName: "address"))
    var holder: String?

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let key = try assembly.key()
            let outbox = try assembly.requireLedger()
            let desk = ListDesk(
                assembly, outbox: outbox, source: try Workshop.source(assembly),
                standings: StandingDesk(outbox: outbox, book: assembly.book, isGuarding: false),
                hash: AddressHash(key: key), salt: key.salt)
            let all = try desk.open(now: SystemClock().now())
            try requireList(all.map(\.item.list), assembly)
            let items = all.filter { item in
                (list == nil || item.item.list == list) && (holder == nil || item.holder?.address.text.lowercased() == holder?.lowercased())
            }
            let zone = assembly.book.house.business.zone
            json ? items.forEach { Terminal.write($0.json.description) } : print(items, zone)
        }
    }

    /// - Parameter open: lists that have items, though maybe no rule names them any more.
    /// - Throws: `Failure` 64 with the nearest name for a list that is neither.
    private func requireList(_ open: [String], _ assembly: Assembly) throws {
        let known = Set(open).union(assembly.book.lists).sorted()
        guard let list, !known.contains(list) else { return }
        let hint =
            NearestName.of(list, among: known).map { "did you mean \($0)?" }
            ?? (known.isEmpty ? "no rule has one" : "there are \(known.joined(separator: ", "))")
        throw Failure(.usage, "there is no list \(list); \(hint)")
    }

    private func print(_ items: [ListDesk.OpenItem], _ zone: Zone) {
        guard !items.isEmpty else { return Terminal.write("nothing is open") }
        var table = Table(["ID", "LIST", "CUSTOMER", "NAME", "PHONE", "FOR", "SINCE", "WHY"])
        for open in items {
            let item = open.item
            table.add([
                "\(item.id)", item.list, item.customer, open.customer?.fullName ?? (open.isGone ? "(gone)" : ""),
                open.customer?.text(.phone) ?? "", open.holder.map { $0.name.isEmpty ? $0.address.text : $0.name } ?? "nobody",
                "\(zone.local(at: item.since).date)", item.why,
            ])
        }
        table.print()
    }
}

struct ListDone: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "done", abstract: "Say that items are done.",
        discussion: """
            EXAMPLES
              regards list done 4711 4712
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The items' ids, as `list` prints them.")
    var id: [Int64]

    func run() throws {
        try carryOut { try options.load().settle(id, as: .done, tryAgainAt: nil) { Terminal.write("item \($0) is done") } }
    }
}

struct ListNotReached: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "not-reached", abstract: "Say that nobody was reached.",
        discussion: """
            With --try-again the item is back on the list then; without it that was all.

            EXAMPLES
              regards list not-reached 4711 --try-again 2d
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The items' ids, as `list` prints them.")
    var id: [Int64]

    @Option(help: ArgumentHelp("When it is to be tried again: 2d, 14:00 or 2027-06-01.", valueName: "when"))
    var tryAgain: String?

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let zone = assembly.book.house.business.zone
            let again = try tryAgain.map { text in
                guard let again = Until.instant(text, zone, now: SystemClock().now()) else {
                    throw Failure(.usage, "--try-again \(text): expected a span such as 2d, or a time such as 14:00 or 2027-06-01")
                }
                return again
            }
            try assembly.settle(id, as: .notReached, tryAgainAt: again) { id in
                Terminal.write("item \(id): " + (again.map { "again from \(Moment.short($0, zone))" } ?? "not reached"))
            }
        }
    }
}

extension Assembly {
    /// - Throws: `Failure` 66 for an item that is not there; those before it are settled.
    fileprivate func settle(
        _ ids: [Int64], as outcome: ListItem.Outcome, tryAgainAt again: Instant?, told: (Int64) -> Void
    ) throws {
        guard access(statePath, F_OK) == 0 else { throw Failure(.noInput, "there is no item \(ids[0])") }
        let outbox = try writableLedger()
        for id in ids {
            do {
                try outbox.settleListItem(id, as: outcome, tryAgainAt: again, now: SystemClock().now())
                told(id)
            } catch OutboxError.noSuchListItem(let id) {
                throw Failure(.noInput, "there is no item \(id)")
            }
        }
        try outbox.close()
    }
}

extension ListDesk.OpenItem {
    fileprivate var json: JSON {
        .object([
            "id": .number(Int(item.id)), "list": .text(item.list), "customer": .text(item.customer),
            "name": .optional(customer?.fullName), "phone": .optional(customer?.text(.phone)),
            "for": .optional(holder?.address.text), "rule": .text(item.rule), "occasion": .text(item.occasion),
            "why": .text(item.why), "since": .text(Moment.utc(item.since)), "outcome": .text(item.outcome.rawValue),
            "mailed_on": .optional(item.mailedOn?.description),
        ])
    }
}
