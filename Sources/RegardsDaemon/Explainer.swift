package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// Explains one customer: asks the forecast, the planner and the ledger, and writes nothing.
///
/// It has no opinion of its own. What is to come is `Forecast.story`, which decides as the daemon's passes do; what
/// became of the past stands in the ledger.
package struct Explainer {
    /// How far ahead it looks for the next occasion.
    private static let ahead = CalendarSpan(months: 13)
    /// How far back for an occasion that left no row.
    private static let back = TimeSpan.days(31)

    let assembly: Assembly
    let book: RuleBook
    let source: any CustomerSource
    let outbox: (any Outbox)?
    let histories: HistoryLoader?
    let forecast: Forecast
    var planner: Planner

    /// - Parameters:
    ///   - outbox: nil where no daemon has run yet.
    ///   - hash: the ledger's, under which it knows addresses.
    package init(assembly: Assembly, source: any CustomerSource, outbox: (any Outbox)?, hash: AddressHash) {
        self.assembly = assembly
        book = assembly.book
        self.source = source
        self.outbox = outbox
        histories = outbox.map { HistoryLoader(outbox: $0, hash: hash, book: assembly.book) }
        forecast = Forecast(assembly: assembly, source: source, outbox: outbox, hash: hash, isGuarding: true)
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// All that is asked, and what was found once for all rules.
    struct Question {
        var customer: Customer
        /// nil: `time_zone` names none.
        var zone: CustomerZone?
        var clock: Zone
        var at: Instant
        var now: Instant
        var horizon: Instant
        /// As of `at`: after now with what is expected to be sent until then.
        var facts: Facts
        var story: Forecast.Story
        /// All rows of the customer, newest first.
        var rows: [Outreach]
        /// How many rows of each rule, and events, are told.
        var limit: Int

        var known: Instant { min(at, now) }
    }

    /// - Parameters:
    ///   - rule: only this one; nil: all.
    ///   - at: the moment to explain. In the past, by the ledger and today's customer data; in the future, with what is
    ///     expected to be sent until then.
    ///   - history: how many past messages and events of each rule are told.
    /// - Throws: `TrialError.noCustomer`, `SourceError`, `OutboxError`.
    package mutating func explain(
        _ id: String, rule: String? = nil, at: Instant, now: Instant, history limit: Int
    ) throws -> Explanation {
        guard let customer = try source.lookUp([id])[id] else { throw TrialError.noCustomer(id) }
        let zone = planner.zone(of: customer)
        let clock = zone?.zone ?? book.house.business.zone
        let horizon = Explainer.ahead.added(to: at, in: clock)
        let story = try forecast.story(of: customer, to: horizon, now: min(at, now), isNext: at >= now)
        let rows = try outbox?.list(OutreachFilter(customer: id), limit: .max, after: 0) ?? []
        let question = Question(
            customer: customer, zone: zone, clock: clock, at: at, now: now, horizon: horizon,
            facts: try facts(of: customer, now: min(at, now), until: at, story), story: story,
            rows: rows.sorted { ($0.plan.dueAt, $0.id) > ($1.plan.dueAt, $1.id) }, limit: max(0, limit))
        var explanation = try profile(question)
        for index in book.rules.indices where rule == nil || book.rules[index].name == rule {
            explanation.rules.append(try self.story(of: index, question))
        }
        if rule == nil {
            let known = Set(book.rules.map(\.name))
            explanation.former = try past(rows.filter { !known.contains($0.key.rule) }.reversed(), question)
        }
        return explanation
    }

    private func facts(
        of customer: Customer, now: Instant, until at: Instant, _ story: Forecast.Story
    ) throws -> Facts {
        let id = customer.id
        var facts = Facts(customer: customer)
        facts.openEvents = try outbox?.openKinds(customers: [id], book)[id] ?? []
        facts.entries = try outbox?.entries(customers: [id], book.watchedSegments, book)[id] ?? [:]
        facts.history = try histories?.load([customer], now: now)[id] ?? .none
        facts.history.toAddress.removeAll { $0.at > now }
        for sight in story.sights where sight.at > now && sight.at <= at {
            guard let contact = expected(sight) else { continue }
            facts.history.toAddress.insert(contact, at: 0)
            facts.history.lastReceived[contact.rule] = contact.at
        }
        return facts
    }

    /// The message that a decision leads to; nil where it leads to none.
    private func expected(_ sight: Forecast.Sight) -> PastContact? {
        let rule = book.rules[sight.candidate.rule]
        guard let line = sight.line, sight.decision.verdict == .send, line.row?.state.hasEnded != true,
            case .send = rule.steps[sight.candidate.step].action, !sight.candidate.isFallback
        else { return nil }
        let key = line.outreach.key
        return PastContact(
            customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: sight.at,
            localDate: line.outreach.localDate, card: line.card, counts: rule.budget.counts, purpose: rule.purpose)
    }

    // MARK: One rule

    private mutating func story(of index: Int, _ question: Question) throws -> Explanation.RuleStory {
        let rule = book.rules[index]
        var story = Explanation.RuleStory(
            name: rule.name, purpose: rule.purpose, priority: rule.priority,
            when: RuleWords(rule, question.customer, book).when, spread: rule.spread, horizon: question.horizon)
        let rows = question.rows.filter { $0.key.rule == rule.name }
        if rule.isAboutEvents {
            try tellEvents(of: index, rows, question, &story)
        } else {
            try tellDays(of: index, rows, question, &story)
        }
        if story.next.isEmpty, story.events.isEmpty {
            story.conditions = sentences(rule.condition, question.facts, question.story.standing, at: question.at)
        }
        story.rivals = rivals(story)
        return story
    }

    private mutating func tellDays(
        of index: Int, _ rows: [Outreach], _ question: Question, _ story: inout Explanation.RuleStory
    ) throws {
        let pending = prospects(of: index, question)
        story.occasions = Set(pending.map(\.line.outreach.key.occasion)).count
        if let first = pending.first {
            story.next = pending.filter { $0.line.outreach.key.occasion == first.line.outreach.key.occasion }
                .sorted { $0.order < $1.order }
            if !story.next.contains(where: \.isOwed) { story.following = pending.first(where: \.isOwed) }
        } else {
            story.silence = silence(of: index, question)
        }
        story.missed = missed(index, rows, question)
        story.baseline = question.story.standing.baselines[story.name]
        let told = Set(story.next.map(\.line.outreach.key))
        let toCome = Set(pending.map(\.line.outreach.key))
        story.history = try past(
            rows.filter { !told.contains($0.key) && ($0.state.hasEnded || !toCome.contains($0.key)) }, question)
    }

    /// Messages that had not had their time at the moment that is explained, in order of time.
    private mutating func prospects(of index: Int, _ question: Question) -> [Explanation.Prospect] {
        var delays: [OutreachKey: [Explanation.Prospect.Delay]] = [:]
        var found: [Explanation.Prospect] = []
        for sight in question.story.sights where sight.candidate.rule == index {
            let key = sight.candidate.outreach.key
            guard let line = sight.line else {
                delays[key, default: []].append(Explanation.Prospect.Delay(at: sight.at, decision: sight.decision))
                continue
            }
            let isPast = line.row?.state.hasEnded == true
                ? sight.candidate.outreach.dueAt < question.at : sight.at < question.at
            if isPast || sight.decision.verdict == .cancel(.reachable) && line.row == nil { continue }
            var prospect = prospect(line, sight.candidate, sight.facts, question.story.standing, at: sight.at)
            prospect.delays = delays[key] ?? []
            prospect.isUntraced = line.row == nil && sight.at < question.now && outbox != nil
            found.append(prospect)
        }
        return found
    }

    func prospect(
        _ line: Forecast.Line, _ candidate: Candidate, _ facts: Facts, _ standing: Standing, at: Instant
    ) -> Explanation.Prospect {
        let rule = book.rules[candidate.rule]
        let conditions = sentences(rule.condition, facts, standing, at: at)
            + sentences(rule.steps[candidate.step].condition, facts, standing, at: at)
        let day = book.house.day(of: candidate.outreach.dueAt)
        return Explanation.Prospect(
            line: line, candidate: candidate, conditions: conditions, recipient: recipient(candidate, facts, day),
            signer: book.house.signer(rule.sender, for: facts.customer, on: day).name)
    }

    func line(
        _ outreach: PlannedOutreach, _ candidate: Candidate, _ card: String, _ decision: Decision, _ row: Outreach?
    ) -> Forecast.Line {
        let zone = assembly.zones.zone(named: outreach.zone) ?? candidate.zone.zone
        return Forecast.Line(
            outreach: outreach, local: zone.local(at: outreach.dueAt), card: card, zoneSource: candidate.zone.source,
            decision: decision, row: row)
    }

    private func recipient(_ candidate: Candidate, _ facts: Facts, _ day: CivilDate) -> String {
        let rule = book.rules[candidate.rule]
        func person(_ role: Role) -> String {
            let people = book.house.contacts(role, for: facts.customer, on: day)
            let name = people.indices.contains(candidate.position) ? people[candidate.position].name : "nobody"
            return name.isEmpty ? "\(role)" : "\(name), \(role)"
        }
        if let list = rule.list(of: candidate) { return "list \(list.name), for \(person(list.role))" }
        switch rule.steps[candidate.step].action {
        case .send: return facts.customer?.text(.email) ?? "nobody"
        case .tell(let role, _): return person(role)
        case .webhook(let endpoint, _): return "webhook \(endpoint)"
        case .list: return ""
        }
    }

    /// Why there is nothing to come.
    private func silence(of index: Int, _ question: Question) -> String? {
        let (customer, rule) = (question.customer, book.rules[index])
        guard OutreachKey.isCustomerID(customer.id) else { return "the id \(CustomerProblem.badID.predicate)" }
        guard question.zone != nil else {
            return "time_zone (\(customer.text(.timeZone) ?? "")) \(CustomerProblem.unknownZone.predicate)"
        }
        if rule.isEnabled, let problem = CustomerProblem(planner.problem(with: customer, rule: index)) {
            let column = planner.problemColumn(with: customer, rule: index) ?? ""
            let value = book.customers.columns.slot(column).flatMap { customer.record.string($0) } ?? ""
            return "\(column) (\(value)) \(problem.predicate)"
        }
        let membership = book.conditionFacts(question.facts, question.story.standing, now: question.at).membership
        let words = RuleWords(rule, customer, book).silence(at: question.at, isMember: membership.contains)
        guard words == nil, let active = rule.active, let to = active.to else { return words }
        return to < question.clock.local(at: question.at).date ? "the rule was active to \(to)" : nil
    }

    /// The last occasion before the moment that is explained, where the ledger has no row of it.
    private mutating func missed(_ index: Int, _ rows: [Outreach], _ question: Question) -> Explanation.Prospect? {
        guard let zone = question.zone, outbox != nil, OutreachKey.isCustomerID(question.customer.id) else { return nil }
        let known = question.known
        var last: Candidate?
        let window = PlanWindow(from: known - Explainer.back, through: known, plannedThrough: known)
        planner.candidates(of: question.customer, zone: zone, rule: index, entries: question.facts.entries, in: window) {
            if !$0.isFallback, last?.outreach.dueAt ?? .beforeAll < $0.outreach.dueAt { last = $0 }
        }
        guard let last, !rows.contains(where: { $0.key.occasion == last.outreach.key.occasion }),
            !question.story.sights.contains(where: { $0.candidate.outreach.key == last.outreach.key })
        else { return nil }
        var facts = question.facts
        facts.history.toAddress.removeAll { $0.at > last.outreach.dueAt }
        let decision = planner.judge(last, facts: facts, standing: question.story.standing, now: last.outreach.dueAt)
        let card = book.rules[index].card(book.rules[index].steps[last.step], for: last, now: last.outreach.dueAt).name
        let line = line(last.outreach, last, card, decision, nil)
        var prospect = prospect(line, last, facts, question.story.standing, at: last.outreach.dueAt)
        prospect.isUntraced = true
        return prospect
    }

    // MARK: The past

    func past(_ rows: some Sequence<Outreach>, _ question: Question) throws -> [Explanation.Past] {
        var planner = planner
        return try rows.prefix(question.limit).map { row in
            var decision: Decision?
            if !row.state.hasEnded, !isAboutEvents(row.key.rule) {
                decision = planner.decide(
                    row.key, facts: question.facts, standing: question.story.standing, now: question.known
                ).decision
            }
            return Explanation.Past(row: row, attempts: try outbox?.show(row.id)?.attempts ?? [], decision: decision)
        }
    }

    private func isAboutEvents(_ rule: String) -> Bool { book.rules.contains { $0.name == rule && $0.isAboutEvents } }

    // MARK: Reasons

    func sentences(_ condition: Condition, _ facts: Facts, _ standing: Standing, at: Instant) -> [Explanation.Sentence] {
        let found = book.conditionFacts(facts, standing, now: at)
        if case .all(let parts) = condition { return parts.map { Explanation.Sentence($0, found) } }
        return [Explanation.Sentence(condition, found)]
    }

    /// Rules that took room or place from the messages of this one.
    private func rivals(_ story: Explanation.RuleStory) -> [String: Int] {
        let messages = story.next + story.events.flatMap(\.messages) + [story.missed].compactMap { $0 }
        let decisions = messages.flatMap { [$0.line.decision] + $0.delays.map(\.decision) }
        let winners = decisions.compactMap(\.winner)
        return Dictionary(
            book.rules.filter { winners.contains($0.name) }.map { ($0.name, $0.priority) }, uniquingKeysWith: { $1 })
    }
}

extension Explanation.Sentence {
    init(_ condition: Condition, _ facts: ConditionFacts) {
        switch condition {
        case .test, .not(.test): self = .test(condition.values(facts)[0])
        case .all(let parts) where parts.count == 1: self.init(parts[0], facts)
        case .all(let parts): self = .group("all of", holds: condition.holds(facts), parts.map { Self($0, facts) })
        case .any(let parts): self = .group("any of", holds: condition.holds(facts), parts.map { Self($0, facts) })
        case .not(let part): self = .group("not", holds: condition.holds(facts), [Self(part, facts)])
        }
    }
}

extension Decision {
    /// The rule that took the room in a budget, or the place on a day.
    package var winner: String? {
        switch verdict {
        case .skip(.budget(let rule)), .skip(.replaced(let rule)): return rule
        case .move:
            // Names of rules have no spaces: `overall: 4 per 30d; birthday-card on 2027-05-12 goes first`.
            let words = because.split(separator: " ")
            guard let on = words.lastIndex(of: "on"), on > 0 else { return nil }
            return String(words[on - 1])
        case .send, .hold, .skip, .cancel: return nil
        }
    }
}

extension Explanation.Prospect {
    /// By time, then as the rule has its steps, an item that stands in for a message behind it.
    var order: (Instant, Int, Int, Int) {
        (line.outreach.dueAt, candidate.step, candidate.isFallback ? 1 : 0, candidate.position)
    }
}
