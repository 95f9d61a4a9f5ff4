import GRDB
import Glibc

/// A database of the business that is made up for a test: tables with an `id` and the columns that are asked for, without
/// types. Nothing waits for the disk.
package final class ScratchDatabase: Sendable {
    package enum Value: Hashable, Sendable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
    }

    private let queue: DatabaseQueue

    /// Makes the file and its tables.
    /// - Parameter tables: names of columns by name of the table, `id` among them or not.
    /// - Throws: `SourceError`.
    package init(path: String, tables: [String: [String]]) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        queue = try SourceError.translate(path, query: nil) { try DatabaseQueue(path: path, configuration: configuration) }
        try write(path) { database in
            for (table, columns) in tables {
                let others = columns.filter { $0 != "id" }.map { ", \(ScratchDatabase.quoted($0))" }.joined()
                try database.execute(sql: "CREATE TABLE \(ScratchDatabase.quoted(table)) (id TEXT PRIMARY KEY\(others))")
            }
        }
    }

    /// Gives the row these values; makes it where there is none of this id.
    /// - Throws: `SourceError`.
    package func set(_ table: String, id: String, _ values: [String: Value]) throws {
        let table = ScratchDatabase.quoted(table)
        try write(queue.path) { database in
            try database.execute(sql: "INSERT OR IGNORE INTO \(table) (id) VALUES (?)", arguments: [id])
            for (column, value) in values {
                try database.execute(
                    sql: "UPDATE \(table) SET \(ScratchDatabase.quoted(column)) = ? WHERE id = ?",
                    arguments: [value.databaseValue, id])
            }
        }
    }

    /// Adds rows, all in one transaction.
    /// - Throws: `SourceError`.
    package func fill(_ table: String, _ rows: [(id: String, values: [String: Value])]) throws {
        let name = ScratchDatabase.quoted(table)
        try write(queue.path) { database in
            for row in rows {
                let columns = row.values.keys.sorted()
                let names = columns.map { ", \(ScratchDatabase.quoted($0))" }.joined()
                let marks = String(repeating: ", ?", count: columns.count)
                let statement = try database.cachedStatement(sql: "INSERT INTO \(name) (id\(names)) VALUES (?\(marks))")
                try statement.execute(
                    arguments: StatementArguments([row.id.databaseValue] + columns.map { row.values[$0, default: .null].databaseValue }))
            }
        }
    }

    /// - Throws: `SourceError`.
    package func remove(_ table: String, id: String) throws {
        try write(queue.path) { database in
            try database.execute(sql: "DELETE FROM \(ScratchDatabase.quoted(table)) WHERE id = ?", arguments: [id])
        }
    }

    private func write(_ path: String, _ body: (Database) throws -> Void) throws {
        try SourceError.translate(path, query: nil) {
            try queue.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = OFF")
                try database.inTransaction {
                    try body(database)
                    return .commit
                }
            }
        }
    }

    /// As SQL has identifiers; a file may say any name.
    package static func quoted(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}

extension ScratchDatabase.Value {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .real(let number): number.databaseValue
        case .text(let text): text.databaseValue
        }
    }
}
