import GRDB
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A year with ten rules on a shop's database that was designed by others: `plan`, `explain`, `simulate` and the daemon
/// under a virtual clock say and do the same, row by row.
@Suite("A year on Chinook's tables")
struct ChinookYearTests {
    private static let query = """
        SELECT c.CustomerId AS id, c.FirstName AS given_name, c.LastName AS family_name, c.Email AS email,
               c.Country AS country, e.Email AS advisor_email, e.FirstName AS advisor_name,
               1 AS consent_marketing, CASE WHEN c.CustomerId % 3 THEN 1 END AS consent_survey,
               (SELECT min(InvoiceDate) FROM AllInvoice i WHERE i.CustomerId = c.CustomerId) AS customer_since,
               (SELECT max(InvoiceDate) FROM AllInvoice i WHERE i.CustomerId = c.CustomerId) AS last_order_at,
               (SELECT count(*) FROM AllInvoice i WHERE i.CustomerId = c.CustomerId) AS order_count,
               (SELECT sum(Total) FROM AllInvoice i WHERE i.CustomerId = c.CustomerId) AS total_spent
        FROM Customer c LEFT JOIN Employee e ON e.EmployeeId = c.SupportRepId
        """

    private func shop(_ database: TestShop.Database) throws -> TestShop {
        var settings = TestShop.Settings()
        settings.query = Self.query
        settings.zone = "America/Edmonton"
        settings.events = "order: {query: 'SELECT InvoiceId AS id, CustomerId AS customer_id, InvoiceDate AS at, Total AS total FROM Orders'}"
        settings.extra = """
            limits: {budgets: {overall: 3 per 30d, marketing: 1 per 14d}, quiet: {hours: 21:00-08:00, days: [sun]}}
            segments: {gold: {top: 20%, by: total_spent}}
            """
        let shop = try TestShop(rules: [], settings, database: database)
        try shop.rules(try TestShop.text("\(TestTools.root)/Tests/Fixtures/chinook/rules.yaml"), file: "ten")
        try shop.card("---\nsubject: How was it?\n---\n<p>Tell us.</p>\n", name: "complaint-survey")
        try shop.card("---\nsubject: Hello\n---\n<p>Hello {{given_name}}</p>\n", name: "birthday")
        try shop.card("---\nsubject: List\n---\n{{#items}}<p>{{customer.name}} {{why}}</p>{{/items}}\n", name: "day-list")
        try shop.sql("CREATE TABLE AllInvoice AS SELECT * FROM Invoice; CREATE TABLE Orders AS SELECT * FROM Invoice")
        return shop
    }

    private func year(_ number: Int32, _ shop: TestShop) throws -> (from: Instant, to: Instant) {
        let zone = try shop.assembly().book.house.business.zone
        func start(_ year: Int32) throws -> Instant { zone.startOfDay(try #require(CivilDate("\(year)-01-01"))) }
        return (try start(number), try start(number + 1))
    }

    @Test("plan, simulate and the daemon agree on every message", .timeLimit(.minutes(60)), arguments: ChinookTests.databases)
    func agree(_ database: TestShop.Database) throws {
        let shop = try shop(database)
        let (from, to) = try year(2026, shop)
        // Orders to come are in no database; a simulation would take those that are for what happens then.
        try shop.sql("DELETE FROM Orders WHERE InvoiceDate >= '2026'")
        let assembly = try shop.assembly()
        let forecast = Forecast(
            assembly: assembly, source: try Workshop.source(assembly), outbox: nil, hash: AddressHash(key: .random()))
        let plan = try forecast.report(from: from, to: to, now: from).lines
        let planned = plan.filter { $0.verdict.word == "due" && $0.outreach.dueAt < to }
            .map { SimulationTests.line($0.outreach.key, $0.outreach.dueAt, $0.card) }.sorted()
        let simulated = try SimulationTests.simulated(shop, from: from, to: to)
        let served = try SimulationTests.served(shop, from: from, to: to, looks: try surveys(simulated))
        #expect(Set(simulated).subtracting(served).sorted() == [])
        #expect(Set(served).subtracting(simulated).sorted() == [])
        #expect(planned == simulated)
        if case .copy = database {
            #expect(simulated.count > 1000)
            let rules = Set(plan.filter { $0.verdict.word == "due" }.map(\.outreach.key.rule))
            #expect(rules.count == 9, "nobody foresees orders")
        }
        try explain(shop, plan, from: from, to: to)
    }

    /// When surveys go: some as soon as half a year is over since the last.
    private func surveys(_ simulated: [String]) throws -> [Instant] {
        try simulated.map { $0.split(separator: " ") }.filter { $0[1] == "survey" }.map { try at(String($0[5])) }
    }

    /// At the beginning, and before each quarter: what is next of each rule for each customer.
    private func explain(_ shop: TestShop, _ plan: [Forecast.Line], from: Instant, to: Instant) throws {
        let assembly = try shop.assembly()
        var explainer = Explainer(
            assembly: assembly, source: try Workshop.source(assembly), outbox: nil, hash: AddressHash(key: .random()))
        let ids = Set(plan.map(\.outreach.key.customer)).sorted()
        var told = 0
        for moment in [from, from + .days(100), from + .days(200)] {
            for id in ids {
                let explanation = try explainer.explain(id, at: moment, now: from, history: 0)
                for rule in explanation.rules {
                    guard let message = rule.next.first?.line else { continue }
                    let own = plan.filter {
                        $0.outreach.key.customer == id && $0.outreach.key.rule == rule.name && $0.outreach.dueAt >= moment
                    }
                    guard message.outreach.dueAt < to else { continue }
                    told += 1
                    let first = try #require(own.first, "\(id) \(rule.name) \(moment)")
                    #expect(message.outreach.key == first.outreach.key)
                    #expect(message.outreach.dueAt == first.outreach.dueAt, "\(first.outreach.key)")
                    #expect(message.verdict == first.verdict, "\(first.outreach.key)")
                    #expect(message.card == first.card, "\(first.outreach.key)")
                }
            }
        }
        #expect(told > ids.count * 3)
    }

    @Test("orders of a past year are answered as they were made", .timeLimit(.minutes(60)), arguments: ChinookTests.databases)
    func past(_ database: TestShop.Database) throws {
        let (lived, served) = (try shop(database), try shop(database))
        let number: Int32 = if case .copy = database { 2025 } else { 2026 }
        let (from, to) = try year(number, lived)
        let zone = try lived.assembly().book.house.business.zone
        let orders = try lived.database.read { try Row.fetchAll($0, sql: "SELECT InvoiceId, InvoiceDate FROM AllInvoice") }
        var changes: [(at: Instant, sql: String)] = []
        for order in orders {
            let text: String = order[1]
            let at = zone.startOfDay(try #require(CivilDate(String(text.prefix(10)))))
            guard at > from else { continue }
            try served.sql("DELETE FROM Orders WHERE InvoiceId = \(order[0] as Int64)")
            changes.append((at, "INSERT INTO Orders SELECT * FROM AllInvoice WHERE InvoiceId = \(order[0] as Int64)"))
        }
        let found = try SimulationTests.simulated(lived, from: from, to: to)
        let expected = try SimulationTests.served(served, from: from, to: to, changes: changes, looks: try surveys(found))
        #expect(Set(found).subtracting(expected).sorted() == [])
        #expect(Set(expected).subtracting(found).sorted() == [])
        #expect(found.contains { $0.contains(" after-sale ") })
    }
}
