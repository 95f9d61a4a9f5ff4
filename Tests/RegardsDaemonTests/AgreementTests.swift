import RegardsTestSupport
import Testing

/// `serve` under a virtual clock, `plan`, and a computation of its own in Python agree on who is owed what: for a
/// made-up shop in which customers come, go and change their minds, events move, clocks change, and the daemon is down
/// now and then. `make test-agreement` does the same for 10,000 customers and two years.
@Suite("Agreement with Python")
struct AgreementTests {
    @Test("a hundred customers, half a year: every message, to the second", .timeLimit(.minutes(60)))
    func agree() throws {
        // A new shop each time.
        let seed = SeededGenerator.seed() % 1_000_000
        let result = try ChildProcess.run(
            [
                TestTools.root + "/Tests/Agreement/agree", ChildProcess.product("AgreementTest"), "--seed", "\(seed)",
                "--customers", "100", "--days", "180",
            ], seconds: 3000)
        #expect(result.ending.status == 0, "seed \(seed)\n\((result.output + result.errors).joined(separator: "\n"))")
    }
}
