package import RegardsCalendar
import RegardsCore
package import RegardsStore

/// Asks of each rule that nobody has approved as it is now how many customers it would write to. Few: it is approved
/// without a word. Many: its messages are held until somebody gives `regards approve RULE`.
///
/// One for the rules of each queue, because events must not wait for a look at all customers; used by that queue only,
/// which is what makes it Sendable.
package final class GuardDesk: @unchecked Sendable {
    package enum Part: Sendable {
        case dates, events
    }

    /// A rule that waits for approval.
    package struct WaitingRule: Hashable, Sendable {
        package var rule: String
        package var hash: UInt64
        package var messages: Int
        /// `guard.new_rule`.
        package var limit: Int
    }

    private let assembly: Assembly
    private let outbox: any Outbox
    private let source: any CustomerSource
    private let standings: StandingDesk
    private let hash: AddressHash
    private let isGuarding: Bool
    private let progress: Progress
    private let rules: [Int]
    /// Rules whose count was over the limit: it is not taken twice.
    private var counted: Set<String> = []

    package init(
        _ part: Part, assembly: Assembly, outbox: any Outbox, source: any CustomerSource, standings: StandingDesk,
        hash: AddressHash, isGuarding: Bool, progress: Progress
    ) {
        self.assembly = assembly
        self.outbox = outbox
        self.source = source
        self.standings = standings
        self.hash = hash
        self.isGuarding = isGuarding
        self.progress = progress
        // What is off is asked when it is switched on: its hash is the same then.
        rules = assembly.book.rules.indices.filter { index in
            let rule = assembly.book.rules[index]
            return rule.isEnabled && rule.isAboutEvents == (part == .events)
        }
    }

    /// Approves what reaches few, and names what reaches many, each once. Costs one look at the ledger where nothing is
    /// new.
    /// - Throws: `SourceError`, `OutboxError`; what was not counted waits, and is counted at the next call.
    package func assess(now: Instant) throws -> [WaitingRule] {
        guard isGuarding else { return [] }
        let book = assembly.book
        let hashes = Dictionary(uniqueKeysWithValues: rules.map { (book.rules[$0].name, book.rules[$0].hash) })
        let unapproved = try outbox.unapproved(hashes).subtracting(counted)
        let asked = rules.filter { unapproved.contains(book.rules[$0].name) }
        guard !asked.isEmpty else { return [] }
        guard let limit = book.house.guards.newRule else {
            // Whoever switches the guard on later means the rules to come.
            for index in asked { try approve(index, now: now) }
            return []
        }
        if standings.ranks == nil { standings.set(try SegmentRanking.ranks(of: book, source)) }
        var survey = Reach.Survey(
            assembly, source: source, outbox: outbox, hash: hash, ranks: standings.ranks ?? SegmentRanks(), now: now,
            step: progress.step)
        let counts = try survey.count(asked)
        var waiting: [WaitingRule] = []
        for index in asked {
            let messages = counts[index]?.messages ?? 0
            guard messages > limit else {
                try approve(index, now: now)
                continue
            }
            counted.insert(book.rules[index].name)
            waiting.append(
                WaitingRule(rule: book.rules[index].name, hash: book.rules[index].hash, messages: messages, limit: limit))
        }
        try standings.read(now: now)
        return waiting
    }

    private func approve(_ index: Int, now: Instant) throws {
        let rule = assembly.book.rules[index]
        try outbox.approve(rule: rule.name, hash: rule.hash, now: now)
        try outbox.releaseHeld(rule: rule.name, reason: .approval, now: now)
    }
}
