import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What explain says of made-up customers is what plan says of them, and what the daemon then does.
@Suite("Explain agrees")
struct ExplainAgreementTests {
    private static let rules = """
        birthday-card:
          purpose: greeting
          when: {anniversary: birthday, at: 09:00}
          where: [{not: {any: [points = 3, [points = 4, total_spent < 500]]}}]
          instead_of: weekly
          if_late: {grace: 10h}
          send: birthday
          unreachable: {list: calls, for: advisor}
        weekly:
          purpose: greeting
          when: {schedule: "Mon,Thu *-*-*", at: 10:00, spread: 5h}
          sample: 70%
          send: {cards: [birthday, complaint-survey], no_repeat: 2 occasions}
        offer:
          purpose: marketing
          when: {schedule: "*-*-3/4", at: 21:30}
          where: [{not: received offer within 5d}, points > 1]
          if_late: {grace: 5d}
          send: birthday
        gold-card: {purpose: greeting, when: {schedule: "Tue *-*-*", at: 08:00}, where: segment is gold, priority: 90, send: birthday}
        welcome: {purpose: greeting, when: {becomes: gold}, send: birthday}
        win-back: {purpose: marketing, when: {idle: last_order_at, for: 20d, every: 4d, at_most: 3}, send: birthday}
        lease: {purpose: care, when: {date: last_order_at, days_after: [10, 21], at: 11:00}, send: birthday}
        """
    private static let limits = """
        segments: {gold: {top: 30%, by: total_spent}}
        limits: {budgets: {overall: 2 per 6d, marketing: 1 per 5d}, quiet: {hours: 21:00-07:30, days: [sun]}}
        """

    private func shop(_ draw: inout SeededGenerator) throws -> TestShop {
        let shop = try ExplainShop.make(Self.rules, extra: Self.limits, guards: "{new_rule: off, day: off}")
        let text = try TestShop.text("\(TestShop.fixtures)/rules/complaints.yaml")
        try shop.rules(text, file: "complaints")
        let zones = ["'Asia/Shanghai'", "'America/Sao_Paulo'", "'Europe/Berlin'", "NULL", "'Pacific/Auckland'"]
        for id in 1...200 {
            let flags = (0..<3).map { _ in ["NULL", "1", "0"].randomElement(using: &draw)! }
            let email = Int.random(in: 0..<12, using: &draw) == 0 ? "NULL" : "'c\(id)@mail.example'"
            let (month, day) = (Int.random(in: 5...6, using: &draw), Int.random(in: 10...30, using: &draw))
            let birthday = Int.random(in: 0..<20, using: &draw) == 0 ? "'none'" : "'1980-0\(month)-\(day)'"
            try shop.sql(
                """
                INSERT INTO customers (id, name, email, time_zone, birthday, points, spent, last_order_at, silent, greet, advertise,
                    advisor_id)
                VALUES (\(id), 'C \(id)', \(email), \(zones.randomElement(using: &draw)!), \(birthday),
                    \(Int.random(in: 0...5, using: &draw)), \(Int.random(in: 0...1000, using: &draw)),
                    '2027-04-\(Int.random(in: 10...30, using: &draw))', \(flags[0] == "1" ? 1 : 0), \(flags[1]), \(flags[2]), 1)
                """)
        }
        return shop
    }

    @Test("with plan and with what is sent: 200 customers, whatever the seed", .timeLimit(.minutes(60)))
    func agree() async throws {
        let seed = SeededGenerator.seed("explain agreement")
        var draw = SeededGenerator(seed: seed)
        let shop = try shop(&draw)
        let start = try at("2027-05-10T05:00:00Z")
        let daemon = try TestDaemon(shop, now: start)
        var moment = start
        var told = 0
        var round = 0
        // Some looks fall on a night, when little is due.
        while round < 2 || told <= 10 && round < 8 {
            defer { round += 1 }
            // Some days as they come, then a look.
            for _ in 0..<Int.random(in: 2...5, using: &draw) {
                moment = moment + .hours(Int64.random(in: 7...19, using: &draw))
                #expect(try await daemon.pass(at: moment) == nil)
            }
            try disturb(shop, round, moment, &draw)
            // Events are taken up first: nobody can know of those to come.
            #expect(try await daemon.pass(at: moment + .minutes(1)) == nil)
            moment = moment + .hours(Int64.random(in: 1...30, using: &draw))
            let predicted = try predict(shop, daemon, moment, seed)
            told += predicted.values.count { $0.word == "due" && $0.at <= moment }
            #expect(try await daemon.pass(at: moment) == nil)
            try compare(predicted, daemon, moment, seed)
            moment = try await liveOn(predicted, daemon, moment, seed)
        }
        #expect(told > 10, "seed \(seed): too little fell due")
        try await daemon.stop()
    }

    /// What waits for time to make its condition true has no row before: the daemon is led to each such moment within two days.
    /// - Returns: the last of them.
    private func liveOn(
        _ predicted: [OutreachKey: Prediction], _ daemon: TestDaemon, _ now: Instant, _ seed: UInt64
    ) async throws -> Instant {
        var moment = now
        let rows = try daemon.rows()
        let foreseen = predicted.filter { key, prediction in
            prediction.word == "due" && prediction.at > now && prediction.at < now + .days(2) && isWaiting(key, prediction, rows, now)
        }
        // Whatever else these customers get goes at its time too: it takes room from the others.
        let customers = Set(foreseen.keys.map(\.customer))
        let last = foreseen.values.map(\.at).max() ?? now
        let moments = predicted.filter { key, prediction in
            prediction.word == "due" && prediction.at > now && prediction.at <= last && customers.contains(key.customer)
        }
        for at in Set(moments.values.map(\.at)).sorted() {
            let keys = foreseen.filter { $0.value.at == at }.keys
            if !keys.isEmpty { #expect(try await daemon.pass(at: at - .seconds(1)) == nil) }
            let before = try daemon.rows()
            #expect(try await daemon.pass(at: at) == nil)
            moment = at
            let after = try daemon.rows()
            // An answer to a complaint may have used up the room, or another may have come.
            for key in keys where !after.contains(where: { isOfComplaint($0, of: key.customer, since: now) }) {
                let found = after.first { $0.key == key }
                let told = after.filter { $0.key.customer == key.customer }.map {
                    "\($0.key.rule) \($0.key.occasion) \($0.standing) \($0.plan.dueAt) \($0.endedAt.map { "\($0)" } ?? "-")"
                }
                let what = "seed \(seed) \(now) \(key), foreseen for \(at): \(told)"
                #expect(before.first { $0.key == key }?.state != .sent, "\(what)")
                #expect(found?.state == .sent && found?.endedAt == at, "\(what)")
            }
        }
        return moment
    }

    private func isOfComplaint(_ row: Outreach, of customer: String, since now: Instant) -> Bool {
        row.key.rule == "complaint-care" && row.key.customer == customer && row.key.recipient == "customer/0"
            && row.endedAt.map { $0 > now } ?? false
    }

    /// By what was sent alone: an offer less than five days before an offer.
    private func isWaiting(_ key: OutreachKey, _ prediction: Prediction, _ rows: [Outreach], _ now: Instant) -> Bool {
        guard key.rule == "offer", !rows.contains(where: { $0.key == key && $0.state == .sent }) else { return false }
        let last = rows.filter { $0.key.rule == key.rule && $0.key.customer == key.customer && $0.state == .sent }
            .compactMap(\.endedAt).max()
        return last.map { $0 >= max(now, prediction.dueAt) - .days(5) } ?? false
    }

    private func disturb(_ shop: TestShop, _ round: Int, _ now: Instant, _ draw: inout SeededGenerator) throws {
        for number in 0..<12 {
            let id = Int.random(in: 1...200, using: &draw)
            switch number % 4 {
            case 0: try shop.complain(round * 100 + number, customer: id, at: now - .hours(Int64.random(in: 0...30, using: &draw)))
            case 1: try shop.sql("UPDATE customers SET spent = \(Int.random(in: 0...2000, using: &draw)) WHERE id = \(id)")
            case 2: try shop.sql("UPDATE customers SET advertise = 1 - coalesce(advertise, 0) WHERE id = \(id)")
            default: try shop.sql("UPDATE complaints SET answered_at = '\(now)', solved_at = '\(now)' WHERE id % 3 = \(number % 3)")
            }
        }
    }

    private struct Prediction {
        var word: String
        var reason: String
        var at: Instant
        /// Before anything put it off.
        var dueAt: Instant
        var isAboutEvents: Bool
    }

    /// What explain says of every message that is next; compared with plan where plan speaks of it.
    private func predict(_ shop: TestShop, _ daemon: TestDaemon, _ now: Instant, _ seed: UInt64) throws -> [OutreachKey: Prediction] {
        let assembly = try shop.assembly()
        let hash = ExplainShop.hash
        let source = try Workshop.source(assembly)
        let forecast = Forecast(assembly: assembly, source: source, outbox: daemon.outbox, hash: hash)
        let plan = try forecast.report(from: now, to: now + .days(31), now: now).lines
        let lines = Dictionary(plan.map { ($0.outreach.key, $0) }, uniquingKeysWith: { first, _ in first })
        var explainer = Explainer(assembly: assembly, source: source, outbox: daemon.outbox, hash: hash)
        var predicted: [OutreachKey: Prediction] = [:]
        var planned = 0
        for id in 1...200 {
            let explanation = try explainer.explain("\(id)", at: now, now: now, history: 1000)
            for rule in explanation.rules {
                for message in rule.next + rule.events.flatMap(\.messages) {
                    let (line, key) = (message.line, message.line.outreach.key)
                    let isAboutEvents = !rule.events.isEmpty
                    predicted[key] = Prediction(
                        word: line.verdict.word, reason: line.verdict.reason, at: line.outreach.dueAt,
                        dueAt: message.candidate.outreach.dueAt, isAboutEvents: isAboutEvents)
                    guard let other = lines[key], !isAboutEvents else { continue }
                    planned += 1
                    #expect(line.verdict == other.verdict, "seed \(seed) \(now) \(key)")
                    #expect(line.outreach.dueAt == other.outreach.dueAt, "seed \(seed) \(now) \(key)")
                    #expect(line.card == other.card, "seed \(seed) \(now) \(key)")
                }
                let first = plan.first { $0.outreach.key.customer == "\(id)" && $0.outreach.key.rule == rule.name }
                #expect(rule.events.isEmpty == false || first == nil || !rule.next.isEmpty, "seed \(seed) \(now) \(id) \(rule.name)")
            }
        }
        #expect(planned > 500, "seed \(seed)")
        return predicted
    }

    private func compare(_ predicted: [OutreachKey: Prediction], _ daemon: TestDaemon, _ now: Instant, _ seed: UInt64) throws {
        let all = try daemon.rows()
        let rows = Dictionary(all.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for (key, prediction) in predicted {
            let row = rows[key]
            // Who leaves a segment is found out by the pass itself.
            if key.rule == "welcome", row?.reason == CancelReason.occasionGone.rawValue { continue }
            let what = "seed \(seed) \(now) \(key): \(prediction), \(row.map { "\($0.standing) \($0.plan.dueAt)" } ?? "no row")"
            switch prediction.word {
            case "due" where prediction.at <= now:
                #expect(row?.state == .sent, "\(what)")
            case "due" where isWaiting(key, prediction, all, now):
                // A row that an earlier pass put off beyond this one's window is asked about when its time comes.
                let isPutOff = row?.state == .planned && row.map { $0.plan.dueAt >= now + PlanWindow.ahead } == true
                #expect(row == nil || row?.state == .cancelled || isPutOff, "\(what)")
            case "due" where prediction.at < now + PlanWindow.ahead || prediction.isAboutEvents:
                #expect(row?.state == .planned && row?.plan.dueAt == prediction.at, "\(what)")
            case "held" where prediction.at <= now:
                #expect(row?.state == .held && row?.reason == prediction.reason, "\(what)")
            // What will have been received by then is not yet: its row is written, and cancelled then.
            case "not due" where prediction.at <= now || !prediction.reason.contains("received"):
                #expect(row == nil || row?.state == .cancelled, "\(what)")
            case "skipped" where prediction.at <= now:
                // Of several messages that fill a budget, which one is named depends on which have gone by then.
                let kind = prediction.reason.prefix { $0 != ":" }
                #expect(row == nil || row?.state == .skipped && row?.reason.hasPrefix(kind) == true, "\(what)")
            default: continue
            }
        }
        for row in rows.values where row.endedAt == now && row.state == .sent && row.key.customerID != nil {
            #expect(predicted[row.key]?.word == "due", "seed \(seed) \(now): \(row.key) was sent, said \(predicted[row.key] as Any)")
        }
    }
}
