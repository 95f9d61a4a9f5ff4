package import RegardsCalendar
import RegardsCore
import RegardsRules
package import RegardsStore

/// Once a day, what ended long ago goes from the ledger, as far as nothing can ask for it any more; and with each pass the
/// copies that were kept long enough. Used by one queue.
package struct RetentionDesk {
    /// Rows looked at after one pass of planning: a ledger of many years catches up over some passes.
    private static let share = 20_000

    private let outbox: any Outbox
    private let copies: SentCopies?
    private let keep: TimeSpan?
    private let horizon: TimeSpan
    private let newest: [String: Int]
    private var next = Instant(seconds: 0)

    package init(assembly: Assembly, outbox: any Outbox, copies: SentCopies?) {
        self.outbox = outbox
        self.copies = copies
        let book = assembly.book
        horizon = assembly.configuration.events.map(\.horizon).max() ?? .zero
        let lateness = book.rules.map(\.longestLateness).max() ?? .zero
        // Whatever the file says, what planning may still look at stays: see `HistoryLoader` and `PlanWindow`.
        keep = assembly.configuration.retention.map { max($0, book.house.limits.longestWindow + .days(2), lateness + .days(31)) }
        newest = Dictionary(
            book.rules.map { rule in (rule.name, rule.steps.map { rule.remembered($0) }.max() ?? 1) }, uniquingKeysWith: max)
    }

    /// - Returns: rows that went.
    /// - Throws: `OutboxError`.
    package mutating func retire(now: Instant) throws -> Int {
        copies?.prune(now: now)
        // A wait longer than a day: the clock was set back.
        guard let keep, now >= next || next - now > .days(1) else { return 0 }
        let events = now - max(keep, horizon + .days(31))
        let gone = try outbox.retire(
            Retention(endedBefore: now - keep, eventsBefore: events, newest: newest), atMost: Self.share)
        // Where much went, much is left.
        next = now + (gone >= Self.share / 2 ? .zero : .days(1))
        return gone
    }
}

extension Rule {
    /// How many of its newest cards a step must know of a customer: as many as its series has, and as `no_repeat` says.
    fileprivate func remembered(_ step: Step) -> Int {
        guard let pattern = step.action.card, pattern.noRepeat > 0 else { return 1 }
        return max(pattern.noRepeat, cards(step).count)
    }
}
