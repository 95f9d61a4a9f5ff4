import GRDB
package import RegardsCalendar
package import RegardsCore

private enum SuppressionSQL {
    /// The first time counts: repeating changes nothing.
    static let insert =
        "INSERT OR IGNORE INTO suppressions (address, purpose, reason, since) VALUES (?1, ?2, ?3, ?4)"
    /// By primary key.
    static let delete =
        "DELETE FROM suppressions WHERE address = ?1 AND purpose = ?2 AND (?3 IS NULL OR reason = ?3)"
    /// By primary key.
    static let list = """
        SELECT address, purpose, reason, since FROM suppressions WHERE (address, purpose, reason) > (?1, ?2, ?3)
        ORDER BY address, purpose, reason LIMIT ?4
        """
}

extension SQLiteOutbox {
    @discardableResult
    package func suppress(
        _ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason, now: Instant
    ) throws -> Bool {
        try write { database in
            let statement = try SQLStatement(database, SuppressionSQL.insert)
            statement.bind(1, address)
            statement.bind(3, reason.rawValue)
            statement.bind(4, now.microseconds)
            return try purposes.reduce(0) { count, purpose in
                statement.bind(2, purpose.rawValue)
                return count + (try statement.run())
            } > 0
        }
    }

    @discardableResult
    package func unsuppress(_ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason?) throws -> Int {
        try write { database in
            let statement = try SQLStatement(database, SuppressionSQL.delete)
            statement.bind(1, address)
            statement.bind(3, reason?.rawValue)
            return try purposes.reduce(0) { count, purpose in
                statement.bind(2, purpose.rawValue)
                return count + (try statement.run())
            }
        }
    }

    package func suppressions(limit: Int, after last: Suppression?) throws -> [Suppression] {
        try read { database in
            let statement = try SQLStatement(database, SuppressionSQL.list)
            defer { statement.reset() }
            statement.bind(1, last?.address ?? "")
            statement.bind(2, last?.purpose.rawValue ?? "")
            statement.bind(3, last?.reason.rawValue ?? "")
            statement.bind(4, limit)
            var suppressions: [Suppression] = []
            while try statement.step() {
                guard let purpose = Purpose(rawValue: statement.string(1)),
                    let reason = SuppressionReason(rawValue: statement.string(2))
                else { throw OutboxError.damaged(path: path, detail: "a suppression holds a value that means nothing") }
                suppressions.append(
                    Suppression(
                        address: statement.string(0), purpose: purpose, reason: reason,
                        since: Instant(microseconds: statement.int64(3))))
            }
            return suppressions
        }
    }
}
