import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@Suite struct SegmentTests {
    let house: TestHouse
    let now: Instant
    let spent = CustomerColumn.totalSpent.rawValue
    let since = CustomerColumn.customerSince.rawValue
    init() throws {
        house = try TestHouse()
        now = try at("2027-05-05T12:00:00Z")
    }

    func customer(_ values: [Int: String]) -> Customer {
        var customer = house.customer()
        for (slot, text) in values { customer.record.set(slot, text: text) }
        return customer
    }

    func ranking(_ segments: [Segment], _ customers: [Customer]) throws -> SegmentRanking {
        var ranking = SegmentRanking(segments, zone: try zone("Europe/Berlin"))
        for customer in customers { ranking.add(customer) }
        return ranking
    }

    func membership(_ customer: Customer, _ segments: [Segment], _ ranks: SegmentRanks) throws -> Membership {
        var facts = ConditionFacts(customer: customer.record, zone: try zone("Europe/Berlin"), now: now, countries: countries)
        facts.findMembership(segments, ranks)
        return facts.membership
    }

    func top(_ share: Segment.Share, by column: Int? = nil) -> Segment { Segment(name: "top", definition: .top(share, by: column ?? spent)) }
    func classes(_ count: Int, by column: Int? = nil) -> Segment { Segment(name: "classes", definition: .classes(count, by: column ?? spent)) }

    /// Who belongs, by place in the list of what they spent.
    func members(_ segment: Segment, _ values: [String]) throws -> [Int] {
        let customers = values.map { customer($0.isEmpty ? [:] : [spent: $0]) }
        var ranking = try ranking([segment], customers)
        let ranks = ranking.ranks()
        return try customers.map { try membership($0, [segment], ranks).rank(0) ?? 0 }
    }

    // MARK: Top

    @Test func theHighestShare() throws {
        let values = ["10", "90", "30", "70", "50", "20", "80", "40", "60", "100"]
        #expect(try members(top(.part(0.2)), values) == [0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
        // Three of ten, and the share of a share counts as one more.
        #expect(try members(top(.part(0.21)), values) == [0, 1, 0, 0, 0, 0, 1, 0, 0, 1])
        #expect(try members(top(.part(1)), values) == Array(repeating: 1, count: 10))
        #expect(try members(top(.count(3)), values) == [0, 1, 0, 0, 0, 0, 1, 0, 0, 1])
        #expect(try members(top(.count(100)), values) == Array(repeating: 1, count: 10))
    }

    @Test func aWholeShareIsNoMore() throws {
        // 0.07 * 100 is a little above 7 as a floating-point number.
        for (share, count) in [(0.07, 7), (0.1, 10), (0.29, 29), (0.55, 55), (0.001, 1)] {
            #expect(try members(top(.part(share)), (1...100).map(String.init)).reduce(0, +) == count, "\(share)")
        }
    }

    @Test func whoHasTheSameAsTheLastBelongsToo() throws {
        #expect(try members(top(.count(2)), ["5", "7", "5", "3", "5"]) == [1, 1, 1, 0, 1])
        #expect(try members(top(.part(0.2)), ["1", "1", "1", "1", "1"]) == [1, 1, 1, 1, 1])
    }

    @Test func withoutAValueNobodyBelongsAndNobodyCounts() throws {
        #expect(try members(top(.part(0.5)), ["", "4", "", "8", "gold"]) == [0, 0, 0, 1, 0])
        #expect(try members(classes(2), ["", "4", "", "8", "gold"]) == [0, 1, 0, 2, 0])
        #expect(try members(top(.part(0.5)), ["", ""]) == [0, 0])
        #expect(try members(top(.part(0.2)), ["4"]) == [1])
    }

    @Test func belowZeroAndFractions() throws {
        #expect(try members(top(.count(2)), ["-1.5", "-0.25", "-20", "1e-3"]) == [0, 1, 0, 1])
    }

    // MARK: Days

    @Test func theLatestDays() throws {
        let values = ["2027-05-01", "2027-04-30T23:30:00Z", "2027-04-30", "2020-01-01 10:00:00", "soon"]
        let customers = values.map { customer([since: $0]) }
        let segment = top(.count(2), by: since)
        var ranking = try ranking([segment], customers)
        let ranks = ranking.ranks()
        // Half past eleven in Greenwich is half past one in the morning of the first of May in Berlin.
        #expect(try customers.map { try membership($0, [segment], ranks).contains(0) } == [true, true, false, false, false])
    }

    // MARK: Classes

    @Test func classesOfEqualSize() throws {
        #expect(try members(classes(5), (1...10).map(String.init)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
        // What is left over goes to the upper ones, so that the highest of five are the top 20 %.
        #expect(try members(classes(5), (1...7).map(String.init)) == [1, 2, 3, 3, 4, 5, 5])
        #expect(try members(classes(5), ["1", "2"]) == [3, 5])
        #expect(try members(classes(5), ["7"]) == [5])
        #expect(try members(classes(1), ["7", "", "8"]) == [1, 0, 1])
    }

    @Test func equalValuesShareTheHigherClass() throws {
        #expect(try members(classes(2), ["1", "2", "2", "2"]) == [1, 2, 2, 2])
        #expect(try members(classes(4), ["5", "5", "5", "5"]) == [4, 4, 4, 4])
    }

    // MARK: Conditions

    @Test func segmentsMayAskForThoseBeforeThem() throws {
        let isTop = Condition.test(.init(text: "segment is top", operand: .segment(0), predicate: .isPresent))
        let isHigh = Condition.test(.init(text: "class value >= 2", operand: .rank(1), predicate: .compare(.greaterOrEqual, .number(2))))
        let isVIP = Condition.test(.init(text: "vip is present", operand: .customer(slot: house.vip), predicate: .isPresent))
        let segments = [
            top(.count(1)), classes(3), Segment(name: "high", definition: .matching(.all([isHigh, .not(isTop)]))),
            Segment(name: "courted", definition: .matching(.any([isVIP, .test(.init(text: "", operand: .segment(2), predicate: .isPresent))]))),
            // Asks for itself: no member there.
            Segment(name: "odd", definition: .matching(.test(.init(text: "", operand: .segment(4), predicate: .isAbsent)))),
        ]
        let customers = [customer([spent: "1"]), customer([spent: "2"]), customer([spent: "3"]), customer([house.vip: "yes"])]
        var ranking = try ranking(segments, customers)
        let ranks = ranking.ranks()
        let found = try customers.map { customer in
            let membership = try membership(customer, segments, ranks)
            return segments.indices.filter { membership.contains($0) }
        }
        #expect(found == [[1, 4], [1, 2, 3, 4], [0, 1, 4], [3, 4]])
    }

    @Test func withoutBoundsNobodyBelongs() throws {
        let segments = [top(.count(1)), classes(3), classes(1)]
        let membership = try membership(customer([spent: "5"]), segments, SegmentRanks())
        #expect(segments.indices.allSatisfy { !membership.contains($0) && membership.rank($0) == nil })
        #expect(!membership.contains(99))
        #expect(Membership().rank(0) == nil)
    }

    @Test func classesCompareByTheirNumber() throws {
        func test(_ predicate: Condition.Predicate) -> Condition { .test(.init(text: "", operand: .rank(0), predicate: predicate)) }
        var facts = ConditionFacts(customer: customer([spent: "2"]).record, zone: .utc, now: now)
        facts.findMembership([classes(3)], SegmentRanks(bounds: [0: [2, 3]]))
        #expect(test(.compare(.equal, .number(2))).holds(facts))
        #expect(test(.compare(.greaterOrEqual, .number(2))).holds(facts))
        #expect(!test(.compare(.greater, .number(2))).holds(facts))
        #expect(test(.compare(.notEqual, .number(3))).holds(facts))
        #expect(test(.isPresent).holds(facts))
        facts.findMembership([classes(3)], SegmentRanks())
        for comparison in Condition.Comparison.allCases { #expect(!test(.compare(comparison, .number(1))).holds(facts), "\(comparison)") }
        #expect(test(.isAbsent).holds(facts))
    }

    // MARK: Against a naive computation

    /// The definition, word for word, by sorting.
    func naive(_ segment: Segment, _ values: [Double?]) -> [Int] {
        let sorted = values.compactMap { $0 }.sorted(by: >)
        let count = sorted.count
        func isAmong(_ value: Double, first members: Int) -> Bool { value >= sorted[min(members, count) - 1] }
        return values.map { value in
            guard let value else { return 0 }
            switch segment.definition {
            case .matching: return 0
            case .top(.count(let wanted), _): return isAmong(value, first: wanted) ? 1 : 0
            case .top(.part(let share), _):
                // In hundredths of a percent, as whole numbers.
                let parts = Int((share * 10_000).rounded())
                return isAmong(value, first: (parts * count + 9_999) / 10_000) ? 1 : 0
            case .classes(let number, _):
                return (1...number).last { $0 == 1 || isAmong(value, first: ((number - $0 + 1) * count + number - 1) / number) }!
            }
        }
    }

    @Test func boundsAreExact() throws {
        var random = SeededGenerator()
        for _ in 0..<300 {
            let count = Int.random(in: 0...60, using: &random)
            let spread = random.pick([1, 3, 10, 1000])
            let values: [Double?] = (0..<count).map { _ in
                Int.random(in: 0..<6, using: &random) == 0 ? nil : Double(Int.random(in: -spread...spread, using: &random))
            }
            let segments = [
                top(.part(Double(Int.random(in: 1...10_000, using: &random)) / 10_000)), top(.count(Int.random(in: 1...30, using: &random))),
                classes(Int.random(in: 1...12, using: &random)), classes(5),
            ]
            let customers = values.map { value in customer(value.map { [spent: "\($0)"] } ?? [:]) }
            var ranking = try ranking(segments, customers.shuffled(using: &random))
            let ranks = ranking.ranks()
            for (index, segment) in segments.enumerated() {
                let found = try customers.map { try membership($0, segments, ranks).rank(index) ?? 0 }
                #expect(found == naive(segment, values), "\(segment.definition) of \(values)")
            }
        }
    }

    /// Whether anybody is ranked otherwise is what `moved` says.
    @Test func whoMovedBetweenTwoPasses() throws {
        var random = SeededGenerator()
        var moves = 0
        for _ in 0..<500 {
            let segments = [top(.part(0.25)), classes(4)]
            func draw() -> [Customer] {
                (0..<Int.random(in: 0...12, using: &random)).map { _ in customer([spent: "\(Int.random(in: 0...9, using: &random))"]) }
            }
            var before = try ranking(segments, draw())
            let old = before.ranks()
            let customers = draw()
            var after = try ranking(segments, customers)
            let new = after.ranks()
            let hasMoved = try customers.contains { try membership($0, segments, old) != membership($0, segments, new) }
            #expect(after.moved(from: old, to: new) == hasMoved)
            moves += hasMoved ? 1 : 0
        }
        #expect((50...450).contains(moves))
    }

    @Test func aMillionCustomers() throws {
        var random = SeededGenerator()
        let segments = [top(.part(0.2)), classes(5), top(.count(100))]
        for spread in [2, 1_000_000_000] {
            var customer = house.customer()
            var ranking = SegmentRanking(segments, zone: .utc, expected: 1_000_000)
            var values: [Double] = []
            for _ in 0..<1_000_000 {
                let value = Int64(random.next() % UInt64(spread))
                values.append(Double(value))
                customer.record.clear()
                customer.record.set(spent, integer: value)
                ranking.add(customer)
            }
            let clock = ContinuousClock()
            var ranks = SegmentRanks()
            let time = clock.measure { ranks = ranking.ranks() }
            values.sort(by: >)
            #expect(ranks.bounds[0] == [values[199_999]])
            #expect(ranks.bounds[1] == [values[799_999], values[599_999], values[399_999], values[199_999]])
            #expect(ranks.bounds[2] == [values[99]])
            // Far below a second; what a loaded machine does to a debug build is left aside.
            #expect(time < .seconds(10), "\(time)")
            print("bounds of 1,000,000 values from \(spread): \(time)")
        }
    }

    @Test func nothingRankedIsNothingToCollect() throws {
        let always = Segment(name: "all", definition: .matching(.always))
        #expect(SegmentRanking([always], zone: .utc).isEmpty)
        #expect(!SegmentRanking([always, top(.count(1))], zone: .utc).isEmpty)
        var ranking = try ranking([top(.count(1))], [])
        #expect(ranking.ranks() == SegmentRanks())
        #expect(!ranking.moved(from: SegmentRanks(), to: SegmentRanks(bounds: [0: [5]])))
    }
}
