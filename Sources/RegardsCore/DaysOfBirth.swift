import RegardsCalendar

/// Days of birth that have an anniversary in a window somewhere on earth: one bit for each day of the year. A pass over
/// all customers asks this first, so that hardly any birthday has to be worked out.
///
/// A day that is in here may turn out to have no anniversary in the window; one that is not has none.
struct DaysOfBirth {
    /// By month; element 0 is not used. A lunar leap month counts as the month it follows.
    private var months = SIMD16<UInt32>(repeating: 0)

    init() {}

    /// Days of the Gregorian calendar.
    init(observedIn dates: ClosedRange<CivilDate>, _ trigger: AnniversaryTrigger) {
        let isMonthly = trigger.every == .month
        guard dates.upperBound - dates.lowerBound < (isMonthly ? 28 : 365) else {
            insertAll()
            return
        }
        DaysOfBirth.forEachDate(dates, trigger) { date in
            let (year, month, day) = date.components
            if isMonthly {
                let isLast = day == CivilDate.days(inMonth: month, year: year)
                for observed in day...(isLast ? 31 : day) { insertEveryMonth(observed) }
                return
            }
            insert(month, day)
            let leapDay = BirthDate(year: nil, month: 2, day: 29)
            if leapDay?.observed(in: year, feb29: trigger.feb29) == date { insert(2, 29) }
        }
    }

    /// Days of the Chinese calendar.
    init(lunarObservedIn dates: ClosedRange<CivilDate>, _ trigger: AnniversaryTrigger) {
        // The shortest lunar year.
        guard dates.upperBound - dates.lowerBound < 353 else {
            insertAll()
            return
        }
        DaysOfBirth.forEachDate(dates, trigger) { date in
            guard let lunar = try? LunarDate(date) else { return }
            insert(lunar.month, lunar.day)
            // Where the month has no 30th, who was born on one may have the day before or after it.
            if lunar.day == 29 { insert(lunar.month, 30) }
            if lunar.day == 1, let before = try? LunarDate(date - 1) { insert(before.month, 30) }
        }
    }

    private static func forEachDate(_ dates: ClosedRange<CivilDate>, _ trigger: AnniversaryTrigger, _ body: (CivilDate) -> Void) {
        for offset in trigger.dayOffsets {
            var date = dates.lowerBound - offset
            while date <= dates.upperBound - offset {
                body(date)
                date = date + 1
            }
        }
    }

    private mutating func insert(_ month: Int, _ day: Int) { months[month] |= 1 << UInt32(day) }
    private mutating func insertEveryMonth(_ day: Int) { months |= SIMD16(repeating: 1 << UInt32(day)) }
    private mutating func insertAll() { months = SIMD16(repeating: .max) }

    func contains(_ born: BirthDate) -> Bool { contains(month: born.month, day: born.day) }
    func contains(_ born: LunarBirthDate) -> Bool { contains(month: born.month, day: born.day) }

    mutating func formUnion(_ other: DaysOfBirth) { months |= other.months }

    func contains(month: Int, day: Int) -> Bool { months[month] & (1 << UInt32(day)) != 0 }
}
