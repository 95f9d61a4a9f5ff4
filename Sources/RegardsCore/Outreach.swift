package import RegardsCalendar

/// What makes one outreach unique for ever: this key is the ledger's UNIQUE constraint. Frozen.
package struct OutreachKey: Hashable, Sendable {
    /// The customer's id as text; `event:ID` for an event without a customer; `staff:KEY` for a staff digest.
    /// First in the key, so that the outbox can be sharded by customer.
    package var customer: String
    package var rule: String
    /// Which firing of the rule: see the table of occasions in docs/architecture.md.
    package var occasion: String
    /// The step's name; a repetition appends `#n`, n from 2.
    package var step: String
    /// Role and position, such as `customer/0` or `manager/1`; never an address.
    package var recipient: String

    package init(customer: String, rule: String, occasion: String, step: String, recipient: String) {
        self.customer = customer
        self.rule = rule
        self.occasion = occasion
        self.step = step
        self.recipient = recipient
    }
}

/// An outreach as planning derives it, before the ledger knows it.
package struct PlannedOutreach: Hashable, Sendable {
    package var key: OutreachKey
    package var dueAt: Instant
    /// From this instant on it is too late; nil: never too late.
    package var expiresAt: Instant?
    /// The zone and local date and time meant: what is shown, and what a change of zone data is applied to.
    package var zone: String
    package var localDate: CivilDate
    package var localTime: WallTime
    package var channel: ChannelName
    package var lane: Lane
    package var ruleHash: UInt64

    package init(
        key: OutreachKey, dueAt: Instant, expiresAt: Instant?, zone: String, localDate: CivilDate,
        localTime: WallTime, channel: ChannelName, lane: Lane, ruleHash: UInt64
    ) {
        self.key = key
        self.dueAt = dueAt
        self.expiresAt = expiresAt
        self.zone = zone
        self.localDate = localDate
        self.localTime = localTime
        self.channel = channel
        self.lane = lane
        self.ruleHash = ruleHash
    }
}

/// The way a message goes, as the ledger names it.
package enum ChannelName: Hashable, Sendable, CustomStringConvertible {
    /// Mail: over SMTP where a relay is configured, else into a maildir.
    case mail
    case webhook(String)
    /// An item of a list of this name: nothing goes over the network.
    case list(String)

    /// `mail`, `webhook:NAME` or `list:NAME`.
    package var description: String {
        switch self {
        case .mail: "mail"
        case .webhook(let name): "webhook:\(name)"
        case .list(let name): "list:\(name)"
        }
    }

    package init?(_ text: String) {
        if text == "mail" {
            self = .mail
        } else if text.hasPrefix("list:"), text.utf8.count > 5 {
            self = .list(String(text.dropFirst(5)))
        } else if text.hasPrefix("webhook:"), text.utf8.count > 8 {
            self = .webhook(String(text.dropFirst(8)))
        } else {
            return nil
        }
    }
}

/// Which of two due messages goes first. Raw values are stored: frozen.
package enum Lane: Int, CaseIterable, Hashable, Sendable {
    /// Complaints and all else of purpose `care`.
    case care = 0
    case rest = 1
}

/// Where a row of the outbox stands. Raw values are stored: frozen.
package enum OutreachState: Int, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    case planned = 0
    case claimed = 1
    case sending = 2
    case held = 3
    case sent = 10
    case failed = 11
    case skipped = 12
    case cancelled = 13

    package var hasEnded: Bool { rawValue >= 10 }
    package var description: String { OutreachState.names[self]! }

    package init?(name: String) {
        guard let state = OutreachState.names.first(where: { $0.value == name })?.key else { return nil }
        self = state
    }

    private static let names: [OutreachState: String] = [
        .planned: "planned", .claimed: "claimed", .sending: "sending", .held: "held", .sent: "sent",
        .failed: "failed", .skipped: "skipped", .cancelled: "cancelled",
    ]
}

/// A row of the outbox.
package struct Outreach: Hashable, Sendable {
    package var id: Int64
    package var plan: PlannedOutreach
    package var state: OutreachState
    /// Why it is where it is; empty where the state says it all.
    package var reason: String
    /// A retry waits until then.
    package var notBefore: Instant?
    /// The card, fixed at the first claim.
    package var card: String?
    /// Attempts that count.
    package var attempts: Int
    package var endedAt: Instant?

    package var key: OutreachKey { plan.key }

    package init(
        id: Int64, plan: PlannedOutreach, state: OutreachState = .planned, reason: String = "",
        notBefore: Instant? = nil, card: String? = nil, attempts: Int = 0, endedAt: Instant? = nil
    ) {
        self.id = id
        self.plan = plan
        self.state = state
        self.reason = reason
        self.notBefore = notBefore
        self.card = card
        self.attempts = attempts
        self.endedAt = endedAt
    }
}

/// Why an outreach will never go. Descriptions are stored: frozen.
package enum SkipReason: Hashable, Sendable, CustomStringConvertible {
    /// Its time had passed.
    case late
    /// The house rehearses.
    case rehearsed
    /// The house redirects: the message went to the operator instead.
    case redirected
    /// True before the rule was first seen.
    case baseline
    /// A budget had no room for it: this rule, or what was sent before by this rule, took the place.
    case budget(lostTo: String)
    /// This rule sent on the same day, and says `instead_of`.
    case replaced(by: String)
    /// Another customer with the same address got it.
    case sameAddress

    package var description: String {
        switch self {
        case .late: "late"
        case .rehearsed: "rehearsed"
        case .redirected: "redirected"
        case .baseline: "baseline"
        case .budget(let rule): "budget:\(rule)"
        case .replaced(let rule): "replaced:\(rule)"
        case .sameAddress: "same-address"
        }
    }

    package init?(_ text: String) {
        switch text {
        case "late": self = .late
        case "rehearsed": self = .rehearsed
        case "redirected": self = .redirected
        case "baseline": self = .baseline
        case "same-address": self = .sameAddress
        default:
            if text.hasPrefix("budget:"), text.utf8.count > 7 {
                self = .budget(lostTo: String(text.dropFirst(7)))
            } else if text.hasPrefix("replaced:"), text.utf8.count > 9 {
                self = .replaced(by: String(text.dropFirst(9)))
            } else {
                return nil
            }
        }
    }
}

/// Why an outreach is no longer owed. It is again when the reason goes away. Raw values are stored: frozen.
package enum CancelReason: String, CaseIterable, Hashable, Sendable {
    case customerGone = "customer-gone"
    case ruleGone = "rule-gone"
    /// The date moved, the step was removed, the event vanished.
    case occasionGone = "occasion-gone"
    /// A condition of the rule no longer holds.
    case conditionFalse = "condition-false"
    case doNotContact = "do-not-contact"
    case noConsent = "no-consent"
    /// Nobody to send to: no usable address.
    case noAddress = "no-address"
    /// `ends_when` or `done` came true.
    case eventEnded = "event-ended"
    /// The rule is switched off (`enabled: no`), or the day lies outside its `active` period.
    case ruleOff = "rule-off"
    /// Not in the rule's `sample`.
    case notSampled = "not-sampled"
    /// The address is suppressed: it asked for no more, or no mail reaches it.
    case suppressed
    /// The customer can be reached by mail, so no item of a list is needed.
    case reachable
    /// The event came late and a higher rung of the ladder is due already.
    case overtaken
    /// `regards outbox cancel`; the one reason that planning does not undo.
    case byHand = "by-hand"
}

/// Why an outreach waits, and by that what releases it. Raw values are stored: frozen.
package enum HoldReason: Hashable, Sendable, CustomStringConvertible {
    /// An open event of this kind pauses the purpose; released when the customer's last such event is over.
    case eventOpen(kind: String)
    /// An attempt ended in doubt under `if_in_doubt: ask`; released by `regards outbox settle`.
    case inDoubt
    /// `regards pause`; released when the pause ends or is lifted.
    case paused
    /// A new or changed rule that would reach many; released by `regards approve RULE`.
    case approval
    /// Far more is due today than was planned; released by `regards approve --day`.
    case guardDay
    /// `regards outbox hold`; released by `regards outbox release`.
    case byHand
    /// The customer is not in the database, and neither are most others; released when they are back, or by
    /// `regards approve --customers`.
    case customersMissing

    package var description: String {
        switch self {
        case .eventOpen(let kind): "open:\(kind)"
        case .inDoubt: "in-doubt"
        case .paused: "paused"
        case .approval: "approval"
        case .guardDay: "guard-day"
        case .byHand: "by-hand"
        case .customersMissing: "customers-missing"
        }
    }

    package init?(_ text: String) {
        if text == "in-doubt" {
            self = .inDoubt
        } else if text == "paused" {
            self = .paused
        } else if text == "approval" {
            self = .approval
        } else if text == "guard-day" {
            self = .guardDay
        } else if text == "by-hand" {
            self = .byHand
        } else if text == "customers-missing" {
            self = .customersMissing
        } else if text.hasPrefix("open:"), text.utf8.count > 5 {
            self = .eventOpen(kind: String(text.dropFirst(5)))
        } else {
            return nil
        }
    }
}
