package import RegardsCalendar

/// When an outreach whose attempt was put off is tried again. A value without a clock and without a source of chance:
/// the same arguments always give the same answer.
package struct RetrySchedule: Hashable, Sendable {
    /// The waits after the first, second, … attempt; the last one is repeated if `repeatsLast`.
    private var waits: [TimeSpan]
    private var repeatsLast: Bool
    /// No attempt begins later than this after the first one.
    private var horizon: TimeSpan

    /// Mail: 5 minutes, doubled up to 4 hours, for 5 days (RFC 5321 4.5.4.1 asks for 4 to 5 days).
    package static let smtp = RetrySchedule(
        waits: [5, 10, 20, 40, 80, 160, 240].map { .minutes($0) }, repeatsLast: true, horizon: .days(5))

    /// Webhooks: the table of the Standard Webhooks specification, 10 attempts within 75 hours and 36 minutes, made
    /// wide enough for every wait to be a tenth longer.
    package static let webhook = RetrySchedule(
        waits: [.seconds(5), .minutes(5), .minutes(30)] + [2, 5, 10, 14, 20, 24].map { .hours($0) },
        repeatsLast: false, horizon: .hours(84))

    package enum Next: Hashable, Sendable {
        case at(Instant)
        /// The outreach would be too late by then: its `expires_at` lies before the next attempt.
        case expired
        /// The table has no further attempt (`RefusalReason.attemptsUsedUp`).
        case usedUp
    }

    /// The next attempt.
    ///
    /// Each wait is made up to 10 % longer or shorter, so that what failed together does not come back together.
    /// - Parameters:
    ///   - attempts: made so far and counted; 0 when the last one was given back (`DeferralReason.costsAttempt`), and
    ///     then the first wait holds.
    ///   - endedAt: when the last attempt ended.
    ///   - firstAttemptAt: when the first counted attempt began, or when the outreach was due if that is not kept.
    ///   - notBefore: what the other side asked for (Retry-After); a later moment than the table's wins.
    ///   - expiresAt: the outreach's expiry; nil if it never expires.
    ///   - hash: from `StableHash` over the outreach's key; spreads the jitter.
    package func next(
        attempts: Int, endedAt: Instant, firstAttemptAt: Instant, notBefore: Instant?, expiresAt: Instant?, hash: UInt64
    ) -> Next {
        let index = max(attempts, 1) - 1
        guard index < waits.count || repeatsLast else { return .usedUp }
        let wait = Self.jittered(waits[min(index, waits.count - 1)], hash: hash, attempt: index)
        let moment = max(endedAt + wait, notBefore ?? endedAt)
        if let expiresAt, moment >= expiresAt { return .expired }
        guard moment - firstAttemptAt <= horizon else { return .usedUp }
        return .at(moment)
    }

    /// The wait times 0.9 to 1.1, in whole microseconds.
    private static func jittered(_ wait: TimeSpan, hash: UInt64, attempt: Int) -> TimeSpan {
        let tenth = wait.microseconds / 10
        let spread = UInt64(2 * tenth + 1)
        return TimeSpan(microseconds: wait.microseconds - tenth + Int64(mixed(hash, UInt64(attempt)) % spread))
    }

    /// The finishing step of SplitMix64: neighbouring attempts of one outreach get unrelated numbers.
    private static func mixed(_ hash: UInt64, _ attempt: UInt64) -> UInt64 {
        var value = hash &+ (attempt &+ 1) &* 0x9e37_79b9_7f4a_7c15
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
