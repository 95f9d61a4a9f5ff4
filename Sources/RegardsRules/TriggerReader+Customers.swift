import RegardsCalendar
import RegardsCore

/// Triggers that depend on what customers do: events, pauses, segments.
extension TriggerReader {
    // MARK: Events

    func event(_ item: Item) -> Trigger? {
        guard let form = form(item, "event") else { return nil }
        let kind = form["event"].flatMap(draft.kind)
        let delay = delay(form)
        guard let kind, let delay else { return nil }
        return .event(EventTrigger(kind: kind, start: .event(delay)))
    }

    /// `after:` and `at:`, neither of which is needed.
    private func delay(_ form: Form) -> Delay? {
        let after = form["after"].map { $0.delay() } ?? CalendarSpan()
        let at = form["at"]?.wallTime()
        return after.map { Delay(after: $0, at: at) }
    }

    // MARK: Segments

    /// A change is seen when customers are read again, at any hour: unless the rule says hours, it waits for the morning.
    func segment(_ item: Item, _ change: SegmentTrigger.Change) -> Trigger? {
        guard let form = form(item, change.rawValue), let source = form[change.rawValue] else {
            return nil
        }
        let segment = source.text("a segment's name").flatMap { draft.membership(named: $0, source) }
        guard let segment, var delay = delay(form) else { return nil }
        if form["at"] == nil, delay.after.seconds == 0 { delay.at = TriggerReader.morning }
        return .segment(SegmentTrigger(segment: segment, change: change, delay: delay))
    }

    /// When nothing says a time of day and nobody may be written to at night.
    private static let morning = WallTime(hour: 10, minute: 0)

    // MARK: Pauses

    private static let usual = "usual"
    private static let lengthForm = "how long, such as 180d, 6 months, or 3 x usual for the customer's own rhythm"
    /// Nobody is missed sooner, whatever their rhythm, unless `at_least` says so.
    private static let shortest = 30

    func idle(_ item: Item) -> Trigger? {
        guard let form = form(item, "idle"), let source = form["idle"] else { return nil }
        let column = source.customerColumn()
        let length = form.required("for", TriggerReader.lengthForm).flatMap { pause($0, form) }
        let repetition = repetition(form)
        let at = form["at"].map { $0.wallTime() } ?? TriggerReader.morning
        guard let column, let length, let repetition, let at else { return nil }
        let slot = draft.customers.columns.use(column, at: source.place)
        return .idle(IdleTrigger(column: slot, length: length, every: repetition.every, atMost: repetition.atMost, at: at))
    }

    private func pause(_ item: Item, _ form: Form) -> IdleTrigger.Length? {
        guard item.scalar?.hasSuffix(TriggerReader.usual) == true else {
            for key in form.given(["at_least", "usual"]) {
                form.item.fail(.onlyWith(key, "a multiple such as for: 3 x usual"), at: form.place(of: key))
            }
            guard let text = item.text(TriggerReader.lengthForm) else { return nil }
            guard CalendarSpan.parse(text) != nil else { return item.refuse(.expected(TriggerReader.lengthForm, got: text)) }
            return item.days().map { .fixed($0) }
        }
        let times = item.factor(of: TriggerReader.usual, "a multiple such as 3 x usual")
        let floor = form["at_least"].map { $0.dayCount() } ?? TriggerReader.shortest
        let rhythm = form["usual"].map(rhythm) ?? average(item)
        guard let times, let floor, let rhythm else { return nil }
        return .usual(times: times, rhythm, floor: floor)
    }

    private func rhythm(_ item: Item) -> IdleTrigger.Rhythm? {
        item.customerColumn().map { .column(draft.customers.columns.use($0, at: item.place)) }
    }

    private func average(_ item: Item) -> IdleTrigger.Rhythm {
        .average(
            since: draft.customers.columns.use(CustomerColumn.customerSince.name, at: item.place),
            count: draft.customers.columns.use(CustomerColumn.orderCount.name, at: item.place))
    }

    private func repetition(_ form: Form) -> (every: CalendarSpan?, atMost: Int)? {
        guard form["every"] != nil || form["at_most"] != nil else { return (nil, 1) }
        for (key, other) in [("every", "at_most"), ("at_most", "every")] where form[key] != nil && form[other] == nil {
            form.item.fail(.needs(key, also: other), at: form.place(of: key))
        }
        let every = form["every"]?.days()
        return form["at_most"]?.integer(1...1_000).map { (every, $0) }
    }
}
