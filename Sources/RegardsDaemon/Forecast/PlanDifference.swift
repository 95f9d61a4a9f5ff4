import RegardsCalendar
import RegardsCore
import RegardsStore

/// A message that a change of rules adds, moves or removes.
package struct PlanChange: Sendable {
    package enum Kind: String, Hashable, Sendable {
        case added, moved, removed
    }

    package var kind: Kind
    /// What the plan before says of it; nil: nothing.
    package var old: Forecast.Line?
    package var new: Forecast.Line?

    /// The one that goes; of a moved one, the new one.
    package var line: Forecast.Line { (kind == .removed ? old : new ?? old) ?? new! }
}

/// Compares two plans of the same customers, page by page: memory is the same for any number of them.
package enum PlanDifference {
    /// Calls `body` with the changes of some customers at a time, in the order of their ids, and how many were compared.
    /// - Throws: `SourceError`, `OutboxError`, and what `body` throws.
    package static func forEach(
        old: Forecast, new: Forecast, _ asked: Forecast.Asked, _ body: ([PlanChange], Int) throws -> Void
    ) throws {
        let isSharing = old.book.countsByAddress || new.book.countsByAddress
        let before = try old.begin(asked, isSharing: isSharing)
        let after = try new.begin(asked, isSharing: isSharing)
        try after.forEachPage { ids, lines in
            try body(changes(try before.lines(of: ids), lines), after.customers)
        }
        try body(changes(try before.rest(), try after.rest()), after.customers)
    }

    static func changes(_ old: [Forecast.Line], _ new: [Forecast.Line]) -> [PlanChange] {
        let before = Dictionary(old.map { ($0.outreach.key, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Dictionary(new.map { ($0.outreach.key, $0) }, uniquingKeysWith: { first, _ in first })
        let added = new.compactMap { line in change(before[line.outreach.key], line) }
        let gone = old.filter { after[$0.outreach.key] == nil }.compactMap { change($0, nil) }
        return (added + gone).sorted { Forecast.Line.isEarlier($0.line, $1.line) }
    }

    private static func change(_ old: Forecast.Line?, _ new: Forecast.Line?) -> PlanChange? {
        switch (old?.goes ?? false, new?.goes ?? false) {
        case (false, true): return PlanChange(kind: .added, old: old, new: new)
        case (true, false): return PlanChange(kind: .removed, old: old, new: new)
        case (false, false): return nil
        case (true, true):
            guard let old, let new, !old.isSame(as: new) else { return nil }
            return PlanChange(kind: .moved, old: old, new: new)
        }
    }
}

extension Forecast.Line {
    /// It goes, or waits to go.
    fileprivate var goes: Bool { ["due", "held"].contains(verdict.word) }

    fileprivate func isSame(as other: Forecast.Line) -> Bool {
        outreach.dueAt == other.outreach.dueAt && local == other.local && card == other.card
            && outreach.channel == other.outreach.channel && verdict == other.verdict
    }

    /// False for what never was to go to this customer: no match with the rule's conditions, not in its sample, no consent.
    /// What the outbox has a row of is always worth knowing.
    package var isWorthKnowing: Bool {
        guard row == nil || row?.state == .planned, case .cancel(let reason) = decision.verdict else { return true }
        switch reason {
        case .conditionFalse, .notSampled, .ruleOff, .noConsent, .doNotContact, .overtaken, .eventEnded, .reachable: return false
        default: return true
        }
    }
}
