import Testing

@testable import RegardsDelivery

@Suite("Bytes on their way out")
struct OutputBufferTests {
    /// What a write is given next, and whether the marked message is out.
    private func next(_ buffer: borrowing OutputBuffer, encrypted: Bool = true) -> (text: String, isPastMark: Bool) {
        (String(decoding: buffer.pending(stopsAtMark: encrypted), as: UTF8.self), buffer.isPastMark)
    }

    /// Over TLS the commands behind the final dot are not part of the write that ends with it.
    @Test func theMarkSeparatesWrites() {
        var buffer = OutputBuffer()
        buffer.add("body\r\n.\r\n")
        buffer.setMark()
        buffer.add("MAIL")
        let (plain, encrypted) = (next(buffer, encrypted: false), next(buffer))
        #expect(plain == ("body\r\n.\r\nMAIL", false))
        #expect(encrypted == ("body\r\n.\r\n", false))
        buffer.taken(8)
        let nearly = next(buffer)
        #expect(nearly == ("\n", false))
        buffer.taken(1)
        let behind = next(buffer)
        #expect(behind == ("MAIL", true))
        buffer.taken(4)
        let nothing = next(buffer)
        #expect(nothing == ("", true))
    }

    /// OpenSSL wants the same bytes at the same place until it has taken them.
    @Test func whatIsReservedDoesNotMove() {
        var buffer = OutputBuffer()
        buffer.reserve(100_000)
        buffer.add("start")
        let place = buffer.pending(stopsAtMark: false).baseAddress
        buffer.add([UInt8](repeating: 0x78, count: 90_000))
        buffer.taken(5)
        // Not while something is pending.
        buffer.reserve(1_000_000)
        let pending = buffer.pending(stopsAtMark: false)
        #expect(pending.count == 90_000)
        #expect(pending.baseAddress == place.map { $0 + 5 })
    }

    @Test func growsAndIsGivenBack() {
        var buffer = OutputBuffer()
        buffer.add("head ")
        buffer.add([UInt8](repeating: 0x78, count: 1_000_000))
        let text = next(buffer).text
        #expect(text.hasPrefix("head xxx") && text.utf8.count == 1_000_005)
        buffer.taken(1_000_005)
        buffer.reserve(10)
        let capacity = buffer.capacity
        #expect(capacity < 1_000_000)
        buffer.add("next")
        buffer.clear()
        let isEmpty = buffer.isEmpty
        #expect(isEmpty)
    }
}
