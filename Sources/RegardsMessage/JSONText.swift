import RegardsCalendar

/// Writes and checks JSON (RFC 8259), for webhook bodies.
enum JSONText {
    /// The inside of a string: quotes, backslashes and control characters escaped.
    static func appendEscaped(_ text: String, to json: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                json.append(UInt8(ascii: "\\"))
                json.append(byte)
            case 0x0a: json.append(contentsOf: Array("\\n".utf8))
            case 0..<0x20, 0x7f:
                json.append(contentsOf: Array("\\u00".utf8))
                json.append(TransferEncoding.hexDigits[Int(byte >> 4)])
                json.append(TransferEncoding.hexDigits[Int(byte & 15)])
            default: json.append(byte)
            }
        }
    }

    static func appendString(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        appendEscaped(text, to: &json)
        json.append(UInt8(ascii: "\""))
    }

    /// Groups as objects with sorted keys, dates and moments in ISO 8601, spans in seconds.
    static func append(_ value: CardFields.Value, to json: inout [UInt8]) {
        switch value {
        case .null: json.append(contentsOf: Array("null".utf8))
        case .text(let text): appendString(text, to: &json)
        case .span(let span): json.append(contentsOf: Array(String(span.seconds).utf8))
        case .month(let month): json.append(contentsOf: Array(String(month).utf8))
        case .date(let date): appendString(LocalText.iso(date), to: &json)
        case .moment(let instant, let zone): appendString(StampText.rfc3339(instant, zone), to: &json)
        case .zodiac(let animal): appendString(LocalText.animals[animal], to: &json)
        case .group(let members): append(members, to: &json)
        case .list(let items): append(items, to: &json)
        }
    }

    private static func append(_ items: [[String: CardFields.Value]], to json: inout [UInt8]) {
        json.append(UInt8(ascii: "["))
        for (index, item) in items.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            append(item, to: &json)
        }
        json.append(UInt8(ascii: "]"))
    }

    static func append(_ members: [String: CardFields.Value], to json: inout [UInt8]) {
        json.append(UInt8(ascii: "{"))
        for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            appendString(member.key, to: &json)
            json.append(UInt8(ascii: ":"))
            append(member.value, to: &json)
        }
        json.append(UInt8(ascii: "}"))
    }

    /// The offset of the first byte that makes the text no JSON; nil for one correct value.
    static func firstFault(in bytes: [UInt8]) -> Int? {
        var reader = JSONReader(bytes: bytes)
        guard reader.value(depth: 0) else { return reader.position }
        reader.space()
        return reader.position == bytes.count ? nil : reader.position
    }
}

/// Reads over one JSON value without building anything; stops at the first fault.
private struct JSONReader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func space() {
        while let byte = next, byte == 0x20 || (0x09...0x0d).contains(byte) && byte != 0x0b && byte != 0x0c { position += 1 }
    }

    mutating func value(depth: Int) -> Bool {
        guard depth < 64 else { return false }
        space()
        switch next {
        case UInt8(ascii: "{"): return members(depth: depth, close: UInt8(ascii: "}"), named: true)
        case UInt8(ascii: "["): return members(depth: depth, close: UInt8(ascii: "]"), named: false)
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func members(depth: Int, close: UInt8, named: Bool) -> Bool {
        position += 1
        space()
        if next == close {
            position += 1
            return true
        }
        while true {
            if named {
                space()
                guard string() else { return false }
                space()
                guard take(UInt8(ascii: ":")) else { return false }
            }
            guard value(depth: depth + 1) else { return false }
            space()
            if take(close) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func string() -> Bool {
        guard take(UInt8(ascii: "\"")) else { return false }
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return true
            case UInt8(ascii: "\\"):
                position += 1
                guard escape() else { return false }
            case 0..<0x20: return false
            default: position += 1
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let byte = next else { return false }
        guard "\"\\/bfnrtu".utf8.contains(byte) else { return false }
        position += 1
        guard byte == UInt8(ascii: "u") else { return true }
        for _ in 0..<4 {
            guard let digit = next, Character(Unicode.Scalar(digit)).isHexDigit else { return false }
            position += 1
        }
        return true
    }

    private mutating func number() -> Bool {
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {} else if !digits() { return false }
        if take(UInt8(ascii: ".")), !digits() { return false }
        if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position > start
    }

    private mutating func word(_ word: String) -> Bool {
        for byte in word.utf8 {
            guard take(byte) else { return false }
        }
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }
}
