import RegardsCore

/// Comparisons as people say them: where the language has a sign or a list for what they mean, the words themselves would
/// be compared with, and never be found.
struct LooseWords {
    let subject: String
    /// True after `is not`.
    let isNegative: Bool

    /// What was meant by words behind `is` or a sign; nil where they may be meant as they stand.
    func meant(_ value: Substring, _ comparison: Condition.Comparison) -> String? {
        let words = value.split { $0.isWhitespace }.map(String.init)
        guard words.count > 1 else { return nil }
        guard comparison == .equal || comparison == .notEqual else { return joined(words, by: comparison.rawValue) }
        return range(words) ?? list(words) ?? sign(words) ?? verb(words) ?? joined(words)
    }

    /// The same for a word that is no country.
    func meant(byCountry name: String) -> String? {
        joined(name.split { $0.isWhitespace }.map(String.init))
    }

    private func joined(_ words: [String]) -> String? { joined(words, by: isNegative ? "is not" : "is") }

    /// `between 1 and 5`.
    private func range(_ words: [String]) -> String? {
        guard words[0].lowercased() == "between", let middle = words.firstIndex(where: { $0.lowercased() == "and" }),
            middle > 1, middle + 1 < words.count
        else { return nil }
        let (low, high) = (text(words[1..<middle]), text(words[(middle + 1)...]))
        return isNegative
            ? "{any: [\(subject) < \(low), \(subject) > \(high)]}" : "[\(subject) >= \(low), \(subject) <= \(high)]"
    }

    /// `one of gold, silver`.
    private func list(_ words: [String]) -> String? {
        let start = words.prefix(2).map { $0.lowercased() }
        let rest = start[0] == "in" ? 1 : start == ["one", "of"] || start == ["any", "of"] ? 2 : 0
        guard rest > 0, rest < words.count else { return nil }
        let members = text(words[rest...]).split { ",;()[]".contains($0) }.map { $0.split { $0.isWhitespace }.joined(separator: " ") }
        let tests = members.filter { !$0.isEmpty }.map { "\(subject) is \($0)" }.joined(separator: ", ")
        return isNegative ? "{not: {any: [\(tests)]}}" : "{any: [\(tests)]}"
    }

    private static let greater: Set<String> = ["bigger", "greater", "more", "larger", "higher", "over", "above", "after", "later"]
    private static let less: Set<String> = ["less", "smaller", "lower", "fewer", "under", "below", "before", "earlier"]

    /// The same behind the subject, without `is`.
    func sign(_ rest: Substring) -> String? {
        let words = rest.split { $0.isWhitespace }.map(String.init)
        return words.count > 1 ? sign(words) : nil
    }

    /// `bigger than 5`, `at least 5`, `before 2027-05-01`.
    private func sign(_ words: [String]) -> String? {
        var rest = words[1...]
        let first = words[0].lowercased()
        let (isGreater, mayBeEqual): (Bool, Bool)
        if first == "at", let next = rest.popFirst()?.lowercased(), ["least", "most"].contains(next) {
            (isGreater, mayBeEqual) = (next == "least", true)
        } else if first == "since" {
            (isGreater, mayBeEqual) = (true, true)
        } else if LooseWords.greater.contains(first) || LooseWords.less.contains(first) {
            isGreater = LooseWords.greater.contains(first)
            if rest.first?.lowercased() == "than" { rest = rest.dropFirst() }
            mayBeEqual = rest.starts(with: ["or", "equal"])
            if mayBeEqual { rest = rest.dropFirst(2) }
            if mayBeEqual, ["to", "than"].contains(rest.first?.lowercased()) { rest = rest.dropFirst() }
        } else {
            return nil
        }
        guard !rest.isEmpty else { return nil }
        // What is not bigger is smaller, or equal.
        return "\(subject) \(isGreater != isNegative ? ">" : "<")\(mayBeEqual != isNegative ? "=" : "") \(text(rest))"
    }

    /// `older than 30d`, `equal to 5`.
    private func verb(_ words: [String]) -> String? {
        let than = words.count > 2 && words[1].lowercased() == "than"
        switch words[0].lowercased() {
        case "older" where than: return "\(subject) \(isNegative ? "within" : "older than") \(text(words[2...]))"
        case "newer" where than, "younger" where than:
            return "\(subject) \(isNegative ? "older than" : "within") \(text(words[2...]))"
        case "within": return "\(subject) \(isNegative ? "older than" : "within") \(text(words[1...]))"
        case "equal" where words.count > 2 && words[1].lowercased() == "to":
            return "\(subject) \(isNegative ? "is not" : "is") \(text(words[2...]))"
        case "like", "containing", "including": return "\(subject) contains \(text(words[1...]))"
        default: return nil
        }
    }

    /// `gold or silver`, `gold and points > 3`: one sentence for each.
    /// - Parameter verb: in front of each part.
    func joined(_ words: [String], by verb: String) -> String? {
        for (junction, isList) in [("or", false), ("and", true)] {
            let parts = words.split { $0.lowercased() == junction }
            guard parts.count > 1, parts.count == words.count(where: { $0.lowercased() == junction }) + 1 else { continue }
            let tests = parts.enumerated().map { index, part in
                index > 0 && LooseWords.looksWhole(part) ? text(part) : "\(subject) \(verb) \(text(part))"
            }
            // `is not a or b` means neither.
            let isAll = isList || isNegative
            return isAll ? "[\(tests.joined(separator: ", "))]" : "{any: [\(tests.joined(separator: ", "))]}"
        }
        return nil
    }

    /// A sentence with a subject of its own.
    private static func looksWhole(_ words: ArraySlice<String>) -> Bool {
        let second = words.dropFirst().first ?? ""
        return ["is", "contains", "within", "older"].contains(second) || second.first.map { "<>=!≥≤≠".contains($0) } ?? false
    }

    private func text(_ words: some Sequence<String>) -> String { words.joined(separator: " ") }
}
