package import RegardsCalendar
package import RegardsCore

/// Marks and endings that share a transaction.
package struct GroupCommit: Sendable {
    package var now: Instant
    package var marks: [SendMark]
    package var endings: [Ending]
    /// What is owed because of an ending, such as a list's item for a recipient that was refused: as `addOutreach`.
    package var additions: [PlannedOutreach]
    /// What is known of the pace of mail, in place of what was kept before; nil: that stays.
    package var pace: String?

    package init(
        now: Instant, marks: [SendMark] = [], endings: [Ending] = [], additions: [PlannedOutreach] = [], pace: String? = nil
    ) {
        self.pace = pace
        self.now = now
        self.marks = marks
        self.endings = endings
        self.additions = additions
    }

    package var isEmpty: Bool { marks.isEmpty && endings.isEmpty && additions.isEmpty && pace == nil }
}

/// What a commit did not do; empty when it did everything.
package struct CommitReport: Hashable, Sendable {
    /// Rows whose guard failed: not in the state expected, or of another epoch. Nothing was done to them.
    package var lost: [Int64] = []
    /// Marks that were not made: the rows are `planned` again and wake in two seconds, no attempt was counted.
    package var refused: [RefusedMark] = []
    /// Additions of rules that the ledger does not know.
    package var dropped: [OutreachKey] = []

    package init(lost: [Int64] = [], refused: [RefusedMark] = [], dropped: [OutreachKey] = []) {
        self.lost = lost
        self.refused = refused
        self.dropped = dropped
    }

    package var isEmpty: Bool { lost.isEmpty && refused.isEmpty && dropped.isEmpty }
}

package struct RefusedMark: Hashable, Sendable {
    package enum Reason: String, CaseIterable, Hashable, Sendable {
        /// A message that counts is on its way to the address.
        case inFlight = "in-flight"
        /// A budget is used up.
        case noRoom = "no-room"
        /// Another customer with the address got, or is getting, this step on this day.
        case sameAddress = "same-address"
        /// A pause applies that the decision did not know yet.
        case paused
    }

    package var id: Int64
    package var reason: Reason

    package init(_ id: Int64, _ reason: Reason) {
        self.id = id
        self.reason = reason
    }
}

/// `claimed -> sending`: the attempt is counted, and the card pinned unless one is.
///
/// Pauses are asked for every mark, the guards where there are some; both inside the transaction, so that what another
/// process wrote, or another mark of the group took, is seen.
package struct SendMark: Hashable, Sendable {
    package var id: Int64
    package var card: String?
    /// Keyed hash of the recipient's address; nil where there is none, as for a webhook: then no guard applies.
    package var address: String?
    /// It uses up room in the budgets.
    package var counts: Bool
    package var guards: SendGuards

    package init(
        id: Int64, card: String? = nil, address: String? = nil, counts: Bool = false, guards: SendGuards = .none
    ) {
        self.id = id
        self.card = card
        self.address = address
        self.counts = counts
        self.guards = guards
    }
}

/// What must still hold when a row is marked, beside what was decided before.
package struct SendGuards: Hashable, Sendable {
    /// All must have room. With any, the mark also waits while a message that counts is on its way to the address,
    /// because nobody knows yet whether that one will use up room.
    package var budgets: [BudgetGuard]
    /// No other customer with the address gets, or got, this rule's step on this local date.
    package var once: Bool

    package init(budgets: [BudgetGuard] = [], once: Bool = false) {
        self.budgets = budgets
        self.once = once
    }

    package static let none = SendGuards()
}

/// Room in one budget: fewer than `atMost` messages that count went to the address after `since`.
package struct BudgetGuard: Hashable, Sendable {
    /// nil: all purposes together.
    package var purpose: Purpose?
    package var atMost: Int
    /// One of exactly this instant leaves room: `now - Budget.per`.
    package var since: Instant

    package init(purpose: Purpose? = nil, atMost: Int, since: Instant) {
        self.purpose = purpose
        self.atMost = atMost
        self.since = since
    }

    package init(_ budget: Budget, now: Instant) {
        self.init(purpose: budget.purpose, atMost: budget.atMost, since: now - budget.per)
    }
}

/// What becomes of a row that is `claimed` or `sending`.
package struct Ending: Hashable, Sendable {
    package enum Next: Hashable, Sendable {
        /// Only from `sending`.
        case sent
        /// A row of a list: `sent`, without an attempt, and an open item of the list. Only from `claimed`.
        case listed(NewListItem)
        case failed(RefusalReason)
        case skipped(SkipReason)
        case cancelled(CancelReason)
        case held(HoldReason)
        /// To be tried again, not before the instant if one is given.
        case retry(notBefore: Instant?, reason: String, givesAttemptBack: Bool)
        /// Owed at another time than the row said; wakes then.
        case moved(MovedDue)
    }

    package var id: Int64
    package var next: Next
    /// Completes the attempt that the mark began; nil for a row that was never marked.
    package var report: AttemptReport?

    package init(id: Int64, _ next: Next, report: AttemptReport? = nil) {
        self.id = id
        self.next = next
        self.report = report
    }
}

/// The time at which a row is due, derived anew.
package struct MovedDue: Hashable, Sendable {
    package var dueAt: Instant
    package var expiresAt: Instant?
    package var zone: String
    package var localDate: CivilDate
    package var localTime: WallTime

    package init(_ plan: PlannedOutreach) {
        dueAt = plan.dueAt
        expiresAt = plan.expiresAt
        zone = plan.zone
        localDate = plan.localDate
        localTime = plan.localTime
    }
}

/// What somebody found out about a row in doubt.
package enum Settlement: String, CaseIterable, Hashable, Sendable {
    /// The message had arrived.
    case sent
    /// It had not: send it again.
    case resend
}
