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

    /// A budget that another message would break, and what has used it up.
    package struct Obstacle: Hashable, Sendable {
        package var budget: Budget
        /// In order of time; at least one.
        package var uses: [Use]
    }

    private let budgets: [Budget]
    /// In order of time.
    private var uses: [Use] = []

    package init(_ budgets: [Budget]) { self.budgets = budgets }

    package mutating func take(_ use: Use) { uses.insert(use, at: firstIndex { $0.at > use.at }) }

    /// What keeps a message of this purpose from going at an instant without breaking a budget; nil: nothing.
    package func obstacle(_ purpose: Purpose, at instant: Instant) -> Obstacle? {
        for budget in budgets where budget.limits(purpose) {
            if let uses = full(budget, at: instant) { return Obstacle(budget: budget, uses: uses) }
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
                // A span holds the instant and all these uses until the first of them is a whole span away.
                guard let first = obstacle.uses.first else { return nil }
                instant = first.at + obstacle.budget.per
                continue
            }
            let next = allowed(instant)
            if next == instant { return instant }
            instant = next
        }
        return nil
    }

    /// What is in a span of the budget's length that holds the instant and has no room left; nil where each has.
    private func full(_ budget: Budget, at instant: Instant) -> [Use]? {
        // Spans are half open: what is a whole span away is in none that holds the instant.
        let near = uses[firstIndex { $0.at > instant - budget.per }..<firstIndex { $0.at >= instant + budget.per }]
            .filter { budget.limits($0.purpose) }
        guard near.count >= budget.atMost else { return nil }
        // Of all spans that hold the instant, those that begin at it or at a use hold the most.
        for start in near.map(\.at).filter({ $0 < instant }) + [instant] {
            let inside = near.filter { $0.at >= start && $0.at < start + budget.per }
            if inside.count >= budget.atMost { return inside }
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
