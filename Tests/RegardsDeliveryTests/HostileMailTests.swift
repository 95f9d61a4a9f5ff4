import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// Names, addresses and texts that are made to break out of their place: through cards, sessions and a real server, to
/// readers that other people wrote.
@Suite("Hostile text over the wire")
struct HostileMailTests {
    // MARK: - Samples

    private static let folder = "\(TestTools.root)/Tests/Fixtures/badinput"

    private static func naughtyStrings() throws -> [String] {
        try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(filePath: folder + "/naughty_strings.json")))
    }

    /// The file spells control characters as their pictures.
    private static func addresses() throws -> [String] {
        struct Sample: Decodable { var address: String }
        let text = try String(contentsOf: URL(filePath: folder + "/email_addresses.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let address = try JSONDecoder().decode(Sample.self, from: Data(line.utf8)).address
            return String(String.UnicodeScalarView(address.unicodeScalars.map { scalar in
                (0x2400...0x2421).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value - 0x2400)) : scalar
            }))
        }
    }

    /// What an attacker would write into a form field.
    private static let attacks = [
        "\r\nBcc: victim@example.org", "\nBcc: victim@example.org\n\nspam", "\r\rBcc: x@example.org", "x\r\n\r\n<script>",
        "\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nspam\r\n.\r\n",
        "\n.\nRSET\nMAIL FROM:<evil@example.org>\n", "\r.\rQUIT\r", ".\r\n", "..", ".", "\u{0}", "a\u{0}b", "\u{b}\u{c}\u{85}\u{2028}\u{2029}x",
        "=?utf-8?q?=0D=0ABcc:_victim@example.org?=", "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLm9yZw==?=",
        "\"", "\\", "\\\"<evil@example.org>", "Ana <evil@example.org>", "Ana, evil@example.org", "a;b:c@d", "()<>[]:;@\\,.\"",
        "--=_0123456789abcdef01234567", "--=_0123456789abcdef01234567--", "Content-Type: text/html", "From ", "From shop",
        "\u{202e}moc.elpmaxe@live", "\u{feff}", String(repeating: "x", count: 3000), String(repeating: "王", count: 900),
        String(repeating: "a ", count: 800), "\t \t", " ", "", "{{value}}", "{{{value}}}", "=\r\n=3D", "=00=0A",
    ]

    private static func sample(_ number: Int, _ texts: [String], _ random: inout SeededGenerator) -> String {
        switch number % 4 {
        case 0: texts[number / 4 % texts.count]
        case 1: texts[Int(random.next() % UInt64(texts.count))] + texts[Int(random.next() % UInt64(texts.count))]
        case 2: String(String.UnicodeScalarView((0..<Int(random.next() % 60)).map { _ in random.scalar() }))
        default: "\(texts[Int(random.next() % UInt64(texts.count))])\r\n\(number)"
        }
    }

    // MARK: - Mail

    private static let cards = [
        "letter.html": """
            ---
            subject: "To {{#value}}{{value}}{{/value}}{{^value}}you{{/value}}"
            ---
            <p>Dear {{#value}}{{value}}{{/value}}</p>
            <p>{{#more}}{{more}}{{/more}}</p>
            <p><img src="dot.png" alt="{{#more}}{{more}}{{/more}}"></p>

            """,
    ]

    private static func library() throws -> CardLibrary {
        let folder = try TestTools.makeFolder("hostile-cards")
        for (name, text) in cards { try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)")) }
        let picture = URL(filePath: "\(TestTools.root)/Tests/Fixtures/cards/library/dot.png")
        try FileManager.default.copyItem(at: picture, to: URL(filePath: "\(folder)/dot.png"))
        let (library, mistakes) = CardLibrary.load(folder: folder, needed: [])
        return try #require(library, "\(mistakes)")
    }

    private static func mail(_ number: Int, _ library: CardLibrary, name: String, more: String) throws -> Outgoing {
        let recipient = try Address("c\(number)@example.net")
        let sender = try Address("shop@example.com")
        var fields = CardFields()
        fields.set("value", name)
        fields.set("more", more)
        let header = MessageHeader(
            from: Contact(name: more, address: sender), to: Contact(name: name, address: recipient),
            replyTo: Contact(name: name, address: sender), date: Fixture.moment, zone: .utc, id: "\(number)@shop.example",
            purpose: .greeting, unsubscribe: sender, unsubscribeToken: "t0k3n", subjectPrefix: number % 7 == 0 ? "[TEST] " : "")
        let message = try library.renderMail("letter", locale: nil, fields: fields, header: header)
        return Outgoing(
            outreach: Int64(number), destination: .mailbox(Envelope(sender: sender, recipient: recipient)), message: message,
            attemptedAt: Fixture.moment)
    }

    private static func read(_ arguments: [String]) throws -> [String] {
        let python = try #require(TestTools.python(with: "email"))
        let script = "\(TestTools.root)/Tests/Fixtures/smtp/read_messages.py"
        let (ending, lines, errors) = try ChildProcess.run([python, script] + arguments, seconds: 3000)
        #expect(ending.status == 0, "\(errors)")
        return lines
    }

    /// 10,000 messages: each arrives byte for byte, once, for its recipient alone, and Python's parser finds no defect and
    /// no header line that we did not write.
    @Test(.enabled(if: RecordingSMTPServer.python != nil, "needs a Python with aiosmtpd (make test installs it)"))
    func tenThousandMessages() throws {
        let seed = SeededGenerator.seed()
        var random = SeededGenerator(seed: seed)
        let texts = Self.attacks + (try Self.naughtyStrings())
        let library = try Self.library()
        let count = 10_000
        let samples = (0..<count).map { (Self.sample($0, texts, &random), Self.sample($0 / 3 + 1, texts, &random)) }

        var options = RecordingSMTPServer.Options()
        let folder = try TestTools.makeFolder("hostile-mail")
        options.folder = folder
        let server = try RecordingSMTPServer(options)
        let settings = try SMTPSettings(host: "127.0.0.1", port: server.port, security: .none, sessions: 4)
        let probe = ChannelProbe(RelayGroup(name: "smtp", members: [.init(SMTPRelay(name: "test", settings: settings))], clock: { Fixture.moment }))
        try probe.open()
        for start in stride(from: 0, to: count, by: 500) {
            let batch = try (start..<start + 500).map { number in
                try Self.mail(number, library, name: samples[number].0, more: samples[number].1)
            }
            let tickets = batch.map(probe.start)
            for (outgoing, ticket) in zip(batch, tickets) {
                #expect(try ticket.report().outcome == .delivered, "seed \(seed), message \(outgoing.outreach)")
                let path = "\(folder)/c\(outgoing.outreach).eml"
                #expect(try Data(contentsOf: URL(filePath: path)) == Data(outgoing.message.bytes), "seed \(seed), \(path)")
            }
        }
        try probe.close()
        let envelopes = server.envelopes
        #expect(envelopes.count == count)
        #expect(Set(envelopes) == Set((0..<count).map { "shop@example.com\tc\($0)@example.net" }))
        let lines = try Self.read([folder])
        #expect(lines == ["read \(count)"], "seed \(seed): \(lines.prefix(5))")
        try FileManager.default.removeItem(atPath: folder)
    }

    private static let hasReaders = TestTools.run(["mshow", "-V"]) != -1 && TestTools.run(["ripmime", "--version"]) != -1

    /// Without what looks like an encoded word: ripmime reads those a second time, and no longer finds the parts.
    @Test(.enabled(if: hasReaders || TestTools.isCI, "needs mblaze and ripmime (make test installs them)"))
    func everyReaderFindsTheSame() throws {
        let texts = (Self.attacks + (try Self.naughtyStrings())).filter { !$0.contains("=?") }
        let library = try Self.library()
        let folder = try TestTools.makeFolder("hostile-readers")
        for number in 0..<texts.count {
            let outgoing = try Self.mail(number, library, name: texts[number], more: texts[(number * 7 + 3) % texts.count])
            try Data(outgoing.message.bytes).write(to: URL(filePath: "\(folder)/c\(number).eml"))
        }
        let lines = try Self.read(["--readers", folder])
        #expect(lines == ["read \(texts.count)"], "\(lines.prefix(5))")
        if lines.count == 1 { try FileManager.default.removeItem(atPath: folder) }
    }

    // MARK: - Addresses

    /// An address is refused with a reason, or goes into its own command and nowhere else.
    @Test func addressesStayInTheirCommand() throws {
        let server = try ScriptedSMTPServer(offers: ["PIPELINING", "8BITMIME", "SMTPUTF8"])
        let settings = try SMTPSettings(host: "localhost", port: server.port, security: .none, heloName: "shop.test")
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        let texts = try Self.addresses() + Self.attacks.flatMap { [$0, "a\($0)@example.net", "a@example.net\($0)", "a@\($0)"] }
        var expected = ["EHLO shop.test"]
        for (number, text) in texts.enumerated() {
            guard let mail = try? Fixture.mail(from: text, to: text, id: "\(number)@x") else { continue }
            let suffix = text.utf8.contains { $0 > 0x7f } ? " SMTPUTF8" : ""
            expected += ["MAIL FROM:<\(text)>\(suffix)", "RCPT TO:<\(text)>", "DATA"]
            #expect(try probe.send(mail).outcome == .delivered, "\(text)")
        }
        #expect(expected.count > 20)
        try probe.close()
        try server.awaitCommand("QUIT")
        #expect(server.commands() == expected + ["QUIT"])
    }

    /// Bodies that no builder made, straight to the session: they end where they end.
    @Test func bodiesStayInTheirPlace() throws {
        let server = try ScriptedSMTPServer()
        let settings = try SMTPSettings(host: "localhost", port: server.port, security: .none, heloName: "shop.test")
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        let texts = Self.attacks + (try Self.naughtyStrings())
        for text in texts {
            #expect(try probe.send(try Fixture.mail(body: "Subject: x\r\n\r\n\(text)")).outcome == .delivered)
        }
        try probe.close()
        try server.awaitCommand("QUIT")
        let verbs = server.commands().map { String($0.prefix(4)) }
        #expect(verbs == ["EHLO"] + texts.flatMap { _ in ["MAIL", "RCPT", "DATA"] } + ["QUIT"])
        #expect(server.bodies.count == texts.count)
    }
}

extension SeededGenerator {
    /// Any scalar; every other one is one that means something to mail.
    mutating func scalar() -> Unicode.Scalar {
        let special = Array("\r\n\t .\u{0}\"\\<>@=?:;,()-_\u{7f}\u{a0}\u{200b}\u{e9}\u{1f600}".unicodeScalars)
        if next() & 1 == 0 { return special[Int(next() % UInt64(special.count))] }
        while true {
            if let scalar = Unicode.Scalar(UInt32(next() % 0x11_0000)) { return scalar }
        }
    }
}
