import RegardsCalendar
import Testing

@Suite struct CalendarSpanTests {
    @Test(arguments: [
        ("180d", CalendarSpan(days: 180), "180d"), ("24h", CalendarSpan(seconds: 86_400), "24h"),
        ("6 months", CalendarSpan(months: 6), "6 months"), ("1 month", CalendarSpan(months: 1), "1 month"),
        ("90min", CalendarSpan(seconds: 5400), "1h 30min"), ("2 weeks", CalendarSpan(days: 14), "14d"),
        ("1y", CalendarSpan(months: 12), "1y"), ("6h 30min", CalendarSpan(seconds: 23_400), "6h 30min"),
        ("6h30MIN", CalendarSpan(seconds: 23_400), "6h 30min"), ("15m", CalendarSpan(seconds: 900), "15min"),
        ("0s", CalendarSpan(), "0s"), ("1y 6 months 3d", CalendarSpan(months: 18, days: 3), "1y 6 months 3d"),
    ])
    func spansAreRead(text: String, span: CalendarSpan, normal: String) {
        #expect(CalendarSpan.parse(text) == span)
        #expect(span.description == normal)
        #expect(CalendarSpan.parse(normal) == span)
    }

    @Test(arguments: [
        "", " ", "5", "d", "-1d", "1.5h", "1d ", " 1d", "1d,2h", "1d 2d", "1 fortnight", "1e3s", "９d", "999999999999d",
        "999999999y", "1d\u{0}", "1mo", "6M", "3D",
    ])
    func otherTextIsRefused(text: String) {
        #expect(CalendarSpan.parse(text) == nil)
    }

    @Test func daysKeepTheWallClockAndHoursElapse() throws {
        let berlin = try Oracle.zone("Europe/Berlin")
        // Clocks go forward on 28 March 2027 at 02:00.
        let evening = try #require(Instant("2027-03-27 20:00", in: berlin))
        let day = try #require(CalendarSpan.parse("1d"))
        let hours = try #require(CalendarSpan.parse("24h"))
        #expect(day.added(to: evening, in: berlin) == Instant("2027-03-28 20:00", in: berlin))
        #expect(hours.added(to: evening, in: berlin) == Instant("2027-03-28 21:00", in: berlin))
        #expect(day.subtracted(from: day.added(to: evening, in: berlin), in: berlin) == evening)
        let month = try #require(CalendarSpan.parse("1 month"))
        let end = try #require(Instant("2027-01-31 09:00:00.25", in: berlin))
        #expect(month.added(to: end, in: berlin) == Instant("2027-02-28 09:00:00.25", in: berlin))
        #expect(month.fixed == nil)
        #expect(day.fixed == hours.fixed)
    }
}
