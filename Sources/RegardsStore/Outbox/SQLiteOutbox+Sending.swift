import GRDB
package import RegardsCalendar
package import RegardsCore

private enum SendSQL {
    /// In `meta`.
    static let paceKey = "pace"
    /// First channel after ?2 of a lane, with its earliest wake: called once for each channel, by `outreach_due` alone.
    static let nextChannel = """
        SELECT channel, wake_at FROM outreach INDEXED BY outreach_due
        WHERE state = 0 AND lane = ?1 AND channel > ?2 ORDER BY channel, wake_at LIMIT 1
        """
    /// By `outreach_due`.
    static let earliestOfChannel = """
        SELECT wake_at FROM outreach INDEXED BY outreach_due
        WHERE state = 0 AND lane = ?1 AND channel = ?2 ORDER BY wake_at LIMIT 1
        """
    /// By `outreach_due`, without a sort. Nobody else can take the rows: claims are made only under the daemon's lock,
    /// and the write transaction is held from here to the update.
    static let due = """
        SELECT \(OutreachRow.columns) FROM outreach o INDEXED BY outreach_due \(OutreachRow.joins)
        WHERE o.state = 0 AND o.lane = ?1 AND o.channel = ?2 AND o.wake_at <= ?3
        ORDER BY o.wake_at, o.id
        """
    static let claim = "UPDATE outreach SET state = 1, lease_id = ?2, updated_at = ?3 WHERE id = ?1 AND state = 0"
    static let release = """
        UPDATE outreach SET state = 0, lease_id = NULL, updated_at = ?3
        WHERE id = ?1 AND state = 1 AND lease_id = ?2
        """
    /// By primary key; guarded by state and lease, so that a row another epoch owns is left alone.
    static let mark = """
        UPDATE outreach SET state = 2, attempts = attempts + 1, card = coalesce(card, ?3), updated_at = ?4,
            marked_at = ?4, address = ?5, counts = ?6, purpose = (SELECT purpose FROM rules r WHERE r.id = outreach.rule_id)
        WHERE id = ?1 AND state = 1 AND lease_id = ?2
        """
    /// Numbers go on after attempts that were given back: their lines stay in the history.
    static let beginAttempt = """
        INSERT INTO attempts (outreach_id, number, started_at)
        SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM attempts WHERE outreach_id = ?1
        """
    /// By primary key prefix. At most one attempt of a row is unfinished.
    static let endAttempt = """
        UPDATE attempts SET ended_at = ?2, outcome = ?3, reason = ?4, code = ?5, detail = ?6
        WHERE outreach_id = ?1 AND ended_at IS NULL
        """
    /// By primary key; ?9 is 2 where only `sending` will do. `attempts` falls only where it rose.
    static let end = """
        UPDATE outreach SET state = ?3, reason = ?4, not_before = ?5, ended_at = ?6, updated_at = ?7,
            attempts = attempts - (CASE state WHEN 2 THEN ?8 ELSE 0 END), lease_id = NULL
        WHERE id = ?1 AND lease_id = ?2 AND state IN (1, 2) AND state >= ?9
        """
    static let move = """
        UPDATE outreach SET state = 0, reason = '', not_before = NULL, lease_id = NULL, due_at = ?3, expires_at = ?4,
            zone = ?5, local_date = ?6, local_time = ?7, updated_at = ?8
        WHERE id = ?1 AND lease_id = ?2 AND state IN (1, 2)
        """
    /// By `outreach_open`. Races with `expireHeld` and planning only in order: each is one transaction.
    static let releaseHeld = """
        UPDATE outreach SET state = 0, reason = '', updated_at = ?3
        WHERE customer = ?1 AND ended_at IS NULL AND state = 3 AND reason = ?2
        """
    /// By `outreach_held`.
    static let expireHeld = """
        UPDATE outreach SET state = 12, reason = 'late', ended_at = ?1, updated_at = ?1
        WHERE state = 3 AND expires_at <= ?1 AND reason <> 'in-doubt'
        """
    /// By `outreach_leased`: no more rows than the last daemon had in hand.
    static let ofOlderEpochs = """
        SELECT \(OutreachRow.columns), r.gone_at FROM outreach o INDEXED BY outreach_leased \(OutreachRow.joins)
        WHERE o.lease_id < ?1 ORDER BY o.id
        """
    /// By primary key; only what `ofOlderEpochs` returned in the same transaction.
    static let settleOlder = """
        UPDATE outreach SET state = ?2, reason = ?3, ended_at = ?4, updated_at = ?5, marked_at = ?5, lease_id = NULL
        WHERE id = ?1 AND state IN (1, 2)
        """
    /// By primary key; a second `settle` finds nothing to do.
    static let settle = """
        UPDATE outreach SET state = ?2, reason = '', not_before = NULL, ended_at = ?3, updated_at = ?4, marked_at = ?4
        WHERE id = ?1 AND state = 3 AND reason = 'in-doubt'
        """
}

/// Rows that are taken together; see `Outbox.claim`.
private struct Claim {
    let limit: Int
    let stale: Int
    let now: Instant
    var rows: [Outreach] = []
    /// Those that count.
    private var counted = 0

    init(limit: Int, stale: Int, now: Instant) {
        (self.limit, self.stale, self.now) = (limit, max(stale, limit), now)
    }

    var isFull: Bool { counted >= limit || rows.count >= stale }

    mutating func take(_ row: Outreach) {
        rows.append(row)
        if !row.isPastExpiry(now) { counted += 1 }
    }
}

extension SQLiteOutbox {
    // MARK: Claiming

    package func earliestWake(channels: [ChannelName]?) throws -> Instant? {
        try read { database in
            var earliest: Int64?
            for lane in Lane.allCases {
                let found = try channels.map { try Self.earliest(lane, $0, database) } ?? Self.earliest(lane, database)
                if let found { earliest = min(earliest ?? found, found) }
            }
            return earliest.map(Instant.init(microseconds:))
        }
    }

    private static func earliest(_ lane: Lane, _ channels: [ChannelName], _ database: Database) throws -> Int64? {
        let statement = try SQLStatement(database, SendSQL.earliestOfChannel)
        defer { statement.reset() }
        var earliest: Int64?
        for channel in channels {
            statement.reset()
            statement.bind(1, lane.rawValue)
            statement.bind(2, channel.description)
            if try statement.step() { earliest = min(earliest ?? .max, statement.int64(0)) }
        }
        return earliest
    }

    private static func earliest(_ lane: Lane, _ database: Database) throws -> Int64? {
        let statement = try SQLStatement(database, SendSQL.nextChannel)
        defer { statement.reset() }
        var earliest: Int64?
        var channel = ""
        statement.bind(1, lane.rawValue)
        statement.bind(2, channel)
        while try statement.step() {
            channel = statement.string(0)
            earliest = min(earliest ?? .max, statement.int64(1))
            statement.reset()
            statement.bind(2, channel)
        }
        return earliest
    }

    package func claim(limit: Int, stale: Int, now: Instant, channels: [ChannelName]) throws -> [Outreach] {
        try writeUnsynced { database in
            var claim = Claim(limit: limit, stale: stale, now: now)
            for lane in Lane.allCases where !claim.isFull { try take(lane, channels, database, &claim) }
            let update = try SQLStatement(database, SendSQL.claim)
            update.bind(2, epoch)
            update.bind(3, now.microseconds)
            for index in claim.rows.indices {
                update.bind(1, claim.rows[index].id)
                try update.run()
                claim.rows[index].state = .claimed
            }
            return claim.rows
        }
    }

    /// Reads each channel's rows as far as the claim could need them, and takes the first of them all.
    private func take(_ lane: Lane, _ channels: [ChannelName], _ database: Database, _ claim: inout Claim) throws {
        let statement = try SQLStatement(database, SendSQL.due)
        defer { statement.reset() }
        var rows: [Outreach] = []
        for channel in channels {
            statement.reset()
            statement.bind(1, lane.rawValue)
            statement.bind(2, channel.description)
            statement.bind(3, claim.now.microseconds)
            var own = claim
            while !own.isFull, try statement.step() {
                let row = try OutreachRow.read(statement, path: path)
                own.take(row)
                rows.append(row)
            }
        }
        if channels.count > 1 { rows.sort { ($0.wakesAt, $0.id) < ($1.wakesAt, $1.id) } }
        for row in rows where !claim.isFull { claim.take(row) }
    }

    @discardableResult
    package func release(_ ids: [Int64], now: Instant) throws -> [Int64] {
        guard !ids.isEmpty else { return [] }
        return try writeUnsynced { database in
            let statement = try SQLStatement(database, SendSQL.release)
            statement.bind(2, epoch)
            statement.bind(3, now.microseconds)
            return try ids.filter { id in
                statement.bind(1, id)
                return try statement.run() == 0
            }
        }
    }

    // MARK: Marks and endings

    @discardableResult
    package func commit(_ group: GroupCommit) throws -> CommitReport {
        guard !group.isEmpty else { return CommitReport() }
        let report = try writeAsDaemon { database in
            // Endings first: a row may be tried again in the group that ends its last attempt.
            var report = CommitReport(lost: try end(group.endings, now: group.now, database))
            report.dropped = try addKnown(group.additions, now: group.now, database)
            try mark(group.marks, now: group.now, database, &report)
            if let pace = group.pace { try Meta.set(SendSQL.paceKey, pace, database) }
            return report
        }
        if group.endings.contains(where: { $0.next == .sent }) { noteSent(at: group.now) }
        return report
    }

    package func pace() throws -> String? { try read { try Meta.value(SendSQL.paceKey, $0) } }

    /// A rule may have been renamed since its row was claimed; the group must not fail for that.
    /// - Returns: the keys whose rule the ledger does not know.
    private func addKnown(_ rows: [PlannedOutreach], now: Instant, _ database: Database) throws -> [OutreachKey] {
        guard !rows.isEmpty else { return [] }
        let known = Set(try Self.loadRules(database).map(\.name))
        _ = try add(rows.filter { known.contains($0.key.rule) }, now: now, database)
        return rows.map(\.key).filter { !known.contains($0.rule) }
    }

    private func mark(
        _ marks: [SendMark], now: Instant, _ database: Database, _ report: inout CommitReport
    ) throws {
        guard !marks.isEmpty else { return }
        let guards = try MarkGuards(database, epoch: epoch, now: now)
        let update = try SQLStatement(database, SendSQL.mark)
        let attempt = try SQLStatement(database, SendSQL.beginAttempt)
        update.bind(2, epoch)
        update.bind(4, now.microseconds)
        attempt.bind(2, now.microseconds)
        for mark in marks {
            if let reason = try guards.refusal(of: mark) {
                if try guards.giveBack(mark.id) {
                    report.refused.append(RefusedMark(mark.id, reason))
                } else {
                    report.lost.append(mark.id)
                }
                continue
            }
            update.bind(1, mark.id)
            update.bind(3, mark.card)
            update.bind(5, mark.address)
            update.bind(6, mark.counts ? 1 : 0)
            guard try update.run() == 1 else {
                report.lost.append(mark.id)
                continue
            }
            attempt.bind(1, mark.id)
            try attempt.run()
        }
    }

    private func end(_ endings: [Ending], now: Instant, _ database: Database) throws -> [Int64] {
        guard !endings.isEmpty else { return [] }
        let update = try SQLStatement(database, SendSQL.end)
        let attempt = try SQLStatement(database, SendSQL.endAttempt)
        var lost: [Int64] = []
        for ending in endings {
            guard try apply(ending, update, now: now, database) else {
                lost.append(ending.id)
                continue
            }
            if let report = ending.report { try Self.finish(ending.id, report, now: now, attempt) }
        }
        return lost
    }

    private func apply(_ ending: Ending, _ update: SQLStatement, now: Instant, _ database: Database) throws -> Bool {
        switch ending.next {
        case .moved(let due): return try move(ending.id, to: due, now: now, database)
        case .listed(let item): return try putOnList(ending.id, item, now: now, database)
        default: break
        }
        let (state, reason) = ending.next.stateAndReason
        var notBefore: Instant?
        var givenBack = 0
        if case .retry(let instant, _, let givesAttemptBack) = ending.next {
            notBefore = instant
            givenBack = givesAttemptBack ? 1 : 0
        }
        update.bind(1, ending.id)
        update.bind(2, epoch)
        update.bind(3, state.rawValue)
        update.bind(4, reason)
        update.bind(5, notBefore?.microseconds)
        update.bind(6, state.hasEnded ? now.microseconds : nil)
        update.bind(7, now.microseconds)
        update.bind(8, givenBack)
        update.bind(9, (state == .sent ? OutreachState.sending : .claimed).rawValue)
        return try update.run() == 1
    }

    private func move(_ id: Int64, to due: MovedDue, now: Instant, _ database: Database) throws -> Bool {
        let statement = try SQLStatement(database, SendSQL.move)
        statement.bind(1, id)
        statement.bind(2, epoch)
        statement.bind(3, due.dueAt.microseconds)
        statement.bind(4, due.expiresAt?.microseconds)
        statement.bind(5, due.zone)
        statement.bind(6, Int64(due.localDate.dayNumber))
        statement.bind(7, Int64(due.localTime.secondOfDay))
        statement.bind(8, now.microseconds)
        return try statement.run() == 1
    }

    private static func finish(_ id: Int64, _ report: AttemptReport, now: Instant, _ statement: SQLStatement) throws {
        let (outcome, reason) = report.outcome.stored
        statement.bind(1, id)
        statement.bind(2, now.microseconds)
        statement.bind(3, outcome)
        statement.bind(4, reason)
        statement.bind(5, report.code)
        statement.bind(6, report.detail)
        try statement.run()
    }

    // MARK: Holds

    @discardableResult
    package func releaseHeld(customer: String, reason: HoldReason, now: Instant) throws -> Int {
        try write { database in
            let statement = try SQLStatement(database, SendSQL.releaseHeld)
            statement.bind(1, customer)
            statement.bind(2, reason.description)
            statement.bind(3, now.microseconds)
            return try statement.run()
        }
    }

    @discardableResult
    package func expireHeld(now: Instant) throws -> Int {
        try write { database in
            let statement = try SQLStatement(database, SendSQL.expireHeld)
            statement.bind(1, now.microseconds)
            return try statement.run()
        }
    }

    package func settle(_ id: Int64, as settlement: Settlement, now: Instant) throws {
        try write { database in
            let statement = try SQLStatement(database, SendSQL.settle)
            statement.bind(1, id)
            statement.bind(2, (settlement == .sent ? OutreachState.sent : .planned).rawValue)
            statement.bind(3, settlement == .sent ? now.microseconds : nil)
            statement.bind(4, now.microseconds)
            guard try statement.run() == 0 else { return }
            throw try Self.exists(id, database) ? OutboxError.notInDoubt(id: id) : .noSuchOutreach(id: id)
        }
    }

    // MARK: Recovery

    package func recover(now: Instant, ifInDoubt policy: (_ rule: String) -> InDoubtPolicy) throws -> Recovery {
        try writeAsDaemon { database in
            var recovery = Recovery()
            let update = try SQLStatement(database, SendSQL.settleOlder)
            let attempt = try SQLStatement(database, SendSQL.endAttempt)
            for (found, ruleIsGone) in try leftByOlderEpochs(database) {
                var row = found
                let wasSending = row.state == .sending
                row.settle(ruleIsGone: ruleIsGone, policy: policy, now: now)
                update.bind(1, row.id)
                update.bind(2, row.state.rawValue)
                update.bind(3, row.reason)
                update.bind(4, row.endedAt?.microseconds)
                update.bind(5, now.microseconds)
                try update.run()
                if wasSending {
                    try Self.finish(row.id, AttemptReport(.inDoubt(.crash)), now: now, attempt)
                    recovery.inDoubt.append(row)
                } else {
                    recovery.unclaimed += 1
                }
            }
            return recovery
        }
    }

    private func leftByOlderEpochs(_ database: Database) throws -> [(Outreach, ruleIsGone: Bool)] {
        let statement = try SQLStatement(database, SendSQL.ofOlderEpochs)
        defer { statement.reset() }
        statement.bind(1, epoch)
        var rows: [(Outreach, ruleIsGone: Bool)] = []
        while try statement.step() {
            let ruleIsGone = !statement.isNull(OutreachRow.columnCount)
            rows.append((try OutreachRow.read(statement, path: path), ruleIsGone))
        }
        return rows
    }
}

extension Outreach {
    /// When it may go: its due time, or the end of a wait after a failure.
    package var wakesAt: Instant { max(plan.dueAt, notBefore ?? plan.dueAt) }

    /// By what the ledger says: by today's data it may be due at another time.
    package func isPastExpiry(_ now: Instant) -> Bool { plan.expiresAt.map { $0 <= now } ?? false }

    /// Where a row that a dead daemon left `claimed` or `sending` belongs.
    fileprivate mutating func settle(ruleIsGone: Bool, policy: (String) -> InDoubtPolicy, now: Instant) {
        if state == .sending, policy(key.rule) == .ask {
            state = .held
            reason = HoldReason.inDoubt.description
        } else if ruleIsGone {
            state = .cancelled
            reason = CancelReason.ruleGone.rawValue
            endedAt = now
        } else {
            state = .planned
            reason = ""
        }
    }
}

extension Ending.Next {
    fileprivate var stateAndReason: (OutreachState, String) {
        switch self {
        case .sent, .listed: (.sent, "")
        case .failed(let reason): (.failed, reason.rawValue)
        case .skipped(let reason): (.skipped, reason.description)
        case .cancelled(let reason): (.cancelled, reason.rawValue)
        case .held(let reason): (.held, reason.description)
        case .retry(_, let reason, _): (.planned, reason)
        case .moved: (.planned, "")
        }
    }
}

extension Outcome {
    /// As the attempts table has it. Frozen.
    fileprivate var stored: (outcome: String, reason: String) {
        switch self {
        case .delivered: ("delivered", "")
        case .deferred(let reason, _): ("deferred", reason.rawValue)
        case .refused(let reason): ("refused", reason.rawValue)
        case .inDoubt(let reason): ("in-doubt", reason.rawValue)
        }
    }
}
