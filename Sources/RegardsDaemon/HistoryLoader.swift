package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// Reads what the ledger remembers of customers, as far as the rules of one book ask for it.
package struct HistoryLoader: Sendable {
    private let outbox: any Outbox
    private let hash: AddressHash
    private let received: Set<String>
    private let series: Set<String>
    private let window: TimeSpan
    /// Messages give way to each other.
    private let isWeighing: Bool
    /// By index of the rule: whether its decisions need more than the suppressions.
    private let isAsked: [Bool]

    package init(outbox: any Outbox, hash: AddressHash, book: RuleBook) {
        self.outbox = outbox
        self.hash = hash
        received = Set(book.rules.flatMap(\.receivedRules) + book.house.lists.doneWhen.values.flatMap(\.receivedRules))
        series = Set(book.rules.filter(\.hasSeries).map(\.name))
        let hasBudgets = !book.house.limits.budgets.isEmpty
        // Where messages give way to each other, a year's occasion that was kept already must be known although its day
        // was corrected since: what never goes again takes nobody's place. Two days more, so that a local day is whole
        // wherever the customer lives.
        isWeighing = hasBudgets || book.rules.contains { !$0.insteadOf.isEmpty }
        window = max(book.house.limits.longestWindow, isWeighing ? .days(400) : .zero) + .days(2)
        isAsked = book.rules.map { rule in
            let once = (rule.sameAddress ?? book.house.limits.sameAddress) == .once
            // What takes another's place: that it went must be known when the other is decided.
            let weighs = hasBudgets && rule.budget.obeys || !rule.insteadOf.isEmpty
            return once || weighs || !rule.receivedRules.isEmpty || rule.hasSeries
        }
    }

    /// Whether decisions about the rule need a history.
    package func isNeeded(rule index: Int) -> Bool { isAsked[index] }

    /// A history for each of the customers that has an id.
    /// - Throws: `OutboxError`.
    package func load(_ customers: some Sequence<Customer>, now: Instant) throws -> [String: History] {
        var question = HistoryQuestion(customers: [], since: now - window, received: received, series: series, asksForLost: isWeighing)
        for customer in customers {
            question.customers.append(customer.id)
            if let contact = Contact(customer: customer) {
                question.addresses[customer.id] = hash.of(contact.address)
            }
        }
        return question.customers.isEmpty ? [:] : try outbox.histories(question)
    }

    /// The keyed hash that stands for an address in the ledger.
    package func key(of address: Address) -> String { hash.of(address) }
}

extension Rule {
    /// Rules whose last arrival its conditions ask for.
    fileprivate var receivedRules: [String] { ([condition] + steps.map(\.condition)).flatMap(\.receivedRules) }

    fileprivate var hasSeries: Bool { steps.contains { ($0.action.card?.noRepeat ?? 0) > 0 } }
}

extension Condition {
    /// Rules whose last arrival it asks for.
    var receivedRules: [String] {
        tests.compactMap { if case .received(let rule) = $0.operand { rule } else { nil } }
    }
}

extension RuleBook {
    /// The lists that rules put items on, by name.
    package var lists: [String] { Set(rules.flatMap(\.lists)).sorted() }
}

extension Rule {
    /// The lists that it puts items on.
    var lists: [String] {
        let ofSteps = steps.compactMap { step in
            if case .list(let target) = step.action { target.name } else { nil }
        }
        return ofSteps + [unreachable?.name].compactMap { $0 }
    }
}
