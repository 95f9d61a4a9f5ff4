import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct Approve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say that what a guard holds back is meant.",
        usage: "regards approve [<rule> | --day | --customers] [--yes] [<options>]",
        discussion: """
            Without an argument it lists what waits. For a rule it shows how many customers it would write to in its first \
            31 days, some of their names and two of the messages, and asks. A running daemon follows within two seconds.

            EXAMPLES
              regards approve
              regards approve newsletter
              regards approve --day --yes
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "A rule that is new, or was changed.", completion: .rules)
    var rule: String?

    @Flag(help: "What was added to hours that had been planned before (guard.day).")
    var day = false

    @Flag(help: "That there are so many customers less.")
    var customers = false

    @Flag(help: "Do not ask.")
    var yes = false

    func run() throws {
        try carryOut {
            guard (rule == nil ? 0 : 1) + (day ? 1 : 0) + (customers ? 1 : 0) <= 1 else {
                throw Failure(.usage, "give a rule, --day or --customers, one at a time")
            }
            let assembly = try options.load()
            if let rule { return try approve(rule, assembly) }
            if day { return try approveDay(assembly) }
            if customers { return try approveCustomers(assembly) }
            try list(assembly)
        }
    }

    // MARK: What waits

    private func list(_ assembly: Assembly) throws {
        let outbox = try assembly.requireLedger()
        let waiting = try approvals(assembly, outbox).waiting(now: SystemClock().now())
        let figures = try outbox.guardFigures()
        for finding in waiting { Wrapping.lines("\(finding.rule): \(finding.words)").forEach(Terminal.write) }
        if figures.trippedSince != nil { Terminal.write("guard.day: \(figures.dayWords)") }
        if figures.collapsedSince != nil { Terminal.write("customers: \(figures.customersWords)") }
        if waiting.isEmpty, figures.trippedSince == nil, figures.collapsedSince == nil { Terminal.write("nothing waits for approval") }
    }

    private func approvals(_ assembly: Assembly, _ outbox: SQLiteOutbox) throws -> Approvals {
        Approvals(assembly, outbox: outbox, hash: AddressHash(key: try assembly.key()))
    }

    // MARK: A rule

    private func approve(_ name: String, _ assembly: Assembly) throws {
        try assembly.requireRule(name)
        guard let rule = assembly.book.rules.first(where: { $0.name == name }) else { return }
        let outbox = try assembly.requireLedger()
        guard let ledger = try outbox.ruleLedgers().first(where: { $0.name == name }), ledger.hash == rule.hash else {
            throw Failure(
                .data, "the daemon has not read \(name) as it is in the file yet: systemctl reload regards, then approve it")
        }
        guard ledger.approvedHash != rule.hash else { return Terminal.write("\(name) is approved as it is") }
        let now = SystemClock().now()
        let reach = try approvals(assembly, outbox).reach(of: name, now: now)
        try show(reach, of: name, assembly, now: now)
        try ask("approve \(name)?")
        try write(assembly) { try $0.approve(rule: name, hash: rule.hash, now: now) }
        Terminal.write("\(name) is approved")
    }

    private func show(_ reach: Reach, of rule: String, _ assembly: Assembly, now: Instant) throws {
        let names = reach.samples.map { $0.name.isEmpty ? "customer \($0.customer)" : "\($0.name) (\($0.customer))" }
        let rest = reach.messages > names.count ? ", …" : ""
        let sentence = "\(rule) would send \(Words.count(reach.messages, "message")) in its first 31 days"
            + (names.isEmpty ? "" : ", to " + NoticeText.printable(names.joined(separator: ", ")) + rest)
        Wrapping.lines(sentence).forEach(Terminal.write)
        let previews = try ApprovalPreview.make(
            assembly, source: Workshop.source(assembly), rule: rule, samples: Array(reach.samples.prefix(2)), now: now)
        for preview in previews {
            Terminal.write("")
            Terminal.write(Terminal.bold(NoticeText.printable("To customer \(preview.customer): \(preview.subject)")))
            for line in preview.text.split(separator: "\n", omittingEmptySubsequences: false) {
                Terminal.write(line.isEmpty ? "" : "  " + NoticeText.printable(String(line)))
            }
        }
        if !previews.isEmpty { Terminal.write("") }
    }

    // MARK: Guards

    private func approveDay(_ assembly: Assembly) throws {
        let figures = try assembly.requireLedger().guardFigures()
        guard figures.trippedSince != nil else { return Terminal.write("guard.day has not tripped") }
        let added = Words.count(figures.added ?? 0, "message")
        Terminal.write("\(added) appeared in hours that had been planned with \(figures.planned ?? 0)")
        try ask("are they meant?")
        try write(assembly) { outbox in
            try outbox.updateGuardFigures { ($0.trippedSince, $0.added, $0.planned) = (nil, nil, nil) }
        }
        Terminal.write("messages go on")
    }

    private func approveCustomers(_ assembly: Assembly) throws {
        let figures = try assembly.requireLedger().guardFigures()
        guard figures.collapsedSince != nil, let seen = figures.customersSeen else {
            return Terminal.write("no customers are missing")
        }
        Terminal.write("\(Words.count(seen, "customer")) instead of \(figures.customers ?? 0)")
        try ask("is that meant? What the others were owed will be cancelled")
        try write(assembly) { outbox in
            try outbox.updateGuardFigures { figures in
                (figures.customers, figures.collapsedSince, figures.customersSeen) = (figures.customersSeen, nil, nil)
            }
        }
        Terminal.write("\(Words.count(seen, "customer")) it is")
    }

    private func write(_ assembly: Assembly, _ body: (SQLiteOutbox) throws -> Void) throws {
        let outbox = try assembly.writableLedger()
        try body(outbox)
        try outbox.close()
    }

    /// - Throws: `Failure` 64 where nobody can be asked, 65 after a no.
    private func ask(_ question: String) throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else { throw Failure(.usage, "\(question) Nobody can be asked here: say --yes") }
        Terminal.prompt("\(question) [y/N] ")
        guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" else {
            throw Failure(.data, "nothing was approved")
        }
    }
}
