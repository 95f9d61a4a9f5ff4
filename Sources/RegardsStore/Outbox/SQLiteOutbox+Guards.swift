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
    /// `KIND SINCE BEFORE` for each, in lines.
    static let floods = "guard_floods"
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
            carried: try number(FigureKey.carried),
            floods: EventFlood.read(try Meta.value(FigureKey.floods, database) ?? ""))
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
        if !floods.isEmpty { stored[FigureKey.floods] = EventFlood.text(floods) }
        return stored
    }
}

extension EventFlood {
    fileprivate static func text(_ floods: [String: EventFlood]) -> String {
        floods.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value.since.microseconds) \($0.value.before.microseconds)" }
            .joined(separator: "\n")
    }

    fileprivate static func read(_ text: String) -> [String: EventFlood] {
        var floods: [String: EventFlood] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, let since = Int64(words[1]), let before = Int64(words[2]) else { continue }
            floods[String(words[0])] = EventFlood(since: Instant(microseconds: since), before: Instant(microseconds: before))
        }
        return floods
    }
}
