package import RegardsCalendar

/// What a condition is held against.
package struct ConditionFacts {
    package var customer: Record?
    package var event: Record?
    /// Zone of dates and times that bring no offset of their own: the business's, whose programs wrote them.
    package var zone: Zone
    package var now: Instant
    /// The customer's segments; see `findMembership`.
    package var membership: Membership
    /// When each rule last reached the customer, by the rule's name.
    package var received: [String: Instant]
    /// What names of countries mean.
    package var countries: CountryZones

    package init(
        customer: Record?, event: Record? = nil, zone: Zone, now: Instant, membership: Membership = Membership(),
        received: [String: Instant] = [:], countries: CountryZones = .none
    ) {
        self.customer = customer
        self.event = event
        self.zone = zone
        self.now = now
        self.membership = membership
        self.received = received
        self.countries = countries
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

    /// A sentence of a condition beside what was found.
    package struct Finding: Hashable, Sendable {
        /// As written, with `not` in front where it stands under one.
        package var sentence: String
        /// The column's text, the number of the class, `yes` for a member, or when the rule's message was received;
        /// nil where there is none of it.
        package var value: String?
        package var holds: Bool
    }

    /// Every sentence with the value it was held against, in the order of the file.
    package func values(_ facts: ConditionFacts) -> [Finding] { values(facts, isNegated: false) }

    private func values(_ facts: ConditionFacts, isNegated: Bool) -> [Finding] {
        switch self {
        case .all(let parts), .any(let parts): parts.flatMap { $0.values(facts, isNegated: isNegated) }
        case .not(let part): part.values(facts, isNegated: !isNegated)
        case .test(let test):
            [
                Finding(
                    sentence: isNegated ? "not " + test.text : test.text, value: facts.text(test.operand),
                    holds: test.holds(facts) != isNegated)
            ]
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

    /// Whether any sentence is about a segment or a class.
    package var asksForSegments: Bool {
        switch self {
        case .all(let parts), .any(let parts): parts.contains { $0.asksForSegments }
        case .not(let part): part.asksForSegments
        case .test(let test): test.segment != nil
        }
    }

    /// Indices of the segments whose members or classes it asks for.
    package var segments: Set<Int> { Set(tests.compactMap(\.segment)) }
}

extension Condition.Test {
    /// The segment that it is about.
    fileprivate var segment: Int? {
        switch operand {
        case .segment(let index), .rank(let index): index
        case .customer, .event, .received: nil
        }
    }

    package func holds(_ facts: ConditionFacts) -> Bool {
        switch operand {
        case .customer(let slot): holds(facts.customer, slot, facts)
        case .event(let slot): holds(facts.event, slot, facts)
        case .segment(let segment): predicate.holds(present: facts.membership.contains(segment))
        case .rank(let segment): predicate.holds(rank: facts.membership.rank(segment))
        case .received(let rule): predicate.holds(instant: facts.received[rule], facts)
        }
    }

    private func holds(_ record: Record?, _ slot: Int, _ facts: ConditionFacts) -> Bool {
        guard let record, record.isPresent(slot) else { return predicate == .isAbsent }
        switch predicate {
        case .isPresent: return true
        case .isAbsent: return false
        case .compare(let comparison, let literal):
            // What is of another kind than the literal is neither less nor greater, and surely not the same.
            guard let order = record.order(slot, literal, facts.zone) else { return comparison == .notEqual }
            return comparison.accepts(order)
        case .country(let comparison, let code):
            return record.names(slot, country: code, facts.countries) == (comparison == .equal)
        case .contains(let text):
            return record.withText(slot) { bytes in
                bytes.map { TextMatch.words(in: $0, contain: text) }
                    ?? TextMatch.words(in: record.string(slot) ?? "", contain: text)
            }
        case .within, .olderThan:
            return predicate.holds(instant: record.instant(slot, zone: facts.zone), facts)
        }
    }
}

extension Condition.Predicate {
    fileprivate func holds(present: Bool) -> Bool { self == (present ? .isPresent : .isAbsent) }

    fileprivate func holds(rank: Int?) -> Bool {
        guard let rank, case .compare(let comparison, let literal) = self else { return holds(present: rank != nil) }
        guard case .number(let right) = literal else { return comparison == .notEqual }
        return comparison.accepts(Double(rank) < right ? -1 : Double(rank) > right ? 1 : 0)
    }

    fileprivate func holds(instant: Instant?, _ facts: ConditionFacts) -> Bool {
        guard let instant else { return self == .isAbsent }
        switch self {
        case .within(let span):
            return instant <= facts.now && instant >= span.subtracted(from: facts.now, in: facts.zone)
        case .olderThan(let span): return instant < span.subtracted(from: facts.now, in: facts.zone)
        case .isPresent: return true
        case .isAbsent, .compare, .country, .contains: return false
        }
    }
}

extension ConditionFacts {
    /// What an operand stands for, as people read it; nil where there is nothing.
    fileprivate func text(_ operand: Condition.Operand) -> String? {
        switch operand {
        case .customer(let slot): customer.flatMap { $0.isPresent(slot) ? $0.string(slot) : nil }
        case .event(let slot): event.flatMap { $0.isPresent(slot) ? $0.string(slot) : nil }
        case .segment(let segment): membership.contains(segment) ? "yes" : nil
        case .rank(let segment): membership.rank(segment).map(String.init)
        case .received(let rule): received[rule]?.description
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
        case .flag(let right, let words):
            return truth(slot).map { $0 == right ? 0 : 1 } ?? order(slot, .text(words), zone)
        case .text(let right):
            return withText(slot) { bytes in
                bytes.map { TextMatch.order($0, right) } ?? TextMatch.order(of: string(slot) ?? "", right)
            }
        }
    }

    /// Whether the slot names the country with this code: by the code itself, or by a name. The code itself is not
    /// looked up, and a name of up to 15 bytes without an allocation.
    fileprivate func names(_ slot: Int, country code: String, _ countries: CountryZones) -> Bool {
        withText(slot) { bytes in
            guard let bytes else { return false }
            return TextMatch.order(bytes, code) == 0 || countries.code(of: String(decoding: bytes, as: UTF8.self)) == code
        }
    }
}
