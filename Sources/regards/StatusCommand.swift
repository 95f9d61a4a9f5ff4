import ArgumentParser
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how things stand, what is wrong, and the command that mends it.",
        discussion: """
            Works whether the daemon runs or not, and where the files have mistakes. It ends with 0 whatever it shows: \
            what is wrong stands at the end, and in --json under "wrong".

            EXAMPLES
              regards status
              regards status --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            let (assembly, mistakes) = try options.look()
            let facts = try StatusFacts(
                assembly, mistakes: mistakes.count { $0.severity == .error }, try assembly.requireLedger(),
                now: SystemClock().now())
            json ? Terminal.write(facts.json.description) : facts.print()
        }
    }
}
