package import RegardsCalendar
import RegardsCore
package import RegardsStore

/// What waits for somebody's word, as the commands see it: beside a running daemon, or before the first.
package struct Approvals {
    private let assembly: Assembly
    private let outbox: (any Outbox)?
    private let hash: AddressHash

    /// - Parameters:
    ///   - outbox: nil where no daemon has run yet.
    ///   - hash: the ledger's, under which it knows addresses.
    package init(_ assembly: Assembly, outbox: (any Outbox)?, hash: AddressHash) {
        self.assembly = assembly
        self.outbox = outbox
        self.hash = hash
    }

    /// Rules that nobody has approved as they are in the files, and that would send more than `guard.new_rule`, in the
    /// order of the files. Empty where the guard is off.
    /// - Throws: `SourceError`, `OutboxError`.
    package func waiting(now: Instant) throws -> [GuardDesk.WaitingRule] {
        let book = assembly.book
        guard let limit = book.house.guards.newRule else { return [] }
        let hashes = Dictionary(book.rules.map { ($0.name, $0.hash) }, uniquingKeysWith: { first, _ in first })
        let unapproved = try outbox?.unapproved(hashes) ?? Set(hashes.keys)
        let asked = book.rules.indices.filter { unapproved.contains(book.rules[$0].name) }
        guard !asked.isEmpty else { return [] }
        let counts = try count(asked, now: now)
        return asked.compactMap { index in
            let messages = counts[index]?.messages ?? 0
            guard messages > limit else { return nil }
            return GuardDesk.WaitingRule(
                rule: book.rules[index].name, hash: book.rules[index].hash, messages: messages, limit: limit)
        }
    }

    /// What one rule would send.
    /// - Throws: `SourceError`, `OutboxError`.
    package func reach(of rule: String, now: Instant) throws -> Reach {
        guard let index = assembly.book.rules.firstIndex(where: { $0.name == rule }) else { return Reach() }
        return try count([index], now: now)[index] ?? Reach()
    }

    /// What each rule would send that nobody has approved as it is in the files; by index.
    /// - Throws: `SourceError`, `OutboxError`.
    func reachesOfNews(_ source: any CustomerSource, now: Instant) throws -> [Int: Reach] {
        let rules = assembly.book.rules
        let hashes = Dictionary(rules.map { ($0.name, $0.hash) }, uniquingKeysWith: { first, _ in first })
        let news = try outbox?.unapproved(hashes) ?? Set(hashes.keys)
        let asked = rules.indices.filter { rules[$0].isEnabled && news.contains(rules[$0].name) }
        return asked.isEmpty ? [:] : try count(asked, source, now: now)
    }

    private func count(_ rules: [Int], now: Instant) throws -> [Int: Reach] {
        let source = try Workshop.source(assembly)
        let mistake = try source.describe().mistakes.first { $0.severity == .error }
        if let mistake { throw SourceError.schemaChanged(detail: mistake.description) }
        return try count(rules, source, now: now)
    }

    private func count(_ rules: [Int], _ source: any CustomerSource, now: Instant) throws -> [Int: Reach] {
        var survey = Reach.Survey(
            assembly, source: source, outbox: outbox, hash: hash,
            ranks: try SegmentRanking.ranks(of: assembly.book, source), now: now)
        return try survey.count(rules)
    }
}
