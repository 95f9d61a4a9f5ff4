import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon
import RegardsRules

struct Test: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the cases that say what the rules should do.",
        usage: "regards test [<file> ...] [<options>]",
        discussion: """
            A case has customers, what happens to them, and the outreach that should follow: docs/testing.md. Each is \
            lived through by the daemon itself, under a clock of its own, with a made-up database in place of yours. \
            Exits with 1 when a case fails.

            EXAMPLES
              regards test
              regards test tests/birthdays.yaml --config shop/regards.yaml
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: ArgumentHelp("Files of cases. Default: tests/*.yaml beside the configuration.", valueName: "file"), completion: .file())
    var files: [String] = []

    @Flag(help: "One JSON object a case.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let loader = CaseLoader(book: assembly.book)
            let folder = CaseLoader.folder(beside: assembly.configuration.file)
            let paths = files.isEmpty ? loader.files(in: folder) : files
            guard !paths.isEmpty else {
                throw Failure(.noInput, "\(folder): no cases here; docs/testing.md says how to write one")
            }
            for path in files where access(path, F_OK) != 0 {
                throw Failure(.noInput, "\(path): \(String(cString: strerror(errno)))")
            }
            let loaded = loader.load(paths)
            guard loaded.mistakes.isEmpty else { throw Failure(mistakes: loaded.mistakes) }
            guard !loaded.cases.isEmpty else {
                throw Failure(.noInput, "\(paths.joined(separator: ", ")): no cases here; docs/testing.md says how to write one")
            }
            let results = try run(loaded.cases, assembly)
            if json { results.forEach { Terminal.write($0.json.description) } } else { tell(results, assembly) }
            if results.contains(where: { !$0.isPassed }) { throw ExitCode(1) }
        }
    }

    private func run(_ cases: [Case], _ assembly: Assembly) throws -> [CaseResult] {
        let progress = ProgressLine()
        defer { progress.clear() }
        return try Case.run(cases, assembly) { progress.show("\($0) of \(Words.count(cases.count, "case"))") }
    }

    private func tell(_ results: [CaseResult], _ assembly: Assembly) {
        let failed = results.filter { !$0.isPassed }
        for result in failed {
            for (number, line) in result.lines.enumerated() {
                for part in Wrapping.lines(NoticeText.printable(line), indent: number == 0 ? 2 : 14) {
                    Terminal.write(number == 0 ? Terminal.bold(part) : part)
                }
            }
            Terminal.write("")
        }
        let untold = untold(results, assembly)
        if !untold.isEmpty { Terminal.write(Terminal.dim("rules in no case: \(untold.joined(separator: ", "))")) }
        Terminal.write(
            failed.isEmpty
                ? "\(Words.count(results.count, "case")), all passed"
                : "\(Words.count(results.count, "case")), \(failed.count) failed")
    }

    /// Rules that no case expects anything of. Only where all cases were run.
    private func untold(_ results: [CaseResult], _ assembly: Assembly) -> [String] {
        guard files.isEmpty else { return [] }
        let told = Set(results.flatMap { $0.testCase.expected.map(\.rule) })
        return assembly.book.rules.map(\.name).filter { !told.contains($0) }
    }
}

extension CaseResult {
    fileprivate var json: JSON {
        .object([
            "case": .text(testCase.name), "file": .text(testCase.place.file), "line": .number(testCase.place.line),
            "passed": .text(isPassed ? "yes" : "no"),
            "differences": .list(differences.map(\.json)),
        ])
    }
}

extension CaseResult.Difference {
    fileprivate var json: JSON {
        var members: [String: JSON] = ["what": .text(word), "line": place.map { .number($0.line) } ?? .null]
        switch self {
        case .missing(let expected, let instead):
            members["expected"] = .text(expected.text)
            members["instead"] = .list(instead.map { .text($0) })
        case .other(let expected, let went):
            members["expected"] = .text(expected.text)
            members["went"] = .text(went)
        case .unexpected(let went): members["went"] = .text(went)
        }
        return .object(members)
    }
}
