package import RegardsCalendar

// When time alone gives a condition another answer: `within` and `older than` begin and cease to hold although nobody
// changes anything. The daemon asks at every pass; whoever looks ahead needs to know when to ask.

extension RuleBook {
    /// The sentences of a rule, and of the segments it names, whose answer changes with time.
    package func timedTests(ofRule rule: Int) -> [Condition.Test] {
        timedTests(of: [rules[rule].condition] + rules[rule].steps.map(\.condition), before: segments.count)
    }

    /// The sentences by which customers come into a segment, or leave it, as time passes.
    package func timedTests(ofSegment segment: Int) -> [Condition.Test] {
        guard case .matching(let condition) = segments[segment].definition else { return [] }
        return timedTests(of: [condition], before: segment)
    }

    /// - Parameter segment: a segment sees only those before it in the list.
    private func timedTests(of conditions: [Condition], before segment: Int) -> [Condition.Test] {
        conditions.flatMap(\.tests).flatMap { test -> [Condition.Test] in
            switch test.operand {
            case .segment(let index), .rank(let index): index < segment ? timedTests(ofSegment: index) : []
            case .customer, .event, .received: test.predicate.span == nil ? [] : [test]
            }
        }
    }

    /// Rules whose messages change the answer of a rule's conditions once they are received.
    package func awaitedRules(ofRule rule: Int) -> Set<String> {
        awaitedRules(of: [rules[rule].condition] + rules[rule].steps.map(\.condition), before: segments.count)
    }

    private func awaitedRules(of conditions: [Condition], before segment: Int) -> Set<String> {
        var found: Set<String> = []
        for test in conditions.flatMap(\.tests) {
            switch test.operand {
            case .received(let rule): found.insert(rule)
            case .segment(let index), .rank(let index):
                guard index < segment, case .matching(let condition) = segments[index].definition else { continue }
                found.formUnion(awaitedRules(of: [condition], before: index))
            case .customer, .event: continue
            }
        }
        return found
    }

    /// The first whole second after `now` at which one of the sentences has another answer than at `now`, as long as the
    /// facts stay as they are; nil where that is not before `end`.
    ///
    /// Months and days are counted by the business's clock, so an answer may change and change back: `within 1 month` of 28
    /// February ends on 28 March at that time of day, and holds again in the first hours of the 29th.
    package func nextTurn(
        of tests: [Condition.Test], _ facts: Facts, after now: Instant, before end: Instant
    ) -> Instant? {
        guard !tests.isEmpty else { return nil }
        let found = conditionFacts(for: .always, facts, Standing(), now: now)
        return tests.compactMap { $0.nextTurn(found, before: end) }.min()
    }
}

extension Condition.Predicate {
    fileprivate var span: CalendarSpan? {
        switch self {
        case .within(let span), .olderThan(let span): span
        case .isPresent, .isAbsent, .compare, .country, .contains: nil
        }
    }
}

extension Condition.Test {
    fileprivate func nextTurn(_ facts: ConditionFacts, before end: Instant) -> Instant? {
        guard let span = predicate.span, let instant = instant(facts) else { return nil }
        var asked = facts
        func holds(at now: Instant) -> Bool {
            asked.now = now
            return self.holds(asked)
        }
        let known = holds(at: facts.now)
        var last = facts.now
        for probe in probes(instant, span, facts.zone, after: facts.now) where last < end {
            let next = min(probe, end)
            if holds(at: next) != known {
                let turn = Instant.firstSecond(after: last, through: next) { holds(at: $0) != known }
                return turn < end ? turn : nil
            }
            last = next
        }
        return nil
    }

    private func instant(_ facts: ConditionFacts) -> Instant? {
        switch operand {
        case .customer(let slot): facts.customer.flatMap { $0.isPresent(slot) ? $0.instant(slot, zone: facts.zone) : nil }
        case .event(let slot): facts.event.flatMap { $0.isPresent(slot) ? $0.instant(slot, zone: facts.zone) : nil }
        case .received(let rule): facts.received[rule]
        case .segment, .rank: nil
        }
    }

    /// Instants in order, so close around each turn that the answer changes at most once between two of them. Between
    /// midnights and changes of the clocks, which are on whole hours or halves, it does.
    private func probes(_ instant: Instant, _ span: CalendarSpan, _ zone: Zone, after now: Instant) -> [Instant] {
        var probes: [Instant] = []
        if case .within = predicate { probes.append(instant.wholeSecond) }
        let turn = span.added(to: instant, in: zone)
        if span.months == 0, span.days == 0 {
            probes.append((turn + TimeSpan(microseconds: 1)).wholeSecond)
        } else {
            // Days of 23 and 25 hours; months of 28 to 31 days.
            let margin = TimeSpan.days(span.months == 0 ? 1 : 4)
            let halfHour: Int64 = 1800
            let first = floorDivide(max(turn - margin, now).seconds, halfHour) * halfHour
            probes += stride(from: first, through: (turn + margin).seconds, by: Int64.Stride(halfHour)).map(Instant.init(seconds:))
        }
        return probes.filter { $0 > now }.sorted()
    }
}

extension Instant {
    /// This instant where it is a whole second, else the next that is.
    fileprivate var wholeSecond: Instant { Instant(seconds: -Instant(microseconds: -microseconds).seconds) }

    /// The first whole second after one instant for which something holds that holds at another, a later whole second or
    /// any instant within it, and from there back to the first.
    fileprivate static func firstSecond(after start: Instant, through end: Instant, _ holds: (Instant) -> Bool) -> Instant {
        var (low, high) = (start.seconds, end.wholeSecond.seconds)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if holds(Instant(seconds: middle)) { high = middle } else { low = middle }
        }
        return Instant(seconds: high)
    }
}
