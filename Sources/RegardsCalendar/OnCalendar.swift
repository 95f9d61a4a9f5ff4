/// A calendar expression with the syntax and the rules of systemd.time(7), "CALENDAR EVENTS":
/// `monthly`, `Mon..Fri *-*-* 09:00`, `*-02~01`, `Sat *-*-1..7 18:00 Europe/Berlin`.
///
/// Occurrences lie in the years 1970 to 2199. A reading of the wall clock that is skipped by a DST
/// change does not elapse that day; one that comes twice elapses at its first pass. This differs
/// from occasions, whose time of day moves out of a gap (`Zone.instant(_:_:)`).
package struct OnCalendar: Sendable, Hashable, CustomStringConvertible {
    /// One element of a list such as `1,5..20/2`, in the field's unit (microseconds for seconds).
    struct Component: Sendable, Hashable {
        var start: Int32
        /// Inclusive; -1 when the element is no range.
        var stop: Int32 = -1
        /// 0 when the element does not repeat.
        var step: Int32 = 0
    }

    /// The fields as written, in normal form; an empty list is `*`.
    struct Fields: Sendable, Hashable {
        var years: [Component] = []
        var months: [Component] = []
        var days: [Component] = []
        var isFromMonthEnd = false
        var hours = [Component(start: 0)]
        var minutes = [Component(start: 0)]
        var microseconds = [Component(start: 0)]
        /// Bit 0 is Monday; all seven bits when no weekday is asked for.
        var weekdays: UInt8 = 127
    }

    let fields: Fields

    /// The zone at the end of the expression; nil when it follows the caller's.
    package let zone: Zone?

    /// Whether the text gave a time of day. False for a bare date and for the shortcuts of a day and
    /// longer (`daily`, `monthly`), which elapse at 00:00: there a rule's `at` may set the time.
    package let hasTime: Bool

    /// Bit n stands for the value n.
    private let months: UInt16
    /// Days of the month, or counted from its end where `fields.isFromMonthEnd`.
    private let days: UInt32
    private let hours: UInt32
    private let minutes: UInt64
    /// Whole seconds; 0 where the expression has fractions, and the list itself is searched.
    private let seconds: UInt64

    init(fields: Fields, zone: Zone?, hasTime: Bool) {
        self.fields = fields
        self.zone = zone
        self.hasTime = hasTime
        months = UInt16(OnCalendar.mask(fields.months, 1...12))
        days = UInt32(OnCalendar.mask(fields.days, 1...31, countsDown: fields.isFromMonthEnd))
        hours = UInt32(OnCalendar.mask(fields.hours, 0...23))
        minutes = OnCalendar.mask(fields.minutes, 0...59)
        let isWhole = fields.microseconds.allSatisfy { $0.start % 1_000_000 == 0 && $0.step % 1_000_000 == 0 }
        seconds = isWhole ? OnCalendar.mask(fields.microseconds, 0...59, unit: 1_000_000) : 0
    }

    /// - Throws: `OnCalendarError` for text that systemd refuses, for a zone that `zones` does not
    ///   know, and for the abbreviations of a local zone (`CEST`), which mean different zones to
    ///   different customers.
    package init(_ text: String, zones: ZoneCatalog) throws(OnCalendarError) {
        var parser = OnCalendarParser(text)
        self = try parser.parse(zones: zones)
    }

    private static func mask(
        _ list: [Component], _ range: ClosedRange<Int>, countsDown: Bool = false, unit: Int32 = 1
    ) -> UInt64 {
        guard !list.isEmpty else { return range.reduce(0) { $0 | 1 << UInt64($1) } }
        var mask: UInt64 = 0
        for component in list {
            let start = Int(component.start / unit)
            let step = Int(component.step / unit)
            mask |= 1 << UInt64(start)
            guard step > 0 else { continue }
            if component.stop >= 0 {
                for value in stride(from: start, through: Int(component.stop / unit), by: step) {
                    mask |= 1 << UInt64(value)
                }
            } else if countsDown {
                // `~07/1` repeats towards the end of the month, where the count falls.
                for value in stride(from: start, through: range.lowerBound, by: -step) { mask |= 1 << UInt64(value) }
            } else {
                for value in stride(from: start, through: range.upperBound, by: step) { mask |= 1 << UInt64(value) }
            }
        }
        return mask
    }
}

// MARK: - Dates

extension OnCalendar {
    private static let years = 1970...2199

    /// Whether the date part allows this date, in whatever zone the date is meant.
    package func matches(_ date: CivilDate) -> Bool {
        let (year, month, day) = date.components
        guard OnCalendar.years.contains(year), next(fields.years, from: Int32(year)) == Int32(year) else {
            return false
        }
        return days(of: month, year) & 1 << UInt32(day) != 0
    }

    /// The first date, `date` included, that the date part allows; nil when there is none until 2199.
    package func nextDate(onOrAfter date: CivilDate) -> CivilDate? {
        var (year, month, day) = date.components
        if year < OnCalendar.years.lowerBound { (year, month, day) = (OnCalendar.years.lowerBound, 1, 1) }
        while year <= OnCalendar.years.upperBound {
            guard let allowed = next(fields.years, from: Int32(year)) else { return nil }
            if allowed != year { (year, month, day) = (Int(allowed), 1, 1) }
            guard year <= OnCalendar.years.upperBound else { return nil }
            while month <= 12 {
                let candidates = days(of: month, year) & (UInt32.max << UInt32(day))
                if candidates != 0 { return CivilDate(unchecked: year, month, candidates.trailingZeroBitCount) }
                (month, day) = (month + 1, 1)
            }
            (year, month, day) = (year + 1, 1, 1)
        }
        return nil
    }

    /// Bit n set when day n of the month is allowed.
    private func days(of month: Int, _ year: Int) -> UInt32 {
        guard months & 1 << UInt16(month) != 0 else { return 0 }
        let length = UInt32(CivilDate.days(inMonth: month, year: year))
        var allowed = days
        if fields.isFromMonthEnd {
            // Bit n becomes bit length + 1 - n.
            allowed = UInt32((UInt64(days.bitReversed) << 1) >> UInt64(31 - length))
        }
        allowed &= (UInt32.max >> (31 - length)) & ~1
        guard fields.weekdays != 127, allowed != 0 else { return allowed }
        let first = UInt32(CivilDate(unchecked: year, month, 1).weekday.rawValue)
        let week = UInt32(fields.weekdays)
        let fromFirst = (week >> first | week << (7 - first)) & 127
        // The week's pattern five times over, beginning at day 1.
        let pattern = UInt64(fromFirst) &* 0b1_0000001_0000001_0000001_0000001
        return allowed & UInt32(truncatingIfNeeded: pattern << 1)
    }

    /// The least value of a list that is not below `value`; `value` itself for `*`.
    private func next(_ list: [Component], from value: Int32) -> Int32? {
        guard !list.isEmpty else { return value }
        var best: Int32?
        for component in list {
            var candidate = component.start
            if candidate < value {
                guard component.step > 0 else { continue }
                candidate += (value - candidate + component.step - 1) / component.step * component.step
                if component.stop >= 0, candidate > component.stop { continue }
            }
            if candidate < best ?? .max { best = candidate }
        }
        return best
    }
}

// MARK: - Times

extension OnCalendar {
    /// Microseconds of a day.
    private static let dayLength: Int64 = 86_400_000_000
    /// Two days around the years that expressions know, whatever the zone.
    private static let start = Instant(seconds: -2 * 86_400)
    private static let end = Instant(seconds: Int64(CivilDate(unchecked: 2200, 1, 3).dayNumber) * 86_400)

    /// The first occurrence strictly later than `instant`; nil when there is none until 2199.
    /// `zone` counts unless the expression names its own.
    package func next(after instant: Instant, in zone: Zone) -> Instant? {
        let zone = self.zone ?? zone
        guard instant < OnCalendar.end else { return nil }
        let earliest = max(instant.microseconds, OnCalendar.start.microseconds) + 1
        let second = floorDivide(earliest, 1_000_000)
        // Readings in microseconds since 1970 on the wall clock.
        var wall = zone.wall(atSecond: second) * 1_000_000 + (earliest - second * 1_000_000)
        while let reading = nextReading(from: wall) {
            let wallSecond = floorDivide(reading, 1_000_000)
            let fraction = reading - wallSecond * 1_000_000
            switch zone.resolve(wallSecond) {
            case .unique(let found):
                let found = found * 1_000_000 + fraction
                if found >= earliest { return Instant(microseconds: found) }
                wall = reading + 1
            case .overlap(let first, _, let wallEnd):
                let found = first * 1_000_000 + fraction
                if found >= earliest { return Instant(microseconds: found) }
                wall = wallEnd * 1_000_000
            case .gap(_, _, let wallEnd):
                wall = wallEnd * 1_000_000
            }
        }
        return nil
    }

    /// The first reading not before `wall` that the expression allows.
    private func nextReading(from wall: Int64) -> Int64? {
        let day = floorDivide(wall, OnCalendar.dayLength)
        let date = CivilDate(dayNumber: Int32(clamping: day))
        guard var allowed = nextDate(onOrAfter: date) else { return nil }
        var time: Int64?
        if allowed == date {
            time = nextTime(from: wall - day * OnCalendar.dayLength)
            if time == nil {
                guard let later = nextDate(onOrAfter: date + 1) else { return nil }
                allowed = later
            }
        }
        guard let time = time ?? nextTime(from: 0) else { return nil }
        return Int64(allowed.dayNumber) * OnCalendar.dayLength + time
    }

    /// The first time of day not before `time`, in microseconds since midnight.
    private func nextTime(from time: Int64) -> Int64? {
        var hour = UInt64(time / 3_600_000_000)
        var minute = UInt64(time / 60_000_000 % 60)
        var rest = time % 60_000_000
        let hourList = UInt64(hours)
        while let nextHour = OnCalendar.lowest(hourList, from: hour) {
            if nextHour != hour { (hour, minute, rest) = (nextHour, 0, 0) }
            while let nextMinute = OnCalendar.lowest(minutes, from: minute) {
                if nextMinute != minute { (minute, rest) = (nextMinute, 0) }
                if let second = nextMicrosecond(from: rest) {
                    return Int64(hour) * 3_600_000_000 + Int64(minute) * 60_000_000 + second
                }
                (minute, rest) = (minute + 1, 0)
            }
            (hour, minute, rest) = (hour + 1, 0, 0)
        }
        return nil
    }

    private func nextMicrosecond(from rest: Int64) -> Int64? {
        if seconds != 0 {
            return OnCalendar.lowest(seconds, from: UInt64((rest + 999_999) / 1_000_000)).map { Int64($0) * 1_000_000 }
        }
        return next(fields.microseconds, from: Int32(rest)).flatMap { $0 < 60_000_000 ? Int64($0) : nil }
    }

    /// The lowest set bit at or above `bit`.
    private static func lowest(_ mask: UInt64, from bit: UInt64) -> UInt64? {
        guard bit < 64 else { return nil }
        let rest = mask & (UInt64.max << bit)
        return rest == 0 ? nil : UInt64(rest.trailingZeroBitCount)
    }
}

extension UInt32 {
    fileprivate var bitReversed: UInt32 {
        var value = self
        value = (value >> 1) & 0x5555_5555 | (value & 0x5555_5555) << 1
        value = (value >> 2) & 0x3333_3333 | (value & 0x3333_3333) << 2
        value = (value >> 4) & 0x0F0F_0F0F | (value & 0x0F0F_0F0F) << 4
        return value.byteSwapped
    }
}

// MARK: - Normal form

extension OnCalendar {
    /// The normal form, as `systemd-analyze calendar` prints it: it parses to itself.
    package var description: String {
        var text = ""
        if fields.weekdays != 127 { text = OnCalendar.spell(weekdays: fields.weekdays) + " " }
        text += OnCalendar.spell(fields.years, width: 4) + "-" + OnCalendar.spell(fields.months)
        text += (fields.isFromMonthEnd ? "~" : "-") + OnCalendar.spell(fields.days)
        text += " " + OnCalendar.spell(fields.hours) + ":" + OnCalendar.spell(fields.minutes)
        text += ":" + OnCalendar.spell(fields.microseconds, unit: 1_000_000)
        if let zone { text += " " + zone.name }
        return text
    }

    private static func spell(weekdays: UInt8) -> String {
        var parts: [String] = []
        var day = 0
        while day < 7 {
            guard weekdays & 1 << day != 0 else {
                day += 1
                continue
            }
            var end = day
            while end < 6, weekdays & 1 << (end + 1) != 0 { end += 1 }
            let names = (day...end).compactMap { Weekday(rawValue: $0)?.description }
            parts += names.count > 2 ? ["\(names[0])..\(names[names.count - 1])"] : names
            day = end + 1
        }
        return parts.joined(separator: ",")
    }

    private static func spell(_ list: [Component], width: Int = 2, unit: Int32 = 1) -> String {
        if list.isEmpty || unit > 1 && list[0] == Component(start: 0, step: unit) { return "*" }
        return list.map { component in
            var text = spell(component.start, width, unit)
            if component.stop >= 0 { text += ".." + spell(component.stop, width, unit) }
            if component.step > 0, component.stop < 0 || component.step != unit {
                text += "/" + spell(component.step, 1, unit)
            }
            return text
        }.joined(separator: ",")
    }

    private static func spell(_ value: Int32, _ width: Int, _ unit: Int32) -> String {
        let whole = padded(Int(value / unit), width)
        return value % unit == 0 ? whole : whole + "." + padded(Int(value % unit), 6)
    }
}
