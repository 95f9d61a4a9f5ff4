import RegardsTestSupport
import Testing

/// `regards calendar`, as typed.
@Suite struct CalendarCommandTests {
    private func calendar(_ arguments: String..., environment: [String: String] = [:]) throws
        -> (ending: ChildProcess.Ending, output: [String], errors: [String])
    {
        // A folder without a configuration, so that no house's feasts are listed.
        let folder = try TemporaryFolder()
        let environment = environment.merging(["CONFIGURATION_DIRECTORY": folder.path]) { given, _ in given }
        return try ChildProcess.run([ChildProcess.regards, "calendar"] + arguments, environment: environment)
    }

    @Test func anExpressionIsShownInLocalTimeAndUTC() throws {
        let run = try calendar("Mon..Fri 9:00", "--zone", "Europe/Berlin", "--from", "2027-03-26", "--count", "2")
        #expect(run.ending.status == 0)
        #expect(
            run.output == [
                "Normal form: Mon..Fri *-*-* 09:00:00", "LOCAL (Europe/Berlin)          UTC",
                "Fri 2027-03-26T09:00:00+01:00  2027-03-26T08:00:00Z", "Mon 2027-03-29T09:00:00+02:00  2027-03-29T07:00:00Z",
            ])
        #expect(run.errors == [])
    }

    @Test func theExpressionsOwnZoneCounts() throws {
        let run = try calendar(
            "*-*-* 12:00:00.25 Asia/Tokyo", "--zone", "Europe/Berlin", "--from", "2027-01-01T00:00:00Z", "--count", "1", "--json")
        #expect(run.ending.status == 0)
        #expect(
            run.output == [
                #"{"expression":"*-*-* 12:00:00.25 Asia/Tokyo","next":[{"local":"2027-01-01T12:00:00.25+09:00","utc":"2027-01-01T03:00:00.25Z"}],"normal_form":"*-*-* 12:00:00.250000 Asia/Tokyo","zone":"Asia/Tokyo"}"#
            ])
    }

    @Test func theFirstInstantIsIncluded() throws {
        let run = try calendar("monthly", "--zone", "UTC", "--from", "2027-05-01", "--count", "1")
        #expect(run.output.last == "Sat 2027-05-01T00:00:00+00:00  2027-05-01T00:00:00Z")
    }

    @Test func whatNeverElapsesIsSaid() throws {
        let run = try calendar("*-02-30", "--zone", "UTC")
        #expect(run.ending.status == 0)
        #expect(run.output == ["Normal form: *-02-30 00:00:00", "It does not elapse any more until the year 2199."])
        #expect(try calendar("*-02-30", "--zone", "UTC", "--json").output.first?.contains(#""next":[]"#) == true)
    }

    @Test(arguments: [
        ("*-*-32", ["regards: the day is outside 1 to 31", "  *-*-32", "      ^"]),
        ("12:00 Mars/Phobos", ["regards: unknown time zone \"Mars/Phobos\"", "  12:00 Mars/Phobos", "        ^"]),
        // A wide character takes two cells before the caret, and what a terminal would obey takes one.
        ("王 12:00", nil), ("Mon\t25:00", nil), ("", ["regards: the expression is empty", "  ", "  ^"]),
    ])
    func aMistakeIsPointedAt(expression: String, lines: [String]?) throws {
        let run = try calendar(expression)
        #expect(run.ending.status == 64)
        #expect(run.output == [])
        #expect(run.errors.count == 3)
        if let lines { #expect(run.errors == lines) }
        #expect(run.errors.last?.hasSuffix("^") == true)
        #expect(run.errors.allSatisfy { !$0.contains("\t") })
    }

    @Test(arguments: [
        ["daily", "--zone", "Mars/Phobos"], ["daily", "--count", "0"], ["daily", "--from", "soon"], [], ["feasts", "--year", "1"],
        ["feasts", "--country", "Narnia"],
    ])
    func wrongUseEndsWith64(arguments: [String]) throws {
        let run = try ChildProcess.run([ChildProcess.regards, "calendar"] + arguments)
        #expect(run.ending.status == 64)
        #expect(!run.errors.isEmpty)
        #expect(run.output == [])
    }

    @Test func feastsOfACountry() throws {
        let run = try calendar("feasts", "--year", "2027", "--country", "Germany")
        #expect(run.ending.status == 0)
        #expect(
            run.output == [
                "DAY             FEAST      FALLS ON  OCCASION", "Fri 2027-01-01  new-year   01-01     new-year-2027",
                "Sun 2027-03-28  easter     easter    easter-2027", "Sat 2027-12-25  christmas  12-25     christmas-2027",
            ])
    }

    @Test func feastsAsJSON() throws {
        let run = try calendar("feasts", "--year", "2027", "--json")
        #expect(run.ending.status == 0)
        #expect(run.output.first == #"{"date":"2027-01-01","feast":"new-year","occasion":"new-year-2027","rule":"01-01"}"#)
        // Feasts of the lunar year before stand on the day on which they fall in this one.
        #expect(run.output.contains(#"{"date":"2027-01-15","feast":"laba","occasion":"laba-2026","rule":"lunar 12-8"}"#))
        #expect(run.output.count > 50)
    }

    @Test func yearsWithoutAChineseCalendarAreSaid() throws {
        let run = try calendar("feasts", "--year", "2150", "--country", "CN")
        #expect(run.ending.status == 0)
        #expect(run.output.count == 3)
        #expect(run.errors == ["regards: feasts of the Chinese calendar are left out: they are known from 1900 to 2100"])
    }

    @Test func aHousesOwnFeastsAreListed() throws {
        let shop = try TestShop(rules: [])
        var settings = TestShop.Settings()
        settings.extra = "feasts: {founding-day: 06-12, christmas: 12-24}"
        try shop.configure(settings)
        try shop.rules("festival: {purpose: greeting, when: {feast: founding-day, at: 09:00}, send: birthday}")
        let run = try calendar("feasts", "--year", "2027", "--config", shop.file)
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(run.output.contains { $0.hasPrefix("Sat 2027-06-12  founding-day ") })
        #expect(run.output.filter { $0.contains(" christmas ") }.map { $0.prefix(14) } == ["Fri 2027-12-24"])

        settings.extra = "feasts: {founding-day: 31-12}"
        try shop.configure(settings)
        let named = try calendar("feasts", "--year", "2027", "--config", shop.file)
        #expect(named.ending.status == 78)
        #expect(named.errors.contains { $0.contains("feasts.founding-day: expected a day such as 06-12") })
        // One that was not named is no reason not to answer.
        let found = try calendar("feasts", "--year", "2027", environment: ["CONFIGURATION_DIRECTORY": shop.path])
        #expect(found.ending.status == 0)
        #expect(found.errors == ["regards: \(shop.file) has mistakes (see regards check): its own feasts are left out"])
        #expect(found.output.count > 50)
    }
}
