import RegardsCalendar
import RegardsCore

/// Reads what `regards.yaml` says of the business, its mode, its guards and its lists.
struct HouseReader {
    let draft: Draft

    func business(_ item: Item) -> Business? {
        guard let form = item.form(.business) else { return nil }
        let name = form.required("name", "the name that customers know")?.text("a name")
        let email = form.required("email", "the address that mail comes from")?.address()
        let zone = form.required("time_zone", "a time zone such as Europe/Berlin")?.zone(in: draft.zones)
        let postalAddress = form["postal_address"]?.paragraph("an address")
        let phone = form["phone"]?.text("a telephone number")
        let hours = hours(form)
        guard let name, let email, let zone else { return nil }
        return Business(
            name: name, email: email, zone: zone, postalAddress: postalAddress ?? "", phone: phone ?? "", hours: hours)
    }

    private func hours(_ form: Form) -> WeeklyHours? {
        let holidays = form["holidays"].map(FeastReader(draft: draft).holidays)
        guard let item = form["hours"] else {
            if holidays != nil { form.item.fail(.needs("holidays", also: "hours"), at: form.place(of: "holidays")) }
            return nil
        }
        draft.hasHours = true
        return HoursReader.hours(item, closed: holidays ?? [])
    }

    /// `rehearse`, `live`, or `{redirect: ADDRESS}`.
    func mode(_ item: Item) -> Mode? {
        if item.isMapping {
            return item.form(.redirect)?.required("redirect", "the address that all mail goes to")?
                .address().map { .redirect($0) }
        }
        return item.parsed("rehearse, live or {redirect: ADDRESS}") { ["rehearse": Mode.rehearse, "live": .live][$0] }
    }

    // MARK: Guards

    private static let off = "off"

    /// Each may be `off`.
    func guards(_ item: Item) -> Guards {
        var guards = Guards()
        guard let form = item.form(.guards) else { return guards }
        if let item = form["new_rule"] { guards.newRule = item.scalar == HouseReader.off ? nil : newRule(item) }
        if let item = form["day"] {
            guards.day = item.scalar == HouseReader.off ? nil : item.factor(of: "planned", "3 x planned, or off")
        }
        return guards
    }

    private func newRule(_ item: Item) -> Int? {
        item.parsed("a number of messages such as 50, or off") { Int($0).flatMap { (1...100_000_000).contains($0) ? $0 : nil } }
    }

    // MARK: Lists

    func lists(_ item: Item) -> ListSettings {
        var settings = ListSettings()
        guard let form = item.form(.lists) else { return settings }
        if let time = form["mail_at"]?.wallTime() { settings.mailAt = time }
        if let days = form["days"]?.weekdays(), !days.isEmpty { settings.days = days }
        if let item = form["card"], let card = item.card() {
            if card.text.contains(CardPattern.feast) { item.fail(.onlyWith(CardPattern.feast, "rules about a feast")) }
            settings.card = card
        }
        for entry in form["done_when"]?.entries() ?? [] {
            guard Name.isRule(entry.name) else {
                item.fail(.expected(Name.ruleForm, got: entry.name), at: entry.place)
                continue
            }
            draft.settledLists.append((entry.name, entry.place, entry.item))
            settings.doneWhen[entry.name] = ConditionReader(draft: draft, scope: .customer).condition(entry.item)
        }
        return settings
    }
}
