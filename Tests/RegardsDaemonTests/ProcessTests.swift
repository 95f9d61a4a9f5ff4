import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The daemon as a process: signals, and the status it ends with.
@Suite("The daemon's process", .serialized)
struct ProcessTests {
    @Test("SIGTERM at any moment of the start ends it with 0 as well")
    func stopWhileStarting() throws {
        for words in ["started", "baseline", "planned", "ready"] {
            let served = try ServedShop(customers: 3)
            let child = try served.start(["serve"])
            try child.awaitError(words)
            child.signal(SIGTERM)
            #expect(try child.wait().status == 0, "at \(words)")
        }
    }

    @Test("SIGTERM after the final dot waits for the answer; a second one does not hurry it")
    func stopAfterTheDot() throws {
        let relay = try ScriptedSMTPServer([".#1": "hold:250 taken"])
        let served = try ServedShop(customers: 30, port: relay.port)
        let child = try served.start(["serve"])
        try relay.awaitHold(".")
        child.signal(SIGTERM)
        try child.awaitError("stopping")
        child.signal(SIGTERM)
        relay.go()
        #expect(try child.wait().status == 0)
        // However many were quicker than the stop: nobody is in doubt, and the others were not tried.
        let rows = try served.rows()
        #expect(Set(rows.map(\.state)).isSubset(of: [.sent, .planned]))
        #expect(rows.allSatisfy { $0.attempts == ($0.state == .sent ? 1 : 0) })
        #expect(rows.count { $0.state == .sent } == relay.bodies.count)
        #expect(!relay.bodies.isEmpty)
    }

    @Test("SIGTERM while the relay does not greet ends it too")
    func stopWhileOpening() throws {
        let relay = try ScriptedSMTPServer(["CONNECT": "stall"])
        let served = try ServedShop(customers: 2, port: relay.port)
        let child = try served.start(["serve"])
        try relay.awaitHold("CONNECT")
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        #expect(try served.rows().map(\.standing) == ["planned", "planned"])
        #expect(try served.rows().map(\.attempts) == [0, 0])
    }

    @Test("SIGHUP reads the files again")
    func reload() throws {
        let served = try ServedShop(customers: 1)
        let child = try served.start(["serve"])
        try child.awaitError("ready")
        try served.shop.rules("birthday-card: {}")
        child.signal(SIGHUP)
        try child.awaitError("not-reloaded")
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
    }

    @Test("serve --once sends what is due and ends; a second one finds nothing to do")
    func once() throws {
        let served = try ServedShop(customers: 5)
        for _ in 1...2 {
            #expect(try served.run(["serve", "--once"]).ending.status == 0)
            #expect(try served.rows().map(\.standing) == Array(repeating: "sent", count: 5))
            #expect(try served.shop.mails().count == 5)
        }
    }

    @Test("serve --once that cannot reach the relay ends with 69, and tries nobody's patience")
    func onceWithoutRelay() throws {
        let relay = try ScriptedSMTPServer()
        let port = relay.port
        relay.stop()
        let served = try ServedShop(customers: 2, port: port)
        let run = try served.run(["serve", "--once"])
        #expect(run.ending.status == 69)
        #expect(run.errors.contains { $0.contains("relay-down") })
        #expect(try served.rows().map(\.attempts) == [0, 0])
    }

    @Test("a second daemon on the same state is refused with 75")
    func second() throws {
        let served = try ServedShop(customers: 1)
        let first = try served.start(["serve"])
        try first.awaitError("ready")
        let second = try served.run(["serve"])
        #expect(second.ending.status == 75)
        #expect(second.errors.count == 1)
        let sentence = try #require(second.errors.last)
        #expect(sentence.hasPrefix("regards: another regards daemon (process "))
        #expect(sentence.hasSuffix(") uses this state: \(served.shop.state).lock is locked; stop it first, or give this one its own state file"))
        first.signal(SIGTERM)
        #expect(try first.wait().status == 0)
    }

    @Test("each failure has its exit status and one sentence")
    func statuses() throws {
        let served = try ServedShop(customers: 1, isLive: false)
        let shop = served.shop
        let usage = try served.run(["serve", "--twice"])
        #expect(usage.ending.status == 64)

        let missing = try ChildProcess.run([ChildProcess.regards, "serve", "--config", shop.path + "/none.yaml"])
        #expect(missing.ending.status == 66)
        #expect(missing.errors == ["regards: \(shop.path)/none.yaml: No such file or directory; name the file with --config, or look around first: \(ChildProcess.regards) demo"])

        try shop.rules("birthday-card:\n  purpose: greting\n  when: {anniversary: birthday, at: 25:00}\n  send: birthday\n")
        let config = try served.run(["serve"])
        #expect(config.ending.status == 78)
        #expect(
            config.errors == [
                "\(shop.path)/rules.d/birthday.yaml:2:12: purpose: expected greeting, marketing, survey or care, got \"greting\"; did you mean \"greeting\"?",
                "\(shop.path)/rules.d/birthday.yaml:3:37: when.at: expected HH:MM, got \"25:00\"",
                "regards: 2 mistakes; nothing was done",
            ])
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n")

        try #require(rename(shop.path + "/shop.sqlite", shop.path + "/away") == 0)
        for command in [["plan"], ["serve", "--once"], ["simulate", "--out", shop.path + "/out"], ["preview", "birthday-card", "--customer", "1"]] {
            let away = try served.run(command)
            #expect(away.ending.status == 69, "\(command)")
            #expect(away.errors.contains { $0.contains("shop.sqlite: No such file or directory") }, "\(command): \(away.errors)")
        }
        try #require(rename(shop.path + "/away", shop.path + "/shop.sqlite") == 0)

        for suffix in ["", "-wal", "-shm"] { unlink(shop.state + suffix) }
        try shop.folder.write("not a database, and long enough to be looked at", to: "state/regards.sqlite")
        let state = try served.run(["serve"])
        #expect(state.ending.status == 74)
        #expect(state.errors.count == 1)
        #expect(state.errors.first?.hasPrefix("regards: \(shop.state): the state file is damaged") == true, "\(state.errors)")
    }
}
