import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

extension RealTimeTests {
    @Test("full while it sends: it stops within one message, goes on within ten seconds of room, and all come once")
    func full() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        guard let disk = try SmallDisk("48m") else { return }
        let customers = 1500
        let scene = try MomentScene(customers: customers, state: disk.path + "/regards.sqlite")
        let child = try scene.start(until: .stage(.kept, 200), number: 1)
        try disk.fill()
        try child.awaitError("disk-full")
        let before = try scene.received()
        // Time passes in which something could go: three commands that look at the ledger.
        for _ in 1...3 { #expect(try scene.served.run(["status"]).ending.status == 0) }
        let after = try scene.received()
        #expect(after < customers)
        #expect(after - before <= 2 * MomentScene.sessions, "\(after - before) messages went while the disk was full")
        // Nothing went that is not in the ledger.
        let rows = try scene.served.rows([.sending, .sent])
        #expect(rows.count >= after)
        scene.relay.setAlarm(2, .kept, count: 1)
        let cleared = SystemClock().now()
        try disk.makeRoom()
        try scene.relay.awaitAlarm(2)
        let resumed = SystemClock().now() - cleared
        #expect(resumed < .seconds(10), "\(resumed.microseconds / 1000) ms")
        try child.awaitError("disk-ok")
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        let verdict = try scene.finish("disk full")
        #expect(MomentScene.figure("twice", verdict) == 0)
        print("disk full: \(before) messages before, \(after - before) after; on again in \(resumed.microseconds / 1000) ms; \(verdict)")
    }
}

/// The disk under the ledger fails the daemon's process.
@Suite("The state's disk", .serialized)
struct StateFaultTests {
    @Test("read-only: the start is refused with the reason, and nobody is mailed")
    func readOnly() throws {
        guard let disk = try SmallDisk("4m") else { return }
        let served = try ServedShop(customers: 3, state: disk.path + "/regards.sqlite")
        try disk.remount("ro")
        let run = try served.run(["serve", "--once"])
        #expect(run.ending.status == 74)
        #expect(run.errors.count == 1)
        #expect(run.errors.first?.contains("Read-only file system") == true, "\(run.errors)")
        #expect(try served.shop.mails().isEmpty)
        try disk.remount("rw")
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.shop.mails().count == 3)
    }

    @Test("a damaged file is refused, recovered, and what may have been sent waits for a word")
    func damaged() throws {
        let served = try ServedShop(customers: 300)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.shop.mails().count == 300)
        // Every page but the first ones, which hold the schema and the rules: nothing of the rows is left.
        let size = try TestShop.bytes(served.state).count
        let descriptor = open(served.state, O_RDWR)
        try #require(descriptor >= 0)
        let root = try root(of: "outreach", served.state)
        let junk = [UInt8](repeating: 0xa5, count: 4096)
        for page in root..<size / 4096 { try #require(pwrite(descriptor, junk, 4096, off_t(page * 4096)) == 4096) }
        close(descriptor)
        for suffix in ["-wal", "-shm"] { unlink(served.state + suffix) }
        let refused = try served.run(["serve", "--once"])
        #expect(refused.ending.status == 74)
        #expect(refused.errors.last?.contains("the state file is damaged (") == true, "\(refused.errors)")
        #expect(refused.errors.last?.hasSuffix("regards recover") == true, "\(refused.errors)")
        let recovered = try served.run(["recover"])
        if recovered.ending.status == 0 {
            #expect(recovered.output.contains("made anew: \(served.state)"), "\(recovered.output)")
        } else {
            #expect(recovered.errors.first?.contains("nothing of it can be read") == true, "\(recovered.errors)")
            try #require(rename(served.state, served.state + ".away") == 0)
        }
        // Whatever could be read of it: nobody is mailed a second time.
        _ = try served.run(["go-live"])
        for id in try pauses(served) { #expect(try served.run(["pause", "lift", "\(id)"]).ending.status == 0) }
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.shop.mails().count == 300)
    }

    private func root(of table: String, _ path: String) throws -> Int {
        try DatabaseQueue(path: path).read {
            try Int.fetchOne($0, sql: "SELECT rootpage FROM sqlite_schema WHERE name = ?", arguments: [table]) ?? 0
        }
    }

    private func pauses(_ served: ServedShop) throws -> [Int64] {
        guard access(served.state, F_OK) == 0 else { return [] }
        let outbox = try SQLiteOutbox.openForCommand(path: served.state, access: .read)
        let ids = try outbox.pauses(at: SystemClock().now()).map(\.id)
        try outbox.close()
        return ids
    }

    @Test("somebody who writes it for longer than is waited for: nothing goes meanwhile, all of it afterwards")
    func locked() async throws {
        let shop = try TestShop()
        for id in 1...20 { try shop.addCustomer(id, birthday: "1980-05-05") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), patience: TimeSpan(microseconds: 100_000))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        var configuration = GRDB.Configuration()
        configuration.allowsUnsafeTransactions = true
        let writer = try DatabaseQueue(path: shop.state, configuration: configuration)
        try await writer.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let trouble = try await daemon.pass(at: try at("2027-05-05T07:00:00Z"))
        #expect(trouble as? OutboxError == .busy(path: shop.state))
        #expect(daemon.announcer.notices(.stateUnwritable).map(\.detail) == ["\(shop.state): another process has been writing for too long; try again"])
        #expect(try shop.mails().isEmpty)
        try await writer.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(daemon.announcer.notices(.stateWritable).count == 1)
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 20))
        #expect(try shop.mails().count == 20)
        try await daemon.stop()
    }
}

/// What a machine may lack, and what an operator may do by mistake.
@Suite("A daemon short of means", .serialized)
struct ShortageTests {
    @Test("64 file descriptors are enough, whatever number of sessions is wanted", arguments: [4, 100])
    func descriptors(sessions: Int) throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let relay = try RecordingSMTPServer()
        let served = try ServedShop(
            customers: 400, mail: "smtp: {host: 127.0.0.1, port: \(relay.port), security: none, sessions: \(sessions)}")
        let child = try ChildProcess(
            ["/bin/sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\"", ChildProcess.regards, "serve", "--once", "--config", served.shop.file])
        #expect(try child.wait().status == 0, "\(child.errors.all.suffix(5))")
        #expect(try served.rows().filter { $0.state != .sent }.map(\.standing) == [])
        let recipients = relay.messages.map(\.recipients)
        #expect(recipients.count == 400 && Set(recipients).count == 400)
    }

    /// Two relays and an endpoint, each with more sessions than there are descriptors: they share what there is.
    @Test("sessions are shared where there are few descriptors", arguments: [
        ([4], [4], 1024, [4, 4]), ([100], [], 64, [8]), ([100, 100], [100], 64, [2, 2, 8]), ([4, 100], [2], 64, [3, 3, 2]),
        ([100, 100], [], 20, [1, 1]), ([16, 100], [4], 1024, [16, 100, 4]), ([100, 100, 100, 100], [], 1024, [82, 82, 82, 82]),
        ([], [], 64, []),
    ])
    func shares(smtp: [Int], webhooks: [Int], limit: Int, expected: [Int]) {
        let wishes = smtp.map { SessionShares.Wish.smtp($0) } + webhooks.map { .webhook($0) }
        let shares = SessionShares(wishes, limit: limit)
        #expect(wishes.map(shares.sessions(for:)) == expected)
    }

    @Test("64 file descriptors are enough for two relays and a webhook together, under load")
    func manyWays() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let relays = [try RecordingSMTPServer(), try RecordingSMTPServer()]
        let endpoint = try RecordingHTTPServer()
        let customers = 400
        let served = try ServedShop(
            customers: customers,
            mail: """
                smtp:
                - {host: 127.0.0.1, port: \(relays[0].port), security: none, sessions: 100, name: first}
                - {host: 127.0.0.1, port: \(relays[1].port), security: none, sessions: 100, name: second}
                webhooks:
                  crm: {url: "http://127.0.0.1:\(endpoint.port)/in", secret: none, allow_private: yes, sessions: 100}
                """)
        try served.shop.folder.write(#"{"customer": "{{id}}"}"#, to: "cards/to-crm.json")
        try served.shop.rules(
            """
            crm:
              purpose: care
              when: {anniversary: birthday, at: 09:00}
              webhook: crm
              card: to-crm
              backfill: 5d
              if_late: {grace: 4d}
            """, file: "crm")
        let child = try ChildProcess(
            ["/bin/sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\"", ChildProcess.regards, "serve", "--once", "--config", served.shop.file])
        #expect(try child.wait(seconds: 120).status == 0, "\(child.errors.all.suffix(5))")
        #expect(try served.rows().filter { $0.state != .sent }.map(\.standing) == [])
        #expect(try served.rows().allSatisfy { $0.attempts == 1 })
        let recipients = relays.flatMap(\.messages).map(\.recipients)
        #expect(recipients.count == customers && Set(recipients).count == customers)
        // Nobody found none left, which looks like a relay that does not answer.
        #expect(child.errors.all.filter { $0.contains("relay-down") } == [])
        let bodies = endpoint.requests.map(\.body)
        #expect(bodies.count == customers && Set(bodies).count == customers)
    }

    @Test("of many daemons that are started together one serves, and each message goes once")
    func together() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let scene = try MomentScene(customers: 200)
        scene.relay.setAlarm(1, .kept, count: 200)
        let children = try (1...6).map { _ in try scene.served.start(["serve"]) }
        try scene.relay.awaitAlarm(1)
        let refused = children.filter { !$0.errors.all.contains { $0.contains("started") } }
        #expect(refused.count == 5)
        for child in refused { #expect(try child.wait().status == 75) }
        for child in children { child.signal(SIGTERM) }
        #expect(try children.map { try $0.wait().status ?? -1 }.sorted() == [0, 75, 75, 75, 75, 75])
        let verdict = try scene.finish("six daemons")
        #expect(MomentScene.figure("twice", verdict) == 0)
    }
}
