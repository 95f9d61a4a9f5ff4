import RegardsCore
import RegardsMessage
import Testing

/// What `check` says of cards, word for word.
@Suite struct MistakeTests {
    private func mistakes(
        _ files: [String: String], pictures: [String: [UInt8]] = [:], needed: [CardReference] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String] {
        try CardFolderFixture(files, pictures: pictures).mistakes(needed: needed)
    }

    private func body(_ text: String) -> [String: String] { ["a.html": "---\nsubject: s\n---\n\(text)"] }

    // MARK: Front matter

    @Test(arguments: [
        ("<p>Hi</p>", "cards/a.html:1:1: expected --- and a subject: line before the text of the card"),
        ("---\nsubject: x\n<p>", "cards/a.html:1:1: the front matter is never closed: expected a second line ---"),
        ("---\npreheader: x\n---\n", "cards/a.html:1:1: the front matter has no subject: line"),
        ("---\nsubject: x\nsubjet: y\n---\n", "cards/a.html:3:1: expected subject, preheader, picture, alt, optional, about, got \"subjet\"; did you mean \"subject\"?"),
        ("---\nsubject: x\nsubject: y\n---\n", "cards/a.html:3:1: subject is given twice"),
        ("---\nsubject: x\n  more\n---\n", "cards/a.html:3:1: expected key: value at the beginning of the line; a value stays on one line"),
        ("---\nsubject: x\nwords\n---\n", "cards/a.html:3:1: expected key: value, got \"words\""),
        ("---\nsubject: x\nabout: ''\n---\n", "cards/a.html:3:1: about is empty"),
        ("---\nsubject: x\npicture: a.png\n---\n", "cards/a.html:3:10: expected an alt: line that tells what the picture shows"),
        ("---\nsubject: x\nalt: A cake\n---\n", "cards/a.html:3:6: alt tells what a picture shows; there is no picture: line"),
        ("---\nsubject: x\npicture: a.png\nalt: A cake\n---\n", "cards/a.html:3:10: there is no picture a.png in cards: No such file or directory"),
        ("---\nsubject: x\npicture: {{a}}.png\nalt: A cake\n---\n", "cards/a.html:3:10: a picture's name is fixed text; put the whole img into a section instead"),
        ("---\nsubject: x\noptional: item\n---\n{{itme}}", "cards/a.html:3:11: the card names no item; did you mean \"itme\"?"),
        ("---\nsubject: x\noptional: item\n---\n{{item}}", "cards/a.html:5:1: item is optional: write {{#item}}…{{/item}} around it"),
        ("---\nsubject: x\noptional: a , b c\n---\n{{#a}}{{/a}}", "cards/a.html:3:11: expected names with commas between them, got \"b c\""),
    ])
    func frontMatter(_ text: String, _ expected: String) throws {
        #expect(try mistakes(["a.html": text]) == [expected])
    }

    @Test func aSoundFrontMatterIsTakenAsItIs() throws {
        let text = "\u{feff}---\r\n# a note\r\n\r\nsubject: \"Re: {{name}}, 'hi'\"\r\nabout: x: y\r\n---\r\n<p>\r\n"
        let library = try CardFolderFixture(["a.html": text]).library()
        let card = try library.render("a", locale: nil, fields: Fixture.fields(["name": "Ana"]))
        #expect(card.subject == "Re: Ana, 'hi'")
        #expect(card.html == "<p>\n")
    }

    // MARK: Tags

    @Test(arguments: [
        ("<p>{{name</p>", "cards/a.html:4:4: this {{ is never closed with }}"),
        ("x {{}} y", "cards/a.html:4:3: expected a name between {{ and }}"),
        ("x{{! y }}\u{301} {{! z }}", "cards/a.html:4:2: a combining mark stands beside the braces of this tag and hides them"),
        ("x\u{600}{{name}}", "cards/a.html:4:3: a combining mark stands beside the braces of this tag and hides them"),
        ("{{! \u{600}}} {{! z }}", "cards/a.html:4:1: a combining mark stands beside the braces of this tag and hides them"),
        ("x {{\n name }} y", "cards/a.html:4:3: expected a name on the line of its {{"),
        ("王{{given name}}", "cards/a.html:4:2: expected a name such as given_name or business.name, got \"given name\""),
        ("{{a.b.c}}", "cards/a.html:4:1: expected a name such as given_name or business.name, got \"a.b.c\""),
        ("{{upper(name)}}", "cards/a.html:4:1: expected a name such as given_name or business.name, got \"upper(name)\""),
        ("{{.}}", "cards/a.html:4:1: expected a name such as given_name or business.name, got \".\""),
        ("{{{name}}}", "cards/a.html:4:1: values are always escaped: write {{name}}"),
        ("{{&name}}", "cards/a.html:4:1: values are always escaped: write {{name}}"),
        ("{{=<% %>=}}", "cards/a.html:4:1: the delimiters are always {{ and }}"),
        ("{{! as in {{name}} }}", "cards/a.html:4:1: a comment holds no {{: it would end with the }} of that tag"),
        ("{{#items}}{{#items}}{{/items}}{{/items}}", "cards/a.html:4:11: {{#items}} stands inside itself"),
        ("{{% CONTENT_TYPE: TEXT}}", "cards/a.html:4:1: pragmas are not used in cards"),
        ("{{>*name}}", "cards/a.html:4:1: expected a name of letters, digits, - and _, got \"*name\""),
        ("{{#a}}\n{{#b}}x{{/a}}", "cards/a.html:5:8: expected {{/b}} for line 5, got {{/a}}"),
        ("{{#a}}x{{/b}}{{/a}}", "cards/a.html:4:8: expected {{/a}} for line 4, got {{/b}}"),
        ("x{{/a}}", "cards/a.html:4:2: {{/a}} closes nothing"),
        ("\n {{^a}}x", "cards/a.html:5:2: this is never closed: expected {{/a}}"),
    ])
    func tags(_ text: String, _ expected: String) throws {
        #expect(try mistakes(body(text)) == [expected])
    }

    @Test func sectionsAreNotNestedWithoutEnd() throws {
        let deep = String(repeating: "{{#a}}", count: 33) + String(repeating: "{{/a}}", count: 33)
        #expect(try mistakes(body(deep)).contains("cards/a.html:4:193: more than 32 sections inside each other"))
        let endless = try mistakes(body(String(repeating: "{{#a}}", count: 5000)))
        #expect(endless.count == 5000)
    }

    @Test func subjectsAreTemplatesOfTheirOwn() throws {
        #expect(
            try mistakes(["a.html": "---\nsubject: Dear {{name\npreheader: {{> footer}}\n---\n"]) == [
                "cards/a.html:2:15: this {{ is never closed with }}", "cards/a.html:3:12: a preheader holds no partials",
            ])
    }

    // MARK: Partials

    @Test func partialsMustExist() throws {
        #expect(
            try mistakes([
                "a.html": "---\nsubject: s\n---\n<p>\n{{> foter}}", "partials/footer.html": "x",
                "partials/other.html": "{{> nowhere}}",
            ]) == [
                "cards/a.html:5:1: there is no partial \"foter\": expected cards/partials/foter.html; did you mean \"footer\"?",
                "cards/partials/other.html:1:1: there is no partial \"nowhere\": expected cards/partials/nowhere.html",
            ])
    }

    @Test func textsHaveTextPartials() throws {
        #expect(
            try mistakes([
                "a.html": "---\nsubject: s\n---\n{{> footer}}", "a.txt": "{{> footer}}", "partials/footer.html": "x",
            ]) == ["cards/a.txt:1:1: there is no partial \"footer\": expected cards/partials/footer.txt"])
    }

    @Test func partialsDoNotLeadBack() throws {
        #expect(
            try mistakes([
                "a.html": "---\nsubject: s\n---\n{{> one}}", "partials/one.html": "{{> two}}", "partials/two.html": "x\n{{#a}}{{> one}}{{/a}}",
                "partials/self.html": "{{<self}}{{/self}}",
            ]) == [
                "cards/partials/self.html:1:1: {{> self}} leads back to itself: self -> self",
                "cards/partials/two.html:2:7: {{> one}} leads back to itself: one -> two -> one",
            ])
    }

    @Test func blocksDoNotStandInsideThemselves() throws {
        #expect(
            try mistakes([
                "a.html": "---\nsubject: s\n---\n{{<frame}}{{$content}}{{<box}}{{$content}}x{{/content}}{{/box}}{{/content}}{{/frame}}",
                "partials/frame.html": "<{{$content}}{{/content}}>", "partials/box.html": "[{{$content}}{{/content}}]",
            ]) == ["cards/partials/box.html:1:2: the block content would stand inside itself; give the inner one another name"])
    }

    @Test func onlyBlocksStandInATemplatesUse() throws {
        let rule = "only blocks {{$name}}…{{/name}} can stand between {{<frame}} and {{/frame}}; anything else is dropped"
        let files = ["partials/frame.html": "{{$content}}{{/content}}"]
        for (inside, column) in [("text", 11), ("{{name}}", 11), ("{{> frame}}", 11), ("{{#a}}x{{/a}}", 11)] {
            let card = ["a.html": "---\nsubject: s\n---\n{{<frame}}\(inside){{/frame}}"]
            #expect(try mistakes(files.merging(card) { $1 }) == ["cards/a.html:4:\(column): \(rule)"])
        }
        let twice = ["a.html": "---\nsubject: s\n---\n{{<frame}}{{$content}}1{{/content}}\n{{$content}}2{{/content}}{{/frame}}"]
        #expect(try mistakes(files.merging(twice) { $1 }) == ["cards/a.html:5:1: the block content is given twice"])
    }

    @Test func partialsDoNotMultiply() throws {
        var files = body("{{> p0}}")
        for level in 0..<40 { files["partials/p\(level).html"] = "{{> p\(level + 1)}}{{> p\(level + 1)}}" }
        files["partials/p40.html"] = "x"
        let found = try mistakes(files)
        #expect(found == ["cards/a.html: with its partials the card has 1073741824 bytes; mail clients cut off what is over 102400"])
    }

    @Test func partialsHaveNoSubject() throws {
        #expect(
            try mistakes(body("x").merging(["partials/p.html": "---\nsubject: s\n---\n"]) { $1 })
                == ["cards/partials/p.html:2:10: a partial has no subject; the card gives it"])
    }

    @Test func textsHaveNoSubject() throws {
        #expect(
            try mistakes(body("x").merging(["a.txt": "---\nsubject: s\n---\n"]) { $1 })
                == ["cards/a.txt:2:10: a text has no subject; the .html file gives it"])
    }

    @Test func blocksDoNotMultiply() throws {
        func many(_ name: String) -> String { String(repeating: "{{$\(name)}}{{/\(name)}}", count: 60) }
        let card = "{{<f}}{{$a}}\(many("b")){{/a}}{{$b}}\(many("c")){{/b}}{{$c}}\(many("d")){{/c}}{{/f}}"
        #expect(
            try mistakes(body(card).merging(["partials/f.html": "{{$a}}{{/a}}"]) { $1 })
                == ["cards/a.html: its partials and blocks repeat each other too often"])
    }

    // MARK: Files

    @Test func filesAreNamedAfterCards() throws {
        let card = "---\nsubject: s\n---\n"
        #expect(
            try mistakes([
                "a.html": card, "a.v2.html": card, "b c.html": card, "d.zh.html": card, "readme.txt": "notes", "e.fr.json": "{}",
                "notes.md": "ignored", "a.html~": "ignored", ".hidden.html": "ignored",
            ]) == [
                "cards/a.v2.html: expected a language such as en or zh-Hans between the card's name and .html, got \"v2\"",
                "cards/b c.html: the name of a card holds letters, digits, - and _ only",
                "cards/d.zh.html: whoever reads another language has no card: expected cards/d.html or cards/d.en.html beside it",
                "cards/e.fr.json: a webhook's body has no language: expected cards/e.json",
                "cards/readme.txt: warning: this text stands beside no card: expected cards/readme.html",
            ])
    }

    @Test func filesAreTextOfReasonableSize() throws {
        let folder = try CardFolderFixture(["a.html": "---\nsubject: s\n---\n"])
        try folder.write(Array(repeating: 0x61, count: 102_401), as: "big.html")
        try folder.write(Array("---\nsubject: s\n---\ncaf".utf8) + [0xe9, 0x0a], as: "latin.html")
        #expect(
            folder.mistakes() == [
                "cards/big.html: 102401 bytes are too many for a card: mail clients cut off what is over 102400",
                "cards/latin.html:4:1: this line is not UTF-8; save the file as UTF-8",
            ])
    }

    @Test func theFolderMustBeThere() {
        let (library, mistakes) = CardLibrary.load(folder: "/nowhere/cards", needed: [])
        #expect(library == nil)
        #expect(mistakes.map(\.description) == ["/nowhere/cards: the folder of cards cannot be read: No such file or directory"])
    }

    @Test func neededCardsMustBeThere() throws {
        let rules = Place(file: "rules.d/a.yaml", line: 7, column: 9)
        #expect(
            try mistakes(
                ["birthday.html": "---\nsubject: s\n---\n", "ping.json": "{}"],
                needed: [
                    CardReference(name: "birthdy", place: rules), CardReference(name: "birthday", place: rules),
                    CardReference(name: "ping", place: rules), CardReference(name: "ping", use: .webhook, place: rules),
                    CardReference(name: "", use: .webhook, place: rules), CardReference(name: "birthday", use: .webhook, place: rules),
                ]) == [
                    "rules.d/a.yaml:7:9: there is no card \"birthday\": expected cards/birthday.json",
                    "rules.d/a.yaml:7:9: there is no card \"birthdy\": expected cards/birthdy.html; did you mean \"birthday\"?",
                    "rules.d/a.yaml:7:9: there is no card \"ping\": expected cards/ping.html",
                ])
    }

    // MARK: Pictures

    @Test(arguments: [
        ("here.png", nil),
        ("cid:here.png", nil),
        ("gone.png", "there is no picture gone.png in cards: No such file or directory"),
        ("fake.png", "fake.png is no png picture"),
        ("drawing.svg", "expected the name of a png, jpg or gif file, got \"drawing.svg\""),
        ("../here.png", "a picture's name holds letters, digits, - _ and dots only, got \"../here.png\""),
        ("{{picture}}.png", "a picture's name is fixed text; put the whole img into a section instead"),
        ("huge.jpg", "huge.jpg has 524289 bytes; the limit for a picture is 524288"),
        ("https://x.example/a.png", "warning: a picture from the network is hidden by most mail clients; put the file beside the card"),
        ("data:image/png;base64,AA", "warning: Gmail and Outlook drop data: pictures; put the file beside the card"),
    ] as [(String, String?)])
    func pictures(_ source: String, _ expected: String?) throws {
        let found = try mistakes(
            body("<p>王\n  <img alt='' src=\"\(source)\">"),
            pictures: [
                "here.png": [0x89, 0x50, 0x4e, 0x47], "fake.png": [0xff, 0xd8, 0xff], "huge.jpg": Array(repeating: 0, count: 524_289),
            ])
        #expect(found == (expected.map { ["cards/a.html:5:20: \($0)"] } ?? []))
    }

    @Test func heavyMessagesAreNamed() throws {
        let picture = [0x89, 0x50, 0x4e, 0x47] + Array(repeating: UInt8(0), count: 300_000)
        #expect(
            try mistakes(body("<img src=\"a.png\">"), pictures: ["a.png": picture])
                == ["cards/a.html: warning: the message will have about 401 KiB; keep it under 260"])
    }

    // MARK: All at once

    @Test func everyMistakeOfEveryCardInOnePass() throws {
        let found = try mistakes([
            "a.html": "---\nsubjet: {{x\n---\n{{#a}}\n{{> none}}", "b/c.html": "no front", "partials/p.html": "{{/x}}", "d.json": "{{",
        ])
        #expect(
            found == [
                "cards/a.html:1:1: the front matter has no subject: line",
                "cards/a.html:2:1: expected subject, preheader, picture, alt, optional, about, got \"subjet\"; did you mean \"subject\"?",
                "cards/a.html:4:1: this is never closed: expected {{/a}}",
                "cards/a.html:5:1: there is no partial \"none\": expected cards/partials/none.html",
                "cards/b/c.html:1:1: expected --- and a subject: line before the text of the card",
                "cards/d.json:1:1: this {{ is never closed with }}",
                "cards/partials/p.html:1:1: {{/x}} closes nothing",
            ])
    }

    @Test func variablesAreKnownWithTheirPlaces() throws {
        let library = try CardFolderFixture([
            "a.html": "---\nsubject: {{name}}\n---\n{{#name}}{{name}}{{title}}{{/name}}{{^name}}{{name}}{{/name}}{{<frame}}{{$b}}{{own}}{{/b}}{{/frame}}",
            "a.txt": "{{text}}", "partials/frame.html": "{{business.name}}\n{{$b}}{{unused}}{{/b}}{{#complaint}}{{card.subject}}{{/complaint}}",
        ]).library()
        let found = library.variables(of: "a").map { variable in
            "\(variable.name) \(variable.place.line):\(variable.place.column)\(variable.isSection ? " section" : variable.needsValue ? " needed" : "")"
        }
        #expect(
            found == [
                "name 2:10 needed", "name 4:1 section", "name 4:10", "title 4:18 needed", "name 4:36 section", "name 4:45 needed",
                "business.name 1:1 needed", "own 4:78 needed", "complaint 2:23 section", "card.subject 2:37 needed", "text 1:1 needed",
            ])
        #expect(library.variables(of: "none").isEmpty)
        #expect(library.cards == ["a"])
        let folder = library.variables(of: "a")[0].place.file.dropLast("/a.html".count)
        let unknown = library.unknownVariables(of: "a", known: ["name", "tittle", "business.name", "complaint.subject"])
        #expect(
            unknown.map { $0.description.replacing(folder, with: "cards") } == [
                "cards/a.html:4:18: nothing fills {{title}}; did you mean \"tittle\"?", "cards/a.html:4:78: nothing fills {{own}}",
                "cards/a.txt:1:1: nothing fills {{text}}",
            ])
    }

    @Test func aGroupIsNoValue() throws {
        let library = try CardFolderFixture(body("{{#business}}{{business}}{{/business}}")).library()
        #expect(
            library.unknownVariables(of: "a", known: ["business.name", "business.email"]).map(\.message)
                == ["business is a group: name one of its members, such as {{business.email}}"])
    }
}
