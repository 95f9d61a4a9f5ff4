// Declarations only, so that the other targets compile until the real ones land: delete this file with them.
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
package struct BirthDate: Hashable, Sendable {
    package var year: Int?
    package var month: Int
    package var day: Int
}
extension BirthDate {
    package func observed(in year: Int, feb29: Feb29) -> CivilDate? { nil }
}
