import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// Walks customers through a period as its days will: what is sent first is known to what is decided later.
///
/// Customers who share an address are walked together, because what one of them gets counts for all. Used by one thread
/// at a time.
struct ForecastWalk {
    /// What is known of one customer before anything is derived.
    struct Ledger {
        var openEvents: [Int] = []
        var entries: [Int: SegmentEntry] = [:]
        /// Rows that have not ended.
        var waiting: [Outreach] = []
        /// What is lived through; see `Forecast.Period.isLived`.
        var events: [LivedEvent] = []
    }

    /// One customer, with what is owed them in the period.
    struct Member {
        var id: String
        var facts: Facts
        var candidates: [Candidate]
        var rows: [OutreachKey: Outreach] = [:]
        var events: [LivedEvent] = []
        /// Coming into segments and leaving them, in the order of time.
        var stays: [(at: Instant, segment: Int, entry: SegmentEntry)] = []
        /// Messages of events that have ended.
        var ended: Set<OutreachKey> = []
        /// Messages that wait for the end of an event of a kind.
        var held: [(kind: String, message: Waiting, sight: Forecast.Sight)] = []
    }

    /// Something that comes at an instant.
    struct Waiting {
        enum What {
            case message(Candidate)
            /// A look at an event, as an index into the member's.
            case event(Int)
            /// A stay in a segment that begins or ends, as an index into the member's.
            case stay(Int)
        }

        var at: Instant
        var member: Int
        var what: What
        /// The event that a message is about.
        var event: Int?
        /// What was decided when it was due, where it is asked about again.
        var refused: Forecast.Sight?
        /// It is too late to ask again: what was refused stays so.
        var isOver = false

        /// Of what comes at one instant, looks are first, and of messages the one that is decided on first.
        func comes(before other: Waiting, _ planner: Planner) -> Bool {
            guard at == other.at else { return at < other.at }
            return switch (what, other.what) {
            case (.message(let one), .message(let other)): planner.precedes(one.outreach, other.outreach)
            case (.message, _): false
            case (_, .message): true
            default: false
            }
        }
    }

    let assembly: Assembly
    let book: RuleBook
    let period: Forecast.Period
    var planner: Planner
    private(set) var customers = 0
    private(set) var unusable: [CustomerProblem: UnusableCustomers] = [:]
    /// By rule.
    var promises: [String: PromiseCount] = [:]
    var windows: [Int: PlanWindow] = [:]
    /// By rule: sentences whose answer changes with time.
    private let timedTests: [[Condition.Test]]
    /// By rule: rules whose messages change the answer of its conditions.
    private let awaitedRules: [Set<String>]
    /// How far back each pass looks.
    private let longestLateness: TimeSpan

    init(_ assembly: Assembly, _ period: Forecast.Period) {
        self.assembly = assembly
        self.period = period
        book = assembly.book
        timedTests = book.rules.indices.map(assembly.book.timedTests(ofRule:))
        awaitedRules = book.rules.indices.map(assembly.book.awaitedRules(ofRule:))
        longestLateness = book.rules.filter { !$0.isAboutEvents }.map(\.longestLateness).max() ?? .zero
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
        for (index, rule) in book.rules.enumerated() where !rule.isAboutEvents {
            windows[index] = period.window
            // Without a ledger, the rule would be seen for the first time now.
            windows[index]?.baseline = period.standing.baselines[rule.name] ?? rule.baseline(firstSeen: period.now)
        }
        planner.beginPass(windows)
        planner.walk(from: min(period.window.from, period.now), through: period.window.through)
    }

    // MARK: What is owed

    /// - Returns: nil where the customer is owed nothing.
    mutating func member(_ customer: Customer, _ ledger: Ledger) -> Member? {
        customers += 1
        let id = customer.id
        guard OutreachKey.isCustomerID(id) else { return note(.badID, id) }
        guard let zone = planner.zone(of: customer) else {
            note(.unknownZone, id)
            // Nobody is greeted at night for want of a zone, but an event is answered.
            return member(id, Facts(customer: customer), [], ledger)
        }
        // Nobody without an address is a mistake of the data, but somebody with one that no relay would take.
        if customer.text(.email) != nil, Contact(customer: customer) == nil { note(.badAddress, id) }
        var found: [Candidate] = []
        let unusable = planner.candidates(of: customer, zone: zone, entries: ledger.entries) { found.append($0) }
        for rule in unusable {
            if let problem = CustomerProblem(planner.problem(with: customer, rule: rule)) { note(problem, id) }
        }
        if found.isEmpty, ledger.waiting.isEmpty, ledger.events.isEmpty, !period.isLived { return nil }
        let facts = Facts(customer: customer, openEvents: ledger.openEvents, entries: ledger.entries)
        found += putOff(facts, ledger.waiting, found)
        return member(id, facts, found, ledger)
    }

    private func member(_ id: String, _ facts: Facts, _ found: [Candidate], _ ledger: Ledger) -> Member? {
        var member = Member(id: id, facts: facts, candidates: found, events: ledger.events)
        if period.isLived { liveInSegments(&member) }
        return found.isEmpty && member.events.isEmpty && member.stays.isEmpty ? nil : member
    }

    /// Rows that a budget put off into the period from before it.
    private mutating func putOff(_ facts: Facts, _ rows: [Outreach], _ found: [Candidate]) -> [Candidate] {
        guard !rows.isEmpty else { return [] }
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
                Waiting(at: max($0.outreach.dueAt, period.now), member: index, what: .message($0))
            }
            waiting += member.events.indices.flatMap { event in
                member.events[event].looks.map { Waiting(at: $0, member: index, what: .event(event)) }
            }
            waiting += member.stays.indices.map { Waiting(at: member.stays[$0].at, member: index, what: .stay($0)) }
        }
        waiting.sort { $1.comes(before: $0, planner) }
        var sights: [Forecast.Sight] = []
        while let next = waiting.popLast() {
            switch next.what {
            case .event(let event): look(at: event, next, &members, &waiting)
            case .stay(let stay): take(stay, next, &members, &waiting)
            case .message where next.isOver:
                if let refused = next.refused { tell(refused, next, members[next.member], &sights) }
            case .message(let candidate):
                guard let sight = decide(candidate, next, members[next.member]) else { continue }
                take(sight, next, &members, &waiting, &sights)
            }
        }
        if period.isLived { end(members, &sights) }
        return sights
    }

    private mutating func decide(_ candidate: Candidate, _ next: Waiting, _ member: Member) -> Forecast.Sight? {
        let at = next.at
        let row = member.rows.isEmpty ? nil : member.rows[candidate.outreach.key]
        let isMissing = isMissing(candidate, next, member)
        if isMissing, period.passes == nil, period.hasLedger { return nil }
        let facts = next.event.map { self.facts(member, $0) } ?? member.facts
        let decision = planner.judge(candidate, facts: facts, standing: period.standing, now: at, ahead: true)
        let isOwed = isOwed(candidate, decision)
        if isMissing, period.passes != nil, !isOwed, decision.verdict != .cancel(.conditionFalse) { return nil }
        var sight = Forecast.Sight(candidate: candidate, facts: facts, decision: decision, at: at)
        if case .move(let later) = decision.verdict, later > at, row?.state.hasEnded != true { return sight }
        // A cancelled row that is owed again is as good as none.
        let line = line(candidate, decision, isOwed && row?.state == .cancelled ? nil : row, at, facts)
        sight.at = line.outreach.dueAt
        sight.line = line
        return sight
    }

    private mutating func take(
        _ sight: Forecast.Sight, _ next: Waiting, _ members: inout [Member], _ waiting: inout [Waiting],
        _ sights: inout [Forecast.Sight]
    ) {
        if period.isLived, case .hold(.eventOpen(let kind)) = sight.decision.verdict {
            members[next.member].held.append((kind, next, sight))
            return
        }
        if let later = nextLook(sight, next, members[next.member]) { return insert(later, &waiting) }
        if sight.decision.verdict == .cancel(.conditionFalse) {
            return tell(next.refused ?? sight, next, members[next.member], &sights)
        }
        sights.append(sight)
        if let line = sight.line {
            if next.event != nil { members[next.member].end(sight) }
            guard remember(sight, line, next.member, &members) else { return }
            wake(sight.candidate.outreach.key.rule, next.member, at: sight.at, &waiting)
        } else if case .move(let later) = sight.decision.verdict, later < period.window.through {
            var next = next
            next.at = later
            insert(next, &waiting)
        }
    }

    /// What had its time before now and has no row was not owed when it had.
    private func isMissing(_ candidate: Candidate, _ next: Waiting, _ member: Member) -> Bool {
        next.event == nil && candidate.outreach.dueAt < period.now && member.rows[candidate.outreach.key] == nil
    }

    /// A condition does not hold, and will not.
    private func tell(_ refused: Forecast.Sight, _ next: Waiting, _ member: Member, _ sights: inout [Forecast.Sight]) {
        if period.passes == nil || !isMissing(refused.candidate, next, member) { sights.append(refused) }
    }

    /// The daemon asks at each pass about a message whose condition did not hold when it was due, until it is too late. Here
    /// it is asked about when time changes the answer of a sentence, and when a message is received that one speaks of.
    private func nextLook(_ sight: Forecast.Sight, _ next: Waiting, _ member: Member) -> Waiting? {
        let rule = sight.candidate.rule
        guard sight.decision.verdict == .cancel(.conditionFalse), mayBeOwed(member.rows[sight.candidate.outreach.key]) else {
            return nil
        }
        let end = lastLook(sight, next, member)
        guard next.at < end else { return nil }
        var later = next
        later.refused = next.refused ?? sight
        if let turn = book.nextTurn(of: timedTests[rule], sight.facts, after: next.at, before: end) {
            later.at = turn
        } else if !awaitedRules[rule].isEmpty {
            (later.at, later.isOver) = (end, true)
        } else {
            return nil
        }
        return later
    }

    /// A cancelled row is opened again when it is owed again.
    private func mayBeOwed(_ row: Outreach?) -> Bool { row.map { !$0.state.hasEnded || $0.state == .cancelled } ?? true }

    /// From when on no pass derives a message any more, or it is too late.
    private func lastLook(_ sight: Forecast.Sight, _ next: Waiting, _ member: Member) -> Instant {
        let (candidate, rule) = (sight.candidate, book.rules[sight.candidate.rule])
        let end = min(candidate.outreach.expiresAt ?? period.window.through, period.window.through)
        guard rule.isAboutEvents else { return min(end, candidate.outreach.dueAt + longestLateness) }
        let event = next.event.flatMap { member.events[$0].event }
        return event?.isOpen == true ? end : min(end, (event?.at ?? next.at) + horizon(of: rule))
    }

    /// A message was received: what waits for a sentence about it is asked about at once.
    private func wake(_ rule: String, _ member: Int, at instant: Instant, _ waiting: inout [Waiting]) {
        func isAwaiting(_ item: Waiting) -> Bool {
            guard item.member == member, item.refused != nil, case .message(let candidate) = item.what else { return false }
            return awaitedRules[candidate.rule].contains(rule)
        }
        let woken = waiting.filter(isAwaiting)
        guard !woken.isEmpty else { return }
        waiting.removeAll(where: isAwaiting)
        for var item in woken {
            (item.at, item.isOver) = (instant, false)
            insert(item, &waiting)
        }
    }

    private func horizon(of rule: Rule) -> TimeSpan {
        rule.eventTrigger.map { assembly.configuration.events[$0.kind].horizon } ?? .zero
    }

    /// Behind what comes at the same instant.
    func insert(_ next: Waiting, _ waiting: inout [Waiting]) {
        let place = waiting.firstIndex { $0.at <= next.at } ?? waiting.endIndex
        waiting.insert(next, at: place)
    }

    /// Whether a pass that is still to come writes the row, or opens a cancelled one again.
    private func isOwed(_ candidate: Candidate, _ decision: Decision) -> Bool {
        if case .cancel = decision.verdict { return false }
        let dueAt = candidate.outreach.dueAt
        guard dueAt < period.now else { return true }
        guard let passes = period.passes, let pass = passes[candidate.rule] else { return false }
        return dueAt >= pass.from && decision.writesRow(candidate.outreach, in: pass, now: period.now)
    }

    func line(
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
    /// - Returns: false where nothing is sent.
    private func remember(_ sight: Forecast.Sight, _ line: Forecast.Line, _ receiver: Int, _ members: inout [Member]) -> Bool {
        let candidate = sight.candidate
        let rule = book.rules[candidate.rule]
        guard sight.decision.verdict == .send, line.row?.state.hasEnded != true, !candidate.isFallback,
            case .send = rule.steps[candidate.step].action
        else { return false }
        let key = candidate.outreach.key
        let contact = PastContact(
            customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: sight.at,
            localDate: candidate.outreach.localDate, card: line.card, counts: rule.budget.counts, purpose: rule.purpose)
        for index in members.indices { members[index].facts.history.toAddress.insert(contact, at: 0) }
        members[receiver].facts.history.lastReceived[rule.name] = sight.at
        members[receiver].facts.history.cards[rule.name, default: []].insert(SentCard(line.card, at: sight.at), at: 0)
        return true
    }
}

extension ForecastWalk.Member {
    /// Of an event that names no customer.
    init(event: LivedEvent) {
        self.init(id: "event:\(event.row.id)", facts: Facts(customer: nil), candidates: [], events: [event])
    }

    /// A message of an event that was sent, or skipped, never comes again; one that was cancelled may.
    fileprivate mutating func end(_ sight: Forecast.Sight) {
        if case .cancel = sight.decision.verdict { return }
        ended.insert(sight.candidate.outreach.key)
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
