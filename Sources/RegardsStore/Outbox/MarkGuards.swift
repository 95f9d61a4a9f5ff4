import GRDB
import RegardsCalendar
import RegardsCore

private enum GuardSQL {
    /// Everything that reached, reaches or may have reached an address.
    static let reached = "(state IN (2, 10) OR (state = 3 AND reason = 'in-doubt'))"
    /// By `outreach_address`; stops at the first.
    static let inFlight = """
        SELECT 1 FROM outreach INDEXED BY outreach_address
        WHERE address = ?1 AND state = 2 AND counts = 1 LIMIT 1
        """
    /// By `outreach_address`; stops when the budget is used up.
    static let contacts = """
        SELECT count(*) FROM (
            SELECT 1 FROM outreach INDEXED BY outreach_address
            WHERE address = ?1 AND marked_at > ?2 - \(OutreachRow.longestAttempt) AND contacted_at > ?2 AND \(reached)
                AND counts = 1 AND (?3 IS NULL OR purpose = ?3)
            LIMIT ?4)
        """
    /// By primary key, then `outreach_address`. ?3: before it nothing of this local date was sent anywhere.
    static let sameAddress = """
        SELECT 1 FROM outreach own CROSS JOIN outreach o INDEXED BY outreach_address
        WHERE own.id = ?1 AND o.address = ?2 AND o.marked_at >= (own.local_date - 4) * 86400000000
            AND (o.state IN (2, 10) OR (o.state = 3 AND o.reason = 'in-doubt'))
            AND o.rule_id = own.rule_id AND o.step_id = own.step_id AND o.local_date = own.local_date
            AND o.customer <> own.customer
        LIMIT 1
        """
    /// By primary key.
    static let rule = """
        SELECT r.name, r.purpose, o.customer, o.recipient, o.channel FROM outreach o
        CROSS JOIN rules r ON r.id = o.rule_id WHERE o.id = ?1
        """
    /// By primary key; guarded as a mark is.
    static let giveBack = """
        UPDATE outreach SET state = 0, lease_id = NULL, updated_at = ?3, not_before = ?4
        WHERE id = ?1 AND state = 1 AND lease_id = ?2
        """
}

/// Asks what must hold at the moment of a mark. Lives inside the marking transaction: marks of the same group that went
/// before, and everything another process committed, are seen.
///
/// A mark without guards costs nothing beside one look at the pauses for the whole group.
struct MarkGuards {
    /// How long a refused row waits: for the message in its way to end, and for what was decided on to be read anew.
    static let wait = TimeSpan.seconds(2)

    private let database: Database
    private let epoch: Int64
    private let now: Instant
    private let pauses: [Pause]

    init(_ database: Database, epoch: Int64, now: Instant) throws {
        self.database = database
        self.epoch = epoch
        self.now = now
        pauses = try SQLiteOutbox.pauses(at: now, database)
    }

    /// nil: the mark may be made.
    func refusal(of mark: SendMark) throws -> RefusedMark.Reason? {
        if try isPaused(mark.id) { return .paused }
        guard let address = mark.address else { return nil }
        if mark.guards.once, try hasSameAddress(mark.id, address) { return .sameAddress }
        guard !mark.guards.budgets.isEmpty else { return nil }
        if try isInFlight(address) { return .inFlight }
        return try mark.guards.budgets.contains { try !hasRoom($0, address) } ? .noRoom : nil
    }

    /// - Returns: false when the row was not ours.
    func giveBack(_ id: Int64) throws -> Bool {
        let statement = try SQLStatement(database, GuardSQL.giveBack)
        statement.bind(1, id)
        statement.bind(2, epoch)
        statement.bind(3, now.microseconds)
        statement.bind(4, (now + Self.wait).microseconds)
        return try statement.run() == 1
    }

    private func isPaused(_ id: Int64) throws -> Bool {
        guard !pauses.isEmpty else { return false }
        let statement = try SQLStatement(database, GuardSQL.rule)
        defer { statement.reset() }
        statement.bind(1, id)
        guard try statement.step() else { return false }
        let row = PausableRow(
            rule: statement.string(0), purpose: statement.optionalString(1), customer: statement.string(2),
            recipient: statement.string(3), channel: statement.string(4))
        return pauses.contains { $0.holds(row, at: now) }
    }

    private func isInFlight(_ address: String) throws -> Bool {
        let statement = try SQLStatement(database, GuardSQL.inFlight)
        defer { statement.reset() }
        statement.bind(1, address)
        return try statement.step()
    }

    private func hasRoom(_ budget: BudgetGuard, _ address: String) throws -> Bool {
        let statement = try SQLStatement(database, GuardSQL.contacts)
        defer { statement.reset() }
        statement.bind(1, address)
        statement.bind(2, budget.since.microseconds)
        statement.bind(3, budget.purpose?.rawValue)
        statement.bind(4, budget.atMost)
        return try statement.step() && statement.int(0) < budget.atMost
    }

    private func hasSameAddress(_ id: Int64, _ address: String) throws -> Bool {
        let statement = try SQLStatement(database, GuardSQL.sameAddress)
        defer { statement.reset() }
        statement.bind(1, id)
        statement.bind(2, address)
        return try statement.step()
    }
}

/// What a pause may look at of a row.
struct PausableRow {
    var rule: String
    /// A rule that the ledger has adopted has one; before that, no pause of a purpose can mean it.
    var purpose: Purpose?
    var customer: String
    /// A message to staff.
    var isTold: Bool

    init(rule: String, purpose: String?, customer: String, recipient: String, channel: String) {
        self.rule = rule
        self.purpose = purpose.flatMap(Purpose.init(rawValue:))
        self.customer = customer
        isTold = !recipient.hasPrefix("customer/") && !channel.hasPrefix("list:")
    }
}

extension Pause {
    /// As a decision sees it: a customer who is left in peace still has a complaint of which staff are told.
    func holds(_ row: PausableRow, at now: Instant) -> Bool {
        switch scope {
        case .purpose where row.purpose == nil: return false
        case .customer where row.isTold && row.purpose ?? .care == .care: return false
        default: return holds(rule: row.rule, customer: row.customer, purpose: row.purpose ?? .care, at: now)
        }
    }
}
