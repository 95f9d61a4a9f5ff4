import RegardsCalendar
import RegardsCore
import Testing

@Suite("Retries")
struct RetryScheduleTests {
    private let start = Instant(seconds: 1_809_162_000)

    /// The waits of a row that fails again and again, without expiry, and how the row ended.
    private func waits(_ schedule: RetrySchedule, hash: UInt64, limit: Int = 1000) -> ([TimeSpan], RetrySchedule.Next?) {
        var now = start
        var waits: [TimeSpan] = []
        for attempt in 1...limit {
            let next = schedule.next(
                attempts: attempt, endedAt: now, firstAttemptAt: start, notBefore: nil, expiresAt: nil, hash: hash)
            guard case .at(let moment) = next else { return (waits, next) }
            waits.append(moment - now)
            now = moment
        }
        return (waits, nil)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func mailDoublesToFourHoursForFiveDays(hash: UInt64) {
        let (found, end) = waits(.smtp, hash: hash &* 0x1234_5678_9abc_def1)
        let minutes: [Int64] = [5, 10, 20, 40, 80, 160] + Array(repeating: 240, count: 100)
        for (wait, expected) in zip(found, minutes) {
            #expect(abs(wait.microseconds - expected * 60_000_000) <= expected * 6_000_000)
        }
        let total = found.reduce(0) { $0 + $1.microseconds }
        #expect(total <= TimeSpan.days(5).microseconds)
        #expect(total > TimeSpan.days(5).microseconds - TimeSpan.minutes(264).microseconds)
        #expect(end == .usedUp)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func webhooksHaveTenAttempts(hash: UInt64) {
        let (found, end) = waits(.webhook, hash: hash &* 0x1234_5678_9abc_def1)
        let seconds: [Int64] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        #expect(found.count == 9)
        #expect(seconds.reduce(0, +) / 3600 == 75)
        for (wait, expected) in zip(found, seconds) {
            #expect(abs(wait.microseconds - expected * 1_000_000) <= expected * 100_000)
        }
        #expect(end == .usedUp)
    }

    @Test func theSameOutreachGetsTheSameWaits() {
        #expect(waits(.smtp, hash: 42).0 == waits(.smtp, hash: 42).0)
    }

    @Test func outreachesThatFailTogetherComeBackApart() {
        let first = (0..<1000 as Range<UInt64>).map { waits(.smtp, hash: $0, limit: 1).0[0] }
        #expect(Set(first).count > 990)
        let minute = TimeSpan.minutes(1).microseconds
        #expect(first.contains { $0.microseconds < 5 * minute - minute / 3 })
        #expect(first.contains { $0.microseconds > 5 * minute + minute / 3 })
    }

    @Test func aGivenBackAttemptWaitsLikeTheFirst() {
        func next(_ attempts: Int) -> RetrySchedule.Next {
            RetrySchedule.smtp.next(
                attempts: attempts, endedAt: start, firstAttemptAt: start, notBefore: nil, expiresAt: nil, hash: 7)
        }
        #expect(next(0) == next(1))
        #expect(next(2) != next(1))
    }

    @Test func theOtherSidesWishWinsWhenItIsLater() {
        func next(_ notBefore: Instant) -> RetrySchedule.Next {
            RetrySchedule.webhook.next(
                attempts: 1, endedAt: start, firstAttemptAt: start, notBefore: notBefore, expiresAt: nil, hash: 7)
        }
        #expect(next(start + .hours(2)) == .at(start + .hours(2)))
        #expect(next(start + .seconds(1)) == next(start))
    }

    @Test func nothingIsTriedAtItsExpiryOrLater() {
        func next(_ expiresAt: Instant) -> RetrySchedule.Next {
            RetrySchedule.smtp.next(
                attempts: 1, endedAt: start, firstAttemptAt: start, notBefore: start + .hours(1), expiresAt: expiresAt,
                hash: 7)
        }
        let moment = start + .hours(1)
        #expect(next(moment - TimeSpan(microseconds: 1)) == .expired)
        #expect(next(moment) == .expired)
        #expect(next(moment + TimeSpan(microseconds: 1)) == .at(moment))
    }

    @Test func theFifthDayIsTheLast() {
        func next(_ endedAt: Instant) -> RetrySchedule.Next {
            RetrySchedule.smtp.next(
                attempts: 30, endedAt: endedAt, firstAttemptAt: start, notBefore: start + .days(5), expiresAt: nil, hash: 7)
        }
        #expect(next(start + .days(4)) == .at(start + .days(5)))
        #expect(next(start + .days(5)) == .usedUp)
    }
}
