import Synchronization

/// A time zone: an immutable table of its offsets from UTC, safe to use from any thread.
///
/// Tables come from `ZoneCatalog`, which reads the system's files. A table goes on by the file's
/// closing rule for 400 years, after which the Gregorian calendar repeats to the weekday: later
/// times are looked up that many years earlier.
package final class Zone: Sendable, Hashable {
    /// The IANA name, such as `Europe/Berlin`: what is stored and shown.
    package let name: String

    /// Seconds since 1970 at which period `i + 1` begins.
    private let transitions: [Int64]
    /// Seconds east of UTC in period `i`; one more than `transitions`.
    private let offsets: [Int32]
    /// Times from here on repeat the 400 years before.
    private let repeatsFrom: Int64
    /// The period of the latest look-up. Only a guess: every use checks it.
    private let hint = Atomic<Int>(0)

    package static let utc = Zone(name: "UTC", offset: 0)

    /// A zone that never changes its clocks; `offset` in seconds east of UTC.
    init(name: String, offset: Int) {
        self.name = name
        (transitions, offsets, repeatsFrom) = ([], [Int32(offset)], .max)
    }

    init(name: String, file: ZoneFile) {
        self.name = name
        guard let rule = file.rule, rule.daylight != nil else {
            (transitions, offsets, repeatsFrom) = (file.transitions, file.offsets, .max)
            return
        }
        let listedUntil = file.transitions.last ?? 0
        let firstYear = LocalTime(secondsSinceEpoch: listedUntil).date.year
        let repeatYear = firstYear + 402
        var table = file
        // One year more, so that a look-up at the seam sees both of its sides.
        for year in firstYear...repeatYear + 1 {
            for (at, offset) in rule.transitions(in: year) where at > listedUntil { table.extend(at, Int32(offset)) }
        }
        (transitions, offsets) = (table.transitions, table.offsets)
        repeatsFrom = Int64(CivilDate(unchecked: repeatYear, 1, 1).dayNumber) * 86_400
    }

    package static func == (left: Zone, right: Zone) -> Bool {
        left === right
            || left.name == right.name && left.transitions == right.transitions && left.offsets == right.offsets
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    private static let fourCenturies: Int64 = 146_097 * 86_400

    /// How much to subtract from `second` so that the table covers it.
    private func excess(_ second: Int64) -> Int64 {
        second < repeatsFrom ? 0 : ((second - repeatsFrom) / Zone.fourCenturies + 1) * Zone.fourCenturies
    }
}

// MARK: - From UTC to the wall

extension Zone {
    /// Seconds east of UTC at `instant`.
    package func offset(at instant: Instant) -> Int { offset(atSecond: instant.seconds) }

    /// What clocks in this zone show at `instant`, fractions of a second cut off.
    package func local(at instant: Instant) -> LocalTime {
        LocalTime(secondsSinceEpoch: wall(atSecond: instant.seconds))
    }

    /// The reading as seconds since 1970 on the wall clock.
    func wall(atSecond second: Int64) -> Int64 { second + Int64(offset(atSecond: second)) }

    private func offset(atSecond second: Int64) -> Int { Int(offsets[period(at: second - excess(second))]) }

    /// The offset at `second` and the stretch around it, in seconds since 1970, where it holds.
    func steadyPeriod(at second: Int64) -> (offset: Int64, start: Int64, end: Int64) {
        let excess = excess(second)
        let index = period(at: second - excess)
        let start = index == 0 ? Zone.distantPast : transitions[index - 1] + excess
        let end = index == transitions.count ? Zone.distantFuture : transitions[index] + excess
        return (Int64(offsets[index]), start, end)
    }

    /// Far enough from all dates, and near enough that microseconds do not overflow.
    static let distantFuture: Int64 = 9_000_000_000_000
    static let distantPast = -distantFuture

    /// Index into `offsets`.
    private func period(at second: Int64) -> Int {
        let guess = hint.load(ordering: .relaxed)
        if guess == 0 || transitions[guess - 1] <= second, guess == transitions.count || second < transitions[guess] {
            return guess
        }
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle + 1 } else { high = middle }
        }
        hint.store(low, ordering: .relaxed)
        return low
    }
}

// MARK: - Two zones

extension Zone {
    /// Whether clocks of both zones show the same time at every instant of the range.
    package func agrees(with other: Zone, in range: Range<Instant>) -> Bool {
        if self === other { return true }
        return changes(in: range) == other.changes(in: range)
    }

    /// The offset at the beginning, and each one that differs from the one before, with its first second.
    private func changes(in range: Range<Instant>) -> [[Int64]] {
        var offset = offsets[period(at: range.lowerBound.seconds - excess(range.lowerBound.seconds))]
        var found = [[range.lowerBound.seconds, Int64(offset)]]
        for (index, at) in transitions.enumerated() where at > range.lowerBound.seconds && at < range.upperBound.seconds {
            guard offsets[index + 1] != offset else { continue }
            offset = offsets[index + 1]
            found.append([at, Int64(offset)])
        }
        return found
    }
}

// MARK: - From the wall to UTC

/// What a reading of the wall clock means in a zone.
package enum Resolution: Hashable, Sendable {
    case unique(Instant)
    /// Clocks were set forward over this reading. `shifted` counts it by the offset in force before
    /// the gap, which moves it later by the gap's length; `firstAfter` is the change itself.
    case gap(shifted: Instant, firstAfter: Instant)
    /// Clocks were set back and show this reading twice.
    case overlap(first: Instant, second: Instant)
}

extension Zone {
    package func resolve(_ date: CivilDate, _ time: WallTime) -> Resolution {
        switch resolve(LocalTime(date: date, time: time).secondsSinceEpoch) {
        case .unique(let second): .unique(Instant(seconds: second))
        case .gap(let shifted, let change, _):
            .gap(shifted: Instant(seconds: shifted), firstAfter: Instant(seconds: change))
        case .overlap(let first, let second, _):
            .overlap(first: Instant(seconds: first), second: Instant(seconds: second))
        }
    }

    /// The instant of an occasion: a reading in a gap moves later by the gap's length, one that
    /// occurs twice means its first pass.
    package func instant(_ date: CivilDate, _ time: WallTime) -> Instant {
        switch resolve(LocalTime(date: date, time: time).secondsSinceEpoch) {
        case .unique(let second), .gap(let second, _, _), .overlap(let second, _, _): Instant(seconds: second)
        }
    }

    /// The next occasion of a daily time: the least instant strictly later than `instant` at which
    /// `instant(_:_:)` puts `time` on some date.
    package func next(_ time: WallTime, after instant: Instant) -> Instant {
        // From yesterday, whose time may have moved past midnight out of a gap.
        var date = local(at: instant).date - 1
        while true {
            let occasion = self.instant(date, time)
            if occasion > instant { return occasion }
            date = date + 1
        }
    }

    /// The first instant whose local date is `date`; where the zone skipped that whole day, the
    /// first instant after it.
    package func startOfDay(_ date: CivilDate) -> Instant {
        switch resolve(LocalTime(date: date, time: .midnight).secondsSinceEpoch) {
        case .unique(let second), .gap(_, let second, _), .overlap(let second, _, _): Instant(seconds: second)
        }
    }

    /// `Resolution` in seconds since 1970. `wallEnd` is the first reading after the gap or overlap,
    /// in seconds since 1970 on the wall clock.
    enum WallResolution {
        case unique(Int64)
        case gap(shifted: Int64, change: Int64, wallEnd: Int64)
        case overlap(first: Int64, second: Int64, wallEnd: Int64)
    }

    /// Further than this from a transition no other period can claim the same reading: offsets
    /// differ by less than two days.
    private static let margin: Int64 = 2 * 86_400

    func resolve(_ wall: Int64) -> WallResolution {
        let excess = excess(wall)
        let wall = wall - excess
        let index = period(at: wall)
        if index == 0 || wall - transitions[index - 1] > Zone.margin,
            index == transitions.count || transitions[index] - wall > Zone.margin
        {
            return .unique(wall - Int64(offsets[index]) + excess)
        }
        return resolveNearTransition(wall, from: index, excess)
    }

    /// Looks at every period that begins or ends within the margin.
    private func resolveNearTransition(_ wall: Int64, from index: Int, _ excess: Int64) -> WallResolution {
        var period = index
        while period > 0, transitions[period - 1] > wall - Zone.margin { period -= 1 }
        var found: Int64?
        while true {
            let candidate = wall - Int64(offsets[period])
            if period == transitions.count || candidate < transitions[period] {
                if let first = found {
                    let wallEnd = transitions[period - 1] + Int64(offsets[period - 1])
                    return .overlap(first: first + excess, second: candidate + excess, wallEnd: wallEnd + excess)
                }
                found = candidate
            }
            guard period < transitions.count else { break }
            let change = transitions[period]
            // The reading comes before the first one of the next period: no later one has it.
            if wall < change + Int64(offsets[period + 1]) {
                guard found == nil else { break }
                return .gap(
                    shifted: candidate + excess, change: change + excess,
                    wallEnd: change + Int64(offsets[period + 1]) + excess)
            }
            period += 1
        }
        return .unique((found ?? wall - Int64(offsets[period])) + excess)
    }
}
