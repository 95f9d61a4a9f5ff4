import GRDB
import RegardsCalendar
import RegardsCore

/// A state file that is older than the one that was used here last: a backup that was put back, or a file whose log was
/// lost. It does not know what was sent since, so nothing that has fallen due meanwhile goes by itself.
enum OlderState {
    /// By `outreach_ended`, backwards. A row that was sent stays so for ever, so this never falls within one file.
    private static let newest = """
        SELECT ended_at FROM outreach INDEXED BY outreach_ended WHERE ended_at IS NOT NULL AND state = 10
        ORDER BY ended_at DESC LIMIT 1
        """
    /// By `outreach_open`: what was owed when the file was made and has woken since.
    private static let doubt = """
        UPDATE outreach INDEXED BY outreach_open SET state = 3, reason = 'in-doubt', lease_id = NULL, updated_at = ?1,
            marked_at = ?1
        WHERE ended_at IS NULL AND state IN (0, 1, 2) AND wake_at <= ?1
        """
    private static let endAttempts =
        "UPDATE attempts SET ended_at = ?1, outcome = 'in-doubt', reason = 'crash' WHERE ended_at IS NULL"

    /// In microseconds; nil where nothing was sent yet.
    static func newestSent(_ database: Database) throws -> Int64? {
        let statement = try SQLStatement(database, newest)
        defer { statement.reset() }
        return try statement.step() ? statement.int64(0) : nil
    }

    /// Holds what may have been sent; what is planned anew and was due before now is held as well (`Meta.doubtBefore`).
    /// - Parameter lastKnown: the newest message that the file used here last knew of.
    /// - Returns: the rows that are held; nil when the file is not older, or is a new one: without a state nothing of the
    ///   past is sent.
    static func doubt(_ database: Database, lastKnown: Int64?, now: Instant) throws -> Int? {
        guard let lastKnown, try Meta.value("epoch", database) != nil, try newestSent(database) ?? .min < lastKnown else {
            return nil
        }
        try Meta.set(Meta.doubtBefore, String(now.microseconds), database)
        func run(_ sql: String) throws -> Int {
            let statement = try SQLStatement(database, sql)
            statement.bind(1, now.microseconds)
            return try statement.run()
        }
        _ = try run(endAttempts)
        return try run(doubt)
    }
}
