import Foundation
import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Synchronization

@testable import RegardsStore

/// A folder of its own for each test, removed when the tests are over: databases in it may still be open before.
final class TemporaryFolder: Sendable {
    let path: String
    private static let all: Mutex<[String]> = {
        atexit {
            for path in TemporaryFolder.all.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
        }
        return Mutex([])
    }()

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/regards-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("mkdtemp: \(String(cString: strerror(errno)))") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.path = path
        TemporaryFolder.all.withLock { $0.append(path) }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Runs a program and waits for it.
    /// - Returns: its exit status.
    @discardableResult
    static func run(_ command: [String]) -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        guard posix_spawnp(&process, command[0], nil, nil, &arguments, environ) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : -1
    }
}

struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// 2027-05-04 12:00:00 UTC, the "now" of most tests.
let noon = Instant(seconds: 1_809_432_000)

extension PlannedOutreach {
    static func row(
        _ customer: String, rule: String = "birthday", occasion: String = "2027", step: String = "send",
        recipient: String = "customer/0", due: Instant = noon, expires: Instant? = nil,
        channel: ChannelName = .mail, lane: Lane = .rest, hash: UInt64 = 1
    ) -> PlannedOutreach {
        let key = OutreachKey(customer: customer, rule: rule, occasion: occasion, step: step, recipient: recipient)
        let local = Zone.utc.local(at: due)
        return PlannedOutreach(
            key: key, dueAt: due, expiresAt: expires, zone: "UTC", localDate: local.date, localTime: local.time,
            channel: channel, lane: lane, ruleHash: hash)
    }
}

extension RuleAdoption {
    /// `care` is of purpose care, every other rule a greeting.
    init(name: String, hash: UInt64, formerly: [String] = []) {
        self.init(name: name, purpose: name == "care" ? .care : .greeting, hash: hash, formerly: formerly)
    }
}

/// An outbox in a folder of its own, with the rules `birthday`, `monthly` and `care`.
struct Ledger {
    let folder: TemporaryFolder
    let path: String
    var outbox: SQLiteOutbox
    static let rules = ["birthday", "monthly", "care"]
    static let day = (noon - .hours(24))..<(noon + .hours(26))

    init(now: Instant = noon, rules: [String] = Ledger.rules) throws {
        folder = try TemporaryFolder()
        path = folder.file("state.db")
        outbox = try SQLiteOutbox.openForDaemon(path: path, now: now)
        _ = try outbox.adoptRules(rules.map { RuleAdoption(name: $0, hash: 1) }, now: now)
    }

    /// What a kill of the daemon leaves to the next one: everything committed, nothing else.
    mutating func restart(now: Instant = noon, ifInDoubt: InDoubtPolicy = .resend) throws -> Recovery {
        try outbox.close()
        outbox = try SQLiteOutbox.openForDaemon(path: path, now: now)
        return try outbox.recover(now: now) { _ in ifInDoubt }
    }

    /// One whole pass in which exactly these customers exist.
    @discardableResult
    func plan(
        _ rows: [PlannedOutreach], customers: [String]? = nil, rules: [String] = ["birthday", "monthly"],
        window: Range<Instant> = Ledger.day, now: Instant = noon
    ) throws -> ReconcileCounts {
        let pass = try outbox.beginPlan(rules: rules, window: window, now: now)
        var customers = customers ?? []
        for row in rows where !customers.contains(row.key.customer) { customers.append(row.key.customer) }
        let grouped = customers.flatMap { customer in rows.filter { $0.key.customer == customer } }
        var counts = try pass.reconcile(customers: customers, rows: grouped)
        counts += try pass.finish()
        return counts
    }

    func claimAll(now: Instant = noon) throws -> [Outreach] {
        try outbox.claim(limit: 1000, now: now, channels: [.mail])
    }

    /// Plans one row and brings it to `sending`.
    func sendingRow(_ customer: String = "1") throws -> Int64 {
        try plan([.row(customer)])
        let row = try claimAll()[0]
        guard try outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: row.id, card: "birthday")])).isEmpty else {
            throw Failure("the mark was refused")
        }
        return row.id
    }

    /// Plans rows that are due, claims them and gives back their ids in the order of `rows`.
    func claim(_ rows: [PlannedOutreach], now: Instant = noon) throws -> [Int64] {
        try outbox.addOutreach(rows, now: now)
        let channels = Array(Set(rows.map(\.channel)))
        let claimed = try outbox.claim(limit: 10_000, now: now, channels: channels)
        let ids = Dictionary(uniqueKeysWithValues: claimed.map { ($0.key, $0.id) })
        return try rows.map {
            guard let id = ids[$0.key] else { throw Failure("not claimed: \($0.key)") }
            return id
        }
    }

    /// Plans a row, sends it to an address at an instant, and gives back its id.
    @discardableResult
    func send(
        _ row: PlannedOutreach, to address: String? = nil, counts: Bool = true, card: String? = nil, at: Instant = noon
    ) throws -> Int64 {
        var row = row
        row.dueAt = min(row.dueAt, at)
        let id = try claim([row], now: at)[0]
        let mark = SendMark(id: id, card: card, address: address, counts: counts)
        guard try outbox.commit(GroupCommit(now: at, marks: [mark])).isEmpty,
            try outbox.commit(GroupCommit(now: at, endings: [Ending(id: id, .sent)])).isEmpty
        else { throw Failure("could not send \(row.key)") }
        return id
    }

    func row(_ id: Int64) throws -> Outreach {
        guard let detail = try outbox.show(id) else { throw Failure("no row \(id)") }
        return detail.outreach
    }

    func all() throws -> [Outreach] { try outbox.list(OutreachFilter(), limit: 100_000, after: 0) }

    /// Rows changed by the writing connection since it was opened.
    func totalChanges() throws -> Int { try outbox.write { $0.totalChangesCount } }
}
