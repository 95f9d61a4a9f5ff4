import Foundation
import RegardsCalendar
import Testing

@Suite struct OnCalendarTests {
    struct Row: Decodable {
        var id, expr, zone: String
        var normalized: String?
        var base: Int64
        var next: [Int64]
        var next_us: [Int64]?
        var capped, quirk: Bool?
    }

    @Test func occurrencesAgreeWithTheTable() throws {
        try Oracle.check("oncalendar", Row.self, excused: { $0.capped == true || $0.quirk == true }) { row in
            let expression = try OnCalendar(row.expr, zones: Oracle.zones)
            if let normalized = row.normalized, expression.description != normalized {
                return "normal form \(expression)"
            }
            let zone = try Oracle.zone(row.zone)
            var instant = Instant(seconds: row.base)
            var found: [Instant] = []
            while found.count < 10, let next = expression.next(after: instant, in: zone) {
                found.append(next)
                instant = next
            }
            let expected = row.next_us ?? row.next.map { $0 * 1_000_000 }
            if row.capped == true { return "\(row.id) \(row.expr): we answer \(found)" }
            guard found.map(\.microseconds) != expected else { return nil }
            return "\(row.id) \(row.expr) in \(row.zone) after \(Instant(seconds: row.base)): we answer \(found)"
        }
    }

    struct InvalidRow: Decodable {
        var expr: String
    }

    @Test func badTextIsRefused() throws {
        try Oracle.check("oncalendar_invalid", InvalidRow.self) { row in
            do {
                let expression = try OnCalendar(row.expr, zones: Oracle.zones)
                return "accepted as \(expression)"
            } catch let error as OnCalendarError {
                let isInside = error.offset >= 0 && error.offset <= row.expr.count
                return isInside && !error.message.isEmpty ? nil : "\(error)"
            }
        }
    }

    @Test(arguments: [
        ("", "character 1: the expression is empty"),
        ("   ", "character 1: the expression is empty"),
        ("*-*-32", "character 5: the day is outside 1 to 31"),
        ("*-*~29", "character 5: the day from the end is outside 1 to 28"),
        ("12:60", "character 4: the minute is outside 0 to 59"),
        ("12:00:60", "character 7: the second is outside 0 to 59"),
        ("2200-01-01", "character 1: the year is outside 1970 to 2199"),
        ("5..2:00", "character 1: the range runs backwards"),
        ("*-*-* 0/0:00", "character 9: a repetition needs a step above 0"),
        ("*:30/30", "character 3: the minute would never repeat: the step is too long"),
        ("*:*:5..5.5", "character 5: the range is shorter than a second"),
        ("*-*", nil), ("*/2-01-01", "character 2: expected \"-\" and the month, found \"/\""),
        ("Sat..Mon", "character 6: a range of weekdays cannot go over the end of the week: write two parts"),
        ("Mon..", "character 6: the range of weekdays has no end"),
        ("Mon...Fri", "character 6: expected a weekday such as Mon, found \".\""),
        ("Mon..Tue..Wed", "character 9: a range of weekdays has two ends, found \".\" after the second"),
        ("Mon.Tue", "character 5: expected \"..\" between two weekdays"),
        (
            "Mond",
            "character 1: expected a weekday, a date such as *-*-01, a time such as 09:00 or a word such as monthly, found \"Mond\""
        ),
        ("12:00 Mars/Phobos", "character 7: unknown time zone \"Mars/Phobos\""),
        ("12:00 CEST", "character 7: unknown time zone \"CEST\""),
        ("0 9 * * 1-5", "character 1: this looks like a line of cron; write for example Mon..Fri *-*-* 09:00"),
        ("2026-12-24T18:00:00Z", "character 11: expected a space after the date, found \"T\""),
        ("12:00\t", "character 6: expected \":\" and the second, a time zone or the end, found a control character"),
        ("@99999999999", "character 2: the time lies after the year 2199"),
        ("@", "character 2: expected whole seconds since 1970 after \"@\", found the end"),
        ("１２:00", "character 1: expected a number for the hour, found \"１\""),
        ("12:00:00 naïve", "character 10: unknown time zone \"naïve\""),
        (
            "*:" + Array(repeating: "5", count: 242).joined(separator: ","),
            "character 485: the list has too many elements"
        ),
    ])
    func errorsPointAtTheCharacter(text: String, message: String?) {
        do {
            _ = try OnCalendar(text, zones: Oracle.zones)
            #expect(message == nil)
        } catch {
            #expect("\(error)" == message)
        }
    }

    @Test(arguments: [
        ("monthly", false), ("daily", false), ("*-*-01", false), ("Mon", false), ("Mon Europe/Berlin", false),
        ("hourly", true), ("minutely", true), ("*-*-01 00:00", true), ("09:00", true), ("@0", true),
    ])
    func timesAreTold(text: String, hasTime: Bool) throws {
        #expect(try OnCalendar(text, zones: Oracle.zones).hasTime == hasTime)
    }

    @Test func datesCanBeAskedAlone() throws {
        let expression = try OnCalendar("Fri *-*-13 09:00 Europe/Berlin", zones: Oracle.zones)
        #expect(expression.zone?.name == "Europe/Berlin")
        #expect(expression.matches(try Oracle.date("2026-11-13")))
        #expect(!expression.matches(try Oracle.date("2026-10-13")))
        #expect(expression.nextDate(onOrAfter: try Oracle.date("2026-03-14"))?.description == "2026-11-13")
        #expect(expression.nextDate(onOrAfter: try Oracle.date("2199-12-14")) == nil)
        #expect(expression.nextDate(onOrAfter: try Oracle.date("0001-01-01"))?.description == "1970-02-13")
        #expect(!expression.matches(try Oracle.date("2201-02-13")))
    }

    @Test func theEndsOfTimeAreAnswered() throws {
        let expression = try OnCalendar("minutely", zones: Oracle.zones)
        #expect(expression.next(after: Instant(microseconds: .max), in: .utc) == nil)
        #expect(expression.next(after: Instant(microseconds: .min), in: .utc) == Instant(seconds: 0))
        let last = try #require(Instant("2199-12-31T23:59:00Z"))
        #expect(expression.next(after: last - .minutes(1), in: .utc) == last)
        #expect(expression.next(after: last, in: .utc) == nil)
    }

    /// systemd 252 adds the step beyond the field's end, and so loses what follows (here 00:00 after 20:00).
    @Test func aStepBeyondTheFieldsEndLosesNothing() throws {
        let expression = try OnCalendar("0,10/10:00", zones: Oracle.zones)
        var found: [String] = []
        var instant = try #require(Instant("2027-01-01T12:00:00Z"))
        while found.count < 4, let next = expression.next(after: instant, in: .utc) {
            found.append(next.description)
            instant = next
        }
        #expect(
            found == ["2027-01-01T20:00:00Z", "2027-01-02T00:00:00Z", "2027-01-02T10:00:00Z", "2027-01-02T20:00:00Z"])
    }

    /// What systemd 252 takes, though it looks odd: compared with `systemd-analyze calendar`.
    @Test(arguments: [
        ("Mon, 12:00", "Mon *-*-* 12:00:00"), ("*-*~1..6/2", "*-*~01..05/2 00:00:00"), ("*:0..30/40", "*-*-* *:00:00"),
        ("4..24/12:00", "*-*-* 04..16/12:00:00"), ("70..69-*-*", "1970..2069-*-* 00:00:00"),
        ("*-*~*", "*-*-* 00:00:00"),
        ("*:*:5,0/1", "*-*-* *:*:*"), ("Mon-Fri", "Mon..Fri *-*-* 00:00:00"), ("anually", "*-01-01 00:00:00"),
        ("@1775000000 Europe/Berlin", "2026-03-31 23:33:20 UTC"), ("*-*-*  12:00 utc", "*-*-* 12:00:00 UTC"),
        ("*:*:0.1234565", "*-*-* *:*:00.123457"), ("000000012:00", "*-*-* 12:00:00"),
        ("*:20,10..15,10", "*-*-* *:10,10..15,20:00"),
    ])
    func oddFormsAreTaken(text: String, normal: String) throws {
        #expect(try OnCalendar(text, zones: Oracle.zones).description == normal)
    }
}
