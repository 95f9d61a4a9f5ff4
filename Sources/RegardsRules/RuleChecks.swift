import RegardsCore

/// What only shows when all rules are read.
struct RuleChecks {
    let draft: Draft
    let rules: [Rule]
    /// Every name that a rule claims, those with mistakes included; nil when a file could not be read.
    let names: Set<String>?

    func run() {
        let silent = Set(rules.filter { !$0.sendsToCustomers }.map(\.name))
        for reference in draft.references { check(reference, silent) }
        refuseCircles()
        // What is half written may look alike for now.
        if !draft.report.hasError { warnOfTwins() }
        for (list, place, item) in draft.settledLists where names != nil && !draft.lists.contains(list) {
            item.fail(.unusedList(list, known: draft.lists.sorted()), at: place)
        }
    }

    private func check(_ reference: Draft.RuleReference, _ silent: Set<String>) {
        if let names, !names.contains(reference.name) {
            let now = draft.formerNames.first { $0.name == reference.name }?.by
            reference.item.fail(.unknownRule(reference.name, now: now, known: names.sorted()))
        } else if silent.contains(reference.name) {
            reference.item.fail(.nothingToCustomers(reference.name))
        }
    }

    // MARK: instead_of

    /// Each circle is reported once, where the first of its rules names the next.
    private func refuseCircles() {
        let next = Dictionary(rules.map { ($0.name, $0.insteadOf) }, uniquingKeysWith: { first, _ in first })
        var done: Set<String> = []
        for rule in rules where !done.contains(rule.name) {
            var path = [rule.name]
            if let circle = circle(from: rule.name, next, &path, &done) { report(circle) }
        }
    }

    /// The names of a circle that can be reached, its first at both ends; nil where there is none.
    private func circle(
        from name: String, _ next: [String: [String]], _ path: inout [String], _ done: inout Set<String>
    ) -> [String]? {
        for other in next[name] ?? [] {
            if let start = path.firstIndex(of: other) { return path[start...] + [other] }
            guard !done.contains(other) else { continue }
            path.append(other)
            if let found = circle(from: other, next, &path, &done) { return found }
            path.removeLast()
        }
        done.insert(name)
        return nil
    }

    private func report(_ circle: [String]) {
        let reference = draft.references.first { reference in
            if case .insteadOf(circle[0]) = reference.use { reference.name == circle[1] } else { false }
        }
        reference?.item.fail(.insteadOfCircle(circle))
    }

    // MARK: Twins

    /// A rule that was copied and not changed sends everything twice.
    private func warnOfTwins() {
        var first: [UInt64: Rule] = [:]
        for rule in rules where rule.isEnabled {
            guard let twin = first[rule.hash], twin.active == rule.active else {
                first[rule.hash] = first[rule.hash] ?? rule
                continue
            }
            draft.report.add(Flaw(.twins(rule.name, twin.name), at: rule.place))
        }
    }
}
