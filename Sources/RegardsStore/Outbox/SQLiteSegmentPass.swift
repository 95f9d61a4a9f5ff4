import GRDB
package import RegardsCalendar
package import RegardsCore

private enum SegmentSQL {
    /// Whole table: a few rows.
    static let all = "SELECT id, name, hash, first_seen FROM segments"
    static let insert = "INSERT INTO segments (name, hash) VALUES (?1, ?2)"
    static let redefine = "UPDATE segments SET hash = ?2, first_seen = NULL WHERE id = ?1"
    static let learnHash = "UPDATE segments SET hash = ?2 WHERE id = ?1"
    static let forget = "UPDATE segments SET first_seen = NULL WHERE id = ?1"
    static let lookedAt = "UPDATE segments SET first_seen = ?2 WHERE id = ?1 AND first_seen IS NULL"
    /// By the unique key: the stays of each customer of the page in each segment, few and in order of their numbers.
    static let ofPage = """
        SELECT s.key, c.key, e.id, e.number, e.entered_at, e.left_at, e.is_baseline, e.left_quietly
        FROM json_each(?2) s CROSS JOIN json_each(?1) c CROSS JOIN segment_entries e
        WHERE e.segment_id = s.value AND e.customer = c.value
        """
    /// The unique index of open stays is the last word on doubles.
    static let enter = """
        INSERT INTO segment_entries (segment_id, customer, number, entered_at, is_baseline) VALUES (?1, ?2, ?3, ?4, ?5)
        """
    /// By primary key. Races with nothing: only the daemon's pass writes stays.
    static let leave =
        "UPDATE segment_entries SET left_at = ?2, left_quietly = ?3 WHERE id = ?1 AND left_at IS NULL"
    /// By `segment_entries_open` alone.
    static let open = """
        SELECT id FROM segment_entries INDEXED BY segment_entries_open WHERE segment_id = ?1 AND left_at IS NULL
        """
}

/// The latest stay of one customer in one segment, as its row has it.
private struct Stay {
    var row: Int64
    var entry: SegmentEntry
    /// Nobody was looking when it ended: it is as if it had never been, but its number is used.
    var leftQuietly: Bool

    var isOpen: Bool { entry.leftAt == nil }
}

/// See `SegmentPass`.
final class SQLiteSegmentPass: SegmentPass {
    private struct Watched {
        var id: Int64
        /// Until the first look is complete: nobody comes or goes.
        var isFirstLook: Bool
    }

    private let outbox: SQLiteOutbox
    private let now: Instant
    private let segments: [Watched]
    private let segmentIDs: String
    /// Open stays of customers who were on a page.
    private var met = SeenRows()
    private var hasEnded = false

    init(_ outbox: SQLiteOutbox, _ segments: [WatchedSegment], now: Instant) throws {
        self.outbox = outbox
        self.now = now
        self.segments = try Self.adopt(segments, outbox)
        segmentIDs = "[" + self.segments.map { String($0.id) }.joined(separator: ",") + "]"
    }

    // MARK: Start

    /// Makes the ledger know these segments, and forget that it looked at others.
    private static func adopt(_ segments: [WatchedSegment], _ outbox: SQLiteOutbox) throws -> [Watched] {
        let known = try outbox.read(stored)
        let names = Set(segments.map(\.name))
        let isKnown = segments.allSatisfy { segment in
            known[segment.name].map { segment.hash == nil || $0.hash == segment.hash } ?? false
        }
        let forgotten = known.values.filter { !names.contains($0.name) && $0.isLookedAt }
        if !isKnown || !forgotten.isEmpty {
            try outbox.write { database in
                for segment in segments { try adopt(segment, known[segment.name], database) }
                let forget = try SQLStatement(database, SegmentSQL.forget)
                for segment in forgotten {
                    forget.bind(1, segment.id)
                    try forget.run()
                }
            }
        }
        let stored = try outbox.read(stored)
        return segments.compactMap { stored[$0.name].map { Watched(id: $0.id, isFirstLook: !$0.isLookedAt) } }
    }

    private static func adopt(_ segment: WatchedSegment, _ known: Stored?, _ database: Database) throws {
        let hash = segment.hash.map { Int64(bitPattern: $0) }
        guard let known else {
            let insert = try SQLStatement(database, SegmentSQL.insert)
            insert.bind(1, segment.name)
            insert.bind(2, hash)
            try insert.run()
            return
        }
        guard segment.hash != nil, known.hash != segment.hash else { return }
        let update = try SQLStatement(database, known.hash == nil ? SegmentSQL.learnHash : SegmentSQL.redefine)
        update.bind(1, known.id)
        update.bind(2, hash)
        try update.run()
    }

    private struct Stored {
        var id: Int64
        var name: String
        var hash: UInt64?
        var isLookedAt: Bool
    }

    private static func stored(_ database: Database) throws -> [String: Stored] {
        let statement = try SQLStatement(database, SegmentSQL.all)
        defer { statement.reset() }
        var segments: [String: Stored] = [:]
        while try statement.step() {
            segments[statement.string(1)] = Stored(
                id: statement.int64(0), name: statement.string(1),
                hash: statement.optionalInt64(2).map(UInt64.init(bitPattern:)), isLookedAt: !statement.isNull(3))
        }
        return segments
    }

    static func ids(_ names: [String], _ database: Database) throws -> [Int64?] {
        let known = try stored(database)
        return names.map { known[$0]?.id }
    }

    // MARK: One page

    func record(_ page: [SegmentMembership]) throws -> [String: [Int: SegmentEntry]] {
        guard !hasEnded else { throw OutboxError.passEnded }
        guard !page.isEmpty, !segments.isEmpty else { return [:] }
        var stays = try outbox.read { try Self.stays(page.map(\.customer), segmentIDs, $0) }
        let changes = changes(page, stays)
        if !changes.isEmpty {
            try outbox.write { database in
                for (place, change) in changes { stays[place] = try carryOut(change, place, page, database) }
            }
        }
        for stay in stays.values where stay.isOpen { met.insert(stay.row) }
        return Self.entries(stays, page.map(\.customer))
    }

    /// A segment and a customer, as indices.
    fileprivate struct Place: Hashable {
        var segment: Int
        var customer: Int
    }

    private enum Change {
        case enter(number: Int)
        case leave(Stay)
    }

    private func changes(_ page: [SegmentMembership], _ stays: [Place: Stay]) -> [(Place, Change)] {
        var changes: [(Place, Change)] = []
        for customer in page.indices {
            for segment in segments.indices {
                let place = Place(segment: segment, customer: customer)
                let stay = stays[place]
                let belongs = page[customer].members.contains(segment)
                if belongs, stay?.isOpen != true {
                    changes.append((place, .enter(number: (stay?.entry.number ?? 0) + 1)))
                } else if !belongs, let stay, stay.isOpen {
                    changes.append((place, .leave(stay)))
                }
            }
        }
        return changes
    }

    private func carryOut(
        _ change: Change, _ place: Place, _ page: [SegmentMembership], _ database: Database
    ) throws -> Stay {
        let segment = segments[place.segment]
        switch change {
        case .enter(let number):
            let entry = SegmentEntry(number: number, enteredAt: now, isBaseline: segment.isFirstLook)
            let insert = try SQLStatement(database, SegmentSQL.enter)
            insert.bind(1, segment.id)
            insert.bind(2, page[place.customer].customer)
            insert.bind(3, number)
            insert.bind(4, now.microseconds)
            insert.bind(5, segment.isFirstLook ? 1 : 0)
            try insert.run()
            return Stay(row: database.lastInsertedRowID, entry: entry, leftQuietly: false)
        case .leave(var stay):
            try leave(stay.row, quietly: segment.isFirstLook, database)
            stay.entry.leftAt = now
            stay.leftQuietly = segment.isFirstLook
            return stay
        }
    }

    private func leave(_ row: Int64, quietly: Bool, _ database: Database) throws {
        let update = try SQLStatement(database, SegmentSQL.leave)
        update.bind(1, row)
        update.bind(2, now.microseconds)
        update.bind(3, quietly ? 1 : 0)
        try update.run()
    }

    // MARK: End

    @discardableResult
    func finish() throws -> Int {
        guard !hasEnded else { throw OutboxError.passEnded }
        let unmet = try outbox.read(unmetStays)
        if !unmet.isEmpty || segments.contains(where: \.isFirstLook) {
            try outbox.write { database in
                for (row, quietly) in unmet { try leave(row, quietly: quietly, database) }
                let lookedAt = try SQLStatement(database, SegmentSQL.lookedAt)
                for segment in segments where segment.isFirstLook {
                    lookedAt.bind(1, segment.id)
                    lookedAt.bind(2, now.microseconds)
                    try lookedAt.run()
                }
            }
        }
        hasEnded = true
        return unmet.count
    }

    private func unmetStays(_ database: Database) throws -> [(row: Int64, quietly: Bool)] {
        let statement = try SQLStatement(database, SegmentSQL.open)
        defer { statement.reset() }
        var unmet: [(row: Int64, quietly: Bool)] = []
        for segment in segments {
            statement.bind(1, segment.id)
            while try statement.step() {
                let row = statement.int64(0)
                if !met.contains(row) { unmet.append((row, segment.isFirstLook)) }
            }
        }
        return unmet
    }

    // MARK: Reading

    fileprivate static func stays(
        _ customers: [String], _ segmentIDs: String, _ database: Database
    ) throws -> [Place: Stay] {
        let statement = try SQLStatement(database, SegmentSQL.ofPage)
        defer { statement.reset() }
        statement.bind(1, IDList.texts(customers))
        statement.bind(2, segmentIDs)
        var stays: [Place: Stay] = [:]
        while try statement.step() {
            let place = Place(segment: statement.int(0), customer: statement.int(1))
            let entry = SegmentEntry(
                number: statement.int(3), enteredAt: Instant(microseconds: statement.int64(4)),
                leftAt: statement.optionalInt64(5).map(Instant.init(microseconds:)), isBaseline: statement.int(6) == 1)
            guard entry.number > stays[place]?.entry.number ?? 0 else { continue }
            stays[place] = Stay(row: statement.int64(2), entry: entry, leftQuietly: statement.int(7) == 1)
        }
        return stays
    }

    fileprivate static func entries(
        _ stays: [Place: Stay], _ customers: [String]
    ) -> [String: [Int: SegmentEntry]] {
        var entries: [String: [Int: SegmentEntry]] = [:]
        for (place, stay) in stays where !stay.leftQuietly {
            entries[customers[place.customer], default: [:]][place.segment] = stay.entry
        }
        return entries
    }
}

extension SQLiteOutbox {
    package func beginSegments(_ segments: [WatchedSegment], now: Instant) throws -> any SegmentPass {
        try SQLiteSegmentPass(self, segments, now: now)
    }

    package func segmentEntries(customers: [String], segments: [String]) throws -> [String: [Int: SegmentEntry]] {
        guard !customers.isEmpty, !segments.isEmpty else { return [:] }
        return try read { database in
            let ids = try SQLiteSegmentPass.ids(segments, database).map { $0.map(String.init) ?? "null" }
            let list = "[" + ids.joined(separator: ",") + "]"
            return SQLiteSegmentPass.entries(try SQLiteSegmentPass.stays(customers, list, database), customers)
        }
    }
}
