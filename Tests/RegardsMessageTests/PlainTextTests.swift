import RegardsTestSupport
import Testing

@testable import RegardsMessage

/// The text that is derived from HTML.
@Suite struct PlainTextTests {
    @Test(arguments: [
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("<h1>Title</h1><p>Text</p><h2>More</h2>x<h3>Small</h3>y", "Title\n=====\n\nText\n\nMore\n----\n\nx\n\nSmall\n\ny\n"),
        ("<h1>生日快乐</h1>", "生日快乐\n========\n"),
        ("a<br>b<br/>\n  c", "a\nb\nc\n"),
        ("  a \n\t b  <b>c</b><i> d</i>", "a b c d\n"),
        ("<a href='https://x.example/?a=1&amp;b'>Shop</a>.", "Shop (https://x.example/?a=1&b).\n"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example\n"),
        ("<a href='mailto:a@b.example'>a@b.example</a> <a href='mailto:a@b.example'>write</a>", "a@b.example write (a@b.example)\n"),
        ("<a href='mailto:a@b.example?subject=stop'>Stop</a>", "Stop (mailto:a@b.example?subject=stop)\n"),
        ("<a href='tel:+441'>+441</a> <a href='#top'>up</a> <a href='javascript:x'>y</a> <a>z</a>", "+441 up y z\n"),
        ("<a href='https://x.example'><img src=x alt='Logo'></a>", "[Logo] (https://x.example)\n"),
        ("<a href='https://x.example'></a>", "https://x.example\n"),
        ("<ul><li>one<li>two<ul><li>deep</li></ul></li></ul><p>end", "- one\n- two\n  - deep\n\nend\n"),
        ("<ol><li><p>a</p></li><li>b<br>c</li></ol>", "1. a\n\n2. b\n   c\n"),
        ("<blockquote><p>q</p><p>r</p></blockquote>s", "> q\n>\n> r\n\ns\n"),
        ("<hr>a<hr>", "------------------------\n\na\n\n------------------------\n"),
        ("<table><tr><th>Name<td>Ana<tr><th>By:</th><td><p>5 May</p></td></table>x", "Name: Ana\nBy: 5 May\n\nx\n"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a | b\n"),
        ("<table role=presentation><tr><td>a</td></tr><tr><td><p>b</p></td></tr></table>", "a\n\nb\n"),
        ("<table><tr><td><table role='presentation'><tr><td>x</td></tr></table></td><td>y</td></tr></table>", "x\n\ny\n"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc\n"),
        ("<div style='DISPLAY : none'>hid<div>den</div></div>seen<span hidden>x</span>", "seen\n"),
        ("<head><title>t</title></head><style>p>a{}</style><script>if (a<b) {}</script>x", "x\n"),
        ("<!doctype html><!--[if mso]><p>Outlook</p><![endif]-->a<!-- > -->b<![if !mso]>c<![endif]>", "abc\n"),
        ("&lt;b&gt; &amp;amp; &eacute;&#233;&#xE9; &nbsp;&hellip; &bogus; &#0; &#99999999; & &; a&b", "<b> &amp; ééé  … &bogus; \u{fffd} \u{fffd} & &; a&b\n"),
        ("co&shy;operate 1 < 2 <3", "cooperate 1 < 2 <3\n"),
        ("<p>&nbsp;</p><p> </p><td>&nbsp;</td>x", "x\n"),
        ("", ""),
        ("<p", ""),
        ("<a href='x", ""),
        ("</p></a></ul></td></blockquote></table><li>x", "x\n"),
    ])
    func derives(_ html: String, _ expected: String) {
        #expect(PlainText.derive(from: html) == expected)
    }

    @Test(arguments: [
        ("short", "short\n"), ("a\n\n\n\nb  \n", "a\n\nb\n"),
        (String(repeating: "word ", count: 20), String(repeating: "word ", count: 14) .dropLast() + "\n" + String(repeating: "word ", count: 6).dropLast() + "\n"),
        ("2. " + String(repeating: "word ", count: 15), "2. " + String(repeating: "word ", count: 13) + "word\n   word\n"),
        ("Name:  " + String(repeating: "word ", count: 14), "Name:  " + String(repeating: "word ", count: 12) + "word\n       word\n"),
        ("  " + String(repeating: "word ", count: 15), "  " + String(repeating: "word ", count: 13) + "word\n  word\n"),
        (String(repeating: "很长", count: 19) + "。", String(repeating: "很长", count: 18) + "\n很长。\n"),
        (String(repeating: "x", count: 90), String(repeating: "x", count: 90) + "\n"),
    ] as [(String, String)])
    func longLinesOfWrittenTextsAreBroken(_ text: String, _ expected: String) {
        #expect(PlainText.tidy(text) == expected)
    }

    @Test func wrapsByDisplayWidth() {
        let words = Array(repeating: "word", count: 40).joined(separator: " ")
        let lines = PlainText.derive(from: "<p>\(words)</p>").split(separator: "\n")
        #expect(lines.count == 3 && lines.allSatisfy { $0.count <= 72 } && lines.joined(separator: " ") == words)

        let chinese = String(repeating: "春眠不觉晓，处处闻啼鸟。", count: 10)
        let wrapped = PlainText.derive(from: "<ul><li>\(chinese)</li></ul>").split(separator: "\n")
        #expect(wrapped.allSatisfy { line in line.unicodeScalars.reduce(0) { $0 + TextWrap.width(of: $1) } <= 72 })
        #expect(wrapped.allSatisfy { !$0.hasPrefix("  ，") && !$0.hasPrefix("  。") })
        #expect(wrapped.map { $0.dropFirst(2) }.joined() == chinese)
    }

    @Test func longWordsAndLinksStayWhole() {
        let link = "https://x.example/" + String(repeating: "a", count: 100)
        #expect(PlainText.derive(from: "<p>See <a href='\(link)'>this</a> page</p>") == "See this\n(\(link))\npage\n")
        #expect(PlainText.derive(from: "don’t " + String(repeating: "x", count: 66)) == "don’t " + String(repeating: "x", count: 66) + "\n")
        #expect(PlainText.derive(from: "don’t " + String(repeating: "x", count: 67)) == "don’t\n" + String(repeating: "x", count: 67) + "\n")
    }

    @Test func mixedScriptsBreakWhereTheyMay() {
        let text = String(repeating: "订单 Nr. 17 已到（明天）", count: 6)
        let lines = PlainText.derive(from: text).split(separator: "\n")
        #expect(lines.count > 1)
        #expect(lines.allSatisfy { !$0.hasSuffix("（") && !$0.hasPrefix("）") })
    }

    @Test func anyBytesGiveSomeText() {
        let seed = SeededGenerator.seed()
        var random = SeededGenerator(seed: seed)
        let bits = ["<", ">", "</", "p", "a href=", "'", "\"", "&", ";", "#x", "table", "td", "li", "ul", " ", "\n", "é", "王", "<!--", "-->", "style", "hidden", "/", "\u{301}", "pre", "<br>"]
        for _ in 0..<2000 {
            let html = (0..<Int.random(in: 0...60, using: &random)).map { _ in bits.randomElement(using: &random)! }.joined()
            let text = PlainText.derive(from: html)
            #expect(text.isEmpty || text.hasSuffix("\n"), "\(html.debugDescription)")
            #expect(String(validating: Array(text.utf8), as: UTF8.self) != nil)
        }
    }
}
