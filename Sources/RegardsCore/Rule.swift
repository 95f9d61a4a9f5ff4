package import RegardsCalendar

/// What a message is for. It decides consent, lateness and order of sending.
package enum Purpose: String, CaseIterable, Hashable, Sendable {
    case greeting, marketing, survey, care
}

/// One rule of `rules.d`: who hears from the business, when, and what.
package struct Rule: Sendable {
    package var name: String
    package var about: String
    package var purpose: Purpose
    package var trigger: Trigger
    /// All must hold, at planning and again at sending.
    package var condition: Condition
    package var steps: [Step]
    package var sender: Sender
    package var lateness: Lateness
    /// Another card for what is late, and how long it may go; nil: none.
    package var belated: Belated?
    /// Who wins where a budget has no room for all: the higher number. 0 to 1,000; see `standardPriority`.
    package var priority: Int
    /// Rules whose messages fall away on a local day on which this rule sends to the same customer.
    package var insteadOf: [String]
    package var budget: BudgetPart
    /// Whether quiet hours, quiet days and silent days put its messages off.
    package var obeysQuiet: Bool
    /// nil: the house's choice.
    package var sameAddress: SameAddress?
    /// The days on which it may fire; nil: always.
    package var active: ActivePeriod?
    /// False: the rule is known and keeps its ledger, and owes nothing.
    package var isEnabled: Bool
    /// Messages are put off by a part of this span that is each customer's own; nil: none.
    package var spread: TimeSpan?
    /// Which share of the occasions counts, above 0 to 1; nil: all.
    package var sample: Double?
    /// Where a customer ends up who cannot be reached by mail; nil: nowhere.
    package var unreachable: ListTarget?
    package var backfill: Backfill
    /// nil: the house's choice.
    package var ifInDoubt: InDoubtPolicy?
    /// Names this rule had before; its ledger goes on under the new one.
    package var formerly: [String]
    package var place: Place
    /// `StableHash` of the rule's meaning: the same for two files that differ only in layout and comments.
    package var hash: UInt64

    package init(
        name: String, about: String = "", purpose: Purpose, trigger: Trigger, condition: Condition = .always,
        steps: [Step], sender: Sender = .house, lateness: Lateness? = nil, belated: Belated? = nil,
        priority: Int? = nil, insteadOf: [String] = [], budget: BudgetPart? = nil, obeysQuiet: Bool? = nil,
        sameAddress: SameAddress? = nil, active: ActivePeriod? = nil, isEnabled: Bool = true,
        spread: TimeSpan? = nil, sample: Double? = nil, unreachable: ListTarget? = nil, backfill: Backfill = .none,
        ifInDoubt: InDoubtPolicy? = nil, formerly: [String] = [],
        place: Place = Place(file: "", line: 0, column: 0), hash: UInt64 = 0
    ) {
        self.name = name
        self.about = about
        self.purpose = purpose
        self.trigger = trigger
        self.condition = condition
        self.steps = steps
        self.sender = sender
        self.lateness = lateness ?? .standard(for: purpose)
        self.belated = belated
        self.priority = priority ?? purpose.standardPriority
        self.insteadOf = insteadOf
        self.budget = budget ?? .standard(for: purpose)
        self.obeysQuiet = obeysQuiet ?? (purpose != .care)
        self.sameAddress = sameAddress
        self.active = active
        self.isEnabled = isEnabled
        self.spread = spread
        self.sample = sample
        self.unreachable = unreachable
        self.backfill = backfill
        self.ifInDoubt = ifInDoubt
        self.formerly = formerly
        self.place = place
        self.hash = hash
    }
}

/// A function somebody has for a customer: `advisor`, `manager`, `director`, or any name under `people:`.
package struct Role: Hashable, Sendable, CustomStringConvertible {
    package var name: String
    package init(_ name: String) { self.name = name }
    package var description: String { name }
    package static let customer = Role("customer")
}

/// Who signs a message.
package enum Sender: Hashable, Sendable {
    case house
    case role(Role)
}

/// How long after its due time a message may still go.
package enum Lateness: Hashable, Sendable {
    /// Until the end of the due day in the customer's zone.
    case untilMidnight
    case grace(TimeSpan)
    /// Until it is sent.
    case forever

    package static func standard(for purpose: Purpose) -> Lateness { purpose == .care ? .forever : .untilMidnight }

    /// How far back planning looks for what may still go and has no row yet, such as the birthday of a customer who was
    /// added or corrected today. What never is too late is looked for as long as a day: a row that exists waits as
    /// long as it must, but a customer added on the 20th was owed nothing on the 1st.
    package var longest: TimeSpan {
        switch self {
        case .untilMidnight, .forever: .hours(25)
        case .grace(let span): span
        }
    }
}

/// What a rule does about what was already true when it was first seen.
package enum Backfill: Hashable, Sendable {
    /// Recorded as seen; nothing is sent.
    case none
    /// What became true at most this long ago is served.
    case since(TimeSpan)
    case all
}

/// What becomes of an outreach whose attempt ended in doubt.
package enum InDoubtPolicy: String, CaseIterable, Hashable, Sendable {
    /// Send again with the same Message-ID.
    case resend
    /// Hold until somebody settles it.
    case ask
}
