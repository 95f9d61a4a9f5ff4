import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `keep_copies` keeps, and what it must not.
@Suite("Copies of what was sent")
struct SentCopiesTests {
    private func shop(_ extra: String, customers: Int = 4) throws -> TestShop {
        var settings = TestShop.Settings()
        settings.extra = extra
        let shop = try TestShop(rules: ["birthday"], settings)
        for id in 1...customers { try shop.addCustomer(id, birthday: "1980-05-05") }
        return shop
    }

    private func folder(_ shop: TestShop) -> String { SentCopies.folder(besideState: shop.state) }

    /// Paths below the folder, in order.
    private func copies(_ shop: TestShop) throws -> [String] {
        guard access(folder(shop), F_OK) == 0 else { return [] }
        return try TemporaryFolder.names(in: folder(shop)).flatMap { day in
            try TemporaryFolder.names(in: "\(folder(shop))/\(day)").map { "\(day)/\($0)" }
        }
    }

    private func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return status.st_mode & 0o777
    }

    @Test("each message that went, byte for byte, for its owner alone")
    func sent() async throws {
        let shop = try shop("keep_copies: 30d")
        let channel = ScriptedChannel(.delivered)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:03.25Z")
        let rows = try daemon.rows()
        #expect(rows.count == 4 && rows.allSatisfy { $0.state == .sent })
        #expect(try copies(shop) == rows.map { "2027-05-05/070003.250-\($0.id).eml" }.sorted())
        for outgoing in channel.sent {
            let path = "\(folder(shop))/2027-05-05/070003.250-\(outgoing.outreach).eml"
            #expect(try TestShop.bytes(path) == outgoing.message.bytes)
            #expect(try mode(path) == 0o600)
            let attempt = try #require(try daemon.outbox.show(outgoing.outreach)?.attempts.first)
            #expect(SentCopies.find(row: outgoing.outreach, startedAt: attempt.startedAt, besideState: shop.state) == path)
        }
        #expect(try mode(folder(shop)) == 0o700 && mode(folder(shop) + "/2027-05-05") == 0o700)
        let size = try #require(SentCopies.size(besideState: shop.state))
        #expect(size.messages == 4 && size.bytes == channel.sent.reduce(0) { $0 + Int64($1.message.bytes.count) })
        // The whole of the last day that is wanted stays.
        try await daemon.cleanPass(at: "2027-06-04T23:59:59Z")
        #expect(try copies(shop).count == 4)
        try await daemon.cleanPass(at: "2027-06-05T00:00:00Z")
        #expect(try TemporaryFolder.names(in: folder(shop)) == [])
        try await daemon.stop()
    }

    @Test("an attempt that failed leaves none, and one whose end nobody knows leaves one")
    func ends() async throws {
        let outcomes: [(Outcome, Int)] = [
            (.refused(.messageRefused), 0), (.deferred(.temporary, notBefore: nil), 0), (.deferred(.connectionLost, notBefore: nil), 0),
            (.inDoubt(.connectionLost), 1), (.delivered, 1),
        ]
        for (outcome, kept) in outcomes {
            let shop = try shop("keep_copies: 30d\nif_in_doubt: ask", customers: 1)
            let channel = ScriptedChannel(nil)
            let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
            try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
            try #require(daemon.clock).set(try at("2027-05-05T07:00:00Z"))
            daemon.daemon.lookAgain()
            try channel.awaitSent(1)
            // It is there before the message is.
            #expect(try copies(shop).count == 1, "\(outcome)")
            channel.answer(.deferred(.relayDown, notBefore: try at("2027-05-06T07:00:00Z")))
            channel.finish(outcome)
            try await daemon.stop()
            #expect(try copies(shop).count == kept, "\(outcome)")
        }
    }

    @Test("none are kept unless they are asked for, and none of a simulation", arguments: ["", "keep_copies: off"])
    func off(extra: String) async throws {
        let shop = try shop(extra)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try shop.mails().count == 4)
        #expect(access(folder(shop), F_OK) != 0)
        #expect(SentCopies.size(besideState: shop.state) == nil)
        try await daemon.stop()
        let wanting = try self.shop("keep_copies: 30d")
        let run = try ChildProcess.run([
            ChildProcess.regards, "simulate", "--config", wanting.file, "--from", "2027-05-05", "--to", "2027-05-06",
            "--out", wanting.path + "/out",
        ])
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(access(folder(wanting), F_OK) != 0)
    }

    @Test("a copy that cannot be written keeps its message from going")
    func unwritable() async throws {
        let shop = try shop("keep_copies: 30d")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try shop.folder.write("in the way", to: "state/copies")
        let trouble = try await daemon.pass(at: try at("2027-05-05T07:00:00Z"))
        #expect(trouble is OutboxError)
        #expect(daemon.announcer.notices(.stateUnwritable).count == 1)
        #expect(try shop.mails().isEmpty)
        #expect(try daemon.rows().allSatisfy { $0.attempts == 0 })
        try #require(unlink(folder(shop)) == 0)
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(try shop.mails().count == 4)
        #expect(try copies(shop).count == 4)
        try await daemon.stop()
    }

    @Test("kill -9 at any moment: what was sent and what may have been sent has its copy")
    func kill() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let seed = SeededGenerator.seed("copies")
        var random = SeededGenerator(seed: seed)
        let customers = 140
        let scene = try MomentScene(customers: customers, extra: "keep_copies: 30d")
        for number in 1...20 {
            let moment = Moment.drawn(unsent: try scene.unsent(of: customers), &random)
            let child = try scene.start(until: moment, number: number)
            child.signal(SIGKILL)
            #expect(try child.wait().signal == SIGKILL)
            let rows = access(scene.served.state, F_OK) == 0 ? try scene.served.rows([.sending, .sent]) : []
            let without = try rows.filter { try !hasCopy($0, scene) }
            #expect(without.isEmpty, "seed \(seed), kill \(number) at \(moment)")
        }
        let copied = try copies(scene.served.shop).count
        #expect(copied >= 1)
        // Whatever the relay has, somebody can be shown.
        let received = Set(try TestShop.text(scene.record).split(separator: "\n").compactMap { RecordingSMTPServer.Message(record: $0)?.bytes })
        let kept = Set(try copies(scene.served.shop).map { try TestShop.bytes("\(folder(scene.served.shop))/\($0)") })
        let unkept = received.subtracting(kept).map { String(decoding: $0.prefix(200), as: UTF8.self) }
        #expect(unkept == [], "seed \(seed)")
        _ = try scene.finish("seed \(seed)")
        #expect(try copies(scene.served.shop).count >= customers)
        let last = try #require(try scene.served.rows([.sent]).last)
        let shown = try scene.served.run(["outbox", "show", "\(last.id)"])
        #expect(shown.output.contains { $0.hasPrefix("copy") && $0.hasSuffix("-\(last.id).eml") }, "\(shown.output)")
    }

    private func hasCopy(_ row: Outreach, _ scene: MomentScene) throws -> Bool {
        let outbox = try SQLiteOutbox.openForCommand(path: scene.served.state, access: .read)
        defer { try? outbox.close() }
        guard let attempt = try outbox.show(row.id)?.attempts.last else { return false }
        return SentCopies.find(row: row.id, startedAt: attempt.startedAt, besideState: scene.served.state) != nil
    }
}
