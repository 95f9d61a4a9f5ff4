import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

extension RestartTests {
    /// Stale rows; `make test-kill` asks for a million.
    private static let stale = Measure.number("REGARDS_ROWS", or: 20_000)
    private static let complaints = 5
    /// Customers 1 to 5 complain; the others only have birthdays.
    private static let first = 1_000

    /// What an outage of two days leaves behind, settled by the daemon as a process of its own.
    @Test(.timeLimit(.minutes(20))) func complaintsLeadWhatIsTooLate() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let relay = try RecordingSMTPServer()
        var settings = TestShop.Settings()
        settings.zone = "UTC"
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        let served = try ServedShop(customers: 0, settings)
        try served.shop.folder.write(try TestShop.text("\(TestShop.fixtures)/rules/complaints.yaml"), to: "rules.d/complaints.yaml")
        // Until midnight, as greetings go that say nothing of lateness.
        try served.shop.rules(
            "birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n  backfill: 5d\n")
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        try addBacklog(served)
        for id in 1...Self.complaints {
            try served.shop.addCustomer(id)
            try served.shop.complain(id, customer: id, at: SystemClock().now())
        }
        relay.setAlarm(1, .kept, count: 1)
        let began = SystemClock().now()
        let child = try served.start(["serve", "--once"])
        try relay.awaitAlarm(1)
        let answered = SystemClock().now() - began
        #expect(try child.wait(seconds: 900).status == 0, "\(child.errors.all.suffix(5))")
        let settled = SystemClock().now() - began
        print("outage: first complaint answered after \(answered.milliseconds) ms, \(Self.stale) stale rows settled after \(settled.milliseconds) ms")
        #expect(answered < .seconds(5))
        try check(served, relay)
        // One line for each batch of them.
        let lines = child.errors.all.filter { $0.contains("skipped") }
        #expect(!lines.isEmpty && lines.count <= Self.stale / 1_000 + 2, "\(lines.suffix(3))")
    }

    /// Cards of the day before yesterday, until midnight, as planning had written them then.
    private func addBacklog(_ served: ServedShop) throws {
        let day = Zone.utc.local(at: SystemClock().now()).date - 2
        let due = Instant(seconds: Int64(day.dayNumber) * 86_400 + 9 * 3_600)
        let ids = "WITH RECURSIVE n(i) AS (SELECT \(Self.first) UNION ALL SELECT i + 1 FROM n WHERE i < \(Self.first + Self.stale - 1))"
        try served.shop.sql(
            """
            \(ids) INSERT INTO customers (id, name, email, birthday)
            SELECT i, 'Customer ' || i, 'c' || i || '@mail.example', '1980\(day.description.suffix(6))' FROM n
            """)
        let state = try DatabaseQueue(path: served.state)
        try state.write { database in
            try database.execute(sql: "INSERT OR IGNORE INTO steps (rule_id, name) SELECT id, 'send' FROM rules WHERE name = 'birthday-card'")
            try database.execute(
                sql: """
                    \(ids) INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, expires_at, zone,
                        local_date, local_time, channel, lane, rule_hash, created_at, updated_at)
                    SELECT i, r.id, '\(day.description.prefix(4))', s.id, 'customer/0', 0, \(due.microseconds),
                        \((due + .hours(15)).microseconds), 'UTC', \(day.dayNumber), 32400, 'mail', 1, r.hash,
                        \(due.microseconds), \(due.microseconds)
                    FROM n, rules r JOIN steps s ON s.rule_id = r.id WHERE r.name = 'birthday-card' AND s.name = 'send'
                    """)
        }
        try state.close()
    }

    private func check(_ served: ServedShop, _ relay: RecordingSMTPServer) throws {
        let state = try DatabaseQueue(path: served.state)
        let ended = try state.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT r.name, o.state, o.reason, max(o.attempts), count(*) FROM outreach o JOIN rules r ON r.id = o.rule_id
                    WHERE o.due_at <= o.updated_at GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
                    """
            ).map { row in "\(row[0] as String) \(row[1] as Int) \(row[2] as String) \(row[3] as Int) \(row[4] as Int)" }
        }
        try state.close()
        let (sent, skipped) = (OutreachState.sent.rawValue, OutreachState.skipped.rawValue)
        #expect(ended == ["birthday-card \(skipped) late 0 \(Self.stale)", "complaint-care \(sent)  1 \(2 * Self.complaints)"])
        let recipients = relay.messages.flatMap(\.recipients)
        try #require(recipients.count == 2 * Self.complaints)
        #expect(Set(recipients) == Set((1...Self.complaints).map { "c\($0)@mail.example" } + ["ana@shop.example"]))
    }
}

extension TimeSpan {
    fileprivate var milliseconds: Int64 { microseconds / 1000 }
}
