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
            guard row.kind == "solar" else { return nil }
            let birth = try #require(BirthDate(row.born))
            let feb29: Feb29 = row.feb29 == "mar1" ? .mar1 : .feb28
            var dates: [String] = []
            Anniversary(feb29: feb29).forEach(of: birth, in: try Oracle.date("2020-01-01")..<Oracle.date("2041-01-01")) {
                dates.append($0.date.description)
            }
            return dates == row.dates ? nil : "\(dates)"
        }
    }
}
