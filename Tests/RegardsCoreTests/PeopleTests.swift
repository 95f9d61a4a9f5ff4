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
