import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct SourceEventTests {
    private func shop(
        _ values: String, columns: String = "id INTEGER PRIMARY KEY, customer_id INTEGER, at, subject TEXT"
    ) throws -> Shop {
        try Shop(Shop.customers + "CREATE TABLE complaints (\(columns)); INSERT INTO complaints VALUES \(values);")
    }

    private func source(
        _ shop: Shop, query: String = "SELECT id, customer_id, at, subject FROM complaints", zone: Zone = .utc
    ) throws -> SQLiteCustomerSource {
        var columns = RecordSchema(known: EventColumn.names)
        _ = columns.use("subject")
        var settings = shop.settings(events: [EventQuery(kind: "complaint", query: query, columns: columns)])
        settings.zone = zone
        return try SQLiteCustomerSource(settings)
    }

    private func read(_ source: SQLiteCustomerSource, since horizon: Instant, size: Int = 100) throws -> (
        [EventRow], ScanReport
    ) {
        var rows: [EventRow] = []
        let report = try source.forEachEventPage(kind: "complaint", since: horizon, size: size) { rows += $0 }
        return (rows, report)
    }

    /// One instant, written in every way, and one a second too early.
    @Test(arguments: [
        "'2027-05-04 12:00:00'", "'2027-05-04 12:00'", "'2027-05-04T12:00:00.000Z'", "'2027-05-04T14:00:00+02:00'",
        "'2027-05-05T02:00:00+1400'", "'2027-05-04T00:00:00-12:00'", "1809432000", "1809432000.0", "1809432000000",
    ])
    func findsEventsFromTheHorizonOn(_ written: String) throws {
        for column in ["at", "at TEXT", "at DATETIME", "at INTEGER", "at REAL"] {
            if column == "at TEXT", !written.hasPrefix("'") { continue }
            let shop = try shop(
                "(1, 2, \(written), 'slow')", columns: "id INTEGER PRIMARY KEY, customer_id, \(column), subject")
            let source = try source(shop)
            let (rows, _) = try read(source, since: noon)
            #expect(rows.map(\.id) == ["1"], "\(column)")
            #expect(rows.first?.at == noon && rows.first?.customer == "2")
            #expect(try read(source, since: noon + TimeSpan(microseconds: 1)).0.isEmpty)
        }
    }

    @Test func bareDatesAndTheBusinesssZone() throws {
        let zone = try #require(ZoneCatalog().zone(named: "Pacific/Kiritimati"))
        let source = try source(
            try shop("(1, 2, '2027-05-04', 'slow'), (2, 2, '2027-05-04 10:00', 'slow')"), zone: zone)
        let rows = try read(source, since: noon - .days(2)).0
        #expect(rows.map(\.at) == [noon - .hours(26), noon - .hours(16)])
    }

    @Test func whatIsNoInstantIsNamedAndStopsNothing() throws {
        let source = try source(
            try shop(
                "(1, 2, 'tomorrow', 'a'), (2, 2, '2027-05-04 12:00:00', 'b'), (3, NULL, NULL, 'c'), (4, 2, '9999-99-99', 'd')"
            ))
        let (rows, report) = try read(source, since: noon)
        #expect(rows.map(\.id) == ["2"])
        #expect(report.withoutInstant == 2 && report.withoutInstantIDs == ["1", "4"])
        #expect(try source.lookUpEvents(kind: "complaint", ["1", "2", "3", "9"]).keys.sorted() == ["2"])
    }

    @Test func anEventOfNobody() throws {
        let source = try source(try shop("(1, NULL, 1809432000, 'a'), (2, '', 1809432000, 'b')"))
        #expect(try read(source, since: noon).0.map(\.customer) == [nil, nil])
    }

    @Test func anEventQueryMayLackTheCustomer() throws {
        let source = try source(try shop("(1, 2, 1809432000, 'a')"), query: "SELECT id, at FROM complaints")
        #expect(try read(source, since: noon).0.map(\.customer) == [nil])
    }

    @Test func pagesOfEvents() throws {
        let values = (1...25).map { "(\($0), 1, \(1_809_432_000 + $0), 'x')" }.joined(separator: ", ")
        let source = try source(try shop(values))
        for size in [1, 7, 25, 26] {
            let (rows, report) = try read(source, since: noon + .seconds(6), size: size)
            #expect(rows.map(\.id) == (6...25).map(String.init))
            #expect(report.rows == 20)
        }
    }

    @Test func lookUpReadsThePresent() throws {
        let shop = try shop("(1, 2, 1809432000, 'slow')")
        let source = try source(shop)
        let first = try #require(try source.lookUpEvents(kind: "complaint", ["1"])["1"])
        #expect(first.record.string(3) == "slow")
        #expect(try source.lookUpEvents(kind: "complaint", ["1"])["1"]?.hash == first.hash)
        for edit in ["subject = 'slowly'", "subject = NULL", "subject = 5", "customer_id = 3", "at = 1809432001"] {
            try shop.write(
                "UPDATE complaints SET customer_id = 2, at = 1809432000, subject = 'slow'; UPDATE complaints SET \(edit)"
            )
            #expect(try source.lookUpEvents(kind: "complaint", ["1"])["1"]?.hash != first.hash, "\(edit)")
        }
        try shop.write("DELETE FROM complaints")
        #expect(try source.lookUpEvents(kind: "complaint", ["1"]).isEmpty)
    }

    @Test func kindsNobodyDeclared() throws {
        let source = try source(try shop("(1, 2, 1809432000, 'slow')"))
        #expect(throws: SourceError.unknownEventKind("return")) { try source.lookUpEvents(kind: "return", ["1"]) }
        #expect(throws: SourceError.unknownEventKind("return")) {
            try source.forEachEventPage(kind: "return", since: noon, size: 1) { _ in }
        }
    }

    @Test func anEventQueryWithoutATime() throws {
        let error = #expect(throws: SourceError.self) {
            _ = try source(try shop("(1, 2, 1809432000, 'slow')"), query: "SELECT id, customer_id FROM complaints")
        }
        #expect(
            error?.description == "complaint: the query returns no column called at (it returns id, customer_id); "
                + "name the event's time with AS at")
    }
}
