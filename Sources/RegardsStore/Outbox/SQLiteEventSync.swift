import GRDB
package import RegardsCalendar
package import RegardsCore

private enum EventSQL {
    static let columns =
        "e.id, e.event_id, e.generation, e.customer, e.at, e.first_seen, e.is_open, e.is_baseline, e.is_gone, e.hash"
    static let kind = "SELECT id, first_seen, covered_from, looked_at FROM event_kinds WHERE name = ?1"
    static let insertKind = "INSERT INTO event_kinds (name) VALUES (?1)"
    /// Never later: what was covered once stays covered.
    static let cover = """
        UPDATE event_kinds SET first_seen = coalesce(first_seen, ?2),
            covered_from = min(coalesce(covered_from, ?3), ?3)
        WHERE id = ?1 AND (first_seen IS NULL OR covered_from > ?3)
        """
    /// By primary key. Not in a quiet sync, which writes nothing.
    static let look = "UPDATE event_kinds SET looked_at = ?2 WHERE id = ?1 AND (looked_at IS NULL OR ?3)"
    /// By the unique key, backwards.
    static let latest = """
        SELECT \(columns) FROM events e WHERE e.kind_id = ?1 AND e.event_id = ?2 ORDER BY e.generation DESC LIMIT 1
        """
    /// By the unique key.
    static let one = """
        SELECT \(columns) FROM events e JOIN event_kinds k ON k.id = e.kind_id
        WHERE k.name = ?1 AND e.event_id = ?2 AND e.generation = ?3
        """
    static let insert = """
        INSERT INTO events (kind_id, event_id, generation, customer, at, first_seen, last_seen, is_open, is_baseline,
            is_gone, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, 0, ?9)
        """
    /// By primary key. Races with nothing: only the daemon's sync of this kind writes its events.
    static let update = """
        UPDATE events SET customer = ?2, at = ?3, last_seen = ?4, is_open = ?5, is_gone = ?6, hash = ?7 WHERE id = ?1
        """
    /// The older generations of an id that is used again are over.
    static let supersede =
        "UPDATE events SET is_open = 0, is_gone = 1, last_seen = ?4 WHERE kind_id = ?1 AND event_id = ?2 AND generation < ?3"
    static let limit = "INSERT OR IGNORE INTO event_limits (event_row, rule_id, limit_at) VALUES (?1, ?2, ?3)"
    /// By primary key prefix.
    static let limitsOf = """
        SELECT r.name, l.limit_at FROM event_limits l JOIN rules r ON r.id = l.rule_id WHERE l.event_row = ?1
        """
    /// By `events_open` and `events_at`. Latest generations only: older ones are superseded, neither open nor present.
    static let expected = """
        SELECT \(columns) FROM events e WHERE e.kind_id = ?1 AND e.is_open = 1
        UNION ALL
        SELECT \(columns) FROM events e WHERE e.kind_id = ?1 AND e.at >= ?2 AND e.is_open = 0 AND e.is_gone = 0
        """
    /// By `events_open` and `events_at`.
    static let openOrSince = """
        SELECT \(columns) FROM events e WHERE e.kind_id = ?1 AND e.is_open = 1
        UNION ALL
        SELECT \(columns) FROM events e WHERE e.kind_id = ?1 AND e.at >= ?2 AND e.is_open = 0
            AND NOT EXISTS (SELECT 1 FROM events n
                WHERE n.kind_id = e.kind_id AND n.event_id = e.event_id AND n.generation > e.generation)
        """
    /// By `outreach_open`, all of it: what is not sent yet is little beside what was.
    static let awaitedOccasions = """
        SELECT DISTINCT o.occasion FROM outreach o INDEXED BY outreach_open
        WHERE o.ended_at IS NULL AND o.rule_id IN (SELECT r.id FROM json_each(?1) n JOIN rules r ON r.name = n.value)
        """
    /// By `events_pausing`.
    static let openOfCustomer = """
        SELECT \(columns), k.name FROM events e JOIN event_kinds k ON k.id = e.kind_id
        WHERE e.customer = ?1 AND e.is_open = 1 AND e.is_baseline = 0
        """
}

/// See `EventSync`.
final class SQLiteEventSync: EventSync {
    private let outbox: SQLiteOutbox
    private let kind: String
    private let vanished: EventKind.Vanished
    private let horizon: Instant
    private let baselineBefore: Instant?
    private let now: Instant
    private let kindID: Int64
    private let coveredFrom: Instant?
    private var seen = SeenRows()
    private var expected: [String] = []
    private var hasChanged = false
    /// Read when the first limit is stored.
    private var names: LedgerNames?

    let lastLook: Instant?

    var isFirstSight: Bool { coveredFrom == nil }

    init(
        _ outbox: SQLiteOutbox, kind: String, vanished: EventKind.Vanished, horizon: Instant, baselineBefore: Instant?,
        now: Instant
    ) throws {
        self.outbox = outbox
        self.kind = kind
        self.vanished = vanished
        self.horizon = horizon
        self.baselineBefore = baselineBefore
        self.now = now
        let stored = try outbox.read { try Self.findKind(kind, $0) }
        (kindID, coveredFrom, lastLook) = try stored ?? outbox.write { try Self.addKind(kind, $0) }
    }

    func add(_ rows: [SeenEvent], limits: (SeenEvent) -> [String: Instant]) throws -> [EventChange] {
        guard !rows.isEmpty else { return [] }
        let (changes, ids) = try outbox.write { database in
            var changes: [EventChange] = []
            var ids: [Int64] = []
            for row in rows {
                let (change, id) = try take(row, limits, database)
                ids.append(id)
                changes += change
            }
            return (changes, ids)
        }
        for id in ids { seen.insert(id) }
        hasChanged = hasChanged || !changes.isEmpty
        return changes
    }

    func expect(_ ids: [String]) { expected += ids }

    func unseen() throws -> [String] { try outbox.read { try missing($0).map(\.event.id) } }

    func finish() throws -> [EventChange] {
        try outbox.write { database in
            var changes: [EventChange] = []
            for tracked in try missing(database) where !tracked.event.isGone {
                var event = tracked.event
                event.isGone = true
                if vanished == .done { event.isOpen = false }
                try store(event, hash: tracked.hash, row: tracked.row, database)
                changes.append(EventChange(kind: .gone, event: event))
            }
            let cover = try SQLStatement(database, EventSQL.cover)
            cover.bind(1, kindID)
            cover.bind(2, now.microseconds)
            cover.bind(3, horizon.microseconds)
            try cover.run()
            let look = try SQLStatement(database, EventSQL.look)
            look.bind(1, kindID)
            look.bind(2, now.microseconds)
            look.bind(3, hasChanged || !changes.isEmpty ? 1 : 0)
            try look.run()
            return changes
        }
    }

    // MARK: One row

    private func take(
        _ seen: SeenEvent, _ limits: (SeenEvent) -> [String: Instant], _ database: Database
    ) throws -> ([EventChange], Int64) {
        let known = try Self.latest(kind, kindID, seen.id, database)
        switch EventIdentity.judge(seen, known: known) {
        case .unchanged: return ([], known!.row)
        case .new(let generation): return try begin(seen, generation, after: known, limits(seen), database)
        case .changed(let kind):
            let known = known!
            var event = known.event
            event.customer = seen.customer
            event.at = seen.at
            event.isGone = false
            event.isOpen = !seen.isDone
            try store(event, hash: seen.hash, row: known.row, database)
            let formerKey = known.event.customerKey
            return (
                [
                    EventChange(
                        kind: kind, event: event, formerCustomerKey: formerKey == event.customerKey ? nil : formerKey)
                ],
                known.row
            )
        }
    }

    private func begin(
        _ seen: SeenEvent, _ generation: Int, after known: TrackedEvent?, _ limits: [String: Instant],
        _ database: Database
    ) throws -> ([EventChange], Int64) {
        var changes: [EventChange] = []
        if var former = known?.event {
            let supersede = try SQLStatement(database, EventSQL.supersede)
            supersede.bind(1, kindID)
            supersede.bind(2, seen.id)
            supersede.bind(3, generation)
            supersede.bind(4, now.microseconds)
            try supersede.run()
            former.isOpen = false
            former.isGone = true
            changes.append(EventChange(kind: .gone, event: former))
        }
        let isBaseline =
            generation == 1
            && EventIdentity.isBaseline(at: seen.at, coveredFrom: coveredFrom, baselineBefore: baselineBefore)
        let event = Event(
            kind: kind, id: seen.id, generation: generation, customer: seen.customer, at: seen.at, limits: limits,
            isOpen: !seen.isDone, isBaseline: isBaseline, firstSeen: now)
        let row = try insert(event, hash: seen.hash, database)
        if !limits.isEmpty {
            let names = try names ?? LedgerNames(database)
            self.names = names
            try Self.store(limits, row: row, names, database)
        }
        changes.append(EventChange(kind: .new, event: event))
        return (changes, row)
    }

    private func insert(_ event: Event, hash: UInt64, _ database: Database) throws -> Int64 {
        let statement = try SQLStatement(database, EventSQL.insert)
        statement.bind(1, kindID)
        statement.bind(2, event.id)
        statement.bind(3, event.generation)
        statement.bind(4, event.customer)
        statement.bind(5, event.at.microseconds)
        statement.bind(6, now.microseconds)
        statement.bind(7, event.isOpen ? 1 : 0)
        statement.bind(8, event.isBaseline ? 1 : 0)
        statement.bind(9, Int64(bitPattern: hash))
        try statement.run()
        return database.lastInsertedRowID
    }

    private func store(_ event: Event, hash: UInt64, row: Int64, _ database: Database) throws {
        let statement = try SQLStatement(database, EventSQL.update)
        statement.bind(1, row)
        statement.bind(2, event.customer)
        statement.bind(3, event.at.microseconds)
        statement.bind(4, now.microseconds)
        statement.bind(5, event.isOpen ? 1 : 0)
        statement.bind(6, event.isGone ? 1 : 0)
        statement.bind(7, Int64(bitPattern: hash))
        try statement.run()
    }

    static func store(_ limits: [String: Instant], row: Int64, _ names: LedgerNames, _ database: Database) throws {
        let statement = try SQLStatement(database, EventSQL.limit)
        for (rule, limit) in limits {
            statement.bind(1, row)
            statement.bind(2, try names.rule(rule).id)
            statement.bind(3, limit.microseconds)
            try statement.run()
        }
    }

    private func missing(_ database: Database) throws -> [TrackedEvent] {
        let statement = try SQLStatement(database, EventSQL.expected)
        defer { statement.reset() }
        statement.bind(1, kindID)
        statement.bind(2, horizon.microseconds)
        var missing: [TrackedEvent] = []
        while try statement.step() {
            guard !seen.contains(statement.int64(0)) else { continue }
            missing.append(try Self.read(statement, kind: kind, database))
        }
        for id in expected {
            guard let tracked = try Self.latest(kind, kindID, id, database), !seen.contains(tracked.row), !tracked.event.isGone,
                !missing.contains(where: { $0.row == tracked.row })
            else { continue }
            missing.append(tracked)
        }
        return missing
    }

    // MARK: Reading

    private typealias Kind = (Int64, coveredFrom: Instant?, lastLook: Instant?)

    private static func findKind(_ name: String, _ database: Database) throws -> Kind? {
        let statement = try SQLStatement(database, EventSQL.kind)
        defer { statement.reset() }
        statement.bind(1, name)
        guard try statement.step() else { return nil }
        let isComplete = !statement.isNull(1)
        return (
            statement.int64(0), isComplete ? Instant(microseconds: statement.int64(2)) : nil,
            statement.optionalInt64(3).map(Instant.init(microseconds:))
        )
    }

    static func kindID(_ name: String, _ database: Database) throws -> Int64? { try findKind(name, database)?.0 }

    private static func addKind(_ name: String, _ database: Database) throws -> Kind {
        let statement = try SQLStatement(database, EventSQL.insertKind)
        statement.bind(1, name)
        try statement.run()
        return (database.lastInsertedRowID, nil, nil)
    }

    private static func latest(
        _ kind: String, _ kindID: Int64, _ id: String, _ database: Database
    ) throws -> TrackedEvent? {
        let statement = try SQLStatement(database, EventSQL.latest)
        defer { statement.reset() }
        statement.bind(1, kindID)
        statement.bind(2, id)
        return try statement.step() ? try read(statement, kind: kind, database) : nil
    }

    /// - Parameter database: for the limits; they are few.
    static func read(_ row: SQLStatement, kind: String, _ database: Database) throws -> TrackedEvent {
        let id = row.int64(0)
        let event = Event(
            kind: kind, id: row.string(1), generation: row.int(2), customer: row.optionalString(3),
            at: Instant(microseconds: row.int64(4)), limits: try limits(of: id, database), isOpen: row.int(6) == 1,
            isBaseline: row.int(7) == 1, isGone: row.int(8) == 1, firstSeen: Instant(microseconds: row.int64(5)))
        return TrackedEvent(row: id, event: event, hash: UInt64(bitPattern: row.int64(9)))
    }

    private static func limits(of row: Int64, _ database: Database) throws -> [String: Instant] {
        let statement = try SQLStatement(database, EventSQL.limitsOf)
        defer { statement.reset() }
        statement.bind(1, row)
        var limits: [String: Instant] = [:]
        while try statement.step() { limits[statement.string(0)] = Instant(microseconds: statement.int64(1)) }
        return limits
    }
}

extension SQLiteOutbox {
    package func beginEventSync(
        kind: String, vanished: EventKind.Vanished, horizon: Instant, baselineBefore: Instant?, now: Instant
    ) throws -> any EventSync {
        try SQLiteEventSync(
            self, kind: kind, vanished: vanished, horizon: horizon, baselineBefore: baselineBefore, now: now)
    }

    package func events(kind: String, openOrSince since: Instant) throws -> [Event] {
        try read { database in
            guard let kindID = try SQLiteEventSync.kindID(kind, database) else { return [] }
            let statement = try SQLStatement(database, EventSQL.openOrSince)
            defer { statement.reset() }
            statement.bind(1, kindID)
            statement.bind(2, since.microseconds)
            var events: [Event] = []
            while try statement.step() {
                events.append(try SQLiteEventSync.read(statement, kind: kind, database).event)
            }
            return events
        }
    }

    package func events(kind: String, awaitedBy rules: [String], before: Instant) throws -> [Event] {
        try read { database in
            let statement = try SQLStatement(database, EventSQL.awaitedOccasions)
            defer { statement.reset() }
            statement.bind(1, IDList.texts(rules))
            var events: [Event] = []
            while try statement.step() {
                let occasion = statement.string(0)
                let (id, generation) = Event.identity(ofOccasion: occasion)
                guard let event = try Self.tracked(kind, id, generation, database)?.event, event.occasion == occasion,
                    event.at < before, !event.isOpen, !event.isGone
                else { continue }
                events.append(event)
            }
            return events
        }
    }

    package func openEvents(customers: [String]) throws -> [Event] {
        try read { database in
            let statement = try SQLStatement(database, EventSQL.openOfCustomer)
            defer { statement.reset() }
            var events: [Event] = []
            for customer in customers {
                statement.bind(1, customer)
                while try statement.step() {
                    events.append(try SQLiteEventSync.read(statement, kind: statement.string(10), database).event)
                }
            }
            return events
        }
    }

    package func event(kind: String, id: String, generation: Int) throws -> Event? {
        try read { try Self.tracked(kind, id, generation, $0)?.event }
    }

    package func fixLimits(of event: Event, _ limits: [String: Instant]) throws {
        try write { database in
            guard let tracked = try Self.tracked(event.kind, event.id, event.generation, database) else { return }
            try SQLiteEventSync.store(limits, row: tracked.row, LedgerNames(database), database)
        }
    }

    private static func tracked(
        _ kind: String, _ id: String, _ generation: Int, _ database: Database
    ) throws -> TrackedEvent? {
        let statement = try SQLStatement(database, EventSQL.one)
        defer { statement.reset() }
        statement.bind(1, kind)
        statement.bind(2, id)
        statement.bind(3, generation)
        return try statement.step() ? try SQLiteEventSync.read(statement, kind: kind, database) : nil
    }
}
