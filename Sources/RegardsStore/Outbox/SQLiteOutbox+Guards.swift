import GRDB
import RegardsCalendar
import RegardsCore

/// Where the guards' figures stand in `meta`.
private enum FigureKey {
    static let customers = "guard_customers"
    static let customersAt = "guard_customers_at"
    static let trippedSince = "guard_tripped_since"
    static let collapsedSince = "guard_collapsed_since"
    static let confirmedAt = "guard_confirmed_at"
    /// And the day's number behind it.
    static let planned = "guard_planned:"
    /// By primary key; ';' follows ':'.
    static let allPlanned = "SELECT key, value FROM meta WHERE key > 'guard_planned:' AND key < 'guard_planned;'"
}

extension SQLiteOutbox {
    package func guardFigures() throws -> GuardFigures { try read { try Self.figures($0) } }

    @discardableResult
    package func updateGuardFigures(_ change: (inout GuardFigures) -> Void) throws -> GuardFigures {
        try write { database in
            let before = try Self.figures(database)
            var after = before
            change(&after)
            for (key, value) in after.stored where before.stored[key] != value {
                try Meta.set(key, value, database)
            }
            for key in before.stored.keys where after.stored[key] == nil { try Meta.set(key, nil, database) }
            return after
        }
    }

    private static func figures(_ database: Database) throws -> GuardFigures {
        func instant(_ key: String) throws -> Instant? {
            try Meta.value(key, database).flatMap { Int64($0) }.map(Instant.init(microseconds:))
        }
        return GuardFigures(
            customers: try Meta.value(FigureKey.customers, database).flatMap { Int($0) },
            customersAt: try instant(FigureKey.customersAt), planned: try planned(database),
            trippedSince: try instant(FigureKey.trippedSince), collapsedSince: try instant(FigureKey.collapsedSince),
            confirmedAt: try instant(FigureKey.confirmedAt))
    }

    private static func planned(_ database: Database) throws -> [CivilDate: Int] {
        let statement = try SQLStatement(database, FigureKey.allPlanned)
        defer { statement.reset() }
        var planned: [CivilDate: Int] = [:]
        while try statement.step() {
            guard let day = Int32(statement.string(0).dropFirst(FigureKey.planned.count)) else { continue }
            planned[CivilDate(dayNumber: day)] = Int(statement.string(1))
        }
        return planned
    }
}

extension GuardFigures {
    fileprivate var stored: [String: String] {
        var stored: [String: String] = [:]
        stored[FigureKey.customers] = customers.map(String.init)
        for (key, instant) in [
            (FigureKey.customersAt, customersAt), (FigureKey.trippedSince, trippedSince),
            (FigureKey.collapsedSince, collapsedSince), (FigureKey.confirmedAt, confirmedAt),
        ] {
            stored[key] = instant.map { String($0.microseconds) }
        }
        for (day, count) in planned { stored[FigureKey.planned + String(day.dayNumber)] = String(count) }
        return stored
    }
}
