import ArgumentParser
import RegardsCore
import RegardsDaemon
import RegardsStore

struct GoLive: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let this machine mail customers.",
        discussion: """
            `mode: live` in regards.yaml counts only on a machine that was taken live, so that a copied configuration \
            mails nobody. --undo takes it back. A running daemon follows at its next reload.

            EXAMPLES
              regards go-live && systemctl reload regards
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Take this machine back to rehearsing.")
    var undo = false

    /// What will not go before somebody has looked at it.
    private func tellWaiting(_ assembly: Assembly) throws {
        let approvals = Approvals(assembly, outbox: try assembly.ledger(), hash: AddressHash(key: try assembly.key()))
        do {
            for finding in try approvals.waiting(now: SystemClock().now()) {
                Terminal.write("\(finding.rule) will wait: \(finding.words)")
            }
        } catch let error as SourceError {
            Terminal.error("what the rules would send cannot be counted now: \(error)")
        }
    }

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            try Folder.make(assembly.stateFolder)
            let outbox = try SQLiteOutbox.openForCommand(path: assembly.statePath, access: .write)
            try outbox.setLiveMachine(undo ? nil : Machine.identity(), now: SystemClock().now())
            try outbox.close()
            if undo { return Terminal.write("this machine rehearses again; a running daemon follows at its next reload") }
            Terminal.write("this machine may mail customers; a running daemon follows at its next reload")
            if assembly.book.house.mode != .live {
                Terminal.write("regards.yaml does not say `mode: live` yet: until it does, nobody is mailed")
            }
            try tellWaiting(assembly)
        }
    }
}
