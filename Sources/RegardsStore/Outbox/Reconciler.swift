import GRDB
import RegardsCalendar
import RegardsCore

private enum ReconcileSQL {
    /// By `outreach_open`: the few open rows of one customer.
    static let openOfCustomer = """
        SELECT id, rule_id, occasion, step_id, recipient, state, reason, due_at, expires_at, zone, local_date,
            local_time, channel, lane, rule_hash
        FROM outreach INDEXED BY outreach_open WHERE customer = ?1 AND ended_at IS NULL
        """
    /// By the unique key.
    static let byKey = """
        SELECT id, state FROM outreach
        WHERE customer = ?1 AND rule_id = ?2 AND occasion = ?3 AND step_id = ?4 AND recipient = ?5
        """
    /// The unique key is the last word on doubles, whatever the code before it believes.
    static let insert = """
        INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, expires_at, zone,
            local_date, local_time, channel, lane, rule_hash, created_at, updated_at, reason)
        VALUES (?1, ?2, ?3, ?4, ?5, ?15, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?16)
        """
    private static let derived = """
        due_at = ?6, expires_at = ?7, zone = ?8, local_date = ?9, local_time = ?10, channel = ?11, lane = ?12,
            rule_hash = ?13, updated_at = ?14
        """
    /// By primary key. A row that the send loop claimed in between keeps what it was claimed with.
    static let update = "UPDATE outreach SET \(derived) WHERE id = ?1 AND state IN (0, 3)"
    /// By primary key. The only way back from an end, and only from this one; what somebody cancelled stays so.
    static let reopen = """
        UPDATE outreach SET state = ?15, reason = ?16, not_before = NULL, ended_at = NULL, \(derived)
        WHERE id = ?1 AND state = 13 AND reason <> '\(CancelReason.byHand.rawValue)'
        """
    /// By primary key. Unsent rows only: what is claimed is the send loop's to decide, what is in doubt the operator's.
    static let cancel = """
        UPDATE outreach SET state = 13, reason = ?2, ended_at = ?3, updated_at = ?3
        WHERE id = ?1 AND (state = 0 OR (state = 3 AND reason <> 'in-doubt'))
        """
    static let insertStep = "INSERT INTO steps (rule_id, name) VALUES (?1, ?2)"
    static let allSteps = "SELECT rule_id, id, name FROM steps"
}

/// Names of rules and steps to the integers that rows hold.
struct LedgerNames {
    struct RuleEntry {
        var id: Int64
        var name: String
        var steps: [String: Int64]
    }

    private var rules: [String: RuleEntry] = [:]
    private var ruleNames: [Int64: String] = [:]

    init(_ database: Database) throws {
        for rule in try SQLiteOutbox.loadRules(database) {
            rules[rule.name] = RuleEntry(id: rule.id, name: rule.name, steps: [:])
            ruleNames[rule.id] = rule.name
        }
        let steps = try SQLStatement(database, ReconcileSQL.allSteps)
        defer { steps.reset() }
        while try steps.step() {
            guard let rule = ruleNames[steps.int64(0)] else { continue }
            rules[rule]?.steps[steps.string(2)] = steps.int64(1)
        }
    }

    func rule(_ name: String) throws -> RuleEntry {
        guard let rule = rules[name] else { throw OutboxError.unknownRule(name) }
        return rule
    }

    func ruleName(_ id: Int64) -> String { ruleNames[id] ?? "" }
    func stepName(_ id: Int64, rule: Int64) -> String {
        rules[ruleName(rule)]?.steps.first { $0.value == id }?.key ?? ""
    }

    /// Steps enter the ledger with their first row.
    mutating func addStep(_ step: String, of rule: String, _ database: Database) throws -> Int64 {
        let entry = try self.rule(rule)
        if let id = entry.steps[step] { return id }
        let statement = try SQLStatement(database, ReconcileSQL.insertStep)
        statement.bind(1, entry.id)
        statement.bind(2, step)
        try statement.run()
        rules[rule]?.steps[step] = database.lastInsertedRowID
        return database.lastInsertedRowID
    }
}

/// Compares what one customer is owed with the customer's open rows, and writes the difference.
///
/// Lives inside one write transaction. Reading and writing happen under the same lock, so no other writer can come
/// between; an unchanged row is read and not written.
struct Reconciler {
    private let database: Database
    private let now: Instant
    private let open: SQLStatement
    private let byKey: SQLStatement
    private var ruleIDs: [Int64] = []
    private var stepIDs: [Int64] = []
    private var isMatched: [Bool] = []
    private var updates: [(id: Int64, row: Int, isPlanned: Bool)] = []
    private var cancellations: [(id: Int64, reason: CancelReason)] = []
    private var lastRule: LedgerNames.RuleEntry?
    /// A row that was due before it and is new now may have been sent, and forgotten: see `StateRecovery`.
    private let doubtBefore: Int64

    var names: LedgerNames
    var counts = ReconcileCounts()
    /// By rule: how far an earlier pass planned it; a row inserted before it is counted as such.
    var plannedThrough: [Int64: Int64] = [:]

    /// Where a row stands in `openOfCustomer`.
    enum Column {
        static let id: Int32 = 0, rule: Int32 = 1, occasion: Int32 = 2, step: Int32 = 3, recipient: Int32 = 4
        static let state: Int32 = 5, reason: Int32 = 6, due: Int32 = 7, expires: Int32 = 8, zone: Int32 = 9
        static let date: Int32 = 10, time: Int32 = 11, channel: Int32 = 12, lane: Int32 = 13, hash: Int32 = 14
    }

    init(_ database: Database, names: LedgerNames, now: Instant) throws {
        self.database = database
        self.names = names
        self.now = now
        open = try SQLStatement(database, ReconcileSQL.openOfCustomer)
        byKey = try SQLStatement(database, ReconcileSQL.byKey)
        doubtBefore = try Meta.value(Meta.doubtBefore, database).flatMap { Int64($0) } ?? .min
    }

    /// - Parameters:
    ///   - judges: is the open row under the cursor in the scope, so that it is cancelled when nothing derived it?
    ///   - met: is told the id of every open row of the customer, and of every reopened one.
    mutating func reconcile(
        customer: String, _ rows: ArraySlice<PlannedOutreach>, judges: (SQLStatement) -> Bool,
        why: (OutreachKey) -> CancelReason, met: (Int64) -> Void
    ) throws {
        try resolve(rows)
        try compare(customer, rows, judges: judges, why: why, met: met)
        try applyUpdates(rows)
        try applyCancellations()
        for index in rows.indices where !isMatched[index - rows.startIndex] {
            try add(rows[index], ruleIDs[index - rows.startIndex], stepIDs[index - rows.startIndex], met: met)
        }
    }

    private mutating func resolve(_ rows: ArraySlice<PlannedOutreach>) throws {
        ruleIDs.removeAll(keepingCapacity: true)
        stepIDs.removeAll(keepingCapacity: true)
        isMatched.removeAll(keepingCapacity: true)
        for row in rows {
            if lastRule?.name != row.key.rule { lastRule = try names.rule(row.key.rule) }
            ruleIDs.append(lastRule!.id)
            stepIDs.append(lastRule!.steps[row.key.step] ?? 0)
            isMatched.append(false)
        }
    }

    private mutating func compare(
        _ customer: String, _ rows: ArraySlice<PlannedOutreach>, judges: (SQLStatement) -> Bool,
        why: (OutreachKey) -> CancelReason, met: (Int64) -> Void
    ) throws {
        defer { open.reset() }
        updates.removeAll(keepingCapacity: true)
        cancellations.removeAll(keepingCapacity: true)
        open.bind(1, customer)
        while try open.step() {
            let id = open.int64(Column.id)
            met(id)
            let isPlanned = open.int64(Column.state) == OutreachState.planned.rawValue
            let isUnsent = isPlanned || isHeldBeforeClaim
            if let index = match(rows) {
                isMatched[index - rows.startIndex] = true
                if isUnsent, differs(from: rows[index]) {
                    updates.append((id, index, isPlanned))
                } else {
                    counts.unchanged += 1
                }
            } else if isUnsent, judges(open) {
                cancellations.append((id, why(key(customer))))
            }
        }
    }

    private var isHeldBeforeClaim: Bool {
        open.int64(Column.state) == OutreachState.held.rawValue && !open.equals(Column.reason, "in-doubt")
    }

    private func match(_ rows: ArraySlice<PlannedOutreach>) -> Int? {
        let rule = open.int64(Column.rule)
        let step = open.int64(Column.step)
        for index in rows.indices {
            let offset = index - rows.startIndex
            if ruleIDs[offset] == rule, stepIDs[offset] == step, !isMatched[offset],
                open.equals(Column.occasion, rows[index].key.occasion),
                open.equals(Column.recipient, rows[index].key.recipient)
            {
                return index
            }
        }
        return nil
    }

    private func differs(from row: PlannedOutreach) -> Bool {
        open.int64(Column.due) != row.dueAt.microseconds
            || open.optionalInt64(Column.expires) != row.expiresAt?.microseconds
            || open.int64(Column.hash) != Int64(bitPattern: row.ruleHash)
            || open.int64(Column.date) != Int64(row.localDate.dayNumber)
            || open.int64(Column.time) != Int64(row.localTime.secondOfDay)
            || open.int64(Column.lane) != Int64(row.lane.rawValue)
            || !open.equals(Column.zone, row.zone) || !open.equals(Column.channel, row.channel.description)
    }

    private func key(_ customer: String) -> OutreachKey {
        let rule = open.int64(Column.rule)
        return OutreachKey(
            customer: customer, rule: names.ruleName(rule), occasion: open.string(Column.occasion),
            step: names.stepName(open.int64(Column.step), rule: rule), recipient: open.string(Column.recipient))
    }

    private mutating func applyUpdates(_ rows: ArraySlice<PlannedOutreach>) throws {
        guard !updates.isEmpty else { return }
        let statement = try SQLStatement(database, ReconcileSQL.update)
        for update in updates {
            statement.bind(1, update.id)
            bindDerived(rows[update.row], statement)
            counts.updated += try statement.run()
            if update.isPlanned { counts.woken(at: rows[update.row].dueAt) }
        }
    }

    private mutating func applyCancellations() throws {
        guard !cancellations.isEmpty else { return }
        let statement = try SQLStatement(database, ReconcileSQL.cancel)
        for (id, reason) in cancellations { counts.cancelled += try Self.cancel(id, reason, now: now, statement) }
    }

    static func cancelStatement(_ database: Database) throws -> SQLStatement {
        try SQLStatement(database, ReconcileSQL.cancel)
    }

    static func cancel(_ id: Int64, _ reason: CancelReason, now: Instant, _ statement: SQLStatement) throws -> Int {
        statement.bind(1, id)
        statement.bind(2, reason.rawValue)
        statement.bind(3, now.microseconds)
        return try statement.run()
    }

    /// Writes a derived row that no open row stands for: new, cancelled before, or ended for good.
    private mutating func add(
        _ row: PlannedOutreach, _ rule: Int64, _ step: Int64, met: (Int64) -> Void
    ) throws {
        switch try step == 0 ? nil : find(row.key, rule, step) {
        case nil:
            try insert(row, rule, step)
        case (let id, .cancelled)?:
            let statement = try SQLStatement(database, ReconcileSQL.reopen)
            statement.bind(1, id)
            bindDerived(row, statement)
            bindBeginning(row, statement)
            let reopened = try statement.run()
            counts.reopened += reopened
            if reopened == 0 { counts.unchanged += 1 } else { woken(row) }
            met(id)
        case (_, let state)?:
            // An open row would have been matched, unless another derived row had its key.
            if state.hasEnded { counts.unchanged += 1 } else { counts.duplicates += 1 }
        }
    }

    private func find(_ key: OutreachKey, _ rule: Int64, _ step: Int64) throws -> (Int64, OutreachState)? {
        defer { byKey.reset() }
        byKey.bind(1, key.customer)
        byKey.bind(2, rule)
        byKey.bind(3, key.occasion)
        byKey.bind(4, step)
        byKey.bind(5, key.recipient)
        guard try byKey.step() else { return nil }
        return (byKey.int64(0), OutreachState(rawValue: byKey.int(1)) ?? .sent)
    }

    private mutating func insert(_ row: PlannedOutreach, _ rule: Int64, _ knownStep: Int64) throws {
        var step = knownStep
        if step == 0 {
            step = try names.addStep(row.key.step, of: row.key.rule, database)
            lastRule = nil
            // A second new row of this step in the same slice was resolved before the step had a number.
            if try find(row.key, rule, step) != nil {
                counts.duplicates += 1
                return
            }
        }
        let statement = try SQLStatement(database, ReconcileSQL.insert)
        statement.bind(1, row.key.customer)
        statement.bind(2, rule)
        statement.bind(3, row.key.occasion)
        statement.bind(4, step)
        statement.bind(5, row.key.recipient)
        bindDerived(row, statement)
        bindBeginning(row, statement)
        counts.inserted += try statement.run()
        if let edge = plannedThrough[rule], row.dueAt.microseconds < edge { counts.insertedBehind += 1 }
        woken(row)
    }

    private func isDoubtful(_ row: PlannedOutreach) -> Bool { row.dueAt.microseconds < doubtBefore }

    private mutating func woken(_ row: PlannedOutreach) {
        if !isDoubtful(row) { counts.woken(at: row.dueAt) }
    }

    /// Parameters 15 and 16: where a row begins that is new, or owed again.
    private func bindBeginning(_ row: PlannedOutreach, _ statement: SQLStatement) {
        let state: OutreachState = isDoubtful(row) ? .held : .planned
        statement.bind(15, state.rawValue)
        statement.bind(16, isDoubtful(row) ? HoldReason.inDoubt.description : "")
    }

    /// Parameters 6 to 14, the same in `insert`, `update` and `reopen`.
    private func bindDerived(_ row: PlannedOutreach, _ statement: SQLStatement) {
        statement.bind(6, row.dueAt.microseconds)
        statement.bind(7, row.expiresAt?.microseconds)
        statement.bind(8, row.zone)
        statement.bind(9, Int64(row.localDate.dayNumber))
        statement.bind(10, Int64(row.localTime.secondOfDay))
        statement.bind(11, row.channel.description)
        statement.bind(12, row.lane.rawValue)
        statement.bind(13, Int64(bitPattern: row.ruleHash))
        statement.bind(14, now.microseconds)
    }
}
