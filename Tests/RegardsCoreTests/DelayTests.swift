import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// How long after something a message is due.
@Suite struct DelayTests {
    @Test(arguments: [
        // Without a time of day the span counts, and a day has 24 hours; months are the calendar's.
        ("2027-05-05T13:00:00Z", CalendarSpan(), nil, "2027-05-05T13:00:00Z"),
        ("2027-05-05T13:00:00Z", CalendarSpan(seconds: 5400), nil, "2027-05-05T14:30:00Z"),
        ("2027-03-27T13:00:00Z", CalendarSpan(days: 1), nil, "2027-03-28T13:00:00Z"),
        ("2027-02-28T13:00:00Z", CalendarSpan(months: 1), nil, "2027-03-28T12:00:00Z"),
        ("2027-03-27T13:00:00Z", CalendarSpan(seconds: 86_400), nil, "2027-03-28T13:00:00Z"),
        // With one and no span: the first such time that is not before.
        ("2027-05-05T07:59:59Z", CalendarSpan(), "10:00", "2027-05-05T08:00:00Z"),
        ("2027-05-05T08:00:00Z", CalendarSpan(), "10:00", "2027-05-05T08:00:00Z"),
        ("2027-05-05T08:00:01Z", CalendarSpan(), "10:00", "2027-05-06T08:00:00Z"),
        // Whole days: so many days after the local day.
        ("2027-05-05T20:00:00Z", CalendarSpan(days: 3), "10:00", "2027-05-08T08:00:00Z"),
        ("2027-05-05T22:30:00Z", CalendarSpan(days: 3), "10:00", "2027-05-09T08:00:00Z"),
        ("2027-01-31T12:00:00Z", CalendarSpan(months: 1), "10:00", "2027-02-28T09:00:00Z"),
        ("2028-01-31T12:00:00Z", CalendarSpan(months: 1, days: 1), "10:00", "2028-03-01T09:00:00Z"),
        // Any other span: the first such time once it has passed.
        ("2027-05-05T05:00:00Z", CalendarSpan(seconds: 7200), "10:00", "2027-05-05T08:00:00Z"),
        ("2027-05-05T07:00:00Z", CalendarSpan(seconds: 7200), "10:00", "2027-05-06T08:00:00Z"),
        ("2027-05-05T07:00:00Z", CalendarSpan(days: 1, seconds: 7200), "10:00", "2027-05-07T08:00:00Z"),
        // An hour that clocks skip, and one that they repeat.
        ("2027-03-27T12:00:00Z", CalendarSpan(days: 1), "02:30", "2027-03-28T01:30:00Z"),
        ("2027-03-28T00:59:00Z", CalendarSpan(), "02:30", "2027-03-28T01:30:00Z"),
        ("2027-10-31T00:30:00Z", CalendarSpan(), "02:30", "2027-10-31T00:30:00Z"),
        ("2027-10-31T00:30:01Z", CalendarSpan(), "02:30", "2027-11-01T01:30:00Z"),
    ] as [(String, CalendarSpan, String?, String)])
    func aDelay(from: String, after: CalendarSpan, time: String?, expected: String) throws {
        let delay = Delay(after: after, at: try time.map(RegardsCoreTests.time))
        #expect(delay.due(from: try at(from), in: try zone("Europe/Berlin")) == (try at(expected)))
    }

    @Test func aTimeOfDayIsNeverTooEarlyNorADayTooLate() throws {
        var random = SeededGenerator()
        for _ in 0..<2000 {
            let zone = try zone(random.pick(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]))
            let from = Instant(seconds: Int64.random(in: 1_300_000_000..<1_900_000_000, using: &random))
            let time = try #require(WallTime(secondOfDay: Int.random(in: 0..<86_400, using: &random)))
            let span = CalendarSpan(seconds: Int64.random(in: 0..<200_000, using: &random))
            let due = Delay(after: span, at: time).due(from: from, in: zone)
            let earliest = from + .seconds(span.seconds)
            #expect(due >= earliest)
            // Apia left out a day.
            #expect(due - earliest < .hours(zone.name == "Pacific/Apia" ? 49 : 26))
            #expect(zone.local(at: due).time == time || zone.instant(zone.local(at: due).date, time) == due)
        }
    }
}
