import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The daemon as a process of its own, which is killed without warning, or told to stop, while it sends.
@Suite("At any moment", .serialized)
struct KillTests {
    /// `REGARDS_KILLS` and `REGARDS_STOPS` ask for other numbers; `make test-kill` does.
    private static let kills = Measure.number("REGARDS_KILLS", or: 100)
    private static let stops = Measure.number("REGARDS_STOPS", or: 40)

    @Test("kill -9 loses nothing, doubles nothing silently, and leaves few in doubt", .timeLimit(.minutes(60)))
    func kill() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let seed = SeededGenerator.seed("kill -9")
        print("kill -9: \(Self.kills) kills (REGARDS_KILLS)")
        var random = SeededGenerator(seed: seed)
        let customers = Self.kills * 7
        let scene = try MomentScene(customers: customers)
        var worst = 0
        // A daemon that is killed before it has settled them leaves the same attempts once more.
        var inDoubt: Set<String> = []
        for number in 1...Self.kills {
            let moment = Moment.drawn(unsent: try scene.unsent(of: customers), &random)
            let child = try scene.start(until: moment, number: number)
            child.signal(SIGKILL)
            #expect(try child.wait().signal == SIGKILL)
            let sending = access(scene.served.state, F_OK) == 0 ? try scene.served.rows([.sending]) : []
            worst = max(worst, sending.count)
            for row in sending { inDoubt.insert("row \(row.id), attempt \(row.attempts)") }
            #expect(sending.count <= 2 * MomentScene.sessions, "seed \(seed), kill \(number) at \(moment)")
        }
        let verdict = try scene.finish("seed \(seed)")
        // Every doubt that a kill left is in the ledger, as an attempt that ended so.
        #expect(MomentScene.figure("in doubt", verdict) == inDoubt.count)
        print("kill -9: at most \(worst) rows in doubt after a kill, \(inDoubt.count) in all; \(verdict)")
    }

    @Test("SIGTERM ends it within ten seconds, and leaves nothing in doubt", .timeLimit(.minutes(30)))
    func stop() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let seed = SeededGenerator.seed("SIGTERM")
        print("SIGTERM: \(Self.stops) stops (REGARDS_STOPS)")
        var random = SeededGenerator(seed: seed)
        let customers = Self.stops * 16
        let scene = try MomentScene(customers: customers)
        var slowest = TimeSpan.zero
        for number in 1...Self.stops {
            let moment = Moment.drawn(unsent: try scene.unsent(of: customers), &random)
            let child = try scene.start(until: moment, number: number)
            let asked = SystemClock().now()
            child.signal(SIGTERM)
            #expect(try child.wait().status == 0, "seed \(seed), stop \(number) at \(moment)")
            slowest = max(slowest, SystemClock().now() - asked)
            #expect(try scene.served.rows([.sending, .claimed]).isEmpty, "seed \(seed), stop \(number) at \(moment)")
        }
        #expect(slowest < .seconds(10))
        let verdict = try scene.finish("seed \(seed)")
        #expect(MomentScene.figure("in doubt", verdict) == 0)
        #expect(MomentScene.figure("twice", verdict) == 0)
        print("SIGTERM: the slowest stop took \(slowest.microseconds / 1000) ms; \(verdict)")
    }
}
