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
    /// True where a NULL would fail the card: a value outside `{{#name}}…{{/name}}`.
    package var needsValue: Bool
    /// True for `{{#name}}` and `{{^name}}`, which may also ask for a whole group.
    package var isSection: Bool
    /// True where the card says that it can do without: then nothing need fill it.
    package var isOptional: Bool

    package init(name: String, place: Place, needsValue: Bool, isSection: Bool = false, isOptional: Bool = false) {
        self.name = name
        self.place = place
        self.needsValue = needsValue
        self.isSection = isSection
        self.isOptional = isOptional
    }
}

/// All cards of one folder, checked and compiled. Immutable, so that every core renders from it at once; a reload
/// loads a new one.
package struct CardLibrary: Sendable {
    /// Card names to their files by locale; the key "" is the file without one.
    let mail: [String: [String: CompiledCard]]
    let webhooks: [String: CompiledBody]
    let defaultLocale: String

    /// Reads a folder: the only I/O of this target. Finds every mistake of every card in one pass; the library is nil
    /// when one of them is an error.
    ///
    /// - Parameters:
    ///   - folder: as the operator would type it; it begins the places of mistakes.
    ///   - shipped: a folder whose cards, partials and pictures serve where `folder` has none of that name. A card's
    ///     two files in one language are replaced together, all else file by file. It may be missing.
    ///   - needed: what the rules name.
    ///   - defaultLocale: the language of cards for customers whose own has none.
    package static func load(
        folder: String, shipped: String? = nil, needed: [CardReference], defaultLocale: String = "en"
    ) -> (library: CardLibrary?, mistakes: [Mistake]) {
        let (library, mistakes) = partial(
            folder: folder, shipped: shipped, needed: needed, defaultLocale: defaultLocale)
        return (mistakes.contains { $0.severity == .error } ? nil : library, mistakes)
    }

    /// The same, with the cards that are sound even where others are not: to find further mistakes by, and never to send
    /// from. nil where the folder cannot be read.
    package static func partial(
        folder: String, shipped: String? = nil, needed: [CardReference], defaultLocale: String = "en"
    ) -> (library: CardLibrary?, mistakes: [Mistake]) {
        var loader = CardLoader(folder: folder, shipped: shipped, defaultLocale: defaultLocale)
        let library = loader.load(needed: needed)
        return (library, loader.sortedMistakes)
    }

    /// With these cards alone, so that the others take no memory.
    package func keeping(_ names: Set<String>) -> CardLibrary {
        CardLibrary(
            mail: mail.filter { names.contains($0.key) }, webhooks: webhooks.filter { names.contains($0.key) },
            defaultLocale: defaultLocale)
    }

    /// True when the library holds the card for this use.
    package func contains(_ card: String, for use: CardReference.Use) -> Bool {
        switch use {
        case .mail: mail[card] != nil
        case .webhook: webhooks[card] != nil
        }
    }

    /// Names of all mail cards, sorted.
    package var cards: [String] { mail.keys.sorted() }

    /// Languages of one card, sorted; `defaultLocale` stands for the file without one.
    package func locales(of card: String) -> [String] {
        Set((mail[card] ?? [:]).values.map(\.locale)).sorted()
    }

    /// Every variable that any language of the card names, its partials included, each place once.
    package func variables(of card: String) -> [CardVariable] {
        let mail = (mail[card] ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.variables)
        var seen: Set<CardVariable> = []
        return (mail + (webhooks[card]?.variables ?? [])).filter { seen.insert($0).inserted }
    }

    /// A mistake for each variable of the card that nothing fills.
    ///
    /// - Parameter known: every name the card may use, bare or dotted, without those of `card` and `unsubscribe`.
    package func unknownVariables(of card: String, known: some Collection<String>) -> [Mistake] {
        let names = Set(known).union(CardScope.ownNames)
        let groups = Set(names.compactMap { name in name.firstIndex(of: ".").map { String(name[..<$0]) } })
        return variables(of: card).compactMap { variable in
            guard !names.contains(variable.name), !variable.isOptional else { return nil }
            if variable.name == CardFields.itemsName { return nil }
            if groups.contains(variable.name) {
                guard !variable.isSection else { return nil }
                let member = names.filter { $0.hasPrefix(variable.name + ".") }.min()!
                return Mistake(
                    at: variable.place, "\(variable.name) is a group: name one of its members, such as {{\(member)}}")
            }
            let hint = NearestName.hint(variable.name, among: names.sorted())
            return Mistake(at: variable.place, "nothing fills {{\(variable.name)}}\(hint)")
        }
    }
}
