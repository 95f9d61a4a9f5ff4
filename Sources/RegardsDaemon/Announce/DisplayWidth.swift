/// How many cells of a terminal text takes, and what follows from that for columns and line ends.
package enum DisplayWidth {
    package static func of(_ text: String) -> Int {
        // Most lines are plain ASCII: as many cells as bytes.
        text.utf8.allSatisfy { (0x20...0x7e).contains($0) } ? text.utf8.count : text.reduce(0) { $0 + width($1) }
    }

    /// With spaces behind it up to a number of cells.
    package static func padded(_ text: String, _ cells: Int) -> String {
        text + String(repeating: " ", count: max(0, cells - of(text)))
    }

    /// With spaces before it up to a number of cells.
    package static func paddedLeft(_ text: String, _ cells: Int) -> String {
        String(repeating: " ", count: max(0, cells - of(text))) + text
    }

    /// At most so many cells; `…` stands for what had no room.
    package static func cut(_ text: String, to cells: Int) -> String {
        guard of(text) > cells else { return text }
        var (kept, taken) = ("", 0)
        for character in text {
            taken += width(character)
            guard taken < cells else { break }
            kept.append(character)
        }
        return cells > 0 ? kept + "…" : ""
    }

    /// Lines of at most so many cells, broken at spaces; a longer word keeps its line to itself. Spaces inside a line
    /// stay as they are.
    package static func wrapped(_ text: String, to cells: Int) -> [String] {
        guard of(text) > cells else { return [text] }
        var lines: [String] = []
        var line: String?
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            guard let begun = line else {
                // The spaces at which a line was broken are gone.
                if !word.isEmpty || lines.isEmpty { line = String(word) }
                continue
            }
            let longer = begun + " " + word
            if of(longer) <= cells {
                line = longer
            } else {
                lines.append(trimmed(begun))
                line = word.isEmpty ? nil : String(word)
            }
        }
        if let line { lines.append(trimmed(line)) }
        return lines
    }

    private static func trimmed(_ line: String) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }

    /// Two cells for East Asian wide characters (Unicode UAX #11: W and F) and for emoji, none for what only changes its
    /// neighbour, one for all others.
    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        // U+FE0F asks for the colourful form of a character that has two.
        if scalar.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{fe0f}") { return 2 }
        return isWide(scalar.value) ? 2 : 1
    }

    private static func isWide(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x1100...0x115f, 0x2329...0x232a, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0xa4cf,
            0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe10...0xfe19, 0xfe30...0xfe6f, 0xff01...0xff60,
            0xffe0...0xffe6, 0x16fe0...0x18cff, 0x1aff0...0x1b2ff, 0x1f200...0x1f265, 0x20000...0x3fffd:
            true
        default: false
        }
    }
}
