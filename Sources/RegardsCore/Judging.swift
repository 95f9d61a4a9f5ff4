package import RegardsCalendar

extension Planner {
    /// Decides on one candidate: `Decision.make`, then whether another rule's message takes its place that day
    /// (`instead_of`), whether the budgets have room for it beside what all rules owe the customer, and whether it is
    /// quiet where the customer lives: a message that could not go in its time goes in no other night either.
    ///
    /// The answer depends on the arguments alone, so planning, sending, simulating and explaining get the same one.
    /// - Parameters:
    ///   - now: the moment up to which `facts.history` is known.
    ///   - ahead: true at planning: decided as it will be when its time comes, as far as is known now. False at sending,
    ///     where what is not due yet moves.
    /// - Returns: for a message that waits for room or for the morning, `move` to a later instant. Its row is due then;
    ///   asked again then, it is sent.
    package mutating func judge(
        _ candidate: Candidate, facts: Facts, standing: Standing = Standing(), now: Instant, ahead: Bool = false
    ) -> Decision {
        let moment = ahead ? max(now, candidate.outreach.dueAt) : now
        let decision = Decision.make(candidate, facts, book, standing, now: moment)
        guard decision.verdict == .send, !candidate.isFallback, let customer = facts.customer,
            case .send = book.rules[candidate.rule].steps[candidate.step].action
        else { return decision }
        guard arbiter.weighs(candidate.rule) else {
            let open = firstOpen(from: moment, plans[candidate.rule].steps[candidate.step], customer, candidate.zone.zone)
            return open == moment ? decision : .quiet(until: open, candidate.outreach)
        }
        if !arbiter.hasPlanner {
            var planner = self
            planner.arbiter = Arbiter()
            arbiter.take(planner)
        }
        arbiter.begin(customer, facts, standing, candidate.zone, now: now)
        return arbiter.judge(candidate, book, moment: moment)
    }

    /// Says that customers will be walked through a long time one after the other, with a `now` that moves: what is
    /// weighed is then derived once for each customer, and not for each of their messages. Changes no answer.
    package mutating func walk(from: Instant, through: Instant) { arbiter.walk(from: from, through: through) }

    /// Whether a message to a customer is decided on before another one: what is due first, and of what is due at one instant
    /// what is served first (`Rank`). Names settle what is left.
    package func precedes(_ one: PlannedOutreach, _ other: PlannedOutreach) -> Bool {
        if one.dueAt != other.dueAt { return one.dueAt < other.dueAt }
        let (mine, others) = (one.key, other.key)
        if let rank = arbiter.ranks[mine.rule], let next = arbiter.ranks[others.rule], rank != next { return rank < next }
        return (mine.rule, mine.step, mine.occasion, mine.recipient) < (others.rule, others.step, others.occasion, others.recipient)
    }

    /// Derives a row of the ledger again and decides on it: `derive`, `judge`, and the reason where nothing is derived
    /// any more.
    package mutating func decide(
        _ key: OutreachKey, facts: Facts, standing: Standing = Standing(), now: Instant
    ) -> (candidate: Candidate?, decision: Decision) {
        guard book.rules.contains(where: { $0.name == key.rule }) else { return (nil, .ruleGone) }
        guard let candidate = derive(key, facts: facts) else {
            return (nil, isOff(key, facts: facts) ? .ruleOff : Decision.make(nil, facts, book, standing, now: now))
        }
        return (candidate, judge(candidate, facts: facts, standing: standing, now: now))
    }
}

/// Weighs a message against all others that a customer is owed, from the rules and not from the rows that exist.
///
/// Whatever can have a say is derived: everything that is not sent and may still go, on to where no message can touch
/// another that touches this one. Only what is served before a message has a say, so a chain has a link for each rank at
/// most, and the length of the longest budget and of the longest lateness for each link.
struct Arbiter {
    /// What holds for one rule whoever the customer is.
    private struct Part {
        var rank: Rank
        /// Rules that take its place on a day.
        var replacers: [String] = []
        var weighs = false
        /// Rules whose messages have a say about its own, and those that have a say about theirs.
        var rivals: [Int] = []
        /// Rules served no later than it whose messages change the answer of its conditions, once they are received.
        var awaited: [String] = []
    }

    /// One customer at one instant, and what was derived for them.
    fileprivate struct Case {
        var customer: Customer
        var facts: Facts
        var standing: Standing
        var zone: CustomerZone
        /// Of the customer's silent days; nil where they do not matter.
        var country: String?
        var now: Instant
        var from: Instant
        var through: Instant
        /// By index of the rule.
        var claims: [Int: [Claim]] = [:]
        /// Of the claims that wait for what others receive.
        var candidates: [OutreachKey: Candidate] = [:]
    }

    private let parts: [Part]
    /// By the rule's name.
    let ranks: [String: Rank]
    /// How far behind and ahead of a message others have a say.
    private let lookBack: TimeSpan
    private let lookAhead: TimeSpan
    /// A planner of its own, whose rules are ready for long windows while the other's are for the pass; at most one, in
    /// an array because a planner holds an arbiter.
    private var planners: [Planner] = []
    private var current: Case?
    /// How long the windows are that were asked for lately: rules are made ready for the same one again and again.
    private var reached: (from: Instant, length: TimeSpan) = (.beforeAll, .zero)
    /// A long time through which each customer is walked; see `Planner.walk`.
    private var span: Range<Instant>?
    /// What was derived in it for one customer, by index of the rule.
    private var walked: (customer: Customer, entries: [Int: SegmentEntry], candidates: [Int: [Candidate]])?

    /// Has no say in anything.
    init() { (parts, ranks, lookBack, lookAhead) = ([], [:], .zero, .zero) }

    init(_ book: RuleBook) {
        let direct = Arbiter.rivals(book)
        let awaited = Arbiter.awaited(book)
        parts = zip(book.rules.indices, Rank.of(book.rules)).map { index, rank in
            let replacers = book.rules.filter { $0.insteadOf.contains(book.rules[index].name) }.map(\.name)
            var part = Part(rank: rank, replacers: replacers, weighs: !direct[index].isEmpty)
            part.awaited = awaited[index].map { book.rules[$0].name }
            var open = direct[index]
            while let next = open.popLast() {
                guard !part.rivals.contains(next) else { continue }
                part.rivals.append(next)
                open += direct[next] + awaited[next]
            }
            return part
        }
        ranks = Dictionary(zip(book.rules.map(\.name), parts.map(\.rank))) { first, _ in first }
        lookBack = book.rules.map(\.longestLateness).max() ?? .zero
        let link = lookBack + book.house.limits.longestWindow
        let links = Int64(Set(parts.filter(\.weighs).map(\.rank)).count + 1)
        lookAhead = TimeSpan(microseconds: link.microseconds * links) + Arbiter.longestQuiet
    }

    /// A message hardly moves further than this from its local date: quiet days, one after the other, are fewer.
    private static let longestQuiet = TimeSpan.days(10)

    /// For each rule those whose messages can take the room or the place of its own.
    private static func rivals(_ book: RuleBook) -> [[Int]] {
        let budgets = book.house.limits.budgets
        let ranks = Rank.of(book.rules)
        return book.rules.enumerated().map { index, rule in
            guard rule.sendsToCustomers else { return [] }
            return book.rules.indices.filter { other in
                let rival = book.rules[other]
                guard rival.sendsToCustomers else { return false }
                if other != index, rival.insteadOf.contains(rule.name) { return true }
                // Among its rivals are its own messages, also where they do not count: then what was sent has a say.
                return rule.budget.obeys && (rival.budget.counts && ranks[other] <= ranks[index] || other == index)
                    && budgets.contains { $0.limits(rule.purpose) && $0.limits(rival.purpose) }
            }
        }
    }

    /// For each rule those that its conditions speak of (`received`), as far as what becomes of them is known before.
    private static func awaited(_ book: RuleBook) -> [[Int]] {
        let ranks = Rank.of(book.rules)
        return book.rules.indices.map { index in
            let names = book.awaitedRules(ofRule: index)
            return book.rules.indices.filter { other in
                names.contains(book.rules[other].name) && book.rules[other].sendsToCustomers && ranks[other] <= ranks[index]
            }
        }
    }

    /// Whether other rules, or what was sent, have a say about the rule's messages.
    func weighs(_ rule: Int) -> Bool { parts[rule].weighs }

    mutating func walk(from: Instant, through: Instant) {
        span = (from - lookBack - .days(2))..<(through + lookAhead + .days(2))
    }

    var hasPlanner: Bool { !planners.isEmpty }
    mutating func take(_ planner: Planner) { planners = [planner] }

    /// Takes up a customer; what was derived for the same one on the same facts at the same instant is kept.
    mutating func begin(_ customer: Customer, _ facts: Facts, _ standing: Standing, _ zone: CustomerZone, now: Instant) {
        var facts = facts
        (facts.event, facts.eventRecord) = (nil, nil)
        if let current, current.now == now, current.facts == facts, current.standing == standing, current.zone == zone { return }
        if let walked, walked.customer != customer || walked.entries != facts.entries { self.walked = nil }
        let from = Instant(seconds: floorDivide((now - lookBack).seconds, 86_400) * 86_400)
        if reached.from != from { reached = (from, .zero) }
        let country = planners[0].quiet.asksForCountry ? planners[0].countryCode(of: customer) : nil
        current = Case(
            customer: customer, facts: facts, standing: standing, zone: zone, country: country, now: now, from: from,
            through: from + reached.length)
    }

    /// Of a message that `Decision.make` lets go.
    mutating func judge(_ candidate: Candidate, _ book: RuleBook, moment: Instant) -> Decision {
        reach(moment + lookAhead)
        guard var known = current else { return .due }
        // Kept by one owner, so that what is derived is added in place.
        current = nil
        defer { current = known }
        let claims = parts[candidate.rule].rivals.flatMap { self.claims(of: $0, book, &known) }
        var arbitration = Arbitration(
            claims, history: known.facts.history.toAddress, budgets: book.house.limits.budgets, zone: known.zone.zone)
        let own = claim(candidate, book, now: moment)
        let (zone, country) = (known.zone.zone, known.country)
        let answer = arbitration.settle(own) { claim, instant in
            claim.obeysQuiet ? planners[0].quiet.firstOpen(from: instant, in: zone, country: country) : instant
        } owed: { claim, instant, received in
            known.isOwed(claim, at: instant, received, book)
        }
        switch answer {
        case .now: return .due
        case .later(let instant, let reason): return Decision(.move(to: instant), because: reason.description)
        case .never(let reason): return Decision(.skip(reason.loss), because: reason.description)
        case .replaced(let winner):
            let reason = Arbitration.Reason.taken(winner)
            return Decision(.skip(reason.loss), because: reason.description)
        }
    }

    private func claim(_ candidate: Candidate, _ book: RuleBook, now: Instant) -> Claim {
        let part = parts[candidate.rule]
        return Claim(
            candidate, book.rules[candidate.rule], rank: part.rank, replacers: part.replacers, awaited: part.awaited, now: now)
    }

    /// Sees to it that what is due before an instant is derived.
    private mutating func reach(_ instant: Instant) {
        guard let from = current?.from, let through = current?.through, through < instant else { return }
        if let span, from >= span.lowerBound, instant <= span.upperBound {
            current?.through = instant
            current?.claims = [:]
            return
        }
        // Twice as far each time, so that a plan of a year derives each occasion a few times and not a hundred.
        let wanted = max((instant - from).microseconds, 2 * (through - from).microseconds)
        let step = TimeSpan.days(8).microseconds
        reached.length = TimeSpan(microseconds: (wanted + step - 1) / step * step)
        current?.through = from + reached.length
        current?.claims = [:]
    }

    /// What a rule owes the customer, or may owe them once they received something else, may still go, and has not ended.
    private mutating func claims(of index: Int, _ book: RuleBook, _ known: inout Case) -> [Claim] {
        if let found = known.claims[index] { return found }
        let baseline = known.standing.baselines.isEmpty ? nil : known.standing.baselines[book.rules[index].name]
        let window = PlanWindow(
            from: max(known.from, baseline ?? known.from), through: known.through, plannedThrough: known.from,
            baseline: baseline ?? .beforeAll)
        var found: [Claim] = []
        for candidate in candidates(of: index, known, in: window) where !candidate.isFallback {
            guard case .send = book.rules[index].steps[candidate.step].action else { continue }
            var claim = claim(candidate, book, now: known.now)
            let history = known.facts.history
            let isOver = history.lost[claim.key].map { $0 <= known.now } ?? false
            guard !isOver, !history.toAddress.contains(where: { $0.isAbout(claim.key) }) else { continue }
            let verdict = Decision.make(candidate, known.facts, book, known.standing, now: claim.from).verdict
            claim.isOwed = verdict == .send
            guard claim.isOwed || verdict == .cancel(.conditionFalse) && !claim.awaited.isEmpty else { continue }
            if !claim.awaited.isEmpty { known.candidates[claim.key] = candidate }
            found.append(claim)
        }
        known.claims[index] = found
        return found
    }

    private mutating func candidates(of index: Int, _ known: Case, in window: PlanWindow) -> [Candidate] {
        var wide = window
        if let span, known.from >= span.lowerBound, window.through <= span.upperBound {
            (wide.from, wide.through) = (max(span.lowerBound, window.baseline), span.upperBound)
            wide.plannedThrough = wide.from
            if let found = walked?.candidates[index] { return found.filter { window.contains($0.outreach.dueAt) } }
        }
        var candidates: [Candidate] = []
        planners[0].candidates(
            of: known.customer, zone: known.zone, rule: index, entries: known.facts.entries, in: wide
        ) { candidates.append($0) }
        guard wide != window else { return candidates }
        if walked == nil { walked = (known.customer, known.facts.entries, [:]) }
        walked?.candidates[index] = candidates
        return candidates.filter { window.contains($0.outreach.dueAt) }
    }
}

extension Arbiter.Case {
    /// Whether a claim is owed at an instant at which these rules' messages were received besides.
    fileprivate func isOwed(_ claim: Claim, at instant: Instant, _ received: [String: Instant], _ book: RuleBook) -> Bool {
        guard let candidate = candidates[claim.key] else { return claim.isOwed }
        var facts = facts
        facts.history.lastReceived.merge(received) { max($0, $1) }
        return Decision.make(candidate, facts, book, standing, now: instant).verdict == .send
    }
}

extension Rule {
    fileprivate var sendsToCustomers: Bool {
        steps.contains { if case .send = $0.action { true } else { false } }
    }
}

extension Arbitration.Reason {
    /// What becomes of a message for which this lasts until it is too late.
    fileprivate var loss: SkipReason {
        switch self {
        case .quiet: .late
        case .budget(let obstacle): .budget(lostTo: obstacle.winner.rule)
        case .taken(let winner): .replaced(by: winner.rule)
        }
    }

    fileprivate var description: String {
        switch self {
        case .quiet: "limits.quiet"
        case .budget(let obstacle): obstacle.description
        case .taken(let winner):
            "instead_of: \(winner.rule) on \(winner.localDate) \(winner.isSent ? "went" : "goes")"
        }
    }
}

extension Decision {
    /// It may not go before an instant, which may be too late.
    fileprivate static func quiet(until open: Instant, _ outreach: PlannedOutreach) -> Decision {
        let reason = Arbitration.Reason.quiet
        let isLate = outreach.expiresAt.map { open >= $0 } ?? false
        return Decision(isLate ? .skip(reason.loss) : .move(to: open), because: reason.description)
    }
}
