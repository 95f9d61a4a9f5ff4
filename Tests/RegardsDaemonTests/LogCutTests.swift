import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

extension StateFaultTests {
    /// What a disk that does not keep its promises makes of a daemon's death: the log lacks its end, and the ledger is an
    /// earlier one. The whole log is looked at too, of which nothing is missing.
    @Test("a log that was cut anywhere: what went is not sent again, but for a few that only its end knew of, under the same id")
    func cutLog() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let seed = SeededGenerator.seed("cut log")
        var random = SeededGenerator(seed: seed)
        let scene = try CutScene(random: &random)
        var figures = (older: 0, unsaid: 0)
        // Without the end of its last page, and without anything but its heading; and anywhere between.
        let cuts = [scene.logSize - 1, 32] + (1...4).map { _ in Int.random(in: 33..<scene.logSize, using: &random) }
        for size in [scene.logSize] + cuts {
            let what: Comment = "seed \(seed), \(size) of \(scene.logSize) bytes"
            let outcome = try scene.restart(cutTo: size, what)
            #expect(outcome.unsaid <= (size == scene.logSize ? 0 : 2 * MomentScene.sessions), what)
            if size == scene.logSize { #expect(!outcome.isOlder, what) }
            if size == 32 { #expect(outcome.isOlder, what) }
            figures.older += outcome.isOlder ? 1 : 0
            figures.unsaid = max(figures.unsaid, outcome.unsaid)
        }
        print("cut log: \(figures.older) of \(cuts.count) seen to be older; at most \(figures.unsaid) went twice unsaid")
        scene.end()
    }
}

/// A daemon that was killed while it sent, and what it left: to be cut and started again and again.
private struct CutScene {
    struct Outcome {
        /// The start saw that the file is older than the one that was used last.
        let isOlder: Bool
        /// Messages that went a second time although the ledger does not say that they might.
        let unsaid: Int
    }

    private static let customers = 160
    private let scene: MomentScene
    private let kept: TemporaryFolder
    /// Who had a message when the daemon was killed, and its Message-ID.
    private let before: [String: String]
    let logSize: Int

    init(random: inout SeededGenerator) throws {
        scene = try MomentScene(customers: Self.customers)
        // The end of an earlier daemon puts the log into the file: what is cut is of the one that is killed.
        for (number, count) in [(1, 20), (2, Int.random(in: 40...70, using: &random))] {
            let child = try scene.start(until: .stage(.kept, count), number: number)
            child.signal(number == 1 ? SIGTERM : SIGKILL)
            _ = try child.wait()
        }
        kept = try TemporaryFolder()
        try Self.copy(scene.served.state, kept.path + "/state")
        logSize = try TestShop.bytes(kept.path + "/state-wal").count
        before = Dictionary(try Self.messages(scene.record)) { first, _ in first }
    }

    private static func copy(_ from: String, _ to: String) throws {
        unlink(to + "-shm")
        for suffix in ["", "-wal", ".lock"] { try #require(TestTools.run(["cp", from + suffix, to + suffix]) == 0) }
    }

    /// Recipient and Message-ID of each message that the relay has on disk.
    private static func messages(_ record: String) throws -> [(String, String)] {
        try TestShop.text(record).split(separator: "\n").map { line in
            let message = try #require(RecordingSMTPServer.Message(record: line))
            return (message.recipients.joined(), Mail(text: String(decoding: message.bytes, as: UTF8.self)).id)
        }
    }

    func end() {
        scene.relay.stop()
        unlink(scene.record)
    }

    /// Starts a daemon on what was left, with a log of so many bytes, lets it end by itself, and looks at what became of
    /// each customer.
    func restart(cutTo size: Int, _ what: Comment) throws -> Outcome {
        let state = scene.served.state
        try Self.copy(kept.path + "/state", state)
        try #require(truncate(state + "-wal", off_t(size)) == 0)
        let known = try Self.messages(scene.record).count
        let run = try scene.served.run(["serve", "--once"])
        #expect(run.ending.status == 0, "\(what): \(run.errors.suffix(3))")
        let isOlder = run.errors.contains { $0.contains("the state file is older than the one that was used here last") }
        var after: [String: String] = [:]
        for (recipient, id) in try Self.messages(scene.record).dropFirst(known) {
            #expect(after.updateValue(id, forKey: recipient) == nil, "\(what): twice in one run: \(recipient)")
            #expect(before[recipient].map { $0 == id } ?? true, "\(what): \(recipient) under two ids")
        }
        var unsaid = 0
        var customers: Set<String> = []
        for row in try rows(state) {
            let recipient = "c\(row.customer)@mail.example"
            #expect(customers.insert(row.customer).inserted, "\(what): two rows for \(recipient)")
            let (first, second) = (before[recipient] != nil, after[recipient] != nil)
            // Sent is only what was received; and who has nothing waits for somebody's word.
            #expect(row.state == .sent ? first || second : row.state == .held && row.reason == "in-doubt", "\(what): \(row)")
            if first, second, !row.isDoubtSaid { unsaid += 1 }
        }
        #expect(customers.count == Self.customers, what)
        if isOlder { #expect(after.isEmpty, what) }
        return Outcome(isOlder: isOlder, unsaid: unsaid)
    }

    private struct LedgerRow {
        let customer: String
        let state: OutreachState?
        let reason: String
        /// One of its attempts ended in doubt.
        let isDoubtSaid: Bool
    }

    private func rows(_ path: String) throws -> [LedgerRow] {
        let queue = try DatabaseQueue(path: path)
        defer { #expect(throws: Never.self) { try queue.close() } }
        return try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT customer, state, reason,
                        EXISTS (SELECT * FROM attempts a WHERE a.outreach_id = o.id AND a.outcome = 'in-doubt')
                    FROM outreach o
                    """
            ).map { row in
                LedgerRow(customer: row[0], state: OutreachState(rawValue: row[1]), reason: row[2], isDoubtSaid: row[3])
            }
        }
    }
}
