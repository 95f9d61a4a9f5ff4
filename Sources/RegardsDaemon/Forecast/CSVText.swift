import RegardsCore

/// Comma-separated values (RFC 4180): fields may be quoted, and a quoted one may hold commas, line ends and doubled
/// quotes. A byte order mark, and LF without CR, are taken too: spreadsheets write both.
struct CSVText {
    struct Field {
        var text: String
        /// From 1; a column counts characters.
        var line: Int
        var column: Int

        func place(in file: String) -> Place { Place(file: file, line: line, column: column) }
    }

    struct Record {
        var fields: [Field]
        func place(in file: String) -> Place { fields.first?.place(in: file) ?? Place(file: file, line: 1, column: 1) }
    }

    private var records: [Record] = []
    private var mistakes: [Mistake] = []
    private let file: String
    private var fields: [Field] = []
    private var text = String.UnicodeScalarView()
    private var (line, column) = (1, 1)
    private var start = (line: 1, column: 1)
    private var state = State.begin

    private enum State {
        case begin, plain, quoted
        /// After a quote inside a quoted field: its end, or the first of two.
        case quote
        case broken
    }

    /// Every record, the names of the columns first, and every mistake. Empty lines are left out.
    static func read(_ bytes: [UInt8], file: String) -> (records: [Record], mistakes: [Mistake]) {
        var reader = CSVText(file: file)
        var scalars = String(validating: bytes, as: UTF8.self).map { Array($0.unicodeScalars) } ?? []
        if scalars.first == "\u{feff}" { scalars.removeFirst() }
        if scalars.isEmpty {
            let what = bytes.isEmpty ? "expected the names of columns in the first line" : "expected UTF-8"
            return ([], [Mistake(at: Place(file: file, line: reader.badLine(bytes), column: 1), what)])
        }
        var index = 0
        while index < scalars.count {
            // CRLF is one line end, and a lone CR as well.
            let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            reader.take(scalars[index] == "\r" && reader.state != .quoted ? "\n" : scalars[index])
            index += isPair && reader.state != .quoted ? 2 : 1
        }
        reader.end()
        return (reader.records, reader.mistakes)
    }

    private init(file: String) { self.file = file }

    private mutating func take(_ scalar: Unicode.Scalar) {
        switch (state, scalar) {
        case (.begin, "\""): state = .quoted
        case (.quoted, "\""): state = .quote
        case (.quote, "\""):
            text.append(scalar)
            state = .quoted
        case (.quoted, _): text.append(scalar)
        case (_, ","): endField()
        case (_, "\n"): endRecord()
        case (.quote, _): fail("expected a comma or the end of the line after the closing quote")
        case (.plain, "\""): fail("a quote inside a field that is not quoted; write the field in quotes, and the quote twice")
        case (.broken, _): break
        default:
            text.append(scalar)
            state = .plain
        }
        column += 1
        if scalar == "\n" { (line, column) = (line + 1, 1) }
        if state == .begin { start = (line, column) }
    }

    private mutating func fail(_ message: String) {
        mistakes.append(Mistake(at: Place(file: file, line: line, column: column), message))
        state = .broken
    }

    private mutating func endField() {
        fields.append(Field(text: String(text), line: start.line, column: start.column))
        text = String.UnicodeScalarView()
        state = .begin
    }

    private mutating func endRecord() {
        let isEmpty = fields.isEmpty && text.isEmpty && state == .begin
        endField()
        if !isEmpty { records.append(Record(fields: fields)) }
        fields = []
    }

    private mutating func end() {
        if state == .quoted {
            mistakes.append(
                Mistake(at: Place(file: file, line: start.line, column: start.column), "this quoted field has no end"))
        } else if !fields.isEmpty || state != .begin {
            endRecord()
        }
    }

    /// The line of the first byte that is no UTF-8.
    private func badLine(_ bytes: [UInt8]) -> Int {
        var line = 1
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if String(validating: part, as: UTF8.self) == nil { return line }
            line += 1
        }
        return 1
    }
}
