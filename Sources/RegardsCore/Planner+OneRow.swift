import RegardsCalendar

// MARK: - One row again

extension Planner {
    /// Derives a row of the ledger again from today's facts; nil when its occasion is owed no longer.
    package mutating func derive(_ key: OutreachKey, facts: Facts) -> Candidate? {
        guard let index = book.rules.firstIndex(where: { $0.name == key.rule }), plans[index].isEnabled else { return nil }
        return derive(key, rule: index, facts)
    }

    /// Whether a row of which `derive` finds nothing is owed no longer because its rule is switched off, or its day lies
    /// outside the rule's `active` period.
    mutating func isOff(_ key: OutreachKey, facts: Facts) -> Bool {
        guard let index = book.rules.firstIndex(where: { $0.name == key.rule }) else { return false }
        return !plans[index].isEnabled || derive(key, rule: index, facts, ignoringActive: true) != nil
    }

    private mutating func derive(
        _ key: OutreachKey, rule index: Int, _ facts: Facts, ignoringActive: Bool = false
    ) -> Candidate? {
        if case .event = book.rules[index].trigger {
            return candidates(ofEvent: facts, rule: index, ignoringActive: ignoringActive).first { $0.outreach.key == key }
        }
        guard let customer = facts.customer, let zone = zones.zone(of: customer),
            let occasion = occasion(key.occasion, of: customer, zone: zone.zone, rule: index, facts.entries),
            ignoringActive || plans[index].isActive(on: occasion.date)
        else { return nil }
        let spread = plans[index].spread(for: customer)
        var found: Candidate?
        for step in plans[index].steps.indices where found == nil && plans[index].steps[step].mayBe(key.step) {
            guard let message = message(of: occasion, rule: index, step: step, spread, customer, zone) else { continue }
            emit(message, rule: index, step: step, customerKey: customer.id, customer: customer, zone: zone) {
                if $0.outreach.key == key { found = $0 }
            }
        }
        return found
    }

    /// The occasion of that name for a customer; nil when there is none, and for rules about events.
    private func occasion(
        _ name: String, of customer: Customer, zone: Zone, rule index: Int, _ entries: [Int: SegmentEntry]
    ) -> LocalOccasion? {
        let business = book.house.business.zone
        switch book.rules[index].trigger {
        case .anniversary(let trigger):
            guard case .success(let born?) = trigger.born(customer) else { return nil }
            return trigger.occasion(name, of: born, zone: zone)
        case .schedule(let trigger): return trigger.occasion(name, zone: zone)
        case .feast(let trigger):
            guard let feasts = trigger.feasts(of: customer, countries) else { return nil }
            return trigger.occasion(name, of: feasts, zone: zone)
        case .date(let trigger):
            guard let day = customer.record.day(trigger.column, business: business) else { return nil }
            return trigger.occasion(name, of: day, zone: zone)
        case .on(let trigger): return trigger.occasion(name, zone: zone)
        case .idle(let trigger):
            guard let last = customer.record.localDay(trigger.column, business: business, customer: zone),
                let first = trigger.firstDay(after: last, customer, business: business, zone: zone)
            else { return nil }
            return trigger.occasion(name, since: last, from: first, zone: zone)
        case .segment(let trigger):
            guard let entry = entries[trigger.segment], String(entry.number) == name else { return nil }
            return trigger.occasion(of: entry, baseline: .beforeAll, zone: zone)
        case .event: return nil
        }
    }
}

// MARK: - What cannot be planned

extension Planner {
    /// What in the customer's columns keeps a rule from knowing its days; nil when nothing does, and for rules about
    /// events.
    package func problem(with customer: Customer, rule index: Int) -> DateProblem? { problemAndColumn(customer, index)?.problem }

    /// The name of the column that `problem` is about.
    package func problemColumn(with customer: Customer, rule index: Int) -> String? {
        problemAndColumn(customer, index).flatMap { $0.column }.map { book.customers.columns.names[$0] }
    }

    private func problemAndColumn(_ customer: Customer, _ index: Int) -> (problem: DateProblem, column: Int?)? {
        let (record, business) = (customer.record, book.house.business.zone)
        func unreadable(_ slot: Int, _ day: CivilDate?) -> (DateProblem, Int?)? {
            record.isPresent(slot) && day == nil ? (.badDate, slot) : nil
        }
        switch book.rules[index].trigger {
        case .anniversary(let trigger):
            guard case .failure(let problem) = trigger.born(customer) else { return nil }
            return (problem, problem == .unknownCalendar ? trigger.calendarColumn : trigger.column)
        case .feast(let trigger):
            guard trigger.feasts(of: customer, countries) == nil, case .byCountry(_, let column) = trigger.choice
            else { return nil }
            return (.unknownFeast, column)
        case .date(let trigger): return unreadable(trigger.column, record.day(trigger.column, business: business))
        case .idle(let trigger):
            return unreadable(trigger.column, record.localDay(trigger.column, business: business, customer: business))
        case .schedule, .on, .segment, .event: return nil
        }
    }
}
