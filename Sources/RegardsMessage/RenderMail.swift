package import RegardsCalendar
package import RegardsCore

/// A card's parts for one recipient, before they become a message.
package struct RenderedCard: Sendable {
    /// Of the file that was chosen: `zh-Hans`; the default locale for a file without one.
    package var locale: String
    package var subject: String
    package var html: String
    package var text: String
    package var pictures: [CardPicture]
}

extension CardLibrary {
    /// The card's parts, as `preview` shows them. Thread-safe.
    package func render(
        _ card: String, locale: String?, fields: CardFields, unsubscribe: Address? = nil, unsubscribeToken: String = ""
    ) throws(CardError) -> RenderedCard {
        throw .unknownCard(card)
    }

    /// A complete RFC 5322 message: 7-bit clean, CR LF line ends, the same bytes for the same input. Thread-safe.
    ///
    /// A recipient whose address itself is not ASCII is the one exception to 7-bit: such an address can only be
    /// written as it is (RFC 6532).
    package func renderMail(
        _ card: String, locale: String?, fields: CardFields, header: MessageHeader
    ) throws(CardError) -> RenderedMessage {
        throw .unknownCard(card)
    }

    /// A webhook's body: `{"type": …, "timestamp": …, "data": …}` as Standard Webhooks asks. `data` is what the card
    /// `NAME.json` renders to, or all fields when `card` is empty.
    ///
    /// - Parameters:
    ///   - type: what happened, such as the rule's name.
    ///   - timestamp: when it happened: the outreach's due time, the same at each attempt.
    package func renderWebhook(
        _ card: String, id: String, type: String, timestamp: Instant, fields: CardFields
    ) throws(CardError) -> RenderedMessage {
        throw .unknownCard(card)
    }
}
