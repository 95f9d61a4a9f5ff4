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
    /// 1. Is the occasion still there? Else cancel; but a customer who is missing with most others is waited for.
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
            if facts.isMissing(standing) { return Decision(.hold(.customersMissing)) }
            return Decision(.cancel(facts.customer == nil && facts.event == nil ? .customerGone : .occasionGone))
        }
        // Each part of the rule is asked for by itself: a copy of the whole is made of some thirty references, and this
        // runs for everybody on a first of the month.
        let number = candidate.rule
        if let reason = off(candidate, book) ?? ended(candidate, facts, book, standing, now) { return reason }
        if candidate.outreach.dueAt > now { return Decision(.move(to: candidate.outreach.dueAt)) }
        let way = Way(candidate, book)
        if let reason = needless(candidate, facts) ?? unaddressed(candidate, way, facts, book)
            ?? forbidden(book.rules[number].purpose, way, facts)
            ?? unmatched(book.rules[number].condition, facts, book, standing, now)
            ?? unmatched(book.rules[number].steps[candidate.step].condition, facts, book, standing, now)
        {
            return facts.isMissing(standing) ? Decision(.hold(.customersMissing)) : reason
        }
        if let expiresAt = candidate.outreach.expiresAt, now >= expiresAt { return Decision(.skip(.late)) }
        if let reason = repeated(candidate, way, facts, book) { return reason }
        return waiting(candidate, way, facts, book, standing, now) ?? Decision(.send)
    }

    /// For a row whose facts are not at hand, and whose time has passed.
    package static let late = Decision(.skip(.late))

    static let ruleGone = Decision(.cancel(.ruleGone))
    static let ruleOff = Decision(.cancel(.ruleOff))

    /// How a candidate goes, and to whom.
    private enum Way: Equatable {
        case mail, webhook
        case told(Role)
        case list(Role)

        init(_ candidate: Candidate, _ book: RuleBook) {
            if candidate.isFallback, let list = book.rules[candidate.rule].unreachable {
                self = .list(list.role)
                return
            }
            switch book.rules[candidate.rule].steps[candidate.step].action {
            case .send: self = .mail
            case .webhook: self = .webhook
            case .tell(let role, _): self = .told(role)
            case .list(let target): self = .list(target.role)
            }
        }

        var isTold: Bool { if case .told = self { true } else { false } }
    }

    // MARK: Cancel

    /// 2. Both are settled long before the time comes.
    private static func off(_ candidate: Candidate, _ book: RuleBook) -> Decision? {
        if !book.rules[candidate.rule].isEnabled { return Decision(.cancel(.ruleOff), because: "enabled") }
        guard let sample = book.rules[candidate.rule].sample, !candidate.outreach.key.isSampled(sample) else { return nil }
        return Decision(.cancel(.notSampled), because: "sample")
    }

    /// 3. Steps that hang on the event's start or limit end with the event; those on a column of their own
    /// (`3d after complaint.solved_at`) outlive it.
    private static func ended(
        _ candidate: Candidate, _ facts: Facts, _ book: RuleBook, _ standing: Standing, _ now: Instant
    ) -> Decision? {
        let overtaken = candidate.isOvertaken ? Decision(.cancel(.overtaken)) : nil
        guard let event = facts.event, case .event(let trigger) = book.rules[candidate.rule].trigger else { return overtaken }
        if case .column = book.rules[candidate.rule].steps[candidate.step].time { return overtaken }
        let kind = book.eventKinds[trigger.kind]
        guard facts.eventRecord != nil else {
            // The row is gone, and with it what it said last; the ledger remembers whether it was over.
            let isOver = kind.done != nil && !event.isOpen || event.isGone && kind.vanished == .done
            return isOver ? Decision(.cancel(.eventEnded)) : overtaken
        }
        for end in [trigger.endsWhen, kind.done] {
            guard let end else { continue }
            let conditionFacts = book.conditionFacts(for: end, facts, standing, now: now)
            if end.holds(conditionFacts) { return Decision(.cancel(.eventEnded), because: end.decider(conditionFacts)) }
        }
        return overtaken
    }

    /// 5. An item of the rule's `unreachable` list is for those whom no mail reaches.
    private static func needless(_ candidate: Candidate, _ facts: Facts) -> Decision? {
        guard candidate.isFallback, let customer = facts.customer, Contact(customer: customer) != nil,
            !facts.history.isUnreachable
        else { return nil }
        return Decision(.cancel(.reachable), because: "email")
    }

    private static func unaddressed(_ candidate: Candidate, _ way: Way, _ facts: Facts, _ book: RuleBook) -> Decision? {
        switch way {
        case .webhook: return nil
        case .mail:
            guard let customer = facts.customer else {
                // An event that names no customer never had one to lose.
                let hadNone = facts.event != nil && facts.event?.customer == nil
                return Decision(.cancel(hadNone ? .noAddress : .customerGone))
            }
            return Contact(customer: customer) == nil ? Decision(.cancel(.noAddress), because: "email") : nil
        case .told(let role), .list(let role):
            let day = book.house.day(of: candidate.outreach.dueAt)
            let people = book.house.contacts(role, for: facts.customer, on: day)
            return people.indices.contains(candidate.position)
                ? nil : Decision(.cancel(.noAddress), because: "people.\(role)")
        }
    }

    /// `care` is an answer the customer waits for: neither `do_not_contact` nor consent is asked. An address that no mail
    /// reaches gets none either way; other ways to the customer are not about the address.
    private static func forbidden(_ purpose: Purpose, _ way: Way, _ facts: Facts) -> Decision? {
        if way.isTold { return nil }
        if purpose != .care, let customer = facts.customer {
            if customer.isDoNotContact { return Decision(.cancel(.doNotContact), because: "do_not_contact") }
            if !customer.consents(to: purpose) {
                return Decision(.cancel(.noConsent), because: "consent_\(purpose.rawValue)")
            }
        }
        let isSuppressed = facts.history.suppressed.contains(purpose) && (way == .mail || !facts.history.isUnreachable)
        return isSuppressed ? Decision(.cancel(.suppressed)) : nil
    }

    private static func unmatched(
        _ condition: Condition, _ facts: Facts, _ book: RuleBook, _ standing: Standing, _ now: Instant
    ) -> Decision? {
        if case .all(let parts) = condition, parts.isEmpty { return nil }
        let conditionFacts = book.conditionFacts(for: condition, facts, standing, now: now)
        if condition.holds(conditionFacts) { return nil }
        return Decision(.cancel(.conditionFalse), because: condition.decider(conditionFacts))
    }

    // MARK: Skip and hold

    /// 7. One that is being sent counts too: what becomes of it would become of this one, at the same address.
    private static func repeated(
        _ candidate: Candidate, _ way: Way, _ facts: Facts, _ book: RuleBook
    ) -> Decision? {
        guard way == .mail, book.rules[candidate.rule].sameAddress ?? book.house.limits.sameAddress == .once else { return nil }
        let key = candidate.outreach.key
        let isRepeated = facts.history.toAddress.contains {
            $0.customer != key.customer && $0.rule == key.rule && $0.step == key.step
                && $0.localDate == candidate.outreach.localDate
        }
        return isRepeated ? Decision(.skip(.sameAddress)) : nil
    }

    /// 8. What staff are told waits for no event of the customer's.
    private static func waiting(
        _ candidate: Candidate, _ way: Way, _ facts: Facts, _ book: RuleBook, _ standing: Standing, _ now: Instant
    ) -> Decision? {
        let key = candidate.outreach.key
        let purpose = book.rules[candidate.rule].purpose
        for pause in standing.pauses where pause.holds(rule: key.rule, customer: key.customer, purpose: purpose, at: now) {
            // A customer who is left in peace still has a complaint to be answered: staff are told of it.
            if case .customer = pause.scope, way.isTold, purpose == .care { continue }
            return Decision(.hold(.paused), because: pause.reason)
        }
        if standing.unapproved.contains(key.rule) { return Decision(.hold(.approval)) }
        if standing.isGuardTripped, purpose != .care { return Decision(.hold(.guardDay)) }
        if way.isTold { return nil }
        if let event = facts.event, standing.floods[event.kind]?.holds(event) == true { return Decision(.hold(.guardDay)) }
        for index in facts.openEvents where book.eventKinds[index].pauses.contains(purpose) {
            return Decision(.hold(.eventOpen(kind: book.eventKinds[index].name)))
        }
        return nil
    }
}

extension Facts {
    /// Their customer is not in the database, which most others have left too.
    fileprivate func isMissing(_ standing: Standing) -> Bool {
        standing.areCustomersMissing && customer == nil && (event == nil || event?.customer != nil)
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
    /// whom, for what is late only since the last pass, and for what will be late because it is quiet until then: its row
    /// may be there, and must end as that.
    package func writesRow(_ outreach: PlannedOutreach, in window: PlanWindow, now: Instant) -> Bool {
        switch verdict {
        case .send, .hold, .move: true
        case .skip(.late): outreach.dueAt >= window.plannedThrough || outreach.expiresAt.map { $0 > now } ?? true
        case .skip: true
        case .cancel: false
        }
    }
}
