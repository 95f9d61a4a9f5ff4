package import RegardsCalendar
package import RegardsCore

/// What an operator may do to single rows, whether a daemon runs or not.
///
/// Each is one guarded transaction. A row that the daemon has claimed can still be held or cancelled: the mark that must
/// precede its sending then finds that the row is not the daemon's any more. One that is on its way cannot.
package enum HandAction: String, CaseIterable, Hashable, Sendable {
    /// What failed is tried again, what waits after a failure no longer waits, what somebody cancelled is owed again.
    case retry
    case hold
    /// Undoes `hold`.
    case release
    case cancel
}

/// Why a row was left as it is.
package struct HandRefusal: Hashable, Sendable {
    package var id: Int64
    /// nil: there is no such row.
    package var found: (state: OutreachState, reason: String)? {
        state.map { ($0, reason) }
    }
    private var state: OutreachState?
    private var reason = ""

    init(_ row: Outreach) { (id, state, reason) = (row.id, row.state, row.reason) }
    init(missing id: Int64) { self.id = id }
}

private enum HandSQL {
    private static let byHand = HoldReason.byHand.description
    private static let isUnsent = "(state IN (0, 1) OR (state = 3 AND reason <> 'in-doubt'))"

    /// By primary key, all of them; the guards are the states in which nobody has got the message, or may have.
    static func update(_ action: HandAction) -> String {
        switch action {
        case .retry:
            """
            UPDATE outreach SET state = 0, reason = '', not_before = NULL, ended_at = NULL, updated_at = ?2
            WHERE id = ?1 AND (state IN (0, 11) OR (state = 13 AND reason = '\(CancelReason.byHand.rawValue)'))
            """
        case .hold:
            """
            UPDATE outreach SET state = 3, reason = '\(byHand)', lease_id = NULL, updated_at = ?2
            WHERE id = ?1 AND \(isUnsent)
            """
        case .release:
            """
            UPDATE outreach SET state = 0, reason = '', updated_at = ?2
            WHERE id = ?1 AND state = 3 AND reason = '\(byHand)'
            """
        case .cancel:
            """
            UPDATE outreach SET state = 13, reason = '\(CancelReason.byHand.rawValue)', ended_at = ?2, lease_id = NULL,
                updated_at = ?2
            WHERE id = ?1 AND \(isUnsent)
            """
        }
    }
}

extension SQLiteOutbox {
    /// Does it to all of these rows, or to none.
    /// - Returns: the rows that kept it from being done, in the order given; empty when it was done.
    /// - Throws: `OutboxError`.
    package func act(_ action: HandAction, on ids: [Int64], now: Instant) throws -> [HandRefusal] {
        do {
            try write { database in
                let statement = try SQLStatement(database, HandSQL.update(action))
                statement.bind(2, now.microseconds)
                var refused: [Int64] = []
                for id in ids {
                    statement.bind(1, id)
                    if try statement.run() == 0 { refused.append(id) }
                }
                if !refused.isEmpty { throw Refused(ids: refused) }
            }
            return []
        } catch let refused as Refused {
            return try refused.ids.map { id in try show(id).map { HandRefusal($0.outreach) } ?? HandRefusal(missing: id) }
        }
    }

    /// Takes the transaction back.
    private struct Refused: Error {
        var ids: [Int64]
    }
}
