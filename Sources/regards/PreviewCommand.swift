import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon
import RegardsRules

struct Preview: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a rule's message to one customer as it would be sent.",
        usage: "regards preview <rule> --customer <id> [--at <date>] [<options>]",
        discussion: """
            Writes the complete message to standard output, or to a file that a mail reader opens. Nothing is sent.

            EXAMPLES
              regards preview birthday-card --customer 17
              regards preview monthly-card --customer 17 --at 2027-05-01 --out card.eml
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var trial: TrialOptions

    @Option(help: ArgumentHelp("Write to this file.", valueName: "file"))
    var out: String?

    func run() throws {
        try carryOut {
            let composed = try trial.compose(try options.load(), MessageComposer.Options())
            guard let out else { return Terminal.write(bytes: composed.message.bytes) }
            try write(composed.message.bytes, to: out)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else {
            throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
        }
        let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
        // What the buffer holds is written only now.
        guard fclose(file) == 0, isWritten else {
            throw Failure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
        }
    }
}

struct SendTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a rule's message to yourself, through the real relay.",
        usage: "regards send-test <rule> --customer <id> --to <address> [<options>]",
        discussion: """
            The subject begins with [TEST]; the customer gets nothing, and no row is written to the outbox. A step that \
            calls a webhook calls the real one.

            EXAMPLES
              regards send-test birthday-card --customer 17 --to me@example.com
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var trial: TrialOptions

    @Option(help: ArgumentHelp("Where to.", valueName: "address"))
    var to: String

    func run() throws {
        try carryOut {
            let address: Address
            do {
                address = try Address(to)
            } catch {
                throw Failure(.usage, "--to \(error)")
            }
            let assembly = try options.load()
            let composed = try trial.compose(
                assembly, MessageComposer.Options(redirect: address, subjectPrefix: "[TEST] ", trial: "/test"))
            let report = try TestMessage.send(composed, assembly: assembly, environment: Process.environment)
            guard report.outcome == .delivered else {
                throw Failure(.unavailable, "not sent: \(NoticeText.printable(report.detail))")
            }
            Terminal.write(place(composed, assembly))
        }
    }

    private func place(_ composed: ComposedMessage, _ assembly: Assembly) -> String {
        guard composed.channel == .mail else { return "sent to \(composed.channel)" }
        return "sent to \(to)" + (assembly.configuration.maildir.map { ", written to \($0)/new" } ?? "")
    }
}

/// Which message to make.
struct TrialOptions: ParsableArguments {
    @Argument(help: "The rule.")
    var rule: String

    @Option(help: ArgumentHelp("The customer.", valueName: "id"))
    var customer: String

    @Option(help: ArgumentHelp("The step, for a rule with several. Default: the first.", valueName: "name"))
    var step: String?

    @Option(help: ArgumentHelp("The day to pretend. Default: the next occasion, or today.", valueName: "date"))
    var at: DayOrInstant?

    func compose(_ assembly: Assembly, _ composing: MessageComposer.Options) throws -> ComposedMessage {
        try assembly.requireRule(rule)
        let trial = try Trial.find(
            assembly, source: Workshop.source(assembly), rule: rule, step: step, customer: customer,
            at: at?.instant(in: assembly.book.house.business.zone), now: SystemClock().now())
        return try MessageComposer(assembly: assembly, salt: try assembly.key().salt).compose(
            trial.candidate, trial.facts, card: nil, now: trial.candidate.outreach.dueAt, options: composing)
    }
}
