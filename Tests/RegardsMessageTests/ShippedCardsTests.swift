import RegardsCore
import RegardsMessage
import Testing

/// A business's folder of cards in front of the folder of those that come with the program.
@Suite struct ShippedCardsTests {
    private let shipped: CardFolderFixture

    init() throws {
        shipped = try CardFolderFixture([
            "partials/frame.html": "<p>the shipped frame {{> words}}</p>",
            "partials/words.html": "shipped words",
            "birthday.html": "---\nsubject: s\n---\n{{> frame}}",
            "birthday.txt": "a shipped text of {{shipped_text}}",
            "birthday.zh.html": "---\nsubject: s\n---\n<p>{{shipped_zh}}</p>",
            "letter.html": "---\nsubject: s\n---\n<p>{{shipped_letter}}</p>",
        ])
    }

    private func load(_ files: [String: String], needed: [CardReference] = []) throws -> (CardLibrary?, [String]) {
        let own = try CardFolderFixture(files)
        let (library, mistakes) = CardLibrary.load(folder: own.path, shipped: shipped.path, needed: needed)
        let shown = mistakes.map {
            $0.description.replacing(own.path, with: "own").replacing(shipped.path, with: "shipped")
        }
        return (library, shown)
    }

    @Test func withoutCardsOfItsOwnABusinessHasThoseThatAreShipped() throws {
        let (library, mistakes) = try load([:])
        #expect(mistakes == [])
        #expect(try #require(library).cards == ["birthday", "letter"])
        #expect(library?.locales(of: "birthday") == ["en", "zh"])
    }

    /// Words in two places would say two things.
    @Test func aCardOfItsOwnTakesThePlaceOfBothFilesOfThatLanguage() throws {
        let (library, mistakes) = try load(["birthday.html": "---\nsubject: s\n---\n<p>{{mine}}</p>"])
        #expect(mistakes == [])
        #expect(try #require(library).variables(of: "birthday").map(\.name) == ["mine", "shipped_zh"])
        #expect(library?.variables(of: "letter").map(\.name) == ["shipped_letter"])
    }

    @Test func aPartialOfItsOwnServesTheShippedCards() throws {
        let (library, mistakes) = try load(["partials/words.html": "{{mine}}"])
        #expect(mistakes == [])
        #expect(try #require(library).variables(of: "birthday").map(\.name).contains("mine"))
    }

    @Test func mistakesNameTheFolderTheyLieIn() throws {
        try shipped.write(Array("---\nsubject: s\n---\n{{".utf8), as: "letter.html")
        let (library, mistakes) = try load(["mine.html": "---\nsubject: s\n---\n{{"])
        #expect(library == nil)
        #expect(mistakes.map { String($0.prefix { $0 != ":" }) }.sorted() == ["own/mine.html", "shipped/letter.html"], "\(mistakes)")
    }

    @Test func aMissingCardIsExpectedInTheBusinesssFolder() throws {
        let place = Place(file: "rules.yaml", line: 1, column: 2)
        let (_, mistakes) = try load([:], needed: [CardReference(name: "birthdya", place: place)])
        #expect(mistakes == ["rules.yaml:1:2: there is no card \"birthdya\": expected own/birthdya.html; did you mean \"birthday\"?"])
    }

    @Test func theShippedFolderMayBeMissing() throws {
        let own = try CardFolderFixture(["a.html": "---\nsubject: s\n---\n<p>"])
        let (library, mistakes) = CardLibrary.load(folder: own.path, shipped: own.path + "/nowhere", needed: [])
        #expect(mistakes.isEmpty)
        #expect(library?.cards == ["a"])
    }
}
