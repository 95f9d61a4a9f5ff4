extension House {
    /// Who holds the role for this customer, in order; empty when nobody usable does.
    ///
    /// A column that is empty or holds no usable address falls back to `else`, and that to its own.
    package func contacts(_ role: Role, for customer: Customer?) -> [Contact] {
        if role == .customer { return customer.flatMap(Contact.init(customer:)).map { [$0] } ?? [] }
        var role: Role? = role
        // A chain of `else` visits each role at most once, also where the file makes it a circle.
        for _ in 0..<max(1, people.count) {
            guard let current = role, let person = people[current] else { return [] }
            let found = person.source.contacts(for: customer)
            if !found.isEmpty { return found }
            role = person.otherwise
        }
        return []
    }

    /// Who signs.
    package func signer(_ sender: Sender, for customer: Customer?) -> Contact {
        let house = Contact(name: business.name, address: business.email, phone: business.phone)
        guard case .role(let role) = sender else { return house }
        return contacts(role, for: customer).first ?? house
    }
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
            self.init(name: customer.fullName, address: try Address(text))
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
