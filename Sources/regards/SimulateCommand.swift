import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a whole period in seconds; messages go to a folder.",
        usage: "regards simulate --from <date> --to <date> --out <folder> [<options>]",
        discussion: """
            The same code as the daemon, under a clock of its own and with a ledger that is thrown away afterwards. \
            Customers are as the database has them now. The folder must hold no messages yet.

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
            let zone = assembly.book.house.business.zone
            let range = try period.range(in: zone)
            guard !Folder.hasFiles("\(out)/new") else {
                throw Failure(.cannotCreate, "\(out)/new: holds messages already; name another folder, or empty it")
            }
            try Folder.make(out)
            let progress = ProgressLine()
            let report = try Simulation(assembly: assembly, folder: out).run(from: range.lowerBound, to: range.upperBound) {
                progress.show("\(Words.count($0, "customer"))")
            }
            progress.clear()
            json ? Terminal.write(report.json.description) : printTable(report)
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
                "\(Words.count(report.sent, "message")) for \(Words.count(report.customers, "customer")), "
                    + "written to \(out)/new"
                    + (busiest.map { "; busiest day \($0.key) with \($0.value)" } ?? "")))
    }
}

extension Simulation.Report {
    fileprivate var json: JSON {
        .object([
            "sent": .number(sent), "customers": .number(customers), "by_rule": .counts(sentByRule),
            "by_day": .counts(Dictionary(uniqueKeysWithValues: sentByDay.map { ($0.key.description, $0.value) })),
            "others": .counts(others),
        ])
    }
}
