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
    let countries: CountryZones
    var zones: ZoneFinder
    let plans: [RulePlan]
    var quiet: QuietCalendar
    private var countryCodes = ByteCache<String?>()
    private var ready: [DateRule]
    /// Of each rule in `ready`: what it is ready for, and the column that can tell that a customer is owed nothing.
    /// Apart, because both are looked at for every customer and count no references.
    private var readyWindows: [PlanWindow?]
    private var filters: [PassColumn?]
    /// By index of the rule.
    private var passWindows: [PlanWindow?] = []
    private var passColumns: [PassColumn] = []
    /// The rules of each column.
    private var passColumnRules: [[Int]] = []
    /// Rules of the pass that hang on no column and fall due in their window.
    private var passRules: [Int] = []
    private var passSegments: [Int] = []
    /// Weighs what one rule owes against what others do; see `judge`.
    var arbiter: Arbiter

    package init(book: RuleBook, zones: ZoneCatalog, countries: CountryZones) {
        self.book = book
        self.countries = countries
        self.zones = ZoneFinder(zones: zones, countries: countries, business: book.house.business.zone)
        let quiet = QuietCalendar(book.house.limits.quiet)
        let plans = book.rules.map { RulePlan($0, quiet: quiet) }
        self.plans = plans
        self.quiet = quiet
        ready = book.rules.indices.map { DateRule(book.rules[$0].trigger, plans[$0].groups) }
        arbiter = Arbiter(book)
        readyWindows = Array(repeating: nil, count: book.rules.count)
        filters = Array(repeating: nil, count: book.rules.count)
    }

    /// nil: `time_zone` names no zone, and the customer cannot be planned for.
    package mutating func zone(of customer: Customer) -> CustomerZone? { zones.zone(of: customer) }

    /// Calls `body` with each candidate of a customer's rule that is due in the window. Event rules have none here.
    /// - Parameter entries: the customer's latest entry into each segment that a rule watches.
    /// - Returns: false when a column of the customer holds something that the rule cannot take; `problem` says what.
    @discardableResult
    package mutating func candidates(
        of customer: Customer, zone: CustomerZone, rule index: Int, entries: [Int: SegmentEntry] = [:],
        in window: PlanWindow, _ body: (Candidate) -> Void
    ) -> Bool {
        prepare(index, for: window)
        return candidates(of: customer, zone: zone, rule: index, entries, body)
    }

    /// Makes rules ready for a pass over all customers.
    /// - Parameter windows: by index of the rule; rules without one take no part, and event rules have none.
    package mutating func beginPass(_ windows: [Int: PlanWindow]) {
        passWindows = book.rules.indices.map { windows[$0] }
        passColumns = []
        passColumnRules = []
        passRules = []
        passSegments = []
        for (index, window) in windows.sorted(by: { $0.key < $1.key }) {
            prepare(index, for: window)
            switch ready[index].kind {
            case .anniversary, .date, .idle: if let column = filters[index] { add(column, of: index) }
            case .sameInZone, .feasts: passRules.append(index)
            case .segment: passSegments.append(index)
            case .silent: continue
            }
        }
    }

    /// Calls `body` with each candidate of a customer that is due in the window of its rule, by the rules and windows
    /// of `beginPass`.
    /// - Parameter entries: the customer's latest entry into each segment that a rule watches.
    /// - Returns: rules that cannot take what a column of the customer holds; `problem` says what it is.
    package mutating func candidates(
        of customer: Customer, zone: CustomerZone, entries: [Int: SegmentEntry] = [:], _ body: (Candidate) -> Void
    ) -> [Int] {
        var unusable: [Int] = []
        func ask(_ index: Int) {
            // Somebody may have asked for this rule in another window in between.
            if let window = passWindows[index] { prepare(index, for: window) }
            if !candidates(of: customer, zone: zone, rule: index, entries, body) { unusable.append(index) }
        }
        for column in passColumns.indices where !passColumns[column].isSilent(for: customer) {
            for index in passColumnRules[column] { ask(index) }
        }
        for index in passRules { ask(index) }
        if !entries.isEmpty { for index in passSegments { ask(index) } }
        return unusable
    }

    private mutating func add(_ column: PassColumn, of index: Int) {
        if let known = passColumns.indices.first(where: { passColumns[$0].take(column) }) {
            passColumnRules[known].append(index)
        } else {
            passColumns.append(column)
            passColumnRules.append([index])
        }
    }

    private mutating func prepare(_ index: Int, for window: PlanWindow) {
        // Compared by the numbers: this is asked for every customer and rule.
        if let known = readyWindows[index], known.from.microseconds == window.from.microseconds,
            known.through.microseconds == window.through.microseconds,
            known.baseline.microseconds == window.baseline.microseconds
        {
            return
        }
        ready[index].prepare(book.rules[index].trigger, for: window, isEnabled: plans[index].isEnabled, &quiet)
        readyWindows[index] = window
        filters[index] = PassColumn(ready[index])
    }

    private mutating func candidates(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ entries: [Int: SegmentEntry],
        _ body: (Candidate) -> Void
    ) -> Bool {
        if let column = filters[index], column.isSilent(for: customer) { return true }
        switch ready[index].kind {
        case .anniversary: return anniversaries(of: customer, zone: zone, rule: index, body)
        case .date: return dates(of: customer, zone: zone, rule: index, body)
        case .idle: return idlePeriods(of: customer, zone: zone, rule: index, body)
        case .segment:
            if case .segment(let trigger) = book.rules[index].trigger, let entry = entries[trigger.segment] {
                stay(entry, trigger, of: customer, zone: zone, rule: index, body)
            }
            return true
        case .sameInZone:
            sameInZone(customer: customer, zone: zone, rule: index, body)
            return true
        case .feasts:
            guard let found = ready[index].feasts?.find(for: customer, countries) else { return false }
            if found.isDue { sameInZone(set: found.set, customer: customer, zone: zone, rule: index, body) }
            return true
        case .silent:
            return true
        }
    }

    /// ISO code of the customer's country; nil when unknown.
    mutating func countryCode(of customer: Customer) -> String? {
        customer.record.withText(CustomerColumn.country.rawValue) { bytes in
            guard let bytes else { return nil }
            if let known = countryCodes[bytes] { return known }
            let code = countries.code(of: String(decoding: bytes, as: UTF8.self))
            countryCodes.remember(bytes, code)
            return code
        }
    }
}

// MARK: - Days of one customer

extension Planner {
    private mutating func sameInZone(
        set: Int = 0, customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) {
        let occasions =
            ready[index].known(in: zone.zone, set: set)
            ?? ready[index].occasions(book.rules[index].trigger, in: zone.zone, set: set)
        for (group, occasions) in occasions.enumerated() {
            for occasion in occasions { offer(occasion, rule: index, group, customer: customer, zone: zone, body) }
        }
    }

    private mutating func anniversaries(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) -> Bool {
        let column = ready[index].column
        guard let date = customer.record.birthDate(column) else { return !customer.record.isPresent(column) }
        var born = AnniversaryTrigger.Born.gregorian(date)
        if let calendar = ready[index].calendarColumn, customer.record.isPresent(calendar) {
            guard case .success(let kept) = AnniversaryTrigger.Born.of(date, calendar: calendar, customer) else { return false }
            guard ready[index].mayFall(kept) else { return true }
            born = kept
        } else if !ready[index].mayFall(date) {
            return true
        }
        guard case .anniversary(let trigger) = book.rules[index].trigger else { return true }
        for (group, dates) in ready[index].dates.enumerated() {
            trigger.forEachOccasion(of: born, in: dates, zone: zone.zone) { occasion in
                offer(occasion, rule: index, group, customer: customer, zone: zone, body)
            }
        }
        return true
    }

    private mutating func dates(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) -> Bool {
        let column = ready[index].column
        guard let day = customer.record.day(column, business: book.house.business.zone) else { return false }
        guard case .date(let trigger) = book.rules[index].trigger else { return true }
        for (group, dates) in ready[index].dates.enumerated() {
            trigger.forEachOccasion(of: day, in: dates, zone: zone.zone) { occasion in
                offer(occasion, rule: index, group, customer: customer, zone: zone, body)
            }
        }
        return true
    }

    private mutating func idlePeriods(
        of customer: Customer, zone: CustomerZone, rule index: Int, _ body: (Candidate) -> Void
    ) -> Bool {
        let column = ready[index].column
        let business = book.house.business.zone
        guard let last = customer.record.localDay(column, business: business, customer: zone.zone) else { return false }
        guard case .idle(let trigger) = book.rules[index].trigger, let window = ready[index].window,
            let first = trigger.firstDay(after: last, customer, business: business, zone: zone.zone)
        else { return true }
        for (group, dates) in ready[index].dates.enumerated() {
            trigger.forEachOccasion(
                since: last, from: first, in: dates, baseline: window.baseline, zone: zone.zone
            ) { occasion in
                offer(occasion, rule: index, group, customer: customer, zone: zone, body)
            }
        }
        return true
    }

    private mutating func stay(
        _ entry: SegmentEntry, _ trigger: SegmentTrigger, of customer: Customer, zone: CustomerZone, rule index: Int,
        _ body: (Candidate) -> Void
    ) {
        guard let window = ready[index].window,
            let occasion = trigger.occasion(of: entry, baseline: window.baseline, zone: zone.zone)
        else { return }
        for group in plans[index].groups.indices {
            offer(occasion, rule: index, group, customer: customer, zone: zone, body)
        }
    }

    /// Emits what the occasion makes due in the rule's window.
    private mutating func offer(
        _ occasion: LocalOccasion, rule index: Int, _ group: Int, customer: Customer, zone: CustomerZone,
        _ body: (Candidate) -> Void
    ) {
        guard let window = ready[index].window, plans[index].isActive(on: occasion.date) else { return }
        let spread = plans[index].spread(for: customer)
        for step in plans[index].groups[group].steps {
            guard let message = message(of: occasion, rule: index, step: step, spread, customer, zone) else { continue }
            // A follow-up of what was not served is none.
            let isFollowUp = plans[index].steps[step].move != .none
            let begun = plans[index].steps[step].isList ? occasion.dueAt : occasion.dueAt + spread
            guard window.contains(message.dueAt), !isFollowUp || begun >= window.baseline else { continue }
            emit(message, rule: index, step: step, customerKey: customer.id, customer: customer, zone: zone, body)
        }
    }
}
