import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// Everything fails by turns, in an order that a printed seed draws: whatever happens, when all of it works again each
/// occasion has gone out, once, and nothing is left behind in a state that nobody ends.
@Suite("When everything fails by turns")
struct ChaosTests {
    @Test("nothing is lost, doubled or left behind", arguments: 0..<6)
    func turns(_ number: UInt64) async throws {
        let seed = SeededGenerator.seed("everything fails by turns")
        var chaos = try Chaos(seed: seed)
        try await chaos.planned()
        for _ in 1...80 { try await chaos.step() }
        try await chaos.heal()
        try chaos.check()
        try await chaos.daemon.stop()
    }
}

private struct Chaos {
    static let customers = 90

    let shop: TestShop
    let channel = ScriptedChannel(.delivered, sessions: 3)
    let daemon: TestDaemon
    let seed: UInt64
    private var random: SeededGenerator
    private var now: Instant
    private var isAway = false
    private var hasComplaint = false
    private var minute = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        now = try at("2027-05-04T12:00:00Z")
        shop = try TestShop()
        for id in 1...Chaos.customers { try shop.addCustomer(id, birthday: "1980-05-05") }
        try shop.rules(Chaos.rule(at: "09:00"))
        channel.usualAnswer(.deferred(.temporary, notBefore: nil))
        daemon = try TestDaemon(shop, now: now, channel: channel, interposed: true)
    }

    /// A card that may be a week late, so that every outage ends in time.
    private static func rule(at time: String) -> String {
        """
        birthday-card:
          purpose: greeting
          when: {anniversary: birthday, at: \(time)}
          where: [email is present]
          send: birthday
          if_late: {grace: 7d}
        """
    }

    mutating func planned() async throws {
        try await daemon.pass(at: now)
        now = try at("2027-05-05T07:10:00Z")
    }

    /// Something breaks, mends or changes; then time passes and the daemon works on.
    mutating func step() async throws {
        let faults = try #require(daemon.faults)
        switch Int.random(in: 0..<14, using: &random) {
        case 0: channel.usualAnswer(.deferred(.temporary, notBefore: nil))
        case 1: channel.usualAnswer(.deferred(.connectionLost, notBefore: nil))
        case 2: channel.usualAnswer(.deferred(.relayBusy, notBefore: now + .minutes(1)))
        case 3: channel.usualAnswer(.inDoubt(.timeout))
        case 4: channel.usualAnswer(.deferred(.storage, notBefore: nil))
        case 5: channel.usualAnswer(.deferred(.rateLimited, notBefore: now + .minutes(5)))
        case 6: channel.become(.down(.relayDown, detail: "by chance"))
        case 7: channel.answerToOpen(.down(.relayDown, detail: "by chance"))
        case 8: channel.answerToOpen(.ready)
        case 9: faults.failWrites(.diskFull(path: "state"))
        case 10: faults.failWrites(nil)
        case 11: try moveDatabase(away: !isAway)
        case 12: try complainOrSolve()
        default: try reload()
        }
        now = now + .seconds(Int64.random(in: 1...900, using: &random))
        try await daemon.pass(at: now)
    }

    private mutating func moveDatabase(away: Bool) throws {
        guard away != isAway else { return }
        let (here, there) = (shop.path + "/shop.sqlite", shop.path + "/shop.away")
        try #require(rename(away ? here : there, away ? there : here) == 0)
        isAway = away
    }

    /// Customer 1 has a complaint or has none.
    private mutating func complainOrSolve() throws {
        guard !isAway else { return }
        if hasComplaint {
            try shop.sql("UPDATE complaints SET answered_at = '\(now)', solved_at = '\(now)' WHERE solved_at IS NULL")
        } else {
            try shop.complain(Int.random(in: 1000...1_000_000, using: &random), customer: 1, at: now)
        }
        hasComplaint.toggle()
    }

    private mutating func reload() throws {
        minute = (minute + 1) % 10
        try shop.rules(Chaos.rule(at: "09:0\(minute)"))
        _ = daemon.daemon.reload()
    }

    /// All works again, and a day passes.
    mutating func heal() async throws {
        let faults = try #require(daemon.faults)
        try moveDatabase(away: false)
        if hasComplaint { try complainOrSolve() }
        faults.failWrites(nil)
        channel.usualAnswer(nil)
        channel.answerToOpen(.ready)
        for _ in 1...24 {
            now = now + .hours(1)
            try await daemon.pass(at: now)
        }
    }

    func check() throws {
        let cards = try daemon.rows(rule: "birthday-card")
        #expect(cards.count == Chaos.customers)
        #expect(Set(cards.map(\.key)).count == Chaos.customers)
        #expect(cards.filter { $0.state != .sent }.map(\.standing) == [], "seed \(seed)")
        #expect(try daemon.rows().filter { [.claimed, .sending, .held].contains($0.state) }.map(\.standing) == [], "seed \(seed)")
        // What was taken over once is not sent again.
        let taken = Dictionary(grouping: channel.delivered, by: \.self).filter { $0.value.count > 1 }
        #expect(taken.isEmpty, "seed \(seed)")
        #expect(Set(channel.delivered).isSuperset(of: cards.map(\.id)), "seed \(seed)")
    }
}
