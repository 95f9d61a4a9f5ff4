/// A mail address that is safe to put on the wire: a dot-atom of RFC 5322 3.2.3, `@`, and a domain name; letters beyond
/// ASCII are allowed on both sides (RFC 6531). No byte below 0x21, no 0x7f, none of `< > ( ) [ ] , ; : " \`, and no
/// character that cannot be seen.
///
/// Quoted local parts and address literals (RFC 5321 4.1.2, 4.1.3) are legal and refused on purpose: hardly any mailbox
/// has one, and they are the usual vehicle of injection.
///
/// Its description is masked: an address never reaches the journal by interpolation.
package struct Address: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let text: String
    /// Of the one `@`. Found among the bytes, because that is what the relay sees: as a character, an `@` with an
    /// accent on it would be another one.
    private let at: String.Index

    /// - Throws: `AddressError` with the reason, which never repeats the address.
    package init(_ text: String) throws(AddressError) {
        guard text.utf8.count <= 254 else { throw .tooLong }
        let bytes = Address.Survey(text)
        guard !bytes.hasUnseen, bytes.isASCII || !text.unicodeScalars.contains(where: Address.isUnseen) else {
            throw .controlOrSpace
        }
        guard bytes.signs == 1, let at = text.utf8.firstIndex(of: UInt8(ascii: "@")), at != text.startIndex,
            text.utf8.index(after: at) != text.endIndex
        else { throw .notLocalAtDomain }
        let domain = text[text.utf8.index(after: at)...]
        guard domain.utf8.first != UInt8(ascii: "[") else { throw .addressLiteral }
        guard !bytes.hasForbidden else { throw .forbiddenCharacter }
        try Address.check(localPart: text[..<at])
        try Address.check(domain: domain)
        self.text = text
        self.at = at
    }

    /// What one look at each byte tells. Every candidate of a pass has its address read, so it is one look.
    private struct Survey {
        var signs = 0
        var hasUnseen = false
        var hasForbidden = false
        var isASCII = true

        init(_ text: String) {
            for byte in text.utf8 {
                switch byte {
                case ..<0x21, 0x7f: hasUnseen = true
                case UInt8(ascii: "@"): signs += 1
                case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
                    UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "\""),
                    UInt8(ascii: "\\"):
                    hasForbidden = true
                case 0x80...: isASCII = false
                default: break
                }
            }
        }
    }

    package var localPart: Substring { text[..<at] }
    package var domain: Substring { text[text.utf8.index(after: at)...] }
    /// True when the address can only travel with SMTPUTF8 (RFC 6531).
    package var needsUTF8: Bool { text.utf8.contains { $0 > 0x7f } }
    /// Case folded, for counting per address: two spellings of one mailbox count as one.
    package var folded: String { text.lowercased() }
    package var description: String { "…@" + domain }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Controls, every kind of space, marks that only change how text is shown, and the sign for text that was damaged
    /// on its way here. The two joiners are left: Persian and Indic domains are spelled with them.
    private static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case ..<0x21, 0x7f, 0xfffd: return true
        case ..<0x80, 0x200c, 0x200d: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: return true
        default: return false
        }
    }

    private static func check(localPart: Substring) throws(AddressError) {
        guard localPart.utf8.count <= 64 else { throw .tooLong }
        let dot = UInt8(ascii: ".")
        var previous = dot
        for byte in localPart.utf8 {
            guard byte != dot || previous != dot else { throw .badDots }
            previous = byte
        }
        guard previous != dot else { throw .badDots }
    }

    /// The length counts in bytes (RFC 1035 2.3.4); of a name beyond ASCII its encoded form is the relay's to measure.
    private static func check(domain: Substring) throws(AddressError) {
        var (length, previous, isNumber) = (0, UInt8(ascii: "-"), true)
        for byte in domain.utf8 {
            if byte == UInt8(ascii: ".") {
                guard length > 0, length <= 63, previous != UInt8(ascii: "-") else { throw .badDomain }
                (length, previous, isNumber) = (0, UInt8(ascii: "-"), true)
                continue
            }
            let isDigit = (0x30...0x39).contains(byte)
            let isLetter = (0x61...0x7a).contains(TextMatch.folded(byte)) || byte == UInt8(ascii: "_") || byte > 0x7f
            guard isDigit || isLetter || byte == UInt8(ascii: "-") && length > 0 else { throw .badDomain }
            (length, previous, isNumber) = (length + 1, byte, isNumber && isDigit)
        }
        // A number at the end: an IPv4 address without brackets, because no top level domain is one.
        guard length > 0, length <= 63, previous != UInt8(ascii: "-"), !isNumber else { throw .badDomain }
    }
}

/// Why a text is no usable mail address.
package enum AddressError: Error, Hashable, Sendable, CustomStringConvertible {
    case controlOrSpace, forbiddenCharacter, notLocalAtDomain, badDots, addressLiteral, badDomain, tooLong

    package var description: String {
        switch self {
        case .controlOrSpace: "contains a space, a control character or one that cannot be seen"
        case .forbiddenCharacter: "contains one of < > ( ) [ ] , ; : \" \\"
        case .notLocalAtDomain: "is not of the form name@domain"
        case .badDots: "has a dot at the beginning or end of the part before the @, or two in a row"
        case .addressLiteral: "has an address in brackets instead of a domain name"
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
    /// The codes a reply begins with, such as `5.1.1` or `550 5.1.1` (RFC 3463); empty where it begins with a word.
    package static func codes(_ text: some StringProtocol) -> String {
        guard let first = text.utf8.first, first <= UInt8(ascii: "9") else { return "" }
        return text.split(separator: " ").prefix { word in word.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e } }
            .joined(separator: " ")
    }

    /// A reply in one line of at most 200 characters: controls and marks of direction become spaces, and every word
    /// with an `@` in it becomes `<address>`, because servers like to repeat the recipient.
    package static func reply(_ text: some StringProtocol) -> String {
        if isPlain(text) { return String(text) }
        let words = text.unicodeScalars.split { isBreak($0) }
        let clean = words.map { $0.contains("@") ? "<address>" : String(String.UnicodeScalarView($0)) }.joined(separator: " ")
        let scalars = clean.unicodeScalars
        return scalars.count <= 200 ? clean : String(String.UnicodeScalarView(scalars.prefix(199))) + "…"
    }

    /// A short line of visible ASCII with single spaces in it and no address, as most replies are: nothing to take out.
    private static func isPlain(_ text: some StringProtocol) -> Bool {
        guard text.utf8.count <= 200 else { return false }
        var previous: UInt8 = 0x20
        for byte in text.utf8 {
            guard (0x20...0x7e).contains(byte), byte != UInt8(ascii: "@"), byte != 0x20 || previous != 0x20 else { return false }
            previous = byte
        }
        return previous != 0x20
    }

    /// Spaces, and whatever moves a terminal's cursor or changes the direction of writing.
    private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
