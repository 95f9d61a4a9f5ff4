import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// As somebody types it. Moments lie in the past, where the machine's clock has no say.
@Suite("The command explain")
struct ExplainCommandTests {
    private func shop() async throws -> TestShop {
        let shop = try TestShop(rules: ["birthday", "monthly", "complaints"])
        try shop.addCustomer(1, birthday: "1980-05-05", zone: "America/Sao_Paulo", name: "Luís Gonçalves")
        try shop.addCustomer(2, birthday: "--05-31", zone: "Asia/Shanghai", name: "王小明")
        try shop.folder.write("0123456789abcdef", to: "state/journal.key")
        let daemon = try TestDaemon(shop, now: try at("2025-04-30T06:00:00Z"))
        for instant in ["2025-04-30T06:00:00Z", "2025-05-01T14:00:00Z"] { try await daemon.cleanPass(at: instant) }
        try shop.complain(7, customer: 1, at: try at("2025-05-04T07:00:00Z"))
        for instant in ["2025-05-04T07:00:00Z", "2025-05-05T12:00:00Z", "2025-05-06T03:00:00Z"] { try await daemon.cleanPass(at: instant) }
        try await daemon.stop()
        return shop
    }

    private func run(
        _ shop: TestShop, _ command: [String]
    ) throws -> (ending: ChildProcess.Ending, output: [String], errors: [String]) {
        try ChildProcess.run([ChildProcess.regards, "explain"] + command + ["--config", shop.file])
    }

    @Test("prints paragraphs, and one JSON object")
    func layout() async throws {
        let shop = try await shop()
        let text = try run(shop, ["1", "--at", "2025-05-05T00:00:00Z"])
        #expect(text.ending.status == 0)
        #expect(text.errors == [])
        try Snapshot.check(text.output, "explain")
        let json = try run(shop, ["1", "--at", "2025-05-05T00:00:00Z", "--json"])
        #expect(json.output.count == 1)
        try Snapshot.check(json.output, "explain-json")
        let one = try run(shop, ["2", "--at", "2025-05-05T00:00:00Z", "--rule", "monthly-card", "--history", "1"])
        try Snapshot.check(one.output, "explain-one")
    }

    @Test("who is not in the database is an error, with a way to their past")
    func nobody() async throws {
        let shop = try await shop()
        let never = try run(shop, ["99"])
        #expect(never.ending.status == 66)
        #expect(never.errors == ["regards: there is no customer 99"])
        try shop.sql("DELETE FROM customers WHERE id = 1")
        let gone = try run(shop, ["1"])
        #expect(gone.ending.status == 66)
        #expect(
            gone.errors == [
                "regards: there is no customer 1; what they were sent: \(ChildProcess.regards) outbox list --customer 1"
            ])
        let wrong = try run(shop, ["2", "--rule", "birthday-crad"])
        #expect(wrong.ending.status == 64)
        #expect(wrong.errors == ["regards: there is no rule birthday-crad; did you mean birthday-card?"])
    }

    @Test("what stands in the database cannot steer a terminal")
    func hostile() async throws {
        let shop = try await shop()
        try shop.sql("UPDATE customers SET name = 'x' || char(27) || '[31m' || char(8238), birthday = char(27) WHERE id = 1")
        for option in [["1"], ["1", "--json"]] {
            let run = try run(shop, option)
            #expect(run.ending.status == 0)
            #expect(!run.output.joined().contains("\u{1b}"))
        }
        #expect(try run(shop, ["1"]).output.first == "customer  1, x\\u{1b}[31m\\u{202e}, c1@mail.example")
    }
}
