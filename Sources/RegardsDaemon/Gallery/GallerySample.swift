import RegardsCalendar
import RegardsCore
import RegardsMessage

/// Values for every name that a card of the gallery may have: the house's own, a customer's where there is one, and
/// made-up ones for the rest.
struct GallerySample {
    private let assembly: Assembly
    private let now: Instant

    init(_ assembly: Assembly, now: Instant) {
        self.assembly = assembly
        self.now = now
    }

    /// - Parameter customer: nil: somebody made up.
    func fields(for card: String, locale: String, customer: Customer?) -> CardFields {
        let book = assembly.book
        let words = locale.hasPrefix("zh") ? MadeUp.chinese : MadeUp.english
        var fields = CardFields()
        for variable in assembly.cards.variables(of: card) { add(variable, words, to: &fields) }
        let name = customer?.fullName ?? words.name
        if let customer {
            fields.add(customer.record, columns: book.customers.columns)
        } else {
            fields.set("name", words.name)
            fields.set("given_name", words.givenName)
        }
        let address = customer?.text(.email) ?? "customer@example.com"
        let phone = customer.map { $0.text(.phone) } ?? "+351 21 000 0000"
        fields.set(
            "customer",
            .group([
                "id": .text(customer?.id ?? "17"), "name": CardFields.value(name), "email": .text(address),
                "phone": CardFields.value(phone),
            ]))
        for role in book.house.people.keys { fields.add(book.house.contacts(role, for: customer).first, as: role.name) }
        fields.add(book.house.business)
        fields.add(signer(of: card, for: customer, words), as: "from")
        fields.set("to", .group(["name": .text(words.employee), "email": .text(address), "phone": .null]))
        let zone = book.house.business.zone
        fields.addOccasion(on: date(of: card, zone), name: card)
        fields.addPromise(limit: now + .hours(22), zone: zone, answerWithin: .hours(24))
        fields.add(items: words.items(since: zone.local(at: now).date - 3))
        return fields
    }

    /// The made-up value of a column or of an event's member. Where there is none, the name itself in brackets, or nothing
    /// where the card can do without.
    private func add(_ variable: CardVariable, _ words: MadeUp, to fields: inout CardFields) {
        let name = variable.name
        let value = value(name, words) ?? (variable.isOptional ? .null : .text("[\(name)]"))
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            // The name of a whole group: its members fill it.
            if fields.values[name] == nil { fields.set(name, value) }
            return
        }
        var members: [String: CardFields.Value] = [:]
        if case .group(let known)? = fields.values[parts[0]] { members = known }
        members[parts[1]] = value
        fields.set(parts[0], .group(members))
    }

    private func value(_ name: String, _ words: MadeUp) -> CardFields.Value? {
        let zone = assembly.book.house.business.zone
        if let text = words.values[name] { return .text(text) }
        if name.hasSuffix(".at") { return .moment(now - .hours(2), zone) }
        if name.hasSuffix("_at") { return .date(zone.local(at: now).date + 60) }
        if name.hasSuffix("_since") { return .date(zone.local(at: now).date - 1826) }
        return nil
    }

    /// Who signs in the first rule that sends the card; for one that no rule sends, whoever is a customer's own.
    private func signer(of card: String, for customer: Customer?, _ words: MadeUp) -> Contact {
        let house = assembly.book.house
        let rule = assembly.book.rules.first { rule in rule.steps.contains { rule.cards($0).contains(card) } }
        let sender = rule?.sender ?? .role(Role("advisor"))
        var signer = house.signer(sender, for: customer)
        if customer == nil, case .role = sender { signer.name = words.employee }
        if signer.name == house.business.name { signer.name = "" }
        return signer
    }

    /// The next day on which the card fits: a feast's own, a month's first, else today.
    private func date(of card: String, _ zone: Zone) -> CivilDate {
        let today = zone.local(at: now).date
        if card.hasPrefix("monthly/"), let month = Int(card.dropFirst(8)) {
            let year = today.month > month ? today.year + 1 : today.year
            return CivilDate(year: year, month: month, day: 1) ?? today
        }
        guard let feast = assembly.book.house.feasts.feast(named: card) else { return today }
        for year in [today.year, today.year + 1] {
            if let date = try? feast.rule.date(ofYear: year), date >= today { return date }
        }
        return today
    }
}

/// Somebody who does not exist, in one language.
private struct MadeUp {
    var name: String
    var givenName: String
    var employee: String
    var values: [String: String]
    var list: [[String: String]]

    /// Two calls and a gift; the second has waited since the day.
    func items(since day: CivilDate) -> [[String: CardFields.Value]] {
        list.enumerated().map { index, item in
            let known = item.mapValues(CardFields.Value.text)
            return index == 1 ? known.merging(["since": .date(day)]) { given, _ in given } : known
        }
    }

    static let english = MadeUp(
        name: "Ana Gonçalves", givenName: "Ana", employee: "Mara Lowe",
        values: [
            "complaint.id": "482", "complaint.subject": "The kettle came without its lid",
            "order.item": "the copper kettle", "recall.product": "Kettle K2",
            "recall.reason": "The handle can come loose while the water is hot.",
            "suggestion.subject": "Open until eight on Thursdays",
            "suggestion.outcome": "From May on we are open until eight on Thursdays.",
            "invitation.title": "An open afternoon in the workshop", "invitation.when": "Saturday 12 June, from two to six",
        ],
        list: [
            [
                "list": "Calls", "customer.id": "17", "customer.name": "Ana Gonçalves",
                "customer.phone": "+351 21 000 0000", "why": "Birthday; has no mail address",
            ],
            [
                "list": "Calls", "customer.id": "31", "customer.name": "Jan Novák",
                "customer.phone": "+420 000 000 000", "why": "Lease ends",
            ],
            [
                "list": "Gifts", "customer.id": "52", "customer.name": "Efua Asante",
                "why": "Ten years with us",
            ],
        ])

    static let chinese = MadeUp(
        name: "林晓梅女士", givenName: "晓梅", employee: "陈美玲",
        values: [
            "complaint.id": "482", "complaint.subject": "水壶送到时没有壶盖", "order.item": "铜水壶",
            "recall.product": "水壶 K2", "recall.reason": "水热时，壶柄可能松脱。", "suggestion.subject": "周四营业到八点",
            "suggestion.outcome": "从五月起，我们每周四营业到八点。", "invitation.title": "工作坊开放日",
            "invitation.when": "六月十二日（星期六）下午两点到六点",
        ],
        list: [
            [
                "list": "电话", "customer.id": "17", "customer.name": "林晓梅女士",
                "customer.phone": "+86 000 0000 0000", "why": "生日，没有邮箱",
            ],
            [
                "list": "电话", "customer.id": "31", "customer.name": "王建国先生",
                "customer.phone": "+86 000 0000 0001", "why": "租约到期",
            ],
            ["list": "礼物", "customer.id": "52", "customer.name": "周敏女士", "why": "成为客户十周年"],
        ])
}
