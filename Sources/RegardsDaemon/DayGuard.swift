import RegardsCalendar
import RegardsCore
import RegardsStore

/// Compares each pass over all customers with what was planned before, so that a mistake in a query reaches nobody: a
/// lost `WHERE`, ids that were given out anew, a database that was put back to an older state.
struct DayGuard {
    let outbox: any Outbox
    let house: House
    /// Only where messages reach customers.
    let isGuarding: Bool

    /// A handful of customers may come and go.
    private static let few = 20

    /// Whether fewer than half of the customers are left that the last finished pass saw. Then nothing is cancelled for
    /// those who are missing, until the rows are back or somebody says that it is meant (`regards approve --customers`).
    /// - Throws: `OutboxError`.
    func hasCollapsed(customers: Int, now: Instant) throws -> Bool {
        var isCollapsed = false
        let known = try outbox.guardFigures()
        if let before = known.customers, before >= DayGuard.few, customers * 2 < before { isCollapsed = true }
        if isCollapsed ? known.collapsedSince != nil : known.customers == customers && known.collapsedSince == nil { return isCollapsed }
        try outbox.updateGuardFigures { figures in
            if isCollapsed {
                figures.collapsedSince = figures.collapsedSince ?? now
            } else {
                figures.collapsedSince = nil
                figures.customers = customers
                figures.customersAt = now
            }
        }
        return isCollapsed
    }

    /// Rows that a pass adds to hours which were planned before are more than a customer or two only when something is
    /// wrong: more of them than the day was planned with, times the guard's factor less one, trip it.
    /// - Throws: `OutboxError`.
    func look(at counts: ReconcileCounts, now: Instant) throws {
        guard isGuarding, let factor = house.guards.day, counts.insertedBehind > 0 || counts.inserted > 0 else { return }
        let today = house.business.zone.local(at: now).date
        try outbox.updateGuardFigures { figures in
            figures.planned = figures.planned.filter { $0.key >= today - 1 }
            let planned = figures.planned[today, default: 0]
            let room = max(Double(house.guards.newRule ?? 50), Double(planned) * (factor - 1))
            if Double(counts.insertedBehind) > room, figures.confirmedAt.map({ now - $0 > .days(1) }) ?? true {
                figures.trippedSince = figures.trippedSince ?? now
            }
            figures.planned[today + 1, default: 0] += counts.inserted - counts.insertedBehind
        }
    }
}
