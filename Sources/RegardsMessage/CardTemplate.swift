import RegardsCore

/// The tags of one template as a tree: what is checked before swift-mustache compiles the same text.
///
/// Cards use the safe part of Mustache: variables (always escaped), sections, inverted sections, partials, and
/// templates with blocks. Unescaped variables, dynamic partials, changed delimiters, pragmas and functions are refused:
/// they would let a value become markup or hide names from the checks below.
struct CardTemplate: Sendable {
    indirect enum Node: Sendable {
        case variable(String, Place)
        case section(String, isInverted: Bool, [Node], Place)
        /// `{{> name}}`
        case partial(String, Place)
        /// `{{< name}} blocks {{/ name}}`
        case parent(String, blocks: [String: [Node]], Place)
        /// `{{$ name}} default {{/ name}}`
        case block(String, [Node], Place)
    }

    var nodes: [Node]
    var source: String

    /// The places of every mention of a partial, in order.
    var partials: [(name: String, place: Place)] {
        var found: [(name: String, place: Place)] = []
        CardTemplate.collectPartials(nodes, into: &found)
        return found
    }

    private static func collectPartials(_ nodes: [Node], into found: inout [(name: String, place: Place)]) {
        for node in nodes {
            switch node {
            case .variable: continue
            case .section(_, _, let inside, _), .block(_, let inside, _): collectPartials(inside, into: &found)
            case .partial(let name, let place): found.append((name, place))
            case .parent(let name, let blocks, let place):
                found.append((name, place))
                for (_, inside) in blocks.sorted(by: { $0.key < $1.key }) { collectPartials(inside, into: &found) }
            }
        }
    }
}

/// Reads the tags of a template. Goes on after a mistake, so that one pass finds all.
struct CardTemplateParser {
    private enum Opening { case section(isInverted: Bool), parent, block }

    private struct Open {
        var kind: Opening
        var name: String
        var place: Place
        var nodes: [CardTemplate.Node] = []
        var blocks: [String: [CardTemplate.Node]] = [:]
    }

    private let source: String
    private let bytes: [UInt8]
    private let file: String
    private let firstLine: Int
    private let firstColumn: Int
    private var position = 0
    private var open: [Open] = []
    private var top: [CardTemplate.Node] = []
    private(set) var mistakes: [Mistake] = []

    /// - Parameters:
    ///   - line, column: where the text begins in its file.
    init(_ source: String, file: String, line: Int = 1, column: Int = 1) {
        self.source = source
        bytes = Array(source.utf8)
        self.file = file
        firstLine = line
        firstColumn = column
    }

    mutating func parse() -> CardTemplate {
        while let start = find("{{", from: position) {
            checkText(before: start)
            guard let end = find("}}", from: start + 2) else {
                complain(at: start, "this {{ is never closed with }}")
                position = bytes.count
                break
            }
            tag(from: start, to: end)
        }
        checkText(before: bytes.count)
        for opening in open.reversed() {
            mistakes.append(Mistake(at: opening.place, "this is never closed: expected {{/\(opening.name)}}"))
        }
        while let opening = open.popLast() { add(opening.nodes) }
        return CardTemplate(nodes: top, source: source)
    }

    // MARK: Tags

    private mutating func tag(from start: Int, to end: Int) {
        position = end + 2
        guard end > start + 2 else { return complain(at: start, "expected a name between {{ and }}") }
        guard isPair(at: start, of: "{"), isPair(at: end, of: "}") else {
            return complain(at: start, "a combining mark stands beside the braces of this tag and hides them")
        }
        let content = bytes[start + 2..<end]
        switch content.first! {
        case UInt8(ascii: "!"):
            // It ends at its first }}: with a tag inside, the rest would be sent.
            guard String(decoding: content, as: UTF8.self).contains("{{") else { return }
            complain(at: start, "a comment holds no {{: it would end with the }} of that tag")
        case UInt8(ascii: "{"), UInt8(ascii: "&"):
            if position < bytes.count, bytes[position] == UInt8(ascii: "}") { position += 1 }
            complain(at: start, "values are always escaped: write {{name}}")
        // swift-mustache takes a tag that begins with a line end for text: its name would be sent.
        case 0x0a...0x0d: complain(at: start, "expected a name on the line of its {{")
        case UInt8(ascii: "="): complain(at: start, "the delimiters are always {{ and }}")
        case UInt8(ascii: "%"): complain(at: start, "pragmas are not used in cards")
        case UInt8(ascii: "#"): begin(.section(isInverted: false), content.dropFirst(), at: start)
        case UInt8(ascii: "^"): begin(.section(isInverted: true), content.dropFirst(), at: start)
        case UInt8(ascii: "<"): begin(.parent, content.dropFirst(), at: start)
        case UInt8(ascii: "$"): begin(.block, content.dropFirst(), at: start)
        case UInt8(ascii: "/"): close(content.dropFirst(), at: start)
        case UInt8(ascii: ">"):
            guard let name = partialName(content.dropFirst(), at: start) else { return }
            add([.partial(name, place(at: start))])
        default:
            guard let name = variableName(content, at: start) else { return }
            add([.variable(name, place(at: start))])
        }
    }

    private mutating func begin(_ kind: Opening, _ content: ArraySlice<UInt8>, at start: Int) {
        let name: String?
        switch kind {
        case .section: name = variableName(content, at: start)
        case .parent, .block: name = partialName(content, at: start)
        }
        if open.count == CardLimits.depth {
            complain(at: start, "more than \(CardLimits.depth) sections inside each other")
        }
        guard open.count < CardLimits.depth else { return }
        if case .parent? = open.last?.kind, case .block = kind {} else { refuseInsideParent(at: start) }
        open.append(Open(kind: kind, name: name ?? CardTemplateParser.trimmed(content), place: place(at: start)))
    }

    private mutating func close(_ content: ArraySlice<UInt8>, at start: Int) {
        let name = CardTemplateParser.trimmed(content)
        guard let match = open.lastIndex(where: { $0.name == name }) else {
            if let inner = open.last {
                complain(at: start, "expected {{/\(inner.name)}} for line \(inner.place.line), got {{/\(name)}}")
            } else {
                complain(at: start, "{{/\(name)}} closes nothing")
            }
            return
        }
        if match < open.count - 1 {
            let inner = open[open.count - 1]
            complain(at: start, "expected {{/\(inner.name)}} for line \(inner.place.line), got {{/\(name)}}")
        }
        while open.count > match {
            let closed = open.removeLast()
            finish(closed)
        }
    }

    private mutating func finish(_ closed: Open) {
        switch closed.kind {
        case .section(let isInverted):
            add([.section(closed.name, isInverted: isInverted, closed.nodes, closed.place)])
        case .parent: add([.parent(closed.name, blocks: closed.blocks, closed.place)])
        case .block:
            if case .parent? = open.last?.kind {
                if open[open.count - 1].blocks.updateValue(closed.nodes, forKey: closed.name) != nil {
                    mistakes.append(Mistake(at: closed.place, "the block \(closed.name) is given twice"))
                }
            } else {
                add([.block(closed.name, closed.nodes, closed.place)])
            }
        }
    }

    private mutating func add(_ nodes: [CardTemplate.Node]) {
        guard let last = open.indices.last else { return top.append(contentsOf: nodes) }
        if case .parent = open[last].kind {
            guard let node = nodes.first else { return }
            switch node {
            case .variable(_, let place), .partial(_, let place):
                mistakes.append(Mistake(at: place, CardTemplateParser.onlyBlocks(in: open[last].name)))
            case .section, .parent, .block: break
            }
        }
        open[last].nodes.append(contentsOf: nodes)
    }

    // MARK: Checks

    private mutating func refuseInsideParent(at start: Int) {
        guard let outer = open.last, case .parent = outer.kind else { return }
        complain(at: start, CardTemplateParser.onlyBlocks(in: outer.name))
    }

    private static func onlyBlocks(in parent: String) -> String {
        "only blocks {{$name}}…{{/name}} can stand between {{<\(parent)}} and {{/\(parent)}}; anything else is dropped"
    }

    private mutating func checkText(before end: Int) {
        guard let outer = open.last, case .parent = outer.kind, position < end else { return }
        if let offset = bytes[position..<end].firstIndex(where: { $0 > 0x20 }) {
            complain(at: offset, CardTemplateParser.onlyBlocks(in: outer.name))
        }
    }

    private mutating func variableName(_ content: ArraySlice<UInt8>, at start: Int) -> String? {
        let name = CardTemplateParser.trimmed(content)
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 200, parts.count <= 2, parts.allSatisfy(CardTemplateParser.isWord) else {
            complain(at: start, "expected a name such as given_name or business.name, got \"\(name)\"")
            return nil
        }
        return name
    }

    private mutating func partialName(_ content: ArraySlice<UInt8>, at start: Int) -> String? {
        let name = CardTemplateParser.trimmed(content)
        guard CardTemplateParser.isWord(name[...]) else {
            complain(at: start, "expected a name of letters, digits, - and _, got \"\(name)\"")
            return nil
        }
        return name
    }

    static func isWord(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
    }

    private static func trimmed(_ content: ArraySlice<UInt8>) -> String {
        var content = content
        while let first = content.first, first <= 0x20 { content.removeFirst() }
        while let last = content.last, last <= 0x20 { content.removeLast() }
        return String(decoding: content, as: UTF8.self)
    }

    // MARK: Places

    private func find(_ pair: StaticString, from start: Int) -> Int? {
        let first = pair.utf8Start[0]
        let second = pair.utf8Start[1]
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == first, bytes[index + 1] == second { return index }
            index += 1
        }
        return nil
    }

    /// swift-mustache reads characters: a brace with a mark upon it, or taken in by a sign before it, is none to it.
    private func isPair(at offset: Int, of brace: Character) -> Bool {
        String(decoding: bytes[max(0, offset - 4)...offset], as: UTF8.self).last == brace
            && String(decoding: bytes[(offset + 1)...].prefix(5), as: UTF8.self).first == brace
    }

    private mutating func complain(at offset: Int, _ message: String) {
        mistakes.append(Mistake(at: place(at: offset), message))
    }

    private func place(at offset: Int) -> Place {
        var line = firstLine
        var lineStart = 0
        for index in 0..<offset where bytes[index] == 0x0a {
            line += 1
            lineStart = index + 1
        }
        let characters = String(decoding: bytes[lineStart..<offset], as: UTF8.self).count
        return Place(file: file, line: line, column: characters + (line == firstLine ? firstColumn : 1))
    }
}
