import GRDB
import RegardsCalendar
import RegardsCore

@testable import RegardsStore

/// A business's database made by SQL text, and Regards' look at it.
final class Shop: Sendable {
    let folder: TemporaryFolder
    let path: String

    static let customers = """
        CREATE TABLE customers (
            id INTEGER PRIMARY KEY, name TEXT, email TEXT, birthday TEXT, total REAL, country TEXT);
        INSERT INTO customers VALUES
            (1, 'Ada', 'ada@example.com', '1962-02-18', 12.5, 'Norway'),
            (2, '王小明', NULL, '1970-12-01', 7, 'NO'),
            (7, 'Luís Gonçalves', 'luis@example.com', NULL, NULL, '');
        """
    static let query = "SELECT id, name, email, birthday, total AS total_spent FROM customers"

    init(_ sql: String = Shop.customers, journal: String = "DELETE") throws {
        folder = try TemporaryFolder()
        path = folder.file("shop.db")
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = \(journal)")
            try database.execute(sql: sql)
        }
        try queue.close()
    }

    func write(_ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    static func schema(_ columns: (String, Place?)...) -> CustomerSchema {
        var schema = CustomerSchema()
        for (column, place) in columns { _ = schema.columns.use(column, at: place) }
        return schema
    }

    func settings(
        _ query: String = Shop.query, lookup: String? = nil,
        schema: CustomerSchema = Shop.schema(("birthday", nil), ("total_spent", nil)), events: [EventQuery] = []
    ) -> SourceSettings {
        SourceSettings(path: path, query: query, lookup: lookup, customers: schema, events: events, zone: .utc)
    }

    func source(
        _ query: String = Shop.query, lookup: String? = nil,
        schema: CustomerSchema = Shop.schema(("birthday", nil), ("total_spent", nil)), events: [EventQuery] = []
    ) throws -> SQLiteCustomerSource {
        try SQLiteCustomerSource(settings(query, lookup: lookup, schema: schema, events: events))
    }
}

extension SQLiteCustomerSource {
    /// Ids page by page, and the report.
    func pages(size: Int) throws -> ([[String]], ScanReport) {
        var pages: [[String]] = []
        let report = try forEachPage(size: size) { pages.append($0.map(\.id)) }
        return (pages, report)
    }
}
