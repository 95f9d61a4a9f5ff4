import Foundation
import RegardsCalendar
import RegardsTestSupport
import Testing

/// Every parser is given a fixed corpus and a bounded number of random mutations of it. None may
/// crash, and what it accepts must read back from its own description.
@Suite struct FuzzTests {
    private static let rounds = 20_000

    private static func corpus() throws -> [String] {
        let text = try String(contentsOf: Oracle.fixtures.appending(path: "fuzz.txt"), encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func fuzz(_ test: String = #function, _ check: (String) -> Bool) throws {
        let corpus = try corpus()
        #expect(corpus.count > 100)
        var random = SeededGenerator(test)
        var accepted = corpus.filter(check).count
        for _ in 0..<rounds where check(mutate(random.pick(corpus), corpus, &random)) { accepted += 1 }
        print("\(test): \(accepted) of \(corpus.count + rounds) accepted")
        #expect(accepted > 0)
        #expect(accepted < corpus.count + rounds)
    }

    private static func mutate(_ text: String, _ corpus: [String], _ random: inout SeededGenerator) -> String {
        var bytes = Array(text.utf8)
        for _ in 0..<random.number(0...4) {
            let place = random.number(0...bytes.count)
            switch random.number(0...5) {
            case 0 where place < bytes.count: bytes.remove(at: place)
            case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 2: bytes.insert(random.pick(Array("0123456789-*~:/.,@ +".utf8)), at: place)
            case 3 where place < bytes.count: bytes[place] = random.pick(Array("0123456789-*~:/.,TZ".utf8))
            case 4: bytes.insert(contentsOf: random.pick(corpus).utf8.prefix(12), at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func calendarExpressions() throws {
        try FuzzTests.fuzz { text in
            do {
                let expression = try OnCalendar(text, zones: Oracle.zones)
                let again = try? OnCalendar(expression.description, zones: Oracle.zones)
                #expect(again?.description == expression.description, "\(text)")
                let start = Instant(seconds: 1_800_000_000)
                if let next = expression.next(after: start, in: .utc) { #expect(next > start, "\(text)") }
                return true
            } catch let error as OnCalendarError {
                #expect(error.offset >= 0 && error.offset <= text.count && !error.message.isEmpty, "\(text)")
                return false
            } catch {
                Issue.record("\(error)")
                return false
            }
        }
    }

    @Test func spans() throws {
        try FuzzTests.fuzz { text in
            guard let span = CalendarSpan.parse(text) else { return false }
            #expect(CalendarSpan.parse(span.description) == span, "\(text)")
            let instant = Instant(seconds: 1_800_000_000)
            #expect(span.added(to: instant, in: .utc) >= instant)
            return true
        }
    }

    @Test func birthDates() throws {
        try FuzzTests.fuzz { text in
            guard let birth = BirthDate(text) else { return false }
            #expect(BirthDate(birth.description) == birth, "\(text)")
            return true
        }
    }

    @Test func instants() throws {
        try FuzzTests.fuzz { text in
            guard let instant = Instant(text, in: .utc) else { return false }
            #expect(Instant(instant.description) == instant || instant.description.hasPrefix("-"), "\(text)")
            return true
        }
    }

    @Test func datesAndTimes() throws {
        try FuzzTests.fuzz { text in
            let date = CivilDate(text)
            if let date { #expect(date.description == text) }
            let time = WallTime(text)
            if let time { #expect(WallTime(time.description) == time, "\(text)") }
            return date != nil || time != nil
        }
    }

    @Test func feastRules() throws {
        try FuzzTests.fuzz { text in
            guard let rule = FeastRule(text) else { return false }
            #expect(FeastRule(rule.description) == rule, "\(text)")
            _ = try? rule.date(ofYear: 2027)
            return true
        }
    }

    @Test func openingHours() throws {
        try FuzzTests.fuzz { text in
            let days = Weekday.set(text)
            if let days { #expect(!days.isEmpty, "\(text)") }
            return days != nil || WeeklyHours.Interval(text) != nil
        }
    }

    @Test func zoneNames() throws {
        // Its own catalogue: the names it remembers are of no use to other tests.
        let zones = ZoneCatalog()
        try FuzzTests.fuzz { text in
            guard let zone = zones.zone(named: text) else { return false }
            #expect(zone.name == text)
            return true
        }
    }
}
