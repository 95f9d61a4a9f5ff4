import RegardsCalendar
import RegardsCore
import Testing

/// Limits of speed as values: time is an argument.
@Suite("Pace")
struct PaceTests {
    private let start = Instant(seconds: 1_809_162_000)

    private func milliseconds(_ count: Int64) -> TimeSpan { TimeSpan(microseconds: count * 1000) }

    private func rate(_ text: String) throws -> Rate { try #require(Rate(text)) }

    // MARK: - Rates

    @Test func ratesAreRead() throws {
        #expect(try rate("10/s") == Rate(10, per: .seconds(1)))
        #expect(try rate("100 / min") == Rate(100, per: .minutes(1)))
        #expect(try rate("2000/h") == Rate(2000, per: .hours(1)))
        #expect(try rate("50000/d") == Rate(50_000, per: .days(1)))
        for text in ["", "/", "10", "10/", "/s", "0/s", "-1/s", "+1/s", "1.5/s", "10/week", "10/s/s", "1000001/s", "٣/s", "10/ S"] {
            #expect(Rate(text) == nil, "\(text)")
        }
    }

    /// The promise of a rate: no span of its length sees more, wherever it begins, and a steady stream uses it.
    @Test(arguments: ["1/s", "3/s", "10/s", "50/s", "1000/s", "1/min", "30/min", "100/h", "5000/d"], [1, 7, 20] as [Int64])
    func noSpanSeesMore(text: String, step: Int64) throws {
        let rate = try rate(text)
        var pace = Pace(PaceLimits(overall: rate))
        var gone: [Instant] = []
        let tick = max(rate.span.microseconds / (Int64(rate.count) * step), 100)
        var now = start
        // A sender that looks often, and now and then oversleeps.
        var seed = UInt64(rate.count) &* 2_654_435_761 &+ UInt64(step)
        while gone.count < rate.count * 3 + 5 {
            let room = pace.room(relay: "a", now: now)
            for _ in 0..<min(room, 2_000) {
                pace.went(relay: "a", now: now)
                gone.append(now)
            }
            #expect((pace.nextRoom(relay: "a", now: now) == nil) == (pace.room(relay: "a", now: now) > 0))
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            now = now + TimeSpan(microseconds: tick * (seed >> 60 == 0 ? 40 : 1))
        }
        var first = 0
        for (index, moment) in gone.enumerated() {
            while gone[first] + rate.span <= moment { first += 1 }
            #expect(index - first + 1 <= rate.count, "\(text), step \(step): message \(index)")
        }
    }

    @Test func aSteadyStreamUsesTheRate() throws {
        let rate = try rate("100/s")
        var pace = Pace(PaceLimits(overall: rate))
        var now = start
        for _ in 0..<1000 {
            if let next = pace.nextRoom(relay: "a", now: now) { now = next }
            pace.went(relay: "a", now: now)
        }
        #expect(now - start <= milliseconds(10_500))
        #expect(now - start >= milliseconds(9_900))
    }

    @Test func relaysAndAllMail() throws {
        var pace = Pace(PaceLimits(overall: try rate("10/s"), relays: ["a": try rate("1/min")]))
        #expect(pace.room(relay: "a", now: start) == 1)
        pace.went(relay: "a", now: start)
        #expect(pace.room(relay: "a", now: start) == 0)
        // The other relay feels only what holds for all.
        #expect(pace.nextRoom(relay: "b", now: start) == start + milliseconds(55))
        #expect(pace.nextRoom(relay: "a", now: start) == start + .seconds(60))
        #expect(pace.room(relay: "b", now: start + .seconds(1)) == 1)
        #expect(Pace().room(relay: "a", now: start) == .max)
    }

    // MARK: - Domains

    private func moments(_ pace: inout Pace, _ domain: String, _ ids: Range<Int64>, now: Instant) -> [TimeSpan] {
        ids.map { id in
            switch pace.turn(of: id, domain: domain, now: now) {
            case .now: .zero
            case .at(let moment): moment - now
            }
        }
    }

    @Test func eachMessageGetsATurnOfItsOwn() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("60/min"), domains: ["free.example": nil]))
        let first = moments(&pace, "example.net", 0..<5, now: start)
        #expect(first[0] == .zero)
        // A minute and the second that messages may be early, for sixty messages.
        #expect(first.map { $0.microseconds } == (0..<5 as Range<Int64>).map { $0 * 1_016_667 })
        // Another domain is not held up, nor one that has no limit.
        #expect(pace.turn(of: 100, domain: "example.org", now: start) == .now)
        #expect(moments(&pace, "free.example", 200..<300, now: start).allSatisfy { $0 == .zero })
        // In its turn each one goes, and one that asks too early is told the same turn again.
        guard case .at(let turn) = pace.turn(of: 1, domain: "example.net", now: start + milliseconds(10)) else {
            Issue.record("one asked too early and went")
            return
        }
        #expect(turn - start == first[1])
        for id in 1..<5 as Range<Int64> {
            #expect(pace.turn(of: id, domain: "example.net", now: start + first[Int(id)]) == .now, "\(id)")
        }
    }

    /// Who comes later does not take the turn that was promised to somebody, unless it is urgent.
    @Test func promisesAreKept() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("1/min")))
        let turns = moments(&pace, "example.net", 0..<3, now: start)
        let second = start + turns[1]
        #expect(pace.turn(of: 50, domain: "example.net", now: second - .seconds(2)) == .at(start + turns[2] + turns[1]))
        #expect(pace.turn(of: 51, domain: "example.net", isUrgent: true, now: second) == .now)
        // The one whose turn was taken waits for the next, and nobody is forgotten.
        guard case .at(let later) = pace.turn(of: 1, domain: "example.net", now: second) else {
            Issue.record("two went in one turn")
            return
        }
        #expect(later > second)
        #expect(pace.turn(of: 60, domain: "example.net", isUrgent: true, now: second) == .at(second + .seconds(60)))
    }

    /// Rows that were promised a turn and never came back do not stop the domain.
    @Test func cancelledRowsHoldNobodyUp() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("10/s")))
        _ = moments(&pace, "example.net", 0..<100, now: start)
        #expect(pace.turn(of: 1000, domain: "example.net", now: start + .minutes(1)) == .now)
    }

    @Test func aFarTurnIsNotPromised() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("1/h")))
        let turns = moments(&pace, "example.net", 0..<200, now: start)
        #expect(turns[0] == .zero)
        #expect(turns.dropFirst(2).allSatisfy { $0 >= .hours(1) && $0 <= .hours(2) })
        #expect(Set(turns.dropFirst(2)).count > 150, "spread, so that they do not come back together")
    }

    /// Memory is bounded whatever the number of rows and domains.
    @Test func manyDomainsAndRows() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("1/min")))
        for number in 0..<12_000 as Range<Int64> { _ = pace.turn(of: number, domain: "d\(number).example", now: start) }
        for number in 0..<10_000 as Range<Int64> { _ = pace.turn(of: number, domain: "d1.example", now: start) }
        #expect(pace.encoded(now: start).split(separator: "\n").count <= 10_001)
        // Once their time has passed there is space again.
        #expect(pace.turn(of: 1, domain: "new.example", now: start + .hours(3)) == .now)
        #expect(pace.encoded(now: start + .hours(3)).split(separator: "\n").count == 2)
    }

    // MARK: - What answers teach

    @Test(arguments: [421, 450, 454])
    func aBusyDomainIsSlowedAndComesBack(code: Int) {
        var pace = Pace()
        let isNews = pace.heard(code, domain: "example.net", now: start)
        #expect(isNews)
        #expect(pace.slowness(of: "example.net") == .seconds(1))
        #expect(pace.turn(of: 1, domain: "example.net", now: start) == .at(start + .seconds(1)))
        #expect(pace.turn(of: 2, domain: "example.org", now: start) == .now)
        // What was on its way says nothing new.
        let isNewsAgain = pace.heard(code, domain: "example.net", now: start + milliseconds(500))
        #expect(!isNewsAgain)
        #expect(pace.slowness(of: "example.net") == .seconds(1))
        var now = start
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] as [Int64] {
            now = now + .minutes(11)
            pace.heard(code, domain: "example.net", now: now)
            #expect(pace.slowness(of: "example.net") == .seconds(seconds))
        }
        var successes = 0
        while pace.slowness(of: "example.net") != nil, successes < 1000 {
            successes += 1
            pace.heard(250, domain: "example.net", now: now)
        }
        #expect((20...40).contains(successes), "\(successes)")
        #expect(pace.turn(of: 9, domain: "example.net", now: now + .minutes(11)) == .now)
    }

    @Test func otherAnswersTeachNothing() {
        var pace = Pace()
        for code in [0, 250, 354, 451, 452, 550, 552, 554, 599] {
            let isNews = pace.heard(code, domain: "example.net", now: start)
            #expect(!isNews, "\(code)")
        }
        #expect(pace.slowness(of: "example.net") == nil)
    }

    @Test func slownessBeginsAtTheLimit() throws {
        var pace = Pace(PaceLimits(everyDomain: try rate("1/min")))
        pace.heard(450, domain: "example.net", now: start)
        #expect(pace.slowness(of: "example.net") == .seconds(122))
        pace.heard(250, domain: "example.net", now: start)
        pace.heard(250, domain: "example.net", now: start)
        pace.heard(250, domain: "example.net", now: start)
        #expect(pace.slowness(of: "example.net") == nil)
    }

    // MARK: - Clocks that jump

    @Test(arguments: [-86_400, -3_600, -60, 3_600, 86_400, 172_800] as [Int64])
    func aJumpNeverStopsForLong(seconds: Int64) throws {
        var pace = Pace(
            PaceLimits(overall: try rate("10/s"), relays: ["a": try rate("1/min")], everyDomain: try rate("1/s")))
        pace.went(relay: "a", now: start)
        _ = moments(&pace, "example.net", 0..<50, now: start)
        pace.heard(450, domain: "slow.example", now: start)
        let after = start + .seconds(seconds)
        let next = pace.nextRoom(relay: "a", now: after) ?? after
        #expect(next - after <= .seconds(61))
        for domain in ["example.net", "slow.example"] {
            switch pace.turn(of: 1000, domain: domain, now: after) {
            case .now: break
            case .at(let moment): #expect(moment - after <= .seconds(seconds == -60 ? 115 : 3), "\(domain) \(seconds)")
            }
        }
    }

    // MARK: - Kept

    @Test func keptOverARestart() throws {
        let limits = PaceLimits(overall: try rate("1/min"), relays: ["a": try rate("1/h")], everyDomain: try rate("1/min"))
        var pace = Pace(limits)
        pace.went(relay: "a", now: start)
        pace.heard(450, domain: "slow.example", now: start)
        _ = moments(&pace, "example.net", 0..<2, now: start)
        let text = pace.encoded(now: start)
        let restored = Pace(limits, restoring: text)
        #expect(restored.encoded(now: start) == text)
        #expect(restored.nextRoom(relay: "a", now: start) == pace.nextRoom(relay: "a", now: start))
        #expect(restored.slowness(of: "slow.example") == pace.slowness(of: "slow.example"))
        // The row that comes back in its turn finds it free.
        var again = restored
        guard case .at(let turn) = pace.turn(of: 1, domain: "example.net", now: start) else {
            Issue.record("two went in one turn")
            return
        }
        #expect(again.turn(of: 1, domain: "example.net", now: turn) == .now)
        #expect(Pace().encoded(now: start) == "pace 1")
    }

    @Test(arguments: [
        "", "pace 2\nall\t9", "pace 1\n\n\t\t\nall\ndomain\tx\nrelay\ta\tb\nall\t99999999999999999999\nwhat\t1\t2\t3\t4",
        "pace 1\ndomain\tx\t-9\t-9\t-9",
    ])
    func whatCannotBeReadIsLeftOut(text: String) {
        var pace = Pace(PaceLimits(), restoring: text)
        #expect(pace.nextRoom(relay: "a", now: start) == nil)
        #expect(pace.turn(of: 1, domain: "x", now: start) == .now)
    }
}
