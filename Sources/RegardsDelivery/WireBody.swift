import Glibc

/// A message as it goes over the wire after DATA: pure CR LF line ends, leading dots doubled (RFC 5321 4.5.2), final
/// dot included.
///
/// Messages come with CR LF already. A lone CR or LF would be a mistake of ours, and the way by which text smuggles
/// commands past relays that accept such ends (`LF.LF`), so both become CR LF here, always.
struct WireBody: Sendable {
    private let message: [UInt8]
    /// Final dot included; nil where the message goes over as it is, as most do.
    private let rewritten: [UInt8]?
    /// Bytes of the message itself, for SIZE (RFC 1870): without doubled dots and without the final dot.
    let messageSize: Int
    let hasEightBit: Bool

    private static let end: [UInt8] = [0x2e, 0x0d, 0x0a]

    init(_ message: [UInt8]) {
        self.message = message
        hasEightBit = message.withUnsafeBytes(Self.hasEightBit)
        guard !message.withUnsafeBytes(Self.isWire) else {
            rewritten = nil
            messageSize = message.count
            return
        }
        var size = 0
        rewritten = message.withUnsafeBytes { source in
            [UInt8](unsafeUninitializedCapacity: source.count * 2 + 8) { target, count in
                count = Self.rewrite(source, to: UnsafeMutableRawBufferPointer(target), size: &size)
            }
        }
        messageSize = size
    }

    /// How many bytes go over the wire.
    var count: Int { rewritten?.count ?? message.count + Self.end.count }

    /// All of it, in one piece.
    var bytes: [UInt8] { rewritten ?? message + Self.end }

    /// All of it, in the pieces it consists of.
    func forEachPiece(_ body: ([UInt8]) -> Void) {
        if let rewritten { return body(rewritten) }
        body(message)
        body(Self.end)
    }

    /// True when every line ends in CR LF, no CR or LF stands elsewhere, and no line begins with a dot.
    private static func isWire(_ source: UnsafeRawBufferPointer) -> Bool {
        var start = 0
        while start < source.count {
            let lineFeed = place(of: 0x0a, in: source, start, source.count)
            guard lineFeed < source.count, lineFeed > start, source[lineFeed - 1] == 0x0d, source[start] != 0x2e,
                place(of: 0x0d, in: source, start, lineFeed) == lineFeed - 1
            else { return false }
            start = lineFeed + 1
        }
        return true
    }

    /// - Parameters:
    ///   - target: twice as long as the source and 8 bytes more, which is as much as it can become.
    ///   - size: becomes the message's own size.
    /// - Returns: how many bytes were written.
    private static func rewrite(
        _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer, size: inout Int
    ) -> Int {
        var (start, written, lineFeed) = (0, 0, -1)
        func put(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(rebasing: target[written...]).copyMemory(from: bytes)
            written += bytes.count
        }
        func put(_ bytes: [UInt8]) { bytes.withUnsafeBytes { put($0) } }
        while start < source.count {
            if lineFeed < start { lineFeed = place(of: 0x0a, in: source, start, source.count) }
            let end = place(of: 0x0d, in: source, start, lineFeed)
            if source[start] == 0x2e { put([0x2e]) }
            put(UnsafeRawBufferPointer(rebasing: source[start..<end]))
            put([0x0d, 0x0a])
            size += end - start + 2
            start = end + (end + 1 == lineFeed && lineFeed < source.count ? 2 : 1)
        }
        put(Self.end)
        return written
    }

    /// The end of the range where the byte does not occur.
    private static func place(of byte: UInt8, in bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        guard start < end, let base = bytes.baseAddress, let found = memchr(base + start, Int32(byte), end - start)
        else { return end }
        return UnsafeRawPointer(found) - base
    }

    private static func hasEightBit(_ source: UnsafeRawBufferPointer) -> Bool {
        var all: UInt64 = 0
        var index = 0
        while index + 8 <= source.count {
            all |= source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < source.count {
            all |= UInt64(source[index])
            index += 1
        }
        return all & 0x8080_8080_8080_8080 != 0
    }
}
