import Glibc
import RegardsCore
import RegardsRules
import RegardsTestSupport
import Testing

/// Files nobody wrote to help: each is refused or read, soon, and its mistakes can be printed anywhere.
@Suite struct HostileTests {
    private static let whole = "rules.d/rule.yaml: "

    /// What loading the bytes as a rule file says, checked for what must always hold.
    private static func lines(
        _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
    ) -> [String] {
        lines(["regards.yaml": Array(Shop.house.utf8), "rules.d/rule.yaml": bytes], sourceLocation: sourceLocation)
    }

    private static func lines(
        _ files: [String: [UInt8]], within limit: Double = limit, sourceLocation: SourceLocation = #_sourceLocation
    ) -> [String] {
        let start = seconds
        let result = Shop.load(bytes: files)
        #expect(seconds - start < limit, sourceLocation: sourceLocation)
        expectSound(result, sourceLocation: sourceLocation)
        return Shop.lines(result)
    }

    /// Seconds of this thread's work, in an unoptimised build: a busy machine makes nothing slower. What grows without a
    /// limit takes hours.
    private static let limit = 1.0

    /// How long this thread has worked.
    private static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func expectSound(_ result: LoadResult, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            (result.configuration == nil) == result.mistakes.contains { $0.severity == .error },
            sourceLocation: sourceLocation)
        for mistake in result.mistakes {
            #expect(!mistake.message.isEmpty, sourceLocation: sourceLocation)
            #expect(
                mistake.description.unicodeScalars.allSatisfy { scalar in
                    scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
                }, "\(mistake)", sourceLocation: sourceLocation)
            #expect(mistake.description.utf8.count < 1_500, "\(mistake)", sourceLocation: sourceLocation)
        }
    }

    private static func lines(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> [String] {
        lines(Array(text.utf8), sourceLocation: sourceLocation)
    }

    // MARK: Files that would grow

    @Test func aliasesOfAliasesAreCountedBeforeTheyAreFollowed() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        #expect(
            HostileTests.lines(text) == [
                "rules.d/rule.yaml:5:10: more than 10,000 keys and values, aliases written out: split the file"
            ])
    }

    @Test func wideAliasesAreCountedToo() {
        let text =
            "a: &a [\(Array(repeating: "x", count: 200).joined(separator: ", "))]\nb: [\(Array(repeating: "*a", count: 200).joined(separator: ", "))]\n"
        #expect(
            HostileTests.lines(text).map { $0.dropFirst(18).drop { $0 != " " } } == [
                " more than 10,000 keys and values, aliases written out: split the file"
            ])
    }

    @Test func keysOfAliasesAreNotFollowed() {
        var text = "a0: &a0 [x, x, x, x]\n"
        for level in 1...30 {
            text +=
                "a\(level): &a\(level)\n  ? [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n  : x\n"
        }
        #expect(HostileTests.lines(text).count == 1)
    }

    @Test(arguments: [
        "{a: ", "[", "- ", "? ", "a:\n ", "&a ", "!a ", "{? ",
    ])
    func depthIsLimited(opening: String) {
        for depth in [60, 70, 900, 5_000] {
            let text =
                "x: " + (opening.hasPrefix("-") || opening.hasPrefix("?") ? "\n  " : "")
                + String(repeating: opening, count: depth)
            #expect(!HostileTests.lines(text).isEmpty)
        }
    }

    @Test func blockDepthIsLimited() {
        let text = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(HostileTests.lines(text) == ["rules.d/rule.yaml:65:65: more than 64 levels deep"])
    }

    @Test func aliasesCountTheirDepth() {
        let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        let text = "a: &a \(deep)\nb: \(String(repeating: "[", count: 40))*a\(String(repeating: "]", count: 40))\n"
        #expect(HostileTests.lines(text) == ["rules.d/rule.yaml:2:44: more than 64 levels deep"])
    }

    @Test func aFileOfAMebibyteIsRead() {
        let comment = String(repeating: "# a long comment about nothing at all, with an ü\n", count: 20_000)
        #expect(comment.utf8.count < 1 << 20)
        #expect(HostileTests.lines(comment + "x: {send: y}\n").count == 2)
        #expect(HostileTests.lines(comment + comment) == [HostileTests.whole + "is larger than 1 MiB: split it"])
    }

    /// Each opens a key that is a list or a mapping, which Yams would compare by all it holds.
    @Test(arguments: [("{", "a", ": 1}, "), ("{? ", "a", "}, "), ("- ? ", "? a", "\n"), ("[", "a", "]: 1, ")])
    func nestedKeysAreRefusedAtOnce(opening: String, middle: String, end: String) {
        let key =
            String(repeating: opening, count: opening.contains("-") ? 1 : 200) + String(repeating: "? ", count: 100) + middle
            + String(repeating: end, count: opening.contains("-") ? 1 : 200)
        let text = (opening.contains("-") ? "x:\n" : "x: [") + String(repeating: key, count: 300_000 / key.utf8.count)
        #expect(!HostileTests.lines(text).isEmpty)
    }

    @Test func directivesAreRefusedAtOnce() {
        let text = (0..<50_000).map { "%TAG !a\($0)! x\n" }.joined()
        #expect(
            HostileTests.lines(text) == [
                "rules.d/rule.yaml:1:1: a line that begins with % is a directive to YAML, and none is needed here: delete the line"
            ])
    }

    @Test(arguments: ["a%: b\n", "- %\n", "? %\n", "'%': x\n", "%: [x, y, z]\n", "%: &%a x\n"])
    func manyValuesAreRefused(line: String) {
        var text = ""
        var number = 0
        while text.utf8.count < 300_000 {
            for part in line { if part == "%" { text += "\(number)" } else { text.append(part) } }
            number += 1
        }
        #expect(HostileTests.lines(text).count == 1)
    }

    @Test func manyRepeatedKeysEndTheReading() {
        let lines = HostileTests.lines((0..<100).map { "k\($0): {}\nk\($0): {}\n" }.joined())
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix("is given more than once in this mapping: keep one") == true)
    }

    @Test func manyUnknownNamesAreSuggestedForAWhile() {
        // Names of the same length are the slowest to compare.
        func name(_ number: Int) -> String { String(repeating: "a", count: 58) + String(100_000 + number) }
        let names = (0..<1_500).map { "\(name($0)): {}\n" }.joined()
        let others = (0..<4_000).map { name(50_000 + $0) }.joined(separator: ", ")
        let rule = "a: {purpose: care, when: {event: order}, send: x, instead_of: [\(others)]}\n"
        let files = ["regards.yaml": Array(Shop.house.utf8), "rules.d/rule.yaml": Array((names + rule).utf8)]
        #expect(HostileTests.lines(files).count > 4_000)
        let segments = "segments:\n" + (0..<1_500).map { "  \(name($0)): {where: segment is \(name(50_000 + $0))}\n" }.joined()
        #expect(HostileTests.lines(["regards.yaml": Array(segments.utf8)]).count > 1_500)
    }

    @Test func longChainsOfRulesAreFollowed() {
        var files = ["regards.yaml": Array(Shop.house.utf8)]
        for file in 0..<10 {
            let rules = (file * 700..<(file + 1) * 700).map {
                "r\($0): {purpose: care, when: {event: order}, send: x\($0), instead_of: r\(($0 + 1) % 7_000)}\n"
            }
            files["rules.d/\(file).yaml"] = Array(rules.joined().utf8)
        }
        let result = Shop.load(bytes: files)
        #expect(result.mistakes.count == 1)
        HostileTests.expectSound(result)
    }

    // MARK: Files from elsewhere

    /// `yaml/` of the folder in REGARDS_BADINPUT holds cases of the YAML test suite.
    @Test func theYAMLTestSuiteIsReadOrRefused() {
        let folder = HostileTests.badInput + "/yaml"
        let names = Fixture.names(at: folder).filter { $0.hasSuffix(".yaml") }
        if names.isEmpty { print("SKIPPED: no files in \(folder); set REGARDS_BADINPUT") }
        for name in names {
            guard let bytes = Fixture.bytes("\(folder)/\(name)") else { continue }
            #expect(HostileTests.lines(bytes) != [], "\(name)")
            for text in HostileTests.inputs(String(decoding: bytes, as: UTF8.self)).map({ Array($0.utf8) }) {
                _ = HostileTests.lines(text)
                HostileTests.expectSound(Shop.load(bytes: ["regards.yaml": text]))
            }
        }
    }

    @Test func naughtyStringsAreValuesLikeOthers() {
        let path = HostileTests.badInput + "/naughty_strings.json"
        let strings = Fixture.bytes(path).map { HostileTests.strings(json: String(decoding: $0, as: UTF8.self)) } ?? []
        if strings.isEmpty { print("SKIPPED: no \(path); set REGARDS_BADINPUT") }
        for string in strings {
            let text = """
                hello:
                  about: \(string)
                  purpose: \(string)
                  when: {schedule: \(string), at: \(string)}
                  where: [\(string), {any: [\(string)]}]
                  send: \(string)
                  from: \(string)
                  formerly: \(string)
                  \(string): x
                """
            #expect(!HostileTests.lines(text).isEmpty)
            HostileTests.expectSound(
                Shop.load([
                    "regards.yaml": """
                    business: {name: \(string), email: \(string), time_zone: \(string), postal_address: \(string), phone: \(string)}
                    customers: {database: \(string), query: \(string), lookup: \(string), refresh: \(string)}
                    people: {boss: {name: \(string), email: \(string)}, \(string): {column: \(string)}}
                    events: {visit: {query: \(string), done: \(string), pauses: \(string)}, \(string): {}}
                    smtp: {host: \(string), port: \(string), password: \(string), user: \(string)}
                    webhooks: {a: {url: \(string), secret: \(string)}}
                    mode: \(string)
                    state: \(string)
                    """
                ]))
        }
    }

    @Test func aSecretIsNeverRepeated() {
        let result = Shop.load([
            "regards.yaml": """
            smtp: {host: x, user: me, password: geheim-1}
            webhooks:
              a: {url: "https://me:geheim-2@x.example/", secret: geheim-3}
              b: {url: "https://x.example/", secret: [geheim-4, {credential: ../geheim}]}
            customers: {database: "postgresql://me:geheim-5@x.example/", query: SELECT 1}
            business: {name: x, email: "geheim-6 @x.example", time_zone: UTC}
            """
        ])
        #expect(result.mistakes.count == 7)
        #expect(Shop.lines(result).allSatisfy { !$0.contains("geheim-") })
    }

    // MARK: Files that somebody's editor damaged

    @Test func damagedFilesAreReadOrRefused() {
        var random = SeededGenerator()
        let originals = ["valid", "mistakes"].flatMap { folder in
            Fixture.names(in: folder, ending: ".yaml").compactMap { Fixture.bytes("\(Fixture.folder)/\(folder)/\($0).yaml") }
        }
        #expect(originals.count > 50)
        for _ in 0..<600 {
            var bytes = originals[random.below(originals.count)]
            for _ in 0...random.below(4) { HostileTests.damage(&bytes, &random) }
            _ = HostileTests.lines(bytes)
            HostileTests.expectSound(Shop.load(bytes: ["regards.yaml": bytes]))
        }
    }

    /// Last a noncharacter, half a letter, and a surrogate, in UTF-8.
    private static let pieces =
        [
            "*a", "&a ", "<<: ", "- ", ": ", "\t", "\"", "'", "{", "]", "!!int ", "---\n", "%YAML 9\n", "\u{0}", "\u{FEFF}",
            "\u{85}", "|\n", "\r", "? ", "é",
        ].map { Array($0.utf8) } + [[0xEF, 0xB7, 0x95], [0xC3], [0xED, 0xA0, 0x80]]

    private static func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let index = random.below(bytes.count)
        switch random.below(6) {
        case 0: bytes[index] = UInt8(random.below(256))
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: index)
        case 3: bytes.removeLast(bytes.count - index)
        case 4: bytes.removeSubrange(index..<min(bytes.count, index + random.below(40)))
        default:
            let end = min(bytes.count, index + random.below(60))
            bytes.insert(contentsOf: bytes[index..<end], at: random.below(bytes.count))
        }
    }

    private static let badInput =
        getenv("REGARDS_BADINPUT").map { String(cString: $0) } ?? Fixture.repository + "/../shared/badinput"

    /// The values of `yaml: |` in a case of the YAML test suite, with its visible white space made real.
    private static func inputs(_ text: String) -> [String] {
        var inputs: [String] = []
        var lines: [Substring]? = nil
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("  yaml: |") {
                lines = []
            } else if lines != nil, line.hasPrefix("    ") || line.isEmpty {
                lines?.append(line.dropFirst(4))
            } else if let found = lines {
                inputs.append(real(found.joined(separator: "\n")))
                lines = nil
            }
        }
        if let found = lines { inputs.append(real(found.joined(separator: "\n"))) }
        return inputs
    }

    private static func real(_ text: String) -> String {
        var real = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "␣": real += " "
            case "—", "∎": continue
            case "»": real += "\t"
            case "⇔": real += "\u{FEFF}"
            case "↵": continue
            case "←": real += "\r"
            default: real.unicodeScalars.append(scalar)
            }
        }
        return real
    }

    /// The strings of a JSON array, one a line, each in double quotes as YAML writes it: JSON's escapes are
    /// YAML's, but for pairs of surrogates.
    private static func strings(json: String) -> [String] {
        json.split(separator: "\n").compactMap { line in
            let text = line.hasSuffix(",") ? line.dropLast() : line
            guard text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 else { return nil }
            return joiningSurrogates(text)
        }
    }

    private static func joiningSurrogates(_ text: Substring) -> String {
        var joined = ""
        var rest = text
        while let start = rest.firstIndex(of: "\\") {
            joined += rest[..<start]
            let escape = rest[start...].prefix(12)
            let high = UInt32(escape.dropFirst(2).prefix(4), radix: 16) ?? 0
            let low = UInt32(escape.dropFirst(8), radix: 16) ?? 0
            if escape.hasPrefix("\\u"), (0xD800..<0xDC00).contains(high), (0xDC00..<0xE000).contains(low) {
                joined +=
                    "\\U" + String(repeating: "0", count: 3)
                    + String(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), radix: 16)
                rest = rest[start...].dropFirst(12)
            } else {
                joined += rest[start...].prefix(2)
                rest = rest[start...].dropFirst(2)
            }
        }
        return joined + rest
    }
}
