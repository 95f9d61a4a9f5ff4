import Glibc
import RegardsCalendar
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

extension StateFaultTests {
    private static let owed = 600

    @Test("read-only while it sends: it stops within one group, goes on within ten seconds of being writable, and all come once")
    func readOnlyWhileSending() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        guard let disk = try ReadOnlyFolder() else { return }
        let scene = try MomentScene(customers: Self.owed, state: disk.path + "/regards.sqlite")
        scene.relay.setAlarm(1, .kept, count: 200)
        let child = try scene.served.start(["serve"], environment: disk.environment)
        try scene.relay.awaitAlarm(1)
        try disk.setReadOnly()
        let (before, after) = try stops(child, scene)
        scene.relay.setAlarm(2, .kept, count: 1)
        let mended = SystemClock().now()
        try disk.setWritable()
        try scene.relay.awaitAlarm(2)
        let resumed = SystemClock().now() - mended
        #expect(resumed < .seconds(10), "\(resumed.microseconds / 1000) ms")
        try child.awaitError("disk-ok")
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        let verdict = try scene.finish("read-only")
        #expect(MomentScene.figure("twice", verdict) == 0)
        print("read-only: \(before) messages before, \(after - before) after; on again in \(resumed.microseconds / 1000) ms; \(verdict)")
    }

    @Test("an error of the file system makes it read-only: nothing goes, and once it is mended and mounted the rest, once")
    func brokenFileSystem() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        guard let disk = try FailingDisk(megabytes: 64) else { return }
        let scene = try MomentScene(customers: Self.owed, state: disk.path + "/regards.sqlite")
        let child = try scene.start(until: .stage(.kept, 200), number: 1)
        guard disk.fail() else { return print("skipped: this kernel cannot be asked for an error of ext4") }
        let (before, after) = try stops(child, scene)
        // Nobody can mount it anew under the daemon.
        child.signal(SIGTERM)
        let ending = try child.wait()
        #expect(ending.status != nil, "\(ending)")
        try disk.mend()
        scene.relay.setAlarm(2, .kept, count: 1)
        let mended = SystemClock().now()
        let next = try scene.served.start(["serve"])
        try scene.relay.awaitAlarm(2)
        let resumed = SystemClock().now() - mended
        #expect(resumed < .seconds(10), "\(resumed.microseconds / 1000) ms")
        next.signal(SIGTERM)
        #expect(try next.wait().status == 0)
        let verdict = try scene.finish("error of the file system")
        // The answers that came when nothing could be written any more.
        let inDoubt = try #require(MomentScene.figure("in doubt", verdict))
        #expect(inDoubt <= 2 * MomentScene.sessions)
        #expect(try #require(MomentScene.figure("twice", verdict)) <= inDoubt)
        print("ext4 with an error: \(before) messages before, \(after - before) after; \(ending); \(verdict)")
    }

    /// The daemon says what is wrong, and what it had marked already is all that still goes.
    private func stops(_ child: ChildProcess, _ scene: MomentScene) throws -> (before: Int, after: Int) {
        try child.awaitError("disk-full")
        let before = try scene.received()
        let line = child.errors.all.first { $0.contains("disk-full") } ?? ""
        let failed = "\(scene.served.state): the state file cannot be used: disk I/O error (Read-only file system)"
        #expect(line.hasSuffix(failed), "\(line)")
        // Nothing more comes: the one thing that can be waited for is the next try to write, which finds the same.
        for _ in 1...3 { _ = try scene.served.run(["status"]) }
        let after = try scene.received()
        #expect(after < Self.owed)
        #expect(after - before <= 2 * MomentScene.sessions, "\(after - before) messages went while nothing could be written")
        return (before, after)
    }
}
