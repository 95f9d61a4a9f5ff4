package import RegardsCalendar

/// To which segments one customer belongs, and in which class.
package struct Membership: Hashable, Sendable {
    /// By index of the segment: 0 for no member, the class where the segment has classes, else 1.
    private var classes: [Int] = []

    /// Of no segment.
    package init() {}

    package func contains(_ segment: Int) -> Bool { classes.indices.contains(segment) && classes[segment] > 0 }

    /// The customer's class, from 1, in a segment of classes; nil without one. In another segment 1 for its members.
    package func rank(_ segment: Int) -> Int? { contains(segment) ? classes[segment] : nil }

    fileprivate mutating func clear(_ count: Int) {
        if classes.count == count {
            for index in classes.indices { classes[index] = 0 }
        } else {
            classes = Array(repeating: 0, count: count)
        }
    }

    fileprivate mutating func set(_ segment: Int, _ value: Int) { classes[segment] = value }
}

extension ConditionFacts {
    /// Finds the segments of `customer`. A segment may ask for those before it in the list; one that asks for itself or
    /// a later one sees no member there. Used again and again for one customer after the other, it allocates once.
    package mutating func findMembership(_ segments: [Segment], _ ranks: SegmentRanks) {
        membership.clear(segments.count)
        guard let customer else { return }
        for index in segments.indices {
            let found: Int
            switch segments[index].definition {
            case .matching(let condition):
                found = condition.holds(self) ? 1 : 0
            case .top(_, let column):
                found = ranks.reached(index, customer.measure(column, zone: zone)) > 0 ? 1 : 0
            case .classes(let count, let column):
                // A class above the first is one bound reached; without any bound nobody has a class.
                let value = customer.measure(column, zone: zone)
                let isRanked = value != nil && ranks.bounds[index]?.count == count - 1
                found = isRanked ? ranks.reached(index, value) + 1 : 0
            }
            membership.set(index, found)
        }
    }
}

extension SegmentRanks {
    /// How many of the segment's bounds a value has reached.
    fileprivate func reached(_ segment: Int, _ value: Double?) -> Int {
        guard let value, let bounds = bounds[segment] else { return 0 }
        var count = 0
        while count < bounds.count, value >= bounds[count] { count += 1 }
        return count
    }
}

extension Record {
    /// What segments are ranked by: a number as it is, a day or an instant as microseconds since 1970; nil for an empty
    /// slot and anything else.
    func measure(_ slot: Int, zone: Zone) -> Double? {
        switch slots[slot] {
        case .null: return nil
        case .integer(let number): return Double(number)
        case .real(let number): return number.isNaN ? nil : number
        case .text:
            if let instant = instant(slot, zone: zone) { return Double(instant.microseconds) }
            return number(slot)
        }
    }
}

extension RuleBook {
    /// What conditions are held against, of one customer and event at one instant, segments included.
    package func conditionFacts(_ facts: Facts, _ standing: Standing, now: Instant) -> ConditionFacts {
        var found = bareConditionFacts(facts, now: now)
        found.findMembership(segments, standing.ranks)
        return found
    }

    /// The same, without segments where the condition does not ask for them.
    func conditionFacts(
        for condition: Condition, _ facts: Facts, _ standing: Standing, now: Instant
    ) -> ConditionFacts {
        condition.asksForSegments ? conditionFacts(facts, standing, now: now) : bareConditionFacts(facts, now: now)
    }

    private func bareConditionFacts(_ facts: Facts, now: Instant) -> ConditionFacts {
        ConditionFacts(
            customer: facts.customer?.record, event: facts.eventRecord, zone: house.business.zone, now: now,
            received: facts.history.lastReceived, countries: countries)
    }
}
