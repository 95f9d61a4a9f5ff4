import RegardsCore
import Testing

@testable import RegardsDelivery

/// The dialogue as a value: every turn of it is a plain call.
@Suite("SMTP dialogue")
struct SMTPDialogueTests {
    private let all = SMTPCapabilities(pipelining: true, eightBitMIME: true, utf8: true, mechanisms: [], sizeLimit: 0)
    private let bare = SMTPCapabilities()

    private func show(_ step: SMTPDialogue.Step) -> String {
        switch step {
        case .wait: "wait"
        case .write(let text): text.replacing("\r\n", with: "|")
        case .writeBody(let body): "body " + String(decoding: body.bytes, as: UTF8.self).replacing("\r\n", with: "|")
        case .ended(let report, let session): "\(report.outcome) \(report.code) \(session)"
        case .again(let session): "again \(session)"
        }
    }

    private func begin(_ dialogue: inout SMTPDialogue) throws -> String {
        show(dialogue.begin(try Fixture.mail(from: "a@x.example", to: "b@y.example", body: "Hi\r\n")))
    }

    private func reply(_ dialogue: inout SMTPDialogue, _ code: Int) -> String {
        show(dialogue.reply(SMTPReply(code: code, text: "")))
    }

    @Test func oneCommandAtATime() throws {
        var dialogue = SMTPDialogue(capabilities: bare)
        #expect(try begin(&dialogue) == "MAIL FROM:<a@x.example>|")
        #expect(reply(&dialogue, 250) == "RCPT TO:<b@y.example>|")
        #expect(reply(&dialogue, 250) == "DATA|")
        #expect(!dialogue.isSendingBody)
        #expect(reply(&dialogue, 354) == "body Hi|.|")
        #expect(dialogue.isSendingBody)
        #expect(reply(&dialogue, 250) == "delivered 250 kept")
        #expect(!dialogue.isBusy)
        #expect(dialogue.served == 1)
    }

    @Test func allTogether() throws {
        var dialogue = SMTPDialogue(capabilities: all)
        #expect(try begin(&dialogue) == "MAIL FROM:<a@x.example> SIZE=4|RCPT TO:<b@y.example>|DATA|")
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 354) == "body Hi|.|")
        #expect(reply(&dialogue, 250) == "delivered 250 kept")
    }

    @Test func aRefusalIsResetWithTheNextMessage() throws {
        var dialogue = SMTPDialogue(capabilities: all)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 550) == "wait")
        #expect(reply(&dialogue, 503) == "refused(RegardsCore.RefusalReason.recipientRefused) 550 kept")
        #expect(try begin(&dialogue) == "RSET|MAIL FROM:<a@x.example> SIZE=4|RCPT TO:<b@y.example>|DATA|")
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 354) == "body Hi|.|")
        #expect(reply(&dialogue, 250) == "delivered 250 kept")
        #expect(try begin(&dialogue).hasPrefix("MAIL"))
    }

    @Test func withoutPipeliningNothingFollowsARefusal() throws {
        var dialogue = SMTPDialogue(capabilities: bare)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 451) == "deferred(RegardsCore.DeferralReason.temporary, notBefore: nil) 451 kept")
        #expect(try begin(&dialogue) == "RSET|")
        #expect(reply(&dialogue, 250) == "MAIL FROM:<a@x.example>|")
    }

    @Test func aSessionThatCannotBeResetEnds() throws {
        var dialogue = SMTPDialogue(capabilities: bare)
        _ = try begin(&dialogue)
        _ = reply(&dialogue, 451)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 500) == "deferred(RegardsCore.DeferralReason.connectionLost, notBefore: nil) 500 closed")
    }

    @Test func dataAcceptedAfterARefusal() throws {
        var dialogue = SMTPDialogue(capabilities: all)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 250) == "wait")
        #expect(reply(&dialogue, 550) == "wait")
        #expect(reply(&dialogue, 354) == ".|")
        #expect(!dialogue.isSendingBody)
        #expect(reply(&dialogue, 554) == "refused(RegardsCore.RefusalReason.recipientRefused) 550 kept")
    }

    @Test func theFirstRefusalIsTheVerdictAlsoWhenTheSessionEnds() throws {
        var dialogue = SMTPDialogue(capabilities: all)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 550) == "wait")
        #expect(reply(&dialogue, 421) == "refused(RegardsCore.RefusalReason.senderRefused) 550 closed")

        var other = SMTPDialogue(capabilities: all)
        _ = try begin(&other)
        #expect(reply(&other, 250) == "wait")
        #expect(reply(&other, 550) == "wait")
        #expect(other.lost(.connection)?.outcome == .refused(.recipientRefused))
        #expect(other.lost(.connection) == nil)
    }

    @Test func anEarlyAnswerIsTheEndOfTheSession() throws {
        for (code, shown) in [
            (552, "refused(RegardsCore.RefusalReason.tooLarge) 552 closed"),
            (451, "deferred(RegardsCore.DeferralReason.temporary, notBefore: nil) 451 closed"),
            (250, "deferred(RegardsCore.DeferralReason.connectionLost, notBefore: nil) 250 closed"),
        ] {
            var dialogue = SMTPDialogue(capabilities: bare)
            _ = try begin(&dialogue)
            for code in [250, 250, 354] { _ = reply(&dialogue, code) }
            #expect(show(dialogue.reply(SMTPReply(code: code, text: ""), bodyPending: true)) == shown)
        }
    }

    @Test(arguments: [
        (SMTPDialogue.Loss.connection, false, Outcome.deferred(.connectionLost, notBefore: nil)),
        (.connection, true, .inDoubt(.connectionLost)),
        (.timeout, false, .deferred(.connectionLost, notBefore: nil)),
        (.timeout, true, .inDoubt(.timeout)),
        (.stopped, false, .deferred(.shutdown, notBefore: nil)),
        (.stopped, true, .inDoubt(.shutdown)),
    ])
    func aLostSession(loss: SMTPDialogue.Loss, handedOver: Bool, outcome: Outcome) throws {
        var dialogue = SMTPDialogue(capabilities: bare)
        #expect(dialogue.lost(loss) == nil)
        _ = try begin(&dialogue)
        for code in [250, 250, 354] { _ = reply(&dialogue, code) }
        if handedOver { dialogue.bodyHandedOver() }
        #expect(dialogue.lost(loss)?.outcome == outcome)
        #expect(!dialogue.isBusy)
    }

    /// The dot of one message says nothing about the next.
    @Test func handingOverIsForgotten() throws {
        var dialogue = SMTPDialogue(capabilities: bare)
        _ = try begin(&dialogue)
        for code in [250, 250, 354] { _ = reply(&dialogue, code) }
        dialogue.bodyHandedOver()
        _ = reply(&dialogue, 250)
        _ = try begin(&dialogue)
        #expect(!dialogue.handedOver)
        #expect(dialogue.lost(.connection)?.outcome == .deferred(.connectionLost, notBefore: nil))
    }

    @Test func whatTheRelayCannotCarry() throws {
        let utf8 = try Fixture.mail(to: "grüße@example.net")
        var old = SMTPDialogue(capabilities: SMTPCapabilities(eightBitMIME: true, sizeLimit: 10))
        #expect(show(old.begin(utf8)) == "refused(RegardsCore.RefusalReason.addressNeedsUTF8) 0 kept")
        #expect(show(old.begin(try Fixture.mail(body: "123456789\r\n"))) == "refused(RegardsCore.RefusalReason.tooLarge) 0 kept")
        #expect(!old.isBusy)
        #expect(show(old.begin(try Fixture.mail(body: "12345678"))).hasPrefix("MAIL FROM:<shop@example.com> SIZE=10|"))

        var new = SMTPDialogue(capabilities: all)
        #expect(show(new.begin(utf8)).hasPrefix("MAIL FROM:<shop@example.com> SIZE=39 SMTPUTF8|"))
    }

    // MARK: - Behind the final dot

    /// A dialogue whose first message was taken and whose second is with the relay.
    private func atTheSecondDot(_ capabilities: SMTPCapabilities) throws -> SMTPDialogue {
        var dialogue = SMTPDialogue(capabilities: capabilities)
        for message in 1...2 {
            _ = try begin(&dialogue)
            for code in [250, 250, 354] { _ = reply(&dialogue, code) }
            #expect(dialogue.takesNext == (message == 2 && capabilities.pipelining))
            dialogue.bodyHandedOver()
            if message == 1 { #expect(reply(&dialogue, 250) == "delivered 250 kept") }
        }
        return dialogue
    }

    private let group = "MAIL FROM:<a@x.example> SIZE=4|RCPT TO:<b@y.example>|DATA|"
    private let senderRefused = "refused(RegardsCore.RefusalReason.senderRefused) 550 kept"

    @Test func theNextMessageStandsForItself() throws {
        for (code, shown) in [(250, "delivered 250 kept"), (554, "refused(RegardsCore.RefusalReason.messageRefused) 554 kept")] {
            var dialogue = try atTheSecondDot(all)
            #expect(try begin(&dialogue) == group)
            #expect(!dialogue.takesNext)
            #expect(reply(&dialogue, code) == shown)
            #expect(dialogue.isBusy && !dialogue.handedOver && dialogue.isUntouched)
            #expect(reply(&dialogue, 250) == "wait")
            #expect(!dialogue.isUntouched)
            #expect(reply(&dialogue, 250) == "wait")
            #expect(reply(&dialogue, 354) == "body Hi|.|")
            #expect(dialogue.takesNext)
            dialogue.bodyHandedOver()
            #expect(reply(&dialogue, 250) == "delivered 250 kept")
            #expect(!dialogue.isBusy && dialogue.served == 3)
        }
    }

    @Test func nothingGoesBehindWithoutPipelining() throws {
        #expect(try !atTheSecondDot(bare).takesNext)
    }

    /// What the relay cannot carry changes nothing about the message that is under way.
    @Test func whatCannotGoBehind() throws {
        var dialogue = try atTheSecondDot(SMTPCapabilities(pipelining: true))
        let utf8 = try Fixture.mail(to: "grüße@example.net")
        #expect(show(dialogue.begin(utf8)) == "refused(RegardsCore.RefusalReason.addressNeedsUTF8) 0 kept")
        #expect(dialogue.takesNext)
        #expect(reply(&dialogue, 250) == "delivered 250 kept")
        #expect(!dialogue.isBusy)
    }

    /// The refusal may be for the place behind the dot: the message gets another try by itself before it counts.
    @Test func aSenderRefusedBehindTheDotIsAskedForAgain() throws {
        var dialogue = try atTheSecondDot(all)
        _ = try begin(&dialogue)
        #expect(reply(&dialogue, 250) == "delivered 250 kept")
        #expect(reply(&dialogue, 550) == "wait")
        #expect(dialogue.isUntouched)
        #expect(reply(&dialogue, 503) == "wait")
        #expect(reply(&dialogue, 503) == "again kept")
        #expect(!dialogue.isBusy)
        #expect(try begin(&dialogue) == "RSET|" + group)
        _ = reply(&dialogue, 250)
        #expect(reply(&dialogue, 550) == "wait")
        #expect(reply(&dialogue, 503) == "wait")
        #expect(reply(&dialogue, 503) == senderRefused)
    }

    @Test func refusedBehindTheDotAndLost() throws {
        var dialogue = try atTheSecondDot(all)
        _ = try begin(&dialogue)
        _ = reply(&dialogue, 250)
        _ = reply(&dialogue, 550)
        #expect(reply(&dialogue, 421) == "again closed")
        #expect(!dialogue.isBusy)
    }

    /// The first is in doubt, the other was never touched.
    @Test func bothAreLost() throws {
        var dialogue = try atTheSecondDot(all)
        _ = try begin(&dialogue)
        #expect(!dialogue.isUntouched)
        #expect(dialogue.lost(.connection)?.outcome == .inDoubt(.connectionLost))
        #expect(dialogue.isUntouched)
        #expect(dialogue.lost(.connection)?.outcome == .deferred(.connectionLost, notBefore: nil))
        #expect(!dialogue.isBusy)
    }
}
