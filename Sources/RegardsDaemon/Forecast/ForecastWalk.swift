import RegardsCalendar
import RegardsCore
import RegardsStore

/// Walks customers through a period as its days will: what is sent first is known to what is decided later.
///
/// Customers who share an address are walked together, because what one of them gets counts for all. Used by one thread
/// at a time.
struct ForecastWalk {
    /// What the ledger knows of one customer before anything is derived.
    struct Ledger {
        var openEvents: [Int] = []
        var entries: [Int: SegmentEntry] = [:]
        /// Rows that have not ended.
        var waiting: [Outreach] = []
    }

    /// One customer, with what is owed them in the period.
    struct Member {
        var id: String
        var facts: Facts
        var candidates: [Candidate]
        var rows: [OutreachKey: Outreach] = [:]
    }

    /// Something that comes at an instant.
    private struct Waiting {
        var at: Instant
        var member: Int
        var candidate: Candidate
    }

    private let assembly: Assembly
    private let book: RuleBook
    private let period: Forecast.Period
    private var planner: Planner
    private(set) var customers = 0
    private(set) var unusable: [CustomerProblem: UnusableCustomers] = [:]

    init(_ assembly: Assembly, _ period: Forecast.Period) {
        self.assembly = assembly
        self.period = period
        book = assembly.book
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
        var windows: [Int: PlanWindow] = [:]
        for (index, rule) in book.rules.enumerated() where !rule.isAboutEvents {
            windows[index] = period.window
            // Without a ledger, the rule would be seen for the first time now.
            windows[index]?.baseline = period.standing.baselines[rule.name] ?? rule.baseline(firstSeen: period.now)
        }
        planner.beginPass(windows)
    }

    // MARK: What is owed

    /// - Returns: nil where the customer is owed nothing.
    mutating func member(_ customer: Customer, _ ledger: Ledger) -> Member? {
        customers += 1
        let id = customer.id
        guard OutreachKey.isCustomerID(id) else { return note(.badID, id) }
        guard let zone = planner.zone(of: customer) else { return note(.unknownZone, id) }
        // Nobody without an address is a mistake of the data, but somebody with one that no relay would take.
        if customer.text(.email) != nil, Contact(customer: customer) == nil { note(.badAddress, id) }
        var found: [Candidate] = []
        let unusable = planner.candidates(of: customer, zone: zone, entries: ledger.entries) { found.append($0) }
        for rule in unusable {
            if let problem = CustomerProblem(planner.problem(with: customer, rule: rule)) { note(problem, id) }
        }
        if found.isEmpty, ledger.waiting.isEmpty { return nil }
        let facts = Facts(customer: customer, openEvents: ledger.openEvents, entries: ledger.entries)
        found += putOff(facts, ledger.waiting, found)
        return found.isEmpty ? nil : Member(id: id, facts: facts, candidates: found)
    }

    /// Rows that a budget put off into the period from before it.
    private mutating func putOff(_ facts: Facts, _ rows: [Outreach], _ found: [Candidate]) -> [Candidate] {
        let derived = Set(found.map(\.outreach.key))
        return rows.compactMap { row in
            guard period.contains(row), !derived.contains(row.key), !isAboutEvents(row.key.rule) else { return nil }
            return planner.derive(row.key, facts: facts)
        }
    }

    private func isAboutEvents(_ rule: String) -> Bool { book.rules.contains { $0.name == rule && $0.isAboutEvents } }

    @discardableResult
    private mutating func note(_ problem: CustomerProblem, _ id: String) -> Member? {
        unusable[problem, default: UnusableCustomers()].add(id)
        return nil
    }

    // MARK: What becomes of it

    /// - Returns: every decision on the way, in the order of time.
    mutating func walk(_ members: inout [Member]) -> [Forecast.Sight] {
        var waiting: [Waiting] = []
        for (index, member) in members.enumerated() {
            waiting += member.candidates.map {
                Waiting(at: max($0.outreach.dueAt, period.now), member: index, candidate: $0)
            }
        }
        waiting.sort { ($0.at, $0.candidate.outreach.dueAt) > ($1.at, $1.candidate.outreach.dueAt) }
        var sights: [Forecast.Sight] = []
        while let next = waiting.popLast() {
            guard let sight = decide(next, members[next.member]) else { continue }
            sights.append(sight)
            if let line = sight.line {
                remember(sight, line, next.member, &members)
            } else if case .move(let later) = sight.decision.verdict, later < period.window.through {
                let place = waiting.firstIndex { $0.at <= later } ?? waiting.endIndex
                waiting.insert(Waiting(at: later, member: next.member, candidate: next.candidate), at: place)
            }
        }
        return sights
    }

    private mutating func decide(_ next: Waiting, _ member: Member) -> Forecast.Sight? {
        let (at, candidate) = (next.at, next.candidate)
        let row = member.rows.isEmpty ? nil : member.rows[candidate.outreach.key]
        // What had its time before now and has no row was not owed when it had.
        let isMissing = row == nil && candidate.outreach.dueAt < period.now
        if isMissing, period.passes == nil, period.hasLedger { return nil }
        let decision = planner.judge(candidate, facts: member.facts, standing: period.standing, now: at, ahead: true)
        let isOwed = isOwed(candidate, decision)
        if isMissing, period.passes != nil, !isOwed { return nil }
        var sight = Forecast.Sight(candidate: candidate, facts: member.facts, decision: decision, at: at)
        if case .move(let later) = decision.verdict, later > at, row?.state.hasEnded != true { return sight }
        // A cancelled row that is owed again is as good as none.
        let line = line(candidate, decision, isOwed && row?.state == .cancelled ? nil : row, at, member.facts)
        sight.at = line.outreach.dueAt
        sight.line = line
        return sight
    }

    /// Whether a pass that is still to come writes the row, or opens a cancelled one again.
    private func isOwed(_ candidate: Candidate, _ decision: Decision) -> Bool {
        if case .cancel = decision.verdict { return false }
        let dueAt = candidate.outreach.dueAt
        guard dueAt < period.now else { return true }
        guard let passes = period.passes, let pass = passes[candidate.rule] else { return false }
        return dueAt >= pass.from && decision.writesRow(candidate.outreach, in: pass)
    }

    private func line(
        _ candidate: Candidate, _ decision: Decision, _ row: Outreach?, _ at: Instant, _ facts: Facts
    ) -> Forecast.Line {
        let rule = book.rules[candidate.rule]
        let cards = facts.history.cards[rule.name] ?? []
        let card = row?.card ?? rule.card(rule.steps[candidate.step], for: candidate, history: cards, now: at).name
        var outreach = candidate.outreach
        outreach.dueAt = max(at, outreach.dueAt)
        let zone = candidate.zone.zone
        let local = outreach.zone == zone.name ? zone.local(at: outreach.dueAt) : assembly.local(outreach)
        return Forecast.Line(
            outreach: outreach, local: local, card: card, zoneSource: candidate.zone.source, decision: decision, row: row)
    }

    /// As the ledger will remember a message that is sent: all who share the address got it.
    private func remember(_ sight: Forecast.Sight, _ line: Forecast.Line, _ receiver: Int, _ members: inout [Member]) {
        let candidate = sight.candidate
        let rule = book.rules[candidate.rule]
        guard sight.decision.verdict == .send, line.row?.state.hasEnded != true, !candidate.isFallback,
            case .send = rule.steps[candidate.step].action
        else { return }
        let key = candidate.outreach.key
        let contact = PastContact(
            customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: sight.at,
            localDate: candidate.outreach.localDate, card: line.card, counts: rule.budget.counts, purpose: rule.purpose)
        for index in members.indices { members[index].facts.history.toAddress.insert(contact, at: 0) }
        members[receiver].facts.history.lastReceived[rule.name] = sight.at
        members[receiver].facts.history.cards[rule.name, default: []].insert(SentCard(line.card, at: sight.at), at: 0)
    }
}

extension Forecast.Period {
    /// A story has all rows of its customer.
    fileprivate func contains(_ row: Outreach) -> Bool {
        isStory || row.plan.dueAt >= window.from && row.plan.dueAt < window.through
    }

    /// Whether a decision is told: what lies in the period that was asked for.
    func tells(_ sight: Forecast.Sight) -> Bool {
        guard let line = sight.line else { return false }
        let due = line.row?.state.hasEnded == true ? sight.candidate.outreach.dueAt : line.outreach.dueAt
        // A stand-in for a message that goes is nothing to tell.
        return due >= from && (sight.decision.verdict != .cancel(.reachable) || line.row != nil)
    }
}
