import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `regards check` finds beyond the rule files: one folder for each thing, so that adding a case is adding a folder.
///
/// A folder has `expected`, and any of: `rules.yaml`, cards `*.html`, `rows.sql`, `query.sql` for the customers,
/// `events.yaml`, `house.yaml` with further lines of regards.yaml, `guard.yaml`, and `no-database`.
@Suite("What check finds")
struct CheckTests {
    private static let folder = TestTools.root + "/Tests/Fixtures/check"

    private func shop(_ name: String) throws -> TestShop {
        let folder = "\(CheckTests.folder)/\(name)"
        let files = try TemporaryFolder.names(in: folder)
        func text(_ file: String) throws -> String? { files.contains(file) ? try TestShop.text("\(folder)/\(file)") : nil }
        var settings = TestShop.Settings()
        if let query = try text("query.sql") { settings.query = query }
        if let events = try text("events.yaml") { settings.events = events }
        if let guards = try text("guard.yaml") { settings.guards = String(guards.dropFirst("guard: ".count)) }
        settings.extra = try text("house.yaml") ?? ""
        let shop = try TestShop(rules: [], settings)
        if let rows = try text("rows.sql") { try shop.sql(rows) }
        try shop.rules(try text("rules.yaml") ?? "", file: "rules")
        for card in files where card.hasSuffix(".html") { try shop.card(try text(card) ?? "", name: String(card.dropLast(5))) }
        if files.contains("no-database") { try #require(unlink(shop.path + "/shop.sqlite") == 0) }
        return shop
    }

    /// With REGARDS_RECORD set, `expected` is written anew, to be read and committed.
    @Test("all of it in one pass", arguments: try TemporaryFolder.names(in: CheckTests.folder))
    func found(name: String) throws {
        let shop = try shop(name)
        let check = try Checkup.run(file: shop.file, environment: [:], now: try at("2027-05-04T08:00:00Z"))
        let lines = check.mistakes.map(\.description) + ["--"] + check.summary
        let named = lines.map { $0.split(separator: shop.path + "/", omittingEmptySubsequences: false).joined() + "\n" }.joined()
        let path = "\(CheckTests.folder)/\(name)/expected"
        if getenv("REGARDS_RECORD") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(named, file)
            fclose(file)
        }
        #expect(named == (try TestShop.text(path)))
    }

    @Test("a database that cannot be read is a mistake with its own exit status")
    func unreachable() throws {
        let shop = try shop("no-database")
        let run = try ChildProcess.run([ChildProcess.regards, "check", "--config", shop.file])
        #expect(run.ending.status == 69)
        #expect(run.output.last == "1 mistake")
        try shop.rules("x: {purpose: greeting}\n", file: "more")
        #expect(try ChildProcess.run([ChildProcess.regards, "check", "--config", shop.file]).ending.status == 78)
    }

    @Test("a rule that was approved is no news, and one that was changed is")
    func news() async throws {
        let shop = try shop("reach")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T08:00:00Z")
        try await daemon.stop()
        func lines() throws -> [String] {
            try Checkup.run(file: shop.file, environment: [:], now: try at("2027-05-04T08:10:00Z")).summary
        }
        #expect(try lines().contains("birthday-card: 1 due in the next 31 days"))
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 12:00}, send: birthday}\n", file: "rules")
        #expect(try lines().contains("birthday-card: changed since the daemon read it; unsent messages will follow it"))
        #expect(try lines().contains("birthday-card: 2 due in the next 31 days; new: 2 messages in its first 31 days, 1 on the first day"))
    }

    @Test("a rule that is switched on is asked about as a new one is")
    func switchedOn() async throws {
        let shop = try shop("reach")
        let rule = "monthly: {purpose: greeting, when: {schedule: \"*-*-05\", at: 10:00}, send: birthday, enabled: no}\n"
        try shop.rules(rule, file: "rules")
        let daemon = try TestDaemon(shop, now: try at("2027-05-03T08:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-03T08:00:00Z")
        try await daemon.stop()
        try shop.rules(rule.replacing("enabled: no", with: "enabled: yes"), file: "rules")
        let later = try TestDaemon(shop, now: try at("2027-05-04T09:00:00Z"))
        try await later.cleanPass(at: "2027-05-04T09:00:00Z")
        try await later.cleanPass(at: "2027-05-05T08:30:00Z")
        let rows = try later.outbox.list(OutreachFilter(states: [.held]), limit: 10, after: 0)
        #expect(rows.map(\.reason) == ["approval", "approval", "approval"])
        try await later.stop()
    }

    @Test("a rule that is off may name columns that are not there, also where something else in it is wrong")
    func columnsOfWhatIsOff() throws {
        let shop = try shop("reach")
        func check(_ state: String) throws -> [String] {
            try shop.rules(
                "odd: {purpose: greeting, when: {anniversary: birthday, at: 25:00}, where: shoe_size > 40, send: birthday, enabled: \(state)}\n",
                file: "rules")
            return try ChildProcess.run([ChildProcess.regards, "check", "--config", shop.file]).errors
        }
        let off = try check("no")
        #expect(off.count == 1 && off.first?.contains("expected HH:MM") == true, "\(off)")
        let on = try check("yes")
        #expect(on.count == 2 && on.last?.contains("there is no column called shoe_size") == true, "\(on)")
    }

    // MARK: Files nobody wrote to help

    /// REGARDS_BADINPUT names another folder of such files.
    private static func badFiles() throws -> [String] {
        let own = TestTools.root + "/Tests/Fixtures/badinput"
        let folder = getenv("REGARDS_BADINPUT").map { String(cString: $0) } ?? own
        let all = try TemporaryFolder.names(in: folder).map { "\(folder)/\($0)" }
        let yaml = folder + "/yaml"
        return try all.filter { $0 != yaml } + (access(yaml, F_OK) == 0 ? TemporaryFolder.names(in: yaml).map { "\(yaml)/\($0)" } : [])
    }

    /// What grows when it is read: aliases of aliases, depth, width, and a whole mebibyte of each kind of nonsense.
    private static let growing: [String: String] = {
        let mebibyte = 1 << 20
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 { bomb += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n" }
        func whole(_ piece: String) -> String { String(repeating: piece, count: mebibyte / piece.utf8.count) }
        return [
            "bomb": bomb, "depth": whole("[") , "width": "a: [" + whole("x, ").dropLast(8) + "]", "keys": whole("a: b\n"),
            "tags": whole("{{#a}}").replacing("\n", with: ""), "text": whole("word "), "braces": whole("{"), "larger": whole("# x\n") + "# and more\n",
        ]
    }()

    @Test("whatever lies in a file, check names it")
    func bad() throws {
        let shop = try shop("switched-off")
        let good = try (TestShop.text(shop.file), TestShop.text(shop.path + "/cards/birthday.html"))
        var inputs = CheckTests.growing.map { ($0.key, Array($0.value.utf8)) }
        for file in try CheckTests.badFiles() { inputs.append((file, try TestShop.bytes(file))) }
        #expect(inputs.count > 10)
        for (name, bytes) in inputs {
            for place in ["rules.d/more.yaml", "regards.yaml", "cards/birthday.html"] {
                try shop.folder.write(bytes: bytes, to: place, mode: 0o644)
                let check = try Checkup.run(file: shop.file, environment: [:], now: try at("2027-05-04T08:00:00Z"))
                #expect(check.hasErrors, "\(name) as \(place)")
                #expect(check.mistakes.allSatisfy { $0.description.utf8.count < 1500 }, "\(name) as \(place)")
                try shop.folder.write(good.0, to: "regards.yaml")
                try shop.card(good.1, name: "birthday")
                unlink(shop.path + "/rules.d/more.yaml")
            }
        }
        #expect(!(try Checkup.run(file: shop.file, environment: [:], now: try at("2027-05-04T08:00:00Z")).hasErrors))
    }
}
