import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who gets what, when, in their own local time.",
        usage: "regards plan [--from <date>] [--to <date>] [--rule <name>] [<options>]",
        discussion: """
            Asks the same code as the daemon, and writes nothing. Of events it knows those that the daemon has seen; what \
            they owe is derived anew from the files as they are.

            Rows are in the order of time. A plan of more than 2,000 rows is printed as it is found: customer by customer \
            in the order of their ids, each one's rows in the order of time; then those who share an address, and steps \
            of events.

            EXAMPLES
              regards plan
              regards plan --from 2027-05-01 --to 2027-06-01 --rule birthday-card
              regards plan --customer 17 --json
              regards plan --from 2027-05-01 --ics > may.ics
              regards plan --against /etc/regards.before
              regards plan --customers tests/customers.csv --csv
            """)

    enum Format: String, EnumerableFlag {
        case json, csv, ics

        static func help(for value: Format) -> ArgumentHelp? {
            switch value {
            case .json: "One JSON object a line."
            case .csv: "Comma-separated values (RFC 4180), with a header."
            case .ics: "A calendar of what goes, and of what is held (RFC 5545)."
            }
        }
    }

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var period: PeriodOptions

    @Option(help: ArgumentHelp("Only this rule.", valueName: "name"), completion: .rules)
    var rule: String?

    @Option(help: ArgumentHelp("Only this customer.", valueName: "id"))
    var customer: String?

    @Flag(help: "Also who does not meet a rule's conditions, is in no sample, or never consented.")
    var all = false

    @Flag(help: "Only the totals per day and rule.")
    var totals = false

    @Option(
        help: ArgumentHelp(
            "What this configuration adds, moves and removes, compared with the one in another folder.", valueName: "folder"))
    var against: String?

    @Option(
        help: ArgumentHelp(
            "Customers of a CSV file in place of the database, their columns in its first line; without a state.",
            valueName: "file"))
    var customers: String?

    @Flag(exclusivity: .exclusive)
    var format: Format?

    func validate() throws {
        if against != nil, format == .csv || format == .ics || totals {
            throw ValidationError("--against is shown as text or with --json")
        }
        if totals, format == .csv || format == .ics { throw ValidationError("--totals are shown as text or with --json") }
    }

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let subject = try PlanSubject(assembly, customers: customers)
            let zone = assembly.book.house.business.zone
            let range = try period.range(in: zone)
            let other = try against.map { try PlanSubject(PlanSubject.other($0), customers: customers, as: subject) }
            if other?.hasRule(rule) != true { try assembly.requireRule(rule) }
            let asked = Forecast.Asked(
                from: range.lowerBound, to: range.upperBound, now: SystemClock().now(), rule: rule, customer: customer)
            if let other {
                try PlanComparison(old: other, new: subject, asked, isJSON: format == .json, zone: zone).print()
            } else {
                try show(subject, asked, zone)
            }
        }
    }

    private func show(_ subject: PlanSubject, _ asked: Forecast.Asked, _ zone: Zone) throws {
        let progress = ProgressLine()
        var output = PlanOutput(format: format, isTotal: totals, range: asked.from..<asked.to, zone: zone)
        var count = PlanCount()
        let session = try subject.forecast.begin(asked)
        try session.forEach { lines in
            progress.show("\(Words.count(session.customers, "customer"))…")
            output.add(count.take(lines, all: all))
        }
        progress.clear()
        if let customer, session.customers == 0 { throw TrialError.noCustomer(customer) }
        output.end()
        guard format == nil else { return }
        for sentence in count.summary(session.report()) {
            Wrapping.lines(NoticeText.printable(sentence), indent: 2).forEach { Terminal.write(Terminal.dim($0)) }
        }
    }
}

/// Whose plan is made: a configuration, its customers, and its state.
struct PlanSubject {
    let assembly: Assembly
    let forecast: Forecast
    /// Kept as long as its customers are asked for.
    private let fixture: CustomerFixture?

    /// - Parameters:
    ///   - customers: a CSV file in place of the database.
    ///   - original: whose database and state are used, whatever the configuration says of them.
    /// - Throws: `Failure` 66 where there is no such file; see `CustomerFixture` for what may be wrong with it.
    init(_ assembly: Assembly, customers: String?, as original: PlanSubject? = nil) throws {
        if let customers, access(customers, F_OK) != 0 {
            throw Failure(.noInput, "\(customers): \(String(cString: strerror(errno)))")
        }
        let fixture = try customers.map { try CustomerFixture(file: $0, assembly.book) }
        let own = original.map { assembly.reading($0.assembly) } ?? assembly
        let read = fixture.map { own.reading($0) } ?? own
        self.assembly = read
        self.fixture = fixture
        forecast = Forecast(
            assembly: read, source: try Workshop.source(read), outbox: fixture == nil ? try read.ledger() : nil,
            hash: AddressHash(key: try fixture == nil ? read.key() : .random()), isGuarding: fixture == nil)
    }

    func hasRule(_ name: String?) -> Bool { assembly.book.rules.contains { $0.name == name } }

    /// The configuration of another folder, or file.
    static func other(_ path: String) throws -> Assembly {
        let file = path.hasSuffix(".yaml") ? path : path + (path.hasSuffix("/") ? "" : "/") + "regards.yaml"
        guard access(file, F_OK) == 0 else {
            throw Failure(.noInput, "--against \(file): \(String(cString: strerror(errno))); expected a folder with a regards.yaml")
        }
        return try ConfigurationOptions.parse(["--config", file]).load()
    }
}

/// Counts what was found, and leaves out what only `--all` shows.
struct PlanCount {
    private(set) var shown = 0
    private(set) var due = 0
    private var hidden: [String: Int] = [:]

    mutating func take(_ lines: [Forecast.Line], all: Bool) -> [Forecast.Line] {
        let kept = lines.filter { line in
            if all || line.isWorthKnowing { return true }
            hidden[line.verdict.reason.prefix { $0 != ":" }.description, default: 0] += 1
            return false
        }
        shown += kept.count
        due += kept.count { $0.verdict.word == "due" }
        return kept
    }

    /// What was found in all, and then whose data are not as they should be.
    func summary(_ report: Forecast.Report) -> [String] {
        var parts = ["\(Words.count(shown, "occasion")), \(due) due", Words.count(report.customers, "customer")]
        if !hidden.isEmpty {
            let reasons = hidden.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { reason, count in
                "\(count) because \(CancelReason(rawValue: reason)?.words ?? reason)"
            }
            parts.append("left out (--all shows them): \(reasons.joined(separator: ", "))")
        }
        return [parts.joined(separator: "; ")]
            + report.unusable.sorted { $0.key.rawValue < $1.key.rawValue }.map { $0.key.sentence($0.value) }
    }
}
