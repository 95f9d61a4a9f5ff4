import Foundation
import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// That the installed set is whole, and its words are what they should be.
@Suite struct StarterCardsTests {
    @Test func theSetIsCompleteInBothLanguages() throws {
        let library = try StarterCards.library()
        #expect(library.cards == StarterCards.all.sorted())
        for card in library.cards { #expect(library.locales(of: card) == StarterCards.locales, "\(card)") }
    }

    @Test func onlyKnownNamesAreUsed() throws {
        let library = try StarterCards.library()
        for card in library.cards {
            #expect(library.unknownVariables(of: card, known: StarterCards.known) == [])
            let owned = library.variables(of: card).filter { !StarterCards.known.contains($0.name) && !$0.name.contains("card.") && !$0.name.contains("unsubscribe.") && $0.name != "items" }
            #expect(owned.allSatisfy { $0.isOptional && !$0.needsValue }, "\(card): \(owned)")
        }
    }

    @Test func everyPictureHasAPanelAndADescription() throws {
        let library = try StarterCards.library()
        for card in library.cards {
            for locale in StarterCards.locales {
                let rendered = try library.render(card, locale: locale, fields: StarterCards.full(card))
                #expect(rendered.pictures.count <= 1, "\(card)")
                let images = HTMLProbe.tags(rendered.html).filter { $0.name == "img" }
                #expect(images.count == rendered.pictures.count)
                for image in images {
                    #expect(image.attributes["alt"].map { $0.utf8.count > 20 } == true, "\(card) \(locale)")
                    #expect(image.attributes["width"] == "600")
                    // Chinese is described in Chinese.
                    let isChinese = image.attributes["alt"]?.unicodeScalars.contains { (0x4e00...0x9fff).contains($0.value) }
                    #expect(isChinese == (locale == "zh"), "\(card) \(locale)")
                }
            }
        }
    }

    /// A drawing and its cards are changed by different people.
    @Test func descriptionsAreThoseOfTheDrawings() throws {
        let library = try StarterCards.library()
        for card in library.cards where card != "spring-festival" {
            let folder = (StarterCards.folder + "/" + card).components(separatedBy: "/").dropLast().joined(separator: "/")
            for (locale, element) in [("en", "title"), ("zh", "desc")] {
                let rendered = try library.render(card, locale: locale, fields: StarterCards.full(card))
                guard let picture = rendered.pictures.first else { continue }
                let drawing = try String(contentsOfFile: folder + "/" + picture.name.replacingOccurrences(of: ".png", with: ".svg"), encoding: .utf8)
                let told = drawing.components(separatedBy: "</\(element)>")[0].components(separatedBy: "<\(element)>").last
                let alt = HTMLProbe.tags(rendered.html).first { $0.name == "img" }?.attributes["alt"]
                #expect(alt == told, "\(card) \(locale): run scripts/card-alts")
            }
        }
    }

    @Test func textsSayWhatTheCardsSay() throws {
        let library = try StarterCards.library()
        // The day's list is a table; its text is checked below.
        for card in library.cards where card != "day-list" {
            for locale in StarterCards.locales {
                for fields in [try StarterCards.full(card), try StarterCards.bare(card)] {
                    let rendered = try library.render(card, locale: locale, fields: fields, unsubscribe: Fixture.shop)
                    // Every paragraph of prose of the card stands in the written text too, wherever its lines break. Links,
                    // pictures, rows of values and what is said of links have forms of their own.
                    let written = letters(rendered.text)
                    let prose = PlainTextProbe.derive(rendered.html).split(separator: "\n\n").map(String.init)
                        .filter { !$0.contains("(mailto:") && !$0.contains("(tel:") && !$0.contains("[") && !isRows($0) && !$0.hasPrefix("Each answer") && !$0.hasPrefix("每个选项") }
                        .map(letters).filter { $0.utf8.count > 60 }
                    #expect(!prose.isEmpty || card == "survey", "\(card) \(locale)")
                    #expect(prose.filter { !written.contains($0) } == [], "\(card) \(locale)")
                }
            }
        }
    }

    /// Labels and values, one below the other.
    private func isRows(_ paragraph: String) -> Bool {
        paragraph.split(separator: "\n").allSatisfy { line in
            [": ", "："].contains { line.components(separatedBy: $0)[0].count < min(line.count, 22) }
        }
    }

    private func letters(_ text: String) -> String {
        text.filter { !$0.isWhitespace && $0 != "=" }
    }

    @Test func greetingsAreShort() throws {
        let library = try StarterCards.library()
        for card in StarterCards.greetings {
            let english = try body(card, "en", library).split { $0 == " " || $0 == "\n" }.count
            #expect((25...60).contains(english), "\(card): \(english) words")
            let chinese = try body(card, "zh", library).filter { !$0.isWhitespace }.count
            #expect((35...110).contains(chinese), "\(card): \(chinese) characters")
        }
    }

    private func body(_ card: String, _ locale: String, _ library: CardLibrary) throws -> String {
        let text = try library.render(card, locale: locale, fields: StarterCards.full(card)).text
        return text.components(separatedBy: "\n\n").dropFirst().prefix(2).joined(separator: "\n")
    }

    /// Greetings ask nothing and sell nothing.
    @Test func greetingsHaveNoButton() throws {
        let library = try StarterCards.library()
        for card in StarterCards.greetings {
            let html = try library.render(card, locale: "en", fields: StarterCards.full(card)).html
            #expect(!HTMLProbe.tags(html).contains { $0.name == "a" }, "\(card)")
        }
    }

    @Test(arguments: [(2, 6, "Goat", "羊"), (2, 5, "Goat", "羊"), (1, 7, "Horse", "马"), (1, 8, "Goat", "羊"), (12, 31, "Monkey", "猴")])
    func theSpringFestivalNamesTheComingAnimal(month: Int, day: Int, english: String, chinese: String) throws {
        let library = try StarterCards.library()
        var fields = try StarterCards.full("spring-festival")
        // Lunar 2027, a year of the Goat, begins on 6 February, the month before it on 8 January, and its own last month on
        // 28 December.
        fields.addOccasion(on: CivilDate(year: 2027, month: month, day: day)!, name: "spring-festival")
        #expect(try library.render("spring-festival", locale: "en", fields: fields).subject == "A good Year of the \(english), Ana")
        #expect(try library.render("spring-festival", locale: "zh", fields: fields).subject == "Ana Gonçalves，\(chinese)年大吉")
    }

    @Test func withoutItsAnimalTheSpringFestivalIsGreetedAllTheSame() throws {
        let library = try StarterCards.library()
        var fields = try StarterCards.full("spring-festival")
        fields.addOccasion(on: CivilDate(year: 2150, month: 2, day: 1)!, name: "spring-festival")
        #expect(try library.render("spring-festival", locale: "en", fields: fields).subject == "A good new year, Ana")
    }

    @Test func theDaysListHasALineForEachCustomer() throws {
        let library = try StarterCards.library()
        let text = try library.render("day-list", locale: nil, fields: StarterCards.full("day-list")).text
        #expect(text.contains("1. Ana Gonçalves, +351 21 000 000\n   Birthday (since 11 May 2027)\n   [Calls]\n"))
        // The second has no name and no phone: neither the first one's nor those outside the list stand in for them.
        #expect(text.contains("2. #31\n   Ten years with us\n   [Gifts]\n"))
        let none = try library.render("day-list", locale: nil, fields: StarterCards.bare("day-list"))
        #expect(none.text.contains("Nothing is on it today."))
        #expect(none.html.contains("Nothing is on it today."))
    }
}
