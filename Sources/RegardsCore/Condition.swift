package import RegardsCalendar

/// A condition of a rule: tests joined by `all`, `any` and `not`.
package indirect enum Condition: Sendable {
    case all([Condition])
    case any([Condition])
    case not(Condition)
    case test(Test)

    package static let always = Condition.all([])

    /// One short sentence, such as `total_spent >= 1000`.
    package struct Test: Sendable {
        /// The sentence as written.
        package var text: String
        package var operand: Operand
        package var predicate: Predicate

        package init(text: String, operand: Operand, predicate: Predicate) {
            self.text = text
            self.operand = operand
            self.predicate = predicate
        }
    }

    /// What a sentence is about: a column of the customer, or of the event the rule is about; or what is known besides.
    package enum Operand: Hashable, Sendable {
        case customer(slot: Int)
        case event(slot: Int)
        /// `segment is gold`: present for members of the segment (index into `RuleBook.segments`).
        case segment(Int)
        /// `class recency >= 4`: the number of the customer's class, from 1; absent without one.
        case rank(Int)
        /// `received monthly-card within 30d`: when the rule last reached the customer; absent where it never did.
        case received(rule: String)
    }

    package enum Predicate: Hashable, Sendable {
        case isPresent
        case isAbsent
        case compare(Comparison, Literal)
        /// The column names this country, as code or name in English; only `=` and `!=`. The code is ISO 3166's, in
        /// capitals.
        case country(Comparison, code: String)
        /// The text occurs as whole words; the letters A-Z compare without case.
        case contains(String)
        /// The column's instant lies in the span before now.
        case within(CalendarSpan)
        /// The column's instant lies before the span before now.
        case olderThan(CalendarSpan)
    }

    package enum Comparison: String, CaseIterable, Sendable {
        case equal = "=", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
    }

    /// Typed by its form: `1000` is a number, `2027-05-01` a date, all else text.
    package enum Literal: Hashable, Sendable {
        case number(Double)
        case date(CivilDate)
        case text(String)
        /// `yes`, `no`, `true` or `false`, as it is written: databases have many ways to say so. What says neither in any
        /// of them is compared as text.
        case flag(Bool, as: String)
    }
}
