import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Commands that are typed while the daemon sends.
@Suite("Beside a running daemon")
struct BesideDaemonTests {
    /// A daemon whose only session waits for the answer to its first message.
    private struct Scene {
        let relay: ScriptedSMTPServer
        let served: ServedShop
        let child: ChildProcess
        /// The row that is on its way.
        let sending: Outreach

        init() throws {
            relay = try ScriptedSMTPServer([".#1": "hold:250 taken"])
            served = try ServedShop(
                customers: 6, mail: "smtp: {host: 127.0.0.1, port: \(relay.port), security: none, sessions: 1}")
            child = try served.start(["serve"])
            try relay.awaitHold(".")
            sending = try #require(try served.rows([.sending]).first)
        }

        /// Lets the relay answer and the daemon end.
        func end() throws {
            relay.go()
            try awaitSent(1)
            child.signal(SIGTERM)
            #expect(try child.wait().status == 0)
        }

        /// Waits for so many lines that begin with a time and `sent`.
        func awaitSent(_ count: Int) throws {
            try child.errors.await("\(count) sent") { lines in
                lines.count { $0.split(separator: " ").dropFirst().first == "sent" } >= count ? () : nil
            }
        }
    }

    @Test("what is on its way is out of reach of all of them, and stays what it was")
    func onItsWay() throws {
        let scene = try Scene()
        let id = "\(scene.sending.id)"
        for command in ["retry", "hold", "release", "cancel"] {
            let run = try scene.served.run(["outbox", command, id])
            #expect(run.ending.status == 65, "\(command)")
            #expect(run.errors == ["regards: row \(id) is on its way"], "\(command)")
        }
        for settlement in ["--sent", "--resend"] {
            let run = try scene.served.run(["outbox", "settle", id, settlement])
            #expect(run.ending.status == 65 && run.errors == ["regards: row \(id) is not in doubt: there is nothing to settle"])
        }
        #expect(try scene.served.rows([.sending]).contains(scene.sending))
        try scene.end()
        #expect(try scene.served.rows().first { $0.id == scene.sending.id }?.standing == "sent")
    }

    @Test("what is not on its way is held and cancelled at once, also where the daemon has claimed it")
    func claimed() throws {
        let scene = try Scene()
        let rest = try scene.served.rows([.planned, .claimed])
        try #require(rest.count >= 3)
        let (held, cancelled) = (rest[0], rest[1])
        #expect(try scene.served.run(["outbox", "hold", "\(held.id)"]).ending.status == 0)
        #expect(try scene.served.run(["outbox", "cancel", "\(cancelled.id)"]).ending.status == 0)
        scene.relay.go()
        // All the others.
        try scene.awaitSent(4)
        scene.child.signal(SIGTERM)
        #expect(try scene.child.wait().status == 0)
        let rows = try scene.served.rows()
        #expect(rows.first { $0.id == held.id }?.standing == "held(by-hand)")
        #expect(rows.first { $0.id == cancelled.id }?.standing == "cancelled(by-hand)")
        #expect(rows.count { $0.state == .sent } == 4)
        #expect(scene.relay.bodies.count == 4)
    }

    @Test("those that only look do so, change nothing, and the daemon goes on")
    func looking() throws {
        let scene = try Scene()
        let before = try scene.served.rows()
        let check = try scene.served.run(["check"])
        #expect(check.ending.status == 0, "\(check.errors)")
        #expect(check.output.last == "no mistakes", "\(check.output.suffix(3))")
        for command in [
            ["status"], ["plan"], ["explain", "1"], ["outbox", "list"], ["outbox", "show", "\(scene.sending.id)"], ["pause", "list"],
            ["suppress", "list"], ["approve"],
        ] {
            let run = try scene.served.run(command)
            #expect(run.ending.status == 0 && run.errors.isEmpty, "\(command): \(run.errors)")
        }
        #expect(try scene.served.rows() == before)
        // And those that want the ledger for themselves are told who has it.
        for command in [["serve", "--once"], ["recover"]] {
            let run = try scene.served.run(command)
            #expect(run.ending.status == 75, "\(command)")
            #expect(run.errors.last?.contains("another regards daemon (process ") == true, "\(command): \(run.errors)")
        }
        try scene.end()
        #expect(scene.relay.bodies.count >= 1)
    }
}
