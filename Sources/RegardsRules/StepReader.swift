import RegardsCalendar
import RegardsCore

/// Reads what a rule does: one message, or steps. When a step is due is in `StepTimeReader`.
struct StepReader {
    let draft: Draft
    /// The rule's trigger, as far as it could be read.
    let trigger: Trigger?
    let hasPromise: Bool

    static let ways = ["send", "tell", "webhook", "list"]

    private var eventKind: Int? { trigger?.eventKind }

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
        guard let form = item.form(.step) else { return nil }
        let action = action(form)
        let times = StepTimeReader(draft: draft, trigger: trigger, hasPromise: hasPromise)
        let time = form["at"].map(times.time) ?? StepTimeReader.Time(.occasion)
        let condition = form["where"].map(condition) ?? .always
        let name = form["name"].map { $0.ruleName() } ?? action.map(StepReader.name)
        let (every, atMost) = repetition(form)
        guard let action, let time, let condition, let name else { return nil }
        return Step(
            name: name, action: action, time: time.base, at: time.at, condition: condition, every: every, atMost: atMost,
            place: item.place)
    }

    private func condition(_ item: Item) -> Condition? {
        ConditionReader(draft: draft, scope: trigger.map { .rule(kind: $0.eventKind) } ?? .anything).condition(item)
    }

    // MARK: What

    /// Exactly one of the ways, with the keys that belong to it.
    func action(_ form: Form) -> Step.Action? {
        guard let way = form.exactlyOne(of: StepReader.ways), let target = form[way] else { return nil }
        if way == "send", form["card"] != nil {
            form.item.fail(.onlyWith("card", "tell and webhook: send names the card itself"), at: form.place(of: "card"))
        } else if way == "list", form["card"] != nil {
            form.item.fail(.onlyWith("card", "tell and webhook: what is on a list says why"), at: form.place(of: "card"))
        }
        if way != "list" {
            for key in form.given(["for", "why"]) { form.item.fail(.onlyWith(key, "list"), at: form.place(of: key)) }
        }
        switch way {
        case "send": return sentCard(target).map { .send($0) }
        case "list": return listTarget(form).map { .list($0) }
        default: break
        }
        let card = form.required("card", "the card to \(way == "tell" ? "tell it with" : "send")").flatMap(card)
        let role = way == "tell" ? tellable(target) : nil
        let endpoint = way == "webhook" ? draft.webhook(target) : nil
        guard let card else { return nil }
        return role.map { .tell($0, card) } ?? endpoint.map { .webhook(endpoint: $0, card) }
    }

    /// `list: NAME, for: ROLE, why: TEXT`.
    func listTarget(_ form: Form) -> ListTarget? {
        let name = form.required("list", "a list's name such as calls")?.ruleName()
        let role = form.required("for", "the role whose list it goes on, such as advisor").flatMap(tellable)
        let why = form["why"]?.paragraph("what is to be done")
        guard let name else { return nil }
        draft.lists.insert(name)
        return role.map { ListTarget(name: name, role: $0, why: why ?? "") }
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

    private func tellable(_ item: Item) -> Role? {
        guard let role = draft.role(item) else { return nil }
        if draft.rolesWithGaps.contains(role.name) { item.fail(.nobodyToTell(role.name)) }
        return role
    }

    // MARK: Cards

    func card(_ item: Item) -> CardPattern? {
        if case .list = item.value.content { return item.refuse(.severalCards) }
        guard let card = item.card() else { return nil }
        if card.text.contains(CardPattern.feast), let trigger, !trigger.isFeast {
            item.fail(.onlyWith(CardPattern.feast, "rules about a feast"))
        }
        return card
    }

    /// `send: CARD`, `send: {card: CARD}`, or `send: {cards: [CARD, …]}`, the last two perhaps with `no_repeat`.
    private func sentCard(_ item: Item) -> CardPattern? {
        guard item.isMapping else { return card(item) }
        guard let form = item.form(.send), let key = form.exactlyOne(of: ["card", "cards"]),
            let given = form[key]
        else { return nil }
        let cards = key == "card" ? card(given).map { [$0] } : series(given)
        guard let cards, let first = cards.first else { return nil }
        let standard = cards.count > 1 ? 1 : 0
        guard let noRepeat = form["no_repeat"].map({ repetition($0, of: cards) }) ?? standard else { return nil }
        return CardPattern(first.text, others: cards.dropFirst().map(\.text), noRepeat: noRepeat)
    }

    private func series(_ item: Item) -> [CardPattern]? {
        guard let items = item.list() else { return nil }
        guard items.count > 1 else { return item.refuse(.expectedShape("two cards or more", got: "\(items.count)")) }
        var cards: [CardPattern] = []
        for item in items {
            guard let card = card(item) else { return nil }
            if cards.contains(card) { item.fail(.outside("each card once", got: card.text)) }
            cards.append(card)
        }
        return cards
    }

    /// `12 occasions` in a row bring twelve cards, so a card looks back over eleven.
    private func repetition(_ item: Item, of cards: [CardPattern]) -> Int? {
        let form = "a number of occasions such as 12 occasions"
        guard let text = item.text(form) else { return nil }
        let words = text.split { $0.isWhitespace }
        guard words.count == 2, words[1] == "occasions" || words[1] == "occasion", let count = Int(words[0]) else {
            return item.refuse(.expected(form, got: text))
        }
        let byFeast = cards.contains { $0.text.contains(CardPattern.feast) }
        let known = byFeast ? 100 : min(100, cards.reduce(0) { $0 + $1.names.count })
        guard known > 1 else { return item.refuse(.oneCard) }
        guard (2...known).contains(count) else { return item.refuse(.fewCards(count, cards: known)) }
        return count - 1
    }

    // MARK: Again

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
}
