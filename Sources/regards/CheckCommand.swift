import ArgumentParser
import RegardsCore
import RegardsDaemon

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find every mistake in configuration, rules, cards and queries.",
        discussion: """
            Prints each as FILE:LINE:COLUMN: KEY: what was expected, all files in one pass, and exits with 78 when one is an \
            error, with 69 when the only one is that the customer database cannot be read. Looks at all customers, and \
            writes nothing.

            EXAMPLES
              regards check
              regards check --config shop/regards.yaml --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One JSON object a mistake.")
    var json = false

    func run() throws {
        try carryOut {
            let progress = ProgressLine()
            let checkup = try Checkup.run(
                file: try options.requirePath(), environment: Process.environment, progress: progress.show)
            progress.clear()
            for mistake in checkup.mistakes {
                json ? Terminal.write(mistake.json.description) : Terminal.error(wrapped: mistake.description)
            }
            let errors = checkup.mistakes.count { $0.severity == .error }
            if !json {
                for line in checkup.summary { Wrapping.lines(line, indent: 2).forEach(Terminal.write) }
                for line in ServiceAccess.advice(configuration: options.path) { Terminal.error(line) }
                Terminal.write(verdict(errors: errors, warnings: checkup.mistakes.count - errors))
            }
            if checkup.isSourceUnreachable { throw ExitCode(Failure.Status.unavailable.rawValue) }
            if errors > 0 { throw ExitCode(Failure.Status.config.rawValue) }
        }
    }

    private func verdict(errors: Int, warnings: Int) -> String {
        let mistakes = errors == 0 ? "no mistakes" : Words.count(errors, "mistake")
        return warnings == 0 ? mistakes : "\(mistakes), \(Words.count(warnings, "warning"))"
    }
}

extension Mistake {
    fileprivate var json: JSON {
        .object([
            "severity": .text(severity.rawValue), "file": .text(place.file), "line": .number(place.line),
            "column": .number(place.column), "key": .text(path), "message": .text(message),
        ])
    }
}
