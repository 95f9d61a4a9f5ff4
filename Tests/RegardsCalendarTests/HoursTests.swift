import Foundation
import RegardsCalendar
import Testing

@Suite struct HoursTests {
    struct Row: Decodable {
        var zone: String
        var hours: [String: [[String]]]
        var holidays: [String]
        var start, minutes, deadline: Int64
    }

    private static func hours(_ row: Row) throws -> WeeklyHours {
        var intervals: [Weekday: [WeeklyHours.Interval]] = [:]
        for (day, pairs) in row.hours {
            intervals[try #require(Weekday(day))] = try pairs.map {
                try #require(WeeklyHours.Interval("\($0[0])-\($0[1])"))
            }
        }
        return WeeklyHours(intervals, closed: Set(try row.holidays.map(Oracle.date)))
    }

    @Test func deadlinesAgreeWithTheTable() throws {
        try Oracle.check("business_hours", Row.self) { row in
            let zone = try Oracle.zone(row.zone)
            let hours = try HoursTests.hours(row)
            let start = Instant(seconds: row.start)
            let deadline = try #require(hours.deadline(from: start, after: .minutes(row.minutes), in: zone))
            guard deadline.seconds == row.deadline else { return "\(deadline)" }
            guard row.minutes > 0 else { return hours.isOpen(at: deadline, in: zone) ? nil : "closed at the opening" }
            let open = hours.openTime(from: start, to: deadline, in: zone)
            guard open == .minutes(row.minutes) else { return "open time \(open.seconds)" }
            // Back again: the same instant where the start was open, else the opening after it.
            let back = hours.instant(before: deadline, by: .minutes(row.minutes), in: zone)
            return back == hours.nextOpening(from: start, in: zone) ? nil : "back \(String(describing: back))"
        }
    }
}
