import RegardsCalendar
import RegardsCore
import RegardsRules
import RegardsStore

/// An event of the database, as a simulation comes to see it.
///
/// It is seen from its `at` on. What says that it is over (the columns that `done` and `ends_when` ask for) is empty until
/// the time that it holds; all else is as the database has it now, because an appointment is known before its day.
struct LivedEvent {
    /// Index into `RuleBook.eventKinds`.
    var kind: Int
    var row: EventRow
    /// As it is known by now; nil before it is seen.
    var event: Event?
    var record: Record
    /// When to look at it, the last first.
    var looks: [Instant]
    /// Rules whose promise about it is settled.
    var settled: Set<String> = []

    init(kind: Int, row: EventRow, from: Instant, endings: [Int], zone: Zone) {
        (self.kind, self.row, record) = (kind, row, row.record)
        let seen = max(from, row.at)
        let changes = endings.compactMap { row.record.instant($0, zone: zone) }.filter { $0 > seen }
        looks = Array(Set(changes + [seen])).sorted(by: >)
    }

    /// Brings it up to an instant.
    /// - Parameter limits: of the promises made for it; asked when it is first seen.
    mutating func look(
        at now: Instant, from: Instant, _ book: RuleBook, endings: [Int], limits: (Event) -> [String: Instant]
    ) -> Event {
        let zone = book.house.business.zone
        record = row.record
        for slot in endings where row.record.instant(slot, zone: zone).map({ $0 > now }) ?? false { record.setNull(slot) }
        var event = event ?? Event(
            kind: book.eventKinds[kind].name, id: row.id, customer: row.customer, at: row.at, isBaseline: row.at <= from, firstSeen: now)
        if self.event == nil { event.limits = limits(event) }
        event.isOpen = !book.isDone(kind, record, at: row.at)
        self.event = event
        return event
    }
}

/// The events of the database that have a say in a simulated period.
struct LivedEvents {
    /// By customer.
    private(set) var ofCustomers: [String: [LivedEvent]] = [:]
    /// Those that name no customer.
    private(set) var ofNobody: [LivedEvent] = []

    /// What was there at the beginning sends and pauses nothing, but where a rule reaches back, or hangs on a day of the
    /// event: all else is left in the database.
    /// - Throws: `SourceError`.
    static func read(_ assembly: Assembly, _ source: any CustomerSource, from: Instant, to: Instant) throws -> LivedEvents {
        var found = LivedEvents()
        let book = assembly.book
        for kind in book.eventKinds.indices {
            let rules = book.rules(about: kind).map { book.rules[$0] }
            guard !rules.isEmpty || !book.eventKinds[kind].pauses.isEmpty else { continue }
            let reachesBack = rules.contains { $0.isOnDayOfEvent || $0.backfill != .none }
            let since = reachesBack ? from - assembly.configuration.events[kind].horizon : from
            let endings = book.endings(of: kind)
            let zone = book.house.business.zone
            _ = try source.forEachEventPage(kind: book.eventKinds[kind].name, since: since, size: 1000) { rows in
                for row in rows where row.at < to {
                    found.add(LivedEvent(kind: kind, row: row, from: from, endings: endings, zone: zone))
                }
            }
        }
        return found
    }

    private mutating func add(_ event: LivedEvent) {
        guard let customer = event.row.customer, OutreachKey.isCustomerID(customer) else { return ofNobody.append(event) }
        ofCustomers[customer, default: []].append(event)
    }
}

/// Promises of one rule to answer within a time, as a simulated period ended for them.
package struct PromiseCount: Hashable, Sendable {
    package var kept = 0
    package var broken = 0
    /// The period ended before the limit.
    package var running = 0

    static func += (left: inout PromiseCount, right: PromiseCount) {
        left.kept += right.kept
        left.broken += right.broken
        left.running += right.running
    }
}

extension RuleBook {
    /// Columns of a kind of event that say that it is over.
    func endings(of kind: Int) -> [Int] {
        let conditions = [eventKinds[kind].done] + rules.compactMap(\.eventTrigger).filter { $0.kind == kind }.map(\.endsWhen)
        let slots = conditions.compactMap { $0 }.flatMap(\.tests).compactMap { test in
            if case .event(let slot) = test.operand { slot } else { nil }
        }
        return Set(slots).sorted()
    }
}
