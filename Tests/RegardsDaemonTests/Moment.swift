import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A moment in a daemon's life that a seed draws: after so many lines of its start, or when so many commands of one kind
/// have come to the relay. The moments lie wherever a message can be; nothing sleeps.
enum Moment: CustomStringConvertible {
    case line(Int)
    case stage(RecordingSMTPServer.Stage, Int)

    /// - Parameter unsent: messages that the daemon has still to send: a moment must come.
    static func drawn(unsent: Int, _ random: inout SeededGenerator) -> Moment {
        let kind = Int.random(in: 0..<8, using: &random)
        let count = Int.random(in: 1...6, using: &random)
        // Beyond what one session may have taken with it.
        guard kind > 0, unsent > 2 * count + 8 else { return .line(1 + (kind + count) % 4) }
        let stage = RecordingSMTPServer.Stage.allCases[(kind - 1) % RecordingSMTPServer.Stage.allCases.count]
        return .stage(stage, stage == .ehlo ? 1 : count)
    }

    var description: String {
        switch self {
        case .line(let number): "line \(number)"
        case .stage(let stage, let count): "\(stage.rawValue) \(count)"
        }
    }
}

/// A shop whose customers are owed a card of one of the last three days, a relay that has on disk what it took, and a
/// verdict by a program that knows nothing of Regards.
struct MomentScene {
    static let sessions = 4

    let served: ServedShop
    let relay: RecordingSMTPServer
    let record: String

    /// - Parameters:
    ///   - slow: see `RecordingSMTPServer.Options`.
    ///   - extra: further lines of regards.yaml.
    init(customers: Int, slow: Int = 0, state: String? = nil, extra: String = "") throws {
        let folder = try TemporaryFolder()
        record = folder.path + "-received"
        var options = RecordingSMTPServer.Options()
        options.record = record
        options.isQuiet = true
        options.slow = slow
        relay = try RecordingSMTPServer(options)
        served = try ServedShop(
            customers: customers,
            mail: "smtp: {host: 127.0.0.1, port: \(relay.port), security: none, sessions: \(Self.sessions)}\n\(extra)", state: state)
        try spreadBirthdays()
    }

    /// Cards of yesterday and the two days before; and customers who are owed none: of the month to come, of last week,
    /// and some without an address.
    private func spreadBirthdays() throws {
        let today = Zone.utc.local(at: SystemClock().now()).date
        func born(_ days: Int) -> String { "'1980\((today - days).description.suffix(6))'" }
        try served.shop.sql(
            """
            UPDATE customers SET birthday = CASE id % 3 WHEN 0 THEN \(born(1)) WHEN 1 THEN \(born(2)) ELSE \(born(3)) END;
            INSERT INTO customers (id, name, email, birthday)
            SELECT 1000000 + id, 'Customer ' || (1000000 + id), 'c' || (1000000 + id) || '@mail.example', \(born(-30))
            FROM customers WHERE id <= 20
            UNION ALL SELECT 2000000 + id, 'Customer ' || (2000000 + id), 'c' || (2000000 + id) || '@mail.example', \(born(7))
            FROM customers WHERE id <= 20
            UNION ALL SELECT 3000000 + id, 'Customer ' || (3000000 + id), NULL, \(born(1)) FROM customers WHERE id <= 20;
            """)
    }

    /// Starts the daemon and waits for the moment.
    func start(until moment: Moment, number: Int) throws -> ChildProcess {
        if case .stage(let stage, let count) = moment { relay.setAlarm(number, stage, count: count) }
        let child = try served.start(["serve"])
        switch moment {
        case .line(let count): try child.errors.await("\(count) lines") { $0.count >= count ? () : nil }
        case .stage: try relay.awaitAlarm(number)
        }
        return child
    }

    /// Messages that the relay has on disk.
    func received() throws -> Int { try TestShop.bytes(record).count { $0 == 0x0a } }

    /// What is still to be sent; all of it before the first start.
    func unsent(of customers: Int) throws -> Int {
        guard access(served.state, F_OK) == 0 else { return customers }
        let outbox = try SQLiteOutbox.openForCommand(path: served.state, access: .read)
        let ended = try outbox.counts(endedSince: Instant(seconds: 0))[.sent]
        try outbox.close()
        return customers - ended
    }

    /// Sends the rest, and lets the verdict be given.
    /// - Returns: its line of figures.
    func finish(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let last = try served.run(["serve", "--once"])
        #expect(last.ending.status == 0, "\(last.errors.suffix(5))", sourceLocation: sourceLocation)
        let verdict = try self.verdict()
        #expect(verdict.status == 0, "\(what): \(verdict.lines)", sourceLocation: sourceLocation)
        relay.stop()
        unlink(record)
        return verdict.lines.first ?? ""
    }

    /// What a program that knows nothing of Regards says: figures first, then what is wrong.
    func verdict() throws -> (status: Int32?, lines: [String]) {
        let python = try #require(TestTools.python(with: "sqlite3"))
        let run = try ChildProcess.run(
            [python, TestTools.root + "/Tests/Fixtures/faults/verdict.py", served.shop.path + "/shop.sqlite", served.state, record],
            seconds: 120)
        return (run.ending.status, run.output + run.errors)
    }

    /// A number that the verdict's line gives.
    static func figure(_ name: String, _ line: String) -> Int? {
        line.split(separator: ",").first { $0.drop { $0 == " " }.hasPrefix(name) }?.split(separator: " ").last.flatMap { Int($0) }
    }
}

/// How much of a long test the environment asks for.
enum Measure {
    static func isAsked(_ name: String) -> Bool { getenv(name) != nil }
    static func number(_ name: String, or usual: Int) -> Int { getenv(name).flatMap { Int(String(cString: $0)) } ?? usual }
}
