package import RegardsCalendar
package import RegardsCore

/// The ledger of everything owed: one row is one message to one recipient by one channel.
///
/// The life of a row, and what a crash does at each comma:
///
///     planned -> claimed -> sending -> sent | failed | skipped | cancelled
///        ^          |          |
///        '--held <--'--< held -'       held: a pause; its reason names what releases it
///
/// - `planned`, `held` and the ends are durable.
/// - `claimed` is nearly memory: after a crash the row is `planned` again, and no attempt was counted.
/// - `sending` is durable before the network is touched. After a crash the row is in doubt: `recover` names it.
/// - An end is durable when `commit` returns.
///
/// Calls block the calling thread, so they belong on the daemon's own queues. Time is always an argument. All calls
/// may come on any thread; they are carried out one after the other. Every call throws `OutboxError`.
package protocol Outbox: AnyObject, Sendable {
    /// The number of this daemon start; rows that it claims carry it, and a guard compares it.
    var epoch: Int64 { get }

    // MARK: Start

    /// Settles the rows that an earlier epoch left in `sending`: counted as attempts, listed, and by the policy of
    /// their rule either `planned` again or `held(in-doubt)`. Rows it left in `claimed` become `planned`.
    /// Call it once at start, after `adoptRules`, before the first `claim`.
    func recover(now: Instant, ifInDoubt policy: (_ rule: String) -> InDoubtPolicy) throws -> Recovery

    /// Makes the ledger know exactly these rules: new ones get their baseline (`firstSeen = now`), renamed ones keep
    /// their ledger, vanished ones lose their unsent rows as `cancelled(rule-gone)`, and one that returns is known
    /// again. All or nothing.
    func adoptRules(_ rules: [RuleAdoption], now: Instant) throws -> RuleAdoptionReport

    /// Every rule the ledger has ever known, by name; those with `goneAt` are in the files no longer.
    func ruleLedgers() throws -> [RuleLedger]

    // MARK: Planning

    /// Starts one pass over all customers for rules that hang on dates (anniversary, schedule).
    /// - Parameter window: rows due inside it are derived anew by the pass; others are not judged.
    func beginPlan(rules: [String], window: Range<Instant>, now: Instant) throws -> any PlanPass

    /// Brings the rows of events in line with what was derived for them now, in one transaction. Scope of each plan:
    /// its customer, its occasion and its rules, whatever the due time.
    @discardableResult
    func reconcileEvents(_ plans: [EventPlan], now: Instant) throws -> ReconcileCounts

    /// Adds rows that no pass derives at this moment, such as a list's item for a recipient that was refused. A key that
    /// the ledger has already is treated as by a pass: unsent rows take the new times, ended ones stay as they are.
    @discardableResult
    func addOutreach(_ rows: [PlannedOutreach], now: Instant) throws -> ReconcileCounts

    // MARK: Sending

    /// When the next planned row of one of these channels wakes (nil: of any channel); nil when none waits.
    func earliestWake(channels: [ChannelName]?) throws -> Instant?

    /// Takes up to `limit` rows that have woken, care first, then by wake time. Rows past their expiry are taken too:
    /// the decision about them is not the ledger's.
    /// - Parameter stale: rows past their expiry do not count as long as all that are taken are no more than this: what an
    ///   outage left behind is settled some thousand at a time.
    func claim(limit: Int, stale: Int, now: Instant, channels: [ChannelName]) throws -> [Outreach]

    /// Gives claimed rows back: `planned` again, no attempt counted.
    /// - Returns: the ids that were not ours to give back.
    @discardableResult
    func release(_ ids: [Int64], now: Instant) throws -> [Int64]

    /// Carries out endings, additions and marks, in this order, in one durable transaction. When it throws, nothing
    /// changed. Notes for the next start that something was sent, as `noteNewestSent` does.
    @discardableResult
    func commit(_ group: GroupCommit) throws -> CommitReport

    /// Lets the next start know how new the ledger was: after each pass and at the end. A ledger that then knows of nothing
    /// sent so late has lost its end, or is a backup that was put back: what has fallen due is held in doubt. Nothing depends
    /// on its reaching the disk.
    func noteNewestSent() throws

    /// What was last kept of the pace of mail (`GroupCommit.pace`); nil when nothing was.
    func pace() throws -> String?

    /// Rows of the customer held for this reason become `planned`.
    /// - Returns: their number.
    @discardableResult
    func releaseHeld(customer: String, reason: HoldReason, now: Instant) throws -> Int

    /// Rows held for this reason become `planned`, some thousand in each transaction. Of those held by pauses, only the
    /// ones to which no pause applies any more: to be called when a pause has ended or was lifted.
    /// - Parameter rule: nil: rows of all rules.
    /// - Returns: their number.
    @discardableResult
    func releaseHeld(rule: String?, reason: HoldReason, now: Instant) throws -> Int

    /// Rows held before they were claimed whose expiry has passed end as `skipped(late)`.
    /// - Returns: their number.
    @discardableResult
    func expireHeld(now: Instant) throws -> Int

    /// Ends the doubt about a row `held(in-doubt)`.
    func settle(_ id: Int64, as settlement: Settlement, now: Instant) throws

    // MARK: Reading

    /// Rows in order of id, at most `limit`, with ids greater than `after`.
    func list(_ filter: OutreachFilter, limit: Int, after: Int64) throws -> [Outreach]

    /// One row with its attempts; nil when there is none.
    func show(_ id: Int64) throws -> OutreachDetail?

    /// The newest rows of a customer, at most `limit`.
    func history(customer: String, limit: Int) throws -> [Outreach]

    /// What is open now, and what ended at or after an instant.
    func counts(endedSince: Instant) throws -> OutboxCounts

    /// Planned rows that wake before an instant.
    func dueCount(until: Instant) throws -> Int

    // MARK: Who was reached

    /// What later decisions must know of each of these customers and their addresses, in one view of the ledger.
    /// `History.refused` is left empty: see `refusedSteps`.
    ///
    /// A message in doubt counts as a contact until somebody settles it. `lastReceived` and `cards` are about mail to the
    /// customer that was sent.
    /// - Returns: a history for each customer asked about.
    func histories(_ question: HistoryQuestion) throws -> [String: History]

    /// Steps to staff that reached nobody: all their recipients failed for good.
    /// - Returns: by occasion, when the last recipient failed, by `RULE/STEP`; occasions without any are left out.
    func refusedSteps(_ occasions: [CustomerOccasion]) throws -> [CustomerOccasion: [String: Instant]]

    /// No more messages of these purposes to the address. Repeating it changes nothing.
    /// - Parameter address: keyed hash.
    /// - Returns: true when something was not suppressed for this reason before.
    @discardableResult
    func suppress(_ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason, now: Instant) throws -> Bool

    /// - Parameter reason: nil: whatever the reason was.
    /// - Returns: the suppressions that were taken away.
    @discardableResult
    func unsuppress(_ address: String, _ purposes: Set<Purpose>, reason: SuppressionReason?) throws -> Int

    /// In order of address, purpose and reason, at most `limit`, after that one.
    func suppressions(limit: Int, after: Suppression?) throws -> [Suppression]

    // MARK: Pauses

    /// Holds messages from the next mark on, in whatever process it is called.
    /// - Parameter until: nil: until it is lifted.
    func addPause(_ scope: Pause.Scope, until: Instant?, reason: String, now: Instant) throws -> Pause

    /// - Returns: false when there is no such pause, or it is over.
    @discardableResult
    func liftPause(_ id: Int64, now: Instant) throws -> Bool

    /// Those that hold at the instant, the oldest first.
    func pauses(at now: Instant) throws -> [Pause]

    // MARK: Approval and guards

    /// Approves the rule as it is under this hash.
    /// - Throws: `OutboxError.unknownRule`.
    func approve(rule: String, hash: UInt64, now: Instant) throws

    func guardFigures() throws -> GuardFigures

    /// Changes the figures in one transaction, so that daemon and commands do not overwrite each other's.
    @discardableResult
    func updateGuardFigures(_ change: (inout GuardFigures) -> Void) throws -> GuardFigures

    // MARK: Segments

    /// Starts comparing who belongs to these segments with who did.
    func beginSegments(_ segments: [WatchedSegment], now: Instant) throws -> any SegmentPass

    /// The latest stay of each customer in each segment, by index into `segments`; who never belonged is left out.
    func segmentEntries(customers: [String], segments: [String]) throws -> [String: [Int: SegmentEntry]]

    // MARK: Lists

    /// Open items, the oldest first; not those that wait for another try.
    func openListItems(now: Instant) throws -> [ListItem]

    /// One item; nil when there is none.
    func listItem(_ id: Int64) throws -> ListItem?

    /// What came of an item: `done`, or `notReached`, which with `tryAgainAt` brings it back then. `open` undoes.
    /// - Throws: `OutboxError.noSuchListItem`.
    func settleListItem(_ id: Int64, as outcome: ListItem.Outcome, tryAgainAt: Instant?, now: Instant) throws

    /// Remembers on which local day these items were mailed.
    func markMailed(_ ids: [Int64], on day: CivilDate) throws

    // MARK: Events

    /// Starts bringing one kind of event in line with the business's database.
    /// - Parameters:
    ///   - horizon: the query returned all rows with `at` at or after it.
    ///   - baselineBefore: at a kind's first sight, events with an earlier `at` are recorded as baseline; nil: all.
    func beginEventSync(
        kind: String, vanished: EventKind.Vanished, horizon: Instant, baselineBefore: Instant?, now: Instant
    ) throws -> any EventSync

    /// The latest generations of events that are open, or whose `at` is at or after `since`.
    func events(kind: String, openOrSince since: Instant) throws -> [Event]

    /// Events of the kind that are over and there, with `at` before an instant, to which unsent rows of these rules belong:
    /// latest generations. A horizon leaves them out, and what they still owe hangs on their columns.
    func events(kind: String, awaitedBy rules: [String], before: Instant) throws -> [Event]

    /// Open events of these customers that are no baseline: those that pause messages.
    func openEvents(customers: [String]) throws -> [Event]

    /// One event; nil when the ledger does not know it.
    func event(kind: String, id: String, generation: Int) throws -> Event?

    /// Fixes limits for rules that had none for this event; a limit once fixed never changes.
    func fixLimits(of event: Event, _ limits: [String: Instant]) throws

    // MARK: Retention

    /// Removes what may go, some hundred rows in each transaction.
    /// - Parameter atMost: rows of the outbox that are looked at in this call.
    /// - Returns: rows of the outbox that went.
    @discardableResult
    func retire(_ retention: Retention, atMost: Int) throws -> Int

    // MARK: Going live

    /// The machine for which `regards go-live` was given; nil before.
    func liveMachine() throws -> String?
    func setLiveMachine(_ machine: String?, now: Instant) throws
}

/// One pass of planning over all customers. Pages are durable one by one; `planned_through` moves only in `finish`,
/// in the transaction that also cancels what deleted customers were owed. A crash in the middle is safe for that
/// reason: the next pass starts from the old `planned_through`, derives the same rows, finds those of the lost pass
/// unchanged and writes the rest.
///
/// Not thread-safe: one pass belongs to one queue.
package protocol PlanPass: AnyObject {
    /// Brings the unsent rows of a page of customers in line with what was derived for them.
    ///
    /// Rows that are no longer derived become cancelled when they are unsent, belong to a rule of the pass, are due
    /// inside its window, and have not expired: what is too late is not derived either, and ends as `skipped(late)`.
    /// - Parameters:
    ///   - customers: ids in the order of the page, each once in a pass; those without rows too.
    ///   - rows: what they are owed, grouped by customer in the same order.
    ///   - why: the reason for a row that is no longer derived.
    func reconcile(
        customers: [String], rows: [PlannedOutreach], why: (OutreachKey) -> CancelReason
    ) throws -> ReconcileCounts

    /// Ends a pass that saw every customer: unsent rows of its rules for customers who were on no page become
    /// `cancelled(customer-gone)`, and `planned_through` of the pass's rules advances to the end of the window.
    /// A pass that is not finished, because the source failed or some customers were left out, leaves both alone.
    func finish() throws -> ReconcileCounts
}

extension PlanPass {
    package func reconcile(customers: [String], rows: [PlannedOutreach]) throws -> ReconcileCounts {
        try reconcile(customers: customers, rows: rows) { _ in .occasionGone }
    }
}

/// One look at which customers belong to the watched segments. Pages are durable one by one; a crash in the middle is
/// safe, because the next pass compares anew. A pass in which nobody comes or goes writes nothing.
///
/// Until a segment was looked at whole once, nobody comes or goes: members are recorded as baseline, and who is found
/// gone left quietly. That holds also for a segment whose definition changed, or that nobody watched for a while.
///
/// Not thread-safe: one pass belongs to one queue.
package protocol SegmentPass: AnyObject {
    /// Records who came and who left.
    /// - Parameter page: each customer once in a pass, those who belong nowhere too.
    /// - Returns: as `segmentEntries`, after this page was recorded.
    func record(_ page: [SegmentMembership]) throws -> [String: [Int: SegmentEntry]]

    /// Ends a pass that saw every customer: those who were on no page have left. A pass that is not finished leaves
    /// them where they are.
    /// - Returns: how many stays ended.
    @discardableResult
    func finish() throws -> Int
}

/// Brings the ledger's events of one kind in line with the business's database: add the rows of the query, look the
/// `unseen` ones up by id and add what is found, then `finish`. Each step is one transaction; a crash between them is
/// safe, because the next sync compares anew. A quiet sync writes nothing.
///
/// Not thread-safe: one sync belongs to one queue.
package protocol EventSync: AnyObject {
    /// True when the kind was never synced to the end before.
    var isFirstSight: Bool { get }

    /// When the last sync of the kind that found something new ended; nil: none did, or not since this is noted.
    var lastLook: Instant? { get }

    /// - Parameter limits: asked once for each new event, for the limits of the promises made for it, by rule.
    func add(_ rows: [SeenEvent], limits: (SeenEvent) -> [String: Instant]) throws -> [EventChange]

    /// These are to be seen too, however long ago they were.
    func expect(_ ids: [String])

    /// Ids of events that should have been seen and were not: open ones, those at or after the horizon, and the expected.
    func unseen() throws -> [String]

    /// Declares the rest of the unseen gone.
    func finish() throws -> [EventChange]
}

extension Outbox {
    /// The rules whose hash is not the one that was approved, of those given by name.
    package func unapproved(_ hashes: [String: UInt64]) throws -> Set<String> {
        let approved = Dictionary(try ruleLedgers().map { ($0.name, $0.approvedHash) }, uniquingKeysWith: { $1 })
        return Set(hashes.filter { approved[$0.key].flatMap { $0 } != $0.value }.keys)
    }
}

extension Outbox {
    /// Rows past their expiry count like all others.
    package func claim(limit: Int, now: Instant, channels: [ChannelName]) throws -> [Outreach] {
        try claim(limit: limit, stale: 0, now: now, channels: channels)
    }
}
