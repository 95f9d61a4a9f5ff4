package import RegardsCalendar

/// One message that a rule owes, as derived from today's data: planning writes it to the ledger if `Decision`
/// agrees; sending derives it again.
package struct Candidate: Sendable {
    package var outreach: PlannedOutreach
    /// Index into `RuleBook.rules`.
    package var rule: Int
    /// Index into the rule's steps.
    package var step: Int
    /// Place in the list of people who hold the step's role.
    package var position: Int
    /// Where the customer lives; where there is no customer, the business's zone.
    package var zone: CustomerZone
    /// From this instant on the rule's belated card goes; nil: never.
    package var belatedFrom: Instant?
    /// The event was seen when a higher rung of the ladder was due already, so this one is not needed.
    package var isOvertaken: Bool
    /// The item of a list that stands in for a message to a customer without a usable address (`unreachable:`). `step`
    /// is the step that cannot reach them.
    package var isFallback: Bool

    package init(
        outreach: PlannedOutreach, rule: Int, step: Int, position: Int, zone: CustomerZone, belatedFrom: Instant? = nil,
        isOvertaken: Bool = false, isFallback: Bool = false
    ) {
        self.outreach = outreach
        self.rule = rule
        self.step = step
        self.position = position
        self.zone = zone
        self.belatedFrom = belatedFrom
        self.isOvertaken = isOvertaken
        self.isFallback = isFallback
    }
}

/// What is known about the customer and the event of one candidate.
package struct Facts: Hashable, Sendable {
    /// nil: gone from the database, or an event without a customer.
    package var customer: Customer?
    package var event: Event?
    /// nil: the event's row is gone from the query's result, or the rule is not about an event. A row that is there
    /// under the id of an event that is gone belongs to the next event of that id, and is left aside.
    package var eventRecord: Record?
    /// Kinds (index into `RuleBook.eventKinds`) of this customer's open events that are not baseline.
    package var openEvents: [Int]
    package var history: History
    /// The customer's latest entry into each segment that a rule watches, by index of the segment.
    package var entries: [Int: SegmentEntry]

    package init(
        customer: Customer?, event: Event? = nil, eventRecord: Record? = nil, openEvents: [Int] = [],
        history: History = .none, entries: [Int: SegmentEntry] = [:]
    ) {
        self.customer = customer
        self.event = event
        self.eventRecord = event?.isGone == true ? nil : eventRecord
        self.openEvents = openEvents
        self.history = history
        self.entries = entries
    }
}

/// Derives what every rule owes whom. It holds caches and is used by one thread at a time.
///
/// A pass asks for millions of (customer, rule) pairs with the same windows, and hardly any of them falls due. So each
/// rule is made ready once for its window (`DateRule`), rules that hang on one column are asked together (`PassColumn`),
/// and a customer without an occasion costs a look at a bit for each column, and no allocation.
package struct Planner {
    package let book: RuleBook
    private let countries: CountryZones
    private var zones: ZoneFinder
    private var ready: [DateRule]
    private var passWindows: [Int: PlanWindow] = [:]
    private var passColumns: [PassColumn] = []
    /// Rules of the pass that hang on no column and fall due in their window.
    private var passRules: [Int] = []
    /// Weighs what one rule owes against what others do; see `judge`.
    var arbiter: Arbiter

    package init(book: RuleBook, zones: ZoneCatalog, countries: CountryZones) {
        self.book = book
        self.countries = countries
        self.zones = ZoneFinder(zones: zones, countries: countries, business: book.house.business.zone)
        ready = book.rules.map { DateRule($0.trigger) }
        arbiter = Arbiter(book)
    }

    /// nil: `time_zone` names no zone, and the customer cannot be planned for.
    package mutating func zone(of customer: Customer) -> CustomerZone? { zones.zone(of: customer) }

    /// Calls `body` with each candidate of a customer's rule that is due in the window. Event rules have none here.
    /// - Returns: false when a column of the customer holds something that the rule cannot take; `problem` says what.
    @discardableResult
    package mutating func candidates(
        of customer: Customer, zone: CustomerZone, rule index: Int, entries: [Int: SegmentEntry] = [:],
        in window: PlanWindow, _ body: (Candidate) -> Void
    ) -> Bool {
        prepare(index, for: window)
        return candidates(of: customer, zone: zone, rule: index, body)
    }

    /// Makes rules ready for a pass over all customers.
    /// - Parameter windows: by index of the rule; rules without one take no part, and event rules have none.
    package mutating func beginPass(_ windows: [Int: PlanWindow]) {
        passWindows = windows
        passColumns = []
        passRules = []
        for (index, window) in windows.sorted(by: { $0.key < $1.key }) {
            prepare(index, for: window)
            switch ready[index].kind {
            case .anniversary: PassColumn.add(index, ready[index], to: &passColumns)
            case .sameInZone, .feasts: passRules.append(index)
            case .silent: continue
            }
        }
    }

    /// Calls `body` with each candidate of a customer that is due in the window of its rule, by the rules and windows
    /// of `beginPass`.
    /// - Returns: rules that cannot take what a column of the customer holds; `problem` says what it is.
    package mutating func candidates(
        of customer: Customer, zone: CustomerZone, entries: [Int: SegmentEntry] = [:], _ body: (Candidate) -> Void
    ) -> [Int] {
        var unusable: [Int] = []
        func ask(_ index: Int) {
            // Somebody may have asked for this rule in another window in between.
            if let window = passWindows[index] { prepare(index, for: window) }
            if !candidates(of: customer, zone: zone, rule: index, body) { unusable.append(index) }
        }
        for column in passColumns.indices where !passColumns[column].isSilent(for: customer) {
            for index in passColumns[column].rules { ask(index) }
        }
        for index in passRules { ask(index) }
        return unusable
    }

    private mutating func prepare(_ index: Int, for window: PlanWindow) {
        guard !ready[index].isReady(for: window) else { return }
        ready[index].prepare(book.rules[index].trigger, for: window)
    }

    private mutating func candidates(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) -> Bool {
        switch ready[index].kind {
        case .anniversary:
            return anniversaries(of: customer, zone: zone, rule: index, body)
        case .sameInZone:
            sameInZone(customer: customer, zone: zone, rule: index, body)
            return true
        case .feasts:
            guard let set = ready[index].feasts?.find(for: customer, countries) else { return false }
            if ready[index].feasts?.isDue(set) == true {
                sameInZone(set: set, customer: customer, zone: zone, rule: index, body)
            }
            return true
        case .silent:
            return true
        }
    }

    private mutating func sameInZone(
        set: Int = 0, customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) {
        let occasions =
            ready[index].known(in: zone.zone, set: set)
            ?? ready[index].occasions(book.rules[index].trigger, in: zone.zone, set: set)
        for occasion in occasions { emit(occasion, rule: index, customer: customer, zone: zone, body) }
    }

    /// What in the customer's columns keeps a rule from knowing its days; nil when nothing does, and for rules about
    /// events.
    package func problem(with customer: Customer, rule index: Int) -> DateProblem? {
        switch book.rules[index].trigger {
        case .anniversary(let trigger):
            if case .failure(let problem) = trigger.born(customer) { problem } else { nil }
        case .feast(let trigger): trigger.feasts(of: customer, countries) == nil ? .unknownFeast : nil
        case .schedule, .on, .date, .idle, .segment, .event: nil
        }
    }

    private func anniversaries(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) -> Bool {
        let column = ready[index].column
        if ready[index].isSilent(for: customer) { return true }
        guard let date = customer.record.birthDate(column) else { return !customer.record.isPresent(column) }
        var born = AnniversaryTrigger.Born.gregorian(date)
        if let calendar = ready[index].calendarColumn, customer.record.isPresent(calendar) {
            guard case .success(let kept) = AnniversaryTrigger.Born.of(date, calendar: calendar, customer) else { return false }
            guard ready[index].mayFall(kept) else { return true }
            born = kept
        } else if !ready[index].mayFall(date) {
            return true
        }
        guard case .anniversary(let trigger) = book.rules[index].trigger, let window = ready[index].window,
            let dates = window.dates
        else { return true }
        trigger.forEachOccasion(of: born, in: dates, zone: zone.zone) { occasion in
            guard window.contains(occasion.dueAt) else { return }
            emit(occasion, rule: index, customer: customer, zone: zone, body)
        }
        return true
    }

    /// Derives a row of the ledger again from today's facts; nil when its occasion is owed no longer.
    package mutating func derive(_ key: OutreachKey, facts: Facts) -> Candidate? {
        guard let index = book.rules.firstIndex(where: { $0.name == key.rule }) else { return nil }
        if case .event = book.rules[index].trigger {
            return candidates(ofEvent: facts, rule: index).first { $0.outreach.key == key }
        }
        guard let customer = facts.customer, let zone = zones.zone(of: customer),
            let occasion = book.rules[index].trigger.occasion(key.occasion, of: customer, zone: zone.zone, countries)
        else { return nil }
        var found: Candidate?
        emit(occasion, rule: index, customer: customer, zone: zone) { if $0.outreach.key == key { found = $0 } }
        return found
    }
}

// MARK: - Events

extension Planner {
    /// The candidates of an event rule for one event; all of its steps, whenever they are due.
    package mutating func candidates(ofEvent facts: Facts, rule index: Int) -> [Candidate] {
        let rule = book.rules[index]
        guard let event = facts.event, case .event(let trigger) = rule.trigger, book.eventKinds[trigger.kind].isThere(event)
        else { return [] }
        // A customer whose own zone is unknown still gets an answer.
        let zone =
            facts.customer.flatMap { zones.zone(of: $0) } ?? CustomerZone(zone: book.house.business.zone, source: .business)
        var found: [Candidate] = []
        for (number, step) in rule.steps.enumerated() {
            guard let first = dueAt(step.time, trigger, rule.name, facts) else { continue }
            for (repetition, due) in step.dueTimes(from: first).enumerated() {
                let local = zone.zone.local(at: due.at)
                let occasion = LocalOccasion(
                    id: event.occasion, dueAt: due.at, zone: zone.zone, date: local.date, time: local.time)
                emit(
                    occasion, rule: index, step: number, customerKey: event.customerKey, customer: facts.customer,
                    zone: zone, repetition: repetition + 1, replacedAt: due.replacedAt
                ) { found.append($0) }
            }
        }
        return found
    }

    /// Instants without an offset of their own are the business's: its programs wrote them.
    private func dueAt(_ time: StepTime, _ trigger: EventTrigger, _ rule: String, _ facts: Facts) -> Instant? {
        guard let event = facts.event else { return nil }
        switch time {
        case .occasion: return event.at
        case .start(let span): return event.at + span
        case .limit(let span):
            guard let promise = trigger.promise else { return event.limits[rule].map { max(event.at, $0 + span) } }
            let limit = event.limits[rule] ?? promise.limit(from: event.at, book.house.business)
            return max(event.at, promise.instant(span, from: limit, book.house.business))
        case .column(let slot, let span):
            return facts.eventRecord?.instant(slot, zone: book.house.business.zone).map { $0 + span }
        }
    }
}

extension EventKind {
    /// Whether the event can still owe anything. Where a kind has an end (`done`), a row that left the query says
    /// nothing about it unless `vanished: done`; where it has none, the row was all there was.
    fileprivate func isThere(_ event: Event) -> Bool { !event.isGone || done != nil || vanished == .done }
}

extension Step {
    /// When the step and its repetitions are due, and when the next one takes each one's place.
    fileprivate func dueTimes(from first: Instant) -> [(at: Instant, replacedAt: Instant?)] {
        guard let every, atMost > 1 else { return [(first, nil)] }
        return (0..<Int64(atMost)).map { number in
            let due = first + TimeSpan(microseconds: every.microseconds * number)
            return (due, number + 1 < atMost ? due + every : nil)
        }
    }
}

// MARK: - From an occasion to its messages

extension Planner {
    private func emit(
        _ occasion: LocalOccasion, rule: Int, customer: Customer, zone: CustomerZone, _ body: (Candidate) -> Void
    ) {
        for step in book.rules[rule].steps.indices {
            emit(occasion, rule: rule, step: step, customerKey: customer.id, customer: customer, zone: zone, body)
        }
    }

    private func emit(
        _ occasion: LocalOccasion, rule index: Int, step number: Int, customerKey: String, customer: Customer?,
        zone: CustomerZone, repetition: Int = 1, replacedAt: Instant? = nil, _ body: (Candidate) -> Void
    ) {
        let rule = book.rules[index]
        let step = rule.steps[number]
        let name = repetition == 1 ? step.name : "\(step.name)#\(repetition)"
        let expiry = [expiry(rule, step, occasion, zone.zone), replacedAt].compactMap { $0 }.min()
        for position in 0..<recipientCount(step, customer) {
            let key = OutreachKey(
                customer: customerKey, rule: rule.name, occasion: occasion.id, step: name,
                recipient: "\(step.action.recipientRole)/\(position)")
            let planned = PlannedOutreach(
                key: key, dueAt: occasion.dueAt, expiresAt: expiry, zone: occasion.zone.name,
                localDate: occasion.date, localTime: occasion.time, channel: step.action.channel,
                lane: rule.purpose == .care ? .care : .rest, ruleHash: rule.hash)
            body(Candidate(outreach: planned, rule: index, step: number, position: position, zone: zone))
        }
    }

    /// A role that nobody holds still has its first position, so that the gap is seen and not lost.
    private func recipientCount(_ step: Step, _ customer: Customer?) -> Int {
        guard case .tell(let role, _) = step.action else { return 1 }
        return max(1, book.house.contacts(role, for: customer).count)
    }

    /// The day that ends is the customer's own, on which the message is really due: the date meant can be another one
    /// (a day that the zone left out, a schedule with a zone of its own).
    private func expiry(_ rule: Rule, _ step: Step, _ occasion: LocalOccasion, _ zone: Zone) -> Instant? {
        if case .tell = step.action { return nil }
        switch rule.lateness {
        case .untilMidnight: return zone.startOfDay(zone.local(at: occasion.dueAt).date + 1)
        case .grace(let span): return occasion.dueAt + span
        case .forever: return nil
        }
    }
}

extension Step.Action {
    package var recipientRole: Role {
        switch self {
        case .send, .webhook: .customer
        case .tell(let role, _): role
        case .list(let target): target.role
        }
    }

    package var channel: ChannelName {
        switch self {
        case .send, .tell: .mail
        case .webhook(let endpoint, _): .webhook(endpoint)
        case .list(let target): .list(target.name)
        }
    }
}
