import GRDB
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDaemon

/// A simulation walks customers through a period in memory; the daemon under a virtual clock has a ledger and a send loop.
/// Both send the same.
@Suite("A simulation")
struct SimulationTests {
    /// Every message of a simulated period, as `customer rule occasion step recipient instant card`.
    static func simulated(_ shop: TestShop, from: Instant, to: Instant) throws -> [String] {
        let assembly = try shop.assembly().with(mode: .live)
        let found = Mutex<[String]>([])
        let forecast = Forecast(
            assembly: assembly, source: try Workshop.source(assembly), outbox: nil, hash: AddressHash(key: .random()))
        _ = try forecast.live(from: from, to: to, cores: 3, hasEvents: true, progress: { _ in }) { _, sights, _ in
            let lines = sights.compactMap { sight -> String? in
                let candidate = sight.candidate
                guard sight.at < to, sight.decision.verdict == .send, let line = sight.line,
                    assembly.book.rules[candidate.rule].list(of: candidate) == nil
                else { return nil }
                return Self.line(candidate.outreach.key, sight.at, line.card)
            }
            found.withLock { $0 += lines }
            return []
        }
        return found.withLock { $0 }.sorted()
    }

    static func line(_ key: OutreachKey, _ at: Instant, _ card: String) -> String {
        "\(key.customer) \(key.rule) \(key.occasion) \(key.step) \(key.recipient) \(at) \(card)"
    }

    /// What the daemon sends in a period in which the database changes.
    /// - Parameter looks: when it looks at the database besides each day and each change: a message that time makes due goes
    ///   at the look after that.
    static func served(
        _ shop: TestShop, from: Instant, to: Instant, changes: [(at: Instant, sql: String)] = [], looks: [Instant] = []
    ) throws -> [String] {
        let assembly = try shop.assembly().with(mode: .live)
        let clock = VirtualClock(from)
        let outbox = try SQLiteOutbox.openScratch(path: shop.path + "/served.sqlite", now: from)
        let daemon = try VirtualDaemon(
            assembly, outbox: outbox, channels: ChannelSet([.mail: TakingChannel()], clock: clock), clock: clock, salt: [1])
        var changes = changes.sorted { $0.at > $1.at }
        let days = stride(from: 0, to: (to - from).seconds, by: 86_400).map { from + .seconds($0) }
        var looks = Set(days + looks + [to]).filter { $0 >= from && $0 <= to }.sorted { $0 > $1 }
        while clock.now() < to {
            while let change = changes.last, change.at <= clock.now() {
                try shop.sql(change.sql)
                changes.removeLast()
            }
            try daemon.look()
            while let look = looks.last, look <= clock.now() { looks.removeLast() }
            try daemon.run(until: min(looks.last ?? to, changes.last.map(\.at) ?? to))
        }
        daemon.stop()
        let rows = try outbox.list(OutreachFilter(states: [.sent]), limit: .max, after: 0)
        return rows.filter { !$0.key.customer.hasPrefix("staff:") }
            .map { line($0.key, $0.endedAt ?? $0.plan.dueAt, $0.card ?? "") }.sorted()
    }

    @Test("lives through events of the past as the daemon did, whatever the seed", .timeLimit(.minutes(60)))
    func events() throws {
        let seed = SeededGenerator.seed("simulation")
        var draw = SeededGenerator(seed: seed)
        let from = try at("2027-03-01T00:00:00Z")
        let days = 90
        let (lived, served) = (try makeShop(), try makeShop())
        for id in 1...40 {
            let zone = ["Europe/Berlin", "Asia/Tokyo", "America/Sao_Paulo"].randomElement(using: &draw)
            let birthday = "1980-0\(Int.random(in: 3...5, using: &draw))-\(Int.random(in: 10...28, using: &draw))"
            for shop in [lived, served] { try shop.addCustomer(id, birthday: birthday, zone: zone) }
        }
        var changes: [(at: Instant, sql: String)] = []
        for id in 1...60 {
            // Some were there before, and one comes at the very first moment.
            let opened = from + .minutes(id == 1 ? 0 : Int64.random(in: -3000...(1440 * 80), using: &draw))
            let answered = Int.random(in: 0..<4, using: &draw) > 0 ? opened + .minutes(Int64.random(in: 10...4000, using: &draw)) : nil
            let solved = answered.flatMap { at in
                Int.random(in: 0..<4, using: &draw) > 0 ? at + .minutes(Int64.random(in: 0...9000, using: &draw)) : nil
            }
            let customer = Int.random(in: 1...40, using: &draw)
            func text(_ instant: Instant?) -> String { instant.map { "'\($0)'" } ?? "NULL" }
            try lived.sql(
                "INSERT INTO complaints VALUES (\(id), \(customer), \(text(opened)), \(text(answered)), \(text(solved)), 'Lid')")
            changes.append(
                (opened, "INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (\(id), \(customer), \(text(opened)), 'Lid')"))
            if let answered { changes.append((answered, "UPDATE complaints SET answered_at = '\(answered)' WHERE id = \(id)")) }
            if let solved { changes.append((solved, "UPDATE complaints SET solved_at = '\(solved)' WHERE id = \(id)")) }
        }
        let to = from + .days(Int64(days))
        let expected = try Self.served(served, from: from, to: to, changes: changes)
        let found = try Self.simulated(lived, from: from, to: to)
        #expect(Set(found).subtracting(expected).sorted() == [], "seed \(seed): simulated, not served")
        #expect(Set(expected).subtracting(found).sorted() == [], "seed \(seed): served, not simulated")
        #expect(found.count { $0.contains("complaint-care") } > 60, "seed \(seed)")
        let report = try Simulation(assembly: try lived.assembly()).run(from: from, to: to)
        #expect(report.sent == expected.count, "seed \(seed)")
        let promise = try #require(report.promises["complaint-care"])
        #expect(promise == (try promises(lived, from: from, to: to)), "seed \(seed)")
    }

    private func makeShop() throws -> TestShop { try TestShop(rules: ["birthday", "monthly", "complaints"]) }

    /// Counted from the table itself: a day to answer, for what came after the beginning.
    private func promises(_ shop: TestShop, from: Instant, to: Instant) throws -> PromiseCount {
        var count = PromiseCount()
        try shop.database.read { database in
            for row in try Row.fetchAll(database, sql: "SELECT opened_at, answered_at, solved_at FROM complaints") {
                let opened = try at(row[0]), limit = opened + .hours(24)
                guard opened > from, opened < to else { continue }
                let ends = try [row[1] as String?, row[2]].compactMap { try $0.map { try at($0) } }.filter { $0 < to }
                if let end = ends.min() {
                    if end <= limit { count.kept += 1 } else { count.broken += 1 }
                } else if limit < to {
                    count.broken += 1
                } else {
                    count.running += 1
                }
            }
        }
        return count
    }

    @Test("counts who gave way to whom, items of lists and their mails")
    func counts() throws {
        var settings = TestShop.Settings()
        settings.extra = "limits: {budgets: {marketing: 1 per 7d}}"
        let shop = try TestShop(rules: ["birthday"], settings)
        try shop.rules(
            """
            offer: {purpose: marketing, when: {on: 2027-05-03, at: 09:00}, send: birthday, priority: 60}
            hint: {purpose: marketing, when: {on: 2027-05-05, at: 09:00}, send: birthday, if_late: {grace: 20d}}
            late: {purpose: marketing, when: {on: 2027-05-06, at: 09:00}, send: birthday}
            call: {purpose: care, when: {on: 2027-05-04, at: 09:00}, list: calls, for: manager}
            """)
        try shop.card("---\nsubject: List\n---\n{{#items}}<p>{{customer.name}} {{why}}</p>{{/items}}\n", name: "day-list")
        for id in 1...30 { try shop.addCustomer(id) }
        try shop.sql("UPDATE customers SET points = 1")
        let from = try at("2027-05-01T00:00:00Z"), to = try at("2027-05-21T00:00:00Z")
        let query = "SELECT c.*, 1 AS consent_marketing FROM (\(settings.query)) c"
        settings.query = query
        try shop.configure(settings)
        let report = try Simulation(assembly: try shop.assembly()).run(from: from, to: to)
        #expect(report.sentByRule == ["offer": 30, "hint": 30, "day-list": 16])
        #expect(
            report.collisions == [
                Simulation.Collision(rule: "hint", winner: "offer", end: .putOff): 30,
                Simulation.Collision(rule: "late", winner: "offer", end: .lost): 30,
            ])
        #expect(report.listed == ["calls": 30])
        #expect(report.dayLists == 16)
        #expect(report.others == ["skipped(budget:offer)": 30])
        let written = try Simulation(assembly: try shop.assembly(), folder: shop.path + "/out").run(from: from, to: to)
        #expect(written.sentByRule == report.sentByRule)
        #expect(try shop.mails("out").count == 76)
    }

    @Test("who comes into a segment with time is welcomed as the daemon does")
    func segments() throws {
        var settings = TestShop.Settings()
        settings.query = "SELECT c.*, c.birthday AS last_order_at, NULL AS advisor_email, NULL AS advisor_name FROM customers c"
        settings.extra = "segments: {sleepy: {where: last_order_at older than 20d}}"
        let shop = try TestShop(rules: ["birthday"], settings)
        try shop.rules(
            """
            wake-up: {purpose: care, when: {becomes: sleepy, after: 1d, at: 10:00}, send: birthday}
            """)
        for id in 1...12 { try shop.addCustomer(id, birthday: "2027-04-\(id + 10)", zone: id % 2 == 0 ? "Asia/Tokyo" : nil) }
        let from = try at("2027-05-01T00:00:00Z"), to = try at("2027-05-21T00:00:00Z")
        let expected = try Self.served(shop, from: from, to: to)
        #expect(expected.count > 5)
        #expect(try Self.simulated(shop, from: from, to: to) == expected)
    }

    @Test("a folder that cannot be written is said, and ends it")
    func noFolder() throws {
        let shop = try TestShop(rules: ["birthday"])
        #expect(throws: SimulationError.self) {
            try Simulation(assembly: try shop.assembly(), folder: shop.file + "/out").run(
                from: try at("2027-05-01T00:00:00Z"), to: try at("2027-05-02T00:00:00Z"))
        }
    }
}

/// Takes every message at once.
private final class TakingChannel: Channel {
    let name = "taking"
    let sessions = 16
    private let handler = Mutex<(@Sendable (ChannelState) -> Void)?>(nil)

    func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) { self.handler.withLock { $0 = handler } }
    func open() { handler.withLock { $0 }?(.ready) }
    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) { ended(AttemptReport(.delivered)) }
    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) { done() }
}
