import RegardsCalendar
import RegardsCore

/// Reads `when:`. The triggers that depend on the customer's doings are in `TriggerReader+Customers`.
struct TriggerReader {
    let draft: Draft

    static let kinds = ["anniversary", "schedule", "feast", "date", "on", "event", "idle", "becomes", "leaves"]
    static let forms =
        "what makes it fire, such as {anniversary: birthday, at: 09:00}; in place of anniversary also "
        + Problem.list(Array(kinds.dropFirst()))

    func trigger(_ item: Item) -> Trigger? {
        guard case .mapping(let pairs) = item.value.content else {
            return item.refuse(.expectedShape(TriggerReader.forms, got: item.shape))
        }
        let given = pairs.map(\.key).filter(TriggerReader.kinds.contains)
        guard given.count < 2 else { return item.refuse(.twoOf(given), at: pairs.first { $0.key == given[1] }?.keyPlace) }
        switch given.first {
        case "anniversary": return anniversary(item)
        case "schedule": return schedule(item)
        case "feast": return feast(item)
        case "date": return date(item)
        case "on": return on(item)
        case "event": return event(item)
        case "idle": return idle(item)
        case "becomes": return segment(item, .becomes)
        case "leaves": return segment(item, .leaves)
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

    func form(_ item: Item, _ kind: String) -> Form? { Keys.triggers[kind].flatMap(item.form) }

    /// `spread:` inside `when:`, which is the rule's. Triggers that know no such key have reported it.
    func spread(_ item: Item, _ trigger: Trigger?) -> TimeSpan? {
        guard case .mapping(let pairs) = item.value.content else { return nil }
        let form = Form(item: item, pairs: pairs)
        guard let span = form["spread"]?.span(.minutes(1)...(.days(1)), named: "1min to 24h"), let trigger else { return nil }
        if form["date"] != nil, trigger.eventKind != nil {
            return item.refuse(.onlyWith("spread", "dates of customers, and this is an event's"), at: form.place(of: "spread"))
        }
        if let at = trigger.at, TimeSpan.seconds(Int64(at.secondOfDay)) + span > .days(1) {
            form["spread"]?.fail(.spreadOverMidnight)
        }
        return span
    }

    func at(_ form: Form) -> WallTime? {
        form.required("at", "HH:MM, the time of day where the customer lives")?.wallTime()
    }

    // MARK: Anniversary

    private func anniversary(_ item: Item) -> Trigger? {
        guard let form = form(item, "anniversary") else { return nil }
        let columnItem = form["anniversary"]
        let column = columnItem?.customerColumn()
        let at = at(form)
        let offsets = dayOffsets(form)
        let feb29 = form["feb_29"].map { $0.word(Feb29.self) } ?? .feb28
        let every = form["every"].map { $0.word(Anniversary.Every.self) } ?? .year
        let years = years(form, every)
        let leapMonth = form["leap_month"].map { $0.word(LeapMonth.self) } ?? .regular
        let day30 = form["day_30"].map { $0.word(Day30.self) } ?? .last
        guard let column else { return nil }
        let calendar = calendarColumn(form, column, every)
        guard let at, let offsets, let feb29, let every, let years, let leapMonth, let day30 else { return nil }
        let slot = draft.customers.columns.use(column, at: columnItem?.place)
        return .anniversary(
            AnniversaryTrigger(
                column: slot, at: at, dayOffsets: offsets, feb29: feb29, every: every, years: years,
                calendarColumn: calendar, leapMonth: leapMonth, day30: day30))
    }

    private func years(_ form: Form, _ every: Anniversary.Every?) -> [Int]? {
        guard let item = form["years"] else { return [] }
        if every == .month { item.fail(.onlyWith("years", "anniversaries of every year"), at: form.place(of: "years")) }
        var years: [Int] = []
        for item in item.oneOrMore() {
            guard let year = item.integer(1...200) else { return nil }
            guard !years.contains(year) else { return item.refuse(.outside("each year once", got: String(year))) }
            years.append(year)
        }
        return years
    }

    /// The column that says by which calendar the day is kept: of a birthday always, of another day where the rule names
    /// one. Monthly anniversaries have none.
    private func calendarColumn(_ form: Form, _ column: String, _ every: Anniversary.Every?) -> Int? {
        let lunarKeys = form.given(["leap_month", "day_30"])
        if every == .month {
            for key in lunarKeys + form.given(["calendar_column"]) {
                form.item.fail(.onlyWith(key, "anniversaries of every year"), at: form.place(of: key))
            }
            return nil
        }
        if let item = form["calendar_column"] {
            return item.columnName().map { draft.customers.columns.use($0, at: item.place) }
        }
        guard column == CustomerColumn.birthday.name else {
            for key in lunarKeys { form.item.fail(.needs(key, also: "calendar_column"), at: form.place(of: key)) }
            return nil
        }
        // A query may leave it out, unless the rule speaks of lunar birthdays.
        let place = lunarKeys.first.flatMap { form[$0]?.place }
        return draft.customers.columns.use(CustomerColumn.birthdayCalendar.name, at: place)
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

    // MARK: Single days

    private func on(_ item: Item) -> Trigger? {
        guard let form = form(item, "on") else { return nil }
        let day = form["on"]?.date()
        let at = at(form)
        let offsets = dayOffsets(form)
        guard let day, let at, let offsets else { return nil }
        return .on(DayTrigger(day: day, at: at, dayOffsets: offsets))
    }

    /// `date: COLUMN` of the customer, or `date: KIND.COLUMN` of an event.
    private func date(_ item: Item) -> Trigger? {
        guard let form = form(item, "date"), let source = form["date"] else { return nil }
        let at = at(form)
        let offsets = dayOffsets(form)
        guard let name = source.text("a column with a date") else { return nil }
        if let dot = name.firstIndex(of: ".") {
            let event = (kind: String(name[..<dot]), column: String(name[name.index(after: dot)...]))
            return eventDay(form, source, event, at, offsets)
        }
        guard let column = source.columnName(), let at, let offsets else { return nil }
        let slot = draft.customers.columns.use(column, at: source.place)
        return .date(DateTrigger(column: slot, at: at, dayOffsets: offsets))
    }

    private func eventDay(
        _ form: Form, _ source: Item, _ event: (kind: String, column: String), _ at: WallTime?, _ offsets: [Int]?
    ) -> Trigger? {
        guard let kind = draft.kind(named: event.kind, source),
            let column = ConditionReader(draft: draft, scope: .rule(kind: kind))
                .eventColumn(kind: event.kind, column: event.column, source),
            let at, let offsets
        else { return nil }
        guard offsets.count == 1 else {
            let key = form.given(["days_before", "days_after"]).last ?? "date"
            return form.item.refuse(.oneDayOfEvent, at: form.place(of: key))
        }
        return .event(EventTrigger(kind: kind, start: .day(column: column, offset: offsets[0], at: at)))
    }

    // MARK: Schedule

    private func schedule(_ item: Item) -> Trigger? {
        guard let form = form(item, "schedule"), let source = form["schedule"] else { return nil }
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

    // MARK: Feast

    static let byCountry = "by_country"

    private func feast(_ item: Item) -> Trigger? {
        guard let form = form(item, "feast"), let source = form["feast"] else { return nil }
        let at = at(form)
        let offsets = dayOffsets(form)
        let choice = source.scalar == TriggerReader.byCountry ? byCountry(form, source) : named(form, source)
        guard let at, let offsets, let choice else { return nil }
        return .feast(FeastTrigger(choice, at: at, dayOffsets: offsets))
    }

    private func named(_ form: Form, _ source: Item) -> FeastTrigger.Choice? {
        if form["feast_column"] != nil {
            form.item.fail(.onlyWith("feast_column", "feast: by_country"), at: form.place(of: "feast_column"))
        }
        return FeastReader(draft: draft).feast(source, orByCountry: true).map { .named($0) }
    }

    /// Without a column of feasts the customers' countries are needed.
    private func byCountry(_ form: Form, _ source: Item) -> FeastTrigger.Choice? {
        guard let item = form["feast_column"] else {
            _ = draft.customers.columns.use(CustomerColumn.country.name, at: source.place)
            return .byCountry(draft.feasts, column: nil)
        }
        return item.columnName().map { .byCountry(draft.feasts, column: draft.customers.columns.use($0, at: item.place)) }
    }
}

extension Trigger {
    /// Index of the event's kind, for an event rule.
    var eventKind: Int? { if case .event(let event) = self { event.kind } else { nil } }

    var isFeast: Bool { if case .feast = self { true } else { false } }

    fileprivate var at: WallTime? {
        switch self {
        case .anniversary(let trigger): trigger.at
        case .schedule(let trigger): trigger.at
        case .feast(let trigger): trigger.at
        case .date(let trigger): trigger.at
        case .on(let trigger): trigger.at
        case .idle, .segment, .event: nil
        }
    }
}
