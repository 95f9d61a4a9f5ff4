import RegardsCalendar
package import RegardsCore
import RegardsMessage
package import RegardsStore

/// The one mail a morning to each employee with open items of lists. It goes through the outbox as everything does, under a
/// rule that stands in no file: so it is durable, never doubled, and tried again.
enum DayList {
    /// Reserved: no file may have a rule of this name.
    static let rule = "day-list"
    static let purpose = Purpose.care
    private static let hash: UInt64 = 1

    static let adoption = RuleAdoption(name: rule, purpose: purpose, hash: hash)

    /// The row of one employee's mail of one day.
    /// - Parameter owner: keyed hash of their address.
    static func row(_ owner: String, on day: CivilDate, _ house: House) -> PlannedOutreach {
        let zone = house.business.zone
        let key = OutreachKey(
            customer: customerPrefix + owner, rule: rule, occasion: day.description, step: "send", recipient: "staff/0")
        return PlannedOutreach(
            key: key, dueAt: zone.instant(day, house.lists.mailAt), expiresAt: zone.startOfDay(day + 1), zone: zone.name,
            localDate: day, localTime: house.lists.mailAt, channel: .mail, lane: .care, ruleHash: hash)
    }

    /// Whose mail a row is; nil for a row of another rule.
    static func owner(of key: OutreachKey) -> String? {
        key.rule == rule && key.customer.hasPrefix(customerPrefix) ? String(key.customer.dropFirst(customerPrefix.count)) : nil
    }

    private static let customerPrefix = "staff:"
}

extension RuleBook {
    /// What the ledger is to know: the rules of the files, and those that Regards brings.
    package var adoptions: [RuleAdoption] { rules.map { RuleAdoption($0) } + [DayList.adoption] }

    /// Cards of the mails about lists; none where no rule has a list.
    var listCards: [String] { lists.isEmpty ? [] : house.lists.card.names(feasts: []) }

    /// Every name that such a card may use.
    static let listCardNames =
        (["business", "from", "to", "occasion"].flatMap { group in
            (CardFieldsBuilder.members[group] ?? []).map { "\(group).\($0)" }
        }) + [CardFields.itemsName]
}

extension MessageComposer {
    /// - Parameter items: in the order in which they are to be read.
    func dayList(
        _ row: Outreach, to: Contact, items: [ListDesk.OpenItem], now: Instant, redirect: Address?
    ) throws(ComposingError) -> ComposedMessage {
        let house = assembly.book.house
        let card = row.card ?? house.lists.card.name(on: row.plan.localDate)
        let zone = house.business.zone
        let header = MessageHeader(
            from: house.signer(.house, for: nil), to: redirect.map { Contact(name: to.name, address: $0) } ?? to, date: now,
            zone: zone, id: MessageID.make(for: row.key, salt: salt, domain: house.business.email.domain),
            purpose: DayList.purpose, extra: redirect == nil ? [] : [("X-Regards-Redirected", "yes")])
        var fields = CardFields()
        fields.add(house.business)
        fields.add(to, as: "to")
        fields.add(nil, as: "from")
        fields.addOccasion(on: row.plan.localDate, name: DayList.rule)
        fields.add(items: items.map { $0.fields(zone) })
        do {
            let message = try assembly.cards.renderMail(card, locale: nil, fields: fields, header: header)
            let envelope = Envelope(sender: house.business.email, recipient: header.to.address)
            return ComposedMessage(
                card: card, channel: row.plan.channel, destination: .mailbox(envelope), message: message,
                recipient: header.to.address)
        } catch {
            throw .card(error)
        }
    }
}

extension ListDesk.OpenItem {
    fileprivate func fields(_ zone: Zone) -> [String: CardFields.Value] {
        [
            "list": .text(item.list), "customer.id": .text(item.customer),
            "customer.name": CardFields.value(customer?.fullName), "customer.email": CardFields.value(customer?.text(.email)),
            "customer.phone": CardFields.value(customer?.text(.phone)), "why": CardFields.value(item.why),
            "since": .date(zone.local(at: item.since).date),
        ]
    }
}
