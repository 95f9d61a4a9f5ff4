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
    /// How one daemon ended.
    private struct End {
        let scene: MomentScene
        let ending: ChildProcess.Ending
        let took: TimeSpan
        /// For whoever reads a failure.
        let what: Comment
    }

    /// Starts the daemon so many times, and each time sends it a signal at a moment that a seed draws.
    /// - Parameters:
    ///   - variable: asks for another number of times; `make test-kill` sets it.
    ///   - customers: for each time.
    ///   - look: at what is left each time.
    /// - Returns: the verdict's line of figures; nil where there is no relay to be had.
    private func signal(
        _ signal: Int32, _ name: String, times usual: Int, _ variable: String, customers share: Int, look: (End) throws -> Void
    ) throws -> String? {
        guard RecordingSMTPServer.python != nil else {
            print("skipped: no Python with aiosmtpd for a real relay")
            return nil
        }
        let times = Measure.number(variable, or: usual)
        let seed = SeededGenerator.seed(name)
        print("\(name): \(times) times (\(variable))")
        var random = SeededGenerator(seed: seed)
        let customers = times * share
        let scene = try MomentScene(customers: customers)
        for number in 1...times {
            let moment = Moment.drawn(unsent: try scene.unsent(of: customers), &random)
            let child = try scene.start(until: moment, number: number)
            let asked = SystemClock().now()
            child.signal(signal)
            let ending = try child.wait()
            try look(
                End(scene: scene, ending: ending, took: SystemClock().now() - asked, what: "seed \(seed), \(number) at \(moment)"))
        }
        return try scene.finish("seed \(seed)")
    }

    @Test("kill -9 loses nothing, doubles nothing silently, and leaves few in doubt", .timeLimit(.minutes(60)))
    func kill() throws {
        var worst = 0
        // A daemon that is killed before it has settled them leaves the same attempts once more.
        var inDoubt: Set<String> = []
        let verdict = try signal(SIGKILL, "kill -9", times: 100, "REGARDS_KILLS", customers: 7) { end in
            #expect(end.ending.signal == SIGKILL, end.what)
            let state = end.scene.served.state
            let sending = access(state, F_OK) == 0 ? try end.scene.served.rows([.sending]) : []
            worst = max(worst, sending.count)
            for row in sending { inDoubt.insert("row \(row.id), attempt \(row.attempts)") }
            #expect(sending.count <= 2 * MomentScene.sessions, end.what)
        }
        guard let verdict else { return }
        // Every doubt that a kill left is in the ledger, as an attempt that ended so.
        #expect(MomentScene.figure("in doubt", verdict) == inDoubt.count)
        print("kill -9: at most \(worst) rows in doubt after a kill, \(inDoubt.count) in all; \(verdict)")
    }

    @Test("SIGTERM ends it within ten seconds, and leaves nothing in doubt", .timeLimit(.minutes(30)))
    func stop() throws {
        var slowest = TimeSpan.zero
        let verdict = try signal(SIGTERM, "SIGTERM", times: 40, "REGARDS_STOPS", customers: 16) { end in
            #expect(end.ending.status == 0, end.what)
            slowest = max(slowest, end.took)
            let left = try end.scene.served.rows([.sending, .claimed])
            #expect(left.isEmpty, end.what)
        }
        guard let verdict else { return }
        #expect(slowest < .seconds(10))
        #expect(MomentScene.figure("in doubt", verdict) == 0)
        #expect(MomentScene.figure("twice", verdict) == 0)
        print("SIGTERM: the slowest stop took \(slowest.microseconds / 1000) ms; \(verdict)")
    }
}
