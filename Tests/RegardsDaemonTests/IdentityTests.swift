import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

@Suite("One row for each occasion, whatever changes")
struct IdentityTests {
    private static let birthdayRule = """
        birthday-card:
          purpose: greeting
          when: {anniversary: birthday, at: 09:00}
          send: birthday
        """

    /// Customer 1 in Berlin, born on 5 May; planned at noon of the day before.
    private func planned() async throws -> (TestShop, TestDaemon) {
        let shop = try TestShop()
        try shop.rules(Self.birthdayRule)
        try shop.addCustomer(1, birthday: "1980-05-05")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try #require(try daemon.ledger() == ["2027 send planned 2027-05-05T07:00:00Z"])
        return (shop, daemon)
    }

    private func reload(_ daemon: TestDaemon) throws {
        let mistakes = daemon.daemon.reload()
        try #require(!mistakes.contains { $0.severity == .error }, "\(mistakes.map(\.description))")
    }

    @Test("a birthday corrected after planning moves its card")
    func birthdayMoved() async throws {
        let (shop, daemon) = try await planned()
        let id = try daemon.row().id
        try shop.sql("UPDATE customers SET birthday = '1980-05-06'")
        // The card was due by the old date: the look-up at send time sees the correction, whatever was planned.
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.ledger() == ["2027 send planned 2027-05-06T07:00:00Z"])
        try await daemon.cleanPass(at: "2027-05-06T07:00:00Z")
        #expect(try daemon.row().id == id)
        #expect(try daemon.row().standing == "sent")
        #expect(try shop.mails().count == 1)
    }

    @Test("a birthday corrected after its card went brings no second one that year")
    func birthdayCorrectedAfterSending() async throws {
        let (shop, daemon) = try await planned()
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        try shop.sql("UPDATE customers SET birthday = '1980-05-07'")
        for day in ["2027-05-06T07:00:00Z", "2027-05-07T07:00:00Z"] { try await daemon.cleanPass(at: day) }
        #expect(try daemon.ledger() == ["2027 send sent 2027-05-05T07:00:00Z"])
        #expect(try shop.mails().count == 1)
    }

    @Test("a birthday corrected to a day that is over is not made up for")
    func birthdayMovedToThePast() async throws {
        let (shop, daemon) = try await planned()
        try shop.sql("UPDATE customers SET birthday = '1980-05-01'")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.ledger().allSatisfy { !$0.contains("sent") })
        #expect(try shop.mails().isEmpty)
    }

    @Test("a card that nobody sent in time ends as late, not as an occasion that went away")
    func sleptThroughTheDay() async throws {
        let (shop, daemon) = try await planned()
        // Half past midnight in Berlin.
        try await daemon.cleanPass(at: "2027-05-05T22:30:00Z")
        #expect(try daemon.row().standing == "skipped(late)")
        #expect(try shop.mails().isEmpty)
    }

    @Test("a customer who moves to another zone gets the card in the morning there")
    func zoneMoved() async throws {
        let (shop, daemon) = try await planned()
        try shop.sql("UPDATE customers SET time_zone = 'America/New_York'")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.ledger() == ["2027 send planned 2027-05-05T13:00:00Z"])
        try await daemon.cleanPass(at: "2027-05-05T13:00:00Z")
        #expect(try shop.mails().count == 1)
    }

    @Test("an edited time moves the card, and a sent one stays sent")
    func timeEdited() async throws {
        let (shop, daemon) = try await planned()
        let id = try daemon.row().id
        try shop.rules(Self.birthdayRule.replacing("09:00", with: "11:30"))
        try reload(daemon)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.ledger() == ["2027 send planned 2027-05-05T09:30:00Z"])
        try await daemon.cleanPass(at: "2027-05-05T09:30:00Z")
        try shop.rules(Self.birthdayRule.replacing("09:00", with: "16:00"))
        try reload(daemon)
        try await daemon.cleanPass(at: "2027-05-05T14:00:00Z")
        #expect(try daemon.ledger() == ["2027 send sent 2027-05-05T09:30:00Z"])
        #expect(try daemon.row().id == id)
        #expect(try shop.mails().count == 1)
    }

    @Test("a rule that is removed owes nothing, and owes it again when it is put back")
    func ruleRemoved() async throws {
        let (shop, daemon) = try await planned()
        let id = try daemon.row().id
        try shop.rules(nil)
        try reload(daemon)
        #expect(try daemon.row().standing == "cancelled(rule-gone)")
        #expect(daemon.announcer.notices(.ruleVanished).map(\.rule) == ["birthday-card"])
        try await daemon.cleanPass(at: "2027-05-05T06:59:00Z")
        #expect(try daemon.row().standing == "cancelled(rule-gone)")
        try shop.rules(Self.birthdayRule)
        try reload(daemon)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.row().id == id)
        #expect(try daemon.row().standing == "sent")
        #expect(try shop.mails().count == 1)
    }

    @Test("a rule that is renamed keeps its ledger: what was planned goes, what went does not go again")
    func ruleRenamed() async throws {
        let (shop, daemon) = try await planned()
        try shop.addCustomer(2, birthday: "1985-05-04", zone: "America/New_York")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try daemon.row(customer: "2").standing == "sent")
        let renamed = Self.birthdayRule.replacing("birthday-card:", with: "birthday-greeting:") + "\n  formerly: birthday-card"
        try shop.rules(renamed)
        try reload(daemon)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows(rule: "birthday-card").isEmpty)
        #expect(
            try daemon.ledger(rule: "birthday-greeting") == [
                "2027 send sent 2027-05-04T13:00:00Z", "2027 send sent 2027-05-05T07:00:00Z",
            ])
        #expect(try shop.mails().count == 2)
        #expect(daemon.announcer.notices(.ruleVanished).isEmpty)
    }

    @Test("an event's id that is used again is another event only with a later time")
    func idReused() async throws {
        let shop = try TestShop(rules: ["complaints"])
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        try shop.sql("DELETE FROM complaints")
        try await daemon.cleanPass(at: "2027-05-04T09:00:00Z")
        // Back with the time it had: the same complaint, after a mistake of the shop's.
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T10:00:00Z")
        #expect(try Set(daemon.rows().map(\.key.occasion)) == ["10"])
        #expect(try shop.mails().count == 2)
        try shop.sql("DELETE FROM complaints")
        try await daemon.cleanPass(at: "2027-05-04T11:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T11:30:00Z"), subject: "Another one")
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        let second = try daemon.rows().filter { $0.key.occasion == "10~2" }
        #expect(second.map(\.key.step).sorted() == [
            "send", "tell-advisor", "tell-director", "tell-director#2", "tell-director#3", "tell-manager",
        ])
        #expect(second.filter { $0.state == .sent }.map(\.key.step).sorted() == ["send", "tell-advisor"])
        // Nobody answers for the one that is gone any more.
        #expect(try daemon.rows().filter { $0.key.occasion == "10" && !$0.state.hasEnded }.isEmpty)
        #expect(try shop.mails().count == 4)
    }

    @Test("a complaint whose time is edited stays the same one")
    func eventEdited() async throws {
        let shop = try TestShop(rules: ["complaints"])
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        try shop.sql("UPDATE complaints SET opened_at = '2027-05-04T08:30:00Z', subject = 'The lid and the spout'")
        try await daemon.cleanPass(at: "2027-05-04T09:00:00Z")
        #expect(try Set(daemon.rows().map(\.key.occasion)) == ["10"])
        #expect(try shop.mails().count == 2)
        // The promise was made when it came in.
        #expect(try daemon.ledger().contains("10 tell-manager planned 2027-05-05T02:00:00Z"))
    }

    @Test("a customer who is deleted is owed nothing, and is owed it again when they are back")
    func customerDeleted() async throws {
        let (shop, daemon) = try await planned()
        try shop.addCustomer(2, birthday: "1970-05-05")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        try shop.sql("DELETE FROM customers WHERE id = 1")
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        #expect(try daemon.row(customer: "1").standing == "cancelled(customer-gone)")
        try shop.addCustomer(1, birthday: "1980-05-05")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.row(customer: "1").standing == "sent")
        #expect(try shop.mails().count == 2)
    }

    @Test("a customer deleted between planning and sending gets nothing")
    func customerDeletedAtSending() async throws {
        let (shop, daemon) = try await planned()
        try await daemon.cleanPass(at: "2027-05-05T06:59:50Z")
        try shop.sql("DELETE FROM customers")
        // The loop that sends looks for itself: the next pass over all customers is a quarter of an hour away.
        try #require(daemon.clock).set(try at("2027-05-05T07:00:00Z"))
        daemon.daemon.lookAgain()
        let cancelled = await daemon.announcer.first(.cancelled)
        #expect(cancelled?.reason == "customer-gone")
        #expect(try daemon.row().standing == "cancelled(customer-gone)")
        try await daemon.stop()
        #expect(try shop.mails().isEmpty)
    }

    @Test("a second pass changes nothing")
    func twice() async throws {
        let (_, daemon) = try await planned()
        let before = try daemon.rows()
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        #expect(try daemon.rows() == before)
        #expect(daemon.announcer.notices(.planned).count == 1)
    }

    @Test("a restart goes on where the last daemon ended: what was due meanwhile goes within its grace")
    func restarted() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.addCustomer(2, birthday: "1980-05-05", zone: "Asia/Tokyo")
        try shop.addCustomer(3, birthday: "1980-05-06")
        let first = try TestDaemon(shop, now: try at("2027-05-03T12:00:00Z"))
        try await first.cleanPass(at: "2027-05-03T12:00:00Z")
        try await first.stop()
        let second = try TestDaemon(shop, now: try at("2027-05-05T12:00:00Z"))
        try await second.cleanPass(at: "2027-05-05T12:00:00Z")
        #expect(try second.row(customer: "1").standing == "sent")
        #expect(try second.row(customer: "2").standing == "skipped(late)")
        #expect(try second.row(customer: "3").standing == "planned")
        try await second.stop()
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.range(of: old) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return (parts + [rest]).joined(separator: new)
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
