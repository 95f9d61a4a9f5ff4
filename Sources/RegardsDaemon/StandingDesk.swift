package import RegardsCalendar
package import RegardsCore
package import RegardsStore
import Synchronization

/// Knows what holds for every decision beside the files: pauses, approvals and guards from the ledger, where commands
/// write them, and the bounds of ranked segments from the last pass over all customers. Thread-safe.
package final class StandingDesk: Sendable {
    private struct State {
        var standing = Standing()
        var readAt: Instant?
        var hasRanks = false
    }

    /// What the ledger says is read again when it is older than this. Pauses act sooner: each mark asks for them.
    private static let freshness = TimeSpan.seconds(1)

    private let outbox: any Outbox
    private let book: RuleBook
    let isGuarding: Bool
    private let hashes: [String: UInt64]
    private let state = Mutex(State())

    /// - Parameter isGuarding: guards keep mistakes from customers; where no mail reaches them, there is nothing to hold.
    package init(outbox: any Outbox, book: RuleBook, isGuarding: Bool) {
        self.outbox = outbox
        self.book = book
        self.isGuarding = isGuarding
        hashes = Dictionary(book.rules.map { ($0.name, $0.hash) }, uniquingKeysWith: { first, _ in first })
    }

    /// - Throws: `OutboxError`.
    package func standing(now: Instant) throws -> Standing {
        let known = state.withLock { state in
            state.readAt.flatMap { $0 <= now && now - $0 < StandingDesk.freshness ? state.standing : nil }
        }
        return try known ?? read(now: now)
    }

    /// Reads the ledger, however lately it was read.
    /// - Throws: `OutboxError`.
    @discardableResult
    package func read(now: Instant) throws -> Standing {
        let pauses = try outbox.pauses(at: now)
        let isAsking = isGuarding && book.house.guards.newRule != nil
        let unapproved = isAsking ? try outbox.unapproved(hashes) : []
        let ledgers = Dictionary(try outbox.ruleLedgers().map { ($0.name, $0.firstSeen) }, uniquingKeysWith: { $1 })
        let figures = try outbox.guardFigures()
        return state.withLock { state in
            state.standing.pauses = pauses
            state.standing.unapproved = unapproved
            for rule in book.rules { state.standing.baselines[rule.name] = ledgers[rule.name].map(rule.baseline) }
            let isTripped = figures.trippedSince != nil || figures.suspectedSince != nil
            state.standing.isGuardTripped = isGuarding && isTripped && book.house.guards.day != nil
            // An answer to the guard is one to all of it.
            let isFlooded = state.standing.isGuardTripped && figures.trippedSince != nil
            state.standing.floods = isFlooded ? figures.floods : [:]
            state.standing.areCustomersMissing = figures.collapsedSince != nil
            state.readAt = now
            return state.standing
        }
    }

    // MARK: Releasing

    /// Sets free what was held for reasons that hold no more.
    /// - Parameter then: the standing under which rows were held; nil: any.
    /// - Returns: how many rows.
    /// - Throws: `OutboxError`.
    package func release(heldUnder then: Standing?, now: Instant) throws -> Int {
        let standing = try read(now: now)
        var released = 0
        let hasPauseEnded = then.map { then in then.pauses.contains { old in !standing.pauses.contains { $0.id == old.id } } }
        if hasPauseEnded ?? true { released += try outbox.releaseHeld(rule: nil, reason: .paused, now: now) }
        for rule in (then?.unapproved ?? Set(hashes.keys)).subtracting(standing.unapproved).sorted() {
            released += try outbox.releaseHeld(rule: rule, reason: .approval, now: now)
        }
        if then?.isGuardTripped ?? true, !standing.isGuardTripped {
            released += try outbox.releaseHeld(rule: nil, reason: .guardDay, now: now)
        }
        if then?.areCustomersMissing ?? true, !standing.areCustomersMissing {
            released += try outbox.releaseHeld(rule: nil, reason: .customersMissing, now: now)
        }
        return released
    }

    /// nil before the first pass, where a segment is ranked.
    package var ranks: SegmentRanks? {
        state.withLock { $0.hasRanks || !book.segments.contains(where: \.isRanked) ? $0.standing.ranks : nil }
    }

    package func set(_ ranks: SegmentRanks) {
        state.withLock { state in
            state.standing.ranks = ranks
            state.hasRanks = true
        }
    }
}

extension SegmentRanking {
    /// The bounds as the database has them now: a pass of its own over all customers.
    /// - Throws: `SourceError`.
    package static func ranks(of book: RuleBook, _ source: any CustomerSource) throws -> SegmentRanks {
        var ranking = SegmentRanking(book.segments, zone: book.house.business.zone)
        guard !ranking.isEmpty else { return SegmentRanks() }
        try source.forEachPage(size: 1000) { page in
            for customer in page { ranking.add(customer) }
        }
        return ranking.ranks()
    }
}
