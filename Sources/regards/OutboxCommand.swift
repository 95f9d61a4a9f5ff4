import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct OutboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox", abstract: "Look into the ledger of everything owed, and see to single messages.",
        subcommands: [
            OutboxList.self, OutboxShow.self, OutboxSettle.self, OutboxRetry.self, OutboxHold.self, OutboxRelease.self,
            OutboxCancel.self,
        ])
}

struct OutboxList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List rows of the outbox.",
        usage: "regards outbox list [--state <state> ...] [--rule <name>] [<options>]",
        discussion: """
            EXAMPLES
              regards outbox list --state planned --state held
              regards outbox list --customer 17 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Only rows in this state: \(OutboxList.states). May be given several times.", valueName: "state"), completion: .states)
    var state: [String] = []

    @Option(help: ArgumentHelp("Only this rule.", valueName: "name"), completion: .rules)
    var rule: String?

    @Option(help: ArgumentHelp("Only this customer.", valueName: "id"))
    var customer: String?

    @Option(help: ArgumentHelp("At most so many.", valueName: "number"))
    var limit = 100

    @Option(help: ArgumentHelp("Go on after this row.", valueName: "id"))
    var after: Int64 = 0

    @Flag(help: "One JSON object a line.")
    var json = false

    static let states = OutreachState.allCases.map(\.description).joined(separator: ", ")

    func run() throws {
        try carryOut {
            guard limit > 0 else { throw Failure(.usage, "--limit must be at least 1") }
            let states = try state.map { name in
                guard let state = OutreachState(name: name) else {
                    throw Failure(.usage, "there is no state \(name); expected one of \(Self.states)")
                }
                return state
            }
            let outbox = try options.load().requireLedger()
            let filter = OutreachFilter(states: states.isEmpty ? nil : Set(states), rule: rule, customer: customer)
            let rows = try outbox.list(filter, limit: limit, after: after)
            json ? rows.forEach { Terminal.write($0.json.description) } : print(rows)
        }
    }

    private func print(_ rows: [Outreach]) {
        guard !rows.isEmpty else { return Terminal.write("no such rows") }
        let zones = ZoneCatalog()
        var table = Table([
            "ID", "STATE", "WHEN (THEIR TIME)", "CUSTOMER", "RULE", "OCCASION", "STEP", "TRIES", "REASON",
        ])
        var narrow = Table(["ID", "STATE", "WHEN (THEIR TIME)", "CUSTOMER", "RULE", "OCCASION, TRIES, REASON"])
        for row in rows {
            let (key, front) = (row.key, ["\(row.id)", row.state.description, row.local(zones).text, row.key.customer])
            table.add(front + [key.rule, key.occasion, key.step, "\(row.attempts)", row.reason])
            let rest = [key.occasion, "\(row.attempts)", row.reason].filter { !$0.isEmpty }.joined(separator: ", ")
            narrow.add(front + [key.step == "send" ? key.rule : "\(key.rule)/\(key.step)", rest])
        }
        // The reason may go below its row, the other columns may not.
        let isNarrow = Terminal.width.map { table.widths.dropLast().reduce(0) { $0 + $1 + 2 } > $0 } ?? false
        (isNarrow ? narrow : table).print()
        if rows.count == limit, let last = rows.last {
            Terminal.write(Terminal.dim("there may be more: --after \(last.id)"))
        }
    }
}

struct OutboxSettle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle", abstract: "Say what became of a message in doubt.",
        usage: "regards outbox settle <id> --sent | --resend [<options>]",
        discussion: """
            Under `if_in_doubt: ask` an attempt whose end nobody knows waits for this. A running daemon follows within \
            a minute.

            EXAMPLES
              regards outbox list --state held
              regards outbox settle 4711 --sent
              regards outbox settle 4712 --resend
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The row's id, as `outbox list` prints it.")
    var id: Int64

    @Flag(help: "It had arrived, or it had not and goes again.")
    var settlement: Settlement

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            guard access(assembly.statePath, F_OK) == 0 else { throw Failure(.noInput, "there is no row \(id)") }
            let outbox = try SQLiteOutbox.openForCommand(path: assembly.statePath, access: .write)
            do {
                try outbox.settle(id, as: settlement, now: SystemClock().now())
            } catch OutboxError.noSuchOutreach(let id) {
                throw Failure(.noInput, "there is no row \(id)")
            } catch OutboxError.notInDoubt(let id) {
                throw Failure(.data, "row \(id) is not in doubt: there is nothing to settle")
            }
            try outbox.close()
            Terminal.write(settlement == .sent ? "row \(id) counts as sent" : "row \(id) goes again")
        }
    }
}

extension Settlement: EnumerableFlag {}

struct OutboxShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one row with its attempts.",
        discussion: """
            EXAMPLES
              regards outbox show 4711
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The row's id, as `outbox list` prints it.")
    var id: Int64

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            guard let detail = try assembly.requireLedger().show(id) else {
                throw Failure(.noInput, "there is no row \(id)")
            }
            let copies = detail.attempts.compactMap {
                SentCopies.find(row: id, startedAt: $0.startedAt, besideState: assembly.statePath)
            }
            json
                ? Terminal.write(detail.json(copies).description)
                : print(detail, copies, assembly.book.house.business.zone)
        }
    }

    private func print(_ detail: OutreachDetail, _ copies: [String], _ zone: Zone) {
        let row = detail.outreach
        var table = Table(["ROW", "\(row.id)"])
        table.add(["state", row.state.description + (row.reason.isEmpty ? "" : " (\(row.reason))")])
        table.add(["customer", row.key.customer])
        table.add(["rule", "\(row.key.rule), step \(row.key.step), occasion \(row.key.occasion)"])
        table.add(["recipient", "\(row.key.recipient) by \(row.plan.channel)"])
        let due = row.local(ZoneCatalog())
        let moved = due.isMoved ? ", moved from \(row.plan.localDate) \(row.plan.localTime)" : ""
        table.add(["due", "\(due.text) \(row.plan.zone), \(Moment.utc(row.plan.dueAt))\(moved)"])
        table.add(["expires", row.plan.expiresAt.map(Moment.utc) ?? "never"])
        if let notBefore = row.notBefore { table.add(["not before", Moment.utc(notBefore)]) }
        table.add(["card", row.card ?? "-"])
        table.add(["made", Moment.utc(detail.createdAt)])
        for attempt in detail.attempts { table.add(["attempt \(attempt.number)", attempt.sentence(zone)]) }
        for path in copies { table.add(["copy", path]) }
        table.print()
    }
}

extension Attempt {
    fileprivate func sentence(_ zone: Zone) -> String {
        let end = endedAt == nil ? "under way" : outcome
        let parts = [Moment.text(startedAt, zone), end, reason, code == 0 ? "" : "\(code)", detail]
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    fileprivate var json: JSON {
        .object([
            "number": .number(number), "started_at": .text(Moment.utc(startedAt)),
            "ended_at": .optional(endedAt.map(Moment.utc)), "outcome": .text(outcome), "reason": .text(reason),
            "code": .number(code), "detail": .text(detail),
        ])
    }
}

extension OutreachDetail {
    fileprivate func json(_ copies: [String]) -> JSON {
        .object([
            "row": outreach.json, "created_at": .text(Moment.utc(createdAt)), "attempts": .list(attempts.map(\.json)),
            "copies": .list(copies.map { .text($0) }),
        ])
    }
}

extension Outreach {
    /// When it is due by the clock where the customer lives. The plan keeps the time that was meant: quiet hours, a budget
    /// or a change of clocks may have moved the message since.
    fileprivate func local(_ zones: ZoneCatalog) -> (text: String, isMoved: Bool) {
        guard let local = zones.zone(named: plan.zone)?.local(at: plan.dueAt) else {
            return ("\(plan.localDate) \(plan.localTime)", false)
        }
        return ("\(local.date) \(local.time)", local.date != plan.localDate || local.time != plan.localTime)
    }

    fileprivate var json: JSON {
        .object([
            "id": .number(Int(id)), "state": .text(state.description), "reason": .text(reason),
            "customer": .text(key.customer), "rule": .text(key.rule), "occasion": .text(key.occasion),
            "step": .text(key.step), "recipient": .text(key.recipient), "channel": .text(plan.channel.description),
            "due_at": .text(Moment.utc(plan.dueAt)), "local": .text("\(plan.localDate)T\(plan.localTime)"),
            "zone": .text(plan.zone), "expires_at": .optional(plan.expiresAt.map(Moment.utc)),
            "not_before": .optional(notBefore.map(Moment.utc)), "card": .optional(card), "attempts": .number(attempts),
            "ended_at": .optional(endedAt.map(Moment.utc)),
        ])
    }
}
