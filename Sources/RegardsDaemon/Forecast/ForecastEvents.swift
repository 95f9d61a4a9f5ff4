import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// What rules owe because of events. Nobody can know of events to come: these are the ones that the ledger knows, and what
/// their rules owe is derived anew, as the daemon does when it looks at them.
extension Forecast {
    /// Events asked about together.
    private static let eventPage = 1000

    /// Calls `body` with the lines of the period, some at a time: kind by kind what is to come, then what has ended.
    /// - Throws: `SourceError`, `OutboxError`, and what `body` throws.
    func forEachOfEvents(_ asked: Asked, _ standing: Standing, _ body: ([Line]) throws -> Void) throws {
        guard let outbox, let histories, asked.from < asked.to else { return }
        let loader = FactsLoader(outbox: outbox, source: source, histories: histories, book: book)
        var walk = EventWalk(self, asked, standing, firstSeen: try outbox.firstSeen)
        for kind in book.eventKinds.indices {
            let rules = book.rules.indices.filter { index in
                book.rules[index].eventTrigger?.kind == kind && (asked.rule ?? book.rules[index].name) == book.rules[index].name
            }
            guard !rules.isEmpty else { continue }
            var events = try self.events(kind, rules, now: asked.now, outbox)[...]
            if let customer = asked.customer { events = events.filter { $0.customerKey == customer }[...] }
            while !events.isEmpty {
                let page = events.prefix(Forecast.eventPage)
                events = events.dropFirst(page.count)
                let facts = try loader.load(about: Array(page), ofKind: kind, book, now: asked.now)
                for rule in rules {
                    let filter = OutreachFilter(rule: book.rules[rule].name, customers: page.map(\.customerKey).unique)
                    let rows = Dictionary(
                        try outbox.list(filter, limit: .max, after: 0).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
                    try body(facts.flatMap { walk.lines(of: $0, rule, rows) })
                }
            }
        }
        for rule in book.rules where rule.isAboutEvents && (asked.rule ?? rule.name) == rule.name {
            try forEachEnded(rule, asked, outbox) { rows in
                try body(rows.filter { !walk.reopened.contains($0.key) }.map { endedLine($0, rule) })
            }
        }
    }

    private func forEachEnded(
        _ rule: Rule, _ asked: Asked, _ outbox: any Outbox, _ body: ([Outreach]) throws -> Void
    ) throws {
        let ended = Set(OutreachState.allCases.filter(\.hasEnded))
        let filter = OutreachFilter(states: ended, rule: rule.name, customer: asked.customer, due: asked.from..<asked.to)
        var after: Int64 = 0
        while true {
            let rows = try outbox.list(filter, limit: Forecast.eventPage, after: after)
            guard let last = rows.last else { return }
            after = last.id
            try body(rows)
        }
    }

    private func endedLine(_ row: Outreach, _ rule: Rule) -> Line {
        let name = row.key.step.prefix { $0 != "#" }
        let step = rule.steps.first { $0.name == row.key.step } ?? rule.steps.first { $0.name == name }
        return Line(
            outreach: row.plan, local: assembly.local(row.plan), card: row.card ?? step.map { rule.card($0, for: row.plan) } ?? "",
            zoneSource: .column, decision: .due, row: row)
    }

    /// Those that the daemon looks at: open, or within the kind's horizon, or with rows that still wait.
    private func events(_ kind: Int, _ rules: [Int], now: Instant, _ outbox: any Outbox) throws -> [Event] {
        let name = book.eventKinds[kind].name
        let horizon = now - assembly.configuration.events[kind].horizon
        let events = try outbox.events(kind: name, openOrSince: horizon)
            + outbox.events(kind: name, awaitedBy: rules.map { book.rules[$0].name }, before: horizon)
        let newest = Dictionary(events.map { ($0.id, $0.generation) }, uniquingKeysWith: max)
        return events.unique.filter { $0.generation == newest[$0.id] }
    }
}

extension Outbox {
    /// When each rule was first seen, by its name.
    fileprivate var firstSeen: [String: Instant] {
        get throws { Dictionary(try ruleLedgers().map { ($0.name, $0.firstSeen) }, uniquingKeysWith: { first, _ in first }) }
    }
}

/// Derives what single events owe.
private struct EventWalk {
    let forecast: Forecast
    let asked: Forecast.Asked
    let standing: Standing
    /// By rule; one that is not here would be seen for the first time now.
    let firstSeen: [String: Instant]
    private var planner: Planner
    /// Rows that were cancelled and are owed again.
    private(set) var reopened: Set<OutreachKey> = []

    init(_ forecast: Forecast, _ asked: Forecast.Asked, _ standing: Standing, firstSeen: [String: Instant]) {
        (self.forecast, self.asked, self.standing, self.firstSeen) = (forecast, asked, standing, firstSeen)
        let assembly = forecast.assembly
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// - Parameter rows: of the event's customer, by their keys.
    mutating func lines(of facts: Facts, _ index: Int, _ rows: [OutreachKey: Outreach]) -> [Forecast.Line] {
        let rule = forecast.book.rules[index]
        let facts = withLimit(facts, rule)
        return planner.owed(because: facts, rule: index, firstSeen: firstSeen[rule.name] ?? asked.now).compactMap { candidate in
            line(candidate, facts, rows[candidate.outreach.key])
        }
    }

    /// A rule that is new to the ledger promises from now on what it says.
    private func withLimit(_ facts: Facts, _ rule: Rule) -> Facts {
        guard let event = facts.event, event.limits[rule.name] == nil, let trigger = rule.eventTrigger else { return facts }
        var facts = facts
        let limits = forecast.book.limits(of: trigger.kind, from: event.at) {
            forecast.book.conditionFacts(facts, standing, now: asked.now).membership.contains($0)
        }
        facts.event?.limits[rule.name] = limits[rule.name]
        return facts
    }

    private mutating func line(_ candidate: Candidate, _ facts: Facts, _ row: Outreach?) -> Forecast.Line? {
        // What has ended is told by its row; but a cancelled one that is owed again is as good as none.
        if let row, row.state.hasEnded, row.state != .cancelled { return nil }
        let decision = planner.judge(candidate, facts: facts, standing: standing, now: asked.now, ahead: true)
        let waiting = row?.state.hasEnded == false ? row : nil
        if waiting == nil, !isWorthTelling(decision, candidate, row) { return nil }
        var outreach = candidate.outreach
        outreach.dueAt = max(outreach.dueAt, asked.now)
        if case .move(let later) = decision.verdict { outreach.dueAt = max(later, asked.now) }
        guard asked.from <= outreach.dueAt, outreach.dueAt < asked.to else { return nil }
        if row != nil, waiting == nil { reopened.insert(candidate.outreach.key) }
        let rule = forecast.book.rules[candidate.rule]
        let card = waiting?.card ?? rule.card(
            rule.steps[candidate.step], for: candidate, history: facts.history.cards[rule.name] ?? [], now: outreach.dueAt).name
        return Forecast.Line(
            outreach: outreach, local: forecast.assembly.local(outreach), card: card, zoneSource: candidate.zone.source,
            decision: decision, row: waiting)
    }

    /// Of a message without a row: one that will not go because of what the event is by now is no news.
    private func isWorthTelling(_ decision: Decision, _ candidate: Candidate, _ cancelled: Outreach?) -> Bool {
        switch decision.verdict {
        case .cancel where cancelled != nil: false
        case .cancel(.noAddress), .cancel(.suppressed), .cancel(.customerGone): candidate.outreach.dueAt >= asked.now
        case .cancel: false
        case .skip(.late): candidate.outreach.dueAt >= asked.now
        case .send, .hold, .move, .skip: true
        }
    }
}
