package import RegardsCore

/// A card that a rule needs, and where the rule says so.
package struct CardReference: Hashable, Sendable {
    package enum Use: Hashable, Sendable { case mail, webhook }

    /// As in rules: `birthday`, `monthly/05`.
    package var name: String
    package var use: Use
    package var place: Place

    package init(name: String, use: Use = .mail, place: Place) {
        self.name = name
        self.use = use
        self.place = place
    }
}

/// One appearance of a variable in a card or in a partial that the card uses.
package struct CardVariable: Hashable, Sendable {
    /// Bare or dotted: `given_name`, `complaint.subject`.
    package var name: String
    package var place: Place
    /// True where a NULL would fail the card: outside `{{#name}}…{{/name}}`.
    package var needsValue: Bool

    package init(name: String, place: Place, needsValue: Bool) {
        self.name = name
        self.place = place
        self.needsValue = needsValue
    }
}

/// All cards of one folder, checked and compiled. Immutable, so that every core renders from it at once; a reload
/// loads a new one.
package struct CardLibrary: Sendable {
    /// Reads a folder: the only I/O of this target. Finds every mistake of every card in one pass; the library is nil
    /// when one of them is an error.
    ///
    /// - Parameters:
    ///   - folder: as the operator would type it; it begins the places of mistakes.
    ///   - needed: what the rules name.
    ///   - defaultLocale: the language of cards for customers whose own has none.
    package static func load(
        folder: String, needed: [CardReference], defaultLocale: String = "en"
    ) -> (library: CardLibrary?, mistakes: [Mistake]) {
        (nil, [])
    }

    /// Names of all mail cards, sorted.
    package var cards: [String] { [] }

    /// Every variable that any language of the card names, its partials included, each place once.
    package func variables(of card: String) -> [CardVariable] { [] }

    /// A mistake for each variable of the card that is not among the known names.
    package func unknownVariables(of card: String, known: some Collection<String>) -> [Mistake] { [] }
}
