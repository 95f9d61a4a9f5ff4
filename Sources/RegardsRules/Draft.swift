import RegardsCalendar
import RegardsCore

/// What the rules refer to, while the files are being read. `regards.yaml` fills it, the rules add the columns
/// they name.
final class Draft {
    /// A segment, as far as those who name it must know it.
    struct KnownSegment {
        enum Classes { case none, unknown, count(Int) }

        var name: String
        var classes = Classes.none
        /// Of its meaning.
        var hash: UInt64 = 0
    }

    /// A rule that is named elsewhere, maybe before it is read.
    struct RuleReference {
        enum Use { case insteadOf(by: String), received }

        var name: String
        var use: Use
        var item: Item
    }

    /// In a promise, for whoever is in none of the segments.
    static let others = "others"

    let report: Report
    let zones: ZoneCatalog
    let countries: CountryZones
    /// Without codes, in order.
    private lazy var countryNames = countries.names.filter { $0.count > 3 }
    /// False when regards.yaml could not be read: then the rules are still checked, but names they take from
    /// there are not complained of.
    var knowsHouse = true
    var customers = CustomerSchema()
    var kinds: [EventKind] = []
    /// Names under `people:`, those with mistakes included.
    var roles: [String] = []
    /// Names under `segments:`, in order, those with mistakes included.
    var segments: [KnownSegment] = []
    /// Lists that rules put something on.
    var lists: Set<String> = []
    /// Lists named under `lists: done_when`.
    var settledLists: [(name: String, place: Place, item: Item)] = []
    /// Roles filled from the customer's row with nobody to stand in.
    var rolesWithGaps: Set<String> = []
    var webhooks: [String] = []
    /// The built-in feasts and the house's own.
    var feasts = FeastCatalog()
    /// Names under `feasts:`, those with mistakes included.
    var ownFeasts: Set<String> = []
    /// Whether the business gives hours, even with a mistake in them.
    var hasHours = false
    /// What the rules say under `formerly:`.
    var formerNames: [(name: String, by: String, item: Item)] = []
    var references: [RuleReference] = []

    init(report: Report, zones: ZoneCatalog, countries: CountryZones) {
        self.report = report
        self.zones = zones
        self.countries = countries
    }

    /// The index of an event kind; one that is not known is reported.
    func kind(_ item: Item) -> Int? {
        item.text("an event's name").flatMap { kind(named: $0, item) }
    }

    func kind(named name: String, _ item: Item) -> Int? {
        if let index = kinds.firstIndex(where: { $0.name == name }) { return index }
        guard !knowsHouse else { return item.refuse(.unknown("event", name, known: kinds.map(\.name), section: "events")) }
        kinds.append(EventKind(name: name))
        return kinds.count - 1
    }

    func role(_ item: Item) -> Role? {
        guard let name = item.text("a role") else { return nil }
        guard roles.contains(name) || !knowsHouse else {
            return item.refuse(.unknown("role", name, known: roles, section: "people"))
        }
        return Role(name)
    }

    func webhook(_ item: Item) -> String? {
        guard let name = item.text("a webhook's name") else { return nil }
        guard webhooks.contains(name) || !knowsHouse else {
            return item.refuse(.unknown("webhook", name, known: webhooks, section: "webhooks"))
        }
        return name
    }

    /// The index of a segment; one that is not known is reported.
    /// - Parameter place: of the name, where that is not the item's.
    func segment(named name: String, _ item: Item, at place: Place? = nil) -> Int? {
        if let index = segments.firstIndex(where: { $0.name == name }) { return index }
        guard !knowsHouse else {
            return item.refuse(.unknown("segment", name, known: segments.prefix(100).map(\.name), section: "segments"), at: place)
        }
        segments.append(KnownSegment(name: name, classes: .unknown))
        return segments.count - 1
    }

    /// The index of a segment that customers belong to or not; one of classes is reported.
    func membership(named name: String, _ item: Item, at place: Place? = nil) -> Int? {
        guard let index = segment(named: name, item, at: place) else { return nil }
        if knowsHouse, segments[index].hasClasses { return item.refuse(.segmentOfClasses(name), at: place) }
        return index
    }

    /// The ISO code of a country given as code or name.
    func country(_ item: Item) -> String? {
        item.text("a country such as CN").flatMap { country(named: $0, item) }
    }

    func country(named name: String, _ item: Item) -> String? {
        countries.code(of: name) ?? item.refuse(.unknownCountry(name, known: name.count > 3 ? countryNames : []))
    }
}

extension Draft.KnownSegment {
    var hasClasses: Bool { if case .none = classes { false } else { true } }
}
