/// A day that is remembered every year: a birthday, or the day somebody became a customer. The year
/// may be unknown.
package struct BirthDate: Hashable, Sendable {
    /// nil when nobody knows it: then nobody's age is known either.
    package let year: Int?
    /// 1 to 12.
    package let month: Int
    /// 1 to 31, a day that exists in that month (29 February without a year does).
    package let day: Int

    /// nil for a day that does not exist, such as 30 February or 29 February 1900.
    package init?(year: Int?, month: Int, day: Int) {
        guard CivilDate(year: year ?? 2000, month: month, day: day) != nil else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
    }

    package init(_ date: CivilDate) {
        let (year, month, day) = date.components
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// The day itself, where the year is known.
    package var date: CivilDate? { year.map { CivilDate(unchecked: $0, month, day) } }

    /// When the day is observed in `year`: itself, or what `feb29` says for 29 February of a common year.
    package func observed(in year: Int, feb29: Feb29 = .feb28) -> CivilDate {
        guard month == 2, day == 29, !CivilDate.isLeap(year) else { return CivilDate(unchecked: year, month, day) }
        return feb29 == .feb28 ? CivilDate(unchecked: year, 2, 28) : CivilDate(unchecked: year, 3, 1)
    }
}

extension BirthDate: CustomStringConvertible, LosslessStringConvertible {
    /// Reads `1980-02-29`, and without a year `--02-29` (RFC 6350, vCard) or `02-29`; the year `0000`
    /// counts as unknown. A time of day after the date (`1980-02-29 00:00:00`, as databases store
    /// it) is left aside, whatever its zone: a birthday is a date.
    package init?(_ text: String) {
        var cursor = TextCursor(text)
        let isYearless = cursor.skip(UInt8(ascii: "-"))
        if isYearless, !cursor.skip(UInt8(ascii: "-")) { return nil }
        var year: Int?
        if !isYearless, let number = cursor.number(width: 4...4) {
            guard cursor.skip(UInt8(ascii: "-")) else { return nil }
            year = number == 0 ? nil : number
        }
        guard let month = cursor.number(width: 2...2), cursor.skip(UInt8(ascii: "-")),
            let day = cursor.number(width: 2...2), BirthDate.isTimeOrEnd(cursor)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    private static func isTimeOrEnd(_ rest: TextCursor) -> Bool {
        var cursor = rest
        if cursor.isAtEnd { return true }
        guard cursor.skip(UInt8(ascii: "T")) || cursor.skip(UInt8(ascii: " ")), WallTime(reading: &cursor) != nil else {
            return false
        }
        return cursor.bytes[cursor.position...].allSatisfy { $0.isDigit || ".:+-Z".utf8.contains($0) }
    }

    /// `1980-02-29`, or `--02-29` without a year.
    package var description: String {
        let rest = "\(padded(month, 2))-\(padded(day, 2))"
        return (year.map { padded($0, 4) } ?? "-") + "-" + rest
    }
}

/// When 29 February is observed in a common year; the rule key `feb_29`.
package enum Feb29: String, CaseIterable, Sendable {
    case feb28 = "feb-28"
    case mar1 = "mar-1"
}
