package import RegardsCalendar
package import RegardsCore

/// One case of `regards test`: who the customers are, what happens, and who should hear from the business then.
package struct Case: Sendable {
    package var name: String
    package var place: Place
    /// In the order of the file, each id once.
    package var customers: [CaseRow]
    /// What had been sent before the case begins.
    package var sent: [CaseOutreach]
    /// In the order of time.
    package var happens: [CaseChange]
    package var from: CaseBound
    package var to: CaseBound
    /// Only what these rules do is compared; empty: all rules.
    package var rules: [String]
    /// Everything that should happen between `from` and `to`; empty: nothing.
    package var expected: [CaseOutreach]
    /// Segments that the case fills by name instead of by their definition, as indices into the book.
    package var segments: Set<Int>
}

/// Where a case begins or ends.
package enum CaseBound: Hashable, Sendable {
    /// The whole day where each customer lives.
    case day(CivilDate)
    /// `from` includes the instant, `to` does not.
    case instant(Instant)
}

/// Columns of one row of the case's database.
package struct CaseRow: Hashable, Sendable {
    package var id: String
    package var columns: [String: CaseValue]
    /// Of `Case.segments`, those the customer belongs to; nil where the row does not say.
    package var segments: Set<Int>?
}

/// A value as a database holds it.
package enum CaseValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
}

/// What happens in the course of a case.
package struct CaseChange: Hashable, Sendable {
    package enum Table: Hashable, Sendable {
        case customers
        /// Index into `RuleBook.eventKinds`.
        case events(Int)
    }

    package enum Change: Hashable, Sendable {
        /// The row gets these values; it is made where it is not there yet.
        case set(Table, CaseRow)
        case remove(Table, id: String)
        /// The daemon does not run for so long.
        case down(TimeSpan)
    }

    package var at: Instant
    package var changes: [Change]
}

/// An outreach in the words of a case; what is nil is not compared.
package struct CaseOutreach: Hashable, Sendable {
    package enum Fate: Hashable, Sendable {
        case goes
        /// Is not sent, for this reason; nil: for any.
        case skipped(String?)
        case held(String?)
    }

    package var place: Place
    /// As written.
    package var text: String
    package var rule: String
    package var step: String?
    package var customer: String?
    /// By the clock where the customer lives.
    package var day: CivilDate?
    /// To the minute, both included.
    package var times: ClosedRange<WallTime>?
    package var card: String?
    /// A role, or an address.
    package var recipient: String?
    package var fate: Fate
}
