package import RegardsCalendar

extension Delay {
    /// When something is due that hangs on this instant. Without a time of day a day has 24 hours, as in the spans of
    /// steps; months are the calendar's.
    /// - Parameter zone: where the customer lives.
    package func due(from instant: Instant, in zone: Zone) -> Instant {
        let elapsed = TimeSpan.days(Int64(after.days)) + .seconds(after.seconds)
        let passed = CalendarSpan(months: after.months).added(to: instant, in: zone) + elapsed
        guard let at else { return passed }
        if after.seconds == 0, after.months != 0 || after.days != 0 {
            return zone.instant(zone.local(at: instant).date.adding(months: after.months) + after.days, at)
        }
        return zone.first(at, notBefore: passed)
    }
}

extension Zone {
    /// The first time that a wall clock in this zone shows `time`, not before the instant.
    func first(_ time: WallTime, notBefore instant: Instant) -> Instant {
        next(time, after: instant - TimeSpan(microseconds: 1))
    }
}

extension TimeSpan {
    private static let day = TimeSpan.days(1).microseconds

    /// The number of days where it is a whole one of 24 hours each, and not zero.
    var wholeDays: Int? {
        microseconds != 0 && microseconds % TimeSpan.day == 0 ? Int(microseconds / TimeSpan.day) : nil
    }

    /// The days between whose ends the span lies.
    var days: ClosedRange<Int> {
        let floor = floorDivide(microseconds, TimeSpan.day)
        return Int(floor)...Int(floor + (microseconds % TimeSpan.day == 0 ? 0 : 1))
    }
}
