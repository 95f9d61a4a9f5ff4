import Foundation
import GRDB
import RegardsCalendar
import RegardsCore
import RegardsDaemon
import RegardsStore

/// Lets the daemon live through a world of `world.py` under a virtual clock, and writes down what it sent and what
/// `plan` had said would be sent: the same lines that `who_is_due.py` computes in its own way.
///
///     AgreementTest FOLDER STILL
///
/// FOLDER holds the shop's configuration, `shop.sqlite`, `changes.jsonl` and `looks.json`; `served.tsv` and
/// `planned.tsv` are written into it. STILL is the number of days for which `simulate` runs on the shop as it is at first;
/// how many messages it sent for each rule stands in `simulated.tsv`.
struct Agreement {
    let folder: String
    let assembly: Assembly
    let outbox: SQLiteOutbox
    let clock: VirtualClock
    let daemon: VirtualDaemon
    let mornings: Mornings
    let hash = AddressHash(key: .random())
    let start = Instant(seconds: 1_798_763_400)  // 2027-01-01T00:30:00Z

    init(folder: String) throws {
        self.folder = folder
        let (assembly, mistakes) = Assembly.load(file: folder + "/regards.yaml", environment: [:], zones: ZoneCatalog())
        guard let assembly else { throw Failure("\(mistakes)") }
        self.assembly = assembly.with(mode: .live)
        mornings = try Mornings(folder: folder)
        clock = VirtualClock(start)
        outbox = try SQLiteOutbox.openScratch(path: folder + "/state.sqlite", now: start)
        daemon = try VirtualDaemon(
            self.assembly, outbox: outbox, channels: ChannelSet([.mail: TakingChannel()], clock: clock), clock: clock,
            salt: Array("agreement".utf8), hash: hash)
    }

    func run(still: Int64) throws {
        try simulate(still)
        var planned: [String] = []
        for look in mornings.looks {
            try mornings.apply(through: look)
            clock.set(start + .days(Int64(look)))
            try daemon.look()
            // From the next morning on it may be down; what falls due then waits.
            let end = start + .days(Int64(look + 1))
            planned += try forecast(until: end)
            try daemon.run(until: end)
        }
        daemon.stop()
        try write(planned, to: "planned.tsv")
        try write(try served(), to: "served.tsv")
    }

    private func simulate(_ days: Int64) throws {
        let report = try Simulation(assembly: assembly).run(from: start, to: start + .days(days))
        try write(report.sentByRule.map { "\($0.key)\t\($0.value)" }, to: "simulated.tsv")
    }

    private func forecast(until end: Instant) throws -> [String] {
        let forecast = Forecast(assembly: assembly, source: try Workshop.source(assembly), outbox: outbox, hash: hash)
        // Also what is overdue after an outage, or was put off.
        let report = try forecast.report(from: clock.now() - .days(90), to: end, now: clock.now())
        return report.lines.filter { $0.verdict.word == "due" }.map { line in
            self.line(line.outreach.key, at: max(line.outreach.dueAt, clock.now()), card: line.card)
        }
    }

    private func served() throws -> [String] {
        var lines: [String] = []
        var after: Int64 = 0
        while true {
            let rows = try outbox.list(OutreachFilter(states: [.sent]), limit: 10_000, after: after)
            guard let last = rows.last else { return lines }
            after = last.id
            for row in rows { lines.append(line(row.key, at: row.endedAt ?? row.plan.dueAt, card: row.card ?? "")) }
        }
    }

    private func line(_ key: OutreachKey, at: Instant, card: String) -> String {
        let second = Date(timeIntervalSince1970: Double(at.seconds)).formatted(.iso8601)
        let fields = [key.customer, key.rule, key.occasion, key.step, key.recipient, second, card]
        return fields.joined(separator: "\t")
    }

    private func write(_ lines: [String], to name: String) throws {
        let sorted = lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        try TextFile.write(sorted.map { $0 + "\n" }.joined(), to: folder + "/" + name)
    }
}

struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// Takes every message at once.
final class TakingChannel: Channel {
    let name = "taking"
    let sessions = 16
    private let handler = Handler()

    func whenStateChanges(_ handler: @escaping @Sendable (ChannelState) -> Void) { self.handler.set(handler) }
    func open() { handler.call(.ready) }
    func send(_ outgoing: Outgoing, ended: @escaping @Sendable (AttemptReport) -> Void) { ended(AttemptReport(.delivered)) }
    func close(grace: TimeSpan, done: @escaping @Sendable () -> Void) { done() }
}

do {
    guard CommandLine.arguments.count == 3, let still = Int64(CommandLine.arguments[2]) else {
        throw Failure("usage: AgreementTest FOLDER STILL")
    }
    try Agreement(folder: CommandLine.arguments[1]).run(still: still)
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
