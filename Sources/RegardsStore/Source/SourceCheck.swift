import Glibc
import RegardsCalendar
import RegardsCore

import class GRDB.DatabaseQueue

/// What `check` and the daemon's start ask of the source: are the columns there, do their values mean what their
/// names say, and does a look-up reach an index?
extension SQLiteCustomerSource {
    private static let sampleSize = 1000
    private static let slowLookUp = 5000.0

    package func describe() throws -> SourceDescription {
        let connections = try current()
        var description = SourceDescription()
        let sample = try firstPage(size: Self.sampleSize).map(\.record)
        description.sampled = sample.count
        let schema = settings.customers.columns
        description.columns = columnInfos(connections.customers.columns, schema, sample)
        var mistakes = columnMistakes("customers.query", connections.customers.columns, schema, settings.place)
        mistakes += valueMistakes(sample, schema)
        for query in settings.events {
            guard let ready = connections.events[query.kind] else { continue }
            description.eventColumns[query.kind] = columnInfos(ready.columns, query.columns, [])
            mistakes += columnMistakes("events.\(query.kind).query", ready.columns, query.columns, query.place)
        }
        if let rate = try lookUpRate(sample) {
            description.lookUpsPerSecond = rate
            if rate < SQLiteCustomerSource.slowLookUp { mistakes.append(slowLookUp(rate, try lookUpPlan())) }
        }
        description.mistakes = mistakes
        return description
    }

    private func columnInfos(_ columns: [String], _ schema: RecordSchema, _ sample: [Record]) -> [ColumnInfo] {
        columns.map { column in
            let slot = schema.names.firstIndex { RecordQuery.column($0, in: [column]) != nil }
            let isUsed = slot.map { schema.isUsed[$0] } ?? false
            let filled = slot.map { slot in sample.count { $0.isPresent(slot) } } ?? 0
            return ColumnInfo(name: column, isUsed: isUsed, filled: filled)
        }
    }

    // MARK: Columns

    /// Columns that a rule, a condition or a card names and the query lacks; and names that stand for two columns.
    private func columnMistakes(
        _ path: String, _ columns: [String], _ schema: RecordSchema, _ place: Place
    ) -> [Mistake] {
        var mistakes: [Mistake] = []
        var met: Set<String> = []
        for column in columns where !met.insert(column.lowercased()).inserted {
            mistakes.append(
                Mistake(
                    at: place, path: path, "the query returns two columns called \(column); name them apart with AS"))
        }
        for slot in schema.names.indices {
            guard let place = schema.places[slot], RecordQuery.column(schema.names[slot], in: columns) == nil else {
                continue
            }
            let nearest = NearestName.hint(schema.names[slot], among: columns)
            mistakes.append(
                Mistake(at: place, "there is no column called \(schema.names[slot]) in \(path)\(nearest)"))
        }
        return mistakes
    }

    // MARK: Values

    private struct ValueTest {
        var column: CustomerColumn
        var expected: String
        var holds: (Record, Int) -> Bool
    }

    private func valueMistakes(_ sample: [Record], _ schema: RecordSchema) -> [Mistake] {
        let zone = settings.zone
        let tests = [
            ValueTest(column: .birthday, expected: "a date such as 1962-02-18 or 02-18") { $0.birthDate($1) != nil },
            ValueTest(column: .customerSince, expected: "a date or time") { $0.instant($1, zone: zone) != nil },
            ValueTest(column: .lastOrderAt, expected: "a date or time") { $0.instant($1, zone: zone) != nil },
            ValueTest(column: .orderCount, expected: "a number") { $0.number($1) != nil },
            ValueTest(column: .totalSpent, expected: "a number") { $0.number($1) != nil },
        ]
        return tests.compactMap { test -> Mistake? in
            let slot = test.column.rawValue
            let filled = sample.filter { $0.isPresent(slot) }
            let wrong = filled.filter { !test.holds($0, slot) }
            guard let first = wrong.first else { return nil }
            let place = schema.places[slot] ?? settings.place
            let severity: Mistake.Severity = wrong.count == filled.count ? .error : .warning
            // Values are personal data: the id says where to look.
            let found = "found something else in \(wrong.count) of \(filled.count) customers looked at"
            let id = first.string(CustomerColumn.id.rawValue) ?? ""
            return Mistake(
                severity, at: place, path: "customers.query",
                "\(test.column.name): expected \(test.expected), \(found), such as customer \(id)")
        }
    }

    // MARK: Look-up

    private func lookUpRate(_ sample: [Record]) throws -> Double? {
        let ids = sample.prefix(100).compactMap { $0.string(CustomerColumn.id.rawValue) }
        guard !ids.isEmpty else { return nil }
        var best = Double.infinity
        var found = 0
        // The first prepares the statement and warms the cache; a slow one is not asked again.
        for number in 0..<3 where number == 0 || best < 0.05 {
            let start = Self.processorSeconds()
            found = try lookUp(ids).count
            best = min(best, max(Self.processorSeconds() - start, 1e-6))
        }
        return Double(found) / best
    }

    /// Of this thread, on which SQLite works too: a machine that is busy with other things says nothing about a query.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func slowLookUp(_ rate: Double, _ plan: String?) -> Mistake {
        Mistake(
            .warning, at: settings.place, path: settings.lookup == nil ? "customers.query" : "customers.lookup",
            "a look-up by id finds \(Int(rate)) customers a second, and under \(Int(SQLiteCustomerSource.slowLookUp)) a large day "
                + "takes long; " + (plan.map { "SQLite's plan says \($0): " } ?? "")
                + "replace CTEs and window functions by joins, or give lookup: a query of its own with :ids")
    }

    /// The steps of SQLite's plan for a look-up that cost most: whole tables, and rows kept aside. The search for the ids
    /// themselves is none.
    private func lookUpPlan() throws -> String? {
        let connections = try current()
        return try translate(connections.customers) {
            try connections.look.inDatabase { database in
                let statement = try SQLStatement(database, "EXPLAIN QUERY PLAN " + connections.customers.lookup)
                defer { statement.reset() }
                var steps: [String] = []
                while try statement.step() { steps.append(statement.string(3)) }
                let costly = steps.filter { step in
                    SQLiteCustomerSource.costlySteps.contains { step.hasPrefix($0) } && !step.contains("json_each")
                }
                return costly.isEmpty ? nil : costly.prefix(3).map { "\"\($0)\"" }.joined(separator: ", ")
            }
        }
    }

    /// How such steps begin (https://www.sqlite.org/eqp.html).
    private static let costlySteps = ["SCAN ", "MATERIALIZE ", "CO-ROUTINE ", "USE TEMP B-TREE"]
}
