import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A year on a shop's database that was designed by others: the real Chinook where it is found, and always a small one
/// with the same tables.
@Suite("On Chinook's tables")
struct ChinookTests {
    /// `REGARDS_CHINOOK`, else beside the repository.
    private static let real: String? = {
        let path = getenv("REGARDS_CHINOOK").map { String(cString: $0) } ?? TestTools.root + "/../shared/data/chinook.sqlite"
        if access(path, R_OK) == 0 { return path }
        print("Chinook is not at \(path): the tests on it run on the small copy only; set REGARDS_CHINOOK")
        return nil
    }()

    static let databases: [TestShop.Database] =
        [.statements("chinook.sql")] + (real.map { [.copy(of: $0)] } ?? [])

    private static let employees = """
        SELECT EmployeeId AS id, FirstName AS given_name, LastName AS family_name, Email AS email, Country AS country,
               BirthDate AS birthday, NULL AS advisor_email, NULL AS advisor_name
        FROM Employee
        """

    private static let customers = """
        SELECT c.CustomerId AS id, c.FirstName AS given_name, c.LastName AS family_name, c.Email AS email,
               c.Country AS country, e.Email AS advisor_email, e.FirstName AS advisor_name,
               (SELECT sum(Total) FROM Invoice i WHERE i.CustomerId = c.CustomerId) AS total_spent
        FROM Customer c LEFT JOIN Employee e ON e.EmployeeId = c.SupportRepId
        """

    private func shop(_ database: TestShop.Database, _ query: String, rules: [String]) throws -> TestShop {
        var settings = TestShop.Settings()
        settings.query = query
        settings.zone = "America/Edmonton"
        settings.events = ""
        return try TestShop(rules: rules, settings, database: database)
    }

    private func year(_ shop: TestShop) throws -> (from: Instant, to: Instant) {
        let zone = try shop.assembly().book.house.business.zone
        return (
            zone.startOfDay(try #require(CivilDate("2027-01-01"))), zone.startOfDay(try #require(CivilDate("2028-01-01")))
        )
    }

    @Test("a year holds one birthday of each employee, on its local date", arguments: databases)
    func birthdays(_ database: TestShop.Database) throws {
        let shop = try shop(database, Self.employees, rules: ["birthday"])
        let assembly = try shop.assembly()
        let (from, to) = try year(shop)
        let forecast = Forecast(assembly: assembly, source: try Workshop.source(assembly), outbox: nil, hash: AddressHash(key: .random()))
        let report = try forecast.report(from: from, to: to, now: from)
        // Told by SQLite itself, in the text of the date.
        let expected = try shop.database.read { database in
            try Row.fetchAll(database, sql: "SELECT EmployeeId AS id, substr(BirthDate, 6, 5) AS day FROM Employee").map {
                (row: Row) -> String in
                let day: String = row["day"]
                return "\(row["id"] as Int64) 2027-\(day == "02-29" ? "02-28" : day) 09:00 America/Edmonton 2027"
            }
        }
        let found = report.lines.map {
            "\($0.outreach.key.customer) \($0.outreach.localDate) \($0.outreach.localTime) \($0.outreach.zone) \($0.outreach.key.occasion)"
        }
        #expect(found.sorted() == expected.sorted())
        if case .copy = database { #expect(found.count == 8) }
        #expect(report.lines.allSatisfy { $0.verdict.word == "due" })
        #expect(report.lines.first?.outreach.dueAt == (try at("2027-01-09T16:00:00Z")) || report.lines.count != 8)
    }

    @Test("a year of monthly cards is twelve different ones for each customer, without a defect", arguments: databases)
    func monthlyCards(_ database: TestShop.Database) throws {
        let shop = try shop(database, Self.customers, rules: ["monthly"])
        let assembly = try shop.assembly()
        let (from, to) = try year(shop)
        let people = try names(shop)
        if case .copy = database { #expect(people.count == 59) }

        let forecast = Forecast(assembly: assembly, source: try Workshop.source(assembly), outbox: nil, hash: AddressHash(key: .random()))
        // From the first moment of the year anywhere to the last.
        let planned = try forecast.report(from: from - .hours(26), to: to + .hours(26), now: from).lines
            .filter { $0.outreach.localDate.year == 2027 }
        let months = Dictionary(grouping: planned, by: \.outreach.localDate)
        #expect(months.count == 12)
        for (day, lines) in months {
            #expect(day.day == 1)
            #expect(Set(lines.map(\.outreach.key.customer)).count == people.count)
            #expect(lines.count == people.count)
        }

        let out = shop.path + "/year"
        let report = try Simulation(assembly: assembly, folder: out).run(from: from - .hours(26), to: to + .hours(26))
        // The margins reach into the neighbouring years where it is 10:00 early or late.
        let mails = try ReadMail.all(in: out)
        #expect(report.others.filter { $0.key != "planned" } == [:])
        #expect(mails.count == report.sent)
        #expect(mails.filter { !$0.defects.isEmpty }.map(\.defects) == [])
        #expect(Set(mails.map(\.id)).count == mails.count)
        for (address, name) in people {
            let own = mails.filter { $0.recipient == address }
            #expect(Set(own.map(\.name)) == [name])
            let subjects = Set(own.map(\.subject))
            #expect(subjects.count == 12, "\(name) got \(own.count) messages")
        }
    }

    @Test("a simulated year is the year that was planned", arguments: databases)
    func simulated(_ database: TestShop.Database) throws {
        let shop = try shop(database, Self.employees, rules: ["birthday"])
        let (from, to) = try year(shop)
        let out = shop.path + "/year"
        let report = try Simulation(assembly: try shop.assembly(), folder: out).run(from: from, to: to)
        let mails = try ReadMail.all(in: out)
        let addresses = try shop.database.read { try String.fetchAll($0, sql: "SELECT Email FROM Employee") }
        #expect(report.sentByRule == ["birthday-card": addresses.count])
        #expect(mails.map(\.recipient).sorted() == addresses.sorted())
        #expect(mails.filter { !$0.defects.isEmpty }.map(\.defects) == [])
    }

    @Test("complaints of long ago send nothing at a first start, and pause nobody", arguments: databases)
    func oldComplaints(_ database: TestShop.Database) async throws {
        var settings = TestShop.Settings()
        settings.query = Self.customers
        settings.zone = "America/Edmonton"
        let shop = try TestShop(rules: ["monthly", "complaints"], settings, database: database)
        let people = try names(shop)
        try shop.sql("CREATE TABLE complaints (id INTEGER PRIMARY KEY, customer_id, opened_at, answered_at, solved_at, subject)")
        try await shop.database.write { database in
            for number in 1...800 {
                let day = try #require(CivilDate("2019-01-01")) + number % 365
                try database.execute(
                    sql: "INSERT INTO complaints (customer_id, opened_at, subject) VALUES (?, ?, 'Scratched')",
                    arguments: [number % people.count + 1, "\(day) 10:00:00"])
            }
        }
        let daemon = try TestDaemon(shop, now: try at("2027-04-30T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-04-30T06:00:00Z")
        // The first of May, ten in the morning or later and not yet midnight in every one of their zones.
        try await daemon.cleanPass(at: "2027-05-01T16:00:00Z")
        #expect(try daemon.rows(rule: "complaint-care").isEmpty)
        let cards = try daemon.rows(rule: "monthly-card")
        #expect(cards.filter { $0.key.occasion == "2027-05-01" }.map(\.state) == Array(repeating: .sent, count: people.count))
        #expect(try shop.mails().map(\.recipient).sorted() == people.keys.sorted())
        #expect(daemon.announcer.notices(.eventOpened).isEmpty)
        // One that comes in now is another matter.
        try shop.complain(801, customer: 1, at: try at("2027-05-01T16:30:00Z"))
        try await daemon.cleanPass(at: "2027-05-01T16:31:00Z")
        #expect(try daemon.rows(rule: "complaint-care").count { $0.state == .sent } == 2)
    }

    /// Names by address, as the database has them.
    private func names(_ shop: TestShop) throws -> [String: String] {
        try shop.database.read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT Email, FirstName || ' ' || LastName AS name FROM Customer")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["Email"] as String, $0["name"] as String) })
        }
    }
}

/// A message as Python's `email` package reads it.
struct ReadMail {
    var file: String
    var recipient: String
    var name: String
    var subject: String
    var id: String
    /// What the parser complains of.
    var defects: String

    /// Every message of a maildir, by one child process.
    static func all(in maildir: String) throws -> [ReadMail] {
        let python = try #require(TestTools.python(with: "email"), "no Python to read mail with")
        let process = try ServerProcess([python, TestShop.fixtures + "/read_maildir.py", maildir])
        defer { process.stop() }
        return try process.await("the end of the maildir") { lines in
            guard lines.last?.hasPrefix("end ") == true else { return nil }
            return lines.dropLast().map { line in
                let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
                return ReadMail(
                    file: fields[1], recipient: fields[2], name: fields[3], subject: fields[4], id: fields[5], defects: fields[6])
            }
        }
    }
}
