import RegardsCalendar
import RegardsCore

/// Reads one case, and checks its names against the rules, the columns and the segments.
struct CaseReader {
    let book: RuleBook
    let name: String
    let place: Place

    /// Reports what is wrong, and gives nil then.
    func read(_ item: Item) -> Case? {
        let before = item.report.count
        guard let form = item.form(.testCase) else { return nil }
        var rows = CaseRows(book: book)
        rows.readCustomers(form)
        let happens = changes(form["happens"], &rows)
        let (from, to) = period(form)
        let sent = (form["sent"]?.oneOrMore() ?? []).compactMap { outreach($0, rows, isPast: true) }
        let expected = form.required("expect", "the outreach, or nothing").map { self.expected($0, rows) }
        let rules = (form["rules"]?.oneOrMore() ?? []).compactMap(rule)
        guard item.report.count == before, let from, let to, let expected else { return nil }
        return Case(
            name: name, place: place, customers: rows.customers, sent: sent, happens: happens, from: from, to: to,
            rules: rules, expected: expected, segments: rows.segments)
    }

    private var zone: Zone { book.house.business.zone }

    private func rule(_ item: Item) -> String? {
        item.text("a rule's name").flatMap { known($0, item) }
    }

    private func known(_ rule: String, _ item: Item) -> String? {
        let names = book.rules.map(\.name)
        return names.contains(rule) ? rule : item.refuse(.unknownRule(rule, now: nil, known: names))
    }

    // MARK: When

    private func period(_ form: Form) -> (from: CaseBound?, to: CaseBound?) {
        if let item = form["on"] {
            if let other = form.given(["from", "to"]).first { item.fail(.twoOf(["on", other]), at: form.place(of: other)) }
            let day = item.date().map { CaseBound.day($0) }
            return (day, day)
        }
        guard let start = form["from"], let end = form["to"] else {
            if let given = form.given(["from", "to"]).first {
                form.item.fail(.needs(given, also: given == "from" ? "to" : "from"), at: form.place(of: given))
            } else {
                form.item.fail(.missing("on", expected: "a day such as 2027-05-01, or from and to"))
            }
            return (nil, nil)
        }
        let (from, to) = (bound(start), bound(end))
        if let from, let to, instant(to, isEnd: true) <= instant(from, isEnd: false) {
            end.fail(.endsBefore("to", start: "from"))
        }
        return (from, to)
    }

    private func bound(_ item: Item) -> CaseBound? {
        item.parsed("a day such as 2027-05-01, or a time such as 2027-05-01 09:00") { text in
            CivilDate(text).map { .day($0) } ?? Instant(text, in: zone).map { .instant($0) }
        }
    }

    private func instant(_ bound: CaseBound, isEnd: Bool) -> Instant {
        switch bound {
        case .day(let day): zone.startOfDay(isEnd ? day + 1 : day)
        case .instant(let instant): instant
        }
    }

    // MARK: What happens

    private func changes(_ item: Item?, _ rows: inout CaseRows) -> [CaseChange] {
        var found: [CaseChange] = []
        for entry in item?.oneOrMore() ?? [] {
            guard let change = change(entry, &rows) else { continue }
            if let last = found.last, change.at < last.at { entry.fail(.notInOrder) }
            found.append(change)
        }
        return found
    }

    private func change(_ item: Item, _ rows: inout CaseRows) -> CaseChange? {
        guard let entries = item.entries("{at: TIME, …}") else { return nil }
        guard let time = entries.first(where: { $0.name == "at" }) else {
            return item.refuse(.missing("at", expected: CaseReader.timeForm))
        }
        let parsed = time.item.parsed(CaseReader.timeForm) { Instant($0, in: zone) }
        var changes: [CaseChange.Change] = []
        for entry in entries where entry.name != "at" {
            // With a mistake in the time the rest is read all the same.
            changes += rows.changes(entry.name, entry.place, entry.item, at: parsed ?? Instant(seconds: 0))
        }
        if entries.count == 1 { item.fail(.noneOf(rows.kindsOfChange)) }
        return parsed.map { CaseChange(at: $0, changes: changes) }
    }

    static let timeForm = "a time such as 2027-05-01 09:00"

    // MARK: What is expected

    private func expected(_ item: Item, _ rows: CaseRows) -> [CaseOutreach] {
        item.scalar == "nothing" ? [] : item.oneOrMore().compactMap { outreach($0, rows, isPast: false) }
    }

    /// `RULE [STEP] [at TIME] [card CARD] [to WHO] [for CUSTOMER]`, with `skipped REASON` or `held REASON` at the end.
    private func outreach(_ item: Item, _ rows: CaseRows, isPast: Bool) -> CaseOutreach? {
        guard let text = item.text("an outreach such as \"birthday-card at 09:00\", or nothing") else { return nil }
        var words = text.split(whereSeparator: \.isWhitespace).map(String.init)[...]
        guard let first = words.popFirst(), let rule = known(first, item) else { return nil }
        var found = CaseOutreach(place: item.place, text: words.isEmpty ? rule : text, rule: rule, fate: .goes)
        if let step = words.first, !CaseReader.words.contains(step) {
            words.removeFirst()
            guard let known = self.step(step, of: rule, item) else { return nil }
            found.step = known
        }
        while let word = words.popFirst() {
            let rest = words.prefix { !CaseReader.words.contains($0) }
            words = words.dropFirst(rest.count)
            guard read(word, Array(rest), into: &found) else { return item.refuse(.caseSentence(text)) }
        }
        guard isKnown(found, item) else { return nil }
        if let customer = found.customer, !rows.isKnown(customer) {
            return item.refuse(.unknown("customer", customer, known: rows.customers.map(\.id), section: "customers"))
        }
        if isPast {
            guard found.day != nil, found.fate == .goes else {
                return item.refuse(.expected("what was sent and when, as in \"\(rule) at 2027-05-01 09:00\"", got: text))
            }
            if found.customer == nil, rows.customers.count != 1 { return item.refuse(.whoseEvent("for")) }
        }
        return found
    }

    /// Whether card, role and reason can be met at all.
    private func isKnown(_ outreach: CaseOutreach, _ item: Item) -> Bool {
        func check(_ kind: String, _ name: String?, among known: [String]) -> Bool {
            guard let name, !known.contains(name) else { return true }
            item.fail(.unknown(kind, name, known: known, section: outreach.rule))
            return false
        }
        guard let rule = book.rules.first(where: { $0.name == outreach.rule }) else { return false }
        let reason: String? =
            switch outreach.fate {
            case .goes: nil
            case .skipped(let reason), .held(let reason): reason
            }
        let reasons = outreach.fate.isHeld ? CaseReader.holdReasons : CaseReader.skipReasons
        let roles = [Role.customer.name] + book.house.people.keys.map(\.name).sorted()
        let isAddress = outreach.recipient?.contains("@") == true
        let isCardKnown = check("card", outreach.card, among: rule.steps.flatMap(rule.cards))
        let isRoleKnown = isAddress || check("role", outreach.recipient, among: roles)
        let isReasonKnown = check("reason", reason?.split(separator: ":").first.map(String.init), among: reasons)
        return isCardKnown && isRoleKnown && isReasonKnown
    }

    /// Without what follows the colon in some.
    private static let skipReasons =
        ["late", "baseline", "budget", "replaced", "same-address"] + CancelReason.allCases.map(\.rawValue)
    private static let holdReasons = ["open", "paused", "approval", "guard-day"]

    private static let words: Set<String> = ["at", "card", "to", "for", "skipped", "held"]

    private func read(_ word: String, _ rest: [String], into found: inout CaseOutreach) -> Bool {
        switch (word, rest.count) {
        case ("at", 1...2): return time(rest, into: &found)
        case ("card", 1): found.card = rest[0]
        case ("to", 1): found.recipient = rest[0]
        case ("for", 1): found.customer = rest[0]
        case ("skipped", 0...1): found.fate = .skipped(rest.first)
        case ("held", 0...1): found.fate = .held(rest.first)
        default: return false
        }
        return true
    }

    /// `2027-05-17`, `09:00`, `10:00-16:00`, or a day and one of these.
    private func time(_ words: [String], into found: inout CaseOutreach) -> Bool {
        var words = words[...]
        if let day = CivilDate(words[0]) {
            found.day = day
            words.removeFirst()
        }
        guard let text = words.popFirst() else { return true }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { WallTime(String($0)) }
        guard words.isEmpty, ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else {
            return false
        }
        found.times = first...last
        return true
    }

    private func step(_ name: String, of rule: String, _ item: Item) -> String? {
        guard let found = book.rules.first(where: { $0.name == rule }) else { return nil }
        var names = found.steps.map(\.name)
        if found.unreachable != nil { names += ["unreachable"] + found.steps.dropFirst().map { "unreachable-\($0.name)" } }
        let base = name.split(separator: "#", maxSplits: 1).first.map(String.init) ?? name
        return names.contains(base) ? name : item.refuse(.unknown("step", name, known: names, section: rule))
    }
}

extension CaseOutreach.Fate {
    fileprivate var isHeld: Bool { if case .held = self { true } else { false } }
}

extension Keys {
    static let testCase = Keys("customer", "customers", "sent", "happens", "on", "from", "to", "rules", "expect")
}
