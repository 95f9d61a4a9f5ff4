import RegardsCalendar
import RegardsCore
import Testing

@Suite struct PlanWindowTests {
    let firstSeen: Instant
    let now: Instant
    init() throws {
        firstSeen = try at("2027-01-10T12:00:00Z")
        now = try at("2027-05-05T12:00:00Z")
    }

    func window(_ lateness: Lateness, backfill: Backfill = .none, plannedThrough: String, now: String) throws -> PlanWindow {
        var rule = anniversaryRule(at: try time("09:00"), lateness: lateness)
        rule.backfill = backfill
        return PlanWindow(rule: rule, firstSeen: firstSeen, plannedThrough: try at(plannedThrough), now: try at(now))
    }

    @Test func aPassReaches26HoursAhead() throws {
        let window = try window(.untilMidnight, plannedThrough: "2027-05-06T12:00:00Z", now: "2027-05-05T12:00:00Z")
        #expect(window.through == now + .hours(26))
        #expect(window.plannedThrough == (try at("2027-05-06T12:00:00Z")))
    }

    @Test(arguments: [
        (Lateness.untilMidnight, "2027-05-04T11:00:00Z"), (.grace(.hours(10)), "2027-05-05T02:00:00Z"),
        (.grace(.days(3)), "2027-05-02T12:00:00Z"), (.forever, "2027-05-04T11:00:00Z"), (.grace(.zero), "2027-05-05T12:00:00Z"),
    ])
    func itReachesBackAsFarAsAMessageMayBeLate(lateness: Lateness, expected: String) throws {
        let window = try window(lateness, plannedThrough: "2027-05-06T13:00:00Z", now: "2027-05-05T12:00:00Z")
        #expect(window.from == (try at(expected)))
    }

    @Test func afterAFailureItBeginsWhereTheLastPassEnded() throws {
        let window = try window(.grace(.hours(10)), plannedThrough: "2027-03-01T00:00:00Z", now: "2027-05-05T12:00:00Z")
        #expect(window.from == (try at("2027-03-01T00:00:00Z")))
    }

    @Test(arguments: [
        // (backfill, lateness, now, from)
        (Backfill.none, Lateness.untilMidnight, "2027-01-10T12:00:00Z", "2027-01-10T12:00:00Z"),
        (.none, .grace(.days(3)), "2027-01-11T12:00:00Z", "2027-01-10T12:00:00Z"),
        (.since(.days(1)), .untilMidnight, "2027-01-10T12:00:00Z", "2027-01-09T12:00:00Z"),
        (.since(.days(60)), .forever, "2027-01-10T12:00:00Z", "2026-11-11T12:00:00Z"),
        (.all, .untilMidnight, "2027-01-10T12:00:00Z", "2027-01-09T11:00:00Z"),
        (.all, .grace(.days(9)), "2027-01-10T12:00:00Z", "2027-01-01T12:00:00Z"),
    ])
    func theFirstPassObeysTheBaseline(backfill: Backfill, lateness: Lateness, now: String, expected: String) throws {
        let window = try window(lateness, backfill: backfill, plannedThrough: "2027-01-10T12:00:00Z", now: now)
        #expect(window.from == (try at(expected)))
        #expect(window.plannedThrough == firstSeen)
    }

    @Test func laterPassesDoNotReachForTheBackfillAgain() throws {
        let window = try window(.forever, backfill: .since(.days(60)), plannedThrough: "2027-01-11T14:00:00Z", now: "2027-01-10T13:00:00Z")
        #expect(window.from == (try at("2027-01-09T12:00:00Z")))
    }

    @Test func aClockSetBackBeforeTheBaselineGivesAnEmptyWindow() throws {
        let window = try window(.untilMidnight, plannedThrough: "2027-01-10T12:00:00Z", now: "1970-01-01T00:00:10Z")
        #expect(window.from == window.through)
        let house = try TestHouse()
        var planner = try house.planner(anniversaryRule(at: time("09:00")))
        let customer = house.customer(birthday: "1980-01-01")
        let found = planner.zone(of: customer)
        let zone = try #require(found)
        planner.candidates(of: customer, zone: zone, rule: 0, in: window) { candidate in
            Issue.record("nothing is due: \(candidate)")
        }
    }

    // MARK: What a pass writes

    @Test func aRowIsWrittenForWhatWillGoOrWait() throws {
        let house = try TestHouse()
        let rule = anniversaryRule(at: try time("09:00"), lateness: .grace(.hours(10)))
        var planner = try house.planner(rule)
        let customer = house.customer(birthday: "1980-05-05")
        let candidate = try #require(try planner.owed(customer, in: 2027).first)
        let due = candidate.outreach.dueAt
        func writes(_ facts: Facts, now: Instant, plannedThrough: Instant) -> Bool {
            let window = PlanWindow(from: due - .days(9), through: now + .hours(26), plannedThrough: plannedThrough)
            return Decision.make(candidate, facts, planner.book, now: max(now, due))
                .writesRow(candidate.outreach, in: window, now: now)
        }
        let facts = Facts(customer: customer)
        #expect(writes(facts, now: due - .hours(3), plannedThrough: due - .days(1)))
        #expect(writes(facts, now: due + .hours(10) - 1, plannedThrough: due + .hours(20)))
        #expect(writes(Facts(customer: customer, openEvents: [0]), now: due, plannedThrough: due))
        // Late by now: only when no pass before could have planned it in time.
        #expect(writes(facts, now: due + .hours(10), plannedThrough: due))
        #expect(writes(facts, now: due + .hours(10), plannedThrough: due - 1))
        #expect(!writes(facts, now: due + .hours(10), plannedThrough: due + 1))
        // Not owed at all.
        let silent = house.customer(birthday: "1980-05-05", more: [.doNotContact: "1"])
        #expect(!writes(Facts(customer: silent), now: due, plannedThrough: due))
        #expect(!writes(Facts(customer: silent), now: due + .days(2), plannedThrough: due))
    }
}
