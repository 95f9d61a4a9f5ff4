/// A date that the tables of the Chinese calendar do not reach.
package struct LunarRangeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What lies outside: a date or a year, as text.
    package var subject: String

    package var description: String {
        "\(subject) lies outside the Chinese calendar known here, \(LunarDate.firstDate) to \(LunarDate.lastDate) "
            + "(lunar years \(LunarDate.years.lowerBound) to \(LunarDate.years.upperBound))"
    }
}

/// A day of the Chinese calendar, 1900-01-31 to 2101-01-28. Days begin at midnight in China.
///
/// The table is computed (`scripts/lunar-table.py`); `docs/dates.md` lists the few days on which
/// published calendars disagree.
package struct LunarDate: Hashable, Sendable, CustomStringConvertible {
    /// Named by the Gregorian year in which it begins: lunar 2026 begins on 17 February 2026.
    package let year: Int
    /// 1 to 12. A leap month has the number of the month it follows.
    package let month: Int
    package let isLeap: Bool
    /// 1 to 30.
    package let day: Int

    package static let years = LunarTable.firstYear...LunarTable.firstYear + LunarTable.yearCount - 1
    package static var firstDate: CivilDate { CivilDate(dayNumber: LunarTable.firstDay) }
    package static var lastDate: CivilDate { CivilDate(dayNumber: LunarTable.endDay - 1) }

    /// - Throws: `LunarRangeError` before 1900-01-31 and after 2101-01-28.
    package init(_ date: CivilDate) throws(LunarRangeError) {
        guard date.dayNumber >= LunarTable.firstDay, date.dayNumber < LunarTable.endDay else {
            throw LunarRangeError(subject: date.description)
        }
        let table = LunarYear(ofDay: Int(date.dayNumber - LunarTable.firstDay))
        let place = table.place(ofDay: date - table.newYear)
        (year, month, isLeap) = (table.year, table.month(at: place.index), table.isLeap(at: place.index))
        day = place.day + 1
    }

    /// nil when that year has no such month, or the month no such day, or the year is outside the table.
    package init?(year: Int, month: Int, isLeap: Bool = false, day: Int) {
        guard LunarDate.years.contains(year) else { return nil }
        let table = LunarYear(year)
        guard let index = table.index(month: month, isLeap: isLeap), (1...table.length(at: index)).contains(day) else {
            return nil
        }
        (self.year, self.month, self.isLeap, self.day) = (year, month, isLeap, day)
    }

    /// The same day in the Gregorian calendar.
    package var date: CivilDate {
        let table = LunarYear(year)
        return table.newYear + (table.start(ofMonth: table.index(month: month, isLeap: isLeap) ?? 0) + day - 1)
    }

    /// `2025-06-15`, and `2025-06l-15` in a leap month.
    package var description: String {
        "\(padded(year, 4))-\(padded(month, 2))\(isLeap ? "l" : "")-\(padded(day, 2))"
    }
}

/// One year of the table. Months are indexed from 0 in the order in which they come.
struct LunarYear {
    let year: Int
    private let packed: UInt64

    /// `year` must be one of `LunarDate.years`.
    init(_ year: Int) {
        self.year = year
        packed = LunarTable.years[year - LunarTable.firstYear]
    }

    /// The year of a day that the table covers, counted from its first day.
    init(ofDay day: Int) {
        // Right or one too late in the first months of a year: new years wander by 15 days at most.
        var index = min((day + 30) * 4 / 1461, LunarTable.yearCount - 1)
        while Int(LunarTable.years[index] >> 17) > day { index -= 1 }
        (year, packed) = (LunarTable.firstYear + index, LunarTable.years[index])
    }

    /// 0 for none.
    var leapMonth: Int { Int(packed >> 13 & 15) }
    var newYear: CivilDate { CivilDate(dayNumber: LunarTable.firstDay + Int32(packed >> 17)) }
    var monthCount: Int { leapMonth == 0 ? 12 : 13 }

    /// Days in the year.
    var length: Int { start(ofMonth: monthCount) }

    func length(at index: Int) -> Int { 29 + Int(packed >> UInt64(index) & 1) }

    /// Days from the new year to the beginning of a month.
    func start(ofMonth index: Int) -> Int { 29 * index + (packed & ((1 << UInt64(index)) - 1)).nonzeroBitCount }

    func isLeap(at index: Int) -> Bool { leapMonth != 0 && index == leapMonth }

    func month(at index: Int) -> Int { leapMonth != 0 && index >= leapMonth ? index : index + 1 }

    /// nil when the year has no such month.
    func index(month: Int, isLeap: Bool) -> Int? {
        guard (1...12).contains(month) else { return nil }
        guard isLeap else { return leapMonth != 0 && month > leapMonth ? month : month - 1 }
        return month == leapMonth ? month : nil
    }

    /// The month and the day in it, both from 0, of a day counted from the new year.
    func place(ofDay day: Int) -> (index: Int, day: Int) {
        // A month has 29 or 30 days, so that this is never too early.
        var index = min(day / 29, monthCount - 1)
        while start(ofMonth: index) > day { index -= 1 }
        return (index, day - start(ofMonth: index))
    }
}

/// One of the 24 points of the sun's year, dated in China (UTC+8).
package enum SolarTerm: Int, CaseIterable, Sendable {
    case xiaohan, dahan, lichun, yushui, jingzhe, chunfen, qingming, guyu, lixia, xiaoman, mangzhong, xiazhi
    case xiaoshu, dashu, liqiu, chushu, bailu, qiufen, hanlu, shuangjiang, lidong, xiaoxue, daxue, dongzhi

    /// - Throws: `LunarRangeError` outside 1900 to 2100.
    package func date(in year: Int) throws(LunarRangeError) -> CivilDate {
        guard LunarDate.years.contains(year) else { throw LunarRangeError(subject: "the year \(year)") }
        return tabulated(in: year)
    }

    /// `year` must be one of `LunarDate.years`.
    func tabulated(in year: Int) -> CivilDate {
        let late = LunarTable.terms[year - LunarTable.firstYear] >> UInt64(2 * rawValue) & 3
        return CivilDate(unchecked: year, rawValue / 2 + 1, Int(LunarTable.earliestTermDays[rawValue]) + Int(late))
    }
}
