import RegardsCore

/// The mistakes of one load, gathered while all is read.
final class Report {
    private var found: Set<Mistake> = []
    private(set) var hasError = false
    /// Who has so many mistakes reads no further, and a file made to be slow gains nothing.
    private static let mostSuggestions = 20
    var count: Int { found.count }

    /// A value reached twice through an alias is reported once.
    func add(_ flaw: Flaw, path: String = "") {
        let severity = flaw.problem.severity
        if severity == .error { hasError = true }
        let message = flaw.problem.message(suggests: found.count < Report.mostSuggestions)
        found.insert(Mistake(severity, at: flaw.place, path: path, message))
    }

    /// In the order of file, line, column.
    var mistakes: [Mistake] {
        found.sorted { left, right in
            (left.place.file, left.place.line, left.place.column, left.path, left.message)
                < (right.place.file, right.place.line, right.place.column, right.path, right.message)
        }
    }
}

/// One value of a file with the path of keys that leads to it. Its readers return nil for what they cannot
/// take, and have reported it then.
struct Item {
    let value: YAMLValue
    let path: String
    let report: Report

    var place: Place { value.place }

    func fail(_ problem: Problem, at place: Place? = nil) {
        report.add(Flaw(problem, at: place ?? value.place), path: path)
    }

    /// Reports and gives the nil that the caller returns.
    func refuse<Value>(_ problem: Problem, at place: Place? = nil) -> Value? {
        fail(problem, at: place)
        return nil
    }

    /// The scalar, trimmed, without asking what it means; nil for a list or a mapping, unreported.
    var scalar: String? {
        guard case .text(let text) = value.content else { return nil }
        return String(text.trimmed)
    }

    var isMapping: Bool { if case .mapping = value.content { true } else { false } }

    /// A line of text that is not empty.
    func text(_ expected: String = "a text") -> String? {
        guard let text = paragraph(expected) else { return nil }
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            return refuse(.lineBreak)
        }
        return text
    }

    /// A text that is not empty and may have several lines.
    func paragraph(_ expected: String = "a text") -> String? {
        guard let text = scalar else { return refuse(.expectedShape("one value", got: shape)) }
        guard !text.isEmpty else { return refuse(.empty(expected)) }
        guard text.unicodeScalars.allSatisfy({ $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control })
        else {
            return refuse(.lineBreak)
        }
        return text
    }

    /// A line of text of the form that `parse` knows.
    func parsed<Value>(_ expected: String, _ parse: (String) -> Value?) -> Value? {
        guard let text = text(expected) else { return nil }
        return parse(text) ?? refuse(.expected(expected, got: text))
    }

    /// The entries of a list, each with its number, from 1, in the path.
    func list() -> [Item]? {
        guard case .list(let values) = value.content else { return refuse(.expectedShape("a list", got: shape)) }
        return values.enumerated().map { Item(value: $1, path: "\(path)[\($0 + 1)]", report: report) }
    }

    /// The entries of a list; a single value counts as a list of one.
    func oneOrMore() -> [Item] {
        guard case .list = value.content, let items = list() else { return [self] }
        if items.isEmpty { fail(.empty("at least one entry")) }
        return items
    }

    /// A mapping whose keys are names that the operator chose.
    func entries(_ expected: String = "keys and values") -> [(name: String, place: Place, item: Item)]? {
        guard case .mapping(let pairs) = value.content else { return refuse(.expectedShape(expected, got: shape)) }
        return pairs.map { pair in
            (pair.key, pair.keyPlace, Item(value: pair.value, path: Item.join(path, pair.key), report: report))
        }
    }

    /// A mapping whose keys are known; reports those that are not.
    func form(_ keys: Keys) -> Form? {
        guard case .mapping(let pairs) = value.content else { return refuse(.expectedShape(keys.shape, got: shape)) }
        for pair in pairs where !keys.known.contains(pair.key) {
            fail(keys.problem(with: pair.key), at: pair.keyPlace)
        }
        return Form(item: self, pairs: pairs)
    }

    /// What the value is, in words.
    var shape: String {
        switch value.content {
        case .text(let text): text.isEmpty ? "nothing" : "a single value"
        case .list: "a list"
        case .mapping: "keys and values"
        }
    }

    static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}

/// The keys that a mapping may have, those that a later release will bring, and those that stand in another place.
struct Keys {
    let known: [String]
    private let later: Set<String>
    private let elsewhere: [String: String]

    /// - Parameter elsewhere: keys that are easily written here, with an example of where they belong.
    init(_ known: String..., later: Set<String> = [], elsewhere: [String: String] = [:]) {
        self.known = known
        self.later = later
        self.elsewhere = elsewhere
    }

    /// What is written where these are expected.
    var shape: String {
        known.count > 4 ? "keys and values" : "{" + known.map { "\($0): …" }.joined(separator: ", ") + "}"
    }

    /// What is wrong with a key that is not known.
    func problem(with key: String) -> Problem {
        if let example = elsewhere[key] { return .misplaced(key, example) }
        return later.contains(key) ? .later(key) : .unknownKey(key, known: known)
    }
}

/// A mapping with known keys.
struct Form {
    let item: Item
    let pairs: [YAMLValue.Pair]

    subscript(key: String) -> Item? {
        pairs.first { $0.key == key }
            .map { Item(value: $0.value, path: Item.join(item.path, key), report: item.report) }
    }

    /// Where the key itself stands; the mapping's place where it does not.
    func place(of key: String) -> Place { pairs.first { $0.key == key }?.keyPlace ?? item.place }

    func required(_ key: String, _ expected: String) -> Item? {
        self[key] ?? item.refuse(.missing(key, expected: expected))
    }

    /// The keys out of `choices` that are there.
    func given(_ choices: [String]) -> [String] { choices.filter { choice in pairs.contains { $0.key == choice } } }

    /// The one key out of `choices` that is there; reports none and several.
    func exactlyOne(of choices: [String]) -> String? {
        let given = given(choices)
        switch given.count {
        case 1: return given[0]
        case 0: return item.refuse(.noneOf(choices))
        default: return item.refuse(.twoOf(given), at: place(of: given[1]))
        }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[endIndex...] }
        return self[first...last]
    }
}
