import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// What regards.yaml says of segments, limits, absences, guards and lists arrives in its values.
@Suite struct HouseLimitsTests {
    private static func house(_ more: String, rules: String? = nil, sourceLocation: SourceLocation = #_sourceLocation) throws -> RuleBook {
        let text = """
            business: {name: The Corner Shop, email: hello@shop.example, time_zone: Europe/Berlin}
            customers: {database: "sqlite:shop.sqlite", query: SELECT * FROM customers}
            rules: {hello: \(rules ?? "{purpose: care, when: {schedule: daily, at: 09:00}, send: hello}")}
            \(more)
            """
        let result = Shop.load(["regards.yaml": text])
        #expect(Shop.lines(result) == [], sourceLocation: sourceLocation)
        return try #require(result.configuration?.ruleBook, sourceLocation: sourceLocation)
    }

    @Test func withoutAWordThereAreNoLimits() throws {
        let book = try HouseLimitsTests.house("")
        #expect(book.segments.isEmpty)
        #expect(book.house.limits.budgets.isEmpty)
        #expect(book.house.limits.quiet.hours == nil)
        #expect(book.house.limits.quiet.silent.isEmpty)
        #expect(book.house.limits.sameAddress == .each)
        #expect(book.house.guards == Guards(newRule: 50, day: 3))
        #expect(book.house.absences.isEmpty)
        #expect(book.house.lists.mailAt == WallTime(hour: 7, minute: 30))
        #expect(book.house.lists.doneWhen.isEmpty)
    }

    @Test func segmentsKeepTheirOrder() throws {
        // Rules stand above the segments they name.
        let book = try HouseLimitsTests.house(
            """
            segments:
              gold: {top: 20%, by: total_spent}
              best: {top: 100, by: margin}
              recency: {classes: 5, by: last_order_at}
              regulars: {where: [order_count >= 5, segment is not gold, class recency > 3]}
            """, rules: "{purpose: care, when: {becomes: regulars}, send: hello}")
        #expect(book.segments.map(\.name) == ["gold", "best", "recency", "regulars"])
        #expect(book.segments.map(\.isRanked) == [true, true, true, false])
        #expect(book.segments[0].place == Place(file: "regards.yaml", line: 5, column: 3))
        guard case .top(.part(0.2), by: let spent) = book.segments[0].definition, case .top(.count(100), by: let margin) = book.segments[1].definition,
            case .classes(5, by: let last) = book.segments[2].definition, case .matching(let condition) = book.segments[3].definition
        else { return #expect(Bool(false), "\(book.segments)") }
        #expect([spent, margin, last].map { book.customers.columns.names[$0] } == ["total_spent", "margin", "last_order_at"])
        #expect([spent, margin, last].allSatisfy { book.customers.columns.places[$0]?.file == "regards.yaml" })
        #expect(condition.tests.map(\.operand) == [.customer(slot: CustomerColumn.orderCount.rawValue), .segment(0), .rank(2)])
        guard case .segment(let trigger)? = book.rules.first?.trigger else { return #expect(Bool(false)) }
        #expect(trigger.segment == 3)
    }

    @Test func limits() throws {
        let limits = try HouseLimitsTests.house(
            """
            limits:
              budgets: {overall: 4 per 30d, marketing: [1 per 7d, 2 per 30d]}
              quiet: {hours: 21:00-08:00, days: [sun, fri-sat]}
              same_address: once
            """).house.limits
        #expect(
            limits.budgets == [
                Budget(atMost: 4, per: .days(30)), Budget(purpose: .marketing, atMost: 1, per: .days(7)),
                Budget(purpose: .marketing, atMost: 2, per: .days(30)),
            ])
        #expect(limits.sameAddress == .once)
        let evening = (start: WallTime(hour: 21, minute: 0)!, end: WallTime(hour: 8, minute: 0)!)
        #expect(limits.quiet.hours == QuietHours(hours: evening, days: [.monday, .tuesday, .wednesday, .thursday]))
        #expect(limits.longestWindow == .days(30))
    }

    @Test(arguments: [
        ("{hours: 22:00-24:00}", (start: WallTime(hour: 22, minute: 0)!, end: WallTime.midnight), Set(Weekday.allCases)),
        ("{hours: 12:00-14:00}", (start: WallTime(hour: 12, minute: 0)!, end: WallTime(hour: 14, minute: 0)!), Set(Weekday.allCases)),
        ("{days: sun}", nil, Set(Weekday.allCases).subtracting([.sunday])),
    ])
    func quietTimes(text: String, hours: (start: WallTime, end: WallTime)?, days: Set<Weekday>) throws {
        let quiet = try HouseLimitsTests.house("limits: {quiet: \(text)}").house.limits.quiet
        #expect(quiet.hours == QuietHours(hours: hours, days: days))
    }

    @Test func silentDays() throws {
        let silent = try HouseLimitsTests.house(
            """
            feasts: {remembrance: 11-19}
            silent:
            - {feast: [qingming, remembrance], countries: [China, tw]}
            - {on: 2027-05-12}
            """).house.limits.quiet.silent
        #expect(silent.map(\.countries) == [["CN", "TW"], ["CN", "TW"], []])
        guard case .feast(let first) = silent[0].day, case .feast(let second) = silent[1].day, case .on(let third) = silent[2].day else {
            return #expect(Bool(false))
        }
        #expect([first.name, second.name] == ["qingming", "remembrance"])
        #expect(third == CivilDate("2027-05-12"))
    }

    @Test func absences() throws {
        let house = try HouseLimitsTests.house(
            """
            people:
              advisor: {column: advisor_email, phone_column: advisor_phone, else: manager}
              absent:
              - {email: eva@shop.example, from: 2027-05-01, to: 2027-05-14, substitute: manager}
              - {email: ben@shop.example, from: 2027-05-01, to: 2027-05-01, substitute: {name: Eva, email: eva@shop.example, phone: 1 2}}
              - {email: maria@shop.example, from: 2027-05-01, to: 2027-05-02}
              manager: {name: Maria, email: maria@shop.example}
            """).house
        let (from, to) = (CivilDate("2027-05-01")!, CivilDate("2027-05-14")!)
        #expect(
            house.absences == [
                Absence(
                    address: try Address("eva@shop.example"), from: from, to: to,
                    substitute: Contact(name: "Maria", address: try Address("maria@shop.example"))),
                Absence(
                    address: try Address("ben@shop.example"), from: from, to: from,
                    substitute: Contact(name: "Eva", address: try Address("eva@shop.example"), phone: "1 2")),
                Absence(address: try Address("maria@shop.example"), from: from, to: from + 1),
            ])
        #expect(house.people.keys.map(\.name).sorted() == ["advisor", "manager"])
        guard case .column(_, nil, let phone?)? = house.people[Role("advisor")]?.source else { return #expect(Bool(false)) }
        #expect(phone >= CustomerColumn.allCases.count)
    }

    @Test(arguments: [
        ("{new_rule: 200, day: 5 x planned}", Guards(newRule: 200, day: 5)), ("{new_rule: off}", Guards(newRule: nil, day: 3)),
        ("{day: off}", Guards(newRule: 50, day: nil)), ("{day: 1.5 x planned}", Guards(newRule: 50, day: 1.5)),
    ])
    func guards(text: String, expected: Guards) throws {
        #expect(try HouseLimitsTests.house("guard: \(text)").house.guards == expected)
    }

    @Test func lists() throws {
        let book = try HouseLimitsTests.house(
            """
            people: {manager: {name: Maria, email: maria@shop.example}}
            lists: {mail_at: 06:45, days: mon-fri, card: morning, done_when: {calls: [called_at within 14d]}}
            """, rules: "{purpose: care, when: {schedule: daily, at: 09:00}, list: calls, for: manager}")
        let lists = book.house.lists
        #expect(lists.mailAt == WallTime(hour: 6, minute: 45))
        #expect(lists.days == [.monday, .tuesday, .wednesday, .thursday, .friday])
        #expect(lists.card == CardPattern("morning"))
        #expect(lists.doneWhen["calls"]?.tests.map(\.operand) == [.customer(slot: try #require(book.customers.columns.slot("called_at")))])
    }
}
