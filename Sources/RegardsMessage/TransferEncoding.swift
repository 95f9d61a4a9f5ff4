/// Content transfer encodings (RFC 2045 6.7 and 6.8). Both give lines of at most 76 characters and CR LF.
enum TransferEncoding: String {
    case quotedPrintable = "quoted-printable"
    case base64

    /// The smaller of the two for this text; quoted-printable when they are close, because people can read it.
    static func best(for text: [UInt8]) -> TransferEncoding {
        var escaped = 0
        for byte in text where byte > 0x7e || byte == UInt8(ascii: "=") { escaped += 1 }
        return escaped * 5 > text.count ? .base64 : .quotedPrintable
    }

    /// - Parameter text: with LF line ends, which become CR LF in either encoding (RFC 2046 4.1.1).
    func append(_ text: [UInt8], to message: inout [UInt8]) {
        switch self {
        case .quotedPrintable: TransferEncoding.appendQuotedPrintable(text, to: &message)
        case .base64: TransferEncoding.appendBase64(TransferEncoding.withNetworkLineEnds(text), to: &message)
        }
    }

    private static func withNetworkLineEnds(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 16)
        for byte in text {
            if byte == 0x0a { result.append(0x0d) }
            result.append(byte)
        }
        return result
    }

    // MARK: Base64

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// 57 bytes a line make 76 characters.
    static func appendBase64(_ bytes: [UInt8], to message: inout [UInt8]) {
        message.reserveCapacity(message.count + bytes.count * 4 / 3 + bytes.count / 28 + 8)
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
    private static func appendQuotedPrintable(_ text: [UInt8], to message: inout [UInt8]) {
        message.reserveCapacity(message.count + text.count + text.count / 4)
        text.withUnsafeBufferPointer { text in
            var column = 0
            var index = 0
            while index < text.count {
                let byte = text[index]
                if byte == 0x0a {
                    message.append(0x0d)
                    message.append(0x0a)
                    column = 0
                    index += 1
                    continue
                }
                let escapes = mustEscape(byte, at: index, column: column, in: text)
                let width = escapes ? 3 : 1
                let endsLine = index + 1 == text.count || text[index + 1] == 0x0a
                // A soft break takes the 76th column unless the line ends here anyway.
                if column + width > (endsLine ? 76 : 75) {
                    message.append(UInt8(ascii: "="))
                    message.append(0x0d)
                    message.append(0x0a)
                    column = 0
                    continue
                }
                if escapes {
                    message.append(UInt8(ascii: "="))
                    message.append(hexDigits[Int(byte >> 4)])
                    message.append(hexDigits[Int(byte & 15)])
                } else {
                    message.append(byte)
                }
                column += width
                index += 1
            }
        }
    }

    @inline(__always)
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
