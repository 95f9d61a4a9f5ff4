package import RegardsCalendar

/// A span of time that a rule is planned for: `from` inclusive, `through` exclusive.
package struct PlanWindow: Hashable, Sendable {
    package var from: Instant
    package var through: Instant
    /// What was due before this instant has been planned by an earlier pass: when it is late by now, it was not owed
    /// then either (a customer added today had no birthday yesterday), and no row is written for it.
    package var plannedThrough: Instant

    package init(from: Instant, through: Instant, plannedThrough: Instant) {
        self.from = from
        self.through = through
        self.plannedThrough = plannedThrough
    }

    /// Planning looks this far ahead: a day, and two hours for a pass that is late.
    package static let ahead = TimeSpan.hours(26)

    /// The window of a rule's next pass: from where the last one ended, or as far back as a message may be late,
    /// whichever is earlier; never before the baseline.
    package init(rule: Rule, firstSeen: Instant, plannedThrough: Instant, now: Instant) {
        let baseline = rule.baseline(firstSeen: firstSeen)
        from = max(baseline, min(plannedThrough, now - rule.lateness.longest))
        through = now + PlanWindow.ahead
        self.plannedThrough = max(baseline, plannedThrough)
    }
}

/// One message that a rule owes, as derived from today's data: planning writes it to the ledger if `Decision`
/// agrees; sending derives it again.
package struct Candidate: Sendable {
    package var outreach: PlannedOutreach
    package var rule: Int
    package var step: Int
    /// Place in the list of people who hold the step's role.
    package var position: Int
    package var zone: CustomerZone
    /// An event's step whose event is over.
    package var hasEnded: Bool

    package init(
        outreach: PlannedOutreach, rule: Int, step: Int, position: Int, zone: CustomerZone, hasEnded: Bool = false
    ) {
        self.outreach = outreach
        self.rule = rule
        self.step = step
        self.position = position
        self.zone = zone
        self.hasEnded = hasEnded
    }
}

/// What is known about the customer and the event of one candidate.
package struct Facts: Sendable {
    /// nil: gone from the database, or an event without a customer.
    package var customer: Customer?
    package var event: Event?
    package var eventRecord: Record?
    /// Kinds (index into `RuleBook.eventKinds`) of this customer's open events that are not baseline.
    package var openEvents: [Int]

    package init(customer: Customer?, event: Event? = nil, eventRecord: Record? = nil, openEvents: [Int] = []) {
        self.customer = customer
        self.event = event
        self.eventRecord = eventRecord
        self.openEvents = openEvents
    }
}

/// Derives what every rule owes whom. It holds caches and is used by one thread at a time.
package struct Planner {
    package let book: RuleBook
    private var zones: ZoneFinder
    private var schedules: [ScheduleKey: [LocalOccasion]] = [:]

    package init(book: RuleBook, zones: ZoneCatalog, countries: CountryZones) {
        self.book = book
        self.zones = ZoneFinder(zones: zones, countries: countries, business: book.house.business.zone)
    }

    /// nil: `time_zone` names no zone, and the customer cannot be planned for.
    package mutating func zone(of customer: Customer) -> CustomerZone? { zones.zone(of: customer) }

    /// Calls `body` with each candidate of a customer's rule that is due in the window. Event rules have none here.
    package mutating func candidates(
        of customer: Customer, zone: CustomerZone, rule index: Int, in window: PlanWindow,
        _ body: (Candidate) -> Void
    ) {
        let rule = book.rules[index]
        func emit(_ occasion: LocalOccasion) {
            guard occasion.dueAt >= window.from, occasion.dueAt < window.through else { return }
            for step in rule.steps.indices {
                emitStep(step, rule: index, customerKey: customer.id, occasion: occasion, zone: zone, customer: customer, body)
            }
        }
        switch rule.trigger {
        case .anniversary(let trigger):
            guard let date = customer.record.birthDate(trigger.column) else { return }
            anniversaries(trigger, of: date, zone: zone.zone, in: window, emit)
        case .schedule(let trigger):
            for occasion in schedule(trigger, rule: index, zone: zone.zone, in: window) { emit(occasion) }
        case .event:
            return
        }
    }

    /// The candidates of an event rule for one event; all of its steps, whenever they are due.
    package mutating func candidates(ofEvent facts: Facts, rule index: Int) -> [Candidate] {
        guard let event = facts.event, case .event(let trigger) = book.rules[index].trigger else { return [] }
        let rule = book.rules[index]
        let zone = facts.customer.flatMap { zones.zone(of: $0) } ?? CustomerZone(zone: book.house.business.zone, source: .business)
        let hasEnded = isOver(trigger, facts, zone.zone)
        var found: [Candidate] = []
        for (number, step) in rule.steps.enumerated() {
            guard let first = dueAt(step.time, trigger: trigger, rule: rule.name, facts: facts, zone: zone.zone) else { continue }
            for repetition in 0..<max(1, step.atMost) {
                let due = step.every.map { first + TimeSpan(microseconds: $0.microseconds * Int64(repetition)) } ?? first
                let local = zone.zone.local(at: due)
                let occasion = LocalOccasion(id: event.occasion, dueAt: due, date: local.date, time: local.time)
                emitStep(
                    number, rule: index, customerKey: event.customerKey, occasion: occasion, zone: zone,
                    customer: facts.customer, repetition: repetition + 1
                ) { candidate in
                    var candidate = candidate
                    candidate.hasEnded = hasEnded && step.time.endsWithEvent
                    found.append(candidate)
                }
            }
        }
        return found
    }

    /// Derives a row of the ledger again from today's facts; nil when its occasion is owed no longer.
    package mutating func derive(_ key: OutreachKey, facts: Facts) -> Candidate? {
        guard let index = book.rules.firstIndex(where: { $0.name == key.rule }) else { return nil }
        var found: Candidate?
        func keep(_ candidate: Candidate) { if candidate.outreach.key == key { found = candidate } }
        if case .event = book.rules[index].trigger {
            candidates(ofEvent: facts, rule: index).forEach(keep)
        } else if let customer = facts.customer, let zone = zones.zone(of: customer),
            let window = PlanWindow(around: key.occasion)
        {
            candidates(of: customer, zone: zone, rule: index, in: window, keep)
        }
        return found
    }

    private func emitStep(
        _ number: Int, rule index: Int, customerKey: String, occasion: LocalOccasion, zone: CustomerZone,
        customer: Customer?, repetition: Int = 1, _ body: (Candidate) -> Void
    ) {
        let rule = book.rules[index]
        let step = rule.steps[number]
        let name = repetition == 1 ? step.name : "\(step.name)#\(repetition)"
        for position in 0..<recipientCount(step, customer) {
            let key = OutreachKey(
                customer: customerKey, rule: rule.name, occasion: occasion.id, step: name,
                recipient: "\(step.action.recipientRole)/\(position)")
            let planned = PlannedOutreach(
                key: key, dueAt: occasion.dueAt, expiresAt: expiry(rule, step, occasion, zone.zone),
                zone: zone.zone.name, localDate: occasion.date, localTime: occasion.time,
                channel: step.action.channel, lane: rule.purpose == .care ? .care : .rest, ruleHash: rule.hash)
            body(Candidate(outreach: planned, rule: index, step: number, position: position, zone: zone))
        }
    }

    /// A role that nobody holds still has its first position, so that the gap is seen and not lost.
    private func recipientCount(_ step: Step, _ customer: Customer?) -> Int {
        guard case .tell(let role, _) = step.action else { return 1 }
        return max(1, book.house.contacts(role, for: customer).count)
    }

    private func expiry(_ rule: Rule, _ step: Step, _ occasion: LocalOccasion, _ zone: Zone) -> Instant? {
        if case .tell = step.action { return nil }
        switch rule.lateness {
        case .untilMidnight: return zone.startOfDay(occasion.date + 1)
        case .grace(let span): return occasion.dueAt + span
        case .forever: return nil
        }
    }
}

/// One firing of a rule, in local time.
struct LocalOccasion {
    /// The occasion of the ledger's key.
    var id: String
    var dueAt: Instant
    var date: CivilDate
    var time: WallTime
}

// MARK: - Anniversaries

extension Planner {
    private func anniversaries(
        _ trigger: AnniversaryTrigger, of born: BirthDate, zone: Zone, in window: PlanWindow,
        _ body: (LocalOccasion) -> Void
    ) {
        // A day more on each side: no zone is further than a day from UTC.
        let first = Zone.utc.local(at: window.from).date - 1
        let last = Zone.utc.local(at: window.through).date + 1
        for offset in trigger.dayOffsets {
            for year in (first - offset).year...(last - offset).year {
                // The day of birth itself is no anniversary.
                if let bornYear = born.year, year <= bornYear { continue }
                let date = born.observed(in: year, feb29: trigger.feb29) + offset
                guard date >= first, date <= last else { continue }
                let id = trigger.dayOffsets.count == 1 ? padded(year) : "\(padded(year))/\(offset > 0 ? "+" : "")\(offset)"
                body(LocalOccasion(id: id, dueAt: zone.instant(date, trigger.at), date: date, time: trigger.at))
            }
        }
    }

    private func padded(_ year: Int) -> String { String(CivilDate(year: year, month: 1, day: 1)!.description.prefix { $0 != "-" }) }
}

// MARK: - Schedules

/// A schedule fires for everybody in a zone at the same instants: they are worked out once.
private struct ScheduleKey: Hashable {
    var rule: Int
    var zone: Zone
    var window: PlanWindow
}

extension Planner {
    private mutating func schedule(
        _ trigger: ScheduleTrigger, rule: Int, zone: Zone, in window: PlanWindow
    ) -> [LocalOccasion] {
        let zone = trigger.expression.zone ?? zone
        let key = ScheduleKey(rule: rule, zone: zone, window: window)
        if let known = schedules[key] { return known }
        let found = trigger.at.map { days(trigger.expression, at: $0, zone, window) } ?? elapses(trigger.expression, zone, window)
        // The windows of one pass share their bounds; those of passes long ago are not asked for again.
        if schedules.count >= 4096 { schedules.removeAll(keepingCapacity: true) }
        schedules[key] = found
        return found
    }

    private func days(_ expression: OnCalendar, at time: WallTime, _ zone: Zone, _ window: PlanWindow) -> [LocalOccasion] {
        var found: [LocalOccasion] = []
        var date = zone.local(at: window.from).date - 1
        let last = zone.local(at: window.through).date + 1
        while date <= last {
            if expression.matches(date) {
                found.append(LocalOccasion(id: date.description, dueAt: zone.instant(date, time), date: date, time: time))
            }
            date = date + 1
        }
        return found
    }

    /// Begins with the first local day, so that the n-th elapse of a day has the same n in every window.
    private func elapses(_ expression: OnCalendar, _ zone: Zone, _ window: PlanWindow) -> [LocalOccasion] {
        var found: [LocalOccasion] = []
        var at = zone.startOfDay(zone.local(at: window.from).date) - TimeSpan(microseconds: 1)
        var day: (date: CivilDate, count: Int)?
        while let next = expression.next(after: at, in: zone), next < window.through {
            let local = zone.local(at: next)
            let count = day?.date == local.date ? day!.count + 1 : 1
            day = (local.date, count)
            let id = count == 1 ? local.date.description : "\(local.date)#\(count)"
            found.append(LocalOccasion(id: id, dueAt: next, date: local.date, time: local.time))
            at = next
        }
        return found
    }
}

// MARK: - Events

extension Planner {
    private func isOver(_ trigger: EventTrigger, _ facts: Facts, _ zone: Zone) -> Bool {
        guard let event = facts.event else { return true }
        let kind = book.eventKinds[trigger.kind]
        if event.isGone && kind.vanished == .done { return true }
        guard let record = facts.eventRecord else { return false }
        let conditionFacts = ConditionFacts(customer: facts.customer?.record, event: record, zone: zone, now: event.at)
        if let endsWhen = trigger.endsWhen, endsWhen.holds(conditionFacts) { return true }
        return kind.done?.holds(conditionFacts) ?? false
    }

    private func dueAt(_ time: StepTime, trigger: EventTrigger, rule: String, facts: Facts, zone: Zone) -> Instant? {
        guard let event = facts.event else { return nil }
        switch time {
        case .occasion: return event.at
        case .start(let span): return event.at + span
        case .limit(let span):
            return (event.limits[rule] ?? trigger.promise.map { event.at + $0.answerWithin }).map { $0 + span }
        case .column(let slot, let span): return facts.eventRecord?.instant(slot, zone: zone).map { $0 + span }
        }
    }
}

extension StepTime {
    /// Steps on a column of their own (`3d after complaint.solved_at`) outlive the event.
    fileprivate var endsWithEvent: Bool {
        if case .column = self { false } else { true }
    }
}

extension Step.Action {
    package var recipientRole: Role {
        switch self {
        case .send, .webhook: .customer
        case .tell(let role, _): role
        }
    }

    package var channel: ChannelName {
        switch self {
        case .send, .tell: .mail
        case .webhook(let endpoint, _): .webhook(endpoint)
        }
    }
}

extension PlanWindow {
    /// A window that holds the occasion wherever the customer lives and whatever the rule's offsets: the year of
    /// `2027` or `2027/-7`, or the day of `2027-05-01#2`. nil for other texts.
    fileprivate init?(around occasion: String) {
        let year = occasion.prefix { $0.isNumber }
        let date = occasion.prefix { $0 != "#" }
        let span: ClosedRange<CivilDate>
        if let day = CivilDate(String(date)) {
            span = (day - 2)...(day + 2)
        } else if let number = Int(year), let first = CivilDate(year: number, month: 1, day: 1) {
            span = (first - 400)...(first + 800)
        } else {
            return nil
        }
        from = Instant(seconds: Int64(span.lowerBound.dayNumber) * 86_400)
        through = Instant(seconds: Int64(span.upperBound.dayNumber) * 86_400)
        plannedThrough = from
    }
}
