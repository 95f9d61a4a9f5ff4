/// Ids as a JSON array for `json_each`.
///
/// The ledger keeps every id as text; the database has it in a type of its own. SQLite finds a row by an index only when
/// the value compares as the column does: text against an INTEGER column does, by the column's affinity, but an
/// expression has none, and there `7` and `'7'` differ. So each id that reads as a number stands twice, as a number and
/// as text. What this finds too much (`7` for `'007'`) the caller drops by comparing the id it gets back.
enum IDList {
    static func json(_ ids: some Collection<String>) -> String {
        var json = "["
        for id in ids {
            if json.utf8.count > 1 { json += "," }
            appendQuoted(id, to: &json)
            if let number = number(id) { json += "," + number }
        }
        return json + "]"
    }

    /// Texts as a JSON array, for the ledger, which keeps every id as text.
    static func texts(_ texts: some Collection<String>) -> String {
        var json = "["
        for text in texts {
            if json.utf8.count > 1 { json += "," }
            append(text, to: &json)
        }
        return json + "]"
    }

    /// Appends the text as a JSON string; hardly any id has something to escape.
    static func append(_ text: String, to json: inout String) {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }) else {
            json += "\""
            json += text
            json += "\""
            return
        }
        appendQuoted(text, to: &json)
    }

    /// The id as a JSON number, where reading it as one and writing it again gives the same text.
    private static func number(_ id: String) -> String? {
        guard let first = id.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first) else { return nil }
        if let integer = Int64(id) { return String(integer) == id ? id : nil }
        guard let real = Double(id), real.isFinite, String(real) == id else { return nil }
        return id
    }

    private static func appendQuoted(_ text: String, to json: inout String) {
        json.append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json.append("\\\"")
            case "\\": json.append("\\\\")
            case "\0"..<" ":
                let hex = String(scalar.value, radix: 16)
                json.append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: json.unicodeScalars.append(scalar)
            }
        }
        json.append("\"")
    }
}
