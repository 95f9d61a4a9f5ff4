import RegardsCore

/// A picture that travels inside the message.
package struct CardPicture: Sendable {
    /// File name as in `src="…"`.
    package var name: String
    /// Content-ID without angle brackets, derived from the picture's bytes.
    package var contentID: String
    /// The finished MIME part, headers and body: the same in every message, so it is encoded once, and only this form is
    /// kept.
    var part: [UInt8]
    private var bodyStart: Int

    /// The kinds of picture that mail clients show, told by their first bytes.
    enum Kind: String, CaseIterable {
        case png, jpeg, gif

        static func of(name: some StringProtocol) -> Kind? {
            guard let dot = name.lastIndex(of: ".") else { return nil }
            let ending = name[name.index(after: dot)...].lowercased()
            return Kind(rawValue: ending == "jpg" ? "jpeg" : ending)
        }

        func fits(_ bytes: [UInt8]) -> Bool {
            switch self {
            case .png: bytes.starts(with: [0x89, 0x50, 0x4e, 0x47])
            case .jpeg: bytes.starts(with: [0xff, 0xd8, 0xff])
            case .gif: bytes.starts(with: "GIF8".utf8)
            }
        }
    }

    init(name: String, kind: Kind, bytes: [UInt8]) {
        self.name = name
        contentID = Digest.hex(Digest.sha256(bytes).prefix(12)) + "@regards"
        let head = """
            Content-Type: image/\(kind.rawValue); name="\(name)"\r
            Content-Transfer-Encoding: base64\r
            Content-ID: <\(contentID)>\r
            Content-Disposition: inline; filename="\(name)"\r
            \r

            """
        bodyStart = head.utf8.count
        part = []
        part.reserveCapacity(bodyStart + TransferEncoding.base64Count(of: bytes.count))
        part += head.utf8
        TransferEncoding.appendBase64(bytes, to: &part)
    }

    /// True where the page names it.
    func isShown(in html: String) -> Bool {
        var html = html
        return html.withUTF8 { $0.firstIndex(of: "cid:" + contentID) != nil }
    }

    /// The file's bytes, decoded anew at each call.
    package var bytes: [UInt8] { TransferEncoding.decodedBase64(part[bodyStart...]) }
}

/// The picture above a card's text: the same for everybody, or one for each animal of the Chinese zodiac.
struct CardCover: Sendable {
    /// In a file's name it stands for the animal: `spring-festival-{zodiac}.png`.
    static let placeholder = "{zodiac}"

    var standard: CardPicture
    /// From Rat to Pig; empty where there is but one picture.
    var animals: [CardPicture] = []

    var all: [CardPicture] { [standard] + animals }

    func picture(for fields: CardFields) -> CardPicture {
        guard case .group(let occasion)? = fields.values["occasion"], case .zodiac(let animal)? = occasion["zodiac"],
            animals.indices.contains(animal)
        else { return standard }
        return animals[animal]
    }
}

/// The `src="…"` attributes of a template.
struct PictureReferences {
    struct Found {
        /// The attribute's value, a range of UTF-8 offsets.
        var range: Range<Int>
        var value: String
        var line: Int
        var column: Int

        /// True for the card's own picture, which its front matter names.
        var isCover: Bool { value.filter { $0 != " " } == "{{card.picture}}" }
    }

    /// - Parameter line: of the text's beginning in its file.
    static func find(in text: String, line firstLine: Int) -> [Found] {
        let bytes = Array(text.utf8)
        var found: [Found] = []
        var line = firstLine
        var lineStart = 0
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x0a {
                line += 1
                lineStart = index + 1
            } else if let range = value(at: index, in: bytes) {
                let before = String(decoding: bytes[lineStart..<range.lowerBound], as: UTF8.self)
                found.append(
                    Found(
                        range: range, value: String(decoding: bytes[range], as: UTF8.self), line: line,
                        column: before.count + 1))
            }
            index += 1
        }
        return found
    }

    /// The quoted value when white space, `src`, `=` and a quote begin at the index.
    private static func value(at start: Int, in bytes: [UInt8]) -> Range<Int>? {
        guard bytes[start] <= 0x20, start + 6 < bytes.count, bytes[start + 1] | 0x20 == UInt8(ascii: "s"),
            bytes[start + 2] | 0x20 == UInt8(ascii: "r"), bytes[start + 3] | 0x20 == UInt8(ascii: "c")
        else { return nil }
        var index = start + 4
        while index < bytes.count, bytes[index] <= 0x20 { index += 1 }
        guard index < bytes.count, bytes[index] == UInt8(ascii: "=") else { return nil }
        index += 1
        while index < bytes.count, bytes[index] <= 0x20 { index += 1 }
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "'") else { return nil }
        let quote = bytes[index]
        let end = bytes[(index + 1)...].firstIndex(of: quote) ?? bytes.count
        return (index + 1)..<end
    }
}
