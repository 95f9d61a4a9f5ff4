import GRDB

/// Reads what can be read of one table of a damaged file, and writes it to a sound one. A page that cannot be read ends a
/// scan: what lies beyond it is reached by asking for the next readable id, and from the other end.
struct TableSalvage {
    private let source: Database
    private let target: Database
    private let table: String
    private let columns: [String]
    private let key: [String]

    /// Rows that are in the sound file now.
    private(set) var count = 0
    /// Something could not be read, or was refused as no row of this table.
    private(set) var hasGaps = false

    /// - Parameter key: the table's primary key; where it is `id` alone, that is the row's place in the file.
    init(_ table: String, key: [String], from source: Database, to target: Database) throws {
        self.source = source
        self.target = target
        self.table = table
        self.key = key
        let stored = try Set(Self.columns(of: table, source))
        columns = try Self.columns(of: table, target).filter(stored.contains)
    }

    /// What a table stores; computed columns are left out.
    private static func columns(of table: String, _ database: Database) throws -> [String] {
        let statement = try SQLStatement(database, "PRAGMA table_xinfo('\(table)')")
        defer { statement.reset() }
        var names: [String] = []
        while try statement.step() {
            if statement.int(6) == 0 { names.append(statement.string(1)) }
        }
        return names
    }

    mutating func run() throws {
        // A table that the file's release did not have yet.
        guard !columns.isEmpty else { return }
        if key == ["id"] { try readByID() } else if try !read(order: "") { _ = try read(order: " DESC") }
    }

    // MARK: By the row's place

    private mutating func readByID() throws {
        // A scan begins at a row that can be read: to seek for the one before it would lead into the lost page.
        var next: Int64 = 1
        while true {
            // A row that could be found and still not be read is left out the next time.
            var last = next
            if try scan("WHERE id >= ?1 ORDER BY id", bind: next, { last = max(last, $0.int64(0)) }) { return }
            guard let readable = firstReadable(after: last) else {
                next = last + 1
                break
            }
            next = readable
        }
        _ = try scan("WHERE id >= ?1 ORDER BY id DESC", bind: next) { _ in }
    }

    private enum Probe {
        case row(Int64)
        case end
        case unreadable
    }

    /// The first id after this one that can be read, found by growing steps and then by halving.
    private func firstReadable(after id: Int64) -> Int64? {
        var (low, step) = (id, Int64(1))
        var found: Int64?
        search: while step < 1 << 40 {
            switch probe(id + step) {
            case .unreadable:
                low = id + step
                step *= 2
            case .row(let row):
                found = row
                break search
            case .end:
                found = id + step
                break search
            }
        }
        guard var high = found else { return nil }
        while high - low > 1 {
            let middle = low + (high - low) / 2
            switch probe(middle) {
            case .unreadable: low = middle
            case .row(let row): high = min(row, middle)
            case .end: high = middle
            }
        }
        return high
    }

    private func probe(_ id: Int64) -> Probe {
        do {
            let statement = try SQLStatement(source, "SELECT id FROM \(table) NOT INDEXED WHERE id >= ?1 ORDER BY id LIMIT 1")
            defer { statement.reset() }
            statement.bind(1, id)
            return try statement.step() ? .row(statement.int64(0)) : .end
        } catch {
            return .unreadable
        }
    }

    // MARK: One scan

    /// By the primary key, from one end.
    private mutating func read(order: String) throws -> Bool {
        try scan("ORDER BY " + key.map { $0 + order }.joined(separator: ", "), bind: nil) { _ in }
    }

    /// - Returns: false when a page could not be read.
    private mutating func scan(_ clause: String, bind: Int64?, _ seen: (SQLStatement) -> Void) throws -> Bool {
        let names = columns.joined(separator: ", ")
        guard let select = try reading({ try SQLStatement(source, "SELECT \(names) FROM \(table) NOT INDEXED \(clause)") })
        else {
            hasGaps = true
            return false
        }
        defer { select.reset() }
        let places = (1...columns.count).map { "?\($0)" }.joined(separator: ", ")
        let insert = try SQLStatement(target, "INSERT OR IGNORE INTO \(table) (\(names)) VALUES (\(places))")
        if let bind { select.bind(1, bind) }
        while let isRow = try reading({ try select.step() }) {
            guard isRow else { return true }
            seen(select)
            try write(select, insert)
        }
        hasGaps = true
        return false
    }

    private mutating func write(_ select: SQLStatement, _ insert: SQLStatement) throws {
        for column in 0..<Int32(columns.count) { insert.bind(column + 1, column, of: select) }
        do {
            count += try insert.run()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            hasGaps = true
        }
    }

    /// - Returns: nil where the damaged file cannot be read.
    private func reading<Result>(_ body: () throws -> Result) throws -> Result? {
        do {
            return try body()
        } catch let error as DatabaseError {
            guard [.SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_IOERR, .SQLITE_ERROR].contains(error.resultCode) else { throw error }
            return nil
        }
    }
}

extension TableSalvage {
    /// Reads an index, which is a copy of some columns in pages of its own: from one end, and where a page cannot be read
    /// from the other.
    /// - Parameter select: with ` ORDER BY` and `{order}` behind each column.
    /// - Returns: true when all of it was read.
    static func index(_ select: String, from source: Database, _ body: (SQLStatement) throws -> Void) throws -> Bool {
        for order in ["", " DESC"] {
            let parts: [Substring] = select.split(separator: "{order}", omittingEmptySubsequences: false)
            do {
                let statement = try SQLStatement(source, parts.joined(separator: order))
                defer { statement.reset() }
                while true {
                    do {
                        guard try statement.step() else { return order.isEmpty }
                    } catch is DatabaseError {
                        break
                    }
                    try body(statement)
                }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
                continue
            }
        }
        return false
    }
}
