import Glibc
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// `regards plan` in each of its forms.
@Suite("The command plan")
struct PlanCommandTests {
    private func shop() throws -> TestShop {
        let shop = try TestShop(rules: ["birthday", "monthly"])
        try shop.addCustomer(1, birthday: "1980-05-05", zone: "America/Sao_Paulo", name: "Luís Gonçalves")
        try shop.addCustomer(2, birthday: "--05-31", zone: "Asia/Shanghai", name: "王小明")
        try shop.addCustomer(3, birthday: "1999-05-12")
        return shop
    }

    private func plan(
        _ shop: TestShop, _ options: String...
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        try ChildProcess.run(
            [ChildProcess.regards, "plan", "--config", shop.file, "--from", "2027-05-01", "--to", "2027-06-01"] + options)
    }

    private func lines(_ output: [String]) -> [String] { output.map { $0.last == "\r" ? String($0.dropLast()) : $0 } }

    @Test("CSV is RFC 4180: a header, CRLF, quotes where they must be")
    func csv() throws {
        let shop = try shop()
        let run = try plan(shop, "--csv", "--rule", "birthday-card")
        #expect(run.ending.status == 0)
        #expect(run.output.allSatisfy { $0.utf8.last == UInt8(ascii: "\r") })
        #expect(
            lines(run.output) == [
                "customer,rule,occasion,step,recipient,card,due_at,local,zone,zone_from,expires_at,channel,verdict,reason",
                "1,birthday-card,2027,send,customer/0,birthday,2027-05-05T12:00:00Z,2027-05-05T09:00,America/Sao_Paulo,column,"
                    + "2027-05-05T22:00:00Z,mail,due,",
                "3,birthday-card,2027,send,customer/0,birthday,2027-05-12T07:00:00Z,2027-05-12T09:00,Europe/Berlin,business,"
                    + "2027-05-12T17:00:00Z,mail,due,",
                "2,birthday-card,2027,send,customer/0,birthday,2027-05-31T01:00:00Z,2027-05-31T09:00,Asia/Shanghai,column,"
                    + "2027-05-31T11:00:00Z,mail,due,",
            ])
    }

    @Test("a calendar folds at 75 octets and between characters, escapes, and is in UTC")
    func calendar() throws {
        let shop = try shop()
        let run = try plan(shop, "--ics", "--customer", "1", "--rule", "birthday-card")
        #expect(run.ending.status == 0)
        let text = lines(run.output)
        #expect(text.first == "BEGIN:VCALENDAR" && text.last == "END:VCALENDAR")
        #expect(text.filter { $0.utf8.count > 75 } == [])
        #expect(text.contains("DTSTART:20270505T120000Z"))
        #expect(text.contains("SUMMARY:birthday-card\\, customer 1"))
        #expect(text.contains { $0.hasPrefix("DESCRIPTION:Wed 2027-05-05 09:00\\, America/Sao_Paulo\\ncard birthday\\ndue") })
        #expect(text.count { $0 == "BEGIN:VEVENT" } == 1)
        #expect(text.contains("STATUS:CONFIRMED"))
    }

    @Test("who does not meet the conditions is counted, and shown with --all")
    func leftOut() throws {
        let shop = try shop()
        try shop.rules(
            "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, where: points > 5, send: birthday}")
        try shop.rules(nil, file: "monthly")
        try shop.sql("UPDATE customers SET points = id * 3")
        let some = try plan(shop)
        #expect(some.output.last == "2 occasions, 2 due; 3 customers; left out (--all shows them): 1 because a condition does not hold")
        let all = try plan(shop, "--all")
        #expect(all.output.count == some.output.count + 1)
        #expect(all.output.contains { $0.hasSuffix("not due: points > 5 does not hold") })
    }

    @Test("totals per day and rule")
    func totals() throws {
        let run = try plan(try shop(), "--totals", "--json")
        #expect(
            run.output == [
                #"{"day":"2027-05-01","due":3,"rule":"monthly-card"}"#, #"{"day":"2027-05-05","due":1,"rule":"birthday-card"}"#,
                #"{"day":"2027-05-12","due":1,"rule":"birthday-card"}"#, #"{"day":"2027-05-31","due":1,"rule":"birthday-card"}"#,
            ])
    }

    @Test("against another folder: what is added, moved and removed")
    func against() throws {
        let (new, old) = (try shop(), try shop())
        #expect(try plan(new, "--against", old.path).output == ["no message is added, moved or removed"])
        try new.rules(
            """
            birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 08:00}, where: points < 2, send: birthday}
            name-day: {purpose: greeting, when: {on: 2027-05-20, at: 09:00}, where: points > 1, send: birthday}
            """)
        try new.sql("UPDATE customers SET points = 1; UPDATE customers SET points = 2 WHERE id = 2")
        let run = try plan(new, "--against", old.path)
        #expect(run.ending.status == 0, "\(run.errors)")
        #expect(
            run.output == [
                "   WHEN (THEIR TIME)     CUSTOMER  RULE           WHAT",
                "~  Wed 2027-05-05 08:00  1         birthday-card  was Wed 2027-05-05 09:00",
                "~  Wed 2027-05-12 08:00  3         birthday-card  was Wed 2027-05-12 09:00",
                "+  Thu 2027-05-20 09:00  2         name-day       added",
                "-  Mon 2027-05-31 09:00  2         birthday-card  not due: points < 2 does not hold",
                "", "RULE           ADDED  MOVED  REMOVED", "birthday-card      0      2        1",
                "name-day           1      0        0",
            ])
        let json = try plan(new, "--against", old.path, "--json", "--rule", "name-day").output
        #expect(json.count == 1 && json[0].hasPrefix(#"{"change":"added","new":{"card":"birthday""#))
        let nowhere = try plan(new, "--against", old.path + "/nowhere")
        #expect(nowhere.ending.status == 66)
        #expect(
            nowhere.errors == [
                "regards: --against \(old.path)/nowhere/regards.yaml: No such file or directory; expected a folder with a regards.yaml"
            ])
    }

    @Test("customers of a CSV file need no database")
    func fixture() throws {
        let shop = try shop()
        let file = shop.path + "/customers.csv"
        unlink(shop.path + "/shop.sqlite")
        try shop.folder.write(
            "\u{feff}id,email,birthday,name\r\n1,anna@mail.example,1980-05-18,\"Anna \"\"A\"\" Ahl,\r\nBerlin\"\r\n\r\n2,,1990-05-20,Bo\n",
            to: "customers.csv")
        let run = try plan(shop, "--customers", file, "--rule", "birthday-card", "--json")
        #expect(run.ending.status == 0, "\(run.errors)")
        try #require(run.output.count == 2, "\(run.output)")
        #expect(run.output[0].contains(#""customer":"1""#) && run.output[0].contains(#""local":"2027-05-18T09:00""#))
        #expect(run.output[1].contains(#""customer":"2""#) && run.output[1].contains(#""reason":"no-address: email""#))
    }

    @Test(
        "a bad CSV file is told with line and column",
        arguments: [
            ("", ":1:1: expected the names of columns in the first line"), ("name,email\n", ":1:1: expected a column id, got name, email"),
            ("id,email,id\n", ":1:10: column id stands here twice"), ("id,email\n1\n", ":2:1: expected 2 fields, as in the first line, got 1"),
            ("id,email\n1,\"a\n", ":2:3: this quoted field has no end"),
            ("id,email\n1,a\"b\n", ":2:4: a quote inside a field that is not quoted; write the field in quotes, and the quote twice"),
            ("id,email\n1,\"a\"b\n", ":2:6: expected a comma or the end of the line after the closing quote"),
            ("id\n1\n1\n", ":3:1: id: 1 is the customer of line 2"), ("id,email\n,x\n", ":2:1: id: expected one"),
            ("id,\n1,2\n", ":1:4: expected the name of a column"),
        ])
    func badFixture(text: String, message: String) throws {
        let shop = try shop()
        try shop.folder.write(text, to: "customers.csv")
        let file = shop.path + "/customers.csv"
        let run = try plan(shop, "--customers", file)
        #expect(run.ending.status == 65)
        #expect(run.errors == [file + message, "regards: 1 mistake; nothing was done"])
        #expect(run.output == [])
    }

    @Test("bytes that are no UTF-8 are told with their line, a missing file by its name")
    func noText() throws {
        let shop = try shop()
        try shop.folder.write(bytes: Array("id,name\n1,".utf8) + [0xff, 0x0a], to: "customers.csv", mode: 0o644)
        let file = shop.path + "/customers.csv"
        #expect(try plan(shop, "--customers", file).errors.first == "\(file):2:1: expected UTF-8")
        let missing = try plan(shop, "--customers", shop.path + "/none.csv")
        #expect(missing.ending.status == 66)
        #expect(missing.errors == ["regards: \(shop.path)/none.csv: No such file or directory"])
    }

    @Test("two forms at once, or a form that cannot be, is a mistake of usage")
    func usage() throws {
        let shop = try shop()
        for options in [["--json", "--csv"], ["--against", shop.path, "--ics"], ["--totals", "--csv"]] {
            let run = try ChildProcess.run([ChildProcess.regards, "plan", "--config", shop.file] + options)
            #expect(run.ending.status == 64, "\(options)")
        }
    }

    @Test("a reader that has enough ends it quietly")
    func closedPipe() throws {
        let shop = try shop()
        let run = try ChildProcess.run([
            "/bin/bash", "-c",
            "set -o pipefail; '\(ChildProcess.regards)' plan --config '\(shop.file)' --from 2027-01-01 --to 2037-01-01 --json | head -n 1",
        ])
        #expect(run.output.count == 1)
        #expect(run.errors == [])
    }

    @Test("many rows come customer by customer, few in the order of time")
    func order() throws {
        let shop = try TestShop(rules: ["birthday", "monthly"])
        try shop.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
            INSERT INTO customers (id, name, email, birthday, advisor_id)
            SELECT i, 'C ' || i, 'c' || i || '@mail.example', CASE WHEN i % 700 = 0 THEN '1980-05-' || (10 + i / 700) END, 1 FROM n
            """)
        let many = try plan(shop, "--csv").output.dropFirst().map { Int($0.prefix { $0 != "," }) ?? 0 }
        #expect(many.count == 2103)
        #expect(many == many.sorted())
        let few = try plan(shop, "--csv", "--rule", "birthday-card").output.dropFirst().map { Int($0.prefix { $0 != "," }) ?? 0 }
        #expect(few == [700, 1400, 2100])
    }

    @Test("two customers at one address are judged together, as the daemon does")
    func shared() throws {
        var settings = TestShop.Settings()
        settings.extra = "limits: {budgets: {overall: 1 per 7d}}"
        let shop = try TestShop(rules: ["birthday"], settings)
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.addCustomer(2, birthday: "1980-05-06")
        try shop.addCustomer(3, birthday: "1980-05-06")
        try shop.sql("UPDATE customers SET email = 'Family@mail.example' WHERE id = 1; UPDATE customers SET email = 'family@mail.example' WHERE id = 2")
        let found = try plan(shop, "--csv").output.dropFirst().map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return "\(fields[0]) \(fields[12])"
        }
        #expect(Set(found) == ["1 due", "2 skipped", "3 due"])
    }
}
