import RegardsCalendar
import RegardsCore

/// Reads what `regards.yaml` says of the business, its people and its mode.
struct HouseReader {
    let draft: Draft

    func business(_ item: Item) -> Business? {
        guard
            let form = item.form(
                Keys("name", "email", "time_zone", "postal_address", "phone", "hours", "holidays", later: ["logo"]))
        else { return nil }
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
            return item.form(Keys("redirect"))?.required("redirect", "the address that all mail goes to")?
                .address().map { .redirect($0) }
        }
        return item.parsed("rehearse, live or {redirect: ADDRESS}") { ["rehearse": Mode.rehearse, "live": .live][$0] }
    }

    // MARK: People

    func people(_ item: Item) -> [Role: Person] {
        guard let entries = item.entries() else { return [:] }
        draft.roles = entries.map(\.name)
        var people: [Role: Person] = [:]
        for entry in entries {
            guard isRoleName(entry.name, entry.place, item) else { continue }
            people[Role(entry.name)] = person(entry.item, role: entry.name)
        }
        refuseCircles(people, entries.map { ($0.name, $0.item) })
        return people
    }

    private func isRoleName(_ name: String, _ place: Place, _ item: Item) -> Bool {
        if name == "absent" {
            item.fail(.later(name), at: place)
        } else if name == Role.customer.name || name == "house" {
            item.fail(.reservedRole(name), at: place)
        } else if !Name.isKind(name) {
            item.fail(.expected(Name.kindForm, got: name), at: place)
        } else {
            return true
        }
        return false
    }

    private func person(_ item: Item, role: String) -> Person? {
        guard case .mapping(let pairs) = item.value.content,
            pairs.contains(where: { $0.key == "column" || $0.key == "name_column" || $0.key == "else" })
        else {
            let contacts = item.oneOrMore().map(contact)
            return contacts.contains { $0 == nil } ? nil : Person(.fixed(contacts.compactMap { $0 }))
        }
        guard let form = item.form(Keys("column", "name_column", "else")) else { return nil }
        let email = form.required("column", "the customers' column with this person's mail address")?.columnName()
        let name = form["name_column"]?.columnName()
        let otherwise = form["else"].flatMap(draft.role)
        if form["else"] == nil { draft.rolesWithGaps.insert(role) }
        guard let email else { return nil }
        let emailSlot = draft.customers.columns.use(email, at: form["column"]?.place)
        let nameSlot = name.map { draft.customers.columns.use($0, at: form["name_column"]?.place) }
        return Person(.column(email: emailSlot, name: nameSlot), otherwise: otherwise)
    }

    private func contact(_ item: Item) -> Contact? {
        guard let form = item.form(Keys("name", "email", "phone")) else { return nil }
        let name = form.required("name", "who it is")?.text("a name")
        let email = form.required("email", "a mail address")?.address()
        let phone = form["phone"]?.text("a telephone number")
        guard let name, let email else { return nil }
        return Contact(name: name, address: email, phone: phone ?? "")
    }

    /// Each circle is reported once, at its first role in the file.
    private func refuseCircles(_ people: [Role: Person], _ items: [(name: String, item: Item)]) {
        var seen: Set<Role> = []
        for (name, item) in items {
            var path: [Role] = []
            var next: Role? = Role(name)
            while let role = next, !seen.contains(role), !path.contains(role) {
                path.append(role)
                next = people[role]?.otherwise
            }
            if let role = next, let start = path.firstIndex(of: role) {
                let first = items.first { $0.name == role.name }?.item ?? item
                first.fail(.roleCycle((path[start...] + [role]).map(\.name)))
            }
            seen.formUnion(path)
        }
    }
}
