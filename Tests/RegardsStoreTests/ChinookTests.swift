import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// The Chinook shop: a database designed elsewhere. A small one of the same schema is always there; the real one where
/// `REGARDS_CHINOOK` or `../shared/data/chinook.sqlite` says.
@Suite struct ChinookTests {
    static let employees = """
        SELECT EmployeeId AS id, FirstName AS given_name, LastName AS family_name, Email AS email, Country AS country,
            BirthDate AS birthday FROM Employee
        """
    static let customers = """
        SELECT c.CustomerId AS id, c.FirstName AS given_name, c.LastName AS family_name, c.Email AS email,
            c.Country AS country, e.Email AS advisor_email, e.FirstName AS advisor_name,
            (SELECT max(InvoiceDate) FROM Invoice i WHERE i.CustomerId = c.CustomerId) AS last_order_at,
            (SELECT sum(Total) FROM Invoice i WHERE i.CustomerId = c.CustomerId) AS total_spent
        FROM Customer c LEFT JOIN Employee e ON e.EmployeeId = c.SupportRepId
        """
    static let invoices =
        "SELECT InvoiceId AS id, CustomerId AS customer_id, InvoiceDate AS at, Total AS total FROM Invoice"

    private static let sameSchema = """
        CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL,
            [FirstName] NVARCHAR(20) NOT NULL, [BirthDate] DATETIME, [Country] NVARCHAR(40), [Email] NVARCHAR(60),
            CONSTRAINT [PK_Employee] PRIMARY KEY ([EmployeeId]));
        CREATE TABLE [Customer] ([CustomerId] INTEGER NOT NULL, [FirstName] NVARCHAR(40) NOT NULL,
            [LastName] NVARCHAR(20) NOT NULL, [Country] NVARCHAR(40), [Email] NVARCHAR(60) NOT NULL,
            [SupportRepId] INTEGER, CONSTRAINT [PK_Customer] PRIMARY KEY ([CustomerId]));
        CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL,
            [InvoiceDate] DATETIME NOT NULL, [Total] NUMERIC(10,2) NOT NULL,
            CONSTRAINT [PK_Invoice] PRIMARY KEY ([InvoiceId]));
        CREATE INDEX [IFK_InvoiceCustomerId] ON [Invoice] ([CustomerId]);
        INSERT INTO Employee VALUES (1, 'Lovelace', 'Ada', '1962-02-18 00:00:00', 'Canada', 'ada@example.com'),
            (2, 'Hopper', 'Grace', '1958-12-08 00:00:00', 'Canada', 'grace@example.com');
        INSERT INTO Customer VALUES (1, 'Luís', 'Gonçalves', 'Brazil', 'luis@example.com', 2),
            (2, 'František', 'Wichterlová', 'Czech Republic', 'frantisek@example.com', 1),
            (3, '小明', '王', 'China', 'xiaoming@example.com', NULL);
        INSERT INTO Invoice VALUES (1, 1, '2021-01-01 00:00:00', 1.25), (2, 1, '2021-02-01 00:00:00', 3.5),
            (3, 2, '2021-01-15 00:00:00', 5.94);
        """

    /// The real database's path; nil, and said aloud, when there is none.
    private static func chinook() -> String? {
        let path = getenv("REGARDS_CHINOOK").map { String(cString: $0) } ?? "../shared/data/chinook.sqlite"
        guard access(path, R_OK) != 0 else { return path }
        print("ChinookTests: no database at \(path), set REGARDS_CHINOOK; only the small fixture is tested")
        return nil
    }

    private func open(_ path: String, _ query: String) throws -> SQLiteCustomerSource {
        var invoice = RecordSchema(known: EventColumn.names)
        _ = invoice.use("total")
        let settings = SourceSettings(
            path: path, query: query,
            customers: Shop.schema(("birthday", nil), ("last_order_at", nil), ("total_spent", nil)),
            events: [EventQuery(kind: "order", query: Self.invoices, columns: invoice)], zone: .utc)
        return try SQLiteCustomerSource(settings)
    }

    private func birthdays(_ source: SQLiteCustomerSource) throws -> [String] {
        var birthdays: [String] = []
        try source.forEachPage(size: 3) { page in
            birthdays += page.compactMap { $0.record.civilDate(CustomerColumn.birthday.rawValue)?.description }
        }
        return birthdays
    }

    @Test func theSmallFixture() throws {
        let shop = try Shop(Self.sameSchema)
        #expect(try birthdays(try open(shop.path, Self.employees)) == ["1962-02-18", "1958-12-08"])
        let source = try open(shop.path, Self.customers)
        #expect(try source.describe().mistakes.isEmpty)
        let found = try source.lookUp(["1", "2", "3"])
        #expect(found["1"]?.text(.givenName) == "Luís" && found["3"]?.text(.familyName) == "王")
        #expect(found["2"]?.text(.advisorEmail) == "ada@example.com" && found["3"]?.text(.advisorEmail) == nil)
        #expect(found["1"]?.record.number(CustomerColumn.totalSpent.rawValue) == 4.75)
        #expect(found["1"]?.text(.lastOrderAt) == "2021-02-01 00:00:00")
        var orders: [String] = []
        let since = try #require(Instant("2021-01-15", in: .utc))
        try source.forEachEventPage(kind: "order", since: since, size: 2) { orders += $0.map(\.id) }
        #expect(orders == ["2", "3"])
    }

    @Test func theRealDatabase() throws {
        guard let path = Self.chinook() else { return }
        #expect(
            try birthdays(try open(path, Self.employees)) == [
                "1962-02-18", "1958-12-08", "1973-08-29", "1947-09-19", "1965-03-03", "1973-07-01", "1970-05-29",
                "1968-01-09",
            ])
        let source = try open(path, Self.customers)
        let description = try source.describe()
        #expect(description.mistakes.isEmpty, "\(description.mistakes)")
        #expect(try #require(description.lookUpsPerSecond) > 5000)
        let (pages, report) = try source.pages(size: 20)
        #expect(pages.map(\.count) == [20, 20, 19])
        #expect(report.withoutID == 0 && report.duplicates == 0)
        #expect(try source.lookUp(["1"])["1"]?.text(.givenName) == "Luís")
        let orders = try source.forEachEventPage(kind: "order", since: Instant(seconds: 0), size: 100) { _ in }
        #expect(orders.rows == 412)
    }
}
