import Mustache
import RegardsCore

/// One language of one card, ready to render on any thread.
struct CompiledCard: Sendable {
    /// The file's locale, or the default for a file without one.
    var locale: String
    var subject: MustacheTemplate
    var preheader: MustacheTemplate?
    var html: MustacheTemplate
    /// The text written beside the card; nil: derived from the HTML.
    var text: MustacheTemplate?
    var htmlPartials: MustacheLibrary
    var textPartials: MustacheLibrary
    var pictures: [CardPicture]
    /// The picture of the front matter, and what it shows.
    var cover: CardCover?
    var alt: MustacheTemplate?
    var variables: [CardVariable]
    /// Names that nothing need fill.
    var optional: Set<String>
}

/// A `NAME.json` card.
struct CompiledBody: Sendable {
    var template: MustacheTemplate
    var variables: [CardVariable]
}

/// What a template's values are escaped for.
enum CardContent: String, Sendable {
    case html = "REGARDS-HTML"
    case text = "TEXT"
    case json = "REGARDS-JSON"

    /// Compiles a text whose tags were checked.
    func compile(_ source: String) throws -> MustacheTemplate {
        _ = CardContent.registration
        // On a line of its own the pragma leaves nothing behind.
        return try MustacheTemplate(string: "{{% CONTENT_TYPE: \(rawValue)}}\n" + CardContent.withWholeNames(source))
    }

    /// Writes dotted names with another mark, so that each is one look-up in the scope: swift-mustache takes them apart,
    /// and asks a group in the same way for its member and, inside a section, for any name at all.
    private static func withWholeNames(_ source: String) -> String {
        var bytes = Array(source.utf8)
        var isInTag = false
        for index in bytes.indices.dropLast() {
            switch (bytes[index], bytes[index + 1]) {
            case (UInt8(ascii: "{"), UInt8(ascii: "{")): isInTag = true
            case (UInt8(ascii: "}"), UInt8(ascii: "}")): isInTag = false
            case (UInt8(ascii: "."), _) where isInTag: bytes[index] = CardScope.dot
            default: break
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let registration: Void = {
        MustacheContentTypes.register(HTMLEscaping(), named: CardContent.html.rawValue)
        MustacheContentTypes.register(JSONEscaping(), named: CardContent.json.rawValue)
    }()
}

/// Escapes by bytes. swift-mustache's own escaping goes by `Character`, so a `<` or `"` that is followed by a combining
/// mark counts as another character and passes as it is.
private struct HTMLEscaping: MustacheContentType {
    func escapeText(_ text: String) -> String {
        guard text.utf8.contains(where: { HTMLEscaping.replacement($0) != nil }) else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 32)
        for byte in text.utf8 {
            if let replacement = HTMLEscaping.replacement(byte) {
                replacement.withUTF8Buffer { result.append(contentsOf: $0) }
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func replacement(_ byte: UInt8) -> StaticString? {
        switch byte {
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "\""): "&quot;"
        case UInt8(ascii: "'"): "&#39;"
        default: nil
        }
    }
}

/// For the inside of a JSON string (RFC 8259 7).
private struct JSONEscaping: MustacheContentType {
    func escapeText(_ text: String) -> String {
        var result: [UInt8] = []
        JSONText.appendEscaped(text, to: &result)
        return String(decoding: result, as: UTF8.self)
    }
}
