package import RegardsCalendar

/// What holds a message back that a rule would send: how often, and when, customers may be written to.
package struct Limits: Sendable {
    /// All of them must have room.
    package var budgets: [Budget]
    package var quiet: Quiet
    /// What becomes of one rule's messages to several customers with one address, unless the rule says otherwise.
    package var sameAddress: SameAddress

    package init(budgets: [Budget] = [], quiet: Quiet = Quiet(), sameAddress: SameAddress = .each) {
        self.budgets = budgets
        self.quiet = quiet
        self.sameAddress = sameAddress
    }

    /// The longest window of any budget; zero where there is none.
    package var longestWindow: TimeSpan { budgets.map(\.per).max() ?? .zero }
}

/// At most so many messages to one address in any span of this length.
package struct Budget: Hashable, Sendable {
    /// nil: all purposes together.
    package var purpose: Purpose?
    /// 1 to 1,000.
    package var atMost: Int
    /// 1 hour to 366 days; days of 24 hours.
    package var per: TimeSpan

    package init(purpose: Purpose? = nil, atMost: Int, per: TimeSpan) {
        self.purpose = purpose
        self.atMost = atMost
        self.per = per
    }
}

/// A rule's part in the budgets.
package struct BudgetPart: Hashable, Sendable {
    /// Its messages use up room.
    package var counts: Bool
    /// Its messages wait for room.
    package var obeys: Bool

    package init(counts: Bool, obeys: Bool) {
        self.counts = counts
        self.obeys = obeys
    }

    /// `care` neither counts nor obeys; all else does both.
    package static func standard(for purpose: Purpose) -> BudgetPart {
        BudgetPart(counts: purpose != .care, obeys: purpose != .care)
    }
}

extension Purpose {
    /// care 90, greeting 60, survey 40, marketing 20.
    package var standardPriority: Int {
        switch self {
        case .care: 90
        case .greeting: 60
        case .survey: 40
        case .marketing: 20
        }
    }
}

/// When customers are left in peace, on their own clock.
package struct Quiet: Sendable {
    /// Hours, and days of the week; nil for none.
    package var hours: QuietHours?
    package var silent: [SilentDay]

    package init(hours: QuietHours? = nil, silent: [SilentDay] = []) {
        self.hours = hours
        self.silent = silent
    }
}

/// A day on which customers of some countries, or all, are not greeted: a day of mourning.
package struct SilentDay: Sendable {
    package enum Day: Sendable {
        case on(CivilDate)
        case feast(Feast)
    }

    package var day: Day
    /// ISO 3166 codes; empty: everywhere.
    package var countries: [String]

    package init(_ day: Day, countries: [String] = []) {
        self.day = day
        self.countries = countries
    }
}

/// `same_address`: what becomes of one rule's messages on one day to several customers with one address.
package enum SameAddress: String, CaseIterable, Hashable, Sendable {
    /// The first goes.
    case once
    /// Each customer gets their own.
    case each
}

/// `if_late: {then: {card: CARD, within: SPAN}}`: past the grace this card goes instead, until `within` after the due
/// time.
package struct Belated: Hashable, Sendable {
    package var card: CardPattern
    /// From the due time; longer than the grace.
    package var within: TimeSpan

    package init(card: CardPattern, within: TimeSpan) {
        self.card = card
        self.within = within
    }
}

/// The days on which a rule may fire, by the local day of the occasion; an end that is nil is open.
package struct ActivePeriod: Hashable, Sendable {
    package var from: CivilDate?
    package var to: CivilDate?

    package init(from: CivilDate? = nil, to: CivilDate? = nil) {
        self.from = from
        self.to = to
    }

    package func contains(_ day: CivilDate) -> Bool {
        (from.map { $0 <= day } ?? true) && (to.map { day <= $0 } ?? true)
    }
}

/// What keeps a mistake in a file or a query from reaching many people.
package struct Guards: Hashable, Sendable {
    /// A new or changed rule that would send more than this in its first 31 days waits for approval; nil: none does.
    package var newRule: Int?
    /// More than this many times what was planned for a day trips; nil: never.
    package var day: Double?

    package init(newRule: Int? = 50, day: Double? = 3) {
        self.newRule = newRule
        self.day = day
    }
}

/// `list: NAME, for: ROLE`: where an item goes, and whose it is.
package struct ListTarget: Hashable, Sendable {
    package var name: String
    package var role: Role
    /// What is to be done, in words, for whoever reads the list; empty: the rule's `about`.
    package var why: String

    package init(name: String, role: Role, why: String = "") {
        self.name = name
        self.role = role
        self.why = why
    }
}

/// `lists:`: the one mail a morning to each employee with open items.
package struct ListSettings: Sendable {
    /// Wall time in the business's zone.
    package var mailAt: WallTime
    /// On which days; all by default.
    package var days: Set<Weekday>
    package var card: CardPattern
    /// By list: an item is done when its condition holds for the customer.
    package var doneWhen: [String: Condition]

    package init(
        mailAt: WallTime = WallTime(hour: 7, minute: 30)!, days: Set<Weekday> = Set(Weekday.allCases),
        card: CardPattern = CardPattern("day-list"), doneWhen: [String: Condition] = [:]
    ) {
        self.mailAt = mailAt
        self.days = days
        self.card = card
        self.doneWhen = doneWhen
    }
}
