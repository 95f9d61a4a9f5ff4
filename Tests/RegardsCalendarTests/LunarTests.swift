import Foundation
import RegardsCalendar
import Testing

@Suite struct LunarTests {
    struct MonthRow: Decodable {
        var year, month, leap, days: Int
        var start: String
        var contested: Int?
    }

    @Test func monthsAgreeWithTheTable() throws {
        try Oracle.check("lunar_months", MonthRow.self, excused: { $0.contested == 1 }) { row in
            let first = LunarDate(year: row.year, month: row.month, isLeap: row.leap == 1, day: 1)
            guard let first, first.date.description == row.start else { return "\(String(describing: first?.date))" }
            let has30 = LunarDate(year: row.year, month: row.month, isLeap: row.leap == 1, day: 30) != nil
            return has30 == (row.days == 30) ? nil : "30 days: \(has30)"
        }
    }

    struct ConversionRow: Decodable {
        var solar: String
        var year, month, leap, day: Int
        var contested: Int?
    }

    @Test func conversionsAgreeWithTheTable() throws {
        try Oracle.check("lunar_conversions", ConversionRow.self, excused: { $0.contested == 1 }) { row in
            let lunar = try LunarDate(Oracle.date(row.solar))
            guard lunar == LunarDate(year: row.year, month: row.month, isLeap: row.leap == 1, day: row.day) else {
                return "\(lunar)"
            }
            return lunar.date.description == row.solar ? nil : "back \(lunar.date)"
        }
    }

    struct TermRow: Decodable {
        var year: Int
        var term, date: String
        var near_midnight: Int?
    }

    @Test func solarTermsAgreeWithTheTable() throws {
        try Oracle.check("solar_terms", TermRow.self, excused: { $0.near_midnight == 1 }) { row in
            let term = try #require(SolarTerm.allCases.first { "\($0)" == row.term })
            let date = try term.date(in: row.year)
            return date.description == row.date ? nil : "\(date)"
        }
    }

    @Test func everyDayConvertsThereAndBack() throws {
        var day = LunarDate.firstDate
        var previous: LunarDate?
        while day <= LunarDate.lastDate {
            let lunar = try LunarDate(day)
            #expect(lunar.date == day)
            #expect(LunarDate(year: lunar.year, month: lunar.month, isLeap: lunar.isLeap, day: lunar.day) == lunar)
            if let previous {
                let isNext = lunar.day == previous.day + 1 && lunar.month == previous.month && lunar.isLeap == previous.isLeap
                #expect(isNext || lunar.day == 1 && previous.day >= 29)
                #expect(lunar.year == previous.year || lunar.month == 1 && lunar.day == 1 && previous.month == 12)
            }
            previous = lunar
            day = day + 1
        }
        #expect(previous?.year == 2100)
    }

    @Test func daysOutsideTheTableAreRefused() throws {
        for text in ["1900-01-30", "2101-01-29", "1850-06-01", "9999-12-31"] {
            let date = try Oracle.date(text)
            let error = try #require(throws: LunarRangeError.self) { _ = try LunarDate(date) }
            #expect(
                error.description
                    == "\(text) lies outside the Chinese calendar known here, 1900-01-31 to 2101-01-28 (lunar years 1900 to 2100)"
            )
        }
        #expect(throws: LunarRangeError.self) { _ = try SolarTerm.qingming.date(in: 2101) }
        #expect(LunarDate(year: 2101, month: 1, day: 1) == nil)
        #expect(LunarDate(year: 2026, month: 6, isLeap: true, day: 1) == nil)
        #expect(LunarDate(year: 2025, month: 6, isLeap: true, day: 1) != nil)
        #expect(LunarDate(year: 2025, month: 13, day: 1) == nil)
        #expect(LunarDate(year: 2025, month: 1, day: 0) == nil)
    }
}
