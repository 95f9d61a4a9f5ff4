import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What a shell does with a command around it: pipes, closed streams, variables, folders.
@Suite("In a shell")
struct ShellTests {
    /// Runs a line of sh(1) in which `regards` is the built one.
    private func sh(
        _ line: String, in folder: String, _ environment: [String: String] = [:]
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        let script = "cd \"$FOLDER\" || exit 99; regards() { \"$REGARDS\" \"$@\"; }; \(line)"
        let variables = ["FOLDER": folder, "REGARDS": ChildProcess.regards].merging(environment) { _, given in given }
        return try ChildProcess.run(["/bin/sh", "-c", script], environment: variables)
    }

    /// A shop with so many customers that a plan does not fit into a pipe.
    private func bigShop() throws -> TestShop {
        let shop = try TestShop(rules: ["birthday"])
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO customers (id, name, email, birthday)
            SELECT i, 'Customer ' || i, 'c' || i || '@mail.example', '1980-05-05' FROM n
            """)
        return shop
    }

    private static let plan = "regards plan --from 2027-05-01 --to 2027-06-01"

    @Test("a reader that has enough ends the command without a word", arguments: ["", "--json"])
    func head(option: String) throws {
        let shop = try bigShop()
        let run = try sh("\(Self.plan) \(option) | head -n 1", in: shop.path)
        #expect(run.ending.status == 0)
        #expect(run.output.count == 1)
        #expect(run.errors == [])
        // Where SIGPIPE is ignored, as in many services, the write itself fails.
        let ignored = try sh("trap '' PIPE; \(Self.plan) \(option) | head -n 1", in: shop.path)
        #expect(ignored.output.count == 1)
        #expect(ignored.errors == [])
    }

    @Test("a daemon whose reader goes away goes on without it")
    func daemonWithoutReader() throws {
        let served = try ServedShop(customers: 40)
        let run = try sh("regards serve --once --config regards.yaml 2>&1 | head -n 1", in: served.shop.path)
        #expect(run.output.count == 1)
        // The shell waits for both, though `head` has long ended.
        #expect(try served.rows().allSatisfy { $0.state == .sent && $0.attempts == 1 })
        #expect(try served.shop.mails().count == 40)
    }

    @Test("output that cannot be written is an error with 74, not a short answer")
    func fullDisk() throws {
        let shop = try bigShop()
        let run = try sh("\(Self.plan) > /dev/full", in: shop.path)
        #expect(run.ending.status == 74)
        #expect(run.errors == ["regards: standard output: No space left on device"])
    }

    @Test("closed streams: nothing is mixed up with the state, and the work is done")
    func closed() throws {
        let served = try ServedShop(customers: 3)
        let run = try sh("regards serve --once --config regards.yaml <&- >&- 2>&-", in: served.shop.path)
        #expect(run.ending.status == 0)
        #expect(try served.rows().map(\.standing) == ["sent", "sent", "sent"])
        // The lock holds the process id and none of the lines that had nowhere to go.
        #expect(try TestShop.text(served.shop.state + ".lock").contains(/^[0-9]+\n[0-9]+\n$/))
        let output = try sh("regards status >&-", in: served.shop.path)
        #expect(output.ending.status == 0)
        #expect(output.errors == [])
    }

    @Test("standard input is left to whoever reads it next")
    func input() throws {
        let shop = try bigShop()
        let run = try sh("printf 'one\\ntwo\\n' | { regards check > /dev/null; cat; }", in: shop.path)
        #expect(run.output == ["one", "two"])
    }

    @Test("every line of --json is a JSON document")
    func json() async throws {
        let shop = try TestShop()
        try shop.addCustomer(1, birthday: "1980-05-05", name: "王小明 \"Xiao\" \\ \u{1b}[31m")
        let daemon = try TestDaemon(shop, now: try at("2095-05-05T06:00:00Z"))
        try await daemon.cleanPass(at: "2095-05-05T06:00:00Z")
        try shop.complain(7, customer: 1, at: try at("2095-05-05T06:30:00Z"), subject: "a \"quote\"\n")
        try await daemon.cleanPass(at: "2095-05-05T07:00:00Z")
        try await daemon.stop()
        let commands = [
            "plan --from 2095-05-01 --to 2095-06-01 --json", "explain 1 --json", "outbox list --json", "outbox show 1 --json", "status --json",
            "simulate --from 2027-05-01 --to 2027-06-01 --out out --json", "calendar daily --json",
            "calendar feasts --year 2027 --json",
        ]
        for command in commands {
            let run = try sh("regards \(command) | python3 -m json.tool --json-lines", in: shop.path)
            #expect(run.ending.status == 0, "\(command): \(run.errors)")
            #expect(!run.output.isEmpty, "\(command)")
        }
        try shop.rules("birthday-card: {purpose: \"a \\\"b\\\"\"}")
        let mistakes = try sh("regards check --json | python3 -m json.tool --json-lines", in: shop.path)
        #expect(mistakes.ending.status == 0, "\(mistakes.errors)")
        #expect(mistakes.output.contains { $0.contains("\"message\"") })
    }

    @Test("the configuration is looked for where systemd says, and then here")
    func whereItIs() throws {
        let shop = try bigShop()
        #expect(try sh("regards check", in: shop.path).output.contains("3000 customers"))
        let named = try sh("cd / && regards check", in: shop.path, ["CONFIGURATION_DIRECTORY": "\(shop.path):/elsewhere"])
        #expect(named.output.contains("3000 customers"))
        let none = try sh("regards check --config none.yaml", in: shop.path)
        #expect(none.ending.status == 66)
        #expect(none.errors.first?.hasPrefix("regards: none.yaml: No such file or directory; ") == true, "\(none.errors)")
    }

    @Test("a wrong option, date or period is 64, with the right usage")
    func usage() throws {
        let shop = try TestShop()
        let folder = shop.path
        for line in [
            "regards", "regards serve --twice", "regards plan --from 2027-02-30", "regards plan --from tomorrow",
            "regards plan --from 2027-05-02 --to 2027-05-01", "regards outbox list --limit 0", "regards outbox show",
            "regards preview", "regards plan --rule birthday-crad",
            "regards explain", "regards explain 1 --rule birthday-crad", "regards explain 1 --history -1",
            "regards frobnicate",
        ] {
            let run = try sh(line, in: folder)
            // Without a command there is only the help.
            #expect(run.ending.status == (line == "regards" ? 0 : 64), "\(line): \(run.errors)")
        }
        #expect(
            try sh("regards plan --rule birthday-crad", in: folder).errors
                == ["regards: there is no rule birthday-crad; did you mean birthday-card?"])
        #expect(
            try sh("regards plan --from 2027-05-02 --to 2027-05-01", in: folder).errors
                == ["regards: --to must be later than --from"])
        let date = try sh("regards plan --from 2027-02-30", in: folder)
        #expect(date.errors.first == "Error: The value '2027-02-30' is invalid for '--from <date>'")
        let nobody = try sh("regards plan --customer 4711", in: folder)
        #expect(nobody.ending.status == 66)
        #expect(nobody.errors == ["regards: there is no customer 4711"])
    }

    @Test("what stands in the database cannot steer a terminal")
    func hostile() throws {
        var settings = TestShop.Settings()
        settings.query = """
            SELECT 'x' || char(27) || '[31m' || id AS id, name, email, birthday, NULL AS points,
                   NULL AS advisor_email, NULL AS advisor_name FROM customers
            """
        let shop = try TestShop(rules: ["birthday"], settings)
        try shop.addCustomer(1, birthday: "1980-05-05")
        let run = try sh(Self.plan, in: shop.path)
        #expect(run.output.contains { $0.contains("x\\u{1b}[31m1") }, "\(run.output)")
        let json = try sh("\(Self.plan) --json", in: shop.path)
        #expect(json.output.contains { $0.contains(#""customer":"x\u001b[31m1""#) }, "\(json.output)")
        #expect(!(run.output + run.errors + json.output).joined().contains("\u{1b}"))
    }

    @Test("preview writes a file, or says why not")
    func previewFile() throws {
        let shop = try TestShop(rules: ["birthday"])
        try shop.addCustomer(1, birthday: "1980-05-05")
        let preview = "regards preview birthday-card --customer 1 --at 2027-05-05T07:00:00Z"
        let printed = try sh(preview, in: shop.path)
        #expect(printed.ending.status == 0)
        let written = try sh("\(preview) --out card.eml", in: shop.path)
        #expect(written.output == [])
        let mail = Mail(text: try TestShop.text(shop.path + "/card.eml"))
        #expect(mail.header("To") == "\"Customer 1\" <c1@mail.example>" || mail.header("To") == "Customer 1 <c1@mail.example>")
        let impossible = try sh("\(preview) --out nowhere/card.eml", in: shop.path)
        #expect(impossible.ending.status == 73)
        #expect(impossible.errors == ["regards: nowhere/card.eml: No such file or directory"])
        let full = try sh("\(preview) --out /dev/full", in: shop.path)
        #expect(full.ending.status == 73)
        #expect(full.errors == ["regards: /dev/full: No space left on device"])
    }

    @Test("simulate does not mix two simulations")
    func simulateTwice() throws {
        let shop = try TestShop(rules: ["birthday"])
        try shop.addCustomer(1, birthday: "1980-05-05")
        let line = "regards simulate --from 2027-05-01 --to 2027-06-01 --out year"
        #expect(try sh(line, in: shop.path).ending.status == 0)
        let again = try sh(line, in: shop.path)
        #expect(again.ending.status == 73)
        #expect(again.errors == ["regards: year/new: holds messages already; name another folder, or empty it"])
        #expect(try shop.mails("year").count == 1)
    }
}
