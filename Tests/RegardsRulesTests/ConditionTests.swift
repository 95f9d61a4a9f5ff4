import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

@Suite struct ConditionTests {
    /// The condition of a rule, and the customers' columns.
    private static func condition(_ yaml: String) throws -> (Condition, RecordSchema) {
        let result = Shop.load(rules: "a: {purpose: care, when: {event: order}, send: x, where: \(yaml)}")
        #expect(Shop.lines(result) == [])
        let book = try #require(result.configuration?.ruleBook)
        return (try #require(book.rules.last).condition, book.customers.columns)
    }

    @Test(arguments: [
        ("email is present", Condition.Predicate.isPresent), ("email is not absent", .isPresent),
        ("email is absent", .isAbsent),
        ("email is not present", .isAbsent), ("email = x", .compare(.equal, .text("x"))),
        ("email == x", .compare(.equal, .text("x"))),
        ("email != x y", .compare(.notEqual, .text("x y"))), ("email is CN", .compare(.equal, .text("CN"))),
        ("email is not CN", .compare(.notEqual, .text("CN"))), ("email is not", .compare(.equal, .text("not"))),
        ("email >= 1000", .compare(.greaterOrEqual, .number(1000))),
        ("email>=1000", .compare(.greaterOrEqual, .number(1000))),
        ("email ≥ 3", .compare(.greaterOrEqual, .number(3))), ("email <= -2.5", .compare(.lessOrEqual, .number(-2.5))),
        ("email < 2027-05-01", .compare(.less, .date(CivilDate(year: 2027, month: 5, day: 1)!))),
        ("email > 0", .compare(.greater, .number(0))), ("email <> 0.50", .compare(.notEqual, .number(0.5))),
        ("email is 2027-02-30", .compare(.equal, .text("2027-02-30"))), ("email is 007", .compare(.equal, .text("007"))),
        ("email is 1e3", .compare(.equal, .text("1e3"))), ("email is .5", .compare(.equal, .text(".5"))),
        ("email is '1000'", .compare(.equal, .text("1000"))), ("email is YES", .compare(.equal, .flag(true, as: "YES"))), ("email is not false", .compare(.notEqual, .flag(false, as: "false"))),
        ("email is 'yes'", .compare(.equal, .text("yes"))), ("email is 'present'", .compare(.equal, .text("present"))),
        ("email contains vip", .contains("vip")), ("email contains 'two words'", .contains("two words")),
        ("email within 30d", .within(CalendarSpan(days: 30))),
        ("email older than 6 months", .olderThan(CalendarSpan(months: 6))),
        ("email   older   than   1y 2d", .olderThan(CalendarSpan(months: 12, days: 2))),
    ])
    func sentences(text: String, expected: Condition.Predicate) throws {
        let (condition, columns) = try ConditionTests.condition("\"\(text)\"")
        let test = try #require(condition.tests.first)
        #expect(test.predicate == expected)
        #expect(test.operand == .customer(slot: try #require(columns.slot("email"))))
        #expect(test.text == text)
    }

    @Test func junctionsNest() throws {
        let (condition, columns) = try ConditionTests.condition(
            """
            [a is present, {any: [b > 1, {not: [c is x, d is y]}, [e is present, f is present]]}, {not: größe is absent}]
            """)
        guard case .all(let parts) = condition, parts.count == 3, case .any(let choices) = parts[1], choices.count == 3,
            case .not(let inner) = choices[1], case .all(let both) = inner, both.count == 2,
            case .all(let last) = choices[2], last.count == 2, case .not(.test(let size)) = parts[2]
        else { return #expect(Bool(false), "\(condition)") }
        #expect(size.operand == .customer(slot: try #require(columns.slot("größe"))))
        #expect(
            condition.tests.map(\.text) == [
                "a is present", "b > 1", "c is x", "d is y", "e is present", "f is present", "größe is absent",
            ])
    }

    @Test func oneSentenceNeedsNoList() throws {
        guard case (.test, _) = try ConditionTests.condition("email is present") else { return #expect(Bool(false)) }
        guard case (.test, _) = try ConditionTests.condition("[email is present]") else { return #expect(Bool(false)) }
    }

    @Test func namedColumnsAreUsedAndPlaced() throws {
        let (_, columns) = try ConditionTests.condition("[order_count >= 2, shoe_size > 40]")
        let known = try #require(columns.slot("order_count"))
        let new = try #require(columns.slot("shoe_size"))
        #expect(known == CustomerColumn.orderCount.rawValue)
        #expect(columns.isUsed[known] && columns.isUsed[new])
        #expect(columns.places[new]?.description == "rules.d/rule.yaml:1:77")
        #expect(!columns.isUsed[CustomerColumn.birthday.rawValue])
    }

    @Test func doneIsAboutTheEventAlone() throws {
        let house = Shop.house.replacing(
            "done: solved_at is present", with: "done: {any: [solved_at is present, complaint.status is gone]}")
        let kind = try #require(Shop.load(["regards.yaml": house]).configuration?.ruleBook.eventKinds.first)
        #expect(
            kind.done?.tests.map(\.operand) == [
                .event(slot: try #require(kind.columns.slot("solved_at"))),
                .event(slot: try #require(kind.columns.slot("status"))),
            ])
    }
}

extension String {
    /// The text with the first occurrence exchanged; the text as it is where there is none.
    func replacing(_ part: String, with other: String) -> String {
        guard let first = part.first else { return self }
        var start = startIndex
        while let index = self[start...].firstIndex(of: first) {
            if self[index...].hasPrefix(part) { return self[..<index] + other + self[index...].dropFirst(part.count) }
            start = self.index(after: index)
        }
        return self
    }
}
