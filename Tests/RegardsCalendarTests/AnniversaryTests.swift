import Foundation
import RegardsCalendar
import Testing

@Suite struct AnniversaryTests {
    struct Row: Decodable {
        var kind, born: String
        var feb29: String?
        var lunar: [Int]?
        var leap_policy, day30_policy: String?
        var dates: [String]
    }

    @Test func birthdaysAgreeWithTheTable() throws {
        try Oracle.check("birthdays", Row.self) { row in
            guard row.kind == "solar" else { return try AnniversaryTests.checkLunar(row) }
            let birth = try #require(BirthDate(row.born))
            let feb29: Feb29 = row.feb29 == "mar1" ? .mar1 : .feb28
            var dates: [String] = []
            Anniversary(feb29: feb29).forEach(of: birth, in: try Oracle.date("2020-01-01")..<Oracle.date("2041-01-01"))
            {
                dates.append($0.date.description)
            }
            return dates == row.dates ? nil : "\(dates)"
        }
    }

    private static func checkLunar(_ row: Row) throws -> String? {
        let birth = try LunarBirthDate(Oracle.date(row.born))
        let lunar = try #require(row.lunar)
        guard birth == LunarBirthDate(year: lunar[0], month: lunar[1], isLeap: lunar[2] == 1, day: lunar[3]) else {
            return "\(birth)"
        }
        let rule = Anniversary(
            leapMonth: row.leap_policy.flatMap(LeapMonth.init) ?? .regular,
            day30: row.day30_policy.flatMap(Day30.init) ?? .last)
        var dates: [String] = []
        let range = try Oracle.date("2019-12-01")..<Oracle.date("2041-12-01")
        rule.forEach(of: birth, in: range) { occasion in
            if (2020...2040).contains(occasion.year) { dates.append(occasion.date.description) }
        }
        return dates == row.dates ? nil : "\(dates)"
    }
}
