package import RegardsCalendar

// MARK: - Events

extension Rule {
    /// nil for a rule that no event makes fire.
    package var eventTrigger: EventTrigger? { if case .event(let trigger) = trigger { trigger } else { nil } }

    /// `date: KIND.COLUMN`: what is to come is owed, however long ago the event was entered.
    package var isOnDayOfEvent: Bool {
        guard let trigger = eventTrigger, case .day = trigger.start else { return false }
        return true
    }
}

extension RuleBook {
    /// When the promise of each rule about a kind of event runs out, by rule: for events that are seen for the first time.
    /// - Parameter isMember: whether the customer belongs to a segment, by its index.
    package func limits(of kind: Int, from start: Instant, isMember: (Int) -> Bool) -> [String: Instant] {
        var limits: [String: Instant] = [:]
        for rule in rules {
            guard let trigger = rule.eventTrigger, trigger.kind == kind, let promise = trigger.promise else { continue }
            limits[rule.name] = promise.limit(from: start, house.business, within: promise.granted(isMember))
        }
        return limits
    }
}

extension Planner {
    /// The messages that an event rule owes because of one event, whenever they are due. An event that was there before the
    /// rule was first seen owes none; but an appointment that was made long ago is still to come, and so the messages of
    /// a rule on a day of the event are taken one by one.
    package mutating func owed(because facts: Facts, rule index: Int, firstSeen: Instant) -> [Candidate] {
        let rule = book.rules[index]
        if rule.isOnDayOfEvent {
            let baseline = rule.baseline(firstSeen: firstSeen)
            return candidates(ofEvent: facts, rule: index).filter { $0.outreach.dueAt >= baseline }
        }
        guard let event = facts.event, !rule.isBaseline(event, firstSeen: firstSeen) else { return [] }
        return candidates(ofEvent: facts, rule: index)
    }

    /// The candidates of an event rule for one event; all of its steps, whenever they are due.
    ///
    /// Rungs are the steps that tell somebody, hung on the start or the limit. Of the rungs that were due already when
    /// the event was first seen only the highest counts, and a rung after one whose recipient was refused is due at once.
    package mutating func candidates(ofEvent facts: Facts, rule index: Int) -> [Candidate] {
        candidates(ofEvent: facts, rule: index, ignoringActive: false)
    }

    mutating func candidates(ofEvent facts: Facts, rule index: Int, ignoringActive: Bool) -> [Candidate] {
        guard plans[index].isEnabled, let event = facts.event, case .event(let trigger) = book.rules[index].trigger,
            book.eventKinds[trigger.kind].isThere(event)
        else { return [] }
        // A customer whose own zone is unknown still gets an answer.
        let zone =
            facts.customer.flatMap { zones.zone(of: $0) } ?? CustomerZone(zone: book.house.business.zone, source: .business)
        let clock = EventClock(event, trigger, facts, rule: plans[index].name, book.house.business, zone.zone)
        guard ignoringActive || plans[index].isActive(on: zone.zone.local(at: clock.start ?? event.at).date) else { return [] }
        var rungs: [EventStep] = []
        for (number, step) in book.rules[index].steps.enumerated() {
            guard let first = clock.due(step) else { continue }
            let isRung = plans[index].steps[number].isTell && step.time.isOfTheLadder
            for (repetition, due) in step.dueTimes(from: first).enumerated() {
                rungs.append(
                    EventStep(
                        step: number, repetition: repetition + 1, own: due.at, dueAt: due.at, replacedAt: due.replacedAt,
                        isRung: isRung))
            }
        }
        passOver(&rungs, event, facts.customer, index)
        hasten(&rungs, facts.history.refused, index)
        return rungs.flatMap { candidates($0, event, facts.customer, zone, index) }
    }

    private mutating func candidates(
        _ rung: EventStep, _ event: Event, _ customer: Customer?, _ zone: CustomerZone, _ index: Int
    ) -> [Candidate] {
        let message = Message(
            occasion: event.occasion, meant: LocalMoment(rung.dueAt, in: zone.zone), zone: zone.zone,
            dueAt: allowed(from: rung.dueAt, plans[index].steps[rung.step], customer, zone.zone),
            repetition: rung.repetition, replacedAt: rung.replacedAt, isOvertaken: rung.isOvertaken)
        var found: [Candidate] = []
        emit(
            message, rule: index, step: rung.step, customerKey: event.customerKey, customer: customer, zone: zone
        ) { found.append($0) }
        return found
    }

    /// Marks the rungs that a higher one overtook before anybody could know of the event. A rung with a condition of its
    /// own, or that nobody holds, may not go: it overtakes none.
    private func passOver(_ rungs: inout [EventStep], _ event: Event, _ customer: Customer?, _ index: Int) {
        let highest = rungs.filter { rung in
            guard rung.isRung, rung.own <= event.firstSeen else { return false }
            return book.rules[index].steps[rung.step].condition.tests.isEmpty
                && recipientCount(plans[index].steps[rung.step], customer, due: rung.own) > 0
        }.map(\.own).max()
        guard let highest else { return }
        for place in rungs.indices where rungs[place].isRung && rungs[place].own < highest { rungs[place].isOvertaken = true }
    }

    /// Makes the rungs after a refused one due when it was refused. A repetition goes to the same people and is none.
    private func hasten(_ rungs: inout [EventStep], _ refused: [String: Instant], _ index: Int) {
        guard !refused.isEmpty else { return }
        for rung in rungs where rung.isRung {
            let step = plans[index].steps[rung.step].name
            let name = rung.repetition == 1 ? step : "\(step)#\(rung.repetition)"
            guard let when = refused["\(plans[index].name)/\(name)"] else { continue }
            let later = rungs.indices.filter { rungs[$0].isRung && rungs[$0].step != rung.step && rungs[$0].own > rung.own }
            guard let next = later.map({ rungs[$0].own }).min() else { continue }
            for place in later where rungs[place].own == next { rungs[place].dueAt = min(rungs[place].dueAt, when) }
        }
    }
}

/// One step of an event, or one of its repetitions.
private struct EventStep {
    var step: Int
    var repetition: Int
    /// As the rule has it.
    var own: Instant
    /// Earlier when the rung before was refused.
    var dueAt: Instant
    var replacedAt: Instant?
    var isRung: Bool
    var isOvertaken = false
}

/// When the steps of one event are due.
private struct EventClock {
    let event: Event
    let facts: Facts
    let business: Business
    let zone: Zone
    let promise: Promise?
    /// What the steps hang on; nil while the event's column is empty.
    let start: Instant?
    let limit: Instant?
    /// What was promised this customer.
    let granted: TimeSpan?

    /// - Parameter zone: where the customer lives; instants without an offset of their own are the business's, whose
    ///   programs wrote them.
    init(_ event: Event, _ trigger: EventTrigger, _ facts: Facts, rule: String, _ business: Business, _ zone: Zone) {
        self.event = event
        self.facts = facts
        self.business = business
        self.zone = zone
        promise = trigger.promise
        switch trigger.start {
        case .event(let delay): start = delay.due(from: event.at, in: zone)
        case .day(let column, let offset, let at):
            start = facts.eventRecord?.day(column, business: business.zone).map { zone.instant($0 + offset, at) }
        }
        let fixed = event.limits[rule]
        limit = fixed ?? trigger.promise?.limit(from: event.at, business)
        granted = trigger.promise.map { promise in
            fixed.map { promise.granted(limit: $0, from: event.at, business) } ?? promise.answerWithin
        }
    }

    /// nil while the step is not due at any time.
    func due(_ step: Step) -> Instant? {
        switch step.time {
        case .occasion: return start.map { moved($0, by: .zero, step.at) }
        case .start(let span): return start.map { moved($0, by: span, step.at) }
        case .limit(let span): return limit.map { max(event.at, aroundLimit($0, span, step.at)) }
        case .column(let slot, let span):
            return facts.eventRecord?.instant(slot, zone: business.zone).map { moved($0, by: span, step.at) }
        }
    }

    private func aroundLimit(_ limit: Instant, _ span: TimeSpan, _ at: WallTime?) -> Instant {
        guard let promise, let granted else { return moved(limit, by: span, at) }
        let scaled = promise.scaled(span, granted: granted)
        if promise.clock == .wall { return moved(limit, by: scaled, at) }
        let due = promise.instant(scaled, from: limit, business)
        return at.map { zone.first($0, notBefore: due) } ?? due
    }

    /// As `Delay` has it: whole days move the date, all else is waited for.
    private func moved(_ anchor: Instant, by span: TimeSpan, _ at: WallTime?) -> Instant {
        guard let at else { return anchor + span }
        if let days = span.wholeDays { return zone.instant(zone.local(at: anchor).date + days, at) }
        return zone.first(at, notBefore: anchor + span)
    }
}

extension StepTime {
    fileprivate var isOfTheLadder: Bool {
        switch self {
        case .occasion, .start, .limit: true
        case .column: false
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
