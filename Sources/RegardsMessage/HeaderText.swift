import RegardsCore

/// Writes header lines (RFC 5322 2.2, 3.2; RFC 2047). Lines are folded at 78 characters, those with encoded words at
/// 76; everything is ASCII except a sender's address that is not.
struct HeaderWriter {
    private(set) var bytes: [UInt8] = []
    private var column = 0

    init() { bytes.reserveCapacity(1024) }

    // MARK: Lines

    /// A value that is ASCII and holds no line break.
    mutating func line(_ name: String, verbatim value: String) {
        begin(name)
        fold(value, limit: 78)
        end()
    }

    /// Free text, such as a subject.
    mutating func line(_ name: String, text: String) {
        begin(name)
        unstructured(HeaderWriter.cleaned(text))
        end()
    }

    mutating func line(_ name: String, mailbox contact: Contact) {
        begin(name)
        let phrase = HeaderWriter.cleaned(contact.name)
        if !phrase.isEmpty {
            self.phrase(phrase)
            // The limit of a line with encoded words, which the name may be.
            put("<\(contact.address.text)>".utf8, limit: 76)
        } else {
            put(contact.address.text.utf8, limit: 78)
        }
        end()
    }

    /// As `mailbox`, but a recipient whose address is not ASCII is written as an empty group of their name, as RFC 6857
    /// 2.1 does where a field must be ASCII: raw, the address would make every reader that does not know RFC 6532
    /// stumble over the whole field. The way it goes is the envelope's matter.
    mutating func line(_ name: String, recipient contact: Contact) {
        guard contact.address.needsUTF8 else { return line(name, mailbox: contact) }
        begin(name)
        let name = HeaderWriter.cleaned(contact.name)
        phrase(name.isEmpty ? contact.address.text : name)
        put(":;".utf8, limit: 76)
        end()
    }

    private mutating func begin(_ name: String) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ":"))
        column = name.utf8.count + 1
    }

    private mutating func end() {
        bytes.append(0x0d)
        bytes.append(0x0a)
        column = 0
    }

    /// One space, or a fold where the word would pass the limit, then the word.
    private mutating func put(_ word: some Collection<UInt8>, limit: Int) {
        if column + 1 + word.count > limit, column > 1 {
            end()
        }
        append(word)
    }

    private mutating func append(_ word: some Collection<UInt8>) {
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: word)
        column += word.count + 1
    }

    // MARK: Text

    /// Control characters, line breaks and separators of every kind become spaces: nothing in a value can begin a
    /// header line of its own.
    static func cleaned(_ text: String) -> String {
        if isClean(text) { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029: scalars.append(" ")
            default: scalars.append(scalar)
            }
        }
        var view = scalars[...]
        while view.first == " " { view.removeFirst() }
        while view.last == " " { view.removeLast() }
        return String(view)
    }

    /// False for some texts, too, that would stay as they are: the first bytes of the separators are asked about alone.
    private static func isClean(_ text: String) -> Bool {
        let text = text.utf8
        guard text.first != 0x20, text.last != 0x20 else { return false }
        return text.allSatisfy { $0 >= 0x20 && $0 != 0x7f && $0 != 0xc2 && $0 != 0xe2 }
    }

    private mutating func unstructured(_ text: String) {
        guard !text.isEmpty else { return }
        if HeaderWriter.isPlain(text) { fold(text, limit: 78) } else { encodedWords(text) }
    }

    /// Breaks only where one space stands between two words, so that unfolding gives back the same text.
    private mutating func fold(_ text: String, limit: Int) {
        let text = text.utf8
        if column + 1 + text.count <= limit { return append(text) }
        for word in text.split(separator: 0x20, omittingEmptySubsequences: false) {
            if word.isEmpty || bytes.last == 0x20 { append(word) } else { put(word, limit: limit) }
        }
    }

    /// Can the text stand as it is? ASCII without what looks like an encoded word, and no word too long to fold.
    private static func isPlain(_ text: String) -> Bool {
        var length = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            guard byte < 0x7f else { return false }
            if previous == UInt8(ascii: "="), byte == UInt8(ascii: "?") { return false }
            // A run of spaces cannot be folded without losing one.
            length = byte == 0x20 && previous != 0x20 ? 0 : length + 1
            if length > 64 { return false }
            previous = byte
        }
        return true
    }

    /// A display name: words of letters as they are, other ASCII in quotes, everything else encoded.
    private mutating func phrase(_ text: String) {
        guard HeaderWriter.isPlain(text), text.utf8.count <= 60 else { return encodedWords(text) }
        let words = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false)
        if words.allSatisfy({ !$0.isEmpty && $0.allSatisfy(HeaderWriter.isAtomText) }) {
            return fold(text, limit: 78)
        }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { quoted.append(UInt8(ascii: "\\")) }
            quoted.append(byte)
        }
        quoted.append(UInt8(ascii: "\""))
        guard quoted.count <= 66 else { return encodedWords(text) }
        put(quoted, limit: 78)
    }

    /// RFC 5322 3.2.3.
    private static func isAtomText(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
        }
    }

    // MARK: Encoded words

    /// The whole text as encoded words of at most 75 characters, each a whole number of characters.
    private mutating func encodedWords(_ text: String) {
        let usesQ = HeaderWriter.prefersQ(text)
        // `=?utf-8?Q?` and `?=` take 12 of 75; a line with encoded words has at most 76.
        var room = min(63, 76 - column - 1 - 12)
        var word: [UInt8] = []
        var wordSize = 0
        for piece in HeaderWriter.pieces(of: text) {
            let size = usesQ ? HeaderWriter.qSize(piece) : piece.count
            let total = wordSize + size
            if (usesQ ? total : (total + 2) / 3 * 4) > room, !word.isEmpty {
                putEncoded(word, usesQ: usesQ)
                word.removeAll(keepingCapacity: true)
                wordSize = 0
                room = 63
            }
            word.append(contentsOf: piece)
            wordSize += size
        }
        if !word.isEmpty { putEncoded(word, usesQ: usesQ) }
    }

    /// Characters as people see them; one that is too long for a word falls apart into its code points.
    private static func pieces(of text: String) -> [[UInt8]] {
        text.flatMap { character -> [[UInt8]] in
            let bytes = Array(character.utf8)
            // 21 bytes fit in either encoding even in the first, shortened word of a line.
            return bytes.count <= 12 ? [bytes] : character.unicodeScalars.map { Array(String($0).utf8) }
        }
    }

    private mutating func putEncoded(_ word: [UInt8], usesQ: Bool) {
        var encoded = Array("=?utf-8?\(usesQ ? "Q" : "B")?".utf8)
        if usesQ {
            for byte in word {
                if byte == 0x20 {
                    encoded.append(UInt8(ascii: "_"))
                } else if HeaderWriter.isQLiteral(byte) {
                    encoded.append(byte)
                } else {
                    encoded.append(UInt8(ascii: "="))
                    encoded.append(TransferEncoding.hexDigits[Int(byte >> 4)])
                    encoded.append(TransferEncoding.hexDigits[Int(byte & 15)])
                }
            }
        } else {
            TransferEncoding.appendBase64Word(word[...], to: &encoded)
        }
        encoded.append(contentsOf: "?=".utf8)
        put(encoded, limit: 76)
    }

    /// What RFC 2047 5(3) allows in a phrase, which is allowed everywhere.
    private static func isQLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!*+-/".utf8.contains(byte)
        }
    }

    private static func qSize(_ bytes: [UInt8]) -> Int {
        bytes.reduce(0) { $0 + ($1 == 0x20 || isQLiteral($1) ? 1 : 3) }
    }

    /// Readable in the source as long as it is not a third longer.
    private static func prefersQ(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return qSize(bytes) * 3 <= (bytes.count + 2) / 3 * 4 * 4
    }
}
