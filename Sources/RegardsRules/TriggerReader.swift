import RegardsCalendar
import RegardsCore

/// Reads `when:`.
struct TriggerReader {
    let draft: Draft

    static let forms = "{anniversary: COLUMN, at: HH:MM}, {schedule: EXPRESSION, at: HH:MM} or {event: KIND}"
    private static let kinds = ["anniversary", "schedule", "event"]
    /// Triggers that a later release brings.
    private static let laterKinds: Set<String> = ["feast", "date", "on", "idle", "becomes", "leaves"]

    func trigger(_ item: Item) -> Trigger? {
        guard case .mapping(let pairs) = item.value.content else {
            return item.refuse(.expectedShape(TriggerReader.forms, got: item.shape))
        }
        if let later = pairs.first(where: { TriggerReader.laterKinds.contains($0.key) }) {
            return item.refuse(.later(later.key), at: later.keyPlace)
        }
        let given = pairs.map(\.key).filter(TriggerReader.kinds.contains)
        guard given.count < 2 else { return item.refuse(.twoOf(given), at: pairs.first { $0.key == given[1] }?.keyPlace) }
        switch given.first {
        case "anniversary": return anniversary(item)
        case "schedule": return schedule(item)
        case "event": return event(item)
        default: return unknown(item, pairs)
        }
    }

    /// Points at a misspelled trigger rather than at the one that is missing.
    private func unknown(_ item: Item, _ pairs: [YAMLValue.Pair]) -> Trigger? {
        for pair in pairs where NearestName.of(String(pair.key.prefix(60)), among: TriggerReader.kinds) != nil {
            return item.refuse(.unknownKey(pair.key, known: TriggerReader.kinds), at: pair.keyPlace)
        }
        return item.refuse(.noneOf(TriggerReader.kinds))
    }

    // MARK: Anniversary

    private func anniversary(_ item: Item) -> Trigger? {
        let keys = Keys(
            "anniversary", "at", "days_before", "days_after", "feb_29",
            later: ["leap_month", "day_30", "years", "calendar", "monthly", "spread"])
        guard let form = item.form(keys) else { return nil }
        let columnItem = form["anniversary"]
        let column = columnItem?.columnName()
        let at = form.required("at", "HH:MM, the time of day where the customer lives")?.wallTime()
        let offsets = dayOffsets(form)
        let feb29 = form["feb_29"].flatMap { item in
            item.parsed("feb-28 or mar-1") { ["feb-28": Feb29.feb28, "mar-1": .mar1][$0] }
        }
        guard let column, let at, let offsets else { return nil }
        let slot = draft.customers.columns.use(column, at: columnItem?.place)
        return .anniversary(AnniversaryTrigger(column: slot, at: at, dayOffsets: offsets, feb29: feb29 ?? .feb28))
    }

    /// Negative before the day, positive after; the day itself without either key.
    private func dayOffsets(_ form: Form) -> [Int]? {
        var offsets: [Int] = []
        for (key, sign) in [("days_before", -1), ("days_after", 1)] {
            for item in form[key]?.oneOrMore() ?? [] {
                guard let days = item.integer(0...366) else { return nil }
                guard !offsets.contains(days * sign) else {
                    return item.refuse(.outside("each day once", got: String(days)))
                }
                offsets.append(days * sign)
            }
        }
        return offsets.isEmpty ? [0] : offsets.sorted()
    }

    // MARK: Schedule

    private func schedule(_ item: Item) -> Trigger? {
        guard let form = item.form(Keys("schedule", "at", later: ["spread"])), let source = form["schedule"] else {
            return nil
        }
        let at = form["at"]?.wallTime()
        guard let text = source.text("a calendar expression") else { return nil }
        let expression: OnCalendar
        do throws(OnCalendarError) {
            expression = try OnCalendar(text, zones: draft.zones)
        } catch {
            return source.refuse(.schedule("\(error.message) (at character \(error.offset + 1))", got: text))
        }
        guard expression.nextDate(onOrAfter: CivilDate(dayNumber: 0)) != nil else {
            return source.refuse(.schedule("no such day comes until the year 2199", got: text))
        }
        if form["at"] != nil, expression.hasTime { return source.refuse(.atTwice(text)) }
        if form["at"] == nil, !expression.hasTime { source.fail(.midnight(text)) }
        return .schedule(ScheduleTrigger(expression: expression, at: at))
    }

    // MARK: Event

    private func event(_ item: Item) -> Trigger? {
        guard let form = item.form(Keys("event", later: ["after", "at"])) else { return nil }
        return form["event"].flatMap(draft.kind).map { .event(EventTrigger(kind: $0)) }
    }
}
