package import RegardsCalendar

/// Who was promised what: a promise may be shorter, or longer, for members of a segment.
extension Promise {
    /// The time within which a customer must be answered: the first segment that they belong to decides.
    /// - Parameter isMember: by index of the segment (`RuleBook.segments`).
    package func granted(_ isMember: (Int) -> Bool) -> TimeSpan {
        bySegment.first { isMember($0.segment) }?.answerWithin ?? answerWithin
    }

    /// When an event of this instant must be answered.
    /// - Parameter within: what was promised: `granted`.
    package func limit(from start: Instant, _ business: Business, within: TimeSpan) -> Instant {
        instant(within, from: start, business)
    }

    /// What was promised, told from the limit that was fixed when the event was first seen: an event that has moved
    /// since, or a promise that was edited, leaves a limit that fits none exactly, and then the nearest counts.
    package func granted(limit: Instant, from start: Instant, _ business: Business) -> TimeSpan {
        guard !bySegment.isEmpty else { return answerWithin }
        func distance(_ span: TimeSpan) -> UInt64 {
            (self.limit(from: start, business, within: span) - limit).microseconds.magnitude
        }
        return bySegment.map(\.answerWithin).reduce(answerWithin) { distance($1) < distance($0) ? $1 : $0 }
    }

    /// A step's span around the limit for a customer who was promised `granted`: written for `answerWithin`, and as much
    /// shorter or longer as the promise is.
    package func scaled(_ span: TimeSpan, granted: TimeSpan) -> TimeSpan {
        guard granted != answerWithin, answerWithin > .zero else { return span }
        let product = Int128(span.microseconds) * Int128(granted.microseconds)
        return TimeSpan(microseconds: Int64(truncatingIfNeeded: product / Int128(answerWithin.microseconds)))
    }
}
