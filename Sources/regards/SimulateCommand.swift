import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a whole period in seconds, and count what would happen.",
        usage: "regards simulate [--from <date>] [--to <date>] [<options>]",
        discussion: """
            Every customer is walked through the period by the same code as the daemon's, as if it had been started at the \
            beginning with an empty outbox. Customers are as the database has them now. Events come at their own times, \
            and what ends them (the columns of done and ends_when) at the times these hold: a period of the past is lived \
            through again. Nobody is mailed, and no state is read or written.

            EXAMPLES
              regards simulate --from 2027-01-01 --to 2028-01-01
              regards simulate --from 2027-01-01 --to 2028-01-01 --out year
              regards simulate --from 2026-01-01 --to 2027-01-01 --json
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var period: PeriodOptions

    @Option(
        help: ArgumentHelp("Also write the messages: a maildir, new/*.eml. It must hold none yet.", valueName: "folder"),
        completion: .directory)
    var out: String?

    @Option(
        help: ArgumentHelp(
            "Customers of a CSV file in place of the database, their columns in its first line; without events.",
            valueName: "file"), completion: .file(extensions: ["csv"]))
    var customers: String?

    @Flag(help: "The totals as one JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            var assembly = try options.load()
            let zone = assembly.book.house.business.zone
            let range = try period.range(in: zone)
            if let out {
                guard !Folder.hasFiles("\(out)/new") else {
                    throw Failure(.cannotCreate, "\(out)/new: holds messages already; name another folder, or empty it")
                }
                try Folder.make(out)
            }
            let fixture = try customers.map { try CustomerFixture(file: $0, assembly.book) }
            if let fixture { assembly = assembly.reading(fixture) }
            let progress = ProgressLine()
            let report = try Simulation(assembly: assembly, folder: out).run(
                from: range.lowerBound, to: range.upperBound, hasEvents: fixture == nil
            ) { progress.show("\(Words.count($0, "customer"))…") }
            progress.clear()
            json ? Terminal.write(report.json.description) : show(report, range, zone)
        }
    }

    private func show(_ report: Simulation.Report, _ range: Range<Instant>, _ zone: Zone) {
        messages(report)
        collisions(report)
        promises(report)
        PlanTotals(report.sentByDayAndRule, range, zone).chart()
        let others = report.others.filter { !$0.key.hasPrefix("skipped(budget:") && !$0.key.hasPrefix("skipped(replaced:") }
        for (what, count) in others.sorted(by: { $0.key < $1.key }) { Terminal.write("\(count) \(what.replacing("(", with: ": ").replacing(")", with: ""))") }
        let busiest = report.sentByDay.max { ($0.value, $1.key) < ($1.value, $0.key) }
        let parts = [
            "\(Words.count(report.sent, "message")) for \(Words.count(report.customers, "customer"))",
            out.map { "written to \($0)/new" }, busiest.map { "busiest day \($0.key) with \($0.value)" },
            report.listed.isEmpty ? nil : items(report),
        ]
        Terminal.write(Terminal.dim(parts.compactMap { $0 }.joined(separator: "; ")))
    }

    private func messages(_ report: Simulation.Report) {
        var table = Table(["RULE", "SENT"], numbers: [1])
        for (rule, count) in report.sentByRule.sorted(by: { $0.key < $1.key }) { table.add([rule, "\(count)"]) }
        table.print()
    }

    private func items(_ report: Simulation.Report) -> String {
        let lists = report.listed.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
        return "\(Words.count(report.listed.values.reduce(0, +), "item")) of lists (\(lists.joined(separator: ", "))), in "
            + Words.count(report.dayLists, "morning mail")
    }

    /// Who gave way to whom, the most frequent first.
    private func collisions(_ report: Simulation.Report) {
        guard !report.collisions.isEmpty else { return }
        var table = Table(["GAVE WAY", "TO", "PUT OFF", "LOST", "REPLACED"], numbers: [2, 3, 4])
        let pairs = Dictionary(grouping: report.collisions) { [$0.key.rule, $0.key.winner] }
        let sums = pairs.mapValues { $0.reduce(0) { $0 + $1.value } }
        for (pair, _) in sums.sorted(by: { ($1.value, $0.key[0], $0.key[1]) < ($0.value, $1.key[0], $1.key[1]) }) {
            let ends = Simulation.Collision.End.allCases.map { end in
                "\(report.collisions[Simulation.Collision(rule: pair[0], winner: pair[1], end: end)] ?? 0)"
            }
            table.add(pair + ends)
        }
        Terminal.write("")
        table.print()
    }

    private func promises(_ report: Simulation.Report) {
        guard !report.promises.isEmpty else { return }
        var table = Table(["PROMISE", "KEPT", "BROKEN", "RUNNING"], numbers: [1, 2, 3])
        for (rule, count) in report.promises.sorted(by: { $0.key < $1.key }) {
            table.add([rule, "\(count.kept)", "\(count.broken)", "\(count.running)"])
        }
        Terminal.write("")
        table.print()
    }
}

extension Simulation.Report {
    fileprivate var json: JSON {
        var days: [String: [String: Int]] = [:]
        for (key, count) in sentByDayAndRule { days["\(key.day)", default: [:]][key.rule] = count }
        let pairs = collisions.sorted { ($0.key.rule, $0.key.winner, $0.key.end.rawValue) < ($1.key.rule, $1.key.winner, $1.key.end.rawValue) }
        return .object([
            "sent": .number(sent), "customers": .number(customers), "by_rule": .counts(sentByRule),
            "by_day": .counts(Dictionary(uniqueKeysWithValues: sentByDay.map { ($0.key.description, $0.value) })),
            "by_day_and_rule": .object(days.mapValues { .counts($0) }), "others": .counts(others),
            "collisions": .list(
                pairs.map { pair, count in
                    .object([
                        "rule": .text(pair.rule), "gave_way_to": .text(pair.winner), "end": .text(pair.end.rawValue),
                        "count": .number(count),
                    ])
                }),
            "promises": .object(
                promises.mapValues {
                    .object(["kept": .number($0.kept), "broken": .number($0.broken), "running": .number($0.running)])
                }),
            "listed": .counts(listed), "day_lists": .number(dayLists),
        ])
    }
}
