import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("A pause")
struct PauseTests {
    /// Customers who were all born on 5 May, planned for the day before.
    private func planned(
        _ customers: Int, channel: ScriptedChannel? = nil
    ) async throws -> (TestShop, TestDaemon) {
        let shop = try TestShop()
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(customers))
            INSERT INTO customers (id, name, given_name, email, birthday, advisor_id)
            SELECT i, 'Customer ' || i, 'No. ' || i, 'c' || i || '@mail.example', '1980-05-05', 1 FROM n
            """)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        return (shop, daemon)
    }

    /// As a command beside the daemon gives it.
    @discardableResult
    private func pause(
        _ scope: Pause.Scope, _ daemon: TestDaemon, until: Instant? = nil, reason: String = ""
    ) throws -> Pause {
        let command = try SQLiteOutbox.openForCommand(path: daemon.shop.state, access: .write)
        let pause = try command.addPause(scope, until: until, reason: reason, now: try #require(daemon.clock).now())
        try command.close()
        return pause
    }

    private func lift(_ pause: Pause, _ daemon: TestDaemon, at text: String) throws {
        let command = try SQLiteOutbox.openForCommand(path: daemon.shop.state, access: .write)
        #expect(try command.liftPause(pause.id, now: try at(text)))
        try command.close()
    }

    @Test("of everything for two days: what is too late by then is skipped, complaints go")
    func neverFloods() async throws {
        let (shop, daemon) = try await planned(1000)
        let pause = try pause(.all, daemon)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        try shop.complain(10, customer: 1, at: try at("2027-05-05T09:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T09:00:05Z")
        #expect(try daemon.rows(rule: "birthday-card").map(\.standing) == Array(repeating: "held(paused)", count: 1000))
        #expect(try daemon.ledger(rule: "complaint-care").prefix(2).allSatisfy { $0.contains("held(paused)") })
        #expect(try shop.mails().isEmpty)
        try lift(pause, daemon, at: "2027-05-07T07:00:00Z")
        try await daemon.cleanPass(at: "2027-05-07T07:00:00Z")
        #expect(try daemon.rows(rule: "birthday-card").map(\.standing) == Array(repeating: "skipped(late)", count: 1000))
        // The customer is answered, and of the ladder everything that is still true is told.
        let mails = try shop.mails().map(\.recipient)
        #expect(mails.contains("c1@mail.example") && mails.contains("ana@shop.example") && mails.contains("director@shop.example"))
        #expect(mails.count { $0 == "c1@mail.example" } == 1)
        #expect(daemon.announcer.notices(.paused).map(\.detail) == ["pause 1 of everything"])
        #expect(daemon.announcer.notices(.resumed).map(\.detail) == ["pause 1 of everything: lifted"])
    }

    @Test("acts within one message: no more go than were marked when it was given")
    func withinOneMessage() async throws {
        let channel = ScriptedChannel(nil)
        let (_, daemon) = try await planned(40, channel: channel)
        try #require(daemon.clock).set(try at("2027-05-05T07:00:00Z"))
        daemon.daemon.lookAgain()
        try channel.awaitSent(1)
        let marked = channel.sent.count
        try pause(.purpose(.greeting), daemon)
        channel.answer(.delivered)
        channel.finish(.delivered)
        // A mark that the pause refused waits two seconds, counted from whenever it was refused: time stands still until all
        // that was on its way has come to rest.
        for time in ["2027-05-05T07:00:00Z", "2027-05-05T07:00:10Z"] { try await daemon.cleanPass(at: time) }
        // One on its way, and one that was marked ahead of it.
        #expect(marked <= 2 && channel.sent.count <= 2)
        let standings = try daemon.rows(rule: "birthday-card").map(\.standing)
        #expect(standings.count { $0 == "sent" } == channel.sent.count)
        #expect(standings.count { $0 == "held(paused)" } == 40 - channel.sent.count)
    }

    @Test("holds what it is about, and nothing else", arguments: [
        (Pause.Scope.rule("birthday-card"), ["complaint-care 1 send", "complaint-care 1 tell-advisor"]),
        // Staff still learn of the complaint of a customer who is left in peace.
        (.customer("1"), ["birthday-card 2 send", "complaint-care 1 tell-advisor"]),
        (.purpose(.care), ["birthday-card 2 send"]),
        (.all, []),
    ])
    func scopes(scope: Pause.Scope, sent: [String]) async throws {
        let (shop, daemon) = try await planned(2)
        try pause(scope, daemon)
        try shop.complain(10, customer: 1, at: try at("2027-05-05T06:59:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        let rows = try daemon.rows().filter { $0.state == .sent }.map { "\($0.key.rule) \($0.key.customer) \($0.key.step)" }
        #expect(rows.sorted() == sent)
    }

    @Test("ends by itself, and what is not too late goes")
    func ends() async throws {
        let (_, daemon) = try await planned(3)
        try pause(.rule("birthday-card"), daemon, until: try at("2027-05-05T10:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "held(paused)", count: 3))
        let told = try #require(daemon.announcer.notices(.paused).first)
        #expect(try told.rule == "birthday-card" && told.until == at("2027-05-05T10:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-05T09:59:59Z")
        #expect(try daemon.rows().allSatisfy { $0.state == .held })
        try await daemon.cleanPass(at: "2027-05-05T10:00:00Z")
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 3))
        #expect(daemon.announcer.notices(.resumed).map(\.detail) == ["pause 1 of a rule: its time is over"])
    }

    @Test("that was lifted while no daemon ran holds nothing at the next start; one in force is told")
    func overARestart() async throws {
        let (shop, daemon) = try await planned(2)
        let first = try pause(.rule("birthday-card"), daemon)
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        try await daemon.stop()
        let command = try SQLiteOutbox.openForCommand(path: shop.state, access: .write)
        try command.liftPause(first.id, now: try at("2027-05-05T08:00:00Z"))
        _ = try command.addPause(.customer("2"), until: nil, reason: "", now: try at("2027-05-05T08:00:00Z"))
        try command.close()
        let second = try TestDaemon(shop, now: try at("2027-05-05T09:00:00Z"))
        try await second.cleanPass(at: "2027-05-05T09:00:00Z")
        #expect(try second.row(customer: "1").standing == "sent")
        #expect(try second.row(customer: "2").standing == "held(paused)")
        #expect(second.announcer.notices(.paused).map(\.customer) == ["2"])
        #expect(second.announcer.notices(.resumed).isEmpty)
        #expect(second.daemon.status().contains("1 pause"))
    }

    @Test("that is lifted between the decision and its commit holds nothing")
    func liftedInBetween() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), interposed: true)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        let pause = try pause(.all, daemon)
        let ledger = daemon.outbox
        try #require(daemon.faults).beforeCommit { group in
            guard group.endings.contains(where: { $0.next == .held(.paused) }) else { return }
            try ledger.liftPause(pause.id, now: group.now)
        }
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(daemon.announcer.notices(.held).count == 1)
        #expect(try daemon.row().standing == "sent")
    }

    @Test("is followed by a daemon that runs by its own clock, at once and at its end")
    func running() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1)
        let daemon = try TestDaemon(shop, now: nil)
        await daemon.start()
        let command = try SQLiteOutbox.openForCommand(path: shop.state, access: .write)
        let pause = try command.addPause(.all, until: nil, reason: "", now: SystemClock().now())
        #expect(await daemon.announcer.first(.paused) != nil)
        try shop.complain(10, customer: 1, at: SystemClock().now())
        #expect(await daemon.announcer.first { $0.kind == .held && $0.step == "send" } != nil)
        #expect(try shop.mails().isEmpty)
        try command.liftPause(pause.id, now: SystemClock().now())
        try command.close()
        #expect(await daemon.announcer.first(.resumed) != nil)
        #expect(await daemon.announcer.first { $0.kind == .sent && $0.step == "send" } != nil)
        try await daemon.stop()
    }

    // MARK: By command

    @Test("by command: given, listed and lifted without a daemon")
    func commands() throws {
        let served = try ServedShop(customers: 2)
        #expect(try served.run(["pause", "list"]).output == ["nothing is paused"])
        let given = try served.run(["pause", "--all", "--reason", "wrong prices"])
        #expect(given.ending.status == 0, "\(given.errors)")
        #expect(given.output == ["paused everything until it is lifted; to lift it: \(ChildProcess.regards) pause lift 1"])
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["held(paused)", "held(paused)"])
        let listed = try served.run(["pause", "list"]).output
        #expect(listed.count == 2 && listed[1].hasPrefix("1   everything") && listed[1].hasSuffix("lifted  wrong prices"))
        #expect(try served.run(["status"]).output.contains { $0.hasPrefix("paused") && $0.hasSuffix("until it is lifted: wrong prices (regards pause lift 1)") })
        #expect(try served.run(["pause", "lift", "1"]).output == ["lifted the pause of everything"])
        #expect(try served.run(["pause", "lift", "1"]).ending.status == 66)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["sent", "sent"])
    }

    @Test("by command: what cannot be meant is refused, in one sentence", arguments: [
        (["pause"], "give one of --all, --rule, --customer and --purpose; for several, pause several times"),
        (["pause", "--all", "--rule", "birthday-card"], "give one of --all, --rule, --customer and --purpose; for several, pause several times"),
        (["pause", "--rule", "birthday"], "there is no rule birthday; did you mean birthday-card?"),
        (["pause", "--all", "--until", "soon"], "--until soon: expected a span such as 2h, or a time such as 18:00 or 2027-06-01T09:00"),
        (["pause", "--all", "--until", "2020-01-01"], "--until 2020-01-01: that is over already"),
        (["pause", "lift"], "give the ids of pauses, or --all"),
    ])
    func refused(command: [String], sentence: String) throws {
        let served = try ServedShop(customers: 1, isLive: false)
        let run = try served.run(command)
        #expect(run.ending.status == 64)
        #expect(run.errors == ["regards: \(sentence)"])
    }

    @Test("ends when it is said to: after a span, at the next such time, at a day's beginning", arguments: [
        ("2h", "2027-05-04T14:00:00Z"), ("3 days", "2027-05-07T12:00:00Z"), ("18:00", "2027-05-04T16:00:00Z"),
        ("09:00", "2027-05-05T07:00:00Z"), ("2027-05-06", "2027-05-05T22:00:00Z"),
        ("2027-05-06T09:30", "2027-05-06T07:30:00Z"), ("2027-05-06T09:30:00Z", "2027-05-06T09:30:00Z"),
    ])
    func until(text: String, instant: String) throws {
        let berlin = try #require(ZoneCatalog().zone(named: "Europe/Berlin"))
        #expect(Until.instant(text, berlin, now: try at("2027-05-04T12:00:00Z")) == (try at(instant)))
    }
}
