package import RegardsCalendar

/// Everything that is decided from: the rules and what holds for the whole house. Immutable; a reload makes a new one.
package struct RuleBook: Sendable {
    package var rules: [Rule]
    package var eventKinds: [EventKind]
    package var segments: [Segment]
    package var customers: CustomerSchema
    package var house: House
    /// What names of countries in columns mean to conditions. Without them no country is any.
    package var countries: CountryZones

    package init(
        rules: [Rule], eventKinds: [EventKind] = [], segments: [Segment] = [],
        customers: CustomerSchema = CustomerSchema(), house: House, countries: CountryZones = .none
    ) {
        self.rules = rules
        self.eventKinds = eventKinds
        self.segments = segments
        self.customers = customers
        self.house = house
        self.countries = countries
    }
}

/// What regards.yaml says of the business as a whole.
package struct House: Sendable {
    package var business: Business
    package var people: [Role: Person]
    package var mode: Mode
    package var ifInDoubt: InDoubtPolicy
    /// The built-in feasts and the house's own.
    package var feasts: FeastCatalog
    package var absences: [Absence]
    package var limits: Limits
    package var guards: Guards
    package var lists: ListSettings

    package init(
        business: Business, people: [Role: Person] = [:], absences: [Absence] = [], mode: Mode = .rehearse,
        ifInDoubt: InDoubtPolicy = .resend, feasts: FeastCatalog = FeastCatalog(), limits: Limits = Limits(),
        guards: Guards = Guards(), lists: ListSettings = ListSettings()
    ) {
        self.business = business
        self.people = people
        self.mode = mode
        self.ifInDoubt = ifInDoubt
        self.feasts = feasts
        self.absences = absences
        self.limits = limits
        self.guards = guards
        self.lists = lists
    }
}

/// Somebody of the business who is away, and who stands in.
package struct Absence: Hashable, Sendable {
    package var address: Address
    /// First and last day away, on the business's calendar.
    package var from: CivilDate
    package var to: CivilDate
    /// nil: the role's `else` is asked.
    package var substitute: Contact?

    package init(address: Address, from: CivilDate, to: CivilDate, substitute: Contact? = nil) {
        self.address = address
        self.from = from
        self.to = to
        self.substitute = substitute
    }
}

package struct Business: Sendable {
    package var name: String
    /// Sends what no role signs, and receives replies and `List-Unsubscribe` mail.
    package var email: Address
    package var zone: Zone
    /// As printed in footers; empty when not given.
    package var postalAddress: String
    package var phone: String
    /// When somebody is there, in the business's zone, holidays left out; nil when not given.
    package var hours: WeeklyHours?

    package init(
        name: String, email: Address, zone: Zone, postalAddress: String = "", phone: String = "", hours: WeeklyHours? = nil
    ) {
        self.name = name
        self.email = email
        self.zone = zone
        self.postalAddress = postalAddress
        self.phone = phone
        self.hours = hours
    }
}

/// How a role is filled.
package struct Person: Sendable {
    package enum Source: Sendable {
        /// By columns of the customer.
        case column(email: Int, name: Int?, phone: Int? = nil)
        /// By the same people for everybody.
        case fixed([Contact])
    }

    package var source: Source
    /// Who stands in where the customer's row names nobody usable.
    package var otherwise: Role?

    package init(_ source: Source, otherwise: Role? = nil) {
        self.source = source
        self.otherwise = otherwise
    }
}

/// A name and where to reach it.
package struct Contact: Hashable, Sendable {
    package var name: String
    package var address: Address
    package var phone: String

    package init(name: String, address: Address, phone: String = "") {
        self.name = name
        self.address = address
        self.phone = phone
    }
}

/// Whether messages reach anybody.
package enum Mode: Hashable, Sendable {
    /// Everything but the sending; the row ends as `skipped(rehearsed)`.
    case rehearse
    /// Every mail goes to this one address; the row ends as `skipped(redirected)`.
    case redirect(Address)
    case live
}
