import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// Months of sending under drawn rules and budgets, every message through `judge`, the history kept.
@Suite struct JudgingPropertyTests {
    struct Row {
        var candidate: Candidate
        var due: Instant
        var ending: Ending?

        enum Ending: Hashable {
            case sent(Instant)
            case skipped(SkipReason, at: Instant)
            case cancelled(CancelReason)
        }
    }

    /// A business with a few rules, one customer, and all that they owe from `start` to `end`.
    struct World {
        var planner: Planner
        let customer: Customer
        let start: Instant
        let end: Instant
        var rows: [Row] = []
        var history = History.none
        var standing = Standing()
        var random: SeededGenerator

        /// - Parameters:
        ///   - replacing: rules take each other's place.
        ///   - quiet: some houses have quiet hours and days.
        ///   - received: some rules ask for what was received.
        init(_ random: SeededGenerator, replacing: Bool, quiet: Bool, received: Bool = false) throws {
            self.random = random
            let house = try TestHouse()
            start = try at("2027-01-01T00:00:00Z")
            end = start + .days(Int64.random(in: 40...100, using: &self.random))
            var rules: [Rule] = []
            for number in 0..<Int.random(in: 2...7, using: &self.random) {
                rules.append(try World.rule(number, replacing: replacing, &self.random))
                // Nothing lies beyond the end, where it would have a say and never be sent.
                rules[number].active = ActivePeriod(to: Zone.utc.local(at: end).date)
            }
            World.tidy(&rules)
            if received { World.ask(&rules, &self.random) }
            var book = try house.book(rules)
            book.house.limits.budgets = World.budgets(&self.random)
            if quiet, Bool.random(using: &self.random) {
                book.house.limits.quiet.hours = QuietHours(
                    hours: (start: try time("17:15"), end: try time("08:15")), days: Set(Weekday.allCases).subtracting([.sunday]))
            }
            planner = Planner(book: book, zones: zones, countries: countries)
            customer = house.customer(
                birthday: "1980-0\(Int.random(in: 1...6, using: &self.random))-11", zone: self.random.pick(["Europe/Berlin", "America/New_York"]),
                more: [.consentMarketing: "yes", .consentSurvey: "yes"])
            let place = planner.zone(of: customer)
            let zone = try #require(place)
            for rule in rules.indices {
                standing.baselines[rules[rule].name] = start
                let window = PlanWindow(from: start, through: end + .days(3), plannedThrough: start)
                planner.candidates(of: customer, zone: zone, rule: rule, in: window) { rows.append(Row(candidate: $0, due: $0.outreach.dueAt)) }
            }
        }

        static func rule(_ number: Int, replacing: Bool, _ random: inout SeededGenerator) throws -> Rule {
            let at = try time("\(random.pick(["08", "09", "10", "17", "23"])):\(random.pick(["00", "30"]))")
            let schedules = ["*-*-*", "Mon *-*-*", "Tue,Fri *-*-*", "*-*-01", "*-*-15", "*-*-1/3", "*-*-11", "*-01,03-*"]
            let trigger: Trigger =
                Bool.random(using: &random)
                ? .schedule(.init(expression: try calendar(random.pick(schedules)), at: at))
                : .anniversary(.init(
                    column: CustomerColumn.birthday.rawValue, at: at, dayOffsets: random.pick([[0], [-7, 0], [-3, 5], [10]]),
                    every: random.pick([.year, .month])))
            let grace = Lateness.grace(.hours(Int64.random(in: 1...300, using: &random)))
            let part = random.pick([BudgetPart(counts: true, obeys: true), .init(counts: true, obeys: true), .init(counts: true, obeys: false),
                .init(counts: false, obeys: true), .init(counts: false, obeys: false)])
            let others = replacing ? (0..<number).map { "rule-\($0)" }.filter { _ in Int.random(in: 0..<4, using: &random) == 0 } : []
            return Rule(
                name: "rule-\(number)", purpose: random.pick([.greeting, .marketing, .survey]), trigger: trigger, steps: [step()],
                lateness: random.pick([.untilMidnight, grace]), priority: random.pick([nil, nil, 20, 40, 60, 90]), insteadOf: others,
                budget: part)
        }

        /// Takes back where a rule takes the place of one that is served before it: what becomes of that is not foreseen.
        static func tidy(_ rules: inout [Rule]) {
            let tiers = Dictionary(uniqueKeysWithValues: zip(rules.map(\.name), Rank.of(rules).map(\.tier.rawValue)))
            for index in rules.indices {
                let own = tiers[rules[index].name]!
                rules[index].insteadOf.removeAll { tiers[$0]! < own }
            }
        }

        /// Lets rules ask for what they, or others that are served before them, brought; what is served later is not known.
        static func ask(_ rules: inout [Rule], _ random: inout SeededGenerator) {
            let ranks = Rank.of(rules)
            for index in rules.indices where Bool.random(using: &random) {
                let known = rules.indices.filter { ranks[$0] <= ranks[index] }
                let name = rules[random.pick(known + [index])].name
                let within = Condition.Predicate.within(CalendarSpan(days: random.pick([1, 5, 20, 60])))
                let test = Condition.test(.init(text: "received \(name)", operand: .received(rule: name), predicate: within))
                rules[index].condition = Int.random(in: 0..<3, using: &random) == 0 ? test : .not(test)
                // Everything happens on whole and half hours: then it goes at its own time or not at all, and is asked once.
                rules[index].lateness = .grace(.minutes(30))
            }
        }

        static func budgets(_ random: inout SeededGenerator) -> [Budget] {
            var budgets: [Budget] = []
            for purpose in [nil, Purpose.greeting, .marketing] where purpose == nil || Bool.random(using: &random) {
                let per = TimeSpan.hours(random.pick([1, 24, 36, 24 * 7, 24 * 14, 24 * 30]))
                budgets.append(Budget(purpose: purpose, atMost: Int.random(in: 1...4, using: &random), per: per))
            }
            return budgets
        }

        func rule(_ row: Row) -> Rule { planner.book.rules[row.candidate.rule] }

        mutating func judge(_ index: Int, now: Instant, ahead: Bool = false) -> Decision.Verdict {
            planner.judge(rows[index].candidate, facts: Facts(customer: customer, history: history), standing: standing, now: now, ahead: ahead).verdict
        }

        /// Asks for the row that is due first, again and again, until all have ended.
        /// - Parameter late: how much later than due it is asked for.
        mutating func serve(late: (inout SeededGenerator) -> TimeSpan = { _ in .zero }) throws {
            var now = start
            var asked = 0
            let ranks = Rank.of(planner.book.rules)
            func isEarlier(_ one: Int, _ other: Int) -> Bool {
                let (one, other) = (rows[one], rows[other])
                if one.due != other.due { return one.due < other.due }
                func claim(_ row: Row) -> Claim { Claim(row.candidate, rule(row), rank: ranks[row.candidate.rule], now: start) }
                return claim(one).precedes(claim(other))
            }
            while let index = rows.indices.filter({ rows[$0].ending == nil }).min(by: isEarlier) {
                now = max(now, rows[index].due + late(&random))
                switch judge(index, now: now) {
                case .send:
                    rows[index].ending = .sent(now)
                    let row = rows[index]
                    let key = row.candidate.outreach.key
                    history.lastReceived[key.rule] = now
                    history.toAddress.insert(PastContact(
                        customer: key.customer, rule: key.rule, step: key.step, occasion: key.occasion, at: now,
                        localDate: row.candidate.outreach.localDate, counts: rule(row).budget.counts, purpose: rule(row).purpose), at: 0)
                case .move(let to):
                    try #require(to > now, "moved back in time")
                    rows[index].due = to
                case .skip(let reason):
                    rows[index].ending = .skipped(reason, at: now)
                    history.lost[rows[index].candidate.outreach.key] = now
                case .cancel(let reason): rows[index].ending = .cancelled(reason)
                case .hold(let reason): Issue.record("held: \(reason)")
                }
                asked += 1
                try #require(asked < 100 * rows.count, "does not end")
            }
        }

        var sent: [(row: Row, at: Instant)] {
            rows.compactMap { row in if case .sent(let at) = row.ending { (row, at) } else { nil } }
        }

        /// What the messages that have a better right than this one have used up, in the end.
        func room(without row: Row) -> BudgetRoom {
            var room = BudgetRoom(planner.book.house.limits.budgets)
            let ranks = Rank.of(planner.book.rules)
            func claim(_ row: Row) -> Claim { Claim(row.candidate, rule(row), rank: ranks[row.candidate.rule], now: start) }
            for (other, at) in sent where rule(other).budget.counts && other.candidate.outreach.key != row.candidate.outreach.key {
                let isBetter = !rule(other).budget.obeys || claim(other).precedes(claim(row))
                guard isBetter else { continue }
                room.take(.init(
                    at: at, purpose: rule(other).purpose, rule: rule(other).name, localDate: other.candidate.outreach.localDate, isSent: true))
            }
            return room
        }
    }

    static let rounds = 20

    /// In any span of a budget's length there is room for each that asked, whoever came after it.
    @Test func noBudgetIsEverBroken() throws {
        let random = SeededGenerator()
        var seeds = random
        for _ in 0..<Self.rounds {
            var world = try World(SeededGenerator(seed: seeds.next()), replacing: true, quiet: true)
            // What does not ask could come later and break a budget that was kept until then.
            for rule in world.planner.book.rules where rule.budget.counts && !rule.budget.obeys { world.exclude(rule.name) }
            try world.serve(late: { random in random.pick([.zero, .seconds(2), .minutes(90), .hours(40)]) })
            for budget in world.planner.book.house.limits.budgets {
                let times = world.sent.filter { budget.limits(world.rule($0.row).purpose) && world.rule($0.row).budget.counts }.map(\.at).sorted()
                for (first, last) in zip(times, times.dropFirst(budget.atMost)) where last < first + budget.per {
                    Issue.record("\(budget): \(first) to \(last)")
                }
            }
        }
    }

    /// Who loses had no room at any instant beside those that have a better right; who was put off went when there was
    /// room for the first time.
    @Test(arguments: [false, true]) func nobodyLosesToALowerPriority(received: Bool) throws {
        let random = SeededGenerator()
        var seeds = random
        var (rounds, lost, putOff, precluded) = (0, 0, 0, 0)
        // Some worlds are too easy to say much.
        let least = received ? 4 * Self.rounds : Self.rounds
        while rounds < least || rounds < 10 * Self.rounds && (lost < 50 || putOff < 5 || received && precluded < 50) {
            rounds += 1
            let seed = seeds.next()
            var world = try World(SeededGenerator(seed: seed), replacing: false, quiet: false, received: received)
            try world.serve()
            for row in world.rows where world.rule(row).budget.obeys && row.ending != .cancelled(.ruleOff) {
                let outreach = row.candidate.outreach
                let first = world.room(without: row).firstRoom(
                    for: world.rule(row).purpose, from: outreach.dueAt, before: outreach.expiresAt, allowed: { $0 })
                switch row.ending {
                case .sent(let at):
                    #expect(first == at, "\(seed) \(outreach.key)")
                    putOff += at > outreach.dueAt ? 1 : 0
                case .skipped(.budget, let now):
                    #expect(first == nil, "\(seed) \(outreach.key)")
                    #expect(now == outreach.dueAt)
                    lost += 1
                case .cancelled(.conditionFalse) where received: precluded += 1
                default: Issue.record("\(outreach.key): \(String(describing: row.ending))")
                }
            }
        }
        #expect(lost >= 50 && putOff >= 5, "the worlds are too easy: \(lost) lost, \(putOff) put off")
        #expect(!received || precluded >= 50, "the worlds are too easy: \(precluded) precluded")
    }

    /// What is foreseen months ahead, or a day ahead, is what happens, as long as nothing changes; whoever asks, and in
    /// whatever order. What asks for what was received is not known before that, but all others know what will be.
    @Test(arguments: [false, true], [false, true]) func whatIsForeseenHappens(replacing: Bool, received: Bool) throws {
        let random = SeededGenerator()
        var seeds = random
        for _ in 0..<Self.rounds {
            let seed = seeds.next()
            var world = try World(SeededGenerator(seed: seed), replacing: replacing, quiet: !received, received: received)
            var foreseen: [Int: Decision.Verdict] = [:]
            for index in world.rows.indices.shuffled(using: &seeds) { foreseen[index] = world.judge(index, now: world.start, ahead: true) }
            try world.serve()
            for index in world.rows.indices where world.rule(world.rows[index]).condition.tests.isEmpty {
                let row = world.rows[index]
                switch (foreseen[index], row.ending) {
                case (.send, .sent(let at)): #expect(at == row.candidate.outreach.dueAt, "\(seed) \(row.candidate.outreach.key)")
                case (.move(let to), .sent(let at)): #expect(at == to, "\(seed) \(row.candidate.outreach.key)")
                case (.skip(.budget), .skipped(.budget, _)), (.cancel, .cancelled): continue
                case (.skip(let one), .skipped(let other, _)): #expect(one == other, "\(seed) \(row.candidate.outreach.key)")
                default:
                    Issue.record("\(seed) \(row.candidate.outreach.key): \(String(describing: foreseen[index])) and \(String(describing: row.ending))")
                }
            }
        }
    }

    /// A row that a fresh planner judges for the first time, without having been asked about anything before.
    @Test func aFreshPlannerSaysTheSame() throws {
        let random = SeededGenerator()
        var seeds = random
        for _ in 0..<10 {
            var world = try World(SeededGenerator(seed: seeds.next()), replacing: true, quiet: true)
            for index in world.rows.indices {
                let now = world.rows[index].candidate.outreach.dueAt
                var fresh = Planner(book: world.planner.book, zones: zones, countries: countries)
                let candidate = world.rows[index].candidate
                let facts = Facts(customer: world.customer)
                let standing = world.standing
                #expect(
                    fresh.judge(candidate, facts: facts, standing: standing, now: now)
                        == world.planner.judge(candidate, facts: facts, standing: standing, now: now))
            }
        }
    }
}

extension JudgingPropertyTests.World {
    /// Makes a rule neither count nor obey.
    mutating func exclude(_ name: String) {
        var book = planner.book
        for index in book.rules.indices where book.rules[index].name == name { book.rules[index].budget = .init(counts: false, obeys: false) }
        planner = Planner(book: book, zones: zones, countries: countries)
    }
}
