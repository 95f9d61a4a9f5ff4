import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// The cards that are installed with Regards, and somebody to send them to.
enum StarterCards {
    static let months = (1...12).map { $0 < 10 ? "monthly/0\($0)" : "monthly/\($0)" }
    static let feasts = [
        "spring-festival", "lantern", "dragon-boat", "qixi", "mid-autumn", "double-ninth", "new-year", "mothers-day",
        "thanksgiving",
    ]
    static let greetings =
        months + feasts + ["birthday", "birthday-lunar", "birthday-belated", "anniversary", "gold-thanks"]
    static let letters = [
        "welcome", "purchase-thanks", "how-is-it-going", "survey", "complaint-received", "complaint-survey",
        "suggestion-outcome", "recall-notice", "lease-ends", "inspection-due", "invitation", "we-miss-you",
    ]
    static let notes = ["task-answer", "task-warning", "task-breach", "day-list"]
    static let all = greetings + letters + notes
    static let locales = ["en", "zh"]
    static let folder = Fixture.root + "/config/cards"

    static func library() throws -> CardLibrary {
        let place = Place(file: "test", line: 1, column: 1)
        let (library, mistakes) = CardLibrary.load(
            folder: folder, needed: all.map { CardReference(name: $0, place: place) })
        #expect(mistakes.isEmpty, "\(mistakes)")
        return try #require(library)
    }

    /// Every name that a card may use without asking for a column of its own.
    static let known = [
        "given_name", "name", "customer_since", "business.name", "business.email", "business.phone",
        "business.postal_address", "customer.id", "customer.name", "customer.email", "customer.phone", "occasion.date",
        "occasion.year", "occasion.month", "occasion.zodiac", "promise.limit", "promise.answer_within", "complaint.id",
        "complaint.at", "complaint.subject",
    ] + ["from", "to", "advisor", "manager", "director"].flatMap { group in ["name", "email", "phone"].map { "\(group).\($0)" } }

    private static let at = Instant(seconds: 1_810_116_300)
    private static let lisbon = ZoneCatalog().zone(named: "Europe/Lisbon")

    /// Everything that a database can know of somebody; every text of a customer's is `name`.
    static func full(_ card: String, name: String = "Ana Gonçalves") throws -> CardFields {
        let zone = try #require(lisbon)
        let person = Contact(name: "Mara Lowe", address: Fixture.shop, phone: "+351 21 000 000")
        let said = name == "Ana Gonçalves" ? "The <kettle> & \"lid\"" : name
        var fields = Fixture.fields([
            "given_name": name == "Ana Gonçalves" ? "Ana" : name, "name": name,
        ])
        fields.set("customer_since", .date(CivilDate(year: 2019, month: 5, day: 12)!))
        fields.add(Fixture.business(zone: zone))
        for group in ["from", "to", "advisor", "manager", "director"] { fields.add(person, as: group) }
        addOccasion(of: card, to: &fields)
        fields.addPromise(limit: at, zone: zone, answerWithin: .hours(24))
        fields.set("customer", .group(customer(name)))
        fields.set("complaint", .group(["id": .text("482"), "at": .moment(at, zone), "subject": CardFields.value(said)]))
        fields.set("order", .group(["item": .text("the copper kettle")]))
        fields.set("suggestion", .group(["subject": CardFields.value(said), "outcome": .text("From May on we are open until eight.")]))
        fields.set("recall", .group(["product": .text("Kettle K2"), "reason": .text("The handle comes loose."), "action": .text("Bring it back.")]))
        fields.set("invitation", .group(["title": .text("An open afternoon"), "when": .text("Saturday at two"), "where": .text("14 Mill Lane")]))
        fields.set("lease_ends_at", .date(CivilDate(year: 2027, month: 8, day: 31)!))
        fields.set("inspection_due_at", .date(CivilDate(year: 2027, month: 9, day: 1)!))
        fields.add(items: [
            item(name, phone: "+351 21 000 000"), ["list": .text("Gifts"), "customer.id": .text("31"), "why": .text("Ten years with us")],
        ])
        return fields
    }

    /// As little as a database may hold: an address, and nothing else.
    static func bare(_ card: String) throws -> CardFields {
        let zone = try #require(lisbon)
        let nameless = Contact(name: "", address: Fixture.shop)
        var fields = Fixture.fields(["given_name": nil, "name": " ", "customer_since": nil])
        fields.add(Business(name: "Hartley & Lowe", email: Fixture.shop, zone: zone))
        for group in ["from", "to"] { fields.add(nameless, as: group) }
        for group in ["advisor", "manager", "director"] { fields.add(nil, as: group) }
        addOccasion(of: card, to: &fields)
        fields.addPromise(limit: nil, zone: zone, answerWithin: nil)
        fields.set("customer", .group(["id": .text("17"), "name": .null, "email": .null, "phone": .null]))
        fields.set("complaint", .group(["id": .text("482"), "at": .moment(at, zone), "subject": .null]))
        return fields
    }

    /// Before the Spring Festival of 2027, a year of the Goat, for that card; else a day in May.
    private static func addOccasion(of card: String, to fields: inout CardFields) {
        let (month, day) = card == "spring-festival" ? (2, 6) : (5, 12)
        fields.addOccasion(on: CivilDate(year: 2027, month: month, day: day)!, name: "rule")
    }

    private static func customer(_ name: String) -> [String: CardFields.Value] {
        [
            "id": .text("17"), "name": CardFields.value(name), "email": .text("ana@example.org"),
            "phone": .text("+351 21 111 111"),
        ]
    }

    private static func item(_ name: String, phone: String) -> [String: CardFields.Value] {
        [
            "list": .text("Calls"), "customer.id": .text("17"), "customer.name": CardFields.value(name),
            "customer.phone": .text(phone), "why": .text("Birthday"), "since": .date(CivilDate(year: 2027, month: 5, day: 11)!),
        ]
    }
}
