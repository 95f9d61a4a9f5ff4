/// A mail address that is safe to put on the wire: one `@` with something on both sides, no byte below
/// 0x21, no 0x7f, no `<`, `>`, `,` or `"`. Quoted local parts (RFC 5321 4.1.2) are legal and refused on
/// purpose: hardly any mailbox has one, and they are the usual vehicle of injection.
///
/// Its description is masked: an address never reaches the journal by interpolation.
package struct Address: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    private let at: String.Index

    /// - Throws: `AddressError` with the reason, which never repeats the address.
    package init(_ text: String) throws(AddressError) {
        guard text.utf8.count <= 254 else { throw .tooLong }
        for byte in text.utf8 {
            switch byte {
            case ..<0x21, 0x7f: throw .controlOrSpace
            case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ","), UInt8(ascii: "\""),
                UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "\\"):
                throw .forbiddenCharacter
            default: continue
            }
        }
        guard let at = text.lastIndex(of: "@"), at != text.startIndex, text.firstIndex(of: "@") == at,
            text.index(after: at) != text.endIndex
        else { throw .notLocalAtDomain }
        guard text[..<at].utf8.count <= 64 else { throw .tooLong }
        try Address.check(domain: text[text.index(after: at)...])
        self.text = text
        self.at = at
    }

    package var localPart: Substring { text[..<at] }
    package var domain: Substring { text[text.index(after: at)...] }
    /// True when the address can only travel with SMTPUTF8 (RFC 6531).
    package var needsUTF8: Bool { text.utf8.contains { $0 > 0x7f } }
    /// Case folded, for counting per address: two spellings of one mailbox count as one.
    package var folded: String { text.lowercased() }
    package var description: String { "…@" + domain }

    private static func check(domain: Substring) throws(AddressError) {
        for label in domain.split(separator: ".", omittingEmptySubsequences: false) {
            guard !label.isEmpty, label.utf8.count <= 63, label.first != "-", label.last != "-" else {
                throw .badDomain
            }
            for byte in label.utf8 {
                let isLetterOrDigit = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                guard isLetterOrDigit || byte == 0x2d || byte == 0x5f || byte > 0x7f else { throw .badDomain }
            }
        }
    }
}

/// Why a text is no usable mail address.
package enum AddressError: Error, Hashable, Sendable, CustomStringConvertible {
    case controlOrSpace, forbiddenCharacter, notLocalAtDomain, badDomain, tooLong

    package var description: String {
        switch self {
        case .controlOrSpace: "contains a space or a control character"
        case .forbiddenCharacter: "contains one of < > , ; \" ( ) \\"
        case .notLocalAtDomain: "is not of the form name@domain"
        case .badDomain: "has a domain that cannot exist"
        case .tooLong: "is too long (64 bytes before the @, 254 in all)"
        }
    }
}

/// Who a message goes from and to on the wire (RFC 5321 3.3), apart from what its headers say.
package struct Envelope: Hashable, Sendable {
    package var sender: Address
    package var recipient: Address

    package init(sender: Address, recipient: Address) {
        self.sender = sender
        self.recipient = recipient
    }
}

/// A finished message as it goes to a channel: for mail a complete RFC 5322 message with CR LF line ends,
/// not dot-stuffed; for a webhook its body.
package struct RenderedMessage: Sendable {
    /// Stable for one outreach over all its attempts: the Message-ID without angle brackets, or the webhook id.
    package var id: String
    package var bytes: [UInt8]

    package init(id: String, bytes: [UInt8]) {
        self.id = id
        self.bytes = bytes
    }
}

/// A value that must not be shown: its description is fixed.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let reveal: String
    package init(_ text: String) { reveal = text }
    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Takes personal data out of what other programs answer, before it is logged or stored.
package enum Redaction {
    /// A reply in one line of at most 200 characters: control characters become spaces, and every word with
    /// an `@` in it becomes `<address>`, because servers like to repeat the recipient.
    package static func reply(_ text: some StringProtocol) -> String {
        let words = text.split { $0.isWhitespace || ($0.unicodeScalars.first.map { $0.value < 0x20 || $0.value == 0x7f } ?? true) }
        let clean = words.map { $0.contains("@") ? "<address>" : String($0) }.joined(separator: " ")
        return clean.count <= 200 ? clean : clean.prefix(199) + "…"
    }
}
