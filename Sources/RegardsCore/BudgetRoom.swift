package import RegardsCalendar

/// What the budgets of one address have room for: when messages went there, or will.
package struct BudgetRoom: Sendable {
    /// One message that uses up room.
    package struct Use: Hashable, Sendable {
        package var at: Instant
        package var purpose: Purpose
        package var rule: String
        /// The local date of its occasion.
        package var localDate: CivilDate
        /// It has gone, or is going right now; else it is owed.
        package var isSent: Bool

        package init(at: Instant, purpose: Purpose, rule: String, localDate: CivilDate, isSent: Bool) {
            self.at = at
            self.purpose = purpose
            self.rule = rule
            self.localDate = localDate
            self.isSent = isSent
        }
    }

    /// A budget that another message would break.
    package struct Obstacle: Hashable, Sendable, CustomStringConvertible {
        package var budget: Budget
        /// What is in the full span: the first of it, with which room comes back, and what took the room: of what is owed
        /// yet the first to go, else what went last.
        package var first: Use
        package var winner: Use

        /// `overall: 4 per 30d; birthday-card on 2027-05-12 goes first`.
        package var description: String {
            "\(budget); \(winner.rule) on \(winner.localDate) \(winner.isSent ? "went" : "goes") first"
        }
    }

    private let budgets: [Budget]
    /// In order of time.
    private var uses: [Use] = []

    package init(_ budgets: [Budget]) { self.budgets = budgets }

    package mutating func take(_ use: Use) { uses.insert(use, at: firstIndex { $0.at > use.at }) }

    /// What keeps a message of this purpose from going at an instant without breaking a budget; nil: nothing.
    package func obstacle(_ purpose: Purpose, at instant: Instant) -> Obstacle? {
        for budget in budgets where budget.limits(purpose) {
            if let obstacle = obstacle(budget, at: instant) { return obstacle }
        }
        return nil
    }

    /// The first instant, not before `from`, at which a message of this purpose has room and may go.
    /// - Parameters:
    ///   - expiresAt: from then on it is too late; nil: never.
    ///   - allowed: the first instant, not before a given one, at which it may go for other reasons.
    package func firstRoom(
        for purpose: Purpose, from: Instant, before expiresAt: Instant?, allowed: (Instant) -> Instant
    ) -> Instant? {
        var instant = from
        while expiresAt.map({ instant < $0 }) ?? true {
            if let obstacle = obstacle(purpose, at: instant) {
                // The instant shares the full span until the first of what is in it is a whole span away.
                instant = obstacle.first.at + obstacle.budget.per
            } else {
                let next = allowed(instant)
                if next == instant { return instant }
                instant = next
            }
        }
        return nil
    }

    /// A span of the budget's length that holds the instant and has no room left; nil where each has.
    private func obstacle(_ budget: Budget, at instant: Instant) -> Obstacle? {
        // Spans are half open: what is a whole span away is in none that holds the instant.
        let near = uses[firstIndex { $0.at > instant - budget.per }..<firstIndex { $0.at >= instant + budget.per }]
            .filter { budget.limits($0.purpose) }
        guard near.count >= budget.atMost else { return nil }
        // Of all spans that hold the instant, those that begin at it or at a use hold the most.
        for start in near.map(\.at).filter({ $0 < instant }) + [instant] {
            let inside = near.filter { $0.at >= start && $0.at < start + budget.per }
            guard inside.count >= budget.atMost, let first = inside.first, let last = inside.last else { continue }
            return Obstacle(budget: budget, first: first, winner: inside.first { !$0.isSent } ?? last)
        }
        return nil
    }

    /// The first use for which `isBehind` holds, which it must for all later ones.
    private func firstIndex(_ isBehind: (Use) -> Bool) -> Int {
        var (low, high) = (0, uses.count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(uses[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension Budget {
    /// Whether messages of a purpose count against it, and must keep it.
    package func limits(_ purpose: Purpose) -> Bool { self.purpose.map { $0 == purpose } ?? true }
}

extension Budget: CustomStringConvertible {
    /// `overall: 4 per 30d`.
    package var description: String { "\(purpose?.rawValue ?? "overall"): \(atMost) per \(per)" }
}
