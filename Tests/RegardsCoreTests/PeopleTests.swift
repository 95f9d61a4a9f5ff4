import RegardsCalendar
import RegardsCore
import Testing

@Suite struct PeopleTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func names(_ role: Role, _ people: [Role: Person]? = nil, for customer: Customer? = nil) throws -> [String] {
        var house = house
        if let people { house.people = people }
        return try house.book([]).house.contacts(role, for: customer).map(\.name)
    }

    func fixed(_ name: String?, otherwise: String? = nil) throws -> Person {
        Person(.fixed(try name.map { [try TestHouse.contact($0, "\($0)@shop.example")] } ?? []), otherwise: otherwise.map { Role($0) })
    }

    @Test func theAdvisorIsTheCustomersOwn() throws {
        let customer = house.customer(more: [.advisorEmail: "anna@shop.example", .advisorName: "Anna"])
        #expect(try names(TestHouse.advisor, for: customer) == ["Anna"])
        #expect(try names(TestHouse.advisor, for: house.customer(more: [.advisorEmail: "anna@shop.example"])) == [""])
    }

    @Test(arguments: ["", "anna", "anna@", "an na@shop.example", "anna@shop.example>"])
    func anUnusableAdvisorIsTheManagers(email: String) throws {
        let customer = house.customer(more: [.advisorEmail: email, .advisorName: "Anna"])
        #expect(try names(TestHouse.advisor, for: customer) == ["Maria", "Mats"])
        #expect(try names(TestHouse.advisor, for: nil) == ["Maria", "Mats"])
    }

    @Test func fallingBackGoesOnAndEnds() throws {
        let (a, b, c) = (Role("a"), Role("b"), Role("c"))
        let chain = [a: try fixed(nil, otherwise: "b"), b: try fixed(nil, otherwise: "c"), c: try fixed("Cy")]
        #expect(try names(a, chain) == ["Cy"])
        let broken = [a: try fixed(nil, otherwise: "b"), b: try fixed(nil, otherwise: "x")]
        #expect(try names(a, broken) == [])
        // Circles, of one and of three, with nobody in them and with somebody.
        #expect(try names(a, [a: try fixed(nil, otherwise: "a")]) == [])
        let circle = [a: try fixed(nil, otherwise: "b"), b: try fixed(nil, otherwise: "c"), c: try fixed(nil, otherwise: "a")]
        #expect(try names(a, circle) == [])
        let held = [a: try fixed(nil, otherwise: "b"), b: try fixed(nil, otherwise: "c"), c: try fixed("Cy", otherwise: "a")]
        #expect(try names(b, held) == ["Cy"])
        #expect(try names(a, [:]) == [])
    }

    @Test func theCustomerIsARoleToo() throws {
        let found = try house.book([]).house.contacts(.customer, for: house.customer())
        #expect(found == [Contact(name: "Ada", address: try Address("ada@example.org"))])
        #expect(try names(.customer, for: nil) == [])
        #expect(try names(.customer, for: house.customer(more: [.email: ""])) == [])
    }

    // MARK: Away

    func away(_ address: String, _ from: String, _ to: String, substitute: Contact? = nil) throws -> Absence {
        Absence(address: try Address(address), from: try date(from), to: try date(to), substitute: substitute)
    }

    func names(_ role: Role, _ absences: [Absence], on day: String?, for customer: Customer? = nil) throws -> [String] {
        var rules = try house.book([]).house
        rules.absences = absences
        return rules.contacts(role, for: customer, on: try day.map(date)).map(\.name)
    }

    var annas: Customer { house.customer(more: [.advisorEmail: "Anna@shop.example", .advisorName: "Anna"]) }

    @Test func whoIsAwayIsReplaced() throws {
        let bo = try TestHouse.contact("Bo", "bo@shop.example")
        let absences = [try away("anna@shop.example", "2027-05-03", "2027-05-05", substitute: bo)]
        func advisor(_ day: String?) throws -> [String] { try names(TestHouse.advisor, absences, on: day, for: annas) }
        #expect(try advisor(nil) == ["Anna"])
        #expect(try advisor("2027-05-02") == ["Anna"])
        // The first and the last day count, and capitals in an address do not.
        #expect(try advisor("2027-05-03") == ["Bo"])
        #expect(try advisor("2027-05-05") == ["Bo"])
        #expect(try advisor("2027-05-06") == ["Anna"])
        var rules = try house.book([]).house
        rules.absences = absences
        #expect(rules.signer(.role(TestHouse.advisor), for: annas, on: try date("2027-05-04")).name == "Bo")
        #expect(rules.signer(.role(TestHouse.advisor), for: annas).name == "Anna")
    }

    @Test func withoutASubstituteElseIsAsked() throws {
        let anna = try away("anna@shop.example", "2027-05-01", "2027-05-31")
        let maria = try away("maria@shop.example", "2027-05-10", "2027-05-10")
        let mats = try away("mats@shop.example", "2027-05-10", "2027-05-11")
        #expect(try names(TestHouse.advisor, [anna], on: "2027-05-10", for: annas) == ["Maria", "Mats"])
        #expect(try names(TestHouse.advisor, [anna, maria], on: "2027-05-10", for: annas) == ["Mats"])
        #expect(try names(TestHouse.manager, [maria, mats], on: "2027-05-10") == [])
        #expect(try names(TestHouse.manager, [maria, mats], on: "2027-05-11") == ["Maria"])
    }

    @Test func substitutesMayBeAwayToo() throws {
        let (bo, cy) = (try TestHouse.contact("Bo", "bo@shop.example"), try TestHouse.contact("Cy", "cy@shop.example"))
        func advisor(_ absences: Absence...) throws -> [String] { try names(TestHouse.advisor, absences, on: "2027-05-10", for: annas) }
        let anna = try away("anna@shop.example", "2027-05-10", "2027-05-10", substitute: bo)
        #expect(try advisor(anna, away("bo@shop.example", "2027-05-01", "2027-05-31", substitute: cy)) == ["Cy"])
        #expect(try advisor(anna, away("bo@shop.example", "2027-05-01", "2027-05-31")) == ["Maria", "Mats"])
        // Two who stand in for each other.
        let back = try TestHouse.contact("Anna", "anna@shop.example")
        #expect(try advisor(anna, away("bo@shop.example", "2027-05-01", "2027-05-31", substitute: back)) == ["Maria", "Mats"])
        // One of the list stands in for another of it, and is told once.
        let mats = try TestHouse.contact("Mats", "mats@shop.example")
        let maria = try away("maria@shop.example", "2027-05-10", "2027-05-10", substitute: mats)
        #expect(try names(TestHouse.manager, [maria], on: "2027-05-10") == ["Mats"])
    }

    @Test func whoIsToldIsWhoIsThereOnTheDueDay() throws {
        let due = try at("2027-05-05T07:00:00Z")
        var rule = anniversaryRule(at: try time("09:00"), purpose: .care)
        rule.steps = [step("tell-director", .tell(TestHouse.director, CardPattern("task")))]
        var book = try house.book([rule])
        book.house.absences = [try away("dora@shop.example", "2027-05-05", "2027-05-05")]
        var planner = Planner(book: book, zones: zones, countries: countries)
        let customer = house.customer(birthday: "1980-05-05")
        let found = try planner.owed(customer, from: due, through: due + 1)
        let candidate = try #require(found.first)
        func decide(_ book: RuleBook, now: Instant) -> Decision { Decision.make(candidate, Facts(customer: customer), book, now: now) }
        #expect(decide(book, now: due).because == "people.director")
        // Also when it is asked a day later: positions stay as they were.
        #expect(decide(book, now: due + .days(1)).verdict == .cancel(.noAddress))
        book.house.absences = [try away("dora@shop.example", "2027-05-06", "2027-05-06")]
        #expect(decide(book, now: due + .days(1)).verdict == .send)
    }

    @Test func phonesComeFromColumnsToo() throws {
        var people = house.people
        let column = CustomerColumn.phone.rawValue
        people[TestHouse.advisor] = Person(.column(email: CustomerColumn.advisorEmail.rawValue, name: nil, phone: column))
        var rules = try house.book([]).house
        rules.people = people
        let customer = house.customer(more: [.advisorEmail: "anna@shop.example", .phone: "+49 30 1234"])
        #expect(rules.contacts(TestHouse.advisor, for: customer).map(\.phone) == ["+49 30 1234"])
        #expect(rules.contacts(.customer, for: customer).map(\.phone) == ["+49 30 1234"])
    }

    @Test func whoSigns() throws {
        let rules = try house.book([]).house
        let customer = house.customer(more: [.advisorEmail: "anna@shop.example", .advisorName: "Anna"])
        #expect(rules.signer(.role(TestHouse.advisor), for: customer).name == "Anna")
        #expect(rules.signer(.role(TestHouse.advisor), for: nil).name == "Maria")
        #expect(rules.signer(.role(Role("nobody")), for: customer).name == "The Shop")
        #expect(rules.signer(.house, for: customer).address == (try Address("hello@shop.example")))
    }
}

@Suite struct ZoneFinderTests {
    let house: TestHouse
    init() throws { house = try TestHouse(businessZone: "Asia/Tokyo") }

    func found(_ zone: String?, country: String? = nil) throws -> String? {
        var planner = try house.planner()
        let customer = house.customer(zone: zone, more: country.map { [.country: $0] } ?? [:])
        // Twice: the second answer comes from the cache.
        let first = planner.zone(of: customer)
        #expect(planner.zone(of: customer) == first)
        return first.map { "\($0.zone.name) \($0.source)" }
    }

    @Test(arguments: [
        ("America/New_York", nil, "America/New_York column"), ("America/New_York", "DE", "America/New_York column"),
        (nil, nil, "Asia/Tokyo business"), ("", "", "Asia/Tokyo business"),
        // One time, whatever the number of names.
        (nil, "DE", "Europe/Berlin country"), (nil, "Germany", "Europe/Berlin country"), (nil, "germany", "Europe/Berlin country"),
        (nil, "AR", "America/Argentina/Buenos_Aires country"), (nil, "United Kingdom", "Europe/London country"),
        (nil, "Czech Republic", "Europe/Prague country"), (nil, "India", "Asia/Kolkata country"),
        // Several times, or no country at all.
        (nil, "US", "Asia/Tokyo business"), (nil, "Brazil", "Asia/Tokyo business"), (nil, "ES", "Asia/Tokyo business"),
        (nil, "Atlantis", "Asia/Tokyo business"), (nil, "XX", "Asia/Tokyo business"),
        // A zone that is none makes the row unusable: a guess would greet at night.
        ("Mars/Olympus", nil, nil), ("Mars/Olympus", "DE", nil), ("../../etc/passwd", nil, nil), ("berlin", nil, nil), (" ", nil, nil),
    ] as [(String?, String?, String?)])
    func aCustomersZone(zone: String?, country: String?, expected: String?) throws {
        #expect(try found(zone, country: country) == expected)
    }

    @Test func aNumberIsNoZone() throws {
        var planner = try house.planner()
        var customer = house.customer()
        customer.record.set(CustomerColumn.timeZone.rawValue, integer: 1)
        #expect(planner.zone(of: customer) == nil)
        customer.record.setNull(CustomerColumn.timeZone.rawValue)
        customer.record.set(CustomerColumn.country.rawValue, integer: 49)
        #expect(planner.zone(of: customer)?.source == .business)
    }

    @Test func hostileDataDoesNotGrowTheCache() throws {
        var planner = try house.planner()
        for number in 0..<6000 { #expect(planner.zone(of: house.customer(zone: "No/Zone\(number)")) == nil) }
        #expect(planner.zone(of: house.customer(zone: "Europe/Paris"))?.zone.name == "Europe/Paris")
        #expect(planner.zone(of: house.customer(zone: "Europe/Paris"))?.zone.name == "Europe/Paris")
    }

    @Test func withoutTablesNoCountryIsKnown() throws {
        let none = CountryZones(directory: "/nonexistent")
        #expect(none.code(of: "DE") == nil)
        #expect(none.onlyZone(of: "DE", in: zones) == nil)
        #expect(countries.onlyZone(of: "DE", in: ZoneCatalog(directory: "/nonexistent")) == nil)
    }

    @Test func zonesThatAgree() throws {
        let years = try at("2026-01-01")..<at("2030-01-01")
        let berlin = try zone("Europe/Berlin")
        #expect(berlin.agrees(with: berlin, in: years))
        #expect(berlin.agrees(with: try zone("Europe/Busingen"), in: years))
        #expect(!berlin.agrees(with: try zone("Europe/London"), in: years))
        #expect(!berlin.agrees(with: .utc, in: years))
        // The same in winter alone.
        #expect(berlin.agrees(with: try zone("Africa/Tunis"), in: try at("2026-01-01")..<at("2026-03-01")))
        #expect(!berlin.agrees(with: try zone("Africa/Tunis"), in: years))
    }
}
