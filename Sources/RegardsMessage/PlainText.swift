/// The plain text of a mail whose card has none written beside it.
enum PlainText {
    /// Widest line, in columns of a terminal; a Chinese character takes two.
    static let width = 72

    /// Reads HTML as a person would copy it out: headings underlined, links as `text (url)`, lists with marks, rows of
    /// a table of values as `label: value`. What the page hides (the preheader) stays hidden. Ends with one line break.
    static func derive(from html: String) -> String {
        var reader = HTMLReader(html: Array(html.utf8))
        return String(decoding: reader.text(), as: UTF8.self)
    }

    /// A written text with its long lines broken, without blank lines in a row and without spaces at the ends of lines:
    /// sections that were left out leave such traces. What was broken by hand stays so.
    static func tidy(_ text: String) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 1)
        var blankLines = 0
        for line in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false) {
            var line = line
            while let last = line.last, last == 0x20 || last == 0x09 { line.removeLast() }
            if line.isEmpty {
                blankLines += 1
                continue
            }
            if blankLines > 0, !result.isEmpty { result.append(0x0a) }
            blankLines = 0
            append(Array(line), to: &result)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func append(_ line: [UInt8], to result: inout [UInt8]) {
        guard line.count > width, TextWrap.width(of: line[...]) > width else {
            result.append(contentsOf: line)
            result.append(0x0a)
            return
        }
        let hang = hang(of: line)
        let columns = TextWrap.width(of: line[..<hang])
        TextWrap.append(
            Array(line[hang...]), width: width, firstPrefix: Array(line[..<hang]),
            prefix: [UInt8](repeating: 0x20, count: columns), to: &result)
    }

    /// Where the words of a line begin, under which its other lines begin too: after an indent, the number of an item
    /// (`2. `), or a label and the spaces that set its value apart.
    private static func hang(of line: [UInt8]) -> Int {
        let indent = line.prefix { $0 == 0x20 }.count
        let digits = line[indent...].prefix { (0x30...0x39).contains($0) }.count
        let mark = line[(indent + digits)...]
        if digits > 0, mark.starts(with: ". ".utf8) { return indent + digits + 2 }
        guard let colon = line[indent...].prefix(24).firstIndex(of: UInt8(ascii: ":")) else { return indent }
        let spaces = line[(colon + 1)...].prefix { $0 == 0x20 }.count
        return spaces >= 2 ? colon + 1 + spaces : indent
    }
}

/// Walks over HTML once and writes text. Knows only what mails use, and takes anything without failing.
private struct HTMLReader {
    private let html: [UInt8]
    private var index = 0
    private var writer = TextWriter()

    private struct Link {
        var href: [UInt8]
        var start: Int
        var paragraph: Int
    }
    private var links: [Link] = []
    /// For each open table: does it hold values (and not layout)?
    private var tables: [Bool] = []
    private var isAfterHeaderCell = false
    private var isInRow = false
    private var preDepth = 0

    init(html: [UInt8]) { self.html = html }

    mutating func text() -> [UInt8] {
        while index < html.count {
            if html[index] == UInt8(ascii: "<"), let tag = HTMLTag.read(html, at: index) {
                index = tag.end
                apply(tag)
            } else if html[index] == UInt8(ascii: "<"), isMarkup(at: index) {
                skipDeclaration()
            } else {
                readText()
            }
        }
        return writer.finish()
    }

    // MARK: Text

    private mutating func readText() {
        let byte = html[index]
        if byte == UInt8(ascii: "&"), let (bytes, end) = HTMLEntity.read(html, at: index) {
            index = end
            return writer.append(bytes)
        }
        if byte > 0x20 { return readWords() }
        index += 1
        switch byte {
        case 0x0a where preDepth > 0: writer.lineBreak()
        case 0x20 where preDepth > 0: writer.append([0xc2, 0xa0])
        case 0x09, 0x0a, 0x0c, 0x0d, 0x20: writer.space()
        default: writer.append(byte)
        }
    }

    /// Words with one space between each two, up to a tag, an entity or other white space: most often to the end of the
    /// line. At least one byte: a `<` or `&` that begins neither stands for itself.
    private mutating func readWords() {
        let start = index
        let joinsWords = preDepth == 0
        index = html.withUnsafeBufferPointer { html in
            var end = start + 1
            while end < html.count {
                if html[end] == 0x20, joinsWords, end + 1 < html.count, HTMLReader.isLetter(html[end + 1]) {
                    end += 2
                } else if HTMLReader.isLetter(html[end]) {
                    end += 1
                } else {
                    break
                }
            }
            return end
        }
        writer.append(words: html[start..<index])
    }

    /// True for what is part of a word wherever it stands.
    private static func isLetter(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: "<") && byte != UInt8(ascii: "&")
    }

    private func isMarkup(at index: Int) -> Bool {
        index + 1 < html.count && (html[index + 1] == UInt8(ascii: "!") || html[index + 1] == UInt8(ascii: "?"))
    }

    /// A comment, Outlook's conditional ones included, or a declaration.
    private mutating func skipDeclaration() {
        if html[index...].starts(with: "<!--".utf8) {
            index = find("-->", from: index + 4).map { $0 + 3 } ?? html.count
        } else {
            index = html[index...].firstIndex(of: UInt8(ascii: ">")).map { $0 + 1 } ?? html.count
        }
    }

    private func find(_ text: String, from start: Int) -> Int? {
        html.withUnsafeBufferPointer { $0.firstIndex(of: text, from: start) }
    }

    // MARK: Tags

    private mutating func apply(_ tag: HTMLTag) {
        if !tag.isClosing, tag.isHidden(in: html) || ["script", "style", "head", "title", "template"].contains(tag.name) {
            return skipElement(tag)
        }
        switch tag.name {
        case "a": link(tag)
        case "br": isInRow ? writer.space() : writer.lineBreak()
        case "img":
            let alt = tag.attribute("alt", in: html) ?? []
            if alt.contains(where: { $0 > 0x20 }) { writer.append([UInt8(ascii: "[")] + alt + [UInt8(ascii: "]")]) }
        case "table", "tr", "td", "th": table(tag)
        case "ul", "ol":
            block(gap: writer.listDepth == 0 ? 1 : 0)
            tag.isClosing ? writer.endList() : writer.beginList(isOrdered: tag.name == "ol")
        case "li":
            block(gap: 0)
            if !tag.isClosing { writer.beginItem() }
        case "blockquote":
            block(gap: 1)
            tag.isClosing ? writer.endQuote() : writer.beginQuote()
        case "hr":
            block(gap: 1)
            writer.rule()
            block(gap: 1)
        case "h1", "h2": heading(tag)
        case "p", "h3", "h4", "h5", "h6": block(gap: 1)
        case "pre":
            block(gap: 1)
            preDepth = max(0, preDepth + (tag.isClosing ? -1 : 1))
        case "div", "center", "section", "article", "header", "footer", "main", "address", "body", "dl", "dt", "dd":
            block(gap: 0)
        default: break
        }
    }

    /// Begins a new paragraph, except in a row of values, which is one line.
    private mutating func block(gap: Int) {
        if isInRow { writer.space() } else { writer.endParagraph(gap: gap) }
    }

    private mutating func heading(_ tag: HTMLTag) {
        guard tag.isClosing, !isInRow else { return block(gap: 1) }
        writer.endParagraph(gap: 1, underline: UInt8(ascii: tag.name == "h1" ? "=" : "-"))
    }

    private mutating func link(_ tag: HTMLTag) {
        if !tag.isClosing {
            links.append(
                Link(href: tag.attribute("href", in: html) ?? [], start: writer.length, paragraph: writer.paragraphs))
            return
        }
        guard let link = links.popLast(), let shown = HTMLReader.shown(link.href) else { return }
        let label = link.paragraph == writer.paragraphs ? writer.text(from: link.start) : []
        if label.isEmpty {
            writer.append(shown)
        } else if label != shown {
            writer.append(Array(" (".utf8))
            writer.append(shown)
            writer.append(UInt8(ascii: ")"))
        }
    }

    /// How a link's target is written; nil for one that leads nowhere outside the page.
    private static func shown(_ href: [UInt8]) -> [UInt8]? {
        let text = String(decoding: href, as: UTF8.self)
        let lower = text.lowercased()
        if lower.isEmpty || lower.hasPrefix("#") || lower.hasPrefix("javascript:") { return nil }
        if lower.hasPrefix("mailto:"), !lower.contains("?") { return Array(text.dropFirst(7).utf8) }
        if lower.hasPrefix("tel:") { return Array(text.dropFirst(4).utf8) }
        return href
    }

    private mutating func table(_ tag: HTMLTag) {
        switch (tag.name, tag.isClosing) {
        case ("table", false):
            block(gap: 1)
            tables.append(holdsValues(tag))
        case ("table", true):
            isInRow = false
            writer.endParagraph(gap: 1)
            _ = tables.popLast()
        case ("tr", _):
            isInRow = false
            isAfterHeaderCell = false
            writer.endParagraph(gap: tables.last == true ? 0 : 1)
        case (_, let isClosing):
            guard tables.last == true else { return writer.endParagraph(gap: 1) }
            guard !isClosing else { return }
            if isInRow, !writer.isEmpty {
                if writer.lastByte != UInt8(ascii: ":") || !isAfterHeaderCell {
                    writer.append(Array((isAfterHeaderCell ? ":" : " |").utf8))
                }
                writer.space()
            }
            isInRow = true
            isAfterHeaderCell = tag.name == "th"
        }
    }

    /// A table is layout when it says so, and when it holds other tables.
    private func holdsValues(_ tag: HTMLTag) -> Bool {
        if let role = tag.attribute("role", in: html), ["presentation", "none"].contains(String(decoding: role, as: UTF8.self)) {
            return false
        }
        guard let close = find("</table", from: tag.end) else { return true }
        return find("<table", from: tag.end).map { $0 > close } ?? true
    }

    /// Leaves out an element with all that is in it.
    private mutating func skipElement(_ tag: HTMLTag) {
        if tag.isVoid || tag.isSelfClosed { return }
        if tag.name == "style" || tag.name == "script" || tag.name == "title" {
            index = find("</\(tag.name)", from: index) ?? html.count
            index = html[index...].firstIndex(of: UInt8(ascii: ">")).map { $0 + 1 } ?? html.count
            return
        }
        var depth = 1
        while index < html.count, depth > 0 {
            if html[index] == UInt8(ascii: "<"), isMarkup(at: index) {
                skipDeclaration()
            } else if html[index] == UInt8(ascii: "<"), let inner = HTMLTag.read(html, at: index) {
                index = inner.end
                if inner.name == tag.name, !inner.isSelfClosed { depth += inner.isClosing ? -1 : 1 }
            } else {
                index += 1
            }
        }
    }
}
