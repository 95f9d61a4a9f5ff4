import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("Lists")
struct ListTests {
    private static let call = """
        birthday-call:
          about: Wish them a happy birthday
          purpose: care
          when: {anniversary: birthday, at: 09:00}
          list: calls
          for: advisor
        """

    private static let card = """
        ---
        subject: Your list for {{occasion.date}}
        ---
        <p>Good morning{{#to.name}}, {{to.name}}{{/to.name}}</p>
        {{#items}}
        <p>{{number}} {{list}}: {{#customer.name}}{{customer.name}}{{/customer.name}}{{^customer.name}}#{{customer.id}}{{/customer.name}}{{#customer.phone}} {{customer.phone}}{{/customer.phone}} ({{#why}}{{why}}{{/why}}{{#since}}, since {{since}}{{/since}})</p>
        {{/items}}

        """

    /// Customers 1 and 2 are Ana's, 3 is Bo's, 4 is nobody's and so the manager's; all born on 5 May but the last.
    private func shop(_ lists: String = "", mode: String = "live") throws -> TestShop {
        let shop = try TestShop(rules: [], ListTests.settings(lists, mode: mode))
        try shop.sql("ALTER TABLE customers ADD COLUMN phone TEXT")
        for id in 1...4 { try shop.addCustomer(id, birthday: id < 4 ? "1980-05-05" : "1980-05-06", name: "Person \(id)") }
        try shop.sql("UPDATE customers SET phone = '+49 30 ' || id; UPDATE customers SET advisor_id = 2 WHERE id = 3; UPDATE customers SET advisor_id = NULL WHERE id = 4")
        try shop.rules(ListTests.call, file: "call")
        try shop.card(ListTests.card, name: "day-list")
        return shop
    }

    private static func settings(_ lists: String = "", mode: String = "live") -> TestShop.Settings {
        var settings = TestShop.Settings()
        settings.mode = mode
        settings.query = """
            SELECT c.id, c.name, c.given_name, c.email, c.phone, c.locale, c.time_zone, c.birthday, c.points,
                   s.email AS advisor_email, s.name AS advisor_name
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id
            """
        settings.extra = lists.isEmpty ? "" : "lists: \(lists)"
        return settings
    }

    /// The day before, the morning on which three calls are due, and the morning after.
    private func listed(_ shop: TestShop) async throws -> TestDaemon {
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        return daemon
    }

    private func items(_ daemon: TestDaemon, at text: String) throws -> [String] {
        try daemon.outbox.openListItems(now: try at(text)).map { "\($0.list) \($0.customer)" }
    }

    // MARK: The morning's mail

    @Test("are gathered into one mail a morning for each employee, with all that is open")
    func morning() async throws {
        let shop = try shop()
        let daemon = try await listed(shop)
        #expect(daemon.announcer.notices(.listed).map(\.reason) == ["calls", "calls", "calls"])
        #expect(try items(daemon, at: "2027-05-05T07:00:00Z") == ["calls 1", "calls 2", "calls 3"])
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T05:29:59Z")
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "bo@shop.example"])
        #expect(Set(try shop.mails().map(\.subject)) == ["Your list for 6 May 2027"])
        let ana = try #require(try shop.mails().first { $0.recipient == "ana@shop.example" }).text
        #expect(ana.contains("<p>1 calls: Person 1 +49 30 1 (Wish them a happy birthday, since 5 May 2027"))
        #expect(ana.contains("2 calls: Person 2 +49 30 2") && !ana.contains("Person 3"))
        // Nobody gets a second one, whatever happens during the day.
        for hour in ["06", "10", "15"] { try await daemon.cleanPass(at: "2027-05-06T\(hour):00:00Z") }
        #expect(try shop.mails().count == 2)
        let rows = try daemon.rows(rule: "day-list")
        #expect(rows.map(\.standing) == ["sent", "sent"])
        #expect(rows.allSatisfy { $0.key.customer.hasPrefix("staff:") && $0.key.occasion == "2027-05-06" && !$0.key.customer.contains("@") })
        #expect(try daemon.outbox.openListItems(now: try at("2027-05-06T07:00:00Z")).filter { $0.customer != "4" }
            .allSatisfy { $0.mailedOn == CivilDate("2027-05-06") })
        // What is still open is there the next morning, and whom nobody looks after is the manager's.
        try await daemon.cleanPass(at: "2027-05-07T05:30:00Z")
        #expect(try shop.mails().map(\.recipient).sorted()
            == ["ana@shop.example", "ana@shop.example", "bo@shop.example", "bo@shop.example", "manager@shop.example"])
    }

    @Test("follow a customer to another advisor, and leave out what is done")
    func fresh() async throws {
        let shop = try shop()
        let daemon = try await listed(shop)
        let first = try #require(try daemon.outbox.openListItems(now: try at("2027-05-05T08:00:00Z")).first)
        try daemon.outbox.settleListItem(first.id, as: .done, tryAgainAt: nil, now: try at("2027-05-05T08:00:00Z"))
        try shop.sql("UPDATE customers SET advisor_id = 2 WHERE id = 2")
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try shop.mails().map(\.recipient) == ["bo@shop.example"])
        let bo = try #require(try shop.mails().first).text
        #expect(bo.contains("Person 2") && bo.contains("Person 3") && !bo.contains("Person 1"))
    }

    @Test("are done when their condition holds, and when the customer is gone")
    func settled() async throws {
        let shop = try shop("{done_when: {calls: [points >= 10]}}")
        let daemon = try await listed(shop)
        try shop.sql("UPDATE customers SET points = 10 WHERE id = 1; DELETE FROM customers WHERE id = 2")
        try await daemon.cleanPass(at: "2027-05-05T12:00:00Z")
        #expect(try items(daemon, at: "2027-05-05T12:00:00Z") == ["calls 3"])
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try shop.mails().map(\.recipient) == ["bo@shop.example"])
    }

    @Test("leave nobody's items done while most customers are missing")
    func missing() async throws {
        let shop = try shop()
        for id in 10...40 { try shop.addCustomer(id) }
        let daemon = try await listed(shop)
        try shop.sql("ALTER TABLE customers RENAME TO whole; CREATE TABLE customers AS SELECT * FROM whole WHERE id = 1")
        try await daemon.cleanPass(at: "2027-05-05T12:00:00Z")
        #expect(try items(daemon, at: "2027-05-05T12:00:00Z") == ["calls 1", "calls 2", "calls 3"])
    }

    @Test("wait for another try where nobody was reached")
    func tryAgain() async throws {
        let shop = try shop()
        let daemon = try await listed(shop)
        for item in try daemon.outbox.openListItems(now: try at("2027-05-05T08:00:00Z")) {
            try daemon.outbox.settleListItem(
                item.id, as: .notReached, tryAgainAt: try at("2027-05-07T05:00:00Z"), now: try at("2027-05-05T08:00:00Z"))
        }
        try shop.rules(nil, file: "call")
        try shop.rules(ListTests.call.replacing("birthday, at: 09:00", with: "birthday, at: 09:00, days_before: 300"), file: "call")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-07T05:30:00Z")
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "bo@shop.example"])
    }

    @Test("that nobody mailed in the morning are mailed at the next start, without what came since")
    func lateStart() async throws {
        let shop = try shop()
        let first = try await listed(shop)
        try await first.stop()
        let second = try TestDaemon(shop, now: try at("2027-05-06T08:00:00Z"))
        // The manager's call of this morning came after half past seven.
        try await second.cleanPass(at: "2027-05-06T08:00:00Z")
        try await second.cleanPass(at: "2027-05-06T08:01:00Z")
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "bo@shop.example"])
        try await second.stop()
        let third = try TestDaemon(shop, now: try at("2027-05-06T09:00:00Z"))
        try await third.cleanPass(at: "2027-05-06T09:00:00Z")
        #expect(try shop.mails().count == 2)
        try await third.stop()
    }

    @Test("come on the days that were chosen, at the hour that was chosen")
    func days() async throws {
        // 6 May 2027 is a Thursday.
        let shop = try shop("{mail_at: 09:15, days: [fri]}")
        let daemon = try await listed(shop)
        try await daemon.cleanPass(at: "2027-05-06T12:00:00Z")
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-07T07:14:00Z")
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-07T07:15:00Z")
        #expect(try shop.mails().count == 3)
    }

    @Test("reach nobody while the house rehearses, and only the operator while it redirects")
    func modes() async throws {
        let shop = try shop()
        let daemon = try await listed(shop)
        try shop.configure(ListTests.settings(mode: "rehearse"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try daemon.rows(rule: "day-list").map(\.standing) == ["skipped(rehearsed)", "skipped(rehearsed)"])
        try shop.configure(ListTests.settings(mode: "{redirect: me@office.example}"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-07T05:30:00Z")
        #expect(try daemon.rows(rule: "day-list").suffix(2).map(\.standing) == ["skipped(redirected)", "skipped(redirected)"])
        #expect(try shop.mails().map(\.recipient) == ["me@office.example", "me@office.example"])
    }

    @Test("are held by a pause, tried again when the relay puts them off, and too late the next day")
    func held() async throws {
        let shop = try shop()
        let channel = ScriptedChannel(.deferred(.temporary, notBefore: nil))
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        let pause = try daemon.outbox.addPause(.all, until: nil, reason: "", now: try at("2027-05-05T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-06T05:30:00Z")
        #expect(try daemon.rows(rule: "day-list").map(\.standing) == ["held(paused)", "held(paused)"])
        try daemon.outbox.liftPause(pause.id, now: try at("2027-05-06T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-06T06:00:00Z")
        #expect(try daemon.rows(rule: "day-list").map(\.standing) == ["planned(temporary)", "planned(temporary)"])
        channel.answer(.delivered)
        try await daemon.cleanPass(at: "2027-05-06T08:00:00Z")
        #expect(try daemon.rows(rule: "day-list").map(\.standing) == ["sent", "sent"])
        _ = try daemon.outbox.addPause(.all, until: nil, reason: "", now: try at("2027-05-06T09:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-07T05:30:00Z")
        try await daemon.cleanPass(at: "2027-05-08T05:00:00Z")
        #expect(Set(try daemon.rows(rule: "day-list").filter { $0.key.occasion == "2027-05-07" }.map(\.standing)) == ["skipped(late)"])
    }

    @Test("name who is about an event without a customer, as the event does")
    func ofEvents() async throws {
        var settings = ListTests.settings()
        settings.events = """
            inquiry:
              query: SELECT id, NULL AS customer_id, opened_at AS at, name, phone, email FROM inquiries
            """
        let shop = try shop()
        try shop.sql("CREATE TABLE inquiries (id INTEGER PRIMARY KEY, opened_at TEXT, name TEXT, phone TEXT, email TEXT)")
        try shop.configure(settings)
        try shop.rules("inquiry-call:\n  about: They asked\n  purpose: care\n  when: {event: inquiry}\n  list: calls\n  for: manager\n", file: "call")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try shop.sql("INSERT INTO inquiries VALUES (7, '2027-05-04T13:00:00Z', 'Zoe Zimt', '+49 40 7', 'zoe@mail.example')")
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(try items(daemon, at: "2027-05-04T13:00:00Z") == ["calls event:7"])
        try await daemon.cleanPass(at: "2027-05-05T05:30:00Z")
        let mail = try #require(try shop.mails().first)
        #expect(mail.recipient == "manager@shop.example")
        #expect(mail.text.contains("calls: Zoe Zimt +49 40 7 (They asked"))
    }

    @Test("are mailed in a simulation too")
    func simulation() throws {
        let shop = try shop()
        let report = try Simulation(assembly: try shop.assembly(), folder: shop.path + "/out")
            .run(from: try at("2027-05-04T12:00:00Z"), to: try at("2027-05-07T12:00:00Z"))
        #expect(report.sentByRule["day-list"] == 5)
        #expect(try shop.mails("out").count == 5)
    }

    // MARK: Mistakes

    @Test("need a card that is there, and names only what it is given; their rule's name is taken")
    func mistakes() throws {
        let shop = try shop()
        try shop.card("---\nsubject: List\n---\n{{#items}}<p>{{birthday}} {{why}}</p>{{/items}}\n", name: "day-list")
        func mistakes() -> [String] {
            Assembly.load(file: shop.file, environment: [:], zones: ZoneCatalog()).mistakes.map(\.message)
        }
        #expect(mistakes() == ["nothing fills {{birthday}}"])
        try #require(unlink(shop.path + "/cards/day-list.html") == 0)
        #expect(mistakes().count == 1 && mistakes()[0].contains("day-list"))
        try shop.rules("day-list:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n", file: "call")
        #expect(mistakes() == ["expected another name: the morning's lists are mailed under this one, got \"day-list\""])
    }

    // MARK: By command

    @Test("by command: shown, done, not reached")
    func commands() async throws {
        let shop = try shop()
        let daemon = try await listed(shop)
        try await daemon.stop()
        func run(_ command: [String]) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
            try ChildProcess.run([ChildProcess.regards, "list"] + command + ["--config", shop.file])
        }
        try Snapshot.check(try run([]).output, "list")
        try Snapshot.check(try run(["--for", "bo@shop.example", "--json"]).output, "list-json")
        let unknown = try run(["--list", "gifts"])
        #expect(unknown.ending.status == 64)
        #expect(unknown.errors.first?.hasPrefix("regards: there is no list gifts; ") == true)
        let ids = try run(["--list", "calls"]).output.dropFirst().map { String($0.prefix { $0 != " " }) }
        #expect(try run(["done", ids[0]]).output == ["item \(ids[0]) is done"])
        #expect(try run(["not-reached", ids[1]]).output == ["item \(ids[1]): not reached"])
        #expect(try run(["not-reached", ids[2], "--try-again", "2095-06-01"]).output == ["item \(ids[2]): again from Wed 2095-06-01 00:00"])
        #expect(try run([]).output == ["nothing is open"])
        #expect(try run(["done", "4711"]).ending.status == 66)
        #expect(try run(["not-reached", ids[0], "--try-again", "soon"]).ending.status == 64)
    }
}
