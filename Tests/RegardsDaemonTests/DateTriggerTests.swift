import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// The rules about dates, from a file and a database to a message.
@Suite struct DateTriggerTests {
    private func settings(_ columns: String, extra: String = "") -> TestShop.Settings {
        var settings = TestShop.Settings()
        settings.query = "SELECT c.id, c.name, c.email, c.time_zone, c.birthday, \(columns), NULL AS advisor_email, NULL AS advisor_name FROM customers c"
        settings.extra = extra
        return settings
    }

    @Test func aLunarBirthdayIsKeptByTheChineseCalendar() async throws {
        let shop = try TestShop(rules: [], settings("CASE WHEN c.id = 1 THEN 'lunar' END AS birthday_calendar"))
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00, leap_month: both}, send: birthday}")
        // The fifth of the fifth month, which is 9 June in 2027.
        for id in 1...2 { try shop.addCustomer(id, birthday: "1985-06-22", zone: "Asia/Shanghai") }
        let daemon = try TestDaemon(shop, now: try at("2027-06-08T00:00:00Z"))
        try await daemon.cleanPass(at: "2027-06-08T00:00:00Z")
        #expect(try daemon.ledger() == ["2027 send planned 2027-06-09T01:00:00Z"])
        try await daemon.cleanPass(at: "2027-06-09T01:00:00Z")
        #expect(try shop.mails().map(\.recipient) == ["c1@mail.example"])
        try await daemon.cleanPass(at: "2027-06-22T01:00:00Z")
        #expect(try shop.mails().map(\.recipient).sorted() == ["c1@mail.example", "c2@mail.example"])
        try await daemon.stop()
    }

    @Test func whoCannotBePlannedForIsNamedWithTheReason() async throws {
        let shop = try TestShop(
            rules: [], settings("CASE c.id WHEN 1 THEN 'moon' WHEN 5 THEN NULL ELSE 'lunar' END AS birthday_calendar"))
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}")
        for (id, birthday) in [(1, "1985-06-22"), (2, "--06-22"), (3, "1899-06-22"), (4, "1985-06-31"), (5, "--06-09")] {
            try shop.addCustomer(id, birthday: birthday, zone: "Asia/Shanghai")
        }
        let daemon = try TestDaemon(shop, now: try at("2027-06-08T00:00:00Z"))
        try await daemon.cleanPass(at: "2027-06-08T00:00:00Z")
        let unusable = daemon.announcer.notices(.unusableCustomers).map { "\($0.reason ?? ""): \($0.detail)" }.sorted()
        #expect(
            unusable == [
                "bad-date: customers 4", "lunar-without-year: customers 2", "outside-lunar-calendar: customers 3",
                "unknown-calendar: customers 1",
            ])
        #expect(try daemon.rows().map(\.key.customer) == ["5"])
        try await daemon.stop()
        let check = try Checkup.run(file: shop.file, environment: [:])
        let warnings = check.mistakes.map(\.message)
        #expect(warnings.contains("1 customer has a birthday_calendar that is neither lunar nor gregorian: 1"))
        #expect(
            warnings.contains("1 customer has a lunar birthday outside 1900-01-31 to 2101-01-28, where the Chinese calendar is known: 3"))
    }

    // MARK: Feasts

    private static let season = "season: {purpose: greeting, when: {feast: by_country, feast_column: feasts, at: 09:00}, send: \"feasts/{feast}\"}"

    private func writeCards(_ names: [String], in shop: TestShop) throws {
        for folder in ["own", "own/feasts"] { try #require(mkdir("\(shop.path)/\(folder)", 0o700) == 0) }
        for name in names { try shop.folder.write("---\nsubject: \(name)\n---\n<p>{{occasion.name}}</p>\n", to: "own/feasts/\(name).html") }
    }

    @Test func eachCountryIsGreetedOnItsFeasts() async throws {
        let columns = "CASE c.id WHEN 1 THEN 'CN' WHEN 2 THEN 'Germany' END AS country, CASE c.id WHEN 3 THEN 'mid-autumn, founding-day' END AS feasts"
        let shop = try TestShop(rules: [], settings(columns, extra: "cards: own\nfeasts: {founding-day: 06-12}"))
        try shop.rules(DateTriggerTests.season)
        let own = Feast(name: "founding-day", rule: try #require(FeastRule("06-12")))
        try writeCards(FeastCatalog(own: [own]).greeted.map(\.name), in: shop)
        for id in 1...3 { try shop.addCustomer(id, zone: "Europe/Berlin") }
        let daemon = try TestDaemon(shop, now: try at("2027-03-27T00:00:00Z"))
        for day in ["2027-03-28", "2027-06-12", "2027-09-15"] { try await daemon.cleanPass(at: "\(day)T08:00:00Z") }
        #expect(try shop.mails().map { "\($0.recipient) \($0.subject)" }.sorted() == [
            "c1@mail.example mid-autumn", "c2@mail.example easter", "c3@mail.example founding-day", "c3@mail.example mid-autumn",
        ])
        #expect(try shop.mails().allSatisfy { $0.text.contains("<p>\($0.subject)</p>") })
        #expect(try daemon.rows(customer: "3").map(\.key.occasion).sorted() == ["founding-day-2027", "mid-autumn-2027"])
        try await daemon.stop()
    }

    @Test func aFeastWithoutACardIsAMistake() throws {
        let shop = try TestShop(rules: [], settings("'CN' AS country, NULL AS feasts", extra: "cards: own"))
        try shop.rules(DateTriggerTests.season)
        try writeCards(FeastCatalog().greeted.map(\.name).filter { $0 != "mid-autumn" }, in: shop)
        let (assembly, mistakes) = Assembly.load(file: shop.file, environment: [:], zones: ZoneCatalog())
        #expect(assembly == nil)
        #expect(mistakes.count == 1)
        #expect(mistakes.first?.description.contains("feasts/mid-autumn") == true, "\(mistakes)")
    }

    // MARK: Days of events

    /// The horizon has passed over the day on which it was made; the appointment is still to come.
    @Test func anAppointmentMadeLongAgoIsFollowed() async throws {
        var settings = TestShop.Settings()
        settings.events = "visit: {query: \"SELECT id, customer_id, made_at AS at, visit_on FROM visits\"}"
        let shop = try TestShop(rules: [], settings)
        try shop.sql("CREATE TABLE visits (id INTEGER PRIMARY KEY, customer_id INTEGER, made_at TEXT, visit_on TEXT)")
        try shop.rules("visit: {purpose: care, when: {date: visit.visit_on, days_before: 3, at: 09:00}, send: birthday}\n")
        for id in 1...3 {
            try shop.addCustomer(id)
            try shop.sql("INSERT INTO visits VALUES (\(id), \(id), '2027-03-01T08:00:00Z', '2027-06-20')")
        }
        let daemon = try TestDaemon(shop, now: try at("2027-03-02T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-03-02T12:00:00Z")
        #expect(try daemon.ledger(customer: "1") == ["1 send planned 2027-06-17T07:00:00Z"])
        try shop.sql("UPDATE visits SET visit_on = '2027-05-10' WHERE id = 1; DELETE FROM visits WHERE id = 2")
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(try daemon.ledger(customer: "1") == ["1 send planned 2027-05-07T07:00:00Z"])
        #expect(try daemon.row(customer: "2").standing == "cancelled(occasion-gone)")
        // So is one about which a rule was edited.
        try shop.rules("visit: {purpose: care, when: {date: visit.visit_on, days_before: 3, at: 10:00}, send: birthday}\n")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try daemon.ledger(customer: "3") == ["3 send planned 2027-06-17T08:00:00Z"])
        try await daemon.stop()
    }

    // MARK: The clock of the business

    @Test func aPromiseCountsOpenHours() async throws {
        let shop = try TestShop(rules: [])
        let text = try TestShop.text(shop.file).split(separator: "\n").map(String.init)
        let business = text[0].dropLast() + ", hours: {mon-fri: 09:00-18:00}, holidays: [2027-01-11]}"
        try shop.folder.write(([String(business)] + text.dropFirst()).joined(separator: "\n") + "\n", to: "regards.yaml")
        try shop.rules("""
            complaint-care:
              purpose: care
              when: {event: complaint}
              promise: {answer_within: 8h, clock: business}
              steps:
              - {at: 2h before limit, tell: manager, card: task-warning}
              - {at: limit, tell: director, card: task-breach}
            """)
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-01-08T14:00:00Z"))
        try await daemon.cleanPass(at: "2027-01-08T14:00:00Z")
        // On Friday at 16:00; Monday is a holiday.
        try shop.complain(7, customer: 1, at: try at("2027-01-08T15:00:00Z"))
        try await daemon.cleanPass(at: "2027-01-08T15:00:05Z")
        #expect(
            try daemon.ledger() == [
                "7 tell-manager planned 2027-01-12T12:00:00Z", "7 tell-director planned 2027-01-12T14:00:00Z",
            ])
        try await daemon.stop()
    }
}
