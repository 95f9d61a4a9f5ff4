import Foundation
import GRDB
import GRDBSQLite
import RegardsCalendar
import RegardsCore
import RegardsStore

/// A shop made up by a seeded generator, in a file of its own.
final class BenchmarkShop {
    let zones = ZoneCatalog()
    let countries = CountryZones()
    private let folder: URL
    private var random = SplitMix(state: 42)

    private var path: String { folder.appending(path: "shop.sqlite").path }

    init(customers: Int) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "regards-planning-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try fill(customers)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    private func fill(_ customers: Int) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, time_zone TEXT, country TEXT,
                        locale TEXT, birthday TEXT, customer_since TEXT, total_spent REAL, order_count INTEGER, tags TEXT,
                        consent_marketing INTEGER, consent_survey INTEGER, do_not_contact INTEGER, advisor_email TEXT)
                    """)
            let insert = try database.cachedStatement(
                sql: "INSERT INTO customers VALUES (\(Array(repeating: "?", count: 15).joined(separator: ",")))")
            for id in 1...customers { try insert.execute(arguments: row(id)) }
        }
        try queue.close()
    }

    private static let zoneNames = [
        "Europe/Berlin", "Europe/Paris", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Kolkata",
        "Australia/Sydney", "America/Los_Angeles", "Africa/Cairo", "Asia/Shanghai", "Pacific/Auckland",
    ]

    private func row(_ id: Int) -> StatementArguments {
        let born = CivilDate(dayNumber: Int32.random(in: -14_000..<13_000, using: &random)).description
        let since = CivilDate(dayNumber: Int32.random(in: 14_000..<20_900, using: &random)).description + " 10:30:00"
        // Of ten customers six have a zone, three a country, and one neither.
        let kind = Int.random(in: 0..<10, using: &random)
        let zone = kind < 6 ? Self.zoneNames[Int.random(in: 0..<Self.zoneNames.count, using: &random)] : nil
        let country = kind == 9 ? nil : ["DE", "France", "GB", "US", "Brazil", "JP"][Int.random(in: 0..<6, using: &random)]
        return [
            id, "Customer Number \(id)", "customer.\(id)@mail.example.org", zone, country, "de", born, since,
            Double.random(in: 0..<5000, using: &random), Int.random(in: 0..<80, using: &random), "newsletter, retail",
            id % 3 == 0 ? 1 : nil, id % 5 == 0 ? 1 : nil, id % 50 == 0 ? 1 : nil, "advisor\(id % 20)@shop.example.org",
        ]
    }

    // MARK: Configuration

    /// The first `count` of ten rules.
    func book(rules count: Int) throws -> RuleBook {
        var schema = CustomerSchema()
        let nine = WallTime(hour: 9, minute: 0)!
        let birthday = schema.columns.use("birthday"), since = schema.columns.use("customer_since")
        let spent = schema.columns.use("total_spent"), tags = schema.columns.use("tags")
        func anniversary(_ column: Int, _ offsets: Int...) -> Trigger {
            .anniversary(AnniversaryTrigger(column: column, at: nine, dayOffsets: offsets))
        }
        func schedule(_ text: String) throws -> Trigger { .schedule(ScheduleTrigger(expression: try OnCalendar(text, zones: zones), at: nine)) }
        func test(_ slot: Int, _ predicate: Condition.Predicate) -> Condition {
            .test(.init(text: "", operand: .customer(slot: slot), predicate: predicate))
        }
        let all: [(Trigger, Purpose, Condition)] = [
            (anniversary(birthday, 0), .greeting, test(CustomerColumn.email.rawValue, .isPresent)),
            (try schedule("*-*-01"), .greeting, .always),
            (anniversary(birthday, -7), .marketing, test(spent, .compare(.greaterOrEqual, .number(1000)))),
            (anniversary(since, 0), .greeting, test(tags, .contains("retail"))),
            (try schedule("*-*-15"), .survey, .always),
            (anniversary(since, -30, 0, 30), .care, .always),
            (try schedule("Mon *-1/3-1..7"), .marketing, .always),
            (anniversary(birthday, 1), .care, .always),
            (try schedule("*-12-24"), .greeting, .always),
            (anniversary(since, 180), .survey, .always),
        ]
        let rules = all.prefix(count).enumerated().map { index, rule in
            Rule(
                name: "rule-\(index)", purpose: rule.1, trigger: rule.0, condition: rule.2,
                steps: [Step(name: "send", action: .send(CardPattern("card")))], lateness: .grace(.hours(10)))
        }
        let business = Business(name: "Shop", email: try Address("shop@example.org"), zone: zones.zone(named: "Europe/Berlin")!)
        return RuleBook(rules: rules, customers: schema, house: House(business: business))
    }

    private static let query = "SELECT * FROM customers"

    func settings(_ book: RuleBook) -> SourceSettings {
        SourceSettings(path: path, query: Self.query, customers: book.customers, zone: book.house.business.zone)
    }

    /// The columns that the rules use, which are those the source reads.
    func columns(_ book: RuleBook) -> [String] {
        let known = [
            "id", "name", "email", "time_zone", "country", "locale", "birthday", "customer_since", "total_spent", "order_count",
            "tags", "consent_marketing", "consent_survey", "do_not_contact", "advisor_email",
        ]
        let schema = book.customers.columns
        return known.filter { name in schema.slot(name).map { schema.isUsed[$0] } ?? false }
    }

    // MARK: The plain scan

    /// Steps over the table and touches each value of the same columns, as a program without Regards would.
    func plainScan(_ book: RuleBook) throws -> Int {
        let queue = try DatabaseQueue(path: path)
        return try queue.read { database in
            let columns = columns(book)
            let statement = try database.makeStatement(sql: "SELECT \(columns.joined(separator: ", ")) FROM (\(Self.query))")
            let handle = statement.sqliteStatement
            var (rows, sum) = (0, 0)
            while sqlite3_step(handle) == SQLITE_ROW {
                rows += 1
                for column in 0..<Int32(columns.count) {
                    switch sqlite3_column_type(handle, column) {
                    case SQLITE_INTEGER: sum &+= Int(sqlite3_column_int64(handle, column))
                    case SQLITE_FLOAT: sum &+= sqlite3_column_double(handle, column) > 0 ? 1 : 0
                    case SQLITE_TEXT: sum &+= Int(sqlite3_column_text(handle, column)[0]) &+ Int(sqlite3_column_bytes(handle, column))
                    default: break
                    }
                }
            }
            return sum == 0 ? 0 : rows
        }
    }
}

/// SplitMix64.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
