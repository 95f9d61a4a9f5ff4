import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The daemon as a process of its own, which is killed without warning while it sends.
@Suite("kill -9", .serialized)
struct KillTests {
    /// As many as the environment's `REGARDS_KILLS` says.
    private static let kills = getenv("REGARDS_KILLS").flatMap { Int(String(cString: $0)) } ?? 200
    private static let seed = SeededGenerator.seed("kill -9")
    private static let sessions = 4

    @Test("at any moment loses nothing, doubles no row, and leaves few in doubt", .timeLimit(.minutes(10)))
    func anyMoment() throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        print("kill -9: \(Self.kills) kills (REGARDS_KILLS)")
        var random = SeededGenerator(seed: Self.seed)
        let customers = Self.kills * 4
        let scene = try Scene(customers: customers)
        var worst = 0
        var inDoubt = 0
        for _ in 0..<Self.kills {
            let child = try scene.served.start(["serve"])
            try scene.awaitMoment(child, &random)
            child.signal(SIGKILL)
            #expect(try child.wait().signal == SIGKILL)
            let sending = try scene.sending()
            worst = max(worst, sending)
            inDoubt += sending
            #expect(sending <= 2 * Self.sessions, "seed \(Self.seed)")
        }
        let last = try scene.served.run(["serve", "--once"], seconds: 300)
        #expect(last.ending.status == 0, "\(last.errors.suffix(5))")
        try scene.check(customers: customers, inDoubt: inDoubt)
        print("kill -9: at most \(worst) rows in doubt after a kill, \(inDoubt) in all; \(scene.relay.count - customers) messages came twice")
    }

    /// A shop and a relay that records.
    private struct Scene {
        let served: ServedShop
        let relay: RecordingSMTPServer

        init(customers: Int) throws {
            relay = try RecordingSMTPServer()
            served = try ServedShop(customers: customers, port: relay.port)
        }

        /// A moment of a daemon's life: from before it can do anything to some messages later, and then some
        /// microseconds more.
        func awaitMoment(_ child: ChildProcess, _ random: inout SeededGenerator) throws {
            let before = relay.count
            let wanted = Int.random(in: -1...6, using: &random)
            if wanted == 0 { try child.errors.await("its first words") { $0.first } }
            // Nothing more may be owed: then its being ready is the moment.
            if wanted > 0 {
                try child.errors.await("ready") { lines in lines.contains { $0.contains("ready") } ? () : nil }
                if try unsent() >= wanted { try relay.awaitCount(before + wanted) }
            }
            // Not a wait for anything: the moment itself is what the test draws.
            usleep(UInt32.random(in: 0...3000, using: &random))
        }

        func sending() throws -> Int { try served.rows([.sending]).count }
        private func unsent() throws -> Int { try served.rows([.planned, .claimed]).count }

        func check(customers: Int, inDoubt: Int) throws {
            let rows = try served.rows()
            #expect(rows.count == customers)
            #expect(Set(rows.map(\.key)).count == customers)
            #expect(rows.filter { $0.state != .sent }.map(\.standing) == [])
            let messages = Dictionary(grouping: relay.messages, by: \.recipients)
            #expect(messages.count == customers, "\(customers - messages.count) lost, seed \(KillTests.seed)")
            for (recipient, copies) in messages where copies.count > 1 {
                let ids = Set(copies.map { Mail(text: String(decoding: $0.bytes, as: UTF8.self)).id })
                #expect(ids.count == 1 && ids != [""], "\(recipient): \(ids)")
            }
            #expect(relay.count - customers <= inDoubt)
        }
    }
}
