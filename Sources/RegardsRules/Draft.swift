import RegardsCalendar
import RegardsCore

/// What the rules refer to, while the files are being read. `regards.yaml` fills it, the rules add the columns
/// they name.
final class Draft {
    let report: Report
    let zones: ZoneCatalog
    /// False when regards.yaml could not be read: then the rules are still checked, but names they take from
    /// there are not complained of.
    var knowsHouse = true
    var customers = CustomerSchema()
    var kinds: [EventKind] = []
    /// Names under `people:`, those with mistakes included.
    var roles: [String] = []
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
    var formerNames: [(name: String, item: Item)] = []

    init(report: Report, zones: ZoneCatalog) {
        self.report = report
        self.zones = zones
    }

    /// The index of an event kind; one that is not known is reported.
    func kind(_ item: Item) -> Int? {
        guard let name = item.text("an event's name") else { return nil }
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
}
