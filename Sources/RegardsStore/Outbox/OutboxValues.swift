package import RegardsCalendar
package import RegardsCore

// MARK: Rules

/// A rule as the files have it now.
package struct RuleAdoption: Hashable, Sendable {
    package var name: String
    package var purpose: Purpose
    /// `Rule.hash`.
    package var hash: UInt64
    package var formerly: [String]

    package init(name: String, purpose: Purpose, hash: UInt64, formerly: [String] = []) {
        self.name = name
        self.purpose = purpose
        self.hash = hash
        self.formerly = formerly
    }

    package init(_ rule: Rule) {
        self.init(name: rule.name, purpose: rule.purpose, hash: rule.hash, formerly: rule.formerly)
    }
}

/// What the ledger knows of a rule.
package struct RuleLedger: Hashable, Sendable {
    package var id: Int64
    package var name: String
    package var hash: UInt64
    /// The rule's baseline: what was true before is not served, unless the rule's `backfill` says so.
    package var firstSeen: Instant
    /// Everything due before it has been planned; equals `firstSeen` until the first pass has finished.
    package var plannedThrough: Instant
    /// When the rule vanished from the files; nil while it is there.
    package var goneAt: Instant?
    /// nil until a daemon that knows purposes has adopted the rule.
    package var purpose: Purpose?
    /// `Rule.hash` as it was when the rule was last approved; nil: never.
    package var approvedHash: UInt64?
    /// nil for a rule that was never approved, and for one that is older than approvals.
    package var approvedAt: Instant?
}

/// What `adoptRules` found and did.
package struct RuleAdoptionReport: Hashable, Sendable {
    /// The adopted rules in the order given.
    package var rules: [AdoptedRule] = []
    /// Rules that are in the files no longer, by name; each is reported once, when it vanishes.
    package var vanished: [VanishedRule] = []
}

package struct AdoptedRule: Hashable, Sendable {
    package var ledger: RuleLedger
    /// Never seen before, under this name or a former one.
    package var isNew = false
    /// The rule's meaning differs from what was last adopted.
    package var isChanged = false
    /// It had vanished and is back.
    package var hasReturned = false
    /// The name its ledger went by until now.
    package var renamedFrom: String?
}

package struct VanishedRule: Hashable, Sendable {
    package var name: String
    /// Unsent rows that became `cancelled(rule-gone)`.
    package var cancelled: Int
}

// MARK: Start

/// What the crash or kill of an earlier daemon left behind.
package struct Recovery: Hashable, Sendable {
    /// Rows back from `claimed`.
    package var unclaimed = 0
    /// Rows whose attempt has an unknown end, as they stand now.
    package var inDoubt: [Outreach] = []
}

// MARK: Planning

/// What planning derived for one event.
package struct EventPlan: Sendable {
    /// `Event.customerKey`.
    package var customer: String
    /// `Event.occasion`.
    package var occasion: String
    /// The rules whose rows of this event are judged.
    package var rules: [String]
    package var rows: [PlannedOutreach]
    /// Why rows of the event that are not in `rows` are owed no longer.
    package var why: @Sendable (OutreachKey) -> CancelReason

    package init(
        customer: String, occasion: String, rules: [String], rows: [PlannedOutreach],
        why: @escaping @Sendable (OutreachKey) -> CancelReason = { _ in .occasionGone }
    ) {
        self.customer = customer
        self.occasion = occasion
        self.rules = rules
        self.rows = rows
        self.why = why
    }

    package init(
        _ event: Event, rules: [String], rows: [PlannedOutreach],
        why: @escaping @Sendable (OutreachKey) -> CancelReason = { _ in .occasionGone }
    ) {
        self.init(customer: event.customerKey, occasion: event.occasion, rules: rules, rows: rows, why: why)
    }
}

/// What a reconciliation changed.
package struct ReconcileCounts: Hashable, Sendable {
    package var inserted = 0
    package var updated = 0
    /// Cancelled rows that are owed again.
    package var reopened = 0
    package var cancelled = 0
    /// Rows found as they should be.
    package var unchanged = 0
    /// Derived rows whose key was derived twice; the first counts.
    package var duplicates = 0
    /// Of the inserted: due before the edge that an earlier pass had planned their rule to, the rule approved as it is.
    /// Hardly any is, unless the customers changed: `guard.day` counts them.
    package var insertedBehind = 0
    /// The earliest wake time among rows inserted, updated and reopened: the send loop's timer may have to move.
    package var earliestWake: Instant?

    package init() {}

    package var changes: Int { inserted + updated + reopened + cancelled }

    package static func += (left: inout ReconcileCounts, right: ReconcileCounts) {
        left.inserted += right.inserted
        left.updated += right.updated
        left.reopened += right.reopened
        left.cancelled += right.cancelled
        left.unchanged += right.unchanged
        left.duplicates += right.duplicates
        left.insertedBehind += right.insertedBehind
        if let wake = right.earliestWake { left.woken(at: wake) }
    }

    mutating func woken(at instant: Instant) { earliestWake = min(earliestWake ?? instant, instant) }
}

// MARK: Reading

/// Which rows to list; nil means any.
package struct OutreachFilter: Hashable, Sendable {
    package var states: Set<OutreachState>?
    package var rule: String?
    package var customer: String?
    /// Rows of these customers; `customer` is left aside.
    package var customers: [String]?
    /// Rows due in this range.
    package var due: Range<Instant>?
    /// Held rows whose reason begins with this text, such as `open:`; whatever `states` says.
    package var heldFor: String?

    package init(
        states: Set<OutreachState>? = nil, rule: String? = nil, customer: String? = nil, customers: [String]? = nil,
        due: Range<Instant>? = nil, heldFor: String? = nil
    ) {
        self.states = states
        self.rule = rule
        self.customer = customer
        self.customers = customers
        self.due = due
        self.heldFor = heldFor
    }
}

/// One try to send a row.
package struct Attempt: Hashable, Sendable {
    /// From 1.
    package var number: Int
    package var startedAt: Instant
    /// nil while it lasts.
    package var endedAt: Instant?
    /// `delivered`, `deferred`, `refused` or `in-doubt`; empty while it lasts.
    package var outcome: String
    package var reason: String
    /// SMTP reply code or HTTP status; 0 when there was none.
    package var code: Int
    package var detail: String
}

package struct OutreachDetail: Hashable, Sendable {
    package var outreach: Outreach
    package var createdAt: Instant
    package var updatedAt: Instant
    package var attempts: [Attempt]
}

package struct OutboxCounts: Hashable, Sendable {
    /// Rows in each state: all that are open, and those that ended since the instant asked for.
    package var byState: [OutreachState: Int] = [:]
    /// Held rows by reason.
    package var heldByReason: [String: Int] = [:]

    package subscript(state: OutreachState) -> Int { byState[state] ?? 0 }
}

// MARK: Events

/// One row of an event query.
package struct SeenEvent: Hashable, Sendable {
    package var id: String
    package var customer: String?
    package var at: Instant
    /// The kind's `done` holds; true for a kind without `done`.
    package var isDone: Bool
    /// Of the row's columns, so that an edit shows.
    package var hash: UInt64

    package init(id: String, customer: String?, at: Instant, isDone: Bool, hash: UInt64) {
        self.id = id
        self.customer = customer
        self.at = at
        self.isDone = isDone
        self.hash = hash
    }
}

/// What a sync found out about one event.
package struct EventChange: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        case new
        /// A column differs.
        case edited
        /// It was over and is open again.
        case reopened
        /// Its `done` came true.
        case done
        /// Its row is no longer in the query's result.
        case gone
        /// Its row was gone and is back, the same event.
        case returned
    }

    package var kind: Kind
    /// As it stands now.
    package var event: Event
    /// The customer part of its ledger key until now, where that changed: rows under the old key are owed no longer.
    package var formerCustomerKey: String?
}
