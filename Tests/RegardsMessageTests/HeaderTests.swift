import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsMessage

/// Header lines and encodings, byte for byte.
@Suite struct HeaderTests {
    private func subject(_ text: String) -> String {
        var lines = HeaderWriter()
        lines.line("Subject", text: text)
        return lines.bytes.text
    }

    private func mailbox(_ name: String) -> String {
        var lines = HeaderWriter()
        lines.line("To", mailbox: Contact(name: name, address: Fixture.ana))
        return lines.bytes.text
    }

    @Test(arguments: [
        ("Hello", "Subject: Hello\r\n"),
        ("", "Subject:\r\n"),
        ("Olá", "Subject: =?utf-8?Q?Ol=C3=A1?=\r\n"),
        ("生日快乐", "Subject: =?utf-8?B?55Sf5pel5b+r5LmQ?=\r\n"),
        ("a =?b", "Subject: =?utf-8?Q?a_=3D=3Fb?=\r\n"),
        ("a\r\nBcc: b\u{0}c", "Subject: a  Bcc: b c\r\n"),
        (
            "The quick brown fox jumps over the lazy dog and then over another one, twice",
            "Subject: The quick brown fox jumps over the lazy dog and then over another\r\n one, twice\r\n"
        ),
        (
            String(repeating: "é", count: 30),
            "Subject: =?utf-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6nDqcOpw6k=?=\r\n =?utf-8?B?w6nDqcOpw6nDqcOpw6nDqcOpw6nDqQ==?=\r\n"
        ),
    ])
    func subjects(_ text: String, _ expected: String) {
        #expect(subject(text) == expected)
    }

    @Test(arguments: [
        ("", "To: ana@example.org\r\n"),
        ("Ana Lee", "To: Ana Lee <ana@example.org>\r\n"),
        ("O'Neil, Pat", "To: \"O'Neil, Pat\" <ana@example.org>\r\n"),
        ("Pat \"P\" \\ Lee", "To: \"Pat \\\"P\\\" \\\\ Lee\" <ana@example.org>\r\n"),
        ("J. Lee", "To: \"J. Lee\" <ana@example.org>\r\n"),
        ("Luís", "To: =?utf-8?Q?Lu=C3=ADs?= <ana@example.org>\r\n"),
        ("王小明", "To: =?utf-8?B?546L5bCP5piO?= <ana@example.org>\r\n"),
        ("x\r\nBcc: y", "To: \"x  Bcc: y\" <ana@example.org>\r\n"),
    ])
    func mailboxes(_ name: String, _ expected: String) {
        #expect(mailbox(name) == expected)
    }

    /// Each word must be decodable alone (RFC 2047 5), so none may hold a part of a character.
    @Test func encodedWordsHoldWholeCharacters() throws {
        let families = String(repeating: "👩‍👩‍👧‍👦", count: 12)
        for text in [families, String(repeating: "王é", count: 60), "e" + String(repeating: "\u{301}", count: 200)] {
            for line in subject(text).split(separator: "\r\n") {
                #expect(line.utf8.count <= 76)
                let word = try #require(line.split(separator: " ").last)
                #expect(word.utf8.count <= 75 && word.hasPrefix("=?utf-8?"))
                let bytes = try #require(decoded(word))
                #expect(String(validating: bytes, as: UTF8.self) != nil, "\(word)")
            }
        }
    }

    private func decoded(_ word: Substring) -> [UInt8]? {
        let parts = word.split(separator: "?", omittingEmptySubsequences: false)
        guard parts.count == 5 else { return nil }
        if parts[2] == "B" { return base64(parts[3]) }
        var result: [UInt8] = []
        var rest = parts[3].utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "=") {
                result.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte == UInt8(ascii: "_") ? 0x20 : byte)
            }
        }
        return result
    }

    private func base64(_ text: Substring) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        var bits = 0
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            bits = bits << 6 | alphabet.firstIndex(of: byte)!
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return result
    }

    @Test(arguments: [
        ("", ""), ("a\nb\n", "a\r\nb\r\n"), ("a \n\tb\t", "a=20\r\n\tb=09"), ("a=b", "a=3Db"), (".\n..\nx.", "=2E\r\n=2E.\r\nx."),
        ("From me\nFrom: x\nXFrom ", "=46rom me\r\nFrom: x\r\nXFrom=20"), ("é\u{7f}\u{0}", "=C3=A9=7F=00"),
        (String(repeating: "x", count: 76), String(repeating: "x", count: 76)),
        (String(repeating: "x", count: 77), String(repeating: "x", count: 75) + "=\r\nxx"),
        (String(repeating: "x", count: 74) + "é", String(repeating: "x", count: 74) + "=\r\n=C3=A9"),
        (String(repeating: "x", count: 75) + ".y", String(repeating: "x", count: 75) + "=\r\n=2Ey"),
    ])
    func quotedPrintable(_ text: String, _ expected: String) {
        var bytes: [UInt8] = []
        TransferEncoding.quotedPrintable.append(text, to: &bytes)
        #expect(bytes.text == expected)
    }

    @Test(arguments: [("", ""), ("f", "Zg==\r\n"), ("fo", "Zm8=\r\n"), ("foo", "Zm9v\r\n"), ("foobar", "Zm9vYmFy\r\n"), ("a\n", "YQ0K\r\n")])
    func base64(_ text: String, _ expected: String) {
        // The first five are RFC 4648's own (section 10).
        var bytes: [UInt8] = []
        TransferEncoding.base64.append(text, to: &bytes)
        #expect(bytes.text == expected)
    }

    @Test func theSmallerEncodingIsTaken() {
        #expect(TransferEncoding.best(for: "Hello, Luís") == .quotedPrintable)
        #expect(TransferEncoding.best(for: "生日快乐，小明") == .base64)
    }

    @Test(arguments: [
        ("Europe/Lisbon", 1_810_116_300, "Wed, 12 May 2027 11:05:00 +0100", "2027-05-12T11:05:00+01:00"),
        ("America/St_Johns", 1_810_116_300, "Wed, 12 May 2027 07:35:00 -0230", "2027-05-12T07:35:00-02:30"),
        ("Asia/Kolkata", 1_798_741_801, "Fri, 01 Jan 2027 00:00:01 +0530", "2027-01-01T00:00:01+05:30"),
        ("UTC", 0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
        // Liberia's offset was -0:44:30; a half minute cannot be written.
        ("Africa/Monrovia", 0, "Wed, 31 Dec 1969 23:15:00 -0045", "1969-12-31T23:15:00-00:45"),
    ] as [(String, Int64, String, String)])
    func stamps(_ zone: String, _ seconds: Int64, _ mail: String, _ json: String) throws {
        let zone = try #require(ZoneCatalog().zone(named: zone))
        #expect(StampText.rfc5322(Instant(seconds: seconds), zone) == mail)
        #expect(StampText.rfc3339(Instant(seconds: seconds), zone) == json)
    }

    @Test func hashesAgreeWithTheirStandards() {
        // FIPS 180-4's "abc", RFC 4231 test case 2.
        #expect(Digest.hex(Digest.sha256(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Digest.hex(Digest.hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }
}
