import Mustache
package import RegardsCalendar
package import RegardsCore

extension CardLibrary {
    /// A webhook's body: `{"type": …, "timestamp": …, "data": …}` as Standard Webhooks asks. `data` is what the card
    /// `NAME.json` renders to, or all fields when `card` is empty. Thread-safe.
    ///
    /// - Parameters:
    ///   - id: see `MessageID.webhook`.
    ///   - type: what happened, such as the rule's name.
    ///   - timestamp: when it happened: the outreach's due time, the same at each attempt.
    package func renderWebhook(
        _ card: String, id: String, type: String, timestamp: Instant, fields: CardFields
    ) throws(CardError) -> RenderedMessage {
        var json = Array(#"{"type":"#.utf8)
        JSONText.appendString(type, to: &json)
        json.append(contentsOf: Array(#","timestamp":"#.utf8))
        JSONText.appendString(StampText.rfc3339(timestamp, .utc), to: &json)
        json.append(contentsOf: Array(#","data":"#.utf8))
        if card.isEmpty {
            JSONText.append(fields.values, to: &json)
        } else {
            json.append(contentsOf: try body(card, fields: fields))
        }
        json.append(UInt8(ascii: "}"))
        guard json.count <= CardLimits.message else { throw .tooLarge(json.count, card: card.isEmpty ? type : card) }
        return RenderedMessage(id: id, bytes: json)
    }

    private func body(_ card: String, fields: CardFields) throws(CardError) -> [UInt8] {
        guard let compiled = webhooks[card] else { throw .unknownCard(card) }
        let refusals = Refusals()
        // A machine reads it: dates in ISO form, which no language's own form is.
        let scope = CardScope(fields: fields, own: [:], locale: "", refusals: refusals)
        if let unknown = scope.firstUnknown(among: compiled.variables) { throw .unknownVariable(unknown, card: card) }
        let bytes = Array(compiled.template.render(scope).utf8)
        if let empty = refusals.first { throw .emptyVariable(empty, card: card) }
        if let offset = JSONText.firstFault(in: bytes) { throw .notJSON(offset: offset, card: card) }
        return bytes
    }
}
