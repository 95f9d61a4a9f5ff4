import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("The guard of the day")
struct DayGuardTests {
    /// A shop with a column that says who is to be written to, and one that dates may stand in.
    private func shop(_ settings: TestShop.Settings = DayGuardTests.settings(where: "points > 0")) throws -> TestShop {
        let shop = try TestShop(rules: ["birthday", "complaints"], settings)
        try shop.sql("ALTER TABLE customers ADD COLUMN lease_ends_at TEXT")
        return shop
    }

    private static func settings(where condition: String, guards: String = "{new_rule: off}") -> TestShop.Settings {
        var settings = TestShop.Settings()
        settings.query = """
            SELECT c.id, c.name, c.given_name, c.email, c.locale, c.time_zone, c.birthday, c.lease_ends_at,
                   s.email AS advisor_email, s.name AS advisor_name
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id WHERE \(condition)
            """
        settings.guards = guards
        return settings
    }

    /// Customers born on a day, from an id on.
    private func add(_ count: Int, from first: Int, to shop: TestShop, points: Int = 1, birthday: String = "1980-05-05") throws {
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT \(first) UNION ALL SELECT i + 1 FROM n WHERE i < \(first + count - 1))
            INSERT INTO customers (id, name, given_name, email, birthday, advisor_id, points)
            SELECT i, 'Customer ' || i, 'No. ' || i, 'c' || i || '@mail.example', '\(birthday)', 1, \(points) FROM n
            """)
    }

    private func served(_ shop: TestShop) async throws -> TestDaemon {
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        return daemon
    }

    /// Thirty customers who are written to, and two hundred who are not; the birthday of all is tomorrow.
    private func crowded() async throws -> (TestShop, TestDaemon) {
        let shop = try shop()
        try add(30, from: 1, to: shop)
        try add(200, from: 1001, to: shop, points: 0)
        return (shop, try await served(shop))
    }

    /// The rules are read without their WHERE, and a pass is made.
    private func loseWhere(_ shop: TestShop, _ daemon: TestDaemon) async throws {
        try shop.configure(DayGuardTests.settings(where: "true"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
    }

    private func standings(_ daemon: TestDaemon, rule: String? = "birthday-card") throws -> [String: Int] {
        Dictionary(try daemon.rows(rule: rule).map { ($0.standing, 1) }, uniquingKeysWith: +)
    }

    @Test("finds nothing in a first start, an ordinary day, a first of the month")
    func ordinary() async throws {
        let shop = try shop()
        try shop.rules(try TestShop.text("\(TestShop.fixtures)/rules/monthly.yaml"), file: "monthly")
        try add(300, from: 1, to: shop)
        let daemon = try TestDaemon(shop, now: try at("2027-04-29T12:00:00Z"))
        for day in ["04-29", "04-30", "05-01", "05-02", "05-03", "05-04", "05-05"] {
            for hour in ["00", "08", "12", "20"] { try await daemon.cleanPass(at: "2027-\(day)T\(hour):00:00Z") }
        }
        #expect(daemon.announcer.notices(.guardTripped).isEmpty)
        #expect(try standings(daemon, rule: "monthly-card") == ["sent": 300])
        #expect(try standings(daemon) == ["sent": 300])
    }

    @Test("trips on a lost WHERE: everything but care waits until somebody says that it is meant")
    func lostWhere() async throws {
        let (shop, daemon) = try await crowded()
        try await loseWhere(shop, daemon)
        let told = try #require(daemon.announcer.notices(.guardTripped).first)
        #expect(told.reason == "day" && told.count == 200)
        #expect(
            told.detail == "200 messages appeared in hours that had been planned with 30, as after a mistake in a "
                + "query: mend it, then, or if they are meant: regards approve --day")
        try shop.complain(10, customer: 1, at: try at("2027-05-04T20:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try standings(daemon) == ["held(guard-day)": 230])
        #expect(try daemon.rows(rule: "complaint-care").count { $0.state == .sent } >= 2)
        #expect(daemon.announcer.notices(.guardTripped).count == 1)
        #expect(daemon.daemon.status().contains("guard.day tripped"))
        // Mended: who was never meant is owed nothing; the others go when somebody says so.
        try shop.configure(DayGuardTests.settings(where: "points > 0"))
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try standings(daemon) == ["held(guard-day)": 30, "cancelled(customer-gone)": 200])
        try beside(daemon) { try $0.updateGuardFigures { ($0.trippedSince, $0.added, $0.planned) = (nil, nil, nil) } }
        try await daemon.cleanPass(at: "2027-05-05T08:01:00Z")
        #expect(try standings(daemon) == ["sent": 29, "held(open:complaint)": 1, "cancelled(customer-gone)": 200])
        #expect(daemon.announcer.notices(.approved).map(\.reason) == ["day"])
    }

    @Test("trips on ids that were given out anew: nobody hears twice")
    func newIDs() async throws {
        let shop = try shop()
        try add(100, from: 1, to: shop)
        let daemon = try await served(shop)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try standings(daemon) == ["sent": 100])
        try shop.sql("UPDATE customers SET id = id + 50000")
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try standings(daemon) == ["sent": 100, "held(guard-day)": 100])
        try await daemon.cleanPass(at: "2027-05-05T08:01:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [100])
        #expect(try standings(daemon) == ["sent": 100, "held(guard-day)": 100])
        #expect(try shop.mails().count == 100)
    }

    @Test("trips on a database that was put back to an older state")
    func snapshot() async throws {
        let shop = try shop()
        try shop.rules("lease-end:\n  purpose: greeting\n  when: {date: lease_ends_at, days_before: 60, at: 10:00}\n  send: birthday\n", file: "lease")
        try add(120, from: 1, to: shop, birthday: "1980-01-01")
        try shop.sql("UPDATE customers SET lease_ends_at = '2029-05-04'")
        let daemon = try await served(shop)
        // As it stood before their leases were renewed.
        try shop.sql("UPDATE customers SET lease_ends_at = '2027-07-04'")
        try await daemon.cleanPass(at: "2027-05-04T12:15:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [120])
        #expect(try shop.mails().isEmpty)
    }

    // MARK: Events

    private func orders(_ guards: String = "{new_rule: off}") throws -> TestShop {
        var settings = TestShop.Settings()
        settings.events = """
            complaint:
              query: SELECT id, customer_id, opened_at AS at, answered_at, solved_at, subject FROM complaints
              done: solved_at is present
            order: {query: "SELECT id, customer_id, ordered_at AS at FROM orders"}
            """
        settings.guards = guards
        let shop = try TestShop(rules: ["complaints"], settings)
        try shop.sql("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, ordered_at TEXT)")
        // Care, which is never too late by itself.
        try shop.rules("after-sale: {purpose: care, when: {event: order, after: 3d, at: 10:00}, send: birthday}\n", file: "sale")
        try add(100, from: 1, to: shop, birthday: "1980-01-01")
        for id in 1...100 {
            try shop.sql("INSERT INTO orders VALUES (\(id), \(id), '2027-04-\(id % 20 + 10)T08:00:00Z')")
        }
        return shop
    }

    @Test("trips on events whose ids were given out anew: nobody hears about an old one twice")
    func newEventIDs() async throws {
        let shop = try orders()
        let daemon = try await served(shop)
        #expect(try daemon.rows(rule: "after-sale").isEmpty)
        try shop.sql("UPDATE orders SET id = id + 50000; INSERT INTO orders VALUES (200, 1, '2027-05-04T13:00:00Z')")
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [100])
        #expect(try standings(daemon, rule: "after-sale") == ["held(guard-day)": 100, "planned": 1])
        // A complaint is answered as ever, and so is what is new.
        try shop.complain(10, customer: 1, at: try at("2027-05-05T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-07T12:00:00Z")
        #expect(try standings(daemon, rule: "after-sale") == ["held(guard-day)": 100, "sent": 1])
        #expect(try daemon.rows(rule: "complaint-care").count { $0.state == .sent } >= 2)
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-07T13:00:00Z")
        #expect(try standings(daemon, rule: "after-sale") == ["held(guard-day)": 100, "sent": 1])
        // Mended: they are gone, and owe nothing.
        try shop.sql("UPDATE orders SET id = id - 50000 + 1000 WHERE id > 50000")
        try shop.sql("DELETE FROM orders WHERE id > 1000 AND id <= 1050")
        try await daemon.cleanPass(at: "2027-05-07T14:00:00Z")
        #expect(try standings(daemon, rule: "after-sale")["cancelled(occasion-gone)"] == 100)
        try await daemon.stop()
    }

    @Test("lets a flood of events go when somebody says that it is meant, and counts each once")
    func meantEvents() async throws {
        let shop = try orders()
        let daemon = try await served(shop)
        try shop.sql("UPDATE orders SET id = id + 50000")
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        try beside(daemon) { try $0.updateGuardFigures { ($0.trippedSince, $0.added, $0.planned) = (nil, nil, nil) } }
        try await daemon.cleanPass(at: "2027-05-04T14:00:10Z")
        #expect(try standings(daemon, rule: "after-sale") == ["sent": 100])
        #expect(daemon.announcer.notices(.guardTripped).count == 1)
        try await daemon.stop()
    }

    @Test("asks nothing about events that are news, or a few that were entered late")
    func ordinaryEvents() async throws {
        let shop = try orders()
        let daemon = try await served(shop)
        try await daemon.stop()
        // Nothing ran for two days, in which ten times as much was ordered as in the month before.
        for id in 1001...2000 { try shop.sql("INSERT INTO orders VALUES (\(id), \(id % 100 + 1), '2027-05-05T08:00:00Z')") }
        for id in 101...140 { try shop.sql("INSERT INTO orders VALUES (\(id), 1, '2027-05-01T08:00:00Z')") }
        let next = try TestDaemon(shop, now: try at("2027-05-06T12:00:00Z"))
        try await next.cleanPass(at: "2027-05-06T12:00:00Z")
        #expect(next.announcer.notices(.guardTripped).isEmpty)
        #expect(try standings(next, rule: "after-sale") == ["sent": 40, "planned": 1000])
        try await next.stop()
    }

    @Test("takes a word for customers who really are three times as many")
    func growth() async throws {
        let shop = try shop()
        try add(100, from: 1, to: shop)
        let daemon = try await served(shop)
        // Twice as many are no mistake by themselves.
        try add(100, from: 1001, to: shop)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).isEmpty)
        try add(500, from: 2001, to: shop)
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        try await daemon.cleanPass(at: "2027-05-04T14:00:10Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.count) == [500])
        try beside(daemon) { try $0.updateGuardFigures { ($0.trippedSince, $0.added, $0.planned) = (nil, nil, nil) } }
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try standings(daemon) == ["sent": 700])
        #expect(daemon.announcer.notices(.guardTripped).count == 1)
    }

    @Test("a rule that was edited is not its business")
    func edited() async throws {
        let shop = try shop(DayGuardTests.settings(where: "true", guards: "{new_rule: 10}"))
        try add(100, from: 1, to: shop)
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  where: [name is \"Customer 1\"]\n  send: birthday\n")
        let daemon = try await served(shop)
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n")
        #expect(daemon.daemon.reload().isEmpty)
        try await daemon.cleanPass(at: "2027-05-04T13:00:00Z")
        #expect(daemon.announcer.notices(.guardTripped).map(\.rule) == ["birthday-card"])
        #expect(try daemon.outbox.guardFigures().trippedSince == nil)
    }

    @Test("suspects while a pass runs, and takes it back when the rest is in order")
    func suspicion() throws {
        let shop = try shop()
        let assembly = try shop.assembly()
        let now = try at("2027-05-04T12:00:00Z")
        let outbox = try SQLiteOutbox.openForDaemon(path: shop.state, now: now)
        _ = try outbox.adoptRules(assembly.book.rules.map { RuleAdoption($0) }, now: now)
        let standings = StandingDesk(outbox: outbox, book: assembly.book, isGuarding: true)
        let guarding = DayGuard(outbox: outbox, house: assembly.book.house, standings: standings, isGuarding: true)
        var counts = ReconcileCounts()
        (counts.insertedBehind, counts.unchanged) = (60, 10)
        try guarding.begin()
        try guarding.look(at: counts, now: now)
        #expect(try standings.standing(now: now).isGuardTripped)
        counts.unchanged = 1000
        try guarding.judge(counts, now: now)
        #expect(try !standings.standing(now: now).isGuardTripped)
        #expect(try outbox.guardFigures() == GuardFigures())
        // A pass that broke off left its rows behind, where the next one finds them: they still are too many. What was
        // suspected stays so, also for a daemon that starts again or reads its files anew.
        (counts.insertedBehind, counts.unchanged) = (60, 10)
        try guarding.begin()
        try guarding.look(at: counts, now: now)
        #expect(try outbox.guardFigures() == GuardFigures(suspectedSince: now, carried: 60))
        let next = StandingDesk(outbox: outbox, book: assembly.book, isGuarding: true)
        #expect(try next.standing(now: now).isGuardTripped)
        let again = DayGuard(outbox: outbox, house: assembly.book.house, standings: next, isGuarding: true)
        (counts.insertedBehind, counts.unchanged) = (0, 70)
        try again.begin()
        try again.look(at: counts, now: now)
        try again.judge(counts, now: now)
        #expect(try outbox.guardFigures() == GuardFigures(trippedSince: now, added: 60, planned: 10))
        try outbox.close()
    }

    @Test("holds on over a restart in the middle of a pass")
    func restart() async throws {
        let (shop, daemon) = try await crowded()
        try await daemon.stop()
        try shop.configure(DayGuardTests.settings(where: "true"))
        // All were written when the daemon was killed; nobody had judged them yet.
        let assembly = try shop.assembly()
        let now = try at("2027-05-04T13:00:00Z")
        let outbox = try SQLiteOutbox.openForDaemon(path: shop.state, now: now)
        let source = BrokenOffSource(try Workshop.source(assembly), after: 230)
        let desk = PlanDesk(
            assembly: assembly, outbox: outbox, source: source,
            standings: StandingDesk(outbox: outbox, book: assembly.book, isGuarding: true),
            hash: AddressHash(key: AddressHash.Key(first: 1, second: 2)), isGuarding: true, progress: Progress())
        #expect(throws: BrokenOff.self) { try desk.plan(now: now) }
        #expect(try outbox.guardFigures().carried == 200)
        try outbox.close()
        let next = try TestDaemon(shop, now: try at("2027-05-04T14:00:00Z"))
        try await next.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(next.announcer.notices(.guardTripped).map(\.count) == [200])
        #expect(try standings(next) == ["held(guard-day)": 230])
        #expect(try shop.mails().isEmpty)
    }

    @Test("by command: named by check and status, and answered")
    func commands() async throws {
        let (shop, daemon) = try await crowded()
        try await loseWhere(shop, daemon)
        try await daemon.stop()
        func run(_ command: [String]) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
            try ChildProcess.run([ChildProcess.regards] + command + ["--config", shop.file])
        }
        let words = "200 messages appeared in hours that had been planned with 30"
        #expect(try run(["check"]).errors.contains { $0.contains("guard.day: \(words)") })
        #expect(try run(["status"]).output.contains { $0.hasPrefix("guard") && $0.contains(words) })
        #expect(try run(["approve"]).output.contains { $0.contains(words) })
        #expect(try run(["approve", "--day"]).ending.status == 64)
        #expect(try run(["approve", "--day", "--yes"]).output == [words, "messages go on"])
        #expect(try run(["approve", "--day", "--yes"]).output == ["guard.day has not tripped"])
        #expect(try !run(["check"]).errors.contains { $0.contains("guard.day") })
    }
}

private struct BrokenOff: Error {}

/// Breaks off behind the page with which so many customers were read.
private final class BrokenOffSource: PassingSource, @unchecked Sendable {
    private let after: Int

    init(_ source: any CustomerSource, after: Int) {
        self.after = after
        super.init(source)
    }

    override func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport {
        var seen = 0
        return try super.forEachPage(size: size) { page in
            try body(page)
            seen += page.count
            if seen >= after { throw BrokenOff() }
        }
    }
}
