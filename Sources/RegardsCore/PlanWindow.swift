package import RegardsCalendar

/// A span of time that a rule is planned for: `from` inclusive, `through` exclusive.
///
/// An occasion belongs to the window that holds its due time, so windows that touch neither miss one nor plan one
/// twice. A window whose `from` is not before `through` holds nothing.
package struct PlanWindow: Hashable, Sendable {
    package var from: Instant
    package var through: Instant
    /// What was due before this instant has been planned by an earlier pass: when it is late by now, it was not owed
    /// then either (a customer added today had no birthday yesterday), and no row is written for it.
    package var plannedThrough: Instant
    /// What had begun before this instant is not served, however late in the window its message would be due: an idle
    /// period, a stay in a segment, an occasion whose later steps lie in the window.
    package var baseline: Instant

    /// - Parameter baseline: without one, all is served that falls due in the window.
    package init(from: Instant, through: Instant, plannedThrough: Instant, baseline: Instant = .beforeAll) {
        self.from = from
        self.through = through
        self.plannedThrough = plannedThrough
        self.baseline = baseline
    }

    /// Planning looks this far ahead: a day, and two hours for a pass that is late.
    package static let ahead = TimeSpan.hours(26)

    /// The window of a rule's next pass: from where the last one ended, or as far back as a message may be late,
    /// whichever is earlier; never before the baseline.
    ///
    /// A first pass reaches back over the rule's `backfill: SPAN`; `backfill: all` reaches as far as a message may be
    /// late, because a date has occasions without beginning. A clock set back before the baseline gives an empty
    /// window, not one that ends before it starts.
    /// - Parameters:
    ///   - firstSeen: when the ledger first saw the rule.
    ///   - plannedThrough: end of the last finished pass; `firstSeen` before the first one has finished.
    package init(rule: Rule, firstSeen: Instant, plannedThrough: Instant, now: Instant) {
        baseline = rule.baseline(firstSeen: firstSeen)
        var reached = plannedThrough
        if plannedThrough <= firstSeen, case .since = rule.backfill { reached = baseline }
        through = now + PlanWindow.ahead
        from = min(through, max(baseline, min(reached, now - rule.longestLateness)))
        self.plannedThrough = plannedThrough
    }

    func contains(_ instant: Instant) -> Bool { instant >= from && instant < through }

    /// The local dates of everything that can be due in the window, wherever the customer lives: a day more on each side
    /// than UTC shows, because no clock is further than a day from it.
    var dates: ClosedRange<CivilDate>? {
        guard from < through else { return nil }
        return (Zone.utc.local(at: from).date - 1)...(Zone.utc.local(at: through).date + 1)
    }
}
