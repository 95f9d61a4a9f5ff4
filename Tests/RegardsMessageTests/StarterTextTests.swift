import Foundation
import RegardsMessage
import Testing

/// The plain text of every card, one after the other, to be read by a person. After a wanted change, run once with
/// REGARDS_RECORD=1 and read the difference.
@Suite struct StarterTextTests {
    @Test(arguments: StarterCards.locales, [true, false])
    func booklet(locale: String, isFull: Bool) throws {
        let library = try StarterCards.library()
        var booklet = ""
        for card in library.cards {
            let fields = try isFull ? StarterCards.full(card) : StarterCards.bare(card)
            let rendered = try library.render(card, locale: locale, fields: fields, unsubscribe: isFull ? Fixture.shop : nil)
            booklet += "======== \(card): \(rendered.subject)\n\n\(rendered.text)\n"
        }
        let file = Fixture.cards + "/golden/texts.\(locale)\(isFull ? "" : ".bare").txt"
        if ProcessInfo.processInfo.environment["REGARDS_RECORD"] == "1" {
            try Data(booklet.utf8).write(to: URL(fileURLWithPath: file))
        }
        let expected = try #require(FileManager.default.contents(atPath: file), "no \(file)")
        #expect(booklet == String(decoding: expected, as: UTF8.self))
    }
}
