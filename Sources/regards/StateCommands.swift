import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

struct GoLive: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let this machine mail customers.",
        discussion: """
            `mode: live` in regards.yaml counts only on a machine that was taken live, so that a copied configuration \
            mails nobody. --undo takes it back. A running daemon follows at its next reload.

            EXAMPLES
              regards go-live && systemctl reload regards
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Take this machine back to rehearsing.")
    var undo = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            try Folder.make(assembly.stateFolder)
            try Failure.translating {
                let outbox = try SQLiteOutbox.openForCommand(path: assembly.statePath, access: .write)
                try outbox.setLiveMachine(undo ? nil : Machine.identity(), now: SystemClock().now())
                try outbox.close()
            }
            if undo { return Terminal.write("this machine rehearses again; reload the daemon") }
            Terminal.write("this machine may mail customers; reload the daemon")
            if assembly.book.house.mode != .live {
                Terminal.write("regards.yaml does not say `mode: live` yet: until it does, nobody is mailed")
            }
        }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what is due, what was sent and what waits.",
        discussion: """
            EXAMPLES
              regards status
              regards status --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            guard let outbox = try assembly.ledger() else {
                throw Failure(.noInput, "\(assembly.statePath): no state file yet; it is made by the first: regards serve")
            }
            let now = SystemClock().now()
            let facts = try Failure.translating { try read(outbox, assembly, now) }
            json ? Terminal.write(facts.json.description) : facts.print()
        }
    }

    private func read(_ outbox: SQLiteOutbox, _ assembly: Assembly, _ now: Instant) throws -> StatusFacts {
        let live = try outbox.liveMachine() == Machine.identity()
        let mode: String =
            switch assembly.book.house.mode {
            case .live: live ? "live" : "rehearsing: this machine was not taken live (regards go-live)"
            case .rehearse: "rehearsing"
            case .redirect: "redirecting all mail to one address"
            }
        return StatusFacts(
            mode: mode, rules: assembly.book.rules.count, counts: try outbox.counts(endedSince: now - .days(1)),
            nextHour: try outbox.dueCount(until: now + .hours(1)), next: try outbox.earliestWake(channels: nil),
            open: try openEvents(outbox, assembly, now), zone: assembly.book.house.business.zone, now: now)
    }

    private func openEvents(_ outbox: SQLiteOutbox, _ assembly: Assembly, _ now: Instant) throws -> [Event] {
        try assembly.book.eventKinds.flatMap { kind in
            try outbox.events(kind: kind.name, openOrSince: now).filter { $0.isOpen && !$0.isBaseline }
        }
    }
}

struct StatusFacts {
    var mode: String
    var rules: Int
    var counts: OutboxCounts
    var nextHour: Int
    var next: Instant?
    var open: [Event]
    var zone: Zone
    var now: Instant

    func print() {
        Terminal.write("\(Terminal.bold("mode"))      \(mode)")
        Terminal.write("\(Terminal.bold("rules"))     \(rules)")
        Terminal.write("\(Terminal.bold("due"))       \(nextHour) in the next hour, \(counts[.planned]) planned in all" + (next.map { ", the next at \(Moment.text($0, zone))" } ?? ""))
        Terminal.write("\(Terminal.bold("24 hours"))  \(counts[.sent]) sent, \(counts[.failed]) failed, \(counts[.skipped]) skipped, \(counts[.cancelled]) cancelled")
        for (reason, count) in counts.heldByReason.sorted(by: { $0.key < $1.key }) {
            Terminal.write("\(Terminal.bold("held"))      \(count) \(reason)")
        }
        for event in open.sorted(by: { $0.at < $1.at }) {
            let limit = event.limits.values.min().map { limit in
                limit < now ? ", its promise ran out at \(Moment.text(limit, zone))" : ", to be answered by \(Moment.text(limit, zone))"
            } ?? ""
            Terminal.write("\(Terminal.bold("open"))      \(event.kind) \(event.id) of customer \(event.customer ?? "-") since \(Moment.text(event.at, zone))\(limit)")
        }
    }

    var json: JSON {
        .object([
            "mode": .text(mode), "rules": .number(rules), "due_next_hour": .number(nextHour),
            "next_due_at": .optional(next.map(Moment.utc)),
            "states": .object(Dictionary(uniqueKeysWithValues: counts.byState.map { ($0.key.description, .number($0.value)) })),
            "held": .object(counts.heldByReason.mapValues { .number($0) }),
            "open_events": .list(
                open.map {
                    .object([
                        "kind": .text($0.kind), "id": .text($0.id), "customer": .optional($0.customer),
                        "at": .text(Moment.utc($0.at)), "limit": .optional($0.limits.values.min().map(Moment.utc)),
                    ])
                }),
        ])
    }
}

struct OutboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox", abstract: "Look into the ledger of everything owed.",
        subcommands: [OutboxList.self, OutboxShow.self])
}

struct OutboxList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List rows of the outbox.", usage: "regards outbox list [<options>]",
        discussion: """
            EXAMPLES
              regards outbox list --state planned --state held
              regards outbox list --customer 17 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Only rows in this state; may be given several times.", valueName: "state"))
    var state: [String] = []

    @Option(help: ArgumentHelp("Only this rule.", valueName: "name"))
    var rule: String?

    @Option(help: ArgumentHelp("Only this customer.", valueName: "id"))
    var customer: String?

    @Option(help: "At most so many.")
    var limit = 100

    @Option(help: ArgumentHelp("Go on after this row.", valueName: "id"))
    var after: Int64 = 0

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        try carryOut {
            let states = try state.map { name in
                guard let state = OutreachState(name: name) else {
                    throw Failure(.usage, "there is no state \(name); expected one of \(OutreachState.allCases.map(\.description).joined(separator: ", "))")
                }
                return state
            }
            let assembly = try options.load()
            guard let outbox = try assembly.ledger() else { return }
            let filter = OutreachFilter(states: states.isEmpty ? nil : Set(states), rule: rule, customer: customer)
            let rows = try Failure.translating { try outbox.list(filter, limit: limit, after: after) }
            json ? rows.forEach { Terminal.write($0.json.description) } : print(rows)
        }
    }

    private func print(_ rows: [Outreach]) {
        var table = Table(["ID", "STATE", "WHEN (THEIR TIME)", "CUSTOMER", "RULE", "OCCASION", "STEP", "TRIES", "REASON"])
        for row in rows {
            table.add([
                "\(row.id)", row.state.description, "\(row.plan.localDate) \(row.plan.localTime.shortText)", row.key.customer,
                row.key.rule, row.key.occasion, row.key.step, "\(row.attempts)", row.reason,
            ])
        }
        table.print()
        if rows.count == limit, let last = rows.last { Terminal.write(Terminal.dim("there may be more: --after \(last.id)")) }
    }
}

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
            guard let outbox = try assembly.ledger(), let detail = try Failure.translating({ try outbox.show(id) }) else {
                throw Failure(.noInput, "there is no row \(id)")
            }
            json ? Terminal.write(self.json(detail).description) : print(detail, assembly.book.house.business.zone)
        }
    }

    private func print(_ detail: OutreachDetail, _ zone: Zone) {
        let row = detail.outreach
        var table = Table(["ROW", "\(row.id)"])
        table.add(["state", row.state.description + (row.reason.isEmpty ? "" : " (\(row.reason))")])
        table.add(["customer", row.key.customer])
        table.add(["rule", "\(row.key.rule), step \(row.key.step), occasion \(row.key.occasion)"])
        table.add(["recipient", "\(row.key.recipient) by \(row.plan.channel)"])
        table.add(["due", "\(row.plan.localDate) \(row.plan.localTime.shortText) \(row.plan.zone), \(Moment.utc(row.plan.dueAt))"])
        table.add(["expires", row.plan.expiresAt.map(Moment.utc) ?? "never"])
        if let notBefore = row.notBefore { table.add(["not before", Moment.utc(notBefore)]) }
        table.add(["card", row.card ?? "-"])
        table.add(["made", Moment.utc(detail.createdAt)])
        for attempt in detail.attempts {
            let end = attempt.endedAt == nil ? "under way" : attempt.outcome
            let parts = [end, attempt.reason, attempt.code == 0 ? "" : "\(attempt.code)", attempt.detail]
            table.add(["attempt \(attempt.number)", "\(Moment.text(attempt.startedAt, zone)) \(parts.filter { !$0.isEmpty }.joined(separator: " "))"])
        }
        table.print()
    }

    private func json(_ detail: OutreachDetail) -> JSON {
        let attempts = detail.attempts.map { attempt in
            JSON.object([
                "number": .number(attempt.number), "started_at": .text(Moment.utc(attempt.startedAt)),
                "ended_at": .optional(attempt.endedAt.map(Moment.utc)), "outcome": .text(attempt.outcome),
                "reason": .text(attempt.reason), "code": .number(attempt.code), "detail": .text(attempt.detail),
            ])
        }
        return .object(["row": detail.outreach.json, "created_at": .text(Moment.utc(detail.createdAt)), "attempts": .list(attempts)])
    }
}

extension Outreach {
    var json: JSON {
        .object([
            "id": .number(Int(id)), "state": .text(state.description), "reason": .text(reason),
            "customer": .text(key.customer), "rule": .text(key.rule), "occasion": .text(key.occasion),
            "step": .text(key.step), "recipient": .text(key.recipient), "channel": .text(plan.channel.description),
            "due_at": .text(Moment.utc(plan.dueAt)), "local": .text("\(plan.localDate)T\(plan.localTime.shortText)"),
            "zone": .text(plan.zone), "expires_at": .optional(plan.expiresAt.map(Moment.utc)),
            "not_before": .optional(notBefore.map(Moment.utc)), "card": .optional(card), "attempts": .number(attempts),
            "ended_at": .optional(endedAt.map(Moment.utc)),
        ])
    }
}
