import RegardsCalendar

extension SegmentTrigger {
    /// What a stay of a customer in the segment owes; nil where it owes nothing.
    ///
    /// Whoever belonged already when the segment was first looked at has not come, but may go. Who has left again before
    /// the message went is not welcomed, and who is back is not missed.
    /// - Parameters:
    ///   - baseline: what was seen before is not served.
    ///   - zone: where the customer lives.
    func occasion(of entry: SegmentEntry, baseline: Instant, zone: Zone) -> LocalOccasion? {
        let seen: Instant
        switch change {
        case .becomes:
            guard !entry.isBaseline, entry.leftAt == nil else { return nil }
            seen = entry.enteredAt
        case .leaves:
            guard let leftAt = entry.leftAt else { return nil }
            seen = leftAt
        }
        guard seen >= baseline else { return nil }
        let due = delay.due(from: seen, in: zone)
        let local = zone.local(at: due)
        return LocalOccasion(id: String(entry.number), dueAt: due, zone: zone, date: local.date, time: local.time)
    }
}
