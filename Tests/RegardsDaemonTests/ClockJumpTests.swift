import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Somebody sets the machine's clock while the daemon runs, and sets it right again.
@Suite("Clock jumps")
struct ClockJumpTests {
    /// Zones that never change their clocks, and how far they are from UTC.
    private static let zones: [(name: String, offset: TimeSpan)] = [
        ("Asia/Tokyo", .hours(9)), ("America/Phoenix", .hours(-7)), ("Africa/Lagos", .hours(1)), ("UTC", .zero),
    ]
    private static let customers = 60

    /// What is expected is computed here, from the readings of the clock alone: a card is due at nine where the customer
    /// lives, and the first look at or after that decides it: on the same day it goes, after midnight it is too late.
    @Test("of an hour, a day and two: every card once, on the customer's day", arguments: 0..<4)
    func jumps(_ run: UInt64) async throws {
        let seed = SeededGenerator.seed("clock jumps \(run)")
        var random = SeededGenerator(seed: seed &+ run)
        let shop = try TestShop()
        try shop.rules(
            """
            birthday-card:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              send: birthday
            """)
        for id in 1...Self.customers { try shop.addCustomer(id, birthday: "1980-05-0\(5 + id % 5)", zone: Self.zones[id % 4].name) }
        let start = try at("2027-05-04T00:00:00Z")
        let channel = ScriptedChannel(.delivered)
        let daemon = try TestDaemon(shop, now: start, channel: channel)
        await daemon.start()
        let readings = Self.readings(from: start, to: try at("2027-05-11T12:00:00Z"), &random)
        for now in readings { #expect(try await daemon.pass(at: now) == nil) }
        try check(daemon, channel, readings, seed)
        try await daemon.stop()
    }

    /// The clock, each time the daemon looks: some minutes later than before, but for four jumps.
    private static func readings(from start: Instant, to end: Instant, _ random: inout SeededGenerator) -> [Instant] {
        var readings: [Instant] = []
        var now = start
        for jump in [TimeSpan.hours(1), .hours(-1), .days(2), .days(-1), nil].shuffled(using: &random) {
            for _ in 0..<Int.random(in: 8...20, using: &random) {
                now = now + .minutes(Int64.random(in: 5...110, using: &random))
                readings.append(now)
            }
            guard let jump else { continue }
            now = now + jump
            readings.append(now)
        }
        while now < end {
            now = now + .minutes(Int64.random(in: 5...110, using: &random))
            readings.append(now)
        }
        return readings
    }

    private func check(_ daemon: TestDaemon, _ channel: ScriptedChannel, _ readings: [Instant], _ seed: UInt64) throws {
        let rows = try daemon.rows()
        let byCustomer = Dictionary(grouping: rows, by: \.key.customer)
        let attempts = Dictionary(grouping: channel.sent, by: \.outreach)
        for id in 1...Self.customers {
            let due = try at("2027-05-0\(5 + id % 5)T09:00:00Z") - Self.zones[id % 4].offset
            let look = try #require(readings.first { $0 >= due })
            let goes = look < due + .hours(15)
            let found = byCustomer["\(id)"] ?? []
            #expect(found.count <= 1, "customer \(id), seed \(seed)")
            #expect(found.first?.state == .sent || !goes, "customer \(id) at \(look), seed \(seed): \(found.map(\.standing))")
            if !goes { #expect(found.allSatisfy { $0.standing == "skipped(late)" }, "customer \(id), seed \(seed)") }
            let sent = found.first.flatMap { attempts[$0.id] } ?? []
            #expect(sent.map(\.attemptedAt) == (goes ? [look] : []), "customer \(id), seed \(seed)")
        }
    }
}
