import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

/// How the ledger stands at one moment.
struct StatusFacts {
    /// Something that somebody should do, and the command for it.
    struct Trouble {
        var words: String
        var command: String
        /// Somebody waits for an answer, or nothing goes out.
        var isGrave = false
    }

    private static let eventsShown = 20
    private static let sentShown = 3

    private let business: String
    private let file: String
    private let daemon: RunningDaemon?
    private let mode: String
    private let rules: RulesFacts
    private let state: (path: String, bytes: Int64)
    /// nil where none were ever kept.
    private let copies: SentCopies.Size?
    /// No daemon has run yet.
    private let isNew: Bool
    private let counts: OutboxCounts
    private let nextHour: Int
    private let next: Instant?
    /// The newest first.
    private let sent: [Outreach]
    private let retrying: Retrying?
    /// The oldest first.
    private let open: [Event]
    private let pauses: [Pause]
    /// Rules that wait for approval, in the order of the files.
    private let unapproved: [String]
    private let figures: GuardFigures
    private let zone: Zone
    private let now: Instant
    private let troubles: [Trouble]

    /// - Parameters:
    ///   - mistakes: how many the files have.
    ///   - isNew: whether no daemon has run yet; then the outbox is an empty one.
    init(_ assembly: Assembly, mistakes: Int, _ outbox: SQLiteOutbox, isNew: Bool, now: Instant) throws {
        self.isNew = isNew
        let book = assembly.book
        let isLive = try outbox.liveMachine() == Machine.identity()
        business = book.house.business.name
        file = assembly.configuration.file
        daemon = RunningDaemon(state: assembly.statePath)
        mode = StatusFacts.words(book.house.mode, isLive: isLive)
        rules = try RulesFacts(book, outbox)
        state = (assembly.statePath, StatusFacts.size(of: assembly.statePath))
        copies = SentCopies.size(besideState: assembly.statePath)
        counts = try outbox.counts(endedSince: now - .days(1))
        nextHour = try outbox.dueCount(until: now + .hours(1))
        next = try outbox.earliestWake(channels: nil)
        sent = try outbox.lastSent(limit: StatusFacts.sentShown)
        retrying = try outbox.retrying()
        let events = try book.eventKinds
            .flatMap { try outbox.events(kind: $0.name, openOrSince: now) }
            .filter { $0.isOpen && !$0.isBaseline }
            .sorted { ($0.at, $0.id) < ($1.at, $1.id) }
        var unread: String?
        do {
            open = try Event.withLimitsToKeep(events, book, Workshop.source(assembly), now: now)
        } catch let error as SourceError {
            (open, unread) = (events, error.description)
        }
        pauses = try outbox.pauses(at: now)
        let isGuarding = isLive && book.house.mode == .live && book.house.guards.newRule != nil
        let hashes = Dictionary(book.rules.map { ($0.name, $0.hash) }, uniquingKeysWith: { first, _ in first })
        let waiting = isGuarding ? try outbox.unapproved(hashes) : []
        unapproved = book.rules.filter(\.isEnabled).map(\.name).filter(waiting.contains)
        figures = try outbox.guardFigures()
        zone = book.house.business.zone
        self.now = now
        let finder = TroubleFinder(
            file: assembly.configuration.file, daemon: daemon, isNew: isNew, mistakes: mistakes,
            isWaitingForGoLive: book.house.mode == .live && !isLive, rules: rules,
            overdue: try outbox.dueCount(until: now - .minutes(5)), counts: counts, retrying: retrying, unapproved: unapproved,
            figures: figures, broken: unread == nil ? open.filter { event in event.limits.values.contains { $0 < now } } : [],
            unread: unread)
        troubles = finder.troubles
    }

    private static func words(_ mode: Mode, isLive: Bool) -> String {
        switch mode {
        case .live: isLive ? "live" : "rehearsing: this machine was not taken live (regards go-live)"
        case .rehearse: "rehearsing"
        case .redirect: "redirecting all mail to one address"
        }
    }

    /// Of the file and of what was not merged into it yet.
    private static func size(of path: String) -> Int64 {
        [path, path + "-wal"].reduce(0) { sum, path in
            var status = stat()
            return stat(path, &status) == 0 ? sum + Int64(status.st_size) : sum
        }
    }

    // MARK: Printing

    func print() {
        let dot = daemon == nil ? "○" : "●"
        let colour = troubles.contains(where: \.isGrave) ? Terminal.red : troubles.isEmpty ? Terminal.green : Terminal.yellow
        Terminal.write("\(colour(dot)) \(Terminal.bold("regards \(Version.text)"))  \(NoticeText.printable(business))")
        line("daemon", daemonWords)
        line("mode", mode)
        line("rules", rules.words(zone, now: now))
        line("files", file)
        line("state", "\(state.path), \(isNew ? "made by the first start" : StatusFacts.readable(state.bytes))")
        if let copies { line("copies", "\(Words.count(copies.messages, "message")), \(StatusFacts.readable(copies.bytes))") }
        line("clock", "\(zone.name), the business's")
        for pause in pauses {
            let end = pause.until.map { "until \(Moment.short($0, zone))" } ?? "until it is lifted"
            let reason = pause.reason.isEmpty ? "" : ": \(pause.reason)"
            line("paused", "\(pause.scope.words) \(end)\(reason) (regards pause lift \(pause.id))")
        }
        for rule in unapproved { line("waits", "\(rule), for regards approve \(rule)") }
        if figures.trippedSince != nil { line("guard", figures.dayWords) }
        if figures.collapsedSince != nil { line("guard", figures.customersWords) }
        let when = next.map { ", the next at \(Moment.short($0, zone))" } ?? ""
        line("due", "\(nextHour) in the next hour, \(counts[.planned]) planned in all\(when)")
        let ends: [OutreachState] = [.sent, .failed, .skipped, .cancelled]
        line("24 hours", ends.map { "\(counts[$0]) \($0)" }.joined(separator: ", "))
        for row in sent { line("last", StatusFacts.sentence(row, zone)) }
        if let retrying { line("again", StatusFacts.sentence(retrying, zone)) }
        for (reason, count) in counts.heldByReason.sorted(by: { $0.key < $1.key }) { line("held", "\(count) \(reason)") }
        for event in open.prefix(Self.eventsShown) { line("open", sentence(event)) }
        if open.count > Self.eventsShown { line("open", "and \(open.count - Self.eventsShown) more") }
        for trouble in troubles {
            let colour = trouble.isGrave ? Terminal.red : Terminal.yellow
            write(colour(DisplayWidth.padded("wrong", 8)), trouble.words)
            Terminal.write("\(DisplayWidth.padded("", 8))  → \(Terminal.bold(NoticeText.printable(trouble.command)))")
        }
    }

    private var daemonWords: String {
        guard let daemon else { return "not running" }
        let since = daemon.since.map { " since \(Moment.short($0, zone)), \(StatusFacts.ago($0, now))" } ?? ""
        return "running\(since), process \(daemon.process)"
    }

    private func line(_ name: String, _ text: String) {
        write(Terminal.bold(DisplayWidth.padded(name, 8)), text)
    }

    private func write(_ label: String, _ text: String) {
        let lines = Wrapping.lines(NoticeText.printable(text), indent: 10)
        for (number, line) in lines.enumerated() { Terminal.write(number == 0 ? "\(label)  \(line)" : line) }
    }

    private func sentence(_ event: Event) -> String {
        let limit = event.limits.values.min().map { limit in
            "\(limit < now ? ", its promise ran out at" : ", to be answered by") \(Moment.short(limit, zone))"
        }
        return "\(event.kind) \(event.id) of customer \(event.customer ?? "-") since \(Moment.short(event.at, zone))"
            + (limit ?? "")
    }

    private static func sentence(_ row: Outreach, _ zone: Zone) -> String {
        let when = row.endedAt.map { Moment.short($0, zone) } ?? ""
        let reason = row.reason.isEmpty ? "" : " (\(row.reason))"
        return "\(row.state) \(when), \(row.key.rule) \(row.key.step), customer \(row.key.customer)\(reason)"
    }

    private static func sentence(_ retrying: Retrying, _ zone: Zone) -> String {
        let why = [retrying.reason, retrying.code == 0 ? "" : "\(retrying.code)", retrying.detail].filter { !$0.isEmpty }
        return "\(retrying.count) to be tried again; last \(Moment.short(retrying.at, zone)): \(why.joined(separator: " "))"
    }

    /// `5 min ago`.
    static func ago(_ instant: Instant, _ now: Instant) -> String {
        let minutes = max(0, now.seconds - instant.seconds) / 60
        if minutes < 120 { return "\(minutes) min ago" }
        return minutes < 48 * 60 ? "\(minutes / 60) h ago" : "\(minutes / 1440) days ago"
    }

    private static func readable(_ bytes: Int64) -> String {
        if bytes < 1_000_000 { return "\((bytes + 999) / 1000) kB" }
        return "\(bytes / 1_000_000).\(bytes % 1_000_000 / 100_000) MB"
    }

    // MARK: JSON

    var json: JSON {
        let events = open.map { event in
            JSON.object([
                "kind": .text(event.kind), "id": .text(event.id), "customer": .optional(event.customer),
                "at": .text(Moment.utc(event.at)), "limit": .optional(event.limits.values.min().map(Moment.utc)),
            ])
        }
        return .object([
            "version": .text(Version.text), "mode": .text(mode), "rules": .number(rules.count),
            "rules_on": .number(rules.on), "rules_hash": .text(rules.hash),
            "rules_read_at": .optional(rules.readAt.map(Moment.utc)), "rules_unread": .list(rules.unread.map { .text($0) }),
            "daemon": daemon.map { daemon in
                .object([
                    "process": .number(Int(daemon.process)), "since": .optional(daemon.since.map(Moment.utc)),
                ])
            } ?? .null,
            "state_file": .text(state.path), "state_bytes": .number(Int(state.bytes)),
            "copies": .number(copies?.messages ?? 0), "copies_bytes": .number(Int(copies?.bytes ?? 0)),
            "due_next_hour": .number(nextHour), "next_due_at": .optional(next.map(Moment.utc)),
            "states": .counts(
                Dictionary(uniqueKeysWithValues: counts.byState.map { ($0.key.description, $0.value) })),
            "held": .counts(counts.heldByReason), "open_events": .list(events),
            "to_try_again": .number(retrying?.count ?? 0),
            "pauses": .list(pauses.map(\.json)), "unapproved": .list(unapproved.map { .text($0) }),
            "guard_day_tripped_since": .optional(figures.trippedSince.map(Moment.utc)),
            "customers_missing_since": .optional(figures.collapsedSince.map(Moment.utc)),
            "wrong": .list(troubles.map { .object(["what": .text($0.words), "command": .text($0.command)]) }),
        ])
    }
}

/// The rules of the files beside those that the daemon has read.
struct RulesFacts {
    let count: Int
    let on: Int
    /// Of what all rules mean: the same files give the same.
    let hash: String
    let readAt: Instant?
    /// Rules that the daemon knows otherwise, or not.
    let unread: [String]

    init(_ book: RuleBook, _ outbox: SQLiteOutbox) throws {
        count = book.rules.count
        on = book.rules.count(where: \.isEnabled)
        var all = StableHash()
        for rule in book.rules.sorted(by: { $0.name < $1.name }) { all.add("\(rule.name) \(rule.hash) \(rule.isEnabled)") }
        let digits = String(all.value() >> 32, radix: 16)
        hash = String(repeating: "0", count: 8 - digits.count) + digits
        readAt = try outbox.rulesReadAt()
        let known = Dictionary(try outbox.ruleLedgers().map { ($0.name, $0.hash) }, uniquingKeysWith: { $1 })
        unread = book.rules.filter { known[$0.name] != $0.hash }.map(\.name)
    }

    func words(_ zone: Zone, now: Instant) -> String {
        let off = count == on ? "" : ", \(on) of them on"
        let read = readAt.map { ", read \(Moment.short($0, zone))" } ?? ""
        return "\(count)\(off), \(hash)\(read)"
    }
}

/// What is wrong, the worst first.
private struct TroubleFinder {
    var file: String
    var daemon: RunningDaemon?
    var isNew: Bool
    var mistakes: Int
    var isWaitingForGoLive: Bool
    var rules: RulesFacts
    var overdue: Int
    var counts: OutboxCounts
    var retrying: Retrying?
    var unapproved: [String]
    var figures: GuardFigures
    /// Events whose promise ran out.
    var broken: [Event]
    /// Why the customer database cannot be read; nil where it can.
    var unread: String?

    var troubles: [StatusFacts.Trouble] {
        var found: [StatusFacts.Trouble] = []
        func add(_ holds: Bool, _ words: String, _ command: String, isGrave: Bool = false) {
            if holds { found.append(StatusFacts.Trouble(words: words, command: command, isGrave: isGrave)) }
        }
        let isService = file == "/etc/regards/regards.yaml"
        func regards(_ command: String) -> String {
            "\(Process.command) \(command)\(isService ? "" : " --config \(file)")"
        }
        let start = isService ? "systemctl start regards" : regards("serve")
        add(daemon == nil, isNew ? "no daemon has run yet" : "no daemon runs, so nothing is sent", start, isGrave: !isNew)
        let first = broken.first?.customer.map { regards("explain \($0)") } ?? regards("outbox list --state sent")
        add(!broken.isEmpty, "\(Words.count(broken.count, "promise")) ran out without an answer", first, isGrave: true)
        add(unread != nil, "the customer database cannot be read: \(unread ?? "")", regards("check"), isGrave: true)
        add(mistakes > 0, "the files have \(Words.count(mistakes, "mistake")); the daemon goes on with the rules it had", regards("check"))
        add(
            mistakes == 0 && !rules.unread.isEmpty && daemon != nil,
            "the daemon has not read \(named(rules.unread)) as the files have it",
            isService ? "systemctl reload regards" : "kill -HUP \(daemon?.process ?? 0)")
        add(isWaitingForGoLive, "mode is live, but this machine was not taken live: nobody is mailed", regards("go-live"))
        add(
            daemon != nil && overdue > 0,
            "\(Words.count(overdue, "message")) due for more than five minutes: the relay may be down or slow",
            isService ? "journalctl -u regards -n 50" : regards("outbox list --state planned"))
        add(!unapproved.isEmpty, "\(named(unapproved)): held until somebody approves", regards("approve \(unapproved.first ?? "")"))
        add(figures.trippedSince != nil, "far more messages than planned: all but care waits", regards("approve --day"))
        add(figures.collapsedSince != nil, "far fewer customers than before: their messages wait", regards("approve --customers"))
        let doubtful = counts.heldByReason.filter { $0.key.hasPrefix("in-doubt") }.values.reduce(0, +)
        add(
            doubtful > 0, "\(Words.count(doubtful, "message")) in doubt: nobody knows whether \(doubtful == 1 ? "it" : "they") arrived",
            regards("outbox list --state held"))
        add(counts[.failed] > 0, "\(Words.count(counts[.failed], "message")) failed in 24 hours", regards("outbox list --state failed"))
        return found
    }

    /// `birthday-card and 2 more`.
    private func named(_ names: [String]) -> String {
        names.count <= 2 ? names.joined(separator: " and ") : "\(names[0]) and \(names.count - 1) more"
    }
}
