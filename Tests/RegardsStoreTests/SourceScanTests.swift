import Dispatch
import Foundation
import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsStore

@Suite struct SourceScanTests {
    @Test func readsValuesByTheirTypes() throws {
        let source = try Shop().source()
        var seen: [Customer] = []
        try source.forEachPage(size: 10) { seen += Array($0) }
        #expect(seen.map(\.id) == ["1", "2", "7"])
        #expect(seen.map { $0.text(.name) } == ["Ada", "王小明", "Luís Gonçalves"])
        #expect(seen.map { $0.text(.email) } == ["ada@example.com", nil, "luis@example.com"])
        #expect(seen.map { $0.record.number(CustomerColumn.totalSpent.rawValue) } == [12.5, 7, nil])
        #expect(
            seen.map { $0.record.civilDate(CustomerColumn.birthday.rawValue)?.description } == [
                "1962-02-18", "1970-12-01", nil,
            ])
        // Columns the query does not have are empty.
        #expect(seen.allSatisfy { $0.text(.locale) == nil })
    }

    @Test func columnsNobodyUsesAreNotRead() throws {
        let source = try Shop().source(schema: CustomerSchema())
        try source.forEachPage(size: 10) { page in
            #expect(page.allSatisfy { !$0.record.isPresent(CustomerColumn.birthday.rawValue) })
        }
        #expect(try source.lookUp(["1"])["1"]?.record.isPresent(CustomerColumn.birthday.rawValue) == false)
    }

    @Test func pagesEndWhereTheyShould() throws {
        let source = try Shop(
            """
            CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
            INSERT INTO customers (id) VALUES (1), (2), (3), (4), (5), (6);
            """
        ).source("SELECT id, name FROM customers")
        #expect(try source.pages(size: 6).0 == [["1", "2", "3", "4", "5", "6"]])
        #expect(try source.pages(size: 5).0 == [["1", "2", "3", "4", "5"], ["6"]])
        #expect(try source.pages(size: 3).0 == [["1", "2", "3"], ["4", "5", "6"]])
        #expect(try source.pages(size: 1).0.count == 6)
        #expect(try source.pages(size: 2).1.rows == 6)
    }

    @Test func anEmptyTableHasNoPages() throws {
        let source = try Shop("CREATE TABLE customers (id INTEGER PRIMARY KEY)").source("SELECT id FROM customers")
        let (pages, report) = try source.pages(size: 10)
        #expect(pages.isEmpty && report.rows == 0)
        #expect(try source.lookUp(["1"]).isEmpty)
    }

    /// Every id once, in an order, whatever its type; what is no id is counted.
    @Test(arguments: [1, 2, 3, 4, 100])
    func idsOfEveryType(_ size: Int) throws {
        let source = try Shop(
            """
            CREATE TABLE customers (id, name);
            INSERT INTO customers VALUES (2, 'a'), ('007', 'b'), (NULL, 'c'), (1.5, 'd'), ('x"\\', 'e'), (NULL, 'f'),
                (x'00ff', 'g'), ('', 'h'), (-4, 'i'), (9223372036854775807, 'j'), ('王', 'k'), (2, 'twin'), (3e200, 'l'),
                (7, 'seven');
            """
        ).source("SELECT id, name FROM customers")
        let (pages, report) = try source.pages(size: size)
        let ids = pages.flatMap { $0 }
        #expect(ids == ["-4", "1.5", "2", "7", "9223372036854775807", "3e+200", "007", "x\"\\", "王"])
        #expect(report.withoutID == 4 && report.rows == 9)
        #expect(report.duplicates == 1 && report.duplicateIDs == ["2"])
        // The ledger has them as text; each is found again, and only itself.
        let found = try source.lookUp(ids)
        #expect(Set(found.keys) == Set(ids))
        #expect(found["007"]?.text(.name) == "b" && found["7"]?.text(.name) == "seven")
        #expect(try source.lookUp(["08", "2.0", "+7", " 7", "nobody"]).isEmpty)
    }

    @Test func textIdsInATextColumn() throws {
        let source = try Shop(
            """
            CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT);
            INSERT INTO customers VALUES ('007', 'Bond'), ('7', 'Seven'), ('10', 'Ten'), ('9', 'Nine');
            """
        ).source("SELECT id, name FROM customers")
        #expect(try source.pages(size: 3).0 == [["007", "10", "7"], ["9"]])
        let found = try source.lookUp(["7", "007"])
        #expect(found.mapValues { $0.text(.name) } == ["7": "Seven", "007": "Bond"])
    }

    @Test func anIntegerColumnHasNo007() throws {
        let source = try Shop().source()
        #expect(try source.lookUp(["007", "7", "7.0", "99"]).keys.sorted() == ["7"])
    }

    @Test func idsThatAreExpressions() throws {
        let source = try Shop().source("SELECT 'C' || id AS id, name FROM customers")
        #expect(try source.pages(size: 2).0 == [["C1", "C2"], ["C7"]])
        #expect(try source.lookUp(["C2"])["C2"]?.text(.name) == "王小明")
        let number = try Shop().source("SELECT id + 0 AS id, name FROM customers")
        #expect(try number.lookUp(["2"])["2"]?.text(.name) == "王小明")
    }

    @Test func duplicatesNeverStopAScan() throws {
        let source = try Shop(
            """
            CREATE TABLE customers (id INTEGER, name TEXT);
            INSERT INTO customers SELECT 5, 'same' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
                WHERE i < 50) SELECT i FROM n);
            INSERT INTO customers VALUES (6, 'other');
            """
        ).source("SELECT id, name FROM customers")
        let (pages, report) = try source.pages(size: 10)
        #expect(pages == [["5"], ["6"]])
        #expect(report.duplicates == 10 && report.duplicateIDs == ["5"])
    }

    @Test func thousandsWithoutAnIdNeverStopAScan() throws {
        let source = try Shop(
            """
            CREATE TABLE customers (id, name TEXT);
            INSERT INTO customers SELECT CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE x'ab' END, 'nobody' FROM (
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n);
            INSERT INTO customers VALUES (6, 'six'), ('t', 'text');
            """
        ).source("SELECT id, name FROM customers")
        let (pages, report) = try source.pages(size: 10)
        #expect(pages == [["6", "t"]] && report.withoutID == 3000)
    }

    @Test func aPageMayBeCopied() throws {
        let source = try Shop().source()
        var kept: [CustomerPage] = []
        try source.forEachPage(size: 1) { kept.append($0) }
        #expect(kept.map { $0[0].id } == ["1", "2", "7"])
    }

    @Test func aBodyMayLookUpAndFail() throws {
        let source = try Shop().source()
        var found = 0
        try source.forEachPage(size: 2) { found += try source.lookUp($0.map(\.id)).count }
        #expect(found == 3)
        #expect(throws: Failure.self) { try source.forEachPage(size: 1) { _ in throw Failure("stop") } }
        // The read had ended: a writer is not kept out.
        try Shop.exclusiveWrite(source.settings.path, timeout: 0)
    }

    /// The query keeps its comments, its semicolon and its own order.
    @Test(arguments: [
        "SELECT id, name FROM customers;", "SELECT id, name FROM customers -- all of them",
        "SELECT id, name FROM customers ORDER BY name DESC;\n", "SELECT ID, Name FROM customers",
        "WITH c AS (SELECT * FROM customers) SELECT id, name FROM c",
        "SELECT id, name FROM customers UNION ALL SELECT 100, 'x' WHERE 0",
    ])
    func queriesAsPeopleWriteThem(_ query: String) throws {
        let source = try Shop().source(query)
        #expect(try source.pages(size: 2).0 == [["1", "2"], ["7"]])
        #expect(try source.lookUp(["2"])["2"]?.text(.name) == "王小明")
    }

    @Test func aLookupQueryIsAskedWhereThereIsOne() throws {
        let source = try Shop().source(
            lookup: """
                SELECT id, 'looked up' AS name, email, birthday, total AS total_spent FROM customers
                WHERE id IN (SELECT value FROM json_each(:ids));
                """)
        #expect(try source.lookUp(["2", "9"]).mapValues { $0.text(.name) } == ["2": "looked up"])
        #expect(try source.pages(size: 9).0 == [["1", "2", "7"]])
    }

    @Test func manyIdsAreLookedUpInBatches() throws {
        let shop = try Shop(Self.manyCustomers(5000))
        let ids = (1...5000).map(String.init)
        #expect(try shop.source("SELECT id, name FROM customers").lookUp(ids + ["0", "5001"]).count == 5000)
    }

    /// Plain joins keep the index: a look-up is a search, never a scan of all customers.
    @Test(arguments: [
        "SELECT id, name FROM customers",
        """
        SELECT c.id AS id, c.name AS name, e.name AS advisor_name,
            (SELECT max(at) FROM orders o WHERE o.customer = c.id) AS last_order_at
        FROM customers c LEFT JOIN employees e ON e.id = c.advisor
        """,
    ])
    func lookUpsAndPagesReachTheIndex(_ query: String) throws {
        let shop = try Shop(
            Self.manyCustomers(10) + """
                CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT);
                CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, at TEXT);
                CREATE INDEX orders_customer ON orders (customer);
                ALTER TABLE customers ADD COLUMN advisor INTEGER;
                """)
        let source = try shop.source(query)
        let ready = try source.current().customers
        for sql in [ready.lookup, ready.first, ready.next, ready.firstIsNull, ready.countUnusable] {
            let plan = try DatabaseQueue(path: shop.path).read { database in
                let statement = try SQLStatement(database, "EXPLAIN QUERY PLAN " + sql)
                var details: [String] = []
                while try statement.step() { details.append(statement.string(3)) }
                return details
            }
            #expect(!plan.contains { $0.contains("USE TEMP B-TREE") }, "\(plan)")
            let isFirst = sql == ready.first || sql == ready.firstIsNull
            #expect(isFirst || plan.contains { $0.hasPrefix("SEARCH c") && $0.contains("PRIMARY KEY") }, "\(plan)")
        }
    }

    // MARK: Never in the shop's way

    static func manyCustomers(_ count: Int) -> String {
        """
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, birthday TEXT, total REAL);
        INSERT INTO customers SELECT i, 'Customer number ' || i, 'customer' || i || '@example.com', '1980-05-04', i FROM (
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count)) SELECT i FROM n);

        """
    }

    /// A writer that waits half a second at most commits all through a pass over 100,000 customers.
    @Test(arguments: ["DELETE", "WAL"])
    func aWriterNeverFailsDuringAFullPass(_ journal: String) throws {
        let shop = try Shop(Self.manyCustomers(100_000), journal: journal)
        let source = try shop.source()
        let isDone = Mutex(false)
        let written = Mutex(0)
        let failure = Mutex<String?>(nil)
        let writer = DispatchQueue(label: "writer")
        let ready = DispatchSemaphore(value: 0)
        writer.async {
            do {
                var configuration = Configuration()
                configuration.busyMode = .timeout(0.5)
                let queue = try DatabaseQueue(path: shop.path, configuration: configuration)
                repeat {
                    try queue.write { try $0.execute(sql: "UPDATE customers SET total = total + 1 WHERE id = 77777") }
                    written.withLock { $0 += 1 }
                    ready.signal()
                } while !isDone.withLock { $0 }
            } catch { failure.withLock { $0 = "\(error)" } }
        }
        #expect(ready.wait(timeout: .now() + .seconds(FailureGuard.seconds)) == .success)
        let report = try source.forEachPage(size: 5000) { _ in }
        isDone.withLock { $0 = true }
        writer.sync {}
        #expect(failure.withLock { $0 } == nil)
        #expect(written.withLock { $0 } > 1)
        #expect(report.rows == 100_000)
        #expect(report.longestRead < TimeSpan(microseconds: 250_000))
    }

    /// A page ends when it has taken too long, however many rows it was to have.
    @Test func aSlowQueryIsCutIntoShortReads() throws {
        let shop = try Shop(Self.manyCustomers(640))
        let slow = """
            SELECT id, (SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT c.id UNION ALL SELECT i + 1 FROM n
                WHERE i < c.id + 5000) SELECT i FROM n)) AS name FROM customers c
            """
        let report = try shop.source(slow).forEachPage(size: 100_000) { _ in }
        #expect(report.rows == 640)
        #expect(report.pages > 1)
    }

    @Test func memoryDoesNotGrowWithTheCustomers() throws {
        let shop = try Shop(Self.manyCustomers(200_000))
        let source = try shop.source()
        try source.forEachPage(size: 1000) { _ in }
        var largest = 0
        let before = try Self.residentBytes()
        try source.forEachPage(size: 1000) { _ in largest = max(largest, try Self.residentBytes() - before) }
        // Other tests run beside this one; 200,000 customers kept would take 60 MB and more.
        #expect(largest < 40_000_000, "\(largest)")
    }

    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        guard let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { throw Failure(text) }
        return pages * 4096
    }
}

extension Shop {
    /// Takes the exclusive lock, which no reader may be holding up.
    static func exclusiveWrite(_ path: String, timeout: Double) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(timeout)
        try DatabaseQueue(path: path, configuration: configuration).writeWithoutTransaction { database in
            try database.execute(sql: "BEGIN EXCLUSIVE; UPDATE customers SET name = name; COMMIT")
        }
    }
}
