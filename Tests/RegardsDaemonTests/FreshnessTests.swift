import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// What was decided a while ago is decided again before it goes.
@Suite struct FreshnessTests {
    @Test func whoOptsOutWhileOthersAreSentGetsNothing() async throws {
        var settings = TestShop.Settings()
        settings.query = """
            SELECT c.id, c.name, c.given_name, c.email, c.time_zone, c.birthday, c.points > 900 AS do_not_contact,
                   s.email AS advisor_email, s.name AS advisor_name
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id
            """
        settings.extra = ""
        let shop = try TestShop(rules: ["birthday"], settings)
        for id in 1...6 { try shop.addCustomer(id, birthday: "1980-05-04") }
        // One session: one message on the wire, one marked ahead, four decided and waiting.
        let channel = ScriptedChannel(nil)
        let daemon = try TestDaemon(shop, now: try at("2027-05-03T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-03T12:00:00Z")
        let clock = try #require(daemon.clock)
        clock.set(try at("2027-05-04T08:00:00Z"))
        await daemon.start()
        try channel.awaitSent(2)
        try shop.sql("UPDATE customers SET points = 1000")
        clock.set(try at("2027-05-04T08:00:06Z"))
        channel.answer(.delivered)
        channel.finish(.delivered)
        let cancelled = await daemon.announcer.first { $0.kind == .cancelled && $0.reason == "do-not-contact" }
        #expect(cancelled != nil)
        #expect(channel.sent.count == 2)
        #expect(try daemon.rows().filter { $0.state == .cancelled }.count == 4)
        try await daemon.stop()
    }

    @Test func aBrokenQueryOfOneKindKeepsNoOtherFromBeingServed() async throws {
        var settings = TestShop.Settings()
        settings.events = """
            broken:
              query: SELECT id, customer_id, at FROM orders
            \(TestShop.Settings().events)
            """
        let shop = try TestShop(rules: ["birthday", "complaints"], settings, database: .statements("shop.sql"))
        try shop.sql("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, at TEXT)")
        try shop.addCustomer(1, birthday: "1980-05-04")
        let daemon = try TestDaemon(shop, now: try at("2027-05-03T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-03T12:00:00Z")
        // Something goes out first: every connection is open when the table vanishes.
        try shop.complain(9, customer: 1, at: try at("2027-05-03T13:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-03T13:00:00Z")
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-03 14:00:00', solved_at = '2027-05-03 14:00:00' WHERE id = 9")
        try await daemon.cleanPass(at: "2027-05-03T14:00:00Z")
        try shop.sql("ALTER TABLE orders RENAME TO gone")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T07:00:00Z"))
        let trouble = try await daemon.pass(at: try at("2027-05-04T07:00:00Z"))
        #expect(trouble is SourceError)
        #expect(try daemon.ledger(rule: "complaint-care").contains("10 send sent 2027-05-04T07:00:00Z"))
        // Its end releases the birthday card although the other query is still broken.
        try await daemon.pass(at: try at("2027-05-04T08:00:00Z"))
        #expect(try daemon.row(rule: "birthday-card").state == .held)
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-04 09:00:00', solved_at = '2027-05-04 09:00:00' WHERE id = 10")
        try await daemon.pass(at: try at("2027-05-04T09:00:00Z"))
        #expect(try daemon.row(rule: "birthday-card").state == .sent)
    }

    @Test func eventsThatCannotBeUsedAreNamed() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-03T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-03T12:00:00Z")
        try shop.sql("INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (11, 1, '22.11.2026 05:00', 'x')")
        try shop.complain(12, customer: 99, at: try at("2027-05-03T13:00:00Z"))
        try await daemon.pass(at: try at("2027-05-03T13:00:00Z"))
        let told = daemon.announcer.notices(.unusableCustomers).map { "\($0.reason ?? "") \($0.detail)" }
        #expect(told.sorted() == ["event-without-address events 12", "event-without-instant events 11"])
    }

    @Test func aPromiseThatNearsItsLimitAndBreaksIsTold() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        for instant in ["2027-05-04T08:00:00Z", "2027-05-05T02:00:00Z", "2027-05-05T08:00:00Z", "2027-05-06T08:00:00Z"] {
            try await daemon.cleanPass(at: instant)
        }
        #expect(daemon.announcer.notices(.nearLimit).map(\.step) == ["tell-manager"])
        #expect(daemon.announcer.notices(.promiseBroken).map(\.step) == ["tell-director"])
    }
}
