import GRDB
package import RegardsCalendar
import RegardsCore

private enum RuleSQL {
    /// Whole table: a few dozen rows.
    static let all = """
        SELECT id, name, hash, first_seen, planned_through, gone_at, purpose, approved_hash, approved_at
        FROM rules ORDER BY name
        """
    static let insert =
        "INSERT INTO rules (name, hash, first_seen, planned_through, purpose) VALUES (?1, ?2, ?3, ?3, ?4)"
    /// By primary key. Races with nothing: rules change only in this transaction.
    static let update = "UPDATE rules SET name = ?2, hash = ?3, gone_at = NULL, purpose = ?4 WHERE id = ?1"
    /// By primary key. What fell due while the rule was in no file was owed to nobody, however late it may go; and who
    /// approved it has forgotten by then.
    static let comeBack = """
        UPDATE rules SET planned_through = max(planned_through, ?2),
            approved_hash = CASE WHEN gone_at < ?3 THEN NULL ELSE approved_hash END
        WHERE id = ?1 AND gone_at IS NOT NULL
        """
    /// By `pauses_open`: a pause follows its rule to the new name.
    static let renamePauses =
        "UPDATE pauses SET value = ?2 WHERE scope = 'rule' AND value = ?1 AND ended_at IS NULL"
    static let approve = "UPDATE rules SET approved_hash = ?2, approved_at = ?3 WHERE name = ?1"
    static let markGone = "UPDATE rules SET gone_at = ?2 WHERE id = ?1"
    /// Scans `outreach_open`, once for each rule that vanishes. Rows that the send loop has claimed are not touched:
    /// its decision sees that the rule is gone. Rows in doubt stay held until they are settled.
    static let cancelUnsent = """
        UPDATE outreach SET state = 13, reason = 'rule-gone', ended_at = ?2, updated_at = ?2
        WHERE rule_id = ?1 AND ended_at IS NULL AND (state = 0 OR (state = 3 AND reason <> 'in-doubt'))
        """
}

extension SQLiteOutbox {
    package func ruleLedgers() throws -> [RuleLedger] { try read(Self.loadRules) }

    package func adoptRules(_ rules: [RuleAdoption], now: Instant) throws -> RuleAdoptionReport {
        try write { database in
            var known = Dictionary(uniqueKeysWithValues: try Self.loadRules(database).map { ($0.name, $0) })
            try Self.check(rules, against: known)
            var report = RuleAdoptionReport()
            for rule in rules { report.rules.append(try Self.adopt(rule, &known, now: now, database)) }
            let gone = known.values.filter { $0.goneAt == nil }.sorted { $0.name < $1.name }
            for rule in gone { report.vanished.append(try Self.retire(rule, now: now, database)) }
            // When the rules as they are were first read: the same again writes nothing.
            if try !report.changesNothing || Meta.value(Self.rulesReadKey, database) == nil {
                try Meta.set(Self.rulesReadKey, String(now.microseconds), database)
            }
            return report
        }
    }

    package func approve(rule: String, hash: UInt64, now: Instant) throws {
        try write { database in
            let statement = try SQLStatement(database, RuleSQL.approve)
            statement.bind(1, rule)
            statement.bind(2, Int64(bitPattern: hash))
            statement.bind(3, now.microseconds)
            guard try statement.run() == 1 else { throw OutboxError.unknownRule(rule) }
        }
    }

    static func loadRules(_ database: Database) throws -> [RuleLedger] {
        let statement = try SQLStatement(database, RuleSQL.all)
        defer { statement.reset() }
        var rules: [RuleLedger] = []
        while try statement.step() {
            rules.append(
                RuleLedger(
                    id: statement.int64(0), name: statement.string(1), hash: UInt64(bitPattern: statement.int64(2)),
                    firstSeen: Instant(microseconds: statement.int64(3)),
                    plannedThrough: Instant(microseconds: statement.int64(4)),
                    goneAt: statement.optionalInt64(5).map(Instant.init(microseconds:)),
                    purpose: statement.optionalString(6).flatMap(Purpose.init(rawValue:)),
                    approvedHash: statement.optionalInt64(7).map(UInt64.init(bitPattern:)),
                    approvedAt: statement.optionalInt64(8).map(Instant.init(microseconds:))))
        }
        return rules
    }

    /// Two ledgers cannot become one: their rows may have the same keys.
    private static func check(_ rules: [RuleAdoption], against known: [String: RuleLedger]) throws {
        var names: Set<String> = []
        for rule in rules where !names.insert(rule.name).inserted {
            throw OutboxError.twoRulesOfOneName(rule: rule.name)
        }
        var claimed: Set<String> = []
        for rule in rules {
            var hasLedger = known[rule.name] != nil
            for former in rule.formerly where former != rule.name {
                guard known[former] != nil || names.contains(former) else { continue }
                guard !hasLedger, !names.contains(former), claimed.insert(former).inserted else {
                    throw OutboxError.bothHaveLedgers(rule: rule.name, formerly: former)
                }
                hasLedger = true
            }
        }
    }

    /// Takes the rule out of `known`, so that what is left there at the end has vanished.
    private static func adopt(
        _ rule: RuleAdoption, _ known: inout [String: RuleLedger], now: Instant, _ database: Database
    ) throws -> AdoptedRule {
        let storedName = ([rule.name] + rule.formerly).first { known[$0] != nil }
        guard let storedName, var ledger = known.removeValue(forKey: storedName) else {
            return AdoptedRule(ledger: try insert(rule, now: now, database), isNew: true)
        }
        let adopted = AdoptedRule(
            ledger: ledger, isChanged: ledger.hash != rule.hash, hasReturned: ledger.goneAt != nil,
            renamedFrom: storedName == rule.name ? nil : storedName)
        let isSame = !adopted.isChanged && !adopted.hasReturned && adopted.renamedFrom == nil
        guard !isSame || ledger.purpose != rule.purpose else { return adopted }
        if adopted.hasReturned { try comeBack(&ledger, now: now, database) }
        let update = try SQLStatement(database, RuleSQL.update)
        update.bind(1, ledger.id)
        update.bind(2, rule.name)
        update.bind(3, Int64(bitPattern: rule.hash))
        update.bind(4, rule.purpose.rawValue)
        try update.run()
        if let former = adopted.renamedFrom { try renamePauses(from: former, to: rule.name, database) }
        ledger.name = rule.name
        ledger.hash = rule.hash
        ledger.goneAt = nil
        ledger.purpose = rule.purpose
        var result = adopted
        result.ledger = ledger
        return result
    }

    /// A mistake that took a rule away for an hour is no new rule; see `PlanWindow.ahead` for the span.
    private static let longAway = PlanWindow.ahead

    private static func comeBack(_ ledger: inout RuleLedger, now: Instant, _ database: Database) throws {
        let statement = try SQLStatement(database, RuleSQL.comeBack)
        statement.bind(1, ledger.id)
        statement.bind(2, now.microseconds)
        statement.bind(3, (now - longAway).microseconds)
        try statement.run()
        ledger.plannedThrough = max(ledger.plannedThrough, now)
        if let goneAt = ledger.goneAt, goneAt < now - longAway { ledger.approvedHash = nil }
    }

    private static func insert(_ rule: RuleAdoption, now: Instant, _ database: Database) throws -> RuleLedger {
        let statement = try SQLStatement(database, RuleSQL.insert)
        statement.bind(1, rule.name)
        statement.bind(2, Int64(bitPattern: rule.hash))
        statement.bind(3, now.microseconds)
        statement.bind(4, rule.purpose.rawValue)
        try statement.run()
        return RuleLedger(
            id: database.lastInsertedRowID, name: rule.name, hash: rule.hash, firstSeen: now, plannedThrough: now,
            goneAt: nil, purpose: rule.purpose)
    }

    private static func renamePauses(from former: String, to name: String, _ database: Database) throws {
        let statement = try SQLStatement(database, RuleSQL.renamePauses)
        statement.bind(1, former)
        statement.bind(2, name)
        try statement.run()
    }

    private static func retire(_ rule: RuleLedger, now: Instant, _ database: Database) throws -> VanishedRule {
        let mark = try SQLStatement(database, RuleSQL.markGone)
        mark.bind(1, rule.id)
        mark.bind(2, now.microseconds)
        try mark.run()
        let cancel = try SQLStatement(database, RuleSQL.cancelUnsent)
        cancel.bind(1, rule.id)
        cancel.bind(2, now.microseconds)
        return VanishedRule(name: rule.name, cancelled: try cancel.run())
    }
}
