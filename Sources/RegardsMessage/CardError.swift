/// Why a card could not be rendered for one outreach. The outreach is failed with reason `card-failed`.
///
/// Carries names of cards and variables, never a value: it goes to the journal.
package enum CardError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The library holds no such card.
    case unknownCard(String)
    /// A variable outside a section or default is NULL, or empty, for this customer.
    case emptyVariable(String, card: String)
    /// A variable that nothing fills. `check` finds these first.
    case unknownVariable(String, card: String)
    /// Larger than a message may become, in bytes.
    case tooLarge(Int, card: String)
    /// The Message-ID or the name of an extra header line cannot stand in a header.
    case badHeader(String)
    /// A JSON card that did not render to JSON; the offset counts bytes from 0.
    case notJSON(offset: Int, card: String)

    package var description: String {
        switch self {
        case .unknownCard(let card): "there is no card \"\(card)\""
        case .emptyVariable(let name, let card):
            "card \(card): {{\(name)}} is empty for this recipient; give it a default with {{^\(name)}}…{{/\(name)}}"
        case .unknownVariable(let name, let card): "card \(card): nothing fills {{\(name)}}"
        case .tooLarge(let bytes, let card): "card \(card): the message would be \(bytes) bytes; the limit is \(CardLimits.message)"
        case .badHeader(let name): "the header line \(name) cannot be written"
        case .notJSON(let offset, let card): "card \(card): the result is no JSON at byte \(offset)"
        }
    }
}

/// Sizes in bytes. Mail clients set them: Gmail cuts off what is longer than about 102 kB of HTML.
package enum CardLimits {
    /// One card or partial file.
    package static let file = 102_400
    /// A card with all its partials.
    package static let expanded = 102_400
    /// One picture.
    package static let picture = 524_288
    /// What a message with its pictures should not exceed; more is a warning.
    package static let comfortable = 266_240
    /// Text and HTML after rendering, before encoding.
    package static let message = 1_048_576
    /// Sections and blocks inside each other.
    package static let depth = 32
}
