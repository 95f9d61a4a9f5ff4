import RegardsCalendar
import RegardsCore

/// Reads one rule.
struct RuleReader {
    let draft: Draft

    private static let keys = Keys(
        "about", "purpose", "when", "where", "send", "tell", "webhook", "card", "steps", "from", "if_late", "backfill",
        "if_in_doubt", "formerly", "promise", "ends_when",
        later: [
            "instead_of", "budget", "sample", "quiet", "quiet_hours", "unreachable", "priority", "list", "days", "limits",
            "series",
            "spread", "enabled", "guard",
        ])
    /// Keys that are no part of a rule's meaning: changing them changes no message.
    private static let unhashed: Set<String> = ["about", "formerly"]

    /// nil after a mistake, which is in the report then.
    func rule(_ name: String, at place: Place, _ item: Item) -> Rule? {
        guard let form = item.form(RuleReader.keys) else { return nil }
        let about = form["about"]?.paragraph()
        let purpose = form.required("purpose", Problem.list(Purpose.allCases.map(\.rawValue)))?.word(Purpose.self)
        var trigger = form.required("when", TriggerReader.forms)
            .flatMap(TriggerReader(draft: draft).trigger)
        let condition = condition(form, trigger)
        trigger = withPromise(trigger, form, purpose)
        let steps = steps(form, trigger)
        let sender = form["from"].map(sender) ?? .house
        let lateness = form["if_late"].flatMap(lateness)
        let backfill = form["backfill"].map(backfill) ?? Backfill.none
        let ifInDoubt = form["if_in_doubt"]?.word(InDoubtPolicy.self)
        let formerly = form["formerly"].map(formerNames) ?? []
        guard let purpose, let trigger, let condition, !steps.isEmpty, let sender, let backfill else { return nil }
        return Rule(
            name: name, about: about ?? "", purpose: purpose, trigger: trigger, condition: condition, steps: steps,
            sender: sender,
            lateness: lateness, backfill: backfill, ifInDoubt: ifInDoubt, formerly: formerly, place: place,
            hash: RuleReader.hash(form))
    }

    private func condition(_ form: Form, _ trigger: Trigger?) -> Condition? {
        guard let item = form["where"] else { return .always }
        // Without a trigger it is unknown which event's columns may be named.
        let scope: ConditionReader.Scope = trigger.map { .rule(kind: $0.eventKind) } ?? .anything
        return ConditionReader(draft: draft, scope: scope).condition(item)
    }

    /// One message by `send`, `tell` or `webhook`, or several by `steps`.
    private func steps(_ form: Form, _ trigger: Trigger?) -> [Step] {
        guard let way = form.exactlyOne(of: StepReader.ways + ["steps"]) else { return [] }
        let hasPromise = form["promise"] != nil
        let reader = StepReader(draft: draft, trigger: trigger, hasPromise: hasPromise)
        if way == "steps" {
            if form["card"] != nil {
                form.item.fail(.onlyWith("card", "tell and webhook: each step has its own"), at: form.place(of: "card"))
            }
            return form["steps"].map(reader.steps) ?? []
        }
        guard let action = reader.action(form) else { return [] }
        return [Step(name: StepReader.name(action), action: action, place: form.place(of: way))]
    }

    // MARK: Promises

    private func withPromise(_ trigger: Trigger?, _ form: Form, _ purpose: Purpose?) -> Trigger? {
        guard case .event(var event)? = trigger else {
            for key in form.given(["promise", "ends_when"]) where trigger != nil {
                form.item.fail(.onlyWith(key, "rules about an event"), at: form.place(of: key))
            }
            return trigger
        }
        event.promise = form["promise"].flatMap(promise)
        event.endsWhen = form["ends_when"].flatMap(ConditionReader(draft: draft, scope: .rule(kind: event.kind)).condition)
        if form["promise"] != nil {
            if let purpose, purpose != .care {
                form.item.fail(.promiseOfGreeting(purpose), at: form.place(of: "promise"))
            }
            if form["ends_when"] == nil, draft.kinds[event.kind].done == nil, draft.knowsHouse {
                form.item.fail(.endlessLadder(draft.kinds[event.kind].name), at: form.place(of: "promise"))
            }
        }
        return .event(event)
    }

    private func promise(_ item: Item) -> Promise? {
        guard let form = item.form(Keys("answer_within", "clock")) else { return nil }
        let clock = form["clock"].map { $0.word(Promise.Clock.self) } ?? .wall
        if clock == .business, !draft.hasHours, draft.knowsHouse {
            form["clock"]?.fail(.needs("clock: business", also: "business.hours in regards.yaml"))
        }
        guard let within = form.required("answer_within", Item.spanForm) else { return nil }
        if within.isMapping { return within.refuse(.later("a limit for each segment")) }
        let span = within.span(.minutes(1)...(.days(366)), named: "1min to 366d")
        guard let span, let clock else { return nil }
        return Promise(answerWithin: span, clock: clock)
    }

    // MARK: Small keys

    private func sender(_ item: Item) -> Sender? {
        item.scalar == "house" ? .house : draft.role(item).map { .role($0) }
    }

    private func lateness(_ item: Item) -> Lateness? {
        guard let form = item.form(Keys("grace", later: ["then"])) else { return nil }
        return form.required("grace", Item.spanForm)?.span(.minutes(1)...(.days(366)), named: "1min to 366d").map {
            .grace($0)
        }
    }

    /// `none`, `all`, or how far back.
    private func backfill(_ item: Item) -> Backfill? {
        switch item.scalar {
        case "none": return Backfill.none
        case "all": return .all
        default: break
        }
        guard let text = item.text("none, all or \(Item.spanForm)") else { return nil }
        guard let span = CalendarSpan.parse(text)?.fixed, span > .zero else {
            return item.refuse(.expected("none, all or \(Item.spanForm)", got: text))
        }
        return .since(span)
    }

    private func formerNames(_ item: Item) -> [String] {
        item.oneOrMore().compactMap { item in
            guard let name = item.ruleName() else { return nil }
            draft.formerNames.append((name, item))
            return name
        }
    }

    private static func hash(_ form: Form) -> UInt64 {
        var hash = StableHash()
        let pairs = form.pairs.filter { !unhashed.contains($0.key) }
        YAMLValue(content: .mapping(pairs), place: form.item.place).add(to: &hash)
        return hash.value()
    }
}

extension Trigger {
    /// Index of the event's kind, for an event rule.
    var eventKind: Int? { if case .event(let event) = self { event.kind } else { nil } }

    var isFeast: Bool { if case .feast = self { true } else { false } }
}
