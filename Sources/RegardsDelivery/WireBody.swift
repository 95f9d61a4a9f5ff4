import Glibc

/// A message as it goes over the wire after DATA: pure CR LF line ends, leading dots doubled (RFC 5321 4.5.2), final
/// dot included.
///
/// Messages come with CR LF already. A lone CR or LF would be a mistake of ours, and the way by which text smuggles
/// commands past relays that accept such ends (`LF.LF`), so both become CR LF here, always.
struct WireBody: Sendable {
    let bytes: [UInt8]
    /// Bytes of the message itself, for SIZE (RFC 1870): without doubled dots and without the final dot.
    let messageSize: Int
    let hasEightBit: Bool

    init(_ message: [UInt8]) {
        var scan = Scan()
        bytes = message.withUnsafeBytes { source in
            // Line by line: most lines of a message go over as they are.
            [UInt8](unsafeUninitializedCapacity: source.count * 2 + 8) { target, count in
                count = scan.copy(source, to: UnsafeMutableRawBufferPointer(target))
            }
        }
        messageSize = scan.size
        hasEightBit = scan.eightBit & 0x80 != 0
    }

    private struct Scan {
        var size = 0
        var eightBit: UInt8 = 0

        /// - Parameter target: twice as long as the source and 8 bytes more, which is as much as it can become.
        /// - Returns: how many bytes were written.
        mutating func copy(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int {
            var (start, written, lineFeed) = (0, 0, -1)
            var endsLine = true
            func put(_ bytes: UnsafeRawBufferPointer) {
                UnsafeMutableRawBufferPointer(rebasing: target[written...]).copyMemory(from: bytes)
                written += bytes.count
            }
            func put(_ byte: UInt8) {
                target[written] = byte
                written += 1
            }
            while start < source.count {
                if lineFeed < start { lineFeed = Self.place(of: 0x0a, in: source, start, source.count) }
                let end = Self.place(of: 0x0d, in: source, start, lineFeed)
                if source[start] == 0x2e { put(0x2e) }
                put(UnsafeRawBufferPointer(rebasing: source[start..<end]))
                size += end - start
                endsLine = end < source.count
                guard endsLine else { break }
                put(0x0d)
                put(0x0a)
                size += 2
                start = end + (source[end] == 0x0d && end + 1 == lineFeed && lineFeed < source.count ? 2 : 1)
            }
            if !endsLine {
                put(0x0d)
                put(0x0a)
                size += 2
            }
            for byte in [0x2e, 0x0d, 0x0a] as [UInt8] { put(byte) }
            look(at: source)
            return written
        }

        /// The end of the range where the byte does not occur.
        private static func place(of byte: UInt8, in bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
            guard start < end, let base = bytes.baseAddress, let found = memchr(base + start, Int32(byte), end - start)
            else { return end }
            return UnsafeRawPointer(found) - base
        }

        private mutating func look(at source: UnsafeRawBufferPointer) {
            var all: UInt64 = 0
            var index = 0
            while index + 8 <= source.count {
                all |= source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                index += 8
            }
            if all & 0x8080_8080_8080_8080 != 0 { eightBit = 0x80 }
            while index < source.count {
                eightBit |= source[index]
                index += 1
            }
        }
    }
}
