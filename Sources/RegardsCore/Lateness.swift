package import RegardsCalendar

extension Rule {
    /// How far back planning looks for what may still go: the lateness, or the belated card's.
    package var longestLateness: TimeSpan {
        guard let belated, lateness != .forever else { return lateness.longest }
        return max(lateness.longest, belated.within)
    }
}

/// How long a rule's messages may be late.
struct Patience {
    let lateness: Lateness
    /// Of the belated card; nil: there is none.
    let within: TimeSpan?

    init(_ rule: Rule) {
        lateness = rule.lateness
        within = rule.belated?.within
    }

    /// From when on the message is late, in the customer's zone: then the belated card goes, or none. nil: never.
    ///
    /// The day that ends is the one on which the message is really due: the date meant can be another one (a day that
    /// the zone left out, a schedule with a zone of its own, quiet hours).
    func graceEnd(due: Instant, in zone: Zone) -> Instant? {
        switch lateness {
        case .untilMidnight: zone.startOfDay(zone.local(at: due).date + 1)
        case .grace(let span): due + span
        case .forever: nil
        }
    }

    /// From when on nothing goes, not even the belated card. nil: never.
    func expiry(due: Instant, in zone: Zone) -> Instant? {
        guard let graceEnd = graceEnd(due: due, in: zone) else { return nil }
        return within.map { max(graceEnd, due + $0) } ?? graceEnd
    }
}
