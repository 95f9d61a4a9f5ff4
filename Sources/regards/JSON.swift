import RegardsCalendar
import RegardsDaemon

/// Values for `--json`, written with sorted keys (RFC 8259).
indirect enum JSON {
    case text(String), number(Int), truth(Bool), list([JSON]), object([String: JSON]), null

    static func optional(_ text: String?) -> JSON { text.map { .text($0) } ?? .null }

    static func counts(_ counts: [String: Int]) -> JSON { .object(counts.mapValues { .number($0) }) }

    var description: String {
        switch self {
        case .text(let text): JSON.quoted(text)
        case .number(let number): String(number)
        case .truth(let truth): truth ? "true" : "false"
        case .list(let items): "[" + items.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0.key)):\($0.value.description)" }
                .joined(separator: ",") + "}"
        case .null: "null"
        }
    }

    /// Section 7; also control characters that JSON allows and a terminal would obey are escaped.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\0"..<" ", "\u{7f}"..."\u{9f}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// How instants are shown: to the second, or its fraction where there is one, as RFC 3339 has it.
enum Moment {
    /// By the clocks of a zone, with the offset.
    static func text(_ instant: Instant, _ zone: Zone) -> String {
        let offset = Int(zone.offset(at: instant))
        let local = zone.local(at: instant)
        let minutes = abs(offset) / 60
        let sign = offset < 0 ? "-" : "+"
        return "\(local.date)T\(clock(local.time))\(fraction(instant))\(sign)\(two(minutes / 60)):\(two(minutes % 60))"
    }

    static func utc(_ instant: Instant) -> String {
        let local = Zone.utc.local(at: instant)
        return "\(local.date)T\(clock(local.time))\(fraction(instant))Z"
    }

    /// For people: `Mon 2027-05-03 09:00`, by the clocks of a zone that the reader knows.
    static func short(_ instant: Instant, _ zone: Zone) -> String { Words.moment(instant, zone) }

    private static func clock(_ time: WallTime) -> String { "\(two(time.hour)):\(two(time.minute)):\(two(time.second))" }

    /// Nothing for a whole second, which nearly all are.
    private static func fraction(_ instant: Instant) -> String {
        let microseconds = instant.microseconds - instant.seconds * 1_000_000
        guard microseconds > 0 else { return "" }
        var digits = String(microseconds)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return "." + digits
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
