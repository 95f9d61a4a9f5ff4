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
                        consent_marketing INTEGER, consent_survey INTEGER, do_not_contact INTEGER, advisor_email TEXT,
                        last_order_at TEXT, lease_ends_at TEXT)
                    """)
            let insert = try database.cachedStatement(
                sql: "INSERT INTO customers VALUES (\(Array(repeating: "?", count: 17).joined(separator: ",")))")
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
        func day(_ days: Range<Int32>) -> String { CivilDate(dayNumber: Int32.random(in: days, using: &random)).description }
        let since = day(14_000..<20_900) + " 10:30:00"
        // Of ten customers six have a zone, three a country, and one neither.
        let kind = Int.random(in: 0..<10, using: &random)
        let zone = kind < 6 ? Self.zoneNames[Int.random(in: 0..<Self.zoneNames.count, using: &random)] : nil
        let country = kind == 9 ? nil : ["DE", "France", "GB", "US", "Brazil", "JP"][Int.random(in: 0..<6, using: &random)]
        return [
            id, "Customer Number \(id)", "customer.\(id)@mail.example.org", zone, country, "de", born, since,
            Double.random(in: 0..<5000, using: &random), Int.random(in: 0..<80, using: &random), "newsletter, retail",
            id % 3 == 0 ? 1 : nil, id % 5 == 0 ? 1 : nil, id % 50 == 0 ? 1 : nil, "advisor\(id % 20)@shop.example.org",
            day(19_900..<20_950) + " 18:05:00", id % 4 == 0 ? day(20_900..<22_000) : nil,
        ]
    }

    // MARK: Configuration

    /// The first `count` of ten rules, in a house with quiet hours and a quiet day.
    func book(rules count: Int) throws -> RuleBook {
        var schema = CustomerSchema()
        let wanted = try wanted(&schema).prefix(count)
        let rules = wanted.enumerated().map { index, rule in
            Rule(
                name: "rule-\(index)", purpose: rule.purpose, trigger: rule.trigger, condition: rule.condition, steps: rule.steps,
                lateness: .grace(.hours(10)), spread: rule.spread)
        }
        let business = Business(name: "Shop", email: try Address("shop@example.org"), zone: zones.zone(named: "Europe/Berlin")!)
        let quiet = Quiet(
            hours: QuietHours(
                hours: (WallTime(hour: 21, minute: 0)!, WallTime(hour: 8, minute: 0)!),
                days: Set(Weekday.allCases).subtracting([.sunday])))
        return RuleBook(
            rules: rules, customers: schema, house: House(business: business, limits: Limits(quiet: quiet)), countries: countries)
    }

    private struct Wanted {
        var trigger: Trigger
        var purpose: Purpose
        var condition = Condition.always
        var steps = [Step(name: "send", action: .send(CardPattern("card")))]
        var spread: TimeSpan?
    }

    private func wanted(_ schema: inout CustomerSchema) throws -> [Wanted] {
        let nine = WallTime(hour: 9, minute: 0)!
        let birthday = schema.columns.use("birthday"), since = schema.columns.use("customer_since")
        let spent = schema.columns.use("total_spent"), tags = schema.columns.use("tags")
        let lastOrder = schema.columns.use("last_order_at"), lease = schema.columns.use("lease_ends_at")
        func anniversary(_ column: Int, _ offsets: Int...) -> Trigger {
            .anniversary(AnniversaryTrigger(column: column, at: nine, dayOffsets: offsets))
        }
        func schedule(_ text: String) throws -> Trigger { .schedule(ScheduleTrigger(expression: try OnCalendar(text, zones: zones), at: nine)) }
        func test(_ slot: Int, _ predicate: Condition.Predicate) -> Condition {
            .test(.init(text: "", operand: .customer(slot: slot), predicate: predicate))
        }
        let idle = IdleTrigger(
            column: lastOrder, length: .fixed(CalendarSpan(days: 180)), every: CalendarSpan(days: 90), atMost: 3, at: nine)
        let reminded = [
            Step(name: "send", action: .send(CardPattern("card"))),
            Step(name: "remind", action: .send(CardPattern("card")), time: .start(.days(30))),
        ]
        return [
            Wanted(trigger: anniversary(birthday, 0), purpose: .greeting, condition: test(CustomerColumn.email.rawValue, .isPresent)),
            Wanted(trigger: try schedule("*-*-01"), purpose: .greeting, spread: .hours(6)),
            Wanted(trigger: anniversary(birthday, -7), purpose: .marketing, condition: test(spent, .compare(.greaterOrEqual, .number(1000)))),
            Wanted(trigger: anniversary(since, 0), purpose: .greeting, condition: test(tags, .contains("retail"))),
            Wanted(trigger: try schedule("*-*-15"), purpose: .survey),
            Wanted(trigger: anniversary(since, -30, 0, 30), purpose: .care),
            Wanted(trigger: .idle(idle), purpose: .marketing),
            Wanted(trigger: .date(DateTrigger(column: lease, at: nine, dayOffsets: [-60])), purpose: .care, steps: reminded),
            Wanted(trigger: .feast(FeastTrigger(.byCountry(FeastCatalog(), column: nil), at: nine)), purpose: .greeting),
            Wanted(trigger: .on(DayTrigger(day: CivilDate(year: 2027, month: 6, day: 12)!, at: nine, dayOffsets: [-14])), purpose: .marketing),
        ]
    }

    private static let query = "SELECT * FROM customers"

    func settings(_ book: RuleBook) -> SourceSettings {
        SourceSettings(path: path, query: Self.query, customers: book.customers, zone: book.house.business.zone)
    }

    /// The columns that the rules use, which are those the source reads.
    func columns(_ book: RuleBook) -> [String] {
        let known = [
            "id", "name", "email", "time_zone", "country", "locale", "birthday", "customer_since", "total_spent", "order_count",
            "tags", "consent_marketing", "consent_survey", "do_not_contact", "advisor_email", "last_order_at", "lease_ends_at",
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
