import Foundation
import RegardsCalendar
import Testing

@Suite struct OnCalendarTests {
    struct Row: Decodable {
        var id, expr, zone: String
        var normalized: String?
        var base: Int64
        var next: [Int64]
        var next_us: [Int64]?
        var capped, quirk: Bool?
    }

    @Test func occurrencesAgreeWithTheTable() throws {
        try Oracle.check("oncalendar", Row.self, excused: { $0.capped == true || $0.quirk == true }) { row in
            let expression = try OnCalendar(row.expr, zones: Oracle.zones)
            if let normalized = row.normalized, expression.description != normalized { return "normal form \(expression)" }
            let zone = try Oracle.zone(row.zone)
            var instant = Instant(seconds: row.base)
            var found: [Instant] = []
            while found.count < 10, let next = expression.next(after: instant, in: zone) {
                found.append(next)
                instant = next
            }
            let expected = row.next_us ?? row.next.map { $0 * 1_000_000 }
            if row.capped == true { return "\(row.id) \(row.expr): we answer \(found)" }
            guard found.map(\.microseconds) != expected else { return nil }
            return "\(row.id) \(row.expr) in \(row.zone) after \(Instant(seconds: row.base)): we answer \(found)"
        }
    }

    struct InvalidRow: Decodable {
        var expr: String
    }

    @Test func badTextIsRefused() throws {
        try Oracle.check("oncalendar_invalid", InvalidRow.self) { row in
            do {
                let expression = try OnCalendar(row.expr, zones: Oracle.zones)
                return "accepted as \(expression)"
            } catch let error as OnCalendarError {
                guard error.offset >= 0, error.offset <= row.expr.count, !error.message.isEmpty else { return "\(error)" }
                if ProcessInfo.processInfo.environment["SHOW"] != nil { print("«\(row.expr)» \(error)") }
                return nil
            }
        }
    }
}
