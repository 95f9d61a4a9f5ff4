/// One complete reply of a relay (RFC 5321 4.2), all its lines together.
struct SMTPReply: Hashable, Sendable {
    /// Three digits, 200 to 599.
    var code: Int
    /// The lines after their codes, joined by spaces. Not yet redacted.
    var text: String

    struct Enhanced: Hashable, Sendable, CustomStringConvertible {
        var level: Int, subject: Int, detail: Int
        var description: String { "\(level).\(subject).\(detail)" }
    }

    /// Class, subject and detail of an enhanced status code (RFC 3463), if the reply starts with one.
    var enhanced: Enhanced? {
        guard let word = text.split(separator: " ", maxSplits: 1).first else { return nil }
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let numbers = parts.compactMap { $0.utf8.count <= 3 ? Int($0) : nil }
        guard numbers.count == 3, [2, 4, 5].contains(numbers[0]), numbers[1] >= 0, numbers[2] >= 0 else { return nil }
        return Enhanced(level: numbers[0], subject: numbers[1], detail: numbers[2])
    }
}

/// Turns received bytes into replies, however they are cut into packets.
///
/// A relay that sends a line without end, more than 64 KiB of continuation lines, or anything that does not start with
/// a reply code is not worth talking to: the parser then reports `broken` and the session ends.
struct SMTPReplyParser {
    enum Found: Equatable {
        case reply(SMTPReply)
        /// What came is not SMTP; the text says why.
        case broken(String)
    }

    static let longestLine = 4096
    static let longestReply = 64 * 1024

    private var found: [Found] = []
    private var isBroken = false
    private var line: [UInt8] = []
    /// Of the lines of a reply that is not complete.
    private var text: [UInt8] = []
    private var hasLines = false
    private var code = 0
    private var size = 0

    /// True when nothing is waiting, not even half a line.
    var isEmpty: Bool { found.isEmpty && line.isEmpty && !hasLines }

    /// The next complete reply, in the order they came.
    mutating func next() -> Found? {
        found.isEmpty ? nil : found.removeFirst()
    }

    /// Takes received bytes; after `broken` nothing more.
    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !isBroken, !rest.isEmpty {
            let stop = rest.firstIndex(of: 0x0a) ?? rest.endIndex
            line += rest[..<stop]
            size += stop - rest.startIndex
            if line.count > Self.longestLine { return end(.broken("a reply line without an end")) }
            guard stop < rest.endIndex else { return }
            size += 1
            rest = rest[(stop + 1)...]
            if let result = endLine() { end(result) }
            line.removeAll(keepingCapacity: true)
        }
    }

    private mutating func end(_ result: Found) {
        found.append(result)
        if case .broken = result { isBroken = true }
    }

    private mutating func endLine() -> Found? {
        if line.last == 0x0d { line.removeLast() }
        if size > Self.longestReply { return .broken("a reply of more than 64 KiB") }
        guard let (number, isLast) = Self.head(of: line) else { return .broken("a line without a reply code") }
        if hasLines, number != code { return .broken("a reply with two different codes") }
        code = number
        if hasLines { text.append(0x20) }
        text += line.dropFirst(4)
        hasLines = !isLast
        guard isLast else { return nil }
        let reply = SMTPReply(code: code, text: String(decoding: text, as: UTF8.self))
        text.removeAll(keepingCapacity: true)
        size = 0
        return .reply(reply)
    }

    /// The code, and whether no further line of the reply follows.
    private static func head(of line: [UInt8]) -> (code: Int, isLast: Bool)? {
        guard line.count >= 3 else { return nil }
        var code = 0
        for byte in line[0...2] {
            guard (0x30...0x39).contains(byte) else { return nil }
            code = code * 10 + Int(byte - 0x30)
        }
        guard (200...599).contains(code) else { return nil }
        guard line.count > 3 else { return (code, true) }
        switch line[3] {
        case UInt8(ascii: "-"): return (code, false)
        case UInt8(ascii: " "): return (code, true)
        default: return nil
        }
    }
}
