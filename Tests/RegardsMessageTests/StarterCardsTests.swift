import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// The cards that are installed with Regards.
@Suite struct StarterCardsTests {
    private static let months = (1...12).map { $0 < 10 ? "monthly/0\($0)" : "monthly/\($0)" }
    private static let others = [
        "birthday", "complaint-received", "complaint-survey", "task-answer", "task-breach", "task-warning",
    ]
    private static let folder = Fixture.root + "/config/cards"

    private func load() throws -> CardLibrary {
        let place = Place(file: "test", line: 1, column: 1)
        let needed = (Self.months + Self.others).map { CardReference(name: $0, place: place) }
        let (library, mistakes) = CardLibrary.load(folder: Self.folder, needed: needed)
        #expect(mistakes.isEmpty, "\(mistakes)")
        return try #require(library)
    }

    /// Everybody the shipped rules write to: with every value, and with as little as a database may hold.
    private func fields(_ isFull: Bool, name: String = "Ana Gonçalves") throws -> CardFields {
        let zone = try #require(ZoneCatalog().zone(named: "Europe/Lisbon"))
        let person = Contact(name: isFull ? "Mara Lowe" : "", address: Fixture.shop, phone: isFull ? "+351 21 000 000" : "")
        var fields = Fixture.fields(["given_name": isFull ? name : nil, "name": isFull ? name : nil])
        var business = Fixture.business(zone: zone)
        if !isFull {
            business.phone = ""
            business.postalAddress = ""
        }
        fields.add(business)
        for group in ["from", "to"] { fields.add(person, as: group) }
        for group in ["advisor", "manager", "director"] { fields.add(isFull ? person : nil, as: group) }
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "rule")
        let at = Instant(seconds: 1_810_116_300)
        fields.addPromise(limit: isFull ? at : nil, zone: zone, answerWithin: isFull ? .hours(24) : nil)
        fields.set(
            "customer",
            .group(["id": .text("17"), "name": isFull ? .text(name) : .null, "email": isFull ? .text("ana@example.org") : .null, "phone": .null]))
        fields.set(
            "complaint",
            .group(["id": .text("482"), "at": .moment(at, zone), "subject": isFull ? .text("The <kettle> & \"lid\"") : .null]))
        return fields
    }

    @Test func theSetIsComplete() throws {
        let library = try load()
        #expect(library.cards == (Self.months + Self.others).sorted())
        #expect(library.locales(of: "birthday") == ["en", "zh"])
        #expect(library.locales(of: "complaint-received") == ["en", "zh"])
    }

    @Test func everyCardServesEverybody() throws {
        let library = try load()
        let long = "Wolfeschlegelsteinhausenbergerdorff Bartholomew Maximilian"
        var messages: [[UInt8]] = []
        var cards: [RenderedCard] = []
        for card in library.cards {
            for locale in library.locales(of: card) {
                for fields in [try fields(true), try fields(false), try fields(true, name: long), try fields(true, name: "<b>王</b>")] {
                    cards.append(try library.render(card, locale: locale, fields: fields, unsubscribe: Fixture.shop))
                    messages.append(try library.renderMail(card, locale: locale, fields: fields, header: Fixture.header()).bytes)
                }
            }
        }
        #expect(cards.count == 80)
        for (card, message) in zip(cards, messages) {
            #expect(card.html.utf8.count <= 30_720 && message.count <= 266_240)
            #expect(!card.html.contains("<b>王") && !card.html.contains("{{") && !card.text.contains("{{"))
            #expect(card.html.components(separatedBy: "<h1").count == 2)
            #expect(card.html.contains("lang=\"\(card.locale)\""))
            #expect(!card.html.contains("http://") && !card.html.contains("https://"))
            #expect(!card.subject.isEmpty && !card.subject.contains("  "))
            #expect(card.text.split(separator: "\n").allSatisfy { $0.unicodeScalars.count <= 120 })
        }
        guard let read = try PythonMail.read(messages) else { return }
        #expect(read.allSatisfy { $0.defects.isEmpty && $0.faults.isEmpty })
    }

    @Test func textsSayWhatTheCardsSay() throws {
        let library = try load()
        for card in library.cards {
            for locale in library.locales(of: card) {
                let rendered = try library.render(card, locale: locale, fields: fields(true), unsubscribe: Fixture.shop)
                // Every paragraph of prose in the card stands in the written text too, wherever its lines break. The
                // survey asks for a reply where the card has links, and Chinese is compared without its spaces.
                let written = words(rendered.text)
                let prose = PlainTextProbe.derive(rendered.html).split(separator: "\n\n").map { words(String($0)) }
                    .filter { $0.utf8.count > 60 && !$0.contains("(") && !$0.contains("|") && !$0.contains("482") && !$0.contains("[") }
                #expect(card == "complaint-survey" || !prose.isEmpty, "\(card) \(locale)")
                let missing = prose.filter { !written.contains($0) }
                #expect(card == "complaint-survey" || missing.isEmpty, "\(card) \(locale): \(missing)")
            }
        }
    }

    private func words(_ text: String) -> String {
        text.filter { $0 != "\n" && $0 != " " && $0 != "=" }
    }

    @Test func greetingsAreShort() throws {
        let library = try load()
        for card in Self.months + ["birthday"] {
            let text = try library.render(card, locale: "en", fields: fields(true)).text
            let body = text.split(separator: "\n\n").dropFirst().prefix(2).joined(separator: " ")
            let count = body.split { $0 == " " || $0 == "\n" }.count
            #expect((25...60).contains(count), "\(card): \(count) words")
        }
    }

    @Test func onlyKnownNamesAreUsed() throws {
        let library = try load()
        let people = ["from", "to", "advisor", "manager", "director"].flatMap { group in ["name", "email", "phone"].map { "\(group).\($0)" } }
        let known = people + [
            "given_name", "name", "business.name", "business.email", "business.phone", "business.postal_address", "customer.id",
            "customer.name", "customer.email", "customer.phone", "occasion.date", "occasion.month", "promise.limit",
            "promise.answer_within", "complaint.id", "complaint.at", "complaint.subject",
        ]
        for card in library.cards { #expect(library.unknownVariables(of: card, known: known) == []) }
    }
}
