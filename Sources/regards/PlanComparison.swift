import RegardsCalendar
import RegardsCore
import RegardsDaemon

/// What a change of rules adds, moves and removes: two plans of the same customers side by side, page by page.
struct PlanComparison {
    let old: PlanSubject
    let new: PlanSubject
    let asked: Forecast.Asked
    let isJSON: Bool
    let zone: Zone

    init(old: PlanSubject, new: PlanSubject, _ asked: Forecast.Asked, isJSON: Bool, zone: Zone) {
        (self.old, self.new, self.asked, self.isJSON, self.zone) = (old, new, asked, isJSON, zone)
    }

    func print() throws {
        let progress = ProgressLine()
        var counts: [String: [PlanChange.Kind: Int]] = [:]
        var kept: [PlanChange]? = []
        var table = ChangeTable()
        func tell(_ changes: [PlanChange]) {
            isJSON ? changes.forEach { Terminal.write($0.json.description) } : table.write(changes)
        }
        try PlanDifference.forEach(old: old.forecast, new: new.forecast, asked) { changes, customers in
            progress.show("\(Words.count(customers, "customer"))…")
            for change in changes { counts[change.rule, default: [:]][change.kind, default: 0] += 1 }
            guard let found = kept.map({ $0 + changes }) else { return tell(changes) }
            kept = found.count > PlanOutput.most ? nil : found
            if kept == nil { tell(found) }
        }
        progress.clear()
        if let kept { tell(kept.sorted { Forecast.Line.isEarlier($0.line, $1.line) }) }
        if !isJSON { summarize(counts) }
    }

    private func summarize(_ counts: [String: [PlanChange.Kind: Int]]) {
        guard !counts.isEmpty else { return Terminal.write("no message is added, moved or removed") }
        var table = Table(["RULE", "ADDED", "MOVED", "REMOVED"], numbers: [1, 2, 3])
        for (rule, found) in counts.sorted(by: { $0.key < $1.key }) {
            table.add([rule] + [PlanChange.Kind.added, .moved, .removed].map { "\(found[$0] ?? 0)" })
        }
        Terminal.write("")
        table.print()
    }
}

private struct ChangeTable {
    private var widths: [Int]?

    mutating func write(_ changes: [PlanChange]) {
        guard !changes.isEmpty else { return }
        var table = Table(["", "WHEN (THEIR TIME)", "CUSTOMER", "RULE", "WHAT"])
        for change in changes {
            let key = change.line.outreach.key
            let rule = key.step == "send" ? key.rule : "\(key.rule)/\(key.step)"
            table.add([change.kind.sign, change.line.when, key.customer, rule, change.words])
        }
        table.print(fixed: widths, hasHeader: widths == nil)
        widths = widths ?? table.widths
    }
}

extension PlanChange.Kind {
    fileprivate var sign: String {
        switch self {
        case .added: "+"
        case .removed: "-"
        case .moved: "~"
        }
    }
}

extension PlanChange {
    var rule: String { line.outreach.key.rule }

    fileprivate var words: String {
        switch kind {
        case .added: return old.map { "was \($0.what)" } ?? "added"
        case .removed: return new.map(\.what) ?? "removed"
        case .moved:
            guard let old, let new else { return "" }
            var parts: [String] = []
            if old.outreach.dueAt != new.outreach.dueAt || old.local != new.local { parts.append("was \(old.when)") }
            if old.card != new.card { parts.append("card \(new.card), was \(old.card)") }
            if old.verdict != new.verdict { parts.append("\(new.what), was \(old.what)") }
            if parts.isEmpty { parts.append("by \(new.outreach.channel), was by \(old.outreach.channel)") }
            return parts.joined(separator: "; ")
        }
    }

    fileprivate var json: JSON {
        .object([
            "change": .text(kind.rawValue), "old": old.map(\.json) ?? .null, "new": new.map(\.json) ?? .null,
        ])
    }
}
