import RegardsCalendar
import RegardsCore

/// Puts a rendered card under its header lines: `alternative(text, html)`, with pictures
/// `alternative(text, related(html, pictures))`.
struct MessageWriter {
    let header: MessageHeader
    let card: RenderedCard

    func write() throws(CardError) -> [UInt8] {
        guard MessageWriter.isMessageID(header.id) else { throw .badHeader("Message-ID") }
        let outer = boundary("alternative")
        var message = try headerLines(boundary: outer)
        message.reserveCapacity(message.count + card.text.utf8.count * 2 + card.html.utf8.count * 2
            + card.pictures.reduce(0) { $0 + $1.part.count + 64 } + 1024)
        open(outer, in: &message)
        part("text/plain", card.text, in: &message)
        open(outer, in: &message)
        if card.pictures.isEmpty {
            part("text/html", card.html, in: &message)
        } else {
            let inner = boundary("related")
            put("Content-Type: multipart/related; type=\"text/html\";\r\n boundary=\"\(inner)\"\r\n", in: &message)
            open(inner, in: &message)
            part("text/html", card.html, in: &message)
            for picture in card.pictures {
                open(inner, in: &message)
                message.append(contentsOf: picture.part)
            }
            put("\r\n--\(inner)--", in: &message)
        }
        put("\r\n--\(outer)--\r\n", in: &message)
        return message
    }

    // MARK: Header

    private func headerLines(boundary: String) throws(CardError) -> [UInt8] {
        var lines = HeaderWriter()
        lines.line("Date", verbatim: StampText.rfc5322(header.date, header.zone))
        lines.line("From", mailbox: header.from)
        lines.line("To", recipient: header.to)
        if let replyTo = header.replyTo { lines.line("Reply-To", mailbox: replyTo) }
        lines.line("Subject", text: header.subjectPrefix + card.subject)
        lines.line("Message-ID", verbatim: "<\(header.id)>")
        if header.offersUnsubscribe, let address = header.unsubscribe {
            lines.line(
                "List-Unsubscribe", verbatim: "<\(UnsubscribeLink.mailto(address, token: header.unsubscribeToken))>")
        }
        lines.line("Auto-Submitted", verbatim: "auto-generated")
        for extra in header.extra {
            guard MessageWriter.isFieldName(extra.name) else { throw .badHeader(HeaderWriter.cleaned(extra.name)) }
            lines.line(extra.name, text: extra.value)
        }
        lines.line("MIME-Version", verbatim: "1.0")
        lines.line("Content-Type", verbatim: "multipart/alternative; boundary=\"\(boundary)\"")
        return lines.bytes
    }

    /// Lines that are written once; an extra one of the same name would make two.
    private static let ownNames: Set<String> = [
        "date", "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "message-id", "list-unsubscribe",
        "auto-submitted", "mime-version", "content-type", "content-transfer-encoding", "return-path", "received",
    ]

    private static func isFieldName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 60 && !ownNames.contains(name.lowercased())
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || $0 == UInt8(ascii: "-")
            }
    }

    /// `left@right`, both dot-atoms (RFC 5322 3.6.4), short enough for one line.
    private static func isMessageID(_ id: String) -> Bool {
        guard id.utf8.count <= 320 else { return false }
        var ats = 0
        var isInAtom = false
        for byte in id.utf8 {
            switch byte {
            case UInt8(ascii: "@"), UInt8(ascii: "."):
                guard isInAtom else { return false }
                if byte == UInt8(ascii: "@") { ats += 1 }
                isInAtom = false
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: isInAtom = true
            case _ where "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte): isInAtom = true
            default: return false
            }
        }
        return ats == 1 && isInAtom
    }

    // MARK: Parts

    /// `=_` occurs in neither encoding (RFC 2045 6.7), so no content can hold the boundary.
    private func boundary(_ use: String) -> String {
        "=_" + Digest.hex(Digest.sha256(Array("\(use)/\(header.id)".utf8)).prefix(12))
    }

    /// The line break before the hyphens belongs to the boundary, not to the part above (RFC 2046 5.1.1).
    private func open(_ boundary: String, in message: inout [UInt8]) { put("\r\n--\(boundary)\r\n", in: &message) }

    private func part(_ type: String, _ content: String, in message: inout [UInt8]) {
        let encoding = TransferEncoding.best(for: content)
        put("Content-Type: \(type); charset=utf-8\r\nContent-Transfer-Encoding: \(encoding.rawValue)\r\n\r\n", in: &message)
        encoding.append(content, to: &message)
    }

    private func put(_ text: String, in message: inout [UInt8]) { message.append(contentsOf: text.utf8) }
}
