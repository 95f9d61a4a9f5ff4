import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

// MARK: Rules about events

extension Explainer {
    /// Each event of the rule's kind that is open, or lies within the kind's horizon, with all its steps.
    mutating func tellEvents(
        of index: Int, _ rows: [Outreach], _ question: Question, _ story: inout Explanation.RuleStory
    ) throws {
        guard case .event(let trigger) = book.rules[index].trigger else { return }
        let kind = book.eventKinds[trigger.kind].name
        guard let outbox, let histories else {
            story.silence = "no daemon has run yet: events that are there by then are taken as known, and send nothing"
            return
        }
        let since = question.known - assembly.configuration.events[trigger.kind].horizon
        let events = try outbox.events(kind: kind, openOrSince: since)
            .filter { $0.customer == question.customer.id && $0.at <= question.at }
            .sorted { ($0.at, $0.id) > ($1.at, $1.id) }
        let firstSeen = try outbox.ruleLedgers().first { $0.name == story.name }?.firstSeen
        let loader = FactsLoader(outbox: outbox, source: source, histories: histories, book: book)
        let told = Array(events.prefix(question.limit))
        let facts = try loader.load(about: told, ofKind: trigger.kind, book, now: question.known)
        let byKey = Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for (event, facts) in zip(told, facts) {
            story.events.append(self.story(of: event, facts, index, byKey, firstSeen, question))
        }
        story.events += try unseen(trigger.kind, since: since, events, question)
        if story.events.isEmpty { story.silence = "no \(kind) of this customer is known since \(day(since, question))" }
        let keys = Set(story.events.flatMap(\.messages).map(\.line.outreach.key))
        story.history = try past(rows.filter { !keys.contains($0.key) }, question)
    }

    private func day(_ instant: Instant, _ question: Question) -> String { "\(question.clock.local(at: instant).date)" }

    private mutating func story(
        of event: Event, _ facts: Facts, _ index: Int, _ rows: [OutreachKey: Outreach], _ firstSeen: Instant?,
        _ question: Question
    ) -> Explanation.EventStory {
        let rule = book.rules[index]
        var story = Explanation.EventStory(event: event, limit: event.limits[rule.name])
        guard let firstSeen else {
            story.silence = "the daemon has not seen this rule yet"
            return story
        }
        if rule.isBaseline(event, firstSeen: firstSeen) {
            story.silence = "it was there before the rule was first seen, on \(day(firstSeen, question))"
            return story
        }
        for candidate in planner.candidates(ofEvent: facts, rule: index) {
            let row = rows[candidate.outreach.key]
            if let message = message(candidate, facts, row, question) { story.messages.append(message) }
        }
        if story.messages.isEmpty { story.silence = nothing(rule, facts) }
        story.messages.sort { $0.order < $1.order }
        return story
    }

    private func nothing(_ rule: Rule, _ facts: Facts) -> String {
        if !rule.isEnabled { return "the rule is switched off (enabled: no)" }
        if facts.event?.isGone == true { return "its row is gone" }
        return "no step has a time yet"
    }

    private mutating func message(
        _ candidate: Candidate, _ facts: Facts, _ row: Outreach?, _ question: Question
    ) -> Explanation.Prospect? {
        let standing = question.story.standing
        var candidate = candidate
        let decision = planner.judge(candidate, facts: facts, standing: standing, now: question.known, ahead: true)
        // A stand-in for a message that goes is nothing to tell.
        if decision.verdict == .cancel(.reachable), row == nil { return nil }
        var delays: [Explanation.Prospect.Delay] = []
        let at = max(candidate.outreach.dueAt, question.known)
        if case .move(let later) = decision.verdict, row?.state.hasEnded != true {
            delays.append(Explanation.Prospect.Delay(at: at, decision: decision))
            candidate.outreach.dueAt = later
        }
        let rule = book.rules[candidate.rule]
        let card = row?.card ?? rule.card(
            rule.steps[candidate.step], for: candidate, history: facts.history.cards[rule.name] ?? [], now: at).name
        let outreach = row.flatMap { $0.state.hasEnded ? $0.plan : nil } ?? candidate.outreach
        let line = line(outreach, candidate, card, decision, row)
        var prospect = prospect(line, candidate, facts, standing, at: at)
        prospect.delays = delays
        return prospect
    }

    /// Events of the customer that the ledger does not know yet.
    private func unseen(
        _ kind: Int, since: Instant, _ known: [Event], _ question: Question
    ) throws -> [Explanation.EventStory] {
        guard question.at >= question.now else { return [] }
        var found: [Explanation.EventStory] = []
        let name = book.eventKinds[kind].name
        try source.forEachEventPage(kind: name, since: since, size: 1000) { rows in
            for row in rows where row.customer == question.customer.id && !known.contains(where: { $0.id == row.id }) {
                let event = Event(kind: name, id: row.id, customer: row.customer, at: row.at)
                guard try outbox?.event(kind: name, id: row.id, generation: 1) == nil else { continue }
                found.append(Explanation.EventStory(event: event, silence: "the daemon has not taken it up yet"))
            }
        }
        return found.sorted { ($0.event.at, $0.event.id) > ($1.event.at, $1.event.id) }
    }
}
