import Glibc
package import RegardsCalendar
package import RegardsCore
import Synchronization

import class GRDB.DatabaseQueue

/// Customers and events from an existing SQLite database. Nothing is ever written to it, and no read lasts: a read
/// cursor on a rollback-journal database keeps its writer from committing, so a page ends after `longestRead` at the
/// latest, whatever its size.
///
/// `immutable` is never used: it would show stale data.
package final class SQLiteCustomerSource: CustomerSource {
    /// A page is cut short here; reading stops at the next row.
    private static let longestRead = TimeSpan(microseconds: 150_000)
    /// Ids of one look-up statement.
    private static let lookUpBatch = 200
    private static let namedIDs = 10

    let settings: SourceSettings
    private let connections: Mutex<SourceConnections>
    /// Columns in use that the queries had when the source was opened; they must stay.
    private let expected: [String: Set<Int>]

    /// - Throws: `SourceError`: `.unreachable`, `.damaged`, `.busy`, `.badQuery`.
    package init(_ settings: SourceSettings) throws {
        self.settings = settings
        let opened = try SourceConnections.open(settings, opening: 1)
        expected = Self.slots(opened)
        connections = Mutex(opened)
    }

    private static func slots(_ connections: SourceConnections) -> [String: Set<Int>] {
        var slots = connections.events.mapValues { Set($0.slots) }
        slots[""] = Set(connections.customers.slots)
        return slots
    }

    /// The connections to the file that the path means now: a file that was replaced is opened anew.
    func current() throws -> SourceConnections {
        try connections.withLock { connections in
            guard let file = FileIdentity(path: settings.path) else {
                throw SourceError.missing(settings.path, code: errno)
            }
            if file != connections.file {
                let opened: SourceConnections
                do {
                    opened = try SourceConnections.open(settings, opening: connections.opening + 1)
                } catch SourceError.badQuery(_, let detail) {
                    throw SourceError.schemaChanged(detail: detail)
                }
                try requireExpected(opened)
                connections = opened
            }
            return connections
        }
    }

    private func requireExpected(_ opened: SourceConnections) throws {
        for (name, slots) in Self.slots(opened) {
            guard let missing = expected[name]?.subtracting(slots).min() else { continue }
            let schema = settings.events.first { $0.kind == name }?.columns ?? settings.customers.columns
            throw SourceError.schemaChanged(detail: "no such column: \(schema.names[missing])")
        }
    }

    package func changeToken() throws -> ChangeToken {
        let connections = try current()
        let version = try translate(nil) {
            try connections.watch.inDatabase { database in
                let statement = try SQLStatement(database, "PRAGMA data_version")
                defer { statement.reset() }
                return try statement.step() ? statement.int64(0) : 0
            }
        }
        return ChangeToken(
            version: version, device: connections.file.device, inode: connections.file.inode,
            opening: connections.opening)
    }

    /// A query that worked when the source was opened and fails now: the schema is another.
    func translate<Result>(_ query: RecordQuery?, _ body: () throws -> Result) throws -> Result {
        do {
            return try SourceError.translate(settings.path, query: query?.name, body)
        } catch SourceError.badQuery(_, let detail) {
            throw SourceError.schemaChanged(detail: detail)
        }
    }

    // MARK: Customers

    @discardableResult
    package func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport {
        var page = CustomerPage()
        var report = ScanReport()
        report.withoutID = try countWithoutID { $0.customers }
        var cursor = ScanCursor()
        while !cursor.isAtEnd {
            try readPage(&page, &cursor, size: size, &report)
            if !page.isEmpty { try body(page) }
        }
        return report
    }

    /// For a look at the customers, not a pass over them.
    func firstPage(size: Int) throws -> CustomerPage {
        var page = CustomerPage()
        var cursor = ScanCursor()
        var report = ScanReport()
        try readPage(&page, &cursor, size: size, &report)
        return page
    }

    private func readPage(
        _ page: inout CustomerPage, _ cursor: inout ScanCursor, size: Int, _ report: inout ScanReport
    ) throws {
        page.count = 0
        let connections = try current()
        let query = connections.customers
        try read(query, connections, &cursor, size: size, since: nil, &report) { row in
            if page.count == page.slots.count { page.slots.append(Customer(schema: settings.customers)) }
            query.read(row, into: &page.slots[page.count].record)
            page.count += 1
            return true
        }
        report.rows += page.count
    }

    package func lookUp(_ ids: [String]) throws -> [String: Customer] {
        var found: [String: Customer] = [:]
        try lookUp(ids, { $0.customers }) { query, row in
            var customer = Customer(schema: settings.customers)
            query.read(row, into: &customer.record)
            return (customer.id, { found[$0] = customer })
        }
        return found
    }

    // MARK: Events

    @discardableResult
    package func forEachEventPage(
        kind: String, since horizon: Instant, size: Int, _ body: (EventPage) throws -> Void
    ) throws -> ScanReport {
        let settings = try eventSettings(kind)
        var report = ScanReport()
        report.withoutID = try countWithoutID { $0.events[kind] }
        var cursor = ScanCursor()
        while !cursor.isAtEnd {
            var page: EventPage = []
            let connections = try current()
            guard let query = connections.events[kind] else { throw SourceError.unknownEventKind(kind) }
            try read(query, connections, &cursor, size: size, since: horizon, &report) { row in
                var record = settings.columns.makeRecord()
                query.read(row, into: &record)
                guard let event = event(record, settings) else { return false }
                if event.at >= horizon { page.append(event) }
                return true
            }
            report.rows += page.count
            if !page.isEmpty { try body(page) }
        }
        return report
    }

    package func lookUpEvents(kind: String, _ ids: [String]) throws -> [String: EventRow] {
        let settings = try eventSettings(kind)
        var found: [String: EventRow] = [:]
        try lookUp(ids, { $0.events[kind] }) { query, row in
            var record = settings.columns.makeRecord()
            query.read(row, into: &record)
            guard let event = event(record, settings) else { return nil }
            return (event.id, { found[$0] = event })
        }
        return found
    }

    private func eventSettings(_ kind: String) throws -> EventQuery {
        guard let settings = settings.events.first(where: { $0.kind == kind }) else {
            throw SourceError.unknownEventKind(kind)
        }
        return settings
    }

    /// nil when its `at` is no instant.
    private func event(_ record: Record, _ query: EventQuery) -> EventRow? {
        guard let at = record.instant(EventColumn.at.rawValue, zone: settings.zone) else { return nil }
        let customer = EventColumn.customerID.rawValue
        return EventRow(
            id: record.string(EventColumn.id.rawValue) ?? "",
            customer: record.isPresent(customer) ? record.string(customer) : nil, at: at, record: record,
            hash: record.stableHash())
    }

    // MARK: Reading

    /// How far a scan has come.
    private struct ScanCursor {
        var last: SourceID?
        var isAtEnd = false
    }

    /// Reads one page and ends the read. One row more than the page holds is looked at, to tell whether it is the last
    /// page, and whether the id of its last row comes again.
    /// - Parameter take: false for an event row without an instant.
    private func read(
        _ query: RecordQuery, _ connections: SourceConnections, _ cursor: inout ScanCursor, size: Int,
        since horizon: Instant?,
        _ report: inout ScanReport, _ take: (SQLStatement) -> Bool
    ) throws {
        let wait = connections.wait
        try translate(query) {
            try connections.scan.inDatabase { database in
                let statement = try SQLStatement(database, pageSQL(query, cursor, since: horizon))
                defer { statement.reset() }
                statement.bind(1, size + 1)
                cursor.last?.bind(statement, 2)
                if let horizon { Self.bind(horizon, statement) }
                let start = Instant.monotonic
                func elapsed() -> TimeSpan { Instant.monotonic - max(start, wait.end.withLock { $0 }) }
                try step(statement, &cursor, size: size, elapsed, &report, take)
                report.longestRead = max(report.longestRead, elapsed())
                report.pages += 1
            }
        }
    }

    private func pageSQL(_ query: RecordQuery, _ cursor: ScanCursor, since horizon: Instant?) -> String {
        switch (cursor.last == nil, horizon == nil) {
        case (true, true): query.first
        case (false, true): query.next
        case (true, false): query.firstSince
        case (false, false): query.nextSince
        }
    }

    private func step(
        _ statement: SQLStatement, _ cursor: inout ScanCursor, size: Int, _ elapsed: () -> TimeSpan,
        _ report: inout ScanReport,
        _ take: (SQLStatement) -> Bool
    ) throws {
        var rows = 0
        var last: SourceID?
        while try statement.step() {
            if let last, last.equals(statement) {
                note(duplicate: statement.string(0), &report)
            } else if rows < size, let id = SourceID(statement) {
                last = id
                if !take(statement) { note(withoutInstant: statement.string(0), &report) }
            }
            rows += 1
            let isCutShort = rows & 31 == 0 && elapsed() > Self.longestRead
            guard rows <= size, !isCutShort else {
                // Without an id there is nowhere to go on from.
                cursor.isAtEnd = last == nil
                cursor.last = last
                return
            }
        }
        cursor.isAtEnd = true
    }

    private func note(duplicate id: String, _ report: inout ScanReport) {
        report.duplicates += 1
        if report.duplicateIDs.count < Self.namedIDs, report.duplicateIDs.last != id {
            report.duplicateIDs.append(id)
        }
    }

    private func note(withoutInstant id: String, _ report: inout ScanReport) {
        report.withoutInstant += 1
        if report.withoutInstantIDs.count < Self.namedIDs { report.withoutInstantIDs.append(id) }
    }

    /// The text bound lies a day and more before the horizon, because texts carry offsets; the exact comparison follows
    /// when the value has been read.
    private static func bind(_ horizon: Instant, _ statement: SQLStatement) {
        statement.bind(3, horizon.seconds)
        statement.bind(4, Zone.utc.local(at: horizon - .hours(38)).date.description)
    }

    /// Up to ten thousand of each sort.
    private func countWithoutID(_ choose: (SourceConnections) -> RecordQuery?) throws -> Int {
        let connections = try current()
        guard let query = choose(connections) else { return 0 }
        return try translate(query) {
            try connections.scan.inDatabase { database in
                func first(_ sql: String, _ read: (SQLStatement) -> Int) throws -> Int {
                    let statement = try SQLStatement(database, sql)
                    defer { statement.reset() }
                    return try statement.step() ? read(statement) : 0
                }
                let hasNull = try first(query.firstIsNull) { $0.isNull(0) ? 1 : 0 } == 1
                return try first(query.countUnusable) { $0.int(0) }
                    + (hasNull ? first(query.countNull) { $0.int(0) } : 0)
            }
        }
    }

    /// - Parameter take: reads the row under the cursor; the id decides whether its closure is called.
    private func lookUp(
        _ ids: [String], _ choose: (SourceConnections) -> RecordQuery?,
        _ take: (RecordQuery, SQLStatement) -> (id: String, keep: (String) -> Void)?
    ) throws {
        for start in stride(from: 0, to: ids.count, by: Self.lookUpBatch) {
            var wanted = Set(ids[start..<min(start + Self.lookUpBatch, ids.count)])
            let connections = try current()
            guard let query = choose(connections) else { continue }
            try translate(query) {
                try connections.look.inDatabase { database in
                    let statement = try SQLStatement(database, query.lookup)
                    defer { statement.reset() }
                    statement.bind(named: ":ids", IDList.json(wanted))
                    while try statement.step() {
                        guard let (id, keep) = take(query, statement), wanted.remove(id) != nil else { continue }
                        keep(id)
                    }
                }
            }
        }
    }
}

extension Record {
    /// Of all slots, by type and value.
    fileprivate func stableHash() -> UInt64 {
        var hash = StableHash()
        for slot in slots.indices {
            switch slots[slot] {
            case .null: hash.add(byte: 0)
            case .integer(let number): hash.add(1, UInt64(bitPattern: number))
            case .real(let number): hash.add(2, number.bitPattern)
            case .text(_, let count):
                hash.add(3, UInt64(UInt32(bitPattern: count)))
                withText(slot) { bytes in bytes?.forEach { hash.add(byte: $0) } }
            }
        }
        return hash.value()
    }
}

extension StableHash {
    fileprivate mutating func add(_ tag: UInt8, _ word: UInt64) {
        add(byte: tag)
        for shift in stride(from: UInt64(0), to: 64, by: 8) { add(byte: UInt8(truncatingIfNeeded: word >> shift)) }
    }
}
