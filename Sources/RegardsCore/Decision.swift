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

    init(_ verdict: Verdict, because: String = "") {
        self.verdict = verdict
        self.because = because
    }

    /// For a row whose facts are not at hand: it goes when it is due.
    package static let due = Decision(.send)

    /// Asks in this order, and the first answer counts:
    ///
    /// 1. Is the occasion still there? Else cancel.
    /// 2. Is the rule on, and is the occasion in its sample? Else cancel. Outside the rule's `active` days nothing is
    ///    derived.
    /// 3. Is the event not over, and the rung not overtaken? Else cancel.
    /// 4. Has its time come? Else move. What follows is asked again then, on the facts of that day.
    /// 5. Is there somebody to send to, who may be written to, and do the conditions of rule and step hold? Is an item
    ///    that stands in for a message needed? Else cancel.
    /// 6. Is it not too late? Else skip. Asked after 5, because what was not owed cannot be late.
    /// 7. Has nobody with the same address got it? Else skip.
    /// 8. Does no pause, approval, guard or open event hold it back? Else hold.
    ///
    /// What other rules want on the same day, or of the same budget, is asked by `Planner.judge`, which asks here first.
    ///
    /// - Parameters:
    ///   - candidate: the outreach as derived from the facts; nil when they owe it no longer.
    ///   - now: at planning, the later of the due time and now; at sending, now.
    package static func make(
        _ candidate: Candidate?, _ facts: Facts, _ book: RuleBook, _ standing: Standing = Standing(), now: Instant
    ) -> Decision {
        guard let candidate else {
            return Decision(.cancel(facts.customer == nil && facts.event == nil ? .customerGone : .occasionGone))
        }
        let question = Question(candidate, facts, book, standing, now)
        if let reason = question.off ?? question.ended { return reason }
        if candidate.outreach.dueAt > now { return Decision(.move(to: candidate.outreach.dueAt)) }
        if let reason = question.needless ?? question.unaddressed ?? question.forbidden ?? question.unmatched { return reason }
        if let expiresAt = candidate.outreach.expiresAt, now >= expiresAt { return Decision(.skip(.late)) }
        return question.repeated ?? question.waiting ?? Decision(.send)
    }

    static let ruleGone = Decision(.cancel(.ruleGone))
    static let ruleOff = Decision(.cancel(.ruleOff))
}

/// One candidate beside all that its decision depends on. Each property is one question; nil lets the next be asked.
private struct Question {
    let candidate: Candidate
    let facts: Facts
    let book: RuleBook
    let standing: Standing
    let now: Instant
    let rule: Rule
    let step: Step
    let action: Step.Action

    init(_ candidate: Candidate, _ facts: Facts, _ book: RuleBook, _ standing: Standing, _ now: Instant) {
        (self.candidate, self.facts, self.book, self.standing, self.now) = (candidate, facts, book, standing, now)
        rule = book.rules[candidate.rule]
        step = rule.steps[candidate.step]
        action = candidate.isFallback ? rule.unreachable.map(Step.Action.list) ?? step.action : step.action
    }

    private var isTold: Bool { if case .tell = action { true } else { false } }
    private var isMail: Bool { if case .send = action { true } else { false } }

    /// 2. Both are settled long before the time comes.
    var off: Decision? {
        if !rule.isEnabled { return Decision(.cancel(.ruleOff), because: "enabled") }
        if let sample = rule.sample, !candidate.outreach.key.isSampled(sample) {
            return Decision(.cancel(.notSampled), because: "sample")
        }
        return nil
    }

    /// 3. Steps that hang on the event's start or limit end with the event; those on a column of their own
    /// (`3d after complaint.solved_at`) outlive it.
    var ended: Decision? {
        guard case .event(let trigger) = rule.trigger, let event = facts.event else { return overtaken }
        if case .column = step.time { return overtaken }
        let kind = book.eventKinds[trigger.kind]
        guard facts.eventRecord != nil else {
            // The row is gone, and with it what it said last; the ledger remembers whether it was over.
            let isOver = kind.done != nil && !event.isOpen || event.isGone && kind.vanished == .done
            return isOver ? Decision(.cancel(.eventEnded)) : overtaken
        }
        for end in [trigger.endsWhen, kind.done] {
            guard let end else { continue }
            let conditionFacts = conditionFacts(for: end)
            if end.holds(conditionFacts) { return Decision(.cancel(.eventEnded), because: end.decider(conditionFacts)) }
        }
        return overtaken
    }

    private var overtaken: Decision? { candidate.isOvertaken ? Decision(.cancel(.overtaken)) : nil }

    /// 5. An item of the rule's `unreachable` list is for those whom no mail reaches.
    var needless: Decision? {
        guard candidate.isFallback, let customer = facts.customer, Contact(customer: customer) != nil,
            !facts.history.isUnreachable
        else { return nil }
        return Decision(.cancel(.reachable), because: "email")
    }

    var unaddressed: Decision? {
        switch action {
        case .webhook: return nil
        case .send:
            guard let customer = facts.customer else {
                // An event that names no customer never had one to lose.
                let hadNone = facts.event != nil && facts.event?.customer == nil
                return Decision(.cancel(hadNone ? .noAddress : .customerGone))
            }
            return Contact(customer: customer) == nil ? Decision(.cancel(.noAddress), because: "email") : nil
        case .list(let target): return unheld(target.role)
        case .tell(let role, _): return unheld(role)
        }
    }

    private func unheld(_ role: Role) -> Decision? {
        let house = book.house
        let people = house.contacts(role, for: facts.customer, on: house.day(of: candidate.outreach.dueAt))
        return people.indices.contains(candidate.position) ? nil : Decision(.cancel(.noAddress), because: "people.\(role)")
    }

    /// `care` is an answer the customer waits for: neither `do_not_contact` nor consent is asked. An address that no mail
    /// reaches gets none either way; other ways to the customer are not about the address.
    var forbidden: Decision? {
        if isTold { return nil }
        if rule.purpose != .care, let customer = facts.customer {
            if customer.isDoNotContact { return Decision(.cancel(.doNotContact), because: "do_not_contact") }
            if !customer.consents(to: rule.purpose) {
                return Decision(.cancel(.noConsent), because: "consent_\(rule.purpose.rawValue)")
            }
        }
        guard facts.history.suppressed.contains(rule.purpose), isMail || !facts.history.isUnreachable else { return nil }
        return Decision(.cancel(.suppressed))
    }

    var unmatched: Decision? {
        for condition in [rule.condition, step.condition] {
            let conditionFacts = conditionFacts(for: condition)
            if !condition.holds(conditionFacts) {
                return Decision(.cancel(.conditionFalse), because: condition.decider(conditionFacts))
            }
        }
        return nil
    }

    private func conditionFacts(for condition: Condition) -> ConditionFacts {
        condition.asksForSegments
            ? book.conditionFacts(facts, standing, now: now) : book.bareConditionFacts(facts, now: now)
    }

    /// 7. One that is being sent counts too: what becomes of it would become of this one, at the same address.
    var repeated: Decision? {
        guard isMail, rule.sameAddress ?? book.house.limits.sameAddress == .once else { return nil }
        let outreach = candidate.outreach
        let isRepeated = facts.history.toAddress.contains {
            $0.customer != outreach.key.customer && $0.rule == outreach.key.rule && $0.step == outreach.key.step
                && $0.localDate == outreach.localDate
        }
        return isRepeated ? Decision(.skip(.sameAddress)) : nil
    }

    /// 8. What staff are told waits for no event of the customer's.
    var waiting: Decision? {
        if let pause = standing.pauses.first(where: { isHeld(by: $0) }) {
            return Decision(.hold(.paused), because: pause.reason)
        }
        if standing.unapproved.contains(rule.name) { return Decision(.hold(.approval)) }
        if standing.isGuardTripped, rule.purpose != .care { return Decision(.hold(.guardDay)) }
        if isTold { return nil }
        for index in facts.openEvents where book.eventKinds[index].pauses.contains(rule.purpose) {
            return Decision(.hold(.eventOpen(kind: book.eventKinds[index].name)))
        }
        return nil
    }

    /// A customer who is left in peace still has a complaint to be answered: staff are told of it.
    private func isHeld(by pause: Pause) -> Bool {
        if case .customer = pause.scope, isTold, rule.purpose == .care { return false }
        let key = candidate.outreach.key
        return pause.holds(rule: key.rule, customer: key.customer, purpose: rule.purpose, at: now)
    }
}

extension OutreachKey {
    /// Whether the occasion is in a sample of this share: always the same for one rule, customer and occasion, and in
    /// every larger sample too.
    package func isSampled(_ share: Double) -> Bool {
        share >= 1 || Double(StableHash.of(rule, customer, occasion)) < share * 0x1p64
    }
}

extension History {
    /// No mail reaches the address: suppressed even for `care`, which nobody can unsubscribe from.
    package var isUnreachable: Bool { suppressed.contains(.care) }
}

extension Decision {
    /// Whether planning writes a row: for what will be sent or wait, for what loses to others, so that its row says to
    /// whom, and for what is late only since the last pass.
    package func writesRow(_ outreach: PlannedOutreach, in window: PlanWindow) -> Bool {
        switch verdict {
        case .send, .hold, .move: true
        case .skip(.late): outreach.dueAt >= window.plannedThrough
        case .skip: true
        case .cancel: false
        }
    }
}
