/// Gathers paragraphs and writes them as wrapped lines.
struct TextWriter {
    private var output: [UInt8] = []
    /// The paragraph so far; U+000A is a break inside it, U+00A0 a space that stays.
    private var paragraph: [UInt8] = []
    private var spacePending = false
    /// Blank lines before the next paragraph.
    private var gap = 0
    private var lists: [(isOrdered: Bool, count: Int)] = []
    /// What each line of a nested block begins with.
    private var prefixes: [[UInt8]] = []
    /// Stands in the place of the last prefix on an item's first line.
    private var mark: [UInt8]?
    /// How many paragraphs were written: tells whether a text is still in the same one.
    private(set) var paragraphs = 0

    init() {
        output.reserveCapacity(2048)
        paragraph.reserveCapacity(512)
    }

    var length: Int { paragraph.count }
    var isEmpty: Bool { paragraph.isEmpty }
    var lastByte: UInt8? { paragraph.last }
    var listDepth: Int { lists.count }

    func text(from start: Int) -> [UInt8] {
        guard start < paragraph.count else { return [] }
        return Array(paragraph[start...].drop { $0 == 0x20 })
    }

    // MARK: Inline

    mutating func append(_ byte: UInt8) {
        takeSpace()
        paragraph.append(byte)
    }

    mutating func append(words: ArraySlice<UInt8>) {
        takeSpace()
        paragraph.append(contentsOf: words)
    }

    mutating func append(_ bytes: [UInt8]) {
        // Soft hyphens mark where a word may break; here none does.
        guard bytes != [0xc2, 0xad] else { return }
        var bytes = bytes[...]
        if bytes.first == 0x20 {
            spacePending = true
            bytes = bytes.dropFirst()
        }
        takeSpace()
        paragraph.append(contentsOf: bytes)
    }

    mutating func space() { spacePending = !paragraph.isEmpty && paragraph.last != 0x0a }

    mutating func lineBreak() {
        spacePending = false
        if !paragraph.isEmpty { paragraph.append(0x0a) }
    }

    private mutating func takeSpace() {
        if spacePending, !paragraph.isEmpty, paragraph.last != 0x0a { paragraph.append(0x20) }
        spacePending = false
    }

    // MARK: Blocks

    mutating func endParagraph(gap wanted: Int, underline: UInt8? = nil) {
        defer {
            paragraph.removeAll(keepingCapacity: true)
            spacePending = false
            gap = max(gap, wanted)
        }
        while let last = paragraph.last, last == 0x0a || last == 0x20 { paragraph.removeLast() }
        guard !TextWriter.isBlank(paragraph) else { return }
        separate()
        let start = output.count
        let first = linePrefix(isFirst: true)
        let other = linePrefix(isFirst: false)
        mark = nil
        TextWrap.append(paragraph, width: PlainText.width, firstPrefix: first, prefix: other, to: &output)
        if let underline {
            let width = output[start...].split(separator: 0x0a).map { TextWrap.width(of: $0) }.max() ?? 0
            output.append(contentsOf: other)
            output.append(contentsOf: repeatElement(underline, count: max(3, width - other.count)))
            output.append(0x0a)
        }
        paragraphs += 1
    }

    mutating func rule() {
        separate()
        output.append(contentsOf: linePrefix(isFirst: false))
        output.append(contentsOf: repeatElement(UInt8(ascii: "-"), count: 24))
        output.append(0x0a)
        paragraphs += 1
    }

    private mutating func separate() {
        if !output.isEmpty {
            for _ in 0..<gap {
                let prefix = prefixes.flatMap { $0 }
                output.append(contentsOf: prefix[..<(prefix.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? 0)])
                output.append(0x0a)
            }
        }
        gap = 0
    }

    mutating func beginList(isOrdered: Bool) {
        lists.append((isOrdered, 0))
        prefixes.append([])
    }

    mutating func endList() {
        guard lists.popLast() != nil else { return }
        mark = nil
        _ = prefixes.popLast()
    }

    mutating func beginItem() {
        guard let last = lists.indices.last else { return }
        lists[last].count += 1
        let text = lists[last].isOrdered ? "\(lists[last].count). " : "- "
        mark = Array(text.utf8)
        prefixes[prefixes.count - 1] = Array(repeating: 0x20, count: text.utf8.count)
    }

    mutating func beginQuote() { prefixes.append(Array("> ".utf8)) }
    mutating func endQuote() { _ = prefixes.popLast() }

    private func linePrefix(isFirst: Bool) -> [UInt8] {
        guard isFirst, let mark, !prefixes.isEmpty else { return prefixes.flatMap { $0 } }
        return prefixes.dropLast().flatMap { $0 } + mark
    }

    mutating func finish() -> [UInt8] {
        endParagraph(gap: 0)
        return output
    }

    private static func isBlank(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index < bytes.count {
            if bytes[index] <= 0x20 {
                index += 1
            } else if bytes[index] == 0xc2, index + 1 < bytes.count, bytes[index + 1] == 0xa0 {
                index += 2
            } else {
                return false
            }
        }
        return true
    }
}
