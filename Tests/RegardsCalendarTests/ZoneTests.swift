import Foundation
import RegardsCalendar
import Testing

@Suite struct ZoneTests {
    struct LocalRow: Decodable {
        var zone, date, time, kind: String
        var shift, after: Int64
        var second: Int64?
    }

    @Test func wallTimesAgreeWithTheTable() throws {
        try Oracle.check("timezone_local", LocalRow.self) { row in
            let zone = try Oracle.zone(row.zone)
            let (date, time) = (try Oracle.date(row.date), try Oracle.time(row.time))
            let expected: Resolution =
                switch row.kind {
                case "gap": .gap(shifted: Instant(seconds: row.shift), firstAfter: Instant(seconds: row.after))
                case "overlap": .overlap(first: Instant(seconds: row.shift), second: Instant(seconds: row.second ?? 0))
                default: .unique(Instant(seconds: row.shift))
                }
            let answer = zone.resolve(date, time)
            guard answer == expected else { return "\(answer)" }
            guard row.kind != "gap" else { return nil }
            let back = zone.local(at: Instant(seconds: row.shift))
            return back == LocalTime(date: date, time: time) ? nil : "back: \(back)"
        }
    }

    struct DailyRow: Decodable {
        var zone, time: String
        var from, shift, after: Int64
    }

    @Test func nextDailyAgreesWithTheTable() throws {
        try Oracle.check("timezone_next_daily", DailyRow.self) { row in
            let zone = try Oracle.zone(row.zone)
            let time = try Oracle.time(row.time)
            let from = Instant(seconds: row.from)
            let today = zone.local(at: from).date
            let shifted = zone.next(time, after: from)
            let after = (-2...3).map { offset -> Instant in
                if case .gap(_, let first) = zone.resolve(today + offset, time) { return first }
                return zone.instant(today + offset, time)
            }.filter { $0 > from }.min()
            guard shifted.seconds == row.shift else { return "shift \(shifted)" }
            return after?.seconds == row.after ? nil : "after \(String(describing: after))"
        }
    }
}
