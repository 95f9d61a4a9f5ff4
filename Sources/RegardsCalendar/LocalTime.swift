/// What calendar and clock on the wall show: a date and a time of day, in a zone the holder knows.
package struct LocalTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var date: CivilDate
    package var time: WallTime

    package init(date: CivilDate, time: WallTime) {
        self.date = date
        self.time = time
    }

    /// The reading as if the wall clock showed UTC: it orders and measures readings of one zone.
    init(secondsSinceEpoch seconds: Int64) {
        let day = floorDivide(seconds, 86_400)
        date = CivilDate(dayNumber: Int32(truncatingIfNeeded: day))
        time = WallTime(unchecked: Int32(seconds - day * 86_400))
    }

    var secondsSinceEpoch: Int64 { Int64(date.dayNumber) * 86_400 + Int64(time.secondOfDay) }

    package static func < (left: LocalTime, right: LocalTime) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }

    /// `2027-05-05T09:00:00`.
    package var description: String {
        "\(date)T\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))"
    }
}

extension WallTime {
    init(unchecked secondOfDay: Int32) { self.secondOfDay = secondOfDay }
}
