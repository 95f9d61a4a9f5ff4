import RegardsCalendar
import RegardsCore

/// Reads the sentence of a step's `at:`: `[SPAN before|after] ANCHOR [at HH:MM]`.
struct StepTimeReader {
    struct Time {
        var base: StepTime
        var at: WallTime?

        init(_ base: StepTime, at: WallTime? = nil) {
            self.base = base
            self.at = at
        }
    }

    let draft: Draft
    /// The rule's trigger, as far as it could be read.
    let trigger: Trigger?
    let hasPromise: Bool

    private var eventKind: Int? { trigger?.eventKind }

    func time(_ item: Item) -> Time? {
        guard let text = item.text("start, limit or a span before or after") else { return nil }
        var words = text.split { $0.isWhitespace }[...]
        var clock: WallTime?
        if words.count > 2, words[words.endIndex - 2] == "at" {
            guard let time = WallTime(String(words.last ?? "")) else { return item.refuse(.expected("HH:MM after at", got: text)) }
            clock = time
            words = words.dropLast(2)
        }
        guard let anchor = words.popLast() else { return nil }
        guard let direction = words.popLast() else { return base(anchor, .zero, text, item).map { Time($0, at: clock) } }
        let isBefore = direction == "before"
        guard isBefore || direction == "after", let span = CalendarSpan.parse(words.joined(separator: " "))?.fixed else {
            return item.refuse(.stepTime(text))
        }
        let longest = eventKind == nil && trigger != nil ? 366 : 3_660
        guard span <= .days(Int64(longest)) else { return item.refuse(.outside("a span of at most \(longest)d", got: text)) }
        // The next such time could be past what it is meant to come before.
        if clock != nil, isBefore, !span.isWholeDays { return item.refuse(.hoursBeforeAt(text)) }
        return base(anchor, isBefore ? -span : span, text, item).map { Time($0, at: clock) }
    }

    private func base(_ anchor: Substring, _ span: TimeSpan, _ text: String, _ item: Item) -> StepTime? {
        if anchor == "start" { return span == .zero ? .occasion : .start(span) }
        let isEvent = trigger == nil || eventKind != nil
        if anchor == "limit" {
            guard isEvent else { return item.refuse(.onlyWith("limit", "rules about an event")) }
            return hasPromise ? .limit(span) : item.refuse(.noPromise)
        }
        guard let dot = anchor.firstIndex(of: ".") else { return item.refuse(.stepTime(text)) }
        return ConditionReader(draft: draft, scope: trigger == nil ? .anything : .rule(kind: eventKind))
            .eventColumn(kind: String(anchor[..<dot]), column: String(anchor[anchor.index(after: dot)...]), item)
            .map { .column(slot: $0, span) }
    }
}

extension TimeSpan {
    fileprivate var isWholeDays: Bool { microseconds % TimeSpan.days(1).microseconds == 0 }
}
