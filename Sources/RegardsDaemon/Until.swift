package import RegardsCalendar

/// When something ends, as a person types it.
package enum Until {
    /// A span from now (`2h`, `3 days`), the next such time of day (`18:00`), a day's first instant (`2027-06-01`), or an
    /// instant, in a zone's time where it has no offset; nil for anything else.
    package static func instant(_ text: String, _ zone: Zone, now: Instant) -> Instant? {
        if let span = CalendarSpan.parse(text) { return span.added(to: now, in: zone) }
        guard let time = WallTime(text) else { return Instant(text, in: zone) }
        let today = zone.local(at: now).date
        let instant = zone.instant(today, time)
        return instant > now ? instant : zone.instant(today + 1, time)
    }
}
