package import RegardsCalendar
package import RegardsCore
package import RegardsStore

extension Event {
    /// The same events, with those limits only that still wait for an answer: the ledger keeps a limit for good, and the
    /// business's database says whether `ends_when` holds by now.
    /// - Throws: `SourceError`.
    package static func withLimitsToKeep(
        _ events: [Event], _ book: RuleBook, _ source: any CustomerSource, now: Instant
    ) throws -> [Event] {
        var rows: [String: [String: EventRow]] = [:]
        for (kind, ofKind) in Dictionary(grouping: events.filter { !$0.limits.isEmpty }, by: \.kind) {
            rows[kind] = try source.lookUpEvents(kind: kind, ofKind.map(\.id))
        }
        return events.map { event in
            guard let row = rows[event.kind]?[event.id] else { return event }
            let facts = Facts(customer: nil, event: event, eventRecord: row.record)
            var event = event
            event.limits = event.limits.filter { name, _ in
                guard let rule = book.rules.first(where: { $0.name == name }), case .event(let trigger) = rule.trigger,
                    let end = trigger.endsWhen
                else { return true }
                return !end.holds(book.conditionFacts(facts, Standing(), now: now))
            }
            return event
        }
    }
}
