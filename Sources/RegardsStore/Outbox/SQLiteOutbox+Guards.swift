import GRDB
import RegardsCalendar
import RegardsCore

/// Where the guards' figures stand in `meta`.
private enum FigureKey {
    static let customers = "guard_customers"
    static let customersAt = "guard_customers_at"
    static let collapsedSince = "guard_collapsed_since"
    static let customersSeen = "guard_customers_seen"
    static let trippedSince = "guard_tripped_since"
    static let added = "guard_added"
    static let planned = "guard_planned"
    static let suspectedSince = "guard_suspected_since"
    static let carried = "guard_carried"
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
        func number(_ key: String) throws -> Int? { try Meta.value(key, database).flatMap { Int($0) } }
        func instant(_ key: String) throws -> Instant? {
            try Meta.value(key, database).flatMap { Int64($0) }.map(Instant.init(microseconds:))
        }
        return GuardFigures(
            customers: try number(FigureKey.customers), customersAt: try instant(FigureKey.customersAt),
            collapsedSince: try instant(FigureKey.collapsedSince), customersSeen: try number(FigureKey.customersSeen),
            trippedSince: try instant(FigureKey.trippedSince), added: try number(FigureKey.added),
            planned: try number(FigureKey.planned), suspectedSince: try instant(FigureKey.suspectedSince),
            carried: try number(FigureKey.carried))
    }
}

extension GuardFigures {
    fileprivate var stored: [String: String] {
        let numbers = [
            (FigureKey.customers, customers), (FigureKey.customersSeen, customersSeen), (FigureKey.added, added),
            (FigureKey.planned, planned), (FigureKey.carried, carried),
        ]
        let instants = [
            (FigureKey.customersAt, customersAt), (FigureKey.collapsedSince, collapsedSince),
            (FigureKey.trippedSince, trippedSince), (FigureKey.suspectedSince, suspectedSince),
        ]
        var stored: [String: String] = [:]
        for (key, number) in numbers { stored[key] = number.map(String.init) }
        for (key, instant) in instants { stored[key] = instant.map { String($0.microseconds) } }
        return stored
    }
}
