import RegardsCalendar
import RegardsCore
import RegardsDaemon

/// What goes on which day, by rule: numbers, or a small chart for a terminal.
struct PlanTotals {
    private var byDay: [String: [CivilDate: Int]] = [:]
    private let days: ClosedRange<CivilDate>

    /// - Parameter zone: of the days where the period begins and ends; messages count on their own local days.
    init(_ range: Range<Instant>, _ zone: Zone) {
        let first = zone.local(at: range.lowerBound).date
        days = first...max(first, zone.local(at: range.upperBound - TimeSpan(microseconds: 1)).date)
    }

    init(_ counts: [Simulation.DayAndRule: Int], _ range: Range<Instant>, _ zone: Zone) {
        self.init(range, zone)
        for (key, count) in counts { byDay[key.rule, default: [:]][key.day, default: 0] += count }
    }

    mutating func add(_ lines: [Forecast.Line]) {
        for line in lines where line.verdict.word == "due" || line.verdict.word == "sent" {
            byDay[line.outreach.key.rule, default: [:]][line.local.date, default: 0] += 1
        }
    }

    func print(isJSON: Bool) {
        let rows = byDay.flatMap { rule, counts in counts.map { (day: $0.key, rule: rule, count: $0.value) } }
            .sorted { ($0.day, $0.rule) < ($1.day, $1.rule) }
        if isJSON {
            for row in rows {
                Terminal.write(
                    JSON.object(["day": .text("\(row.day)"), "rule": .text(row.rule), "due": .number(row.count)]).description)
            }
            return
        }
        var table = Table(["DAY (THEIRS)", "RULE", "DUE"], numbers: [2])
        for row in rows { table.add(["\(row.day.weekday) \(row.day)", row.rule, "\(row.count)"]) }
        table.print()
        chart()
    }

    /// A line for each rule, a cell for each day, or for as many as there has to be room for; on a terminal alone.
    func chart() {
        guard let width = Terminal.width, !byDay.isEmpty, days.lowerBound < days.upperBound else { return }
        let first = min(days.lowerBound, byDay.values.flatMap(\.keys).min() ?? days.lowerBound)
        let last = max(days.upperBound, byDay.values.flatMap(\.keys).max() ?? days.upperBound)
        let count = last - first + 1
        let names = min(24, byDay.keys.map(DisplayWidth.of).max() ?? 0)
        let numbers = byDay.values.map { "\($0.values.reduce(0, +))".count }.max() ?? 1
        let room = max(10, min(width, 160) - names - numbers - 4)
        let step = (count + room - 1) / room
        let cells = (count + step - 1) / step
        let unit = step == 1 ? "a day" : step == 7 ? "a week" : "\(step) days"
        Terminal.write("")
        Terminal.write(Terminal.dim("\(first) to \(last), \(unit) a cell"))
        for (rule, counts) in byDay.sorted(by: { $0.key < $1.key }) {
            var bars = Array(repeating: 0, count: cells)
            for (day, count) in counts { bars[(day - first) / step] += count }
            let total = DisplayWidth.paddedLeft("\(counts.values.reduce(0, +))", numbers)
            let name = DisplayWidth.padded(DisplayWidth.cut(rule, to: names), names)
            Terminal.write("\(name)  \(PlanTotals.bars(bars))  \(total)")
        }
    }

    /// Eighths of a cell; what is there is seen, however little.
    private static func bars(_ values: [Int]) -> String {
        let signs = Array("▁▂▃▄▅▆▇█")
        let most = max(1, values.max() ?? 1)
        return String(values.map { $0 == 0 ? "·" : signs[min(7, $0 * 8 / (most + 1))] })
    }
}
