import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What an explanation says of the past, of events, and of segments and steps.
@Suite("An explanation of what was")
struct ExplainHistoryTests {
    private static let birthday = "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}"

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
        let asked = try Asked(ExplainTests.crowded, extra: "limits: {budgets: {overall: 1 per 10d}}")
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
