import RegardsCore
import RegardsRules
import Testing

/// Every fenced YAML snippet of the documentation is loaded, so that it can be copied.
@Suite struct DocumentationTests {
    struct Snippet: CustomTestStringConvertible {
        var page: String
        var line: Int
        var text: String
        var testDescription: String { "\(page):\(line)" }
    }

    private static func snippets(_ page: String) -> [Snippet] {
        let text = String(decoding: Fixture.bytes("\(Fixture.repository)/docs/\(page)") ?? [], as: UTF8.self)
        var snippets: [Snippet] = []
        var open: Snippet?
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line == "```yaml" {
                open = Snippet(page: page, line: number + 1, text: "")
            } else if line == "```", let snippet = open {
                snippets.append(snippet)
                open = nil
            } else {
                open?.text += line + "\n"
            }
        }
        return snippets
    }

    @Test(arguments: snippets("rules.md"))
    func rulesLoad(snippet: Snippet) {
        let result = Shop.load(rules: snippet.text)
        #expect(Shop.lines(result) == [])
        #expect((result.configuration?.ruleBook.rules.count ?? 0) > 1)
    }

    /// A snippet about one key is completed with the keys that every file needs.
    @Test(arguments: snippets("configuration.md"))
    func configurationsLoad(snippet: Snippet) {
        let needed = [
            ("business:", "business: {name: x, email: x@shop.example, time_zone: UTC}\n"),
            ("customers:", "customers: {database: \"sqlite:x\", query: SELECT 1}\n"),
            ("rules:", "rules: {x: {purpose: care, when: {schedule: daily, at: 09:00}, send: x}}\n"),
        ]
        let missing = needed.filter { key, _ in !snippet.text.split(separator: "\n").contains { $0.hasPrefix(key) } }
        let result = Shop.load([
            "regards.yaml": snippet.text + missing.map(\.1).joined(),
            "/etc/regards/rules.d/x.yaml": "y: {purpose: care, when: {schedule: daily, at: 09:00}, send: x}",
        ])
        #expect(Shop.lines(result) == [])
        #expect(result.configuration != nil)
    }

    // MARK: Examples elsewhere

    /// What stands between `.Bd -literal` and `.Ed` in a manual page.
    private static func literals(_ page: String) -> [Snippet] {
        var snippets: [Snippet] = []
        var open: Snippet?
        for (number, line) in text("man/\(page)").split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line == ".Bd -literal" {
                open = Snippet(page: page, line: number + 1, text: "")
            } else if line == ".Ed", let snippet = open {
                snippets.append(snippet)
                open = nil
            } else {
                open?.text += line + "\n"
            }
        }
        return snippets
    }

    @Test func examplesOfTheManualLoad() throws {
        let rules = try #require(DocumentationTests.literals("regards-rules.5").first)
        let loaded = Shop.load(rules: rules.text)
        #expect(Shop.lines(loaded) == [])
        #expect((loaded.configuration?.ruleBook.rules.count ?? 0) >= 5)
        let house = try #require(DocumentationTests.literals("regards.yaml.5").first)
        // Its rules and cards are elsewhere, and it says nothing of them.
        #expect(Shop.lines(Shop.load(["regards.yaml": house.text])) == ["regards.yaml: warning: no rules here and none in rules.d: nothing will be sent"])
    }

    /// The first cells of the rows under a heading of a table, each as its pieces of code.
    private static func cells(_ page: String, under heading: String) -> [[String]] {
        let lines = text(page).split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0 == heading }) else { return [] }
        return lines[(start + 2)...].prefix { $0.hasPrefix("|") }.map { line in
            let cell = line.split(separator: "|").first ?? ""
            return cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
                .map { String($0.element) }
        }
    }

    @Test func everySentenceOfTheTableIsACondition() {
        let rows = DocumentationTests.cells("rules.md", under: "| sentence | holds when |")
        #expect(rows.count > 10)
        // Signs and verbs alone continue the sentence before them.
        for sentence in rows.joined() where sentence.count > 2 && !["is", "older"].contains(sentence.split(separator: " ").first) {
            let result = Shop.load(
                rules: """
                    birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}
                    a: {purpose: care, when: {event: order}, send: x, where: "\(sentence)"}
                    """)
            #expect(Shop.lines(result) == [], "\(sentence)")
        }
    }

    @Test func everyTimeOfTheTableIsAStepsTime() {
        let rows = DocumentationTests.cells("rules.md", under: "| `at` | means |")
        #expect(rows.count > 5)
        for time in rows.joined() {
            let result = Shop.load(
                rules: """
                    a: {purpose: care, when: {event: complaint}, promise: {answer_within: 24h}, steps: [{at: "\(time)", send: x}]}
                    """)
            #expect(Shop.lines(result) == [], "\(time)")
        }
    }

    @Test func pagesHaveSnippets() {
        #expect(DocumentationTests.snippets("rules.md").count >= 20)
        #expect(DocumentationTests.snippets("configuration.md").count >= 16)
    }

    // MARK: Every word

    private static func text(_ page: String) -> String {
        String(decoding: Fixture.bytes("\(Fixture.repository)/docs/\(page)") ?? [], as: UTF8.self)
    }

    /// The pages and the parser know the same words. On a page a key stands in code, alone or with a value.
    @Test(arguments: [
        ("rules.md", Vocabulary.rules + Vocabulary.subjects), ("configuration.md", Vocabulary.house),
    ])
    func everyKeyIsExplained(page: String, keys: [String]) {
        let text = DocumentationTests.text(page)
        #expect(keys.count > 30)
        for key in keys {
            #expect(["`", ":", " "].contains { text.contains("`\(key)\($0)") || text.contains("{\(key):") }, "\(page): \(key)")
        }
    }

    /// In the manual a key stands behind a macro of mdoc, alone or among others.
    @Test(arguments: [("regards-rules.5", Vocabulary.rules + Vocabulary.subjects), ("regards.yaml.5", Vocabulary.house)])
    func everyKeyIsInTheManual(page: String, keys: [String]) {
        var words: Set<Substring> = []
        for line in DocumentationTests.text("man/\(page)").split(separator: "\n") where line.hasPrefix(".") {
            words.formUnion(line.split { " ,:.(){}|".contains($0) })
        }
        for key in keys { #expect(words.contains(key[...]), "\(page): \(key)") }
    }

    /// A mistake offers the keys of the vocabulary.
    @Test func mistakesOfferTheSameKeys() throws {
        for (result, known) in [
            (Shop.load(rules: "a: {zzzzzz: 1}"), Vocabulary.rules), (Shop.load(["regards.yaml": "zzzzzz: 1"]), Vocabulary.house),
        ] {
            let offer = try #require(Shop.lines(result).first { $0.contains("unknown key") })
            let keys = offer.split(separator: " ").drop { $0 != "expected" }.dropFirst().filter { $0 != "or" }
            #expect(keys.count > 10)
            for key in keys { #expect(known.contains(key.filter { $0 != "," }), "\(key)") }
        }
    }
}
