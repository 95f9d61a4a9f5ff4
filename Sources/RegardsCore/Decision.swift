package import RegardsCalendar

/// What is to be done with one outreach at one instant, and why. The only opinion anywhere about who is due:
/// serving, planning, explaining and simulating all ask here.
package struct Decision: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        case send
        /// Not yet due: its time has moved.
        case move(to: Instant)
        case hold(HoldReason)
        case skip(SkipReason)
        case cancel(CancelReason)
    }

    package var verdict: Verdict
    /// The sentence of the rule, or the column, that decided; empty where the verdict says it all.
    package var because: String

    private init(_ verdict: Verdict, because: String = "") {
        self.verdict = verdict
        self.because = because
    }

    /// For a row whose facts are not at hand: it goes when it is due.
    package static let due = Decision(.send)

    /// - Parameters:
    ///   - candidate: the outreach as derived from the facts; nil when they owe it no longer.
    ///   - now: at planning, the later of the due time and now; at sending, now.
    package static func make(_ candidate: Candidate?, _ facts: Facts, _ book: RuleBook, now: Instant) -> Decision {
        guard let candidate else {
            return Decision(.cancel(facts.customer == nil && facts.event == nil ? .customerGone : .occasionGone))
        }
        let outreach = candidate.outreach
        let rule = book.rules[candidate.rule]
        let step = rule.steps[candidate.step]
        if candidate.hasEnded { return Decision(.cancel(.eventEnded)) }
        if outreach.dueAt > now { return Decision(.move(to: outreach.dueAt)) }
        if let expiresAt = outreach.expiresAt, now >= expiresAt { return Decision(.skip(.late)) }
        return addressed(step, position: candidate.position, facts, book)
            ?? permitted(rule, step, facts)
            ?? matching(rule, candidate.zone.zone, facts, now)
            ?? waiting(rule, step, facts, book)
            ?? Decision(.send)
    }

    private static func addressed(_ step: Step, position: Int, _ facts: Facts, _ book: RuleBook) -> Decision? {
        switch step.action {
        case .webhook:
            return nil
        case .send:
            guard let customer = facts.customer else { return Decision(.cancel(.customerGone)) }
            return Contact(customer: customer) == nil ? Decision(.cancel(.noAddress), because: "email") : nil
        case .tell(let role, _):
            let isFilled = book.house.contacts(role, for: facts.customer).indices.contains(position)
            return isFilled ? nil : Decision(.cancel(.noAddress), because: "people.\(role)")
        }
    }

    private static func permitted(_ rule: Rule, _ step: Step, _ facts: Facts) -> Decision? {
        if case .tell = step.action { return nil }
        guard rule.purpose != .care, let customer = facts.customer else { return nil }
        if customer.isDoNotContact { return Decision(.cancel(.doNotContact), because: "do_not_contact") }
        if !customer.consents(to: rule.purpose) { return Decision(.cancel(.noConsent), because: "consent_\(rule.purpose.rawValue)") }
        return nil
    }

    private static func matching(_ rule: Rule, _ zone: Zone, _ facts: Facts, _ now: Instant) -> Decision? {
        let conditionFacts = ConditionFacts(
            customer: facts.customer?.record, event: facts.eventRecord, zone: zone, now: now)
        if rule.condition.holds(conditionFacts) { return nil }
        return Decision(.cancel(.conditionFalse), because: rule.condition.decider(conditionFacts))
    }

    private static func waiting(_ rule: Rule, _ step: Step, _ facts: Facts, _ book: RuleBook) -> Decision? {
        if case .tell = step.action { return nil }
        for index in facts.openEvents where book.eventKinds[index].pauses.contains(rule.purpose) {
            return Decision(.hold(.eventOpen(kind: book.eventKinds[index].name)))
        }
        return nil
    }
}

extension Decision {
    /// Whether planning writes a row: for what will be sent or wait, and for what is late only since the last pass.
    package func writesRow(_ outreach: PlannedOutreach, in window: PlanWindow) -> Bool {
        switch verdict {
        case .send, .hold, .move: true
        case .skip: outreach.dueAt >= window.plannedThrough
        case .cancel: false
        }
    }
}
