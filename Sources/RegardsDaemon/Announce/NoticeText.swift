import Glibc
import RegardsCalendar

/// The words of a notice as one line of text.
enum NoticeText {
    /// `sent rule=birthday-card customer=17 …`: constant words, then fixed keys. Values with a space, a quote or a
    /// control character are quoted, so that a customer id from somebody's database can neither break a line nor
    /// forge a key.
    static func line(_ notice: Notice, hash: AddressHash) -> String {
        var line = notice.kind.message
        for field in notice.fields(hash: hash) { line += " \(field.name)=\(quoted(field.value))" }
        if !notice.detail.isEmpty { line += ": " + printable(notice.detail) }
        return line
    }

    /// The text itself where it is plain, else in double quotes with escapes.
    static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.unicodeScalars.allSatisfy { $0 > " " && $0 != "\"" && $0 != "\\" && !isControl($0) }
        guard !isPlain else { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result += "\\" }
            append(scalar, to: &result)
        }
        return result + "\""
    }

    /// Without anything that a terminal would obey: control characters and marks that turn the writing direction are
    /// shown as `\u{1b}`; line ends become ` | `.
    static func printable(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline)
        return lines.map { line in
            var result = ""
            for scalar in line.unicodeScalars { append(scalar, to: &result) }
            return result
        }.joined(separator: " | ")
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        if isControl(scalar) {
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
        // Bidirectional overrides and isolates; joiners stay, names of several scripts need them.
        case .format: (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        default: false
        }
    }

    /// `2027-05-01T07:00:00Z`.
    static func utc(_ instant: Instant) -> String {
        let day = floorDivide(instant.seconds, 86_400)
        let (year, month, dayOfMonth) = CivilDate(dayNumber: Int32(clamping: day)).components
        let time = clock(Int(instant.seconds - day * 86_400))
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))T\(time)Z"
    }

    /// `09:00:03` of the zone, or of the machine's own where none is given.
    static func localClock(_ instant: Instant, zone: Zone?) -> String {
        if let zone { return clock(Int(zone.local(at: instant).time.secondOfDay)) }
        var seconds = time_t(instant.seconds)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return clock(Int(parts.tm_hour) * 3600 + Int(parts.tm_min) * 60 + Int(parts.tm_sec))
    }

    private static func clock(_ second: Int) -> String {
        "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))"
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
