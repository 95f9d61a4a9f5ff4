import Foundation
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsMessage

@Suite struct WebhookTests {
    private func body(_ card: String, _ fields: CardFields, _ files: [String: String] = [:]) throws -> String {
        let library = try CardFolderFixture(files).library()
        let message = try library.renderWebhook(
            card, id: "msg_1", type: "complaint-care", timestamp: Instant(seconds: 1_810_116_300), fields: fields)
        #expect(message.id == "msg_1")
        _ = try JSONSerialization.jsonObject(with: Data(message.bytes))
        return message.bytes.text
    }

    @Test func withoutACardAllFieldsAreSent() throws {
        let lisbon = try #require(ZoneCatalog().zone(named: "Europe/Lisbon"))
        var fields = Fixture.fields(["id": "17", "phone": nil, "name": "\"王\"\\\n\u{1}\u{7f}</é"])
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "x")
        fields.addPromise(limit: Instant(seconds: 1_810_116_300), zone: lisbon, answerWithin: .hours(24))
        #expect(
            try body("", fields)
                == #"{"type":"complaint-care","timestamp":"2027-05-12T10:05:00Z","data":{"id":"17","name":"\"王\"\\\n\u0001\u007F</é","#
                + #""occasion":{"date":"2027-05-12","month":5,"name":"x","year":"2027","zodiac":"Goat"},"phone":null,"#
                + #""promise":{"answer_within":86400,"limit":"2027-05-12T11:05:00+01:00"}}}"#)
    }

    @Test func aCardIsTheData() throws {
        let card = ["ping.json": "{\n  \"who\": \"{{name}}\"{{#phone}}, \"phone\": \"{{phone}}\"{{/phone}},\n  \"on\": \"{{occasion.date}}\"\n}\n"]
        var fields = Fixture.fields(["name": "A\"\n<b>", "phone": nil])
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "x")
        #expect(
            try body("ping", fields, card)
                == "{\"type\":\"complaint-care\",\"timestamp\":\"2027-05-12T10:05:00Z\",\"data\":{\n  \"who\": \"A\\\"\\n<b>\",\n  \"on\": \"2027-05-12\"\n}\n}")
    }

    @Test func refusals() throws {
        let library = try CardFolderFixture(["a.json": "{\"a\": \"{{x}}\"}", "b.json": "[1,]"]).library()
        func error(_ card: String, _ fields: CardFields) -> CardError? {
            #expect(throws: CardError.self) {
                try library.renderWebhook(card, id: "1", type: "t", timestamp: Instant(seconds: 0), fields: fields)
            }
        }
        #expect(error("none", CardFields()) == .unknownCard("none"))
        #expect(error("a", CardFields()) == .unknownVariable("x", card: "a"))
        #expect(error("a", Fixture.fields(["x": nil])) == .emptyVariable("x", card: "a"))
        #expect(error("b", CardFields()) == .notJSON(offset: 3, card: "b"))
        #expect(error("", Fixture.fields(["x": String(repeating: "x", count: 1_048_576)])) == .tooLarge(1_048_639, card: "t"))
    }

    @Test(arguments: [
        ("{}", nil), (" [ ] ", nil), ("[1, -0.5e+3, true, null, \"\\u00e9\\n\"]", nil), ("{\"a\": {\"b\": []}}", nil), ("\"x\"", nil),
        ("", 0), ("{", 1), ("{\"a\"}", 4), ("{a:1}", 1), ("[1 2]", 3), ("01", 1), ("1.", 2), ("-", 1), ("\"\n\"", 1), ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5), ("tru", 3), ("{} x", 3), ("[1,]", 3), ("{\"a\":1,}", 7), ("\"open", 5),
        (String(repeating: "[", count: 100), 64),
    ] as [(String, Int?)])
    func json(_ text: String, _ fault: Int?) {
        #expect(JSONText.firstFault(in: Array(text.utf8)) == fault)
    }
}
