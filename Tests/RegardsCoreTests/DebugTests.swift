import Foundation
import RegardsCalendar
import RegardsCore
import Testing
@Suite struct DebugTests {
    @Test func debug() throws {
        let env = ProcessInfo.processInfo.environment
        let seed = UInt64(env["S"]!)!
        var world = try JudgingPropertyTests.World(SeededGenerator(state: seed), replacing: env["R"] == "1")
        for r in world.planner.book.rules { print(r.name, r.purpose, r.priority, r.lateness, r.budget, r.insteadOf) }
        for b in world.planner.book.house.limits.budgets { print(b) }
        var seen: [Decision] = []
        for i in world.rows.indices { seen.append(world.planner.judge(world.rows[i].candidate, facts: Facts(customer: world.customer), standing: world.standing, now: world.start, ahead: true)) }
        try world.serve()
        for i in world.rows.indices.sorted(by: { world.rows[$0].candidate.outreach.dueAt < world.rows[$1].candidate.outreach.dueAt }) {
            var bad = false
            switch (seen[i].verdict, world.rows[i].ending) {
            case (.send, .sent(let at)): bad = at != world.rows[i].candidate.outreach.dueAt
            case (.move(let t), .sent(let at)): bad = at != t
            case (.skip, .skipped), (.cancel, .cancelled): bad = false
            default: bad = true
            }
            let e = "\(String(describing: world.rows[i].ending))".replacingOccurrences(of: "Optional(RegardsCoreTests.JudgingPropertyTests.Row.Ending.", with: "")
            print(bad ? "BAD" : "", world.rows[i].candidate.outreach.key.rule, world.rows[i].candidate.outreach.dueAt, world.rows[i].candidate.outreach.expiresAt?.description ?? "-", "|", seen[i].verdict, seen[i].because, "|", e)
        }
    }
}
