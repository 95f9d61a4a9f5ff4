/// Breaks paragraphs into lines by display width.
enum TextWrap {
    /// Characters that never begin a line of Chinese or Japanese, and those that never end one.
    private static let closing = Set("，。、；：？！）】》」』”’…—·％".unicodeScalars)
    private static let opening = Set("（【《「『“‘".unicodeScalars)

    /// A piece that stays together.
    private struct Piece {
        var start: Int
        var end: Int
        var width: Int
        var follows: Bool
    }

    /// - Parameters:
    ///   - text: U+000A breaks the line, U+00A0 is written as a space that does not.
    ///   - firstPrefix: begins the first line; `prefix` all others, and has the same width.
    static func append(_ text: [UInt8], width: Int, firstPrefix: [UInt8], prefix: [UInt8], to output: inout [UInt8]) {
        let room = max(20, width - prefix.count)
        var start = 0
        while start <= text.count {
            let segment = text[start...].prefix { $0 != 0x0a }
            output.append(contentsOf: start == 0 ? firstPrefix : prefix)
            let isPlain = segment.withUnsafeBufferPointer { appendLines($0, room: room, prefix: prefix, to: &output) }
            if !isPlain { appendPieces(segment, room: room, prefix: prefix, to: &output) }
            while output.last == 0x20 { output.removeLast() }
            output.append(0x0a)
            start = segment.endIndex + 1
        }
    }

    /// Takes a line at a time of words with one space between each two and one column a character: most paragraphs are
    /// no more than that.
    /// - Returns: false, and nothing is written, where the text is more.
    private static func appendLines(
        _ text: UnsafeBufferPointer<UInt8>, room: Int, prefix: [UInt8], to output: inout [UInt8]
    ) -> Bool {
        guard isPlain(text) else { return false }
        var start = 0
        while text.count - start > room {
            // The last space within the room; a word that is longer has the line for itself.
            let space = text[start...(start + room)].lastIndex(of: 0x20) ?? text[(start + room)...].firstIndex(of: 0x20)
            guard let space else { break }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<space]))
            output.append(0x0a)
            output.append(contentsOf: prefix)
            start = space + 1
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
        return true
    }

    private static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var isAfterSpace = true
        for byte in text {
            guard (0x20...0x7e).contains(byte), byte != 0x20 || !isAfterSpace else { return false }
            isAfterSpace = byte == 0x20
        }
        return !isAfterSpace
    }

    private static func appendPieces(
        _ segment: ArraySlice<UInt8>, room: Int, prefix: [UInt8], to output: inout [UInt8]
    ) {
        var column = 0
        for piece in pieces(of: segment) {
            let space = piece.follows ? 0 : 1
            if column > 0, column + space + piece.width > room {
                output.append(0x0a)
                output.append(contentsOf: prefix)
                column = 0
            } else if column > 0, space == 1 {
                output.append(0x20)
                column += 1
            }
            appendSpaced(segment[piece.start..<piece.end], to: &output)
            column += piece.width
        }
    }

    /// Columns of a terminal.
    static func width(of text: ArraySlice<UInt8>) -> Int {
        var sum = 0
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { sum += width(of: scalar) }
        return sum
    }

    private static func appendSpaced(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var wasMark = false
        for byte in bytes {
            if wasMark {
                wasMark = false
                if byte == 0xa0 {
                    output.append(0x20)
                    continue
                }
                output.append(0xc2)
            }
            if byte == 0xc2 { wasMark = true } else { output.append(byte) }
        }
        if wasMark { output.append(0xc2) }
    }

    private static func pieces(of segment: ArraySlice<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var current: Piece?
        var isGlued = false
        var afterSpace = true
        var index = segment.startIndex
        while index < segment.endIndex {
            let (scalar, size) = decode(segment, at: index)
            defer { index += size }
            if scalar == " " {
                if let piece = current { pieces.append(piece) }
                current = nil
                afterSpace = true
                isGlued = false
                continue
            }
            let breaks = breaksAnywhere(scalar)
            let joins = isGlued || scalar.value > 0x7f && closing.contains(scalar) || width(of: scalar) == 0 || !breaks && !endsInWide(current, segment)
            if joins, current != nil {
                current!.end = index + size
                current!.width += width(of: scalar)
            } else {
                if let piece = current { pieces.append(piece) }
                current = Piece(start: index, end: index + size, width: width(of: scalar), follows: !afterSpace)
                afterSpace = false
            }
            isGlued = scalar.value > 0x7f && opening.contains(scalar)
            // Most text is letters that take one column each and follow one another: they are taken together.
            guard (0x21...0x7e).contains(scalar.value) else { continue }
            let run = segment[(index + size)...].prefix { (0x21...0x7e).contains($0) }.count
            current!.end += run
            current!.width += run
            index += run
        }
        if let piece = current { pieces.append(piece) }
        return pieces
    }

    private static func endsInWide(_ piece: Piece?, _ segment: ArraySlice<UInt8>) -> Bool {
        guard let piece else { return false }
        var start = piece.end - 1
        while start > piece.start, segment[start] & 0xc0 == 0x80 { start -= 1 }
        let last = decode(segment, at: start).0
        return breaksAnywhere(last)
    }

    /// Bytes that are no UTF-8 count one by one.
    private static func decode(_ bytes: ArraySlice<UInt8>, at index: Int) -> (Unicode.Scalar, Int) {
        let first = bytes[index]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1
        guard size > 1, index + size <= bytes.endIndex else { return ("\u{fffd}", 1) }
        var value = UInt32(first) & (size == 2 ? 0x1f : size == 3 ? 0x0f : 0x07)
        for offset in 1..<size { value = value << 6 | UInt32(bytes[index + offset] & 0x3f) }
        return Unicode.Scalar(value).map { ($0, size) } ?? ("\u{fffd}", 1)
    }

    /// Scripts written without spaces: a line may break at any character.
    private static func breaksAnywhere(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2e80...0xa4cf, 0xf900...0xfaff, 0xfe30...0xfe4f, 0xff00...0xff60, 0x20000...0x3fffd: true
        default: false
        }
    }

    /// After Unicode's East Asian Width (UAX 11), in the ranges that matter.
    static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case ..<0x300: 1
        case 0x300...0x36f, 0x200b...0x200f, 0x202a...0x202e, 0x2060...0x2064, 0x20d0...0x20ff, 0xfe00...0xfe0f, 0xfeff,
            0x1f3fb...0x1f3ff:
            0
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe4f,
            0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1faff, 0x20000...0x3fffd:
            2
        default: 1
        }
    }
}
