import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDelivery
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

@Suite("When something fails")
struct FailureTests {
    /// Customers 1 to `count`, in Berlin, born on 5 May.
    private func shop(_ count: Int = 2, _ settings: TestShop.Settings = TestShop.Settings()) throws -> TestShop {
        let shop = try TestShop(settings)
        for id in 1...count { try shop.addCustomer(id, birthday: "1980-05-05") }
        return shop
    }

    /// Planned, and then it is nine in the morning of the birthday.
    private func planned(_ daemon: TestDaemon) async throws { try await daemon.cleanPass(at: "2027-05-04T12:00:00Z") }
    private static let birthday = "2027-05-05T07:00:00Z"

    private func details(_ daemon: TestDaemon, _ kind: NoticeKind) -> [String] { daemon.announcer.notices(kind).map(\.detail) }

    // MARK: The customer database

    @Test("a database that is away: greetings wait, staff alarms go, and all goes on when it is back")
    func sourceAway() async throws {
        let shop = try shop(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        // Somebody else's complaint: its warning is due at eight on the birthday.
        try shop.addCustomer(2)
        try shop.complain(10, customer: 2, at: try at("2027-05-04T14:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T14:00:00Z")
        let path = shop.path + "/shop.sqlite"
        try #require(rename(path, path + ".away") == 0)
        let trouble = try await daemon.pass(at: try at("2027-05-05T08:00:00Z"))
        #expect(trouble is SourceError)
        #expect(try daemon.row(rule: "birthday-card").standing == "planned")
        #expect(try daemon.row(rule: "birthday-card").attempts == 0)
        #expect(try shop.mails().map(\.recipient).sorted() == ["ana@shop.example", "c2@mail.example", "manager@shop.example"])
        // Nobody knows what it was about at the moment, and it goes all the same.
        #expect(try shop.mails().first { $0.recipient == "manager@shop.example" }?.text.contains("?, by ") == true)
        #expect(
            details(daemon, .sourceUnreachable) == [
                "\(path): No such file or directory; name the database's file under customers: database:"
            ])
        try #require(rename(path + ".away", path) == 0)
        try await daemon.cleanPass(at: "2027-05-05T08:01:00Z")
        #expect(try daemon.row(rule: "birthday-card").standing == "sent")
        #expect(daemon.announcer.notices(.sourceBack).count == 1)
    }

    @Test("a daemon starts while the database is away, and serves when it comes")
    func sourceAwayAtStart() async throws {
        let shop = try shop(1)
        let path = shop.path + "/shop.sqlite"
        try #require(rename(path, path + ".away") == 0)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        let trouble = try await daemon.pass(at: try at("2027-05-04T12:00:00Z"))
        #expect(trouble is SourceError)
        #expect(daemon.announcer.notices(.sourceUnreachable).count == 1)
        try #require(rename(path + ".away", path) == 0)
        try await planned(daemon)
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.row().standing == "sent")
    }

    @Test("does not turn in circles while the database is away and much is due")
    func noCircles() async throws {
        let shop = try shop(200)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), interposed: true)
        try await planned(daemon)
        try #require(rename(shop.path + "/shop.sqlite", shop.path + "/away") == 0)
        let before = try #require(daemon.faults).claims
        try await daemon.pass(at: try at(Self.birthday))
        for _ in 1...5 { try await daemon.pass(at: try at("2027-05-05T07:00:01Z")) }
        let claims = try #require(daemon.faults).claims - before
        #expect(claims <= 12, "\(claims) claims of rows that nobody can judge")
        #expect(try daemon.rows().allSatisfy { $0.standing == "planned" })
    }

    @Test("a database that its writer keeps locked is waited for")
    func locked() async throws {
        let shop = try shop(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await planned(daemon)
        var configuration = GRDB.Configuration()
        configuration.allowsUnsafeTransactions = true
        let writer = try DatabaseQueue(path: shop.path + "/shop.sqlite", configuration: configuration)
        try writer.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let trouble = try await daemon.pass(at: try at(Self.birthday))
        #expect(trouble as? SourceError == .busy(path: shop.path + "/shop.sqlite"))
        #expect(
            details(daemon, .sourceUnreachable) == [
                "\(shop.path)/shop.sqlite: locked by a writer for too long; it is tried again"
            ])
        #expect(try daemon.row().standing == "planned")
        try writer.inDatabase { try $0.execute(sql: "COMMIT") }
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(try daemon.row().standing == "sent")
    }

    @Test("a column that goes away stops what needs it, cancels nothing, and is named")
    func columnDropped() async throws {
        let shop = try shop(1)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await planned(daemon)
        try shop.sql("ALTER TABLE customers RENAME COLUMN email TO mail")
        let trouble = try await daemon.pass(at: try at(Self.birthday))
        #expect(trouble is SourceError)
        #expect(
            details(daemon, .schemaDrift) == [
                "the database no longer has what the query needs (no such column: c.email); change the query, or bring it back"
            ])
        #expect(try daemon.row().standing == "planned")
        try shop.sql("ALTER TABLE customers RENAME COLUMN mail TO email")
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(try daemon.row().standing == "sent")
    }

    @Test("a start is refused when a column that rules or cards need was never there, with the place")
    func columnMissing() throws {
        let shop = try shop(1)
        try shop.rules(
            """
            birthday-card:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              where: [pionts >= 100]
              send: birthday
            """)
        do {
            _ = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
            Issue.record("the daemon started")
        } catch let error as WorkshopError {
            #expect(
                error.description
                    == "\(shop.path)/rules.d/birthday.yaml:4:11: there is no column called pionts in customers.query; did you mean \"points\"?")
        }
    }

    @Test("a write-ahead-logged database in a folder that is not writable: check says what is missing")
    func writeAheadLog() throws {
        let shop = try shop(1)
        try shop.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
        try shop.database.close()
        var command = [ChildProcess.regards, "check", "--config", shop.file]
        if geteuid() == 0 {
            // Root may write everywhere: nobody asks in its place, where nobody can run the program at all.
            command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] + command
            let canRun = try ChildProcess.run(Array(command.dropLast(3)) + ["--version"])
            guard canRun.ending.status == 0 else { return print("skipped: another user cannot run \(ChildProcess.regards)") }
        }
        try #require(chmod(shop.path, 0o555) == 0)
        defer { chmod(shop.path, 0o755) }
        for file in ["regards.yaml", "shop.sqlite", "rules.d/birthday.yaml", "rules.d/complaints.yaml"] {
            try #require(chmod("\(shop.path)/\(file)", 0o644) == 0)
        }
        let run = try ChildProcess.run(command)
        #expect(run.ending.status == 69)
        #expect(
            run.errors == [
                "\(shop.path)/regards.yaml:6:13: customers.database: the customer database cannot be read: "
                    + "\(shop.path)/shop.sqlite is in WAL mode, and SQLite reads such "
                    + "a database only where it may write to the folder, unless a writer has it open; let regards write to "
                    + "\(shop.path): systemctl edit regards, then [Service] ReadWritePaths=\(shop.path) "
                    + "SupplementaryGroups=<the folder's group>"
            ])
    }

    // MARK: The state file

    @Test("a full disk: nothing is sent, and all of it when there is space again")
    func diskFull() async throws {
        guard let disk = try SmallDisk("2m") else { return }
        var settings = TestShop.Settings()
        settings.state = "sqlite:\(disk.path)/regards.sqlite"
        let shop = try shop(40, settings)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), state: disk.path + "/regards.sqlite")
        try await planned(daemon)
        try disk.fill()
        try await daemon.pass(at: try at(Self.birthday))
        let full = daemon.announcer.notices(.stateUnwritable)
        #expect(full.map(\.detail) == ["\(disk.path)/regards.sqlite: no space left for the state file; nothing is sent until there is"])
        #expect(try shop.mails().isEmpty)
        try disk.makeRoom()
        try await daemon.cleanPass(at: "2027-05-05T07:05:00Z")
        #expect(daemon.announcer.notices(.stateWritable).count == 1)
        #expect(try daemon.rows().filter { $0.state != .sent }.map(\.standing) == [])
        #expect(try shop.mails().count == 40)
        try await daemon.stop()
    }

    @Test("an outcome that cannot be recorded is kept until it can")
    func outcomeKept() async throws {
        let shop = try shop(1)
        let channel = ScriptedChannel(nil)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel, interposed: true)
        try await planned(daemon)
        let faults = try #require(daemon.faults)
        try #require(daemon.clock).set(try at(Self.birthday))
        daemon.daemon.lookAgain()
        try channel.awaitSent(1)
        faults.failWrites(.diskFull(path: "state"))
        channel.finish(.delivered)
        _ = await daemon.announcer.first(.stateUnwritable)
        #expect(try daemon.row().state == .sending)
        faults.failWrites(nil)
        try await daemon.cleanPass(at: "2027-05-05T07:01:00Z")
        #expect(try daemon.row().standing == "sent")
        #expect(daemon.announcer.notices(.sent).count == 1)
        #expect(daemon.announcer.notices(.stateWritable).count == 1)
    }

    @Test("rows that could not be given back are given back when the ledger takes them")
    func releasesKept() async throws {
        let shop = try shop(3)
        let channel = ScriptedChannel(.delivered)
        channel.answerToOpen(.opening)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel, interposed: true)
        try await planned(daemon)
        let faults = try #require(daemon.faults)
        try #require(daemon.clock).set(try at(Self.birthday))
        daemon.daemon.lookAgain()
        try channel.awaitOpened(1)
        faults.failReleases(.diskFull(path: "state"))
        channel.become(.down(.relayDown, detail: "refused"))
        _ = await daemon.announcer.first(.stateUnwritable)
        #expect(try daemon.rows().map(\.state) == [.claimed, .claimed, .claimed])
        faults.failReleases(nil)
        channel.answerToOpen(.ready)
        try await daemon.pass(at: try at("2027-05-05T07:02:00Z"))
        _ = await daemon.announcer.first(.relayUp)
        try await daemon.cleanPass(at: "2027-05-05T07:03:00Z")
        #expect(try daemon.rows().map(\.state) == [.sent, .sent, .sent])
    }

    // MARK: The relay

    @Test("a relay that is down pauses, costs no attempt, is probed each minute and comes back")
    func relayDown() async throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        // A port that is free: somebody had it a moment ago.
        let former = try RecordingSMTPServer()
        let port = former.port
        former.stop()
        var settings = TestShop.Settings()
        settings.mail = "smtp: {host: 127.0.0.1, port: \(port), security: none}"
        let shop = try shop(2, settings)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await planned(daemon)
        try await daemon.pass(at: try at(Self.birthday))
        let down = try #require(await daemon.announcer.first(.relayDown))
        #expect(down.reason == "relay-down")
        #expect(down.until == (try at("2027-05-05T07:01:00Z")))
        #expect(down.detail.hasPrefix("127.0.0.1:\(port): "), "\(down.detail)")
        #expect(try await daemon.pass(at: try at("2027-05-05T07:00:30Z")) is ChannelDown)
        #expect(try daemon.rows().map(\.standing) == ["planned", "planned"])
        #expect(try daemon.rows().map(\.attempts) == [0, 0])
        var options = RecordingSMTPServer.Options()
        options.port = port
        let relay = try RecordingSMTPServer(options)
        // Not yet a minute: nobody asked the relay again.
        #expect(daemon.announcer.notices(.relayUp).isEmpty)
        try await daemon.pass(at: try at("2027-05-05T07:01:10Z"))
        _ = await daemon.announcer.first(.relayUp)
        #expect(try relay.messages(2).map(\.recipients).sorted { $0[0] < $1[0] } == [["c1@mail.example"], ["c2@mail.example"]])
        try await daemon.cleanPass(at: "2027-05-05T07:02:00Z")
        #expect(try daemon.rows().map(\.standing) == ["sent", "sent"])
        #expect(try daemon.rows().map(\.attempts) == [1, 1])
        try await daemon.stop()
    }

    @Test("a relay that refuses one recipient fails that one alone")
    func recipientRefused() async throws {
        guard RecordingSMTPServer.python != nil else { return print("skipped: no Python with aiosmtpd for a real relay") }
        var options = RecordingSMTPServer.Options()
        options.refuse = ["c2@mail.example": 550]
        let relay = try RecordingSMTPServer(options)
        var settings = TestShop.Settings()
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        let shop = try shop(3, settings)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await planned(daemon)
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.rows().sorted { $0.key.customer < $1.key.customer }.map(\.standing) == ["sent", "failed(recipient-refused)", "sent"])
        let refused = try #require(daemon.announcer.notices(.refused).first)
        #expect(refused.code == 550)
        #expect(refused.customer == "2")
        #expect(!refused.detail.contains("mail.example"), "\(refused.detail)")
        try await daemon.stop()
    }

    @Test("what failed for good leaves its room in the budget to others")
    func freedRoom() async throws {
        var settings = TestShop.Settings()
        settings.extra = "limits: {budgets: {overall: 1 per 14d}}"
        let shop = try shop(1, settings)
        try shop.rules(
            """
            birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday, if_late: {grace: 3d}}
            open-day: {purpose: greeting, priority: 10, when: {on: 2027-05-05, at: 10:00}, send: birthday, if_late: {grace: 3d}}
            """)
        let channel = ScriptedChannel(.refused(.messageRefused))
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await planned(daemon)
        try await daemon.cleanPass(at: FailureTests.birthday)
        #expect(try daemon.row(rule: "birthday-card").standing == "failed(message-refused)")
        channel.answer(.delivered)
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        #expect(try daemon.row(rule: "open-day").standing == "sent")
        try await daemon.stop()
    }

    @Test("a refusal for now is tried again with growing waits, and counts")
    func putOff() async throws {
        let shop = try shop(1)
        let channel = ScriptedChannel(.deferred(.temporary, notBefore: nil))
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel)
        try await planned(daemon)
        try await daemon.cleanPass(at: Self.birthday)
        let first = try daemon.row()
        #expect(first.standing == "planned(temporary)" && first.attempts == 1)
        let wait = try #require(first.notBefore) - (try at(Self.birthday))
        #expect(wait >= .seconds(270) && wait <= .seconds(330))
        try await daemon.cleanPass(at: "2027-05-05T07:04:00Z")
        #expect(channel.sent.count == 1)
        try await daemon.cleanPass(at: "2027-05-05T07:06:00Z")
        #expect(channel.sent.count == 2)
        #expect(try daemon.row().attempts == 2)
        #expect(Set(channel.sent.map(\.message.id)).count == 1)
        // Its grace ends ten hours after it was due.
        try await daemon.cleanPass(at: "2027-05-05T17:30:00Z")
        #expect(try daemon.row().standing == "skipped(late)")
    }

    // MARK: Cards

    @Test("a card that cannot be made for one customer fails that one alone")
    func cardFails() async throws {
        let shop = try shop(3)
        try shop.card("---\nsubject: Happy birthday, {{given_name}}\n---\n<p>All the best.</p>\n", name: "birthday")
        try shop.sql("UPDATE customers SET given_name = NULL WHERE id = 2")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await planned(daemon)
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.rows().sorted { $0.key.customer < $1.key.customer }.map(\.standing) == ["sent", "failed(card-failed)", "sent"])
        let refused = try #require(daemon.announcer.notices(.refused).first)
        #expect(refused.reason == "card-failed")
        #expect(refused.detail.contains("given_name"), "\(refused.detail)")
    }
}
