import RegardsCalendar
import RegardsCore

/// Reads one rule. The keys that most rules leave out are in `RuleOptions`.
struct RuleReader {
    let draft: Draft

    /// Keys that are no part of a rule's meaning: changing them asks nobody's approval.
    private static let unhashed: Set<String> = ["about", "formerly", "enabled", "active"]

    /// nil after a mistake, which is in the report then.
    func rule(_ name: String, at place: Place, _ item: Item) -> Rule? {
        guard let form = item.form(.rule) else { return nil }
        let purpose = form.required("purpose", Problem.list(Purpose.allCases.map(\.rawValue)))?.word(Purpose.self)
        let when = form.required("when", TriggerReader.forms)
        let triggers = TriggerReader(draft: draft)
        var trigger = when.flatMap(triggers.trigger)
        let spread = when.flatMap { triggers.spread($0, trigger) }
        let condition = condition(form, trigger)
        trigger = PromiseReader(draft: draft).withPromise(trigger, form, purpose)
        let steps = steps(form, trigger)
        let options = RuleOptions(draft: draft, form: form, rule: name, trigger: trigger, steps: steps)
        if form["unreachable"] != nil, let condition { warnOfAddress(condition, form) }
        guard let purpose, let trigger, let condition, !steps.isEmpty else { return nil }
        PromiseReader(draft: draft).checkRungs(steps, trigger, form)
        var rule = Rule(name: name, purpose: purpose, trigger: trigger, condition: condition, steps: steps, place: place)
        rule.spread = spread
        options.apply(to: &rule)
        rule.hash = hash(form, rule)
        return rule
    }

    private func condition(_ form: Form, _ trigger: Trigger?) -> Condition? {
        guard let item = form["where"] else { return .always }
        // Without a trigger it is unknown which event's columns may be named.
        let scope: ConditionReader.Scope = trigger.map { .rule(kind: $0.eventKind) } ?? .anything
        return ConditionReader(draft: draft, scope: scope).condition(item)
    }

    /// Who has no address fails such a condition, and never becomes unreachable.
    private func warnOfAddress(_ condition: Condition, _ form: Form) {
        let parts = if case .all(let parts) = condition { parts } else { [condition] }
        for case .test(let test) in parts where test.predicate == .isPresent {
            guard test.operand == .customer(slot: CustomerColumn.email.rawValue) else { continue }
            form["unreachable"]?.fail(.neverUnreachable(test.text), at: form.place(of: "unreachable"))
        }
    }

    /// One message, or several by `steps`.
    private func steps(_ form: Form, _ trigger: Trigger?) -> [Step] {
        guard let way = form.exactlyOne(of: StepReader.ways + ["steps"]) else { return [] }
        let hasPromise = form["promise"] != nil
        let reader = StepReader(draft: draft, trigger: trigger, hasPromise: hasPromise)
        if way == "steps" {
            for key in form.given(["card", "for", "why"]) {
                form.item.fail(.stepsHaveTheirOwn(key), at: form.place(of: key))
            }
            return form["steps"].map(reader.steps) ?? []
        }
        guard let action = reader.action(form) else { return [] }
        return [Step(name: StepReader.name(action), action: action, place: form.place(of: way))]
    }

    /// Also of the segments that the rule names: who belongs to them decides whom it reaches.
    private func hash(_ form: Form, _ rule: Rule) -> UInt64 {
        var hash = StableHash()
        let pairs = form.pairs.filter { !RuleReader.unhashed.contains($0.key) }
        YAMLValue(content: .mapping(pairs), place: form.item.place).add(to: &hash)
        for index in rule.segments.sorted() { hash.add(String(draft.segments[index].hash)) }
        // Switched on again it is a change: the events of the meantime are served.
        if rule.trigger.eventKind != nil, !rule.isEnabled { hash.add("off") }
        return hash.value()
    }
}

extension Rule {
    /// Whether any step writes to the customer.
    var sendsToCustomers: Bool { steps.contains { $0.sendsToCustomers } }

    /// Indices of the segments it names.
    fileprivate var segments: Set<Int> {
        var found = steps.reduce(into: condition.segments) { $0.formUnion($1.condition.segments) }
        switch trigger {
        case .segment(let trigger): found.insert(trigger.segment)
        case .event(let trigger):
            found.formUnion(trigger.endsWhen?.segments ?? [])
            found.formUnion(trigger.promise?.bySegment.map(\.segment) ?? [])
        case .anniversary, .schedule, .feast, .date, .on, .idle: break
        }
        return found
    }
}

extension Step {
    var sendsToCustomers: Bool { if case .send = action { true } else { false } }
}
