import RegardsCore
import Testing

@testable import RegardsDaemon

@Suite("Which refusals say that a mailbox is dead")
struct BounceTests {
    @Test(arguments: [
        ("550 5.1.1 no such user", true), ("550 5.1.2 bad domain", true), ("556 5.1.10 null MX", true),
        ("550 5.2.1 closed for good", true), ("550 sorry (#5.1.1)", true), ("550 relay not permitted", false),
        ("553 sorry, not for you (#5.7.1)", false), ("550 5.7.1 blocked", false), ("552 5.2.2 mailbox full", false), ("", false),
    ])
    func refusals(reply: String, isDead: Bool) {
        let report = AttemptReport(.refused(.recipientRefused), code: 550, detail: reply)
        #expect(report.isBadMailbox == isDead)
    }
}
