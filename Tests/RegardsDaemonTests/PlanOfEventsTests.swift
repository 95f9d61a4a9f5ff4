import RegardsCalendar
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `regards plan` says of events that are open: derived anew by the files as they are, not read from the outbox.
@Suite("A plan of open events")
struct PlanOfEventsTests {
    private static let ladder = """
        complaint-care:
          purpose: care
          when: {event: complaint}
          promise: {answer_within: 24h}
          ends_when: complaint.answered_at is present
          steps:
          - {at: start, send: complaint-received}
          - {at: 6h before limit, tell: manager, card: task-warning}
          - {at: limit, tell: director, card: task-breach, every: 24h, at_most: 2}
        """

    /// A shop whose daemon has seen one complaint, of a minute ago, and a copy of its files.
    private func shops() throws -> (shop: TestShop, before: TestShop) {
        let (shop, before) = (try TestShop(rules: []), try TestShop(rules: []))
        for shop in [shop, before] {
            try shop.addCustomer(1, zone: "Europe/Berlin")
            try shop.rules(PlanOfEventsTests.ladder, file: "complaints")
        }
        try serve(shop)
        try shop.complain(7, customer: 1, at: SystemClock().now() - .minutes(1))
        try serve(shop)
        return (shop, before)
    }

    private func serve(_ shop: TestShop) throws {
        let run = try ChildProcess.run([ChildProcess.regards, "serve", "--once", "--config", shop.file])
        try #require(run.ending.status == 0, "\(run.errors)")
    }

    /// The steps that are told, each behind its sign, verdict or both.
    private func plan(_ shop: TestShop, _ options: String...) throws -> [String] {
        let run = try ChildProcess.run([ChildProcess.regards, "plan", "--config", shop.file] + options)
        try #require(run.ending.status == 0, "\(run.errors)")
        return run.output
    }

    /// `step verdict` of each row.
    private func verdicts(_ shop: TestShop, _ options: String...) throws -> [String] {
        let run = try ChildProcess.run([ChildProcess.regards, "plan", "--csv", "--config", shop.file] + options)
        try #require(run.ending.status == 0, "\(run.errors)")
        return run.output.dropFirst().map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            return "\(fields[3]) \(fields[12])"
        }
    }

    @Test("--against tells of steps that moved, are new, and are gone")
    func against() throws {
        let (shop, before) = try shops()
        #expect(try plan(shop, "--against", before.path) == ["no message is added, moved or removed"])
        try shop.rules(
            PlanOfEventsTests.ladder.replacing("6h before", with: "8h before").replacing(", at_most: 2", with: ", at_most: 1")
                + "\n  - {at: 1h before limit, tell: advisor, card: task-answer}\n",
            file: "complaints")
        let changes = try plan(shop, "--against", before.path)
        #expect(changes.filter { $0.hasPrefix("~") }.map { $0.contains("complaint-care/tell-manager") } == [true])
        #expect(changes.filter { $0.hasPrefix("+") }.map { $0.contains("complaint-care/tell-advisor") } == [true])
        #expect(changes.filter { $0.hasPrefix("-") }.map { $0.contains("complaint-care/tell-director#2") } == [true])
        #expect(changes.last == "complaint-care      1      1        1")
    }

    @Test("what was answered is owed no more, though the daemon has not looked yet")
    func answered() throws {
        let (shop, _) = try shops()
        #expect(try verdicts(shop) == ["tell-manager due", "tell-director due", "tell-director#2 due"])
        try shop.sql("UPDATE complaints SET answered_at = '\(SystemClock().now())'")
        #expect(try verdicts(shop) == [])
        #expect(try verdicts(shop, "--all") == ["tell-manager not due", "tell-director not due", "tell-director#2 not due"])
    }

    @Test("what has ended is told as it ended, and what a new step owes for the past at once")
    func past() throws {
        let (shop, _) = try shops()
        let from = (SystemClock().now() - .hours(1)).description
        #expect(try verdicts(shop, "--from", from).first == "send skipped")
        try shop.rules(
            PlanOfEventsTests.ladder + "\n  - {at: start, send: complaint-survey, name: second}\n", file: "complaints")
        #expect(try verdicts(shop).first == "second due")
    }

    @Test("a rule that the ledger does not know owes nothing for what was there, unless it reaches back")
    func newRule() throws {
        let (shop, _) = try shops()
        let rule = """
            promise-kept:
              purpose: care
              when: {event: complaint}
              promise: {answer_within: 2h}
              ends_when: complaint.answered_at is present
              steps:
              - {at: 1h before limit, tell: manager, card: task-warning}
            """
        try shop.rules(rule + "\n", file: "new")
        #expect(try verdicts(shop, "--rule", "promise-kept") == [])
        try shop.rules(rule + "\n  backfill: 1d\n", file: "new")
        #expect(try verdicts(shop, "--rule", "promise-kept") == ["tell-manager due"])
    }
}
