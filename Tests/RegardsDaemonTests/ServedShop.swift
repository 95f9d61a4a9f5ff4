import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A shop for the `regards` that was built with these tests, by the machine's clock: all of its customers had their
/// birthday yesterday, and are owed a card now.
struct ServedShop {
    let shop: TestShop
    /// The ledger's file.
    let state: String

    /// - Parameters:
    ///   - port: of a relay on this machine; nil: mail goes to the maildir.
    ///   - mail: instead: what regards.yaml says of relays.
    ///   - state: the ledger's file, where it is not to lie in the shop's folder.
    init(customers: Int, port: Int? = nil, mail: String? = nil, state: String? = nil, isLive: Bool = true) throws {
        var settings = TestShop.Settings()
        settings.zone = "UTC"
        if let port { settings.mail = "smtp: {host: 127.0.0.1, port: \(port), security: none}" }
        if let mail { settings.mail = mail }
        settings.events = ""
        if let state { settings.state = "sqlite:\(state)" }
        try self.init(customers: customers, settings, state: state, isLive: isLive)
    }

    /// - Parameter settings: what regards.yaml says.
    init(customers: Int, _ settings: TestShop.Settings, state: String? = nil, isLive: Bool = true) throws {
        shop = try TestShop(rules: [], settings)
        self.state = state ?? shop.state
        try shop.rules(
            """
            birthday-card:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              send: birthday
              backfill: 5d
              if_late: {grace: 4d}
            """)
        let born = (Zone.utc.local(at: SystemClock().now()).date - 1).description.suffix(6)
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(customers))
            INSERT INTO customers (id, name, email, birthday)
            SELECT i, 'Customer ' || i, 'c' || i || '@mail.example', '1980\(born)' FROM n WHERE i <= \(customers)
            """)
        guard isLive else { return }
        let live = try run(["go-live"])
        try #require(live.ending.status == 0, "\(live.errors)")
    }

    /// Starts a command on the shop.
    func start(_ command: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try ChildProcess(
            [ChildProcess.regards] + command + ["--config", shop.file],
            environment: environment.merging(["NO_COLOR": "1"]) { given, _ in given })
    }

    func run(
        _ command: [String], seconds: Int = FailureGuard.seconds
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        let child = try start(command)
        let ending = try child.wait(seconds: seconds)
        return (ending, child.output.all, child.errors.all)
    }

    /// The ledger as it is on disk.
    func rows(_ states: Set<OutreachState>? = nil) throws -> [Outreach] {
        let outbox = try SQLiteOutbox.openForCommand(path: state, access: .read)
        let rows = try outbox.list(OutreachFilter(states: states), limit: .max, after: 0)
        try outbox.close()
        return rows
    }
}

extension ChildProcess {
    /// Waits for a line on standard error that has these words.
    func awaitError(_ words: String, count: Int = 1) throws {
        try errors.await(words) { lines in lines.count { $0.contains(words) } >= count ? () : nil }
    }
}
