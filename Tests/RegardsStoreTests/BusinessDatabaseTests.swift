import GRDB
import Glibc
import RegardsCalendar
import RegardsStore
import Testing

@Suite struct BusinessDatabaseTests {
    private let folder: Folder
    private let path: String
    init() throws {
        folder = try Folder()
        path = folder.path + "/shop.sqlite"
    }

    private final class Folder {
        let path: String
        init() throws {
            var template = Array("/tmp/regards-test-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
            path = String(cString: try #require(mkdtemp(&template)))
        }
        deinit {
            for name in ["shop.sqlite", "shop.sqlite-journal", "other"] { unlink(path + "/" + name) }
            rmdir(path)
        }
    }

    private func message(_ act: () throws -> Void) -> String? {
        do {
            try act()
            return nil
        } catch let error as BusinessDatabaseError {
            return error.description
        } catch let error as DatabaseError {
            return error.message
        } catch {
            return "\(error)"
        }
    }

    private func customer(_ change: (inout BusinessDatabase.CustomerRow) -> Void) -> BusinessDatabase.Batch {
        var row = BusinessDatabase.CustomerRow(id: 1, name: "王小明")
        change(&row)
        var batch = BusinessDatabase.Batch()
        batch.customers = [row]
        return batch
    }

    @Test func aTakenPathIsLeftAlone() throws {
        _ = try BusinessDatabase.create(at: path)
        #expect(message { _ = try BusinessDatabase.create(at: path) } == "\(path): is there already; nothing is overwritten")
        _ = try BusinessDatabase(path: path)
    }

    @Test func aFolderThatIsMissingIsSaid() {
        let path = "/nonexistent/shop.sqlite"
        #expect(
            message { _ = try BusinessDatabase.create(at: path) }
                == "\(path): cannot be made: the folder /nonexistent/: No such file or directory")
        #expect(message { _ = try BusinessDatabase(path: path) } == "\(path): no such file; run: regards init")
    }

    @Test func anotherProgramsDatabaseIsNotOpened() throws {
        let other = folder.path + "/other"
        try DatabaseQueue(path: other).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        #expect(message { _ = try BusinessDatabase(path: other) } == "\(other): not a database made by regards init")
    }

    @Test func theFileNeedsNoSecondFileToBeRead() throws {
        _ = try BusinessDatabase.create(at: path)
        let mode = try DatabaseQueue(path: path).read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        #expect(mode == "delete")
    }

    @Test func rowsKeepTheirTextsAndTimes() throws {
        let database = try BusinessDatabase.create(at: path)
        var batch = customer {
            $0.email = "wang@example.com"
            $0.birthday = "--02-29"
            $0.customerSince = CivilDate(year: 2020, month: 3, day: 1)
            $0.advisor = 1
        }
        batch.staff = [.init(id: 1, name: "František", email: "f@example.com")]
        batch.orders = [.init(id: 1, customer: 1, at: Instant(seconds: 0), cents: 1999)]
        try database.insert(batch)
        let row = try DatabaseQueue(path: path).read {
            try Row.fetchOne($0, sql: """
                SELECT c.name, birthday, customer_since, s.name AS advisor, ordered_at, total FROM customers c
                JOIN staff s ON s.id = advisor_id JOIN orders o ON o.customer_id = c.id
                """)
        }
        #expect(
            row == [
                "name": "王小明", "birthday": "--02-29", "customer_since": "2020-03-01", "advisor": "František",
                "ordered_at": "1970-01-01T00:00:00Z", "total": 19.99,
            ])
    }

    @Test(arguments: [
        ("5 May 1980", "birthday GLOB"), ("1980-5-5", "birthday GLOB"), ("", "birthday GLOB"),
    ])
    func anImpossibleValueIsRefusedWithItsColumn(birthday: String, part: String) throws {
        let database = try BusinessDatabase.create(at: path)
        let text = message { try database.insert(customer { $0.birthday = birthday }) }
        #expect(text?.contains(part) == true, "\(text ?? "accepted")")
        #expect(try database.count(.customers) == 0)
    }

    @Test func aBatchGoesInWholeOrNotAtAll() throws {
        let database = try BusinessDatabase.create(at: path)
        var batch = customer { _ in }
        batch.orders = [.init(id: 1, customer: 2, at: Instant(seconds: 0), cents: 1)]
        #expect(message { try database.insert(batch) } == "FOREIGN KEY constraint failed")
        #expect(try database.count(.customers) == 0)
    }

    @Test func theFirstResponseAnswersAndSolvingKeepsIt() throws {
        let database = try BusinessDatabase.create(at: path)
        var batch = customer { _ in }
        batch.interactions = [1, 2].map {
            .init(id: $0, customer: 1, kind: .complaint, subject: "x", openedAt: Instant(seconds: 0))
        }
        batch.responses = [
            .init(interaction: 1, staff: nil, at: Instant(seconds: 60), text: "a"),
            .init(interaction: 1, staff: nil, at: Instant(seconds: 120), text: "b"),
        ]
        try database.insert(batch)
        try database.solve(interaction: 1, at: Instant(seconds: 180))
        try database.solve(interaction: 2, at: Instant(seconds: 180))
        let rows = try DatabaseQueue(path: path).read {
            try Row.fetchAll($0, sql: "SELECT answered_at, solved_at FROM interactions ORDER BY id")
        }
        #expect(
            rows == [
                ["answered_at": "1970-01-01T00:01:00Z", "solved_at": "1970-01-01T00:03:00Z"],
                ["answered_at": "1970-01-01T00:03:00Z", "solved_at": "1970-01-01T00:03:00Z"],
            ])
    }
}
