import GRDB
import Glibc
import RegardsCalendar
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

extension RealTimeTests {
    /// Seconds after the daemon gave up; `make test-kill` asks for a minute.
    private static let locked = Measure.number("REGARDS_LOCK", or: 3)

    /// Some other program holds the ledger's write lock while the daemon sends: longer than it waits for a lock.
    @Test(.timeLimit(.minutes(5))) func aLockedLedgerStopsTheSendingUntilItIsFree() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let scene = try MomentScene(customers: 400)
        // The lock is taken while nobody writes: a daemon that sends keeps another program waiting until it is done.
        let child = try scene.start(until: .stage(.kept, 50), number: 1, holds: true)
        var configuration = GRDB.Configuration()
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .timeout(10)
        let other = try DatabaseQueue(path: scene.served.state, configuration: configuration)
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        scene.relay.go()
        try child.awaitError("another process has been writing for too long")
        let before = try scene.received()
        #expect(before < 400)
        // Nothing comes: the one thing that can be waited for is the time itself.
        scene.relay.setAlarm(2, .kept, count: 1)
        #expect(throws: ServerProcess.Failure.self) { try scene.relay.awaitAlarm(2, seconds: Self.locked) }
        #expect(try scene.received() == before)
        let released = SystemClock().now()
        try other.inDatabase { try $0.execute(sql: "COMMIT") }
        try scene.relay.awaitAlarm(2)
        let resumed = SystemClock().now() - released
        #expect(resumed < .seconds(10), "\(resumed.microseconds / 1000) ms")
        try other.close()
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        let verdict = try scene.finish("locked")
        #expect(MomentScene.figure("twice", verdict) == 0 && MomentScene.figure("in doubt", verdict) == 0)
        print("locked for \(Self.locked) s more than it waits: on again in \(resumed.microseconds / 1000) ms; \(verdict)")
    }
}
