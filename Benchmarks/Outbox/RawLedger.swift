import GRDBSQLite
import Glibc

/// The same work by SQLite's C API alone: the same file, schema, settings and statements, nothing checked and nothing
/// kept. What the outbox takes longer than this is the price of its safety and of Swift.
final class RawLedger {
    private var connection: OpaquePointer?
    private var statements: [String: OpaquePointer] = [:]

    init(path: String, synchronous: String) {
        check(sqlite3_open(path, &connection))
        for pragma in [
            "journal_mode = WAL", "synchronous = \(synchronous)", "foreign_keys = ON", "cache_size = -16000",
        ] {
            run("PRAGMA \(pragma)")
        }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close(connection)
    }

    // MARK: Work

    func insert(customers: Range<Int>, due: Int64) {
        let open = prepare(
            """
            SELECT id, rule_id, occasion, step_id, recipient, state, reason, due_at, expires_at, zone, local_date,
                local_time, channel, lane, rule_hash
            FROM outreach INDEXED BY outreach_open WHERE customer = ?1 AND state < 10
            """)
        let byKey = prepare(
            """
            SELECT id, state FROM outreach
            WHERE customer = ?1 AND rule_id = ?2 AND occasion = ?3 AND step_id = ?4 AND recipient = ?5
            """)
        let insert = prepare(
            """
            INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, expires_at, zone,
                local_date, local_time, channel, lane, rule_hash, created_at, updated_at)
            VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)
            """)
        run("BEGIN IMMEDIATE")
        for customer in customers {
            let name = "\(customer)"
            bind(open, 1, name)
            step(open)
            for statement in [byKey, insert] {
                bind(statement, 1, name)
                sqlite3_bind_int64(statement, 2, 1)
                bind(statement, 3, "2027")
                sqlite3_bind_int64(statement, 4, 1)
                bind(statement, 5, "customer/0")
            }
            step(byKey)
            sqlite3_bind_int64(insert, 6, due)
            sqlite3_bind_int64(insert, 7, due + 43_200_000_000)
            bind(insert, 8, "Europe/Berlin")
            sqlite3_bind_int64(insert, 9, 20_942)
            sqlite3_bind_int64(insert, 10, 32_400)
            bind(insert, 11, "mail")
            sqlite3_bind_int64(insert, 12, 1)
            sqlite3_bind_int64(insert, 13, 1)
            sqlite3_bind_int64(insert, 14, due)
            step(insert)
        }
        run("COMMIT")
    }

    /// Reads the open row of each customer, column by column.
    func compare(customers: Range<Int>) -> Int64 {
        let open = prepare(
            """
            SELECT id, rule_id, occasion, step_id, recipient, state, reason, due_at, expires_at, zone, local_date,
                local_time, channel, lane, rule_hash
            FROM outreach INDEXED BY outreach_open WHERE customer = ?1 AND state < 10
            """)
        var sum: Int64 = 0
        run("BEGIN IMMEDIATE")
        for customer in customers {
            bind(open, 1, "\(customer)")
            while sqlite3_step(open) == SQLITE_ROW {
                for column: Int32 in [0, 1, 3, 5, 7, 8, 10, 11, 13, 14] { sum &+= sqlite3_column_int64(open, column) }
                for column: Int32 in [2, 4, 9, 12] {
                    _ = sqlite3_column_text(open, column)
                    sum &+= Int64(sqlite3_column_bytes(open, column))
                }
            }
            sqlite3_reset(open)
        }
        run("COMMIT")
        return sum
    }

    func claim(limit: Int, now: Int64) -> [Int64] {
        let due = prepare(
            """
            SELECT o.id, o.customer, r.name, o.occasion, s.name, o.recipient, o.state, o.reason, o.due_at, o.not_before,
                o.expires_at, o.zone, o.local_date, o.local_time, o.channel, o.lane, o.rule_hash, o.card, o.attempts,
                o.ended_at
            FROM outreach o INDEXED BY outreach_due
            CROSS JOIN rules r ON r.id = o.rule_id CROSS JOIN steps s ON s.id = o.step_id
            WHERE o.state = 0 AND o.lane = ?1 AND o.channel = ?2 AND o.wake_at <= ?3 ORDER BY o.wake_at, o.id LIMIT ?4
            """)
        let update = prepare(
            "UPDATE outreach SET state = 1, lease_id = ?2, updated_at = ?3 WHERE id = ?1 AND state = 0")
        var ids: [Int64] = []
        run("BEGIN IMMEDIATE")
        sqlite3_bind_int64(due, 1, 1)
        bind(due, 2, "mail")
        sqlite3_bind_int64(due, 3, now)
        sqlite3_bind_int64(due, 4, Int64(limit))
        while sqlite3_step(due) == SQLITE_ROW {
            ids.append(sqlite3_column_int64(due, 0))
            for column: Int32 in [1, 2, 3, 4, 5, 11, 14] { _ = sqlite3_column_text(due, column) }
        }
        sqlite3_reset(due)
        for id in ids {
            sqlite3_bind_int64(update, 1, id)
            sqlite3_bind_int64(update, 2, 1)
            sqlite3_bind_int64(update, 3, now)
            step(update)
        }
        run("COMMIT")
        return ids
    }

    /// One commit: marks `next`, ends what was marked before.
    func commit(marks next: ArraySlice<Int64>, endings: ArraySlice<Int64>, now: Int64) {
        let mark = prepare(
            """
            UPDATE outreach SET state = 2, attempts = attempts + 1, card = coalesce(card, ?3), updated_at = ?4,
                address = ?5, counts = ?6, purpose = (SELECT purpose FROM rules r WHERE r.id = outreach.rule_id)
            WHERE id = ?1 AND state = 1 AND lease_id = ?2
            """)
        let begin = prepare(
            """
            INSERT INTO attempts (outreach_id, number, started_at)
            SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM attempts WHERE outreach_id = ?1
            """)
        let end = prepare(
            """
            UPDATE outreach SET state = ?3, reason = ?4, not_before = ?5, ended_at = ?6, updated_at = ?7,
                attempts = attempts - (CASE state WHEN 2 THEN ?8 ELSE 0 END), lease_id = NULL
            WHERE id = ?1 AND lease_id = ?2 AND state IN (1, 2) AND state >= ?9
            """)
        let finish = prepare(
            """
            UPDATE attempts SET ended_at = ?2, outcome = ?3, reason = ?4, code = ?5, detail = ?6
            WHERE outreach_id = ?1 AND ended_at IS NULL
            """)
        run("BEGIN IMMEDIATE")
        for id in endings {
            for (index, value) in [(1, id), (2, 1), (3, 10), (6, now), (7, now), (8, 0), (9, 2)] as [(Int32, Int64)] {
                sqlite3_bind_int64(end, index, value)
            }
            bind(end, 4, "")
            step(end)
            for (index, value) in [(1, id), (2, now), (5, 250)] as [(Int32, Int64)] {
                sqlite3_bind_int64(finish, index, value)
            }
            bind(finish, 3, "delivered")
            bind(finish, 4, "")
            bind(finish, 6, "")
            step(finish)
        }
        for id in next {
            sqlite3_bind_int64(mark, 1, id)
            sqlite3_bind_int64(mark, 2, 1)
            bind(mark, 3, "birthday")
            sqlite3_bind_int64(mark, 4, now)
            bind(mark, 5, "address-\(id)")
            sqlite3_bind_int64(mark, 6, 1)
            step(mark)
            sqlite3_bind_int64(begin, 1, id)
            sqlite3_bind_int64(begin, 2, now)
            step(begin)
        }
        run("COMMIT")
    }

    /// Reads every column of the query's result, once through.
    func scan(_ query: String, columns: Int32) -> (rows: Int, sum: Int64) { read(prepare(query), columns: columns) }

    func scanOnce(_ query: String, id: String, columns: Int32) -> (rows: Int, sum: Int64) {
        let statement = prepare(query + "?1")
        bind(statement, 1, id)
        return read(statement, columns: columns)
    }

    /// Runs a query of a text and a number, and reads every column.
    func rows(_ query: String, _ text: String, _ number: Int64) -> Int {
        let statement = prepare(query)
        bind(statement, 1, text)
        sqlite3_bind_int64(statement, 2, number)
        return read(statement, columns: sqlite3_column_count(statement)).rows
    }

    private func read(_ statement: OpaquePointer, columns: Int32) -> (rows: Int, sum: Int64) {
        var rows = 0
        var sum: Int64 = 0
        while sqlite3_step(statement) == SQLITE_ROW {
            rows += 1
            for column in 0..<columns {
                switch sqlite3_column_type(statement, column) {
                case SQLITE_INTEGER: sum &+= sqlite3_column_int64(statement, column)
                case SQLITE_FLOAT: sum &+= Int64(sqlite3_column_double(statement, column))
                case SQLITE_TEXT:
                    _ = sqlite3_column_text(statement, column)
                    sum &+= Int64(sqlite3_column_bytes(statement, column))
                default: break
                }
            }
        }
        sqlite3_reset(statement)
        return (rows, sum)
    }

    func run(_ sql: String) { check(sqlite3_exec(connection, sql, nil, nil, nil)) }

    // MARK: Statements

    private func prepare(_ sql: String) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        check(sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil))
        statements[sql] = statement
        return statement!
    }

    private func bind(_ statement: OpaquePointer, _ index: Int32, _ text: String) {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                _ = sqlite3_bind_text(
                    statement, index, $0.baseAddress, Int32($0.count),
                    unsafeBitCast(-1, to: sqlite3_destructor_type.self))
            }
        }
    }

    private func step(_ statement: OpaquePointer) {
        while sqlite3_step(statement) == SQLITE_ROW {}
        check(sqlite3_reset(statement))
    }

    private func check(_ code: Int32) {
        guard code == SQLITE_OK else {
            print("SQLite: \(String(cString: sqlite3_errmsg(connection)))")
            exit(1)
        }
    }
}
