import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("Customers who are missing")
struct MissingCustomersTests {
    private func served() async throws -> (TestShop, TestDaemon) {
        let shop = try TestShop()
        for id in 1...40 { try shop.addCustomer(id, birthday: "1980-05-05") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        return (shop, daemon)
    }

    @Test("more than half of them: nothing is cancelled, and it goes on when they are back")
    func back() async throws {
        let (shop, daemon) = try await served()
        try shop.sql("ALTER TABLE customers RENAME TO whole; CREATE TABLE customers AS SELECT * FROM whole WHERE id <= 15")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "planned", count: 40))
        let told = try #require(daemon.announcer.notices(.guardTripped).first)
        #expect(told.reason == "customers" && told.count == 15)
        #expect(
            told.detail == "15 customers instead of 40: messages for those who are missing wait until they are back, or if "
                + "it is meant: regards approve --customers")
        #expect(daemon.daemon.status().contains("customers missing"))
        try shop.sql("DROP TABLE customers; ALTER TABLE whole RENAME TO customers")
        try await daemon.cleanPass(at: "2027-05-04T15:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 40))
        #expect(daemon.announcer.notices(.guardTripped).count == 1)
        #expect(daemon.announcer.notices(.resumed).map(\.detail) == ["the customers are back"])
    }

    @Test("what falls due for them waits for them, messages about events too")
    func due() async throws {
        let (shop, daemon) = try await served()
        try shop.sql("ALTER TABLE customers RENAME TO whole; CREATE TABLE customers AS SELECT * FROM whole WHERE id <= 15")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        try shop.complain(8, customer: 31, at: try at("2027-05-04T13:30:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T13:31:00Z")
        let told = try daemon.rows(rule: "complaint-care", customer: "31")
        #expect(told.first { $0.key.step == "send" }?.standing == "held(customers-missing)")
        #expect(told.first { $0.key.step == "tell-advisor" }?.standing == "sent")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        func birthdays() throws -> [String: Int] {
            Dictionary(try daemon.rows(rule: "birthday-card").map { ($0.standing, 1) }, uniquingKeysWith: +)
        }
        #expect(try birthdays() == ["sent": 15, "held(customers-missing)": 25])
        try shop.sql("DROP TABLE customers; ALTER TABLE whole RENAME TO customers")
        // Found by the pass, and set free by the look at what holds.
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T08:00:02Z")
        #expect(try birthdays() == ["sent": 39, "held(open:complaint)": 1])
        #expect(try daemon.rows(rule: "complaint-care", customer: "31").first { $0.key.step == "send" }?.standing == "sent")
        try await daemon.stop()
    }

    @Test("what waits for them is cancelled when somebody says that it is meant")
    func dueAndMeant() async throws {
        let (shop, daemon) = try await served()
        try shop.sql("DELETE FROM customers WHERE id > 15")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().count { $0.standing == "held(customers-missing)" } == 25)
        try beside(daemon) {
            _ = try $0.updateGuardFigures { figures in
                (figures.customers, figures.collapsedSince, figures.customersSeen) = (figures.customersSeen, nil, nil)
            }
        }
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try daemon.rows().count { $0.standing == "cancelled(customer-gone)" } == 25)
        try await daemon.stop()
    }

    @Test("are cancelled for when somebody says that it is meant")
    func meant() async throws {
        let (shop, daemon) = try await served()
        try shop.sql("DELETE FROM customers WHERE id > 15")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        try await daemon.stop()
        func approve(_ more: [String]) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
            try ChildProcess.run([ChildProcess.regards, "approve", "--customers"] + more + ["--config", shop.file])
        }
        #expect(try approve([]).ending.status == 64)
        #expect(try approve(["--yes"]).output == ["15 customers instead of 40", "15 customers it is"])
        let next = try TestDaemon(shop, now: try at("2027-05-04T14:00:00Z"))
        try await next.cleanPass(at: "2027-05-04T14:00:00Z")
        #expect(try next.rows().count { $0.standing == "cancelled(customer-gone)" } == 25)
        #expect(next.announcer.notices(.guardTripped).isEmpty)
        #expect(try next.outbox.guardFigures().customers == 15)
        #expect(try approve(["--yes"]).output == ["no customers are missing"])
    }

    @Test("a handful comes and goes, and so does less than half")
    func few() async throws {
        let (shop, daemon) = try await served()
        try shop.sql("DELETE FROM customers WHERE id > 20")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try daemon.rows().count { $0.standing == "cancelled(customer-gone)" } == 20)
        try shop.sql("DELETE FROM customers WHERE id > 10")
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        try shop.sql("DELETE FROM customers")
        try await daemon.cleanPass(at: "2027-05-04T15:00:00Z")
        #expect(try daemon.rows().count { $0.standing == "cancelled(customer-gone)" } == 40)
        #expect(daemon.announcer.notices(.guardTripped).isEmpty)
    }
}
