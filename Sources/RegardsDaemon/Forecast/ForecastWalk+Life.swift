import RegardsCalendar
import RegardsCore

// What happens in a period besides the calendar: events come and end, customers come into segments and leave them. The
// daemon would hear of it from the database; here it is in the data from the beginning, and is taken up when its time
// comes.

// MARK: Events

extension ForecastWalk {
    /// Facts about a customer, or about an event that names nobody, with the event as it is known by now.
    func facts(_ member: Member, _ index: Int) -> Facts {
        let lived = member.events[index]
        var facts = member.facts
        facts.event = lived.event
        facts.eventRecord = lived.record
        facts.takeCustomerFromEvent(lived.kind, book)
        return facts
    }

    /// Takes up an event that is new, or has changed.
    mutating func look(at index: Int, _ next: Waiting, _ members: inout [Member], _ waiting: inout [Waiting]) {
        let kind = members[next.member].events[index].kind
        let facts = members[next.member].facts
        let event = members[next.member].events[index].look(
            at: next.at, from: period.now, book, endings: book.endings(of: kind)
        ) { book.limits(of: kind, at: $0.at, facts, period.standing, now: next.at) }
        let open = members[next.member].events.filter { $0.event.map { $0.isOpen && !$0.isBaseline } ?? false }.map(\.kind)
        members[next.member].facts.openEvents = open
        waiting.removeAll { $0.member == next.member && $0.event == index }
        owe(index, event, next, &members, &waiting)
        settle(index, event, next.at, &members[next.member])
        if !open.contains(kind) { release(book.eventKinds[kind].name, next, &members[next.member], &waiting) }
    }

    /// Derives what the event's rules owe, and puts it where its time is.
    private mutating func owe(
        _ index: Int, _ event: Event, _ next: Waiting, _ members: inout [Member], _ waiting: inout [Waiting]
    ) {
        let facts = self.facts(members[next.member], index)
        for (number, rule) in book.rules.enumerated() where rule.eventTrigger?.kind == members[next.member].events[index].kind {
            for candidate in planner.owed(because: facts, rule: number, firstSeen: period.now) {
                let due = candidate.outreach.dueAt
                guard due < period.window.through, !members[next.member].ended.contains(candidate.outreach.key) else { continue }
                insert(
                    Waiting(at: max(due, next.at), member: next.member, what: .message(candidate), event: index), &waiting)
            }
        }
    }

    /// Messages that waited for the customer's last open event of a kind go on.
    private func release(_ kind: String, _ next: Waiting, _ member: inout Member, _ waiting: inout [Waiting]) {
        for (_, var message, _) in member.held.filter({ $0.kind == kind }) {
            message.at = next.at
            insert(message, &waiting)
        }
        member.held.removeAll { $0.kind == kind }
    }

    // MARK: Promises

    /// Counts the promises about an event that has ended.
    private mutating func settle(_ index: Int, _ event: Event, _ now: Instant, _ member: inout Member) {
        guard !event.isBaseline else { return }
        let found = book.conditionFacts(facts(member, index), period.standing, now: now)
        for (name, limit) in event.limits where !member.events[index].settled.contains(name) {
            guard let rule = book.rules.first(where: { $0.name == name }), rule.isEnabled else { continue }
            let hasEnded = rule.eventTrigger?.endsWhen?.holds(found) ?? false
            guard hasEnded || !event.isOpen else { continue }
            member.events[index].settled.insert(name)
            promises[name, default: PromiseCount()] += now <= limit ? PromiseCount(kept: 1) : PromiseCount(broken: 1)
        }
    }

    /// At the end of the period: promises that nobody kept, and messages that still wait.
    mutating func end(_ members: [Member], _ sights: inout [Forecast.Sight]) {
        for member in members {
            for lived in member.events {
                guard let event = lived.event, !event.isBaseline else { continue }
                for (name, limit) in event.limits where !lived.settled.contains(name) {
                    guard book.rules.contains(where: { $0.name == name && $0.isEnabled }) else { continue }
                    let isBroken = limit < period.window.through
                    promises[name, default: PromiseCount()] += isBroken ? PromiseCount(broken: 1) : PromiseCount(running: 1)
                }
            }
            for (_, _, sight) in member.held { sights.append(ended(sight)) }
        }
    }

    /// It is too late when its time has run out in the period; else it waits on.
    private func ended(_ held: Forecast.Sight) -> Forecast.Sight {
        guard let expiresAt = held.candidate.outreach.expiresAt, expiresAt < period.window.through else { return held }
        var sight = held
        sight.decision = .late
        sight.at = expiresAt
        sight.line = line(held.candidate, .late, nil, expiresAt, held.facts)
        return sight
    }
}

// MARK: Segments

extension ForecastWalk {
    /// Finds when the customer comes into segments that a rule watches, and leaves them.
    func liveInSegments(_ member: inout Member) {
        let watched = book.watchedSegments
        guard !watched.isEmpty, member.facts.customer != nil else { return }
        func members(_ now: Instant) -> [Bool] {
            let membership = book.conditionFacts(member.facts, period.standing, now: now).membership
            return watched.map(membership.contains)
        }
        var known = members(period.now)
        // Who belongs already has not come.
        for (segment, belongs) in zip(watched, known) where belongs {
            member.facts.entries[segment] = SegmentEntry(number: 1, enteredAt: period.now, isBaseline: true)
        }
        let tests = watched.flatMap(book.timedTests(ofSegment:))
        var entries = member.facts.entries
        var now = period.now
        while let turn = book.nextTurn(of: tests, member.facts, after: now, before: period.window.through) {
            now = turn
            let found = members(now)
            guard found != known else { continue }
            for (place, segment) in watched.enumerated() where found[place] != known[place] {
                var entry = entries[segment] ?? SegmentEntry(number: 0, enteredAt: now)
                if found[place] {
                    entry = SegmentEntry(number: entry.number + 1, enteredAt: now)
                } else {
                    entry.leftAt = now
                }
                entries[segment] = entry
                member.stays.append((now, segment, entry))
            }
            known = found
        }
    }

    /// The customer came into a segment, or left it.
    mutating func take(_ stay: Int, _ next: Waiting, _ members: inout [Member], _ waiting: inout [Waiting]) {
        let (_, segment, entry) = members[next.member].stays[stay]
        members[next.member].facts.entries[segment] = entry
        guard let customer = members[next.member].facts.customer, let zone = planner.zone(of: customer) else { return }
        for (number, rule) in book.rules.enumerated() {
            guard case .segment(let trigger) = rule.trigger, trigger.segment == segment, let window = windows[number]
            else { continue }
            waiting.removeAll { $0.member == next.member && $0.isOf(rule: number) }
            var found: [Candidate] = []
            planner.candidates(
                of: customer, zone: zone, rule: number, entries: members[next.member].facts.entries, in: window
            ) { found.append($0) }
            for candidate in found {
                insert(
                    Waiting(at: max(candidate.outreach.dueAt, next.at), member: next.member, what: .message(candidate)),
                    &waiting)
            }
        }
    }
}

extension ForecastWalk.Waiting {
    fileprivate func isOf(rule: Int) -> Bool {
        if case .message(let candidate) = what { candidate.rule == rule } else { false }
    }
}
