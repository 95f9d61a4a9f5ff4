import RegardsCalendar
import RegardsCore
import Testing

/// A promise that counts open hours, and the steps before its limit.
@Suite struct BusinessClockTests {
    private func business(_ days: String = "mon..fri", _ hours: String = "09:00-18:00", closed: [String] = []) throws -> Business {
        let interval = try #require(WeeklyHours.Interval(hours))
        let week = Dictionary(uniqueKeysWithValues: try #require(Weekday.set(days)).map { ($0, [interval]) })
        return Business(
            name: "The Shop", email: try Address("hello@shop.example"), zone: try zone("Europe/Berlin"),
            hours: WeeklyHours(week, closed: Set(try closed.map(date))))
    }

    private let promise = Promise(answerWithin: .hours(8), clock: .business)

    @Test(arguments: [
        // Friday 16:00 in Berlin: two hours on Friday, six on Monday.
        ("2027-01-08T15:00:00Z", [], "2027-01-11T14:00:00Z"),
        ("2027-01-08T15:00:00Z", ["2027-01-11"], "2027-01-12T14:00:00Z"),
        // In the night: from the next opening on.
        ("2027-01-08T22:00:00Z", [], "2027-01-11T16:00:00Z"),
        ("2027-01-09T12:00:00Z", [], "2027-01-11T16:00:00Z"),
        // The closing time itself, not the next opening.
        ("2027-01-04T09:00:00Z", [], "2027-01-04T17:00:00Z"),
        // Clocks go forward in the night to 28 March.
        ("2027-03-26T15:00:00Z", [], "2027-03-29T13:00:00Z"),
    ])
    func onlyOpenHoursCount(opened: String, closed: [String], limit: String) throws {
        #expect(promise.limit(from: try at(opened), try business(closed: closed)) == (try at(limit)))
    }

    @Test(arguments: [
        (-2, "2027-01-11T12:00:00Z"), (-6, "2027-01-11T08:00:00Z"), (-7, "2027-01-08T16:00:00Z"), (0, "2027-01-11T14:00:00Z"),
        (3, "2027-01-11T17:00:00Z"), (4, "2027-01-12T09:00:00Z"),
    ])
    func stepsCountOnTheSameClock(hours: Int64, expected: String) throws {
        let business = try business()
        let limit = promise.limit(from: try at("2027-01-08T15:00:00Z"), business)
        #expect(promise.instant(.hours(hours), from: limit, business) == (try at(expected)))
    }

    @Test func theWallClockTakesNoNoticeOfHours() throws {
        let wall = Promise(answerWithin: .hours(8))
        #expect(wall.clock == .wall)
        #expect(wall.limit(from: try at("2027-01-08T15:00:00Z"), try business()) == (try at("2027-01-08T23:00:00Z")))
    }

    @Test func withoutHoursItIsAlwaysOpen() throws {
        var business = try business()
        business.hours = nil
        #expect(promise.limit(from: try at("2027-01-08T15:00:00Z"), business) == (try at("2027-01-08T23:00:00Z")))
        business.hours = WeeklyHours([:])
        #expect(promise.limit(from: try at("2027-01-08T15:00:00Z"), business) == (try at("2027-01-08T23:00:00Z")))
    }

    // MARK: In a rule

    private func ladder(_ house: TestHouse, _ steps: [Step]) throws -> Planner {
        let rule = Rule(name: "complaint-care", purpose: .care, trigger: .event(.init(kind: 0, promise: promise)), steps: steps)
        var book = try house.book([rule])
        book.house.business = try business()
        return Planner(book: book, zones: zones, countries: countries)
    }

    @Test func theLadderStandsInOpenHours() throws {
        let house = try TestHouse()
        let director = Step.Action.tell(TestHouse.director, CardPattern("card"))
        var planner = try ladder(
            house,
            [
                step("early", director, at: .limit(.hours(-7))), step("limit", director, at: .limit(.zero)),
                step("start", director, at: .start(.hours(2))), step("never-before", director, at: .limit(.hours(-100))),
                Step(name: "again", action: director, time: .limit(.zero), every: .hours(24), atMost: 2),
            ])
        let opened = try at("2027-01-08T15:00:00Z")
        func due(_ event: Event) -> [String] {
            let facts = Facts(customer: house.customer(), event: event, eventRecord: house.record([:]))
            return planner.candidates(ofEvent: facts, rule: 0).map { "\($0.outreach.key.step) \($0.outreach.dueAt)" }
        }
        #expect(
            due(Event(kind: "complaint", id: "1", customer: "17", at: opened)) == [
                "early 2027-01-08T16:00:00Z", "limit 2027-01-11T14:00:00Z",
                // Spans around the start, and repetitions, pass on the wall.
                "start 2027-01-08T17:00:00Z", "never-before 2027-01-08T15:00:00Z", "again 2027-01-11T14:00:00Z",
                "again#2 2027-01-12T14:00:00Z",
            ])
        // A limit that was fixed when the event was first seen stays; the steps before it count from there.
        let fixed = Event(
            kind: "complaint", id: "1", customer: "17", at: opened, limits: ["complaint-care": try at("2027-01-13T08:30:00Z")])
        #expect(due(fixed).prefix(2) == ["early 2027-01-12T10:30:00Z", "limit 2027-01-13T08:30:00Z"])
    }
}
