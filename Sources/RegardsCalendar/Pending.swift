// Declarations only, so that the other targets compile until the real ones land: delete this file with them.
package final class Zone: Sendable, Hashable {
    package let name: String
    package init(name: String) { self.name = name }
    package static let utc = Zone(name: "UTC")
    package func local(at instant: Instant) -> LocalTime {
        let seconds = instant.seconds
        let day = floorDivide(seconds, 86_400)
        return LocalTime(date: CivilDate(dayNumber: Int32(day)), time: WallTime(secondOfDay: Int(seconds - day * 86_400))!)
    }
    package func instant(_ date: CivilDate, _ time: WallTime) -> Instant {
        Instant(seconds: Int64(date.dayNumber) * 86_400 + Int64(time.secondOfDay))
    }
    package func startOfDay(_ date: CivilDate) -> Instant { instant(date, .midnight) }
    package static func == (left: Zone, right: Zone) -> Bool { left.name == right.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
package struct LocalTime: Hashable, Sendable {
    package var date: CivilDate
    package var time: WallTime
}
package final class ZoneCatalog: Sendable {
    package init(directory: String = "/usr/share/zoneinfo") {}
    package func zone(named name: String) -> Zone? { Zone(name: name) }
    package func reloadIfChanged() -> Bool { false }
}
package enum Feb29: Hashable, Sendable { case feb28, mar1 }
package struct CalendarSpan: Hashable, Sendable {
    package var months = 0
    package var days = 0
    package var seconds: Int64 = 0
    package static func parse(_ text: some StringProtocol) -> CalendarSpan? { nil }
    package var fixed: TimeSpan? { months == 0 ? .seconds(Int64(days) * 86_400 + seconds) : nil }
    package func added(to instant: Instant, in zone: Zone) -> Instant { instant }
    package func subtracted(from instant: Instant, in zone: Zone) -> Instant { instant }
}
package struct OnCalendarError: Error { package var message = ""; package var offset = 0 }
package struct OnCalendar: Sendable, Hashable, CustomStringConvertible {
    package init(_ text: String, zones: ZoneCatalog) throws(OnCalendarError) { description = text }
    package var description: String
    package var zone: Zone? { nil }
    package var hasTime: Bool { false }
    package func next(after instant: Instant, in zone: Zone) -> Instant? { nil }
    package func matches(_ date: CivilDate) -> Bool { false }
}
