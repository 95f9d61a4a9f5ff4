import ArgumentParser
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

struct SuppressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suppress", abstract: "Send an address nothing more.",
        usage: """
            regards suppress <address> | --customer <id> [--purpose <purpose> ...]
                             [--reason <reason>] [<options>]
            """,
        discussion: """
            It stays so until it is removed, whatever customer has the address. Only a keyed hash of it is kept. Without \
            --purpose it is about greetings, marketing and surveys, not about care, which answers somebody who asked. An \
            address that takes no mail is suppressed by the daemon itself, for everything.

            EXAMPLES
              regards suppress anna@example.com
              regards suppress --customer 17 --purpose marketing
              regards suppress list
              regards suppress remove anna@example.com
            """,
        subcommands: [SuppressAdd.self, SuppressList.self, SuppressRemove.self], defaultSubcommand: SuppressAdd.self)
}

struct SuppressAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Send an address nothing more.",
        usage: """
            regards suppress <address> | --customer <id> [--purpose <purpose> ...]
                             [--reason <reason>] [<options>]
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var whose: AddressOptions
    @OptionGroup var what: PurposeOptions

    @Option(help: ArgumentHelp("Why.", valueName: "reason"))
    var reason = SuppressionReason.request

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let address = try whose.hash(assembly, verb: "suppress")
            let purposes = what.purposes ?? .unasked
            let outbox = try assembly.writableLedger()
            let isNew = try outbox.suppress(address, purposes, reason: reason, now: SystemClock().now())
            try outbox.close()
            let words = Purpose.allCases.filter(purposes.contains).map(\.rawValue).joined(separator: ", ")
            Terminal.write("\(address) gets nothing more of \(words)" + (isNew ? "" : "; it was so already"))
        }
    }
}

struct SuppressList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the addresses that get nothing more, as hashes.",
        discussion: """
            EXAMPLES
              regards suppress list
              regards suppress list --customer 17
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Only the address of this customer.", valueName: "id"))
    var customer: String?

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let zone = assembly.book.house.business.zone
            let wanted = try customer.map { try assembly.addressHash(ofCustomer: $0) }
            var table = Table(["ADDRESS", "PURPOSE", "REASON", "SINCE"])
            var last: Suppression?
            var isEmpty = true
            if let outbox = try assembly.ledger() {
                repeat {
                    let found = try outbox.suppressions(limit: 1000, after: last)
                    last = found.last
                    for entry in found where wanted == nil || entry.address == wanted {
                        if json { Terminal.write(entry.json.description) }
                        isEmpty = false
                        table.add([entry.address, entry.purpose.rawValue, entry.reason.rawValue, Moment.short(entry.since, zone)])
                    }
                } while last != nil
            }
            guard !json else { return }
            isEmpty ? Terminal.write("nothing is suppressed") : table.print()
        }
    }
}

struct SuppressRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Write to an address again.",
        usage: """
            regards suppress remove <address> | --customer <id>
                                    [--purpose <purpose> ...] [<options>]
            """,
        discussion: """
            What it is owed by then is planned at the next pass over the customers.

            EXAMPLES
              regards suppress remove anna@example.com
              regards suppress remove 0f3a5c11d2e4b697 --purpose greeting
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var whose: AddressOptions
    @OptionGroup var what: PurposeOptions

    func run() throws {
        try carryOut {
            let assembly = try options.load()
            let address = try whose.hash(assembly, verb: "remove")
            let outbox = try assembly.writableLedger()
            let removed = try outbox.unsuppress(address, what.purposes ?? Set(Purpose.allCases), reason: nil)
            try outbox.close()
            guard removed > 0 else { throw Failure(.noInput, "\(address) is not suppressed") }
            Terminal.write("\(address) is written to again")
        }
    }
}

/// Whose address is meant.
struct AddressOptions: ParsableArguments {
    @Argument(help: "The address, or its hash as `suppress list` prints it.")
    var address: String?

    @Option(help: ArgumentHelp("The address that this customer has now.", valueName: "id"))
    var customer: String?

    /// - Throws: `Failure` 64 unless exactly one is given and usable.
    func hash(_ assembly: Assembly, verb: String) throws -> String {
        switch (address, customer) {
        case (let text?, nil):
            if text.utf8.count == 16, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) { return text }
            do {
                return AddressHash(key: try assembly.requireKey()).of(try Address(text))
            } catch let error as AddressError {
                throw Failure(
                    .usage, "\(NoticeText.printable(text)): a mail address, or a hash from suppress list, was expected; this \(error)")
            }
        case (nil, let id?): return try assembly.addressHash(ofCustomer: id)
        default: throw Failure(.usage, "give the address to \(verb), or --customer")
        }
    }
}

struct PurposeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this purpose. May be given several times.", valueName: "purpose"))
    var purpose: [Purpose] = []

    /// nil where none is given.
    var purposes: Set<Purpose>? { purpose.isEmpty ? nil : Set(purpose) }
}

extension SuppressionReason: ExpressibleByArgument {}

extension Suppression {
    fileprivate var json: JSON {
        .object([
            "address": .text(address), "purpose": .text(purpose.rawValue), "reason": .text(reason.rawValue),
            "since": .text(Moment.utc(since)),
        ])
    }
}

extension Assembly {
    /// The installation's key, without which no address can be told from another.
    /// - Throws: `Failure` 66 where there is none yet.
    func requireKey() throws -> AddressHash.Key {
        let path = "\(stateFolder)/\(KeyFile.name)"
        guard access(path, F_OK) == 0 else {
            throw Failure(.noInput, "\(path): no key yet; it is made by the first: \(Process.command) serve")
        }
        return try KeyFile.load(stateDirectory: stateFolder)
    }

    /// - Throws: `Failure` 66 for a customer who is not there or has no usable address.
    func addressHash(ofCustomer id: String) throws -> String {
        let key = try requireKey()
        guard let customer = try Workshop.source(self).lookUp([id])[id] else { throw Failure(.noInput, "there is no customer \(id)") }
        guard let contact = Contact(customer: customer) else { throw Failure(.noInput, "customer \(id) has no usable address") }
        return AddressHash(key: key).of(contact.address)
    }
}
