import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct SourceErrorTests {
    private func failure(_ body: () throws -> Void) -> SourceError? {
        #expect(throws: SourceError.self, performing: body)
    }

    @Test func aMissingFile() throws {
        let shop = try Shop()
        unlink(shop.path)
        let error = failure { _ = try shop.source() }
        #expect(
            error?.description
                == "\(shop.path): No such file or directory; name the database's file under customers: database:")
        #expect(error?.isPassing == true)
        #expect(access(shop.path, F_OK) != 0)
    }

    @Test func aFileThatIsNoDatabase() throws {
        let shop = try Shop()
        try write(String(repeating: "name;address\n", count: 200), to: shop.path)
        #expect(failure { _ = try shop.source() } == .damaged(path: shop.path, detail: "file is not a database"))
    }

    @Test func aQueryThatIsNone() throws {
        let error = failure { _ = try Shop().source("SELECT id FROM clients") }
        #expect(error == .badQuery(name: "customers", detail: "no such table: clients"))
        #expect(error?.isPassing == false)
    }

    @Test func twoStatements() throws {
        guard
            case .badQuery("customers", _)? = failure({ _ = try Shop().source("SELECT 1 AS id; DROP TABLE customers") })
        else {
            Issue.record("expected badQuery")
            return
        }
    }

    @Test func aQueryThatWritesDoesNot() throws {
        let shop = try Shop()
        guard case .badQuery("customers", _)? = failure({ _ = try shop.source("DELETE FROM customers RETURNING id") })
        else {
            Issue.record("expected badQuery")
            return
        }
        #expect(try shop.source().pages(size: 9).1.rows == 3)
    }

    @Test func aQueryWithoutAnId() throws {
        let error = failure { _ = try Shop().source("SELECT name, email FROM customers") }
        #expect(
            error?.description == "customers: the query returns no column called id (it returns name, email); "
                + "name the key with AS id")
    }

    @Test(arguments: [
        ("SELECT id, name FROM clients", "no such table: clients"),
        (
            "SELECT id, name, email, birthday, total AS total_spent FROM customers",
            "the query does not use :ids, a JSON array of the ids wanted"
        ),
        (
            "SELECT id, name, birthday, total AS total_spent FROM customers WHERE id IN (SELECT value FROM json_each(:ids))",
            "the query returns no column called email, but customers.query does"
        ),
    ])
    func aLookupQueryThatWillNotDo(_ lookup: String, _ detail: String) throws {
        #expect(
            failure { _ = try Shop().source(lookup: lookup) } == .badQuery(name: "customers.lookup", detail: detail))
    }

    @Test func aLockedDatabaseIsBusy() throws {
        let shop = try Shop()
        let source = try shop.source()
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let writer = try DatabaseQueue(path: shop.path, configuration: configuration)
        try writer.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let error = failure { _ = try source.lookUp(["1"]) }
        try writer.inDatabase { try $0.execute(sql: "ROLLBACK") }
        #expect(error == .busy(path: shop.path))
        #expect(error?.isPassing == true)
        #expect(try source.lookUp(["1"]).count == 1)
    }

    @Test func aColumnDroppedWhileRunning() throws {
        let shop = try Shop()
        let source = try shop.source()
        #expect(try source.pages(size: 1).0.count == 3)
        try shop.write("ALTER TABLE customers DROP COLUMN birthday")
        let error = failure { _ = try source.lookUp(["1"]) }
        #expect(error == .schemaChanged(detail: "no such column: birthday"))
        #expect(failure { _ = try source.pages(size: 1) } == error)
        #expect(error?.isPassing == true)
        try shop.write("ALTER TABLE customers ADD COLUMN birthday TEXT")
        #expect(try source.pages(size: 1).0.count == 3)
    }

    @Test func aColumnDroppedInTheMiddleOfAScan() throws {
        let shop = try Shop()
        let source = try shop.source("SELECT * FROM customers")
        var pages = 0
        let error = failure {
            try source.forEachPage(size: 1) { _ in
                pages += 1
                try shop.write("ALTER TABLE customers DROP COLUMN birthday")
            }
        }
        guard case .schemaChanged? = error else {
            Issue.record("expected schemaChanged, got \(String(describing: error))")
            return
        }
        #expect(pages == 1)
    }

    @Test func aTableThatIsReplaced() throws {
        let shop = try Shop()
        let source = try shop.source()
        try shop.write(
            "DROP TABLE customers; CREATE TABLE customers (id INTEGER PRIMARY KEY, name, email, birthday, total)")
        #expect(try source.pages(size: 9).0.isEmpty)
    }

    // MARK: Changes

    @Test func aCommitChangesTheToken() throws {
        for journal in ["DELETE", "WAL"] {
            let shop = try Shop(journal: journal)
            let source = try shop.source()
            let token = try source.changeToken()
            #expect(try source.changeToken() == token)
            _ = try source.pages(size: 1)
            #expect(try source.changeToken() == token)
            try shop.write("UPDATE customers SET name = 'Eve' WHERE id = 1")
            let next = try source.changeToken()
            #expect(next != token)
            #expect(try source.changeToken() == next)
        }
    }

    @Test func aReplacedFileIsOpenedAnew() throws {
        let shop = try Shop()
        let source = try shop.source()
        let token = try source.changeToken()
        let other = try Shop(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name, email, birthday, total); INSERT INTO customers (id) VALUES (42)"
        )
        #expect(rename(other.path, shop.path) == 0)
        #expect(try source.changeToken() != token)
        #expect(try source.pages(size: 9).0 == [["42"]])
        #expect(try source.lookUp(["1", "42"]).keys.sorted() == ["42"])
    }

    @Test func aFileReplacedInTheMiddleOfAScan() throws {
        let shop = try Shop()
        let source = try shop.source()
        let other = try Shop()
        var ids: [String] = []
        try source.forEachPage(size: 1) { page in
            ids += page.map(\.id)
            if ids == ["1"] {
                try other.write("INSERT INTO customers (id) VALUES (8)")
                #expect(rename(other.path, shop.path) == 0)
            }
        }
        #expect(ids == ["1", "2", "7", "8"])
    }

    @Test func aReplacedFileWithoutAColumn() throws {
        let shop = try Shop()
        let source = try shop.source("SELECT * FROM customers")
        let other = try Shop("CREATE TABLE customers (id INTEGER PRIMARY KEY, name, email, country, total_spent)")
        #expect(rename(other.path, shop.path) == 0)
        #expect(failure { _ = try source.pages(size: 9) } == .schemaChanged(detail: "no such column: birthday"))
        let third = try Shop("CREATE TABLE clients (id)")
        #expect(rename(third.path, shop.path) == 0)
        #expect(failure { _ = try source.pages(size: 9) } == .schemaChanged(detail: "no such table: customers"))
    }

    @Test func aFileThatGoesAwayAndComesBack() throws {
        let shop = try Shop()
        let source = try shop.source()
        #expect(rename(shop.path, shop.path + ".away") == 0)
        guard case .unreachable? = failure({ _ = try source.changeToken() }) else {
            Issue.record("expected unreachable")
            return
        }
        #expect(rename(shop.path + ".away", shop.path) == 0)
        #expect(try source.lookUp(["1"]).count == 1)
    }

    /// Nothing is written: not a byte of the file, and no file beside it.
    @Test func nothingIsEverWritten() throws {
        let shop = try Shop()
        #expect(chmod(shop.path, 0o444) == 0)
        var before = stat()
        #expect(stat(shop.path, &before) == 0)
        let source = try shop.source()
        _ = try source.describe()
        _ = try source.pages(size: 1)
        _ = try source.changeToken()
        var after = stat()
        #expect(stat(shop.path, &after) == 0)
        #expect(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
        #expect(access(shop.path + "-wal", F_OK) != 0 && access(shop.path + "-journal", F_OK) != 0)
    }
}
