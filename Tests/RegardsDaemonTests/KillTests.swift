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

    /// Daemons that die on one shop; the next ones get another, because a start costs the more the more customers there are.
    private static let perShop = 100

    /// Starts the daemon so many times, and each time sends it a signal at a moment that a seed draws.
    /// - Parameters:
    ///   - variable: asks for another number of times; `make test-kill` sets it.
    ///   - customers: for each time.
    ///   - slow: how seldom the relay takes seconds to answer; 0: never.
    ///   - look: at what is left each time.
    ///   - judge: the verdict's line of figures about one shop.
    private func signal(
        _ signal: Int32, _ name: String, times usual: Int, _ variable: String, customers share: Int, slow: Int = 0,
        look: (End) throws -> Void, judge: (String) throws -> Void
    ) throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        let times = Measure.number(variable, or: usual)
        let seed = SeededGenerator.seed(name)
        print("\(name): \(times) times (\(variable))")
        var random = SeededGenerator(seed: seed)
        for first in stride(from: 1, through: times, by: Self.perShop) {
            let numbers = first...min(times, first + Self.perShop - 1)
            let customers = numbers.count * share
            let scene = try MomentScene(customers: customers, slow: slow)
            for number in numbers {
                let moment = Moment.drawn(unsent: try scene.unsent(of: customers), &random)
                let child = try scene.start(until: moment, number: number)
                let asked = SystemClock().now()
                child.signal(signal)
                let ending = try child.wait()
                try look(
                    End(scene: scene, ending: ending, took: SystemClock().now() - asked, what: "seed \(seed), \(number) at \(moment)"))
            }
            try judge(try scene.finish("seed \(seed)"))
        }
    }

    /// What the verdicts on several shops give together.
    private struct Figures {
        private var sums: [(name: String, sum: Int)] = ["due", "sent", "received", "in doubt", "twice", "wrong"].map { ($0, 0) }

        mutating func add(_ verdict: String) throws {
            for index in sums.indices { sums[index].sum += try #require(MomentScene.figure(sums[index].name, verdict)) }
        }

        var words: String { sums.map { "\($0.name) \($0.sum)" }.joined(separator: ", ") }
    }

    @Test("kill -9 loses nothing, doubles nothing silently, and leaves few in doubt", .timeLimit(.minutes(60)))
    func kill() throws {
        var worst = 0
        var figures = Figures()
        // A daemon that is killed before it has settled them leaves the same attempts once more.
        var inDoubt: Set<String> = []
        try signal(SIGKILL, "kill -9", times: 100, "REGARDS_KILLS", customers: 7) { end in
            #expect(end.ending.signal == SIGKILL, end.what)
            let state = end.scene.served.state
            let sending = access(state, F_OK) == 0 ? try end.scene.served.rows([.sending]) : []
            worst = max(worst, sending.count)
            for row in sending { inDoubt.insert("row \(row.id), attempt \(row.attempts)") }
            #expect(sending.count <= 2 * MomentScene.sessions, end.what)
        } judge: { verdict in
            // Every doubt that a kill left is in the ledger, as an attempt that ended so.
            #expect(MomentScene.figure("in doubt", verdict) == inDoubt.count)
            inDoubt = []
            try figures.add(verdict)
        }
        print("kill -9: at most \(worst) rows in doubt after a kill; \(figures.words)")
    }

    /// The relay may take six seconds to answer: that is waited for.
    @Test("SIGTERM leaves nothing in doubt, and ends it within ten seconds", .timeLimit(.minutes(60)))
    func stop() throws {
        var slowest = TimeSpan.zero
        var figures = Figures()
        try signal(SIGTERM, "SIGTERM", times: 40, "REGARDS_STOPS", customers: 16, slow: 25) { end in
            #expect(end.ending.status == 0, end.what)
            slowest = max(slowest, end.took)
            let left = try end.scene.served.rows([.sending, .claimed])
            #expect(left.isEmpty, end.what)
        } judge: { verdict in
            #expect(MomentScene.figure("in doubt", verdict) == 0)
            #expect(MomentScene.figure("twice", verdict) == 0)
            try figures.add(verdict)
        }
        // Beside other tests a figure would say nothing; `make test-kill` runs this suite by itself.
        if Measure.isAsked("REGARDS_STOPS") { #expect(slowest < .seconds(10)) }
        print("SIGTERM: the slowest stop took \(slowest.microseconds / 1000) ms; \(figures.words)")
    }
}
