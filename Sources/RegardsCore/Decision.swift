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

    /// Asks in this order, and the first answer counts:
    ///
    /// 1. Is the occasion still there, and the event not over? Else cancel.
    /// 2. Has its time come? Else move. What follows is asked again then, on the facts of that day.
    /// 3. Is there somebody to send to, who may be written to, and does the rule's condition hold? Else cancel.
    /// 4. Is it not too late? Else skip. Asked after 3, because what was not owed cannot be late.
    /// 5. Does no open event pause it? Else hold.
    ///
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
        if let ended = ended(rule, step, facts, book, now) { return ended }
        if outreach.dueAt > now { return Decision(.move(to: outreach.dueAt)) }
        if let reason = addressed(step, position: candidate.position, facts, book)
            ?? permitted(rule, step, facts) ?? matching(rule, facts, book, now)
        {
            return reason
        }
        if let expiresAt = outreach.expiresAt, now >= expiresAt { return Decision(.skip(.late)) }
        return waiting(rule, step, facts, book) ?? Decision(.send)
    }

    static let ruleGone = Decision(.cancel(.ruleGone))
    static let ruleOff = Decision(.cancel(.ruleOff))

    /// Steps that hang on the event's start or limit end with the event; those on a column of their own
    /// (`3d after complaint.solved_at`) outlive it.
    private static func ended(_ rule: Rule, _ step: Step, _ facts: Facts, _ book: RuleBook, _ now: Instant) -> Decision? {
        guard case .event(let trigger) = rule.trigger, let event = facts.event else { return nil }
        if case .column = step.time { return nil }
        let kind = book.eventKinds[trigger.kind]
        guard let record = facts.eventRecord else {
            // The row is gone, and with it what it said last; the ledger remembers whether it was over.
            let isOver = kind.done != nil && !event.isOpen || event.isGone && kind.vanished == .done
            return isOver ? Decision(.cancel(.eventEnded)) : nil
        }
        let conditionFacts = ConditionFacts(
            customer: facts.customer?.record, event: record, zone: book.house.business.zone, now: now)
        let end = [trigger.endsWhen, kind.done].compactMap { $0 }.first { $0.holds(conditionFacts) }
        return end.map { Decision(.cancel(.eventEnded), because: $0.decider(conditionFacts)) }
    }

    private static func addressed(_ step: Step, position: Int, _ facts: Facts, _ book: RuleBook) -> Decision? {
        switch step.action {
        case .webhook:
            return nil
        case .send:
            guard let customer = facts.customer else {
                // An event that names no customer never had one to lose.
                let hadNone = facts.event != nil && facts.event?.customer == nil
                return Decision(.cancel(hadNone ? .noAddress : .customerGone))
            }
            return Contact(customer: customer) == nil ? Decision(.cancel(.noAddress), because: "email") : nil
        case .list(let target):
            return book.house.contacts(target.role, for: facts.customer).indices.contains(position)
                ? nil : Decision(.cancel(.noAddress), because: "people.\(target.role)")
        case .tell(let role, _):
            let isFilled = book.house.contacts(role, for: facts.customer).indices.contains(position)
            return isFilled ? nil : Decision(.cancel(.noAddress), because: "people.\(role)")
        }
    }

    /// `care` is an answer the customer waits for: neither `do_not_contact` nor consent is asked.
    private static func permitted(_ rule: Rule, _ step: Step, _ facts: Facts) -> Decision? {
        if case .tell = step.action { return nil }
        guard rule.purpose != .care, let customer = facts.customer else { return nil }
        if customer.isDoNotContact { return Decision(.cancel(.doNotContact), because: "do_not_contact") }
        if !customer.consents(to: rule.purpose) { return Decision(.cancel(.noConsent), because: "consent_\(rule.purpose.rawValue)") }
        return nil
    }

    private static func matching(_ rule: Rule, _ facts: Facts, _ book: RuleBook, _ now: Instant) -> Decision? {
        let conditionFacts = ConditionFacts(
            customer: facts.customer?.record, event: facts.eventRecord, zone: book.house.business.zone, now: now)
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
