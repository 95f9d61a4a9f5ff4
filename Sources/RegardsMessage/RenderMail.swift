import Mustache
package import RegardsCore

/// A card's parts for one recipient, before they become a message.
package struct RenderedCard: Sendable {
    /// Of the file that was chosen: `zh-Hans`; the default locale for a file without one.
    package var locale: String
    package var subject: String
    package var html: String
    package var text: String
    /// Those that the HTML shows.
    package var pictures: [CardPicture]
}

extension CardLibrary {
    /// The card's parts, as `preview` shows them. Thread-safe.
    package func render(
        _ card: String, locale: String?, fields: CardFields, unsubscribe: Address? = nil, unsubscribeToken: String = ""
    ) throws(CardError) -> RenderedCard {
        guard let files = mail[card],
            let compiled = CardLocale.candidates(for: locale, defaultLocale: defaultLocale).lazy
                .compactMap({ files[$0] }).first
        else { throw .unknownCard(card) }
        var rendering = CardRendering(
            name: card, card: compiled, fields: fields, unsubscribe: unsubscribe, token: unsubscribeToken)
        return try rendering.render()
    }

    /// A complete RFC 5322 message: 7-bit clean, CR LF line ends, the same bytes for the same input. Thread-safe.
    ///
    /// A house whose own address is not ASCII is the one exception to 7-bit: `From` can only be written as it is
    /// (RFC 6532).
    package func renderMail(
        _ card: String, locale: String?, fields: CardFields, header: MessageHeader
    ) throws(CardError) -> RenderedMessage {
        let parts = try render(
            card, locale: locale, fields: fields, unsubscribe: header.offersUnsubscribe ? header.unsubscribe : nil,
            unsubscribeToken: header.unsubscribeToken)
        return RenderedMessage(id: header.id, bytes: try MessageWriter(header: header, card: parts).write())
    }
}

/// One card for one recipient.
private struct CardRendering {
    let name: String
    let card: CompiledCard
    let refusals: Refusals
    var scope: CardScope

    init(name: String, card: CompiledCard, fields: CardFields, unsubscribe: Address?, token: String) {
        self.name = name
        self.card = card
        refusals = Refusals()
        scope = CardScope(
            fields: fields,
            own: [
                "card": .group([
                    "subject": .null, "preheader": .null, "locale": .text(card.locale), "picture": .null, "alt": .null,
                ]),
                "unsubscribe": .group([
                    "url": CardFields.value(unsubscribe.map { UnsubscribeLink.mailto($0, token: token) }),
                    "address": CardFields.value(unsubscribe?.text),
                ]),
            ],
            optional: card.optional, locale: card.locale, refusals: refusals)
    }

    mutating func render() throws(CardError) -> RenderedCard {
        if let unknown = scope.firstUnknown(among: card.variables) { throw .unknownVariable(unknown, card: name) }
        let subject = HeaderWriter.cleaned(card.subject.render(scope))
        let preheader = card.preheader.map { HeaderWriter.cleaned($0.render(scope)) }
        let alt = card.alt.map { HeaderWriter.cleaned($0.render(scope)) }
        scope.own["card"] = .group([
            "subject": CardFields.value(subject), "preheader": CardFields.value(preheader), "locale": .text(card.locale),
            "picture": CardFields.value(card.cover.map { "cid:" + $0.picture(for: scope.fields).contentID }), "alt": CardFields.value(alt),
        ])
        let html = LineEnds.unified(card.html.render(scope, library: card.htmlPartials))
        let text = LineEnds.unified(card.text?.render(scope, library: card.textPartials) ?? "")
        if let empty = refusals.first { throw .emptyVariable(empty, card: name) }
        let size = html.utf8.count + text.utf8.count
        guard size <= CardLimits.message else { throw .tooLarge(size, card: name) }
        return RenderedCard(
            locale: card.locale, subject: subject, html: html,
            text: card.text == nil ? PlainText.derive(from: html) : PlainText.tidy(text),
            pictures: card.pictures.filter { $0.isShown(in: html) })
    }
}

/// `mailto:` links that stop further messages (RFC 6068).
enum UnsubscribeLink {
    static func mailto(_ address: Address, token: String) -> String {
        let subject = token.isEmpty ? "unsubscribe" : "unsubscribe " + token
        return "mailto:" + escaped(address.text, keeping: "@!$'*+-._~") + "?subject=" + escaped(subject, keeping: "-._~")
    }

    private static func escaped(_ text: String, keeping others: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: result.append(byte)
            case _ where others.utf8.contains(byte): result.append(byte)
            default:
                result.append(UInt8(ascii: "%"))
                result.append(TransferEncoding.hexDigits[Int(byte >> 4)])
                result.append(TransferEncoding.hexDigits[Int(byte & 15)])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
