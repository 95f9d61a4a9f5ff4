package import RegardsCalendar

/// One message that was sent, or is being sent, as later decisions need it.
package struct PastContact: Hashable, Sendable {
    package var customer: String
    package var rule: String
    package var step: String
    package var occasion: String
    /// When it was sent; while it is being sent, when it was marked.
    package var at: Instant
    /// The local date of its occasion.
    package var localDate: CivilDate
    package var card: String?
    /// False while it is being sent.
    package var hasEnded: Bool
    /// True when it used up room in the budgets.
    package var counts: Bool
    package var purpose: Purpose

    package init(
        customer: String, rule: String, step: String, occasion: String, at: Instant, localDate: CivilDate,
        card: String? = nil, hasEnded: Bool = true, counts: Bool = true, purpose: Purpose
    ) {
        self.customer = customer
        self.rule = rule
        self.step = step
        self.occasion = occasion
        self.at = at
        self.localDate = localDate
        self.card = card
        self.hasEnded = hasEnded
        self.counts = counts
        self.purpose = purpose
    }
}

/// A card that a rule sent to a customer.
package struct SentCard: Hashable, Sendable {
    package var name: String
    package var at: Instant

    package init(_ name: String, at: Instant) {
        self.name = name
        self.at = at
    }
}

/// What the ledger remembers about one customer and their address.
package struct History: Hashable, Sendable {
    /// Messages to the customer's address, to whichever customer, newest first, at least as far back as the longest
    /// window of a budget and today's local date.
    package var toAddress: [PastContact]
    /// When each rule last reached the customer, by the rule's name.
    package var lastReceived: [String: Instant]
    /// Cards each rule sent the customer, newest first, for rules with a series.
    package var cards: [String: [SentCard]]
    /// The address is suppressed for these purposes; for `care` too where no mail reaches it (see `isUnreachable`).
    package var suppressed: Set<Purpose>
    /// Messages to the customer that failed or were skipped, and when: they never go, so they stand in nobody's way. Known
    /// only where messages are weighed against each other.
    package var lost: [OutreachKey: Instant]
    /// Steps of the event's rules whose recipient was refused for good, and when: `RULE/STEP`.
    package var refused: [String: Instant]

    package init(
        toAddress: [PastContact] = [], lastReceived: [String: Instant] = [:], cards: [String: [SentCard]] = [:],
        suppressed: Set<Purpose> = [], lost: [OutreachKey: Instant] = [:], refused: [String: Instant] = [:]
    ) {
        self.toAddress = toAddress
        self.lastReceived = lastReceived
        self.cards = cards
        self.suppressed = suppressed
        self.lost = lost
        self.refused = refused
    }

    package static let none = History()
}

/// `regards pause`: what is held until when.
package struct Pause: Hashable, Sendable {
    package enum Scope: Hashable, Sendable {
        case all
        case rule(String)
        case customer(String)
        case purpose(Purpose)
    }

    package var id: Int64
    package var scope: Scope
    package var since: Instant
    /// nil: until it is lifted.
    package var until: Instant?
    package var reason: String

    package init(id: Int64 = 0, scope: Scope, since: Instant, until: Instant? = nil, reason: String = "") {
        self.id = id
        self.scope = scope
        self.since = since
        self.until = until
        self.reason = reason
    }

    package func holds(rule: String, customer: String, purpose: Purpose, at now: Instant) -> Bool {
        guard until.map({ now < $0 }) ?? true else { return false }
        return switch scope {
        case .all: true
        case .rule(let name): name == rule
        case .customer(let id): id == customer
        case .purpose(let held): held == purpose
        }
    }
}

/// What holds for every decision of one moment beside the files: the same for all customers.
package struct Standing: Hashable, Sendable {
    package var pauses: [Pause]
    /// Rules that wait for approval, by name.
    package var unapproved: Set<String>
    /// The guard of the day has tripped: all but `care` waits.
    package var isGuardTripped: Bool
    /// Events whose messages to customers wait for an answer to the guard of the day, `care` too; by the name of the kind.
    package var floods: [String: EventFlood]
    /// Far fewer customers are in the database than before: what is owed to one who is not waits.
    package var areCustomersMissing: Bool
    /// Where ranked segments begin.
    package var ranks: SegmentRanks
    /// What was due, or had begun, before this is not served, by the rule's name (`Rule.baseline`); a rule that is not
    /// named serves all. Only the messages that others are weighed against are asked for it.
    package var baselines: [String: Instant]

    package init(
        pauses: [Pause] = [], unapproved: Set<String> = [], isGuardTripped: Bool = false,
        floods: [String: EventFlood] = [:], areCustomersMissing: Bool = false, ranks: SegmentRanks = SegmentRanks(), baselines: [String: Instant] = [:]
    ) {
        self.pauses = pauses
        self.unapproved = unapproved
        self.isGuardTripped = isGuardTripped
        self.floods = floods
        self.areCustomersMissing = areCustomersMissing
        self.ranks = ranks
        self.baselines = baselines
    }
}

/// Events of one kind that appeared all at once although they had happened before the last look: ids that were given out
/// anew, a lost `WHERE`, a past that was filled in.
package struct EventFlood: Hashable, Sendable {
    /// When they were first seen, or later.
    package var since: Instant
    /// When they should have been seen: what happened after it is news.
    package var before: Instant

    package init(since: Instant, before: Instant) {
        self.since = since
        self.before = before
    }

    package func holds(_ event: Event) -> Bool { event.firstSeen >= since && event.at < before }
}

/// Where ranked segments begin, by index of the segment: one bound for `top`, n-1 rising bounds for n classes. Bounds
/// are numbers, or microseconds since 1970 for days and instants. A ranked segment without bounds has no members.
package struct SegmentRanks: Hashable, Sendable {
    package var bounds: [Int: [Double]]
    package init(bounds: [Int: [Double]] = [:]) { self.bounds = bounds }
}
