import Foundation
import RegardsMessage
import Testing

/// WCAG 2.2, 1.4.3: text stands out from its background by at least 4.5 to 1, computed from the style of each card by
/// light, by dark, and where a picture is not shown.
@Suite struct ContrastTests {
    @Test(arguments: [false, true])
    func textStandsOut(isDark: Bool) throws {
        let library = try StarterCards.library()
        for card in library.cards {
            for locale in StarterCards.locales {
                let html = try library.render(card, locale: locale, fields: StarterCards.full(card), unsubscribe: Fixture.shop).html
                let found = try StylePage(html, isDark: isDark).texts()
                #expect(found.count > 5, "\(card) \(locale)")
                for text in found {
                    #expect(text.contrast >= 4.5, "\(card) \(locale): \(text.contrast) \(text.color) on \(text.background): \(text.words)")
                }
            }
        }
    }

    /// Outlook applies its own selectors in place of the media query.
    @Test func outlookGetsTheSameDarkColours() throws {
        let library = try StarterCards.library()
        let html = try library.render("birthday", locale: "en", fields: StarterCards.full("birthday")).html
        let dark = HTMLProbe.rules(try #require(HTMLProbe.block(after: "prefers-color-scheme:dark", in: html)))
        let all = HTMLProbe.rules(html.components(separatedBy: "</style>").dropLast().joined())
        #expect(dark.count >= 8)
        for (selector, declarations) in dark {
            for (property, value) in declarations {
                switch property {
                case "color": #expect(all["[data-ogsc] \(selector)"]?["color"] == value, "\(selector)")
                case "background-color": #expect(all["[data-ogsb] \(selector)"]?["background-color"] == value, "\(selector)")
                default: #expect(property == "border-color")
                }
            }
        }
    }

    @Test func theMeasureIsRight() {
        #expect(StylePage.contrast("#ffffff", "#000000") == 21)
        #expect(StylePage.contrast("#777777", "#777777") == 1)
        #expect((4.47...4.49).contains(StylePage.contrast("#777777", "#ffffff")))
    }
}

/// A page with its colours worked out: inherited, given inline, and overridden by the dark style block.
private struct StylePage {
    struct Text {
        var words: String
        var color: String
        var background: String
        var contrast: Double { StylePage.contrast(color, background) }
    }

    private struct Element {
        var name: String
        var classes: Set<String>
        var color: String
        var background: String
        var isHidden: Bool
    }

    private let pieces: [HTMLProbe.Piece]
    private let dark: [String: [String: String]]

    init(_ html: String, isDark: Bool) throws {
        pieces = HTMLProbe.pieces(html)
        dark = isDark ? HTMLProbe.rules(try #require(HTMLProbe.block(after: "prefers-color-scheme:dark", in: html))) : [:]
    }

    func texts() -> [Text] {
        var open = [Element(name: "", classes: [], color: "#000000", background: "#ffffff", isHidden: false)]
        var found: [Text] = []
        for piece in pieces {
            switch piece {
            case .text(let words):
                let words = words.replacingOccurrences(of: "&nbsp;", with: "").trimmingCharacters(in: .whitespacesAndNewlines)
                guard let last = open.last, !last.isHidden, !words.isEmpty else { continue }
                found.append(Text(words: words, color: last.color, background: last.background))
            case .tag(let tag) where tag.isEnd:
                if let index = open.lastIndex(where: { $0.name == tag.name }) { open.removeSubrange(index...) }
            case .tag(let tag):
                let element = element(tag, inside: open)
                if let alt = tag.attributes["alt"] { found.append(Text(words: alt, color: element.color, background: element.background)) }
                if !["meta", "img", "br"].contains(tag.name) { open.append(element) }
            }
        }
        return found
    }

    private func element(_ tag: HTMLProbe.Tag, inside open: [Element]) -> Element {
        let outer = open[open.count - 1]
        let ancestors = open.reduce(into: Set<String>()) { $0.formUnion($1.classes) }
        func overridden(_ property: String) -> String? {
            let own = tag.classes.compactMap { dark["." + $0]?[property] }.first
            return tag.name == "a" ? ancestors.compactMap { dark[".\($0) a"]?[property] }.first ?? own : own
        }
        return Element(
            name: tag.name, classes: tag.classes,
            color: overridden("color") ?? tag.style("color") ?? outer.color,
            background: overridden("background-color") ?? tag.style("background-color") ?? outer.background,
            isHidden: outer.isHidden || tag.name == "head" || tag.style("display") == "none")
    }

    static func contrast(_ one: String, _ other: String) -> Double {
        let values = [luminance(one), luminance(other)].sorted()
        return (values[1] + 0.05) / (values[0] + 0.05)
    }

    private static func luminance(_ color: String) -> Double {
        guard color.count == 7, let number = UInt32(color.dropFirst(), radix: 16) else { return .nan }
        let parts = [16, 8, 0].map { shift -> Double in
            let part = Double(number >> UInt32(shift) & 255) / 255
            return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
}
