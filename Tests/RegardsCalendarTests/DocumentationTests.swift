import Foundation
import RegardsCalendar
import Testing

/// Runs the examples of docs/dates.md: each line of a `dates` block is a question, ` = ` and the answer.
@Suite struct DocumentationTests {
    private struct BadExample: Error { var line: String }

    private static func blocks(_ language: String) throws -> [String] {
        let text = try String(contentsOf: Oracle.packageRoot.appending(path: "docs/dates.md"), encoding: .utf8)
        var lines: [String] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInside = line == "```\(language)"
            } else if isInside {
                lines.append(String(line))
            }
        }
        return lines
    }

    @Test func everyExampleHolds() throws {
        let lines = try DocumentationTests.blocks("dates")
        #expect(lines.count > 80)
        for line in lines {
            let parts = line.components(separatedBy: " = ")
            try #require(parts.count == 2, "\(line)")
            #expect(try DocumentationTests.answer(parts[0]) == parts[1], "\(line)")
        }
        print("docs/dates.md: \(lines.count) examples")
    }

    @Test func everyFeastIsListed() throws {
        let names = try DocumentationTests.blocks("feasts").flatMap { $0.split(separator: " ").map(String.init) }
        #expect(names == FeastCatalog().all.map(\.name))
    }

    private static func answer(_ question: String) throws -> String {
        let space = try #require(question.firstIndex(of: " "))
        let verb = question[..<space]
        let rest = String(question[question.index(after: space)...])
        switch verb {
        case "wall", "midnight": return try wall(rest, isMidnight: verb == "midnight")
        case "span": return try span(rest)
        case "birthday", "occasion": return try birthday(rest, isOccasion: verb == "occasion")
        case "monthly", "occasion-monthly": return try monthly(rest, isOccasion: verb == "occasion-monthly")
        case "lunar": return try lunar(rest)
        case "lunar-birthday", "lunar-occasion": return try lunarBirthday(rest, isOccasion: verb == "lunar-occasion")
        case "feast", "feast-rule": return try feast(rest, isRule: verb == "feast-rule")
        case "country": return FeastCatalog().feasts(country: rest).map(\.name).joined(separator: " ")
        case "normal": return try OnCalendar(rest, zones: Oracle.zones).description
        case "refused": return refusal(rest)
        case "next": return try next(rest)
        case "deadline", "opening": return try hours(rest)
        case "quiet": return try quiet(rest)
        default: throw BadExample(line: question)
        }
    }

    private static func instant(_ text: Substring) throws -> Instant { try #require(Instant(text), "\(text)") }

    private static func range(_ from: Substring, _ to: Substring) throws -> Range<CivilDate> {
        try Oracle.date(String(from))..<Oracle.date(String(to))
    }

    private static func wall(_ text: String, isMidnight: Bool) throws -> String {
        if isMidnight {
            let match = try #require(try /(\S+) in (\S+)/.wholeMatch(in: text))
            return try Oracle.zone(String(match.2)).startOfDay(Oracle.date(String(match.1))).description
        }
        let match = try #require(try /(\S+) (\S+) in (\S+)/.wholeMatch(in: text))
        let zone = try Oracle.zone(String(match.3))
        return zone.instant(try Oracle.date(String(match.1)), try Oracle.time(String(match.2))).description
    }

    private static func span(_ text: String) throws -> String {
        let match = try #require(try /(.+) after (\S+) in (\S+)/.wholeMatch(in: text))
        let span = try #require(CalendarSpan.parse(match.1))
        return span.added(to: try instant(match.2), in: try Oracle.zone(String(match.3))).description
    }

    private static func birthday(_ text: String, isOccasion: Bool) throws -> String {
        let match = try #require(try /(\S+) (\S+)( -(\d+)d)? from (\S+) to (\S+)/.wholeMatch(in: text))
        let birth = try #require(BirthDate(String(match.1)))
        let days = match.4.flatMap { Int($0) } ?? 0
        let rule = Anniversary(feb29: try #require(Feb29(rawValue: String(match.2))), daysAfter: -days)
        var found: [String] = []
        rule.forEach(of: birth, in: try range(match.5, match.6)) {
            found.append(isOccasion ? $0.occasion : $0.date.description)
        }
        return found.joined(separator: " ")
    }

    private static func monthly(_ text: String, isOccasion: Bool) throws -> String {
        let match = try #require(try /(\S+) from (\S+) to (\S+)/.wholeMatch(in: text))
        let birth = try #require(BirthDate(String(match.1)))
        var found: [String] = []
        Anniversary(every: .month).forEach(of: birth, in: try range(match.2, match.3)) {
            found.append(isOccasion ? $0.occasion : $0.date.description)
        }
        return found.joined(separator: " ")
    }

    private static func lunar(_ text: String) throws -> String {
        do {
            return try LunarDate(Oracle.date(text)).description
        } catch let error as LunarRangeError {
            return error.description
        }
    }

    private static func lunarBirthday(_ text: String, isOccasion: Bool) throws -> String {
        let match = try #require(try /(\S+) (\S+) (\S+) from (\S+) to (\S+)/.wholeMatch(in: text))
        let rule = Anniversary(
            leapMonth: try #require(LeapMonth(rawValue: String(match.2))),
            day30: try #require(Day30(rawValue: String(match.3))))
        var found: [String] = []
        rule.forEach(of: try LunarBirthDate(Oracle.date(String(match.1))), in: try range(match.4, match.5)) {
            found.append(isOccasion ? $0.occasion : $0.date.description)
        }
        return found.joined(separator: " ")
    }

    private static func feast(_ text: String, isRule: Bool) throws -> String {
        let match = try #require(try /(.+) (\d+)/.wholeMatch(in: text))
        let rule = try #require(
            isRule ? FeastRule(match.1) : FeastCatalog().feast(named: String(match.1))?.rule, "\(text)")
        return try rule.date(ofYear: try #require(Int(match.2)))?.description ?? "none"
    }

    private static func refusal(_ text: String) -> String {
        do {
            return "accepted as \(try OnCalendar(text, zones: Oracle.zones))"
        } catch {
            return "\(error)"
        }
    }

    private static func next(_ text: String) throws -> String {
        let match = try #require(try /(.+) after (\S+) in (\S+)/.wholeMatch(in: text))
        let expression = try OnCalendar(String(match.1), zones: Oracle.zones)
        return expression.next(after: try instant(match.2), in: try Oracle.zone(String(match.3)))?.description
            ?? "never"
    }

    private static func hours(_ text: String) throws -> String {
        let match = try #require(try /(\S+) (\S+-\S+)( (\S+))? (after|before) (\S+) in (\S+)/.wholeMatch(in: text))
        let days = try #require(Weekday.set(match.1))
        let interval = try #require(WeeklyHours.Interval(match.2))
        let hours = WeeklyHours(Dictionary(uniqueKeysWithValues: days.map { ($0, [interval]) }))
        let (start, zone) = (try instant(match.6), try Oracle.zone(String(match.7)))
        guard let spelled = match.4 else { return hours.nextOpening(from: start, in: zone)?.description ?? "never" }
        let amount = try #require(CalendarSpan.parse(spelled)?.fixed)
        let answer =
            match.5 == "after"
            ? hours.deadline(from: start, after: amount, in: zone) : hours.instant(before: start, by: amount, in: zone)
        return answer?.description ?? "never"
    }

    private static func quiet(_ text: String) throws -> String {
        let match = try #require(try /(\S+)-(\S+) at (\S+) in (\S+)/.wholeMatch(in: text))
        let quiet = try #require(
            QuietHours(hours: (try Oracle.time(String(match.1)), try Oracle.time(String(match.2)))))
        return quiet.nextAllowed(from: try instant(match.3), in: try Oracle.zone(String(match.4))).description
    }
}
