import RegardsCalendar
package import RegardsCore
import RegardsRules
package import RegardsStore

/// The parts that one assembly gives the daemon: desks with their connections to the customer database, and channels.
/// A reload makes a new workshop beside the old one, and only then lets the loops change over.
package struct Workshop: Sendable {
    package let assembly: Assembly
    package let mode: Mode
    package let standings: StandingDesk
    package let plan: PlanDesk
    package let events: EventDesk
    /// Ask about new rules before `plan` and before `events`.
    package let dateGuard: GuardDesk
    package let eventGuard: GuardDesk
    package let lists: ListDesk
    package let retention: RetentionDesk
    /// Looks for changes of the customer database.
    package let watch: any CustomerSource
    package let send: SendDesk
    package let channels: ChannelSet
}

package struct WorkshopError: Error, CustomStringConvertible {
    package var mistakes: [Mistake]
    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

extension Workshop {
    /// What stays the same over reloads.
    package struct Premises: Sendable {
        package var outbox: any Outbox
        package var clock: any WallClock
        package var environment: [String: String]
        package var salt: [UInt8]
        package var planProgress: Progress
        package var eventProgress: Progress
        package var machine: String
        package var hash: AddressHash
        /// False where a mistake could reach nobody, as in a simulation.
        package var isGuarding = true
        /// False where nothing is really sent.
        package var keepsCopies = true

        package init(
            outbox: any Outbox, clock: any WallClock, environment: [String: String], salt: [UInt8], hash: AddressHash,
            planProgress: Progress = Progress(), eventProgress: Progress = Progress(),
            machine: String = Machine.identity()
        ) {
            self.outbox = outbox
            self.clock = clock
            self.environment = environment
            self.salt = salt
            self.planProgress = planProgress
            self.eventProgress = eventProgress
            self.machine = machine
            self.hash = hash
        }
    }

    /// - Parameter channels: nil: those that the configuration names.
    /// - Throws: `WorkshopError` for secrets and settings that cannot work and for queries that do not fit the rules,
    ///   `OutboxError`. A customer database that is away is waited for.
    package init(_ assembly: Assembly, _ premises: Premises, channels given: ChannelSet? = nil) throws {
        let built =
            try given.map { ($0, []) }
            ?? ChannelBuilder.channels(
                for: assembly.configuration, environment: premises.environment, clock: premises.clock,
                pace: try premises.outbox.pace())
        // Each loop has its own connection: a long pass over all customers delays neither complaints nor sending.
        let (source, faults) = try Workshop.opener(assembly)
        let mistakes = built.mistakes + faults
        guard let channels = built.channels, mistakes.isEmpty else { throw WorkshopError(mistakes: mistakes) }
        let mode = try assembly.book.house.mode(inForce: premises.outbox, on: premises.machine)
        let (outbox, book, hash) = (premises.outbox, assembly.book, premises.hash)
        let isGuarding = mode == .live && premises.isGuarding
        let copies = premises.keepsCopies ? SentCopies(assembly.configuration) : nil
        let standings = StandingDesk(outbox: outbox, book: book, isGuarding: isGuarding)
        let histories = HistoryLoader(outbox: outbox, hash: hash, book: book)
        func newRules(_ part: GuardDesk.Part, _ progress: Progress) -> GuardDesk {
            GuardDesk(
                part, assembly: assembly, outbox: outbox, source: source(), standings: standings, hash: hash,
                isGuarding: isGuarding, progress: progress)
        }
        let lists = ListDesk(
            assembly, outbox: outbox, source: source(), standings: standings, hash: hash, salt: premises.salt)
        self.init(
            assembly: assembly, mode: mode, standings: standings,
            plan: PlanDesk(
                assembly: assembly, outbox: outbox, source: source(), standings: standings, hash: hash,
                isGuarding: isGuarding, progress: premises.planProgress),
            events: EventDesk(
                assembly: assembly, outbox: outbox, source: source(), standings: standings, hash: hash, isGuarding: isGuarding,
                progress: premises.eventProgress),
            dateGuard: newRules(.dates, premises.planProgress), eventGuard: newRules(.events, premises.eventProgress),
            lists: lists, retention: RetentionDesk(assembly: assembly, outbox: outbox, copies: copies), watch: source(),
            send: SendDesk(
                assembly: assembly, mode: mode,
                facts: FactsLoader(outbox: outbox, source: source(), histories: histories, book: book),
                standings: standings, histories: histories, lists: lists, copies: copies, salt: premises.salt),
            channels: channels)
    }

    /// Makes sources of queries that were looked at: now, or at their first use where the database is away. With what is
    /// wrong with the queries.
    private static func opener(_ assembly: Assembly) throws -> (make: () -> any CustomerSource, mistakes: [Mistake]) {
        do {
            let mistakes = try source(assembly).describe().mistakes.filter { $0.severity == .error }
            return ({ AwaitedSource { try source(assembly) } }, mistakes)
        } catch let error as SourceError {
            let place = assembly.configuration.source.query.place
            let mistakes = error.isPassing ? [] : [Mistake(at: place, path: "customers.query", error.description)]
            return ({ AwaitedSource { try described(assembly) } }, mistakes)
        }
    }

    private static func described(_ assembly: Assembly) throws -> any CustomerSource {
        let source = try source(assembly)
        let mistake = try source.describe().mistakes.first { $0.severity == .error }
        if let mistake { throw SourceError.schemaChanged(detail: mistake.description) }
        return source
    }

    package static func source(_ assembly: Assembly) throws -> any CustomerSource {
        try SQLiteCustomerSource(sourceSettings(assembly))
    }

    static func sourceSettings(_ assembly: Assembly) -> RegardsStore.SourceSettings {
        let settings = assembly.configuration.source
        let path =
            switch settings.database {
            case .sqlite(let path): path
            }
        // By name: where an event has a mistake, it is a kind without settings.
        let kinds = Dictionary(assembly.book.eventKinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return RegardsStore.SourceSettings(
            path: path, query: settings.query.text, lookup: settings.lookup?.text, customers: assembly.book.customers,
            events: assembly.configuration.events.compactMap { event in
                kinds[event.name].map {
                    EventQuery(kind: $0.name, query: event.query.text, columns: $0.columns, place: event.query.place)
                }
            },
            zone: assembly.book.house.business.zone, place: settings.query.place)
    }
}

extension House {
    /// The mode that counts: `live` in a file does only on the machine for which `regards go-live` was given.
    /// - Parameter outbox: nil where no daemon has run yet.
    /// - Throws: `OutboxError`.
    func mode(inForce outbox: (any Outbox)?, on machine: String = Machine.identity()) throws -> Mode {
        guard mode == .live else { return mode }
        return try outbox?.liveMachine() == machine ? .live : .rehearse
    }
}
