import RegardsCalendar

extension Record {
    /// The day that a column names: the date as it is written, a time of day behind it left aside; of a number, the
    /// day on the business's calendar. nil for an empty slot and for what is no date.
    func day(_ slot: Int, business: Zone) -> CivilDate? {
        switch slots[slot] {
        case .null: nil
        case .text: civilDate(slot)
        case .integer, .real: instant(slot, zone: business).map { business.local(at: $0).date }
        }
    }

    /// The day on a customer's calendar on which something was: a bare date is itself, a date and time without an offset
    /// is the business's. nil for an empty slot and for what is neither.
    func localDay(_ slot: Int, business: Zone, customer: Zone) -> CivilDate? {
        let isBareDate = withText(slot) { $0?.count == 10 }
        if isBareDate { return civilDate(slot) }
        return instant(slot, zone: business).map { customer.local(at: $0).date }
    }
}

extension DateTrigger {
    /// Days of the column that have an occasion on one of these dates.
    func days(_ dates: ClosedRange<CivilDate>) -> [ClosedRange<CivilDate>] {
        dayOffsets.map { (dates.lowerBound - $0)...(dates.upperBound - $0) }
    }

    /// Calls `body` with each occasion of the column's day on one of these dates.
    func forEachOccasion(of day: CivilDate, in dates: ClosedRange<CivilDate>, zone: Zone, _ body: (LocalOccasion) -> Void) {
        for offset in dayOffsets where dates.contains(day + offset) { body(occasion(day, offset, zone)) }
    }

    fileprivate func occasion(_ day: CivilDate, _ offset: Int, _ zone: Zone) -> LocalOccasion {
        LocalOccasion(
            id: day.description + dayOffsets.suffix(offset), dueAt: zone.instant(day + offset, at), zone: zone,
            date: day + offset, time: at)
    }

    /// The occasion of that name; nil when the column's day has none.
    func occasion(_ name: String, of day: CivilDate, zone: Zone) -> LocalOccasion? {
        dayOffsets.lazy.map { occasion(day, $0, zone) }.first { $0.id == name }
    }
}

extension DayTrigger {
    private var byColumn: DateTrigger { DateTrigger(column: 0, at: at, dayOffsets: dayOffsets) }

    func falls(in dates: ClosedRange<CivilDate>) -> Bool { dayOffsets.contains { dates.contains(day + $0) } }

    func occasions(in dates: ClosedRange<CivilDate>, zone: Zone) -> [LocalOccasion] {
        var found: [LocalOccasion] = []
        byColumn.forEachOccasion(of: day, in: dates, zone: zone) { found.append($0) }
        return found
    }

    func occasion(_ name: String, zone: Zone) -> LocalOccasion? { byColumn.occasion(name, of: day, zone: zone) }
}
