import Foundation
import RegardsCalendar
import Testing

@Suite struct FeastTests {
    struct HolidayRow: Decodable {
        var name, date: String
        var lunar_year: Int
    }

    @Test func chineseFeastsAgreeWithTheTable() throws {
        let catalog = FeastCatalog()
        try Oracle.check("lunar_holidays", HolidayRow.self) { row in
            let name = row.name == "new_years_eve" ? "lunar-new-years-eve" : row.name.replacing("_", with: "-")
            let feast = try #require(catalog.feast(named: name), "no feast \(name)")
            let date = try #require(try feast.rule.date(ofYear: row.lunar_year))
            guard date.description == row.date else { return "\(date)" }
            var found: [Int] = []
            feast.rule.forEach(in: date..<date + 1) { _, year in found.append(year) }
            return found == [row.lunar_year] ? nil : "in its day's window: \(found)"
        }
    }

    struct EasterRow: Decodable {
        var year: Int
        var western, orthodox: String
    }

    @Test func easterAgreesWithTheTable() throws {
        try Oracle.check("easter", EasterRow.self) { row in
            let (western, orthodox) = (
                CivilDate.easter(.western, in: row.year), CivilDate.easter(.orthodox, in: row.year)
            )
            return western.description == row.western && orthodox.description == row.orthodox
                ? nil : "\(western) \(orthodox)"
        }
    }

    struct NthRow: Decodable {
        var year, month, n: Int
        var weekday: String
        var date: String?
    }

    @Test func nthWeekdaysAgreeWithTheTable() throws {
        try Oracle.check("nth_weekday", NthRow.self) { row in
            let weekday = try #require(Weekday(row.weekday))
            let date = CivilDate.nth(row.n, weekday, ofMonth: row.month, in: row.year)
            return date?.description == row.date ? nil : "\(String(describing: date))"
        }
    }

    @Test func everyBuiltInFeastIsRead() throws {
        let catalog = FeastCatalog()
        #expect(catalog.all.count == 64)
        #expect(Set(catalog.all.map(\.name)).count == catalog.all.count)
        for feast in catalog.all {
            #expect(FeastRule(feast.rule.description) == feast.rule, "\(feast.rule)")
        }
        for country in ["CN", "us", "GR", "DE", "RU", "XX"] {
            #expect(!catalog.feasts(country: country).isEmpty)
        }
    }

    @Test(arguments: [
        ("first-advent", 2022, "2022-11-27"), ("first-advent", 2028, "2028-12-03"),
        ("black-friday", 2026, "2026-11-27"),
        ("good-friday", 2027, "2027-03-26"), ("orthodox-easter", 2027, "2027-05-02"),
        ("carnival-monday", 2027, "2027-02-08"),
        ("mothering-sunday", 2027, "2027-03-07"), ("new-years-eve", 2027, "2027-12-31"),
        ("lunar-new-years-eve", 2026, "2027-02-05"), ("qingming", 2027, "2027-04-05"),
    ])
    func feastsFallOnKnownDays(name: String, year: Int, date: String) throws {
        let feast = try #require(FeastCatalog().feast(named: name))
        #expect(try feast.rule.date(ofYear: year)?.description == date)
    }

    @Test func ownFeastsTakeTheirPlace() throws {
        let founding = Feast(name: "founding-day", rule: try #require(FeastRule("06-12")))
        let own = Feast(name: "thanksgiving", rule: try #require(FeastRule("1st sunday of October")))
        let catalog = FeastCatalog(own: [founding, own])
        #expect(catalog.feast(named: "founding-day") == founding)
        #expect(try catalog.feast(named: "thanksgiving")?.rule.date(ofYear: 2027)?.description == "2027-10-03")
        #expect(catalog.all.filter { $0.name == "thanksgiving" } == [own])
        #expect(catalog.feast(named: "Founding-Day") == nil)
    }

    @Test(arguments: [
        "", "13-01", "02-30", "2027-06-12", "6th sunday of may", "0th sunday of may", "last someday of may",
        "last sunday of maybe", "lunar 13-1", "lunar 1-31", "lunar 0-1", "lunar", "easter monday", "orthodox",
        "0 days after easter", "-1 days after easter", "+1 days after easter", "400 days after easter",
        "days before easter",
        "2 days before", "2 days around easter", "springtime", "06-12 00:00",
    ])
    func otherFeastRulesAreRefused(text: String) {
        #expect(FeastRule(text) == nil)
    }

    @Test func feastsOutsideTheTableAreAClearError() throws {
        let error = try #require(throws: LunarRangeError.self) { _ = try FeastRule("lunar 8-15")?.date(ofYear: 2101) }
        #expect(error.description.hasPrefix("lunar year 2101 lies outside the Chinese calendar known here"))
        #expect(throws: LunarRangeError.self) { _ = try FeastRule("qingming")?.date(ofYear: 1899) }
        #expect(try FeastRule("02-29")?.date(ofYear: 2027) == nil)
        var count = 0
        FeastRule("lunar 8-15")?.forEach(in: try Oracle.date("2090-01-01")..<Oracle.date("2200-01-01")) { _, _ in
            count += 1
        }
        #expect(count == 11)
    }

    @Test func theLabaFeastBelongsToItsLunarYear() throws {
        // Lunar 2026 ends in 2027, so that a Gregorian year can hold two laba feasts, or none.
        var found: [String] = []
        FeastRule("lunar 12-8")?.forEach(in: try Oracle.date("2025-01-01")..<Oracle.date("2028-01-01")) {
            found.append("\($1): \($0)")
        }
        #expect(found == ["2024: 2025-01-07", "2025: 2026-01-26", "2026: 2027-01-15"])
    }
}
