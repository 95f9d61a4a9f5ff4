import RegardsCalendar
import RegardsCore
import Testing

/// What keeps a message from going at the very time a rule says: quiet hours and days, silent days, a spread.
@Suite struct PuttingOffTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    func rule(_ day: String, at time: String, purpose: Purpose = .greeting) throws -> Rule {
        Rule(
            name: "open-day", purpose: purpose,
            trigger: .on(.init(day: try date(day), at: try RegardsCoreTests.time(time))), steps: [step()])
    }

    func quiet(_ hours: String? = nil, not days: Set<Weekday> = [], silent: [SilentDay] = []) throws -> Quiet {
        var range: (WallTime, WallTime)?
        if let hours { range = (try time(String(hours.prefix(5))), try time(String(hours.suffix(5)))) }
        let allowed = Set(Weekday.allCases).subtracting(days)
        return Quiet(hours: hours == nil && days.isEmpty ? nil : QuietHours(hours: range, days: allowed), silent: silent)
    }

    func planner(_ rules: [Rule], _ quiet: Quiet) throws -> Planner {
        var book = try house.book(rules)
        book.house.limits.quiet = quiet
        return Planner(book: book, zones: zones, countries: countries)
    }

    func due(_ rule: Rule, _ quiet: Quiet, country: String = "DE", zone: String? = "Europe/Berlin") throws -> [PlannedOutreach] {
        var planner = try planner([rule], quiet)
        let customer = house.customer(zone: zone, more: [.country: country])
        let found = try planner.owed(customer, in: 2027)
        for candidate in found {
            #expect(planner.derive(candidate.outreach.key, facts: Facts(customer: customer))?.outreach == candidate.outreach)
            let due = candidate.outreach.dueAt
            let same = try planner.owed(customer, from: due, through: due + 1).map(\.outreach)
            #expect(same.filter { $0.key == candidate.outreach.key } == [candidate.outreach])
            let later = try planner.owed(customer, from: due + 1, through: due + .days(20)).map(\.outreach.key)
            #expect(!later.contains(candidate.outreach.key))
        }
        return found.map(\.outreach)
    }

    // MARK: Quiet

    @Test(arguments: [
        // 2027-06-12 is a Saturday.
        ("2027-06-12", "09:00", "2027-06-12T07:00:00Z"), ("2027-06-12", "21:00", "2027-06-14T06:00:00Z"),
        ("2027-06-12", "20:59", "2027-06-12T18:59:00Z"), ("2027-06-11", "23:00", "2027-06-12T06:00:00Z"),
        ("2027-06-11", "03:00", "2027-06-11T06:00:00Z"), ("2027-06-11", "08:00", "2027-06-11T06:00:00Z"),
        // A quiet day goes on at the same time of the next; one hour of which is quiet waits for its end.
        ("2027-06-13", "14:00", "2027-06-14T12:00:00Z"), ("2027-06-13", "22:00", "2027-06-15T06:00:00Z"),
        ("2027-06-13", "03:00", "2027-06-14T06:00:00Z"),
    ])
    func quietHoursAndDays(day: String, clock: String, expected: String) throws {
        let found = try due(rule(day, at: clock), quiet("21:00-08:00", not: [.sunday]))
        #expect(found.map(\.dueAt) == [try at(expected)])
        // What was meant is still shown.
        #expect(found.map(\.localDate) == [try date(day)])
        #expect(found.map(\.localTime) == [try time(clock)])
        #expect(found.map(\.key.occasion) == [day])
    }

    /// Asked late: at whatever moment of the quiet, it goes when the quiet ends, and not at some time of another day.
    @Test(arguments: [
        // Of Sunday the 13th, and the nights around it.
        ("21:00-08:00", "2027-06-12T19:00:00Z", "2027-06-14T06:00:00Z"), ("21:00-08:00", "2027-06-13T12:00:00Z", "2027-06-14T06:00:00Z"),
        ("21:00-08:00", "2027-06-13T20:30:00Z", "2027-06-14T06:00:00Z"), ("21:00-08:00", "2027-06-14T05:59:00Z", "2027-06-14T06:00:00Z"),
        ("21:00-08:00", "2027-06-14T06:00:00Z", "2027-06-14T06:00:00Z"), ("21:00-08:00", "2027-06-14T09:00:00Z", "2027-06-14T09:00:00Z"),
        ("", "2027-06-13T12:00:00Z", "2027-06-13T22:00:00Z"), ("", "2027-06-13T22:00:00Z", "2027-06-13T22:00:00Z"),
    ])
    func theQuietEndsAtOneInstant(hours: String, now: String, expected: String) throws {
        var late = try rule("2027-06-12", at: "09:00")
        late.lateness = .grace(.days(7))
        var planner = try planner([late], quiet(hours.isEmpty ? nil : hours, not: [.sunday]))
        let customer = house.customer(zone: "Europe/Berlin")
        let candidate = try #require(try planner.owed(customer, in: 2027).first)
        let (now, expected) = (try at(now), try at(expected))
        let verdict = planner.judge(candidate, facts: Facts(customer: customer), now: now).verdict
        #expect(verdict == (now == expected ? .send : .move(to: expected)))
    }

    @Test func itCanBeLateOnlyFromThenOn() throws {
        let found = try due(rule("2027-06-12", at: "22:00"), quiet("21:00-08:00"))
        #expect(found.map(\.dueAt) == [try at("2027-06-13T06:00:00Z")])
        #expect(found.map(\.expiresAt) == [try at("2027-06-13T22:00:00Z")])
        var graced = try rule("2027-06-12", at: "22:00")
        graced.lateness = .grace(.hours(3))
        #expect(try due(graced, quiet("21:00-08:00")).map(\.expiresAt) == [try at("2027-06-13T09:00:00Z")])
    }

    @Test func whoIsAskedNot() throws {
        let night = try quiet("21:00-08:00")
        #expect(try due(rule("2027-06-12", at: "22:00", purpose: .care), night).map(\.dueAt) == [try at("2027-06-12T20:00:00Z")])
        var obeying = try rule("2027-06-12", at: "22:00", purpose: .care)
        obeying.obeysQuiet = true
        #expect(try due(obeying, night).map(\.dueAt) == [try at("2027-06-13T06:00:00Z")])
        var others = try rule("2027-06-12", at: "22:00")
        others.steps = [
            step("tell", .tell(TestHouse.director, CardPattern("task"))), step("hook", .webhook(endpoint: "crm", CardPattern("note"))),
            step("list", .list(ListTarget(name: "calls", role: TestHouse.advisor))), step(),
        ]
        let found = try due(others, night)
        #expect(found.filter { $0.dueAt == (try? at("2027-06-12T20:00:00Z")) }.map(\.key.step) == ["tell", "hook", "list"])
        #expect(found.map(\.key.step).sorted() == ["hook", "list", "send", "tell"])
    }

    @Test func silentDaysAreTheCountrys() throws {
        let qingming = try #require(FeastCatalog().feast(named: "qingming"))
        // Qingming 2027 is 5 April, a Monday.
        let silent = try [
            SilentDay(.feast(qingming), countries: ["CN"]), SilentDay(.on(date("2027-04-06")), countries: ["CN", "FR"]),
            SilentDay(.on(date("2027-04-07"))),
        ]
        let rule = try rule("2027-04-05", at: "09:00")
        for (country, zone, expected) in [
            ("CN", "Asia/Shanghai", "2027-04-08T01:00:00Z"), ("china", "Asia/Shanghai", "2027-04-08T01:00:00Z"),
            ("FR", "Europe/Paris", "2027-04-05T07:00:00Z"), ("", "Europe/Paris", "2027-04-05T07:00:00Z"),
            ("Atlantis", "Europe/Paris", "2027-04-05T07:00:00Z"),
        ] {
            #expect(try due(rule, quiet(silent: silent), country: country, zone: zone).map(\.dueAt) == [try at(expected)], "\(country)")
        }
        let next = try self.rule("2027-04-06", at: "09:00")
        #expect(try due(next, quiet(silent: silent), country: "France").map(\.dueAt) == [try at("2027-04-08T07:00:00Z")])
        #expect(try due(next, quiet(silent: silent)).map(\.dueAt) == [try at("2027-04-06T07:00:00Z")])
        // After a silent day the quiet one: Sunday 11 April.
        let long = try quiet("21:00-08:00", not: [.sunday], silent: [SilentDay(.on(date("2027-04-10")))])
        #expect(try due(self.rule("2027-04-09", at: "22:30"), long).map(\.dueAt) == [try at("2027-04-12T06:00:00Z")])
    }

    @Test func changesOfClocksAreNoObstacle() throws {
        // The night of 27 to 28 March is an hour shorter, and 02:30 does not exist.
        #expect(try due(rule("2027-03-28", at: "02:30"), quiet("21:00-02:30")).map(\.dueAt) == [try at("2027-03-28T01:30:00Z")])
        #expect(try due(rule("2027-03-27", at: "22:00"), quiet("21:00-02:30")).map(\.dueAt) == [try at("2027-03-28T01:00:00Z")])
        #expect(try due(rule("2027-10-30", at: "22:00"), quiet("21:00-02:30")).map(\.dueAt) == [try at("2027-10-31T00:30:00Z")])
    }

    @Test func aHouseThatIsNeverOpenWaitsForNone() throws {
        let silent = (0..<400).map { SilentDay(.on(CivilDate(dayNumber: 20_980 + Int32($0)))) }
        var planner = try planner([rule("2027-06-12", at: "09:00")], quiet(silent: silent))
        #expect(try planner.owed(house.customer(), in: 2027).map(\.outreach.dueAt) == [try at("2027-06-12T07:00:00Z")])
    }

    // MARK: Spread

    @Test func eachCustomerHasAPartOfTheirOwn() throws {
        var rule = try rule("2027-06-12", at: "10:00", purpose: .care)
        rule.spread = .hours(6)
        var planner = try house.planner(rule)
        let start = try at("2027-06-12T08:00:00Z")
        var parts: Set<Int64> = []
        for number in 0..<200 {
            let found = try planner.owed(house.customer("\(number)"), in: 2027).map(\.outreach)
            #expect(found.count == 1)
            let part = (found[0].dueAt - start)
            #expect(part == .seconds(Int64(StableHash.of("open-day", "\(number)") % 21_600)))
            #expect(part >= .zero && part < .hours(6))
            #expect(found[0].localDate == (try date("2027-06-12")))
            parts.insert(part.seconds)
        }
        #expect(parts.count > 190)
    }

    @Test func aSpreadOverMidnightKeepsItsDate() throws {
        var rule = try rule("2027-06-12", at: "20:00", purpose: .care)
        rule.spread = .hours(24)
        var planner = try house.planner(rule)
        for number in 0..<50 {
            let customer = house.customer("\(number)")
            let all = try planner.owed(customer, in: 2027)
            let one = try #require(all.first)
            #expect(one.outreach.key.occasion == "2027-06-12")
            #expect(one.outreach.localDate == (try date("2027-06-12")))
            let due = one.outreach.dueAt
            #expect(try planner.owed(customer, from: due, through: due + 1).map(\.outreach) == all.map(\.outreach))
            #expect(planner.derive(one.outreach.key, facts: Facts(customer: customer))?.outreach == one.outreach)
        }
    }

    /// They go in one mail the next morning, and divided some would go in the one after.
    @Test func itemsOfAListAreNotSpread() throws {
        var rule = try rule("2027-06-12", at: "10:00", purpose: .care)
        rule.spread = .hours(6)
        let call = ListTarget(name: "calls", role: TestHouse.manager)
        rule.steps = [step(), step("list-calls", .list(call)), step("list-again", .list(call), at: .start(.days(1)))]
        var planner = try house.planner(rule)
        for number in 0..<20 {
            let customer = house.customer("\(number)")
            let found = try planner.owed(customer, in: 2027).map(\.outreach)
            let part = TimeSpan.seconds(Int64(StableHash.of("open-day", "\(number)") % 21_600))
            let start = try at("2027-06-12T08:00:00Z")
            #expect(found.map(\.dueAt).sorted() == [start, start + part, start + .days(1)].sorted())
            for outreach in found {
                #expect(planner.derive(outreach.key, facts: Facts(customer: customer))?.outreach == outreach)
            }
        }
    }

    @Test func triggersOfOneCustomerAreNotSpread() throws {
        var rule = Rule(
            name: "win-back", purpose: .care,
            trigger: .idle(.init(column: CustomerColumn.lastOrderAt.rawValue, length: .fixed(CalendarSpan(days: 10)), at: try time("10:00"))),
            steps: [step()])
        rule.spread = .hours(6)
        var planner = try house.planner(rule)
        let found = try planner.owed(house.customer(more: [.lastOrderAt: "2027-05-01"]), in: 2027)
        #expect(found.map(\.outreach.dueAt) == [try at("2027-05-11T08:00:00Z")])
    }

    @Test func theSpreadComesBeforeTheQuietHours() throws {
        var rule = try rule("2027-06-11", at: "18:00")
        rule.spread = .hours(12)
        let zone = try zone("Europe/Berlin")
        var planner = try planner([rule], quiet("21:00-08:00"))
        var shifted = 0
        for number in 0..<100 {
            let customer = house.customer("\(number)")
            let part = TimeSpan.seconds(Int64(StableHash.of("open-day", "\(number)") % 43_200))
            let meant = try at("2027-06-11T16:00:00Z") + part
            let isQuiet = part >= .hours(3)
            shifted += isQuiet ? 1 : 0
            let due = try planner.owed(customer, in: 2027).map(\.outreach.dueAt)
            #expect(due == [isQuiet ? try at("2027-06-12T06:00:00Z") : meant])
            #expect(zone.local(at: due[0]).time >= (try time("08:00")))
        }
        #expect(shifted > 50 && shifted < 95)
    }
}
