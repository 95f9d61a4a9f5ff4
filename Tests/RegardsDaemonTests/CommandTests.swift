import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// The commands as somebody types them: what they print, compared with files in `Tests/Fixtures/cli`.
@Suite("The commands")
struct CommandTests {
    private static let commands = [
        "", "serve", "check", "plan", "explain", "test", "preview", "send-test", "simulate", "reload", "go-live", "approve", "pause", "pause add",
        "pause list", "pause lift", "suppress", "suppress add", "suppress list", "suppress remove", "list", "list show",
        "list done", "list not-reached", "status",
        "outbox", "outbox list", "outbox show", "outbox settle", "outbox retry", "outbox hold", "outbox release", "outbox cancel",
        "recover", "calendar", "calendar next", "calendar feasts", "init",
        "demo",
    ]

    @Test("help fits a terminal of 80 columns", arguments: commands)
    func help(command: String) throws {
        let words = command.split(separator: " ").map(String.init)
        let run = try ChildProcess.run([ChildProcess.regards] + words + ["--help"], environment: ["COLUMNS": "80"])
        #expect(run.ending.status == 0)
        #expect(run.output.filter { $0.count > 80 } == [])
        try Snapshot.check(run.output, "help" + words.map { "-" + $0 }.joined())
    }

    @Test("the help names every command there is")
    func allCommands() throws {
        let run = try ChildProcess.run([ChildProcess.regards, "--help"])
        let listed = run.output.drop { $0 != "SUBCOMMANDS:" }.dropFirst()
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.hasPrefix("  See") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        let tested = Set(Self.commands.compactMap { $0.split(separator: " ").first.map(String.init) })
        #expect(Set(listed) == tested)
    }

    // MARK: A shop to ask about

    /// Three customers with names of three scripts, in three zones; a state whose key is known.
    private func shop(rules: [String] = ["birthday", "monthly", "complaints"]) throws -> TestShop {
        let shop = try TestShop(rules: rules)
        try shop.addCustomer(1, birthday: "1980-05-05", zone: "America/Sao_Paulo", name: "Luís Gonçalves")
        try shop.addCustomer(2, birthday: "--05-31", zone: "Asia/Shanghai", name: "王小明")
        try shop.addCustomer(3, birthday: "1999-02-30", name: "František Wichterlová")
        try shop.folder.write("0123456789abcdef", to: "state/journal.key")
        return shop
    }

    private func run(
        _ shop: TestShop, _ command: [String]
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        try ChildProcess.run([ChildProcess.regards] + command + ["--config", shop.file])
    }

    /// The lines with the shop's folder called SHOP.
    private func named(_ shop: TestShop, _ lines: [String]) -> [String] {
        lines.map { $0.split(separator: shop.path, omittingEmptySubsequences: false).joined(separator: "SHOP") }
    }

    @Test("plan prints a table, and a JSON object a line")
    func plan() throws {
        let shop = try shop()
        let period = ["plan", "--from", "2027-05-01", "--to", "2027-06-02"]
        let table = try run(shop, period)
        #expect(table.ending.status == 0)
        #expect(table.errors == [])
        try Snapshot.check(table.output, "plan-table")
        let json = try run(shop, period + ["--json"])
        try Snapshot.check(json.output, "plan-json")
        let one = try run(shop, period + ["--customer", "2", "--rule", "birthday-card"])
        try Snapshot.check(one.output, "plan-one")
        let wrong = try run(shop, period + ["--rule", "birthday"])
        #expect(wrong.ending.status == 64)
        #expect(wrong.errors == ["regards: there is no rule birthday; did you mean birthday-card?"])
    }

    @Test("outbox list and show print the ledger, status what is open")
    func ledger() async throws {
        let shop = try shop()
        // In a year that no machine that runs this test has reached, because status speaks of the last day.
        let daemon = try TestDaemon(shop, now: try at("2095-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2095-05-04T06:00:00Z")
        try shop.complain(7, customer: 2, at: try at("2095-05-04T07:00:00Z"))
        try await daemon.cleanPass(at: "2095-05-04T07:00:00Z")
        try await daemon.cleanPass(at: "2095-05-05T12:00:00Z")
        try await daemon.stop()
        let list = try run(shop, ["outbox", "list"])
        #expect(list.ending.status == 0)
        try Snapshot.check(list.output, "outbox-list")
        let narrow = try PseudoTerminal.output(of: [ChildProcess.regards, "outbox", "list", "--config", shop.file], columns: 80)
        #expect(narrow.filter { $0.count > 80 } == [])
        try Snapshot.check(narrow, "outbox-list-narrow")
        try Snapshot.check(try run(shop, ["outbox", "list", "--state", "sent", "--customer", "1", "--json"]).output, "outbox-list-json")
        let id = try #require(try rows(shop).first { $0.key.rule == "birthday-card" && $0.state == .sent }).id
        try Snapshot.check(try run(shop, ["outbox", "show", "\(id)"]).output, "outbox-show")
        try Snapshot.check(try run(shop, ["outbox", "show", "\(id)", "--json"]).output, "outbox-show-json")
        let none = try run(shop, ["outbox", "show", "4711"])
        #expect(none.ending.status == 66)
        #expect(none.errors == ["regards: there is no row 4711"])
        let state = try run(shop, ["outbox", "list", "--state", "waiting"])
        #expect(state.ending.status == 64)
        /// Without what is of this run.
        func status(_ arguments: [String]) throws -> [String] {
            named(shop, try run(shop, ["status"] + arguments).output).map { line in
                line.replacing(ChildProcess.regards, with: "regards").replacing(/, [0-9.]+ [kM]B/, with: ", SIZE")
                    .replacing(/"state_bytes":[0-9]+/, with: "\"state_bytes\":0")
            }
        }
        try Snapshot.check(try status([]), "status")
        try Snapshot.check(try status(["--json"]), "status-json")
    }

    private func rows(_ shop: TestShop) throws -> [Outreach] {
        let outbox = try SQLiteOutbox.openForCommand(path: shop.state, access: .read)
        defer { withExtendedLifetime(outbox) {} }
        return try outbox.list(OutreachFilter(), limit: .max, after: 0)
    }

    @Test("commands that need the state say when there is none yet; status is one that shows it")
    func noState() throws {
        let shop = try shop()
        let list = try run(shop, ["outbox", "list"])
        #expect(list.ending.status == 66 && list.output == [])
        #expect(list.errors == ["regards: \(shop.state): no state file yet; \(ChildProcess.regards) serve makes it"])
        let status = try run(shop, ["status"])
        #expect(status.ending.status == 0)
        #expect(status.output.contains("state     \(shop.state), made by the first start"))
        #expect(status.output.contains("wrong     no daemon has run yet"))
        #expect(status.output.contains("          → \(ChildProcess.regards) serve --config \(shop.file)"))
        #expect(access(shop.state, F_OK) != 0, "looking makes nothing")
    }

    @Test("a word that is no command, and an option in front of it")
    func noCommand() throws {
        func say(_ words: String...) throws -> [String] {
            let run = try ChildProcess.run([ChildProcess.regards] + words)
            #expect(run.ending.status == 64 && run.output == [])
            return run.errors
        }
        #expect(try say("chek") == ["regards: there is no command chek; did you mean check?"])
        #expect(try say("greet") == ["regards: there is no command greet; regards --help lists them"])
        #expect(try say("--config", "x", "check") == ["regards: options stand behind the command, as in: regards check --config FILE"])
    }

    @Test("preview writes the message that would be sent")
    func preview() throws {
        let shop = try shop()
        let run = try run(shop, ["preview", "birthday-card", "--customer", "2", "--at", "2027-05-31T01:00:00Z"])
        #expect(run.ending.status == 0)
        try Snapshot.check(run.output.map { $0.last == "\r" ? String($0.dropLast()) : $0 }, "preview")
        let nobody = try self.run(shop, ["preview", "birthday-card", "--customer", "99"])
        #expect(nobody.errors == ["regards: there is no customer 99"])
        #expect(nobody.ending.status == 66)
        let step = try self.run(shop, ["preview", "complaint-care", "--customer", "1", "--step", "tell-boss"])
        #expect(step.ending.status == 64)
        #expect(
            step.errors == [
                "regards: rule complaint-care has no step tell-boss; it has send, tell-advisor, tell-manager, tell-director, survey"
            ])
        let calm = try self.run(shop, ["preview", "complaint-care", "--customer", "1"])
        #expect(calm.ending.status == 65)
        #expect(calm.errors.first?.hasPrefix("regards: customer 1 has no complaint to tell of: name one who has; card complaint-received: ") == true)
    }

    @Test("send-test sends one message to the tester, marked, and writes nothing to the outbox")
    func sendTest() throws {
        let shop = try shop()
        let run = try run(shop, ["send-test", "birthday-card", "--customer", "1", "--to", "me@office.example"])
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(named(shop, run.output) == ["sent to me@office.example, written to SHOP/mail/new"])
        let mail = try #require(try shop.mails().first)
        #expect(mail.recipient == "me@office.example")
        let read = try #require(try ReadMail.all(in: shop.path + "/mail").first)
        #expect(read.subject == "[TEST] Happy birthday, Luís Gonçalves")
        #expect(!mail.text.contains("c1@mail.example"))
        #expect(access(shop.state, F_OK) != 0)
        let real = try self.run(shop, ["preview", "birthday-card", "--customer", "1"])
        #expect(!real.output.contains { $0.contains(mail.id) })
        let wrong = try self.run(shop, ["send-test", "birthday-card", "--customer", "1", "--to", "me"])
        #expect(wrong.ending.status == 64)
    }

    @Test("send-test says what the relay said")
    func sendTestFails() throws {
        let relay = try ScriptedSMTPServer(["RCPT": "reply:550 5.1.1 no such user"])
        var settings = TestShop.Settings()
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        let shop = try shop()
        try shop.configure(settings)
        let run = try run(shop, ["send-test", "birthday-card", "--customer", "1", "--to", "me@office.example"])
        #expect(run.ending.status == 69)
        #expect(run.errors.count == 1)
        #expect(run.errors.first?.hasPrefix("regards: not sent: ") == true, "\(run.errors)")
        #expect(run.errors.first?.contains("no such user") == true, "\(run.errors)")
    }

    @Test("check finds every mistake at once, and says what is in order")
    func check() throws {
        let shop = try shop()
        try shop.rules(
            """
            birthday-card:
              purpose: greting
              when: {anniversary: birthday, at: 9am}
              wehre: [email is present]
              send: birthday
              if_late: {grace: soon}
            """)
        try shop.rules("monthly-card:\n  purpose: greeting\n  when: {schedule: fortnightly}\n  send: x\n", file: "monthly")
        let mistakes = try run(shop, ["check"])
        #expect(mistakes.ending.status == 78)
        try Snapshot.check(named(shop, mistakes.errors), "check-mistakes")
        try Snapshot.check(named(shop, try run(shop, ["check", "--json"]).output), "check-mistakes-json")
    }

    @Test("check finds what cards and columns lack when the rules are in order")
    func checkCards() throws {
        let shop = try shop()
        try shop.card("---\nsubject: Hello {{complaint.subject}}\n---\n<p>{{> nothing}}</p>\n", name: "monthly/05")
        unlink(shop.path + "/cards/monthly/07.html")
        let cards = try run(shop, ["check"])
        #expect(cards.ending.status == 78)
        try Snapshot.check(named(shop, cards.errors), "check-cards")
        try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: brithday, at: 09:00}\n  send: birthday\n")
        try shop.rules(nil, file: "monthly")
        try shop.card("---\nsubject: Hello\n---\n<p>Hello</p>\n", name: "monthly/05")
        try shop.card("---\nsubject: {{complaint.subject}}\n---\n<p>{{nickname}} {{busines.name}}</p>\n", name: "birthday")
        let variables = try run(shop, ["check"])
        #expect(variables.ending.status == 78)
        try Snapshot.check(named(shop, variables.errors), "check-variables")
        try shop.card("---\nsubject: Hello {{nickname}}\n---\n<p>Hello</p>\n", name: "birthday")
        let columns = try run(shop, ["check"])
        #expect(columns.ending.status == 78)
        try Snapshot.check(named(shop, columns.errors), "check-columns")
    }

    @Test("check of good files says what it found, and warns of unusable rows")
    func checkGood() throws {
        let shop = try shop(rules: ["birthday", "complaints"])
        let run = try run(shop, ["check"])
        #expect(run.ending.status == 0)
        #expect(Array(run.output.prefix(2)) == ["2 rules in 2 files, 1 kind of events", "3 customers"])
        #expect(
            named(shop, run.errors) == [
                "SHOP/rules.d/birthday.yaml:3:23: warning: customers.query: birthday: expected a date such as 1962-02-18 or 02-18, found something "
                    + "else in 1 of 3 customers looked at, such as customer 3",
                "SHOP/regards.yaml:7:10: warning: customers.query: 1 customer has a date that is none; expected YYYY-MM-DD: 3",
            ])
    }

    @Test("simulate prints totals, and writes what would be sent")
    func simulate() throws {
        let shop = try shop()
        let run = try run(shop, ["simulate", "--from", "2027-05-01", "--to", "2027-06-01", "--out", shop.path + "/out"])
        #expect(run.ending.status == 0, "\(run.errors)")
        try Snapshot.check(named(shop, run.output), "simulate")
        #expect(try shop.mails("out").count == 5)
        #expect(try TemporaryFolder.names(in: shop.path + "/out") == ["cur", "new", "tmp"])
    }

    @Test("go-live and its undoing say what they did")
    func goLive() throws {
        let shop = try shop()
        #expect(try run(shop, ["go-live"]).output == ["this machine may mail customers; a running daemon follows at its next reload"])
        #expect(try run(shop, ["go-live", "--undo"]).output == ["this machine rehearses again; a running daemon follows at its next reload"])
        var settings = TestShop.Settings()
        settings.mode = "rehearse"
        try shop.configure(settings)
        #expect(
            try run(shop, ["go-live"]).output == [
                "this machine may mail customers; a running daemon follows at its next reload",
                "regards.yaml does not say `mode: live` yet: until it does, nobody is mailed",
            ])
    }

    @Test("init --with-rules makes a folder that check accepts, and touches no configuration that is there")
    func makeFolder() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/shop/business.sqlite"
        let command = [ChildProcess.regards, "init", file, "--with-rules", "--shipped", TestTools.root + "/config"]
        let made = try ChildProcess.run(command)
        #expect(made.ending.status == 0, "\(made.errors)")
        let check = try ChildProcess.run([ChildProcess.regards, "check", "--config", folder.path + "/shop/regards.yaml"])
        #expect(check.ending.status == 0, "\(check.errors)")
        #expect(check.errors == [])
        #expect(check.output.last == "no mistakes")
        #expect(try TemporaryFolder.names(in: folder.path + "/shop").sorted() == ["business.sqlite", "cards", "regards.yaml", "rules.d", "tests"])
        unlink(file)
        let again = try ChildProcess.run(command)
        #expect(again.ending.status == 73)
        #expect(again.errors == ["regards: \(folder.path)/shop/regards.yaml: is there already; nothing is overwritten"])
    }

    @Test("names that are not there get the nearest one, or a word")
    func strangers() async throws {
        let shop = try shop()
        try shop.rules("calls: {purpose: care, when: {schedule: daily, at: 09:00}, list: calls, for: advisor}\n", file: "calls")
        try shop.card("---\nsubject: Today\n---\n<p>Today</p>\n", name: "day-list")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T06:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T06:00:00Z")
        try await daemon.stop()
        let list = try run(shop, ["list", "--list", "cals"])
        #expect(list.ending.status == 64)
        #expect(list.errors == ["regards: there is no list cals; did you mean calls?"])
        let pause = try run(shop, ["pause", "--customer", "4711"])
        #expect(pause.ending.status == 0)
        #expect(pause.errors == ["regards: there is no customer 4711 now: the pause begins to count when there is one"])
        #expect(try run(shop, ["pause", "--customer", "1"]).errors == [])
        let suppress = try run(shop, ["suppress", "nonsense"])
        #expect(suppress.ending.status == 64)
        #expect(suppress.errors == [
            "regards: nonsense: a mail address, or a hash from suppress list, was expected; this is not of the form name@domain"
        ])
    }

    @Test("init makes a database that check accepts, and touches no file that is there")
    func makeDatabase() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/business.sqlite"
        let made = try ChildProcess.run([ChildProcess.regards, "init", file])
        #expect(made.ending.status == 0)
        #expect(made.output.first == "made \(file), with empty tables")
        let before = try TestShop.bytes(file)
        let again = try ChildProcess.run([ChildProcess.regards, "init", file])
        #expect(again.ending.status == 73)
        #expect(again.errors == ["regards: \(file): is there already; nothing is overwritten"])
        #expect(try TestShop.bytes(file) == before)
    }
}

/// Text that a command printed, as it was last approved.
enum Snapshot {
    /// With `REGARDS_RECORD=1` the file is written anew: look at the difference before it is committed.
    static func check(_ lines: [String], _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let path = TestTools.root + "/Tests/Fixtures/cli/\(name).txt"
        let text = lines.map { $0 + "\n" }.joined()
        if getenv("REGARDS_RECORD") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
        }
        let expected = try TestShop.text(path)
        #expect(lines == expected.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init),
            "\(name).txt differs; REGARDS_RECORD=1 writes it anew", sourceLocation: sourceLocation)
    }
}
