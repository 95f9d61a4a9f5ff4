import RegardsCore
import Yams

/// Reads one file as YAML, with limits that hold before anything grows.
///
/// Yams makes the nodes and their places; everything it would resolve by itself stays off: no types are
/// guessed, `<<` merges nothing, and aliases reach it as plain text (`SourceText`) and are resolved here, by
/// sharing what the anchor holds and adding up what it counts.
///
/// Yams recurses up to libyaml's own limit of 1,000 levels: reading needs a thread with 2 MiB of stack.
struct YAMLComposer {
    static let maximumNodes = 10_000
    static let maximumDepth = 64
    /// A repeated key costs one more parse; in a larger file it ends the reading instead.
    private static let recoverableBytes = 1 << 16

    private struct Anchored {
        var value: YAMLValue
        var nodes: Int
        var height: Int
    }

    private let file: String
    private let report: Report
    private var anchors: [String: Anchored] = [:]
    private var nodesLeft = YAMLComposer.maximumNodes
    /// The letters that `hide` took out of repeated keys.
    private var hidden: [Unicode.Scalar] = []

    private init(file: String, report: Report) {
        self.file = file
        self.report = report
    }

    /// - Returns: the document's value; nil for a file without one, and after a flaw that ended the reading,
    ///   which is then in the report.
    static func read(_ bytes: [UInt8], file: String, report: Report) -> YAMLValue? {
        var composer = YAMLComposer(file: file, report: report)
        do throws(Flaw) {
            let source = try SourceText(bytes: bytes, file: file)
            return try composer.compose(source.text)
        } catch {
            report.add(error)
            return nil
        }
    }

    private mutating func compose(_ source: String) throws(Flaw) -> YAMLValue? {
        var text = source
        while true {
            do {
                let parser = try Parser(yaml: YAMLComposer.withStorage(text), resolver: .basic, encoding: .utf8)
                // Nodes hold their anchors weakly; the parser holds them strongly.
                return try withExtendedLifetime(parser) {
                    try parser.singleRoot().flatMap { node in try root(node) }
                }
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard hide(at: place(context.mark), in: &text) else {
                    throw Flaw(.repeatedKey(restore(keys.first ?? ""), first: nil), at: place(context.mark))
                }
            } catch let flaw as Flaw {
                throw flaw
            } catch {
                throw YAMLSyntax(file: file, text: text).flaw(error)
            }
        }
    }

    /// libyaml reads from the string's own storage after Yams has let go of the pointer to it. A text of up to 15
    /// bytes has none, unless room is made for more.
    private static func withStorage(_ text: String) -> String {
        var stored = ""
        stored.reserveCapacity(max(text.utf8.count, 64))
        stored += text
        return stored
    }

    /// A document of nothing but comments is no value.
    private mutating func root(_ node: Node) throws(Flaw) -> YAMLValue? {
        if case .scalar(let scalar) = node, scalar.string.isEmpty, scalar.style == .plain { return nil }
        return try value(node, depth: 1)
    }

    private mutating func value(_ node: Node, depth: Int) throws(Flaw) -> YAMLValue {
        let place = place(node.mark)
        let nodesBefore = nodesLeft
        try spend(nodes: 1, depth: depth, at: place)
        let value: YAMLValue
        switch node {
        case .scalar(let scalar):
            try refuseTag(scalar.tag, allowed: ["tag:yaml.org,2002:str"], at: place)
            if scalar.style == .plain, scalar.string.unicodeScalars.first?.value == Stand.star {
                return try alias(scalar.string, depth: depth, at: place)
            }
            value = YAMLValue(content: .text(restore(scalar.string)), place: place)
        case .sequence(let sequence):
            try refuseTag(sequence.tag, allowed: ["tag:yaml.org,2002:seq"], at: place)
            var values: [YAMLValue] = []
            for node in sequence { values.append(try self.value(node, depth: depth + 1)) }
            value = YAMLValue(content: .list(values), place: place)
        case .mapping(let mapping):
            try refuseTag(mapping.tag, allowed: ["tag:yaml.org,2002:map"], at: place)
            value = YAMLValue(content: .mapping(try pairs(mapping, depth: depth)), place: place)
        case .alias:
            throw Flaw(.syntax("an alias that is not understood"), at: place)
        }
        if let name = node.anchor?.rawValue {
            anchors[name] = Anchored(value: value, nodes: nodesBefore - nodesLeft, height: value.height)
        }
        return value
    }

    private mutating func pairs(_ mapping: Node.Mapping, depth: Int) throws(Flaw) -> [YAMLValue.Pair] {
        var pairs: [YAMLValue.Pair] = []
        var firstLines: [String: Int] = [:]
        for (keyNode, valueNode) in mapping {
            let keyPlace = place(keyNode.mark)
            try spend(nodes: 1, depth: depth, at: keyPlace)
            guard case .scalar(let scalar) = keyNode,
                scalar.style != .plain || scalar.string.unicodeScalars.first?.value != Stand.star
            else {
                throw Flaw(.keyNotText, at: keyPlace)
            }
            try refuseTag(scalar.tag, allowed: ["tag:yaml.org,2002:str"], at: keyPlace)
            let key = restore(scalar.string)
            guard key != "<<" else { throw Flaw(.mergeKey, at: keyPlace) }
            if let name = scalar.anchor?.rawValue {
                anchors[name] = Anchored(value: YAMLValue(content: .text(key), place: keyPlace), nodes: 1, height: 1)
            }
            let value = try value(valueNode, depth: depth + 1)
            if let line = firstLines.updateValue(keyPlace.line, forKey: key) {
                report.add(Flaw(.repeatedKey(key, first: line), at: keyPlace))
            } else {
                pairs.append(YAMLValue.Pair(key: key, keyPlace: keyPlace, value: value))
            }
        }
        return pairs
    }

    private mutating func alias(_ text: String, depth: Int, at place: Place) throws(Flaw) -> YAMLValue {
        let name = String(String.UnicodeScalarView(text.unicodeScalars.dropFirst()))
        let isName = !name.isEmpty && name.utf8.allSatisfy { $0.isNameByte }
        guard isName else { throw Flaw(.startsWithStar(restore(text)), at: place) }
        guard let anchored = anchors[name] else { throw Flaw(.unknownAnchor(name), at: place) }
        try spend(nodes: anchored.nodes - 1, depth: depth + anchored.height - 1, at: place)
        return anchored.value
    }

    private mutating func spend(nodes: Int, depth: Int, at place: Place) throws(Flaw) {
        guard depth <= YAMLComposer.maximumDepth else { throw Flaw(.tooDeep, at: place) }
        nodesLeft -= nodes
        guard nodesLeft >= 0 else { throw Flaw(.tooManyNodes, at: place) }
    }

    /// Tags that say what is so anyway are harmless; every other would change the meaning.
    private func refuseTag(_ tag: Tag, allowed: [String], at place: Place) throws(Flaw) {
        let name = tag.description
        guard name.isEmpty || name == "!" || allowed.contains(name) else {
            let standard = "tag:yaml.org,2002:"
            throw Flaw(.tag(restore(name.hasPrefix(standard) ? "!!" + name.dropFirst(standard.count) : name)), at: place)
        }
    }

    /// Yams gives up at the first repeated key. Changing one letter of it for another parse lets the reading
    /// go on, so that the repetition is reported with both its lines, beside all other mistakes.
    private mutating func hide(at place: Place, in text: inout String) -> Bool {
        guard hidden.count < Stand.hidden.count, text.utf8.count <= YAMLComposer.recoverableBytes else { return false }
        guard var index = place.index(in: text) else { return false }
        var scalars = text.unicodeScalars
        if scalars[index] == "\"" || scalars[index] == "'" { scalars.formIndex(after: &index) }
        guard index < scalars.endIndex, !"\\\"'!&\n".unicodeScalars.contains(scalars[index]),
            let stand = Unicode.Scalar(Stand.hidden.lowerBound + UInt32(hidden.count))
        else { return false }
        hidden.append(scalars[index])
        scalars.replaceSubrange(index...index, with: CollectionOfOne(stand))
        text = String(scalars)
        return true
    }

    private func restore(_ text: String) -> String {
        guard !hidden.isEmpty else { return SourceText.restore(text) }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let index = Int(scalar.value) - Int(Stand.hidden.lowerBound)
            scalars.append(hidden.indices.contains(index) ? hidden[index] : scalar)
        }
        return SourceText.restore(String(scalars))
    }

    private func place(_ mark: Mark?) -> Place {
        Place(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}

extension UInt8 {
    /// A letter, digit, `-` or `_`: what libyaml takes in the name of an anchor.
    fileprivate var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension Place {
    /// The character here; nil past the end of the text.
    fileprivate func index(in text: String) -> String.Index? {
        let scalars = text.unicodeScalars
        var index = scalars.startIndex
        for _ in 1..<max(line, 1) {
            guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
            index = scalars.index(after: end)
        }
        return scalars.index(index, offsetBy: column - 1, limitedBy: scalars.endIndex).flatMap {
            $0 < scalars.endIndex ? $0 : nil
        }
    }
}

/// What libyaml says, in words for whoever wrote the file.
private struct YAMLSyntax {
    let file: String
    let text: String

    func flaw(_ error: any Error) -> Flaw {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            // A quote that is never closed is found at the end of the file and mended where it opens.
            let isOpen = problem == "found unexpected end of stream"
            let place = place(isOpen ? context?.mark ?? mark : mark)
            if problem.hasPrefix("Maximum nesting level") { return Flaw(.tooDeep, at: place) }
            if let key = collectionAsKey(at: place) { return Flaw(.keyNotText, at: key) }
            return Flaw(.syntax(advice(problem, at: place, since: context?.mark.line)), at: place)
        default:
            return Flaw(.syntax("is not readable"), at: Place(file: file, line: 1, column: 1))
        }
    }

    /// The `?` or `:` that wants to make a list or a mapping into a key, here or at the start of the line before.
    private func collectionAsKey(at place: Place) -> Place? {
        if let index = place.index(in: text), text.unicodeScalars[index].value == Stand.colon { return place }
        for line in [place.line, place.line - 1] where line > 0 {
            guard let start = Place(file: file, line: line, column: 1).index(in: text) else { continue }
            let rest = text.unicodeScalars[start...]
            let indent = rest.prefix { $0 == " " }.count
            if rest.dropFirst(indent).first?.value == Stand.question {
                return Place(file: file, line: line, column: indent + 1)
            }
        }
        return nil
    }

    private func place(_ mark: Mark) -> Place { Place(file: file, line: mark.line, column: mark.column) }

    private func advice(_ problem: String, at place: Place, since line: Int?) -> String {
        let opened = line.map { " in line \($0)" } ?? ""
        return switch problem {
        case "mapping values are not allowed in this context":
            "a colon and a space inside a value: put a text in quotes, a mapping in braces, or check the indentation"
        case "found character that cannot start any token": unstartable(at: place)
        case "found a tab character that violates indentation",
            "found a tab character where an indentation space is expected":
            "a tab in the indentation: use spaces"
        case "did not find expected key": "expected a key: check the indentation of this line and the one before"
        case "could not find expected ':'": "expected a colon after a key: check this line and the one before"
        case "did not find expected ',' or ']'": "expected , or ] in the list that began with [\(opened)"
        case "did not find expected ',' or '}'": "expected , or } in the mapping that began with {\(opened)"
        case "did not find expected '-' indicator": "expected a list entry that begins with -: check the indentation"
        case "did not find expected <document start>":
            "expected the end of the file: check the indentation, and keep one document in a file"
        case "but found another document": "a second document begins: split it into two files"
        case "found unexpected end of stream": "this quote is never closed"
        case "did not find expected node content": "expected a value here"
        case "found unknown escape character": "an unknown escape after \\: in single quotes a backslash stands for itself"
        case "block sequence entries are not allowed in this context":
            "a list entry cannot begin here: put it on a line of its own"
        default: problem
        }
    }

    private func unstartable(at place: Place) -> String {
        guard let index = place.index(in: text) else { return "a value cannot begin here" }
        let scalar = text.unicodeScalars[index]
        return scalar == "\t"
            ? "a tab in the indentation: use spaces" : "a value cannot begin with \(scalar) unless it is in quotes"
    }
}
