import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Synchronization
import Testing

@testable import RegardsDaemon

/// Messages are decided, rendered, marked, sent and recorded at the same time, and each keeps its order.
@Suite("The send pipeline", .timeLimit(.minutes(60)))
struct PipelineTests {
    private static let birthday = "2027-05-05T07:00:00Z"

    private func daemon(_ customers: Int, _ channel: ScriptedChannel) async throws -> TestDaemon {
        let shop = try TestShop(rules: ["birthday"])
        for id in 1...customers { try shop.addCustomer(id, birthday: "1980-05-05") }
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel, interposed: true)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        return daemon
    }

    @Test("of 700 messages no more are marked than the sessions may have in hand, whatever is under way beside them")
    func theMarkIsBounded() async throws {
        let channel = ScriptedChannel(.delivered, sessions: 4)
        let daemon = try await daemon(700, channel)
        let most = Mutex(0)
        let marked = Mutex<Set<Int64>>([])
        try #require(daemon.faults).beforeCommit { group in
            // What the transaction leaves in `sending`: its endings come before its marks.
            let count = marked.withLock { marked in
                marked.subtract(group.endings.map(\.id))
                marked.formUnion(group.marks.map(\.id))
                return marked.count
            }
            most.withLock { $0 = max($0, count) }
        }
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.rows().count { $0.standing == "sent" } == 700)
        #expect(channel.delivered.count == 700)
        #expect(Set(channel.delivered).count == 700)
        #expect(most.withLock { $0 } <= channel.capacity)
        #expect(most.withLock { $0 } > 0)
    }

    @Test("nothing is sent before its mark is in the ledger")
    func theMarkComesFirst() async throws {
        let channel = ScriptedChannel(.delivered, sessions: 4)
        let daemon = try await daemon(200, channel)
        let early = Mutex<[Int64]>([])
        try #require(daemon.faults).beforeCommit { group in
            let sent = Set(channel.sent.map(\.outreach))
            early.withLock { $0 += group.marks.map(\.id).filter(sent.contains) }
        }
        try await daemon.cleanPass(at: Self.birthday)
        #expect(channel.sent.count == 200)
        #expect(early.withLock { $0 } == [])
    }

    @Test("when a group cannot be written nothing more is sent, and afterwards all of it, once")
    func aGroupThatCannotBeWritten() async throws {
        let channel = ScriptedChannel(.delivered, sessions: 4)
        let daemon = try await daemon(300, channel)
        let faults = try #require(daemon.faults)
        let sentAtFailure = Mutex<Int?>(nil)
        let commits = Mutex(0)
        faults.beforeCommit { _ in
            guard commits.withLock({ $0 += 1; return $0 > 5 }) else { return }
            sentAtFailure.withLock { $0 = $0 ?? channel.sent.count }
            throw OutboxError.diskFull(path: "state")
        }
        let trouble = try await daemon.pass(at: try at(Self.birthday))
        #expect(trouble as? OutboxError == .diskFull(path: "state"))
        let sent = try #require(sentAtFailure.withLock { $0 })
        // Those of the groups before may still have been on their way to the channel.
        #expect(channel.sent.count <= sent + channel.capacity)
        faults.beforeCommit(nil)
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.rows().allSatisfy { $0.standing == "sent" && $0.attempts == 1 })
        #expect(Set(channel.delivered).count == 300)
        #expect(channel.delivered.count == 300)
    }

    @Test("what shares a budget goes to an address one after the other, and in the same pass")
    func oneAfterTheOther() async throws {
        var settings = TestShop.Settings()
        settings.extra = "limits: {budgets: {overall: 9 per 6d}}"
        let shop = try TestShop(rules: [], settings)
        let names = ["one", "two", "three"]
        for name in names {
            try shop.rules("\(name): {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}\n", file: name)
        }
        for id in 1...40 { try shop.addCustomer(id, birthday: "1980-05-05") }
        let channel = ScriptedChannel(.delivered, sessions: 8)
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T12:00:00Z"), channel: channel, interposed: true)
        try await daemon.cleanPass(at: "2027-05-04T12:00:00Z")
        let inHand = Mutex<[String: Set<Int64>]>([:])
        let most = Mutex(0)
        try #require(daemon.faults).beforeCommit { group in
            let count = inHand.withLock { inHand in
                for ending in group.endings { for key in inHand.keys { inHand[key]?.remove(ending.id) } }
                for mark in group.marks { inHand[mark.address ?? "", default: []].insert(mark.id) }
                return inHand.values.map(\.count).max() ?? 0
            }
            most.withLock { $0 = max($0, count) }
        }
        try await daemon.cleanPass(at: Self.birthday)
        #expect(try daemon.rows().map(\.standing) == Array(repeating: "sent", count: 40 * names.count))
        #expect(most.withLock { $0 } == 1)
        #expect(channel.delivered.count == 40 * names.count)
        try await daemon.stop()
    }

    @Test("a line is told only once what it tells is in the ledger, in order, and before the pass is said to be over")
    func toldWhenDurable() async throws {
        let channel = ScriptedChannel(.delivered, sessions: 2)
        let daemon = try await daemon(150, channel)
        try await daemon.cleanPass(at: Self.birthday)
        #expect(daemon.announcer.notices(.sent).count == 150)
    }

    @Test(
        "a domain that was slowed stays slowed over a restart",
        .enabled(if: RecordingSMTPServer.python != nil, "needs a Python with aiosmtpd (make test installs it)"))
    func thePaceIsKept() throws {
        let relay = try RecordingSMTPServer()
        let shop = try ServedShop(
            customers: 3,
            mail: """
                smtp: {host: 127.0.0.1, port: \(relay.port), security: none}
                limits: {rate_per_domain: {mail.example: 1/h}}
                """)
        func served() throws -> String {
            let daemon = try shop.start(["serve"])
            try daemon.awaitError("ready")
            _ = try relay.messages(1)
            daemon.signal(15)
            #expect(try daemon.wait().status == 0)
            let outbox = try SQLiteOutbox.openForCommand(path: shop.shop.state, access: .read)
            defer { #expect(throws: Never.self) { try outbox.close() } }
            return try #require(try outbox.pace())
        }
        let first = try served()
        #expect(first.contains("domain\tmail.example\t"))
        #expect(try served() == first)
        #expect(relay.count == 1)
    }
}

/// Rows that wait for a session.
@Suite("The ready queue")
struct ReadyQueueTests {
    private func item(_ id: Int64, _ lane: Lane = .rest, decidedAt: Instant) throws -> ReadyOutreach {
        let plan = PlannedOutreach(
            key: OutreachKey(customer: "\(id)", rule: "r", occasion: "2027", step: "send", recipient: "customer/0"),
            dueAt: decidedAt, expiresAt: nil, zone: "UTC", localDate: CivilDate(dayNumber: 20_000),
            localTime: try #require(WallTime(secondOfDay: 0)), channel: .mail, lane: lane, ruleHash: 1)
        return ReadyOutreach(
            outreach: Outreach(id: id, plan: plan),
            composed: ComposedMessage(
                card: "c", channel: .mail, destination: .endpoint, message: RenderedMessage(id: "\(id)", bytes: [1, 2])),
            isRedirected: false, ifInDoubt: .resend, mark: SendMark(id: id), decidedAt: decidedAt)
    }

    @Test func careGoesFirstAndWhatWasPutBackIsNextAgain() throws {
        let now = Instant(seconds: 1_000)
        var queue = ReadyQueue()
        for id in 1...4 { queue.append(try item(Int64(id), decidedAt: now)) }
        queue.append(try item(9, .care, decidedAt: now))
        #expect((queue.count, queue.bytes) == (5, 10))
        let taken = queue.take(3, for: .mail)
        #expect(taken.map(\.outreach.id) == [9, 1, 2])
        queue.putBack(taken)
        #expect(queue.take(9, for: .mail).map(\.outreach.id) == [9, 1, 2, 3, 4])
        #expect(queue.isEmpty && queue.bytes == 0 && queue.count(of: .mail) == 0)
    }

    @Test func whatWasDecidedTooLongAgoIsTakenOut() throws {
        let now = Instant(seconds: 1_000)
        var queue = ReadyQueue()
        for id in 1...6 { queue.append(try item(Int64(id), id % 2 == 0 ? .care : .rest, decidedAt: now + .seconds(Int64(id)))) }
        #expect(Set(queue.removeDecided(before: now + .seconds(4)).map(\.outreach.id)) == [1, 2, 3])
        #expect(queue.count == 3)
        #expect(queue.removeDecided(before: now).isEmpty)
        #expect(queue.take(9, for: .mail).map(\.outreach.id) == [4, 6, 5])
    }
}
