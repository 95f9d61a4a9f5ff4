import RegardsCalendar
import RegardsCore
import RegardsStore

/// Compares each pass over all customers with what was planned before, so that a mistake in a query reaches nobody: a
/// lost `WHERE`, ids that were given out anew, a database that was put back to an older state.
///
/// What every day brings comes at the far edge of the window, 26 hours ahead: a first of the month, however many cards it
/// has, is planned there the day before. Messages that appear in hours which were planned long ago are those of a
/// customer or two, or of a mistake. So the guard counts these, beside the messages that stand in those hours and still
/// do: of ids given out anew none does.
///
/// Used by the plan queue only, which is what makes it Sendable.
final class DayGuard: @unchecked Sendable {
    private let outbox: any Outbox
    private let house: House
    private let standings: StandingDesk
    /// Only where messages reach customers.
    private let isGuarding: Bool
    /// As the ledger has them: what passes added that were broken off, what stands there of that by now, and whether it
    /// is too much.
    private var carried = 0
    private var noted = 0
    private var isSuspecting = false

    /// Fewer customers than this come and go as they like.
    private static let few = 20
    /// More messages than this are asked about, where no rule's guard says how many are few.
    static let fewMessages = 50

    init(outbox: any Outbox, house: House, standings: StandingDesk, isGuarding: Bool) {
        self.outbox = outbox
        self.house = house
        self.standings = standings
        self.isGuarding = isGuarding
    }

    // MARK: Fewer customers

    /// Whether fewer than half of the customers are left that the last finished pass saw. Then nothing is cancelled for
    /// those who are missing, and what falls due for them waits, until the rows are back or somebody says that it is meant
    /// (`regards approve --customers`).
    /// - Throws: `OutboxError`.
    func hasCollapsed(customers: Int, now: Instant) throws -> Bool {
        let known = try outbox.guardFigures()
        let before = known.customers ?? 0
        let isCollapsed = before >= DayGuard.few && customers * 2 < before
        // As many as a mistake brought are no measure for those who are left when it is mended.
        if known.trippedSince != nil, !isCollapsed { return false }
        let isNews = isCollapsed ? known.customersSeen != customers : known.customers != customers || known.collapsedSince != nil
        guard isNews else { return isCollapsed }
        try outbox.updateGuardFigures { figures in
            if isCollapsed {
                figures.collapsedSince = figures.collapsedSince ?? now
                figures.customersSeen = customers
            } else {
                figures.collapsedSince = nil
                figures.customersSeen = nil
                figures.customers = customers
                figures.customersAt = now
            }
        }
        try standings.read(now: now)
        return isCollapsed
    }

    // MARK: More messages

    /// Before a pass. What earlier ones added that the customer database, or the end of the daemon, broke off stands in the
    /// ledger, and this pass finds it there.
    /// - Throws: `OutboxError`.
    func begin() throws {
        guard isGuarding else { return }
        let figures = try outbox.guardFigures()
        (carried, noted, isSuspecting) = (figures.carried ?? 0, figures.carried ?? 0, figures.suspectedSince != nil)
    }

    /// Looks at a pass while it runs: what it wrote up to here may go out at once. In doubt everything but `care` is held
    /// until a pass has seen all customers, whatever happens to this one.
    /// - Throws: `OutboxError`.
    func look(at counts: ReconcileCounts, now: Instant) throws {
        guard isGuarding else { return }
        // Once too much is enough: the last pages may be those of a mistake that the first ones hid.
        let isNews = !isSuspecting && isTooMuch(counts)
        guard isNews || added(counts) != noted else { return }
        let added = added(counts)
        try outbox.updateGuardFigures { figures in
            figures.carried = added
            if isNews { figures.suspectedSince = figures.suspectedSince ?? now }
        }
        noted = added
        guard isNews else { return }
        isSuspecting = true
        try standings.read(now: now)
    }

    /// Judges a pass that saw all customers.
    /// - Throws: `OutboxError`.
    func judge(_ counts: ReconcileCounts, now: Instant) throws {
        guard isGuarding else { return }
        let isTooMuch = isTooMuch(counts)
        if isTooMuch || isSuspecting || noted > 0 {
            let (added, planned) = (added(counts), planned(counts))
            try outbox.updateGuardFigures { figures in
                (figures.carried, figures.suspectedSince) = (nil, nil)
                guard isTooMuch else { return }
                figures.trippedSince = figures.trippedSince ?? now
                figures.added = (figures.added ?? 0) + added
                figures.planned = figures.planned ?? planned
            }
        }
        let wasSuspecting = isSuspecting
        (carried, noted, isSuspecting) = (0, 0, false)
        // What was read before the guard tripped must not be believed a moment longer.
        try standings.read(now: now)
        guard wasSuspecting, try outbox.guardFigures().trippedSince == nil else { return }
        try outbox.releaseHeld(rule: nil, reason: .guardDay, now: now)
    }

    private func isTooMuch(_ counts: ReconcileCounts) -> Bool {
        guard let factor = house.guards.day else { return false }
        // What a new rule may send unasked is too little to ask about here too.
        let isMany = added(counts) > house.guards.newRule ?? DayGuard.fewMessages
        return isMany && Double(added(counts)) > Double(planned(counts)) * (factor - 1)
    }

    private func added(_ counts: ReconcileCounts) -> Int { counts.insertedBehind + carried }
    private func planned(_ counts: ReconcileCounts) -> Int { max(0, counts.unchanged + counts.updated - carried) }
}
