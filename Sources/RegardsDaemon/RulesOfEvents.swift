import RegardsCalendar
import RegardsCore

extension Rule {
    /// Whether members of a segment are promised another time than others.
    var promisesBySegment: Bool { eventTrigger?.promise?.bySegment.isEmpty == false }
}

extension RuleBook {
    /// Rules about a kind of event, by index.
    func rules(about kind: Int) -> [Int] { rules.indices.filter { rules[$0].eventTrigger?.kind == kind } }

    /// Whether an event's row says that it is over; a kind without `done` is over as soon as it is seen.
    func isDone(_ kind: Int, _ record: Record, at start: Instant) -> Bool {
        let facts = ConditionFacts(customer: nil, event: record, zone: house.business.zone, now: start)
        return eventKinds[kind].done?.holds(facts) ?? true
    }

    /// The limits of the promises made for an event, by rule. They are fixed when it is first seen: an edited rule does
    /// not move the limit of an open complaint.
    /// - Parameter facts: of the event's customer; asked where a segment is promised another time.
    func limits(
        of kind: Int, at start: Instant, _ facts: @autoclosure () -> Facts, _ standing: Standing, now: Instant
    ) -> [String: Instant] {
        limits(of: kind, from: start) { conditionFacts(facts(), standing, now: now).membership.contains($0) }
    }
}
