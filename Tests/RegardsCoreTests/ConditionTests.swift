import RegardsCalendar
import RegardsCore
import Testing

@Suite struct ConditionTests {
    let house: TestHouse
    let now: Instant
    init() throws {
        house = try TestHouse()
        now = try at("2027-05-05T12:00:00Z")
    }

    enum Value: Sendable {
        case null, text(String), integer(Int64), real(Double)
    }

    func record(_ value: Value, slot: Int? = nil) -> Record {
        var record = house.schema.columns.makeRecord()
        let slot = slot ?? house.vip
        switch value {
        case .null: break
        case .text(let text): record.set(slot, text: text)
        case .integer(let number): record.set(slot, integer: number)
        case .real(let number): record.set(slot, real: number)
        }
        return record
    }

    func test(_ predicate: Condition.Predicate, text: String = "the test") -> Condition {
        .test(.init(text: text, operand: .customer(slot: house.vip), predicate: predicate))
    }

    func holds(_ predicate: Condition.Predicate, _ value: Value, zone name: String = "Europe/Berlin", now: Instant? = nil) throws -> Bool {
        test(predicate).holds(ConditionFacts(customer: record(value), zone: try zone(name), now: now ?? self.now))
    }

    // MARK: Present and absent

    @Test(arguments: [
        (Value.null, false), (.text(""), false), (.text(" "), true), (.text("0"), true), (.integer(0), true), (.real(0), true),
        (.real(.nan), true),
    ])
    func presence(value: Value, isPresent: Bool) throws {
        #expect(try holds(.isPresent, value) == isPresent)
        #expect(try holds(.isAbsent, value) == !isPresent)
    }

    @Test func aRecordThatIsNotThereIsAbsent() throws {
        let facts = ConditionFacts(customer: nil, zone: .utc, now: now)
        #expect(test(.isAbsent).holds(facts))
        #expect(!test(.isPresent).holds(facts))
        #expect(!test(.compare(.notEqual, .number(1))).holds(facts))
        let event = Condition.test(.init(text: "", operand: .event(slot: 3), predicate: .isPresent))
        #expect(!event.holds(ConditionFacts(customer: record(.text("x")), zone: .utc, now: now)))
        #expect(event.holds(ConditionFacts(customer: nil, event: house.record([3: "x"]), zone: .utc, now: now)))
    }

    // MARK: Comparisons

    static func expected(_ order: Int?, _ comparison: Condition.Comparison) -> Bool {
        guard let order else { return comparison == .notEqual }
        return switch comparison {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }

    /// nil: neither less nor greater, and surely not the same.
    @Test(arguments: [
        (Value.integer(999), -1), (.integer(1000), 0), (.integer(1001), 1), (.real(999.999), -1), (.real(1000), 0),
        (.text("1000"), 0), (.text("1e3"), 0), (.text("+1000.00"), 0), (.text("-5"), -1), (.text("1000a"), nil), (.text(" 1000"), nil),
        (.text("1,000"), nil), (.text("nan"), nil), (.text("inf"), nil), (.text("0x3e8"), nil), (.text("gold"), nil), (.real(.nan), nil),
        (.real(.infinity), 1),
    ] as [(Value, Int?)])
    func againstANumber(value: Value, order: Int?) throws {
        for comparison in Condition.Comparison.allCases {
            #expect(try holds(.compare(comparison, .number(1000)), value) == Self.expected(order, comparison), "\(value) \(comparison)")
        }
    }

    @Test(arguments: [
        (Value.text("DE"), 0), (.text("de"), 0), (.text("D"), -1), (.text("DEU"), 1), (.text("DF"), 1), (.text("CZ"), -1),
        (.text("dé"), 1), (.integer(7), -1), (.real(1.5), -1),
    ])
    func againstAText(value: Value, order: Int) throws {
        for comparison in Condition.Comparison.allCases {
            #expect(try holds(.compare(comparison, .text("DE")), value) == Self.expected(order, comparison), "\(value) \(comparison)")
        }
    }

    /// Databases have many ways to say yes; nil: none of them.
    @Test(arguments: [
        (Value.integer(1), true), (.integer(0), false), (.integer(2), true), (.text("1"), true), (.text("0"), false), (.text("Yes"), true),
        (.text("TRUE"), true), (.text("t"), true), (.text("on"), true), (.text("n"), false), (.text("false"), false), (.text("off"), false),
        (.text("maybe"), nil), (.null, nil),
    ] as [(Value, Bool?)])
    func againstAFlag(value: Value, truth: Bool?) throws {
        let isEmpty = if case .null = value { true } else { false }
        for (flag, words) in [(true, "yes"), (true, "true"), (false, "no"), (false, "false")] {
            #expect(try holds(.compare(.equal, .flag(flag, as: words)), value) == (truth == flag))
            #expect(try holds(.compare(.notEqual, .flag(flag, as: words)), value) == (!isEmpty && truth != flag))
        }
    }

    @Test func numbersAgainstText() throws {
        #expect(try holds(.compare(.equal, .text("7")), .integer(7)))
        #expect(try holds(.compare(.equal, .text("1.5")), .real(1.5)))
        #expect(try holds(.compare(.equal, .text("2")), .real(2)))
    }

    @Test func onlyTheLettersAToZCompareWithoutCase() throws {
        #expect(try holds(.compare(.equal, .text("müller")), .text("MüLLER")))
        #expect(try !holds(.compare(.equal, .text("müller")), .text("MÜLLER")))
        #expect(try !holds(.compare(.equal, .text("[")), .text("{")))
        #expect(try !holds(.compare(.equal, .text("@")), .text("`")))
    }

    @Test(arguments: [
        ("2027-05-04", -1), ("2027-05-05", 0), ("2027-05-06", 1), ("2027-05-05 23:59:59", 0), ("2027-05-05 00:00:00", 0),
        ("2027-05-04 23:59:59", -1),
        // In Berlin it is two hours later than in Greenwich.
        ("2027-05-04T21:59:59Z", -1), ("2027-05-04T22:00:00Z", 0), ("2027-05-05T21:59:59Z", 0), ("2027-05-05T22:00:00Z", 1),
        ("2027-05-06T03:00:00+09:00", 0), ("soon", nil), ("5", nil),
    ] as [(String, Int?)])
    func againstADate(value: String, order: Int?) throws {
        let literal = Condition.Literal.date(try date("2027-05-05"))
        for comparison in Condition.Comparison.allCases {
            #expect(try holds(.compare(comparison, literal), .text(value)) == Self.expected(order, comparison), "\(value) \(comparison)")
        }
    }

    @Test func anEmptyColumnIsNeitherThisNorThat() throws {
        for value in [Value.null, .text("")] {
            for comparison in Condition.Comparison.allCases {
                for literal in [Condition.Literal.number(0), .text(""), .text("x"), .date(try date("2027-05-05"))] {
                    #expect(try !holds(.compare(comparison, literal), value), "\(value) \(comparison) \(literal)")
                }
            }
            #expect(try !holds(.contains(""), value))
            #expect(try !holds(.contains("x"), value))
            #expect(try !holds(.within(CalendarSpan(days: 30)), value))
            #expect(try !holds(.olderThan(CalendarSpan(days: 30)), value))
        }
    }

    // MARK: Words

    @Test(arguments: [
        ("gold, VIP", "vip", true), ("VIP", "vip", true), ("vip_gold", "vip", true), ("vip-club", "VIP", true), ("#vip", "vip", true),
        ("vipers", "vip", false), ("1vip", "vip", false), ("vip2", "vip", false), ("evip", "vip", false), ("vi p", "vip", false),
        ("vipers and vip", "vip", true), ("vipvip", "vip", false),
        // A letter is a letter with an accent too, also as a mark of its own.
        ("vipé", "vip", false), ("évip", "vip", false), ("vip\u{301}", "vip", false), ("où", "o", false), ("Müller", "Müll", false),
        ("Müll, Glas", "müll", true), ("кофейня", "кофе", false), ("кофе и чай", "кофе", true),
        // Where words are not divided by spaces, a part is enough.
        ("金卡客户", "客户", true), ("金卡VIP客户", "vip", true), ("ลูกค้าวีไอพี", "วีไอพี", true), ("かわいい", "わい", true),
        // More than one word, and no word at all.
        ("a b c", "b c", true), ("a bb c", "b c", false), ("a, b", ", ", true), ("50% off", "%", true), ("x", "", false), ("", "x", false),
        ("short", "longer than that", false),
    ])
    func contains(value: String, word: String, expected: Bool) throws {
        #expect(try holds(.contains(word), .text(value)) == expected)
    }

    @Test func numbersContainTheirDigits() throws {
        #expect(try holds(.contains("7"), .integer(7)))
        #expect(try !holds(.contains("7"), .integer(77)))
        #expect(try holds(.contains("1.5"), .real(1.5)))
    }

    @Test func illFormedTextIsLookedAtWithoutATrap() throws {
        var record = house.schema.columns.makeRecord()
        let bytes: [UInt8] = [0xff, 0xc3, 0x20, 0x76, 0x69, 0x70, 0xe2, 0x82]
        bytes.withUnsafeBufferPointer { record.set(house.vip, utf8: $0) }
        let facts = ConditionFacts(customer: record, zone: .utc, now: now)
        #expect(test(.contains("vip")).holds(facts))
        #expect(!test(.contains("v")).holds(facts))
        #expect(!test(.compare(.equal, .text("vip"))).holds(facts))
    }

    // MARK: Spans before now

    /// Now is two in the afternoon of 5 May in Berlin.
    @Test(arguments: [
        ("2027-05-05T12:00:00Z", true, false), ("2027-05-05T12:00:01Z", false, false), ("2027-05-06", false, false),
        ("2027-04-05T12:00:00Z", true, false), ("2027-04-05T11:59:59Z", false, true), ("2027-04-05 14:00:00", true, false),
        ("2027-04-05 13:59:59", false, true), ("2027-04-06", true, false), ("2027-04-05", false, true), ("1970-01-01", false, true),
        ("when", false, false),
    ])
    func within30DaysAndOlder(value: String, within: Bool, older: Bool) throws {
        let span = CalendarSpan(days: 30)
        #expect(try holds(.within(span), .text(value)) == within)
        #expect(try holds(.olderThan(span), .text(value)) == older)
    }

    @Test func monthsAreMonths() throws {
        let now = try at("2027-03-31T12:00:00Z")
        // One month before 31 March is 28 February, at the same time of the day.
        #expect(try holds(.within(CalendarSpan(months: 1)), .text("2027-02-28 14:00:00"), now: now))
        #expect(try holds(.olderThan(CalendarSpan(months: 1)), .text("2027-02-28 13:00:00"), now: now) == true)
    }

    // MARK: Countries

    @Test(arguments: [
        (Value.text("CN"), true), (.text("cn"), true), (.text("China"), true), (.text("CHINA"), true), (.text("DE"), false),
        (.text("Germany"), false), (.text("Atlantis"), false), (.text("C"), false), (.integer(86), false),
    ])
    func aCountryByWhateverName(value: Value, isChina: Bool) throws {
        func holds(_ comparison: Condition.Comparison) -> Bool {
            test(.country(comparison, code: "CN"))
                .holds(ConditionFacts(customer: record(value), zone: .utc, now: now, countries: countries))
        }
        #expect(holds(.equal) == isChina)
        #expect(holds(.notEqual) == !isChina)
    }

    @Test func countriesHaveSeveralNames() {
        func isBritain(_ name: String) -> Bool {
            test(.country(.equal, code: "GB"))
                .holds(ConditionFacts(customer: record(.text(name)), zone: .utc, now: now, countries: countries))
        }
        for name in ["GB", "UK", "uk", "England", "United Kingdom"] { #expect(isBritain(name), "\(name)") }
        #expect(!isBritain("Ukraine"))
    }

    @Test func noCountryIsNeitherThisNorThat() {
        for value in [Value.null, .text("")] {
            for comparison in [Condition.Comparison.equal, .notEqual] {
                let facts = ConditionFacts(customer: record(value), zone: .utc, now: now, countries: countries)
                #expect(!test(.country(comparison, code: "CN")).holds(facts))
            }
        }
        // Without tables a code is still a code.
        let facts = ConditionFacts(customer: record(.text("CN")), zone: .utc, now: now)
        #expect(test(.country(.equal, code: "CN")).holds(facts))
    }

    @Test func anEventsCountry() {
        let condition = Condition.test(.init(text: "", operand: .event(slot: house.subject), predicate: .country(.equal, code: "FR")))
        let event = house.record([house.subject: "France"])
        #expect(condition.holds(ConditionFacts(customer: nil, event: event, zone: .utc, now: now, countries: countries)))
    }

    // MARK: What was received

    func received(_ predicate: Condition.Predicate, at instant: String?) throws -> Bool {
        let received = try instant.map { ["monthly-card": try at($0), "other": now] } ?? ["other": now]
        let condition = Condition.test(.init(text: "", operand: .received(rule: "monthly-card"), predicate: predicate))
        return condition.holds(ConditionFacts(customer: nil, zone: try zone("Europe/Berlin"), now: now, received: received))
    }

    @Test func whatWasReceived() throws {
        let month = CalendarSpan(days: 30)
        #expect(try received(.within(month), at: "2027-04-05T12:00:00Z"))
        #expect(try !received(.within(month), at: "2027-04-05T11:59:59Z"))
        #expect(try received(.olderThan(month), at: "2027-04-05T11:59:59Z"))
        #expect(try !received(.olderThan(month), at: "2027-04-05T12:00:00Z"))
        #expect(try received(.isPresent, at: "2020-01-01T00:00:00Z"))
        #expect(try !received(.isAbsent, at: "2020-01-01T00:00:00Z"))
    }

    @Test func whatWasNeverReceived() throws {
        for predicate in [Condition.Predicate.within(CalendarSpan(days: 30)), .olderThan(CalendarSpan(days: 30)), .isPresent] {
            #expect(try !received(predicate, at: nil))
        }
        #expect(try received(.isAbsent, at: nil))
    }

    // MARK: For explain

    @Test func whatWasSeenStandsBesideEachSentence() throws {
        let segments = [
            Segment(name: "gold", definition: .matching(test(.compare(.equal, .text("gold"))))),
            Segment(name: "value", definition: .classes(2, by: house.vip)),
        ]
        let condition = Condition.all([
            test(.compare(.equal, .text("gold")), text: "vip = gold"),
            .not(.any([
                .test(.init(text: "segment is gold", operand: .segment(0), predicate: .isPresent)),
                .test(.init(text: "class value >= 2", operand: .rank(1), predicate: .compare(.greaterOrEqual, .number(2)))),
            ])),
            .test(.init(text: "received card is absent", operand: .received(rule: "card"), predicate: .isAbsent)),
            .test(.init(text: "complaint.subject is present", operand: .event(slot: 3), predicate: .isPresent)),
        ])
        var facts = ConditionFacts(
            customer: record(.text("gold")), zone: .utc, now: now, received: ["card": try at("2027-05-01T09:00:00Z")])
        facts.findMembership(segments, SegmentRanks())
        let found = condition.values(facts)
        #expect(found.map(\.sentence) == [
            "vip = gold", "not segment is gold", "not class value >= 2", "received card is absent", "complaint.subject is present",
        ])
        #expect(found.map(\.value) == ["gold", "yes", nil, "2027-05-01T09:00:00Z", nil])
        #expect(found.map(\.holds) == [true, false, true, false, false])
        #expect(condition.decider(facts) == "not segment is gold")
    }

    // MARK: All, any, not

    let yes = Condition.test(.init(text: "yes", operand: .customer(slot: 0), predicate: .isAbsent))
    let no = Condition.test(.init(text: "no", operand: .customer(slot: 0), predicate: .isPresent))

    func holds(_ condition: Condition) -> Bool { condition.holds(ConditionFacts(customer: nil, zone: .utc, now: now)) }
    func decider(_ condition: Condition) -> String { condition.decider(ConditionFacts(customer: nil, zone: .utc, now: now)) }

    @Test func joining() {
        #expect(holds(.always))
        #expect(!holds(.any([])))
        #expect(holds(.all([yes, yes])))
        #expect(!holds(.all([yes, no])))
        #expect(holds(.any([no, yes])))
        #expect(!holds(.any([no, no])))
        #expect(holds(.not(no)))
        #expect(!holds(.not(yes)))
        #expect(holds(.not(.any([no, .not(.all([yes, yes]))]))))
    }

    @Test func notOfAnEmptyColumnHolds() throws {
        let rich = test(.compare(.greater, .number(10)))
        let facts = ConditionFacts(customer: record(.null), zone: .utc, now: now)
        #expect(!rich.holds(facts))
        #expect(Condition.not(rich).holds(facts))
    }

    @Test func theDeciderIsTheFirstThatDecides() {
        func named(_ name: String, _ holds: Bool) -> Condition {
            .test(.init(text: name, operand: .customer(slot: 0), predicate: holds ? .isAbsent : .isPresent))
        }
        #expect(decider(.always) == "")
        #expect(decider(.any([])) == "")
        #expect(decider(.all([named("a", true), named("b", false), named("c", false)])) == "b")
        #expect(decider(.all([named("a", true), named("b", true)])) == "b")
        #expect(decider(.any([named("a", false), named("b", true), named("c", true)])) == "b")
        #expect(decider(.any([named("a", false), named("b", false)])) == "b")
        #expect(decider(.not(named("a", true))) == "not a")
        #expect(decider(.all([.not(.any([named("a", false), named("b", true)]))])) == "not b")
    }

    @Test func testsComeInTheOrderOfTheFile() {
        let condition = Condition.all([yes, .any([no, .not(yes)]), no])
        #expect(condition.tests.map(\.text) == ["yes", "no", "yes", "no"])
        #expect(Condition.always.tests.isEmpty)
    }
}
