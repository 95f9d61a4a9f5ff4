import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

private let leapDay = CivilDate(year: 2028, month: 2, day: 29)!
private let someDay = CivilDate(year: 2027, month: 5, day: 5)!

@Suite struct DemoRandomTests {
    /// First outputs of SplitMix64 for the seed 1234567, as its authors' C code gives them.
    @Test func theGeneratorIsTheOneItClaimsToBe() {
        var random = DemoRandom(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    @Test func boundsHold() {
        var random = DemoRandom(seed: 1)
        let numbers = (0..<1000).map { _ in random.between(3, 5) }
        #expect(Set(numbers) == [3, 4, 5])
        #expect(random.below(1) == 0)
    }
}

@Suite struct DemoShopTests {
    @Test func oneSeedAndDayGiveOneShop() {
        #expect(DemoShop(seed: 7, today: someDay).batch == DemoShop(seed: 7, today: someDay).batch)
        #expect(DemoShop(seed: 7, today: someDay).batch != DemoShop(seed: 8, today: someDay).batch)
        #expect(DemoShop(seed: 7, today: someDay).batch != DemoShop(seed: 7, today: someDay + 1).batch)
    }

    @Test(arguments: [someDay, leapDay, CivilDate(year: 2027, month: 12, day: 31)!], [1, 2, 3] as [UInt64])
    func everyCustomerCanBeServed(today: CivilDate, seed: UInt64) throws {
        let batch = DemoShop(seed: seed, today: today).batch
        let zones = ZoneCatalog()
        let countries = CountryZones()
        #expect(batch.customers.count == 250)
        for customer in batch.customers {
            #expect(zones.zone(named: try #require(customer.timeZone)) != nil)
            #expect(countries.code(of: try #require(customer.country)) == customer.country)
            if let email = customer.email {
                let address = try Address(email)
                #expect(["example.com", "example.org", "example.net"].contains(String(address.domain)))
                #expect(!address.needsUTF8, "\(email) for \(customer.name)")
            }
            if let birthday = customer.birthday, !birthday.hasPrefix("--") { #expect(CivilDate(birthday) != nil) }
        }
        let addresses = batch.customers.compactMap(\.email)
        #expect(Set(addresses).count == addresses.count)
        #expect((1..<10).contains(250 - addresses.count), "a few have no address")
        #expect(batch.customers.contains { $0.doNotContact })
    }

    @Test func theNamesAreOfManyScripts() {
        let letters = DemoShop(seed: 1, today: someDay).batch.customers.map(\.name).joined()
        for script in ["王李", "ЧМ", "Πο", "محن", "כהנ", "शर", "さ健", "김민", "ắễứĐ", "çãõ", "řůě"] {
            #expect(letters.contains { script.contains($0) }, "none of \(script)")
        }
    }

    /// The demo starts at any hour: some cards are due at once, and not all of them.
    @Test(arguments: 0..<24)
    func atEveryHourSomeBirthdayCardsAreDue(hour: Int) throws {
        let zones = ZoneCatalog()
        let shop = DemoShop(seed: 1, today: someDay)
        let now = Instant(seconds: Int64(someDay.dayNumber) * 86_400 + Int64(hour) * 3600 + 60)
        var due = 0
        for customer in shop.batch.customers where customer.email != nil && !customer.doNotContact {
            let local = try #require(zones.zone(named: customer.timeZone ?? "")).local(at: now)
            guard let birthday = customer.birthday, birthday.hasSuffix(DemoShop.monthAndDay(local.date)) else { continue }
            if (9..<19).contains(local.time.hour) { due += 1 }
        }
        #expect((4...40).contains(due), "\(due) at \(hour):01 UTC")
    }

    @Test func theDatabaseHoldsTheShopAndTakesAComplaint() throws {
        let folder = try TemporaryFolder()
        let shop = DemoShop(seed: 1, today: someDay)
        let database = try shop.create(at: folder.path + "/shop.sqlite")
        #expect(try database.count(.customers) == 250)
        #expect(try database.count(.staff) == shop.batch.staff.count)
        #expect(try database.count(.orders) == shop.batch.orders.count)
        let before = try database.count(.interactions)
        let now = Instant(seconds: 1_809_500_000)
        let complaint = try shop.complain(in: database, at: now)
        #expect(try database.count(.interactions) == before + 1)
        #expect(complaint.openedAt == now)
        #expect(complaint.answeredAt == nil)
        let customer = try #require(shop.batch.customers.first { $0.id == complaint.customer })
        #expect(customer.birthday?.hasSuffix("05-05") == true)
        #expect(customer.email != nil)
    }

    /// Everything else is over, so that the one complaint of the demo stands alone.
    @Test func noOldComplaintIsOpen() throws {
        let folder = try TemporaryFolder()
        _ = try DemoShop(seed: 1, today: someDay).create(at: folder.path + "/shop.sqlite")
        let queue = try DatabaseQueue(path: folder.path + "/shop.sqlite")
        let open = try queue.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM interactions WHERE answered_at IS NULL OR solved_at IS NULL")
        }
        #expect(open == 0)
        let early = try queue.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM interactions WHERE NOT opened_at < answered_at OR NOT answered_at < solved_at")
        }
        #expect(early == 0)
    }
}

@Suite struct DemoFolderTests {
    private let folder: TemporaryFolder
    private let shipped: String
    private let place: String
    init() throws {
        folder = try TemporaryFolder()
        shipped = folder.path + "/shipped"
        place = folder.path + "/a/demo"
        for name in ["shipped", "shipped/rules.d", "shipped/cards"] { mkdir(folder.path + "/" + name, 0o755) }
        try folder.write("# two rules\nfirst:\n  purpose: care\n  steps:\n  - {at: start}\nsecond:\n  purpose: care\n", to: "shipped/rules.d/a.yaml")
        try folder.write("no rule", to: "shipped/rules.d/a.yaml.bak")
        try folder.write("card", to: "shipped/cards/birthday.html")
    }

    private func demo(seed: UInt64 = 7, today: CivilDate = someDay) throws -> DemoFolder {
        try DemoFolder(at: place, shipped: shipped, seed: seed, today: today)
    }

    private func text(_ path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test func aNewFolderHoldsShopRulesCardsAndConfiguration() throws {
        let demo = try demo()
        #expect(demo.isNew)
        #expect(try BusinessDatabase(path: demo.database).count(.customers) == 250)
        #expect(try text(demo.rules + "/a.yaml").split(separator: "\n").filter { $0.hasPrefix("  backfill: 1d") }.count == 2)
        #expect(access(demo.rules + "/a.yaml.bak", F_OK) != 0)
        #expect(try text(place + "/cards/birthday.html") == "card")
        #expect(try text(demo.configurationFile).hasPrefix("# regards demo, seed 7, day 2027-05-05\n"))
    }

    @Test func aSecondStartKeepsTheFirstShop() throws {
        let first = try demo()
        try first.shop.complain(in: BusinessDatabase(path: first.database), at: Instant(seconds: 1_809_500_000))
        let second = try demo(seed: 8, today: someDay + 1)
        #expect(!second.isNew)
        #expect(second.shop.batch == first.shop.batch)
        #expect(try BusinessDatabase(path: second.database).count(.interactions) == first.shop.batch.interactions.count + 1)
    }

    @Test func aHalfMadeFolderIsMadeAnew() throws {
        let first = try demo()
        unlink(first.configurationFile)
        let second = try demo(seed: 8)
        #expect(second.isNew)
        #expect(second.shop.seed == 8)
    }

    @Test func somebodysOwnConfigurationIsNotTouched() throws {
        mkdir(folder.path + "/own", 0o755)
        try folder.write("business: {name: x}\n", to: "own/regards.yaml")
        let path = folder.path + "/own"
        let error = #expect(throws: DemoError.self) {
            try DemoFolder(at: path, shipped: shipped, seed: 1, today: someDay)
        }
        #expect(error?.description == "\(path): holds a regards.yaml of your own; choose another folder for the demo")
        #expect(try folder.names() == ["own", "shipped"])
    }

    @Test func missingRulesAreSaid() throws {
        let error = #expect(throws: DemoError.self) {
            try DemoFolder(at: place, shipped: "/nonexistent", seed: 1, today: someDay)
        }
        #expect(error?.description == "/nonexistent/rules.d: No such file or directory")
    }
}
