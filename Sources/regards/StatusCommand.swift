import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

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
            let facts = try StatusFacts(assembly, try assembly.requireLedger(), now: SystemClock().now())
            json ? Terminal.write(facts.json.description) : facts.print()
        }
    }
}

/// How the ledger stands at one moment.
private struct StatusFacts {
    private static let eventsShown = 20

    private let mode: String
    private let rules: Int
    private let counts: OutboxCounts
    private let nextHour: Int
    private let next: Instant?
    /// The oldest first.
    private let open: [Event]
    private let pauses: [Pause]
    /// Rules that wait for approval, in the order of the files.
    private let unapproved: [String]
    private let figures: GuardFigures
    private let size: StateSize
    private let zone: Zone
    private let now: Instant

    init(_ assembly: Assembly, _ outbox: SQLiteOutbox, now: Instant) throws {
        let book = assembly.book
        let isLive = try outbox.liveMachine() == Machine.identity()
        mode =
            switch book.house.mode {
            case .live: isLive ? "live" : "rehearsing: this machine was not taken live (regards go-live)"
            case .rehearse: "rehearsing"
            case .redirect: "redirecting all mail to one address"
            }
        rules = book.rules.count
        counts = try outbox.counts(endedSince: now - .days(1))
        nextHour = try outbox.dueCount(until: now + .hours(1))
        next = try outbox.earliestWake(channels: nil)
        open = try book.eventKinds
            .flatMap { try outbox.events(kind: $0.name, openOrSince: now) }
            .filter { $0.isOpen && !$0.isBaseline }
            .sorted { ($0.at, $0.id) < ($1.at, $1.id) }
        pauses = try outbox.pauses(at: now)
        let isGuarding = isLive && book.house.mode == .live && book.house.guards.newRule != nil
        let hashes = Dictionary(book.rules.map { ($0.name, $0.hash) }, uniquingKeysWith: { first, _ in first })
        let waiting = isGuarding ? try outbox.unapproved(hashes) : []
        unapproved = book.rules.map(\.name).filter(waiting.contains)
        figures = try outbox.guardFigures()
        size = try outbox.size()
        zone = book.house.business.zone
        self.now = now
    }

    func print() {
        line("mode", mode)
        line("rules", "\(rules)")
        line("clock", "\(zone.name), the business's")
        let when = next.map { ", the next at \(Moment.short($0, zone))" } ?? ""
        for pause in pauses {
            let end = pause.until.map { "until \(Moment.short($0, zone))" } ?? "until it is lifted"
            let reason = pause.reason.isEmpty ? "" : ": \(pause.reason)"
            line("paused", "\(pause.scope.words) \(end)\(reason) (regards pause lift \(pause.id))")
        }
        for rule in unapproved { line("waits", "\(rule), for regards approve \(rule)") }
        if figures.trippedSince != nil { line("guard", figures.dayWords) }
        if figures.collapsedSince != nil { line("guard", figures.customersWords) }
        line("due", "\(nextHour) in the next hour, \(counts[.planned]) planned in all\(when)")
        let ends: [OutreachState] = [.sent, .failed, .skipped, .cancelled]
        line("24 hours", ends.map { "\(counts[$0]) \($0)" }.joined(separator: ", "))
        for (reason, count) in counts.heldByReason.sorted(by: { $0.key < $1.key }) { line("held", "\(count) \(reason)") }
        line("state", size.words)
        for event in open.prefix(Self.eventsShown) { line("open", sentence(event)) }
        if open.count > Self.eventsShown { line("open", "and \(open.count - Self.eventsShown) more") }
    }

    private func line(_ name: String, _ text: String) {
        Terminal.write("\(Terminal.bold(DisplayWidth.padded(name, 8)))  \(NoticeText.printable(text))")
    }

    private func sentence(_ event: Event) -> String {
        let limit = event.limits.values.min().map { limit in
            "\(limit < now ? ", its promise ran out at" : ", to be answered by") \(Moment.short(limit, zone))"
        }
        return "\(event.kind) \(event.id) of customer \(event.customer ?? "-") since \(Moment.short(event.at, zone))"
            + (limit ?? "")
    }

    var json: JSON {
        let events = open.map { event in
            JSON.object([
                "kind": .text(event.kind), "id": .text(event.id), "customer": .optional(event.customer),
                "at": .text(Moment.utc(event.at)), "limit": .optional(event.limits.values.min().map(Moment.utc)),
            ])
        }
        return .object([
            "mode": .text(mode), "rules": .number(rules), "due_next_hour": .number(nextHour),
            "next_due_at": .optional(next.map(Moment.utc)),
            "states": .counts(
                Dictionary(uniqueKeysWithValues: counts.byState.map { ($0.key.description, $0.value) })),
            "held": .counts(counts.heldByReason), "open_events": .list(events),
            "pauses": .list(pauses.map(\.json)), "unapproved": .list(unapproved.map { .text($0) }),
            "guard_day_tripped_since": .optional(figures.trippedSince.map(Moment.utc)),
            "customers_missing_since": .optional(figures.collapsedSince.map(Moment.utc)),
            "state_bytes": .number(Int(size.bytes)), "state_free_bytes": .number(Int(size.free)),
        ])
    }
}

extension StateSize {
    /// `412.3 MB, of which 80.0 MB are free inside`.
    fileprivate var words: String {
        let inside = free * 10 > bytes ? ", of which \(Self.megabytes(free)) are free inside" : ""
        return Self.megabytes(bytes) + inside
    }

    private static func megabytes(_ bytes: Int64) -> String {
        let tenths = (bytes + 50_000) / 100_000
        return "\(tenths / 10).\(tenths % 10) MB"
    }
}
