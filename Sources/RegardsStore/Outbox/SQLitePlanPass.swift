import GRDB
package import RegardsCalendar
package import RegardsCore
import Synchronization

private enum PassSQL {
    static let newestRow = "SELECT coalesce(max(id), 0) FROM outreach"
    /// By `outreach_open`.
    static let allOpen = "SELECT id, customer, rule_id FROM outreach INDEXED BY outreach_open WHERE ended_at IS NULL"
    /// By primary key. Never backwards: a shorter window must not make the next pass plan the past again.
    static let advance = "UPDATE rules SET planned_through = ?2 WHERE id = ?1 AND planned_through < ?2"
}

/// Rows that a running pass, or anybody during it, knows to be owed to a customer who exists. Shared between the pass
/// and `reconcileEvents`, which may reopen a row of a customer whose page has gone by.
final class PassMarks: Sendable {
    private let rows = Mutex(SeenRows())
    func insert(_ id: Int64) { rows.withLock { $0.insert(id) } }
    func contains(_ id: Int64) -> Bool { rows.withLock { $0.contains(id) } }
}

/// See `PlanPass`.
final class SQLitePlanPass: PlanPass {
    private let outbox: SQLiteOutbox
    private let window: Range<Int64>
    private let now: Instant
    private let ruleIDs: Set<Int64>
    private let newestRow: Int64
    /// Of rules that some pass has planned before, as they are now: one that was edited plans anew, and waits for its
    /// own approval.
    private let edges: [Int64: Int64]
    private let marks = PassMarks()
    /// nil after a failed page, whose new steps were rolled back.
    private var names: LedgerNames?
    private var hasEnded = false

    init(_ outbox: SQLiteOutbox, rules: [String], window: Range<Instant>, now: Instant) throws {
        self.outbox = outbox
        self.window = window.lowerBound.microseconds..<window.upperBound.microseconds
        self.now = now
        let start = try outbox.read { database in
            let newest = try SQLStatement(database, PassSQL.newestRow)
            defer { newest.reset() }
            return (
                try LedgerNames(database), try newest.step() ? newest.int64(0) : 0, try SQLiteOutbox.loadRules(database)
            )
        }
        names = start.0
        newestRow = start.1
        ruleIDs = Set(try rules.map { try start.0.rule($0).id })
        let planned = start.2.filter { $0.plannedThrough > $0.firstSeen && $0.approvedHash == $0.hash }
        edges = Dictionary(uniqueKeysWithValues: planned.map { ($0.id, $0.plannedThrough.microseconds) })
        outbox.passMarks.withLock { $0 = marks }
    }

    func reconcile(
        customers: [String], rows: [PlannedOutreach], why: (OutreachKey) -> CancelReason
    ) throws -> ReconcileCounts {
        guard !hasEnded else { throw OutboxError.passEnded }
        let before = names
        names = nil
        let (counts, after) = try outbox.write { database in
            var reconciler = try Reconciler(database, names: before ?? LedgerNames(database), now: now)
            reconciler.plannedThrough = edges
            var next = rows.startIndex
            for customer in customers {
                let start = next
                while next < rows.endIndex, rows[next].key.customer == customer { next += 1 }
                try reconciler.reconcile(
                    customer: customer, rows[start..<next], judges: judges, why: why, met: marks.insert)
            }
            guard next == rows.endIndex else { throw OutboxError.rowsOutOfOrder(customer: rows[next].key.customer) }
            return (reconciler.counts, reconciler.names)
        }
        names = after
        return counts
    }

    /// A row past its expiry is not judged: nothing derives it any more, because it is too late, and it must end as
    /// `skipped(late)` by the decision about it, not as an occasion that went away. Nor is a row that came during the
    /// pass: whoever added it knew more than the page.
    private func judges(_ row: SQLStatement) -> Bool {
        guard row.int64(Reconciler.Column.id) <= newestRow else { return false }
        if let expiry = row.optionalInt64(Reconciler.Column.expires), expiry <= now.microseconds { return false }
        return window.contains(row.int64(Reconciler.Column.due)) && ruleIDs.contains(row.int64(Reconciler.Column.rule))
    }

    func finish() throws -> ReconcileCounts {
        guard !hasEnded else { throw OutboxError.passEnded }
        let unmet = try outbox.read(unmetRows)
        let counts = try outbox.write { database in
            var counts = ReconcileCounts()
            let cancel = try Reconciler.cancelStatement(database)
            // Reopened since they were listed: no longer unmet.
            for id in unmet where !marks.contains(id) {
                counts.cancelled += try Reconciler.cancel(id, .customerGone, now: now, cancel)
            }
            let advance = try SQLStatement(database, PassSQL.advance)
            advance.bind(2, window.upperBound)
            for id in ruleIDs {
                advance.bind(1, id)
                try advance.run()
            }
            return counts
        }
        hasEnded = true
        try outbox.noteNewestSent()
        outbox.passMarks.withLock { if $0 === marks { $0 = nil } }
        return counts
    }

    /// Open rows of the pass's rules for customers who were on no page. Rows newer than the pass belong to customers
    /// somebody just saw; rows of events and digests are judged where those are: staff are told of a complaint although
    /// the customer's row is gone.
    private func unmetRows(_ database: Database) throws -> [Int64] {
        let statement = try SQLStatement(database, PassSQL.allOpen)
        defer { statement.reset() }
        var unmet: [Int64] = []
        while try statement.step() {
            let id = statement.int64(0)
            guard id <= newestRow, ruleIDs.contains(statement.int64(2)), !marks.contains(id) else { continue }
            let customer = statement.string(1)
            if !customer.hasPrefix("event:"), !customer.hasPrefix("staff:") { unmet.append(id) }
        }
        return unmet
    }
}

extension SQLiteOutbox {
    package func beginPlan(rules: [String], window: Range<Instant>, now: Instant) throws -> any PlanPass {
        try SQLitePlanPass(self, rules: rules, window: window, now: now)
    }

    @discardableResult
    package func reconcileEvents(_ plans: [EventPlan], now: Instant) throws -> ReconcileCounts {
        guard !plans.isEmpty else { return ReconcileCounts() }
        let marks = passMarks.withLock { $0 }
        return try write { database in
            var reconciler = try Reconciler(database, names: LedgerNames(database), now: now)
            for plan in plans {
                let rules = Set(try plan.rules.map { try reconciler.names.rule($0).id })
                if let stray = plan.rows.first(where: { $0.key.customer != plan.customer }) {
                    throw OutboxError.rowsOutOfOrder(customer: stray.key.customer)
                }
                try reconciler.reconcile(
                    customer: plan.customer, plan.rows[...],
                    judges: { row in
                        rules.contains(row.int64(Reconciler.Column.rule))
                            && row.equals(Reconciler.Column.occasion, plan.occasion)
                    }, why: plan.why,
                    met: { marks?.insert($0) })
            }
            return reconciler.counts
        }
    }

    @discardableResult
    package func addOutreach(_ rows: [PlannedOutreach], now: Instant) throws -> ReconcileCounts {
        guard !rows.isEmpty else { return ReconcileCounts() }
        return try write { try add(rows, now: now, $0) }
    }

    /// - Throws: `OutboxError.unknownRule`.
    func add(_ rows: [PlannedOutreach], now: Instant, _ database: Database) throws -> ReconcileCounts {
        let marks = passMarks.withLock { $0 }
        var reconciler = try Reconciler(database, names: LedgerNames(database), now: now)
        for row in rows {
            try reconciler.reconcile(
                customer: row.key.customer, [row], judges: { _ in false }, why: { _ in .occasionGone },
                met: { marks?.insert($0) })
        }
        return reconciler.counts
    }
}
