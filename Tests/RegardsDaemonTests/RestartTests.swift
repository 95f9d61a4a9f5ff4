import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// How long it takes from a daemon's death to its successor's first message. The test command runs this suite by itself,
/// after all others.
@Suite(.serialized) struct RestartTests {
    /// Rows of history; `make test-kill` asks for a million.
    private static let rows = Measure.number("REGARDS_ROWS", or: 20_000)

    @Test(.timeLimit(.minutes(10))) func theFirstMessageComesWithinSeconds() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let scene = try MomentScene(customers: 400)
        let child = try scene.start(until: .stage(.kept, 20), number: 1)
        child.signal(SIGKILL)
        _ = try child.wait()
        try addHistory(scene.served.state)
        let limit: TimeSpan = Self.rows < 1_000_000 ? .seconds(2) : .seconds(5)
        for number in 2...5 {
            scene.relay.setAlarm(number, .kept, count: 1)
            let began = SystemClock().now()
            let next = try scene.served.start(["serve"])
            try scene.relay.awaitAlarm(number)
            let took = SystemClock().now() - began
            print("restart with \(Self.rows) rows of history: first message after \(took.microseconds / 1000) ms")
            #expect(took < limit)
            next.signal(SIGKILL)
            _ = try next.wait()
        }
    }

    /// Messages of earlier years, each with its attempt, as the daemon would have left them.
    private func addHistory(_ path: String) throws {
        let state = try DatabaseQueue(path: path)
        try state.write { database in
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(Self.rows))
                    INSERT INTO outreach (customer, rule_id, occasion, step_id, recipient, state, due_at, zone, local_date,
                        local_time, channel, lane, rule_hash, card, attempts, created_at, updated_at, ended_at, address, purpose, counts)
                    SELECT 'h' || (i % 100000), 1, 'y' || (i / 100000), 1, 'customer/0', 10, r.first_seen - i, 'UTC', 20000, 32400,
                        'mail', 1, 1, 'birthday', 1, r.first_seen - i, r.first_seen - i, r.first_seen - i,
                        printf('%032x', i), 'greeting', 1
                    FROM n, (SELECT first_seen FROM rules WHERE id = 1) r;
                    INSERT INTO attempts (outreach_id, number, started_at, ended_at, outcome, code, detail)
                    SELECT id, 1, due_at, due_at, 'delivered', 250, '2.0.0 taken as 12345' FROM outreach WHERE occasion LIKE 'y%';
                    """)
        }
        try state.close()
    }
}
