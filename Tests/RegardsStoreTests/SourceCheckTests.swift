import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct SourceCheckTests {
    private let rule = Place(file: "rules.d/birthday.yaml", line: 3, column: 9)

    private func mistakes(_ query: String, _ columns: (String, Place?)..., shop: Shop? = nil) throws -> [String] {
        var schema = CustomerSchema()
        for (column, place) in columns { _ = schema.columns.use(column, at: place) }
        return try (shop ?? Shop()).source(query, schema: schema).describe().mistakes.map(\.description)
    }

    @Test func aGoodQueryHasNoMistakes() throws {
        let description = try Shop().source(schema: Shop.schema(("birthday", rule), ("total_spent", rule))).describe()
        #expect(description.mistakes.isEmpty)
        #expect(
            description.columns == [
                ColumnInfo(name: "id", isUsed: true, filled: 3), ColumnInfo(name: "name", isUsed: true, filled: 3),
                ColumnInfo(name: "email", isUsed: true, filled: 2),
                ColumnInfo(name: "birthday", isUsed: true, filled: 2),
                ColumnInfo(name: "total_spent", isUsed: true, filled: 2),
            ])
        #expect(description.sampled == 3)
        #expect(try #require(description.lookUpsPerSecond) > 0)
    }

    @Test func aColumnThatARuleNamesAndTheQueryLacks() throws {
        #expect(
            try mistakes(
                "SELECT id, name, birthday AS birth_day, country FROM customers", ("birthday", rule), ("tags", rule))
                == [
                    "rules.d/birthday.yaml:3:9: there is no column called birthday in customers.query; did you mean \"birth_day\"?",
                    "rules.d/birthday.yaml:3:9: there is no column called tags in customers.query",
                ])
    }

    @Test func whatOnlyRegardsWouldLikeMayBeMissing() throws {
        #expect(try mistakes("SELECT id FROM customers") == [])
    }

    @Test func twoColumnsOfOneName() throws {
        #expect(
            try mistakes("SELECT id, name, email AS Name FROM customers")
                == ["regards.yaml: customers.query: the query returns two columns called Name; name them apart with AS"]
        )
    }

    @Test func valuesThatAreNoDates() throws {
        let shop = try Shop(
            """
            CREATE TABLE customers (id INTEGER PRIMARY KEY, birthday, since, last_order, orders, total);
            INSERT INTO customers VALUES (1, '1962-02-18 00:00:00', '2020-01-01', 1577836800, 4, 12.5),
                (2, '18.02.1962', '01/02/2020', '2020-01-01T00:00:00Z', 'four', '12,50'), (3, '--02-29', '', NULL, '5', NULL);
            """)
        let query = """
            SELECT id, birthday, since AS customer_since, last_order AS last_order_at, orders AS order_count,
                total AS total_spent FROM customers
            """
        #expect(
            try mistakes(
                query, ("birthday", rule), ("customer_since", nil), ("last_order_at", nil), ("order_count", nil),
                ("total_spent", nil), shop: shop)
                == [
                    "rules.d/birthday.yaml:3:9: warning: customers.query: birthday: expected a date such as 1962-02-18 or "
                        + "02-18, found something else in 1 of 3 customers looked at, such as customer 2",
                    "regards.yaml: warning: customers.query: customer_since: expected a date or time, found something else "
                        + "in 1 of 2 customers looked at, such as customer 2",
                    "regards.yaml: warning: customers.query: order_count: expected a number, found something else in 1 of 3 "
                        + "customers looked at, such as customer 2",
                    "regards.yaml: warning: customers.query: total_spent: expected a number, found something else in 1 of 2 "
                        + "customers looked at, such as customer 2",
                ])
    }

    @Test func aColumnOfWhichNothingFitsIsAnError() throws {
        let found = try mistakes("SELECT id, name AS birthday FROM customers", ("birthday", rule))
        #expect(
            found == [
                "rules.d/birthday.yaml:3:9: customers.query: birthday: expected a date such as 1962-02-18 or 02-18, found "
                    + "something else in 3 of 3 customers looked at, such as customer 1"
            ])
    }

    @Test func columnsOfAnEventQuery() throws {
        let shop = try Shop(Shop.customers + "CREATE TABLE complaints (id, customer_id, at, subject)")
        var columns = RecordSchema(known: EventColumn.names)
        _ = columns.use("subjekt", at: rule)
        let source = try shop.source(
            events: [EventQuery(kind: "complaint", query: "SELECT id, at, subject FROM complaints", columns: columns)])
        let description = try source.describe()
        #expect(
            description.mistakes.map(\.description)
                == [
                    "rules.d/birthday.yaml:3:9: there is no column called subjekt in events.complaint.query; did you mean \"subject\"?"
                ])
        #expect(description.eventColumns["complaint"]?.map(\.name) == ["id", "at", "subject"])
    }

    /// A window function keeps SQLite from searching by id: the whole query runs for each look-up.
    @Test func aSlowLookUpIsMeasured() throws {
        let shop = try Shop(SourceScanTests.manyCustomers(60_000))
        let slow = "SELECT id, name, rank() OVER (ORDER BY total DESC) AS place FROM customers"
        let description = try shop.source(slow).describe()
        let rate = try #require(description.lookUpsPerSecond)
        #expect(rate < 5000)
        #expect(description.mistakes.map(\.severity) == [.warning])
        let message = try #require(description.mistakes.first?.message)
        #expect(message.hasPrefix(
            "a look-up by id finds \(Int(rate)) customers a second, and under 5000 a large day takes long; SQLite's plan says \""))
        // The table behind the window function is read whole for every look-up.
        #expect(message.contains("\"SCAN customers"))
        #expect(message.hasSuffix(
            ": replace CTEs and window functions by joins, or give lookup: a query of its own with :ids"))
        let fast = try shop.source(
            slow, lookup: "SELECT id, name FROM customers WHERE id IN (SELECT value FROM json_each(:ids))")
        #expect(try #require(fast.describe().lookUpsPerSecond) > rate * 5)
    }
}
