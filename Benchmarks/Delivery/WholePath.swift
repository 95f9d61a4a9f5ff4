import GRDBSQLite
import Glibc

/// The shipped `regards serve` as a process of its own: a shop whose customers all have their birthday in the same
/// minute. Claimed, checked again, rendered, sent, recorded durably.
struct WholePath {
    struct Result {
        var rate: Double
        /// Seconds of the processor for each thousand, from the minute on.
        var cpu: Double
        var memory: Int
        /// From the minute to the first attempt.
        var delay: Double
    }

    let regards: String
    let folder: String
    let sinks: [Sink]
    let sessions: Int
    let customers: Int

    func run() -> Result {
        makeShop()
        let due = nextMinute(secondsAhead: customers > 50_000 ? 45 : 20)
        writeFiles(due)
        command(["go-live"])
        guard let daemon = Program([regards, "serve", "--config", "\(folder)/regards.yaml"], output: "\(folder)/serve.txt") else {
            fail("cannot start \(regards)")
        }
        while time(nil) < due { usleep(1000) }
        let before = processorSeconds(daemon.process)
        let deadline = time(nil) + 600
        while count() < customers {
            guard time(nil) < deadline else { fail("after ten minutes only \(count()) of \(customers) were sent: see \(folder)") }
            usleep(300_000)
        }
        let used = processorSeconds(daemon.process) - before
        daemon.stop()
        let usage = daemon.wait()
        let span = query("SELECT min(started_at), max(ended_at) FROM attempts", columns: 2)
        return Result(
            rate: Double(customers) / (Double(span[1] - span[0]) / 1e6), cpu: used / Double(customers) * 1000,
            memory: usage.memory, delay: Double(span[0]) / 1e6 - Double(due))
    }

    // MARK: - The shop

    private func nextMinute(secondsAhead: Int) -> Int { (time(nil) + secondsAhead + 59) / 60 * 60 }

    private func makeShop() {
        execute(
            "\(folder)/shop.sqlite",
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, birthday TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(customers))
            INSERT INTO customers SELECT i, 'Customer ' || i, 'c' || i || '@d' || (i % 50) || '.example',
                '1980-' || strftime('%m-%d', 'now', '+20 seconds') FROM n;
            """)
    }

    private func writeFiles(_ due: Int) {
        let minute = due / 60 % 1440
        let at = [minute / 60, minute % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
        let relays = sinks.enumerated().map { index, sink in
            "- {host: 127.0.0.1, name: sink-\(index), port: \(sink.port), security: none, sessions: \(max(1, sessions / sinks.count))}"
        }
        write(
            """
            business: {name: The Shop, email: hello@shop.example, time_zone: UTC, postal_address: "14 Mill Lane, Bath"}
            customers: {database: "sqlite:shop.sqlite", query: "SELECT id, name, email, birthday FROM customers"}
            guard: {new_rule: off, day: off}
            mode: live
            smtp:
            \(relays.joined(separator: "\n"))
            rules:
              birthday: {purpose: greeting, when: {anniversary: birthday, at: "\(at)"}, send: birthday}

            """, to: "\(folder)/regards.yaml")
        mkdir("\(folder)/cards", 0o700)
        let paragraph = "<p>Dear {{customer.name}}, " + String(repeating: "many happy returns of the day. ", count: 18) + "</p>\n"
        write(
            "---\nsubject: \"Happy birthday, {{customer.name}}\"\n---\n" + String(repeating: paragraph, count: 3),
            to: "\(folder)/cards/birthday.html")
    }

    private func command(_ words: [String]) {
        let output = "\(folder)/command.txt"
        guard let program = Program([regards] + words + ["--config", "\(folder)/regards.yaml"], output: output),
            program.wait().status == 0
        else { fail("regards \(words.joined(separator: " ")) failed:\n\(text(of: output))") }
    }

    // MARK: - The ledger

    private func count() -> Int {
        Int(query("SELECT count(*) FROM outreach WHERE state = 10", columns: 1)[0])
    }

    private func query(_ sql: String, columns: Int32) -> [Int64] {
        var database: OpaquePointer?
        var statement: OpaquePointer?
        defer {
            sqlite3_finalize(statement)
            sqlite3_close(database)
        }
        guard sqlite3_open_v2("\(folder)/state/regards.sqlite", &database, SQLITE_OPEN_READONLY, nil) == SQLITE_OK,
            sqlite3_busy_timeout(database, 5000) == SQLITE_OK,
            sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK, sqlite3_step(statement) == SQLITE_ROW
        else { return [Int64](repeating: 0, count: Int(columns)) }
        return (0..<columns).map { sqlite3_column_int64(statement, $0) }
    }

    private func execute(_ path: String, _ sql: String) {
        var database: OpaquePointer?
        defer { sqlite3_close(database) }
        guard sqlite3_open(path, &database) == SQLITE_OK, sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
            fail("cannot make \(path): \(String(cString: sqlite3_errmsg(database)))")
        }
    }

    /// User and system time so far (proc(5), fields 14 and 15).
    private func processorSeconds(_ process: pid_t) -> Double {
        let fields = text(of: "/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
