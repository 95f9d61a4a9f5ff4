import RegardsCalendar
import RegardsCore

/// The keys of a rule that have a default. A mistake in one leaves the default, and is in the report.
struct RuleOptions {
    private let draft: Draft
    private let form: Form
    private let rule: String
    private let trigger: Trigger?
    /// nil where the steps could not be read.
    private let sends: Bool?
    private let stepReader: StepReader

    /// Keys that say how customers are written to.
    private static let forCustomers = ["instead_of", "budget", "quiet", "same_address", "unreachable"]

    init(draft: Draft, form: Form, rule: String, trigger: Trigger?, steps: [Step]) {
        self.draft = draft
        self.form = form
        self.rule = rule
        self.trigger = trigger
        sends = steps.isEmpty ? nil : steps.contains { $0.sendsToCustomers }
        stepReader = StepReader(draft: draft, trigger: trigger, hasPromise: false)
        read()
    }

    private var about: String?
    private var sender: Sender?
    private var late: (lateness: Lateness, belated: Belated?)?
    private var priority: Int?
    private var insteadOf: [String] = []
    private var counts: Bool?
    private var obeys: Bool?
    private var obeysQuiet: Bool?
    private var sameAddress: SameAddress?
    private var active: ActivePeriod?
    private var isEnabled: Bool?
    private var sample: Double?
    private var unreachable: ListTarget?
    private var backfill: Backfill?
    private var ifInDoubt: InDoubtPolicy?
    private var formerly: [String] = []

    func apply(to rule: inout Rule) {
        rule.about = about ?? ""
        rule.sender = sender ?? .house
        if let late { (rule.lateness, rule.belated) = late }
        rule.priority = priority ?? rule.priority
        rule.insteadOf = insteadOf
        rule.budget = BudgetPart(counts: counts ?? rule.budget.counts, obeys: obeys ?? rule.budget.obeys)
        rule.obeysQuiet = obeysQuiet ?? rule.obeysQuiet
        rule.sameAddress = sameAddress
        rule.active = active
        rule.isEnabled = isEnabled ?? true
        rule.sample = sample
        rule.unreachable = unreachable
        rule.backfill = backfill ?? .none
        rule.ifInDoubt = ifInDoubt
        rule.formerly = formerly
    }

    private mutating func read() {
        about = form["about"]?.paragraph()
        sender = form["from"].flatMap(sender)
        late = form["if_late"].flatMap(lateness)
        priority = form["priority"]?.integer(0...1_000)
        insteadOf = form["instead_of"].map(replaced) ?? []
        if let form = form["budget"]?.form(.budget) {
            if form.pairs.isEmpty { form.item.fail(.noneOf(["counts", "obeys"])) }
            counts = form["counts"]?.flag()
            obeys = form["obeys"]?.flag()
        }
        obeysQuiet = form["quiet"]?.word(among: ["obey", "ignore"]).map { $0 == "obey" }
        sameAddress = form["same_address"]?.word()
        active = form["active"].flatMap(active)
        isEnabled = form["enabled"]?.flag()
        sample = form["sample"]?.share()
        unreachable = form["unreachable"]?.form(.list).flatMap(stepReader.listTarget)
        backfill = form["backfill"].flatMap(backfill)
        ifInDoubt = form["if_in_doubt"]?.word()
        formerly = form["formerly"].map(formerNames) ?? []
        if sends == false {
            for key in form.given(RuleOptions.forCustomers) {
                form.item.fail(.onlyWith(key, "rules that send something to the customer"), at: form.place(of: key))
            }
        }
    }

    // MARK: Each key

    private func sender(_ item: Item) -> Sender? {
        item.scalar == "house" ? .house : draft.role(item).map { .role($0) }
    }

    /// `{grace: 10h, then: {card: CARD, within: 3d}}`, either or both.
    private func lateness(_ item: Item) -> (Lateness, Belated?)? {
        guard let form = item.form(.lateness) else { return nil }
        guard form["then"] != nil || form["grace"] != nil else {
            return item.refuse(.noneOf(["grace", "then"]))
        }
        let grace = form["grace"]?.span(.minutes(1)...(.days(366)), named: "1min to 366d")
        let belated = form["then"].flatMap { belatedCard($0, after: grace) }
        return (grace.map { .grace($0) } ?? .untilMidnight, belated)
    }

    private func belatedCard(_ item: Item, after grace: TimeSpan?) -> Belated? {
        guard let form = item.form(.belated) else { return nil }
        let card = form.required("card", "the card that goes when it is late").flatMap(stepReader.card)
        let within = form.required("within", "a span such as 3d, from the time that was meant")?
            .span(.hours(1)...(.days(366)), named: "1h to 366d")
        if sends == false { item.fail(.onlyWith("then", "rules that send something to the customer")) }
        guard let card, let within else { return nil }
        // Until midnight can be as long as a day.
        guard within > grace ?? .hours(23) else {
            let least = grace.map { "a span longer than \($0)" } ?? "a span of 1d or more, for until midnight the card itself goes"
            return form["within"]?.refuse(.outside(least, got: within.description))
        }
        return Belated(card: card, within: within)
    }

    private func replaced(_ item: Item) -> [String] {
        item.oneOrMore().compactMap { item in
            guard let name = item.ruleName() else { return nil }
            guard name != rule else { return item.refuse(.insteadOfItself) }
            draft.references.append(Draft.RuleReference(name: name, use: .insteadOf(by: rule), item: item))
            return name
        }
    }

    /// `{from: DATE, to: DATE}`, either or both.
    private func active(_ item: Item) -> ActivePeriod? {
        guard let form = item.form(.active) else { return nil }
        guard !form.given(["from", "to"]).isEmpty else { return item.refuse(.noneOf(["from", "to"])) }
        let period = ActivePeriod(from: form["from"]?.date(), to: form["to"]?.date())
        if let from = period.from, let to = period.to, to < from {
            return form["to"]?.refuse(.endsBefore(to.description, start: from.description))
        }
        if let trigger, !trigger.canFire(in: period) { item.fail(.neverFires) }
        return period
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
            draft.formerNames.append((name, rule, item))
            return name
        }
    }
}
