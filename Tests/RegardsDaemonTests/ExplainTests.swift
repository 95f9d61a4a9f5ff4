import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

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

    static let crowded = """
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
}
