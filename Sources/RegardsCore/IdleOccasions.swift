import RegardsCalendar

extension CalendarSpan {
    /// Days beside the months; a part of a day counts as one.
    fileprivate var wholeDays: Int { days + Int(-floorDivide(-seconds, 86_400)) }

    fileprivate func added(to date: CivilDate, times: Int = 1) -> CivilDate {
        date.adding(months: months * times) + wholeDays * times
    }
}

extension IdleTrigger {
    /// Clocks of two zones are at most so many dates apart, one where the other's program wrote a time, and a day for
    /// an offset that nobody uses.
    private static let slack = 3
    /// Nobody waits longer for a customer, and dates stay far from the end of their numbers.
    private static let longestGap = 36_600.0

    private var repetitions: Range<Int> { 0..<(every == nil ? 1 : max(1, atMost)) }

    /// Days of the column that have an occasion on one of these dates, by whatever zone.
    func days(_ dates: ClosedRange<CivilDate>) -> [ClosedRange<CivilDate>] {
        let first: CalendarSpan
        switch length {
        case .fixed(let span): first = span
        case .usual(_, _, let floor):
            // Whoever has been away for the shortest time, or longer.
            return [CivilDate(dayNumber: -719_162)...(dates.upperBound - max(1, floor) + IdleTrigger.slack)]
        }
        return repetitions.map { number in
            let months = first.months + (every?.months ?? 0) * number
            let days = first.wholeDays + (every?.wholeDays ?? 0) * number
            // Months have no inverse: of a 31st they are up to three days shorter, and they may be added twice.
            let slack = IdleTrigger.slack + (months == 0 ? 0 : 6)
            let (lower, upper) = (dates.lowerBound - days, dates.upperBound - days)
            return (lower.adding(months: -months) - slack)...(upper.adding(months: -months) + slack)
        }
    }

    /// On which day a customer is idle who was last seen on this one; nil for a customer without a rhythm.
    /// - Parameters:
    ///   - business: zone of times without an offset.
    ///   - zone: where the customer lives.
    func firstDay(after last: CivilDate, _ customer: Customer, business: Zone, zone: Zone) -> CivilDate? {
        switch length {
        case .fixed(let span): return span.added(to: last)
        case .usual(let times, let rhythm, let floor):
            let days: Double
            switch rhythm {
            case .column(let slot):
                guard let gap = customer.record.number(slot), gap >= 0 else { return nil }
                days = times * gap
            case .average(let since, let count):
                guard let number = customer.record.number(count), number >= 3,
                    let first = customer.record.localDay(since, business: business, customer: zone)
                else { return nil }
                // A bare first day can be the one after an instant's. Divided last, so that a gap of whole days stays one.
                days = times * Double(max(0, last - first)) / (number.rounded(.down) - 1)
            }
            guard days <= IdleTrigger.longestGap else { return nil }
            return last + max(1, floor, Int(days.rounded(.up)))
        }
    }

    /// Calls `body` with each occasion on one of these dates; with none when the first was due before the baseline.
    /// - Parameters:
    ///   - last: the column's day, which names the occasions.
    ///   - first: on which the customer is idle.
    func forEachOccasion(
        since last: CivilDate, from first: CivilDate, in dates: ClosedRange<CivilDate>, baseline: Instant, zone: Zone,
        _ body: (LocalOccasion) -> Void
    ) {
        guard first <= dates.upperBound else { return }
        for number in repetitions {
            let date = every?.added(to: first, times: number) ?? first
            guard date <= dates.upperBound else { return }
            guard date >= dates.lowerBound else { continue }
            guard zone.instant(first, at) >= baseline else { return }
            body(occasion(last, number, date, zone))
        }
    }

    /// The occasion of that name; nil when the column holds another day, or the rule has fewer repetitions.
    func occasion(_ name: String, since last: CivilDate, from first: CivilDate, zone: Zone) -> LocalOccasion? {
        for number in repetitions {
            let date = every?.added(to: first, times: number) ?? first
            let found = occasion(last, number, date, zone)
            if found.id == name { return found }
        }
        return nil
    }

    private func occasion(_ last: CivilDate, _ number: Int, _ date: CivilDate, _ zone: Zone) -> LocalOccasion {
        let id = number == 0 ? last.description : "\(last)#\(number + 1)"
        return LocalOccasion(id: id, dueAt: zone.instant(date, at), zone: zone, date: date, time: at)
    }
}
