import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `regards status` says is wrong, and what it does where things are missing.
@Suite("Status")
struct StatusTests {
    private func run(_ shop: TestShop, _ arguments: [String] = []) throws -> (output: [String], errors: [String], status: Int32?) {
        let run = try ChildProcess.run([ChildProcess.regards, "status", "--config", shop.file] + arguments)
        return (run.output, run.errors, run.ending.status)
    }

    private func daemon(_ shop: TestShop) throws -> TestDaemon {
        try TestDaemon(shop, now: try at("2027-05-04T06:00:00Z"))
    }

    @Test("a daemon that runs is seen by its lock, and one that stopped is not")
    func running() async throws {
        let shop = try TestShop(rules: ["birthday"])
        let daemon = try daemon(shop)
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        let seen = try #require(RunningDaemon(state: shop.state))
        #expect(seen.process == getpid())
        #expect(try #require(seen.since) <= SystemClock().now())
        let found = try run(shop)
        #expect(found.output.first == "● regards 0.1.0  The Shop")
        #expect(found.output.contains { $0.hasPrefix("daemon    running since ") && $0.hasSuffix("process \(getpid())") })
        #expect(found.output.contains { $0.hasPrefix("rules     1, ") && $0.hasSuffix(", read Tue 2027-05-04 08:00") })
        #expect(!found.output.contains { $0.hasPrefix("wrong") })
        try await daemon.stop()
        #expect(RunningDaemon(state: shop.state) == nil)
        let stopped = try run(shop)
        #expect(stopped.output.first == "○ regards 0.1.0  The Shop")
        #expect(stopped.output.suffix(2) == ["wrong     no daemon runs, so nothing is sent", "          → \(ChildProcess.regards) serve --config \(shop.file)"])
    }

    @Test("a state file of an older release is left alone, and what brings it up to date is said")
    func older() throws {
        let shop = try TestShop(rules: ["birthday"])
        let state = try DatabaseQueue(path: shop.state)
        try state.write { try $0.execute(sql: try TestShop.text(TestTools.root + "/Tests/Fixtures/state/001-ledger.sql")) }
        try state.close()
        let found = try run(shop)
        #expect(found.status == 75)
        #expect(
            found.errors == [
                "regards: \(shop.state): written by an older release of regards; start the daemon, which copies it to "
                    + "\(shop.state).before-… and brings it up to date"
            ])
        let once = try ChildProcess.run([ChildProcess.regards, "serve", "--once", "--config", shop.file])
        #expect(once.ending.status == 0, "\(once.errors)")
        #expect(access(shop.state + ".before-002-language", F_OK) == 0)
        #expect(try run(shop).status == 0)
    }

    @Test("files with mistakes are said, and the rest is shown all the same")
    func mistakes() async throws {
        let shop = try TestShop(rules: ["birthday"])
        let daemon = try daemon(shop)
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try shop.rules("more: {purpose: greting, when: {schedule: daily, at: 09:00}, send: birthday}\n", file: "more")
        let found = try run(shop)
        #expect(found.status == 0 && found.errors == [])
        #expect(found.output.contains("wrong     the files have 1 mistake; the daemon goes on with the rules it had"))
        try shop.rules("more: {purpose: greeting, when: {schedule: daily, at: 09:00}, send: birthday}\n", file: "more")
        #expect(try run(shop).output.contains("wrong     the daemon has not read more as the files have it"))
        try await daemon.stop()
    }

    @Test("a promise that ran out is wrong until the answer, though the complaint stays open")
    func promises() async throws {
        let shop = try TestShop(rules: ["complaints"])
        try shop.addCustomer(1)
        let daemon = try daemon(shop)
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try shop.complain(7, customer: 1, at: try at("2027-05-04T07:00:00Z"))
        // The clock of this machine is long past the limit.
        try await daemon.cleanPass(at: "2027-05-04T07:00:00Z")
        try await daemon.stop()
        let clock = SystemClock().now()
        let events = [Event(
            kind: "complaint", id: "7", customer: "1", at: try at("2027-05-04T07:00:00Z"),
            limits: ["complaint-care": try at("2027-05-05T07:00:00Z")])]
        let assembly = try shop.assembly()
        func limits() throws -> Int {
            try Event.withLimitsToKeep(events, assembly.book, Workshop.source(assembly), now: clock)[0].limits.count
        }
        #expect(try limits() == 1)
        try shop.sql("UPDATE complaints SET answered_at = '2027-05-04T08:00:00Z'")
        #expect(try limits() == 0)
        try shop.sql("DELETE FROM complaints")
        #expect(try limits() == 1, "who vanished is not known to have an answer")
    }

    @Test("a customer database that is away is wrong, and no reason to say nothing")
    func unreachable() async throws {
        let shop = try TestShop(rules: ["complaints"])
        try shop.addCustomer(1)
        let daemon = try daemon(shop)
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try await daemon.stop()
        try #require(unlink(shop.path + "/shop.sqlite") == 0)
        let found = try run(shop)
        #expect(found.status == 0)
        #expect(found.output.contains { $0.hasPrefix("wrong     the customer database cannot be read: ") })
        #expect(try run(shop, ["--json"]).output.first?.contains("\"command\":\"\(ChildProcess.regards) check --config \(shop.file)\"") == true)
    }
}
