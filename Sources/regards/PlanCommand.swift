import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who gets what, when, in their own local time.",
        usage: "regards plan [--from <date>] [--to <date>] [--rule <name>] [<options>]",
        discussion: """
            Asks the same code as the daemon, and writes nothing. Steps of events that are already open are listed from \
            the state file.

            EXAMPLES
              regards plan
              regards plan --from 2027-05-01 --to 2027-06-01 --rule birthday-card
              regards plan --customer 17 --json
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var period: PeriodOptions

    @Option(help: ArgumentHelp("Only this rule.", valueName: "name"))
    var rule: String?

    @Option(help: ArgumentHelp("Only this customer.", valueName: "id"))
    var customer: String?

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let range = try period.range(in: assembly.book.house.business.zone)
            try assembly.requireRule(rule)
            let forecast = Forecast(
                assembly: assembly, source: try Workshop.source(assembly), outbox: try assembly.ledger(),
                hash: AddressHash(key: try assembly.key()), isGuarding: true)
            let report = try forecast.report(
                from: range.lowerBound, to: range.upperBound, now: SystemClock().now(), rule: rule, customer: customer)
            if let customer, report.customers == 0 { throw TrialError.noCustomer(customer) }
            json ? report.lines.forEach { Terminal.write($0.json.description) } : printTable(report)
        }
    }

    private func printTable(_ report: Forecast.Report) {
        var table = Table(["WHEN (THEIR TIME)", "ZONE", "CUSTOMER", "RULE", "STEP", "CARD", "WHAT"])
        for line in report.lines {
            let outreach = line.outreach
            let (word, reason) = line.verdict
            table.add([
                "\(line.local.date.weekday) \(line.local.date) \(line.local.time)",
                outreach.zone + (line.zoneSource == .column ? "" : " (\(line.zoneSource.rawValue)'s)"),
                outreach.key.customer, outreach.key.rule, outreach.key.step, line.card,
                reason.isEmpty ? word : "\(word): \(reason)",
            ])
        }
        table.print()
        Terminal.write(Terminal.dim(summary(report)))
    }

    private func summary(_ report: Forecast.Report) -> String {
        let due = report.lines.count { $0.verdict.word == "due" }
        var parts = [
            "\(Words.count(report.lines.count, "occasion")), \(due) due", Words.count(report.customers, "customer"),
        ]
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            parts.append("\(customers.count) with \(problem.rawValue): \(customers.firstIDs.joined(separator: ", "))")
        }
        return NoticeText.printable(parts.joined(separator: "; "))
    }
}

extension Forecast.Line {
    fileprivate var json: JSON {
        .object([
            "customer": .text(outreach.key.customer), "rule": .text(outreach.key.rule),
            "occasion": .text(outreach.key.occasion), "step": .text(outreach.key.step),
            "recipient": .text(outreach.key.recipient), "card": .text(card), "due_at": .text(Moment.utc(outreach.dueAt)),
            "local": .text("\(local.date)T\(local.time)"), "zone": .text(outreach.zone),
            "zone_from": .text(zoneSource.rawValue), "expires_at": .optional(outreach.expiresAt.map(Moment.utc)),
            "channel": .text(outreach.channel.description), "verdict": .text(verdict.word),
            "reason": .text(verdict.reason),
        ])
    }
}
