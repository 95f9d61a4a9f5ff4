import RegardsCalendar
package import RegardsCore

/// What makes a rule fire, in words, beside what the customer's row says of it.
package struct RuleWords {
    private let rule: Rule
    private let customer: Customer
    private let book: RuleBook

    package init(_ rule: Rule, _ customer: Customer, _ book: RuleBook) {
        self.rule = rule
        self.customer = customer
        self.book = book
    }

    /// `every year on birthday (1980-05-05) at 09:00`.
    package var when: String {
        [occasion, spread, sample, period].filter { !$0.isEmpty }.joined(separator: ", ")
    }

    private var occasion: String {
        switch rule.trigger {
        case .anniversary(let trigger): anniversary(trigger)
        case .schedule(let trigger): schedule(trigger)
        case .feast(let trigger): "\(days(trigger.dayOffsets))\(feast(trigger))\(time(trigger.at))"
        case .date(let trigger): "\(days(trigger.dayOffsets))\(value(trigger.column))\(time(trigger.at))"
        case .on(let trigger): "\(days(trigger.dayOffsets))\(trigger.day)\(time(trigger.at))"
        case .idle(let trigger): idle(trigger)
        case .segment(let trigger): segment(trigger)
        case .event(let trigger): event(trigger)
        }
    }

    private func anniversary(_ trigger: AnniversaryTrigger) -> String {
        var words = trigger.every == .month ? "every month " : "every year "
        words += days(trigger.dayOffsets) + value(trigger.column)
        if let calendar = trigger.calendarColumn, let text = text(calendar) { words += " by the \(text) calendar" }
        if !trigger.years.isEmpty { words += ", only year \(trigger.years.map(String.init).joined(separator: ", "))" }
        return words + time(trigger.at)
    }

    /// Where `at` says the time of day, the expression names days only.
    private func schedule(_ trigger: ScheduleTrigger) -> String {
        let midnight = " 00:00:00"
        var text = trigger.expression.description
        if trigger.at != nil, text.hasSuffix(midnight) { text.removeLast(midnight.count) }
        return "on \(text)\(time(trigger.at))"
    }

    private func feast(_ trigger: FeastTrigger) -> String {
        switch trigger.choice {
        case .named(let feast): feast.name
        case .byCountry(_, let column):
            "the feasts of \(column.flatMap { text($0) != nil ? value($0) : nil } ?? value(CustomerColumn.country.rawValue))"
        }
    }

    private func idle(_ trigger: IdleTrigger) -> String {
        var words: String
        switch trigger.length {
        case .fixed(let span): words = "\(span) after \(value(trigger.column))"
        case .usual(let times, let rhythm, let floor):
            let number = times == times.rounded() ? "\(Int(times))" : "\(times)"
            words = "\(number) x the usual pause"
            if case .column(let slot) = rhythm { words += ", \(value(slot)) days," }
            words += " after \(value(trigger.column)), never before \(Words.count(floor, "day"))"
        }
        if let every = trigger.every { words += ", again every \(every), \(trigger.atMost) times at most" }
        return words + time(trigger.at)
    }

    private func segment(_ trigger: SegmentTrigger) -> String {
        let name = book.segments[trigger.segment].name
        let change = trigger.change == .becomes ? "on coming into \(name)" : "on leaving \(name)"
        return change + delay(trigger.delay)
    }

    private func event(_ trigger: EventTrigger) -> String {
        let kind = book.eventKinds[trigger.kind]
        switch trigger.start {
        case .event(let delay): return "each \(kind.name)\(self.delay(delay))\(promise(trigger.promise))"
        case .day(let column, let offset, let at):
            return "\(days([offset]))\(kind.name).\(kind.columns.names[column])\(time(at))"
        }
    }

    private func promise(_ promise: Promise?) -> String {
        guard let promise else { return "" }
        let within = promise.bySegment.map { "\(book.segments[$0.segment].name) \($0.answerWithin)" }
            + [promise.bySegment.isEmpty ? "\(promise.answerWithin)" : "others \(promise.answerWithin)"]
        let clock = promise.clock == .business ? " of business hours" : ""
        return ", to be answered within \(within.joined(separator: ", "))\(clock)"
    }

    private func delay(_ delay: Delay) -> String {
        (delay.after == CalendarSpan() ? "" : ", \(delay.after) later") + time(delay.at)
    }

    private func time(_ time: WallTime?) -> String { time.map { " at \($0)" } ?? "" }

    /// `14 days before `, `on `.
    private func days(_ offsets: [Int]) -> String {
        if offsets == [0] { return "on " }
        let words = offsets.map { offset in
            offset == 0 ? "on" : "\(Words.count(abs(offset), "day")) \(offset < 0 ? "before" : "after")"
        }
        return words.joined(separator: ", ") + " "
    }

    private func value(_ column: Int) -> String {
        "\(book.customers.columns.names[column]) (\(text(column) ?? "empty"))"
    }

    private func text(_ column: Int) -> String? {
        customer.record.isPresent(column) ? customer.record.string(column) : nil
    }

    // MARK: Beside the day

    private var spread: String { rule.spread.map { "spread over \($0)" } ?? "" }

    private var sample: String {
        guard let share = rule.sample else { return "" }
        let percent = share * 100
        return "a sample of \(percent == percent.rounded() ? "\(Int(percent))" : "\(percent)")%"
    }

    private var period: String {
        guard let active = rule.active else { return "" }
        return ["active", active.from.map { "from \($0)" }, active.to.map { "to \($0)" }].compactMap { $0 }.joined(separator: " ")
    }
}

extension RuleWords {
    /// Why a rule about days has nothing to come; what is known without looking further.
    /// - Parameters:
    ///   - at: the moment that is explained.
    ///   - isMember: of a segment, by index.
    func silence(at: Instant, isMember: (Int) -> Bool) -> String? {
        if !rule.isEnabled { return "the rule is switched off (enabled: no)" }
        let zone = book.house.business.zone
        switch rule.trigger {
        case .anniversary(let trigger): return empty(trigger.column)
        case .date(let trigger):
            let isOver = customer.record.instant(trigger.column, zone: zone).map { $0 < at } ?? false
            return empty(trigger.column) ?? (isOver ? "\(value(trigger.column)) is over" : nil)
        case .on(let trigger): return trigger.day < zone.local(at: at).date ? "\(trigger.day) is over" : nil
        case .idle(let trigger): return empty(trigger.column) ?? silence(of: trigger, at: at, zone)
        case .segment(let trigger):
            let name = book.segments[trigger.segment].name
            switch (trigger.change, isMember(trigger.segment)) {
            case (.becomes, true): return "the customer belongs to \(name) already"
            case (.becomes, false): return "waits until the customer comes into \(name)"
            case (.leaves, true): return "waits until the customer leaves \(name)"
            case (.leaves, false): return "the customer is not in \(name)"
            }
        case .feast, .schedule, .event: return nil
        }
    }

    private func silence(of trigger: IdleTrigger, at: Instant, _ zone: Zone) -> String? {
        guard case .fixed(let span) = trigger.length else {
            return "no usual pause is known, or what was to come after \(value(trigger.column)) is over"
        }
        let first = customer.record.instant(trigger.column, zone: zone).map { span.added(to: $0, in: zone) }
        return first.map { $0 < at } ?? false ? "what was to come after \(value(trigger.column)) is over" : nil
    }

    private func empty(_ column: Int) -> String? {
        text(column) == nil ? "\(book.customers.columns.names[column]) is empty" : nil
    }
}
