import Foundation
import RegardsCalendar
import RegardsTestSupport
import Testing

/// Values that tests draw at random, from the stretch of time in which the product works.
extension SeededGenerator {
    static let zoneNames = [
        "UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
        "Asia/Kathmandu",
        "Australia/Lord_Howe", "Africa/Cairo", "Antarctica/Troll", "Pacific/Apia", "Pacific/Chatham", "Asia/Tehran",
        "Africa/Casablanca",
    ]

    mutating func zone() throws -> Zone { try Oracle.zone(pick(Self.zoneNames)) }
    /// From 1995 to 2100.
    mutating func instant() -> Instant {
        Instant(microseconds: Int64.random(in: 788_918_400_000_000...4_102_444_800_000_000, using: &self))
    }
    mutating func date() -> CivilDate { CivilDate(dayNumber: Int32.random(in: 9131...47_482, using: &self)) }
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func chance(_ oneIn: Int) -> Bool { number(1...oneIn) == 1 }

    /// A calendar expression that is always valid.
    mutating func expression() -> String {
        var parts: [String] = []
        if chance(3) { parts.append(pick(["Mon", "tue,Thu", "Mon..Fri", "Sat,Sun", "wednesday..SUNDAY"])) }
        if !chance(4) {
            let day = chance(3) ? "~" + list(1...20, 8) : "-" + list(1...28, 3)
            parts.append(pick(["*", "*", "*", "2026..2060", "26/3"]) + "-" + list(1...12, 1) + day)
        }
        if parts.isEmpty || !chance(4) {
            parts.append(
                list(0...23, 1) + ":" + list(0...59, 1)
                    + (chance(3) ? ":" + pick(["*", "0/30", "5,10", "0.5", "1.25/2.5"]) : ""))
        }
        if chance(4) { parts.append(pick(Self.zoneNames)) }
        return parts.joined(separator: " ")
    }

    private mutating func list(_ range: ClosedRange<Int>, _ steps: Int) -> String {
        if chance(3) { return "*" }
        return (1...number(1...3)).map { _ in
            let start = number(range)
            if chance(3), start < range.upperBound {
                return "\(start)..\(number(start + 1...range.upperBound))" + (chance(2) ? "/\(number(1...7))" : "")
            }
            return chance(5) && start > steps && start + steps < range.upperBound ? "\(start)/\(steps)" : "\(start)"
        }.joined(separator: ",")
    }
}

@Suite struct PropertyTests {
    @Test func occurrencesAscendAndNormalFormsReadBack() throws {
        var random = SeededGenerator()
        for _ in 0..<2000 {
            let text = random.expression()
            let expression = try OnCalendar(text, zones: Oracle.zones)
            let again = try OnCalendar(expression.description, zones: Oracle.zones)
            #expect(again.description == expression.description, "\(text)")
            let zone = try random.zone()
            var instant = random.instant()
            for _ in 0..<5 {
                let next = expression.next(after: instant, in: zone)
                #expect(again.next(after: instant, in: zone) == next)
                guard let next else { break }
                #expect(next > instant, "\(text) in \(zone.name) after \(instant)")
                let local = (expression.zone ?? zone).local(at: next)
                #expect(expression.matches(local.date), "\(text) at \(local)")
                // Nothing lies in between: a later start finds the same one.
                let between = Instant(
                    microseconds: Int64.random(in: instant.microseconds..<next.microseconds, using: &random))
                #expect(expression.next(after: between, in: zone) == next, "\(text) in \(zone.name) after \(between)")
                instant = next
            }
        }
    }

    @Test func nextAgreesWithLookingAtEveryMinute() throws {
        var random = SeededGenerator()
        for _ in 0..<60 {
            let hours = Set((0...random.number(0...5)).map { _ in random.number(0...23) }).sorted()
            let minute = random.number(0...59)
            let days = Set((0...random.number(0...9)).map { _ in random.number(1...28) }).sorted()
            let text =
                "*-*-\(days.map(String.init).joined(separator: ",")) \(hours.map(String.init).joined(separator: ",")):\(minute)"
            let expression = try OnCalendar(text, zones: Oracle.zones)
            let zone = try random.zone()
            let start = Instant(seconds: floorDivide(random.instant().seconds, 60) * 60)
            let end = start + .days(40)
            var expected: [Instant] = []
            var instant = start + .minutes(1)
            while instant < end {
                let local = zone.local(at: instant)
                if local.time.minute == minute, local.time.second == 0, hours.contains(local.time.hour),
                    days.contains(local.date.day),
                    zone.instant(local.date, local.time) == instant
                {
                    expected.append(instant)
                }
                instant = instant + .minutes(1)
            }
            var found: [Instant] = []
            var last = start
            while let next = expression.next(after: last, in: zone), next < end {
                found.append(next)
                last = next
            }
            #expect(found == expected, "\(text) in \(zone.name) after \(start)")
        }
    }

    @Test func wallAndInstantBelongTogether() throws {
        var random = SeededGenerator()
        for _ in 0..<20_000 {
            let zone = try random.zone()
            let instant = Instant(seconds: random.instant().seconds)
            let local = zone.local(at: instant)
            switch zone.resolve(local.date, local.time) {
            case .unique(let only): #expect(only == instant, "\(zone.name) \(instant)")
            case .overlap(let first, let second):
                #expect(first == instant || second == instant, "\(zone.name) \(instant)")
            case .gap: Issue.record("\(zone.name) \(instant) is in a gap")
            }
            let start = zone.startOfDay(local.date)
            #expect(start <= instant)
            #expect(zone.local(at: start).date == local.date)
            #expect(zone.local(at: start - .seconds(1)).date < local.date)
            #expect(Instant(instant.description) == instant)
        }
    }

    @Test func touchingWindowsNeitherMissNorRepeatAnAnniversary() throws {
        var random = SeededGenerator()
        for _ in 0..<2000 {
            let born = random.date()
            let solar = BirthDate(born)
            let lunar = try LunarBirthDate(born)
            let rule = Anniversary(
                every: random.chance(3) ? .month : .year, feb29: random.pick(Feb29.allCases),
                leapMonth: random.pick(LeapMonth.allCases),
                day30: random.pick(Day30.allCases), daysAfter: random.number(-400...400))
            var edges = [try Oracle.date("2000-01-01"), try Oracle.date("2060-01-01")]
            for _ in 0..<20 { edges.append(edges[0] + random.number(1...21_900)) }
            edges.sort()
            var (whole, parts): ([AnniversaryDate], [AnniversaryDate]) = ([], [])
            rule.forEach(of: solar, in: edges[0]..<edges[edges.count - 1]) { whole.append($0) }
            for (from, to) in zip(edges, edges.dropFirst()) {
                rule.forEach(of: solar, in: from..<to) { parts.append($0) }
            }
            #expect(whole == parts, "\(solar) \(rule)")
            #expect(Set(whole.map(\.occasion)).count == whole.count)
            #expect(whole.map(\.date) == whole.map(\.date).sorted())

            (whole, parts) = ([], [])
            rule.forEach(of: lunar, in: edges[0]..<edges[edges.count - 1]) { whole.append($0) }
            for (from, to) in zip(edges, edges.dropFirst()) {
                rule.forEach(of: lunar, in: from..<to) { parts.append($0) }
            }
            #expect(whole == parts, "\(lunar) \(rule)")
            #expect(Set(whole.map(\.occasion)).count == whole.count)
        }
    }

    @Test func anniversariesNeverSkipAYear() throws {
        var random = SeededGenerator()
        for _ in 0..<1000 {
            let born = random.date()
            var years: [Int] = []
            let rule = Anniversary(
                feb29: random.pick(Feb29.allCases), leapMonth: random.pick(LeapMonth.allCases),
                day30: random.pick([.last, .next]))
            rule.forEach(of: BirthDate(born), in: born..<(try Oracle.date("2151-01-01"))) { years.append($0.year) }
            #expect(years == Array(born.year + 1...2150))

            let lunar = try LunarBirthDate(born)
            let lunarYear = try #require(lunar.year)
            years = []
            // The first day after the table is still the "next" of a missing 30th.
            rule.forEach(of: lunar, in: born..<LunarDate.lastDate + 2) { years.append($0.year) }
            #expect(Set(years) == Set(lunarYear + 1..<2101), "\(lunar)")
            #expect(years.count == Set(years).count || rule.leapMonth == .both && lunar.isLeap)

            years = []
            Anniversary(day30: .skip).forEach(of: lunar, in: born..<LunarDate.lastDate + 1) { years.append($0.year) }
            #expect(lunar.day == 30 || years.count == 2100 - lunarYear)
            for year in lunarYear + 1..<2101 where !years.contains(year) {
                #expect(LunarDate(year: year, month: lunar.month, day: 30) == nil)
            }
        }
    }

    @Test func touchingWindowsNeitherMissNorRepeatAFeast() throws {
        var random = SeededGenerator()
        for feast in FeastCatalog().all {
            let moved = random.number(-60...60)
            var edges = [try Oracle.date("1990-01-01"), try Oracle.date("2090-01-01")]
            for _ in 0..<200 { edges.append(edges[0] + random.number(1...36_000)) }
            edges.sort()
            var (whole, parts): ([String], [String]) = ([], [])
            feast.rule.forEach(in: edges[0]..<edges[edges.count - 1], daysAfter: moved) { whole.append("\($1) \($0)") }
            for (from, to) in zip(edges, edges.dropFirst()) {
                feast.rule.forEach(in: from..<to, daysAfter: moved) { parts.append("\($1) \($0)") }
            }
            #expect(whole == parts, "\(feast.name)")
            #expect((99...101).contains(whole.count), "\(feast.name): \(whole.count)")
        }
    }

    @Test func openTimeAddsUp() throws {
        var random = SeededGenerator()
        for _ in 0..<500 {
            let zone = try random.zone()
            var intervals: [Weekday: [WeeklyHours.Interval]] = [:]
            for day in Weekday.allCases where !random.chance(3) {
                intervals[day] = (0..<random.number(1...3)).compactMap { _ in
                    WeeklyHours.Interval(start: random.number(0...1439) * 60, end: random.number(1...1440) * 60)
                }
            }
            let hours = WeeklyHours(intervals, closed: Set((0..<5).map { _ in random.date() }))
            let start = random.instant()
            guard !hours.isNeverOpen else {
                #expect(hours.deadline(from: start, after: .minutes(1), in: zone) == nil)
                continue
            }
            let amount = TimeSpan.minutes(Int64(random.number(1...20_000)))
            let deadline = try #require(hours.deadline(from: start, after: amount, in: zone))
            #expect(hours.openTime(from: start, to: deadline, in: zone) == amount)
            #expect(hours.instant(before: deadline, by: amount, in: zone) == hours.nextOpening(from: start, in: zone))
            let middle = Instant(
                microseconds: Int64.random(in: start.microseconds...deadline.microseconds, using: &random))
            let parts =
                hours.openTime(from: start, to: middle, in: zone) + hours.openTime(from: middle, to: deadline, in: zone)
            #expect(parts == amount)
            let opening = try #require(hours.nextOpening(from: middle, in: zone))
            #expect(opening >= middle && hours.isOpen(at: opening, in: zone))
            #expect(hours.openTime(from: middle, to: opening, in: zone) == .zero)
        }
    }

    @Test func quietHoursAreNeverBroken() throws {
        var random = SeededGenerator()
        for _ in 0..<1000 {
            let zone = try random.zone()
            let start = try #require(WallTime(secondOfDay: random.number(0...1439) * 60))
            let end = try #require(WallTime(secondOfDay: random.number(0...1439) * 60))
            let days = Set(Weekday.allCases.filter { _ in random.chance(2) })
            guard let quiet = QuietHours(hours: (start, end), days: days) else {
                #expect(start == end || days.isEmpty)
                continue
            }
            let instant = random.instant()
            let allowed = quiet.nextAllowed(from: instant, in: zone)
            #expect(allowed >= instant)
            #expect(!quiet.isQuiet(at: allowed, in: zone))
            #expect((allowed == instant) == !quiet.isQuiet(at: instant, in: zone))
            let local = zone.local(at: allowed)
            #expect(days.contains(local.date.weekday))
            let isInside =
                start < end ? local.time >= start && local.time < end : local.time >= start || local.time < end
            #expect(!isInside)
            if allowed > instant {
                let between = Instant(
                    microseconds: Int64.random(in: instant.microseconds..<allowed.microseconds, using: &random))
                #expect(quiet.isQuiet(at: between, in: zone), "\(between) in \(zone.name)")
            }
        }
    }
}
