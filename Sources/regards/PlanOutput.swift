import RegardsCalendar
import RegardsCore
import RegardsDaemon

/// Writes a plan's rows as they come: in the order of time while they are few, else as they are found.
struct PlanOutput {
    /// More are not kept to be sorted.
    static let most = 2_000

    private enum Form {
        case table(PlanTable)
        case json, csv, totals
        case ics(PlanCalendar)
    }

    private var form: Form
    private var totals: PlanTotals
    private let isTotalJSON: Bool
    /// nil once there were too many.
    private var kept: [Forecast.Line]? = []

    init(format: Plan.Format?, isTotal: Bool, range: Range<Instant>, zone: Zone) {
        totals = PlanTotals(range, zone)
        isTotalJSON = isTotal && format == .json
        switch format {
        case _ where isTotal: form = .totals
        case nil: form = .table(PlanTable())
        case .json: form = .json
        case .csv:
            form = .csv
            Terminal.write(bytes: Array(CSV.line(Forecast.Line.columns).utf8))
        case .ics:
            form = .ics(PlanCalendar(now: SystemClock().now()))
            Terminal.write(bytes: Array(PlanCalendar.head.utf8))
        }
    }

    mutating func add(_ lines: [Forecast.Line]) {
        totals.add(lines)
        if case .totals = form { return }
        guard var kept else { return write(lines) }
        kept += lines
        self.kept = nil
        if kept.count > PlanOutput.most { write(kept) } else { self.kept = kept }
    }

    mutating func end() {
        if let kept, !kept.isEmpty { write(kept.sorted(by: Forecast.Line.isEarlier)) }
        kept = nil
        switch form {
        case .ics: Terminal.write(bytes: Array(PlanCalendar.foot.utf8))
        case .totals: totals.print(isJSON: isTotalJSON)
        case .table: totals.chart()
        case .json, .csv: break
        }
    }

    private mutating func write(_ lines: [Forecast.Line]) {
        switch form {
        case .table(var table):
            table.write(lines)
            form = .table(table)
        case .json: Terminal.write(bytes: Array(lines.map { $0.json.description + "\n" }.joined().utf8))
        case .csv: Terminal.write(bytes: Array(lines.map { CSV.line($0.fields) }.joined().utf8))
        case .ics(let calendar): Terminal.write(bytes: Array(lines.map(calendar.event).joined().utf8))
        case .totals: break
        }
    }
}

/// The rows of a plan in columns whose widths the first rows set. On a narrow terminal the zone is its distance from UTC,
/// and step and card stand with their rule and verdict.
struct PlanTable {
    private static let header = ["WHEN (THEIR TIME)", "ZONE", "CUSTOMER", "RULE", "STEP", "CARD", "WHAT"]
    private static let narrowHeader = ["WHEN (THEIR TIME)", "CUSTOMER", "RULE", "WHAT"]

    private var widths: [Int]?
    private var isNarrow = false

    mutating func write(_ lines: [Forecast.Line]) {
        guard !lines.isEmpty else { return }
        let isFirst = widths == nil
        var table = make(lines)
        if isFirst, let room = Terminal.width, table.width > room {
            isNarrow = true
            table = make(lines)
        }
        let fixed = widths ?? table.widths
        widths = fixed
        table.print(fixed: fixed, hasHeader: isFirst)
    }

    private func make(_ lines: [Forecast.Line]) -> Table {
        var table = Table(isNarrow ? PlanTable.narrowHeader : PlanTable.header)
        for line in lines { table.add(isNarrow ? line.narrowCells : line.cells) }
        return table
    }
}

extension Forecast.Line {
    var when: String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(local.date.weekday) \(local.date) \(two(local.time.hour)):\(two(local.time.minute))"
    }

    /// `+02:00`: what the clocks of the customer's zone are ahead of UTC then.
    private var offset: String {
        let seconds = Zone.utc.instant(local.date, local.time).seconds - outreach.dueAt.seconds
        let minutes = abs(seconds) / 60
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
    }

    fileprivate var cells: [String] {
        let key = outreach.key
        let source = zoneSource == .column ? "" : " (\(zoneSource.rawValue)'s)"
        return [when, outreach.zone + source, key.customer, key.rule, key.step, card, what]
    }

    fileprivate var narrowCells: [String] {
        let key = outreach.key
        let goes = verdict.word == "due" && !card.isEmpty ? "due, \(card)" : what
        return ["\(when) \(offset)", key.customer, key.step == "send" ? key.rule : "\(key.rule)/\(key.step)", goes]
    }

    var what: String { words(on: Zone.utc.local(at: SystemClock().now()).date) }

    private var members: [(String, JSON)] {
        let key = outreach.key
        return [
            ("customer", .text(key.customer)), ("rule", .text(key.rule)), ("occasion", .text(key.occasion)),
            ("step", .text(key.step)), ("recipient", .text(key.recipient)), ("card", .text(card)),
            ("due_at", .text(Moment.utc(outreach.dueAt))), ("local", .text("\(local.date)T\(local.time)")),
            ("zone", .text(outreach.zone)), ("zone_from", .text(zoneSource.rawValue)),
            ("expires_at", .optional(outreach.expiresAt.map(Moment.utc))), ("channel", .text(outreach.channel.description)),
            ("verdict", .text(verdict.word)), ("reason", .text(verdict.reason)),
        ]
    }

    var json: JSON { .object(Dictionary(uniqueKeysWithValues: members)) }

    static let columns = [
        "customer", "rule", "occasion", "step", "recipient", "card", "due_at", "local", "zone", "zone_from", "expires_at",
        "channel", "verdict", "reason",
    ]

    /// In the order of `columns`.
    fileprivate var fields: [String] { members.map { if case .text(let text) = $0.1 { text } else { "" } } }
}

/// Comma-separated values as RFC 4180 has them.
enum CSV {
    /// With its CRLF. A field is quoted where it must be, and where a spreadsheet would take it for a formula it is text
    /// all the same: nothing is added to anybody's values.
    static func line(_ fields: [String]) -> String { fields.map(field).joined(separator: ",") + "\r\n" }

    private static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

/// A plan as calendar entries (RFC 5545): what goes is confirmed, what is held is tentative, all else is none.
struct PlanCalendar {
    static let head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Regards//regards plan//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
        .map { $0 + "\r\n" }.joined()
    static let foot = "END:VCALENDAR\r\n"

    private let stamp: String

    init(now: Instant) { stamp = PlanCalendar.utc(now) }

    func event(_ line: Forecast.Line) -> String {
        let word = line.verdict.word
        guard word == "due" || word == "held" else { return "" }
        let key = line.outreach.key
        let id = [key.customer, key.rule, key.occasion, key.step, key.recipient].joined(separator: "\u{1f}")
        var about = ["\(line.when), \(line.outreach.zone)"]
        if !line.card.isEmpty { about.append("card \(line.card)") }
        about.append(line.what)
        let lines = [
            "BEGIN:VEVENT", "UID:\(String(StableHash.of(id), radix: 16))@regards", "DTSTAMP:\(stamp)",
            "DTSTART:\(PlanCalendar.utc(line.outreach.dueAt))",
            "SUMMARY:\(PlanCalendar.escaped("\(key.rule)\(key.step == "send" ? "" : " \(key.step)"), customer \(key.customer)"))",
            "DESCRIPTION:\(PlanCalendar.escaped(about.joined(separator: "\n")))",
            "CATEGORIES:\(PlanCalendar.escaped(key.rule))", "STATUS:\(word == "due" ? "CONFIRMED" : "TENTATIVE")",
            "TRANSP:TRANSPARENT", "END:VEVENT",
        ]
        return lines.map { PlanCalendar.folded($0) + "\r\n" }.joined()
    }

    /// Section 3.3.5, form 2.
    private static func utc(_ instant: Instant) -> String {
        let local = Zone.utc.local(at: instant)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = local.date.description.replacing("-", with: "")
        return "\(date)T\(two(local.time.hour))\(two(local.time.minute))\(two(local.time.second))Z"
    }

    /// Section 3.3.11. Control characters have no place in text.
    private static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", ";", ",":
                out.unicodeScalars.append("\\")
                out.unicodeScalars.append(scalar)
            case "\n": out += "\\n"
            case "\0"..<" ", "\u{7f}": out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Section 3.1: at most 75 octets a line, and no character in two.
    private static func folded(_ line: String) -> String {
        guard line.utf8.count > 75 else { return line }
        var (out, taken) = ("", 0)
        for scalar in line.unicodeScalars {
            let size = UTF8.width(scalar)
            if taken + size > 75 {
                out += "\r\n "
                taken = 1
            }
            out.unicodeScalars.append(scalar)
            taken += size
        }
        return out
    }
}
