import RegardsCalendar
import RegardsCore

/// Reads conditions: short sentences, joined by lists (all of them), `any:` and `not:`.
struct ConditionReader {
    /// Whose columns a sentence may name.
    enum Scope {
        /// The customer's; with an event, also that event's as `KIND.column`.
        case rule(kind: Int?)
        /// The event's only, by their bare names or as `KIND.column`.
        case event(kind: Int)
        /// Any: used where a mistake hides what the rule is about.
        case anything
    }

    let draft: Draft
    let scope: Scope

    func condition(_ item: Item) -> Condition? {
        switch item.value.content {
        case .text: test(item).map { .test($0) }
        case .list: all(item).map { $0.count == 1 ? $0[0] : .all($0) }
        case .mapping: junction(item)
        }
    }

    private func all(_ item: Item) -> [Condition]? {
        guard let items = item.list() else { return nil }
        guard !items.isEmpty else { return item.refuse(.empty("at least one condition")) }
        let conditions = items.compactMap(condition)
        return conditions.count == items.count ? conditions : nil
    }

    private func junction(_ item: Item) -> Condition? {
        guard let form = item.form(Keys("any", "not")), let key = form.exactlyOne(of: ["any", "not"]),
            let operand = form[key]
        else { return nil }
        return key == "any" ? all(operand).map { .any($0) } : condition(operand).map { .not($0) }
    }

    // MARK: Sentences

    private func test(_ item: Item) -> Condition.Test? {
        guard let text = item.text("a condition") else { return nil }
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == "." }
        let rest = text[name.endIndex...].trimmed
        // Words of the language to come; read as columns they would mean something else today.
        if name == "received" || name == "segment" { return item.refuse(.later("a condition on \(name)")) }
        guard !name.isEmpty, !rest.isEmpty else { return item.refuse(.sentence(text, near: nil)) }
        guard let predicate = Predicate(rest, of: name, in: text, item).read(), let operand = operand(String(name), item)
        else { return nil }
        return Condition.Test(text: text, operand: operand, predicate: predicate)
    }

    private func operand(_ name: String, _ item: Item) -> Condition.Operand? {
        guard let dot = name.firstIndex(of: ".") else {
            guard Name.isColumn(name) else { return item.refuse(.expected("a column's name", got: name)) }
            switch scope {
            case .rule, .anything: return .customer(slot: draft.customers.columns.use(name, at: item.place))
            case .event(let kind): return .event(slot: draft.kinds[kind].columns.use(name, at: item.place))
            }
        }
        return eventColumn(kind: String(name[..<dot]), column: String(name[name.index(after: dot)...]), item)
            .map { .event(slot: $0) }
    }

    /// The slot of `KIND.COLUMN`, if that is the event this is about.
    func eventColumn(kind name: String, column: String, _ item: Item) -> Int? {
        guard Name.isColumn(column) else { return item.refuse(.expected("a column's name", got: column)) }
        let kind: Int? =
            switch scope {
            case .rule(let kind): kind
            case .event(let kind): kind
            case .anything: nil
            }
        if case .anything = scope { return nil }
        guard let kind, draft.kinds[kind].name == name else {
            return item.refuse(.otherEvent("\(name).\(column)", about: kind.map { draft.kinds[$0].name }))
        }
        return draft.kinds[kind].columns.use(column, at: item.place)
    }
}

/// What a sentence says of its column.
private struct Predicate {
    private let rest: Substring
    private let column: Substring
    private let sentence: String
    private let item: Item

    init(_ rest: Substring, of column: Substring, in sentence: String, _ item: Item) {
        self.rest = rest
        self.column = column
        self.sentence = sentence
        self.item = item
    }

    func read() -> Condition.Predicate? {
        if let (comparison, value) = symbol { return compare(comparison, value) }
        let (verb, object) = firstWord(rest)
        switch verb {
        case "is": return identity(object)
        case "contains": return unquoted(object).map { .contains($0) } ?? item.refuse(.sentence(sentence, near: nil))
        case "within": return span(object).map { .within($0) }
        case "older":
            let (than, object) = firstWord(object)
            return than == "than" ? span(object).map { .olderThan($0) } : misread()
        default: return misread()
        }
    }

    /// A comparison sign at the front; longer ones first.
    private var symbol: (Condition.Comparison, Substring)? {
        let signs: [(String, Condition.Comparison)] = [
            (">=", .greaterOrEqual), ("<=", .lessOrEqual), ("!=", .notEqual), ("<>", .notEqual), ("==", .equal),
            ("=", .equal), ("<", .less), (">", .greater), ("≥", .greaterOrEqual), ("≤", .lessOrEqual), ("≠", .notEqual),
        ]
        guard let (sign, comparison) = signs.first(where: { rest.hasPrefix($0.0) }) else { return nil }
        return (comparison, rest.dropFirst(sign.count).trimmed)
    }

    private func compare(_ comparison: Condition.Comparison, _ value: Substring) -> Condition.Predicate? {
        guard let literal = literal(value) else { return item.refuse(.sentence(sentence, near: nil)) }
        if case .text(let text) = literal, comparison != .equal, comparison != .notEqual {
            return item.refuse(.orderOfText(text))
        }
        return .compare(comparison, literal)
    }

    private func identity(_ object: Substring) -> Condition.Predicate? {
        switch object {
        case "present", "not absent": return .isPresent
        case "absent", "not present": return .isAbsent
        case "null", "empty", "missing", "nothing", "none":
            return item.refuse(.useIs(sentence, instead: "\(column) is absent"))
        case "not null", "not empty", "not missing": return item.refuse(.useIs(sentence, instead: "\(column) is present"))
        default: break
        }
        let (word, remainder) = firstWord(object)
        return word == "not" && !remainder.isEmpty ? compare(.notEqual, remainder) : compare(.equal, object)
    }

    private func span(_ text: Substring) -> CalendarSpan? {
        guard let span = CalendarSpan.parse(text), span != CalendarSpan() else {
            return item.refuse(.expected("a span such as 180d or 6 months", got: String(text)))
        }
        return span
    }

    private func misread() -> Condition.Predicate? {
        let verb = String(firstWord(rest).word.prefix(20))
        let meant = ["equals": "is", "includes": "contains", "has": "contains", "exists": "is present"]
        let near = NearestName.of(verb, among: ["is", "contains", "within", "older"]) ?? meant[verb]
        return item.refuse(.sentence(sentence, near: near))
    }

    /// `1000` is a number, `2027-05-01` a date, all else text, and so is what stands in quotes. Digits with a
    /// zero in front are text: postal codes and ids look like that.
    private func literal(_ value: Substring) -> Condition.Literal? {
        guard let text = unquoted(value) else { return nil }
        guard text.count == value.count else { return .text(text) }
        if let date = CivilDate(text) { return .date(date) }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        let isDecimal =
            parts.count <= 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
        let hasLeadingZero = parts[0].count > 1 && parts[0].hasPrefix("0")
        if isDecimal, !hasLeadingZero, digits.count <= 18, let number = Double(text) { return .number(number) }
        return .text(text)
    }

    /// Without the quotes around the whole; nil where nothing is left.
    private func unquoted(_ value: Substring) -> String? {
        if let quote = value.first, quote == "\"" || quote == "'", value.count >= 2, value.last == quote {
            let inner = value.dropFirst().dropLast()
            return inner.isEmpty ? nil : String(inner)
        }
        return value.isEmpty ? nil : String(value)
    }

    private func firstWord(_ text: Substring) -> (word: Substring, rest: Substring) {
        let word = text.prefix { !$0.isWhitespace }
        return (word, text[word.endIndex...].trimmed)
    }
}
