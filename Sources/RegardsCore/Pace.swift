package import RegardsCalendar

/// When a message may go: the limits of the configuration, and what the other side's answers taught.
///
/// A value without a clock. Three limits hold at once: for all mail, for each relay, for each recipient domain. The
/// first two only say how many may go now, because what they hold back has nothing else to wait for. A domain is
/// different: behind its messages others wait that may go. So each message to a domain that is out of turn is given a
/// turn of its own, and is put aside until then.
///
/// A domain whose servers answer 421, 450 or 454 is slowed: one message a second, then half as many each time it says
/// so again, down to one in ten minutes. Each message that is taken makes it a quarter faster, until nothing of it is left.
///
/// Wall clocks jump. Nothing here waits longer than its own interval because of that: a moment that lies further ahead
/// than the rules could have put it is not believed.
package struct Pace: Sendable {
    package enum Turn: Hashable, Sendable {
        /// It counts as gone.
        case now
        /// Ask again then.
        case at(Instant)
    }

    /// A turn is promised at most this far ahead; who comes after that asks again in one to two of these.
    static let horizon = TimeSpan.hours(1)
    /// Promises kept for one domain.
    static let promiseLimit = 4_000
    /// Domains about which something is known.
    static let domainLimit = 10_000
    static let firstSlowness = TimeSpan.seconds(1)
    static let greatestSlowness = TimeSpan.minutes(10)
    /// Less than this between two messages is not worth keeping.
    static let leastSlowness = TimeSpan(microseconds: 50_000)

    fileprivate struct Domain {
        /// When the next message may go.
        var next: Instant?
        /// Between two messages, beside the limit of the configuration; zero: not slowed.
        var slowness = TimeSpan.zero
        var slowedAt = Instant(seconds: 0)
        /// The last turn that was given away.
        var lastPromise: Instant?
        var promises: [Int64: Instant] = [:]
    }

    private let limits: PaceLimits
    private var overall: Instant?
    private var relays: [String: Instant] = [:]
    private var domains: [String: Domain] = [:]

    package init(_ limits: PaceLimits = PaceLimits()) {
        self.limits = limits
    }

    // MARK: - All mail, and a relay

    /// How many messages may go by the relay now; `Int.max` without a limit.
    package func room(relay: String, now: Instant) -> Int {
        min(Self.room(limits.overall, overall, now), Self.room(limits.relays[relay], relays[relay], now))
    }

    /// When the relay has room again; nil when it has some now.
    package func nextRoom(relay: String, now: Instant) -> Instant? {
        let turns = [(limits.overall, overall), (limits.relays[relay], relays[relay])].compactMap { rate, next in
            rate.flatMap { Spacing($0).turn(next, now) }
        }
        return turns.max()
    }

    /// A message goes by the relay. It is counted even where there was no room.
    package mutating func went(relay: String, now: Instant) {
        if let rate = limits.overall { overall = Spacing(rate).after(overall, now) }
        if let rate = limits.relays[relay] { relays[relay] = Spacing(rate).after(relays[relay], now) }
    }

    private static func room(_ rate: Rate?, _ next: Instant?, _ now: Instant) -> Int {
        rate.map { Spacing($0).room(next, now) } ?? .max
    }

    // MARK: - A domain

    /// Whether a message may go to a domain now.
    /// - Parameters:
    ///   - domain: in small letters.
    ///   - outreach: its row, by which its turn is known again.
    ///   - isUrgent: takes the next free turn, ahead of those who were promised a later one.
    package mutating func turn(of outreach: Int64, domain name: String, isUrgent: Bool = false, now: Instant) -> Turn {
        let rate = limits.rate(ofDomain: name)
        guard rate != nil || domains[name] != nil else { return .now }
        var domain = domains[name] ?? Domain()
        defer { keep(domain, name, rate, now) }
        return domain.turn(of: outreach, Spacing(rate, slowness: domain.slowness), isUrgent: isUrgent, now: now)
    }

    /// What became of a message.
    /// - Parameter code: the relay's reply; 0 when there was none, which teaches nothing.
    /// - Returns: whether the domain is now slowed, or no longer, and was the other before.
    @discardableResult
    package mutating func heard(_ code: Int, domain name: String, now: Instant) -> Bool {
        let isSlowing = code == 421 || code == 450 || code == 454
        guard isSlowing || (200...299).contains(code) && domains[name] != nil else { return false }
        let rate = limits.rate(ofDomain: name)
        var domain = domains[name] ?? Domain()
        let before = domain.isSlowed
        if isSlowing { domain.slow(rate, now) } else { domain.quicken(rate) }
        keep(domain, name, rate, now)
        return domain.isSlowed != before
    }

    /// Seconds between two messages to a domain that was slowed; nil to one that was not.
    package func slowness(of domain: String) -> TimeSpan? {
        domains[domain].flatMap { $0.isSlowed ? $0.slowness : nil }
    }

    private mutating func keep(_ domain: Domain, _ name: String, _ rate: Rate?, _ now: Instant) {
        guard domain.matters(now) else { return domains[name] = nil }
        if domains[name] == nil, domains.count >= Self.domainLimit { makeSpace(now) }
        guard domains[name] != nil || domains.count < Self.domainLimit else { return }
        domains[name] = domain
    }

    private mutating func makeSpace(_ now: Instant) {
        domains = domains.filter { $0.value.matters(now) }
    }
}

// MARK: - One limit

/// Messages evenly spaced: a limit is one number, the moment when the next one may go (the generic cell rate algorithm
/// of ATM, ITU-T I.371).
private struct Spacing {
    var interval: TimeSpan
    var tolerance: TimeSpan

    init(_ rate: Rate) {
        interval = rate.interval
        tolerance = rate.tolerance
    }

    /// Of a domain: its limit, or how much it was slowed, whichever is slower.
    init(_ rate: Rate?, slowness: TimeSpan) {
        let limit = rate?.interval ?? .zero
        interval = max(limit, slowness)
        tolerance = slowness > limit ? .zero : rate?.tolerance ?? .zero
    }

    /// How many may go now, one at least where any may.
    func room(_ next: Instant?, _ now: Instant) -> Int {
        let early = now + tolerance - believed(next, now)
        guard early >= .zero else { return 0 }
        return interval > .zero ? Int(early.microseconds / interval.microseconds) + 1 : .max
    }

    /// When the next may go; nil when it may now.
    func turn(_ next: Instant?, _ now: Instant) -> Instant? {
        let moment = believed(next, now) - tolerance
        return moment > now ? moment : nil
    }

    /// The next moment after one has gone.
    func after(_ next: Instant?, _ now: Instant) -> Instant { believed(next, now) + interval }

    /// What is past saves nothing up. What lies further ahead than messages could have put it was written before the
    /// clock was set back.
    func believed(_ next: Instant?, _ now: Instant) -> Instant {
        min(max(next ?? now, now), now + tolerance + interval)
    }
}

extension Pace.Domain {
    fileprivate var isSlowed: Bool { slowness > .zero }

    fileprivate func matters(_ now: Instant) -> Bool {
        isSlowed || (next ?? now) > now || (lastPromise ?? now) > now
    }

    fileprivate mutating func turn(of outreach: Int64, _ spacing: Spacing, isUrgent: Bool, now: Instant) -> Pace.Turn {
        forgetPromises(spacing, now)
        let promise = promises.removeValue(forKey: outreach)
        let isItsTurn = promise.map { $0 <= now + spacing.tolerance } ?? promises.isEmpty
        guard let next = spacing.turn(next, now) else {
            guard isItsTurn || isUrgent else { return promised(to: outreach, spacing, promise, now) }
            self.next = spacing.after(next, now)
            return .now
        }
        return isUrgent ? .at(next) : promised(to: outreach, spacing, promise, now)
    }

    /// The turn after the last one that was given away; or the one it was promised, if that is still to come.
    private mutating func promised(
        to outreach: Int64, _ spacing: Spacing, _ promise: Instant?, _ now: Instant
    ) -> Pace.Turn {
        if let promise, promise > now {
            promises[outreach] = promise
            return .at(promise)
        }
        let free = max(spacing.believed(next, now), lastPromise.map { $0 + spacing.interval } ?? now)
        guard free <= now + Pace.horizon, promises.count < Pace.promiseLimit else {
            let spread = Int64(StableHash.of("\(outreach)") % UInt64(Pace.horizon.microseconds))
            return .at(now + Pace.horizon + TimeSpan(microseconds: spread))
        }
        promises[outreach] = free
        lastPromise = free
        return .at(free)
    }

    /// A row that was promised a turn may be cancelled, or moved: it does not hold up the others. Promises from before
    /// the clock was set back are none.
    private mutating func forgetPromises(_ spacing: Spacing, _ now: Instant) {
        guard let last = lastPromise else { return }
        if last + spacing.interval + .seconds(1) < now || last > now + Pace.horizon + spacing.interval {
            promises.removeAll()
            lastPromise = nil
        }
    }

    /// What failed together counts once: answers that come before the first slower message went were on their way.
    fileprivate mutating func slow(_ rate: Rate?, _ now: Instant) {
        let limit = rate?.interval ?? .zero
        let doubled = TimeSpan(microseconds: max(slowness, limit).microseconds * 2)
        if !isSlowed {
            slowness = max(doubled, Pace.firstSlowness)
        } else if now - slowedAt >= slowness || now < slowedAt {
            slowness = min(doubled, max(Pace.greatestSlowness, limit))
        } else {
            return
        }
        slowedAt = now
        next = now + slowness
    }

    fileprivate mutating func quicken(_ rate: Rate?) {
        guard isSlowed else { return }
        slowness = TimeSpan(microseconds: slowness.microseconds / 4 * 3)
        if slowness <= max(rate?.interval ?? .zero, Pace.leastSlowness) { slowness = .zero }
    }
}

// MARK: - Kept over a restart

extension Pace {
    private static let heading = "pace 1"

    /// Lines of text: a heading, then for each relay and domain what is known. Promises are not kept: the rows know
    /// themselves when they were to come back.
    package func encoded(now: Instant) -> String {
        var lines = [Self.heading]
        if let overall, overall > now { lines.append("all\t\(overall.microseconds)") }
        for (name, next) in relays.sorted(by: { $0.key < $1.key }) where next > now {
            lines.append("relay\t\(name)\t\(next.microseconds)")
        }
        for (name, domain) in domains.sorted(by: { $0.key < $1.key }) where domain.isSlowed || (domain.next ?? now) > now {
            let next = domain.next ?? now
            lines.append(
                "domain\t\(name)\t\(next.microseconds)\t\(domain.slowness.microseconds)\t\(domain.slowedAt.microseconds)")
        }
        return lines.joined(separator: "\n")
    }

    /// What `encoded` wrote, under the limits of today. Lines that cannot be read are left out: at worst a domain is
    /// slowed once more.
    package init(_ limits: PaceLimits, restoring text: String) {
        self.init(limits)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first.map(String.init) == Self.heading else { return }
        for line in lines.dropFirst() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            let numbers = fields.dropFirst(fields[0] == "all" ? 1 : 2).compactMap { Int64($0) }
            restore(fields, numbers)
        }
    }

    private mutating func restore(_ fields: [Substring], _ numbers: [Int64]) {
        switch (fields[0], fields.count, numbers.count) {
        case ("all", 2, 1): overall = Instant(microseconds: numbers[0])
        case ("relay", 3, 1): relays[String(fields[1])] = Instant(microseconds: numbers[0])
        case ("domain", 5, 3) where domains.count < Self.domainLimit:
            let slowness = TimeSpan(microseconds: min(max(numbers[1], 0), Self.greatestSlowness.microseconds))
            domains[String(fields[1])] = Domain(
                next: Instant(microseconds: numbers[0]), slowness: slowness, slowedAt: Instant(microseconds: numbers[2]))
        default: break
        }
    }
}
