import RegardsCalendar
import RegardsCore

/// What the ledger knows of the latest generation of an event.
struct TrackedEvent: Hashable {
    var row: Int64
    var event: Event
    var hash: UInt64
}

/// Decides which event a row of the business's database is. Pure: the store carries the verdict out.
///
/// Databases use ids again, so an id alone is no identity: a new generation begins only when the id was seen gone or
/// over, and is back with a later `at`. A change of an open event, however large, is an edit.
enum EventIdentity {
    enum Verdict: Hashable {
        case new(generation: Int)
        case changed(EventChange.Kind)
        case unchanged
    }

    static func judge(_ seen: SeenEvent, known: TrackedEvent?) -> Verdict {
        guard let known else { return .new(generation: 1) }
        let event = known.event
        if seen.at > event.at, event.isGone || (!event.isOpen && !seen.isDone) {
            return .new(generation: event.generation + 1)
        }
        if event.isGone { return .changed(.returned) }
        if event.isOpen, seen.isDone { return .changed(.done) }
        if !event.isOpen, !seen.isDone { return .changed(.reopened) }
        let isSame = seen.hash == known.hash && seen.at == event.at && seen.customer == event.customer
        return isSame ? .unchanged : .changed(.edited)
    }

    /// Was the event there before anybody looked?
    /// - Parameters:
    ///   - coveredFrom: events from here on were looked for at the kind's first sight; nil when this is it.
    static func isBaseline(at instant: Instant, coveredFrom: Instant?, baselineBefore: Instant?) -> Bool {
        if let coveredFrom { return instant < coveredFrom }
        guard let baselineBefore else { return true }
        return instant < baselineBefore
    }
}
