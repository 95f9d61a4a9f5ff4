import RegardsCalendar
import RegardsCore
import RegardsStore

// MARK: What holds for all rules

extension Explainer {
    func profile(_ question: Question) throws -> Explanation {
        let customer = question.customer
        let pauses = question.story.standing.pauses.filter { pause in
            switch pause.scope {
            case .all: true
            case .customer(let id): id == customer.id
            case .rule, .purpose: false
            }
        }
        return Explanation(
            customer: customer, at: question.at, zone: question.clock, zoneSource: question.zone?.source,
            mode: try book.house.mode(inForce: outbox), consents: consents(customer), suppressions: try suppressions(customer),
            segments: memberships(question), budgets: budgets(question), openEvents: try openEvents(customer), pauses: pauses)
    }

    private func consents(_ customer: Customer) -> [Explanation.Consent] {
        [(Purpose.greeting, CustomerColumn.consentGreeting), (.marketing, .consentMarketing), (.survey, .consentSurvey)].map {
            Explanation.Consent(
                purpose: $0, isGiven: customer.consents(to: $0), column: $1.name, value: customer.text($1))
        }
    }

    private func suppressions(_ customer: Customer) throws -> [Suppression] {
        guard let outbox, let histories, let contact = Contact(customer: customer) else { return [] }
        let key = histories.key(of: contact.address)
        // The list is in the order of addresses: nothing lies between a key and itself without its last letter but a few
        // of the same beginning.
        let before = Suppression(address: String(key.dropLast()), purpose: .survey, reason: .request, since: .beforeAll)
        return try outbox.suppressions(limit: 100, after: before).filter { $0.address == key }
    }

    private func openEvents(_ customer: Customer) throws -> [Explanation.OpenEvent] {
        let open = try outbox?.openEvents(customers: [customer.id]) ?? []
        return open.sorted { ($0.at, $0.id) < ($1.at, $1.id) }.map { event in
            let kind = book.eventKinds.first { $0.name == event.kind }
            return Explanation.OpenEvent(event: event, pauses: Purpose.allCases.filter { kind?.pauses.contains($0) == true })
        }
    }

    // MARK: Budgets

    private func budgets(_ question: Question) -> [Explanation.BudgetUse] {
        book.house.limits.budgets.map { budget in
            let uses = question.facts.history.toAddress.filter {
                $0.counts && budget.limits($0.purpose) && $0.at > question.at - budget.per && $0.at <= question.at
            }
            // Room comes back when the first of a full span is a whole span away.
            let roomAt = uses.count < budget.atMost ? nil : uses[budget.atMost - 1].at + budget.per
            return Explanation.BudgetUse(budget: budget, uses: uses, roomAt: roomAt)
        }
    }

    // MARK: Segments

    private func memberships(_ question: Question) -> [Explanation.Membership] {
        let standing = question.story.standing
        let membership = book.conditionFacts(question.facts, standing, now: question.at).membership
        return book.segments.indices.map { index in
            let segment = book.segments[index]
            var found = Explanation.Membership(name: segment.name, isMember: membership.contains(index))
            let entry = question.facts.entries[index]
            found.since = entry.flatMap { $0.leftAt == nil ? $0.enteredAt : nil }
            switch segment.definition {
            case .matching(let condition):
                found.conditions = sentences(condition, question.facts, standing, at: question.at)
            case .top(let share, let column):
                rank(&found, by: column, share.words, standing.ranks.bounds[index] ?? [], question)
            case .classes(let count, let column):
                rank(&found, by: column, Words.count(count, "class", "classes"), standing.ranks.bounds[index] ?? [], question)
                found.rank = membership.rank(index).map { ($0, count) }
            }
            return found
        }
    }

    private func rank(
        _ found: inout Explanation.Membership, by column: Int, _ share: String, _ bounds: [Double], _ question: Question
    ) {
        let record = question.customer.record
        found.ranking = (share, book.customers.columns.names[column])
        found.value = record.isPresent(column) ? record.string(column) : nil
        let isText = record.withText(column) { $0 != nil }
        let isTime = isText && record.instant(column, zone: book.house.business.zone) != nil
        // Where the customer has no value, only its size tells a day from an amount.
        let isEmpty = found.value == nil
        found.bounds = bounds.map { bound($0, isTime: isTime || isEmpty && abs($0) > 1e12) }
    }

    /// Days and instants are ranked as microseconds since 1970.
    private func bound(_ value: Double, isTime: Bool) -> String {
        guard isTime, let microseconds = Int64(exactly: value.rounded()) else {
            return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        }
        let local = book.house.business.zone.local(at: Instant(microseconds: microseconds))
        return local.time.secondOfDay == 0 ? "\(local.date)" : "\(local.date) \(local.time)"
    }
}

extension Segment.Share {
    /// `top 20%`, `top 100`.
    fileprivate var words: String {
        switch self {
        case .count(let count): return "top \(count)"
        case .part(let part):
            let percent = (part * 10_000).rounded() / 100
            return "top \(percent == percent.rounded() ? "\(Int(percent))" : "\(percent)")%"
        }
    }
}
