import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the whole daemon over a period in seconds, writing every message to a folder.",
        usage: "regards simulate --out <folder> [<options>]",
        discussion: """
            The same code as the daemon, under a clock of its own and with a ledger that is thrown away afterwards. \
            Customers are as the database has them now.

            EXAMPLES
              regards simulate --from 2027-01-01 --to 2028-01-01 --out year
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var period: PeriodOptions

    @Option(help: ArgumentHelp("Folder for the messages: a maildir, new/*.eml.", valueName: "folder"))
    var out: String

    @Flag(help: "The totals as one JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let range = try period.range(in: assembly.book.house.business.zone)
            try Folder.make(out)
            let report = try Failure.translating {
                try Simulation(assembly: assembly, folder: out).run(from: range.lowerBound, to: range.upperBound)
            }
            json ? printJSON(report) : printTable(report)
        }
    }

    private func printTable(_ report: Simulation.Report) {
        var table = Table(["RULE", "SENT"])
        for (rule, count) in report.sentByRule.sorted(by: { $0.key < $1.key }) { table.add([rule, "\(count)"]) }
        table.print()
        for (what, count) in report.others.sorted(by: { $0.key < $1.key }) { Terminal.write("\(count) \(what)") }
        let busiest = report.sentByDay.max { ($0.value, $1.key) < ($1.value, $0.key) }
        Terminal.write(
            Terminal.dim(
                counted(report.sent, "message") + " to " + counted(report.customers, "customer") + ", written to \(out)/new"
                    + (busiest.map { "; busiest day \($0.key) with \($0.value)" } ?? "")))
    }

    private func printJSON(_ report: Simulation.Report) {
        func counts(_ counts: [String: Int]) -> JSON { .object(counts.mapValues { .number($0) }) }
        Terminal.write(
            JSON.object([
                "sent": .number(report.sent), "customers": .number(report.customers), "by_rule": counts(report.sentByRule),
                "by_day": counts(Dictionary(uniqueKeysWithValues: report.sentByDay.map { ($0.key.description, $0.value) })),
                "others": counts(report.others),
            ]).description)
    }
}
