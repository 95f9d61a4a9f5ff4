import Glibc
import RegardsCalendar

/// Where text goes: results to standard output, everything else to standard error, nothing buffered for long.
enum Terminal {
    static func write(_ line: String) { put(line + "\n", STDOUT_FILENO) }
    static func error(_ line: String) { put(line + "\n", STDERR_FILENO) }

    /// A reader that closed the pipe wants no more: that is no error.
    private static func put(_ text: String, _ descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                if errno == EPIPE { exit(0) }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }

    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }
    static var hasColours: Bool { isInteractive && getenv("NO_COLOR") == nil && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false }

    static func bold(_ text: String) -> String { hasColours ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    static func dim(_ text: String) -> String { hasColours ? "\u{1b}[2m\(text)\u{1b}[0m" : text }
}

/// Columns of text, as wide as their widest cell.
struct Table {
    private var rows: [[String]] = []

    init(_ header: [String]) { rows.append(header) }

    mutating func add(_ row: [String]) { rows.append(row) }

    func print() {
        guard rows.count > 1 else { return }
        let columns = rows[0].count
        let widths = (0..<columns).map { column in rows.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
        for (number, row) in rows.enumerated() {
            let cells = row.enumerated().map { column, cell in
                column == columns - 1 ? cell : cell + String(repeating: " ", count: widths[column] - DisplayWidth.of(cell))
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            Terminal.write(number == 0 ? Terminal.bold(line) : line)
        }
    }
}

/// How many cells a text takes in a terminal.
enum DisplayWidth {
    static func of(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    /// Two cells for East Asian wide characters and emoji (Unicode UAX #11), one for all others.
    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
            0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f,
            0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default:
            return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}

/// Values for `--json`, written with sorted keys.
indirect enum JSON {
    case text(String), number(Int), flag(Bool), list([JSON]), object([String: JSON]), null

    static func optional(_ text: String?) -> JSON { text.map { .text($0) } ?? .null }

    var description: String {
        switch self {
        case .text(let text): JSON.quoted(text)
        case .number(let number): String(number)
        case .flag(let flag): flag ? "true" : "false"
        case .list(let items): "[" + items.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0.key)):\($0.value.description)" }.joined(separator: ",") + "}"
        case .null: "null"
        }
    }

    /// RFC 8259, section 7.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// How instants are shown: in a zone, to the second or its fraction where there is one, with the offset, as RFC 3339 has it.
enum Moment {
    static func text(_ instant: Instant, _ zone: Zone) -> String {
        let offset = Int(zone.offset(at: instant))
        let local = zone.local(at: instant)
        let sign = offset < 0 ? "-" : "+"
        let minutes = abs(offset) / 60
        return "\(local.date)T\(clock(local.time))\(fraction(instant))\(sign)\(two(minutes / 60)):\(two(minutes % 60))"
    }

    static func utc(_ instant: Instant) -> String {
        let local = Zone.utc.local(at: instant)
        return "\(local.date)T\(clock(local.time))\(fraction(instant))Z"
    }

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
