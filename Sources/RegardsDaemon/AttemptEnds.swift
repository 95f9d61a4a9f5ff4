import RegardsCalendar
import RegardsCore
import RegardsStore

/// What becomes of a row after an attempt: the one switch from an outcome to the row's next state.
struct AttemptEnds {
    private let outbox: any Outbox
    private let clock: any WallClock
    /// How often each row came back without having had a part in the failure.
    private var givenBack: [Int64: Int] = [:]

    init(outbox: any Outbox, clock: any WallClock) {
        self.outbox = outbox
        self.clock = clock
    }

    /// Of a message that was marked and never given to a channel, because the daemon stops.
    static let stoppedBefore = AttemptReport(
        .deferred(.shutdown, notBefore: nil), detail: "the daemon stopped before the message was handed over")

    /// - Parameters:
    ///   - item: its row, with this attempt counted.
    ///   - failed: called when the ledger could not be read; the row is then tried again as after a first attempt.
    mutating func next(after report: AttemptReport, _ item: ReadyOutreach, failed: (any Error) -> Void) -> Ending.Next {
        let now = clock.now()
        let id = item.outreach.id
        guard case .deferred(let reason, let notBefore) = report.outcome, !reason.costsAttempt else {
            if !givenBack.isEmpty { givenBack[id] = nil }
            return counted(report.outcome, item, now, failed)
        }
        // Rows that end elsewhere leave their count behind.
        if givenBack.count > 10_000 { givenBack.removeAll() }
        let times = (givenBack[id] ?? 0) + 1
        givenBack[id] = times
        // The first time at once; a connection that is lost again and again must not spin.
        let pause = TimeSpan.seconds(times == 1 ? 0 : min(60, Int64(1) << min(times, 6)))
        return .retry(notBefore: max(notBefore ?? now, now + pause), reason: reason.rawValue, givesAttemptBack: true)
    }

    private func counted(
        _ outcome: Outcome, _ item: ReadyOutreach, _ now: Instant, _ failed: (any Error) -> Void
    ) -> Ending.Next {
        switch outcome {
        case .delivered: item.isRedirected ? .skipped(.redirected) : .sent
        case .refused(let reason): .failed(reason)
        case .inDoubt:
            item.ifInDoubt == .ask
                ? .held(.inDoubt) : retry(item.outreach, reason: HoldReason.inDoubt.description, notBefore: nil, now, failed)
        case .deferred(let reason, let notBefore):
            retry(item.outreach, reason: reason.rawValue, notBefore: notBefore, now, failed)
        }
    }

    private func retry(
        _ outreach: Outreach, reason: String, notBefore: Instant?, _ now: Instant, _ failed: (any Error) -> Void
    ) -> Ending.Next {
        let schedule: RetrySchedule =
            if case .webhook = outreach.plan.channel { .webhook } else { .smtp }
        let key = outreach.key
        let next = schedule.next(
            attempts: outreach.attempts, endedAt: now, firstAttemptAt: firstAttempt(of: outreach, now, failed),
            notBefore: notBefore, expiresAt: outreach.plan.expiresAt,
            hash: StableHash.of(key.customer, key.rule, key.occasion, key.step, key.recipient))
        switch next {
        case .at(let instant): return .retry(notBefore: instant, reason: reason, givesAttemptBack: false)
        case .expired: return .skipped(.late)
        case .usedUp: return .failed(.attemptsUsedUp)
        }
    }

    /// When the first attempt that counts began. Not the due time: a complaint of last week that was entered today was
    /// due last week, and still deserves its days of retries.
    private func firstAttempt(of outreach: Outreach, _ now: Instant, _ failed: (any Error) -> Void) -> Instant {
        guard outreach.attempts > 1 else { return now }
        do {
            let counted = try outbox.show(outreach.id)?.attempts.first { attempt in
                attempt.outcome != "deferred" || DeferralReason(rawValue: attempt.reason)?.costsAttempt ?? true
            }
            return counted?.startedAt ?? now
        } catch {
            failed(error)
            return now
        }
    }
}

extension RefusalReason {
    /// Another address might have taken the message.
    var isAboutAddress: Bool { self == .addressInvalid || self == .addressNeedsUTF8 || self == .recipientRefused }
}

extension AttemptReport {
    /// The mailbox itself is said not to exist, or to be closed for good (RFC 3463, X.1.1, X.1.2, X.1.10 and X.2.1). A
    /// relay that refuses without such a status, or for reasons of its own (5.7.x), says nothing about the address: a
    /// relay with a mistake in its settings refuses everybody.
    var isBadMailbox: Bool {
        detail.split { " ;,()#".contains($0) }.contains { ["5.1.1", "5.1.2", "5.1.10", "5.2.1"].contains($0) }
    }
}
