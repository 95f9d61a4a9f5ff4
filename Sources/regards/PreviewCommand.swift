import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

struct Preview: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a rule's message to one customer as it would be sent.",
        usage: "regards preview <rule> --customer <id> [<options>]",
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
            let composed = try trial.compose(options, MessageComposer.Options())
            guard let out else { return Terminal.write(String(decoding: composed.message.bytes, as: UTF8.self)) }
            guard let file = fopen(out, "w"),
                fwrite(composed.message.bytes, 1, composed.message.bytes.count, file) == composed.message.bytes.count,
                fclose(file) == 0
            else { throw Failure(.cannotCreate, "\(out): \(String(cString: strerror(errno)))") }
        }
    }
}

struct SendTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a rule's message to yourself, through the real relay.",
        usage: "regards send-test <rule> --customer <id> --to <address> [<options>]",
        discussion: """
            The subject begins with [TEST]; the customer gets nothing, and no row is written to the outbox.

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
            let composed = try trial.compose(
                options, MessageComposer.Options(redirect: address, subjectPrefix: "[TEST] ", trial: "/test"))
            let assembly = try options.load()
            let report = try Failure.translating {
                try TestMessage.send(composed, assembly: assembly, environment: options.environment)
            }
            guard report.outcome == .delivered else {
                throw Failure(.unavailable, "not sent: \(report.detail)")
            }
            Terminal.write("sent to \(to)\(assembly.configuration.maildir.map { ", written to \($0)/new" } ?? "")")
        }
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

    func compose(_ options: ConfigurationOptions, _ composing: MessageComposer.Options) throws -> ComposedMessage {
        let assembly = try options.load()
        try assembly.requireRule(rule)
        let trial = try Failure.translating {
            try Trial.find(
                assembly, source: Workshop.source(assembly), rule: rule, step: step, customer: customer,
                at: at?.instant(in: assembly.book.house.business.zone), now: SystemClock().now())
        }
        let composer = MessageComposer(assembly: assembly, salt: assembly.key().salt)
        do {
            return try composer.compose(
                trial.candidate, trial.facts, card: nil, now: trial.candidate.outreach.dueAt, options: composing)
        } catch {
            throw Failure(.data, error.description)
        }
    }
}
