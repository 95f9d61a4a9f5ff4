import GRDB
import GRDBSQLite
import Glibc

/// A cached prepared statement, bound and read by position through SQLite's own calls: on the hot paths GRDB's rows
/// and arguments would cost an allocation for each value.
///
/// Belongs to the connection's queue; columns and parameters count as in SQLite (columns from 0, parameters from 1).
struct SQLStatement {
    /// Keeps the handle alive.
    private let statement: Statement
    private let handle: OpaquePointer
    private let connection: OpaquePointer

    init(_ database: Database, _ sql: String) throws {
        statement = try database.cachedStatement(sql: sql)
        handle = statement.sqliteStatement
        connection = sqlite3_db_handle(handle)
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    // MARK: Binding

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }
    func bind(_ index: Int32, _ value: Int) { sqlite3_bind_int64(handle, index, Int64(value)) }
    func bind(_ index: Int32, _ value: Double) { sqlite3_bind_double(handle, index, value) }
    func bindNull(_ index: Int32) { sqlite3_bind_null(handle, index) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    func bind(_ index: Int32, _ value: String) {
        var value = value
        value.withUTF8 { bind(index, utf8: $0) }
    }

    func bind(_ index: Int32, _ value: String?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    /// The value under another statement's cursor, of whatever type it is.
    func bind(_ index: Int32, _ column: Int32, of other: SQLStatement) {
        sqlite3_bind_value(handle, index, sqlite3_column_value(other.handle, column))
    }

    /// Does nothing where the statement has no such parameter.
    func bind(named name: String, _ value: String) {
        let index = sqlite3_bind_parameter_index(handle, name)
        if index > 0 { bind(index, value) }
    }

    /// Copies the bytes.
    func bind(_ index: Int32, utf8: UnsafeBufferPointer<UInt8>) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        guard let start = utf8.baseAddress else {
            sqlite3_bind_text(handle, index, "", 0, transient)
            return
        }
        start.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
            _ = sqlite3_bind_text(handle, index, $0, Int32(utf8.count), transient)
        }
    }

    // MARK: Stepping

    /// True when a row can be read; false at the end, after which the statement is ready to run again.
    func step() throws -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        guard code == SQLITE_DONE else { throw failure() }
        sqlite3_reset(handle)
        return false
    }

    /// Runs a statement that returns no rows.
    /// - Returns: the rows it inserted, updated or deleted.
    @discardableResult
    func run() throws -> Int {
        while try step() {}
        return Int(sqlite3_changes(connection))
    }

    /// Releases the statement's locks; a read cursor left open would keep other writers out.
    func reset() { sqlite3_reset(handle) }

    private func failure() -> DatabaseError {
        let error = DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
            message: String(cString: sqlite3_errmsg(connection)))
        sqlite3_reset(handle)
        return error
    }

    // MARK: Reading

    var columnCount: Int32 { sqlite3_column_count(handle) }
    func columnName(_ column: Int32) -> String { String(cString: sqlite3_column_name(handle, column)) }
    func type(_ column: Int32) -> Int32 { sqlite3_column_type(handle, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func int(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }
    func double(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }
    func optionalInt64(_ column: Int32) -> Int64? { isNull(column) ? nil : int64(column) }
    func string(_ column: Int32) -> String { String(decoding: utf8(column), as: UTF8.self) }
    func optionalString(_ column: Int32) -> String? { isNull(column) ? nil : string(column) }

    /// The text's bytes, valid until the next step or reset.
    func utf8(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: sqlite3_column_text(handle, column), count: Int(sqlite3_column_bytes(handle, column)))
    }

    /// Compares text without making a `String`.
    func equals(_ column: Int32, _ text: String) -> Bool {
        let found = utf8(column)
        var text = text
        return text.withUTF8 { wanted in
            wanted.count == found.count
                && (wanted.isEmpty || memcmp(wanted.baseAddress!, found.baseAddress!, wanted.count) == 0)
        }
    }
}
