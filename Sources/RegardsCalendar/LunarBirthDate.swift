/// A birthday that is observed by the Chinese calendar.
package struct LunarBirthDate: Hashable, Sendable {
    /// The lunar year; nil when unknown.
    package let year: Int?
    /// 1 to 12; of a birth in a leap month, the number of the month it followed.
    package let month: Int
    package let isLeap: Bool
    /// 1 to 30.
    package let day: Int

    /// The lunar birthday of somebody born on this Gregorian day.
    /// - Throws: `LunarRangeError` for a birth before 1900-01-31.
    package init(_ date: CivilDate) throws(LunarRangeError) {
        let lunar = try LunarDate(date)
        (year, month, isLeap, day) = (lunar.year, lunar.month, lunar.isLeap, lunar.day)
    }

    /// nil for numbers that no lunar date has; with a year, for a day which that year did not have.
    package init?(year: Int?, month: Int, isLeap: Bool = false, day: Int) {
        guard (1...12).contains(month), (1...30).contains(day) else { return nil }
        if let year, LunarDate(year: year, month: month, isLeap: isLeap, day: day) == nil { return nil }
        (self.year, self.month, self.isLeap, self.day) = (year, month, isLeap, day)
    }
}

extension Anniversary {
    /// Calls `body` for each occasion of a lunar birthday whose date lies in `range`, in order: one or,
    /// for a birth in a leap month, up to two in a lunar year. A Gregorian year can have two, or none.
    /// `every` and `feb29` play no part. Dates outside the known calendar have no occasions.
    package func forEach(of birth: LunarBirthDate, in range: Range<CivilDate>, _ body: (AnniversaryDate) -> Void) {
        guard !range.isEmpty else { return }
        let first = range.lowerBound - daysAfter
        let last = range.upperBound - 1 - daysAfter
        // A lunar year begins at the earliest on 21 January, and ends in the next Gregorian one.
        let from = max(first.year - 1, LunarDate.years.lowerBound, (birth.year ?? 0) + 1)
        let through = min(last.year, LunarDate.years.upperBound)
        guard from <= through else { return }
        for year in from...through {
            let count = birth.year.map { year - $0 }
            guard isWanted(count) else { continue }
            let table = LunarYear(year)
            for isInLeapMonth in [false, true] where isObserved(birth, table, isInLeapMonth) {
                guard let observed = observed(birth, table, isInLeapMonth), observed >= first, observed <= last else {
                    continue
                }
                body(
                    AnniversaryDate(
                        date: observed + daysAfter, observed: observed, year: year,
                        isInLeapMonth: birth.isLeap ? isInLeapMonth : nil, count: count))
            }
        }
    }

    /// The first occasion whose date is not before `date`; nil when the known calendar has none.
    package func next(of birth: LunarBirthDate, onOrAfter date: CivilDate) -> AnniversaryDate? {
        var found: AnniversaryDate?
        var start = max(date, LunarDate.firstDate)
        let end = LunarDate.lastDate + max(daysAfter, 0)
        while found == nil, start <= end {
            let stop = start.adding(months: 14)
            forEach(of: birth, in: start..<stop) { found = found ?? $0 }
            start = stop
        }
        return found
    }

    /// Whether the rule observes the day in the leap month, or in the regular one, of a year.
    private func isObserved(_ birth: LunarBirthDate, _ table: LunarYear, _ isInLeapMonth: Bool) -> Bool {
        guard birth.isLeap, leapMonth != .regular, table.leapMonth == birth.month else { return !isInLeapMonth }
        return isInLeapMonth || leapMonth == .both
    }

    private func observed(_ birth: LunarBirthDate, _ table: LunarYear, _ isInLeapMonth: Bool) -> CivilDate? {
        guard let index = table.index(month: birth.month, isLeap: isInLeapMonth) else { return nil }
        let start = table.newYear + table.start(ofMonth: index)
        guard birth.day > table.length(at: index) else { return start + (birth.day - 1) }
        switch day30 {
        case .last: return start + 28
        case .next: return start + 29
        case .skip: return nil
        }
    }
}
