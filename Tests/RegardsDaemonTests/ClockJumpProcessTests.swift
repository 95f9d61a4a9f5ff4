import Dispatch
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Somebody sets the machine's clock under the running `regards serve`, and sets it right again.
@Suite(
    "The clock under a running process", .enabled(if: RecordingSMTPServer.python != nil, "needs a Python with aiosmtpd"))
struct ClockJumpProcessTests {
    /// Zones that never change their clocks, and how far they are from UTC.
    fileprivate static let zones: [(name: String, offset: TimeSpan)] = [
        ("Asia/Tokyo", .hours(9)), ("America/Phoenix", .hours(-7)), ("Africa/Lagos", .hours(1)), ("UTC", .zero),
    ]
    /// Birthdays of the day the clock begins with, and of the four after it.
    fileprivate static let days = 5
    fileprivate static var customers: Int { zones.count * days }
    /// A customer without a birthday.
    fileprivate static let complainer = 1000

    /// A shop, a relay and a daemon whose clock the test sets.
    private struct Scene {
        let clock: SetClock
        let relay: RecordingSMTPServer
        let served: ServedShop
        let child: ChildProcess
        /// Where the clock began: midnight in UTC, of a day near today, so that nothing but the clock is unusual.
        let midnight: Instant

        init?() throws {
            guard let clock = try SetClock() else { return nil }
            self.clock = clock
            relay = try RecordingSMTPServer()
            var settings = TestShop.Settings()
            settings.zone = "UTC"
            settings.mail = "smtp: {host: 127.0.0.1, port: \(relay.port), security: none}"
            settings.events = "complaint: {query: 'SELECT id, customer_id, opened_at AS at, subject FROM complaints'}"
            served = try ServedShop(customers: 0, settings)
            let shop = served.shop
            try shop.rules(
                """
                complaint-care:
                  purpose: care
                  when: {event: complaint}
                  promise: {answer_within: 24h}
                  send: complaint-received
                """, file: "complaints")
            try shop.rules("birthday-card:\n  purpose: greeting\n  when: {anniversary: birthday, at: 09:00}\n  send: birthday\n")
            let today = Zone.utc.local(at: SystemClock().now()).date
            midnight = Instant(seconds: Int64(today.dayNumber) * 86_400)
            for id in 1...customers {
                let born = "1980" + (today + (id - 1) / zones.count).description.suffix(6)
                try shop.addCustomer(id, birthday: born, zone: zones[id % zones.count].name)
            }
            try shop.addCustomer(ClockJumpProcessTests.complainer)
            // Before all that it is set to later: what had happened before the first look is no news.
            try clock.set(midnight - .hours(30))
            child = try served.start(["serve"], environment: clock.environment)
            try child.awaitError("ready")
        }

        /// When a customer's card is due.
        func due(_ id: Int) -> Instant {
            midnight + .days(Int64((id - 1) / zones.count)) + .hours(9) - zones[id % zones.count].offset
        }

        /// A complaint that is opened now is answered, whatever the clock was before.
        func complain(_ number: Int, at now: Instant) throws {
            try served.shop.complain(number, customer: ClockJumpProcessTests.complainer, at: now)
            try awaitSent("complaint-care", count: number)
        }

        /// Said when it is in the ledger.
        func awaitSent(_ rule: String, count: Int, seconds: Int = 30) throws {
            try child.errors.await("\(count) of \(rule)", seconds: seconds) { lines in
                lines.count { $0.contains("  sent        \(rule)") } >= count ? () : nil
            }
        }

        func stop() throws {
            child.signal(SIGTERM)
            #expect(try child.wait().status == 0)
        }
    }

    /// What is expected is computed here, from the readings of the clock alone: the first look at or after nine, where the
    /// customer lives, decides: on the same day the card goes, after midnight it is too late.
    @Test("set by an hour, a day and two, there and back: every card once, on the customer's day")
    func jumps() throws {
        let seed = SeededGenerator.seed("clock of the process")
        var random = SeededGenerator(seed: seed)
        guard let scene = try Scene() else { return }
        let readings = Self.readings(from: scene.midnight, &random)
        for (index, reading) in readings.enumerated() {
            try scene.clock.set(reading)
            // A reload looks at everything at once; that the daemon looks by itself is the other test's.
            scene.child.signal(SIGHUP)
            try scene.child.awaitError("reloaded", count: index + 1)
            try scene.complain(index + 1, at: reading)
            let goes = (1...Self.customers).count { Self.look(at: scene.due($0), in: readings[...index]) != nil }
            try scene.awaitSent("birthday-card", count: goes)
        }
        try scene.stop()
        try check(scene, readings, "seed \(seed)")
    }

    /// What the clock is set to, one after the other: some hours later, but for four jumps; never shortly before a full hour,
    /// at which cards are due. The last is after the last card.
    private static func readings(from midnight: Instant, _ random: inout SeededGenerator) -> [Instant] {
        var hour: Int64 = 1
        var hours: [Int64] = [hour]
        for jump in [1, -1, 48, -24].shuffled(using: &random) as [Int64] {
            for _ in 0..<2 {
                hour += Int64.random(in: 2...9, using: &random)
                hours.append(hour)
            }
            hour += jump
            hours.append(hour)
        }
        while hour < 24 * Int64(days) + 17 {
            hour += Int64.random(in: 5...11, using: &random)
            hours.append(hour)
        }
        return hours.map { midnight + .hours($0) + .minutes(Int64.random(in: 2...40, using: &random)) }
    }

    /// The reading by which a card that is due then goes; nil when it does not.
    private static func look(at due: Instant, in readings: ArraySlice<Instant>) -> Instant? {
        readings.first { $0 >= due }.flatMap { $0 < due + .hours(15) ? $0 : nil }
    }

    /// Nobody tells the daemon: its loops look at least once a minute, by the clock that nobody sets. Most of the test is
    /// that minute, which is waited for off the threads that other tests need.
    @Test("set ahead by two days: the daemon notices within a minute, and sends what is due then")
    func byItself() async throws {
        guard let scene = try Scene() else { return }
        try scene.clock.set(scene.midnight - .hours(29))
        try scene.complain(1, at: scene.midnight - .hours(29))
        // The day after tomorrow: none of its cards was planned.
        let now = scene.midnight + .hours(19)
        let due = (1...Self.customers).count { scene.due($0) <= now && now < scene.due($0) + .hours(15) }
        try scene.clock.set(now)
        let asked = DispatchTime.now()
        // Measured there: this test may wait for a thread long after.
        let took = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        try scene.awaitSent("birthday-card", count: due, seconds: 90)
                        return (DispatchTime.now().uptimeNanoseconds - asked.uptimeNanoseconds) / 1_000_000
                    })
            }
        }
        #expect(took < 65_000, "\(took) ms")
        try scene.stop()
        #expect(scene.relay.count == due + 1)
        print("the clock set ahead by two days, unasked: \(due) cards after \(took) ms")
    }

    private func check(_ scene: Scene, _ readings: [Instant], _ seed: Comment) throws {
        let rows = try scene.served.rows().filter { $0.key.rule == "birthday-card" }
        let sent = scene.relay.messages.flatMap(\.recipients)
        #expect(sent.count { $0 == "c\(Self.complainer)@mail.example" } == readings.count, seed)
        var figures = (sent: 0, late: 0)
        for id in 1...Self.customers {
            let found = rows.filter { $0.key.customer == "\(id)" }
            let look = Self.look(at: scene.due(id), in: readings[...])
            #expect(found.count <= 1, "customer \(id), \(seed)")
            #expect(sent.count { $0 == "c\(id)@mail.example" } == (look == nil ? 0 : 1), "customer \(id), \(seed)")
            guard let look else {
                figures.late += 1
                #expect(found.allSatisfy { $0.standing == "skipped(late)" }, "customer \(id), \(seed): \(found.map(\.standing))")
                continue
            }
            figures.sent += 1
            let ended = try #require(found.first?.endedAt, "customer \(id), \(seed)")
            #expect(found.first?.state == .sent && ended >= look && ended < look + .minutes(5), "customer \(id), \(seed): \(ended)")
            let offset = Self.zones[id % Self.zones.count].offset
            #expect(Zone.utc.local(at: ended + offset).date == Zone.utc.local(at: scene.due(id) + offset).date, "customer \(id)")
        }
        print("the clock set \(readings.count) times: \(figures.sent) cards on their day, once each; \(figures.late) too late, skipped")
    }
}
