import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

/// When time alone gives a sentence another answer.
@Suite struct ConditionTurnsTests {
    let house: TestHouse
    init() throws { house = try TestHouse() }

    private func customer(_ since: Instant?) -> Customer {
        house.customer(more: since.map { [.customerSince: "\($0)"] } ?? [:])
    }

    private func test(_ predicate: Condition.Predicate, _ operand: Condition.Operand? = nil) -> Condition.Test {
        .init(text: "", operand: operand ?? .customer(slot: CustomerColumn.customerSince.rawValue), predicate: predicate)
    }

    private func span(_ text: String) throws -> CalendarSpan { try #require(CalendarSpan.parse(text)) }

    private func turns(
        _ predicate: Condition.Predicate, since: String, after now: String, before end: String
    ) throws -> [String] {
        let book = try house.book([])
        var (turns, now): ([String], Instant) = ([], try at(now))
        let facts = Facts(customer: customer(try at(since)))
        while let turn = book.nextTurn(of: [test(predicate)], facts, after: now, before: try at(end)) {
            turns.append("\(turn)")
            now = turn
        }
        return turns
    }

    @Test func toTheSecond() throws {
        // Still within the span at its very end.
        #expect(
            try turns(.within(span("5d")), since: "2027-05-12T08:00:00Z", after: "2027-05-01", before: "2027-06-01")
                == ["2027-05-12T08:00:00Z", "2027-05-17T08:00:01Z"])
        #expect(
            try turns(.olderThan(span("36h")), since: "2027-05-12T08:00:00.25Z", after: "2027-05-01", before: "2027-06-01")
                == ["2027-05-13T20:00:01Z"])
        #expect(
            try turns(.olderThan(span("36h")), since: "2027-05-12T08:00:00Z", after: "2027-05-01", before: "2027-05-13T20:00:01Z")
                == [])
        #expect(try turns(.isPresent, since: "2027-05-12T08:00:00Z", after: "2027-05-01", before: "2027-06-01") == [])
    }

    @Test func byTheBusinessClock() throws {
        // The night from 27 to 28 March has 23 hours in Berlin.
        #expect(
            try turns(.within(span("1d")), since: "2027-03-27T12:00:00Z", after: "2027-03-27T12:00:00Z", before: "2027-06-01")
                == ["2027-03-28T11:00:01Z"])
        // A month before the 28th, the 29th, the 30th and the 31st of March is the 28th of February.
        #expect(
            try turns(.within(span("1 month")), since: "2027-02-28T09:00:00Z", after: "2027-03-01", before: "2027-06-01")
                == [
                    "2027-03-28T08:00:01Z", "2027-03-28T22:00:00Z", "2027-03-29T08:00:01Z", "2027-03-29T22:00:00Z",
                    "2027-03-30T08:00:01Z", "2027-03-30T22:00:00Z", "2027-03-31T08:00:01Z",
                ])
    }

    /// Asked each ten minutes, the sentence has the old answer up to the turn, and the new one from then on.
    @Test func whateverTheSpan() throws {
        var random = SeededGenerator()
        let book = try house.book([])
        for _ in 0..<150 {
            let since = try at("2027-01-01") + .minutes(Int64(random.below(60 * 24 * 100)))
            let amount = "\(1 + random.below(3)) \(random.pick(["months", "days", "hours", "weeks", "min"]))"
            let sentence = test(random.below(2) == 0 ? .within(try span(amount)) : .olderThan(try span(amount)))
            let facts = Facts(customer: customer(since))
            let now = since + .minutes(Int64(random.below(60 * 24 * 100)) - 60 * 24 * 5)
            let end = now + .days(6)
            var asked = book.conditionFacts(facts, Standing(), now: now)
            func holds(_ instant: Instant) -> Bool {
                asked.now = instant
                return sentence.holds(asked)
            }
            let turn = book.nextTurn(of: [sentence], facts, after: now, before: end)
            let what = "since \(since), \(sentence.predicate), asked at \(now): \(turn.map { "\($0)" } ?? "never")"
            var step = now
            let known = holds(now)
            while step < turn ?? end, holds(step) == known { step = step + .minutes(10) }
            #expect(step >= turn ?? end, "\(what), not so at \(step)")
            if let turn { #expect(turn > now && holds(turn) != holds(now) && holds(turn - .seconds(1)) == holds(now), "\(what)") }
        }
    }

    @Test func whatARuleHangsOn() throws {
        let column = test(.olderThan(try span("20d")))
        let received = test(.within(try span("5d")), .received(rule: "offer"))
        let ever = test(.isAbsent, .received(rule: "welcome"))
        let late = test(.within(try span("1d")))
        var rule = anniversaryRule(at: try time("09:00"))
        rule.condition = .all([.not(.test(received)), .any([.test(test(.isPresent, .segment(1))), .test(ever)])])
        rule.steps[0].condition = .test(test(.isPresent, .segment(2)))
        var book = try house.book([rule])
        book.segments = [
            Segment(name: "asleep", definition: .matching(.test(column))),
            Segment(name: "quiet", definition: .matching(.all([.test(test(.isPresent, .segment(0))), .test(ever)]))),
            Segment(name: "top", definition: .top(.part(0.2), by: 0)),
            // One that asks for itself or a later one sees nobody there.
            Segment(name: "odd", definition: .matching(.any([.test(test(.isPresent, .segment(3))), .test(late)]))),
        ]
        #expect(book.timedTests(ofRule: 0).map(\.predicate) == [received.predicate, column.predicate])
        #expect(book.awaitedRules(ofRule: 0) == ["offer", "welcome"])
        #expect(book.timedTests(ofSegment: 1).map(\.predicate) == [column.predicate])
        #expect(book.timedTests(ofSegment: 2).isEmpty)
        #expect(book.timedTests(ofSegment: 3).map(\.predicate) == [late.predicate])
        // Of a message by when it was received.
        var facts = Facts(customer: customer(nil))
        facts.history.lastReceived["offer"] = try at("2027-05-12T08:00:00Z")
        let turn = book.nextTurn(of: book.timedTests(ofRule: 0), facts, after: try at("2027-05-13"), before: try at("2027-06-01"))
        #expect(turn == (try at("2027-05-17T08:00:01Z")))
    }
}
