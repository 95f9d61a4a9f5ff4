import Glibc
package import RegardsCore
import RegardsRules
import RegardsStore

/// Customers of a CSV file, in place of the business's database: a scratch database that goes with this value.
package final class CustomerFixture {
    private static let table = "customers"
    private static let largest = 64 << 20

    private let database: ScratchDatabase
    private let folder: String
    fileprivate let path: String

    /// - Throws: `FixtureError` with every mistake of the file, `SourceError`, `SimulationError`.
    package init(file: String, _ book: RuleBook) throws {
        let parsed = CSVText.read(try CustomerFixture.bytes(file), file: file)
        var mistakes = parsed.mistakes
        let rows = CustomerFixture.rows(parsed.records, file, &mistakes)
        guard mistakes.isEmpty else { throw FixtureError(mistakes: mistakes) }
        folder = try CustomerFixture.makeFolder()
        path = folder + "/customers.sqlite"
        // A column that the file leaves out is empty for everybody.
        let columns = Set(book.customers.columns.names + (parsed.records.first?.fields.map(\.text) ?? []))
        database = try ScratchDatabase(path: path, tables: [CustomerFixture.table: columns.sorted()])
        try database.fill(CustomerFixture.table, rows)
    }

    deinit {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
        rmdir(folder)
    }

    /// The rows by the names of the first record, ids checked.
    private static func rows(
        _ records: [CSVText.Record], _ file: String, _ mistakes: inout [Mistake]
    ) -> [(id: String, values: [String: ScratchDatabase.Value])] {
        guard let head = records.first else { return [] }
        let names = head.fields.map(\.text)
        for (index, field) in head.fields.enumerated() {
            if field.text.isEmpty {
                mistakes.append(Mistake(at: field.place(in: file), "expected the name of a column"))
            } else if names.firstIndex(of: field.text) != index {
                mistakes.append(Mistake(at: field.place(in: file), "column \(field.text) stands here twice"))
            }
        }
        guard let id = names.firstIndex(of: "id") else {
            let found = names.filter { !$0.isEmpty }.joined(separator: ", ")
            mistakes.append(Mistake(at: head.place(in: file), "expected a column id, got \(found)"))
            return []
        }
        var lines: [String: Int] = [:]
        var rows: [(String, [String: ScratchDatabase.Value])] = []
        for record in records.dropFirst() {
            guard record.fields.count == names.count else {
                let expected = "expected \(names.count) fields, as in the first line, got \(record.fields.count)"
                mistakes.append(Mistake(at: record.place(in: file), expected))
                continue
            }
            let key = record.fields[id]
            if key.text.isEmpty {
                mistakes.append(Mistake(at: key.place(in: file), "id: expected one"))
            } else if let line = lines.updateValue(key.line, forKey: key.text) {
                mistakes.append(Mistake(at: key.place(in: file), "id: \(key.text) is the customer of line \(line)"))
            }
            let values = zip(names, record.fields).filter { $0.0 != "id" && !$0.0.isEmpty }
            rows.append(
                (
                    key.text,
                    Dictionary(
                        values.map { ($0, $1.text.isEmpty ? .null : .text($1.text)) }, uniquingKeysWith: { first, _ in first })
                ))
        }
        return rows
    }

    private static func bytes(_ file: String) throws -> [UInt8] {
        func fail(_ message: String) -> FixtureError {
            FixtureError(mistakes: [Mistake(at: Place(file: file, line: 0, column: 0), message)])
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fail(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fail(String(cString: strerror(errno))) }
            guard count > 0 else { return all }
            all += part[..<count]
            guard all.count <= largest else { throw fail("is larger than 64 MiB; a database holds so many better") }
        }
    }

    private static func makeFolder() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((parent + "/regards-customers-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw SimulationError(path: parent, code: errno) }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// What is wrong with a file of customers.
package struct FixtureError: Error, CustomStringConvertible {
    package var mistakes: [Mistake]
    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

extension Assembly {
    /// With the customers of a file in place of the database's, and no events.
    package func reading(_ fixture: CustomerFixture) -> Assembly {
        var configuration = configuration
        configuration.source.database = .sqlite(path: fixture.path)
        configuration.source.query.text = "SELECT * FROM customers"
        configuration.source.lookup = nil
        configuration.events = []
        return Assembly(configuration: configuration, book: book, cards: cards, zones: zones, countries: countries)
    }

    /// With the database and the state of another configuration; the queries are its own.
    package func reading(_ other: Assembly) -> Assembly {
        var configuration = configuration
        configuration.source.database = other.configuration.source.database
        configuration.state = other.configuration.state
        return Assembly(configuration: configuration, book: book, cards: cards, zones: zones, countries: countries)
    }
}
