import GRDB
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxReadingTests {
    /// 1 sent, 2 held, 3 skipped, 4 planned, 5 planned tomorrow.
    private func filled() throws -> Ledger {
        let ledger = try Ledger()
        try ledger.plan([
            .row("1"), .row("2"), .row("3", rule: "monthly"), .row("3", due: noon + .hours(1)),
            .row("3", rule: "monthly", occasion: "2027-05-05", due: noon + .hours(24)),
        ])
        let ids = try ledger.claimAll().map(\.id)
        try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[0])]))
        try ledger.outbox.commit(
            GroupCommit(
                now: noon,
                endings: [
                    Ending(id: ids[0], .sent), Ending(id: ids[1], .held(.eventOpen(kind: "complaint"))),
                    Ending(id: ids[2], .skipped(.late)),
                ]))
        return ledger
    }

    @Test func listsByFilter() throws {
        let outbox = try filled().outbox
        func ids(_ filter: OutreachFilter, limit: Int = 100, after: Int64 = 0) throws -> [Int64] {
            try outbox.list(filter, limit: limit, after: after).map(\.id)
        }
        #expect(try ids(OutreachFilter()) == [1, 2, 3, 4, 5])
        #expect(try ids(OutreachFilter(), limit: 2, after: 1) == [2, 3])
        #expect(try ids(OutreachFilter(states: [.planned, .held])) == [2, 4, 5])
        #expect(try ids(OutreachFilter(states: [.planned, .held]), limit: 1, after: 2) == [4])
        #expect(try ids(OutreachFilter(states: [.sent, .planned])) == [1, 4, 5])
        #expect(try ids(OutreachFilter(states: [])) == [])
        #expect(try ids(OutreachFilter(rule: "monthly")) == [3, 5])
        #expect(try ids(OutreachFilter(rule: "nameless")) == [])
        #expect(try ids(OutreachFilter(customer: "3")) == [3, 4, 5])
        #expect(try ids(OutreachFilter(states: [.planned], rule: "monthly", customer: "3")) == [5])
        #expect(try ids(OutreachFilter(due: noon..<(noon + .hours(24)))) == [1, 2, 3, 4])
        #expect(try ids(OutreachFilter(states: [.planned], due: (noon + .hours(24))..<(noon + .hours(25)))) == [5])
    }

    @Test func showsTheNewestOfACustomerFirst() throws {
        let outbox = try filled().outbox
        #expect(try outbox.history(customer: "3", limit: 10).map(\.id) == [5, 4, 3])
        #expect(try outbox.history(customer: "3", limit: 1).map(\.id) == [5])
        #expect(try outbox.history(customer: "9", limit: 10).isEmpty)
    }

    @Test func counts() throws {
        let outbox = try filled().outbox
        let counts = try outbox.counts(endedSince: noon)
        #expect(counts.byState == [.planned: 2, .held: 1, .sent: 1, .skipped: 1])
        #expect(counts.heldByReason == ["open:complaint": 1] && counts[.failed] == 0)
        #expect(try outbox.counts(endedSince: noon + .seconds(1)).byState == [.planned: 2, .held: 1])
        #expect(try outbox.dueCount(until: noon + .hours(1)) == 0)
        #expect(try outbox.dueCount(until: noon + .hours(24)) == 1)
        #expect(try outbox.dueCount(until: noon + .hours(25)) == 2)
    }

    @Test func showsNothingForNoRow() throws {
        #expect(try filled().outbox.show(99) == nil)
    }

    @Test func aValueThatMeansNothingIsDamage() throws {
        let ledger = try filled()
        try ledger.outbox.write { try $0.execute(sql: "UPDATE outreach SET channel = 'pigeon' WHERE id = 2") }
        #expect(throws: OutboxError.damaged(path: ledger.path, detail: "outreach 2 holds a value that means nothing")) {
            try ledger.all()
        }
    }

    /// A listing never waits for the writer, and sees what was committed.
    @Test func readsBesideAWriteTransaction() throws {
        let ledger = try filled()
        try ledger.outbox.write { database in
            try database.execute(sql: "UPDATE outreach SET reason = 'x'")
            #expect(try ledger.row(4).reason == "")
        }
        #expect(try ledger.row(4).reason == "x")
    }

    @Test func heldRowsAreListedByReason() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim((0..<6).map { .row("\($0)") })
        let reasons: [HoldReason] = [
            .paused, .eventOpen(kind: "complaint"), .inDoubt, .eventOpen(kind: "return"), .paused, .approval,
        ]
        try ledger.outbox.commit(
            GroupCommit(now: noon, endings: zip(ids, reasons).map { Ending(id: $0, .held($1)) }))
        func held(_ reason: String, customer: String? = nil, limit: Int = 10, after: Int64 = 0) throws -> [Int64] {
            let filter = OutreachFilter(states: [.sent], customer: customer, heldFor: reason)
            return try ledger.outbox.list(filter, limit: limit, after: after).map(\.id)
        }
        #expect(try held("open:") == [ids[1], ids[3]])
        #expect(try held("open:complaint") == [ids[1]])
        #expect(try held("paused") == [ids[0], ids[4]])
        #expect(try held("paused", after: ids[0]) == [ids[4]])
        #expect(try held("paused", limit: 1) == [ids[0]])
        #expect(try held("paused", customer: "4") == [ids[4]])
        #expect(try held("unheard-of").isEmpty)
    }
}
