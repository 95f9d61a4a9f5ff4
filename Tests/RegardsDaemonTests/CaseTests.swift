import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// `regards test`: cases for rules, among them those for everything a car dealer's rules should do.
@Suite("Cases for rules")
struct CaseTests {
    private static let dealer = TestTools.root + "/Tests/Fixtures/dealer"
    private static let files = ["birthdays", "cars", "complaints", "inquiries", "relationship", "workshop", "year"]

    private func run(
        _ arguments: [String], config: String = CaseTests.dealer + "/regards.yaml"
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        let run = try ChildProcess.run([ChildProcess.regards, "test", "--config", config] + arguments)
        func named(_ lines: [String]) -> [String] {
            lines.map { $0.split(separator: TestTools.root + "/", omittingEmptySubsequences: false).joined() }
        }
        return (run.ending, named(run.output), named(run.errors))
    }

    private func loader() throws -> CaseLoader {
        let loaded = Assembly.load(file: CaseTests.dealer + "/regards.yaml", environment: [:], zones: ZoneCatalog())
        return CaseLoader(book: try #require(loaded.assembly).book)
    }

    @Test("the dealer's rules do what the dealer wants", arguments: files)
    func dealer(file: String) throws {
        let run = try run(["\(CaseTests.dealer)/tests/\(file).yaml"])
        #expect(run.errors == [])
        #expect(run.output.count == 1, "\(run.output.joined(separator: "\n"))")
        #expect(run.output.last?.hasSuffix("all passed") == true)
        #expect(run.ending.status == 0)
    }

    @Test("a file without cases passes nothing")
    func empty() throws {
        let folder = try TemporaryFolder()
        try folder.write("# later\n", to: "cases.yaml")
        let run = try run([folder.path + "/cases.yaml"])
        #expect(run.ending.status == 66)
        #expect(run.errors == ["regards: \(folder.path)/cases.yaml: no cases here; docs/testing.md says how to write one"])
    }

    @Test("each of the dealer's rules has a case that expects something of it")
    func everyRule() throws {
        let loader = try loader()
        let paths = loader.files(in: CaseTests.dealer + "/tests")
        #expect(paths == CaseTests.files.map { "\(CaseTests.dealer)/tests/\($0).yaml" })
        let loaded = loader.load(paths)
        #expect(loaded.mistakes == [])
        let expected = Set(loaded.cases.flatMap { $0.expected.filter { $0.fate == .goes }.map(\.rule) })
        let rules = try #require(
            ConfigurationLoader(environment: [:], zones: ZoneCatalog()).load(file: CaseTests.dealer + "/regards.yaml").configuration
        ).ruleBook.rules.map(\.name)
        #expect(Set(rules).subtracting(expected) == [])
    }

    @Test("the shipped rules do what their cases say, and each has one that expects something of it")
    func shipped() throws {
        let run = try run([], config: TestTools.root + "/config/regards.yaml")
        #expect(run.errors == [])
        #expect(run.output.count == 1, "\(run.output.joined(separator: "\n"))")
        #expect(run.output.last?.hasSuffix("all passed") == true)
        #expect(run.ending.status == 0)
    }

    @Test("a rule that is off is on in a case that names it")
    func switchedOn() throws {
        let shop = try TestShop(rules: [])
        try shop.rules("birthday: {purpose: greeting, enabled: no, when: {anniversary: birthday, at: 09:00}, send: birthday}")
        try shop.folder.write(
            "Off:\n  customer: {birthday: 1980-05-18}\n  on: 2027-05-18\n  expect: nothing\n"
                + "On:\n  customer: {birthday: 1980-05-18}\n  on: 2027-05-18\n  rules: birthday\n  expect: birthday at 09:00\n",
            to: "cases.yaml")
        let run = try run(["\(shop.path)/cases.yaml"], config: shop.file)
        #expect(run.errors == [])
        #expect(run.output == ["2 cases, all passed"])
    }

    @Test("differences are told with their places, and the command ends with 1")
    func differences() throws {
        let file = TestTools.root + "/Tests/Fixtures/cases/differences.yaml"
        let run = try run([file])
        #expect(run.ending.status == 1)
        #expect(run.errors == [])
        try Snapshot.check(run.output, "test-differences")
        let json = try self.run([file, "--json"])
        #expect(json.ending.status == 1)
        try Snapshot.check(json.output, "test-differences-json")
    }

    @Test("mistakes of all files are told at once, and nothing is run")
    func mistakes() throws {
        let run = try run([TestTools.root + "/Tests/Fixtures/cases/mistakes.yaml"])
        #expect(run.ending.status == 78)
        #expect(run.output == [])
        try Snapshot.check(run.errors, "test-mistakes")
    }

    @Test("a file that is not there, and a folder without cases, are no success")
    func noFiles() throws {
        let run = try run(["nosuch.yaml"])
        #expect(run.ending.status == 66)
        #expect(run.errors == ["regards: nosuch.yaml: No such file or directory"])
        let shop = try TestShop(rules: ["birthday"])
        let none = try self.run([], config: shop.file)
        #expect(none.ending.status == 66)
        #expect(none.errors == ["regards: \(shop.path)/tests: no cases here; docs/testing.md says how to write one"])
    }

    @Test("every example of docs/testing.md passes")
    func documentation() throws {
        let text = try TestShop.text(TestTools.root + "/docs/testing.md")
        let blocks = text.split(separator: "```yaml\n").dropFirst().compactMap { $0.split(separator: "```").first }
        #expect(blocks.count >= 4)
        let shop = try TestShop(rules: [])
        var paths: [String] = []
        for (number, block) in blocks.enumerated() {
            try shop.folder.write(String(block), to: "example-\(number).yaml")
            paths.append("\(shop.path)/example-\(number).yaml")
        }
        let run = try run(paths)
        #expect(run.errors == [])
        #expect(run.output.count == 1, "\(run.output.joined(separator: "\n"))")
        #expect(run.ending.status == 0)
    }
}
