package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// What a period holds: who gets what, when, and who does not and why. It asks the same planner and the same
/// `Decision` as the daemon, and writes nothing.
///
/// What it says will be sent counts for what comes after it, as it will in the ledger: budgets, `received`, the cards of
/// a series. Customers are read in pages and walked through the period one by one (`ForecastWalk`), so memory is the
/// same for any number of them.
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

    /// The period asked for, seen from now: what all customers have in common.
    struct Period: Sendable {
        /// Begins where the walk does.
        var window: PlanWindow
        /// What is told begins here.
        var from: Instant
        var now: Instant
        /// By rule: what its next pass still owes of the time before now; nil: nothing.
        var passes: [PlanWindow?]?
        var hasLedger: Bool
        var standing = Standing()
        /// Whether all waiting rows of a customer are taken up, whenever they are due.
        var isStory = false
        /// Whether what happens to events and segments in the period is lived through.
        var isLived = false
    }

    let assembly: Assembly
    let book: RuleBook
    let source: any CustomerSource
    let outbox: (any Outbox)?
    private let isGuarding: Bool
    let histories: HistoryLoader?
    private let watched: [Int]

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
    }

    /// What is asked of a plan.
    package struct Asked: Sendable {
        package var from: Instant
        package var to: Instant
        /// What is due before it and has no row in the ledger was not owed.
        package var now: Instant
        /// Only this one; nil: all.
        package var rule: String?
        package var customer: String?

        package init(from: Instant, to: Instant, now: Instant, rule: String? = nil, customer: String? = nil) {
            (self.from, self.to, self.now, self.rule, self.customer) = (from, to, now, rule, customer)
        }
    }

    /// Everything in the order of time, and so in memory: for a few customers, or a short period.
    /// - Throws: `SourceError`, `OutboxError`.
    package func report(
        from: Instant, to: Instant, now: Instant, rule: String? = nil, customer: String? = nil
    ) throws -> Report {
        let session = try begin(Asked(from: from, to: to, now: now, rule: rule, customer: customer))
        var lines: [Line] = []
        try session.forEach { lines += $0 }
        var report = session.report()
        report.lines = lines.sorted(by: Line.isEarlier)
        return report
    }

    /// Makes ready to plan customer by customer. Where segments are ranked, or what one customer gets counts for others at
    /// the same address, this looks at all customers once.
    /// - Throws: `SourceError`, `OutboxError`.
    package func begin(_ asked: Asked) throws -> Session { try begin(asked, isSharing: book.countsByAddress) }

    /// - Parameter isSharing: whether those who share an address are put aside and judged together.
    func begin(_ asked: Asked, isSharing: Bool) throws -> Session {
        let (from, now) = (asked.from, asked.now)
        let passes = try from < now ? nil : nextPasses(now: now)
        // What goes before the period has a say about what is in it.
        let start = passes.map { max($0.map(\.from).min() ?? from, from - lead) } ?? from
        let window = PlanWindow(from: min(from, start), through: asked.to, plannedThrough: from)
        var period = Period(window: window, from: from, now: now, passes: passes, hasLedger: outbox != nil)
        let survey = try AddressSurvey.look(at: book, source, isSharing: isSharing && asked.customer == nil)
        period.standing = try standing(survey.ranks, now: now)
        return Session(self, asked, ForecastCrew(assembly, period, tell: period.telling(asked.rule)), survey.shared)
    }

    /// Lives through a period from a new ledger on; see `Simulation`.
    /// - Parameter progress: told the number of customers so far, page by page.
    /// - Throws: `SourceError`.
    func live(
        from: Instant, to: Instant, cores: Int, hasEvents: Bool, progress: (Int) -> Void,
        _ tell: @escaping ForecastCrew.Telling
    ) throws -> ForecastCrew {
        let passes = try nextPasses(now: from)
        let window = PlanWindow(from: min(from, passes.map(\.from).min() ?? from), through: to, plannedThrough: from)
        var period = Period(window: window, from: from, now: from, passes: passes, hasLedger: false, isLived: true)
        let survey = try AddressSurvey.look(at: book, source, isSharing: book.countsByAddress)
        period.standing = try standing(survey.ranks, now: from)
        let events = hasEvents ? try LivedEvents.read(assembly, source, from: from, to: to) : LivedEvents()
        let crew = ForecastCrew(assembly, period, cores: cores, tell: tell)
        func live(_ customers: [Customer], isHousehold: Bool = false) {
            let ledgers = customers.map { ForecastWalk.Ledger(events: events.ofCustomers[$0.id] ?? []) }
            _ = crew.walk(crew.members(of: customers, ledgers, isHousehold: isHousehold))
            progress(crew.counted().customers)
        }
        var shared = SharedAddresses(survey.shared)
        try source.forEachPage(size: ForecastCrew.page) { live(shared.keepApart($0)) }
        for household in shared.households {
            let found = try source.lookUp(household)
            live(household.compactMap { found[$0] }, isHousehold: true)
        }
        _ = crew.walk(events.ofNobody.map { [ForecastWalk.Member(event: $0)] })
        return crew
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
    package func story(of customer: Customer, to: Instant, now: Instant, isNext: Bool = true) throws -> Story {
        let passes = try isNext ? nextPasses(now: now) : []
        let from = passes.map(\.from).min() ?? now
        let window = PlanWindow(from: min(from, now), through: to, plannedThrough: now)
        var period = Period(
            window: window, from: window.from, now: now, passes: isNext ? passes : book.rules.map { _ in nil },
            hasLedger: outbox != nil, isStory: true)
        period.standing = try standing(try AddressSurvey.look(at: book, source, isSharing: false).ranks, now: now)
        var walk = ForecastWalk(assembly, period)
        guard let member = walk.member(customer, try ledgers(of: [customer])[0]) else { return Story(standing: period.standing) }
        var households = [[member]]
        try recall(&households, now: now)
        return Story(standing: period.standing, sights: walk.walk(&households[0]))
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

    private func standing(_ ranks: SegmentRanks, now: Instant) throws -> Standing {
        var standing = Standing()
        if let outbox {
            let isLive = try book.house.mode(inForce: outbox) == .live
            standing = try StandingDesk(outbox: outbox, book: book, isGuarding: isGuarding && isLive).read(now: now)
        }
        // What no daemon has seen yet would be seen now, and nothing from before takes anybody's place.
        for rule in book.rules where standing.baselines[rule.name] == nil {
            standing.baselines[rule.name] = rule.baseline(firstSeen: now)
        }
        standing.ranks = ranks
        return standing
    }

    // MARK: Customers

    /// - Parameter isHousehold: all share one address, and are walked through the period together.
    func walk(_ customers: [Customer], _ crew: ForecastCrew, isHousehold: Bool = false) throws -> [Line] {
        guard !customers.isEmpty else { return [] }
        var households = crew.members(of: customers, try ledgers(of: customers), isHousehold: isHousehold)
        try recall(&households, now: crew.period.now)
        return crew.walk(households)
    }

    /// What the ledger knows of customers before anything is derived.
    private func ledgers(of customers: [Customer]) throws -> [ForecastWalk.Ledger] {
        guard let outbox else { return customers.map { _ in ForecastWalk.Ledger() } }
        let ids = customers.map(\.id)
        let open = try outbox.openKinds(customers: ids, book)
        let entries = try outbox.entries(customers: ids, watched, book)
        let waiting = Set(OutreachState.allCases).filter { !$0.hasEnded }
        let rows = Dictionary(
            grouping: try outbox.list(OutreachFilter(states: waiting, customers: ids), limit: .max, after: 0),
            by: \.key.customer)
        return ids.map {
            ForecastWalk.Ledger(openEvents: open[$0] ?? [], entries: entries[$0] ?? [:], waiting: rows[$0] ?? [])
        }
    }

    /// The past of those who have something to come. All rows, whenever they are due: an occasion that moved keeps the
    /// row it had.
    private func recall(_ households: inout [[ForecastWalk.Member]], now: Instant) throws {
        guard let outbox, let histories, !households.isEmpty else { return }
        let members = households.joined()
        let past = try histories.load(members.lazy.compactMap(\.facts.customer), now: now)
        let rows = Dictionary(
            grouping: try outbox.list(OutreachFilter(customers: members.map(\.id)), limit: .max, after: 0),
            by: \.key.customer)
        for place in households.indices {
            for index in households[place].indices {
                let id = households[place][index].id
                households[place][index].facts.history = past[id] ?? .none
                households[place][index].facts.history.toAddress.removeAll { $0.at > now }
                households[place][index].rows = Dictionary(
                    (rows[id] ?? []).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            }
        }
    }
}

extension Assembly {
    /// When an outreach goes, by the clock of its zone.
    func local(_ outreach: PlannedOutreach) -> LocalTime {
        (zones.zone(named: outreach.zone) ?? book.house.business.zone).local(at: outreach.dueAt)
    }
}

extension Forecast.Line {
    /// By due time, then rule and customer.
    package static func isEarlier(_ left: Forecast.Line, _ right: Forecast.Line) -> Bool {
        let (one, other) = (left.outreach, right.outreach)
        return (one.dueAt, one.key.rule, one.key.customer, one.key.step)
            < (other.dueAt, other.key.rule, other.key.customer, other.key.step)
    }

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
