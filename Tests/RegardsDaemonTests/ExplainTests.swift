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
        try shop.card("---\nsubject: Today\n---\n<p>Calls</p>\n", name: "day-list")
        if !rules.isEmpty { try shop.rules(rules, file: "rules") }
        try shop.card("---\nsubject: Today\n---\n<p>{{business.name}}</p>\n", name: "day-list")
        return shop
    }
}

/// A shop, and what is told about its customers.
private struct Asked {
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
private struct Told {
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
private func same<Value: Equatable>(_ found: Value, _ expected: Value, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(found == expected, sourceLocation: sourceLocation)
}

@Suite("An explanation")
struct ExplainTests {
    private static let birthday = "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}"

    // MARK: What is not owed

    @Test("names the condition that decided, and every value that was seen")
    func conditions() throws {
        let asked = try Asked(
            """
            big-spender:
              purpose: greeting
              when: {schedule: "*-*-20", at: 10:00}
              where: [email is present, total_spent >= 1000, {any: [points > 5, country is CN]}, {not: last_order_at within 30d}]
              send: birthday
            far-away: {purpose: greeting, when: {schedule: "*-*-21", at: 10:00}, where: {any: [country is CN, country is US]}, send: birthday}
            """)
        try asked.shop.addCustomer(1)
        try asked.shop.sql("UPDATE customers SET spent = 300, points = 9, last_order_at = '2027-01-02'")
        let told = try asked.explain(at: "2027-05-04T06:00:00Z")
        same(try told.verdict("big-spender"), "not due Thu 2027-05-20 10:00: total_spent >= 1000 does not hold (300)")
        same(
            try told.details("big-spender", "where", "then"), [
                "where: yes  email is present              c1@mail.example",
                "where: no   total_spent >= 1000           300",
                "where: yes  any of",
                "where: yes    points > 5                  9",
                "where: no     country is CN               empty",
                "where: yes  not last_order_at within 30d  2027-01-02",
                "then: none of 13 occasions until 2028-06-04 goes, as things stand",
            ])
        same(try told.verdict("far-away"), "not due Fri 2027-05-21 10:00: none of these holds: country is CN, country is US")
    }

    @Test("says what forbids it: consent, do_not_contact, no address, a sample, a switch, a period")
    func forbidden() throws {
        let asked = try Asked(
            """
            card: {purpose: greeting, when: {schedule: "*-*-20", at: 10:00}, send: birthday}
            offer: {purpose: marketing, when: {schedule: "*-*-20", at: 10:00}, send: birthday}
            one-in-a-million: {purpose: care, when: {schedule: "*-*-20", at: 10:00}, sample: 0.0001%, send: birthday}
            off: {purpose: care, when: {schedule: "*-*-20", at: 10:00}, enabled: no, send: birthday}
            over: {purpose: care, when: {schedule: "*-*-20", at: 10:00}, active: {to: 2026-12-31}, send: birthday}
            passed: {purpose: care, when: {on: 2026-06-12, at: 10:00}, send: birthday}
            wants-birthday: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}
            """)
        try asked.shop.addCustomer(1, birthday: "1980-02-30")
        try asked.shop.addCustomer(2)
        try asked.shop.sql("UPDATE customers SET silent = 1, email = 'nobody' WHERE id = 2")
        let told = try asked.explain(at: "2027-05-04T06:00:00Z")
        same(try told.verdict("card"), "due Thu 2027-05-20 10:00")
        same(try told.verdict("offer"), "not due Thu 2027-05-20 10:00: there is no consent (consent_marketing)")
        same(try told.verdict("one-in-a-million"), "not due Thu 2027-05-20 10:00: not in the rule's sample")
        same(try told.verdict("off"), "nothing to come: the rule is switched off (enabled: no)")
        same(try told.verdict("over"), "nothing to come: the rule was active to 2026-12-31")
        same(try told.verdict("passed"), "nothing to come: 2026-06-12 is over")
        same(try told.verdict("wants-birthday"), "nothing to come: birthday (1980-02-30) is no date")
        let second = try asked.explain("2", at: "2027-05-04T06:00:00Z")
        same(try second.verdict("card"), "not due Thu 2027-05-20 10:00: there is no usable address (email)")
        same(try second.verdict("wants-birthday"), "nothing to come: birthday is empty")
        #expect(second.profile.contains("contact: do_not_contact (1) stops all but care"))
        #expect(second.profile.contains("contact: email (nobody) is no mail address that can be used: no mail"))
        try asked.shop.sql("UPDATE customers SET email = 'c2@mail.example'")
        same(
            try asked.explain("2", at: "2027-05-04T06:00:00Z").verdict("card"), "not due Thu 2027-05-20 10:00: the customer wants no contact (do_not_contact)")
    }

    @Test("an address that asked for no more")
    func suppressed() async throws {
        let asked = try Asked(Self.birthday)
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-04T06:00:00Z"))
        try daemon.outbox.suppress(
            ExplainShop.hash.of(try Address("c1@mail.example")), .unasked, reason: .request, now: try at("2027-05-01T06:00:00Z"))
        let told = try asked.explain("1", daemon.outbox, at: "2027-05-04T06:00:00Z")
        same(try told.verdict("birthday-card"), "not due Thu 2027-05-20 09:00: the address gets no more of this")
        #expect(
            told.profile.contains(
                "contact: the address gets no more greeting, marketing and survey since Sat 2027-05-01 08:00: they asked for no more"))
        try await daemon.stop()
    }

    @Test("the clock, and how it is known; without one nothing is planned")
    func clocks() throws {
        let asked = try Asked(Self.birthday)
        for (id, zone) in [(1, "Asia/Shanghai"), (2, nil), (3, nil), (4, "Mars/Base")] {
            try asked.shop.addCustomer(id, birthday: "1980-05-20", zone: zone)
        }
        try asked.shop.sql("UPDATE customers SET country = 'Japan' WHERE id = 2")
        func clock(_ id: String) throws -> String? {
            try asked.explain(id, at: "2027-05-04T06:00:00Z").profile.first { $0.hasPrefix("clock") }
        }
        same(try clock("1"), "clock: Tue 2027-05-04 14:00 Asia/Shanghai, as time_zone says")
        same(try clock("2"), "clock: Tue 2027-05-04 15:00 Asia/Tokyo, the only one in their country")
        same(
            try clock("3"), "clock: Tue 2027-05-04 08:00 Europe/Berlin, the business's: time_zone is empty, and their country has several or is not known")
        same(try clock("4"), "clock: Tue 2027-05-04 08:00 Europe/Berlin, the business's: time_zone (Mars/Base) names no zone of tzdata")
        same(
            try asked.explain("4", at: "2027-05-04T06:00:00Z").verdict("birthday-card"), "nothing to come: time_zone (Mars/Base) names no zone of tzdata")
    }

    @Test("a customer whom nobody knows is an error")
    func unknown() throws {
        let asked = try Asked(Self.birthday)
        #expect(throws: TrialError.self) { try asked.explain("99", at: "2027-05-04T06:00:00Z") }
    }

    // MARK: What gives way

    private static let crowded = """
        offer: {purpose: marketing, when: {schedule: "*-*-20", at: 08:00}, if_late: {grace: 60d}, send: birthday}
        late-offer: {purpose: marketing, when: {schedule: "*-*-21", at: 08:00}, send: birthday}
        birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}
        """

    @Test("a budget's state, who took the room and why, and when there is room again")
    func budgets() async throws {
        let asked = try Asked(Self.crowded, extra: "limits: {budgets: {overall: 1 per 10d, marketing: 1 per 14d}}")
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        try asked.shop.sql("UPDATE customers SET advertise = 1")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-19T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-19T06:00:00Z")
        let before = try asked.explain("1", daemon.outbox, at: "2027-05-19T06:00:00Z")
        same(try before.verdict("birthday-card"), "due Thu 2027-05-20 09:00")
        let why = "overall: 1 per 10d; birthday-card on 2027-05-20 goes first"
        same(
            try before.verdict("offer"), "due Sun 2027-05-30 09:00, put off from Thu 2027-05-20 08:00: \(why)")
        same(
            try before.details("offer", "put off", "because"), [
                "put off: Thu 2027-05-20 08:00: \(why)", "because: birthday-card has priority 60, this rule 20",
            ])
        same(
            try before.verdict("late-offer"), "skipped Fri 2027-05-21 08:00: no room before it is too late: \(why)")
        same(try before.details("late-offer", "then"), ["then: none of 13 occasions until 2028-06-19 goes, as things stand"])
        #expect(before.profile.contains("budgets: overall: 1 per 10d: nothing used"))
        try await daemon.cleanPass(at: "2027-05-20T07:00:00Z")
        let after = try asked.explain("1", daemon.outbox, at: "2027-05-20T08:00:00Z")
        #expect(
            after.profile.contains(
                "budgets: overall: 1 per 10d: 1 used, by birthday-card Thu 2027-05-20 09:00; room again from Sun 2027-05-30 09:00"))
        #expect(after.profile.contains("budgets: marketing: 1 per 14d: nothing used"))
        same(try after.verdict("birthday-card"), "due Sat 2028-05-20 09:00")
        same(
            try after.verdict("offer"), "due Sun 2027-05-30 09:00, put off from Thu 2027-05-20 10:00: overall: 1 per 10d; birthday-card on 2027-05-20 went first")
        try await daemon.stop()
    }

    @Test("a rule that takes another's place")
    func replaced() throws {
        let asked = try Asked(
            """
            monthly: {purpose: greeting, when: {schedule: "*-*-20", at: 10:00}, send: birthday}
            birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, instead_of: monthly, send: birthday}
            """)
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        let told = try asked.explain(at: "2027-05-04T06:00:00Z")
        same(try told.verdict("monthly"), "skipped Thu 2027-05-20 10:00: birthday-card takes its place that day")
        same(try told.details("monthly", "then"), ["then: due Sun 2027-06-20 10:00"])
    }

    @Test("quiet hours and a spread move a message, and the time that was meant is told")
    func moved() throws {
        let asked = try Asked(
            """
            night: {purpose: greeting, when: {schedule: "*-*-20", at: 22:30}, if_late: {grace: 1d}, send: birthday}
            wide: {purpose: care, when: {schedule: "*-*-20", at: 10:00, spread: 6h}, send: birthday}
            """, extra: "limits: {quiet: {hours: 21:00-08:00}}")
        try asked.shop.addCustomer(1)
        let told = try asked.explain(at: "2027-05-04T06:00:00Z")
        same(try told.verdict("night"), "due Fri 2027-05-21 08:00")
        same(try told.details("night", "moved"), ["moved: from Thu 2027-05-20 22:30 by quiet times"])
        same(try told.details("wide", "moved"), ["moved: from Thu 2027-05-20 10:00 by the spread over 6h"])
    }

    // MARK: What holds

    @Test("an open complaint and pauses hold, and say what releases")
    func held() async throws {
        let asked = try Asked(
            "\(Self.birthday)\nmonthly: {purpose: greeting, when: {schedule: \"*-*-20\", at: 10:00}, send: birthday}")
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try asked.shop.complain(7, customer: 1, at: try at("2027-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        let open = try asked.explain("1", daemon.outbox, at: "2027-05-04T08:00:00Z")
        same(try open.verdict("birthday-card"), "held Thu 2027-05-20 09:00: waits while a complaint is open")
        #expect(open.profile.contains("open: complaint 7 since Tue 2027-05-04 09:00; greeting and marketing wait"))
        try asked.shop.sql("UPDATE complaints SET solved_at = '2027-05-04T08:00:00Z'")
        try await daemon.cleanPass(at: "2027-05-04T09:00:00Z")
        let pause = try daemon.outbox.addPause(
            .rule("birthday-card"), until: nil, reason: "new pictures", now: try at("2027-05-04T09:00:00Z"))
        _ = try daemon.outbox.addPause(
            .customer("1"), until: try at("2027-05-10T09:00:00Z"), reason: "on a journey", now: try at("2027-05-04T09:00:00Z"))
        let paused = try asked.explain("1", daemon.outbox, at: "2027-05-04T09:00:00Z")
        same(try paused.verdict("birthday-card"), "held Thu 2027-05-20 09:00: waits until a pause ends: new pictures")
        same(try paused.verdict("monthly"), "due Thu 2027-05-20 10:00")
        #expect(
            paused.profile.contains(
                "paused: this customer since Tue 2027-05-04 11:00 until Mon 2027-05-10 11:00: on a journey"))
        // A row that is held when the pause has just been lifted.
        try await daemon.cleanPass(at: "2027-05-20T07:00:00Z")
        try daemon.outbox.liftPause(pause.id, now: try at("2027-05-20T07:00:01Z"))
        same(
            try asked.explain("1", daemon.outbox, at: "2027-05-20T07:00:02Z").verdict("birthday-card"), "held Thu 2027-05-20 09:00: waits until a pause ends; nothing holds it any more, so the daemon lets it go")
        try await daemon.stop()
    }

    @Test("a rule that waits for approval, and a day on which far more is due than was planned")
    func guarded() async throws {
        let asked = try Asked(Self.birthday, guards: "{new_rule: 1, day: 3 x planned}")
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        try asked.shop.addCustomer(2, birthday: "1980-05-20")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        func verdict() throws -> String {
            try asked.explain("1", daemon.outbox, at: "2027-05-04T06:00:00Z").verdict("birthday-card")
        }
        same(try verdict(), "held Thu 2027-05-20 09:00: waits until the rule is approved: regards approve")
        let rule = try #require(try asked.shop.assembly().book.rules.first)
        try daemon.outbox.approve(rule: rule.name, hash: rule.hash, now: try at("2027-05-04T06:00:00Z"))
        same(try verdict(), "due Thu 2027-05-20 09:00")
        try daemon.outbox.updateGuardFigures { $0.trippedSince = Instant(seconds: 0) }
        same(
            try verdict(),
            "held Thu 2027-05-20 09:00: far more is due today than was planned; waits for regards approve --day")
        // In a rehearsal there is nothing to guard.
        try daemon.outbox.setLiveMachine(nil, now: try at("2027-05-04T06:00:00Z"))
        same(try verdict(), "due Thu 2027-05-20 09:00")
        let told = try asked.explain("1", daemon.outbox, at: "2027-05-04T06:00:00Z")
        #expect(told.profile.contains("mode: rehearsing: what is due is made, and not sent"))
        try await daemon.stop()
    }

    // MARK: The past

    @Test("what happened to past messages, newest first, with attempts and codes, as many as asked for")
    func history() async throws {
        let asked = try Asked("monthly: {purpose: greeting, when: {schedule: \"*-*-20\", at: 10:00}, if_late: {grace: 5h}, send: birthday}")
        try asked.shop.addCustomer(1)
        let channel = ScriptedChannel(.delivered)
        let daemon = try TestDaemon(asked.shop, now: try at("2027-02-04T06:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-02-04T06:00:00Z")
        try await daemon.cleanPass(at: "2027-02-20T09:00:00Z")
        channel.answer(.refused(.recipientRefused))
        try await daemon.cleanPass(at: "2027-03-20T09:00:00Z")
        try await daemon.cleanPass(at: "2027-04-20T15:00:00Z")
        channel.answer(.deferred(.temporary, notBefore: try at("2027-05-20T09:00:00Z")))
        try await daemon.cleanPass(at: "2027-05-20T08:00:00Z")
        let told = try asked.explain("1", daemon.outbox, at: "2027-05-20T08:10:00Z")
        same(
            try told.verdict("monthly"), "due Thu 2027-05-20 10:10: the relay could not take it yet; again not before Thu 2027-05-20 11:00")
        same(
            try told.details("monthly", "history"), [
                "history: skipped Tue 2027-04-20 10:00: too late by then, occasion 2027-04-20",
                "history: failed Sat 2027-03-20 10:00: the relay refused the recipient, occasion 2027-03-20, card birthday, "
                    + "attempt 1 refused 2027-03-20 10:00:00: the relay refused the recipient",
                "history: sent Sat 2027-02-20 10:00, occasion 2027-02-20, card birthday, attempt 1 delivered 2027-02-20 10:00:00",
            ])
        same(try asked.explain("1", daemon.outbox, at: "2027-05-20T08:10:00Z", history: 1).story("monthly").history.count, 1)
        #expect(try asked.explain("1", daemon.outbox, at: "2027-05-20T08:10:00Z", history: 0).story("monthly").history.isEmpty)
        try await daemon.stop()
    }

    @Test("yesterday: by the ledger where it knows, else by today's data")
    func yesterday() async throws {
        let asked = try Asked(
            """
            monthly: {purpose: greeting, when: {schedule: "*-*-20", at: 10:00}, where: total_spent >= 1000, send: birthday}
            birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}
            """)
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        try asked.shop.sql("UPDATE customers SET spent = 300")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-18T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-18T06:00:00Z")
        try await daemon.cleanPass(at: "2027-05-20T08:00:00Z")
        let then = try asked.explain("1", daemon.outbox, at: "2027-05-19T22:00:00Z", now: "2027-05-21T06:00:00Z")
        same(try then.verdict("birthday-card"), "sent Thu 2027-05-20 09:00")
        same(try then.verdict("monthly"), "not due Thu 2027-05-20 10:00: total_spent >= 1000 does not hold (300)")
        // And asked today.
        let today = try asked.explain("1", daemon.outbox, at: "2027-05-21T06:00:00Z")
        same(
            try today.details("monthly", "last"), ["last: Thu 2027-05-20 10:00 nothing went, by today's data: total_spent >= 1000 does not hold (300)"])
        same(try today.details("birthday-card", "last"), [])
        try asked.shop.sql("UPDATE customers SET spent = 3000")
        same(
            try asked.explain("1", daemon.outbox, at: "2027-05-21T06:00:00Z").details("monthly", "last"), ["last: Thu 2027-05-20 10:00 nothing went: the customer was added or changed after it, or no daemon ran"])
        same(
            try asked.explain("1", daemon.outbox, at: "2027-05-19T22:00:00Z", now: "2027-05-21T06:00:00Z").verdict("monthly"), "due Thu 2027-05-20 10:00, by today's data, and the outbox has no row of it")
        same(
            try asked.explain("1", daemon.outbox, at: "2027-05-18T06:00:00Z").details("monthly", "last"), ["last: Tue 2027-04-20 10:00 was before the rule was first seen, Tue 2027-05-18 08:00"])
        try await daemon.stop()
    }

    @Test("a moment to come, with what is sent until then")
    func tomorrow() throws {
        let asked = try Asked(Self.crowded, extra: "limits: {budgets: {overall: 1 per 10d}}")
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        try asked.shop.sql("UPDATE customers SET advertise = 1")
        let told = try asked.explain(at: "2027-05-21T00:00:00Z", now: "2027-05-04T06:00:00Z")
        #expect(
            told.profile.contains(
                "budgets: overall: 1 per 10d: 1 used, by birthday-card Thu 2027-05-20 09:00; room again from Sun 2027-05-30 09:00"))
        same(try told.verdict("birthday-card"), "due Sat 2028-05-20 09:00")
        #expect(try told.verdict("late-offer").hasPrefix("skipped Fri 2027-05-21 08:00: "))
    }

    @Test("rows of a rule that is in no file any more")
    func former() async throws {
        let asked = try Asked("\(Self.birthday)\nother: {purpose: care, when: {on: 2029-01-01, at: 10:00}, send: birthday}")
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-18T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-18T06:00:00Z")
        try await daemon.cleanPass(at: "2027-05-20T08:00:00Z")
        try asked.shop.rules("other: {purpose: care, when: {on: 2029-01-01, at: 10:00}, send: birthday}", file: "rules")
        let told = try asked.explain("1", daemon.outbox, at: "2027-05-21T06:00:00Z")
        #expect(told.explanation.former.map(\.row.key.rule) == ["birthday-card"])
        same(try told.verdict("other"), "nothing to come until 2028-06-21")
        try await daemon.stop()
    }

    // MARK: Events

    @Test("each event of a rule with its limit, what was sent and what is due")
    func events() async throws {
        let asked = try Asked()
        try asked.shop.rules(try TestShop.text("\(TestShop.fixtures)/rules/complaints.yaml"), file: "complaints")
        try asked.shop.addCustomer(1)
        try asked.shop.complain(3, customer: 1, at: try at("2027-05-01T07:00:00Z"))
        same(
            try asked.explain(at: "2027-05-04T06:00:00Z").verdict("complaint-care"), "nothing to come: no daemon has run yet: events that are there by then are taken as known, and send nothing")
        let daemon = try TestDaemon(asked.shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try asked.shop.complain(7, customer: 1, at: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        // Nobody takes up what comes now.
        try await daemon.stop()
        let outbox = try SQLiteOutbox.openForCommand(path: asked.shop.state, access: .read)
        try asked.shop.complain(8, customer: 1, at: try at("2027-05-04T09:00:00Z"))
        let told = try asked.explain("1", outbox, at: "2027-05-04T09:00:00Z")
        same(try told.verdict("complaint-care"), "complaint 7, tell-manager: due Wed 2027-05-05 04:00")
        same(
            try told.details("complaint-care", "events"), [
                "events: complaint 7 of Tue 2027-05-04 10:00, open, to be answered by Wed 2027-05-05 10:00",
                "events:   send             sent Tue 2027-05-04 10:00, to c1@mail.example",
                "events:   tell-advisor     sent Tue 2027-05-04 10:00, to Ana Lima, advisor",
                "events:   tell-manager     due Wed 2027-05-05 04:00, to Mia Muller, manager",
                "events:   tell-director    due Wed 2027-05-05 10:00, to Dirk Dahl, director",
                "events:   tell-director#2  due Thu 2027-05-06 10:00, to Dirk Dahl, director",
                "events:   tell-director#3  due Fri 2027-05-07 10:00, to Dirk Dahl, director",
                "events: complaint 3 of Sat 2027-05-01 09:00, open, limit was Sun 2027-05-02 09:00: it was there before the rule was first seen, on 2027-05-04",
                "events: complaint 8 of Tue 2027-05-04 11:00, open: the daemon has not taken it up yet",
            ])
        try asked.shop.sql("UPDATE complaints SET answered_at = '2027-05-04T09:30:00Z' WHERE id = 7")
        same(
            try asked.explain("1", outbox, at: "2027-05-04T10:00:00Z").details("complaint-care", "events")[3], "events:   tell-manager     not due Wed 2027-05-05 04:00: the event is over (complaint.answered_at is present), "
                + "to Mia Muller, manager")
    }

    // MARK: Segments, series, steps

    @Test("segments with their bounds and the customer's value")
    func segments() throws {
        let asked = try Asked(
            "welcome: {purpose: greeting, when: {becomes: gold}, send: birthday}",
            extra: """
                segments:
                  gold: {top: 50%, by: total_spent}
                  recency: {classes: 2, by: last_order_at}
                  regulars: {where: [points >= 5, segment is gold]}
                """)
        for id in 1...4 { try asked.shop.addCustomer(id) }
        try asked.shop.sql("UPDATE customers SET spent = id * 100, points = 9, last_order_at = '2027-01-0' || id")
        same(
            try asked.explain("3", at: "2027-05-04T06:00:00Z").profile.filter { $0.hasPrefix("segments") }, [
                "segments: gold: yes; total_spent is 300, top 50% from 300",
                "segments: recency: class 2 of 2; last_order_at is 2027-01-03, 2 classes from 2027-01-03",
                "segments: regulars: yes", "segments:   yes  points >= 5      9", "segments:   yes  segment is gold  yes",
            ])
        let first = try asked.explain("1", at: "2027-05-04T06:00:00Z")
        #expect(first.profile.contains("segments: gold: no; total_spent is 100, top 50% from 300"))
        same(try first.verdict("welcome"), "nothing to come: waits until the customer comes into gold")
        same(
            try asked.explain("3", at: "2027-05-04T06:00:00Z").verdict("welcome"), "nothing to come: the customer belongs to gold already")
    }

    @Test("every step of a rule with several, and the list that stands in for a message")
    func steps() throws {
        let asked = try Asked(
            """
            birthday-with-notice:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              from: advisor
              unreachable: {list: calls, for: advisor}
              steps:
              - {send: birthday}
              - {at: 7d before start, tell: advisor, card: birthday, name: notice}
            """)
        try asked.shop.addCustomer(1, birthday: "1980-05-20")
        try asked.shop.addCustomer(2, birthday: "1980-05-20")
        try asked.shop.sql("UPDATE customers SET email = NULL WHERE id = 2")
        same(
            try asked.explain("1", at: "2027-05-04T06:00:00Z").details("birthday-with-notice", "steps"), [
                "steps: notice  due Thu 2027-05-13 09:00", "steps:     card birthday to Ana Lima, advisor, signed by Ana Lima, however late",
                "steps: send  due Thu 2027-05-20 09:00",
                "steps:     card birthday to c1@mail.example, signed by Ana Lima, until Fri 2027-05-21 00:00",
            ])
        let second = try asked.explain("2", at: "2027-05-04T06:00:00Z")
        same(
            try second.details("birthday-with-notice", "steps").filter { !$0.hasPrefix("steps:     ") }, [
                "steps: notice  due Thu 2027-05-13 09:00",
                "steps: send  not due Thu 2027-05-20 09:00: there is no usable address (email)",
                "steps: unreachable  due Thu 2027-05-20 09:00",
            ])
        #expect(second.profile.contains("contact: email is empty: no mail"))
    }

    // MARK: Words

    @Test("every reason that the ledger keeps has words of its own")
    func words() {
        let skips: [SkipReason] = [
            .late, .rehearsed, .redirected, .baseline, .budget(lostTo: "a"), .replaced(by: "a"), .sameAddress,
        ]
        let holds: [HoldReason] = [.eventOpen(kind: "complaint"), .inDoubt, .paused, .approval, .guardDay, .customersMissing]
        let all = skips.map(\.words) + holds.map(\.words) + CancelReason.allCases.map(\.words)
            + DeferralReason.allCases.map(\.words) + RefusalReason.allCases.map(\.words)
        #expect(Set(all).count == all.count)
        #expect(all.allSatisfy { $0.count > 5 && $0.first?.isUppercase == false })
        let plan = PlannedOutreach(
            key: OutreachKey(customer: "1", rule: "r", occasion: "o", step: "s", recipient: "customer/0"),
            dueAt: Instant(seconds: 0), expiresAt: nil, zone: "UTC", localDate: CivilDate(dayNumber: 0),
            localTime: WallTime(hour: 9, minute: 0)!, channel: .mail, lane: .rest, ruleHash: 0)
        func words(_ state: OutreachState, _ reason: String) -> String {
            ReasonWords.of(Outreach(id: 1, plan: plan, state: state, reason: reason))
        }
        #expect(words(.skipped, "budget:spring-offer") == "no room in a budget: spring-offer goes first")
        #expect(words(.held, "open:complaint") == "waits while a complaint is open")
        #expect(words(.failed, "too-large") == "the message is too large for the relay")
        #expect(words(.cancelled, "event-ended") == "the event is over")
        #expect(words(.sent, "") == "")
        // What a later version wrote is shown as it is.
        #expect(words(.skipped, "moonlight") == "moonlight")
    }
}
