package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// What a period holds: who gets what, when, and who does not and why. It asks the same planner and the same
/// `Decision` as the daemon, and writes nothing.
///
/// What it says will be sent counts for what comes after it, as it will in the ledger: budgets, `received`, the cards of
/// a series.
package struct Forecast {
    package struct Line: Sendable {
        /// `localDate` and `localTime` are those meant; see `local`.
        package var outreach: PlannedOutreach
        /// When it goes, by the customer's clock: spread, quiet hours and budgets counted in.
        package var local: LocalTime
        package var card: String
        /// How the customer's zone is known.
        package var zoneSource: CustomerZone.Source
        package var decision: Decision
        /// What the ledger says of it; nil where it has no row yet.
        package var row: Outreach?
    }

    package struct Report: Sendable {
        /// By due time, then rule and customer.
        package var lines: [Line] = []
        package var customers = 0
        package var scan = ScanReport()
        package var unusable: [CustomerProblem: UnusableCustomers] = [:]
    }

    /// One decision on the way through a period, with what it was made from.
    package struct Sight: Sendable {
        package var candidate: Candidate
        /// With what is expected to be sent before.
        package var facts: Facts
        package var decision: Decision
        /// The moment that was decided about: the due time, the one it was put off to, or now where that is later.
        package var at: Instant
        /// nil where it is put off: another decision follows.
        package var line: Line?
    }

    /// All decisions about one customer.
    package struct Story: Sendable {
        package var standing = Standing()
        /// In the order of the calendar.
        package var sights: [Sight] = []
    }

    /// The period asked for, seen from now.
    private struct Question {
        /// Begins where the walk does.
        var window: PlanWindow
        /// What is told begins here.
        var from: Instant
        var now: Instant
        var rule: String?
        /// By rule: what its next pass still owes of the time before now; nil: nothing.
        var passes: [PlanWindow?]?
        /// nil: nobody asks.
        var sights: [Sight]?
        /// Rows of the ledger due in the period, by customer.
        var known: [String: [Outreach]] = [:]
        var standing = Standing()
        var report = Report()
    }

    private let assembly: Assembly
    private let book: RuleBook
    private let source: any CustomerSource
    private let outbox: (any Outbox)?
    private let isGuarding: Bool
    private let histories: HistoryLoader?
    private let watched: [Int]
    private var planner: Planner

    /// - Parameters:
    ///   - outbox: nil where no daemon has run yet.
    ///   - hash: the ledger's, under which it knows addresses.
    ///   - isGuarding: whether approvals and guards hold messages back, as they do where the house is live.
    package init(
        assembly: Assembly, source: any CustomerSource, outbox: (any Outbox)?, hash: AddressHash, isGuarding: Bool = false
    ) {
        self.assembly = assembly
        book = assembly.book
        self.source = source
        self.outbox = outbox
        self.isGuarding = isGuarding
        histories = outbox.map { HistoryLoader(outbox: $0, hash: hash, book: assembly.book) }
        watched = assembly.book.watchedSegments
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// - Parameters:
    ///   - now: what is due before it and has no row in the ledger was not owed.
    ///   - rule, customer: only this one; nil: all.
    /// - Throws: `SourceError`, `OutboxError`.
    package mutating func report(
        from: Instant, to: Instant, now: Instant, rule: String? = nil, customer: String? = nil
    ) throws -> Report {
        let passes = try from < now ? nil : nextPasses(now: now)
        // What goes before the period has a say about what is in it.
        let start = passes.map { max($0.map(\.from).min() ?? from, from - lead) } ?? from
        let window = PlanWindow(from: min(from, start), through: to, plannedThrough: from)
        var question = Question(window: window, from: from, now: now, rule: rule, passes: passes)
        question.known = try ledgerRows(OutreachFilter(customer: customer, due: window.from..<to))
        question.standing = try standing(now: now)
        if let customer {
            if let found = try source.lookUp([customer])[customer] { try page([found], &question) }
        } else {
            question.report.scan = try source.forEachPage(size: 1000) { try page($0, &question) }
        }
        question.report.lines += eventLines(question, customer)
        question.report.lines.sort { left, right in
            (left.outreach.dueAt, left.outreach.key.rule, left.outreach.key.customer, left.outreach.key.step)
                < (right.outreach.dueAt, right.outreach.key.rule, right.outreach.key.customer, right.outreach.key.step)
        }
        return question.report
    }

    /// How far back what was sent, or is late, has a say.
    private var lead: TimeSpan {
        book.house.limits.longestWindow + (book.rules.map(\.longestLateness).max() ?? .zero) + .days(2)
    }

    /// What becomes of all that rules on dates and segments owe one customer: of what is due from now on, and of what
    /// the next pass still owes of the time before.
    /// - Parameters:
    ///   - now: in the past, what was sent since counts for nothing.
    ///   - isNext: whether the next pass is made now; false for a look back.
    /// - Throws: `SourceError`, `OutboxError`.
    package mutating func story(of customer: Customer, to: Instant, now: Instant, isNext: Bool = true) throws -> Story {
        let passes = try isNext ? nextPasses(now: now) : []
        let from = passes.map(\.from).min() ?? now
        let window = PlanWindow(from: min(from, now), through: to, plannedThrough: now)
        var question = Question(
            window: window, from: window.from, now: now, passes: isNext ? passes : book.rules.map { _ in nil }, sights: [])
        question.known = try ledgerRows(OutreachFilter(customer: customer.id))
        question.standing = try standing(now: now)
        try page([customer], &question)
        return Story(standing: question.standing, sights: question.sights ?? [])
    }

    /// By rule, as `PlanDesk` has them; without a ledger, those of a first start.
    private func nextPasses(now: Instant) throws -> [PlanWindow] {
        let ledgers = Dictionary(try outbox?.ruleLedgers().map { ($0.name, $0) } ?? [], uniquingKeysWith: { $1 })
        var passes = book.rules.map { rule in
            let ledger = ledgers[rule.name]
            return PlanWindow(
                rule: rule, firstSeen: ledger?.firstSeen ?? now, plannedThrough: ledger?.plannedThrough ?? now, now: now)
        }
        let from = zip(book.rules, passes).filter { !$0.0.isAboutEvents }.map(\.1.from).min() ?? now
        for index in passes.indices { passes[index].from = max(from, passes[index].baseline) }
        return passes
    }

    private func standing(now: Instant) throws -> Standing {
        var standing = Standing()
        if let outbox {
            let isLive = try book.house.mode(inForce: outbox) == .live
            standing = try StandingDesk(outbox: outbox, book: book, isGuarding: isGuarding && isLive).read(now: now)
        }
        standing.ranks = try SegmentRanking.ranks(of: book, source)
        return standing
    }

    private func ledgerRows(_ filter: OutreachFilter) throws -> [String: [Outreach]] {
        guard let outbox else { return [:] }
        return Dictionary(grouping: try outbox.list(filter, limit: .max, after: 0), by: \.key.customer)
    }

    // MARK: Customers

    private mutating func page(_ page: some Sequence<Customer>, _ question: inout Question) throws {
        let customers = Array(page)
        let ids = customers.map(\.id)
        let open = try outbox?.openKinds(customers: ids, book) ?? [:]
        let entries = try outbox?.entries(customers: ids, watched, book) ?? [:]
        var found: [(facts: Facts, candidates: [Candidate])] = []
        for customer in customers {
            let facts = Facts(customer: customer, openEvents: open[customer.id] ?? [], entries: entries[customer.id] ?? [:])
            let candidates = candidates(facts, customer, &question)
            if !candidates.isEmpty { found.append((facts, candidates)) }
        }
        let past = try histories?.load(found.lazy.compactMap(\.facts.customer), now: question.now) ?? [:]
        let rows = try rows(of: found.compactMap(\.facts.customer?.id))
        for (facts, candidates) in found {
            var facts = facts
            facts.history = facts.customer.flatMap { past[$0.id] } ?? .none
            facts.history.toAddress.removeAll { $0.at > question.now }
            tell(candidates, &facts, rows, &question)
        }
    }

    /// All rows, whenever they are due: an occasion that moved keeps the row it had.
    private func rows(of customers: [String]) throws -> [OutreachKey: Outreach] {
        guard let outbox, !customers.isEmpty else { return [:] }
        let rows = try outbox.list(OutreachFilter(customers: customers), limit: .max, after: 0)
        return Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func candidates(_ facts: Facts, _ customer: Customer, _ question: inout Question) -> [Candidate] {
        question.report.customers += 1
        let id = customer.id
        guard OutreachKey.isCustomerID(id) else { return note(.badID, id, &question) }
        guard let zone = planner.zone(of: customer) else { return note(.unknownZone, id, &question) }
        // Nobody without an address is a mistake of the data, but somebody with one that no relay would take.
        if customer.text(.email) != nil, Contact(customer: customer) == nil { _ = note(.badAddress, id, &question) }
        var found: [Candidate] = []
        for index in book.rules.indices {
            var window = question.window
            // Without a ledger, the rule would be seen for the first time now.
            window.baseline = question.standing.baselines[book.rules[index].name] ?? book.rules[index].baseline(firstSeen: question.now)
            let isUsable = planner.candidates(
                of: customer, zone: zone, rule: index, entries: facts.entries, in: window
            ) { found.append($0) }
            if !isUsable, let problem = CustomerProblem(planner.problem(with: customer, rule: index)) {
                _ = note(problem, id, &question)
            }
        }
        return found + putOff(facts, id, found, question)
    }

    /// Rows that a budget put off into the period from before it.
    private mutating func putOff(_ facts: Facts, _ id: String, _ found: [Candidate], _ question: Question) -> [Candidate] {
        guard let rows = question.known[id] else { return [] }
        let derived = Set(found.map(\.outreach.key))
        return rows.compactMap { row in
            guard !row.state.hasEnded, !derived.contains(row.key), !isAboutEvents(row.key.rule) else { return nil }
            return planner.derive(row.key, facts: facts)
        }
    }

    private func note(_ problem: CustomerProblem, _ id: String, _ question: inout Question) -> [Candidate] {
        question.report.unusable[problem, default: UnusableCustomers()].add(id)
        return []
    }

    // MARK: One customer's period

    /// Walks through the period as the days will: what is sent first is known to what is decided later.
    private mutating func tell(
        _ candidates: [Candidate], _ facts: inout Facts, _ rows: [OutreachKey: Outreach], _ question: inout Question
    ) {
        var waiting = candidates.map { (at: max($0.outreach.dueAt, question.now), candidate: $0) }
        waiting.sort { ($0.at, $0.candidate.outreach.dueAt) > ($1.at, $1.candidate.outreach.dueAt) }
        while let (at, candidate) = waiting.popLast() {
            let row = rows[candidate.outreach.key]
            // What had its time before now and has no row was not owed when it had.
            let isMissing = row == nil && candidate.outreach.dueAt < question.now
            if isMissing, question.passes == nil, outbox != nil { continue }
            let decision = planner.judge(candidate, facts: facts, standing: question.standing, now: at, ahead: true)
            let isOwed = isOwed(candidate, decision, question)
            if isMissing, question.passes != nil, !isOwed { continue }
            if case .move(let later) = decision.verdict, later > at, row?.state.hasEnded != true {
                question.sights?.append(Sight(candidate: candidate, facts: facts, decision: decision, at: at))
                guard later < question.window.through else { continue }
                let place = waiting.firstIndex { $0.at <= later } ?? waiting.endIndex
                waiting.insert((later, candidate), at: place)
                continue
            }
            // A cancelled row that is owed again is as good as none.
            add(candidate, decision, isOwed && row?.state == .cancelled ? nil : row, at: at, &facts, &question)
        }
    }

    /// Whether a pass that is still to come writes the row, or opens a cancelled one again.
    private func isOwed(_ candidate: Candidate, _ decision: Decision, _ question: Question) -> Bool {
        if case .cancel = decision.verdict { return false }
        let dueAt = candidate.outreach.dueAt
        guard dueAt < question.now else { return true }
        guard let passes = question.passes, let pass = passes[candidate.rule] else { return false }
        return dueAt >= pass.from && decision.writesRow(candidate.outreach, in: pass, now: question.now)
    }

    private func add(
        _ candidate: Candidate, _ decision: Decision, _ row: Outreach?, at: Instant, _ facts: inout Facts,
        _ question: inout Question
    ) {
        let rule = book.rules[candidate.rule]
        let step = rule.steps[candidate.step]
        let cards = facts.history.cards[rule.name] ?? []
        let card = row?.card ?? rule.card(step, for: candidate, history: cards, now: at).name
        var outreach = candidate.outreach
        outreach.dueAt = max(at, outreach.dueAt)
        let line = Line(
            outreach: outreach, local: local(outreach), card: card, zoneSource: candidate.zone.source, decision: decision,
            row: row)
        question.sights?.append(
            Sight(candidate: candidate, facts: facts, decision: decision, at: outreach.dueAt, line: line))
        if decision.verdict == .send, row?.state.hasEnded != true {
            facts.history.add(candidate, rule, card: card, at: outreach.dueAt)
        }
        let isTold = (row?.state.hasEnded == true ? candidate.outreach.dueAt : outreach.dueAt) >= question.from
        guard isTold, question.rule == nil || question.rule == rule.name else { return }
        // A stand-in for a message that goes is nothing to tell.
        if decision.verdict == .cancel(.reachable), row == nil { return }
        question.report.lines.append(line)
    }

    /// When it could go at the earliest, it is too late.
    private func isLate(_ row: Outreach, _ now: Instant) -> Bool {
        row.plan.expiresAt.map { max(now, row.plan.dueAt) >= $0 } ?? false
    }

    private func local(_ outreach: PlannedOutreach) -> LocalTime {
        (assembly.zones.zone(named: outreach.zone) ?? book.house.business.zone).local(at: outreach.dueAt)
    }

    // MARK: Events

    private func isAboutEvents(_ rule: String) -> Bool { book.rules.contains { $0.name == rule && $0.isAboutEvents } }

    /// Steps of events stand in the ledger as soon as the event was seen; nobody can know of events to come.
    private func eventLines(_ question: Question, _ customer: String?) -> [Line] {
        question.known.values.joined().compactMap { row in
            guard let found = book.rules.first(where: { $0.name == row.key.rule }), found.isAboutEvents,
                row.plan.dueAt >= question.from,
                question.rule == nil || question.rule == row.key.rule, customer == nil || customer == row.key.customer
            else { return nil }
            let name = row.key.step.prefix { $0 != "#" }
            let step = found.steps.first { $0.name == row.key.step } ?? found.steps.first { $0.name == name }
            return Line(
                outreach: row.plan, local: local(row.plan), card: row.card ?? step.map { found.card($0, for: row.plan) } ?? "",
                zoneSource: .column, decision: isLate(row, question.now) ? .late : .due, row: row)
        }
    }
}

extension History {
    /// As the ledger will remember a message that is sent.
    fileprivate mutating func add(_ candidate: Candidate, _ rule: Rule, card: String, at: Instant) {
        guard case .send = rule.steps[candidate.step].action, !candidate.isFallback else { return }
        let key = candidate.outreach.key
        toAddress.insert(
            PastContact(
                customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: at,
                localDate: candidate.outreach.localDate, card: card, counts: rule.budget.counts, purpose: rule.purpose),
            at: 0)
        lastReceived[rule.name] = at
        cards[rule.name, default: []].insert(SentCard(card, at: at), at: 0)
    }
}

extension Forecast.Line {
    /// One word, and the reason where there is one: what the ledger says, else what would be decided.
    package var verdict: (word: String, reason: String) {
        if let row, row.state != .planned { return (row.state.description, row.reason) }
        switch decision.verdict {
        case .send, .move: return ("due", "")
        case .hold(let reason): return ("held", reason.description)
        case .skip(let reason): return ("skipped", parts(reason.description))
        case .cancel(let reason): return ("not due", parts(reason.rawValue))
        }
    }

    private func parts(_ reason: String) -> String {
        [reason, decision.because].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
