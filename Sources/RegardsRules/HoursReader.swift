import RegardsCalendar
import RegardsCore

/// Reads `hours:`, when the business is open.
struct HoursReader {
    private static let days = "days such as mon-fri, sat, or mon,wed"
    private static let intervals = "hours such as 09:00-18:00, until 24:00 at the latest"

    /// `{mon-fri: 09:00-18:00, sat: [09:00-12:00, 13:00-16:00]}`; a day that is not named is closed.
    static func hours(_ item: Item, closed: Set<CivilDate>) -> WeeklyHours? {
        guard let entries = item.entries() else { return nil }
        guard !entries.isEmpty else { return item.refuse(.empty("at least one day with its hours")) }
        var week: [Weekday: [WeeklyHours.Interval]] = [:]
        for entry in entries {
            guard let days = Weekday.set(entry.name.split(separator: "-").joined(separator: "..")) else {
                item.fail(.expected(HoursReader.days, got: entry.name), at: entry.place)
                continue
            }
            let intervals = intervals(entry.item)
            for day in days.sorted(by: { $0.rawValue < $1.rawValue }) {
                if week.updateValue(intervals, forKey: day) != nil {
                    item.fail(.outside("each day once", got: day.description), at: entry.place)
                }
            }
        }
        return WeeklyHours(week, closed: closed)
    }

    private static func intervals(_ item: Item) -> [WeeklyHours.Interval] {
        var found: [WeeklyHours.Interval] = []
        for item in item.oneOrMore() {
            guard let interval = item.parsed(HoursReader.intervals, { WeeklyHours.Interval($0) }) else { continue }
            if found.contains(where: { $0.start < interval.end && interval.start < $0.end }) {
                item.fail(.outside("hours that do not overlap", got: item.scalar ?? ""))
            }
            found.append(interval)
        }
        return found
    }
}
