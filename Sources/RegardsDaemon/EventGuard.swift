import RegardsCalendar
import RegardsCore
import RegardsStore

/// The guard of the day for events: one that happened before the last look at its kind was there then, or somebody entered
/// it late. Late are few, beside those that are known; many are ids that were given out anew, a lost `WHERE`, or a past
/// that was filled in, about which nobody wants to be written to. Then everything but `care` waits, as for customers, and
/// also `care` about these events: what staff are told goes.
///
/// Used by the event queue only, which is what makes it Sendable.
final class EventGuard: @unchecked Sendable {
    private let outbox: any Outbox
    private let house: House
    private let standings: StandingDesk
    private let isGuarding: Bool

    init(outbox: any Outbox, house: House, standings: StandingDesk, isGuarding: Bool) {
        self.outbox = outbox
        self.house = house
        self.standings = standings
        self.isGuarding = isGuarding
    }

    /// What one look at a kind found.
    struct Look {
        /// When the kind was looked at before and something was new; nil: never.
        var last: Instant?
        /// Events that were known and are there.
        var known: Int
        /// New ones that happened before the last look.
        var late: [Event]
    }

    /// Judges before anything about these events is written.
    /// - Parameter messages: what would be sent to customers about the late ones.
    /// - Throws: `OutboxError`.
    func judge(_ look: Look, messages: Int, now: Instant) throws {
        guard isGuarding, let factor = house.guards.day, let last = look.last, let kind = look.late.first?.kind else { return }
        let isMany = messages > house.guards.newRule ?? DayGuard.fewMessages
        guard isMany, Double(look.late.count) > Double(look.known) * (factor - 1) else { return }
        // As many as would be known by the same measure.
        let planned = messages * look.known / look.late.count
        try outbox.updateGuardFigures { figures in
            if figures.trippedSince == nil { figures.floods = [:] }
            figures.trippedSince = figures.trippedSince ?? now
            figures.added = (figures.added ?? 0) + messages
            figures.planned = figures.planned ?? planned
            let flood = figures.floods[kind]
            figures.floods[kind] = EventFlood(since: min(flood?.since ?? now, now), before: max(flood?.before ?? last, last))
        }
        try standings.read(now: now)
    }
}
