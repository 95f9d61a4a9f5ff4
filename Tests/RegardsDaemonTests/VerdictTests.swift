import GRDB
import Glibc
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The verdict on the long runs is worth what it can find: each thing that may go wrong is done to the evidence of a run
/// that went well, and has to be named.
@Suite("The verdict")
struct VerdictTests {
    /// Done to the evidence: lines of the record, a statement on the ledger, one on the shop.
    struct Tampering: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var lines: @Sendable (inout [String]) -> Void = { _ in }
        var ledger = ""
        var shop = ""
        /// What the verdict has to say, each of them.
        var found: [String]
    }

    static let tamperings = [
        Tampering(
            testDescription: "a message that never came", lines: { $0.removeFirst() },
            found: ["lost: customer ", "marked sent but not received: customer "]),
        Tampering(testDescription: "a message that came twice", lines: { $0.append($0[3]) }, found: ["silently doubled: customer "]),
        Tampering(
            testDescription: "twice, under another id", lines: { $0.append(VerdictTests.text($0[3], "Message-ID: <", "Message-ID: <x")) },
            found: ["silently doubled: customer ", "one occasion under two ids: customer "]),
        Tampering(
            testDescription: "somebody else's message", lines: { VerdictTests.swapRecipients(&$0) }, found: ["wrong person: customer "]),
        Tampering(
            testDescription: "a row of another day", ledger: "UPDATE outreach SET local_date = local_date - 1 WHERE id = 3",
            found: ["wrong day: customer "]),
        Tampering(
            testDescription: "a message of another day", lines: { VerdictTests.age(&$0[2], by: 9 * 86_400) }, found: ["wrong day: customer "]),
        Tampering(
            testDescription: "somebody who was owed nothing", shop: "UPDATE customers SET birthday = '1980-01-31' WHERE id = 4",
            found: ["wrong person: customer 4"]),
        Tampering(
            testDescription: "a row that is not there", ledger: "DELETE FROM outreach WHERE customer = '5'", found: ["lost: customer 5"]),
        Tampering(
            testDescription: "a row that still waits", ledger: "UPDATE outreach SET state = 0, ended_at = NULL WHERE customer = '6'",
            found: ["not ended: customer 6"]),
        Tampering(
            testDescription: "an attempt without an end", ledger: "UPDATE attempts SET outcome = '' WHERE outreach_id = 2",
            found: ["not ended: customer "]),
    ]

    @Test("finds nothing wrong with a run that went well, and each thing that is done to it")
    func finds() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let customers = 12
        let scene = try MomentScene(customers: customers)
        #expect(try scene.served.run(["serve", "--once"]).ending.status == 0)
        let record = try TestShop.text(scene.record)
        let (ledger, shop) = (try Backup(of: scene.served.state), try Backup(of: scene.served.shop.path + "/shop.sqlite"))
        let sound = try scene.verdict()
        #expect(sound.status == 0 && MomentScene.figure("received", sound.lines[0]) == customers, "\(sound.lines)")
        for tampering in Self.tamperings {
            var lines = record.split(separator: "\n").map(String.init)
            tampering.lines(&lines)
            try Self.write(lines, to: scene.record)
            try ledger.change(tampering.ledger)
            try shop.change(tampering.shop)
            let verdict = try scene.verdict()
            #expect(verdict.status == 1, "\(tampering.testDescription): \(verdict.lines)")
            for words in tampering.found {
                #expect(verdict.lines.contains { $0.hasPrefix(words) }, "\(tampering.testDescription): \(verdict.lines)")
            }
            try ledger.restore()
            try shop.restore()
        }
        try Self.write(record.split(separator: "\n").map(String.init), to: scene.record)
        #expect(try scene.verdict().status == 0)
        scene.relay.stop()
        unlink(scene.record)
    }

    /// A database as it was, to be put back.
    private struct Backup {
        let path: String
        let whole: DatabaseQueue

        init(of path: String) throws {
            self.path = path
            whole = try DatabaseQueue()
            let queue = try DatabaseQueue(path: path)
            try queue.backup(to: whole)
            try queue.close()
        }

        func change(_ statement: String) throws {
            guard !statement.isEmpty else { return }
            let queue = try DatabaseQueue(path: path)
            try queue.write { try $0.execute(sql: statement) }
            try queue.close()
        }

        func restore() throws {
            let queue = try DatabaseQueue(path: path)
            try whole.backup(to: queue)
            try queue.close()
        }
    }

    private static func write(_ lines: [String], to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        for line in lines { try #require(fputs(line + "\n", file) >= 0) }
    }

    /// The line with some of its message replaced.
    private static func text(_ line: String, _ old: String, _ new: String) -> String {
        func hex(_ text: String) -> String {
            text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        var parts = line.split(separator: hex(old), maxSplits: 1)
        if parts.count == 2 { parts.insert(Substring(hex(new)), at: 1) }
        return parts.joined()
    }

    private static func swapRecipients(_ lines: inout [String]) {
        var (one, other) = (fields(lines[0]), fields(lines[1]))
        (one[5], other[5]) = (other[5], one[5])
        (lines[0], lines[1]) = (one.joined(separator: "\t"), other.joined(separator: "\t"))
    }

    private static func age(_ line: inout String, by seconds: Double) {
        var all = fields(line)
        all[8] = Double(all[8]).map { "\($0 - seconds)" } ?? ""
        line = all.joined(separator: "\t")
    }

    private static func fields(_ line: String) -> [String] {
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}
