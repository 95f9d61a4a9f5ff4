import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// Random rules of every trigger, random customers, and windows that touch: what all windows find together is what
/// deriving every occasion by its name finds, no more and no less.
@Suite struct WindowPropertyTests {
    let house: TestHouse
    let lease: Int
    init() throws {
        var house = try TestHouse()
        lease = house.schema.columns.use("lease_ends_at")
        self.house = house
    }

    static let zoneNames = [
        "Europe/Berlin", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "UTC",
    ]

    func wall(_ random: inout SeededGenerator) throws -> WallTime {
        // Often in the hours that clocks skip and repeat.
        let minutes = Bool.random(using: &random) ? Int.random(in: 90..<190, using: &random) : Int.random(in: 0..<1440, using: &random)
        return try #require(WallTime(secondOfDay: minutes * 60))
    }

    func span(_ random: inout SeededGenerator) -> TimeSpan {
        random.pick([.zero, .hours(Int64.random(in: -60...60, using: &random)), .days(Int64.random(in: -40...40, using: &random))])
    }

    /// - Parameter kind: 0 to 9.
    func trigger(_ kind: Int, _ random: inout SeededGenerator) throws -> Trigger {
        let at = try wall(&random)
        let offsets = random.pick([[0], [0], [-3], [-7, 0, 14]])
        let birthday = CustomerColumn.birthday.rawValue
        switch kind {
        case 0, 1:
            let calendar = Bool.random(using: &random) ? CustomerColumn.birthdayCalendar.rawValue : nil
            return .anniversary(.init(
                column: birthday, at: at, dayOffsets: offsets, feb29: random.pick([.feb28, .mar1]), calendarColumn: calendar))
        case 2: return .anniversary(.init(column: birthday, at: at, every: .month))
        case 3: return .schedule(.init(expression: try calendar(random.pick(["*-*-01", "Mon *-*-1..7", "*-02-29", "2027-05-05"])), at: at))
        case 4: return .schedule(.init(expression: try calendar(random.pick(["*-*-05 02:30", "Sun *-*-* 00,12:15", "*-*-28 09:00 Asia/Tokyo"]))))
        case 5:
            let column: Int? = Bool.random(using: &random) ? house.vip : nil
            return .feast(.init(.byCountry(FeastCatalog(), column: column), at: at, dayOffsets: offsets))
        case 6: return .date(.init(column: lease, at: at, dayOffsets: offsets))
        case 7: return .on(.init(day: try date(random.pick(["2027-03-28", "2027-10-31", "2028-02-29"])), at: at, dayOffsets: offsets))
        case 8:
            let months = CalendarSpan(months: Int.random(in: 0...3, using: &random), days: Int.random(in: 1...40, using: &random))
            let average = IdleTrigger.Rhythm.average(since: CustomerColumn.customerSince.rawValue, count: CustomerColumn.orderCount.rawValue)
            let length: IdleTrigger.Length = Bool.random(using: &random) ? .fixed(months) : .usual(times: 2.5, average, floor: 7)
            let every = random.pick([nil, CalendarSpan(days: 30), CalendarSpan(months: 1), CalendarSpan(months: 2, days: 5)])
            return .idle(.init(
                column: CustomerColumn.lastOrderAt.rawValue, length: length, every: every, atMost: Int.random(in: 1...12, using: &random), at: at))
        default:
            let after = random.pick([CalendarSpan(), CalendarSpan(days: 3), CalendarSpan(seconds: 90_000)])
            return .segment(.init(
                segment: 0, change: random.pick([.becomes, .leaves]), delay: Delay(after: after, at: Bool.random(using: &random) ? at : nil)))
        }
    }

    func rule(_ number: Int, _ random: inout SeededGenerator) throws -> Rule {
        var steps: [Step] = []
        for step in 0..<Int.random(in: 1...3, using: &random) {
            let calls = ListTarget(name: "calls", role: TestHouse.manager)
            let action: Step.Action = random.pick([
                .send(CardPattern("card")), .send(CardPattern("card")), .tell(TestHouse.manager, CardPattern("task")), .list(calls),
            ])
            let time: StepTime = random.pick([.occasion, .start(span(&random))])
            let at = try Int.random(in: 0..<3, using: &random) == 0 ? wall(&random) : nil
            steps.append(Step(name: "step-\(step)", action: action, time: time, at: at))
        }
        var rule = Rule(
            name: "rule-\(number)", purpose: random.pick([.greeting, .care]), trigger: try trigger(number % 10, &random), steps: steps,
            lateness: random.pick([.untilMidnight, .grace(.hours(5)), .forever]))
        rule.spread = random.pick([nil, nil, .hours(6), .hours(24)])
        if Int.random(in: 0..<4, using: &random) == 0 { rule.unreachable = ListTarget(name: "calls", role: TestHouse.advisor) }
        if Int.random(in: 0..<4, using: &random) == 0 {
            rule.active = ActivePeriod(from: try date("2027-02-10"), to: try date(random.pick(["2027-04-01", "2027-11-11"])))
        }
        return rule
    }

    func quiet(_ random: inout SeededGenerator) throws -> Quiet {
        guard Int.random(in: 0..<4, using: &random) > 0 else { return Quiet() }
        let days = Set(Weekday.allCases).subtracting(random.pick([[], [.sunday], [.saturday, .sunday]]))
        let silent = try [SilentDay(.on(date("2027-03-29")), countries: ["DE"]), SilentDay(.on(date("2027-11-01")))]
        return Quiet(hours: QuietHours(hours: (try wall(&random), try time("08:00")), days: days), silent: random.pick([[], silent]))
    }

    func customer(_ number: Int, _ random: inout SeededGenerator) throws -> (Customer, [Int: SegmentEntry]) {
        func day(_ range: Range<Int32>) -> String { CivilDate(dayNumber: Int32.random(in: range, using: &random)).description }
        let days: Range<Int32> = 20_700..<21_200
        let born = random.pick([day(0..<12_000), "1980-02-29", "1990-03-31", "--05-05", ""])
        let instant = day(days) + random.pick([" 02:30:00", "T23:59:59Z", "T00:00:00+14:00", ""])
        var customer = house.customer(
            "\(number)", birthday: born, zone: random.pick(Self.zoneNames),
            more: [
                .birthdayCalendar: random.pick(["", "lunar", "gregorian"]), .country: random.pick(["DE", "China", "US", ""]),
                .lastOrderAt: random.pick([instant, day(days), ""]), .customerSince: day(20_000..<20_800),
            ])
        customer.record.set(lease, text: random.pick([day(days), day(days) + " 23:30:00", ""]))
        customer.record.set(CustomerColumn.orderCount.rawValue, integer: Int64.random(in: 0...30, using: &random))
        customer.record.set(house.vip, text: random.pick(["", "christmas, easter", "mid-autumn", "none"]))
        let entered = Instant(seconds: Int64.random(in: 1_788_000_000..<1_830_000_000, using: &random))
        let left = random.pick([nil, entered + .hours(Int64.random(in: 0...3000, using: &random))])
        let entry = SegmentEntry(number: Int.random(in: 1...3, using: &random), enteredAt: entered, leftAt: left)
        return (customer, random.pick([[:], [0: entry]]))
    }

    static let years = (2025...2029).map(String.init)
    static let months = years.flatMap { year in (1...12).map { "\(year)-\($0 < 10 ? "0" : "")\($0)" } }
    static let days = ((20_500 as Int32)...21_300).map { CivilDate(dayNumber: $0).description }

    /// The names that a rule's occasions of these years can have.
    func names(of rule: Rule, _ customer: Customer) -> [String] {
        func suffixed(_ names: [String], _ offsets: [Int]) -> [String] {
            offsets.count == 1 ? names : offsets.flatMap { offset in names.map { "\($0)/\(offset > 0 ? "+" : "")\(offset)" } }
        }
        switch rule.trigger {
        case .anniversary(let trigger):
            return suffixed(trigger.every == .month ? Self.months : Self.years + Self.years.flatMap { ["\($0)l", "\($0)r"] }, trigger.dayOffsets)
        case .schedule: return Self.days + Self.days.map { "\($0)#2" }
        case .date(let trigger): return suffixed(Self.days, trigger.dayOffsets)
        case .on(let trigger): return suffixed(Self.days, trigger.dayOffsets)
        case .feast(let trigger):
            return suffixed(FeastCatalog().greeted.flatMap { feast in Self.years.map { "\(feast.name)-\($0)" } }, trigger.dayOffsets)
        case .idle(let trigger):
            // The customer's local day is at most two from the one that is written.
            guard let written = customer.text(.lastOrderAt).flatMap({ CivilDate(String($0.prefix(10))) }) else { return [] }
            return (-2...2).flatMap { day in (1...max(1, trigger.atMost)).map { $0 == 1 ? "\(written + day)" : "\(written + day)#\($0)" } }
        case .segment, .event: return (1...3).map(String.init)
        }
    }

    /// Everything that deriving by name finds due in the year.
    func byName(_ planner: inout Planner, _ facts: Facts, _ range: Range<Instant>) -> Set<PlannedOutreach> {
        guard let customer = facts.customer else { return [] }
        var found: Set<PlannedOutreach> = []
        for rule in planner.book.rules {
            for name in names(of: rule, customer) {
                var steps = rule.steps.enumerated().map { ($1.name, "\($1.action.recipientRole)") }
                if rule.unreachable != nil { steps += [("unreachable", "advisor")] + rule.steps.map { ("unreachable-\($0.name)", "advisor") } }
                for (step, role) in steps {
                    for position in 0..<(role == "manager" ? 2 : 1) {
                        let key = OutreachKey(
                            customer: customer.id, rule: rule.name, occasion: name, step: step, recipient: "\(role)/\(position)")
                        if let candidate = planner.derive(key, facts: facts), range.contains(candidate.outreach.dueAt) {
                            found.insert(candidate.outreach)
                        }
                    }
                }
            }
        }
        return found
    }

    @Test func touchingWindowsMissNothingAndDoubleNothing() throws {
        var random = SeededGenerator()
        let range = try at("2026-12-15T11:00:00Z")..<(try at("2027-12-20T11:00:00Z"))
        var count = 0
        var byTrigger: [String: Int] = [:]
        for round in 0..<8 {
            let rules = try (0..<5).map { try rule(round * 5 + $0, &random) }
            var book = try house.book(rules)
            book.house.limits.quiet = try quiet(&random)
            var planner = Planner(book: book, zones: zones, countries: countries)
            var other = Planner(book: book, zones: zones, countries: countries)
            let people = try (0..<3).map { try customer($0, &random) }
            var found = [[PlannedOutreach]](repeating: [], count: people.count)
            var from = range.lowerBound
            while from < range.upperBound {
                let through = min(range.upperBound, from + random.pick([.hours(26), .days(5), .days(33)]))
                let window = PlanWindow(from: from, through: through, plannedThrough: from)
                planner.beginPass(Dictionary(uniqueKeysWithValues: rules.indices.map { ($0, window) }))
                for (number, (customer, entries)) in people.enumerated() {
                    let facts = Facts(customer: customer, entries: entries)
                    let place = planner.zone(of: customer)
                    var emitted: [Candidate] = []
                    let unusable = planner.candidates(of: customer, zone: try #require(place), entries: entries) { emitted.append($0) }
                    #expect(unusable.allSatisfy { planner.problem(with: customer, rule: $0) != nil })
                    for candidate in emitted {
                        #expect(candidate.outreach.dueAt >= from && candidate.outreach.dueAt < through)
                        let again = other.derive(candidate.outreach.key, facts: facts)
                        #expect(again?.outreach == candidate.outreach)
                        #expect(again?.step == candidate.step && again?.position == candidate.position)
                        #expect(again?.isFallback == candidate.isFallback && again?.belatedFrom == candidate.belatedFrom)
                    }
                    found[number] += emitted.map(\.outreach)
                }
                from = through
            }
            for (number, (customer, entries)) in people.enumerated() {
                let keys = Set(found[number].map(\.key))
                #expect(keys.count == found[number].count, "twice")
                let expected = byName(&other, Facts(customer: customer, entries: entries), range)
                #expect(Set(found[number]).subtracting(expected).isEmpty, "found, and not derived")
                #expect(expected.subtracting(found[number]).isEmpty, "missed")
                count += expected.count
                for outreach in expected {
                    let rule = try #require(rules.first { $0.name == outreach.key.rule })
                    byTrigger[String("\(rule.trigger)".prefix { $0 != "(" }), default: 0] += 1
                }
            }
        }
        print("compared \(count) messages: \(byTrigger)")
        #expect(count > 100)
        #expect(byTrigger.count >= 3, "\(byTrigger)")
    }
}
