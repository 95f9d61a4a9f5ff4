import ArgumentParser
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find every mistake in configuration, rules, cards and queries.",
        discussion: """
            Prints each as FILE:LINE:COLUMN: KEY: what was expected, and exits with 78 when one is an error. Reads the \
            customer database, and writes nothing.

            EXAMPLES
              regards check
              regards check --config shop/regards.yaml --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One JSON object a mistake.")
    var json = false

    func run() throws {
        try carryOut {
            let checkup = try Checkup.run(file: options.path, environment: options.environment)
            for mistake in checkup.mistakes { show(mistake) }
            guard !json else { return try leave(checkup) }
            for line in checkup.summary { Terminal.write(line) }
            try leave(checkup)
        }
    }

    private func leave(_ checkup: Checkup) throws {
        if checkup.mistakes.contains(where: { $0.severity == .error }) { throw ExitCode(Failure.Status.config.rawValue) }
        if checkup.isSourceUnreachable { throw ExitCode(Failure.Status.unavailable.rawValue) }
    }

    private func show(_ mistake: Mistake) {
        guard json else { return Terminal.error(mistake.description) }
        Terminal.write(
            JSON.object([
                "severity": .text(mistake.severity.rawValue), "file": .text(mistake.place.file),
                "line": .number(mistake.place.line), "column": .number(mistake.place.column),
                "key": .text(mistake.path), "message": .text(mistake.message),
            ]).description)
    }
}
