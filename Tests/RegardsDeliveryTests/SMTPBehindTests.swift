import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// The next message's commands behind the final dot of the one before (RFC 2920 3.1), and all that can go wrong there.
@Suite("SMTP messages behind the final dot")
struct SMTPBehindTests {
    /// Sends a first message, which shows that the relay keeps its session, then a second, and a third behind it.
    private func threeMessages(
        _ wire: Wire, _ script: KeyValuePairs<String, String>, quickAnswer: TimeSpan = .seconds(20),
        replyTimeout: TimeSpan = .seconds(20), secondBody: String = body(2)
    ) throws -> (FaultCase, second: Ticket, third: Ticket) {
        var all = script.map { ($0.key, $0.value) }
        all.append(("DATA#2", "hold:354 go ahead"))
        let one = try FaultCase(wire, pairs: all, replyTimeout: replyTimeout, quickAnswer: quickAnswer)
        try one.probe.open()
        #expect(try one.send(id: "1@x").outcome == .delivered)
        let second = one.probe.start(try Fixture.mail(to: "second@example.net", id: "2@x", body: secondBody))
        try one.server.awaitHold("DATA")
        let third = one.probe.start(try Fixture.mail(to: "third@example.net", id: "3@x", body: Self.body(3)))
        one.server.go()
        return (one, second, third)
    }

    private static func body(_ number: Int) -> String { "Subject: Greetings\r\n\r\nNumber \(number)\r\n" }

    /// How often a message came whole.
    private func count(_ number: Int, _ server: ScriptedSMTPServer) -> Int {
        server.bodies.count { $0 == Array(Self.body(number).utf8) }
    }

    @Test(arguments: Wire.allCases)
    func oneGroupForTheDotAndTheNext(wire: Wire) throws {
        let (one, second, third) = try threeMessages(wire, [:])
        #expect(try second.report() == AttemptReport(.delivered, code: 250, detail: "250 2.0.0 taken"))
        #expect(try third.report().outcome == .delivered)
        #expect(one.server.sessions == 1)
        // Over TLS the commands are a record of their own, which may come later.
        if wire == .plain { #expect(one.server.behind == 1) }
        #expect(one.server.commands(1).count { $0 == "RSET" } == 0)
        #expect(count(2, one.server) == 1 && count(3, one.server) == 1)
        try one.probe.close()
    }

    /// It does not have to be there when the dot goes out.
    @Test func aMessageThatComesWhileTheAnswerIsAwaited() throws {
        let one = try FaultCase(.plain, [".#2": "hold:250 taken"], quickAnswer: .seconds(20))
        try one.probe.open()
        #expect(try one.send(id: "1@x").outcome == .delivered)
        let second = one.probe.start(try Fixture.mail(id: "2@x", body: Self.body(2)))
        try one.server.awaitHold(".")
        let third = one.probe.start(try Fixture.mail(id: "3@x", body: Self.body(3)))
        // The thread answers at the beginning of a turn: at the second answer it has made one since the message came.
        let answers = EventLog<Int>()
        for number in 1...2 {
            one.probe.channel.ping { answers.add(number) }
            try answers.await("answer \(number)") { $0.last == number ? () : nil }
        }
        one.server.go()
        #expect(try second.report().outcome == .delivered)
        #expect(try third.report().outcome == .delivered)
        #expect(one.server.behind == 1 && one.server.sessions == 1)
        try one.probe.close()
    }

    @Test func aRelayThatIsSlowGetsNothingAhead() throws {
        let (one, second, third) = try threeMessages(.plain, [:], quickAnswer: .zero)
        #expect(try second.report().outcome == .delivered)
        #expect(try third.report().outcome == .delivered)
        #expect(one.server.behind == 0)
        try one.probe.close()
    }

    /// Whatever is said to one message says nothing about the other.
    @Test(arguments: Wire.allCases)
    func refusals(wire: Wire) throws {
        let (one, second, third) = try threeMessages(
            wire, [".#2": "reply:554 5.6.0 not this one", "RCPT#3": "reply:550 5.1.1 nobody", "DATA#3": "reply:503 no recipient"])
        #expect(try second.report().outcome == .refused(.messageRefused))
        #expect(try third.report() == AttemptReport(.refused(.recipientRefused), code: 550, detail: "550 5.1.1 nobody"))
        #expect(try one.send(id: "4@x").outcome == .delivered)
        #expect(one.server.sessions == 1)
        #expect(one.server.commands(1).contains("RSET"))
        #expect(count(3, one.server) == 0)
        try one.probe.close()
    }

    /// The third goes at once by another session, as if nothing had been.
    @Test(arguments: Wire.allCases, [
        ("reply-close:421 busy", Outcome.deferred(.relayBusy, notBefore: pauseAfterLoss)),
        ("reply-close:250 taken", .delivered), ("close", .inDoubt(.connectionLost)), ("reset", .inDoubt(.connectionLost)),
    ])
    func theSessionEndsAtTheDot(wire: Wire, end: (String, Outcome)) throws {
        let (one, second, third) = try threeMessages(wire, [".#2": end.0])
        let report = try second.report()
        // A server that closes with unread bytes before it resets the connection, and its answer may be lost with it.
        #expect(report.outcome == end.1 || end.0.hasPrefix("reply") && report.outcome == .inDoubt(.connectionLost))
        #expect(try third.report().outcome == .delivered)
        #expect(one.server.sessions == 2)
        #expect(count(2, one.server) == 1 && count(3, one.server) == 1)
        try one.probe.close()
        #expect(second.reports.all.count == 1 && third.reports.all.count == 1)
    }

    @Test(arguments: Wire.allCases)
    func anEarlyRefusal(wire: Wire) throws {
        let (one, second, third) = try threeMessages(
            wire, ["BODY@100000": "reply-close:552 too big"],
            secondBody: String(repeating: String(repeating: "x", count: 70) + "\r\n", count: 5_000))
        // The kernel took all of it before the relay read it: where the reset hides the answer, that is a doubt.
        let outcome = try second.report().outcome
        #expect(outcome == .refused(.tooLarge) || outcome == .inDoubt(.connectionLost), "\(outcome)")
        #expect(try third.report().outcome == .delivered)
        #expect(count(3, one.server) == 1)
        try one.probe.close()
    }

    /// A relay that does not like MAIL there is asked again in the usual place, and that answer counts.
    @Test(arguments: [nil, 550])
    func theSenderIsRefusedBehindTheDot(again: Int?) throws {
        let usual = again.map { "reply:\($0) 5.7.1 not you" } ?? "reply:250 OK"
        let (one, second, third) = try threeMessages(
            .plain, ["MAIL#3": "reply:554 5.5.0 synchronization error", "RCPT#3": "reply:503 no", "DATA#3": "reply:503 no",
                "MAIL#4": usual])
        #expect(try second.report().outcome == .delivered)
        #expect(try third.report().outcome == (again == nil ? .delivered : .refused(.senderRefused)))
        #expect(one.server.sessions == 1)
        #expect(one.server.commands(1).suffix(4).first == "RSET")
        try one.probe.close()
    }

    /// Some proxies drop what stands behind a final dot. The message goes again, and no further one is begun there.
    @Test func aRelayThatForgets() throws {
        let (one, second, third) = try threeMessages(
            .plain, [".#2": "forget:250 taken", "DATA#5": "hold:354 go ahead"], replyTimeout: .seconds(10))
        #expect(try second.report().outcome == .delivered)
        #expect(try third.report().outcome == .delivered)
        #expect(one.server.sessions == 2)
        #expect(one.server.behind == 1)
        #expect(try one.send(id: "4@x").outcome == .delivered)
        let fifth = one.probe.start(try Fixture.mail(id: "5@x"))
        try one.server.awaitHold("DATA", count: 2)
        let sixth = one.probe.start(try Fixture.mail(id: "6@x"))
        one.server.go()
        #expect(try fifth.report().outcome == .delivered)
        #expect(try sixth.report().outcome == .delivered)
        #expect(one.server.behind == 1)
        try one.probe.close()
    }

    @Test(arguments: Wire.allCases)
    func stopping(wire: Wire) throws {
        let (one, second, third) = try threeMessages(wire, [".#2": "hold:250 taken"])
        try one.server.awaitHold(".")
        let closed = EventLog<Bool>()
        one.probe.channel.close(grace: .hours(1)) { closed.add(true) }
        one.server.go()
        #expect(try second.report().outcome == .delivered)
        #expect(try third.report().outcome == .deferred(.shutdown, notBefore: nil))
        try closed.await("the end") { $0.first }
        #expect(count(3, one.server) == 0)
    }
}
