// The calendar's figures: `swift run -c release CalendarBenchmarks`. One thread, one run; Foundation
// does the same work beside ours where it can. With `--check` the program fails when a figure misses
// its mark.

import CAllocationCount
import Foundation
import RegardsCalendar

struct Figure {
    var name: String
    var nanoseconds: Double
    var allocations: Double
    var peer: Double?
    /// What the figure must reach: times faster than the peer, or calls in a second.
    var mark: Mark?

    enum Mark {
        case times(Double)
        case perSecond(Double)
    }

    var isMet: Bool {
        switch mark {
        case .times(let factor): (peer ?? 0) / nanoseconds >= factor
        case .perSecond(let rate): 1e9 / nanoseconds >= rate
        case nil: true
        }
    }
}

/// Keeps results alive that nobody looks at.
nonisolated(unsafe) var sink: Int64 = 0

/// Nanoseconds and allocations of one call; the best of five rounds, after one to warm up.
func measure(_ rounds: Int, _ body: (Int) -> Int64) -> (nanoseconds: Double, allocations: Double) {
    for index in 0..<min(rounds, 1000) { sink &+= body(index) }
    var best = Double.infinity
    var allocations = 0
    for _ in 0..<5 {
        let before = allocation_count()
        let start = ContinuousClock.now
        for index in 0..<rounds { sink &+= body(index) }
        let time = ContinuousClock.now - start
        allocations = allocation_count() - before
        best = min(best, Double(time.components.seconds) * 1e9 + Double(time.components.attoseconds) / 1e9)
    }
    return (best / Double(rounds), Double(allocations) / Double(rounds))
}

func figure(_ name: String, _ rounds: Int, mark: Figure.Mark? = nil, peer: Double? = nil, _ body: (Int) -> Int64)
    -> Figure
{
    let result = measure(rounds, body)
    return Figure(name: name, nanoseconds: result.nanoseconds, allocations: result.allocations, peer: peer, mark: mark)
}

// MARK: - What is measured

let catalog = ZoneCatalog()
let names = [
    "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Shanghai",
]
let zones = names.compactMap { catalog.zone(named: $0) }
precondition(zones.count == names.count, "no zone data in \(ZoneCatalog.systemDirectory)")

/// Ten years of instants, scattered by a multiplier without common factors.
let instants = (0..<4096).map { Instant(seconds: 1_767_225_600 + Int64($0) * 2_654_435_761 % 315_360_000) }
let dates = instants.map { Zone.utc.local(at: $0).date }

let commonest = [
    "minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "*-*-* 09:00", "Mon..Fri *-*-* 09:00",
    "Mon *-*-* 08:30", "Sat,Sun 10:00", "*-*-01 00:00", "*-*-01,15 10:00", "*-*-15", "*:0/15", "*-*-* 00/6:00:00",
    "*-*~01 18:00", "Mon *-*-1..7 09:00", "*-12-24 12:00", "*-01,04,07,10-01 09:00 Europe/Berlin",
]
let expressions = try commonest.map { try OnCalendar($0, zones: catalog) }

var figures: [Figure] = []

// Next local 09:00.
let nine = WallTime(hour: 9, minute: 0) ?? .midnight
let foundationCalendars = names.map { name in
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: name) ?? .gmt
    return calendar
}
let foundationDates = instants.map { Date(timeIntervalSince1970: Double($0.seconds)) }
let nineComponents = DateComponents(hour: 9, minute: 0, second: 0)
let foundationNext = measure(4096) { index in
    let next = foundationCalendars[index % names.count].nextDate(
        after: foundationDates[index % 4096], matching: nineComponents, matchingPolicy: .nextTime)
    return Int64(next?.timeIntervalSince1970 ?? 0)
}
figures.append(
    figure("next local 09:00", 1_000_000, mark: .times(100), peer: foundationNext.nanoseconds) { index in
        zones[index % zones.count].next(nine, after: instants[index & 4095]).seconds
    })

// Lunar dates.
var chinese = Calendar(identifier: .chinese)
chinese.timeZone = TimeZone(identifier: "Asia/Shanghai") ?? .gmt
let foundationLunar = measure(4096) { index in
    let parts = chinese.dateComponents([.year, .month, .day, .isLeapMonth], from: foundationDates[index % 4096])
    return Int64(parts.day ?? 0)
}
figures.append(
    figure("lunar date of a day", 1_000_000, mark: .times(100), peer: foundationLunar.nanoseconds) { index in
        guard let lunar = try? LunarDate(dates[index & 4095]) else { return 0 }
        return Int64(lunar.day)
    })

// Calendar expressions.
figures.append(
    figure("next elapse, 20 commonest", 1_000_000, mark: .perSecond(1_000_000)) { index in
        expressions[index % 20].next(after: instants[index & 4095], in: zones[index % zones.count])?.seconds ?? 0
    })
figures.append(
    figure("parse, 20 commonest", 200_000, mark: .perSecond(200_000)) { index in
        (try? OnCalendar(commonest[index % 20], zones: catalog)) == nil ? 0 : 1
    })
figures.append(
    figure("normal form, 20 commonest", 200_000) { index in Int64(expressions[index % 20].description.utf8.count) })

// The planning path of birthdays: 26 hours ahead, in the customer's zone.
let births = dates.map { BirthDate($0 - 12_000) }
let lunarBirths = dates.compactMap { try? LunarBirthDate($0 - 12_000) }
let rule = Anniversary(years: [])
let window = dates[0]..<dates[0] + 3
figures.append(
    figure("plan a birthday", 1_000_000) { index in
        var found: Int64 = 0
        rule.forEach(of: births[index & 4095], in: window) { occasion in
            found += zones[index % zones.count].instant(occasion.date, nine).seconds
        }
        return found
    })
figures.append(
    figure("plan a lunar birthday", 1_000_000) { index in
        var found: Int64 = 0
        rule.forEach(of: lunarBirths[index & 4095], in: window) { occasion in
            found += zones[index % zones.count].instant(occasion.date, nine).seconds
        }
        return found
    })
let feasts = FeastCatalog().all
figures.append(
    figure("plan a feast", 1_000_000) { index in
        var found: Int64 = 0
        feasts[index % feasts.count].rule.forEach(in: window) { date, _ in found += Int64(date.dayNumber) }
        return found
    })

// Clocks.
figures.append(
    figure("wall clock at an instant", 1_000_000) { index in
        Int64(zones[index % zones.count].local(at: instants[index & 4095]).time.secondOfDay)
    })
let workdays: [Weekday] = [.monday, .tuesday, .wednesday, .thursday, .friday]
let hours = WeeklyHours(
    Dictionary(uniqueKeysWithValues: workdays.map { ($0, [WeeklyHours.Interval("09:00-17:30")].compactMap { $0 }) }))
figures.append(
    figure("deadline after 24 open hours", 500_000) { index in
        hours.deadline(from: instants[index & 4095], after: .hours(24), in: zones[index % zones.count])?.seconds ?? 0
    })
let quiet = QuietHours(hours: (WallTime(hour: 21, minute: 0) ?? .midnight, WallTime(hour: 8, minute: 0) ?? .midnight))
figures.append(
    figure("next allowed by quiet hours", 1_000_000) { index in
        quiet?.nextAllowed(from: instants[index & 4095], in: zones[index % zones.count]).seconds ?? 0
    })

// MARK: - The table

func column(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

print(
    "what".padding(toLength: 30, withPad: " ", startingAt: 0) + column("ns", 10) + column("a second", 14)
        + column("allocations", 13) + column("Foundation ns", 15) + column("ratio", 8) + "  mark")
for figure in figures {
    let mark: String =
        switch figure.mark {
        case .times(let factor): "\(Int(factor)) times: \(figure.isMet ? "met" : "MISSED")"
        case .perSecond(let rate): "\(Int(rate)) a second: \(figure.isMet ? "met" : "MISSED")"
        case nil: ""
        }
    print(
        figure.name.padding(toLength: 30, withPad: " ", startingAt: 0)
            + column(String(format: "%.1f", figure.nanoseconds), 10) + column(String(Int(1e9 / figure.nanoseconds)), 14)
            + column(String(format: "%.2f", figure.allocations), 13)
            + column(figure.peer.map { String(format: "%.0f", $0) } ?? "", 15)
            + column(figure.peer.map { String(format: "%.0f", $0 / figure.nanoseconds) } ?? "", 8) + "  " + mark)
}

let mayAllocate: Set<String> = ["parse, 20 commonest", "normal form, 20 commonest"]
let allocating = figures.filter { $0.allocations > 0.001 && !mayAllocate.contains($0.name) }
for figure in allocating { print("ALLOCATES: \(figure.name), \(figure.allocations) a call") }
if CommandLine.arguments.contains("--check"), !allocating.isEmpty || !figures.allSatisfy(\.isMet) { exit(1) }
