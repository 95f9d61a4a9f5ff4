package import RegardsCalendar
import RegardsCore
import RegardsRules
package import RegardsStore

/// Brings events and what is owed because of them in line with the business's database. One for each assembly; used
/// by one queue at a time, which is what makes it Sendable.
package final class EventDesk: @unchecked Sendable {
    package struct Report: Sendable {
        /// With the index of the kind.
        package var changes: [(kind: Int, change: EventChange)] = []
        package var counts = ReconcileCounts()
        package var released = 0
        /// Rows of event queries that cannot be used, by what is wrong.
        package var unusable: [EventProblem: UnusableCustomers] = [:]
        /// The first kind's failure; the other kinds were synced all the same.
        package var failure: (any Error)?
    }

    /// Events read and recorded together.
    private static let page = 1000

    private let outbox: any Outbox
    private let source: any CustomerSource
    private let book: RuleBook
    private let settings: [EventSettings]
    private let standings: StandingDesk
    private let histories: HistoryLoader
    private let eventGuard: EventGuard
    private var planner: Planner
    private let progress: Progress
    private var lastFailed = false

    package init(
        assembly: Assembly, outbox: any Outbox, source: any CustomerSource, standings: StandingDesk, hash: AddressHash,
        isGuarding: Bool, progress: Progress
    ) {
        self.outbox = outbox
        self.source = source
        self.standings = standings
        self.progress = progress
        histories = HistoryLoader(outbox: outbox, hash: hash, book: assembly.book)
        eventGuard = EventGuard(outbox: outbox, house: assembly.book.house, standings: standings, isGuarding: isGuarding)
        book = assembly.book
        settings = assembly.configuration.events
        planner = Planner(book: assembly.book, zones: assembly.zones, countries: assembly.countries)
    }

    /// - Parameter all: also what no event changed is derived again: after a start, a reload, and from time to time,
    ///   because customers change too.
    /// Kinds stand alone: a query that fails keeps no other kind's events from being served. What a failed kind's
    /// changes should have led to is derived by the next sync, which therefore has to be one of `all`.
    /// - Throws: `OutboxError`; what fails for one kind is in the report.
    package func sync(now: Instant, all: Bool) throws -> Report {
        var report = Report()
        try findRanks(&report)
        let ledgers = Dictionary(uniqueKeysWithValues: try outbox.ruleLedgers().map { ($0.name, $0) })
        for kind in book.eventKinds.indices {
            do {
                try sync(kind, all: all || lastFailed, ledgers, now: now, &report)
            } catch {
                report.failure = report.failure ?? error
            }
            try progress.step()
        }
        report.released = try release(after: report.changes, all: all || lastFailed, now: now)
        lastFailed = report.failure != nil
        return report
    }

    private func sync(
        _ kind: Int, all: Bool, _ ledgers: [String: RuleLedger], now: Instant, _ report: inout Report
    ) throws {
        let (changes, records, last) = try read(kind, now: now, &report)
        report.changes += changes.map { (kind, $0) }
        let horizon = now - settings[kind].horizon
        var events = all
            ? try outbox.events(kind: book.eventKinds[kind].name, openOrSince: horizon) + awaited(kind, before: horizon) : []
        let known = Set(events.map(\.occasion))
        events += changes.map(\.event).filter { !known.contains($0.occasion) }
        let plans = try plan(events, former: changes, kind, records, ledgers, now: now, &report)
        try guardAgainst(changes, plans, known: records.count, last, now: now)
        report.counts += try outbox.reconcileEvents(plans, now: now)
    }

    private func guardAgainst(
        _ changes: [EventChange], _ plans: [EventPlan], known: Int, _ last: Instant?, now: Instant
    ) throws {
        let new = changes.filter { $0.kind == .new }.map(\.event)
        let late = new.filter { event in !event.isBaseline && last.map { event.at < $0 } ?? false }
        guard !late.isEmpty else { return }
        let occasions = Set(late.map(\.occasion))
        let messages = plans.lazy.filter { occasions.contains($0.occasion) }
            .reduce(0) { $0 + $1.rows.count { $0.key.recipient == "\(Role.customer)/0" } }
        try eventGuard.judge(EventGuard.Look(last: last, known: known - new.count, late: late), messages: messages, now: now)
    }

    /// A promise that depends on a ranked segment needs its bounds before the first pass has found them.
    private func findRanks(_ report: inout Report) throws {
        guard standings.ranks == nil, book.rules.contains(where: \.promisesBySegment) else { return }
        do {
            standings.set(try SegmentRanking.ranks(of: book, source))
        } catch let error as SourceError {
            report.failure = error
        }
    }

    // MARK: Reading

    /// - Returns: what changed, the rows by id, and when the kind was looked at before.
    private func read(
        _ kind: Int, now: Instant, _ report: inout Report
    ) throws -> ([EventChange], [String: Record], last: Instant?) {
        let horizon = now - settings[kind].horizon
        let sync = try outbox.beginEventSync(
            kind: book.eventKinds[kind].name, vanished: book.eventKinds[kind].vanished, horizon: horizon,
            baselineBefore: nil, now: now)
        var records: [String: Record] = [:]
        var changes: [EventChange] = []
        let standing = try standings.standing(now: now)
        func take(_ rows: [EventRow]) throws {
            for row in rows { records[row.id] = row.record }
            let customers = try customersWithPromises(rows, kind)
            changes += try sync.add(rows.map { seen($0, kind) }) { event in
                book.limits(
                    of: kind, at: event.at, Facts(customer: event.customer.flatMap { customers[$0] }), standing, now: now)
            }
        }
        let name = book.eventKinds[kind].name
        let scan = try source.forEachEventPage(kind: name, since: horizon, size: EventDesk.page, take)
        report.note(scan)
        sync.expect(try awaited(kind, before: horizon).map(\.id))
        try take(Array(try source.lookUpEvents(kind: name, try sync.unseen()).values))
        changes += try sync.finish()
        return (changes, records, sync.lastLook)
    }

    /// What an appointment that was made before the horizon owes hangs on its columns as before.
    private func awaited(_ kind: Int, before horizon: Instant) throws -> [Event] {
        let rules = book.rules(about: kind).map { book.rules[$0].name }
        return rules.isEmpty ? [] : try outbox.events(kind: book.eventKinds[kind].name, awaitedBy: rules, before: horizon)
    }

    private func seen(_ row: EventRow, _ kind: Int) -> SeenEvent {
        SeenEvent(
            id: row.id, customer: row.customer, at: row.at, isDone: book.isDone(kind, row.record, at: row.at), hash: row.hash)
    }

    /// Who they belong to matters only where a segment is promised another time.
    private func customersWithPromises(_ rows: [EventRow], _ kind: Int) throws -> [String: Customer] {
        let isAsked = book.rules.contains { $0.promisesBySegment }
        return isAsked ? try source.lookUp(rows.compactMap(\.customer).filter(OutreachKey.isCustomerID).unique) : [:]
    }

    // MARK: Planning

    private func plan(
        _ events: [Event], former changes: [EventChange], _ kind: Int, _ records: [String: Record],
        _ ledgers: [String: RuleLedger], now: Instant, _ report: inout Report
    ) throws -> [EventPlan] {
        let rules = book.rules(about: kind)
        guard !rules.isEmpty, !events.isEmpty else { return [] }
        let customers = try source.lookUp(Array(Set(events.compactMap(\.customer))))
        let newest = Dictionary(
            changes.filter { $0.kind == .new }.map { ($0.event.id, $0.event.generation) }, uniquingKeysWith: max)
        let names = rules.map { book.rules[$0].name }
        let standing = try standings.standing(now: now)
        let past = try histories.load(customers.values, now: now)
        let refused = try outbox.refusedSteps(events.map { CustomerOccasion(customer: $0.customerKey, occasion: $0.occasion) })
        var plans: [EventPlan] = []
        for event in events where event.generation >= newest[event.id] ?? 0 {
            var facts = Facts(
                customer: event.customer.flatMap { OutreachKey.isCustomerID($0) ? customers[$0] : nil }, event: event,
                eventRecord: event.isGone ? nil : records[event.id])
            facts.takeCustomerFromEvent(kind, book)
            facts.history = facts.customer.flatMap { past[$0.id] } ?? .none
            facts.history.refused = refused[CustomerOccasion(customer: event.customerKey, occasion: event.occasion)] ?? [:]
            plans.append(plan(facts, event, rules, ledgers, standing, now: now, &report))
        }
        for change in changes {
            if change.event.generation < newest[change.event.id] ?? 0 {
                // Its id belongs to another event now: nothing can end it any more, so it owes nothing.
                plans.append(EventPlan(change.event, rules: names, rows: []) { _ in .eventEnded })
            }
            // An event that changed hands owes nothing under its former customer's key.
            guard let former = change.formerCustomerKey else { continue }
            plans.append(EventPlan(customer: former, occasion: change.event.occasion, rules: names, rows: []))
        }
        return plans
    }

    private func plan(
        _ facts: Facts, _ event: Event, _ rules: [Int], _ ledgers: [String: RuleLedger], _ standing: Standing,
        now: Instant, _ report: inout Report
    ) -> EventPlan {
        var rows: [PlannedOutreach] = []
        var reasons: [OutreachKey: CancelReason] = [:]
        for index in rules {
            guard let ledger = ledgers[book.rules[index].name] else { continue }
            for candidate in planner.owed(because: facts, rule: index, firstSeen: ledger.firstSeen) {
                var outreach = candidate.outreach
                let decision = planner.judge(candidate, facts: facts, standing: standing, now: now, ahead: true)
                if case .move(let later) = decision.verdict { outreach.dueAt = later }
                if case .cancel(let reason) = decision.verdict {
                    reasons[outreach.key] = reason
                    // Somebody waits for an answer that cannot reach them: that must not pass in silence.
                    if reason == .noAddress || reason == .customerGone {
                        report.unusable[.nobodyToAnswer, default: UnusableCustomers()].add(event.id)
                    }
                } else {
                    rows.append(outreach)
                }
            }
        }
        let found = reasons
        return EventPlan(event, rules: rules.map { book.rules[$0].name }, rows: rows) { found[$0] ?? .occasionGone }
    }

    // MARK: Releasing

    /// Messages that waited for a customer's last open event of a kind go on when it is over.
    private func release(after changes: [(kind: Int, change: EventChange)], all: Bool, now: Instant) throws -> Int {
        var waiting: Set<HeldCustomer> = []
        for (kind, change) in changes where !change.event.isOpen {
            waiting.insert(HeldCustomer(customer: change.event.customerKey, kind: book.eventKinds[kind].name))
        }
        if all {
            // Also those whose release was lost in a crash, or whose kind is no longer in the files.
            for row in try outbox.list(OutreachFilter(heldFor: "open:"), limit: .max, after: 0) {
                if case .eventOpen(let kind)? = HoldReason(row.reason) {
                    waiting.insert(HeldCustomer(customer: row.key.customer, kind: kind))
                }
            }
        }
        let stillOpen = Set(
            try outbox.openEvents(customers: waiting.map(\.customer))
                .map { HeldCustomer(customer: $0.customerKey, kind: $0.kind) })
        var released = 0
        for held in waiting {
            let isKnown = book.eventKinds.contains { $0.name == held.kind && !$0.pauses.isEmpty }
            guard !isKnown || !stillOpen.contains(held) else { continue }
            released += try outbox.releaseHeld(customer: held.customer, reason: .eventOpen(kind: held.kind), now: now)
        }
        return released
    }

    private struct HeldCustomer: Hashable {
        var customer: String
        var kind: String
    }
}

/// What makes an event's row unusable, or its answer impossible.
package enum EventProblem: String, CaseIterable, Hashable, Sendable {
    case withoutID = "event-without-id"
    case repeatedID = "event-repeats-id"
    case badInstant = "event-without-instant"
    /// The event's customer is not in the customers' query, or has no usable address.
    case nobodyToAnswer = "event-without-address"
}

extension EventDesk.Report {
    fileprivate mutating func note(_ scan: ScanReport) {
        func note(_ problem: EventProblem, _ count: Int, _ ids: [String]) {
            guard count > 0 else { return }
            unusable[problem, default: UnusableCustomers()].add(count: count, ids: ids)
        }
        note(.withoutID, scan.withoutID, [])
        note(.repeatedID, scan.duplicates, scan.duplicateIDs)
        note(.badInstant, scan.withoutInstant, scan.withoutInstantIDs)
    }
}
