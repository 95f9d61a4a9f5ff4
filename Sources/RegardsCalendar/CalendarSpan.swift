/// A length of time as people say it: months (of whatever length), days (of whatever length) and
/// seconds. Added in that order: months and days move the date and keep the wall clock, seconds
/// then elapse.
package struct CalendarSpan: Hashable, Sendable {
    package var months: Int
    package var days: Int
    package var seconds: Int64

    package init(months: Int = 0, days: Int = 0, seconds: Int64 = 0) {
        self.months = months
        self.days = days
        self.seconds = seconds
    }

    /// The elapsed time, days counted as 24 hours; nil when there are months, whose length varies.
    package var fixed: TimeSpan? { months == 0 ? .seconds(Int64(days) * 86_400 + seconds) : nil }

    /// The instant this span after `instant`. Months and days keep the local time of day in `zone`
    /// (in a gap it moves later; of two passes the first counts) and the day of the month, or the
    /// month's last day where it has no such day.
    package func added(to instant: Instant, in zone: Zone) -> Instant { moved(instant, in: zone, sign: 1) }

    /// The instant this span before `instant`, by the same rules.
    package func subtracted(from instant: Instant, in zone: Zone) -> Instant { moved(instant, in: zone, sign: -1) }

    private func moved(_ instant: Instant, in zone: Zone, sign: Int) -> Instant {
        let elapsed = TimeSpan.seconds(seconds * Int64(sign))
        guard months != 0 || days != 0 else { return instant + elapsed }
        let local = zone.local(at: instant)
        let fraction = TimeSpan(microseconds: instant.microseconds - instant.seconds * 1_000_000)
        return zone.instant(local.date.adding(months: months * sign) + days * sign, local.time) + fraction + elapsed
    }
}

extension CalendarSpan: CustomStringConvertible {
    private static let units: [(names: [String], span: CalendarSpan)] = [
        (["s", "sec", "second", "seconds"], CalendarSpan(seconds: 1)),
        (["min", "m", "minute", "minutes"], CalendarSpan(seconds: 60)),
        (["h", "hour", "hours", "hr"], CalendarSpan(seconds: 3600)),
        (["d", "day", "days"], CalendarSpan(days: 1)),
        (["w", "week", "weeks"], CalendarSpan(days: 7)),
        (["month", "months"], CalendarSpan(months: 1)),
        (["y", "year", "years"], CalendarSpan(months: 12)),
    ]

    /// About ten thousand years; nobody means more, and sums stay far from overflow.
    private static let limit = CalendarSpan(months: 120_000, days: 3_660_000, seconds: 315_360_000_000)

    /// Reads `180d`, `24h`, `90min`, `2 weeks`, `6 months`, `1y`, `6h 30min`: a number and a unit, once or
    /// more, each unit at most once; letters alone in lower case. nil for anything else.
    ///
    /// A month is spelled out (`3 months`), because `m` is minutes, as in systemd.
    package static func parse(_ text: some StringProtocol) -> CalendarSpan? {
        var cursor = TextCursor(text)
        var span = CalendarSpan()
        var used: Set<Int> = []
        repeat {
            guard let number = cursor.number() else { return nil }
            cursor.skipSpaces()
            let start = cursor.position
            let word = cursor.word()
            // "6M" would be months to systemd and minutes to others: refused.
            if word.utf8.count == 1, !word.utf8.elementsEqual(cursor.bytes[start..<cursor.position]) { return nil }
            guard let index = units.firstIndex(where: { $0.names.contains(word) }), used.insert(index).inserted else {
                return nil
            }
            let unit = units[index].span
            span.months += number * unit.months
            span.days += number * unit.days
            span.seconds += Int64(number) * unit.seconds
            cursor.skipSpaces()
        } while !cursor.isAtEnd
        guard cursor.bytes.last != UInt8(ascii: " "), span.months <= limit.months, span.days <= limit.days,
            span.seconds <= limit.seconds
        else { return nil }
        return span
    }

    /// The shortest form that `parse` reads back: `1y 6 months`, `180d`, `6h 30min`, `0s`.
    package var description: String {
        var parts: [String] = []
        func add(_ count: Int64, _ unit: String) { if count != 0 { parts.append("\(count)\(unit)") } }
        add(Int64(months / 12), "y")
        add(Int64(months % 12), abs(months % 12) == 1 ? " month" : " months")
        add(Int64(days), "d")
        add(seconds / 3600, "h")
        add(seconds / 60 % 60, "min")
        add(seconds % 60, "s")
        return parts.isEmpty ? "0s" : parts.joined(separator: " ")
    }
}

extension TimeSpan: CustomStringConvertible {
    /// `1d 2h`, `90s` as `1min 30s`, with a fraction where there is one: `0.25s`.
    package var description: String {
        let whole = microseconds.magnitude / 1_000_000
        let rest = microseconds.magnitude % 1_000_000
        let sign = microseconds < 0 ? "-" : ""
        if rest == 0 {
            return sign + CalendarSpan(days: Int(whole / 86_400), seconds: Int64(whole % 86_400)).description
        }
        let digits = String(rest)
        var fraction = String(repeating: "0", count: 6 - digits.count) + digits
        while fraction.last == "0" { fraction.removeLast() }
        return "\(sign)\(whole).\(fraction)s"
    }
}
