import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDelivery

/// Several relays behind one way out.
@Suite("Groups of relays")
struct RelayGroupTests {
    /// A group of real relays, each with a scripted server.
    private final class Several: Sendable {
        let servers: [ScriptedSMTPServer]
        let probe: ChannelProbe
        let group: RelayGroup
        let changes = EventLog<RelayGroup.Change>()

        init(
            _ scripts: [KeyValuePairs<String, String>], weights: [Int]? = nil, pace: PaceLimits = PaceLimits(),
            probe span: TimeSpan = .hours(1), sessions: Int = 2, offers: [[String]]? = nil,
            finalReplyTimeout: TimeSpan = .seconds(20), clock: @escaping @Sendable () -> Instant = { Fixture.moment }
        ) throws {
            servers = try scripts.enumerated().map { index, script in
                try ScriptedSMTPServer(script, offers: offers?[index] ?? ["PIPELINING", "8BITMIME"])
            }
            let members = try servers.enumerated().map { index, server in
                let settings = try SMTPSettings(
                    host: "localhost", port: server.port, security: .none, finalReplyTimeout: finalReplyTimeout, sessions: sessions)
                return RelayGroup.Member(SMTPRelay(name: "relay-\(index)", settings: settings), weight: weights?[index] ?? 1)
            }
            group = RelayGroup(name: "smtp", members: members, pace: Pace(pace), probe: span, clock: clock)
            probe = ChannelProbe(group)
            group.whenRelayChanges { [changes] in changes.add($0) }
        }

        func counts() -> [Int] { servers.map { $0.bodies.count } }

        /// Waits until every relay is connected.
        func openAll() throws {
            try probe.open()
            try awaitCapacity(servers.count * 2)
        }

        /// Two for each session that is open.
        func awaitCapacity(_ count: Int) throws {
            try probe.states.await("room for \(count)") { [group] _ in group.capacity == count ? () : nil }
        }

        /// Recipients whose first relay is the one.
        func recipients(of index: Int, _ count: Int) throws -> [String] {
            var found: [String] = []
            var number = 0
            while found.count < count {
                number += 1
                let text = "c\(number)@example.net"
                let mail = try Fixture.mail(to: text)
                if group.order(for: mail).first == index { found.append(text) }
            }
            return found
        }
    }

    @Test func oneRelayBehavesAsBefore() throws {
        let one = try Several([[:]])
        #expect(try one.probe.open() == .ready)
        #expect(try one.probe.send(try Fixture.mail()) == AttemptReport(.delivered, code: 250, detail: "250 2.0.0 taken"))
        try one.probe.close()
        #expect(one.probe.states.all.first == .opening)
        #expect(one.probe.states.all.last == .closed)
        #expect(one.changes.all.isEmpty)
    }

    @Test func theSharesFollowTheWeights() throws {
        let several = try Several([[:], [:], [:]], weights: [6, 3, 1])
        var counts = [0, 0, 0]
        for number in 0..<10_000 {
            counts[several.group.order(for: try Fixture.mail(to: "customer\(number)@example.net"))[0]] += 1
        }
        for (count, share) in zip(counts, [6_000, 3_000, 1_000]) { #expect(abs(count - share) < 200, "\(counts)") }
        // The same recipient meets the same relay each time, whatever case it is written in.
        let once = several.group.order(for: try Fixture.mail(to: "Customer7@Example.net"))
        #expect(once == several.group.order(for: try Fixture.mail(to: "customer7@example.net")))
        try several.probe.close()
    }

    @Test func eachMessageGoesToItsRelay() throws {
        let several = try Several([[:], [:]])
        try several.openAll()
        for index in 0..<2 {
            for recipient in try several.recipients(of: index, 5) {
                let report = try several.probe.send(try Fixture.mail(to: recipient))
                #expect(report == AttemptReport(.delivered, code: 250, detail: "relay-\(index): 250 2.0.0 taken"))
            }
        }
        #expect(several.counts() == [5, 5])
        try several.probe.close()
    }

    /// The case that several relays are there for.
    @Test func aRelayThatIsDownGetsNothingAndDelaysNobody() throws {
        let several = try Several([[:], ["CONNECT": "reply-close:554 no"]])
        try several.probe.open()
        try several.changes.await("the second relay to go down") { changes in
            changes.contains { if case .wentDown(relay: "relay-1", _, _) = $0 { true } else { false } } ? () : nil
        }
        for index in 0..<2 {
            for recipient in try several.recipients(of: index, 10) {
                #expect(try several.probe.send(try Fixture.mail(to: recipient)).outcome == .delivered)
            }
        }
        #expect(several.counts() == [20, 0])
        // Probed at most once in the span, whatever goes meanwhile.
        #expect(several.servers[1].sessions == 1)
        #expect(several.group.capacity == 2)
        #expect(!several.probe.states.all.contains { if case .down = $0 { true } else { false } })
        try several.probe.close()
    }

    @Test func aRelayThatComesBackIsUsedAgain() throws {
        let several = try Several([[:], ["CONNECT#1": "reply-close:554 no"]], probe: TimeSpan(microseconds: 1))
        try several.probe.open()
        try several.changes.await("down") { $0.isEmpty ? nil : () }
        #expect(try several.probe.send(try Fixture.mail()).outcome == .delivered)
        try several.changes.await("back") { $0.contains(.cameBack(relay: "relay-1")) ? () : nil }
        let recipient = try several.recipients(of: 1, 1)[0]
        #expect(try several.probe.send(try Fixture.mail(to: recipient)).detail == "relay-1: 250 2.0.0 taken")
        try several.probe.close()
    }

    @Test func allDown() throws {
        let several = try Several([["CONNECT": "reply-close:554 no"], ["CONNECT": "reply-close:421 busy"]])
        guard case .down(_, let detail) = try several.probe.open() else {
            Issue.record("expected the group to be down")
            return
        }
        for server in several.servers { #expect(detail.contains("localhost:\(server.port): ")) }
        let report = try several.probe.send(try Fixture.mail())
        guard case .deferred = report.outcome else {
            Issue.record("\(report)")
            return
        }
        #expect(several.group.capacity == 0)
        try several.probe.close()
    }

    /// What was with a relay when it died goes by another at once, and costs the row nothing.
    @Test func aMessageFailsOver() throws {
        let several = try Several([[:], ["MAIL": "reply-close:421 shutting down"]])
        try several.openAll()
        let recipient = try several.recipients(of: 1, 1)[0]
        #expect(try several.probe.send(try Fixture.mail(to: recipient)).detail == "relay-0: 250 2.0.0 taken")
        #expect(several.counts() == [1, 0])
        try several.probe.close()
    }

    /// Only what is known not to be handed over goes by another: never a doubt, never a refusal of the recipient.
    @Test(arguments: [
        (".", "close", Outcome.inDoubt(.connectionLost)), ("RCPT", "reply:550 no", .refused(.recipientRefused)),
        ("RCPT", "reply:450 greylisted", .deferred(.temporary, notBefore: nil)),
        (".", "reply:554 spam", .refused(.messageRefused)),
    ])
    func whatDoesNotFailOver(when: String, action: String, outcome: Outcome) throws {
        let several = try Several([[:], [when: action]])
        try several.openAll()
        let recipient = try several.recipients(of: 1, 1)[0]
        let report = try several.probe.send(try Fixture.mail(to: recipient))
        #expect(report.outcome == outcome)
        #expect(report.detail.hasPrefix("relay-1: "))
        #expect(several.counts()[0] == 0)
        try several.probe.close()
    }

    @Test func whatOneRelayCannotCarryAnotherMay() throws {
        let several = try Several([[:], [:]], offers: [["PIPELINING", "8BITMIME", "SMTPUTF8"], ["PIPELINING"]])
        try several.openAll()
        for number in 0..<10 {
            let mail = try Fixture.mail(to: "王\(number)@example.net", body: "Subject: x\r\n\r\nGrüße\r\n")
            #expect(try several.probe.send(mail).outcome == .delivered)
        }
        #expect(several.counts() == [10, 0])
        // When neither can, the words of the last one stand.
        let neither = try Several([[:], [:]], offers: [["SIZE 10"], ["SIZE 10"]])
        try neither.openAll()
        #expect(try neither.probe.send(try Fixture.mail()).outcome == .refused(.tooLarge))
        for one in [several, neither] { try one.probe.close() }
    }

    @Test func aSpareIsUsedOnlyWhenAllOthersAreDown() throws {
        let several = try Several([["CONNECT#1": "reply:220 hello", "CONNECT": "reply-close:554 no"], [:]], weights: [1, 0])
        try several.probe.open()
        for number in 0..<5 {
            #expect(try several.probe.send(try Fixture.mail(to: "c\(number)@example.net")).outcome == .delivered)
        }
        #expect(several.counts() == [5, 0])
        #expect(several.servers[1].sessions == 0)
        try several.probe.close()

        let broken = try Several([["CONNECT": "reply-close:554 no"], [:]], weights: [1, 0])
        broken.group.open()
        try broken.changes.await("the first to go down") { $0.isEmpty ? nil : () }
        try broken.probe.awaitState(.idle)
        #expect(try broken.probe.open() == .ready)
        #expect(try broken.probe.send(try Fixture.mail()).detail == "relay-1: 250 2.0.0 taken")
        try broken.probe.close()
    }

    /// A relay that hangs fills its own sessions and nobody else's.
    @Test func aTarpitHoldsOnlyItsOwn() throws {
        let several = try Several([[:], [".": "stall"]], sessions: 1)
        try several.openAll()
        let stuck = try several.recipients(of: 1, 2).map { several.probe.start(try Fixture.mail(to: $0)) }
        try several.servers[1].awaitHold(".")
        for recipient in try several.recipients(of: 1, 20).dropFirst(2) {
            #expect(try several.probe.send(try Fixture.mail(to: recipient)).detail == "relay-0: 250 2.0.0 taken")
        }
        #expect(stuck.allSatisfy { $0.reports.all.isEmpty })
        #expect(several.group.capacity == 4)
        try several.probe.close(grace: TimeSpan(microseconds: 100_000))
        #expect(try stuck[0].report().outcome == .inDoubt(.shutdown))
        #expect(try stuck[1].report().outcome == .deferred(.shutdown, notBefore: nil))
    }

    // MARK: - Pace

    @Test func roomFollowsTheRates() throws {
        let now = Mutex(Fixture.moment)
        let several = try Several(
            [[:], [:]],
            pace: PaceLimits(overall: Rate("1000/s"), relays: ["relay-1": try #require(Rate("1/min"))]),
            clock: { now.withLock { $0 } })
        try several.probe.open()
        try several.awaitCapacity(3)
        let recipients = try several.recipients(of: 1, 3)
        #expect(try several.probe.send(try Fixture.mail(to: recipients[0])).detail.hasPrefix("relay-1"))
        // Its minute has begun: the other takes over, and gives it back when the minute is over.
        #expect(try several.probe.send(try Fixture.mail(to: recipients[1])).detail.hasPrefix("relay-0"))
        now.withLock { $0 = $0 + .seconds(61) }
        #expect(try several.probe.send(try Fixture.mail(to: recipients[2])).detail.hasPrefix("relay-1"))
        try several.probe.close()
    }

    /// Whoever found no room is told when there is some again.
    @Test func aFullPaceWakesUp() throws {
        let start = Monotonic.now
        let several = try Several(
            [[:]], pace: PaceLimits(overall: Rate("5/s")),
            clock: { Fixture.moment + TimeSpan(microseconds: Int64((Monotonic.now.seconds - start.seconds) * 1e6)) })
        try several.probe.open()
        #expect(try several.probe.send(try Fixture.mail()).outcome == .delivered)
        let before = several.probe.states.all.count
        #expect(several.group.capacity == 0)
        try several.probe.states.await("a second telling") { $0.count > before && $0.last == .ready ? () : nil }
        #expect(several.group.capacity == 1)
        try several.probe.close()
    }

    @Test func aBusyDomainIsSlowedAndNobodyElse() throws {
        let several = try Several([["RCPT#1": "reply:450 4.7.1 too fast"]])
        try several.probe.open()
        let slow = try Fixture.mail(to: "a@Slow.example").destination
        let other = try Fixture.mail(to: "a@other.example").destination
        #expect(several.group.turn(of: 1, to: slow, isUrgent: false, now: Fixture.moment) == nil)
        #expect(try several.probe.send(try Fixture.mail(to: "a@slow.example")).outcome == .deferred(.temporary, notBefore: nil))
        #expect(several.group.turn(of: 2, to: slow, isUrgent: false, now: Fixture.moment) == Fixture.moment + .seconds(1))
        #expect(several.group.turn(of: 3, to: other, isUrgent: false, now: Fixture.moment) == nil)
        #expect(several.group.turn(of: 4, to: .endpoint, isUrgent: false, now: Fixture.moment) == nil)
        #expect(several.group.pace.slowness(of: "slow.example") == .seconds(1))
        for _ in 0..<11 { _ = try several.probe.send(try Fixture.mail(to: "a@slow.example")) }
        #expect(several.group.pace.slowness(of: "slow.example") == nil)
        try several.probe.close()
    }

    /// 421 in place of a greeting says nothing of any domain.
    @Test func aBusyRelaySlowsNoDomain() throws {
        let several = try Several([["CONNECT": "reply-close:421 4.3.2 too many of you"]])
        let mail = try Fixture.mail(to: "a@slow.example")
        let report = try several.probe.send(mail)
        #expect(report.outcome == .deferred(.relayBusy, notBefore: nil) && report.code == 421)
        #expect(several.group.pace.slowness(of: "slow.example") == nil)
        #expect(several.group.turn(of: 2, to: mail.destination, isUrgent: false, now: Fixture.moment) == nil)
        try several.probe.close()
    }

    // MARK: - The end

    @Test func closingClosesAll() throws {
        let several = try Several([[".": "hold:250 taken"], [:]])
        try several.openAll()
        let ticket = several.probe.start(try Fixture.mail(to: try several.recipients(of: 0, 1)[0]))
        try several.servers[0].awaitHold(".")
        let closed = EventLog<Bool>()
        several.group.close(grace: .seconds(30)) { closed.add(true) }
        #expect(try several.probe.send(try Fixture.mail()).outcome == .deferred(.shutdown, notBefore: nil))
        several.servers[0].go()
        #expect(try ticket.report().outcome == .delivered)
        try closed.await("the end") { $0.first }
        #expect(several.probe.states.all.last == .closed)
        for server in several.servers { try server.awaitCommand("QUIT") }
    }

    @Test func everyThreadAnswersTheWatchdog() throws {
        let several = try Several([[:], [:]])
        try several.openAll()
        let answers = EventLog<Int>()
        several.group.ping { answers.add(1) }
        try answers.await("an answer") { $0.first }
        try several.probe.close()
        several.group.ping { answers.add(2) }
        try answers.await("an answer after the end") { $0.last == 2 ? () : nil }
    }
}
