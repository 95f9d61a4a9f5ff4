/// Content transfer encodings (RFC 2045 6.7 and 6.8). Both give lines of at most 76 characters and CR LF.
enum TransferEncoding: String {
    case quotedPrintable = "quoted-printable"
    case base64

    /// The smaller of the two for this text; quoted-printable when they are close, because people can read it.
    static func best(for text: String) -> TransferEncoding {
        var text = text
        return text.withUTF8 { bytes in
            var escaped = 0
            for byte in bytes { escaped &+= byte > 0x7e || byte == UInt8(ascii: "=") ? 1 : 0 }
            return escaped * 5 > bytes.count ? .base64 : .quotedPrintable
        }
    }

    /// - Parameter text: with LF line ends, which become CR LF in either encoding (RFC 2046 4.1.1).
    func append(_ text: String, to message: inout [UInt8]) {
        switch self {
        case .quotedPrintable:
            var text = text
            text.withUTF8 { TransferEncoding.appendQuotedPrintable($0, to: &message) }
        case .base64: TransferEncoding.appendBase64(TransferEncoding.withNetworkLineEnds(text), to: &message)
        }
    }

    private static func withNetworkLineEnds(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + text.utf8.count / 16)
        for byte in text.utf8 {
            if byte == 0x0a { result.append(0x0d) }
            result.append(byte)
        }
        return result
    }

    // MARK: Base64

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The length of so many bytes once encoded, line ends included.
    static func base64Count(of bytes: Int) -> Int { (bytes + 2) / 3 * 4 + (bytes + 56) / 57 * 2 }

    /// What `appendBase64` made, as it was before.
    static func decodedBase64(_ text: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        for character in text {
            guard let digit = alphabet.firstIndex(of: character) else { continue }
            word = word << 6 | UInt32(digit)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            result.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
        }
        return result
    }

    /// 57 bytes a line make 76 characters.
    static func appendBase64(_ bytes: [UInt8], to message: inout [UInt8]) {
        message.reserveCapacity(message.count + base64Count(of: bytes.count))
        var start = 0
        while start < bytes.count {
            let end = min(start + 57, bytes.count)
            appendBase64Word(bytes[start..<end], to: &message)
            message.append(0x0d)
            message.append(0x0a)
            start = end
        }
    }

    /// Without line breaks.
    static func appendBase64Word(_ bytes: ArraySlice<UInt8>, to message: inout [UInt8]) {
        var index = bytes.startIndex
        alphabet.withUnsafeBufferPointer { alphabet in
            while index + 2 < bytes.endIndex {
                let word = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
                message.append(alphabet[word >> 18])
                message.append(alphabet[word >> 12 & 63])
                message.append(alphabet[word >> 6 & 63])
                message.append(alphabet[word & 63])
                index += 3
            }
            guard index < bytes.endIndex else { return }
            let isPair = index + 1 < bytes.endIndex
            let word = Int(bytes[index]) << 16 | (isPair ? Int(bytes[index + 1]) << 8 : 0)
            message.append(alphabet[word >> 18])
            message.append(alphabet[word >> 12 & 63])
            message.append(isPair ? alphabet[word >> 6 & 63] : UInt8(ascii: "="))
            message.append(UInt8(ascii: "="))
        }
    }

    // MARK: Quoted-printable

    static let hexDigits = Array("0123456789ABCDEF".utf8)

    /// Beyond what RFC 2045 asks, a dot and the F of "From " at a line's beginning are encoded: relays have been seen
    /// to change both.
    private static func appendQuotedPrintable(_ text: UnsafeBufferPointer<UInt8>, to message: inout [UInt8]) {
        message.reserveCapacity(message.count + text.count + text.count / 4)
        var column = 0
        var index = 0
        while index < text.count {
            if text[index] == 0x0a {
                message.append(0x0d)
                message.append(0x0a)
                column = 0
                index += 1
                continue
            }
            let plain = plainRun(in: text, from: index, column: column)
            if plain > index {
                message.append(contentsOf: UnsafeBufferPointer(rebasing: text[index..<plain]))
                column += plain - index
                index = plain
                continue
            }
            let escapes = mustEscape(text[index], at: index, column: column, in: text)
            if column + (escapes ? 3 : 1) > room(after: index, in: text) {
                message.append(UInt8(ascii: "="))
                message.append(0x0d)
                message.append(0x0a)
                column = 0
            } else {
                appendOne(text[index], escaped: escapes, to: &message)
                column += escapes ? 3 : 1
                index += 1
            }
        }
    }

    /// The end of the bytes that stand as they are and fit before a soft break.
    @inline(__always)
    private static func plainRun(in text: UnsafeBufferPointer<UInt8>, from start: Int, column: Int) -> Int {
        // Spaces, dots and F need a look at their surroundings; most of them are inside a line and plain.
        let end = min(text.count, start + 75 - column)
        var index = start
        if column == 0, index < end, text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: "F") { return start }
        while index < end {
            let byte = text[index]
            if (0x21...0x7e).contains(byte), byte != UInt8(ascii: "=") {
                index += 1
            } else if byte == 0x20, index + 1 < text.count, text[index + 1] != 0x0a {
                index += 1
            } else {
                return index
            }
        }
        return index
    }

    /// A soft break takes the 76th column unless the line ends here anyway.
    private static func room(after index: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        index + 1 == text.count || text[index + 1] == 0x0a ? 76 : 75
    }

    private static func appendOne(_ byte: UInt8, escaped: Bool, to message: inout [UInt8]) {
        guard escaped else { return message.append(byte) }
        message.append(UInt8(ascii: "="))
        message.append(hexDigits[Int(byte >> 4)])
        message.append(hexDigits[Int(byte & 15)])
    }

    private static func mustEscape(
        _ byte: UInt8, at index: Int, column: Int, in text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        switch byte {
        case 0x20, 0x09: index + 1 == text.count || text[index + 1] == 0x0a
        case UInt8(ascii: "="): true
        case UInt8(ascii: "."): column == 0
        case UInt8(ascii: "F"):
            column == 0 && index + 4 < text.count && text[index + 1] == UInt8(ascii: "r")
                && text[index + 2] == UInt8(ascii: "o") && text[index + 3] == UInt8(ascii: "m") && text[index + 4] == 0x20
        case 0x21...0x7e: false
        default: true
        }
    }
}
