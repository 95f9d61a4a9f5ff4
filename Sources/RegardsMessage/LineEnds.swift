import Glibc

/// Line ends of texts that come from outside.
enum LineEnds {
    /// CR LF and a lone CR become LF; NUL, which no mail may hold, becomes U+FFFD.
    static func unified(_ text: String) -> String {
        var text = text
        let isUnified = text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return true }
            return memchr(start, 0x0d, bytes.count) == nil && memchr(start, 0, bytes.count) == nil
        }
        guard !isUnified else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        var wasReturn = false
        for byte in text.utf8 {
            switch byte {
            case 0x0d: result.append(0x0a)
            case 0x0a where wasReturn: break
            case 0: result.append(contentsOf: [0xef, 0xbf, 0xbd])
            default: result.append(byte)
            }
            wasReturn = byte == 0x0d
        }
        return String(decoding: result, as: UTF8.self)
    }
}
