import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// What the daemon forgets, once a day, and what it must not.
@Suite("Retention")
struct RetentionTests {
    @Test("old occasions go after the time in the file, and none is sent again", arguments: ["430d", "off"])
    func forgets(retention: String) async throws {
        var settings = TestShop.Settings()
        settings.extra = "retention: \(retention)"
        let shop = try TestShop(rules: ["birthday"], settings)
        for id in 1...3 { try shop.addCustomer(id, birthday: "1980-05-05") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        for year in 2027...2029 {
            try await daemon.cleanPass(at: "\(year)-05-04T12:00:00Z")
            try await daemon.cleanPass(at: "\(year)-05-05T07:00:00Z")
        }
        #expect(try shop.mails().count == 9)
        try await daemon.cleanPass(at: "2029-05-06T12:00:00Z")
        let occasions = Set(try daemon.rows().map(\.key.occasion))
        #expect(occasions == (retention == "off" ? ["2027", "2028", "2029"] : ["2028", "2029"]))
        for day in 7...9 { try await daemon.cleanPass(at: "2029-05-0\(day)T12:00:00Z") }
        #expect(try shop.mails().count == 9)
        try await daemon.stop()
    }
}
