import Mustache
import RegardsCore

// Checks across files, and the compilation of what passed them.
extension CardLoader {
    // MARK: Partials

    /// Finds partials that lead back to themselves and mentions of partials that do not exist.
    mutating func checkPartials() {
        for (ending, byName) in partials {
            var finished: Set<String> = []
            for name in byName.keys.sorted() {
                visit(name, ending: ending, path: [], finished: &finished)
            }
        }
        partialsAreSound = mistakes.allSatisfy { $0.severity == .warning }
    }

    private mutating func visit(_ name: String, ending: String, path: [String], finished: inout Set<String>) {
        guard !finished.contains(name) else { return }
        for source in partials[ending]?[name]?.values.sorted(by: { $0.name.path < $1.name.path }) ?? [] {
            for mention in source.template.partials {
                let way = path + [name]
                if let start = way.firstIndex(of: mention.name) {
                    let circle = (way[start...] + [mention.name]).joined(separator: " -> ")
                    mistakes.append(Mistake(at: mention.place, "{{> \(mention.name)}} leads back to itself: \(circle)"))
                    finished.insert(name)
                } else if partials[ending]?[mention.name] == nil {
                    mistakes.append(unknownPartial(mention.name, ending: ending, at: mention.place))
                } else {
                    visit(mention.name, ending: ending, path: way, finished: &finished)
                }
            }
        }
        finished.insert(name)
    }

    private func unknownPartial(_ name: String, ending: String, at place: Place) -> Mistake {
        let known = (partials[ending] ?? [:]).keys.sorted()
        let hint = NearestName.hint(name, among: known)
        return Mistake(at: place, "there is no partial \"\(name)\": expected \(folder)/partials/\(name).\(ending)\(hint)")
    }

    /// The language of each partial that a card of this locale uses.
    private func chosenPartials(ending: String, locale: String) -> [String: Source] {
        let candidates = CardLocale.candidates(for: locale.isEmpty ? nil : locale, defaultLocale: defaultLocale)
        return (partials[ending] ?? [:]).compactMapValues { byLocale in
            candidates.lazy.compactMap { byLocale[$0] }.first ?? byLocale.min { $0.key < $1.key }?.value
        }
    }

    // MARK: Cards

    mutating func compileMail(_ names: [Name]) -> [String: [String: CompiledCard]] {
        var result: [String: [String: CompiledCard]] = [:]
        let texts = names.filter { $0.ending == "txt" }
        for name in names where name.ending == "html" {
            let textName = texts.first { $0.name == name.name && $0.locale == name.locale }
            guard let card = compile(name, text: textName) else { continue }
            result[name.name, default: [:]][name.locale] = card
        }
        for text in texts where !names.contains(where: { $0.ending == "html" && $0.name == text.name && $0.locale == text.locale }) {
            let html = text.path.dropLast(3) + "html"
            mistakes.append(Mistake(.warning, at: place(text.path), "this text stands beside no card: expected \(folder)/\(html)"))
        }
        checkDefaultLanguage(names.filter { $0.ending == "html" })
        return result
    }

    private mutating func checkDefaultLanguage(_ names: [Name]) {
        for (name, files) in Dictionary(grouping: names, by: \.name) {
            let locales = Set(files.map(\.locale))
            guard !locales.contains(""), !locales.contains(defaultLocale.lowercased()) else { continue }
            let first = files.min { $0.path < $1.path }!
            mistakes.append(
                Mistake(
                    at: place(first.path),
                    "whoever reads another language has no card: expected \(folder)/\(name).html or \(folder)/\(name).\(defaultLocale).html beside it"))
        }
    }

    private mutating func compile(_ name: Name, text textName: Name?) -> CompiledCard? {
        let before = mistakes.count
        guard let source = read(name, needsFrontMatter: true) else { return nil }
        let text = textName.flatMap { read($0, needsFrontMatter: false) }
        if let option = text?.options.first {
            mistakes.append(Mistake(at: option.value.place, "a text has no \(option.key.rawValue); the .html file gives it"))
        }
        let html = chosenPartials(ending: "html", locale: name.locale)
        let plain = chosenPartials(ending: "txt", locale: name.locale)
        var walk = CardWalk(partials: html)
        var textWalk = CardWalk(partials: plain)
        var variables = options(of: source)
        if partialsAreSound {
            // Only what has no circles can be followed.
            variables += checked(&walk, source, ending: "html")
            if let text { variables += checked(&textWalk, text, ending: "txt") }
        } else {
            for file in [source] + (text.map { [$0] } ?? []) { reportUnknownPartials(in: file) }
        }
        let optional = optionalNames(of: source)
        if partialsAreSound { check(optional, against: variables, of: source) }
        for index in variables.indices where optional.contains(variables[index].name) { variables[index].isOptional = true }
        guard partialsAreSound, mistakes[before...].allSatisfy({ $0.severity == .warning }) else { return nil }
        let pictures = (source.cover?.all ?? []) + ([source] + walk.used.sorted().compactMap { html[$0] }).flatMap(\.pictures)
        return assemble(
            source, text, html: html, plain: plain, pictures: pictures, variables: variables, optional: optional)
    }

    /// What stands after `optional:`.
    private mutating func optionalNames(of source: Source) -> Set<String> {
        guard let option = source.options[.optional] else { return [] }
        let names = option.text.split(separator: ",", omittingEmptySubsequences: false).map(CardLoader.trimmed)
        for name in names where !CardLoader.isName(name) {
            mistakes.append(Mistake(at: option.place, "expected names with commas between them, got \"\(name)\""))
        }
        return Set(names)
    }

    private static func isName(_ text: String) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(CardTemplateParser.isWord)
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// An optional name must be used, and only where the card can do without.
    private mutating func check(_ optional: Set<String>, against variables: [CardVariable], of source: Source) {
        guard let option = source.options[.optional] else { return }
        for name in optional.sorted() where CardLoader.isName(name) && !variables.contains(where: { $0.name == name }) {
            let hint = NearestName.hint(name, among: Set(variables.map(\.name)).sorted())
            mistakes.append(Mistake(at: option.place, "the card names no \(name)\(hint)"))
        }
        for variable in variables where variable.needsValue && optional.contains(variable.name) {
            let name = variable.name
            mistakes.append(Mistake(at: variable.place, "\(name) is optional: write {{#\(name)}}…{{/\(name)}} around it"))
        }
    }

    private mutating func reportUnknownPartials(in source: Source) {
        for mention in source.template.partials where partials[source.name.ending]?[mention.name] == nil {
            mistakes.append(unknownPartial(mention.name, ending: source.name.ending, at: mention.place))
        }
    }

    /// Subject, preheader and alt are templates of one line, without partials.
    private mutating func options(of source: Source) -> [CardVariable] {
        var variables: [CardVariable] = []
        for key in [CardFile.Key.subject, .preheader, .alt] {
            guard let option = source.options[key] else { continue }
            var parser = CardTemplateParser(
                option.text, file: option.place.file, line: option.place.line, column: option.place.column)
            let template = parser.parse()
            mistakes += parser.mistakes
            for mention in template.partials {
                mistakes.append(Mistake(at: mention.place, "a \(key.rawValue) holds no partials"))
            }
            var walk = CardWalk(partials: [:])
            walk.visit(template)
            variables += walk.variables
        }
        return variables
    }

    private mutating func checked(_ walk: inout CardWalk, _ source: Source, ending: String) -> [CardVariable] {
        let size = walk.expandedSize(of: source)
        guard size <= CardLimits.expanded else {
            mistakes.append(
                Mistake(at: place(source.name.path), "with its partials the card has \(size) bytes; mail clients cut off what is over \(CardLimits.expanded)"))
            return []
        }
        walk.visit(source.template)
        mistakes += walk.mistakes
        if !walk.isComplete {
            mistakes.append(Mistake(at: place(source.name.path), "its partials and blocks repeat each other too often"))
        }
        for mention in walk.unknown { mistakes.append(unknownPartial(mention.name, ending: ending, at: mention.place)) }
        return walk.variables
    }

    private mutating func assemble(
        _ source: Source, _ text: Source?, html: [String: Source], plain: [String: Source], pictures: [CardPicture],
        variables: [CardVariable], optional: Set<String>
    ) -> CompiledCard? {
        do {
            let card = CompiledCard(
                locale: CardLocale.canonical(source.name.locale.isEmpty ? defaultLocale : source.name.locale),
                subject: try CardContent.text.compile(source.options[.subject]?.text ?? ""),
                preheader: try source.options[.preheader].map { try CardContent.text.compile($0.text) },
                html: try CardContent.html.compile(source.body),
                text: try text.map { try CardContent.text.compile($0.body) },
                htmlPartials: try library(of: html, content: .html, locale: source.name.locale),
                textPartials: try library(of: plain, content: .text, locale: source.name.locale),
                pictures: pictures, cover: source.cover,
                alt: try source.options[.alt].map { try CardContent.text.compile($0.text) }, variables: variables,
                optional: optional)
            warnAboutWeight(of: card, source)
            return card
        } catch {
            mistakes.append(Mistake(at: place(source.name.path), "cannot be compiled: \(error)"))
            return nil
        }
    }

    private mutating func library(
        of sources: [String: Source], content: CardContent, locale: String
    ) throws -> MustacheLibrary {
        if let known = libraries[content]?[locale] { return known }
        let library = MustacheLibrary(templates: try sources.mapValues { try content.compile($0.body) })
        libraries[content, default: [:]][locale] = library
        return library
    }

    private mutating func warnAboutWeight(of card: CompiledCard, _ source: Source) {
        // Of the pictures for a year's animal one is sent.
        let spared = (card.cover?.animals ?? []).reduce(0) { $0 + $1.part.count }
        let weight = card.pictures.reduce(0) { $0 + $1.part.count } - spared + source.body.utf8.count * 4 / 3
        guard weight > CardLimits.comfortable else { return }
        mistakes.append(
            Mistake(.warning, at: place(source.name.path), "the message will have about \(weight / 1024) KiB; keep it under \(CardLimits.comfortable / 1024)"))
    }

    // MARK: Webhook bodies

    mutating func compileBodies(_ names: [Name]) -> [String: CompiledBody] {
        var result: [String: CompiledBody] = [:]
        for name in names where name.ending == "json" {
            guard name.locale.isEmpty else {
                mistakes.append(Mistake(at: place(name.path), "a webhook's body has no language: expected \(folder)/\(name.name).json"))
                continue
            }
            let before = mistakes.count
            guard let source = read(name, needsFrontMatter: false) else { continue }
            var walk = CardWalk(partials: [:])
            walk.visit(source.template)
            for mention in walk.unknown {
                mistakes.append(Mistake(at: mention.place, "a webhook's body holds no partials"))
            }
            guard mistakes.count == before else { continue }
            do {
                result[name.name] = CompiledBody(template: try CardContent.json.compile(source.body), variables: walk.variables)
            } catch {
                mistakes.append(Mistake(at: place(name.path), "cannot be compiled: \(error)"))
            }
        }
        return result
    }
}
