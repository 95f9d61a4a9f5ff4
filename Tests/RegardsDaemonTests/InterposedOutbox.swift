import RegardsCalendar
import RegardsCore
import RegardsStore
import Synchronization

/// The real outbox with a test in front of it: it fails calls, or does something in between, at moments that a disk or
/// another process would have to hit by chance.
final class InterposedOutbox: Outbox {
    typealias Hook = @Sendable (GroupCommit) throws -> Void

    private struct State {
        var beforeCommit: Hook?
        var failure: OutboxError?
        var releaseFailure: OutboxError?
        var claims = 0
    }

    private let ledger: SQLiteOutbox
    private let state = Mutex(State())

    init(_ ledger: SQLiteOutbox) { self.ledger = ledger }

    /// Called in place of the next commit's beginning.
    func beforeCommit(_ hook: Hook?) { state.withLock { $0.beforeCommit = hook } }
    /// Every write of the send loop fails so; nil: none does.
    func failWrites(_ failure: OutboxError?) { state.withLock { $0.failure = failure } }
    /// Only giving back fails.
    func failReleases(_ failure: OutboxError?) { state.withLock { $0.releaseFailure = failure } }
    /// How often the loop asked for due rows.
    var claims: Int { state.withLock { $0.claims } }

    private func mayWrite() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    var epoch: Int64 { ledger.epoch }

    func claim(limit: Int, stale: Int, now: Instant, channels: [ChannelName]) throws -> [Outreach] {
        state.withLock { $0.claims += 1 }
        let rows = try ledger.claim(limit: limit, stale: stale, now: now, channels: channels)
        guard !rows.isEmpty, let failure = state.withLock({ $0.failure }) else { return rows }
        // A full disk refuses the write of a claim; asking when nothing is due writes nothing.
        try ledger.release(rows.map(\.id), now: now)
        throw failure
    }

    func release(_ ids: [Int64], now: Instant) throws -> [Int64] {
        try mayWrite()
        if let failure = state.withLock({ $0.releaseFailure }) { throw failure }
        return try ledger.release(ids, now: now)
    }

    func commit(_ group: GroupCommit) throws -> CommitReport {
        try mayWrite()
        try state.withLock { $0.beforeCommit }?(group)
        return try ledger.commit(group)
    }

    func releaseHeld(customer: String, reason: HoldReason, now: Instant) throws -> Int {
        try mayWrite()
        return try ledger.releaseHeld(customer: customer, reason: reason, now: now)
    }

    func noteNewestSent() throws { try ledger.noteNewestSent() }
    func pace() throws -> String? { try ledger.pace() }
    func expireHeld(now: Instant) throws -> Int { try ledger.expireHeld(now: now) }
    func recover(now: Instant, ifInDoubt policy: (String) -> InDoubtPolicy) throws -> Recovery {
        try ledger.recover(now: now, ifInDoubt: policy)
    }
    func adoptRules(_ rules: [RuleAdoption], now: Instant) throws -> RuleAdoptionReport {
        try ledger.adoptRules(rules, now: now)
    }
    func ruleLedgers() throws -> [RuleLedger] { try ledger.ruleLedgers() }
    func beginPlan(rules: [String], window: Range<Instant>, now: Instant) throws -> any PlanPass {
        try ledger.beginPlan(rules: rules, window: window, now: now)
    }
    func reconcileEvents(_ plans: [EventPlan], now: Instant) throws -> ReconcileCounts {
        try ledger.reconcileEvents(plans, now: now)
    }
    func earliestWake(channels: [ChannelName]?) throws -> Instant? { try ledger.earliestWake(channels: channels) }
    func settle(_ id: Int64, as settlement: Settlement, now: Instant) throws {
        try ledger.settle(id, as: settlement, now: now)
    }
    func list(_ filter: OutreachFilter, limit: Int, after: Int64) throws -> [Outreach] {
        try ledger.list(filter, limit: limit, after: after)
    }
    func show(_ id: Int64) throws -> OutreachDetail? { try ledger.show(id) }
    func history(customer: String, limit: Int) throws -> [Outreach] { try ledger.history(customer: customer, limit: limit) }
    func counts(endedSince: Instant) throws -> OutboxCounts { try ledger.counts(endedSince: endedSince) }
    func dueCount(until: Instant) throws -> Int { try ledger.dueCount(until: until) }
    func beginEventSync(
        kind: String, vanished: EventKind.Vanished, horizon: Instant, baselineBefore: Instant?, now: Instant
    ) throws -> any EventSync {
        try ledger.beginEventSync(kind: kind, vanished: vanished, horizon: horizon, baselineBefore: baselineBefore, now: now)
    }
    func events(kind: String, openOrSince since: Instant) throws -> [Event] {
        try ledger.events(kind: kind, openOrSince: since)
    }
    func events(kind: String, awaitedBy rules: [String], before: Instant) throws -> [Event] {
        try ledger.events(kind: kind, awaitedBy: rules, before: before)
    }
    func openEvents(customers: [String]) throws -> [Event] { try ledger.openEvents(customers: customers) }
    func event(kind: String, id: String, generation: Int) throws -> Event? {
        try ledger.event(kind: kind, id: id, generation: generation)
    }
    func fixLimits(of event: Event, _ limits: [String: Instant]) throws { try ledger.fixLimits(of: event, limits) }
    func addOutreach(_ rows: [PlannedOutreach], now: Instant) throws -> ReconcileCounts {
        try ledger.addOutreach(rows, now: now)
    }
    func releaseHeld(rule: String?, reason: HoldReason, now: Instant) throws -> Int {
        try mayWrite()
        return try ledger.releaseHeld(rule: rule, reason: reason, now: now)
    }
    func histories(_ question: HistoryQuestion) throws -> [String: History] { try ledger.histories(question) }
    func refusedSteps(_ occasions: [CustomerOccasion]) throws -> [CustomerOccasion: [String: Instant]] {
        try ledger.refusedSteps(occasions)
    }
    func suppress(_ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason, now: Instant) throws -> Bool {
        try ledger.suppress(address, purposes, reason: reason, now: now)
    }
    func unsuppress(_ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason?) throws -> Int {
        try ledger.unsuppress(address, purposes, reason: reason)
    }
    func suppressions(limit: Int, after: Suppression?) throws -> [Suppression] {
        try ledger.suppressions(limit: limit, after: after)
    }
    func addPause(_ scope: Pause.Scope, until: Instant?, reason: String, now: Instant) throws -> Pause {
        try ledger.addPause(scope, until: until, reason: reason, now: now)
    }
    func liftPause(_ id: Int64, now: Instant) throws -> Bool { try ledger.liftPause(id, now: now) }
    func pauses(at now: Instant) throws -> [Pause] { try ledger.pauses(at: now) }
    func approve(rule: String, hash: UInt64, now: Instant) throws { try ledger.approve(rule: rule, hash: hash, now: now) }
    func guardFigures() throws -> GuardFigures { try ledger.guardFigures() }
    func updateGuardFigures(_ change: (inout GuardFigures) -> Void) throws -> GuardFigures {
        try ledger.updateGuardFigures(change)
    }
    func beginSegments(_ segments: [WatchedSegment], now: Instant) throws -> any SegmentPass {
        try ledger.beginSegments(segments, now: now)
    }
    func segmentEntries(customers: [String], segments: [String]) throws -> [String: [Int: SegmentEntry]] {
        try ledger.segmentEntries(customers: customers, segments: segments)
    }
    func openListItems(now: Instant) throws -> [ListItem] { try ledger.openListItems(now: now) }
    func listItem(_ id: Int64) throws -> ListItem? { try ledger.listItem(id) }
    func settleListItem(_ id: Int64, as outcome: ListItem.Outcome, tryAgainAt: Instant?, now: Instant) throws {
        try ledger.settleListItem(id, as: outcome, tryAgainAt: tryAgainAt, now: now)
    }
    func markMailed(_ ids: [Int64], on day: CivilDate) throws { try ledger.markMailed(ids, on: day) }
    func retire(_ retention: Retention, atMost: Int) throws -> Int { try ledger.retire(retention, atMost: atMost) }
    func liveMachine() throws -> String? { try ledger.liveMachine() }
    func setLiveMachine(_ machine: String?, now: Instant) throws { try ledger.setLiveMachine(machine, now: now) }
}
