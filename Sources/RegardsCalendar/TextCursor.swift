/// A reading position in the bytes of a short text: what every parser of this target is built on.
///
/// Works on bytes, because all the grammars here are ASCII; any other byte simply fails to match.
struct TextCursor {
    let bytes: [UInt8]
    var position = 0

    init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }
    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    func peek(ahead distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    mutating func skipSpaces() {
        while peek == UInt8(ascii: " ") { position += 1 }
    }

    /// A run of digits as a number; nil (and no movement) when there is none, when it has other than
    /// `width` digits, or when it is larger than nine digits can say.
    mutating func number(width: ClosedRange<Int> = 1...9) -> Int? {
        var end = position
        var value = 0
        while end < bytes.count, bytes[end].isDigit {
            guard end - position < width.upperBound else { return nil }
            value = value * 10 + Int(bytes[end] - UInt8(ascii: "0"))
            end += 1
        }
        guard width.contains(end - position) else { return nil }
        position = end
        return value
    }

    /// A run of ASCII letters in lower case, which may be empty.
    mutating func word() -> String {
        let start = position
        while let byte = peek, byte.isLetter { position += 1 }
        return String(decoding: bytes[start..<position].lazy.map(\.lowercased), as: UTF8.self)
    }
}

extension UInt8 {
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    var lowercased: UInt8 { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self }
    var isLetter: Bool { lowercased >= UInt8(ascii: "a") && lowercased <= UInt8(ascii: "z") }
}

/// `value` in at least `width` digits.
func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(abs(value))
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return (value < 0 ? "-" : "") + zeros + digits
}
