/// Comparisons of text as conditions make them, on the bytes of a record. The letters A-Z compare without case, all
/// other characters exactly.
enum TextMatch {
    static func folded(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }

    /// Negative, zero or positive, by the order of the UTF-8 bytes.
    static func order(_ left: UnsafeBufferPointer<UInt8>, _ right: String) -> Int {
        var index = 0
        for byte in right.utf8 {
            guard index < left.count else { return -1 }
            let (a, b) = (folded(left[index]), folded(byte))
            if a != b { return a < b ? -1 : 1 }
            index += 1
        }
        return index < left.count ? 1 : 0
    }

    static func order(of left: String, _ right: String) -> Int {
        var left = left
        return left.withUTF8 { order($0, right) }
    }

    /// True when `text` occurs as whole words: where it begins or ends with a letter or digit, no other one touches it
    /// there. `vip` is in `gold, VIP` and `VIP客户`, and not in `vipers` or `vipé`. Writing without spaces between
    /// words, such as Chinese, has no such bounds: `客` is in `客户`.
    static func words(in bytes: UnsafeBufferPointer<UInt8>, contain text: String) -> Bool {
        var text = text
        return text.withUTF8 { wanted in
            guard let first = scalar(from: 0, in: wanted), let last = scalar(before: wanted.count, in: wanted),
                bytes.count >= wanted.count
            else { return false }
            for start in 0...(bytes.count - wanted.count) {
                let end = start + wanted.count
                guard (0..<wanted.count).allSatisfy({ folded(bytes[start + $0]) == folded(wanted[$0]) }) else { continue }
                let opens = !isLetter(first) || !isLetter(scalar(before: start, in: bytes))
                let closes = !isLetter(last) || !isLetter(scalar(from: end, in: bytes))
                if opens && closes { return true }
            }
            return false
        }
    }

    static func words(in bytes: String, contain text: String) -> Bool {
        var bytes = bytes
        return bytes.withUTF8 { words(in: $0, contain: text) }
    }

    /// A letter, digit or accent of a script that divides words by spaces.
    private static func isLetter(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return false }
        // Thai and its neighbours, and all of East Asia, begin here; Georgian to Greek with accents lie between.
        let isSpaced = scalar.value < 0x0e00 || (0x10a0...0x10ff).contains(scalar.value) || (0x1e00...0x1fff).contains(scalar.value)
        guard isSpaced else { return false }
        let properties = scalar.properties
        return properties.isAlphabetic || properties.numericType == .decimal || properties.generalCategory == .nonspacingMark
    }

    private static func scalar(before end: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Unicode.Scalar? {
        guard end > 0 else { return nil }
        var start = end - 1
        while start > 0, end - start < 4, bytes[start] & 0xc0 == 0x80 { start -= 1 }
        return scalar(from: start, in: bytes)
    }

    private static func scalar(from start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Unicode.Scalar? {
        guard start < bytes.count else { return nil }
        // Four bytes hold the longest scalar; what is cut off or ill-formed behind the first does not matter.
        return String(decoding: bytes[start..<min(start + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
    }
}
