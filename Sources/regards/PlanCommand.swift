import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

/// A day (`2027-05-01`, from its midnight in the business's zone) or an instant (`2027-05-01T09:00:00Z`).
struct DayOrInstant: ExpressibleByArgument {
    var text: String

    init?(argument: String) {
        guard CivilDate(argument) != nil || Instant(argument) != nil else { return nil }
        text = argument
    }

    func instant(in zone: Zone) -> Instant {
        if let date = CivilDate(text) { return zone.startOfDay(date) }
        return Instant(text) ?? Instant(seconds: 0)
    }
}

struct PeriodOptions: ParsableArguments {
    @Option(help: ArgumentHelp("First day, or instant with offset. Default: now.", valueName: "date"))
    var from: DayOrInstant?

    @Option(help: ArgumentHelp("End, not included. Default: 31 days after the start.", valueName: "date"))
    var to: DayOrInstant?

    func range(in zone: Zone) throws -> Range<Instant> {
        let start = from?.instant(in: zone) ?? SystemClock().now()
        let end = to?.instant(in: zone) ?? CalendarSpan(days: 31).added(to: start, in: zone)
        guard start < end else { throw ValidationError("--to must be later than --from") }
        return start..<end
    }
}

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who gets what, when, in their own local time.",
        usage: "regards plan [<options>]",
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
            var forecast = Forecast(assembly: assembly, source: try Workshop.source(assembly), outbox: try assembly.ledger())
            let report = try Failure.translating {
                try forecast.report(from: range.lowerBound, to: range.upperBound, rule: rule, customer: customer)
            }
            json ? printJSON(report) : printTable(report, assembly)
        }
    }

    private func printTable(_ report: Forecast.Report, _ assembly: Assembly) {
        var table = Table(["WHEN (THEIR TIME)", "ZONE", "CUSTOMER", "RULE", "STEP", "CARD", "WHAT"])
        for line in report.lines {
            let outreach = line.outreach
            let (word, reason) = line.verdict
            table.add([
                "\(outreach.localDate.weekday) \(outreach.localDate) \(outreach.localTime.shortText)",
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
        var parts = [counted(report.lines.count, "occasion") + ", \(due) due", counted(report.customers, "customer")]
        for (problem, customers) in report.unusable.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            parts.append("\(customers.count) with \(problem.rawValue): \(customers.firstIDs.joined(separator: ", "))")
        }
        return parts.joined(separator: "; ")
    }

    private func printJSON(_ report: Forecast.Report) {
        for line in report.lines {
            let outreach = line.outreach
            Terminal.write(
                JSON.object([
                    "customer": .text(outreach.key.customer), "rule": .text(outreach.key.rule),
                    "occasion": .text(outreach.key.occasion), "step": .text(outreach.key.step),
                    "recipient": .text(outreach.key.recipient), "card": .text(line.card),
                    "due_at": .text(Moment.utc(outreach.dueAt)),
                    "local": .text("\(outreach.localDate)T\(outreach.localTime.shortText)"),
                    "zone": .text(outreach.zone), "zone_from": .text(line.zoneSource.rawValue),
                    "expires_at": .optional(outreach.expiresAt.map(Moment.utc)),
                    "channel": .text(outreach.channel.description), "verdict": .text(line.verdict.word),
                    "reason": .text(line.verdict.reason),
                ]).description)
        }
    }
}

extension WallTime {
    /// `09:00`, with seconds only where there are some.
    var shortText: String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(hour)):\(two(minute))" + (second == 0 ? "" : ":\(two(second))")
    }
}

extension Assembly {
    /// Refuses a rule that is in no file, with the nearest name.
    func requireRule(_ name: String?) throws {
        guard let name, !book.rules.contains(where: { $0.name == name }) else { return }
        let names = book.rules.map(\.name)
        let hint = NearestName.of(name, among: names).map { "did you mean \($0)?" }
            ?? (names.isEmpty ? "there are none" : "there are " + names.joined(separator: ", "))
        throw Failure(.usage, "there is no rule \(name); \(hint)")
    }
}
