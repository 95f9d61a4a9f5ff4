import RegardsCalendar
import RegardsCore
import RegardsMessage

/// Fills in what a card may name for one outreach.
enum CardFieldsBuilder {
    /// Groups that every card may name, and their members.
    static let members = CardFields.ownGroups.merging(ourGroups) { own, _ in own }

    private static let ourGroups: [String: [String]] = [
        "business": ["name", "email", "phone", "postal_address"],
        "from": personMembers,
        "to": personMembers,
        "customer": ["id", "name", "email", "phone"],
        "occasion": ["date", "year", "month", "zodiac", "name"],
        "promise": ["limit", "answer_within"],
    ]
    static let personMembers = ["name", "email", "phone"]

    /// Stands for what is not known at the moment in messages to staff.
    private static let unknown = "?"

    static func fields(for candidate: Candidate, _ facts: Facts, _ book: RuleBook, to: Contact?) -> CardFields {
        let rule = book.rules[candidate.rule]
        let zone = readingZone(candidate, book)
        let facts = isTold(candidate, book) ? completed(facts, rule, book) : facts
        let day = book.house.day(of: candidate.outreach.dueAt)
        var fields = CardFields()
        if let customer = facts.customer { fields.add(customer.record, columns: book.customers.columns) }
        fields.set("customer", customerGroup(facts))
        fields.add(book.house.business)
        for role in book.house.people.keys {
            fields.add(book.house.contacts(role, for: facts.customer, on: day).first, as: role.name)
        }
        fields.add(signer(rule, facts, book.house), as: "from")
        fields.add(to, as: "to")
        fields.addOccasion(on: candidate.outreach.localDate, name: occasionName(candidate, rule))
        addEvent(to: &fields, rule, facts, book, zone)
        return fields
    }

    private static func isTold(_ candidate: Candidate, _ book: RuleBook) -> Bool {
        if case .tell = book.rules[candidate.rule].steps[candidate.step].action { true } else { false }
    }

    /// The feast that is greeted on, else the rule's name.
    private static func occasionName(_ candidate: Candidate, _ rule: Rule) -> String {
        guard case .feast = rule.trigger else { return rule.name }
        return FeastTrigger.feast(ofOccasion: candidate.outreach.key.occasion)?.name ?? rule.name
    }

    /// Who signs, by a name of their own: the house's is `business.name`, which stands in every signature anyway.
    private static func signer(_ rule: Rule, _ facts: Facts, _ house: House) -> Contact {
        var signer = house.signer(rule.sender, for: facts.customer)
        if signer.name == house.business.name { signer.name = "" }
        return signer
    }

    /// Times are read by whoever gets the message: the customer's clock for the customer, the house's for staff.
    private static func readingZone(_ candidate: Candidate, _ book: RuleBook) -> Zone {
        isTold(candidate, book) ? book.house.business.zone : candidate.zone.zone
    }

    /// What staff are told about an event goes out although the customer database is away, or has lost the row: what
    /// is not known then is a question mark in the message, and no reason for the card to fail.
    private static func completed(_ facts: Facts, _ rule: Rule, _ book: RuleBook) -> Facts {
        guard case .event(let trigger) = rule.trigger, let event = facts.event else { return facts }
        var facts = facts
        if facts.eventRecord == nil {
            var record = unknownRecord(book.eventKinds[trigger.kind].columns)
            record.set(EventColumn.id.rawValue, text: event.id)
            facts.eventRecord = record
        }
        if facts.customer == nil, let id = event.customer {
            var customer = Customer(schema: book.customers)
            customer.record = unknownRecord(book.customers.columns)
            customer.record.set(CustomerColumn.id.rawValue, text: id)
            customer.record.set(CustomerColumn.name.rawValue, text: "#" + id)
            facts.customer = customer
        }
        return facts
    }

    private static func unknownRecord(_ columns: RecordSchema) -> Record {
        var record = columns.makeRecord()
        for slot in columns.names.indices where columns.isUsed[slot] { record.set(slot, text: unknown) }
        return record
    }

    /// The customer by name, for messages to staff about an event.
    private static func customerGroup(_ facts: Facts) -> CardFields.Value {
        let customer = facts.customer
        return .group([
            "id": CardFields.value(customer?.id ?? facts.event?.customer),
            "name": CardFields.value(customer?.fullName),
            "email": CardFields.value(customer?.text(.email)),
            "phone": CardFields.value(customer?.text(.phone)),
        ])
    }

    private static func addEvent(
        to fields: inout CardFields, _ rule: Rule, _ facts: Facts, _ book: RuleBook, _ zone: Zone
    ) {
        guard case .event(let trigger) = rule.trigger, let event = facts.event else {
            fields.addPromise(limit: nil, zone: zone, answerWithin: nil)
            return
        }
        let limit = event.limits[rule.name] ?? trigger.promise.map { $0.limit(from: event.at, book.house.business) }
        fields.addPromise(limit: limit, zone: zone, answerWithin: trigger.promise?.answerWithin)
        let kind = book.eventKinds[trigger.kind]
        let record = facts.eventRecord ?? kind.columns.makeRecord()
        fields.addEvent(kind: kind.name, record, columns: kind.columns, at: event.at, zone: zone)
    }
}
