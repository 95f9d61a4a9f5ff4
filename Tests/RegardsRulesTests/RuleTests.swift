import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// What a rule file says arrives in the values that planning works with.
@Suite struct RuleTests {
    @Test func aShortRuleStaysShort() throws {
        let rule = try Shop.rule("card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}")
        #expect(rule.name == "card")
        #expect(rule.about == "")
        #expect(rule.purpose == .greeting)
        #expect(rule.steps.map(\.name) == ["send"])
        #expect(rule.steps[0].time == .occasion)
        #expect(rule.steps[0].action.card == CardPattern("birthday"))
        #expect(rule.sender == .house)
        #expect(rule.lateness == .untilMidnight)
        #expect(rule.backfill == .none)
        #expect(rule.ifInDoubt == nil)
        #expect(rule.place == Place(file: "rules.d/rule.yaml", line: 1, column: 1))
        #expect(rule.condition.tests.isEmpty)
    }

    @Test func everySmallKeyArrives() throws {
        let rule = try Shop.rule(
            """
            card:
              about: >
                Two lines
                become one.
              purpose: care
              when: {schedule: weekly, at: 7:30}
              tell: director
              card: report
              from: manager
              if_late: {grace: 1d 6h}
              backfill: 7d
              if_in_doubt: ask
              formerly: [old-card, older-card]
            """)
        #expect(rule.about == "Two lines become one.")
        #expect(rule.sender == .role(Role("manager")))
        #expect(rule.lateness == .grace(.hours(30)))
        #expect(rule.backfill == .since(.days(7)))
        #expect(rule.ifInDoubt == .ask)
        #expect(rule.formerly == ["old-card", "older-card"])
        guard case .tell(let role, let card) = rule.steps[0].action else { return #expect(Bool(false)) }
        #expect(role == Role("director"))
        #expect(card == CardPattern("report"))
        #expect(rule.steps[0].name == "tell-director")
    }

    @Test(arguments: [("none", Backfill.none), ("all", .all), ("90min", .since(.minutes(90)))])
    func backfills(text: String, expected: Backfill) throws {
        #expect(try Shop.rule("a: {purpose: care, when: {event: order}, send: x, backfill: \(text)}").backfill == expected)
    }

    @Test func yamlGuessesAreNotAsked() throws {
        let rule = try Shop.rule(
            """
            no: {purpose: care, when: {anniversary: null, at: 09:00}, send: "true", where: [country is NO, vip is yes, zip is 01234]}
            """)
        #expect(rule.name == "no")
        #expect(rule.steps[0].action.card == CardPattern("true"))
        let literals = rule.condition.tests.map(\.predicate)
        #expect(
            literals == [.country(.equal, code: "NO"), .compare(.equal, .flag(true, as: "yes")), .compare(.equal, .text("01234"))])
    }

    // MARK: Triggers

    @Test(arguments: [
        ("", [0]), (", days_before: 7", [-7]), (", days_after: [0, 3]", [0, 3]),
        (", days_before: [1, 7], days_after: 1", [-7, -1, 1]),
    ])
    func anniversaries(keys: String, offsets: [Int]) throws {
        let result = Shop.load(rules: "a: {purpose: care, when: {anniversary: birthday, at: 00:00\(keys)}, send: x}")
        let book = try #require(result.configuration?.ruleBook)
        guard case .anniversary(let trigger)? = book.rules.last?.trigger else { return #expect(Bool(false)) }
        #expect(trigger.dayOffsets == offsets)
        #expect(trigger.at == .midnight)
        #expect(trigger.feb29 == .feb28)
        #expect(book.customers.columns.names[trigger.column] == "birthday")
        #expect(book.customers.columns.isUsed[trigger.column])
        #expect(book.customers.columns.places[trigger.column] == Place(file: "rules.d/rule.yaml", line: 1, column: 40))
    }

    @Test func aLeapDayMayMoveOn() throws {
        let rule = try Shop.rule("a: {purpose: care, when: {anniversary: birthday, at: 23:59, feb_29: mar-1}, send: x}")
        guard case .anniversary(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(trigger.feb29 == .mar1)
        #expect(trigger.at == WallTime(hour: 23, minute: 59))
    }

    @Test(arguments: [
        ("monthly", "06:00"), ("weekly", "06:00"), ("daily", "06:00"), ("*-*-01", "06:00"), ("Mon..Fri *-*-* 09:00", nil),
    ])
    func schedules(expression: String, at: String?) throws {
        let rule = try Shop.rule(
            "a: {purpose: care, when: {schedule: \"\(expression)\"\(at.map { ", at: \($0)" } ?? "")}, send: x}")
        guard case .schedule(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        #expect(trigger.at == at.flatMap { WallTime($0) })
        #expect(try trigger.expression == OnCalendar(expression, zones: Shop.zones))
    }

    // MARK: Events and steps

    @Test func theComplaintClock() throws {
        let result = Shop.load(rules: Fixture.text("valid/first-day.yaml"))
        let book = try #require(result.configuration?.ruleBook)
        let rule = try #require(book.rules.first { $0.name == "complaint-care" })
        guard case .event(let trigger) = rule.trigger else { return #expect(Bool(false)) }
        let kind = book.eventKinds[trigger.kind]
        #expect(kind.name == "complaint")
        #expect(trigger.promise == Promise(answerWithin: .hours(24)))
        #expect(trigger.endsWhen?.tests.map(\.operand) == [.event(slot: try #require(kind.columns.slot("answered_at")))])
        #expect(rule.lateness == .forever)
        #expect(rule.steps.map(\.name) == ["send", "tell-advisor", "tell-manager", "tell-director", "survey"])
        #expect(
            rule.steps.map(\.time) == [
                .occasion, .occasion, .limit(-.hours(6)), .limit(.zero),
                .column(slot: try #require(kind.columns.slot("solved_at")), .days(3)),
            ])
        #expect(rule.steps[3].every == .hours(24))
        #expect(rule.steps.map(\.atMost) == [1, 1, 1, 3, 1])
        #expect(
            rule.steps[1].place == Place(file: "rules.d/first-day.yaml", line: 24, column: 5)
                || rule.steps[1].place.line == 23)
    }

    @Test func timesOfSteps() throws {
        let result = Shop.load(
            rules: """
                a:
                  purpose: care
                  when: {event: complaint}
                  promise: {answer_within: 90min}
                  steps:
                  - {at: 2d after start, send: x, name: a}
                  - {at: 1h 30min before limit, send: x, name: b}
                  - {at: 2h after limit, send: x, name: c}
                  - {at: complaint.solved_at, send: x, name: d}
                  - {at: 6 hours before complaint.visit_at, webhook: crm, card: x}
                """)
        let book = try #require(result.configuration?.ruleBook)
        let columns = book.eventKinds[0].columns
        #expect(
            book.rules.last?.steps.map(\.time) == [
                .start(.days(2)), .limit(-.minutes(90)), .limit(.hours(2)),
                .column(slot: try #require(columns.slot("solved_at")), .zero),
                .column(slot: try #require(columns.slot("visit_at")), -.hours(6)),
            ])
        #expect(book.rules.last?.steps.last?.name == "webhook-crm")
    }

    @Test func severalMessagesAtOnce() throws {
        let rule = try Shop.rule(
            """
            a: {purpose: care, when: {schedule: daily, at: 09:00}, steps: [{send: x}, {at: start, tell: manager, card: "m/{month}"}]}
            """)
        #expect(rule.steps.map(\.name) == ["send", "tell-manager"])
        #expect(rule.steps.map(\.time) == [.occasion, .occasion])
        #expect(rule.steps[1].action.card?.names.first == "m/01")
    }

    @Test func aRuleOfAnotherEventUsesItsOwnColumns() throws {
        let result = Shop.load(
            rules: "a: {purpose: care, when: {event: order}, send: x, where: [order.total >= 20, total >= 20]}")
        let book = try #require(result.configuration?.ruleBook)
        #expect(
            book.rules.last?.condition.tests.map(\.operand) == [
                .event(slot: try #require(book.eventKinds[1].columns.slot("total"))),
                .customer(slot: try #require(book.customers.columns.slot("total"))),
            ])
    }

    // MARK: Hashes

    private static func hash(_ body: String) throws -> UInt64 { try Shop.rule(body).hash }

    private static let base = "a: {purpose: care, when: {event: order}, send: x, where: [email is present, total > 3]}"

    @Test(arguments: [
        "# comment\na:\n  when:\n    event: order\n  where:\n  - email is present   # why\n  - total > 3\n  send: x\n  purpose: care\n",
        "\"a\": {'purpose': \"care\", when: {event: 'order'}, send: x, where: [\"email is present\", total > 3]}",
        "a: {about: A sentence., purpose: care, when: {event: order}, send: x, where: [email is present, total > 3]}",
        "a: {formerly: b, purpose: care, when: {event: order}, send: x, where: [email is present, total > 3]}",
        "renamed: {purpose: care, when: {event: order}, send: x, where: [email is present, total > 3]}",
        "a: {purpose: &p care, when: {event: order}, send: x, where: [email is present, total > 3]}",
    ])
    func layoutDoesNotCount(text: String) throws {
        #expect(try RuleTests.hash(text) == RuleTests.hash(RuleTests.base))
    }

    @Test(arguments: [
        "a: {purpose: greeting, when: {event: order}, send: x, where: [email is present, total > 3]}",
        "a: {purpose: care, when: {event: order}, send: y, where: [email is present, total > 3]}",
        "a: {purpose: care, when: {event: order}, send: x, where: [email is present, total > 4]}",
        "a: {purpose: care, when: {event: order}, send: x, where: [email is present]}",
        "a: {purpose: care, when: {event: order}, send: x, where: [[email is present, total > 3]]}",
        "a: {purpose: care, when: {event: order}, send: x, where: [email is present, total > 3], backfill: all}",
        "a: {purpose: care, when: {event: order}, send: x, where: [email is present, total > 3], enabled: no}",
    ])
    func meaningCounts(text: String) throws {
        #expect(try RuleTests.hash(text) != RuleTests.hash(RuleTests.base))
    }

    /// The number is stored beside every row of the outbox: it may not change with a release.
    @Test func theHashIsFrozen() throws {
        #expect(try RuleTests.hash(RuleTests.base) == 6_837_377_041_374_410_232)
    }
}
