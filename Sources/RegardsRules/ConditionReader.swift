import RegardsCalendar
import RegardsCore

/// Reads conditions: short sentences, joined by lists (all of them), `any:` and `not:`.
struct ConditionReader {
    /// What a sentence may name.
    enum Scope {
        /// Columns of the customer, segments, and what was received; with an event, also its columns as `KIND.column`.
        case rule(kind: Int?)
        /// The event's columns only, by their bare names or as `KIND.column`.
        case event(kind: Int)
        /// Columns of the customer, and the segments above this one.
        case segment(Int)
        /// Columns of the customer, and segments.
        case customer
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
        // `{country: CN}`: how other programs write `country is CN`.
        if case .mapping(let pairs) = item.value.content, let pair = pairs.first, pairs.count == 1,
            Name.isColumn(pair.key), !["any", "not"].contains(pair.key), case .text(let text) = pair.value.content
        {
            let verbs = ["is", "contains", "within", "older"]
            let isWhole = verbs.contains { text.hasPrefix($0 + " ") } || text.first.map { "<>=!".contains($0) } ?? false
            return item.refuse(.sentence("\(pair.key): \(text)", near: "\(pair.key) \(isWhole ? "" : "is ")\(text)"))
        }
        guard let form = item.form(.junction), let key = form.exactlyOne(of: ["any", "not"]),
            let operand = form[key]
        else { return nil }
        return key == "any" ? all(operand).map { .any($0) } : condition(operand).map { .not($0) }
    }

    // MARK: Sentences

    private func test(_ item: Item) -> Condition.Test? {
        guard let text = item.text("a condition") else { return nil }
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == "." }
        let rest = text[name.endIndex...].trimmed
        guard !name.isEmpty, !rest.isEmpty else { return item.refuse(.sentence(text, near: nil)) }
        if name == "not" { return item.refuse(.sentence(text, near: "{not: \(rest)}")) }
        let sentence = Sentence(text: text, item: item)
        let found =
            // The words of `Vocabulary.subjects`.
            switch name {
            case "segment": membership(rest, sentence)
            case "class": rank(rest, sentence)
            case "received": received(rest, sentence)
            default: column(name, rest, sentence)
            }
        return found.map { Condition.Test(text: text, operand: $0.operand, predicate: $0.predicate) }
    }

    private typealias Meaning = (operand: Condition.Operand, predicate: Condition.Predicate)

    private func column(_ name: Substring, _ rest: Substring, _ sentence: Sentence) -> Meaning? {
        let isCountry = name.split(separator: ".").last.map { $0 == CustomerColumn.country.name } ?? false
        // The names of some countries are two names and an "and".
        var sentence = sentence
        sentence.isLoose = isCountry
        guard let predicate = sentence.predicate(rest, of: name), let operand = operand(String(name), sentence.item) else {
            return nil
        }
        if case .customer = operand, let expected = CustomerColumn.misread(String(name), predicate) {
            return sentence.item.refuse(.otherKindOfColumn(String(name), expected: expected))
        }
        guard isCountry, case .compare(let comparison, let literal) = predicate else { return (operand, predicate) }
        return country(comparison, literal, of: name, sentence).map { (operand, $0) }
    }

    /// Countries compare by their codes, whether file or data have code or name.
    private func country(
        _ comparison: Condition.Comparison, _ literal: Condition.Literal, of column: Substring, _ sentence: Sentence
    ) -> Condition.Predicate? {
        let item = sentence.item
        guard comparison == .equal || comparison == .notEqual else { return item.refuse(.orderOfCountries) }
        guard case .text(let name) = literal else { return item.refuse(.expected("a country such as CN", got: literal.text)) }
        let loose = LooseWords(subject: String(column), isNegative: comparison == .notEqual)
        if draft.countries.code(of: name) == nil, let meant = loose.meant(byCountry: name) {
            return item.refuse(.looseWords(sentence.text, instead: meant))
        }
        return draft.country(named: name, item).map { .country(comparison, code: $0) }
    }

    private func operand(_ name: String, _ item: Item) -> Condition.Operand? {
        guard let dot = name.firstIndex(of: ".") else {
            guard Name.isColumn(name) else { return item.refuse(.expected("a column's name", got: name)) }
            switch scope {
            case .rule, .anything, .segment, .customer: return .customer(slot: draft.customers.columns.use(name, at: item.place))
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
            case .anything, .segment, .customer: nil
            }
        if case .anything = scope { return nil }
        guard let kind, draft.kinds[kind].name == name else {
            if case .rule = scope {} else if kind == nil { return item.refuse(.eventOfCustomers("\(name).\(column)")) }
            return item.refuse(.otherEvent("\(name).\(column)", about: kind.map { draft.kinds[$0].name }))
        }
        return draft.kinds[kind].columns.use(column, at: item.place)
    }

    // MARK: Segments, classes, and what was received

    /// `segment is gold`, `segment is not gold`.
    private func membership(_ rest: Substring, _ sentence: Sentence) -> Meaning? {
        let words = rest.split { $0.isWhitespace }
        let isNegative = words.count == 3 && words[1] == "not"
        guard let name = words.last, words.first == "is", words.count == (isNegative ? 3 : 2) else {
            return sentence.item.refuse(.wordOfLanguage("segment is NAME or segment is not NAME", got: sentence.text))
        }
        guard let index = segment(name, sentence.item) else { return nil }
        if draft.knowsHouse, draft.segments[index].hasClasses { return sentence.item.refuse(.segmentOfClasses(String(name))) }
        return (.segment(index), isNegative ? .isAbsent : .isPresent)
    }

    /// `class recency >= 4`.
    private func rank(_ rest: Substring, _ sentence: Sentence) -> Meaning? {
        let (name, rest) = Sentence.firstWord(rest)
        guard Name.isRule(String(name)), name != "is", !rest.isEmpty else {
            return sentence.item.refuse(.wordOfLanguage("class NAME >= NUMBER", got: sentence.text))
        }
        guard let index = segment(name, sentence.item), let predicate = sentence.predicate(rest, of: "class \(name)") else {
            return nil
        }
        switch (predicate, draft.segments[index].classes) {
        case (_, .none): return sentence.item.refuse(.segmentWithoutClasses(String(name)))
        case (.isPresent, _), (.isAbsent, _): break
        case (.compare(_, .number(let number)), .count(let count))
        where number == number.rounded() && (1...Double(count)).contains(number):
            break
        case (.compare(_, .number), .unknown): break
        case (_, .count(let count)): return sentence.item.refuse(.outside("class \(name) and a number from 1 to \(count)", got: sentence.text))
        case (_, .unknown): return sentence.item.refuse(.wordOfLanguage("class NAME >= NUMBER", got: sentence.text))
        }
        return (.rank(index), predicate)
    }

    private func segment(_ name: Substring, _ item: Item) -> Int? {
        if case .event(let kind) = scope { return item.refuse(.onlyEvent("segments", draft.kinds[kind].name)) }
        guard let index = draft.segment(named: String(name), item) else { return nil }
        if case .segment(let own) = scope, index >= own { return item.refuse(.segmentBelow(String(name), isSame: index == own)) }
        return index
    }

    private static let receivedForm = "received RULE and within 30d, older than 30d, is present or is absent"

    /// `received RULE within 30d`, `received RULE is absent`.
    private func received(_ rest: Substring, _ sentence: Sentence) -> Meaning? {
        switch scope {
        case .event(let kind): return sentence.item.refuse(.onlyEvent("what was received", draft.kinds[kind].name))
        case .segment, .customer: return sentence.item.refuse(.onlyWith("received", "conditions of rules"))
        case .rule, .anything: break
        }
        let (name, rest) = Sentence.firstWord(rest)
        let verb = Sentence.firstWord(rest).word
        guard Name.isRule(String(name)), ["is", "within", "older"].contains(verb) else {
            return sentence.item.refuse(.wordOfLanguage(ConditionReader.receivedForm, got: sentence.text))
        }
        switch sentence.predicate(rest, of: "received \(name)") {
        case nil: return nil
        case .compare?, .contains?, .country?:
            return sentence.item.refuse(.wordOfLanguage(ConditionReader.receivedForm, got: sentence.text))
        case let predicate?:
            draft.references.append(Draft.RuleReference(name: String(name), use: .received, item: sentence.item))
            return (.received(rule: String(name)), predicate)
        }
    }
}

/// One sentence, and what it says of its subject.
private struct Sentence {
    let text: String
    let item: Item
    /// Any words may be meant.
    var isLoose = false

    /// - Parameters:
    ///   - rest: the sentence without its subject.
    ///   - subject: a column, or other words at the front.
    func predicate(_ rest: Substring, of subject: some StringProtocol) -> Condition.Predicate? {
        if let (_, comparison, value) = symbol(rest) { return compare(comparison, value, String(subject)) }
        let (verb, object) = Sentence.firstWord(rest)
        switch verb {
        case "is": return identity(object, String(subject))
        case "contains": return contained(object, String(subject))
        case "within": return span(object).map { .within($0) }
        case "older":
            let (than, object) = Sentence.firstWord(object)
            return than == "than" ? span(object).map { .olderThan($0) } : misread(verb)
        default:
            if let meant = LooseWords(subject: String(subject), isNegative: false).sign(rest) {
                return item.refuse(.sentence(text, near: meant))
            }
            return misread(verb)
        }
    }

    /// A comparison sign at the front; longer ones first.
    private func symbol(_ rest: Substring) -> (String, Condition.Comparison, Substring)? {
        let signs: [(String, Condition.Comparison)] = [
            (">=", .greaterOrEqual), ("<=", .lessOrEqual), ("!=", .notEqual), ("<>", .notEqual), ("==", .equal),
            ("=", .equal), ("<", .less), (">", .greater), ("≥", .greaterOrEqual), ("≤", .lessOrEqual), ("≠", .notEqual),
        ]
        guard let (sign, comparison) = signs.first(where: { rest.hasPrefix($0.0) }) else { return nil }
        return (sign, comparison, rest.dropFirst(sign.count).trimmed)
    }

    private func compare(_ comparison: Condition.Comparison, _ value: Substring, _ subject: String) -> Condition.Predicate? {
        guard let literal = literal(value) else { return item.refuse(.sentence(text, near: nil)) }
        // `is > 5`, `> > 5`: no value begins with a sign.
        if let (sign, _, rest) = symbol(value) {
            let meant = "\(subject) \(sign) \(rest)"
            return item.refuse(.looseWords(text, instead: comparison == .notEqual ? "{not: \(meant)}" : meant))
        }
        if case .text(let words) = literal, words.count == value.count, !isLoose,
            let meant = LooseWords(subject: subject, isNegative: comparison == .notEqual).meant(value, comparison)
        {
            return item.refuse(.looseWords(text, instead: meant))
        }
        switch literal {
        case .text(let text) where comparison != .equal && comparison != .notEqual,
            .flag(_, let text) where comparison != .equal && comparison != .notEqual:
            return item.refuse(.orderOfText(text))
        case .text(let day) where day.count == value.count && Sentence.relativeDays.contains(day.lowercased()):
            return item.refuse(.relativeDay(day))
        default: break
        }
        return .compare(comparison, literal)
    }

    private func identity(_ object: Substring, _ subject: String) -> Condition.Predicate? {
        switch object {
        case "present", "not absent": return .isPresent
        case "absent", "not present": return .isAbsent
        case "null", "empty", "missing", "nothing", "none":
            return item.refuse(.useIs(text, instead: "\(subject) is absent"))
        case "not null", "not empty", "not missing": return item.refuse(.useIs(text, instead: "\(subject) is present"))
        default: break
        }
        let (word, remainder) = Sentence.firstWord(object)
        return word == "not" && !remainder.isEmpty ? compare(.notEqual, remainder, subject) : compare(.equal, object, subject)
    }

    private func contained(_ object: Substring, _ subject: String) -> Condition.Predicate? {
        guard let value = unquoted(object) else { return item.refuse(.sentence(text, near: nil)) }
        let words = value.count == object.count && !isLoose ? value.split { $0.isWhitespace }.map(String.init) : []
        if let meant = LooseWords(subject: subject, isNegative: false).joined(words, by: "contains") {
            return item.refuse(.looseWords(text, instead: meant))
        }
        return .contains(value)
    }

    private func span(_ text: Substring) -> CalendarSpan? {
        guard let span = CalendarSpan.parse(text), span != CalendarSpan() else {
            return item.refuse(.expected("a span such as 180d or 6 months", got: String(text)))
        }
        return span
    }

    private func misread(_ word: Substring) -> Condition.Predicate? {
        let verb = String(word.prefix(20))
        let meant = ["equals": "is", "includes": "contains", "has": "contains", "exists": "is present"]
        let near = NearestName.of(verb, among: ["is", "contains", "within", "older"]) ?? meant[verb]
        return item.refuse(.sentence(text, near: near))
    }

    private static let relativeDays: Set<String> = ["today", "yesterday", "tomorrow", "now"]
    private static let flags = ["yes": true, "true": true, "no": false, "false": false]

    /// `1000` is a number, `2027-05-01` a date, `yes` a flag, all else text, and so is what stands in quotes. Digits with a
    /// zero in front are text: postal codes and ids look like that.
    private func literal(_ value: Substring) -> Condition.Literal? {
        guard let text = unquoted(value) else { return nil }
        guard text.count == value.count else { return .text(text) }
        if let date = CivilDate(text) { return .date(date) }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let hasLeadingZero = digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true
        // NO is Norway.
        if !isLoose, let flag = Sentence.flags[text.lowercased()] { return .flag(flag, as: text) }
        if !hasLeadingZero, let number = Decimal.read(digits) { return .number(text.hasPrefix("-") ? -number : number) }
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

    static func firstWord(_ text: Substring) -> (word: Substring, rest: Substring) {
        let word = text.prefix { !$0.isWhitespace }
        return (word, text[word.endIndex...].trimmed)
    }
}

extension Condition.Literal {
    /// As it would be written.
    fileprivate var text: String {
        switch self {
        case .number(let number): number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
        case .date(let date): date.description
        case .text(let text), .flag(_, let text): text
        }
    }
}

extension CustomerColumn {
    /// What a column of the customer holds, where it has a meaning to Regards and the sentence asks for something else.
    fileprivate static func misread(_ name: String, _ predicate: Condition.Predicate) -> String? {
        guard let column = allCases.first(where: { $0.name == name }) else { return nil }
        switch (column, predicate) {
        case (_, .isPresent), (_, .isAbsent), (_, .country): return nil
        case (.orderCount, .compare(_, .number)), (.totalSpent, .compare(_, .number)): return nil
        case (.orderCount, _), (.totalSpent, _): return "a number, as in \"\(name) >= 5\""
        case (.birthday, .compare(_, let literal)), (.customerSince, .compare(_, let literal)), (.lastOrderAt, .compare(_, let literal)):
            if case .date = literal { return nil }
            return "a day, as in \"\(name) < 2027-05-01\" or \"\(name) older than 180d\""
        default: return nil
        }
    }
}
