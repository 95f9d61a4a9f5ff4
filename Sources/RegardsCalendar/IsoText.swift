/// ISO 8601 spellings of the base types, and the readers that accept them.

extension CivilDate: CustomStringConvertible, LosslessStringConvertible {
    /// `2027-02-28`. Years outside 0 to 9999 have more digits or a sign.
    package var description: String {
        let (year, month, day) = components
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// Reads exactly `YYYY-MM-DD`; nil for any other form and for a day that does not exist.
    package init?(_ text: String) {
        var cursor = TextCursor(text)
        guard let date = CivilDate(reading: &cursor), cursor.isAtEnd else { return nil }
        self = date
    }

    init?(reading cursor: inout TextCursor) {
        guard let year = cursor.number(width: 4...4), cursor.skip(UInt8(ascii: "-")),
            let month = cursor.number(width: 2...2), cursor.skip(UInt8(ascii: "-")),
            let day = cursor.number(width: 2...2)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

extension CivilDate {
    package static func - (left: CivilDate, right: CivilDate) -> Int { Int(left.dayNumber) - Int(right.dayNumber) }

    /// 1 to 366.
    package var dayOfYear: Int { self - CivilDate(unchecked: year, 1, 1) + 1 }

    /// The same day of a later (or earlier, when negative) month; the month's last day when it has
    /// no such day: 31 January plus one month is 28 or 29 February.
    package func adding(months: Int) -> CivilDate {
        let (year, month, day) = components
        let count = year * 12 + month - 1 + months
        let newYear = floorDivide(count, 12)
        let newMonth = count - newYear * 12 + 1
        return CivilDate(unchecked: newYear, newMonth, min(day, CivilDate.days(inMonth: newMonth, year: newYear)))
    }
}

extension Weekday: CustomStringConvertible {
    private static let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    private static let shortNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    /// `Mon` to `Sun`.
    package var description: String { Weekday.shortNames[rawValue] }

    /// `mon` or `monday`, in any case.
    package init?(_ text: some StringProtocol) {
        let lowered = text.lowercased()
        guard let index = Weekday.names.firstIndex(where: { $0 == lowered || $0.prefix(3) == lowered }) else {
            return nil
        }
        self.init(rawValue: index)
    }
}

extension WallTime: CustomStringConvertible, LosslessStringConvertible {
    /// `09:00`, or `09:00:30` when there are seconds.
    package var description: String {
        let minutes = "\(padded(hour, 2)):\(padded(minute, 2))"
        return second == 0 ? minutes : minutes + ":\(padded(second, 2))"
    }

    /// Reads `HH:MM` or `HH:MM:SS`, 00:00 to 23:59:59; the hour may have one digit.
    package init?(_ text: String) {
        var cursor = TextCursor(text)
        guard let time = WallTime(reading: &cursor), cursor.isAtEnd else { return nil }
        self = time
    }

    init?(reading cursor: inout TextCursor) {
        guard let hour = cursor.number(width: 1...2), cursor.skip(UInt8(ascii: ":")),
            let minute = cursor.number(width: 2...2)
        else { return nil }
        var second = 0
        if cursor.skip(UInt8(ascii: ":")) {
            guard let value = cursor.number(width: 2...2) else { return nil }
            second = value
        }
        self.init(hour: hour, minute: minute, second: second)
    }
}

extension Instant: CustomStringConvertible {
    /// `2027-05-05T07:00:00Z`, in UTC; six decimals of the second when there is a fraction.
    package var description: String {
        let local = LocalTime(secondsSinceEpoch: seconds)
        let fraction = microseconds - seconds * 1_000_000
        return local.description + (fraction == 0 ? "Z" : ".\(padded(Int(fraction), 6))Z")
    }

    /// Reads ISO 8601 and SQL timestamps: a date; a `T` or a space; `HH:MM`, seconds and a fraction
    /// (cut off after microseconds); then `Z` or `+HH:MM`, `+HHMM`, `+HH`.
    ///
    /// A text without an offset is a reading of the wall clock in `zone` (resolved by
    /// `Zone.instant(_:_:)`), and a bare date is the first instant of that day there; nil when `zone`
    /// is nil, and for anything else that is no timestamp.
    package init?(_ text: some StringProtocol, in zone: Zone? = nil) {
        var cursor = TextCursor(text)
        guard let date = CivilDate(reading: &cursor) else { return nil }
        if cursor.isAtEnd {
            guard let zone else { return nil }
            self = zone.startOfDay(date)
            return
        }
        guard cursor.skip(UInt8(ascii: "T")) || cursor.skip(UInt8(ascii: " ")),
            let time = WallTime(reading: &cursor), let fraction = Instant.fraction(reading: &cursor)
        else { return nil }
        let whole: Instant
        if cursor.isAtEnd {
            guard let zone else { return nil }
            whole = zone.instant(date, time)
        } else {
            guard let offset = Instant.offset(reading: &cursor), cursor.isAtEnd else { return nil }
            whole = Instant(seconds: LocalTime(date: date, time: time).secondsSinceEpoch - Int64(offset))
        }
        self.init(microseconds: whole.microseconds + fraction)
    }

    private static func fraction(reading cursor: inout TextCursor) -> Int64? {
        guard cursor.skip(UInt8(ascii: ".")) else { return 0 }
        var value: Int64 = 0
        var scale: Int64 = 1_000_000
        guard cursor.peek?.isDigit == true else { return nil }
        while let byte = cursor.peek, byte.isDigit {
            scale /= 10
            value += Int64(byte - UInt8(ascii: "0")) * scale
            cursor.position += 1
        }
        return value
    }

    /// Seconds east of UTC, up to 23:59.
    private static func offset(reading cursor: inout TextCursor) -> Int? {
        if cursor.skip(UInt8(ascii: "Z")) { return 0 }
        let isWest = cursor.skip(UInt8(ascii: "-"))
        guard isWest || cursor.skip(UInt8(ascii: "+")) else { return nil }
        let hours: Int
        var minute = 0
        if let compact = cursor.number(width: 4...4) {
            (hours, minute) = (compact / 100, compact % 100)
        } else {
            guard let value = cursor.number(width: 2...2) else { return nil }
            hours = value
            if cursor.skip(UInt8(ascii: ":")) {
                guard let value = cursor.number(width: 2...2) else { return nil }
                minute = value
            }
        }
        guard hours < 24, minute < 60 else { return nil }
        return (hours * 3600 + minute * 60) * (isWest ? -1 : 1)
    }
}
