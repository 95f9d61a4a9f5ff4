import RegardsCalendar
import RegardsCore

/// Typed readers of single values: YAML's own types are never asked.
extension Item {
    static let spanForm = "a span such as 90min, 6h or 2d"

    /// One of the words of an enum.
    func word<Word: CaseIterable & RawRepresentable>(_: Word.Type = Word.self) -> Word? where Word.RawValue == String {
        word(among: Word.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    func word(among words: [String]) -> String? {
        let expected = Problem.list(words)
        guard let text = text(expected) else { return nil }
        guard words.contains(text) else { return refuse(.expectedWord(text, among: words)) }
        return text
    }

    /// `yes` or `no`; `true` and `false` are understood.
    func flag() -> Bool? {
        parsed("yes or no") { ["yes": true, "true": true, "no": false, "false": false][$0] }
    }

    func wallTime() -> WallTime? { parsed("HH:MM") { WallTime($0) } }

    func integer(_ range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return parsed(expected) { text in
            guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            return Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A span of fixed length; months and years have none and are refused.
    func span(_ range: ClosedRange<TimeSpan>, named bounds: String) -> TimeSpan? {
        guard let text = text(Item.spanForm) else { return nil }
        guard let span = CalendarSpan.parse(text)?.fixed else { return refuse(.expected(Item.spanForm, got: text)) }
        guard range.contains(span) else { return refuse(.outside("a span from \(bounds)", got: text)) }
        return span
    }

    /// A mail address. It is not repeated in the mistake.
    func address() -> Address? {
        guard let text = text("a mail address") else { return nil }
        do throws(AddressError) {
            return try Address(text)
        } catch {
            return refuse(.badAddress(error))
        }
    }

    func zone(in catalog: ZoneCatalog) -> Zone? {
        parsed("a time zone such as Europe/Berlin") { catalog.zone(named: $0) }
    }

    /// A rule's, webhook's or event kind's name.
    func ruleName() -> String? { parsed(Name.ruleForm) { Name.isRule($0) ? $0 : nil } }

    /// A column of a query's result.
    func columnName() -> String? { parsed("a column's name") { Name.isColumn($0) ? $0 : nil } }

    /// A column of the customer; an event's would be a mistake here.
    func customerColumn() -> String? { parsed("a column of the customer such as last_order_at") { Name.isColumn($0) ? $0 : nil } }

    /// A card's file name without its ending, perhaps in folders below the cards folder.
    func card() -> CardPattern? {
        parsed("a card's name such as birthday or monthly/{month}") { Name.isCard($0) ? CardPattern($0) : nil }
    }
}

/// The forms of names.
enum Name {
    static let ruleForm = "a name of small letters, digits and hyphens, at most 64"

    /// `[a-z0-9][a-z0-9-]*`, at most 64.
    static func isRule(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.utf8.first.map(isSmallOrDigit) == true
            && text.utf8.allSatisfy { isSmallOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    static let kindForm = "a name of small letters, digits, - and _, at most 64"

    /// `[a-z][a-z0-9_-]*`, at most 64: kinds of events, roles and webhooks.
    static func isKind(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.utf8.first.map { isSmallOrDigit($0) && $0 > UInt8(ascii: "9") } == true
            && text.utf8.allSatisfy { isSmallOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    /// Letters, digits and `_`, not beginning with a digit: what SQL takes without quotes.
    static func isColumn(_ text: some StringProtocol) -> Bool {
        guard let first = text.first, first.isLetter || first == "_" else { return false }
        return text.utf8.count <= 128 && text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    /// Parts of letters, digits, `-` and `_` joined by `/`; `{month}` and `{feast}` count as a part's letters.
    static func isCard(_ text: String) -> Bool {
        guard text.utf8.count <= 128 else { return false }
        let filled = CardPattern(text).name(on: CivilDate(dayNumber: 0), feast: "feast")
        return filled.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    isSmallOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                }
        }
    }

    private static func isSmallOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// Paths as text; nothing here touches a file.
enum FilePath {
    /// The folder of a path as written; empty for a bare name.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// A path taken from a folder, unless it is absolute.
    static func join(_ folder: String, _ path: String) -> String {
        if path.hasPrefix("/") || folder.isEmpty { return path }
        return folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
    }
}
