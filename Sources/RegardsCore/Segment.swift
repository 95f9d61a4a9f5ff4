package import RegardsCalendar

/// A group of customers that rules can name.
package struct Segment: Sendable {
    package enum Definition: Sendable {
        /// Those for whom a condition holds.
        case matching(Condition)
        /// `top: 20%, by: COLUMN`: those with the highest numbers, or latest days, in a column. Of n customers with a
        /// value, the share gives ceil(share * n), and whoever has the same value as the last of them belongs too.
        case top(Share, by: Int)
        /// `classes: 5, by: COLUMN`: customers with a value, ranked into classes of equal size; the highest class has
        /// the highest values, equal values share the higher class. The upper k of n classes hold whom `top` of k/n would,
        /// so that of a few customers the classes left out are low ones. Customers without a value have none.
        case classes(Int, by: Int)
    }

    package enum Share: Hashable, Sendable {
        /// Above 0 to 1.
        case part(Double)
        case count(Int)
    }

    package var name: String
    package var definition: Definition
    package var place: Place
    /// `StableHash` of the definition, and of those of the segments that it names: the same for two files that differ only
    /// in layout and comments.
    package var hash: UInt64

    package init(
        name: String, definition: Definition, place: Place = Place(file: "", line: 0, column: 0), hash: UInt64 = 0
    ) {
        self.name = name
        self.definition = definition
        self.place = place
        self.hash = hash
    }

    package var isRanked: Bool {
        if case .matching = definition { false } else { true }
    }
}

/// A stay of one customer in one segment, as the ledger records it.
package struct SegmentEntry: Hashable, Sendable {
    /// Counts the customer's entries into this segment, from 1: the occasion of `becomes` and `leaves`.
    package var number: Int
    package var enteredAt: Instant
    /// nil while the customer belongs.
    package var leftAt: Instant?
    /// True when the customer belonged already when the segment was first looked at.
    package var isBaseline: Bool

    package init(number: Int, enteredAt: Instant, leftAt: Instant? = nil, isBaseline: Bool = false) {
        self.number = number
        self.enteredAt = enteredAt
        self.leftAt = leftAt
        self.isBaseline = isBaseline
    }
}
