import Testing

@testable import RegardsDaemon

@Suite("Cells of a terminal")
struct DisplayWidthTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("Luís", 4), ("Lui\u{301}s", 4), ("王小明", 6), ("さくら", 6), ("김민준", 6), ("ｆｕｌｌ", 8),
        ("ﾊﾝｶｸ", 4), ("一、", 4), ("🎂", 2), ("👩\u{200d}👩\u{200d}👧", 2), ("🇩🇪", 2), ("❤\u{fe0f}", 2), ("❤", 1), ("Γιώργος", 7),
        ("حسن", 3), ("\u{200b}", 0), ("\u{1b}", 0), ("½·→", 3),
    ])
    func width(text: String, cells: Int) {
        #expect(DisplayWidth.of(text) == cells)
        #expect(DisplayWidth.of(DisplayWidth.padded(text, 10)) == 10)
    }

    @Test func aTextThatFitsStaysAsItIs() {
        #expect(DisplayWidth.wrapped("a  b", to: 4) == ["a  b"])
        #expect(DisplayWidth.wrapped("", to: 4) == [""])
    }

    @Test func aLongTextIsBrokenAtSpaces() {
        #expect(DisplayWidth.wrapped("one two three", to: 7) == ["one two", "three"])
        #expect(DisplayWidth.wrapped("one  two   three", to: 8) == ["one  two", "three"])
        #expect(DisplayWidth.wrapped("王小明 王小明 x", to: 8) == ["王小明", "王小明 x"])
    }

    @Test func aWordThatIsTooLongHasALineToItself() {
        #expect(DisplayWidth.wrapped("a bbbbbbbb c", to: 4) == ["a", "bbbbbbbb", "c"])
    }
}
