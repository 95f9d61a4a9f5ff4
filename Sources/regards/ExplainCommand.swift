import ArgumentParser
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what each rule makes of one customer, and why.",
        usage: "regards explain <customer> [--rule <name>] [--at <time>] [<options>]",
        discussion: """
            For each rule: the next message and what becomes of it, every condition with the value it saw, what another \
            rule took, what holds it back, and what became of the messages before. Asks the same code as the daemon, and \
            writes nothing.

            A moment in the past is explained by the outbox, and by the customer's row as it is today.

            EXAMPLES
              regards explain 17
              regards explain 17 --rule birthday-card
              regards explain 17 --at 2027-05-03T12:00:00+02:00
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The customer's id.")
    var customer: String

    @Option(help: ArgumentHelp("Only this rule.", valueName: "name"), completion: .rules)
    var rule: String?

    @Option(help: ArgumentHelp("The day (2027-05-01) or instant (2027-05-01T09:00:00Z) to explain. Default: now.", valueName: "time"))
    var at: DayOrInstant?

    @Option(help: ArgumentHelp("Past messages and events of each rule, at most.", valueName: "number"))
    var history = 3

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        try carryOut {
            guard history >= 0 else { throw Failure(.usage, "--history must be at least 0") }
            let assembly = try options.load()
            try assembly.requireRule(rule)
            let now = SystemClock().now()
            let outbox = try assembly.ledger()
            var explainer = Explainer(
                assembly: assembly, source: try Workshop.source(assembly), outbox: outbox,
                hash: AddressHash(key: try assembly.key()))
            let explanation: Explanation
            do {
                explanation = try explainer.explain(
                    customer, rule: rule, at: at?.instant(in: assembly.book.house.business.zone) ?? now, now: now,
                    history: history)
            } catch TrialError.noCustomer(let id) {
                throw try unknown(id, outbox)
            }
            json ? Terminal.write(explanation.json.description) : ExplanationPrinter(explanation).print()
        }
    }

    /// Who is gone from the database may still have a past.
    private func unknown(_ id: String, _ outbox: SQLiteOutbox?) throws -> Failure {
        let isKnown = try outbox?.history(customer: id, limit: 1).isEmpty == false
        let hint = isKnown ? "; what they were sent: \(Process.command) outbox list --customer \(id)" : ""
        return Failure(.noInput, TrialError.noCustomer(id).description + hint)
    }
}

/// Writes an explanation as paragraphs: the customer, then a rule each, its verdict first.
private struct ExplanationPrinter {
    /// Of the words in front.
    private static let labels = 8
    private static let margin = 2

    private let explanation: Explanation
    private let words: ExplanationWords
    private let width = Terminal.width.map { min(max($0, 40), 140) }

    init(_ explanation: Explanation) {
        self.explanation = explanation
        words = ExplanationWords(explanation)
    }

    func print() {
        write(words.profile, margin: 0)
        for rule in explanation.rules {
            Terminal.write("")
            headline(rule.name, words.verdict(rule))
            write(words.details(rule), margin: Self.margin)
        }
        guard !explanation.former.isEmpty else { return }
        Terminal.write("")
        headline("rules that are in no file any more", "")
        write(
            explanation.former.map { ExplanationWords.Entry("history", "\($0.row.key.rule): \(words.past($0))", indent: 4) },
            margin: Self.margin)
    }

    private func headline(_ name: String, _ verdict: String) {
        let lines = wrapped("\(name)  \(verdict)", 4)
        Terminal.write(Terminal.bold(name) + (lines.first?.dropFirst(name.count) ?? ""))
        for line in lines.dropFirst() { Terminal.write("    " + line) }
    }

    /// Each label once; what is too long for a terminal goes on below.
    private func write(_ entries: [ExplanationWords.Entry], margin: Int) {
        var last = ""
        let front = margin + Self.labels + 2
        for entry in entries {
            let label = entry.label == last ? "" : entry.label
            last = entry.label
            for (number, line) in wrapped(entry.text, front + entry.indent).enumerated() {
                let label = DisplayWidth.padded(number == 0 ? label : "", Self.labels)
                let indent = String(repeating: " ", count: number == 0 ? 0 : entry.indent)
                Terminal.write(String(repeating: " ", count: margin) + Terminal.dim(label) + "  " + indent + line)
            }
        }
    }

    /// Lines that a terminal has room for, days and times in one piece; elsewhere a single one.
    /// - Parameter front: cells that are taken.
    private func wrapped(_ text: String, _ front: Int) -> [String] {
        let text = NoticeText.printable(text)
        guard let width else { return [text] }
        let glue = "\u{a0}"
        let moments = text.replacing(/([A-Z][a-z]{2}) (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})/) { match in
            "\(match.1)\(glue)\(match.2)\(glue)\(match.3)"
        }
        return DisplayWidth.wrapped(moments, to: max(20, width - front)).map { $0.replacing(glue, with: " ") }
    }
}
