import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// Anniversaries that are not plainly yearly: by the Chinese calendar, every month, in some years only.
@Suite struct LunarRuleTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    private func rule(
        _ more: (inout AnniversaryTrigger) -> Void = { _ in }, offsets: [Int] = [0], every: Anniversary.Every = .year
    ) throws -> Rule {
        var trigger = AnniversaryTrigger(
            column: CustomerColumn.birthday.rawValue, at: try time("09:00"), dayOffsets: offsets, every: every,
            calendarColumn: CustomerColumn.birthdayCalendar.rawValue)
        more(&trigger)
        return Rule(name: "birthday-card", purpose: .greeting, trigger: .anniversary(trigger), steps: [step()], hash: 7)
    }

    private func customer(_ birthday: String, _ calendar: String = "lunar", zone: String = "Asia/Shanghai") -> Customer {
        house.customer(birthday: birthday, zone: zone, more: [.birthdayCalendar: calendar])
    }

    /// `2025l 2025-07-31`, in the order of time.
    private func owed(_ rule: Rule, _ customer: Customer, _ from: String, _ through: String) throws -> [String] {
        var planner = try house.planner(rule)
        return try planner.owed(customer, from: at(from), through: at(through)).map {
            "\($0.outreach.key.occasion) \($0.outreach.localDate)"
        }
    }

    // MARK: The Chinese calendar

    @Test(arguments: [
        // Born on the 7th of the leap sixth month of 1987.
        (LeapMonth.regular, ["2024r 2024-07-12", "2025r 2025-07-01"]),
        (.leap, ["2024r 2024-07-12", "2025l 2025-07-31"]),
        (.both, ["2024r 2024-07-12", "2025r 2025-07-01", "2025l 2025-07-31"]),
    ])
    func aBirthInALeapMonth(policy: LeapMonth, expected: [String]) throws {
        let rule = try rule({ $0.leapMonth = policy })
        #expect(try owed(rule, customer("1987-08-01"), "2024-06-01", "2026-01-01") == expected)
    }

    @Test(arguments: [
        // Born on the 30th of the twelfth month of lunar 1984; named by the lunar year, which ends in the next one.
        (Day30.last, ["2023 2024-02-09", "2024 2025-01-28", "2025 2026-02-16", "2026 2027-02-05"]),
        (.next, ["2023 2024-02-09", "2024 2025-01-29", "2025 2026-02-17", "2026 2027-02-06"]),
        (.skip, ["2023 2024-02-09"]),
    ])
    func aBirthOnThe30th(policy: Day30, expected: [String]) throws {
        let rule = try rule({ $0.day30 = policy })
        #expect(try owed(rule, customer("1985-02-19"), "2024-02-01", "2027-03-01") == expected)
    }

    @Test(arguments: [("lunar", "2027 2027-06-09"), ("LUNAR", "2027 2027-06-09"), ("gregorian", "2027 2027-06-22"), ("", "2027 2027-06-22")])
    func theColumnSaysByWhichCalendar(calendar: String, expected: String) throws {
        // 22 June 1985 was the fifth of the fifth month.
        #expect(try owed(rule(), customer("1985-06-22", calendar), "2027-01-01", "2028-01-01") == [expected])
    }

    @Test func withoutTheColumnEveryBirthdayIsGregorian() throws {
        let rule = try rule({ $0.calendarColumn = nil })
        #expect(try owed(rule, customer("1985-06-22"), "2027-01-01", "2028-01-01") == ["2027 2027-06-22"])
    }

    @Test func aCalendarThatIsCorrectedMovesTheCard() throws {
        var planner = try house.planner(rule())
        let before = try planner.owed(customer("1985-06-22", "gregorian"), in: 2027)
        let after = try planner.owed(customer("1985-06-22", "lunar"), in: 2027)
        #expect(before.map(\.outreach.key) == after.map(\.outreach.key))
        #expect(before.map(\.outreach.dueAt) != after.map(\.outreach.dueAt))
    }

    @Test(arguments: [
        ("1985-06-22", "moon", DateProblem.unknownCalendar), ("--06-22", "lunar", .lunarWithoutYear),
        ("0000-06-22", "lunar", .lunarWithoutYear), ("1900-01-30", "lunar", .outsideLunarCalendar),
        ("2101-01-29", "lunar", .outsideLunarCalendar), ("1985-06-31", "lunar", .badDate), ("1985-06-31", "moon", .badDate),
    ])
    func whatCannotBePlannedForIsNamed(birthday: String, calendar: String, expected: DateProblem) throws {
        var planner = try house.planner(rule())
        let customer = customer(birthday, calendar)
        let place = planner.zone(of: customer)
        let zone = try #require(place)
        let window = PlanWindow(from: try at("2027-01-01"), through: try at("2028-01-01"), plannedThrough: try at("2027-01-01"))
        let isUsable = planner.candidates(of: customer, zone: zone, rule: 0, in: window) { _ in Issue.record("an occasion") }
        #expect(!isUsable)
        #expect(planner.problem(with: customer, rule: 0) == expected)
    }

    @Test(arguments: [("1900-01-31", "lunar"), ("--06-22", "gregorian"), ("--06-22", ""), ("", "lunar"), ("", "moon")])
    func whatCanBePlannedForHasNoProblem(birthday: String, calendar: String) throws {
        #expect(try house.planner(rule()).problem(with: customer(birthday, calendar), rule: 0) == nil)
    }

    // MARK: Months and years

    @Test func everyMonth() throws {
        let rule = try rule(every: .month)
        #expect(
            try owed(rule, customer("2026-01-31", ""), "2026-01-01", "2026-05-02") == [
                "2026-02 2026-02-28", "2026-03 2026-03-31", "2026-04 2026-04-30",
            ])
        // The Chinese calendar has no part in it.
        #expect(try owed(rule, customer("2026-01-31"), "2026-02-01", "2026-03-01") == ["2026-02 2026-02-28"])
        #expect(try owed(rule, customer("--01-31", "lunar"), "2026-02-01", "2026-03-01") == ["2026-02 2026-02-28"])
    }

    @Test func monthlyOffsetsNameTheMonthObserved() throws {
        let rule = try rule(offsets: [-3], every: .month)
        #expect(
            try owed(rule, customer("2020-05-02", ""), "2027-01-20", "2027-03-20") == ["2027-02 2027-01-30", "2027-03 2027-02-27"])
        let several = try self.rule(offsets: [-3, 1], every: .month)
        #expect(
            try owed(several, customer("2020-05-02", ""), "2027-01-20", "2027-02-20") == [
                "2027-02/-3 2027-01-30", "2027-02/+1 2027-02-03",
            ])
    }

    @Test(arguments: [("1977-05-05", ["2027 2027-05-05"]), ("1978-05-05", []), ("--05-05", []), ("2017-05-05", ["2027 2027-05-05"])])
    func someYearsOnly(birthday: String, expected: [String]) throws {
        let rule = try rule({ $0.years = [10, 50] })
        #expect(try owed(rule, customer(birthday, ""), "2027-01-01", "2028-01-01") == expected)
    }

    // MARK: Properties

    private func randomRule(_ random: inout SeededGenerator) throws -> Rule {
        let every = random.pick(Anniversary.Every.allCases)
        let offsets = random.pick([[0], [-1], [30], [-7, 0], [-365, 0, 365]])
        let (leapMonth, day30, feb29) = (random.pick(LeapMonth.allCases), random.pick(Day30.allCases), random.pick(Feb29.allCases))
        let years = every == .year ? random.pick([[], [], [40, 41, 42]]) : []
        return try rule(
            {
                ($0.leapMonth, $0.day30, $0.feb29, $0.years) = (leapMonth, day30, feb29, years)
            }, offsets: offsets, every: every)
    }

    private func randomCustomer(_ random: inout SeededGenerator) throws -> Customer {
        // Days in leap months and on the 30th among them.
        let birthday = random.pick([
            "1987-08-01", "1985-02-19", "1984-12-21", "2001-06-20", "1980-02-29", "1980-12-31", "1981-01-31",
            CivilDate(dayNumber: Int32.random(in: 0..<18_000, using: &random)).description,
        ])
        return customer(birthday, random.pick(["lunar", "lunar", "gregorian"]), zone: random.pick(AnniversaryRuleTests.zoneNames))
    }

    /// What is owed, worked out date by date without any short cut.
    private func expected(_ rule: Rule, _ customer: Customer, from: Instant, through: Instant) throws -> Set<String> {
        guard case .anniversary(let trigger) = rule.trigger else { return [] }
        let zone = try zone(#require(customer.text(.timeZone)))
        let day = try #require(customer.record.birthDate(trigger.column))
        let isLunar = customer.text(.birthdayCalendar) == "lunar" && trigger.every == .year
        let dates = (zone.local(at: from).date - 3)..<(zone.local(at: through).date + 3)
        var found: Set<String> = []
        for offset in trigger.dayOffsets {
            let anniversary = Anniversary(
                every: trigger.every, feb29: trigger.feb29, leapMonth: trigger.leapMonth, day30: trigger.day30,
                daysAfter: offset, years: trigger.years)
            func take(_ date: AnniversaryDate) {
                let due = zone.instant(date.date, trigger.at)
                let suffix = trigger.dayOffsets.count == 1 ? "" : "/\(offset > 0 ? "+" : "")\(offset)"
                if due >= from, due < through { found.insert("\(date.occasion)\(suffix) \(due)") }
            }
            if isLunar {
                anniversary.forEach(of: try LunarBirthDate(#require(day.date)), in: dates, take)
            } else {
                anniversary.forEach(of: day, in: dates, take)
            }
        }
        return found
    }

    @Test func windowsThatTouchNeitherMissNorRepeat() throws {
        var random = SeededGenerator()
        var count = 0
        for _ in 0..<400 {
            let (rule, customer) = (try randomRule(&random), try randomCustomer(&random))
            var planner = try house.planner(rule)
            var seen: [String] = []
            var start = try at("2022-01-01") + .days(Int64.random(in: 0..<1500, using: &random))
            let (from, end) = (start, start + .days(500))
            while start < end {
                let stop = min(end, start + random.pick([.hours(7), .hours(26), .days(3), .days(25), .days(340), .days(380)]))
                seen += summary(try planner.owed(customer, from: start, through: stop))
                start = stop
            }
            #expect(Set(seen).count == seen.count)
            #expect(Set(seen) == (try expected(rule, customer, from: from, through: end)), "\(rule.trigger) \(customer)")
            count += seen.count
        }
        #expect(count > 400)
    }

    @Test func derivingAgainGivesTheSame() throws {
        var random = SeededGenerator()
        var count = 0
        for _ in 0..<300 {
            let (rule, customer) = (try randomRule(&random), try randomCustomer(&random))
            var planner = try house.planner(rule)
            let from = try at("2024-01-01") + .days(Int64.random(in: 0..<700, using: &random))
            for candidate in try planner.owed(customer, from: from, through: from + .days(500)) {
                let derived = planner.derive(candidate.outreach.key, facts: Facts(customer: customer))
                #expect(derived?.outreach == candidate.outreach, "\(candidate.outreach.key)")
                count += 1
            }
        }
        #expect(count > 300)
    }
}
