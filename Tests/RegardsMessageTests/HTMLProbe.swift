import Foundation

/// A second reader of HTML for tests, knowing only what the installed cards use.
enum HTMLProbe {
    struct Tag: Hashable {
        var name: String
        var isEnd = false
        var attributes: [String: String] = [:]

        var classes: Set<String> { Set((attributes["class"] ?? "").split(separator: " ").map(String.init)) }

        /// The last value of a property in the style attribute.
        func style(_ property: String) -> String? {
            HTMLProbe.declarations(attributes["style"] ?? "")[property]
        }
    }

    enum Piece {
        case tag(Tag)
        case text(String)
    }

    /// Start and end tags in order, values as they are written.
    static func tags(_ html: String) -> [Tag] {
        pieces(html).compactMap { if case .tag(let tag) = $0 { tag } else { nil } }
    }

    /// Comments, doctype and style sheets are left out.
    static func pieces(_ html: String) -> [Piece] {
        var pieces: [Piece] = []
        var rest = Substring(html)
        while let start = rest.firstIndex(of: "<") {
            if start > rest.startIndex { pieces.append(.text(String(rest[..<start]))) }
            rest = rest[start...]
            if rest.hasPrefix("<!--") {
                rest = rest.range(of: "-->").map { rest[$0.upperBound...] } ?? ""
                continue
            }
            guard let end = rest.firstIndex(of: ">") else { break }
            let inside = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            guard !inside.hasPrefix("!") else { continue }
            let tag = tag(inside)
            if tag.name == "style", !tag.isEnd {
                rest = rest.range(of: "</style>").map { rest[$0.upperBound...] } ?? ""
            } else {
                pieces.append(.tag(tag))
            }
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        return pieces
    }

    private static func tag(_ text: Substring) -> Tag {
        let isEnd = text.hasPrefix("/")
        let name = text.drop { $0 == "/" }.prefix { !$0.isWhitespace }
        var tag = Tag(name: name.lowercased(), isEnd: isEnd)
        var rest = Array(text.utf8)[...]
        while let equals = rest.firstIndex(of: UInt8(ascii: "=")), equals + 1 < rest.endIndex {
            let key = rest[..<equals].split { $0 <= 0x20 }.last ?? []
            guard rest[equals + 1] == UInt8(ascii: "\"") else { break }
            let value = rest[(equals + 2)...].prefix { $0 != UInt8(ascii: "\"") }
            tag.attributes[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            rest = rest[value.endIndex...].dropFirst()
        }
        return tag
    }

    static func declarations(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        for declaration in text.split(separator: ";") {
            let parts = declaration.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
            if parts.count == 2 { found[parts[0]] = parts[1] }
        }
        return found
    }

    /// What stands between the braces after the first appearance of a text.
    static func block(after text: String, in css: String) -> Substring? {
        guard let start = css.range(of: text)?.upperBound, let open = css[start...].firstIndex(of: "{") else { return nil }
        var depth = 0
        for index in css[open...].indices {
            if css[index] == "{" { depth += 1 }
            if css[index] == "}" { depth -= 1 }
            if depth == 0 { return css[css.index(after: open)..<index] }
        }
        return nil
    }

    /// Selector to declarations, without `!important`.
    static func rules(_ css: some StringProtocol) -> [String: [String: String]] {
        var rules: [String: [String: String]] = [:]
        for match in String(css).matches(of: /([^{}]+)\{([^{}]*)\}/) {
            for selector in match.1.split(separator: ",") {
                let text = match.2.replacingOccurrences(of: "!important", with: "")
                rules[selector.trimmingCharacters(in: .whitespacesAndNewlines), default: [:]].merge(declarations(text)) { _, new in new }
            }
        }
        return rules
    }
}
