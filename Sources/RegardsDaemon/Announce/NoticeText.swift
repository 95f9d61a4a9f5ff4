import RegardsCalendar

/// The words of a notice as one line of text.
package enum NoticeText {
    /// `sent rule=birthday-card customer=17 …`: constant words, then fixed keys. Values with a space, a quote or a
    /// control character are quoted, so that a customer id from somebody's database can neither break a line nor
    /// forge a key.
    static func line(_ notice: Notice, hash: AddressHash) -> String {
        var line = notice.kind.message
        for field in notice.fields(hash: hash) { line += " \(field.name)=\(quoted(field.value))" }
        if !notice.detail.isEmpty { line += ": " + printable(notice.detail) }
        return line
    }

    /// What the number of a notice counts, in words for people; its name where that says it.
    static func words(of name: StaticString) -> String {
        switch name.description {
        case "inserted": "messages planned"
        case "updated": "moved"
        case "reopened": "owed again"
        default: name.description.replacing("_", with: " ")
        }
    }

    /// The text itself where it is plain, else in double quotes with escapes.
    static func quoted(_ text: String) -> String {
        // Most values are letters, digits and a few signs.
        if !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }) { return text }
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
    package static func printable(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) { return text }
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

    /// `09:00:03`.
    static func clock(_ time: WallTime) -> String {
        time.second == 0 ? "\(time):00" : time.description
    }
}
