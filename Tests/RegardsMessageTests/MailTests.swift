import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import RegardsTestSupport
import Testing

/// Messages as another program reads them.
@Suite struct MailTests {
    /// What a value is once it stands in a header: no control characters, no space around it.
    private func inHeader(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
                ? " " : scalar
        }
        var view = String.UnicodeScalarView(scalars)[...]
        while view.first == " " { view.removeFirst() }
        while view.last == " " { view.removeLast() }
        return String(view)
    }

    private func check(_ names: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        let filled = names.filter { $0.utf8.contains { $0 > 0x20 } && !inHeader($0).isEmpty }
        let messages = try filled.map { name in
            try library.renderMail(
                "echo", locale: nil, fields: Fixture.fields(["value": name]), header: Fixture.header(to: name)
            ).bytes
        }
        guard let read = try PythonMail.read(messages) else { return }
        for (name, mail) in zip(filled, read) {
            #expect(mail.defects == [], "\(name.debugDescription)", sourceLocation: sourceLocation)
            #expect(mail.faults == [], "\(name.debugDescription)", sourceLocation: sourceLocation)
            #expect(mail.subject.unicodeScalars.elementsEqual(inHeader(name).unicodeScalars), sourceLocation: sourceLocation)
            #expect(mail.to.count == 1 && mail.to[0][1] == "ana@example.org", sourceLocation: sourceLocation)
            #expect(
                mail.to[0][0].unicodeScalars.elementsEqual(inHeader(name).unicodeScalars),
                "\(mail.to[0][0].debugDescription) is not \(name.debugDescription)", sourceLocation: sourceLocation)
            let body = inBody(name)
            #expect(letters(mail.text) == letters("[\(body)]\n"), sourceLocation: sourceLocation)
            #expect(Array(mail.html.utf8) == Array("<p>[\(escaped(body))]</p>\n".utf8), sourceLocation: sourceLocation)
        }
    }

    // By code points: a mark that combines with a line end or a quote does not change what they are.

    /// Without spaces and line ends: a line that is too wide is broken at one, and between characters of Chinese.
    private func letters(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { ![" ", "\u{a0}", "\n"].contains($0) }
    }

    private func inBody(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\n", result.last == "\r" { result.removeLast() }
            result.append(scalar)
        }
        return String(String.UnicodeScalarView(result.map { $0 == "\r" ? "\n" : $0 }))
    }

    private func escaped(_ text: String) -> String {
        let names: [Unicode.Scalar: String] = ["<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;", "&": "&amp;"]
        return text.unicodeScalars.map { names[$0] ?? String($0) }.joined()
    }

    @Test func namesInManyScriptsArriveIntact() throws {
        try check([
            "Luís Gonçalves", "František Wichterlová", "王小明", "O'Neil, Pat", "Anne \"Annie\" Lee", "J. R. \\ Smith", "a@b.example",
            "Ana (Lisbon) <x>", "김민준", "Владимир Семёнов", "مريم العلي", "יוסף כהן", "👩‍👩‍👧‍👦 Family", "🇵🇹", "ǅ", "Zoë  Two  Spaces",
            "=?utf-8?Q?fake?=", "x=?y", String(repeating: "long", count: 60), String(repeating: "王", count: 300),
            String(repeating: "Maria da Conceição ", count: 12) + "Silva", String(repeating: "a b ", count: 60) + "c",
            "e" + String(repeating: "\u{301}", count: 90), "tab\there", ".", "; :", "From here", "a,b;c:d",
        ])
    }

    @Test func nothingInAValueBeginsAHeaderLine() throws {
        try check([
            "Ana\r\nBcc: everyone@example.org", "Ana\nBcc: x@example.org", "Ana\rBcc: x@example.org", "Ana\r\n\r\n<script>",
            "Ana\u{2028}Bcc: x@example.org", "Ana\u{85}Bcc: x@example.org", "\r\n\tfolded", "Ana\u{0b}\u{0c}\u{1b}[8m",
            "\" <x@evil.example>, \"", "\\\" <x@evil.example>", "=?utf-8?Q?=0D=0ABcc:_x@example.org?=",
        ])
    }

    @Test func naughtyStringsArriveIntact() throws {
        let folder = ProcessInfo.processInfo.environment["REGARDS_BADINPUT"] ?? Fixture.root + "/../shared/badinput"
        guard let data = FileManager.default.contents(atPath: folder + "/naughty_strings.json") else {
            return print("skipped: no naughty_strings.json in \(folder) (REGARDS_BADINPUT)")
        }
        let strings = try JSONDecoder().decode([String].self, from: data)
        #expect(strings.count > 100)
        try check(strings)
    }

    @Test func randomTextArrivesIntact() throws {
        let seed = SeededGenerator.seed()
        var random = SeededGenerator(seed: seed)
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x7e, 0x20...0x7e, 0x01...0xff, 0x300...0x36f, 0x4e00...0x4eff, 0x600...0x6ff, 0x1f600...0x1f64f,
            0x1f1e6...0x1f1ff, 0x200b...0x200f, 0xe000...0xe0ff, 0xfffe...0xffff,
        ]
        let texts = (0..<300).map { _ -> String in
            var view = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...120, using: &random) {
                let range = ranges.randomElement(using: &random)!
                view.append(Unicode.Scalar(UInt32.random(in: range, using: &random)) ?? " ")
            }
            return "x" + String(view)
        }
        try check(texts)
    }

    @Test func headerSaysWhatItShould() throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        let lisbon = try #require(ZoneCatalog().zone(named: "Europe/Lisbon"))
        var header = Fixture.header(
            from: Contact(name: "Marta, da Loja", address: Fixture.shop), zone: lisbon, prefix: "[TEST] ",
            extra: [("X-Regards-Rule", "birthday-card"), ("X-Note", "café")])
        header.replyTo = Contact(name: "", address: try Address("marta@shop.example"))
        let fields = Fixture.fields(["value": "Olá"])
        let greeting = try library.renderMail("echo", locale: nil, fields: fields, header: header)
        var care = header
        care.purpose = .care
        let answer = try library.renderMail("echo", locale: nil, fields: fields, header: care)
        guard let read = try PythonMail.read([greeting.bytes, answer.bytes]) else { return }
        let names = [
            "Date", "From", "To", "Reply-To", "Subject", "Message-ID", "List-Unsubscribe", "Auto-Submitted",
            "X-Regards-Rule", "X-Note", "MIME-Version", "Content-Type",
        ]
        #expect(read[0].headers == names)
        #expect(read[1].headers == names.filter { $0 != "List-Unsubscribe" })
        #expect(read.allSatisfy { $0.defects.isEmpty && $0.faults.isEmpty })
        #expect(read[0].subject == "[TEST] Olá")
        #expect(read[0].date == "2027-05-12T11:05:00+01:00")
        #expect(read[0].from == [["Marta, da Loja", "hello@shop.example"]])
        #expect(read[0].replyTo == [["", "marta@shop.example"]])
        #expect(read[0].unsubscribe == "<mailto:hello@shop.example?subject=unsubscribe%20t0k3n>")
        #expect(greeting.id == "0123456789abcdef@shop.example")
        #expect(greeting.bytes.text.contains("\r\nMessage-ID: <0123456789abcdef@shop.example>\r\n"))
        #expect(greeting.bytes.text.contains("\r\nAuto-Submitted: auto-generated\r\n"))
    }

    @Test func onlyPurposesThatAreOfferedCanBeStopped() throws {
        let library = try CardFolderFixture([
            "stop.html": "---\nsubject: x\n---\n{{#unsubscribe.url}}<a href=\"{{unsubscribe.url}}\">Stop</a>{{/unsubscribe.url}}{{^unsubscribe}}kept{{/unsubscribe}}",
        ]).library()
        for purpose in Purpose.allCases {
            let message = try library.renderMail("stop", locale: nil, fields: CardFields(), header: Fixture.header(purpose: purpose))
            #expect(message.bytes.text.contains("List-Unsubscribe:") == (purpose != .care))
            #expect(message.bytes.text.contains("kept") == (purpose == .care))
        }
        let without = try library.renderMail("stop", locale: nil, fields: CardFields(), header: Fixture.header(unsubscribe: nil))
        #expect(!without.bytes.text.contains("List-Unsubscribe:"))
    }

    @Test func anUnsubscribeLinkIsEscaped() throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        let message = try library.renderMail(
            "echo", locale: nil, fields: Fixture.fields(["value": "x"]),
            header: Fixture.header(unsubscribe: try Address("stop+all&more%x@shop.example"), token: "a/b?c=d"))
        #expect(message.bytes.text.contains("<mailto:stop+all%26more%25x@shop.example?subject=unsubscribe%20a%2Fb%3Fc%3Dd>"))
    }

    @Test func theSameInputGivesTheSameBytes() throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        func render(_ id: String) throws -> [UInt8] {
            try library.renderMail("echo", locale: nil, fields: Fixture.fields(["value": "é"]), header: Fixture.header(id: id)).bytes
        }
        #expect(try render("a@shop.example") == render("a@shop.example"))
        #expect(try render("a@shop.example") != render("b@shop.example"))
    }

    @Test func picturesTravelInside() throws {
        let picture: [UInt8] = [0x89, 0x50, 0x4e, 0x47] + (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let folder = try CardFolderFixture(
            [
                "monthly/01.html": "---\nsubject: January\n---\n<img src=\"january.png\" alt=\"Snow\"><p>Hi</p>{{#more}}<img src='cid:other.png'>{{/more}}",
            ],
            pictures: ["monthly/january.png": picture, "monthly/other.png": [0x89, 0x50, 0x4e, 0x47, 1]])
        let library = try folder.library()
        let messages = try [nil, "yes"].map { more in
            try library.renderMail("monthly/01", locale: nil, fields: Fixture.fields(["more": more]), header: Fixture.header()).bytes
        }
        guard let read = try PythonMail.read(messages) else { return }
        #expect(read.allSatisfy { $0.defects.isEmpty && $0.faults.isEmpty })
        #expect(read[0].types == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"])
        #expect(read[0].pictures.count == 1 && read[1].pictures.count == 2)
        #expect(read[0].pictures[0][1] == .text("january.png"))
        #expect(read[0].pictures[0][2] == .size(picture.count))
        guard case .text(let id) = read[0].pictures[0][0] else { return #expect(Bool(false)) }
        #expect(read[0].html.contains("src=\"cid:\(id.dropFirst().dropLast())\""))
        #expect(read[0].text == "[Snow]\n\nHi\n")
    }

    @Test func aRecipientWhoseAddressIsNotASCIIStandsByName() throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        var header = Fixture.header()
        header.to = Contact(name: "王小明", address: try Address("王小明@例子.example"))
        let message = try library.renderMail("echo", locale: nil, fields: Fixture.fields(["value": "x"]), header: header)
        #expect(message.bytes.text.contains("\r\nTo: =?utf-8?B?546L5bCP5piO?= :;\r\n"))
        #expect(message.bytes.allSatisfy { $0 < 0x80 })
    }

    @Test func rendersOnAllCores() async throws {
        let library = try CardFolderFixture(Fixture.echo).library()
        let header = Fixture.header()
        let expected = try library.renderMail("echo", locale: nil, fields: Fixture.fields(["value": "é"]), header: header).bytes
        let same = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { _ in
                        (try? library.renderMail("echo", locale: nil, fields: Fixture.fields(["value": "é"]), header: header).bytes) == expected
                    }
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(same)
    }
}
