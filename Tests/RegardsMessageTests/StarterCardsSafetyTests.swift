import Foundation
import RegardsCore
import RegardsMessage
import Testing

/// That the installed cards stand up to any name a database holds, and to what mail programs do.
@Suite struct StarterCardsSafetyTests {
    private static let hostile: [String?] = [
        nil, "<b>王</b>", "\"><img src=x onerror=alert(1)>", "'};</style><script>alert(1)</script>", "{{business.email}}",
        "{{> footer}}", "\u{202e}evil\u{202c} محمد بن عبد الله", "Ana\r\nBcc: all@example.com", "&lt;i&gt; &amp; 50 % =",
        "\"\u{301}<\u{338}b>", String(repeating: "Wolfeschlegelsteinhausenbergerdorff", count: 30),
        String(repeating: "很长的名字", count: 100),
    ]

    private struct Case {
        var card: String
        var locale: String
        var name: String?
        var rendered: RenderedCard
        /// The whole mail, where it was asked for.
        var message: [UInt8] = []
    }

    /// - Parameter share: how many of the names each card is tried with; they take turns, so that a set of cards meets
    ///   all of them. nil: every card meets every name.
    private func cases(_ names: [String?], share: Int? = nil, asMail: Bool = false) throws -> [Case] {
        let library = try StarterCards.library()
        var cases: [Case] = []
        for card in library.cards {
            let isCare = StarterCards.notes.contains(card) || card.hasPrefix("complaint")
            let header = Fixture.header(purpose: isCare ? .care : .greeting)
            for locale in StarterCards.locales {
                let start = cases.count
                for index in start..<start + (share ?? names.count) {
                    let name = names[index % names.count]
                    let fields = try name.map { try StarterCards.full(card, name: $0) } ?? StarterCards.bare(card)
                    let rendered = try library.render(card, locale: locale, fields: fields, unsubscribe: isCare ? nil : Fixture.shop)
                    var one = Case(card: card, locale: locale, name: name, rendered: rendered)
                    if asMail { one.message = try library.renderMail(card, locale: locale, fields: fields, header: header).bytes }
                    cases.append(one)
                }
            }
        }
        return cases
    }

    /// A value becomes text and nothing else: the page's tags are the same for every name.
    @Test func noNameBecomesMarkup() throws {
        let library = try StarterCards.library()
        for card in library.cards {
            for locale in StarterCards.locales {
                let plain = try structure(library.render(card, locale: locale, fields: StarterCards.full(card)).html)
                for name in Self.hostile.compactMap({ $0 }) {
                    let html = try library.render(card, locale: locale, fields: StarterCards.full(card, name: name)).html
                    #expect(structure(html) == plain, "\(card) \(locale) \(name)")
                }
            }
        }
    }

    private func structure(_ html: String) -> [String] {
        HTMLProbe.tags(html).map { ($0.isEnd ? "/" : "") + $0.name + " " + ($0.attributes["class"] ?? "") + " " + ($0.attributes["style"] ?? "") }
    }

    @Test func everyTagIsClosed() throws {
        let empty: Set = ["meta", "img", "br", "o:pixelsperinch"]
        for one in try cases(["Ana Gonçalves", nil]) {
            var open: [String] = []
            for tag in HTMLProbe.tags(one.rendered.html) where !empty.contains(tag.name) {
                if !tag.isEnd {
                    open.append(tag.name)
                } else {
                    #expect(open.popLast() == tag.name, "\(one.card) \(one.locale)")
                }
            }
            #expect(open == [], "\(one.card) \(one.locale)")
        }
    }

    @Test func nothingIsFetchedAndNothingIsLeftUnfilled() throws {
        for one in try cases(["Ana Gonçalves", nil]) {
            let html = one.rendered.html
            for tag in HTMLProbe.tags(html) {
                #expect(tag.attributes["src"].map { $0.hasPrefix("cid:") } ?? true)
                #expect(tag.attributes["href"].map { $0.hasPrefix("mailto:") || $0.hasPrefix("tel:") } ?? true)
                #expect(tag.attributes["background"] == nil && tag.name != "link" && tag.name != "script")
            }
            for sign in ["http:", "https:", "src=\"//", "url(", "@import", "{{", "}}"] {
                #expect(!html.contains(sign), "\(one.card) \(one.locale): \(sign)")
                #expect(!one.rendered.text.contains(sign), "\(one.card) \(one.locale): \(sign)")
            }
            #expect(!html.contains("color:;") && !html.contains("bgcolor=\"\""), "\(one.card)")
        }
    }

    @Test func pagesSayWhatTheyAre() throws {
        for one in try cases(Self.hostile) {
            let html = one.rendered.html
            let tags = HTMLProbe.tags(html)
            #expect(tags.count { $0.name == "h1" && !$0.isEnd } == 1)
            #expect(tags.first { $0.name == "html" }?.attributes["lang"] == one.locale)
            #expect(tags.contains { $0.attributes["role"] == "article" && $0.attributes["lang"] == one.locale })
            // Sections that are left out leave no second space behind.
            let spaces = one.name?.contains("\r") == true ? 0 : one.rendered.subject.components(separatedBy: "  ").count - 1
            #expect(!one.rendered.subject.isEmpty && spaces == 0, "\(one.card) \(one.locale)")
            // Layout is not read out as a table; rows of values are.
            for table in tags where table.name == "table" && !table.isEnd {
                #expect(table.attributes["role"] == "presentation" || table.classes == ["box"], "\(one.card)")
            }
        }
    }

    @Test func sizesStayInTheirBudgets() throws {
        for one in try cases(["Ana Gonçalves", nil], asMail: true) {
            let html = one.rendered.html
            let style = html.range(of: "<style>\n").flatMap { start in
                html.range(of: "</style>", options: .backwards).map { html[start.lowerBound..<$0.upperBound].utf8.count }
            }
            #expect(html.utf8.count <= 30_720, "\(one.card) \(one.locale): \(html.utf8.count) bytes of HTML")
            #expect(try #require(style) <= 8_192, "\(one.card)")
            for picture in one.rendered.pictures { #expect(picture.bytes.count <= 163_840, "\(picture.name)") }
            #expect(one.message.count <= 266_240, "\(one.card) \(one.locale): \(one.message.count) bytes")
            #expect(one.rendered.text.split(separator: "\n").allSatisfy { $0.unicodeScalars.count <= 120 }, "\(one.card) \(one.locale)")
        }
    }

    @Test func aSecondParserFindsNoDefect() throws {
        let cases = try cases(Self.hostile, share: 3, asMail: true)
        #expect(cases.count == StarterCards.all.count * 2 * 3)
        #expect(Set(cases.map(\.name)) == Set(Self.hostile))
        guard let read = try PythonMail.read(cases.map(\.message)) else { return }
        for (one, mail) in zip(cases, read) {
            #expect(mail.defects == [] && mail.faults == [], "\(one.card) \(one.locale) \(one.name ?? "")")
            #expect(!mail.headers.contains("Bcc"))
        }
    }

    @Test func noFilterTakesThemForAdvertising() throws {
        let cases = try cases(["Ana Gonçalves"], asMail: true)
        guard let verdicts = try SpamAssassin.judge(cases.map(\.message)) else { return }
        #expect(verdicts.count == cases.count)
        for (one, verdict) in zip(cases, verdicts) {
            #expect(verdict.score <= 1.0, "\(one.card) \(one.locale): \(verdict.score) \(verdict.tests)")
        }
    }
}

/// Debian's SpamAssassin, without its network tests.
enum SpamAssassin {
    struct Verdict {
        var score: Double
        var tests: String
    }

    /// Judges all messages in one child process; nil, said aloud, where it is not installed.
    static func judge(_ messages: [[UInt8]]) throws -> [Verdict]? {
        guard let program = PythonMail.find("spamassassin") else {
            if ProcessInfo.processInfo.environment["CI"] == "true" {
                Issue.record("spamassassin is missing: messages were not judged")
            } else {
                print("skipped: spamassassin is missing, so nothing judged these \(messages.count) messages")
            }
            return nil
        }
        let folder = try CardFolderFixture([:])
        var box: [UInt8] = []
        for message in messages {
            box += Array("From regards@shop.example Wed May 12 14:05:00 2027\n".utf8)
            box += message.filter { $0 != 0x0d } + [0x0a]
        }
        try folder.write(box, as: "box")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--local", "--prefspath=/dev/null", "--mbox", folder.path + "/box"]
        // What it learns and remembers is no other run's business.
        process.environment = ProcessInfo.processInfo.environment.merging(["HOME": folder.path]) { _, new in new }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.matches(of: /X-Spam-Status: (?:No|Yes), score=(-?[0-9.]+) required=[0-9.]+\s+tests=([A-Z0-9_,\s]+)/).map {
            Verdict(score: Double($0.1) ?? .infinity, tests: $0.2.filter { !$0.isWhitespace })
        }
    }
}
