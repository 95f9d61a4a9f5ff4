/// Which times of the week are open: business hours, or the hours when customers may be written to.
///
/// An instant is open when the wall clock shows a time inside one of its weekday's intervals and
/// the local date is not closed. Open time is counted as it elapses: an interval of 00:00 to 24:00
/// has 23 hours on the day when clocks go forward, and both passes of an hour that comes twice count.
package struct WeeklyHours: Hashable, Sendable {
    /// From `start` until before `end`, in seconds since midnight on the wall clock.
    package struct Interval: Hashable, Sendable {
        package let start: Int32
        /// Up to 86,400, which is 24:00.
        package let end: Int32

        /// nil when the interval is empty or leaves the day; one over midnight is two intervals.
        package init?(start: Int, end: Int) {
            guard start >= 0, start < end, end <= 86_400 else { return nil }
            (self.start, self.end) = (Int32(start), Int32(end))
        }

        /// Reads `09:00-17:30` or `09:00..17:30`; the end may be `24:00`.
        package init?(_ text: some StringProtocol) {
            var cursor = TextCursor(text)
            guard let start = WallTime(reading: &cursor) else { return nil }
            cursor.skipSpaces()
            guard cursor.skip(UInt8(ascii: "-")) || cursor.skip(UInt8(ascii: ".")) && cursor.skip(UInt8(ascii: "."))
            else { return nil }
            cursor.skipSpaces()
            let isMidnight = cursor.bytes[cursor.position...].elementsEqual("24:00".utf8)
            guard isMidnight else {
                guard let end = WallTime(reading: &cursor), cursor.isAtEnd else { return nil }
                self.init(start: Int(start.secondOfDay), end: Int(end.secondOfDay))
                return
            }
            self.init(start: Int(start.secondOfDay), end: 86_400)
        }
    }

    /// By `Weekday.rawValue`; ascending and apart from each other.
    private let days: [[Interval]]
    /// Dates that are closed whatever their weekday: holidays, days of mourning.
    private let closed: Set<CivilDate>

    /// Intervals may be given in any order and may overlap; a weekday that is not listed is closed.
    package init(_ intervals: [Weekday: [Interval]], closed: Set<CivilDate> = []) {
        self.closed = closed
        days = Weekday.allCases.map { weekday in
            var merged: [Interval] = []
            for interval in (intervals[weekday] ?? []).sorted(by: { $0.start < $1.start }) {
                if let last = merged.last, interval.start <= last.end {
                    guard interval.end > last.end else { continue }
                    merged[merged.count - 1] = Interval(start: Int(last.start), end: Int(interval.end)) ?? last
                } else {
                    merged.append(interval)
                }
            }
            return merged
        }
    }

    /// Whether no instant at all is open.
    package var isNeverOpen: Bool { days.allSatisfy(\.isEmpty) }
}

// MARK: - Questions

extension WeeklyHours {
    package func isOpen(at instant: Instant, in zone: Zone) -> Bool {
        let local = zone.local(at: instant)
        guard !closed.contains(local.date) else { return false }
        let second = local.time.secondOfDay
        return days[local.date.weekday.rawValue].contains { $0.start <= second && second < $0.end }
    }

    /// The first open instant not before `instant`, itself when it is open; nil when there is none.
    package func nextOpening(from instant: Instant, in zone: Zone) -> Instant? {
        var opening: Instant?
        forEachOpenStretch(from: instant, in: zone) { start, _ in
            opening = start
            return false
        }
        return opening
    }

    /// When `amount` of open time has elapsed since `instant`: the end of its last moment, so the
    /// closing time itself and not the next opening. With no amount, the next opening. nil when
    /// there is not that much open time.
    package func deadline(from instant: Instant, after amount: TimeSpan, in zone: Zone) -> Instant? {
        guard amount > .zero else { return nextOpening(from: instant, in: zone) }
        var rest = amount
        var deadline: Instant?
        forEachOpenStretch(from: instant, in: zone) { start, end in
            let length = end - start
            guard length < rest else {
                deadline = start + rest
                return false
            }
            rest = rest + -length
            return true
        }
        return deadline
    }

    /// The latest instant from which `amount` of open time remains until `limit`; `limit` itself with
    /// no amount. nil when there is not that much open time before.
    package func instant(before limit: Instant, by amount: TimeSpan, in zone: Zone) -> Instant? {
        guard amount > .zero else { return limit }
        var rest = amount
        var found: Instant?
        forEachOpenStretch(before: limit, in: zone) { start, end in
            let length = end - start
            guard length < rest else {
                found = end - rest
                return false
            }
            rest = rest + -length
            return true
        }
        return found
    }

    /// How much open time lies between two instants; zero when `end` is not later.
    package func openTime(from start: Instant, to end: Instant, in zone: Zone) -> TimeSpan {
        var total = TimeSpan.zero
        forEachOpenStretch(from: start, in: zone) { open, close in
            guard open < end else { return false }
            total = total + (min(close, end) - open)
            return close < end
        }
        return total
    }
}

// MARK: - Stretches of open time

extension WeeklyHours {
    private static let second: Int64 = 1_000_000
    /// Outside, microseconds would overflow.
    private static let known = Zone.distantPast..<Zone.distantFuture

    /// A search over this many days finds an open one: each closed date takes at most a week away.
    private var longestClosure: Int { 7 * (closed.count + 1) + 1 }

    /// Calls `body` with each stretch of open time from `instant` on, until it answers false. Where the
    /// offset changes inside a stretch, it comes in two parts.
    private func forEachOpenStretch(from instant: Instant, in zone: Zone, _ body: (Instant, Instant) -> Bool) {
        guard !isNeverOpen, WeeklyHours.known.contains(instant.seconds) else { return }
        var now = instant.microseconds
        while true {
            let period = zone.steadyPeriod(at: floorDivide(now, WeeklyHours.second))
            let shift = period.offset * WeeklyHours.second
            let periodEnd = period.end * WeeklyHours.second
            guard let (open, close) = interval(endingAfter: now + shift) else { return }
            let start = max(now, open - shift)
            let end = min(close - shift, periodEnd)
            if start < end, !body(Instant(microseconds: start), Instant(microseconds: end)) { return }
            now = start < end ? end : periodEnd
            guard now < Zone.distantFuture * WeeklyHours.second else { return }
        }
    }

    /// The same backwards in time, from just before `instant`.
    private func forEachOpenStretch(before instant: Instant, in zone: Zone, _ body: (Instant, Instant) -> Bool) {
        guard !isNeverOpen, WeeklyHours.known.contains(instant.seconds) else { return }
        var now = instant.microseconds
        while true {
            let period = zone.steadyPeriod(at: floorDivide(now - 1, WeeklyHours.second))
            let shift = period.offset * WeeklyHours.second
            let periodStart = period.start * WeeklyHours.second
            guard let (open, close) = interval(startingBefore: now + shift) else { return }
            let start = max(open - shift, periodStart)
            let end = min(now, close - shift)
            if start < end, !body(Instant(microseconds: start), Instant(microseconds: end)) { return }
            now = start < end ? start : periodStart
            guard now > Zone.distantPast * WeeklyHours.second else { return }
        }
    }

    /// The first open interval on the wall clock that ends after `wall`; microseconds since 1970 as
    /// the wall clock shows them.
    private func interval(endingAfter wall: Int64) -> (Int64, Int64)? {
        let first = floorDivide(wall, 86_400 * WeeklyHours.second)
        for day in first...first + Int64(longestClosure) {
            let midnight = day * 86_400 * WeeklyHours.second
            for interval in intervals(ofDay: day) where midnight + Int64(interval.end) * WeeklyHours.second > wall {
                return WeeklyHours.bounds(interval, midnight)
            }
        }
        return nil
    }

    /// The last open interval on the wall clock that starts before `wall`.
    private func interval(startingBefore wall: Int64) -> (Int64, Int64)? {
        let first = floorDivide(wall, 86_400 * WeeklyHours.second)
        for day in stride(from: first, through: first - Int64(longestClosure), by: -1) {
            let midnight = day * 86_400 * WeeklyHours.second
            for interval in intervals(ofDay: day).reversed()
            where midnight + Int64(interval.start) * WeeklyHours.second < wall {
                return WeeklyHours.bounds(interval, midnight)
            }
        }
        return nil
    }

    private static func bounds(_ interval: Interval, _ midnight: Int64) -> (Int64, Int64) {
        (midnight + Int64(interval.start) * second, midnight + Int64(interval.end) * second)
    }

    private func intervals(ofDay day: Int64) -> [Interval] {
        let date = CivilDate(dayNumber: Int32(clamping: day))
        return closed.contains(date) ? [] : days[date.weekday.rawValue]
    }
}

extension Weekday {
    /// Reads a list such as `Mon..Fri` or `mon, wed, sat..sun`, in any case. nil for anything else,
    /// for an empty list, and for a range over the end of the week.
    package static func set(_ text: some StringProtocol) -> Set<Weekday>? {
        var days: Set<Weekday> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var cursor = TextCursor(part)
            cursor.skipSpaces()
            guard let first = Weekday(cursor.word()) else { return nil }
            var last = first
            if cursor.skip(UInt8(ascii: ".")) {
                guard cursor.skip(UInt8(ascii: ".")), let day = Weekday(cursor.word()), day.rawValue >= first.rawValue
                else { return nil }
                last = day
            }
            cursor.skipSpaces()
            guard cursor.isAtEnd else { return nil }
            days.formUnion(Weekday.allCases[first.rawValue...last.rawValue])
        }
        return days
    }
}
