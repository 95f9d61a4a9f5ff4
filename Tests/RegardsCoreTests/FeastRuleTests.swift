import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct FeastRuleTests {
    let house: TestHouse
    let catalog: FeastCatalog
    let feastColumn: Int

    init() throws {
        var house = try TestHouse()
        feastColumn = house.schema.columns.use("feasts")
        self.house = house
        catalog = FeastCatalog(own: [Feast(name: "founding-day", rule: try #require(FeastRule("06-12")))])
    }

    private func rule(_ choice: FeastTrigger.Choice, at clock: String = "08:30", offsets: [Int] = [0]) throws -> Rule {
        Rule(
            name: "festival", purpose: .greeting,
            trigger: .feast(FeastTrigger(choice, at: try time(clock), dayOffsets: offsets)), steps: [step()], hash: 9)
    }

    private func named(_ name: String) throws -> FeastTrigger.Choice { .named(try #require(catalog.feast(named: name), "\(name)")) }
    private var byCountry: FeastTrigger.Choice { .byCountry(catalog, column: feastColumn) }

    private func customer(_ country: String, feasts: String = "", zone: String = "Asia/Shanghai") -> Customer {
        var customer = house.customer(zone: zone, more: [.country: country])
        if !feasts.isEmpty { customer.record.set(feastColumn, text: feasts) }
        return customer
    }

    /// Names of the occasions of 2027, in the order of time.
    private func occasions(_ rule: Rule, _ customer: Customer) throws -> [String] {
        var planner = try house.planner(rule)
        return try planner.owed(customer, in: 2027).map(\.outreach.key.occasion)
    }

    // MARK: One feast

    @Test func aFeastIsNamedAndFallsOnItsDay() throws {
        var planner = try house.planner(rule(named("mid-autumn")))
        let found = try planner.owed(customer("CN"), in: 2027)
        #expect(summary(found) == ["mid-autumn-2027 2027-09-15T00:30:00Z"])
        #expect(found.map(\.outreach.localDate) == [try date("2027-09-15")])
        #expect(found.map(\.outreach.localTime) == [try time("08:30")])
        #expect(found.map(\.outreach.expiresAt) == [try at("2027-09-15T16:00:00Z")])
    }

    @Test(arguments: [
        // Named by the lunar year, which ends in the next Gregorian one.
        ("laba", ["laba-2026 2027-01-15T00:30:00Z"]),
        ("lunar-new-years-eve", ["lunar-new-years-eve-2026 2027-02-05T00:30:00Z"]),
        ("new-year", ["new-year-2027 2027-01-01T00:30:00Z", "new-year-2028 2028-01-01T00:30:00Z"]),
        ("founding-day", ["founding-day-2027 2027-06-12T00:30:00Z"]),
        ("easter", ["easter-2027 2027-03-28T00:30:00Z"]),
    ])
    func theYearIsTheFeastsOwn(feast: String, expected: [String]) throws {
        var planner = try house.planner(rule(named(feast)))
        let found = try planner.owed(customer("CN"), from: at("2027-01-01T00:00:00Z"), through: at("2028-01-01T12:00:00Z"))
        #expect(summary(found) == expected)
    }

    @Test(arguments: [
        ([-7], ["mid-autumn-2027 2027-09-08T00:30:00Z"]),
        ([-7, 0], ["mid-autumn-2027/-7 2027-09-08T00:30:00Z", "mid-autumn-2027/0 2027-09-15T00:30:00Z"]),
        ([3, -1], ["mid-autumn-2027/-1 2027-09-14T00:30:00Z", "mid-autumn-2027/+3 2027-09-18T00:30:00Z"]),
    ])
    func offsetsCountWhereThereAreSeveral(offsets: [Int], expected: [String]) throws {
        var planner = try house.planner(rule(named("mid-autumn"), offsets: offsets))
        #expect(summary(try planner.owed(customer("CN"), in: 2027)) == expected)
    }

    @Test func theTimeMovesOutOfAGap() throws {
        // Easter of 2027 is the day on which Europe's clocks go forward.
        var planner = try house.planner(rule(named("easter"), at: "02:30"))
        let found = try planner.owed(customer("DE", zone: "Europe/Berlin"), in: 2027)
        #expect(summary(found) == ["easter-2027 2027-03-28T01:30:00Z"])
    }

    // MARK: By country

    private static let chinese = [
        "new-year-2027", "spring-festival-2027", "lantern-2027", "dragon-boat-2027", "mid-autumn-2027",
        "national-day-cn-2027", "double-ninth-2027",
    ]

    @Test(arguments: [
        ("CN", "", chinese), ("cn", "", chinese), ("China", "", chinese), ("CHINA", "", chinese),
        ("DE", "", ["new-year-2027", "easter-2027", "christmas-2027"]),
        ("Germany", "", ["new-year-2027", "easter-2027", "christmas-2027"]),
        ("GR", "", ["new-year-2027", "orthodox-easter-2027", "christmas-2027"]),
        ("JP", "", ["new-year-2027"]), ("XX", "", ["new-year-2027"]), ("", "", ["new-year-2027"]), ("42", "", ["new-year-2027"]),
        // The column goes before the country.
        ("DE", "CN", chinese), ("DE", "china", chinese), ("DE", "none", []),
        ("DE", "mid-autumn", ["mid-autumn-2027"]), ("DE", "Mid-Autumn, easter", ["easter-2027", "mid-autumn-2027"]),
        ("CN", "founding-day", ["founding-day-2027"]),
    ])
    func whoIsGreetedWhen(country: String, feasts: String, expected: [String]) throws {
        // The last hours of the year are those of the next New Year in China.
        let found = try occasions(rule(byCountry), customer(country, feasts: feasts, zone: "Europe/Berlin"))
        #expect(found == expected)
    }

    @Test(arguments: ["qingming", "easter christmass", "nowhere", "none, easter", ",", "1"])
    func aColumnThatNamesNoFeastIsSaid(feasts: String) throws {
        var planner = try house.planner(rule(byCountry))
        let customer = customer("CN", feasts: feasts)
        let place = planner.zone(of: customer)
        let zone = try #require(place)
        // Also far from any feast, and each time.
        for start in ["2027-01-01", "2027-04-20", "2027-04-20"] {
            let window = PlanWindow(from: try at(start), through: try at(start) + .hours(26), plannedThrough: try at(start))
            #expect(!planner.candidates(of: customer, zone: zone, rule: 0, in: window) { _ in Issue.record("an occasion") })
        }
        #expect(planner.problem(with: customer, rule: 0) == .unknownFeast)
        #expect(planner.problem(with: self.customer("CN"), rule: 0) == nil)
    }

    @Test func moreCountriesThanAreRememberedAreServedAll() throws {
        var planner = try house.planner(rule(byCountry))
        for number in 0..<5000 {
            #expect(try planner.owed(customer("Land \(number)", zone: "UTC"), from: at("2026-12-31"), through: at("2027-01-02")).count == 1)
        }
        #expect(try planner.owed(customer("China", zone: "UTC"), from: at("2027-09-15"), through: at("2027-09-16")).count == 1)
    }

    @Test func whoMovesAwayIsOwedAnotherFeast() throws {
        var planner = try house.planner(rule(byCountry))
        let candidate = try #require(try planner.owed(customer("CN"), from: at("2027-09-01"), through: at("2027-10-01")).first)
        func derived(_ customer: Customer) -> PlannedOutreach? {
            planner.derive(candidate.outreach.key, facts: Facts(customer: customer))?.outreach
        }
        #expect(derived(customer("CN")) == candidate.outreach)
        #expect(derived(customer("DE")) == nil)
        #expect(derived(customer("DE", feasts: "mid-autumn")) == candidate.outreach)
        #expect(derived(customer("CN", feasts: "nonsense")) == nil)
        #expect(derived(customer("CN", zone: "Europe/Berlin"))?.dueAt == (try at("2027-09-15T06:30:00Z")))
    }

    // MARK: Cards

    @Test func aCardMayBeNamedByItsFeast() throws {
        var rule = try rule(byCountry)
        rule.steps = [step("send", .send(CardPattern("feasts/{feast}-{month}")))]
        var planner = try house.planner(rule)
        let found = try planner.owed(customer("CN"), from: at("2027-09-01"), through: at("2027-10-05"))
        #expect(found.map { rule.card(rule.steps[0], for: $0.outreach) } == ["feasts/mid-autumn-09", "feasts/national-day-cn-10"])
        let cards = rule.cards(rule.steps[0])
        #expect(cards.count == 12 * catalog.greeted.count)
        #expect(cards.contains("feasts/founding-day-06"))
        #expect(!cards.contains { $0.contains("qingming") || $0.contains("{") })
    }

    @Test func oneFeastAsksForOneCard() throws {
        var rule = try rule(named("qingming"))
        rule.steps = [step("send", .send(CardPattern("{feast}")))]
        #expect(rule.cards(rule.steps[0]) == ["qingming"])
        #expect(rule.cards(step()) == ["card"])
    }

    // MARK: Properties

    private func randomRule(_ random: inout SeededGenerator) throws -> Rule {
        let feast = random.pick(catalog.all)
        let choice = random.pick([byCountry, .named(feast), .named(feast)])
        return try rule(choice, at: random.pick(["00:00", "02:30", "08:30", "23:59"]), offsets: random.pick([[0], [-14], [-7, 0, 30], [366]]))
    }

    private func randomCustomer(_ random: inout SeededGenerator) -> Customer {
        customer(
            random.pick(["CN", "DE", "GR", "US", "Germany", "XX", ""]), feasts: random.pick(["", "", "CN", "mid-autumn christmas", "none"]),
            zone: random.pick(AnniversaryRuleTests.zoneNames))
    }

    /// Small windows together hold what one large one does, and every occasion is derived again from its name.
    @Test func windowsThatTouchNeitherMissNorRepeat() throws {
        var random = SeededGenerator()
        var count = 0
        for _ in 0..<300 {
            let (rule, customer) = (try randomRule(&random), randomCustomer(&random))
            var planner = try house.planner(rule)
            var start = try at("2022-01-01") + .days(Int64.random(in: 0..<1500, using: &random))
            let (from, end) = (start, start + .days(400))
            var seen: [String] = []
            while start < end {
                let stop = min(end, start + random.pick([.hours(7), .hours(26), .days(3), .days(40)]))
                seen += summary(try planner.owed(customer, from: start, through: stop))
                start = stop
            }
            let whole = try planner.owed(customer, from: from, through: end)
            #expect(Set(seen).count == seen.count)
            #expect(Set(seen) == Set(summary(whole)), "\(rule.trigger) \(customer)")
            for candidate in whole {
                #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer))?.outreach == candidate.outreach)
            }
            count += whole.count
        }
        #expect(count > 300)
    }

    @Test(arguments: ["", "mid-autumn", "mid-autumn-", "mid-autumn-27", "mid-autumn-2027/0", "-2027", "easter-2027", "mid-autumn-99999", "mid-autumn--1"])
    func noOtherNameIsDerived(occasion: String) throws {
        var planner = try house.planner(rule(named("mid-autumn")))
        var key = try #require(try planner.owed(customer("CN"), in: 2027).first).outreach.key
        key.occasion = occasion
        #expect(planner.derive(key, facts: Facts(customer: customer("CN"))) == nil)
    }
}
