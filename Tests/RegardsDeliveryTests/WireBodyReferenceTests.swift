import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// What goes over the wire after DATA, beside the plainest way to make it.
@Suite("Bodies on the wire, sign by sign")
struct WireBodyReferenceTests {
    /// Byte by byte: every CR LF, CR or LF ends a line, a dot that begins one is doubled, a dot of its own ends it all.
    private static func plainly(_ message: [UInt8]) -> (bytes: [UInt8], size: Int) {
        var lines: [[UInt8]] = [[]]
        var index = 0
        while index < message.count {
            let byte = message[index]
            index += 1
            guard byte == 0x0d || byte == 0x0a else {
                lines[lines.count - 1].append(byte)
                continue
            }
            if byte == 0x0d, index < message.count, message[index] == 0x0a { index += 1 }
            lines.append([])
        }
        if lines.last == [] { lines.removeLast() }
        let size = lines.reduce(0) { $0 + $1.count + 2 }
        return (lines.flatMap { ($0.first == 0x2e ? [0x2e] : []) + $0 + [0x0d, 0x0a] } + [0x2e, 0x0d, 0x0a], size)
    }

    private static func check(_ message: [UInt8]) {
        let (bytes, size) = plainly(message)
        let wire = WireBody(message)
        #expect(wire.bytes == bytes, "\(message)")
        #expect(wire.messageSize == size, "\(message)")
        #expect(wire.hasEightBit == message.contains { $0 > 0x7f }, "\(message)")
    }

    /// All texts of up to seven signs out of those that matter.
    @Test func everyShortText() {
        let signs: [UInt8] = [0x0d, 0x0a, 0x2e, 0x61]
        var texts: [[UInt8]] = [[]]
        for _ in 0..<7 {
            for text in texts { Self.check(text) }
            texts = texts.flatMap { text in signs.map { text + [$0] } }
        }
    }

    @Test func longTexts() {
        var text = [UInt8]("a line of a message that is as long as most are\r\n".utf8)
        text = Array(repeatElement(text, count: 100).joined())
        Self.check(text)
        Self.check(text + [0xc3, 0xa4])
        Self.check([0xc3] + text)
        Self.check(Array(repeating: 0x2e, count: 1000))
        Self.check(Array(repeatElement([0x2e, 0x0a] as [UInt8], count: 500).joined()))
        Self.check(Array(repeating: 0x0d, count: 1000))
    }
}
