import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// What a car dealer would want to say to customers, in Tests/Fixtures/dealer, can be said.
@Suite struct DealerTests {
    private static let folder = Fixture.repository + "/Tests/Fixtures/dealer"

    private static func load() -> LoadResult {
        ConfigurationLoader(environment: [:], zones: Shop.zones).load(file: folder + "/regards.yaml")
    }

    @Test func everythingIsReadWithoutAWord() throws {
        let result = DealerTests.load()
        #expect(Shop.lines(result) == [])
        let book = try #require(result.configuration?.ruleBook)
        #expect(book.rules.count >= 40)
        #expect(book.segments.map(\.name) == ["gold", "recency", "loyal", "regulars"])
    }

    @Test func everyTriggerVerbAndPurposeIsUsed() throws {
        let rules = try #require(DealerTests.load().configuration?.ruleBook.rules)
        var triggers: Set<String> = []
        for rule in rules {
            switch rule.trigger {
            case .anniversary: triggers.insert("anniversary")
            case .schedule: triggers.insert("schedule")
            case .feast(let trigger): if case .named = trigger.choice { triggers.insert("feast") } else { triggers.insert("by_country") }
            case .date: triggers.insert("date")
            case .on: triggers.insert("on")
            case .idle(let trigger): if case .fixed = trigger.length { triggers.insert("idle") } else { triggers.insert("usual") }
            case .segment(let trigger): triggers.insert(trigger.change.rawValue)
            case .event(let trigger): if case .day = trigger.start { triggers.insert("event date") } else { triggers.insert("event") }
            }
        }
        #expect(
            triggers == [
                "anniversary", "schedule", "feast", "by_country", "date", "on", "idle", "usual", "becomes", "leaves", "event", "event date",
            ])
        #expect(Set(rules.map(\.purpose)) == Set(Purpose.allCases))
        let actions = Set(rules.flatMap(\.steps).map { "\($0.name.prefix { $0 != "-" })" })
        #expect(actions.isSuperset(of: ["send", "tell", "list"]))
    }

    @Test func everyCardIsThere() throws {
        let configuration = try #require(DealerTests.load().configuration)
        let book = configuration.ruleBook
        var names: Set<String> = [book.house.lists.card.text]
        for rule in book.rules { names.formUnion(rule.steps.flatMap(rule.cards)) }
        let files = Set(
            ["", "monthly/"].flatMap { folder in
                Fixture.names(at: "\(configuration.cardsFolder)/\(folder)").filter { $0.hasSuffix(".html") }.map { folder + $0.dropLast(5) }
            })
        #expect(names.subtracting(files) == [])
        #expect(files.subtracting(names) == [])
    }

    /// What happens is told in the order of time, in 2027.
    @Test func theYearIsInOrder() {
        let text = String(decoding: Fixture.bytes(DealerTests.folder + "/happens.sql") ?? [], as: UTF8.self)
        let times = text.split(separator: "\n").filter { $0.hasPrefix("-- 2027-") }.compactMap { Instant($0.dropFirst(3), in: .utc) }
        let statements = text.split(separator: ";").filter { $0.contains("\n") && $0.count > 10 }
        #expect(times.count == statements.count)
        #expect(times == times.sorted())
        #expect(times.count > 25)
    }
}
