/// One tag of an HTML text.
struct HTMLTag {
    /// In lower case.
    var name: String
    var isClosing: Bool
    var isSelfClosed: Bool
    /// Where the attributes stand.
    private var inside: Range<Int>
    /// The index after `>`.
    var end: Int

    var isVoid: Bool { ["br", "img", "hr", "meta", "link", "input", "col", "wbr", "area", "base"].contains(name) }

    /// nil where `<` is only a character.
    static func read(_ html: [UInt8], at start: Int) -> HTMLTag? {
        var index = start + 1
        guard index < html.count else { return nil }
        let isClosing = html[index] == UInt8(ascii: "/")
        if isClosing { index += 1 }
        let nameStart = index
        while index < html.count, isNameByte(html[index]) { index += 1 }
        guard index > nameStart, html[nameStart] | 0x20 >= UInt8(ascii: "a") else { return nil }
        let nameEnd = index
        var quote: UInt8 = 0
        while index < html.count, quote != 0 || html[index] != UInt8(ascii: ">") {
            let byte = html[index]
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            }
            index += 1
        }
        return HTMLTag(
            name: String(decoding: html[nameStart..<nameEnd], as: UTF8.self).lowercased(), isClosing: isClosing,
            isSelfClosed: index < html.count && html[index - 1] == UInt8(ascii: "/"), inside: nameEnd..<index,
            end: min(index + 1, html.count))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
    }

    /// True for `display:none` and the `hidden` attribute.
    func isHidden(in html: [UInt8]) -> Bool {
        var style: Range<Int>?
        var attributes = HTMLAttributes(html: html, inside: inside)
        while let (name, value) = attributes.next() {
            if HTMLTag.isSame(html[name], "hidden") { return true }
            if style == nil, HTMLTag.isSame(html[name], "style") { style = value }
        }
        return style.map { HTMLTag.hides(html[$0]) } ?? false
    }

    private static func hides(_ style: ArraySlice<UInt8>) -> Bool {
        style.contains(UInt8(ascii: "&")) ? holdsDisplayNone(decoded(style)[...]) : holdsDisplayNone(style)
    }

    /// Whatever the case of its letters, and with white space anywhere.
    private static func holdsDisplayNone(_ style: ArraySlice<UInt8>) -> Bool {
        style.indices.contains { start in
            guard style[start] | 0x20 == UInt8(ascii: "d") else { return false }
            let packed = style[start...].lazy.filter { $0 > 0x20 }.map { byte in
                (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
            }
            return packed.starts(with: "display:none".utf8)
        }
    }

    /// The value with entities decoded and white space at the ends taken off; nil without the attribute.
    func attribute(_ name: StaticString, in html: [UInt8]) -> [UInt8]? {
        var attributes = HTMLAttributes(html: html, inside: inside)
        while let (found, value) = attributes.next() {
            if HTMLTag.isSame(html[found], name) { return HTMLTag.decoded(html[value]) }
        }
        return nil
    }

    private static func isSame(_ bytes: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
        bytes.count == name.utf8CodeUnitCount && zip(bytes, 0...).allSatisfy { $0 | 0x20 == name.utf8Start[$1] }
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let all = Array(bytes)
        var result: [UInt8] = []
        var index = 0
        while index < all.count {
            if all[index] == UInt8(ascii: "&"), let (decoded, end) = HTMLEntity.read(all, at: index) {
                result += decoded
                index = end
            } else {
                result.append(all[index])
                index += 1
            }
        }
        while let last = result.last, last <= 0x20 { result.removeLast() }
        return Array(result.drop { $0 <= 0x20 })
    }
}

/// Reads the attributes of a tag one after the other.
private struct HTMLAttributes {
    private let html: [UInt8]
    private let end: Int
    private var index: Int

    init(html: [UInt8], inside: Range<Int>) {
        self.html = html
        index = inside.lowerBound
        end = inside.upperBound
    }

    /// Where the name and the value stand; an attribute without a value has an empty one.
    mutating func next() -> (name: Range<Int>, value: Range<Int>)? {
        guard index < end else { return nil }
        while index < end, html[index] <= 0x20 || html[index] == UInt8(ascii: "/") { index += 1 }
        let start = index
        while index < end, html[index] > 0x20, html[index] != UInt8(ascii: "=") { index += 1 }
        let name = start..<index
        while index < end, html[index] <= 0x20 { index += 1 }
        guard index < end, html[index] == UInt8(ascii: "=") else { return (name, index..<index) }
        return (name, value())
    }

    /// What stands behind the equals sign at the index.
    private mutating func value() -> Range<Int> {
        index += 1
        while index < end, html[index] <= 0x20 { index += 1 }
        guard index < end else { return index..<index }
        let quote = html[index]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            let start = index + 1
            index = start
            while index < end, html[index] != quote { index += 1 }
            defer { index = min(index + 1, end) }
            return start..<index
        }
        let start = index
        while index < end, html[index] > 0x20 { index += 1 }
        return start..<index
    }
}

/// Character references: numbers, and the names that mails use.
enum HTMLEntity {
    /// What a reference at `&` stands for, as UTF-8, and the index after it; nil where `&` is only a character.
    static func read(_ html: [UInt8], at start: Int) -> (bytes: [UInt8], end: Int)? {
        var end = start + 1
        while end < html.count, end - start < 12, html[end] != UInt8(ascii: ";") { end += 1 }
        guard end < html.count, html[end] == UInt8(ascii: ";"), end > start + 1 else { return nil }
        let name = html[(start + 1)..<end]
        if name.first == UInt8(ascii: "#") {
            guard let scalar = number(name.dropFirst()) else { return nil }
            return (Array(String(scalar).utf8), end + 1)
        }
        guard let value = names[String(decoding: name, as: UTF8.self)] else { return nil }
        return (Array(String(value).utf8), end + 1)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Unicode.Scalar? {
        let text = String(decoding: digits, as: UTF8.self)
        let value = text.first == "x" || text.first == "X" ? UInt32(text.dropFirst(), radix: 16) : UInt32(text)
        guard let value else { return nil }
        return value == 0 ? "\u{fffd}" : Unicode.Scalar(value) ?? "\u{fffd}"
    }

    /// The entities of Latin-1 in the order of their code points from U+00A0, then the usual others.
    private static let names: [String: Unicode.Scalar] = {
        let latin = """
            nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
            micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
            AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml \
            times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
            egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
            ugrave uacute ucirc uuml yacute thorn yuml
            """
        var names: [String: Unicode.Scalar] = [
            "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "OElig": "Œ", "oelig": "œ", "Scaron": "Š",
            "scaron": "š", "Yuml": "Ÿ", "ensp": "\u{2002}", "emsp": "\u{2003}", "thinsp": "\u{2009}",
            "zwnj": "\u{200c}", "zwj": "\u{200d}", "lrm": "\u{200e}", "rlm": "\u{200f}", "ndash": "–", "mdash": "—",
            "lsquo": "‘", "rsquo": "’", "sbquo": "‚", "ldquo": "“", "rdquo": "”", "bdquo": "„", "dagger": "†",
            "bull": "•", "hellip": "…", "permil": "‰", "lsaquo": "‹", "rsaquo": "›", "euro": "€", "trade": "™",
            "larr": "←", "uarr": "↑", "rarr": "→", "darr": "↓", "minus": "−", "hearts": "♥", "check": "✓", "star": "☆",
        ]
        for (offset, name) in latin.split(separator: " ").enumerated() {
            names[String(name)] = Unicode.Scalar(0xa0 + UInt32(offset))
        }
        return names
    }()
}
