import RegardsCalendar

/// Points in time as protocols write them, in a zone's own offset.
enum StampText {
    /// `2027-05-12T14:05:00+02:00`, and `Z` for UTC (RFC 3339).
    static func rfc3339(_ instant: Instant, _ zone: Zone) -> String {
        let (local, offset) = reading(instant, zone)
        let mark = offset == 0 ? "Z" : offsetText(offset, separator: ":")
        return "\(LocalText.iso(local.date))T\(clock(local.time))\(mark)"
    }

    /// `Wed, 12 May 2027 14:05:00 +0200` (RFC 5322 3.3).
    static func rfc5322(_ instant: Instant, _ zone: Zone) -> String {
        let (local, offset) = reading(instant, zone)
        let (year, month, day) = local.date.components
        let weekday = weekdays[local.date.weekday.rawValue]
        return "\(weekday), \(LocalText.padded(day)) \(months[month - 1]) \(year) \(clock(local.time)) \(offsetText(offset, separator: ""))"
    }

    /// Offsets are written in minutes. One with seconds, as before 1900, is rounded down and the clock moves with it.
    private static func reading(_ instant: Instant, _ zone: Zone) -> (local: LocalTime, minutes: Int) {
        let local = zone.local(at: instant)
        let seconds = Int64(local.date.dayNumber) * 86_400 + Int64(local.time.secondOfDay) - instant.seconds
        let minutes = floorDivide(seconds, 60)
        return (Zone.utc.local(at: Instant(seconds: instant.seconds + minutes * 60)), Int(minutes))
    }

    private static func clock(_ time: WallTime) -> String {
        [time.hour, time.minute, time.second].map(LocalText.padded).joined(separator: ":")
    }

    private static func offsetText(_ minutes: Int, separator: String) -> String {
        let size = abs(minutes)
        return (minutes < 0 ? "-" : "+") + LocalText.padded(size / 60) + separator + LocalText.padded(size % 60)
    }

    private static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
