import RegardsCore

/// The text of a card file in its two parts.
struct CardFile: Sendable {
    struct Option: Sendable {
        var text: String
        var place: Place
    }

    /// Keys of the front matter, each on a line of its own.
    enum Key: String, CaseIterable, Sendable {
        /// Of the mail; Mustache, not escaped for HTML.
        case subject
        /// What inboxes show after the subject; Mustache, not escaped.
        case preheader
        /// File name of the picture above the text, beside the card.
        case picture
        /// What the picture shows, for whoever does not see it; Mustache, not escaped.
        case alt
        /// Names, with commas between them, that a database may lack.
        case optional
        /// A note for people; never sent.
        case about
    }

    var options: [Key: Option] = [:]
    var body = ""
    /// The body's first line in the file.
    var bodyLine = 1
}

/// Splits a card into front matter and body. Goes on after a mistake.
///
/// The front matter is a few lines `key: value` between two lines `---`. A value is the rest of its line; quotes around
/// the whole value are taken off. Lines that begin with `#` are comments.
struct CardFileParser {
    private let file: String
    private let needsFrontMatter: Bool
    private(set) var mistakes: [Mistake] = []

    init(file: String, needsFrontMatter: Bool = true) {
        self.file = file
        self.needsFrontMatter = needsFrontMatter
    }

    /// - Parameter text: with LF line ends.
    mutating func parse(_ text: String) -> CardFile {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard isFence(lines[0]) else {
            if needsFrontMatter {
                complain(1, 1, "expected --- and a subject: line before the text of the card")
            }
            return CardFile(body: text)
        }
        guard let end = lines.dropFirst().firstIndex(where: isFence) else {
            complain(1, 1, "the front matter is never closed: expected a second line ---")
            return CardFile()
        }
        var result = CardFile(bodyLine: end + 2)
        for index in 1..<end { read(lines[index], line: index + 1, into: &result) }
        result.body = lines[(end + 1)...].joined(separator: "\n")
        if needsFrontMatter, result.options[.subject] == nil {
            complain(1, 1, "the front matter has no subject: line")
        }
        return result
    }

    private mutating func read(_ line: Substring, line number: Int, into file: inout CardFile) {
        guard let first = line.first(where: { $0 != " " && $0 != "\t" }), first != "#" else { return }
        guard line.first == first else {
            return complain(number, 1, "expected key: value at the beginning of the line; a value stays on one line")
        }
        guard let colon = line.firstIndex(of: ":") else {
            return complain(number, 1, "expected key: value, got \"\(line)\"")
        }
        let name = String(line[..<colon])
        guard let key = CardFile.Key(rawValue: name) else {
            let names = CardFile.Key.allCases.map(\.rawValue)
            let hint = NearestName.hint(name, among: names)
            return complain(number, 1, "expected \(names.joined(separator: ", ")), got \"\(name)\"\(hint)")
        }
        guard file.options[key] == nil else { return complain(number, 1, "\(name) is given twice") }
        let value = CardFileParser.value(line[line.index(after: colon)...])
        guard !value.isEmpty else { return complain(number, 1, "\(name) is empty") }
        let column = line.distance(from: line.startIndex, to: value.startIndex) + 1
        file.options[key] = CardFile.Option(
            text: String(value), place: Place(file: self.file, line: number, column: column))
    }

    private static func value(_ rest: Substring) -> Substring {
        var rest = rest
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        if rest.count >= 2, let quote = rest.first, quote == "\"" || quote == "'", rest.last == quote {
            rest = rest.dropFirst().dropLast()
        }
        return rest
    }

    private func isFence(_ line: Substring) -> Bool {
        line.hasPrefix("---") && line.dropFirst(3).allSatisfy { $0 == " " || $0 == "\t" }
    }

    private mutating func complain(_ line: Int, _ column: Int, _ message: String) {
        mistakes.append(Mistake(at: Place(file: file, line: line, column: column), message))
    }
}
