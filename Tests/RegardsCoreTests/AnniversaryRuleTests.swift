import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct AnniversaryRuleTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    // MARK: What a candidate says

    @Test func aCandidateHoldsWhatTheLedgerNeeds() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let found = try planner.owed(house.customer(birthday: "1980-05-05", zone: "America/New_York"), in: 2027)
        let candidate = try #require(found.first)
        let outreach = candidate.outreach
        #expect(found.count == 1)
        #expect(
            outreach.key
                == OutreachKey(customer: "17", rule: "birthday-card", occasion: "2027", step: "send", recipient: "customer/0"))
        #expect(outreach.dueAt == (try at("2027-05-05T13:00:00Z")))
        #expect(outreach.expiresAt == (try at("2027-05-06T04:00:00Z")))
        #expect(outreach.zone == "America/New_York")
        #expect(outreach.localDate == (try date("2027-05-05")))
        #expect(outreach.localTime == (try time("09:00")))
        #expect(outreach.channel == .mail)
        #expect(outreach.lane == .rest)
        #expect(outreach.ruleHash == 7)
        #expect((candidate.rule, candidate.step, candidate.position) == (0, 0, 0))
        #expect(candidate.zone.source == .column)
    }

    @Test func careHasALaneOfItsOwn() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00"), purpose: .care))
        let found = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        #expect(found.map(\.outreach.lane) == [.care])
        #expect(found.map(\.outreach.expiresAt) == [nil])
    }

    @Test(arguments: [
        (Lateness.untilMidnight, "2027-05-05T22:00:00Z"), (.grace(.hours(10)), "2027-05-05T17:00:00Z"),
        (.grace(.zero), "2027-05-05T07:00:00Z"),
    ])
    func latenessSetsTheExpiry(lateness: Lateness, expected: String) throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00"), lateness: lateness))
        let found = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        #expect(found.map(\.outreach.expiresAt) == [try at(expected)])
    }

    // MARK: Which day

    @Test(arguments: [
        // A day of every kind of year.
        ("1980-05-05", 2027, ["2027 2027-05-05T07:00:00Z"]),
        ("--05-05", 2027, ["2027 2027-05-05T07:00:00Z"]),
        ("05-05", 2027, ["2027 2027-05-05T07:00:00Z"]),
        ("1980-05-05 00:00:00", 2027, ["2027 2027-05-05T07:00:00Z"]),
        ("1980-05-05T23:59:59", 2027, ["2027 2027-05-05T07:00:00Z"]),
        // Born this year, next year, last year.
        ("2027-05-05", 2027, []),
        ("2028-05-05", 2027, []),
        ("2026-05-05", 2027, ["2027 2027-05-05T07:00:00Z"]),
        // No date at all.
        ("", 2027, []), ("1980-02-30", 2027, []), ("soon", 2027, []), ("05/05/1980", 2027, []), ("19800505", 2027, []),
        ("0000-05-05", 2027, ["2027 2027-05-05T07:00:00Z"]),
    ])
    func theDayOfBirthDecides(birthday: String, year: Int, expected: [String]) throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        #expect(summary(try planner.owed(house.customer(birthday: birthday), in: year)) == expected)
    }

    @Test(arguments: [
        (Feb29.feb28, 2027, "2027 2027-02-28T08:00:00Z"), (.mar1, 2027, "2027 2027-03-01T08:00:00Z"),
        (.feb28, 2028, "2028 2028-02-29T08:00:00Z"), (.mar1, 2028, "2028 2028-02-29T08:00:00Z"),
        (.feb28, 2100, "2100 2100-02-28T08:00:00Z"), (.mar1, 2100, "2100 2100-03-01T08:00:00Z"),
    ])
    func the29thOfFebruary(feb29: Feb29, year: Int, expected: String) throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00"), feb29: feb29))
        #expect(summary(try planner.owed(house.customer(birthday: "1980-02-29"), in: year)) == [expected])
        // The same in the short windows of the daemon, where only some days of birth are looked at.
        let due = try #require(Instant(String(expected.dropFirst(5))))
        let found = try planner.owed(house.customer(birthday: "1980-02-29"), from: due - .hours(1), through: due + .hours(1))
        #expect(summary(found) == [expected])
    }

    @Test func aCorrectedBirthdayMovesTheCard() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let before = try planner.owed(house.customer(birthday: "1980-05-05"), in: 2027)
        let after = try planner.owed(house.customer(birthday: "1981-06-06"), in: 2027)
        #expect(before.map(\.outreach.key) == after.map(\.outreach.key))
        #expect(after.map(\.outreach.dueAt) == [try at("2027-06-06T07:00:00Z")])
    }

    // MARK: Offsets and the turn of the year

    @Test(arguments: [
        ([-7], "1980-01-03", 2026, ["2027 2026-12-27T08:00:00Z"]),
        ([-7], "1980-01-03", 2027, ["2028 2027-12-27T08:00:00Z"]),
        ([7], "1980-12-28", 2027, ["2026 2027-01-04T08:00:00Z"]),
        ([-14], "1980-05-05", 2027, ["2027 2027-04-21T07:00:00Z"]),
        ([-7, 0, 1], "1980-05-05", 2027, ["2027/-7 2027-04-28T07:00:00Z", "2027/0 2027-05-05T07:00:00Z", "2027/+1 2027-05-06T07:00:00Z"]),
        // Seven days before the first birthday lies before the day of birth's own year is over.
        ([-7], "2026-01-03", 2026, ["2027 2026-12-27T08:00:00Z"]),
        ([7], "2026-12-28", 2027, []),
        ([1], "1980-02-29", 2027, ["2027 2027-03-01T08:00:00Z"]),
        ([-400], "1980-05-05", 2027, ["2028 2027-04-01T07:00:00Z"]),
    ])
    func offsetsNameTheYearObserved(offsets: [Int], birthday: String, year: Int, expected: [String]) throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00"), offsets: offsets))
        #expect(summary(try planner.owed(house.customer(birthday: birthday), in: year)) == expected)
    }

    @Test(arguments: [
        // UTC+14 and UTC-11: the local year turns up to a day before and after UTC's.
        ("Pacific/Kiritimati", "1980-01-01", "00:00", "2027 2026-12-31T10:00:00Z"),
        ("Pacific/Kiritimati", "1980-12-31", "23:59", "2027 2027-12-31T09:59:00Z"),
        ("Pacific/Pago_Pago", "1980-12-31", "23:59", "2027 2028-01-01T10:59:00Z"),
        ("Pacific/Pago_Pago", "1980-01-01", "00:00", "2027 2027-01-01T11:00:00Z"),
    ])
    func theTurnOfTheYearAtTheEndsOfTheEarth(zone: String, birthday: String, clock: String, expected: String) throws {
        let due = try #require(Instant(String(expected.dropFirst(5))))
        let customer = house.customer(birthday: birthday, zone: zone)
        var planner = try house.planner(anniversaryRule(at: time(clock)))
        #expect(summary(try planner.owed(customer, from: due, through: due + 1)) == [expected])
        #expect(try planner.owed(customer, from: due - .hours(26), through: due).isEmpty)
        #expect(try planner.owed(customer, from: due + 1, through: due + .hours(26)).isEmpty)
    }

    // MARK: Clock changes

    @Test func aTimeInAGapMovesLaterByItsLength() throws {
        // Berlin goes from 02:00 to 03:00 on 2027-03-28.
        var planner = try house.planner(anniversaryRule(at: time("02:30")))
        let found = try planner.owed(house.customer(birthday: "1980-03-28"), in: 2027)
        #expect(summary(found) == ["2027 2027-03-28T01:30:00Z"])
        #expect(found.map(\.outreach.localTime) == [try time("02:30")])
    }

    @Test func aTimeThatComesTwiceMeansTheFirst() throws {
        // Berlin goes from 03:00 back to 02:00 on 2027-10-31.
        var planner = try house.planner(anniversaryRule(at: time("02:30")))
        #expect(summary(try planner.owed(house.customer(birthday: "1980-10-31"), in: 2027)) == ["2027 2027-10-31T00:30:00Z"])
    }

    @Test func aDayThatTheZoneLeftOutIsStillServedInTime() throws {
        // Apia went from the 29th to the 31st of December 2011.
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let found = try planner.owed(house.customer(birthday: "1980-12-30", zone: "Pacific/Apia"), in: 2011)
        #expect(summary(found) == ["2011 2011-12-30T19:00:00Z"])
        #expect(found.map(\.outreach.localDate) == [try date("2011-12-30")])
        // The end of the day on which it is really due, not of the day that never was.
        #expect(found.map(\.outreach.expiresAt) == [try at("2011-12-31T10:00:00Z")])
    }

    // MARK: Windows

    @Test func aWindowHoldsItsBeginningAndNotItsEnd() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let customer = house.customer(birthday: "1980-05-05")
        let due = try at("2027-05-05T07:00:00Z")
        #expect(try planner.owed(customer, from: due - 1, through: due).isEmpty)
        #expect(try planner.owed(customer, from: due - 1, through: due + 1).count == 1)
        #expect(try planner.owed(customer, from: due, through: due + 1).count == 1)
        #expect(try planner.owed(customer, from: due + 1, through: due + .days(200)).isEmpty)
        #expect(try planner.owed(customer, from: due, through: due).isEmpty)
        #expect(try planner.owed(customer, from: due + 1, through: due).isEmpty)
        #expect(try planner.owed(customer, from: due + .days(4000), through: due - .days(4000)).isEmpty)
    }

    @Test func aRuleTellsOfADateThatIsNone() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let window = PlanWindow(from: try at("2027-01-01"), through: try at("2027-01-02"), plannedThrough: try at("2027-01-01"))
        func isUsable(_ birthday: String) throws -> Bool {
            let customer = house.customer(birthday: birthday)
            let found = planner.zone(of: customer)
            let zone = try #require(found)
            return planner.candidates(of: customer, zone: zone, rule: 0, in: window) { _ in }
        }
        #expect(try isUsable("1980-05-05"))
        #expect(try isUsable(""))
        #expect(try !isUsable("1980-02-30"))
        #expect(try !isUsable("1980-05-05 noon"))
    }

    // MARK: Properties

    /// Zones with every kind of clock: far ends, half hours, changes at midnight, a day left out, changes to come.
    static let zoneNames = [
        "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Africa/Cairo",
        "America/Havana", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Asia/Tehran", "UTC",
    ]

    struct Sample {
        var rule: Rule
        var customer: Customer
        var born: BirthDate
        var offsets: [Int]
        var feb29: Feb29
        var zone: Zone
        var time: WallTime
        var from: Instant
    }

    func sample(_ random: inout SeededGenerator) throws -> Sample {
        let offsets = random.pick([[0], [-1], [30], [-7, 0], [-365, 0, 365], [1, 2, 3]])
        let feb29 = random.pick(Feb29.allCases)
        let clock = try #require(WallTime(secondOfDay: Int.random(in: 0..<86_400, using: &random)))
        let birthday = random.pick([
            "1980-02-29", "1980-12-31", "1980-01-01", "--02-29", "2026-06-15", "1980-02-28", "1980-03-01",
            CivilDate(dayNumber: Int32.random(in: 3000..<20_000, using: &random)).description,
        ])
        let name = random.pick(Self.zoneNames)
        let days = Int64.random(in: 0..<(365 * 6), using: &random)
        let from = try at("2024-01-01") + .days(days) + .seconds(Int64.random(in: 0..<86_400, using: &random))
        return Sample(
            rule: anniversaryRule(at: clock, offsets: offsets, feb29: feb29), customer: house.customer(birthday: birthday, zone: name),
            born: try #require(BirthDate(birthday)), offsets: offsets, feb29: feb29, zone: try zone(name), time: clock,
            from: from)
    }

    /// What is owed in a window, worked out year by year without any short cut.
    func expected(_ sample: Sample, from: Instant, through: Instant) throws -> Set<String> {
        var found: Set<String> = []
        for offset in sample.offsets {
            for year in 2020...2034 where year > sample.born.year ?? 0 {
                let day = sample.born.observed(in: year, feb29: sample.feb29) + offset
                let due = sample.zone.instant(day, sample.time)
                let sign = offset > 0 ? "+" : ""
                let name = sample.offsets.count == 1 ? "\(year)" : "\(year)/\(sign)\(offset)"
                if due >= from, due < through { found.insert("\(name) \(due)") }
            }
        }
        return found
    }

    @Test func windowsThatTouchNeitherMissNorRepeat() throws {
        var random = SeededGenerator()
        for _ in 0..<400 {
            let sample = try sample(&random)
            var planner = try house.planner(sample.rule)
            var seen: [String] = []
            var start = sample.from
            let end = sample.from + .days(800)
            while start < end {
                let stop = min(end, start + random.pick([.hours(1), .hours(26), .days(3), .days(40), .days(380), TimeSpan(microseconds: 1)]))
                seen += summary(try planner.owed(sample.customer, from: start, through: stop))
                start = stop
            }
            #expect(Set(seen).count == seen.count)
            #expect(Set(seen) == (try expected(sample, from: sample.from, through: end)), "\(sample)")
        }
    }

    @Test func derivingAgainGivesTheSame() throws {
        var random = SeededGenerator()
        var count = 0
        for _ in 0..<400 {
            let sample = try sample(&random)
            var planner = try house.planner(sample.rule)
            for candidate in try planner.owed(sample.customer, from: sample.from, through: sample.from + .days(500)) {
                let derived = planner.derive(candidate.outreach.key, facts: Facts(customer: sample.customer))
                let again = try #require(derived)
                #expect(again.outreach == candidate.outreach)
                #expect((again.rule, again.step, again.position) == (candidate.rule, candidate.step, candidate.position))
                #expect(again.zone == candidate.zone)
                count += 1
            }
        }
        #expect(count > 400)
    }

    @Test(arguments: ["", "2027/-7", "2027-05-05", "27", "abc", "99999", "2027~2", "-1", "/", "2027/0"])
    func noOtherNameIsDerived(occasion: String) throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let customer = house.customer(birthday: "1980-05-05")
        var key = try #require(try planner.owed(customer, in: 2027).first).outreach.key
        key.occasion = occasion
        #expect(planner.derive(key, facts: Facts(customer: customer)) == nil)
    }

    @Test func anotherKeyIsNotDerived() throws {
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let customer = house.customer(birthday: "1980-05-05")
        let key = try #require(try planner.owed(customer, in: 2027).first).outreach.key
        func derived(_ change: (inout OutreachKey) -> Void) -> Bool {
            var key = key
            change(&key)
            return planner.derive(key, facts: Facts(customer: customer)) != nil
        }
        #expect(derived { _ in })
        #expect(!derived { $0.customer = "18" })
        #expect(!derived { $0.rule = "birthday" })
        #expect(!derived { $0.step = "send#2" })
        #expect(!derived { $0.recipient = "customer/1" })
        #expect(planner.derive(key, facts: Facts(customer: nil)) == nil)
        // A zone that is none: nobody knows when it is nine there.
        #expect(planner.derive(key, facts: Facts(customer: house.customer(birthday: "1980-05-05", zone: "Mars/Olympus"))) == nil)
    }
}
