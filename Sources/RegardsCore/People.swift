package import RegardsCalendar

extension House {
    /// Who holds the role for this customer, in order; empty when nobody usable does.
    ///
    /// A column that is empty or holds no usable address falls back to `else`, and that to its own. Whoever is away on
    /// `day` is left out, or replaced by a substitute who is not on the list anyway; where that leaves nobody, `else` is
    /// asked too.
    /// - Parameter day: on the business's calendar; nil: nobody is away. Ask for the day on which a message is due
    ///   (`day(of:)`), not for today's: people keep their positions then, whenever the message is derived again.
    package func contacts(_ role: Role, for customer: Customer?, on day: CivilDate? = nil) -> [Contact] {
        if role == .customer { return customer.flatMap(Contact.init(customer:)).map { [$0] } ?? [] }
        var role: Role? = role
        // A chain of `else` visits each role at most once, also where the file makes it a circle.
        for _ in 0..<max(1, people.count) {
            guard let current = role, let person = people[current] else { return [] }
            let found = present(person.source.contacts(for: customer), on: day)
            if !found.isEmpty { return found }
            role = person.otherwise
        }
        return []
    }

    /// Who signs: the role's first, or the house.
    /// - Parameter day: as for `contacts`.
    package func signer(_ sender: Sender, for customer: Customer?, on day: CivilDate? = nil) -> Contact {
        let house = Contact(name: business.name, address: business.email, phone: business.phone)
        guard case .role(let role) = sender else { return house }
        return contacts(role, for: customer, on: day).first ?? house
    }

    /// The day of an instant on the business's calendar.
    package func day(of instant: Instant) -> CivilDate { business.zone.local(at: instant).date }

    /// Who is there of these, or stands in for them.
    private func present(_ contacts: [Contact], on day: CivilDate?) -> [Contact] {
        guard let day, !absences.isEmpty else { return contacts }
        var found: [Contact] = []
        for contact in contacts.compactMap({ standIn($0, on: day) })
        where !found.contains(where: { $0.address.isSame(as: contact.address) }) {
            found.append(contact)
        }
        return found
    }

    /// The contact, or their substitute, or the substitute's; nil when nobody of them is there.
    private func standIn(_ contact: Contact, on day: CivilDate) -> Contact? {
        var contact = contact
        // Two who stand in for each other, both away: each absence is followed at most once.
        for _ in 0...absences.count {
            guard let absence = absences.first(where: { $0.covers(day) && $0.address.isSame(as: contact.address) }) else {
                return contact
            }
            guard let substitute = absence.substitute else { return nil }
            contact = substitute
        }
        return nil
    }
}

extension Address {
    /// Capitals do not matter: the file and the database may write one mailbox in two ways.
    fileprivate func isSame(as other: Address) -> Bool { TextMatch.order(of: text, other.text) == 0 }
}

extension Absence {
    fileprivate func covers(_ day: CivilDate) -> Bool { from <= day && day <= to }
}

extension Person.Source {
    fileprivate func contacts(for customer: Customer?) -> [Contact] {
        switch self {
        case .fixed(let contacts): return contacts
        case .column(let email, let name, let phone):
            guard let record = customer?.record, record.isPresent(email), let text = record.string(email) else { return [] }
            do {
                let phone = phone.flatMap(record.string) ?? ""
                return [Contact(name: name.flatMap(record.string) ?? "", address: try Address(text), phone: phone)]
            } catch {
                // Unusable: the caller falls back; `check` lists such rows.
                return []
            }
        }
    }
}

extension Contact {
    /// nil without a usable address.
    package init?(customer: Customer) {
        guard let text = customer.text(.email) else { return nil }
        do {
            self.init(name: customer.fullName, address: try Address(text), phone: customer.text(.phone) ?? "")
        } catch {
            return nil
        }
    }
}

extension Customer {
    /// `name`, else given and family name; empty when the row has none.
    package var fullName: String {
        if let name = text(.name) { return name }
        return [text(.givenName), text(.familyName)].compactMap { $0 }.joined(separator: " ")
    }

    /// True for `do_not_contact`. Any value but an evident no counts as a yes: in doubt nobody is written to.
    package var isDoNotContact: Bool {
        record.isPresent(CustomerColumn.doNotContact.rawValue) && record.truth(CustomerColumn.doNotContact.rawValue) != false
    }

    /// Whether the customer may be sent messages of this purpose. An empty `consent_…` column means yes for
    /// greetings and no for marketing and surveys; `care` is not asked. Any value but an evident yes counts as a no.
    package func consents(to purpose: Purpose) -> Bool {
        let column: CustomerColumn
        switch purpose {
        case .care: return true
        case .greeting: column = .consentGreeting
        case .marketing: column = .consentMarketing
        case .survey: column = .consentSurvey
        }
        guard record.isPresent(column.rawValue) else { return purpose == .greeting }
        return record.truth(column.rawValue) == true
    }
}

extension Record {
    /// Truth of a flag column: a number that is not zero, or `yes`, `true`, `y`, `t`, `on`, `1`; nil for other text.
    package func truth(_ slot: Int) -> Bool? {
        if case .text = slots[slot] {
            switch string(slot)!.lowercased() {
            case "1", "yes", "true", "y", "t", "on": return true
            case "0", "no", "false", "n", "f", "off": return false
            default: return nil
            }
        }
        return number(slot).map { $0 != 0 }
    }
}
