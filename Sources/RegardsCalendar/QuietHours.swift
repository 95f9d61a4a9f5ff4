/// When customers are left in peace: hours of the day, which may go over midnight, days of the
/// week, and single dates. All on the customer's own clock.
package struct QuietHours: Hashable, Sendable {
    private let allowed: WeeklyHours
    private let openDays: Set<Weekday>
    private let silent: Set<CivilDate>

    /// - Parameters:
    ///   - hours: quiet from `start` until before `end`; when `end` is earlier, over midnight. nil for none.
    ///   - days: the weekdays on which customers may be written to.
    ///   - silent: dates on which they may not.
    ///
    /// nil when the quiet hours have no length (`start` equals `end`), or no day is left.
    package init?(
        hours: (start: WallTime, end: WallTime)?, days: Set<Weekday> = Set(Weekday.allCases),
        silent: Set<CivilDate> = []
    ) {
        var open = [WeeklyHours.Interval(start: 0, end: 86_400)]
        if let (start, end) = hours {
            guard start != end else { return nil }
            let (from, until) = (Int(start.secondOfDay), Int(end.secondOfDay))
            open =
                from < until
                ? [WeeklyHours.Interval(start: 0, end: from), WeeklyHours.Interval(start: until, end: 86_400)]
                : [WeeklyHours.Interval(start: until, end: from)]
        }
        guard !days.isEmpty else { return nil }
        allowed = WeeklyHours(
            Dictionary(uniqueKeysWithValues: days.map { ($0, open.compactMap { $0 }) }), closed: silent)
        openDays = days
        self.silent = silent
    }

    /// Whether the whole of a day is quiet.
    package func isQuiet(on date: CivilDate) -> Bool { !openDays.contains(date.weekday) || silent.contains(date) }

    package func isQuiet(at instant: Instant, in zone: Zone) -> Bool { !allowed.isOpen(at: instant, in: zone) }

    /// The first instant not before `instant` at which the customer may be written to; `instant` itself
    /// when it is not quiet.
    package func nextAllowed(from instant: Instant, in zone: Zone) -> Instant {
        // There is always one: a weekday is left, and silent dates are finitely many.
        allowed.nextOpening(from: instant, in: zone) ?? instant
    }
}
