import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A shop with more columns than most.
enum ExplainShop {
    /// As `TestDaemon` has it.
    static let hash = AddressHash(key: AddressHash.Key(first: 1, second: 2))

    static func make(_ rules: String, extra: String = "", guards: String = "{new_rule: off}") throws -> TestShop {
        var settings = TestShop.Settings()
        settings.guards = guards
        settings.query = """
            SELECT c.id, c.name, c.given_name, c.email, c.locale, c.time_zone, c.birthday, c.points, c.country, c.spent AS total_spent,
                   c.last_order_at, c.silent AS do_not_contact, c.greet AS consent_greeting, c.advertise AS consent_marketing,
                   s.email AS advisor_email, s.name AS advisor_name
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id
            """
        settings.extra = extra
        let shop = try TestShop(rules: [], settings)
        try shop.sql(
            """
            ALTER TABLE customers ADD COLUMN country TEXT; ALTER TABLE customers ADD COLUMN spent REAL;
            ALTER TABLE customers ADD COLUMN last_order_at TEXT; ALTER TABLE customers ADD COLUMN silent INTEGER;
            ALTER TABLE customers ADD COLUMN greet INTEGER; ALTER TABLE customers ADD COLUMN advertise INTEGER;
            """)
        if !rules.isEmpty { try shop.rules(rules, file: "rules") }
        try shop.card("---\nsubject: Today\n---\n<p>{{business.name}}</p>\n", name: "day-list")
        return shop
    }
}

/// A shop, and what is told about its customers.
struct Asked {
    let shop: TestShop

    init(_ rules: String = "", extra: String = "", guards: String = "{new_rule: off}") throws {
        shop = try ExplainShop.make(rules, extra: extra, guards: guards)
    }

    func explain(
        _ customer: String = "1", _ outbox: (any Outbox)? = nil, at text: String, now: String? = nil, rule: String? = nil,
        history: Int = 3
    ) throws -> Told {
        let assembly = try shop.assembly()
        var explainer = Explainer(
            assembly: assembly, source: try Workshop.source(assembly), outbox: outbox, hash: ExplainShop.hash)
        return Told(
            try explainer.explain(
                customer, rule: rule, at: try RegardsDaemonTests.at(text), now: try RegardsDaemonTests.at(now ?? text),
                history: history))
    }
}

/// An explanation as it is read.
struct Told {
    let explanation: Explanation
    private let words: ExplanationWords

    init(_ explanation: Explanation) {
        self.explanation = explanation
        words = ExplanationWords(explanation)
    }

    var profile: [String] { words.profile.map { "\($0.label): \($0.text)" } }

    func verdict(_ rule: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        words.verdict(try story(rule, sourceLocation))
    }

    /// The details with these labels; all where none is given.
    func details(_ rule: String, _ labels: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
        words.details(try story(rule, sourceLocation)).filter { labels.isEmpty || labels.contains($0.label) }
            .map { "\($0.label): \($0.text)" }
    }

    func story(_ rule: String, _ sourceLocation: SourceLocation = #_sourceLocation) throws -> Explanation.RuleStory {
        try #require(explanation.rules.first { $0.name == rule }, sourceLocation: sourceLocation)
    }
}

/// As `#expect(found == expected)`, which shows nothing of an expression with `try`.
func same<Value: Equatable>(_ found: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(found == expected, sourceLocation: sourceLocation)
}
