import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

@Suite struct OutboxPauseTests {
    /// Rows of two rules and customers, all held for one reason.
    private func held(_ reason: HoldReason = .paused) throws -> Ledger {
        let ledger = try Ledger()
        let ids = try ledger.claim([
            .row("1"), .row("2"), .row("1", rule: "monthly"), .row("1", rule: "care"), .row("3", expires: noon + .hours(1)),
        ])
        try ledger.outbox.commit(GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .held(reason)) }))
        return ledger
    }

    private func planned(_ ledger: Ledger) throws -> [String] {
        try ledger.outbox.list(OutreachFilter(states: [.planned]), limit: 100, after: 0)
            .map { "\($0.key.rule)/\($0.key.customer)" }.sorted()
    }

    @Test func whatIsPausedIsListedUntilItIsOver() throws {
        let ledger = try Ledger()
        let first = try ledger.outbox.addPause(.rule("birthday"), until: noon + .hours(1), reason: "wrong card", now: noon)
        let second = try ledger.outbox.addPause(.purpose(.marketing), until: nil, reason: "", now: noon)
        #expect(first == Pause(id: 1, scope: .rule("birthday"), since: noon, until: noon + .hours(1), reason: "wrong card"))
        #expect(try ledger.outbox.pauses(at: noon + .hours(1) - .seconds(1)) == [first, second])
        #expect(try ledger.outbox.pauses(at: noon + .hours(1)) == [second])
        #expect(try ledger.outbox.liftPause(second.id, now: noon + .hours(2)))
        #expect(try ledger.outbox.pauses(at: noon + .hours(2)).isEmpty)
        #expect(try !ledger.outbox.liftPause(second.id, now: noon + .hours(3)))
        #expect(try !ledger.outbox.liftPause(first.id, now: noon + .hours(3)))
        #expect(try !ledger.outbox.liftPause(99, now: noon))
    }

    @Test func aPauseSurvivesARestart() throws {
        var ledger = try Ledger()
        let pauses = try [Pause.Scope.all, .rule("birthday"), .customer("1"), .purpose(.survey)].map {
            try ledger.outbox.addPause($0, until: noon + .days(9), reason: "holidays", now: noon)
        }
        _ = try ledger.restart()
        #expect(try ledger.outbox.pauses(at: noon) == pauses)
    }

    @Test func aPauseFollowsItsRuleToANewName() throws {
        let ledger = try Ledger(rules: ["birthday"])
        _ = try ledger.outbox.addPause(.rule("birthday"), until: nil, reason: "", now: noon)
        _ = try ledger.outbox.adoptRules(
            [RuleAdoption(name: "birthday-card", hash: 1, formerly: ["birthday"])], now: noon)
        #expect(try ledger.outbox.pauses(at: noon).map(\.scope) == [.rule("birthday-card")])
    }

    static let stillHeld: [([Pause.Scope], planned: [String])] = [
        ([], ["birthday/1", "birthday/2", "birthday/3", "care/1", "monthly/1"]), ([.all], []),
        ([.rule("birthday")], ["care/1", "monthly/1"]), ([.customer("1")], ["birthday/2", "birthday/3"]),
        ([.purpose(.greeting)], ["care/1"]), ([.rule("birthday"), .purpose(.care)], ["monthly/1"]),
    ]

    @Test(arguments: stillHeld)
    func onlyWhatNothingPausesIsReleased(_ scopes: [Pause.Scope], planned: [String]) throws {
        let ledger = try held()
        for scope in scopes { _ = try ledger.outbox.addPause(scope, until: nil, reason: "", now: noon) }
        _ = try ledger.outbox.addPause(.all, until: noon, reason: "over", now: noon - .hours(1))
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .paused, now: noon) == planned.count)
        #expect(try self.planned(ledger) == planned)
        let before = try ledger.totalChanges()
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .paused, now: noon) == 0)
        #expect(try ledger.totalChanges() == before)
    }

    @Test func approvalReleasesOneRule() throws {
        let ledger = try held(.approval)
        #expect(try ledger.outbox.releaseHeld(rule: "birthday", reason: .guardDay, now: noon) == 0)
        #expect(try ledger.outbox.releaseHeld(rule: "birthday", reason: .approval, now: noon) == 3)
        #expect(try planned(ledger) == ["birthday/1", "birthday/2", "birthday/3"])
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .approval, now: noon) == 2)
    }

    @Test func theGuardOfTheDayReleasesAll() throws {
        let ledger = try held(.guardDay)
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .guardDay, now: noon) == 5)
        #expect(try ledger.outbox.counts(endedSince: noon).heldByReason.isEmpty)
    }

    /// A long pause is resumed in several transactions, so that the send loop gets its turn.
    @Test func manyAreReleasedInBatches() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim((0..<4500).map { .row("customer-\($0)", rule: $0 % 2 == 0 ? "birthday" : "monthly") })
        try ledger.outbox.commit(GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .held(.paused)) }))
        _ = try ledger.outbox.addPause(.rule("monthly"), until: nil, reason: "", now: noon)
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .paused, now: noon) == 2250)
        #expect(try ledger.outbox.list(OutreachFilter(states: [.held]), limit: 5000, after: 0).count == 2250)
    }

    @Test func whatIsHeldByAPauseExpiresAsAnythingHeld() throws {
        let ledger = try held()
        _ = try ledger.outbox.addPause(.all, until: nil, reason: "", now: noon)
        #expect(try ledger.outbox.expireHeld(now: noon + .hours(1)) == 1)
        #expect(try ledger.outbox.counts(endedSince: noon)[.skipped] == 1)
    }

    @Test func aCommandPausesBesideTheDaemon() throws {
        let ledger = try Ledger()
        let ids = try ledger.claim([.row("1"), .row("2")])
        #expect(try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: ids[0])])).isEmpty)
        let command = try SQLiteOutbox.openForCommand(path: ledger.path, access: .write)
        let pause = try command.addPause(.all, until: nil, reason: "stop", now: noon)
        // What is on its way is recorded; what was claimed before goes no more.
        let group = GroupCommit(now: noon, marks: [SendMark(id: ids[1])], endings: [Ending(id: ids[0], .sent)])
        #expect(try ledger.outbox.commit(group) == CommitReport(refused: [RefusedMark(ids[1], .paused)]))
        #expect(try command.liftPause(pause.id, now: noon))
        // The decision that did not know of the pause is not asked again at once.
        #expect(try ledger.claimAll(now: noon + .seconds(1)).isEmpty)
        _ = try ledger.claimAll(now: noon + .seconds(2))
        #expect(try ledger.outbox.commit(GroupCommit(now: noon + .seconds(2), marks: [SendMark(id: ids[1])])).isEmpty)
    }

    @Test func aCustomersPauseLeavesStaffOfCareAlone() throws {
        let ledger = try Ledger()
        let rows: [PlannedOutreach] = [
            .row("1", rule: "care"), .row("1", rule: "care", step: "tell-advisor", recipient: "advisor/0"),
            .row("1", rule: "care", step: "list-calls", recipient: "advisor/0", channel: .list("calls")),
            .row("1", step: "tell-advisor", recipient: "advisor/0"),
        ]
        let ids = try ledger.claim(rows)
        let pause = try ledger.outbox.addPause(.customer("1"), until: nil, reason: "", now: noon)
        let report = try ledger.outbox.commit(GroupCommit(now: noon, marks: ids.map { SendMark(id: $0) }))
        #expect(report == CommitReport(refused: [ids[0], ids[2], ids[3]].map { RefusedMark($0, .paused) }))
        // Held by another pause that is over, only the row of staff is released while this one lasts.
        try ledger.outbox.commit(GroupCommit(now: noon, endings: [Ending(id: ids[1], .held(.paused))]))
        #expect(try ledger.outbox.releaseHeld(rule: nil, reason: .paused, now: noon) == 1)
        #expect(try ledger.outbox.liftPause(pause.id, now: noon))
    }

    /// Another program, in a process of its own, while the daemon holds its lock.
    @Test func anotherProcessPausesTheVeryNextMessage() throws {
        guard TemporaryFolder.run(["python3", "-c", "import sqlite3"]) == 0 else {
            return print("skipped: no python3 with sqlite3 for a second process")
        }
        let ledger = try Ledger()
        let ids = try ledger.claim((0..<10).map { .row("\($0)") })
        let pause = """
            import sqlite3, sys
            state = sqlite3.connect(sys.argv[1], timeout=10)
            with state: state.execute("INSERT INTO pauses (scope, since) VALUES ('all', 0)")
            """
        for (index, id) in ids.enumerated() {
            if index == 4 { #expect(TemporaryFolder.run(["python3", "-c", pause, ledger.path]) == 0) }
            let report = try ledger.outbox.commit(GroupCommit(now: noon, marks: [SendMark(id: id)]))
            #expect(report.refused == (index < 4 ? [] : [RefusedMark(id, .paused)]))
        }
    }
}
