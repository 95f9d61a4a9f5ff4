package import RegardsCalendar

extension Planner {
    /// Decides on one candidate: `Decision.make`, then whether another rule's message takes its place that day
    /// (`instead_of`), then whether the budgets have room for it beside what all rules owe the customer.
    ///
    /// The answer depends on the arguments alone, so planning, sending, simulating and explaining get the same one.
    /// - Parameters:
    ///   - now: the moment up to which `facts.history` is known.
    ///   - ahead: true at planning: decided as it will be when its time comes, as far as is known now. False at sending,
    ///     where what is not due yet moves.
    /// - Returns: for a message that waits for room, `move` to a later instant. Its row is due then; asked again then,
    ///   it is sent.
    package mutating func judge(
        _ candidate: Candidate, facts: Facts, standing: Standing = Standing(), now: Instant, ahead: Bool = false
    ) -> Decision {
        Decision.make(candidate, facts, book, standing, now: ahead ? max(now, candidate.outreach.dueAt) : now)
    }

    /// Derives a row of the ledger again and decides on it: `derive`, `judge`, and the reason where nothing is derived
    /// any more.
    package mutating func decide(
        _ key: OutreachKey, facts: Facts, standing: Standing = Standing(), now: Instant
    ) -> (candidate: Candidate?, decision: Decision) {
        guard book.rules.contains(where: { $0.name == key.rule }) else { return (nil, .ruleGone) }
        guard let candidate = derive(key, facts: facts) else {
            return (nil, isOff(key, facts: facts) ? .ruleOff : Decision.make(nil, facts, book, standing, now: now))
        }
        return (candidate, judge(candidate, facts: facts, standing: standing, now: now))
    }
}
