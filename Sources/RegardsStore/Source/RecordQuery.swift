import GRDBSQLite
import RegardsCalendar
import RegardsCore

/// A mapping query made ready: which of its columns go into which slots, and the statements around it.
///
/// The operator's query stands in parentheses and is never changed. SQLite merges such a subquery with what is around
/// it where it can, so that `id > ?` and `id IN (…)` reach the table's own index; where it cannot (a CTE used twice, an
/// aggregate, a window), the whole query runs for each statement, which `check` measures.
struct RecordQuery: Sendable {
    /// For messages: `customers` or the kind of event.
    let name: String
    /// Columns of the query, as it names them.
    let columns: [String]
    /// Slot of each selected column; the id comes first.
    let slots: [Int]
    private let select: String
    private let lookupSelect: String
    private let source: String

    /// - Parameters:
    ///   - columns: as the prepared query names them.
    ///   - selected: slots that are selected whether or not the schema uses them; the id's first.
    init(
        name: String, query: String, lookup: String?, columns: [String], schema: RecordSchema, selected always: [Int]
    ) {
        self.name = name
        self.columns = columns
        var slots: [Int] = []
        var selected: [String] = []
        let wanted = always + schema.names.indices.filter { schema.isUsed[$0] && !always.contains($0) }
        for slot in wanted {
            guard let column = RecordQuery.column(schema.names[slot], in: columns) else { continue }
            slots.append(slot)
            selected.append("q." + RecordQuery.quoted(column))
        }
        self.slots = slots
        source = "(\n\(RecordQuery.bare(query))\n) AS q"
        select = "SELECT \(selected.joined(separator: ", ")) FROM "
        lookupSelect =
            lookup.map { "(\n\(RecordQuery.bare($0))\n) AS q" }
            ?? "\(source) WHERE q.id IN (SELECT value FROM json_each(:ids))"
    }

    // MARK: Statements

    private static let since = #" AND ((q."at" >= ?3 AND q."at" < '') OR q."at" >= ?4)"#

    /// NULL, an empty text and blobs are no ids. Each bound is a range of the id's index: in SQLite NULL sorts before
    /// numbers, numbers before text, text before blobs.
    private static let firstIDs = "q.id IS NOT NULL AND q.id <> '' AND q.id < x''"
    private static let nextIDs = "q.id > ?2 AND q.id <> '' AND q.id < x''"
    private static let order = "ORDER BY q.id LIMIT ?1"

    /// The first page: ?1 rows.
    var first: String { "\(select)\(source) WHERE \(Self.firstIDs) \(Self.order)" }
    /// The page after id ?2, which is bound in the type it was read in.
    var next: String { "\(select)\(source) WHERE \(Self.nextIDs) \(Self.order)" }
    /// The same for events whose `at` is a number from ?3 on, or a text from ?4 on: each range finds values of its type.
    var firstSince: String { "\(select)\(source) WHERE \(Self.firstIDs)\(Self.since) \(Self.order)" }
    var nextSince: String { "\(select)\(source) WHERE \(Self.nextIDs)\(Self.since) \(Self.order)" }
    var lookup: String { select + lookupSelect }
    /// Is there a row without an id at all? NULL sorts first, so the id's index tells at once; counting them would look
    /// at every row of a table that has none.
    var firstIsNull: String { "\(select)\(source) ORDER BY q.id LIMIT 1" }
    var countNull: String { "SELECT count(*) FROM (SELECT 1 FROM \(source) WHERE q.id IS NULL LIMIT 10000)" }
    /// Two searches, because one for both would not use the index.
    var countUnusable: String {
        let counts = ["q.id = ''", "q.id >= x''"].map {
            "(SELECT count(*) FROM (SELECT 1 FROM \(source) WHERE \($0) LIMIT 10000))"
        }
        return "SELECT " + counts.joined(separator: " + ")
    }

    // MARK: Columns

    /// The query's own spelling of a column; SQLite does not tell the case of ASCII letters apart in names.
    static func column(_ name: String, in columns: [String]) -> String? {
        columns.contains(name) ? name : columns.first { $0.lowercased() == name.lowercased() }
    }

    static func quoted(_ name: String) -> String {
        "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// Without the semicolon that ends a statement.
    static func bare(_ query: String) -> String {
        var text = query[...]
        while let last = text.last, last.isWhitespace || last == ";" { text.removeLast() }
        return String(text)
    }

    // MARK: Reading

    /// Reads the row under the cursor into a record that is used again.
    func read(_ row: SQLStatement, into record: inout Record) {
        record.clear()
        for index in slots.indices {
            let column = Int32(index)
            switch row.type(column) {
            case SQLITE_INTEGER: record.set(slots[index], integer: row.int64(column))
            case SQLITE_FLOAT: record.set(slots[index], real: row.double(column))
            // Blobs too: some programs store text so.
            case SQLITE_TEXT, SQLITE_BLOB: record.set(slots[index], utf8: row.utf8(column))
            default: break
            }
        }
    }
}

/// An id in the type the database has it in, so that it sorts where the database sorts it.
enum SourceID: Hashable {
    case integer(Int64)
    case real(Double)
    case text(String)

    /// The first column of the row under the cursor; nil for NULL, a blob and an empty text, which are no ids.
    init?(_ row: SQLStatement) {
        switch row.type(0) {
        case SQLITE_INTEGER: self = .integer(row.int64(0))
        case SQLITE_FLOAT: self = .real(row.double(0))
        case SQLITE_TEXT where !row.utf8(0).isEmpty: self = .text(row.string(0))
        default: return nil
        }
    }

    /// Does the row under the cursor have this id too? Numbers compare by value, as SQLite does.
    func equals(_ row: SQLStatement) -> Bool {
        switch (self, row.type(0)) {
        case (.integer(let id), SQLITE_INTEGER): id == row.int64(0)
        case (.integer(let id), SQLITE_FLOAT): Double(id) == row.double(0)
        case (.real(let id), SQLITE_INTEGER), (.real(let id), SQLITE_FLOAT): id == row.double(0)
        case (.text(let id), SQLITE_TEXT): row.equals(0, id)
        default: false
        }
    }

    func bind(_ statement: SQLStatement, _ index: Int32) {
        switch self {
        case .integer(let id): statement.bind(index, id)
        case .real(let id): statement.bind(index, id)
        case .text(let id): statement.bind(index, id)
        }
    }
}
