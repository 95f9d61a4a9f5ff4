package import RegardsCalendar

/// The time within which an event must be answered. The limit is fixed when the event is first seen.
package struct Promise: Hashable, Sendable {
    /// What passes while an answer is waited for.
    package enum Clock: String, CaseIterable, Sendable {
        case wall
        /// Only the hours in which the business is open.
        case business
    }

    /// For everybody else, and what the steps' spans around the limit are written for.
    package var answerWithin: TimeSpan
    /// For members of a segment (index into `RuleBook.segments`); the first that holds counts.
    package var bySegment: [SegmentLimit]
    /// Of `answerWithin`, and of the steps that hang on the limit.
    package var clock: Clock

    package struct SegmentLimit: Hashable, Sendable {
        package var segment: Int
        package var answerWithin: TimeSpan

        package init(segment: Int, answerWithin: TimeSpan) {
            self.segment = segment
            self.answerWithin = answerWithin
        }
    }

    package init(answerWithin: TimeSpan, bySegment: [SegmentLimit] = [], clock: Clock = .wall) {
        self.answerWithin = answerWithin
        self.bySegment = bySegment
        self.clock = clock
    }

    /// When an event of this instant must be answered.
    package func limit(from start: Instant, _ business: Business) -> Instant {
        instant(answerWithin, from: start, business)
    }

    /// The instant a span after another by the promise's clock; before it where the span is negative. A business that
    /// says no hours, or is never open again, is taken as always open.
    package func instant(_ span: TimeSpan, from start: Instant, _ business: Business) -> Instant {
        guard clock == .business, let hours = business.hours, span != .zero else { return start + span }
        let found =
            span > .zero
            ? hours.deadline(from: start, after: span, in: business.zone)
            : hours.instant(before: start, by: -span, in: business.zone)
        return found ?? start + span
    }
}

/// Who was promised what.
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
