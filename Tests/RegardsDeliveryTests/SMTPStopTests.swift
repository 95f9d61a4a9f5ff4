import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

/// The end of a relay's life: nothing is lost silently, nothing keeps the daemon from stopping.
@Suite("SMTP relays that stop")
struct SMTPStopTests {
    @Test(arguments: ["MAIL", "RCPT", "DATA"], Wire.allCases)
    func beforeTheDotTheMessageComesBackAtOnce(when: String, wire: Wire) throws {
        let one = try FaultCase(wire, [when: "stall"], pipelining: false)
        try one.probe.open()
        let first = one.probe.start(try Fixture.mail(id: "1@x"))
        let second = one.probe.start(try Fixture.mail(id: "2@x"))
        try one.server.awaitHold(when)
        // A grace of an hour does not matter: nothing was handed over.
        try one.probe.close(grace: .hours(1))
        #expect(try first.report() == AttemptReport(
            .deferred(.shutdown, notBefore: nil), detail: "the daemon stopped before the message was handed over"))
        #expect(try second.report().outcome == .deferred(.shutdown, notBefore: nil))
        #expect(try one.probe.send(try Fixture.mail()).outcome == .deferred(.shutdown, notBefore: nil))
        #expect(first.reports.all.count == 1)
        #expect(one.probe.states.all.last == .closed)
    }

    @Test(arguments: Wire.allCases)
    func afterTheDotTheAnswerIsAwaited(wire: Wire) throws {
        let one = try FaultCase(wire, [".": "hold:250 taken"])
        try one.probe.open()
        let ticket = one.probe.start(try Fixture.mail())
        try one.server.awaitHold(".")
        let closed = EventLog<Bool>()
        one.probe.channel.close(grace: .seconds(30)) { closed.add(true) }
        #expect(ticket.reports.all.isEmpty)
        one.server.go()
        #expect(try ticket.report().outcome == .delivered)
        try closed.await("the end") { $0.first }
        try one.server.awaitCommand("QUIT")
    }

    @Test(arguments: Wire.allCases)
    func afterTheGraceTheAnswerIsADoubt(wire: Wire) throws {
        let one = try FaultCase(wire, [".": "stall"])
        try one.probe.open()
        let ticket = one.probe.start(try Fixture.mail())
        try one.server.awaitHold(".")
        try one.probe.close(grace: TimeSpan(microseconds: 200_000))
        #expect(try ticket.report() == AttemptReport(
            .inDoubt(.shutdown), detail: "the daemon stopped before the final dot was answered"))
    }

    @Test func whileConnecting() throws {
        let one = try FaultCase(.plain, ["CONNECT": "stall"], connectTimeout: .minutes(5))
        one.probe.channel.open()
        try one.server.awaitHold("CONNECT")
        let ticket = one.probe.start(try Fixture.mail())
        try one.probe.close(grace: .hours(1))
        #expect(try ticket.report().outcome == .deferred(.shutdown, notBefore: nil))
    }

    @Test func neverOpened() throws {
        let settings = try SMTPSettings(host: "localhost", port: 25, security: .none)
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        try probe.close()
        #expect(probe.states.all == [.closed])
        #expect(try probe.send(try Fixture.mail()).outcome == .deferred(.shutdown, notBefore: nil))
        probe.channel.open()
        #expect(probe.states.all == [.closed])
    }

    @Test func theThreadAnswersTheWatchdog() throws {
        try FaultCase().probe.pingThroughLife()
    }

    @Test func closedTwice() throws {
        let one = try FaultCase()
        try one.probe.open()
        try one.probe.close()
        try one.probe.close()
        #expect(one.probe.states.all == [.opening, .ready, .closed])
    }

    /// Several sessions: all of them are used, each message ends exactly once.
    @Test func severalSessionsShareTheWork() throws {
        let server = try ScriptedSMTPServer([".": "hold:250 taken"])
        let settings = try SMTPSettings(host: "localhost", port: server.port, security: .none, sessions: 3)
        let probe = ChannelProbe(SMTPRelay(name: "test", settings: settings))
        try probe.open()
        let tickets = try (1...6).map { probe.start(try Fixture.mail(id: "\($0)@x")) }
        try server.awaitHold(".", count: 3)
        for _ in 1...6 { server.go() }
        for ticket in tickets { #expect(try ticket.report().outcome == .delivered) }
        #expect(server.sessions == 3)
        #expect(Set((1...3).map { server.commands($0).isEmpty }) == [false])
        try probe.close()
        for ticket in tickets { #expect(ticket.reports.all.count == 1) }
    }

    /// Reports come on the relay's thread; the next message may be sent from there.
    @Test func aReportMaySendTheNext() throws {
        let one = try FaultCase()
        try one.probe.open()
        let done = EventLog<Int>()
        @Sendable func next(_ number: Int) {
            guard let mail = try? Fixture.mail(id: "\(number)@x") else { return done.add(-1) }
            one.probe.channel.send(mail) { report in
                done.add(report.outcome == .delivered ? number : -1)
                if number < 200 { next(number + 1) }
            }
        }
        next(1)
        let numbers = try done.await("200 messages") { $0.count == 200 ? $0 : nil }
        #expect(numbers == Array(1...200))
        #expect(one.server.sessions == 1)
        try one.probe.close()
    }
}
