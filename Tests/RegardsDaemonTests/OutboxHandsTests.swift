import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// `outbox retry`, `hold`, `release` and `cancel`, as somebody types them.
@Suite("Single messages by hand")
struct OutboxHandsTests {
    @Test("before anything is sent: held and cancelled messages do not go, released and retried ones do")
    func before() throws {
        let served = try ServedShop(customers: 4, isLive: false)
        // Planned, and kept from going by a pause.
        #expect(try served.run(["go-live"]).ending.status == 0)
        #expect(try served.run(["pause", "--all"]).ending.status == 0)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let ids = try served.rows().map { "\($0.id)" }
        #expect(ids.count == 4)
        let held = try served.run(["outbox", "hold", ids[0], ids[1], ids[0]])
        let regards = ChildProcess.regards
        #expect(held.output == ids[0...1].map { "row \($0) is held; to let it go: \(regards) outbox release \($0)" })
        #expect(try served.run(["outbox", "cancel", ids[2]]).output == ["row \(ids[2]) is cancelled"])
        #expect(try served.run(["pause", "lift", "--all"]).ending.status == 0)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["held(by-hand)", "held(by-hand)", "cancelled(by-hand)", "sent"])
        #expect(try served.run(["outbox", "release", ids[0]]).output == ["row \(ids[0]) is released"])
        #expect(try served.run(["outbox", "retry", ids[2]]).output == ["row \(ids[2]) goes again, once it is due"])
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["sent", "held(by-hand)", "sent", "sent"])
        #expect(try served.shop.mails().count == 3)
    }

    @Test("a message that failed goes again when the relay takes it")
    func retry() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        var options = RecordingSMTPServer.Options()
        options.refuse = ["c1@mail.example": 554]
        let refusing = try RecordingSMTPServer(options)
        let served = try ServedShop(customers: 1, port: refusing.port)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let row = try #require(try served.rows().first)
        #expect(row.standing == "failed(recipient-refused)")
        let relay = try RecordingSMTPServer()
        var settings = TestShop.Settings()
        (settings.zone, settings.events) = ("UTC", "")
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        try served.shop.configure(settings)
        #expect(try served.run(["outbox", "retry", "\(row.id)"]).ending.status == 0)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["sent"])
        #expect(try relay.messages(1).count == 1)
    }

    @Test("with the daemon running it acts within one message")
    func whileRunning() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let scene = try MomentScene(customers: 400)
        let child = try scene.start(until: .stage(.kept, 20), number: 1, holds: true)
        // All that is not on its way, what the daemon has claimed included.
        let rows = try scene.served.rows([.planned, .claimed]).map(\.id)
        let outbox = try SQLiteOutbox.openForCommand(path: scene.served.state, access: .write)
        let held = try rows.filter { try outbox.act(.hold, on: [$0], now: SystemClock().now()).isEmpty }
        try outbox.close()
        #expect(held.count >= 400 - 20 - 2 * MomentScene.sessions)
        scene.relay.go()
        try child.errors.await("the others are sent") { lines in
            lines.count { $0.split(separator: " ").dropFirst().first == "sent" } >= 400 - held.count ? () : nil
        }
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        let found = try scene.served.rows()
        #expect(found.filter { held.contains($0.id) }.allSatisfy { $0.standing == "held(by-hand)" && $0.attempts == 0 })
        #expect(try scene.received() == 400 - held.count)
        let release = try scene.served.run(["outbox", "release"] + held.map { "\($0)" })
        #expect(release.ending.status == 0)
        #expect(try MomentScene.figure("twice", scene.finish("held by hand")) == 0)
    }

    @Test("what cannot be done is said, with what can, and nothing is done")
    func wrong() throws {
        let served = try ServedShop(customers: 2)
        let missing = try served.run(["outbox", "hold", "1"])
        #expect(missing.ending.status == 66)
        #expect(missing.errors == ["regards: there is no row 1"])
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let ids = try served.rows().map { "\($0.id)" }
        for (command, status, errors) in [
            (["hold", ids[0]], 65, "row \(ids[0]) was sent"),
            (["retry", ids[0], ids[1]], 65, "row \(ids[0]) was sent; row \(ids[1]) was sent; nothing was done"),
            (["cancel", ids[0], "4711"], 66, "row \(ids[0]) was sent; there is no row 4711; nothing was done"),
            (["release", "4711"], 66, "there is no row 4711"),
        ] as [([String], Int32, String)] {
            let run = try served.run(["outbox"] + command)
            #expect(run.ending.status == status, "\(command)")
            #expect(run.errors == ["regards: \(errors)"])
        }
        #expect(try served.run(["outbox", "retry"]).ending.status == 64)
        #expect(try served.run(["outbox", "cancel", "x"]).ending.status == 64)
    }

    @Test("recover leaves a sound file and a running daemon alone")
    func recover() throws {
        let served = try ServedShop(customers: 1)
        #expect(try served.run(["recover"]).output == ["\(served.state) is sound; nothing was done"])
        let child = try served.start(["serve"])
        try child.awaitError("ready")
        let busy = try served.run(["recover"])
        #expect(busy.ending.status == 75)
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
    }
}
