import Mustache
import RegardsCore

/// Builds a `CardLibrary` from a folder and gathers every mistake on the way. Nothing is compiled before all tags,
/// references and sizes were checked: swift-mustache renders a missing partial as nothing and has no limit on
/// recursion.
struct CardLoader {
    /// `partials/footer.zh.html`: name `footer`, locale `zh`.
    struct Name: Hashable {
        var path: String
        var name: String
        var locale: String
        var ending: String
    }

    struct Source {
        var name: Name
        var options: [CardFile.Key: CardFile.Option]
        var template: CardTemplate
        /// The body with pictures named by Content-ID.
        var body: String
        var pictures: [CardPicture]
        /// The picture that the front matter names.
        var cover: CardCover?
    }

    let folder: String
    /// What `folder` has no file for comes from here.
    let shipped: String?
    let defaultLocale: String
    var mistakes: [Mistake] = []
    private var files: CardFolder?
    /// `html` and `txt` partials, by ending, name and locale.
    private(set) var partials: [String: [String: [String: Source]]] = [:]
    /// False while a partial has a mistake: then no card is followed into its partials.
    var partialsAreSound = false
    private var pictureCache: [String: CardPicture] = [:]
    /// Compiled partials by kind of content and locale: cards of one language share them.
    var libraries: [CardContent: [String: MustacheLibrary]] = [:]

    init(folder: String, shipped: String? = nil, defaultLocale: String) {
        self.folder = folder
        self.shipped = shipped
        self.defaultLocale = defaultLocale
    }

    /// In the order of files and lines, each once.
    var sortedMistakes: [Mistake] {
        Set(mistakes).sorted {
            ($0.place.file, $0.place.line, $0.place.column, $0.message)
                < ($1.place.file, $1.place.line, $1.place.column, $1.message)
        }
    }

    mutating func load(needed: [CardReference]) -> CardLibrary? {
        do throws(CardFolder.Failure) {
            files = try CardFolder(path: folder, shipped: shipped)
        } catch {
            mistakes.append(Mistake(at: place(nil), "the folder of cards cannot be read: \(CardLoader.words(error))"))
            return nil
        }
        let names = files!.files.compactMap { name(of: $0) }
        for name in names where name.path.hasPrefix("partials/") { readPartial(name) }
        checkPartials()
        let cards = names.filter { !$0.path.hasPrefix("partials/") }
        let mail = compileMail(cards)
        let bodies = compileBodies(cards)
        checkNeeded(needed, mail: Set(cards.filter { $0.ending == "html" }.map(\.name)), bodies: Set(cards.filter { $0.ending == "json" }.map(\.name)))
        return CardLibrary(mail: mail, webhooks: bodies, defaultLocale: defaultLocale)
    }

    // MARK: Names

    private mutating func name(of path: String) -> Name? {
        guard let dot = path.lastIndex(of: ".") else { return nil }
        let ending = String(path[path.index(after: dot)...])
        guard ["html", "txt", "json"].contains(ending) else { return nil }
        var stem = path[..<dot]
        var locale: Substring = ""
        let base = stem.lastIndex(of: "/").map { stem.index(after: $0) } ?? stem.startIndex
        if let mark = stem[base...].firstIndex(of: ".") {
            locale = stem[stem.index(after: mark)...]
            stem = stem[..<mark]
            guard CardLocale.isTag(locale) else {
                mistakes.append(
                    Mistake(
                        at: place(path),
                        "expected a language such as en or zh-Hans between the card's name and .\(ending), got \"\(locale)\""))
                return nil
            }
        }
        guard stem.split(separator: "/").allSatisfy(CardTemplateParser.isWord) else {
            mistakes.append(Mistake(at: place(path), "the name of a card holds letters, digits, - and _ only"))
            return nil
        }
        let isPartial = path.hasPrefix("partials/")
        let name = isPartial ? String(stem.dropFirst("partials/".count)) : String(stem)
        return Name(path: path, name: name, locale: locale.lowercased(), ending: ending)
    }

    func place(_ path: String?) -> Place { Place(file: path.map(file) ?? folder, line: 0, column: 0) }

    /// As the operator would type it.
    private func file(_ path: String) -> String { "\(files?.home(of: path) ?? folder)/\(path)" }

    static func words(_ failure: CardFolder.Failure) -> String {
        switch failure {
        case .unreadable(let reason): reason
        case .tooLarge(let bytes): "\(bytes) bytes"
        }
    }

    // MARK: Files

    private mutating func readPartial(_ name: Name) {
        guard name.ending != "json", let source = read(name, needsFrontMatter: false) else { return }
        if let option = source.options.first {
            mistakes.append(Mistake(at: option.value.place, "a partial has no \(option.key.rawValue); the card gives it"))
        }
        partials[name.ending, default: [:]][name.name, default: [:]][name.locale] = source
    }

    /// A file in its parts, tags checked; nil when it cannot be read at all.
    mutating func read(_ name: Name, needsFrontMatter: Bool) -> Source? {
        guard let text = readText(name.path) else { return nil }
        let file = file(name.path)
        var parser = CardFileParser(file: file, needsFrontMatter: needsFrontMatter)
        let parts = parser.parse(text)
        mistakes += parser.mistakes
        var tags = CardTemplateParser(parts.body, file: file, line: parts.bodyLine)
        let template = tags.parse()
        mistakes += tags.mistakes
        var source = Source(name: name, options: parts.options, template: template, body: parts.body, pictures: [])
        if name.ending == "html" {
            attachPictures(to: &source, line: parts.bodyLine)
            attachCover(to: &source)
        }
        return source
    }

    private mutating func readText(_ path: String) -> String? {
        let bytes: [UInt8]
        do throws(CardFolder.Failure) {
            bytes = try files!.read(path, limit: CardLimits.file)
        } catch .tooLarge(let count) {
            mistakes.append(
                Mistake(at: place(path), "\(count) bytes are too many for a card: mail clients cut off what is over \(CardLimits.file)"))
            return nil
        } catch {
            mistakes.append(Mistake(at: place(path), "cannot be read: \(CardLoader.words(error))"))
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let line = CardLoader.firstBadLine(bytes)
            mistakes.append(
                Mistake(at: Place(file: file(path), line: line, column: 1), "this line is not UTF-8; save the file as UTF-8"))
            return nil
        }
        var unified = text.unicodeScalars
        if unified.first == "\u{feff}" { unified.removeFirst() }
        return LineEnds.unified(String(unified))
    }

    private static func firstBadLine(_ bytes: [UInt8]) -> Int {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }

    // MARK: Pictures

    private mutating func attachPictures(to source: inout Source, line: Int) {
        var bytes = Array(source.body.utf8)
        // From the end, so that earlier ranges stay right.
        for found in PictureReferences.find(in: source.body, line: line).reversed() where !found.isCover {
            let at = Place(file: file(source.name.path), line: found.line, column: found.column)
            guard let picture = picture(found.value, beside: source.name.path, at: at) else { continue }
            if !source.pictures.contains(where: { $0.contentID == picture.contentID }) {
                source.pictures.insert(picture, at: 0)
            }
            bytes.replaceSubrange(found.range, with: Array("cid:\(picture.contentID)".utf8))
        }
        source.body = String(decoding: bytes, as: UTF8.self)
    }

    private mutating func attachCover(to source: inout Source) {
        switch (source.options[.picture], source.options[.alt]) {
        case (nil, nil): return
        case (nil, let alt?): mistakes.append(Mistake(at: alt.place, "alt tells what a picture shows; there is no picture: line"))
        case (let picture?, nil):
            mistakes.append(Mistake(at: picture.place, "expected an alt: line that tells what the picture shows"))
        case (let picture?, _?):
            source.cover = cover(picture.text, beside: source.name.path, at: picture.place)
        }
    }

    /// With `-{zodiac}` in the name a picture for each animal, and one without it for years whose animal is not known.
    private mutating func cover(_ name: String, beside path: String, at place: Place) -> CardCover? {
        let mark = CardCover.placeholder
        guard name.contains(mark) else {
            return picture(name, beside: path, at: place).map { CardCover(standard: $0) }
        }
        let standard = name.replacing("-" + mark, with: "").replacing(mark, with: "")
        guard let standard = picture(standard, beside: path, at: place) else { return nil }
        var cover = CardCover(standard: standard)
        for animal in LocalText.animals {
            guard let picture = picture(name.replacing(mark, with: animal.lowercased()), beside: path, at: place)
            else { return nil }
            cover.animals.append(picture)
        }
        return cover
    }

    private mutating func picture(_ value: String, beside path: String, at place: Place) -> CardPicture? {
        func complain(_ message: String, _ severity: Mistake.Severity = .error) -> CardPicture? {
            mistakes.append(Mistake(severity, at: place, message))
            return nil
        }
        let lower = value.lowercased()
        if value.contains("{{") { return complain("a picture's name is fixed text; put the whole img into a section instead") }
        if lower.hasPrefix("http:") || lower.hasPrefix("https:") || lower.hasPrefix("//") {
            return complain("a picture from the network is hidden by most mail clients; put the file beside the card", .warning)
        }
        if lower.hasPrefix("data:") {
            return complain("Gmail and Outlook drop data: pictures; put the file beside the card", .warning)
        }
        let name = lower.hasPrefix("cid:") ? String(value.dropFirst(4)) : value
        guard let kind = CardPicture.Kind.of(name: name) else {
            return complain("expected the name of a png, jpg or gif file, got \"\(name)\"")
        }
        guard name.utf8.allSatisfy({ CardTemplateParser.isWord(String(Unicode.Scalar($0))[...]) || $0 == UInt8(ascii: ".") }) else {
            return complain("a picture's name holds letters, digits, - _ and dots only, got \"\(name)\"")
        }
        let file = path.lastIndex(of: "/").map { path[...$0] + name } ?? name
        if let known = pictureCache[file] { return known }
        do throws(CardFolder.Failure) {
            let bytes = try files!.read(file, limit: CardLimits.picture)
            guard kind.fits(bytes) else { return complain("\(file) is no \(kind.rawValue) picture") }
            let picture = CardPicture(name: name, kind: kind, bytes: bytes)
            pictureCache[file] = picture
            return picture
        } catch .tooLarge(let count) {
            return complain("\(file) has \(count) bytes; the limit for a picture is \(CardLimits.picture)")
        } catch {
            return complain("there is no picture \(file) in \(folder): \(CardLoader.words(error))")
        }
    }

    // MARK: Needed cards

    private mutating func checkNeeded(_ needed: [CardReference], mail: Set<String>, bodies: Set<String>) {
        for reference in needed {
            // A webhook without a card gets the default body.
            if reference.use == .webhook, reference.name.isEmpty { continue }
            let (known, ending) = reference.use == .mail ? (mail, "html") : (bodies, "json")
            guard !known.contains(reference.name) else { continue }
            let hint = NearestName.hint(reference.name, among: known.sorted())
            mistakes.append(
                Mistake(
                    at: reference.place,
                    "there is no card \"\(reference.name)\": expected \(folder)/\(reference.name).\(ending)\(hint)"))
        }
    }
}
