package import RegardsCalendar

extension Trigger {
    /// False when no day of the period can be one of its own; true where that hangs on the customer.
    package func canFire(in period: ActivePeriod) -> Bool {
        if let from = period.from, let to = period.to, to < from { return false }
        switch self {
        case .on(let trigger):
            return trigger.dayOffsets.contains { period.contains(trigger.day + $0) } || period.contains(trigger.day)
        case .schedule(let trigger):
            let from = period.from ?? CivilDate(dayNumber: 0)
            return trigger.expression.nextDate(onOrAfter: from).map(period.contains) ?? false
        case .feast(let trigger):
            guard case .named(let feast) = trigger.choice, let from = period.from, let to = period.to else { return true }
            let reach = (trigger.dayOffsets.map(\.magnitude).max() ?? 0)
            var found = false
            feast.rule.forEach(in: from - Int(reach)..<to + Int(reach) + 1) { _, _ in found = true }
            return found
        case .anniversary, .date, .idle, .segment, .event: return true
        }
    }
}

extension Rule {
    /// False when the files alone say that nothing of the rule can fall due on this day or later: its day, its calendar or
    /// its `active` period is over. True where that hangs on the customer.
    package func canFire(from day: CivilDate) -> Bool {
        // A step may come days after what it hangs on.
        let reach = steps.map { step in
            if case .start(let span) = step.time { max(0, span.days.upperBound + 1) } else { 0 }
        }.max() ?? 0
        let first = day - reach
        if case .on(let trigger) = trigger, !trigger.dayOffsets.contains(where: { trigger.day + $0 >= first }) { return false }
        let from = active?.from.map { max($0, first) } ?? first
        return trigger.canFire(in: ActivePeriod(from: from, to: active?.to))
    }
}
