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
            let errors = mistakes.count { $0.severity == .error }
            if let ledger = try assembly.ledger() { return try show(assembly, errors, ledger) }
            // Before the first start there is nothing yet, and that is how things stand.
            let folder = try Folder.makeTemporary("regards-status")
            defer { Folder.remove(folder) }
            let empty = try SQLiteOutbox.openScratch(path: "\(folder)/regards.sqlite", now: SystemClock().now())
            try show(assembly, errors, empty, isNew: true)
        }
    }

    private func show(_ assembly: Assembly, _ mistakes: Int, _ ledger: SQLiteOutbox, isNew: Bool = false) throws {
        let facts = try StatusFacts(assembly, mistakes: mistakes, ledger, isNew: isNew, now: SystemClock().now())
        json ? Terminal.write(facts.json.description) : facts.print()
    }
}
