package import RegardsCalendar
package import RegardsCore

// MARK: Who was reached

/// What decisions about a page of customers need to know of the past.
package struct HistoryQuestion: Hashable, Sendable {
    package var customers: [String]
    /// By customer: the keyed hash of the address; a customer without an address is left out.
    package var addresses: [String: String]
    /// How far back contacts to the addresses are wanted, this instant included.
    package var since: Instant
    /// Rules whose last arrival is asked for; a name that the ledger does not know was never received.
    package var received: Set<String>
    /// Rules with a series of cards.
    package var series: Set<String>
    /// Whether messages that failed or were skipped since then are wanted.
    package var asksForLost: Bool

    package init(
        customers: [String], addresses: [String: String] = [:], since: Instant, received: Set<String> = [],
        series: Set<String> = [], asksForLost: Bool = false
    ) {
        self.customers = customers
        self.addresses = addresses
        self.since = since
        self.received = received
        self.series = series
        self.asksForLost = asksForLost
    }
}

/// One occasion of one customer, whatever the rule.
package struct CustomerOccasion: Hashable, Sendable {
    /// The customer part of the ledger's key.
    package var customer: String
    package var occasion: String

    package init(customer: String, occasion: String) {
        self.customer = customer
        self.occasion = occasion
    }
}

// MARK: Suppression

package enum SuppressionReason: String, CaseIterable, Hashable, Sendable {
    /// The person asked for no more.
    case request
    /// The address refuses mail.
    case bounce
    /// The person told their provider that the mail was unwanted.
    case complaint
}

/// An address that gets nothing more of a purpose.
package struct Suppression: Hashable, Sendable {
    /// Keyed hash.
    package var address: String
    package var purpose: Purpose
    package var reason: SuppressionReason
    package var since: Instant

    package init(address: String, purpose: Purpose, reason: SuppressionReason, since: Instant) {
        self.address = address
        self.purpose = purpose
        self.reason = reason
        self.since = since
    }
}

extension Set<Purpose> {
    /// What a suppression stops unless it says otherwise: all but `care`, which answers somebody who asked.
    package static let unasked: Set<Purpose> = [.greeting, .marketing, .survey]
}

// MARK: Guards

/// What the guards compare with, and what they found.
package struct GuardFigures: Hashable, Sendable {
    /// Customers that the last finished pass saw, and when; nil before the first.
    package var customers: Int?
    package var customersAt: Instant?
    /// Since when far fewer customers are seen than before, so that nobody's messages are cancelled; nil: they are not.
    package var collapsedSince: Instant?
    /// How many customers were seen instead.
    package var customersSeen: Int?
    /// Since when the guard of the day has tripped; nil: it has not.
    package var trippedSince: Instant?
    /// What tripped it: messages added to hours that had been planned before, and those that stood there already.
    package var added: Int?
    package var planned: Int?
    /// Since when a pass adds more than it should, before it has seen all customers; nil: none does.
    package var suspectedSince: Instant?
    /// Messages that passes added to such hours since the last one that saw all customers.
    package var carried: Int?
    /// By kind of event: those that appeared at once and should have been seen long before.
    package var floods: [String: EventFlood]

    package init(
        customers: Int? = nil, customersAt: Instant? = nil, collapsedSince: Instant? = nil, customersSeen: Int? = nil,
        trippedSince: Instant? = nil, added: Int? = nil, planned: Int? = nil, suspectedSince: Instant? = nil,
        carried: Int? = nil, floods: [String: EventFlood] = [:]
    ) {
        self.customers = customers
        self.customersAt = customersAt
        self.collapsedSince = collapsedSince
        self.customersSeen = customersSeen
        self.trippedSince = trippedSince
        self.added = added
        self.planned = planned
        self.suspectedSince = suspectedSince
        self.carried = carried
        self.floods = floods
    }
}

// MARK: Segments

/// A segment whose comings and goings some rule waits for.
package struct WatchedSegment: Hashable, Sendable {
    package var name: String
    /// Of the definition: another one is looked at anew, and nobody comes or goes by it; nil: not compared.
    package var hash: UInt64?

    package init(name: String, hash: UInt64? = nil) {
        self.name = name
        self.hash = hash
    }
}

/// Which watched segments a customer belongs to.
package struct SegmentMembership: Hashable, Sendable {
    package var customer: String
    /// Indices into the watched segments.
    package var members: [Int]

    package init(customer: String, members: [Int]) {
        self.customer = customer
        self.members = members
    }
}

// MARK: Lists

/// What a row that is put on a list brings beside itself.
package struct NewListItem: Hashable, Sendable {
    /// Keyed hash of the address of whoever it is for; nil where nobody holds the role.
    package var owner: String?
    package var why: String

    package init(owner: String? = nil, why: String) {
        self.owner = owner
        self.why = why
    }
}

/// Something for somebody of the business to do: call a customer, pick a gift.
package struct ListItem: Hashable, Sendable {
    package enum Outcome: String, CaseIterable, Hashable, Sendable {
        case open
        case done
        case notReached = "not-reached"
    }

    /// The row's id, and the item's.
    package var id: Int64
    package var list: String
    package var customer: String
    package var rule: String
    package var occasion: String
    /// Role and position, such as `advisor/0`.
    package var recipient: String
    package var owner: String?
    package var why: String
    package var since: Instant
    /// `open`, or what came of it last; one that is to be tried again is `notReached` and has not ended.
    package var outcome: Outcome
    package var tryAgainAt: Instant?
    package var endedAt: Instant?
    /// The last local day on whose list it was mailed.
    package var mailedOn: CivilDate?

    package init(
        id: Int64, list: String, customer: String, rule: String, occasion: String, recipient: String,
        owner: String? = nil, why: String, since: Instant, outcome: Outcome = .open, tryAgainAt: Instant? = nil,
        endedAt: Instant? = nil, mailedOn: CivilDate? = nil
    ) {
        self.id = id
        self.list = list
        self.customer = customer
        self.rule = rule
        self.occasion = occasion
        self.recipient = recipient
        self.owner = owner
        self.why = why
        self.since = since
        self.outcome = outcome
        self.tryAgainAt = tryAgainAt
        self.endedAt = endedAt
        self.mailedOn = mailedOn
    }
}
