package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// One pass over all customers for the rules that hang on dates and segments. One for each assembly; used by one queue
/// at a time, which is what makes it Sendable.
package final class PlanDesk: @unchecked Sendable {
    package struct Report: Sendable {
        package var customers = 0
        package var counts = ReconcileCounts()
        package var scan = ScanReport()
        /// Customers whose row cannot be planned for, by what is wrong; at most a few ids of each kind.
        package var unusable: [CustomerProblem: UnusableCustomers] = [:]
        /// True when far fewer customers were there than at the last pass: nobody's messages were cancelled for it.
        package var hasCollapsed = false
    }

    /// Customers read, planned and reconciled together.
    private static let page = 1000

    private let outbox: any Outbox
    private let source: any CustomerSource
    private let book: RuleBook
    private let standings: StandingDesk
    private let histories: HistoryLoader
    private let dayGuard: DayGuard
    private let watched: [Int]
    private var planner: Planner
    private let progress: Progress

    package init(
        assembly: Assembly, outbox: any Outbox, source: any CustomerSource, standings: StandingDesk, hash: AddressHash,
        isGuarding: Bool, progress: Progress
    ) {
        self.outbox = outbox
        self.source = source
        self.progress = progress
        self.standings = standings
        book = assembly.book
        histories = HistoryLoader(outbox: outbox, hash: hash, book: book)
        dayGuard = DayGuard(outbox: outbox, house: book.house, standings: standings, isGuarding: isGuarding)
        watched = book.watchedSegments
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// Derives what is owed from each rule's last pass to 26 hours from now, and brings the ledger in line.
    ///
    /// Pages are durable one by one; a pass that fails in the middle is made good by the next, because a rule's
    /// `planned_through` moves only at the end. A pass that finds the bounds of a segment moved, with somebody between
    /// the old and the new ones, is followed by another.
    /// - Throws: `SourceError`, `OutboxError`.
    package func plan(now: Instant) throws -> Report {
        let rules = book.rules.indices.filter { !book.rules[$0].isAboutEvents }
        // Who comes and who goes is written down for good, so the bounds must be right before anybody is looked at.
        if standings.ranks == nil || watched.contains(where: book.hangsOnRanks) {
            standings.set(try SegmentRanking.ranks(of: book, source))
        }
        guard !rules.isEmpty || !watched.isEmpty else { return Report() }
        var report = Report()
        // Customers who change all the time could keep it passing for ever.
        for _ in 0..<3 {
            let (found, isSettled) = try pass(rules, now: now)
            let counts = report.counts
            report = found
            report.counts += counts
            if isSettled { break }
        }
        return report
    }

    private func pass(_ rules: [Int], now: Instant) throws -> (report: Report, isSettled: Bool) {
        var pass = Pass(standing: try standings.standing(now: now), now: now)
        pass.ranking = SegmentRanking(book.segments, zone: book.house.business.zone)
        pass.windows = try windows(of: rules, now: now)
        let from = pass.windows.values.map(\.from).min() ?? now
        let plan = try outbox.beginPlan(
            rules: rules.map { book.rules[$0].name }, window: from..<(now + PlanWindow.ahead), now: now)
        let segments = watched.isEmpty ? nil : try outbox.beginSegments(watched.map { WatchedSegment(book.segments[$0]) }, now: now)
        planner.beginPass(pass.windows)
        try dayGuard.begin()
        let scan = try source.forEachPage(size: PlanDesk.page) { customers in
            try self.page(customers, segments, &pass)
            pass.report.counts += try plan.reconcile(customers: pass.ids, rows: pass.rows) {
                pass.reasons[$0] ?? .occasionGone
            }
            try dayGuard.look(at: pass.report.counts, now: now)
            try progress.step()
        }
        pass.report.note(scan)
        try dayGuard.judge(pass.report.counts, now: now)
        pass.report.hasCollapsed = try dayGuard.hasCollapsed(customers: pass.report.customers, now: now)
        if !pass.report.hasCollapsed {
            try segments?.finish()
            pass.report.counts += try plan.finish()
        }
        let ranks = pass.ranking.ranks()
        let isSettled = !pass.ranking.moved(from: pass.standing.ranks, to: ranks)
        standings.set(ranks)
        return (pass.report, isSettled)
    }

    /// What a pass keeps while it runs.
    private struct Pass {
        var standing: Standing
        var now: Instant
        var report = Report()
        var windows: [Int: PlanWindow] = [:]
        var ranking = SegmentRanking([], zone: .utc)
        var ids: [String] = []
        var rows: [PlannedOutreach] = []
        /// Why a candidate was not owed after all.
        var reasons: [OutreachKey: CancelReason] = [:]
        /// Candidates of the page, with the place of the customer in it.
        var candidates: [(customer: Int, candidate: Candidate)] = []
        /// Who belongs to which watched segments, for the ledger.
        var members: [SegmentMembership] = []
        var entries: [String: [Int: SegmentEntry]] = [:]

        init(standing: Standing, now: Instant) {
            self.standing = standing
            self.now = now
        }

        mutating func clear() {
            ids.removeAll(keepingCapacity: true)
            rows.removeAll(keepingCapacity: true)
            reasons.removeAll(keepingCapacity: true)
            candidates.removeAll(keepingCapacity: true)
            members.removeAll(keepingCapacity: true)
        }
    }

    /// All rules share the earliest beginning, because a pass judges every row of its rules inside one window; each
    /// keeps its own baseline.
    private func windows(of rules: [Int], now: Instant) throws -> [Int: PlanWindow] {
        let ledgers = Dictionary(uniqueKeysWithValues: try outbox.ruleLedgers().map { ($0.name, $0) })
        var windows: [Int: PlanWindow] = [:]
        for index in rules {
            guard let ledger = ledgers[book.rules[index].name] else { throw OutboxError.unknownRule(book.rules[index].name) }
            windows[index] = PlanWindow(
                rule: book.rules[index], firstSeen: ledger.firstSeen, plannedThrough: ledger.plannedThrough, now: now)
        }
        let from = windows.values.map(\.from).min() ?? now
        for index in rules {
            guard let ledger = ledgers[book.rules[index].name] else { continue }
            windows[index]?.from = max(from, book.rules[index].baseline(firstSeen: ledger.firstSeen))
        }
        return windows
    }

    // MARK: One page

    private func page(_ customers: CustomerPage, _ segments: (any SegmentPass)?, _ pass: inout Pass) throws {
        pass.clear()
        try recordSegments(of: customers, segments, &pass)
        for (place, customer) in customers.enumerated() {
            pass.ranking.add(customer)
            derive(customer, place, &pass)
        }
        pass.report.customers += customers.count
        try decide(customers, &pass)
    }

    /// Who came and who left is recorded before anything is derived: both make occasions.
    private func recordSegments(of customers: CustomerPage, _ segments: (any SegmentPass)?, _ pass: inout Pass) throws {
        guard let segments else { return }
        var facts = book.conditionFacts(Facts(customer: nil), pass.standing, now: pass.now)
        for customer in customers where OutreachKey.isCustomerID(customer.id) {
            facts.customer = customer.record
            facts.findMembership(book.segments, pass.standing.ranks)
            let members = watched.indices.filter { facts.membership.contains(watched[$0]) }
            pass.members.append(SegmentMembership(customer: customer.id, members: members))
        }
        pass.entries = try segments.record(pass.members).mapValues { entries in
            Dictionary(uniqueKeysWithValues: entries.map { (watched[$0.key], $0.value) })
        }
    }

    private func derive(_ customer: Customer, _ place: Int, _ pass: inout Pass) {
        let id = customer.id
        guard OutreachKey.isCustomerID(id) else { return pass.report.note(.badID, id) }
        pass.ids.append(id)
        guard let zone = planner.zone(of: customer) else { return pass.report.note(.unknownZone, id) }
        let entries = pass.entries.isEmpty ? [:] : pass.entries[id] ?? [:]
        let unusable = planner.candidates(of: customer, zone: zone, entries: entries) {
            pass.candidates.append((place, $0))
        }
        for rule in unusable {
            guard let problem = CustomerProblem(planner.problem(with: customer, rule: rule)) else { continue }
            pass.report.note(problem, id)
        }
    }

    /// The ledger is asked once for the whole page, and only for customers with something to decide.
    private func decide(_ customers: CustomerPage, _ pass: inout Pass) throws {
        var asked: [Int] = []
        for (place, candidate) in pass.candidates where asked.last != place && histories.isNeeded(rule: candidate.rule) {
            asked.append(place)
        }
        let found = try histories.load(asked.lazy.map { customers[$0] }, now: pass.now)
        for (place, candidate) in pass.candidates {
            let customer = customers[place]
            let id = candidate.outreach.key.customer
            let facts = Facts(
                customer: customer, history: found[id] ?? .none, entries: pass.entries.isEmpty ? [:] : pass.entries[id] ?? [:])
            keep(candidate, facts, &pass)
        }
    }

    private func keep(_ candidate: Candidate, _ facts: Facts, _ pass: inout Pass) {
        guard let window = pass.windows[candidate.rule] else { return }
        let decision = planner.judge(candidate, facts: facts, standing: pass.standing, now: pass.now, ahead: true)
        var outreach = candidate.outreach
        // Put off until a budget has room: the row wakes then.
        if case .move(let later) = decision.verdict { outreach.dueAt = later }
        if case .cancel(let reason) = decision.verdict {
            pass.reasons[outreach.key] = reason
        } else if decision.writesRow(outreach, in: window, now: pass.now) {
            pass.rows.append(outreach)
        }
        // A customer without any address is no mistake of the data.
        if decision.verdict == .cancel(.noAddress), decision.because == "email", facts.customer?.text(.email) != nil {
            pass.report.note(.badAddress, outreach.key.customer)
        }
    }
}

extension PlanDesk.Report {
    fileprivate mutating func note(_ problem: CustomerProblem, _ id: String) {
        unusable[problem, default: UnusableCustomers()].add(id)
    }

    fileprivate mutating func note(_ scan: ScanReport) {
        self.scan = scan
        if scan.withoutID > 0 { unusable[.withoutID, default: UnusableCustomers()].add(count: scan.withoutID, ids: []) }
        if scan.duplicates > 0 {
            unusable[.repeatedID, default: UnusableCustomers()].add(count: scan.duplicates, ids: scan.duplicateIDs)
        }
    }
}

extension RuleBook {
    /// Segments that a rule waits for somebody to join or leave, as indices, in order.
    package var watchedSegments: [Int] {
        Set(
            rules.compactMap { rule in
                if case .segment(let trigger) = rule.trigger { trigger.segment } else { nil }
            }
        ).sorted()
    }

    /// Whether who belongs to a segment depends on how customers rank: its own column, or that of one it names.
    func hangsOnRanks(_ segment: Int) -> Bool {
        guard case .matching(let condition) = segments[segment].definition else { return true }
        // Those it names stand above it.
        return condition.segments.contains { $0 < segment && hangsOnRanks($0) }
    }
}

extension WatchedSegment {
    /// Somebody who edits a segment has not moved its customers: they come and go by the new definition from then on.
    init(_ segment: Segment) { self.init(name: segment.name, hash: segment.hash) }
}
