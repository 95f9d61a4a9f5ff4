import RegardsCalendar
import RegardsCore

/// Reads `people:`, who has which role, and who is away.
struct PeopleReader {
    let draft: Draft

    private static let absent = "absent"

    func people(_ item: Item) -> (people: [Role: Person], absences: [Absence]) {
        guard let entries = item.entries() else { return ([:], []) }
        let strays = entries.filter { isAbsentMisspelled($0.name, $0.item) }
        for stray in strays { item.fail(.unknownKey(stray.name, known: [PeopleReader.absent]), at: stray.place) }
        let roles = entries.filter { entry in
            entry.name != PeopleReader.absent && !strays.contains { $0.name == entry.name }
        }
        draft.roles = roles.map(\.name)
        var people: [Role: Person] = [:]
        for entry in roles where isRoleName(entry.name, entry.place, item) {
            people[Role(entry.name)] = person(entry.item, role: entry.name)
        }
        refuseCircles(people, roles.map { ($0.name, $0.item) })
        let absent = entries.first { $0.name == PeopleReader.absent }
        return (people, absent?.item.oneOrMore().compactMap { absence($0, people) } ?? [])
    }

    /// A role holds people; days stand with those who are away.
    private func isAbsentMisspelled(_ name: String, _ item: Item) -> Bool {
        guard name != PeopleReader.absent else { return false }
        let values: [YAMLValue] = if case .list(let values) = item.value.content { values } else { [item.value] }
        return values.contains { value in
            guard case .mapping(let pairs) = value.content else { return false }
            let keys = Set(pairs.map(\.key))
            return !keys.isDisjoint(with: ["from", "to", "substitute"]) && keys.isDisjoint(with: ["name", "column"])
        }
    }

    private func isRoleName(_ name: String, _ place: Place, _ item: Item) -> Bool {
        if name == Role.customer.name || name == "house" {
            item.fail(.reserved("role", name), at: place)
        } else if !Name.isKind(name) {
            item.fail(.expected(Name.kindForm, got: name), at: place)
        } else {
            return true
        }
        return false
    }

    private func person(_ item: Item, role: String) -> Person? {
        guard case .mapping(let pairs) = item.value.content, pairs.contains(where: { Keys.columnPerson.known.contains($0.key) }) else {
            let contacts = item.oneOrMore().map(contact)
            return contacts.contains { $0 == nil } ? nil : Person(.fixed(contacts.compactMap { $0 }))
        }
        guard let form = item.form(.columnPerson) else { return nil }
        let email = form.required("column", "the customers' column with this person's mail address")?.columnName()
        let name = form["name_column"]?.columnName()
        let phone = form["phone_column"]?.columnName()
        let otherwise = form["else"].flatMap(draft.role)
        if form["else"] == nil { draft.rolesWithGaps.insert(role) }
        guard let email else { return nil }
        func slot(_ column: String, _ key: String) -> Int { draft.customers.columns.use(column, at: form[key]?.place) }
        return Person(
            .column(
                email: slot(email, "column"), name: name.map { slot($0, "name_column") },
                phone: phone.map { slot($0, "phone_column") }), otherwise: otherwise)
    }

    private func contact(_ item: Item) -> Contact? {
        guard let form = item.form(.contact) else { return nil }
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

    // MARK: Who is away

    private func absence(_ item: Item, _ people: [Role: Person]) -> Absence? {
        guard let form = item.form(.absence) else { return nil }
        let email = form.required("email", "the mail address of who is away")
        let address = email?.address()
        let from = form.required("from", "the first day away, such as 2027-05-01")?.date()
        let to = form.required("to", "the last day away, such as 2027-05-14")?.date()
        let substitute = form["substitute"].flatMap { standIn($0, people) }
        guard let address, let from, let to else { return nil }
        if to < from { form["to"]?.fail(.endsBefore(to.description, start: from.description)) }
        if isNobody(address, people) { email?.fail(.nobodyAway) }
        return Absence(address: address, from: from, to: to, substitute: substitute)
    }

    /// A person, or a role that one person has.
    private func standIn(_ item: Item, _ people: [Role: Person]) -> Contact? {
        guard !item.isMapping else { return contact(item) }
        guard let role = draft.role(item) else { return nil }
        // One with a mistake has been reported.
        guard let person = people[role] else { return nil }
        guard case .fixed(let contacts) = person.source, let first = contacts.first else {
            return item.refuse(.substituteByColumn(role.name))
        }
        return first
    }

    /// Whether an address belongs to nobody; where a role is filled from customers' rows nobody can tell.
    private func isNobody(_ address: Address, _ people: [Role: Person]) -> Bool {
        people.values.allSatisfy { person in
            guard case .fixed(let contacts) = person.source else { return false }
            return contacts.allSatisfy { $0.address.text.lowercased() != address.text.lowercased() }
        }
    }
}
