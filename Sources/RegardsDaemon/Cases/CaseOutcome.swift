import RegardsCalendar
import RegardsCore
import RegardsRules

/// What the ledger says at the end of a case, and how that compares with what was expected.
struct CaseOutcome {
    struct Line {
        var key: OutreachKey
        var state: OutreachState
        var reason = ""
        /// When it went, by the clock where the customer lives.
        var at: LocalTime
        var card: String?
        /// Keyed hash of who it went to, or whose list it is on.
        var address: String?
        var addressText: String?
        var hasOneStep = false

        init(_ plan: PlannedOutreach, _ state: OutreachState, _ at: LocalTime) {
            key = plan.key
            self.state = state
            self.at = at
        }
    }

    /// In the order of time.
    var lines: [Line] = []
    var forecast: [(key: OutreachKey, reason: String, day: CivilDate)] = []
    var keyOfAddress: (String) -> String? = { _ in nil }
    let hasSeveralCustomers: Bool

    init(hasSeveralCustomers: Bool) { self.hasSeveralCustomers = hasSeveralCustomers }

    /// Every message and item of a list must have been expected, and every expectation must be met by one of its own.
    func differences(from testCase: Case) -> [CaseResult.Difference] {
        let first: CivilDate? = if case .day(let day) = testCase.from { day } else { nil }
        var left = lines.indices.filter { index in
            lines[index].state == .sent && (testCase.rules.isEmpty || testCase.rules.contains(lines[index].key.rule))
        }
        var open: [CaseOutreach] = []
        // Who says more chooses first.
        for expected in testCase.expected.enumerated().sorted(by: { ($1.element.detail, $0.offset) < ($0.element.detail, $1.offset) }) {
            let expected = expected.element
            guard expected.fate == .goes else {
                if !isUnsent(expected, first) { open.append(expected) }
                continue
            }
            if let place = left.firstIndex(where: { matches(lines[$0], expected, first) }) {
                left.remove(at: place)
            } else {
                open.append(expected)
            }
        }
        return compare(open, &left) + left.map { .unexpected(text(lines[$0])) }
    }

    /// What was expected and not found, beside what may be meant by it.
    private func compare(_ open: [CaseOutreach], _ left: inout [Int]) -> [CaseResult.Difference] {
        var found: [CaseResult.Difference] = []
        for expected in open.sorted(by: { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }) {
            if expected.fate == .goes, let place = left.firstIndex(where: { isAlike(lines[$0], expected) }) {
                found.append(.other(expected, went: text(lines[left.remove(at: place)])))
            } else {
                found.append(.missing(expected, instead: instead(of: expected)))
            }
        }
        return found
    }

    private func isAlike(_ line: Line, _ expected: CaseOutreach) -> Bool {
        line.key.rule == expected.rule && isStep(line, expected) && (expected.customer ?? line.key.customer) == line.key.customer
    }

    /// Without a step, any but what stands in for a message that nobody could be sent.
    private func isStep(_ line: Line, _ expected: CaseOutreach) -> Bool {
        guard let step = expected.step else {
            return line.key.step != "unreachable" && !line.key.step.hasPrefix("unreachable-")
        }
        return step == line.key.step
    }

    private func matches(_ line: Line, _ expected: CaseOutreach, _ first: CivilDate?) -> Bool {
        guard isAlike(line, expected) else { return false }
        if let times = expected.times {
            let minute = line.at.time.secondOfDay / 60
            guard (times.lowerBound.secondOfDay / 60...times.upperBound.secondOfDay / 60).contains(minute) else { return false }
            // A time without a day is one of the first day.
            if expected.day == nil, let first, line.at.date != first { return false }
        }
        if let day = expected.day, line.at.date != day { return false }
        if let card = expected.card, line.card != card { return false }
        guard let recipient = expected.recipient else { return true }
        if recipient.contains("@") { return line.address != nil && keyOfAddress(recipient) == line.address }
        return line.key.recipient.hasPrefix(recipient + "/")
    }

    // MARK: What was not sent

    private func isUnsent(_ expected: CaseOutreach, _ first: CivilDate?) -> Bool {
        func isReason(_ found: String, _ wanted: String?) -> Bool {
            wanted.map { found == $0 || found.hasPrefix($0 + ":") } ?? true
        }
        switch expected.fate {
        case .goes: return false
        case .held(let wanted):
            return lines.contains { $0.state == .held && isAlike($0, expected) && isReason($0.reason, wanted) }
        case .skipped(let wanted):
            let day = expected.day ?? (expected.times == nil ? nil : first)
            let isInLedger = lines.contains { line in
                [.skipped, .cancelled].contains(line.state) && isAlike(line, expected) && isReason(line.reason, wanted)
                    && (day ?? line.at.date) == line.at.date
            }
            return isInLedger
                || forecast.contains { key, reason, date in
                    key.rule == expected.rule && (expected.step ?? key.step) == key.step
                        && (expected.customer ?? key.customer) == key.customer && (day ?? date) == date
                        && !reason.isEmpty && isReason(reason, wanted)
                }
        }
    }

    /// What became of rows that may be meant.
    private func instead(of expected: CaseOutreach) -> [String] {
        var found: [String] = []
        for line in lines where line.state != .sent && isAlike(line, expected) {
            found.append("\(line.state)\(line.reason.isEmpty ? "" : ": \(line.reason)") on \(stamp(line.at))")
        }
        for (key, reason, date) in forecast where key.rule == expected.rule && !reason.isEmpty {
            found.append("not due on \(date): \(reason)")
        }
        return Array(found.prefix(3))
    }

    // MARK: Words

    /// As a case would say it.
    private func text(_ line: Line) -> String {
        var parts = [line.key.rule]
        if !line.hasOneStep || line.key.step.hasPrefix("unreachable") { parts.append(line.key.step) }
        parts.append("at \(stamp(line.at))")
        if let card = line.card { parts.append("card \(card)") }
        let role = line.key.recipient.prefix { $0 != "/" }
        if role != "customer" { parts.append("to \(line.addressText ?? String(role))") }
        if hasSeveralCustomers { parts.append("for \(line.key.customer)") }
        return parts.joined(separator: " ")
    }

    private func stamp(_ local: LocalTime) -> String {
        "\(local.date) \(WallTime(hour: local.time.hour, minute: local.time.minute)!)"
    }
}

extension CaseOutreach {
    /// How much it says.
    fileprivate var detail: Int {
        [step != nil, customer != nil, day != nil, times != nil, card != nil, recipient != nil].count { $0 }
    }
}
