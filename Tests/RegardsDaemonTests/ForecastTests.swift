import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `plan` and `check` say is what the daemon would do as things stand.
@Suite("A forecast")
struct ForecastTests {
    private func verdicts(_ shop: TestShop, _ outbox: (any Outbox)?, customer: String? = nil) throws -> [String] {
        let assembly = try shop.assembly()
        let forecast = Forecast(assembly: assembly, source: try Workshop.source(assembly), outbox: outbox, hash: AddressHash(key: .random()))
        let report = try forecast.report(
            from: try at("2027-05-01T00:00:00Z"), to: try at("2027-06-01T00:00:00Z"),
            now: try at("2027-05-01T00:00:00Z"), rule: "birthday-card", customer: customer)
        return report.lines.map { "\($0.outreach.key.customer) \($0.verdict.word) \($0.verdict.reason)" }
    }

    @Test("a customer with an open complaint is held, and nobody else; a solved one is due again")
    func held() async throws {
        let shop = try TestShop()
        for id in 1...2 { try shop.addCustomer(id, birthday: "1980-05-20") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try shop.complain(7, customer: 2, at: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        #expect(try verdicts(shop, daemon.outbox) == ["1 due ", "2 held open:complaint"])
        #expect(try verdicts(shop, daemon.outbox, customer: "2") == ["2 held open:complaint"])
        // Without a ledger nobody knows of it.
        #expect(try verdicts(shop, nil) == ["1 due ", "2 due "])
        try shop.sql("UPDATE complaints SET solved_at = '2027-05-04T08:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        #expect(try verdicts(shop, daemon.outbox) == ["1 due ", "2 due "])
        try await daemon.stop()
    }

    /// `rule due 2027-05-06T12:00:01Z`, of customer 1, seen from the beginning of a day.
    private func foreseen(_ shop: TestShop, _ outbox: any Outbox, from: String) throws -> [String] {
        let assembly = try shop.assembly()
        let forecast = Forecast(
            assembly: assembly, source: try Workshop.source(assembly), outbox: outbox, hash: AddressHash(key: .random()))
        let start = try at(from)
        return try forecast.report(from: start, to: start + .days(3), now: start).lines
            .map { "\($0.outreach.key.rule) \($0.verdict.word) \($0.outreach.dueAt)" }
    }

    @Test("what time makes true before it is too late is due at that second, and then it goes")
    func madeTrueByTime() async throws {
        let shop = try TestShop(rules: [])
        try shop.rules(
            """
            news: {purpose: greeting, when: {on: 2027-05-04, at: 14:00}, send: birthday}
            card: {purpose: greeting, when: {on: 2027-05-06, at: 08:00}, where: [{not: received news within 2d}], send: birthday}
            soon: {purpose: greeting, when: {on: 2027-05-06, at: 08:00}, where: [{not: received news within 60h}], send: birthday}
            """)
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T06:00:00Z"))
        for time in ["2027-05-04T06:00:00Z", "2027-05-04T12:00:00Z"] { try await daemon.cleanPass(at: time) }
        // News went at two in the afternoon, and a greeting may go until midnight. Sixty hours are over too late for one.
        #expect(
            try foreseen(shop, daemon.outbox, from: "2027-05-05T22:00:00Z") == [
                "soon not due 2027-05-06T06:00:00Z", "card due 2027-05-06T12:00:01Z",
            ])
        for time in ["2027-05-06T06:00:00Z", "2027-05-06T12:00:00Z"] { try await daemon.cleanPass(at: time) }
        #expect(try daemon.rows().map(\.key.rule) == ["news"])
        #expect(
            try foreseen(shop, daemon.outbox, from: "2027-05-06T12:00:00Z") == ["card due 2027-05-06T12:00:01Z"])
        for time in ["2027-05-06T12:00:01Z", "2027-05-06T21:59:59Z"] { try await daemon.cleanPass(at: time) }
        #expect(try daemon.ledger() == [
            "2027-05-04 send sent 2027-05-04T12:00:00Z", "2027-05-06 send sent 2027-05-06T06:00:00Z",
        ])
        try await daemon.stop()
    }

    @Test("what another message makes true is due with it, also where its row was cancelled")
    func madeTrueByAMessage() async throws {
        let shop = try TestShop(rules: [])
        try shop.rules(
            """
            news: {purpose: greeting, when: {on: 2027-05-04, at: 14:00}, send: birthday}
            thanks: {purpose: greeting, when: {on: 2027-05-04, at: 09:00}, where: [received news within 1d], send: birthday}
            """)
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-03T22:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-03T22:00:00Z")
        let expected = ["news due 2027-05-04T12:00:00Z", "thanks due 2027-05-04T12:00:00Z"]
        #expect(try foreseen(shop, daemon.outbox, from: "2027-05-03T22:00:00Z").sorted() == expected)
        for time in ["2027-05-04T07:00:00Z", "2027-05-04T12:00:00Z"] { try await daemon.cleanPass(at: time) }
        #expect(try daemon.rows().map(\.key.rule) == ["news"])
        try await daemon.cleanPass(at: "2027-05-04T12:00:01Z")
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
        try await daemon.stop()
    }

    @Test("check names addresses that no relay would take, and not those that are missing")
    func badAddress() throws {
        let shop = try TestShop(rules: ["birthday"])
        for id in 1...4 { try shop.addCustomer(id, birthday: "1980-05-20") }
        try shop.sql("UPDATE customers SET email = 'no address' WHERE id = 2; UPDATE customers SET email = NULL WHERE id = 3")
        let warnings = try Checkup.run(file: shop.file, environment: [:]).mistakes.map(\.message)
        #expect(warnings.contains("1 customer has a mail address that cannot be used: 2"), "\(warnings)")
    }
}

@Suite("Who signs")
struct SignatureTests {
    /// A card of the shipped set as one customer gets it, as text.
    private func message(from: String?) throws -> String {
        var settings = TestShop.Settings()
        settings.extra = "cards: \(TestTools.root)/config/cards"
        let shop = try TestShop(rules: [], settings)
        try shop.addCustomer(1, birthday: "1980-05-20", name: "Luís Gonçalves")
        try shop.rules(
            """
            birthday-card:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              send: birthday
              \(from.map { "from: \($0)" } ?? "")
            """)
        let assembly = try shop.assembly()
        let trial = try Trial.find(
            assembly, source: try Workshop.source(assembly), rule: "birthday-card", step: nil, customer: "1",
            at: try at("2027-05-20T07:00:00Z"), now: try at("2027-05-20T07:00:00Z"))
        let composed = try MessageComposer(assembly: assembly, salt: []).compose(
            trial.candidate, trial.facts, card: nil, now: try at("2027-05-20T07:00:00Z"))
        return String(decoding: composed.message.bytes, as: UTF8.self)
    }

    @Test("the house signs with its name once")
    func house() throws {
        let text = try message(from: nil)
        #expect(text.contains("From: The Shop <house@shop.example>\r\n"))
        #expect(text.contains("Warmly,\r\nThe Shop\r\n"))
        #expect(!text.contains("The Shop\r\nThe Shop"))
    }

    @Test("a person signs with their own name and the business's")
    func person() throws {
        let text = try message(from: "advisor")
        #expect(text.contains("From: Ana Lima <ana@shop.example>\r\n"))
        #expect(text.contains("Warmly,\r\nAna Lima\r\nThe Shop\r\n"))
    }

    @Test("a card that needs a name where the house signs is a mistake, with the way out")
    func nameless() throws {
        let shop = try TestShop(rules: [])
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}")
        try shop.card("---\nsubject: Hello\n---\n<p>{{from.name}}</p>\n", name: "birthday")
        let mistakes = try Checkup.run(file: shop.file, environment: [:]).mistakes
        #expect(
            mistakes.map(\.description) == [
                "\(shop.path)/cards/birthday.html:4:4: {{from.name}} is empty where the house signs, as in rule birthday-card: "
                    + "write {{business.name}}, or {{#from.name}}{{from.name}}{{/from.name}}"
            ])
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday, from: advisor}")
        #expect(try Checkup.run(file: shop.file, environment: [:]).mistakes == [])
    }
}
