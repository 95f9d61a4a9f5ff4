import ArgumentParser
import Glibc
import RegardsCore
import RegardsDaemon
import RegardsRules
import RegardsStore

struct Preview: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a rule's message to one customer as it would be sent, or all cards side by side.",
        usage: """
            regards preview <rule> --customer <id> [--at <date>] [<options>]
            regards preview --gallery <folder> [--customer <id>] [<options>]
            """,
        discussion: """
            On a terminal it shows who gets what and when, with the words of the card; --open shows the card itself in a \
            browser. Into a pipe, or with --out, goes the complete message as the relay would get it, which a mail \
            reader opens. Nothing is sent.

            With --gallery it writes pages for a browser: index.html shows every card in every language, by light and by \
            dark, on a desk and on a phone. Customers come from the database; where there is none they are made up.

            EXAMPLES
              regards preview birthday-card --customer 17
              regards preview birthday-card --customer 17 --open
              regards preview monthly-card --customer 17 --at 2027-05-01 --out card.eml
              regards preview --gallery /tmp/cards
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The rule.", completion: .rules)
    var rule: String?

    @Option(help: ArgumentHelp("The customer.", valueName: "id"))
    var customer: String?

    @Option(help: ArgumentHelp("The step, for a rule with several. Default: the first.", valueName: "name"))
    var step: String?

    @Option(help: ArgumentHelp("The day to pretend (2027-05-01), or an instant. Default: the next occasion, or today.", valueName: "date"))
    var at: DayOrInstant?

    @Option(help: ArgumentHelp("Write to this file.", valueName: "file"), completion: .file())
    var out: String?

    @Option(help: ArgumentHelp("Write pages with all cards into this folder.", valueName: "folder"), completion: .directory)
    var gallery: String?

    @Flag(help: "Show it in a browser (xdg-open).")
    var open = false

    func validate() throws {
        if gallery != nil {
            guard rule == nil, step == nil, out == nil else {
                throw ValidationError("--gallery shows all cards: it takes no rule, no --step and no --out")
            }
        } else {
            guard rule != nil else { throw ValidationError("Missing expected argument '<rule>'") }
            guard customer != nil else { throw ValidationError("Missing expected argument '--customer <id>'") }
        }
    }

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            if let gallery { return try show(assembly, in: gallery) }
            guard let rule, let customer else { return }
            let trial = try Trial.find(assembly, rule: rule, step: step, customer: customer, at: at)
            if out == nil, open || isatty(STDOUT_FILENO) == 1, let look = try trial.look(assembly) { return try show(look) }
            let composed = try trial.compose(assembly, MessageComposer.Options())
            guard let out else { return Terminal.write(bytes: composed.message.bytes) }
            try Folder.write(composed.message.bytes, to: out)
            if open { try show(out) }
        }
    }

    private func show(_ look: MessageLook) throws {
        guard open else { return look.lines.forEach { Terminal.write(NoticeText.printable($0)) } }
        try show(try look.writePage(to: try Folder.makeTemporary("regards-preview")))
    }

    /// In whatever this desktop shows such files with.
    private func show(_ path: String) throws {
        Terminal.write(path)
        guard Process.start("xdg-open", [path]) else {
            throw Failure(.unavailable, "xdg-open is not here: open \(path) in a browser")
        }
    }

    private func show(_ assembly: Assembly, in folder: String) throws {
        let now = at?.instant(in: assembly.book.house.business.zone) ?? SystemClock().now()
        let gallery: Gallery
        do {
            gallery = try Gallery(assembly, source: Workshop.source(assembly), customer: customer, now: now)
        } catch let error as SourceError where customer == nil {
            Terminal.error("the customers are made up, because \(error)")
            gallery = try Gallery(assembly, source: nil, customer: nil, now: now)
        }
        let count = try gallery.write(to: folder)
        Terminal.write("\(Words.count(count, "card")) in \(folder)/index.html")
        if open { try show("\(folder)/index.html") }
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
    @Argument(help: "The rule.", completion: .rules)
    var rule: String

    @Option(help: ArgumentHelp("The customer.", valueName: "id"))
    var customer: String

    @Option(help: ArgumentHelp("The step, for a rule with several. Default: the first.", valueName: "name"))
    var step: String?

    @Option(help: ArgumentHelp("The day to pretend (2027-05-01), or an instant. Default: the next occasion, or today.", valueName: "date"))
    var at: DayOrInstant?

    func compose(_ assembly: Assembly, _ composing: MessageComposer.Options) throws -> ComposedMessage {
        try Trial.find(assembly, rule: rule, step: step, customer: customer, at: at).compose(assembly, composing)
    }
}

extension Trial {
    fileprivate static func find(
        _ assembly: Assembly, rule: String, step: String?, customer: String, at: DayOrInstant?
    ) throws -> Trial {
        try assembly.requireRule(rule)
        return try find(
            assembly, source: Workshop.source(assembly), rule: rule, step: step, customer: customer,
            at: at?.instant(in: assembly.book.house.business.zone), now: SystemClock().now())
    }

    fileprivate func compose(_ assembly: Assembly, _ composing: MessageComposer.Options) throws -> ComposedMessage {
        let composer = MessageComposer(assembly: assembly, salt: try assembly.key().salt)
        return try explained {
            try composer.compose(candidate, facts, card: nil, now: candidate.outreach.dueAt, options: composing)
        }
    }

    fileprivate func look(_ assembly: Assembly) throws -> MessageLook? {
        let composer = MessageComposer(assembly: assembly, salt: try assembly.key().salt)
        return try explained { try composer.look(at: candidate, facts, now: candidate.outreach.dueAt) }
    }

    /// Without an event nothing is wrong with the card that asks for its columns.
    private func explained<Made>(_ make: () throws -> Made) throws -> Made {
        do {
            return try make()
        } catch let error as ComposingError {
            guard let missingEvent else { throw error }
            let customer = candidate.outreach.key.customer
            throw Failure(.data, "customer \(customer) has no \(missingEvent) to tell of: name one who has; \(error)")
        }
    }
}
