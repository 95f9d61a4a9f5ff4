package import RegardsCalendar
package import RegardsCore
package import RegardsStore

/// Loads what a decision about claimed rows needs, fresh from the business's database and the ledger. One loader serves
/// every caller.
package final class FactsLoader: Sendable {
    private let outbox: any Outbox
    private let source: any CustomerSource
    private let histories: HistoryLoader
    private let watched: [Int]

    package init(outbox: any Outbox, source: any CustomerSource, histories: HistoryLoader, book: RuleBook) {
        self.outbox = outbox
        self.source = source
        self.histories = histories
        watched = book.watchedSegments
    }

    /// One `Facts` for each row, in their order.
    /// - Throws: `SourceError` when the customer database does not answer, `OutboxError` when the ledger does not.
    package func load(for rows: [Outreach], _ book: RuleBook, now: Instant) throws -> [Facts] {
        try load(rows.map { Subject(customer: $0.key.customer, event: try event(of: $0, book)) }, book, now: now)
    }

    /// One `Facts` for each event of a kind, in their order.
    /// - Throws: as the other.
    func load(about events: [Event], ofKind kind: Int, _ book: RuleBook, now: Instant) throws -> [Facts] {
        try load(events.map { Subject(customer: $0.customerKey, event: (kind, $0)) }, book, now: now)
    }

    /// Whom a decision is about, by the first part of the ledger's key, and because of which event.
    private struct Subject {
        var customer: String
        var event: (kind: Int, event: Event)?

        var customerID: String? { OutreachKey.isCustomerID(customer) ? customer : nil }
        var ladder: CustomerOccasion? { event.map { CustomerOccasion(customer: customer, occasion: $0.event.occasion) } }
    }

    private func load(_ subjects: [Subject], _ book: RuleBook, now: Instant) throws -> [Facts] {
        let customers = try source.lookUp(subjects.compactMap(\.customerID).unique)
        let openKinds = try outbox.openKinds(customers: Array(customers.keys), book)
        let records = try eventRecords(subjects.map(\.event))
        var found = subjects.map { subject in
            let event = subject.event
            var facts = Facts(
                customer: subject.customerID.flatMap { customers[$0] }, event: event?.event,
                // The row of an id that was used again is not about an event that is gone.
                eventRecord: event.flatMap { $0.event.isGone ? nil : records[EventReference(kind: $0.kind, id: $0.event.id)] },
                openEvents: openKinds[subject.customer] ?? [])
            if let event { facts.takeCustomerFromEvent(event.kind, book) }
            return facts
        }
        try addPast(to: &found, subjects, book, now: now)
        return found
    }

    /// What the ledger remembers: who was reached, stays in segments, staff who could not be told.
    private func addPast(to facts: inout [Facts], _ subjects: [Subject], _ book: RuleBook, now: Instant) throws {
        let past = try histories.load(facts.lazy.compactMap(\.customer), now: now)
        let stays = try outbox.entries(customers: subjects.compactMap(\.customerID).unique, watched, book)
        let refused = try outbox.refusedSteps(subjects.compactMap(\.ladder).unique)
        for (index, subject) in subjects.enumerated() {
            facts[index].history = facts[index].customer.flatMap { past[$0.id] } ?? .none
            facts[index].history.refused = subject.ladder.flatMap { refused[$0] } ?? [:]
            facts[index].entries = stays[subject.customer] ?? [:]
        }
    }

    /// What is planned or on its way to these customers.
    func open(customers: [String]) throws -> [Outreach] {
        try outbox.list(OutreachFilter(states: [.planned, .claimed, .sending], customers: customers), limit: .max, after: 0)
    }

    /// What the ledger alone knows; nil for a row that is not about an event.
    package func withoutSource(_ row: Outreach, _ book: RuleBook) throws -> Facts? {
        try event(of: row, book).map { Facts(customer: nil, event: $0.event) }
    }

    private struct EventReference: Hashable {
        var kind: Int
        var id: String
    }

    private func event(of row: Outreach, _ book: RuleBook) throws -> (kind: Int, event: Event)? {
        guard let rule = book.rules.first(where: { $0.name == row.key.rule }), case .event(let trigger) = rule.trigger
        else { return nil }
        let kind = book.eventKinds[trigger.kind].name
        let (id, generation) = Event.identity(ofOccasion: row.key.occasion)
        return try outbox.event(kind: kind, id: id, generation: generation).map { (trigger.kind, $0) }
    }

    private func eventRecords(_ events: [(kind: Int, event: Event)?]) throws -> [EventReference: Record] {
        var records: [EventReference: Record] = [:]
        for (kind, group) in Dictionary(grouping: events.compactMap { $0 }, by: \.kind) {
            for (id, row) in try source.lookUpEvents(kind: group[0].event.kind, group.map(\.event.id).unique) {
                records[EventReference(kind: kind, id: id)] = row.record
            }
        }
        return records
    }
}

extension Facts {
    /// An event that names no customer may bring a name and an address itself: then that is the customer.
    mutating func takeCustomerFromEvent(_ kind: Int, _ book: RuleBook) {
        guard customer == nil, let event, event.customer == nil, let eventRecord else { return }
        customer = Customer(
            fromEvent: eventRecord, columns: book.eventKinds[kind].columns, schema: book.customers, id: event.customerKey)
    }
}

extension Outbox {
    /// Each customer's latest stay in the watched segments, by index into the book.
    func entries(customers: [String], _ watched: [Int], _ book: RuleBook) throws -> [String: [Int: SegmentEntry]] {
        guard !watched.isEmpty, !customers.isEmpty else { return [:] }
        let found = try segmentEntries(customers: customers, segments: watched.map { book.segments[$0].name })
        return found.mapValues { entries in
            Dictionary(uniqueKeysWithValues: entries.map { (watched[$0.key], $0.value) })
        }
    }

    /// The kinds of each customer's open events, as indices into the book; customers without one are left out.
    func openKinds(customers: [String], _ book: RuleBook) throws -> [String: [Int]] {
        Dictionary(grouping: try openEvents(customers: customers), by: \.customerKey).mapValues { events in
            events.compactMap { event in book.eventKinds.firstIndex { $0.name == event.kind } }
        }
    }
}

extension OutreachKey {
    /// nil where the key's first part is no customer's id.
    package var customerID: String? { OutreachKey.isCustomerID(customer) ? customer : nil }

    /// False for what the ledger's key uses for other things, and for a NUL, which no query can be asked for: a customer
    /// with such an id cannot be served, and is named as unusable.
    package static func isCustomerID(_ id: String) -> Bool {
        !id.isEmpty && !id.hasPrefix("event:") && !id.hasPrefix("staff:") && !id.utf8.contains(0)
    }
}

extension Array where Element: Hashable {
    /// Each element once, in order of first appearance.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
