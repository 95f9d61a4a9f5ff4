import ArgumentParser
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a sound state file from a damaged one.",
        discussion: """
            Everything that can still be read goes into a new file, and the damaged one is kept beside it. What may have \
            been sent is held in doubt and not sent again, until you say what became of it: regards outbox settle. Stop \
            the daemon first. A state file that is sound is left alone.

            EXAMPLES
              systemctl stop regards
              regards recover
              regards outbox list --state held
              systemctl start regards
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            do {
                guard let report = try StateRecovery.recover(path: assembly.statePath, now: SystemClock().now()) else {
                    return Terminal.write("\(assembly.statePath) is sound; nothing was done")
                }
                report.print(path: assembly.statePath)
            } catch OutboxError.damaged(let path, let detail) {
                throw Failure(
                    .io,
                    "\(path): nothing of it can be read (\(detail)); put a backup in its place, or move it away: without a state "
                        + "file nothing of the past is sent")
            }
        }
    }
}

extension StateRecovery.Report {
    fileprivate func print(path: String) {
        var table = regards.Table(["TABLE", "READ", "PIECED TOGETHER", "LOST"])
        for part in tables {
            table.add([part.name, "\(part.read)", "\(part.rebuilt)", part.hasGaps ? lost(part) : "nothing"])
        }
        table.print()
        Terminal.write("made anew: \(path)")
        Terminal.write("the damaged file is kept: \(kept)")
        if inDoubt > 0 {
            Terminal.write("\(Words.count(inDoubt, "message")) may have been sent and wait: \(Process.command) outbox list --state held")
        }
        if hasUnknownRows {
            Terminal.write("rows are lost of which nothing is known: what is owed of the time before now is held in doubt as well")
        }
        if isPaused {
            Terminal.write(
                "suppressions or pauses are lost, so everything is paused: put them right, then \(Process.command) pause lift --all")
        }
        if lostLive { Terminal.write("this machine is not known as live any more: \(Process.command) go-live") }
    }

    private func lost(_ part: StateRecovery.Report.Table) -> String { part.name == "outreach" && !hasUnknownRows ? "nothing more" : "some" }
}
