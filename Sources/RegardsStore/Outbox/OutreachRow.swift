import RegardsCalendar
import RegardsCore

/// Reads rows of the outbox by position.
enum OutreachRow {
    /// Microseconds by which a contact may be later than the mark by which it is found: an attempt takes minutes, and a
    /// clock may be set meanwhile.
    static let longestAttempt: Int64 = 2 * 86_400_000_000
    /// The order that `read` relies on. `CROSS JOIN` keeps SQLite from starting at the small tables.
    static let columns = """
        o.id, o.customer, r.name, o.occasion, s.name, o.recipient, o.state, o.reason, o.due_at, o.not_before,
        o.expires_at, o.zone, o.local_date, o.local_time, o.channel, o.lane, o.rule_hash, o.card, o.attempts, o.ended_at
        """
    static let columnCount: Int32 = 20
    static let joins = "CROSS JOIN rules r ON r.id = o.rule_id CROSS JOIN steps s ON s.id = o.step_id"

    static func read(_ row: SQLStatement, path: String) throws -> Outreach {
        let id = row.int64(0)
        guard let state = OutreachState(rawValue: row.int(6)), let time = WallTime(secondOfDay: row.int(13)),
            let channel = ChannelName(row.string(14)), let lane = Lane(rawValue: row.int(15)),
            let date = Int32(exactly: row.int64(12))
        else { throw OutboxError.damaged(path: path, detail: "outreach \(id) holds a value that means nothing") }
        let key = OutreachKey(
            customer: row.string(1), rule: row.string(2), occasion: row.string(3), step: row.string(4),
            recipient: row.string(5))
        let plan = PlannedOutreach(
            key: key, dueAt: Instant(microseconds: row.int64(8)),
            expiresAt: row.optionalInt64(10).map(Instant.init(microseconds:)), zone: row.string(11),
            localDate: CivilDate(dayNumber: date), localTime: time, channel: channel, lane: lane,
            ruleHash: UInt64(bitPattern: row.int64(16)))
        return Outreach(
            id: id, plan: plan, state: state, reason: row.string(7),
            notBefore: row.optionalInt64(9).map(Instant.init(microseconds:)), card: row.optionalString(17),
            attempts: row.int(18), endedAt: row.optionalInt64(19).map(Instant.init(microseconds:)))
    }
}
