import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// How soon a stop ends the daemon's process.
extension RealTimeTests {
    @Test("SIGTERM when idle ends it at once, with 0")
    func stopIdle() throws {
        let served = try ServedShop(customers: 1)
        let child = try served.start(["serve"])
        try child.awaitError("  sent  ")
        let asked = SystemClock().now()
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        #expect(SystemClock().now() - asked < .seconds(5))
        #expect(child.errors.all.suffix(2).map { String($0.dropFirst(10)) } == ["stopping    what was handed over is finished first", "stopped"])
    }

    @Test("SIGTERM while sending: everything is sent once, whatever was under way")
    func stopWhileSending() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let relay = try RecordingSMTPServer()
        let served = try ServedShop(customers: 120, port: relay.port)
        for wanted in [10, 40, 80] {
            let child = try served.start(["serve"])
            try relay.awaitCount(wanted)
            let asked = SystemClock().now()
            child.signal(SIGTERM)
            #expect(try child.wait().status == 0)
            #expect(SystemClock().now() - asked < .seconds(10))
            #expect(try served.rows([.sending, .claimed]).isEmpty)
        }
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        let rows = try served.rows()
        #expect(rows.filter { $0.state != .sent }.map(\.standing) == [])
        #expect(Set(rows.map(\.attempts)) == [1])
        let recipients = relay.messages.map(\.recipients)
        #expect(recipients.count == 120)
        #expect(Set(recipients).count == 120)
    }

    @Test("SIGTERM before the final dot gives the attempt back at once")
    func stopBeforeTheDot() throws {
        let relay = try ScriptedSMTPServer(["DATA": "stall"])
        let served = try ServedShop(customers: 3, port: relay.port)
        let child = try served.start(["serve"])
        try relay.awaitHold("DATA")
        let asked = SystemClock().now()
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        #expect(SystemClock().now() - asked < .seconds(5))
        #expect(try served.rows().map(\.state) == [.planned, .planned, .planned])
        #expect(try served.rows().map(\.attempts) == [0, 0, 0])
    }

    @Test("SIGTERM after the final dot that is never answered: in doubt after eight seconds, and exit 0 within ten")
    func stopInDoubt() throws {
        let relay = try ScriptedSMTPServer([".": "stall"])
        let served = try ServedShop(customers: 2, port: relay.port)
        let child = try served.start(["serve"])
        try relay.awaitHold(".")
        let asked = SystemClock().now()
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        #expect(SystemClock().now() - asked < .seconds(10))
        #expect(child.errors.all.contains { $0.contains("in-doubt") && $0.contains("shutdown") })
        let doubtful = try served.rows().filter { $0.reason == "in-doubt" }
        // The second session may have got as far as the first.
        #expect(!doubtful.isEmpty && doubtful.allSatisfy { $0.standing == "planned(in-doubt)" && $0.attempts == 1 })
    }
}
