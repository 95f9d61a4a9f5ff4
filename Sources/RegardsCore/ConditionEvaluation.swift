package import RegardsCalendar

/// What a condition is held against.
package struct ConditionFacts {
    package var customer: Record?
    package var event: Record?
    /// Zone of dates and times that bring no offset of their own: the business's, whose programs wrote them.
    package var zone: Zone
    package var now: Instant

    package init(customer: Record?, event: Record? = nil, zone: Zone, now: Instant) {
        self.customer = customer
        self.event = event
        self.zone = zone
        self.now = now
    }

    fileprivate func record(_ operand: Condition.Operand) -> (record: Record, slot: Int)? {
        switch operand {
        case .customer(let slot): customer.map { ($0, slot) }
        case .event(let slot): event.map { ($0, slot) }
        case .segment, .rank, .received: nil
        }
    }
}

extension Condition {
    /// A test of an empty column, or of a record that is not there, does not hold (`is absent` does); under `not`
    /// it does.
    package func holds(_ facts: ConditionFacts) -> Bool {
        switch self {
        case .all(let parts): parts.allSatisfy { $0.holds(facts) }
        case .any(let parts): parts.contains { $0.holds(facts) }
        case .not(let part): !part.holds(facts)
        case .test(let test): test.holds(facts)
        }
    }

    /// The first sentence that decides the answer, as written, with `not` in front where it stands under one;
    /// empty for a condition without tests.
    package func decider(_ facts: ConditionFacts) -> String {
        switch self {
        case .all(let parts):
            (parts.first { !$0.holds(facts) } ?? parts.last)?.decider(facts) ?? ""
        case .any(let parts):
            (parts.first { $0.holds(facts) } ?? parts.last)?.decider(facts) ?? ""
        case .not(let part): "not " + part.decider(facts)
        case .test(let test): test.text
        }
    }

    /// Every test, in the order of the file.
    package var tests: [Test] {
        switch self {
        case .all(let parts), .any(let parts): parts.flatMap(\.tests)
        case .not(let part): part.tests
        case .test(let test): [test]
        }
    }
}

extension Condition.Test {
    package func holds(_ facts: ConditionFacts) -> Bool {
        guard let (record, slot) = facts.record(operand) else { return predicate == .isAbsent }
        switch predicate {
        case .isPresent: return record.isPresent(slot)
        case .isAbsent: return !record.isPresent(slot)
        case .compare(let comparison, let literal):
            guard record.isPresent(slot) else { return false }
            // What is of another kind than the literal is neither less nor greater, and surely not the same.
            guard let order = record.order(slot, literal, facts.zone) else { return comparison == .notEqual }
            return comparison.accepts(order)
        case .country(let comparison, let code):
            return record.isPresent(slot) && (record.string(slot) == code) == (comparison == .equal)
        case .contains(let text):
            return record.withText(slot) { bytes in
                bytes.map { TextMatch.words(in: $0, contain: text) }
                    ?? TextMatch.words(in: record.string(slot) ?? "", contain: text)
            }
        case .within(let span):
            guard let instant = record.instant(slot, zone: facts.zone) else { return false }
            return instant <= facts.now && instant >= span.subtracted(from: facts.now, in: facts.zone)
        case .olderThan(let span):
            guard let instant = record.instant(slot, zone: facts.zone) else { return false }
            return instant < span.subtracted(from: facts.now, in: facts.zone)
        }
    }
}

extension Condition.Comparison {
    /// - Parameter order: negative, zero or positive, as the column is less than, equal to or greater than the literal.
    fileprivate func accepts(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

extension Record {
    /// The slot against the literal, by the literal's type; nil where the slot holds nothing of that type.
    fileprivate func order(_ slot: Int, _ literal: Condition.Literal, _ zone: Zone) -> Int? {
        switch literal {
        case .number(let right):
            guard let left = number(slot), !left.isNaN else { return nil }
            return left < right ? -1 : left > right ? 1 : 0
        case .date(let right):
            guard let left = instant(slot, zone: zone) else { return nil }
            let date = zone.local(at: left).date
            return date < right ? -1 : date > right ? 1 : 0
        case .text(let right):
            return withText(slot) { bytes in
                bytes.map { TextMatch.order($0, right) } ?? TextMatch.order(of: string(slot) ?? "", right)
            }
        }
    }
}
