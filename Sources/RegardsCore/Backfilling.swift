package import RegardsCalendar

extension Rule {
    /// What was due before this instant is not served.
    package func baseline(firstSeen: Instant) -> Instant {
        switch backfill {
        case .none: firstSeen
        case .since(let span): firstSeen - span
        case .all: .beforeAll
        }
    }

    /// Whether an event was already there when this rule was first seen, and is not to be served by its `backfill`.
    ///
    /// What counts is when Regards saw the row, not its `at`: a complaint entered today about last week is new.
    package func isBaseline(_ event: Event, firstSeen: Instant) -> Bool {
        guard event.isBaseline || event.firstSeen <= firstSeen else { return false }
        switch backfill {
        case .none: return true
        case .since(let span): return event.at < firstSeen - span
        case .all: return false
        }
    }
}

extension Instant {
    /// Before all that anybody plans, and far enough from the end of the numbers to be moved.
    package static let beforeAll = Instant(microseconds: .min / 2)
}
