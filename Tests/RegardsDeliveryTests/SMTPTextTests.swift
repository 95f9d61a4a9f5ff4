import RegardsTestSupport
import Testing

@testable import RegardsDelivery

@Suite("SMTP replies")
struct SMTPReplyTests {
    /// What the parser finds in the bytes, given to it in pieces of every size.
    private func parse(_ text: String) -> [SMTPReplyParser.Found] {
        let bytes = Array(text.utf8)
        var results: [[SMTPReplyParser.Found]] = []
        for size in [1, 2, 3, 7, max(bytes.count, 1)] {
            var parser = SMTPReplyParser()
            var found: [SMTPReplyParser.Found] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { parser.take($0) }
                while let next = parser.next() { found.append(next) }
            }
            results.append(found)
        }
        #expect(results.allSatisfy { $0 == results[0] })
        return results[0]
    }

    @Test func oneLine() {
        #expect(parse("250 OK\r\n") == [.reply(SMTPReply(code: 250, text: "OK"))])
        #expect(parse("250\r\n") == [.reply(SMTPReply(code: 250, text: ""))])
        #expect(parse("354 \r\n") == [.reply(SMTPReply(code: 354, text: ""))])
        #expect(parse("250 bare line feed\n") == [.reply(SMTPReply(code: 250, text: "bare line feed"))])
    }

    @Test func severalLinesAreOneReply() {
        #expect(parse("550-no\r\n550-such\r\n550 user\r\n250 OK\r\n") == [
            .reply(SMTPReply(code: 550, text: "no such user")), .reply(SMTPReply(code: 250, text: "OK")),
        ])
    }

    @Test(arguments: ["hello\r\n", "25\r\n", "25x what\r\n", "100 early\r\n", "600 late\r\n", "250_x\r\n", "\r\n", "\u{ff12}50 x\r\n"])
    func noReply(text: String) {
        #expect(parse(text) == [.broken("a line without a reply code")])
    }

    @Test func twoCodesInOneReply() {
        #expect(parse("250-one\r\n550 two\r\n") == [.broken("a reply with two different codes")])
    }

    @Test func noEnd() {
        #expect(parse("250 " + String(repeating: "x", count: 5000)).first == .broken("a reply line without an end"))
        #expect(parse(String(repeating: "250-xxxxxxxxxxxxxxxx\r\n", count: 3000)).first == .broken("a reply of more than 64 KiB"))
        #expect(parse("250 not complete\r") == [])
    }

    @Test func enhancedStatus() {
        func status(_ text: String) -> String? { SMTPReply(code: 550, text: text).enhanced?.description }
        #expect(status("5.1.1 no such user") == "5.1.1")
        #expect(status("5.7.123") == "5.7.123")
        #expect(status("192.0.2 1") == nil)
        #expect(status("5.1 x") == nil)
        #expect(status("3.0.0 x") == nil)
        #expect(status("5.-1.0 x") == nil)
        #expect(status("") == nil)
    }

    @Test func capabilities() {
        var found = SMTPCapabilities()
        for line in ["PIPELINING", "size 35882577", "8bitmime", "SMTPUTF8", "AUTH PLAIN LOGIN", "DSN"] { found.add(line) }
        #expect(found == SMTPCapabilities(pipelining: true, eightBitMIME: true, utf8: true, mechanisms: ["PLAIN", "LOGIN"], sizeLimit: 35_882_577))
        var odd = SMTPCapabilities()
        odd.add("SIZE")
        #expect(odd.sizeLimit == 0)
        odd.add("SIZE -7")
        #expect(odd.sizeLimit == 0)
        odd.add("")
        #expect(!odd.pipelining)
    }
}

@Suite("Messages on the wire")
struct WireBodyTests {
    private func wire(_ text: String) -> String { String(decoding: WireBody(Array(text.utf8)).bytes, as: UTF8.self) }

    @Test func dotsAndLineEnds() {
        #expect(wire("") == ".\r\n")
        #expect(wire("a") == "a\r\n.\r\n")
        #expect(wire("a\r\n") == "a\r\n.\r\n")
        #expect(wire(".") == "..\r\n.\r\n")
        #expect(wire("a\r\n.\r\nb") == "a\r\n..\r\nb\r\n.\r\n")
        #expect(wire("a\n.\nb") == "a\r\n..\r\nb\r\n.\r\n")
        #expect(wire("a\r.\rb") == "a\r\n..\r\nb\r\n.\r\n")
        #expect(wire("a\r\r\nb") == "a\r\n\r\nb\r\n.\r\n")
        #expect(wire("a\n\rb") == "a\r\n\r\nb\r\n.\r\n")
        #expect(wire("a.b\r\n..c\r\n") == "a.b\r\n...c\r\n.\r\n")
    }

    @Test func sizesForTheRelay() {
        #expect(WireBody(Array("a\r\n.\r\n".utf8)).messageSize == 6)
        #expect(WireBody(Array("a\n.".utf8)).messageSize == 6)
        #expect(!WireBody(Array("a".utf8)).hasEightBit)
        #expect(WireBody([0x80]).hasEightBit)
    }

    /// Whatever goes in, a relay finds exactly one end, no lone CR or LF, and gets the same lines back.
    @Test func anyBytes() {
        let seed = SeededGenerator.seed()
        var generator = SeededGenerator(seed: seed)
        let alphabet: [UInt8] = [0x0d, 0x0a, 0x2e, 0x61, 0x00, 0xff]
        for _ in 0..<20_000 {
            let message = (0..<Int.random(in: 0...24, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            let wire = WireBody(message).bytes
            let lines = Self.lines(wire)
            let ends = lines?.indices.filter { lines?[$0] == [0x2e] }
            #expect(ends == [(lines?.count ?? 0) - 1], "seed \(seed): \(message)")
            let received = lines?.dropLast().map { $0.first == 0x2e ? Array($0.dropFirst()) : $0 }
            #expect(received == Self.linesOfMessage(message), "seed \(seed): \(message)")
        }
    }

    /// nil when a CR or LF stands alone or the last line has no end.
    private static func lines(_ wire: [UInt8]) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        for byte in wire {
            line.append(byte)
            if line.suffix(2) == [0x0d, 0x0a] {
                line.removeLast(2)
                if line.contains(0x0d) || line.contains(0x0a) { return nil }
                lines.append(line)
                line = []
            }
        }
        return line.isEmpty ? lines : nil
    }

    /// Lines of a message by the rule "CR LF, or a CR or LF alone, ends a line", written as a search for the ends.
    private static func linesOfMessage(_ message: [UInt8]) -> [[UInt8]] {
        var rest = message[...]
        var lines: [[UInt8]] = []
        while let end = rest.firstIndex(where: { $0 == 0x0d || $0 == 0x0a }) {
            lines.append(Array(rest[..<end]))
            rest = rest[(end + 1)...]
            if message[end] == 0x0d, rest.first == 0x0a { rest = rest.dropFirst() }
        }
        return rest.isEmpty ? lines : lines + [Array(rest)]
    }
}
