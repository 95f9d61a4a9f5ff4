import RegardsCore

/// What only shows when all rules are read.
struct RuleChecks {
    let draft: Draft
    let rules: [Rule]
    /// Every name that a rule claims, those with mistakes included; nil when a file could not be read.
    let names: Set<String>?

    func run() {
        let silent = Set(rules.filter { !$0.sendsToCustomers }.map(\.name))
        let known = names?.sorted() ?? []
        for reference in draft.references { check(reference, known, silent) }
        refuseCircles()
        // What is half written may look alike for now.
        guard !draft.report.hasError else { return }
        warnOfTwins()
        for (list, place, item) in draft.settledLists where !draft.lists.contains(list) {
            item.fail(.unusedList(list, known: draft.lists.sorted()), at: place)
        }
    }

    private func check(_ reference: Draft.RuleReference, _ known: [String], _ silent: Set<String>) {
        if let names, !names.contains(reference.name) {
            let now = draft.formerNames.first { $0.name == reference.name }?.by
            reference.item.fail(.unknownRule(reference.name, now: now, known: known))
        } else if silent.contains(reference.name) {
            let isCondition = if case .received = reference.use { true } else { false }
            reference.item.fail(.nothingToCustomers(reference.name, isCondition: isCondition))
        }
    }

    // MARK: instead_of

    /// Of circles that hang together one is reported, where the first of its rules names the next.
    private func refuseCircles() {
        var next = Dictionary(rules.map { ($0.name, $0.insteadOf) }, uniquingKeysWith: { first, _ in first })
        dropEnds(&next)
        while let start = rules.first(where: { next[$0.name] != nil }) {
            // Every rule that is left names one that is left, so this comes round.
            var path = [start.name]
            while let name = next[path.last ?? ""]?.first(where: { next[$0] != nil }) {
                if let first = path.firstIndex(of: name) {
                    path = path[first...] + [name]
                    break
                }
                path.append(name)
            }
            report(path)
            for name in path { next[name] = nil }
            dropEnds(&next)
        }
    }

    /// Takes away every rule that leads to no circle.
    private func dropEnds(_ next: inout [String: [String]]) {
        var namedBy: [String: [String]] = [:]
        for (name, others) in next { for other in others { namedBy[other, default: []].append(name) } }
        var leads = next.mapValues { others in others.count { next[$0] != nil } }
        var ends = leads.filter { $0.value == 0 }.map(\.key)
        while let end = ends.popLast() {
            next[end] = nil
            for name in namedBy[end] ?? [] where next[name] != nil {
                leads[name, default: 0] -= 1
                if leads[name] == 0 { ends.append(name) }
            }
        }
    }

    private func report(_ circle: [String]) {
        guard circle.count > 1 else { return }
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
