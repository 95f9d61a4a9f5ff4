/// A day of the proleptic Gregorian calendar, without a time zone: days since 1970-01-01.
///
/// Conversions follow the era arithmetic of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
package struct CivilDate: Hashable, Comparable, Sendable {
    package var dayNumber: Int32

    package init(dayNumber: Int32) { self.dayNumber = dayNumber }

    /// nil for a day that does not exist, such as 30 February. `month` 1-12, `day` 1-31.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...12).contains(month), day >= 1, day <= CivilDate.days(inMonth: month, year: year) else { return nil }
        self.init(unchecked: year, month, day)
    }

    init(unchecked year: Int, _ month: Int, _ day: Int) {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        dayNumber = Int32(era * 146_097 + dayOfEra - 719_468)
    }

    /// Year, month 1-12, day 1-31.
    package var components: (year: Int, month: Int, day: Int) {
        let shifted = Int(dayNumber) + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    package var year: Int { components.year }
    package var month: Int { components.month }
    package var day: Int { components.day }
    package var weekday: Weekday { Weekday(rawValue: Int(dayNumber + 3) - floorDivide(Int(dayNumber + 3), 7) * 7)! }

    package static func < (left: CivilDate, right: CivilDate) -> Bool { left.dayNumber < right.dayNumber }
    package static func + (date: CivilDate, days: Int) -> CivilDate {
        CivilDate(dayNumber: date.dayNumber + Int32(days))
    }
    package static func - (date: CivilDate, days: Int) -> CivilDate {
        CivilDate(dayNumber: date.dayNumber - Int32(days))
    }

    package static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    package static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// ISO 8601 order: Monday is the first day of the week.
package enum Weekday: Int, CaseIterable, Sendable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday
}

/// A reading of a wall clock: seconds since midnight, 0 to 86,399.
package struct WallTime: Hashable, Comparable, Sendable {
    package var secondOfDay: Int32

    /// nil outside 0..<86,400.
    package init?(secondOfDay: Int) {
        guard (0..<86_400).contains(secondOfDay) else { return nil }
        self.secondOfDay = Int32(secondOfDay)
    }

    /// nil outside 00:00:00 to 23:59:59.
    package init?(hour: Int, minute: Int, second: Int = 0) {
        guard (0..<24).contains(hour), (0..<60).contains(minute), (0..<60).contains(second) else { return nil }
        secondOfDay = Int32(hour * 3600 + minute * 60 + second)
    }

    package static let midnight = WallTime(secondOfDay: 0)!

    package var hour: Int { Int(secondOfDay) / 3600 }
    package var minute: Int { Int(secondOfDay) / 60 % 60 }
    package var second: Int { Int(secondOfDay) % 60 }

    package static func < (left: WallTime, right: WallTime) -> Bool { left.secondOfDay < right.secondOfDay }
}
