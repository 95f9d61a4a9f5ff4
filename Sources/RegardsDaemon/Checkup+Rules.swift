import RegardsCalendar
import RegardsCore

/// Rules that can be read and make no sense: such as never fire again.
extension Checkup {
    mutating func lookAtRules(_ book: RuleBook, now: Instant) {
        let zone = book.house.business.zone
        let today = zone.local(at: now).date
        for rule in book.rules where rule.isEnabled {
            if let over = rule.over(on: today) {
                warn(rule.place, rule.name, "\(over): it sends nothing any more; give it another day, or delete it")
            }
            if let pair = rule.condition.contradiction(now: now, zone) {
                warn(rule.place, rule.name, "\(pair) exclude each other, so it never sends anything")
                continue
            }
            for step in rule.steps {
                guard let pair = Condition.all([rule.condition, step.condition]).contradiction(now: now, zone) else { continue }
                warn(step.place, rule.name, "\(pair) exclude each other, so the step \(step.name) never comes")
            }
        }
    }
}

extension Rule {
    /// Why no day of it is to come, in words; nil where one may.
    fileprivate func over(on today: CivilDate) -> String? {
        if let to = active?.to, to < today { return "it was active until \(to)" }
        switch trigger {
        case .on(let trigger):
            let last = trigger.day + (trigger.dayOffsets.max() ?? 0)
            return last < today ? "its day, \(last), is over" : nil
        case .schedule(let trigger):
            return trigger.expression.nextDate(onOrAfter: today) == nil ? "its schedule names no day to come" : nil
        case .anniversary, .feast, .date, .idle, .segment, .event: return nil
        }
    }
}

extension Condition {
    /// Two sentences of those that must all hold, of which one at most can, in words. What is inside `any` and `not` is
    /// not looked at.
    fileprivate func contradiction(now: Instant, _ zone: Zone) -> String? {
        let tests = required
        for (number, test) in tests.enumerated() {
            for other in tests[..<number] where other.operand == test.operand {
                guard other.predicate.excludes(test.predicate, now: now, zone) || test.predicate.excludes(other.predicate, now: now, zone)
                else { continue }
                return "\"\(other.text)\" and \"\(test.text)\""
            }
        }
        return nil
    }

    /// The sentences that must hold by themselves.
    private var required: [Test] {
        switch self {
        case .all(let parts): parts.flatMap(\.required)
        case .test(let test): [test]
        case .any, .not: []
        }
    }
}

extension Condition.Predicate {
    /// Whether no value can meet both. Asked in both orders.
    fileprivate func excludes(_ other: Condition.Predicate, now: Instant, _ zone: Zone) -> Bool {
        switch (self, other) {
        case (.isAbsent, .isAbsent): return false
        case (.isAbsent, _): return true
        case (.country(.equal, let code), .country(let comparison, let second)):
            return (code == second) == (comparison == .notEqual)
        case (.compare(let comparison, let literal), .compare(let second, let bound)):
            return Condition.excludes((comparison, literal), (second, bound))
        case (.within(let span), .olderThan(let age)):
            return span.subtracted(from: now, in: zone) >= age.subtracted(from: now, in: zone)
        default: return false
        }
    }
}

extension Condition {
    fileprivate static func excludes(_ left: (Comparison, Literal), _ right: (Comparison, Literal)) -> Bool {
        if case (.text(let text), .text(let second)) = (left.1, right.1) {
            let isSame = text.lowercased() == second.lowercased()
            switch (left.0, right.0) {
            case (.equal, .equal): return !isSame
            case (.equal, .notEqual): return isSame
            default: return false
            }
        }
        guard let value = left.1.value(beside: right.1), let bound = right.1.value(beside: left.1) else { return false }
        switch left.0 {
        case .equal: return !right.0.holds(value, bound)
        // Both must hold for some number between them.
        case .less, .lessOrEqual:
            let isTouching = left.0 == .lessOrEqual && right.0 == .greaterOrEqual
            guard right.0 == .greater || right.0 == .greaterOrEqual else { return false }
            return isTouching ? value < bound : value <= bound
        case .notEqual, .greater, .greaterOrEqual: return false
        }
    }
}

extension Condition.Literal {
    /// As a number, where the other is of the same kind.
    fileprivate func value(beside other: Condition.Literal) -> Double? {
        switch (self, other) {
        case (.number(let number), .number): number
        case (.date(let date), .date): Double(date.dayNumber)
        default: nil
        }
    }
}

extension Condition.Comparison {
    fileprivate func holds(_ value: Double, _ bound: Double) -> Bool {
        switch self {
        case .equal: value == bound
        case .notEqual: value != bound
        case .less: value < bound
        case .lessOrEqual: value <= bound
        case .greater: value > bound
        case .greaterOrEqual: value >= bound
        }
    }
}
