package import RegardsCalendar

extension Planner {
    /// Decides on one candidate: `Decision.make`, then whether another rule's message takes its place that day
    /// (`instead_of`), then whether the budgets have room for it beside what all rules owe the customer.
    ///
    /// The answer depends on the arguments alone, so planning, sending, simulating and explaining get the same one.
    /// - Parameters:
    ///   - now: the moment up to which `facts.history` is known.
    ///   - ahead: true at planning: decided as it will be when its time comes, as far as is known now. False at sending,
    ///     where what is not due yet moves.
    /// - Returns: for a message that waits for room, `move` to a later instant. Its row is due then; asked again then,
    ///   it is sent.
    package mutating func judge(
        _ candidate: Candidate, facts: Facts, standing: Standing = Standing(), now: Instant, ahead: Bool = false
    ) -> Decision {
        let moment = ahead ? max(now, candidate.outreach.dueAt) : now
        let decision = Decision.make(candidate, facts, book, standing, now: moment)
        guard decision.verdict == .send, let customer = facts.customer, arbiter.concerns(candidate, book) else { return decision }
        if !arbiter.hasPlanner {
            var planner = self
            planner.arbiter = Arbiter()
            arbiter.take(planner)
        }
        arbiter.begin(customer, facts, standing, candidate.zone, now: now)
        return arbiter.judge(candidate, moment: moment) ?? decision
    }

    /// Derives a row of the ledger again and decides on it: `derive`, `judge`, and the reason where nothing is derived
    /// any more.
    package mutating func decide(
        _ key: OutreachKey, facts: Facts, standing: Standing = Standing(), now: Instant
    ) -> (candidate: Candidate?, decision: Decision) {
        guard book.rules.contains(where: { $0.name == key.rule }) else { return (nil, .ruleGone) }
        guard let candidate = derive(key, facts: facts) else {
            return (nil, Decision.make(nil, facts, book, standing, now: now))
        }
        return (candidate, judge(candidate, facts: facts, standing: standing, now: now))
    }
}

/// Weighs a message against all others that a customer is owed, from the rules and not from the rows that exist.
///
/// Whatever can have a say is derived: everything that is not sent and may still go, on to where no message can touch
/// another that touches this one. Messages of a lower priority never have a say, so a chain has a link for each priority
/// at most, and the length of the longest budget and of the longest lateness for each link.
struct Arbiter {
    /// What holds for one rule whoever the customer is.
    private struct Part {
        /// Rules that take its place on a day.
        var replacers: [Int] = []
        /// It obeys a budget.
        var isLimited = false
        /// Rules whose messages can take room that it would have.
        var rivals: [Int] = []
    }

    /// One customer at one instant, and what was derived for them.
    private struct Case {
        var customer: Customer
        var facts: Facts
        var standing: Standing
        var zone: CustomerZone
        var now: Instant
        var from: Instant
        var through: Instant
        /// By index of the rule.
        var claims: [Int: [Claim]] = [:]
    }

    private let parts: [Part]
    /// How far behind and ahead of a message others have a say.
    private let lookBack: TimeSpan
    private let lookAhead: TimeSpan
    /// A planner of its own, whose rules are ready for long windows while the other's are for the pass; at most one, in
    /// an array because a planner holds an arbiter.
    private var planners: [Planner] = []
    private var current: Case?
    /// How long the windows are that were asked for lately: rules are made ready for the same one again and again.
    private var reached: (from: Instant, length: TimeSpan) = (.beforeAll, .zero)

    /// Has no say in anything.
    init() { (parts, lookBack, lookAhead) = ([], .zero, .zero) }

    init(_ book: RuleBook) {
        let budgets = book.house.limits.budgets
        let sending = book.rules.indices.filter { book.rules[$0].sendsToCustomers }
        var parts = [Part](repeating: Part(), count: book.rules.count)
        for index in sending {
            let rule = book.rules[index]
            parts[index].replacers = sending.filter { $0 != index && book.rules[$0].insteadOf.contains(rule.name) }
            parts[index].isLimited = rule.budget.obeys && budgets.contains { $0.limits(rule.purpose) }
            guard parts[index].isLimited else { continue }
            parts[index].rivals = sending.filter { other in
                let other = book.rules[other]
                let isBefore = !other.budget.obeys || !rule.budget.counts || other.priority >= rule.priority
                return other.budget.counts && isBefore
                    && budgets.contains { $0.limits(rule.purpose) && $0.limits(other.purpose) }
            }
        }
        self.parts = parts
        lookBack = sending.map { book.rules[$0].longestLateness }.max() ?? .zero
        let priorities = Set(sending.filter { parts[$0].isLimited }.map { book.rules[$0].priority })
        let link = lookBack + book.house.limits.longestWindow
        let chain = parts.contains(where: \.isLimited) ? link.microseconds * Int64(priorities.count + 1) : 0
        lookAhead = TimeSpan(microseconds: chain) + Arbiter.longestQuiet
    }

    /// A message moves no further than this from its local date: quiet days, one after the other, are fewer.
    private static let longestQuiet = TimeSpan.days(10)

    /// Whether anything but `Decision.make` has a say.
    func concerns(_ candidate: Candidate, _ book: RuleBook) -> Bool {
        let part = parts[candidate.rule]
        guard part.isLimited || !part.replacers.isEmpty, !candidate.isFallback,
            case .send = book.rules[candidate.rule].steps[candidate.step].action
        else { return false }
        return true
    }

    var hasPlanner: Bool { !planners.isEmpty }
    mutating func take(_ planner: Planner) { planners = [planner] }

    /// Takes up a customer; what was derived for the same one on the same facts at the same instant is kept.
    mutating func begin(_ customer: Customer, _ facts: Facts, _ standing: Standing, _ zone: CustomerZone, now: Instant) {
        var facts = facts
        (facts.event, facts.eventRecord) = (nil, nil)
        if let current, current.now == now, current.facts == facts, current.standing == standing, current.zone == zone { return }
        let from = Instant(seconds: floorDivide((now - lookBack).seconds, 86_400) * 86_400)
        if reached.from != from { reached = (from, .zero) }
        current = Case(
            customer: customer, facts: facts, standing: standing, zone: zone, now: now, from: from,
            through: from + reached.length)
    }

    /// nil: it may go.
    mutating func judge(_ candidate: Candidate, moment: Instant) -> Decision? {
        guard let book = planners.first?.book else { return nil }
        let rule = book.rules[candidate.rule]
        let claim = Claim(candidate, rule, now: moment)
        reach(moment + lookAhead)
        if let winner = replacer(of: claim, rule: candidate.rule) { return .replaced(by: winner) }
        guard parts[candidate.rule].isLimited, let history = current?.facts.history.toAddress else { return nil }
        let rivals = parts[candidate.rule].rivals.flatMap { competing($0) }
        let (answer, obstacle) = Arbitration.settle(
            claim, against: rivals, history: history, budgets: book.house.limits.budgets, allowed: { $1 })
        switch answer {
        case .now: return nil
        case .later(let instant):
            var later = claim
            later.day = candidate.zone.zone.local(at: instant).date
            if let winner = replacer(of: later, rule: candidate.rule) { return .replaced(by: winner) }
            return Decision(.move(to: instant), because: obstacle?.description ?? "")
        case .never:
            guard let obstacle, let winner = obstacle.winner else { return Decision(.skip(.late)) }
            return Decision(.skip(.budget(lostTo: winner.rule)), because: obstacle.description)
        }
    }

    // MARK: Instead of

    /// The message that takes a claim's place: of a rule that says so, on the same local date or the day on which the
    /// claim would go.
    private mutating func replacer(of claim: Claim, rule index: Int, asked: [Int] = []) -> BudgetRoom.Use? {
        guard let zone = current?.zone.zone, let history = current?.facts.history.toAddress else { return nil }
        for other in parts[index].replacers where !asked.contains(other) {
            let name = planners[0].book.rules[other].name
            let sent = history.first {
                $0.rule == name && $0.customer == claim.key.customer
                    && ($0.localDate == claim.localDate || zone.local(at: $0.at).date == claim.day)
            }
            if let sent { return BudgetRoom.Use(sent) }
            for rival in claims(of: other) where rival.localDate == claim.localDate || rival.day == claim.day {
                // What is replaced itself replaces nothing.
                if replacer(of: rival, rule: other, asked: asked + [index]) == nil {
                    return BudgetRoom.Use(rival, at: rival.from)
                }
            }
        }
        return nil
    }

    // MARK: What is owed

    /// The claims of a rule that nothing replaces.
    private mutating func competing(_ rule: Int) -> [Claim] {
        let found = claims(of: rule)
        return parts[rule].replacers.isEmpty ? found : found.filter { replacer(of: $0, rule: rule) == nil }
    }

    /// Sees to it that what is due before an instant is derived.
    private mutating func reach(_ instant: Instant) {
        guard let known = current, known.through < instant else { return }
        // Twice as far each time, so that a plan of a year derives each occasion a few times and not a hundred.
        let wanted = max((instant - known.from).microseconds, 2 * (known.through - known.from).microseconds)
        let step = TimeSpan.days(8).microseconds
        reached.length = TimeSpan(microseconds: (wanted + step - 1) / step * step)
        current?.through = known.from + reached.length
        current?.claims = [:]
    }

    /// What a rule owes the customer, may still go, and is not sent.
    private mutating func claims(of index: Int) -> [Claim] {
        guard let known = current else { return [] }
        if let found = known.claims[index] { return found }
        let book = planners[0].book
        let rule = book.rules[index]
        let baseline = known.standing.baselines[rule.name] ?? .beforeAll
        let window = PlanWindow(
            from: max(known.from, baseline), through: known.through, plannedThrough: known.from, baseline: baseline)
        var found: [Claim] = []
        planners[0].candidates(
            of: known.customer, zone: known.zone, rule: index, entries: known.facts.entries, in: window
        ) { candidate in
            guard case .send = rule.steps[candidate.step].action, !candidate.isFallback else { return }
            let claim = Claim(candidate, rule, now: known.now)
            guard !known.facts.history.toAddress.contains(where: { $0.isAbout(claim.key) }) else { return }
            let decision = Decision.make(candidate, known.facts, book, known.standing, now: claim.from)
            if decision.verdict == .send { found.append(claim) }
        }
        current?.claims[index] = found
        return found
    }
}

extension Rule {
    fileprivate var sendsToCustomers: Bool {
        steps.contains { if case .send = $0.action { true } else { false } }
    }
}

extension Decision {
    fileprivate static func replaced(by use: BudgetRoom.Use) -> Decision {
        let because = "instead_of: \(use.rule) on \(use.localDate) \(use.isSent ? "went" : "goes")"
        return Decision(.skip(.replaced(by: use.rule)), because: because)
    }
}
