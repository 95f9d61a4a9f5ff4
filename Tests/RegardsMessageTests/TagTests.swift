import RegardsCore
import RegardsMessage
import RegardsTestSupport
import Testing

/// Two parsers read a card: the one that checks it, and swift-mustache.
@Suite struct TagTests {
    /// A template, and what it shows to a customer called Ana who has no nick, white space apart.
    private struct Sample {
        var template = ""
        var shown = ""
    }

    /// Whoever finds a tag where the other finds text lets a customer read it.
    @Test func whatTheChecksLetPassIsReadTheSameByMustache() throws {
        var random = SeededGenerator()
        var samples: [String: Sample] = [:]
        for number in 0..<600 {
            samples["card\(number)"] = TagTests.sample(isPlain: number < 200, depth: 2, &random)
        }
        let files = samples.map { ("\($0.key).html", "---\nsubject: s\n---\n\($0.value.template)") }
        let folder = try CardFolderFixture(Dictionary(uniqueKeysWithValues: files))
        let library = try #require(CardLibrary.partial(folder: folder.path, needed: []).library)
        var fields = Fixture.fields(["given_name": "Ana", "nick": nil])
        fields.set("customer", .group(["name": .text("A & B")]))
        #expect((0..<200).allSatisfy { library.cards.contains("card\($0)") })
        for (card, sample) in samples where library.cards.contains(card) {
            let html = try library.render(card, locale: nil, fields: fields).html
            #expect(TagTests.visible(html) == TagTests.visible(sample.shown), "\(sample.template.debugDescription)")
        }
    }

    /// - Parameter isPlain: no more than anyone would write, so that it is sound for certain.
    private static func sample(isPlain: Bool, depth: Int, _ random: inout SeededGenerator) -> Sample {
        var sample = Sample()
        for _ in 0...random.below(5) {
            switch random.below(depth > 0 ? 10 : 8) {
            case 0..<4:
                let text = random.pick(isPlain ? plainTexts : texts)
                sample.template += text
                sample.shown += text
            case 4..<7:
                let (name, value) = random.pick(values)
                sample.template += tag("", name, isPlain: isPlain, &random)
                sample.shown += value
            case 7: sample.template += "{{! a note\n\(random.pick(isPlain ? plainTexts : plainTexts + marks))}}"
            default:
                let (opening, name, isShown) = random.pick(sections)
                let inside = TagTests.sample(isPlain: isPlain, depth: depth - 1, &random)
                sample.template += tag(opening, name, isPlain: isPlain, &random) + inside.template
                sample.template += tag("/", name, isPlain: isPlain, &random)
                if isShown { sample.shown += inside.shown }
            }
        }
        return sample
    }

    private static func tag(_ kind: String, _ name: String, isPlain: Bool, _ random: inout SeededGenerator) -> String {
        func space() -> String { random.pick(isPlain ? plainSpaces : spaces) }
        return "{{" + (isPlain ? "" : space()) + kind + space() + name + space() + "}}"
    }

    /// Which white space a tag takes away with it is not looked at.
    private static func visible(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value > 0x20 && !$0.properties.isWhitespace }))
    }

    private static let plainTexts = ["Dear ", "<p>", "\n", "\r\n", "  ", "王", "é", ".", "*"]
    /// They make one character with what stands beside them.
    private static let marks = ["\u{301}", "\u{600}", "\u{200d}", "\u{fe0f}"]
    private static let texts = plainTexts + marks + ["{", "}", "} }", "{ {", "\r", "\u{b}", "\u{2028}", "\t\n", "#x", "/given_name"]
    private static let plainSpaces = ["", " ", "  ", "\t"]
    private static let spaces = plainSpaces + ["", "", "", "", "\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{1}", "\u{a0}", "\u{301}"]
    private static let values = [("given_name", "Ana"), ("customer.name", "A &amp; B")]
    private static let sections = [
        ("#", "given_name", true), ("^", "given_name", false), ("#", "nick", false), ("^", "nick", true),
        ("#", "customer.name", true), ("#", "customer", true),
    ]
}
