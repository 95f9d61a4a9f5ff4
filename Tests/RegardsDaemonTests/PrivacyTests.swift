import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Whatever is told, in the journal's fields or on a terminal, names customers by id and mailboxes by a keyed hash.
@Suite("Nothing personal in what is told")
struct PrivacyTests {
    private static let hash = AddressHash(key: AddressHash.Key(first: 3, second: 4))

    /// All that the journal and a terminal get of these notices.
    private func lines(of notices: [Notice]) throws -> [String] {
        let journal = JournalAnnouncer(hash: Self.hash)
        let now = try at("2027-05-05T12:00:00Z")
        let terminal = TerminalAnnouncer(colours: false, hash: Self.hash, zone: .utc) { now }
        return notices.flatMap { journal.entries(of: $0) + [terminal.line($0)] }
    }

    /// The first few lines that hold one of the secrets.
    private func leaks(_ secrets: some Sequence<String>, in lines: [String]) -> [String] {
        let all = Array(secrets)
        return Array(lines.lazy.filter { line in all.contains { line.contains($0) } }.prefix(3))
    }

    @Test("a day of a shop of 250 customers, with a complaint and its whole ladder")
    func wholeDay() async throws {
        let folder = try TemporaryFolder()
        let today = try #require(CivilDate("2027-05-05"))
        let demo = try DemoFolder(at: folder.path + "/demo", shipped: TestTools.root + "/config", seed: 2027, today: today)
        let clock = VirtualClock(try at("2027-05-05T00:00:00Z"))
        let (loaded, mistakes) = Assembly.load(file: demo.configurationFile, environment: [:], zones: ZoneCatalog())
        let assembly = try #require(loaded, "\(mistakes.map(\.description))")
        let outbox = try SQLiteOutbox.openForDaemon(path: folder.path + "/state.sqlite", now: clock.now())
        try outbox.setLiveMachine(Machine.identity(), now: clock.now())
        let announcer = RecordingAnnouncer()
        var options = Daemon.Options(
            file: demo.configurationFile, environment: [:], zones: ZoneCatalog(), announcer: announcer, hash: Self.hash,
            salt: Self.salt)
        options.clock = clock
        let daemon = try Daemon(assembly: assembly, outbox: outbox, options: options)
        let database = try BusinessDatabase(path: demo.database)
        for hour in 0..<48 {
            clock.set(try at("2027-05-05T00:00:00Z") + .hours(Int64(hour)))
            if hour == 3 { try demo.shop.complain(in: database, at: clock.now()) }
            _ = await withCheckedContinuation { continuation in
                daemon.runOnce { continuation.resume(returning: $0 == nil) }
            }
        }
        await withCheckedContinuation { continuation in daemon.stop { continuation.resume() } }
        try outbox.close()

        let notices = announcer.notices
        #expect(notices.count { $0.kind == .sent } >= 40)
        #expect(notices.contains { $0.kind == .sent && $0.step == "tell-director" })
        #expect(notices.contains { $0.kind == .held })
        let batch = demo.shop.batch
        let secrets = batch.customers.map(\.name) + batch.customers.compactMap(\.email) + batch.customers.compactMap(\.phone)
            + batch.staff.map(\.name) + batch.staff.map(\.email) + ["teapot"]
        #expect(leaks(secrets, in: try lines(of: notices)) == [])
    }

    private static let salt = Array("privacy".utf8)

    @Test("what a relay answers about a mailbox", arguments: [
        ("RCPT", "550 5.1.1 <c1@mail.example>: Recipient address rejected: Luís Gonçalves has left"),
        ("RCPT", "450 4.2.1 mailbox c1@mail.example is busy"),
        (".", "554 5.7.1 spam from house@shop.example to c1@mail.example"),
    ])
    func relayReply(when: String, reply: String) async throws {
        let relay = try ScriptedSMTPServer(dictionary(when, "reply:" + reply))
        var settings = TestShop.Settings()
        settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
        let shop = try TestShop(settings)
        try shop.addCustomer(1, birthday: "1980-05-05", name: "Luís Gonçalves")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(daemon.announcer.notices.contains { $0.kind == .refused || $0.kind == .deferred })
        try await daemon.stop()
        let told = try lines(of: daemon.announcer.notices)
        #expect(leaks(["c1@mail.example", "Gonçalves", "house@shop.example"], in: told) == [])
    }

    private func dictionary(_ key: String, _ value: String) -> KeyValuePairs<String, String> { [key: value] }

    @Test("an id that is a mail address")
    func addressAsID() async throws {
        var settings = TestShop.Settings()
        settings.query = "SELECT email AS id, name, given_name, email, birthday, NULL AS advisor_email, NULL AS advisor_name FROM customers"
        settings.events = ""
        let shop = try TestShop(rules: ["birthday"], settings)
        try shop.addCustomer(1, birthday: "1980-05-05")
        try shop.addCustomer(2, birthday: "1980-02-31")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"))
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T07:00:00Z")
        #expect(try daemon.row(customer: "c1@mail.example").standing == "sent")
        #expect(daemon.announcer.notices(.unusableCustomers).count == 1)
        #expect(leaks(["mail.example"], in: try lines(of: daemon.announcer.notices)) == [])
    }
}
