import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// What rules say of time, of several customers and of other rules arrives in the values that planning works with.
@Suite struct LanguageTests {
    private static func book(_ rules: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> RuleBook {
        let result = Shop.load(rules: rules)
        #expect(Shop.lines(result) == [], sourceLocation: sourceLocation)
        return try #require(result.configuration?.ruleBook, sourceLocation: sourceLocation)
    }

    private static func day(_ text: String) -> CivilDate { CivilDate(text)! }
    private static let ten = WallTime(hour: 10, minute: 0)!

    // MARK: Triggers

    @Test func datesOfCustomers() throws {
        let book = try LanguageTests.book(
            "a: {purpose: care, when: {date: lease_ends_at, days_before: [60, 14], at: 10:00, spread: 90min}, send: x}")
        guard case .date(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        #expect(book.customers.columns.names[trigger.column] == "lease_ends_at")
        #expect(book.customers.columns.places[trigger.column]?.line == 1)
        #expect(trigger.dayOffsets == [-60, -14])
        #expect(trigger.at == LanguageTests.ten)
        #expect(book.rules.last?.spread == .minutes(90))
    }

    @Test(arguments: [(", days_before: 1", -1), (", days_after: 2", 2), ("", 0)])
    func datesOfEvents(keys: String, offset: Int) throws {
        let book = try LanguageTests.book(
            "a: {purpose: care, when: {date: visit.visit_at, at: 10:00\(keys)}, ends_when: visit.cancelled_at is present, send: x}")
        guard case .event(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        let kind = book.eventKinds[trigger.kind]
        #expect(kind.name == "visit")
        #expect(trigger.start == .day(column: try #require(kind.columns.slot("visit_at")), offset: offset, at: LanguageTests.ten))
        #expect(trigger.endsWhen?.tests.count == 1)
    }

    @Test func oneDay() throws {
        let rule = try Shop.rule("a: {purpose: marketing, when: {on: 2027-06-12, days_before: [14, 1], days_after: 0, at: 10:00}, send: x}")
        guard case .on(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(trigger.day == LanguageTests.day("2027-06-12"))
        #expect(trigger.dayOffsets == [-14, -1, 0])
    }

    @Test(arguments: [
        ("", Delay.none), (", after: 6h", Delay(after: CalendarSpan(seconds: 21_600))),
        (", after: 3d, at: 10:00", Delay(after: CalendarSpan(days: 3), at: ten)),
        (", after: 1 month", Delay(after: CalendarSpan(months: 1))), (", at: 10:00", Delay(at: ten)),
    ])
    func eventsWithDelay(keys: String, expected: Delay) throws {
        let rule = try Shop.rule("a: {purpose: care, when: {event: order\(keys)}, send: x}")
        guard case .event(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(trigger.start == .event(expected))
    }

    @Test func fixedPauses() throws {
        let book = try LanguageTests.book(
            "a: {purpose: marketing, when: {idle: last_order_at, for: 6 months, every: 90d, at_most: 3, at: 08:30}, send: x}")
        guard case .idle(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        #expect(trigger.column == CustomerColumn.lastOrderAt.rawValue)
        #expect(trigger.length == .fixed(CalendarSpan(months: 6)))
        #expect(trigger.every == CalendarSpan(days: 90))
        #expect(trigger.atMost == 3)
        #expect(trigger.at == WallTime(hour: 8, minute: 30))
        #expect(book.customers.columns.isUsed[trigger.column])
    }

    @Test(arguments: ["3 x usual", "3x usual", "3.0 × usual"])
    func usualPauses(text: String) throws {
        let book = try LanguageTests.book("a: {purpose: marketing, when: {idle: last_visit, for: \(text)}, send: x}")
        guard case .idle(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        let columns = book.customers.columns
        let rhythm = IdleTrigger.Rhythm.average(
            since: CustomerColumn.customerSince.rawValue, count: CustomerColumn.orderCount.rawValue)
        #expect(trigger.length == .usual(times: 3, rhythm, floor: 30))
        #expect(trigger.every == nil)
        #expect(trigger.at == LanguageTests.ten)
        #expect(columns.isUsed[CustomerColumn.customerSince.rawValue])
        #expect(columns.places[CustomerColumn.orderCount.rawValue] != nil)
    }

    @Test func usualPausesOfAColumn() throws {
        let book = try LanguageTests.book(
            "a: {purpose: care, when: {idle: last_visit, for: 1.5 x usual, usual: pause_days, at_least: 2 weeks}, send: x}")
        guard case .idle(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        let column = try #require(book.customers.columns.slot("pause_days"))
        #expect(trigger.length == .usual(times: 1.5, .column(column), floor: 14))
    }

    @Test(arguments: [
        ("becomes: gold", SegmentTrigger.Change.becomes, Delay(at: ten)),
        ("becomes: gold, after: 3d", .becomes, Delay(after: CalendarSpan(days: 3), at: ten)),
        ("leaves: gold, after: 6h", .leaves, Delay(after: CalendarSpan(seconds: 21_600))),
        ("leaves: gold, at: 10:00", .leaves, Delay(at: ten)),
    ])
    func segments(when: String, change: SegmentTrigger.Change, delay: Delay) throws {
        let rule = try Shop.rule("a: {purpose: greeting, when: {\(when)}, send: x}")
        guard case .segment(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(trigger.segment == 0)
        #expect(trigger.change == change)
        #expect(trigger.delay == delay)
    }

    // MARK: Keys with a default

    @Test(arguments: Purpose.allCases)
    func defaultsFollowThePurpose(purpose: Purpose) throws {
        let rule = try Shop.rule("a: {purpose: \(purpose), when: {schedule: daily, at: 07:00}, send: x}")
        #expect(rule.priority == [.care: 90, .greeting: 60, .survey: 40, .marketing: 20][purpose])
        #expect(rule.budget == BudgetPart(counts: purpose != .care, obeys: purpose != .care))
        #expect(rule.obeysQuiet == (purpose != .care))
        #expect(rule.sameAddress == nil)
        #expect(rule.active == nil)
        #expect(rule.isEnabled)
        #expect(rule.spread == nil)
        #expect(rule.sample == nil)
        #expect(rule.unreachable == nil)
        #expect(rule.belated == nil)
        #expect(rule.insteadOf == [])
    }

    @Test func everyKeyWithADefaultArrives() throws {
        let rule = try Shop.rule(
            """
            monthly: {purpose: greeting, when: {schedule: monthly, at: 10:00}, send: x}
            a:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              send: birthday
              if_late: {grace: 10h, then: {card: belated, within: 3d}}
              unreachable: {list: calls, for: advisor, why: Call them.}
              priority: 75
              instead_of: [monthly, house-rule]
              budget: {obeys: no}
              quiet: ignore
              same_address: once
              sample: 12.5%
              active: {from: 2027-04-01, to: 2027-09-30}
              enabled: no
            """)
        #expect(rule.lateness == .grace(.hours(10)))
        #expect(rule.belated == Belated(card: CardPattern("belated"), within: .days(3)))
        #expect(rule.unreachable == ListTarget(name: "calls", role: Role("advisor"), why: "Call them."))
        #expect(rule.priority == 75)
        #expect(rule.insteadOf == ["monthly", "house-rule"])
        #expect(rule.budget == BudgetPart(counts: true, obeys: false))
        #expect(!rule.obeysQuiet)
        #expect(rule.sameAddress == .once)
        #expect(rule.sample == 0.125)
        #expect(rule.active == ActivePeriod(from: LanguageTests.day("2027-04-01"), to: LanguageTests.day("2027-09-30")))
        #expect(!rule.isEnabled)
    }

    @Test func aBelatedCardAloneWaitsForMidnight() throws {
        let rule = try Shop.rule(
            "a: {purpose: care, when: {anniversary: birthday, at: 09:00}, send: x, if_late: {then: {card: late, within: 1d}}, quiet: obey}")
        #expect(rule.lateness == .untilMidnight)
        #expect(rule.belated?.within == .days(1))
        #expect(rule.obeysQuiet)
    }

    @Test(arguments: ["from", "to"])
    func periodsMayBeOpen(key: String) throws {
        let day = LanguageTests.day("2027-04-01")
        let rule = try Shop.rule("a: {purpose: care, when: {schedule: daily, at: 09:00}, send: x, active: {\(key): \(day)}}")
        #expect(rule.active == ActivePeriod(from: key == "from" ? day : nil, to: key == "to" ? day : nil))
    }

    // MARK: What is done

    @Test(arguments: [
        ("{card: x}", CardPattern("x")) as (String, CardPattern), ("{card: \"m/{month}\", no_repeat: 12 occasions}", CardPattern("m/{month}", noRepeat: 11)),
        ("{cards: [a, b]}", CardPattern("a", others: ["b"], noRepeat: 1)),
        ("{cards: [a, b, c], no_repeat: 3 occasions}", CardPattern("a", others: ["b", "c"], noRepeat: 2)),
    ])
    func series(text: String, expected: CardPattern) throws {
        let rule = try Shop.rule("a: {purpose: greeting, when: {schedule: monthly, at: 09:00}, send: \(text)}")
        #expect(rule.steps[0].action.card == expected)
    }

    @Test func listsAndWhatTheySay() throws {
        let rule = try Shop.rule(
            """
            a:
              about: After the recall.
              purpose: care
              when: {event: order}
              steps:
              - {list: calls, for: advisor, why: Ask how it went.}
              - {at: 2d after start at 09:00, list: gifts, for: manager}
            """)
        let targets = rule.steps.compactMap { if case .list(let target) = $0.action { target } else { nil } }
        #expect(
            targets == [
                ListTarget(name: "calls", role: Role("advisor"), why: "Ask how it went."), ListTarget(name: "gifts", role: Role("manager")),
            ])
        #expect(rule.steps.map(\.name) == ["list-calls", "list-gifts"])
        #expect(try Shop.rule("a: {purpose: care, when: {event: order}, list: calls, for: advisor}").steps.map(\.name) == ["list-calls"])
    }

    @Test func stepsHaveTimesAndConditions() throws {
        let rule = try Shop.rule(
            """
            a:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              steps:
              - {at: 7d before start at 08:00, tell: advisor, card: soon, where: [segment is gold, total_spent > 10]}
              - {at: start at 10:00, send: birthday}
              - {at: 2d after start, send: late, name: late}
            """)
        #expect(rule.steps.map(\.time) == [.start(-.days(7)), .occasion, .start(.days(2))])
        #expect(rule.steps.map(\.at) == [WallTime(hour: 8, minute: 0), LanguageTests.ten, nil])
        #expect(rule.steps[0].condition.tests.map(\.operand) == [.segment(0), .customer(slot: CustomerColumn.totalSpent.rawValue)])
        #expect(rule.steps[1].condition.tests.isEmpty)
    }

    @Test func clocksOfStepsAboutEvents() throws {
        let book = try LanguageTests.book(
            """
            a:
              purpose: care
              when: {event: complaint}
              promise: {answer_within: 24h}
              steps:
              - {at: 1d before limit at 09:00, send: x, name: a}
              - {at: 6h after complaint.solved_at at 10:00, send: x, name: b}
              - {at: limit at 10:00, send: x, name: c}
            """)
        let steps = try #require(book.rules.last).steps
        let solved = try #require(book.eventKinds[0].columns.slot("solved_at"))
        #expect(steps.map(\.time) == [.limit(-.days(1)), .column(slot: solved, .hours(6)), .limit(.zero)])
        #expect(steps.map(\.at?.hour) == [9, 10, 10])
    }

    @Test func promisesOfSegments() throws {
        let rule = try Shop.rule(
            """
            a:
              purpose: care
              when: {event: complaint}
              promise: {answer_within: {regulars: 12h, gold: 4h, others: 24h}, clock: business}
              tell: advisor
              card: task
            """)
        guard case .event(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(
            trigger.promise
                == Promise(
                    answerWithin: .hours(24),
                    bySegment: [
                        Promise.SegmentLimit(segment: 2, answerWithin: .hours(12)), Promise.SegmentLimit(segment: 0, answerWithin: .hours(4)),
                    ], clock: .business))
    }

    // MARK: Conditions

    @Test(arguments: [
        ("segment is gold", Condition.Operand.segment(0), Condition.Predicate.isPresent), ("segment is not gold", .segment(0), .isAbsent),
        ("class recency >= 4", .rank(1), .compare(.greaterOrEqual, .number(4))),
        ("class recency is 5", .rank(1), .compare(.equal, .number(5))), ("class recency is absent", .rank(1), .isAbsent),
        ("received house-rule within 30d", .received(rule: "house-rule"), .within(CalendarSpan(days: 30))),
        ("received house-rule older than 6 months", .received(rule: "house-rule"), .olderThan(CalendarSpan(months: 6))),
        ("received house-rule is absent", .received(rule: "house-rule"), .isAbsent),
        ("received house-rule is present", .received(rule: "house-rule"), .isPresent),
        ("country is CN", .customer(slot: CustomerColumn.country.rawValue), .country(.equal, code: "CN")),
        ("country is not germany", .customer(slot: CustomerColumn.country.rawValue), .country(.notEqual, code: "DE")),
        ("country = 'United Kingdom'", .customer(slot: CustomerColumn.country.rawValue), .country(.equal, code: "GB")),
        ("country is present", .customer(slot: CustomerColumn.country.rawValue), .isPresent),
    ])
    func sentences(text: String, operand: Condition.Operand, predicate: Condition.Predicate) throws {
        let rule = try Shop.rule("a: {purpose: care, when: {event: order}, send: x, where: \"\(text)\"}")
        let test = try #require(rule.condition.tests.first)
        #expect(test.operand == operand)
        #expect(test.predicate == predicate)
        #expect(test.text == text)
    }

    @Test func countriesOfEvents() throws {
        let book = try LanguageTests.book("a: {purpose: care, when: {event: inquiry}, send: x, where: inquiry.country is Germany}")
        let test = try #require(book.rules.last?.condition.tests.first)
        #expect(test.operand == .event(slot: try #require(book.eventKinds[3].columns.slot("country"))))
        #expect(test.predicate == .country(.equal, code: "DE"))
    }

    /// A rule may be named before it is read, and in another file.
    @Test func rulesNameEachOther() {
        let result = Shop.load([
            "regards.yaml": Shop.house,
            "rules.d/1.yaml": "a: {purpose: care, when: {event: order}, send: x, where: {not: received b within 30d}, instead_of: b}",
            "rules.d/2.yaml": "b: {purpose: greeting, when: {event: order}, send: y, where: received a is absent}",
        ])
        #expect(Shop.lines(result) == [])
    }

    /// Whose file cannot be read may have the rule that is named.
    @Test func unknownRulesOfABrokenFileAreNoMistake() {
        let result = Shop.load([
            "regards.yaml": Shop.house, "rules.d/1.yaml": "a: {purpose: care, when: {event: order}, send: x, instead_of: b}",
            "rules.d/2.yaml": "b: [",
        ])
        #expect(result.mistakes.map(\.place.file) == ["rules.d/2.yaml"])
    }

    // MARK: Hashes

    @Test(arguments: ["{event: order}", "{schedule: daily, at: 09:00}"], ["enabled: no", "active: {from: 2027-01-01}", "about: x", "formerly: y"])
    func whatAsksForNoApproval(when: String, key: String) throws {
        let text = "purpose: care, when: \(when), send: x"
        // Events wait for a rule that is off, days do not.
        let isSame = when != "{event: order}" || key != "enabled: no"
        #expect(try (Shop.rule("a: {\(text), \(key)}").hash == Shop.rule("a: {\(text)}").hash) == isSame)
    }

    @Test(arguments: ["where: segment is gold", "where: class recency > 2", "where: segment is regulars", "steps: [{send: x, where: segment is gold}]"])
    func segmentsArePartOfTheMeaning(key: String) throws {
        let verb = key.hasPrefix("steps") ? "" : ", send: x"
        func hash(_ house: String) throws -> UInt64 {
            let rules = "a: {purpose: care, when: {event: order}\(verb), \(key)}"
            return try #require(Shop.load(["regards.yaml": house, "rules.d/r.yaml": rules]).configuration?.ruleBook.rules.last).hash
        }
        let wider = Shop.house.replacing("top: 20%", with: "top: 30%").replacing("classes: 5", with: "classes: 10")
        #expect(try hash(Shop.house) != hash(wider))
    }
}
