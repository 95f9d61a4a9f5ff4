import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

@Suite("The complaint clock")
struct ComplaintTests {
    /// A complaint of customer 1, opened and seen at 08:00 UTC on 4 May 2027.
    private func complained(birthday: String? = nil) async throws -> (TestShop, TestDaemon) {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: birthday)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        return (shop, daemon)
    }

    @Test("stands in the outbox with every step at its instant")
    func ladder() async throws {
        let (_, daemon) = try await complained()
        #expect(
            try daemon.ledger(rule: "complaint-care") == [
                "10 send sent 2027-05-04T08:00:00Z",
                "10 tell-advisor sent 2027-05-04T08:00:00Z",
                "10 tell-manager planned 2027-05-05T02:00:00Z",
                "10 tell-director planned 2027-05-05T08:00:00Z",
                "10 tell-director#2 planned 2027-05-06T08:00:00Z",
                "10 tell-director#3 planned 2027-05-07T08:00:00Z",
            ])
        #expect(daemon.announcer.notices(.eventOpened).map(\.until) == [try at("2027-05-05T08:00:00Z")])
    }

    @Test("tells manager and director when nobody answers")
    func unanswered() async throws {
        let (shop, daemon) = try await complained()
        for instant in ["2027-05-05T02:00:00Z", "2027-05-05T08:00:00Z", "2027-05-06T08:00:00Z", "2027-05-07T08:00:00Z"] {
            try await daemon.cleanPass(at: instant)
        }
        try await daemon.cleanPass(at: "2027-06-07T08:00:00Z")
        let recipients = try shop.mails().map(\.recipient).sorted()
        let director = Array(repeating: "director@shop.example", count: 3)
        #expect(recipients == ["ana@shop.example", "c1@mail.example"] + director + ["manager@shop.example"])
    }

    @Test("stops when it is answered, and starts its unsent steps again when the answer is taken back")
    func answered() async throws {
        let (shop, daemon) = try await complained()
        try await daemon.cleanPass(at: "2027-05-05T02:00:00Z")
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-05T03:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-05T03:00:10Z")
        #expect(
            try daemon.ledger(rule: "complaint-care") == [
                "10 send sent 2027-05-04T08:00:00Z",
                "10 tell-advisor sent 2027-05-04T08:00:00Z",
                "10 tell-manager sent 2027-05-05T02:00:00Z",
                "10 tell-director cancelled(event-ended) 2027-05-05T08:00:00Z",
                "10 tell-director#2 cancelled(event-ended) 2027-05-06T08:00:00Z",
                "10 tell-director#3 cancelled(event-ended) 2027-05-07T08:00:00Z",
            ])
        try shop.sql("UPDATE complaints SET answered_at = NULL")
        try await daemon.cleanPass(at: "2027-05-05T04:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(
            try daemon.ledger(rule: "complaint-care").suffix(4) == [
                "10 tell-manager sent 2027-05-05T02:00:00Z",
                "10 tell-director sent 2027-05-05T08:00:00Z",
                "10 tell-director#2 planned 2027-05-06T08:00:00Z",
                "10 tell-director#3 planned 2027-05-07T08:00:00Z",
            ])
        #expect(try shop.mails().count { $0.recipient == "manager@shop.example" } == 1)
    }

    @Test("asks three days after it was solved whether it was put right")
    func survey() async throws {
        let (shop, daemon) = try await complained()
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-04T09:00:00Z', solved_at = '2027-05-04T10:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-04T10:00:05Z")
        #expect(
            try daemon.ledger(rule: "complaint-care").suffix(2) == [
                "10 tell-director#3 cancelled(event-ended) 2027-05-07T08:00:00Z",
                "10 survey planned 2027-05-07T10:00:00Z",
            ])
        try await daemon.cleanPass(at: "2027-05-07T10:00:00Z")
        #expect(try shop.mails().last { $0.subject == "Was it put right?" }?.recipient == "c1@mail.example")
    }

    @Test("holds that customer's birthday card until it is solved, and nobody else's")
    func pauses() async throws {
        let (shop, daemon) = try await complained(birthday: "1980-05-05")
        try shop.addCustomer(2, birthday: "1980-05-05")
        try await daemon.cleanPass(at: "2027-05-04T09:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.row(rule: "birthday-card", customer: "1").standing == "held(open:complaint)")
        #expect(try daemon.row(rule: "birthday-card", customer: "2").standing == "sent")
        // An answer is not a solution.
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-05T08:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try daemon.row(rule: "birthday-card", customer: "1").standing == "held(open:complaint)")
        try shop.sql("UPDATE complaints SET solved_at = '2027-05-05T09:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-05T09:00:05Z")
        #expect(try daemon.row(rule: "birthday-card", customer: "1").standing == "sent")
    }

    @Test("lets a held card go too late rather than in the night")
    func heldTooLong() async throws {
        let (shop, daemon) = try await complained(birthday: "1980-05-05")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        try shop.sql("UPDATE complaints SET solved_at = '2027-05-05T18:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-05T18:00:00Z")
        #expect(try daemon.row(rule: "birthday-card").standing == "skipped(late)")
    }

    @Test("that came in while no daemon ran is known before the first greeting goes")
    func whileDown() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        let first = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await first.cleanPass(at: "2027-05-04T12:00:00Z")
        try await first.stop()
        try shop.complain(10, customer: 1, at: try at("2027-05-04T20:00:00Z"))
        let second = try TestDaemon(shop, now: try at("2027-05-05T07:30:00Z"))
        await second.start()
        let held = await second.announcer.first(.held)
        #expect(held?.rule == "birthday-card")
        _ = await second.announcer.first { $0.kind == .sent && $0.step == "tell-advisor" }
        try await second.stop()
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "c1@mail.example"])
    }

    @Test("with the date of last week is acknowledged all the same, and tried again when the relay puts it off")
    func enteredLate() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let channel = ScriptedChannel(.deferred(.temporary, notBefore: nil))
        let start = try at("2027-05-04T07:00:00Z")
        let daemon = try TestDaemon(shop, now: start, channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: start - .days(8))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        let first = try #require(try daemon.rows(rule: "complaint-care").first { $0.key.step == "send" })
        #expect(first.standing == "planned(temporary)")
        #expect(first.attempts == 1)
        channel.answer(.delivered)
        try await daemon.cleanPass(at: "2027-05-04T09:00:00Z")
        #expect(try daemon.rows(rule: "complaint-care").first { $0.key.step == "send" }?.standing == "sent")
    }

    @Test("that ends between the decision and its commit releases the card it held")
    func endsInBetween() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.addCustomer(2)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T07:00:00Z"), interposed: true)
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        let ledger = daemon.outbox
        // The decision to hold is taken; before it is written, somebody records that the complaint is over.
        try #require(daemon.faults).beforeCommit { group in
            guard group.endings.contains(where: { if case .held = $0.next { true } else { false } }) else { return }
            let sync = try ledger.beginEventSync(
                kind: "complaint", vanished: .stillOpen, horizon: group.now - .days(31), baselineBefore: nil, now: group.now)
            let over = SeenEvent(id: "10", customer: "1", at: group.now - .hours(23), isDone: true, hash: 1)
            _ = try sync.add([over]) { _ in [:] }
            _ = try sync.finish()
        }
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(daemon.announcer.notices(.held).count == 1)
        #expect(try daemon.row(rule: "birthday-card").standing == "sent")
    }
}
