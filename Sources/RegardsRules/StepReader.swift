import RegardsCalendar
import RegardsCore

/// Reads what a rule does: one message, or steps.
struct StepReader {
    let draft: Draft
    /// The rule's trigger, as far as it could be read.
    let trigger: Trigger?
    let hasPromise: Bool

    static let ways = ["send", "tell", "webhook"]
    private static let laterWays: Set<String> = ["list"]

    private var eventKind: Int? { if case .event(let event)? = trigger { event.kind } else { nil } }

    func steps(_ item: Item) -> [Step] {
        var steps: [Step] = []
        for item in item.oneOrMore() {
            guard let step = step(item) else { continue }
            if let first = steps.first(where: { $0.name == step.name }) {
                item.fail(.sameStep(step.name, first: first.place.line))
            }
            steps.append(step)
        }
        return steps
    }

    private func step(_ item: Item) -> Step? {
        let keys = Keys(
            "at", "send", "tell", "webhook", "card", "name", "every", "at_most",
            later: StepReader.laterWays.union(["where", "quiet"]))
        guard let form = item.form(keys) else { return nil }
        let action = action(form)
        let time = form["at"].map(time) ?? .occasion
        let name = form["name"].map { $0.ruleName() } ?? action.map(StepReader.name)
        let (every, atMost) = repetition(form)
        guard let action, let time, let name else { return nil }
        return Step(name: name, action: action, time: time, every: every, atMost: atMost, place: item.place)
    }

    // MARK: What

    /// Exactly one of `send`, `tell` and `webhook`, with the card.
    func action(_ form: Form) -> Step.Action? {
        guard let way = form.exactlyOne(of: StepReader.ways), let target = form[way] else { return nil }
        if way == "send" {
            if form["card"] != nil {
                form.item.fail(.onlyWith("card", "tell and webhook: send names the card itself"), at: form.place(of: "card"))
            }
            return sentCard(target).map { .send($0) }
        }
        let card = form.required("card", "the card to \(way == "tell" ? "tell it with" : "send")").flatMap(card)
        let role = way == "tell" ? tellable(target) : nil
        let endpoint = way == "webhook" ? draft.webhook(target) : nil
        guard let card else { return nil }
        return role.map { .tell($0, card) } ?? endpoint.map { .webhook(endpoint: $0, card) }
    }

    /// `send: CARD` or `send: {card: CARD}`.
    private func sentCard(_ item: Item) -> CardPattern? {
        guard item.isMapping else { return card(item) }
        return item.form(Keys("card", later: ["no_repeat", "series"]))?.required("card", "a card's name").flatMap(card)
    }

    private func card(_ item: Item) -> CardPattern? {
        guard let card = item.card() else { return nil }
        if card.text.contains(CardPattern.feast), let trigger, !trigger.isFeast {
            item.fail(.onlyWith(CardPattern.feast, "rules about a feast"))
        }
        return card
    }

    private func tellable(_ item: Item) -> Role? {
        guard let role = draft.role(item) else { return nil }
        if draft.rolesWithGaps.contains(role.name) { item.fail(.nobodyToTell(role.name)) }
        return role
    }

    /// Verb and target, never the card: another card is the same step.
    static func name(_ action: Step.Action) -> String {
        switch action {
        case .send: "send"
        case .tell(let role, _): "tell-\(role.name)"
        case .webhook(let endpoint, _): "webhook-\(endpoint)"
        case .list(let target): "list-\(target.name)"
        }
    }

    private func repetition(_ form: Form) -> (every: TimeSpan?, atMost: Int) {
        guard form["every"] != nil || form["at_most"] != nil else { return (nil, 1) }
        for (key, other) in [("every", "at_most"), ("at_most", "every")] where form[key] != nil {
            if form[other] == nil { form.item.fail(.needs(key, also: other), at: form.place(of: key)) }
            if trigger != nil, eventKind == nil {
                form.item.fail(.onlyWith(key, "rules about an event"), at: form.place(of: key))
            }
        }
        return (
            form["every"]?.span(.minutes(1)...(.days(366)), named: "1min to 366d"), form["at_most"]?.integer(1...1_000) ?? 1
        )
    }

    // MARK: When

    /// `start`, `limit`, or `SPAN before|after` one of them or `KIND.COLUMN`.
    private func time(_ item: Item) -> StepTime? {
        guard let text = item.text("start, limit or a span before or after") else { return nil }
        let words = text.split { $0.isWhitespace }
        guard let anchor = words.last else { return nil }
        guard words.count > 1 else { return self.time(anchor, .zero, text, item) }
        let direction = words[words.count - 2]
        guard direction == "before" || direction == "after" else { return item.refuse(.stepTime(text)) }
        let spanText = words.dropLast(2).joined(separator: " ")
        guard let span = CalendarSpan.parse(spanText)?.fixed else { return item.refuse(.stepTime(text)) }
        return self.time(anchor, direction == "before" ? -span : span, text, item)
    }

    private func time(_ anchor: Substring, _ span: TimeSpan, _ text: String, _ item: Item) -> StepTime? {
        if anchor == "start", span == .zero { return .occasion }
        guard trigger == nil || eventKind != nil else {
            return item.refuse(.onlyWith("a time other than start", "rules about an event"))
        }
        switch anchor {
        case "start": return .start(span)
        case "limit": return hasPromise ? .limit(span) : item.refuse(.noPromise)
        default: break
        }
        guard let dot = anchor.firstIndex(of: ".") else { return item.refuse(.stepTime(text)) }
        return ConditionReader(draft: draft, scope: trigger == nil ? .anything : .rule(kind: eventKind))
            .eventColumn(kind: String(anchor[..<dot]), column: String(anchor[anchor.index(after: dot)...]), item)
            .map { .column(slot: $0, span) }
    }
}
