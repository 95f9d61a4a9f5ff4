/// The rule at the end of a TZif file (RFC 9636, section 3.3; POSIX "TZ" environment variable):
/// how the zone goes on after its last listed transition, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixZoneRule: Hashable, Sendable {
    /// When in a year a change comes, and the local time of day, in seconds (may exceed a day or be
    /// negative: -167 to 167 hours).
    struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// `Jn`: 1 to 365, 29 February never counted.
            case julian(Int)
            /// `n`: 0 to 365, 29 February counted.
            case zeroBased(Int)
            /// `Mm.w.d`: weekday `d` (0 is Sunday) of week `w` (5 is the last) of month `m`.
            case weekday(month: Int, week: Int, day: Int)
        }
        var day: Day
        var secondOfDay: Int

        func date(in year: Int) -> CivilDate {
            switch day {
            case .julian(let number):
                let leapDay = CivilDate.isLeap(year) && number >= 60 ? 1 : 0
                return CivilDate(unchecked: year, 1, 1) + (number - 1 + leapDay)
            case .zeroBased(let number):
                return CivilDate(unchecked: year, 1, 1) + number
            case .weekday(let month, let week, let day):
                let first = CivilDate(unchecked: year, month, 1)
                // The rule counts from Sunday, `Weekday` from Monday.
                let ahead = ((day + 6) % 7 - first.weekday.rawValue + 7) % 7
                let last = CivilDate.days(inMonth: month, year: year) - 1
                var position = ahead + (week - 1) * 7
                while position > last { position -= 7 }
                return first + position
            }
        }
    }

    /// Seconds east of UTC.
    var standardOffset: Int
    var daylight: Daylight?

    struct Daylight: Hashable, Sendable {
        var offset: Int
        var start: Change
        var end: Change
    }

    /// The two changes that `year`'s dates give, in time order: instant and the offset from then on.
    func transitions(in year: Int) -> [(at: Int64, offset: Int)] {
        guard let daylight else { return [] }
        let start = instant(of: daylight.start, in: year, offset: standardOffset)
        let end = instant(of: daylight.end, in: year, offset: daylight.offset)
        let both = [(at: start, offset: daylight.offset), (at: end, offset: standardOffset)]
        return start <= end ? both : both.reversed()
    }

    private func instant(of change: Change, in year: Int, offset: Int) -> Int64 {
        Int64(change.date(in: year).dayNumber) * 86_400 + Int64(change.secondOfDay - offset)
    }
}

extension PosixZoneRule {
    /// nil when the text is no POSIX rule, or names a daylight zone without saying when it applies
    /// (POSIX leaves that to the system).
    init?(_ text: String) {
        var cursor = TextCursor(text)
        guard PosixZoneRule.skipName(&cursor), let west = PosixZoneRule.time(&cursor, hours: 24) else { return nil }
        standardOffset = -west
        if cursor.isAtEnd { return }
        guard PosixZoneRule.skipName(&cursor) else { return nil }
        var offset = standardOffset + 3600
        if cursor.peek != UInt8(ascii: ",") {
            guard let daylightWest = PosixZoneRule.time(&cursor, hours: 24) else { return nil }
            offset = -daylightWest
        }
        guard cursor.skip(UInt8(ascii: ",")), let start = PosixZoneRule.change(&cursor),
            cursor.skip(UInt8(ascii: ",")), let end = PosixZoneRule.change(&cursor), cursor.isAtEnd
        else { return nil }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    /// Three or more letters, or `<...>` with letters, digits and signs.
    private static func skipName(_ cursor: inout TextCursor) -> Bool {
        let isQuoted = cursor.skip(UInt8(ascii: "<"))
        let start = cursor.position
        while let byte = cursor.peek,
            byte.isLetter || isQuoted && (byte.isDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
        { cursor.position += 1 }
        guard cursor.position - start >= 3 else { return false }
        return !isQuoted || cursor.skip(UInt8(ascii: ">"))
    }

    /// `[+-]h[h[h]][:mm[:ss]]` in seconds.
    private static func time(_ cursor: inout TextCursor, hours limit: Int) -> Int? {
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
        guard let hours = cursor.number(width: 1...3), hours <= limit else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] {
            guard cursor.skip(UInt8(ascii: ":")) else { break }
            guard let part = cursor.number(width: 2...2), part < 60 else { return nil }
            seconds += part * unit
        }
        return isNegative ? -seconds : seconds
    }

    private static func change(_ cursor: inout TextCursor) -> Change? {
        guard let day = day(&cursor) else { return nil }
        guard cursor.skip(UInt8(ascii: "/")) else { return Change(day: day, secondOfDay: 7200) }
        guard let second = time(&cursor, hours: 167) else { return nil }
        return Change(day: day, secondOfDay: second)
    }

    private static func day(_ cursor: inout TextCursor) -> Change.Day? {
        if cursor.skip(UInt8(ascii: "J")) {
            guard let number = cursor.number(width: 1...3), (1...365).contains(number) else { return nil }
            return .julian(number)
        }
        if cursor.skip(UInt8(ascii: "M")) {
            guard let month = cursor.number(width: 1...2), cursor.skip(UInt8(ascii: ".")),
                let week = cursor.number(width: 1...1), cursor.skip(UInt8(ascii: ".")),
                let day = cursor.number(width: 1...1),
                (1...12).contains(month), (1...5).contains(week), (0...6).contains(day)
            else { return nil }
            return .weekday(month: month, week: week, day: day)
        }
        guard let number = cursor.number(width: 1...3), (0...365).contains(number) else { return nil }
        return .zeroBased(number)
    }
}
