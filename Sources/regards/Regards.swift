import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon

@main
struct Regards: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "regards",
        abstract: "Keeps a business in touch with its customers.",
        discussion: """
            Reads the customer database the business already has and rule files that say who should hear from it and \
            when. Sends every card on time in the customer's own local time, never twice, and never to somebody who \
            should not get it.

            EXAMPLES
              regards demo                          see it work, with a made-up shop
              regards check                         every mistake in the files, at once
              regards plan --from 2027-05-01 --to 2027-06-01
              regards explain 17                    what each rule makes of a customer
              regards preview birthday-card --customer 17
              regards serve --once                  plan, send what is due, exit
              regards pause --all                   hold everything back, at once

            EXIT STATUS (sysexits.h)
              0   done
              1   a case of regards test failed
              64  wrong usage, or a rule that is in no file
              65  not possible with this card, customer, row or CSV file, or not approved
              66  there is no such file, customer, row, pause or item
              69  the customer database or the relay cannot be reached, or no daemon runs
              70  an error of Regards itself
              73  a file cannot be made, or is there already
              74  the state file cannot be read or written
              75  the state file is in use, or of an older release: start the daemon
              78  mistakes in configuration, rules, cards or queries, or a foreign state
            """,
        version: Version.text,
        subcommands: [
            Serve.self, Check.self, Plan.self, Explain.self, Preview.self, SendTest.self, Test.self, Simulate.self,
            Reload.self, GoLive.self, Approve.self, PauseCommand.self, SuppressCommand.self, ListCommand.self, Status.self,
            OutboxCommand.self, Recover.self, CalendarCommand.self, Init.self, Demo.self,
        ])

    static func main() {
        Process.openMissingStreams()
        if let advice {
            Terminal.error(advice)
            Glibc.exit(Failure.Status.usage.rawValue)
        }
        main(nil)
    }

    /// What to say of a first word that is no command; nil where it is one, or an option of this level.
    private static var advice: String? {
        guard let word = CommandLine.arguments.dropFirst().first else { return nil }
        if word == "--config" || word == "-c" || word.hasPrefix("--config=") {
            return "regards: options stand behind the command, as in: regards check --config FILE"
        }
        let known = configuration.subcommands.map { $0._commandName } + ["help"]
        guard !word.hasPrefix("-"), !known.contains(word) else { return nil }
        let hint = NearestName.of(word, among: known).map { "; did you mean \($0)?" } ?? "; regards --help lists them"
        return "regards: there is no command \(NoticeText.printable(word))\(hint)"
    }
}

enum Version {
    static let text = "0.1.0"
}
