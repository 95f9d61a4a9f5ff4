package import RegardsCalendar
package import RegardsCore
package import RegardsMessage
package import RegardsRules

/// Everything the operator's files say, checked together: configuration, rules and cards. Immutable; a reload makes a
/// new one and puts it in the old one's place.
package struct Assembly: Sendable {
    package let configuration: Configuration
    /// The configuration's rule book, with the columns that cards need.
    package private(set) var book: RuleBook
    package let cards: CardLibrary
    package let zones: ZoneCatalog
    package let countries: CountryZones

    /// Reads every file and finds every mistake in one pass, in the order of files and lines.
    ///
    /// - Parameters:
    ///   - shippedCards: what serves where the business has no card of that name.
    ///   - keepsAllCards: false for a process that stays: cards that no rule which is on names are checked and let go.
    package static func load(
        file: String, environment: [String: String], zones: ZoneCatalog, shippedCards: String? = ShippedCards.folder,
        keepsAllCards: Bool = true
    ) -> (assembly: Assembly?, mistakes: [Mistake]) {
        let found = survey(file: file, environment: environment, zones: zones, shippedCards: shippedCards)
        guard let assembly = found.assembly, found.isSound else { return (nil, found.mistakes) }
        return (keepsAllCards ? assembly : assembly.withCardsInUse(), found.mistakes)
    }

    /// What can be read of files that may have mistakes: to look at, and never to send from.
    package static func look(
        file: String, environment: [String: String], zones: ZoneCatalog
    ) -> (assembly: Assembly?, mistakes: [Mistake]) {
        let found = survey(file: file, environment: environment, zones: zones)
        return (found.assembly, found.mistakes)
    }

    private func withCardsInUse() -> Assembly {
        let names = book.rules.filter(\.isEnabled).flatMap { rule in rule.steps.flatMap(rule.cards) } + book.listCards
        return Assembly(
            configuration: configuration, book: book, cards: cards.keeping(Set(names)), zones: zones, countries: countries)
    }
}

/// All that the files say, sound or not.
struct FileSurvey {
    /// To find further mistakes by where the files are not sound; nil where hardly anything could be read.
    var assembly: Assembly?
    var mistakes: [Mistake]
    /// False where regards.yaml itself has mistakes: then nobody knows what else it meant to say.
    var isHouseSound = true

    var isSound: Bool { assembly != nil && !mistakes.contains { $0.severity == .error } }
}

extension Assembly {
    /// Goes on after mistakes: what rules say is read where the house has some, cards where rules have some.
    static func survey(
        file: String, environment: [String: String], zones: ZoneCatalog, shippedCards: String? = ShippedCards.folder
    ) -> FileSurvey {
        let result = ConfigurationLoader(environment: environment, zones: zones).load(file: file)
        var survey = FileSurvey(mistakes: result.mistakes, isHouseSound: result.isHouseSound)
        // Where the cards are is one of the things a mistake may be about.
        let isFolderKnown = !result.mistakes.contains { $0.place.file == file && $0.path == "cards" && $0.severity == .error }
        guard let configuration = result.configuration ?? result.partial, isFolderKnown else { return survey }
        let (cards, mistakes) = CardLibrary.partial(
            folder: configuration.cardsFolder, shipped: shippedCards, needed: configuration.ruleBook.neededCards)
        survey.mistakes += mistakes.map { mistake in
            // A folder that cannot be read is a mistake where it is named.
            guard mistake.place.file == configuration.cardsFolder, let place = configuration.cardsPlace else { return mistake }
            return Mistake(mistake.severity, at: place, path: "cards", "\(configuration.cardsFolder): \(mistake.message)")
        }
        guard let cards else { return survey }
        var book = configuration.ruleBook
        let unfilled = book.useColumns(of: cards)
        // Who and what there is to name in a card stands in regards.yaml.
        if survey.isHouseSound { survey.mistakes += unfilled }
        survey.assembly = Assembly(
            configuration: configuration, book: book, cards: cards, zones: zones, countries: CountryZones())
        return survey
    }
}

extension Assembly {
    /// The same, in another mode.
    package func with(mode: Mode) -> Assembly {
        var copy = self
        copy.book.house.mode = mode
        return copy
    }
}

extension Assembly {
    /// The same files with the zone tables of today: what an update of tzdata calls for. Files that were edited meanwhile
    /// stay unread. A zone that the update lost keeps its old table.
    package func withCurrentZones() -> Assembly {
        var book = book
        book.house.business.zone = zones.zone(named: book.house.business.zone.name) ?? book.house.business.zone
        for index in book.rules.indices {
            guard case .schedule(var trigger) = book.rules[index].trigger, trigger.expression.zone != nil,
                let expression = try? OnCalendar(trigger.expression.description, zones: zones)
            else { continue }
            trigger.expression = expression
            book.rules[index].trigger = .schedule(trigger)
        }
        return Assembly(
            configuration: configuration, book: book, cards: cards, zones: zones, countries: CountryZones())
    }
}

extension RuleBook {
    /// Every card that a step can name, with the place of the step.
    fileprivate var neededCards: [CardReference] {
        let ofSteps = rules.flatMap { rule in
            rule.steps.flatMap { step in
                rule.cards(step).filter { !$0.isEmpty }.map {
                    CardReference(name: $0, use: step.action.isWebhook ? .webhook : .mail, place: step.place)
                }
            }
        }
        // The first rule with a list is why there are mails about lists.
        let place = rules.first { !$0.lists.isEmpty }?.place
        return ofSteps + (place.map { place in listCards.map { CardReference(name: $0, place: place) } } ?? [])
    }

    /// Gives each variable of each card its column, and reports those that nothing can ever fill.
    fileprivate mutating func useColumns(of cards: CardLibrary) -> [Mistake] {
        for kind in eventKinds.indices {
            // An event without a customer may say itself who it is about; a query that does not is no mistake.
            for column in CustomerColumn.ofEvents { _ = eventKinds[kind].columns.use(column.name) }
        }
        var mistakes: Set<Mistake> = []
        for rule in rules {
            let (customers, kinds) = (customers.columns, eventKinds)
            for name in rule.steps.flatMap(rule.cards) {
                for variable in cards.variables(of: name) {
                    if let mistake = use(variable, of: name, in: rule), rule.isEnabled { mistakes.insert(mistake) }
                }
            }
            if !rule.isEnabled { forgetPlaces(since: customers, kinds) }
        }
        for name in listCards { mistakes.formUnion(cards.unknownVariables(of: name, known: RuleBook.listCardNames)) }
        return RuleBook.once(
            mistakes.sorted { ($0.place.file, $0.place.line, $0.place.column) < ($1.place.file, $1.place.line, $1.place.column) })
    }

    /// Each complaint once, at the first of its places: one role that nobody holds is named in many cards and languages.
    private static func once(_ mistakes: [Mistake]) -> [Mistake] {
        var places: [String: Int] = [:]
        for mistake in mistakes { places[mistake.message, default: 0] += 1 }
        return mistakes.compactMap { mistake in
            guard let count = places.removeValue(forKey: mistake.message) else { return nil }
            guard count > 1 else { return mistake }
            var first = mistake
            first.message += " (the same in \(Words.count(count - 1, "other place")))"
            return first
        }
    }

    /// The columns of a rule that is off may be missing from the queries.
    private mutating func forgetPlaces(since customers: RecordSchema, _ kinds: [EventKind]) {
        self.customers.columns.forgetPlaces(since: customers)
        for (index, kind) in kinds.enumerated() { eventKinds[index].columns.forgetPlaces(since: kind.columns) }
    }

    private mutating func use(_ variable: CardVariable, of card: String, in rule: Rule) -> Mistake? {
        let parts = variable.name.split(separator: ".", maxSplits: 1).map(String.init)
        let isGroup = CardFieldsBuilder.members[parts[0]] != nil || house.people[Role(parts[0])] != nil
        if parts.count == 1 {
            if isGroup || eventKinds.contains(where: { $0.name == parts[0] }) { return nil }
            // A known column that a query leaves out is empty for everybody: no mistake where the card can do without.
            let isOptional = variable.isOptional || CustomerColumn.names.contains(parts[0]) && !variable.needsValue
            _ = customers.columns.use(parts[0], at: isOptional ? nil : variable.place)
            return nil
        }
        if let members = CardFieldsBuilder.members[parts[0]] ?? (isGroup ? CardFieldsBuilder.personMembers : nil) {
            if members.contains(parts[1]) || variable.isOptional { return unsigned(variable, in: rule) }
            return unknown(
                variable, "\(parts[0]) has \(members.joined(separator: ", "))",
                NearestName.of(parts[1], among: members).map { "\(parts[0]).\($0)" })
        }
        guard case .event(let trigger) = rule.trigger, eventKinds[trigger.kind].name == parts[0] else {
            if variable.isOptional { return nil }
            let kinds = eventKinds.map(\.name)
            if kinds.contains(parts[0]) {
                return unknown(variable, "rule \(rule.name), which sends card \(card), is not about a \(parts[0])", nil)
            }
            let known = CardFieldsBuilder.members.keys.sorted() + kinds
            let nearest = NearestName.of(parts[0], among: known + roles).map { "\($0).\(parts[1])" }
            if CardFieldsBuilder.personMembers.contains(parts[1]), nearest == nil {
                let holders = roles.isEmpty ? "nobody" : roles.joined(separator: ", ")
                return unknown(
                    variable, "people has no role \"\(parts[0])\", only \(holders): add it there, or put a card of your own in its place", nil)
            }
            return unknown(
                variable, "expected a column of the customer, or one of \(known.joined(separator: ", "))", nearest)
        }
        _ = eventKinds[trigger.kind].columns.use(parts[1], at: variable.isOptional ? nil : variable.place)
        return nil
    }

    private var roles: [String] { house.people.keys.map(\.description).sorted() }

    /// The house signs by `business.name` alone, so a card of such a rule can have no other name at its end.
    private func unsigned(_ variable: CardVariable, in rule: Rule) -> Mistake? {
        guard variable.name == "from.name", variable.needsValue, rule.sender == .house else { return nil }
        return Mistake(
            at: variable.place,
            "{{from.name}} is empty where the house signs, as in rule \(rule.name): write {{business.name}}, or "
                + "{{#from.name}}{{from.name}}{{/from.name}}")
    }

    private func unknown(_ variable: CardVariable, _ hint: String, _ nearest: String?) -> Mistake {
        let guess = nearest.map { "; did you mean {{\($0)}}?" } ?? ""
        return Mistake(at: variable.place, "{{\(variable.name)}} can never be filled: \(hint)\(guess)")
    }
}

extension Step.Action {
    package var isWebhook: Bool {
        if case .webhook = self { true } else { false }
    }
}
