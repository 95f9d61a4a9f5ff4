/// Which church's Easter.
package enum Rite: String, CaseIterable, Sendable { case western, orthodox }

extension CivilDate {
    /// Easter Sunday of a year from 1583 on, as a Gregorian date.
    ///
    /// Western: the anonymous Gregorian computus (Nature, 20 April 1876). Orthodox: the Julian computus
    /// (Meeus, "Astronomical Algorithms", chapter 8), moved to the Gregorian calendar.
    package static func easter(_ rite: Rite, in year: Int) -> CivilDate {
        rite == .western ? westernEaster(year) : orthodoxEaster(year)
    }

    private static func westernEaster(_ year: Int) -> CivilDate {
        let golden = year % 19
        let century = year / 100
        let skippedLeapDays = century / 4
        let moonCorrection = (century - (century + 8) / 25 + 1) / 3
        let epact = (19 * golden + century - skippedLeapDays - moonCorrection + 15) % 30
        let toSunday = (32 + 2 * (century % 4) + 2 * (year % 100 / 4) - epact - year % 4) % 7
        let late = (golden + 11 * epact + 22 * toSunday) / 451
        let days = epact + toSunday - 7 * late + 114
        return CivilDate(unchecked: year, days / 31, days % 31 + 1)
    }

    private static func orthodoxEaster(_ year: Int) -> CivilDate {
        let moon = (19 * (year % 19) + 15) % 30
        let toSunday = (2 * (year % 4) + 4 * (year % 7) - moon + 34) % 7
        let days = moon + toSunday + 114
        let julianDelay = year / 100 - year / 400 - 2
        return CivilDate(unchecked: year, days / 31, days % 31 + 1) + julianDelay
    }

    /// The n-th such weekday of a month, counted from its end where `n` is negative. nil where the
    /// month has no fifth one, and for an `n` of 0 or beyond 5.
    package static func nth(_ n: Int, _ weekday: Weekday, ofMonth month: Int, in year: Int) -> CivilDate? {
        guard n != 0, (1...12).contains(month) else { return nil }
        let length = days(inMonth: month, year: year)
        let first = CivilDate(unchecked: year, month, 1)
        let ahead = (weekday.rawValue - first.weekday.rawValue + 7) % 7
        let count = (length - 1 - ahead) / 7 + 1
        let index = n > 0 ? n - 1 : count + n
        return (0..<count).contains(index) ? first + (ahead + 7 * index) : nil
    }
}
