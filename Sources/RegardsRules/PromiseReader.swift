import RegardsCalendar
import RegardsCore

/// Reads `promise:` and `ends_when:` of rules about an event.
struct PromiseReader {
    let draft: Draft

    /// The trigger with what the two keys add; reports them for rules about anything else.
    func withPromise(_ trigger: Trigger?, _ form: Form, _ purpose: Purpose?) -> Trigger? {
        guard case .event(var event)? = trigger else {
            for key in form.given(["promise", "ends_when"]) where trigger != nil {
                form.item.fail(.onlyWith(key, "rules about an event"), at: form.place(of: key))
            }
            return trigger
        }
        event.promise = form["promise"].flatMap(promise)
        event.endsWhen = form["ends_when"].flatMap(ConditionReader(draft: draft, scope: .rule(kind: event.kind)).condition)
        if form["promise"] != nil { check(event, form, purpose) }
        return .event(event)
    }

    private func check(_ event: EventTrigger, _ form: Form, _ purpose: Purpose?) {
        let place = form.place(of: "promise")
        if event.start != .event(.none) { form.item.fail(.promiseWithDelay, at: place) }
        if let purpose, purpose != .care { form.item.fail(.promiseOfGreeting(purpose), at: place) }
        if form["ends_when"] == nil, draft.kinds[event.kind].done == nil, draft.knowsHouse {
            form.item.fail(.endlessLadder(draft.kinds[event.kind].name), at: place)
        }
    }

    private func promise(_ item: Item) -> Promise? {
        guard let form = item.form(.promise) else { return nil }
        let clock = form["clock"].map { $0.word(Promise.Clock.self) } ?? .wall
        if clock == .business, !draft.hasHours, draft.knowsHouse {
            form["clock"]?.fail(.needs("clock: business", also: "business.hours in regards.yaml"))
        }
        guard let within = form.required("answer_within", Item.spanForm) else { return nil }
        guard !within.isMapping else {
            return bySegment(within).flatMap { limits in
                clock.map { Promise(answerWithin: limits.others, bySegment: limits.segments, clock: $0) }
            }
        }
        guard let span = span(within), let clock else { return nil }
        return Promise(answerWithin: span, clock: clock)
    }

    private func span(_ item: Item) -> TimeSpan? { item.span(.minutes(1)...(.days(366)), named: "1min to 366d") }

    /// `{gold: 4h, others: 24h}`: the first segment of the customer counts.
    private func bySegment(_ item: Item) -> (others: TimeSpan, segments: [Promise.SegmentLimit])? {
        var others: TimeSpan?
        var segments: [Promise.SegmentLimit] = []
        let entries = item.entries() ?? []
        for entry in entries {
            let span = span(entry.item)
            if entry.name == Draft.others {
                others = span
            } else if let segment = draft.membership(named: entry.name, entry.item, at: entry.place), let span {
                segments.append(Promise.SegmentLimit(segment: segment, answerWithin: span))
            }
        }
        guard entries.contains(where: { $0.name == Draft.others }) else {
            return item.refuse(.missing(Draft.others, expected: "a span for everybody else"))
        }
        return others.map { ($0, segments) }
    }

    /// A rung further from the limit than the whole promise comes at once.
    func checkRungs(_ steps: [Step], _ trigger: Trigger, _ form: Form) {
        guard case .event(let event) = trigger, let promise = event.promise else { return }
        for step in steps {
            if case .limit(let span) = step.time, -span > promise.answerWithin {
                form["steps"]?.fail(.rungBeforeStart(step.name), at: step.place)
            }
        }
    }
}
