import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// Every policy of docs/dates.md can be said in a rule: its examples are written as rule files, loaded, and planned,
/// and give the days that the page promises.
@Suite struct DatePolicyTests {
    struct Example: CustomTestStringConvertible {
        var verb: String
        var words: [String]
        var answer: [String]
        var line: String
        var testDescription: String { line }

        /// The word after another.
        func after(_ word: String) -> String { words.firstIndex(of: word).map { words[$0 + 1] } ?? "" }
        func until(_ word: String) -> String { words.prefix { $0 != word }.joined(separator: " ") }
    }

    /// The lines of the `dates` blocks that begin with one of these verbs.
    static func examples(_ verbs: String...) -> [Example] {
        let text = String(decoding: Fixture.bytes("\(Fixture.repository)/docs/dates.md") ?? [], as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            guard let verb = verbs.first(where: { line.hasPrefix($0 + " ") }), let range = line.firstRange(of: " = ") else { return nil }
            let words = line[..<range.lowerBound].split(separator: " ").dropFirst().map(String.init)
            return Example(
                verb: verb, words: words, answer: line[range.upperBound...].split(separator: " ").map(String.init), line: String(line))
        }
    }

    // MARK: From text to plans

    private func house(zone: String = "UTC", more: String = "") -> String {
        """
        business: {name: x, email: x@shop.example, time_zone: \(zone)\(more.isEmpty ? "" : ", " + more)}
        customers: {database: "sqlite:x", query: SELECT 1}

        """
    }

    private func book(_ when: String, house: String, more: String = "") throws -> RuleBook {
        let rule = "rule: {purpose: care, when: {\(when)}, send: card\(more)}"
        let result = Shop.load(["regards.yaml": house, "rules.d/rule.yaml": rule])
        let errors = result.mistakes.filter { $0.severity == .error }
        #expect(errors.map(\.description) == [], "\(rule)")
        return try #require(result.configuration?.ruleBook, "\(rule)")
    }

    /// What a customer with these columns is owed, in the order of time.
    private func owed(
        _ when: String, _ columns: [String: String], from: Instant, through: Instant, house: String? = nil
    ) throws -> [PlannedOutreach] {
        let book = try book(when, house: house ?? self.house())
        var customer = Customer(schema: book.customers)
        customer.record.set(CustomerColumn.id.rawValue, text: "1")
        for (name, text) in columns {
            customer.record.set(try #require(book.customers.columns.slot(name)), text: text)
        }
        var planner = Planner(book: book, zones: Shop.zones, countries: CountryZones())
        let place = planner.zone(of: customer)
        var found: [PlannedOutreach] = []
        planner.candidates(
            of: customer, zone: try #require(place), rule: 0,
            in: PlanWindow(from: from, through: through, plannedThrough: from)
        ) { found.append($0.outreach) }
        return found.sorted { $0.dueAt < $1.dueAt }
    }

    private func at(_ text: String) throws -> Instant { try #require(Instant(text, in: .utc), "\(text)") }

    // MARK: Birthdays

    @Test(arguments: examples("birthday", "occasion", "monthly", "occasion-monthly", "lunar-birthday", "lunar-occasion"))
    func anniversaries(example: Example) throws {
        var when = "anniversary: birthday, at: 09:00"
        var columns = ["birthday": example.words[0]]
        if example.verb.contains("monthly") {
            when += ", every: month"
        } else if example.verb.hasPrefix("lunar") {
            when += ", leap_month: \(example.words[1]), day_30: \(example.words[2])"
            columns["birthday_calendar"] = "lunar"
        } else {
            when += ", feb_29: \(example.words[1])"
            if example.words[2].hasPrefix("-") { when += ", days_before: \(example.words[2].dropFirst().dropLast())" }
        }
        let found = try owed(when, columns, from: at(example.after("from")), through: at(example.after("to")))
        #expect(found.map { example.verb.contains("occasion") ? $0.key.occasion : $0.localDate.description } == example.answer)
    }

    // MARK: Feasts

    @Test(arguments: examples("feast", "feast-rule"))
    func feasts(example: Example) throws {
        let isOwn = example.verb == "feast-rule"
        let (name, year) = (isOwn ? "own" : example.words[0], try #require(example.words.last))
        let house = house() + (isOwn ? "feasts: {own: \(example.words.dropLast().joined(separator: " "))}\n" : "")
        let found = try owed(
            "feast: \(name), at: 09:00", [:], from: at("\(year)-01-01"), through: at("\(year)-01-01") + .days(420), house: house)
        let days = found.filter { $0.key.occasion == "\(name)-\(year)" }.map(\.localDate.description)
        #expect((days.isEmpty ? ["none"] : days) == example.answer)
    }

    @Test(arguments: examples("country"))
    func feastsByCountry(example: Example) throws {
        let found = try owed(
            "feast: by_country, at: 09:00", ["country": example.words[0]], from: at("2027-01-01"), through: at("2028-01-01"))
        let names = found.compactMap { FeastTrigger.feast(ofOccasion: $0.key.occasion)?.name }
        #expect(names.sorted() == example.answer.sorted())
    }

    // MARK: Clocks and schedules

    @Test(arguments: examples("wall"))
    func occasionsMoveOutOfGaps(example: Example) throws {
        let due = try at(example.answer[0])
        let found = try owed(
            "schedule: \"\(example.words[0])\", at: \(example.words[1])", ["time_zone": example.after("in")], from: due - .days(3),
            through: due + .days(3))
        #expect(found.map(\.dueAt) == [due])
    }

    @Test(arguments: examples("next"))
    func schedules(example: Example) throws {
        let expression = example.until("after")
        guard example.answer != ["never"] else {
            let result = Shop.load(rules: "a: {purpose: care, when: {schedule: \"\(expression)\"}, send: x}")
            #expect(Shop.lines(result).contains { $0.contains("no such day comes") })
            return
        }
        let (from, due) = (try at(example.after("after")), try at(example.answer[0]))
        let found = try owed(
            "schedule: \"\(expression)\"", ["time_zone": example.after("in")], from: from + TimeSpan(microseconds: 1),
            through: due + .hours(1))
        #expect(found.first?.dueAt == due)
    }

    @Test(arguments: examples("normal", "refused"))
    func expressions(example: Example) {
        let expression = example.words.joined(separator: " ")
        let result = Shop.load(rules: "a: {purpose: care, when: {schedule: \"\(expression)\"}, send: x}")
        let errors = result.mistakes.filter { $0.severity == .error }
        guard example.verb == "refused" else { return #expect(errors == []) }
        let place = example.answer[1].filter { $0 != ":" }
        #expect(errors.count == 1)
        #expect(errors.allSatisfy { $0.message.contains("(at character \(place))") })
    }

    // MARK: Business hours

    @Test(arguments: examples("deadline"))
    func deadlines(example: Example) throws {
        let days = example.words[0].split(separator: ".").joined(separator: "-")
        let (span, isAfter) = (example.words[2], example.words[3] == "after")
        let house = house(zone: example.after("in"), more: "hours: {\(days): \(example.words[1])}") + """
            events: {complaint: {query: SELECT 1, done: solved_at is present}}
            people: {manager: {name: Maria, email: maria@shop.example}}

            """
        let step = isAfter ? "limit" : "\(span) before limit"
        let rule = """
            rule:
              purpose: care
              when: {event: complaint}
              promise: {answer_within: \(isAfter ? span : "1min"), clock: business}
              steps: [{at: \(step), tell: manager, card: card}]
            """
        // A rung before the beginning of so short a promise is warned of.
        let result = Shop.load(["regards.yaml": house, "rules.d/rule.yaml": rule])
        let book = try #require(result.configuration?.ruleBook, "\(Shop.lines(result))")
        let instant = try at(example.after(isAfter ? "after" : "before"))
        let event = isAfter
            ? Event(kind: "complaint", id: "1", customer: nil, at: instant)
            : Event(kind: "complaint", id: "1", customer: nil, at: instant - .days(30), limits: ["rule": instant])
        var planner = Planner(book: book, zones: Shop.zones, countries: CountryZones())
        let found = planner.candidates(ofEvent: Facts(customer: nil, event: event, eventRecord: nil), rule: 0)
        #expect(found.map(\.outreach.dueAt.description) == example.answer)
    }

    @Test func noExampleIsLeftOut() {
        let counts = [
            DatePolicyTests.examples("birthday", "occasion", "monthly", "occasion-monthly", "lunar-birthday", "lunar-occasion"),
            DatePolicyTests.examples("feast", "feast-rule"), DatePolicyTests.examples("country"), DatePolicyTests.examples("wall"),
            DatePolicyTests.examples("next"), DatePolicyTests.examples("normal", "refused"), DatePolicyTests.examples("deadline"),
        ].map(\.count)
        #expect(counts.allSatisfy { $0 >= 4 }, "\(counts)")
        print("docs/dates.md: \(counts.reduce(0, +)) examples written as rules")
    }

    // MARK: docs/rules.md

    /// The rules of the page that hang on dates are planned, each for a customer who has all of their columns.
    @Test func everyDateRuleOfThePageFallsSomeDay() throws {
        let columns = [
            "birthday": "1977-05-05", "customer_since": "2017-06-12", "contract_starts_at": "2020-03-01", "partner_birthday": "1980-08-08",
            "partner_calendar": "lunar", "country": "CN", "birthday_calendar": "lunar", "feasts": "christmas",
            "lease_ends_at": "2027-08-31", "wedding_day": "2002-09-14",
        ]
        let page = String(decoding: Fixture.bytes("\(Fixture.repository)/docs/rules.md") ?? [], as: UTF8.self)
        var planned: [String] = []
        for part in page.components(separatedBy: "```yaml\n").dropFirst() {
            let snippet = part.components(separatedBy: "```\n")[0]
            let result = Shop.load(rules: snippet)
            let book = try #require(result.configuration?.ruleBook, "\(Shop.lines(result))")
            var customer = Customer(schema: book.customers)
            customer.record.set(CustomerColumn.id.rawValue, text: "1")
            for (name, text) in columns { if let slot = book.customers.columns.slot(name) { customer.record.set(slot, text: text) } }
            var planner = Planner(book: book, zones: Shop.zones, countries: CountryZones())
            let place = planner.zone(of: customer)
            let zone = try #require(place)
            let from = try at("2027-01-01")
            for index in book.rules.indices {
                switch book.rules[index].trigger {
                case .event, .segment, .idle: continue
                case .anniversary, .schedule, .feast, .date, .on: break
                }
                var count = 0
                let window = PlanWindow(from: from, through: from + .days(366), plannedThrough: from)
                #expect(planner.candidates(of: customer, zone: zone, rule: index, in: window) { _ in count += 1 })
                #expect(count > 0, "\(book.rules[index].name)")
                planned.append(book.rules[index].name)
            }
        }
        for name in ["month-by-month", "round-birthday", "lunar-birthday", "partner-birthday", "festival", "founding-day", "season"] {
            #expect(planned.contains(name))
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
