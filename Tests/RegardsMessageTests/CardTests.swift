import RegardsCalendar
import RegardsCore
import RegardsMessage
import Testing

/// What a card makes of its fields.
@Suite struct CardTests {
    private func html(
        _ text: String, _ fields: CardFields, locale: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let library = try CardFolderFixture(["a.html": "---\nsubject: s\n---\n\(text)"]).library()
        return try library.render("a", locale: locale, fields: fields).html
    }

    @Test(arguments: [
        ("Ana", "Dear Ana"), (nil, "Hello"), ("", "Hello"), ("  \n", "Hello"), ("<b>&'\"", "Dear &lt;b&gt;&amp;&#39;&quot;"),
        // A grapheme that begins with a quote is still a quote.
        ("\"\u{301} onload=x <\u{338}b>", "Dear &quot;\u{301} onload=x &lt;\u{338}b&gt;"), ("{{secret}}", "Dear {{secret}}"),
    ] as [(String?, String)])
    func defaults(_ name: String?, _ expected: String) throws {
        let fields = Fixture.fields(["given_name": name, "secret": "s"])
        let found = try html("{{#given_name}}Dear {{given_name}}{{/given_name}}{{^given_name}}Hello{{/given_name}}", fields)
        #expect(Array(found.utf8) == Array(expected.utf8))
    }

    @Test func nullOutsideASectionIsRefused() throws {
        let fields = Fixture.fields(["given_name": nil, "other": "x"])
        for text in ["{{given_name}}", "{{#other}}{{given_name}}{{/other}}", "{{^given_name}}{{given_name}}{{/given_name}}"] {
            let error = #expect(throws: CardError.self) { try html(text, fields) }
            #expect(error == .emptyVariable("given_name", card: "a"))
        }
        #expect(try html("{{#given_name}}{{given_name}}{{/given_name}}ok", fields) == "ok")
    }

    @Test func nullInSubjectPreheaderTextAndGroupIsRefused() throws {
        var fields = Fixture.fields(["x": nil])
        fields.set("complaint", .group(["subject": .null, "id": .text("7")]))
        let cards = try CardFolderFixture([
            "subject.html": "---\nsubject: {{x}}\n---\n", "preheader.html": "---\nsubject: s\npreheader: {{x}}\n---\n",
            "text.html": "---\nsubject: s\n---\n", "text.txt": "{{x}}", "group.html": "---\nsubject: s\n---\n{{complaint.subject}}",
        ]).library()
        for card in ["subject", "preheader", "text"] {
            let error = #expect(throws: CardError.self) { try cards.render(card, locale: nil, fields: fields) }
            #expect(error == .emptyVariable("x", card: card))
        }
        let error = #expect(throws: CardError.self) { try cards.render("group", locale: nil, fields: fields) }
        #expect(error?.description == "card group: {{complaint.subject}} is empty for this recipient; give it a default with {{^complaint.subject}}…{{/complaint.subject}}")
    }

    @Test func unknownNamesAreRefusedEvenInSections() throws {
        let fields = Fixture.fields(["a": "1"])
        for text in ["{{b}}", "{{#b}}x{{/b}}", "{{^b}}x{{/b}}", "{{a.b}}", "{{#a}}{{b}}{{/a}}"] {
            let error = #expect(throws: CardError.self) { try html(text, fields) }
            #expect(error == .unknownVariable(text.contains("a.b") ? "a.b" : "b", card: "a"))
        }
    }

    @Test func groupsOpenNoScope() throws {
        var fields = Fixture.fields(["subject": "outer"])
        fields.set("complaint", .group(["subject": .text("inner")]))
        fields.add(nil, as: "manager")
        #expect(try html("{{#complaint}}{{subject}} {{complaint.subject}}{{/complaint}}", fields) == "outer inner")
        #expect(try html("{{#manager}}never{{/manager}}{{^manager}}nobody{{/manager}}", fields) == "nobody")
        let error = #expect(throws: CardError.self) { try html("{{complaint}}", fields) }
        #expect(error == .unknownVariable("complaint", card: "a"))
    }

    @Test func theUsualGroups() throws {
        var customer = RecordSchema(known: ["id", "unused"])
        let id = customer.use("id")
        let city = customer.use("city")
        var record = customer.makeRecord()
        record.set(id, integer: 17)
        record.set(city, text: "Porto")
        let lisbon = try #require(ZoneCatalog().zone(named: "Europe/Lisbon"))
        let at = Instant(seconds: 1_810_116_300)
        var fields = CardFields()
        fields.add(record, columns: customer)
        fields.add(Fixture.business(zone: lisbon))
        fields.add(Contact(name: "Mara", address: Fixture.shop), as: "from")
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "birthday-card")
        fields.addPromise(limit: at, zone: lisbon, answerWithin: .hours(24))
        fields.addEvent(kind: "complaint", record, columns: customer, at: at, zone: lisbon)
        let card = "{{id}} {{city}} {{business.name}} {{from.name}} {{occasion.date}} {{occasion.month}} {{occasion.year}} {{promise.limit}} {{promise.answer_within}} {{complaint.city}} {{complaint.at}}{{#from.phone}}no{{/from.phone}}"
        #expect(
            try html(card, fields)
                == "17 Porto Hartley &amp; Lowe Mara 12 May 2027 May 2027 Wednesday 12 May 2027 at 11:05 24 hours Porto Wednesday 12 May 2027 at 11:05")
        #expect(fields.values["unused"] == nil)
        fields.addPromise(limit: nil, zone: lisbon, answerWithin: nil)
        #expect(try html("{{#promise}}x{{/promise}}{{^promise.limit}}none{{/promise.limit}}", fields) == "none")
    }

    @Test func datesOfColumnsAreDates() throws {
        var schema = RecordSchema(known: [])
        var fields = CardFields()
        var record = Record(slotCount: 4)
        for (slot, text) in ["2027-05-12", "2027-02-30", "2027-05-12 10:00", "1234567890"].enumerated() {
            _ = schema.use("c\(slot)")
            record.set(slot, text: text)
        }
        fields.add(record, columns: schema)
        #expect(try html("{{c0}}, {{c1}}, {{c2}}, {{c3}}", fields) == "12 May 2027, 2027-02-30, 2027-05-12 10:00, 1234567890")
    }

    // MARK: Lists

    @Test func aListIsShownItemByItem() throws {
        var fields = Fixture.fields(["why": "outer"])
        fields.set("customer", .group(["id": .text("9"), "name": .text("Outer"), "email": .null, "phone": .text("+9")]))
        fields.add(items: [
            ["customer.name": .text("<Ana>"), "customer.phone": .text("+1"), "since": .date(CivilDate(year: 2027, month: 5, day: 12)!)],
            ["customer.name": .text("Bo"), "why": .text("Birthday")],
        ])
        let card = "{{#items}}{{number}} {{customer.name}}{{#customer.phone}} {{customer.phone}}{{/customer.phone}}{{#why}} {{why}}{{/why}}{{#since}} {{since}}{{/since}} {{card.locale}}\n{{/items}}{{customer.name}} {{why}}"
        // What an item leaves out is empty: the values outside do not stand in for it.
        #expect(try html(card, fields) == "1 &lt;Ana&gt; +1 12 May 2027 en\n2 Bo Birthday en\nOuter outer")
        let error = #expect(throws: CardError.self) { try html("{{#items}}{{customer.phone}}{{/items}}", fields) }
        #expect(error == .emptyVariable("customer.phone", card: "a"))
    }

    @Test func aListMayBeEmptyOrNotThere() throws {
        var fields = CardFields()
        #expect(try html("{{#items}}x{{/items}}{{^items}}none{{/items}}", fields) == "none")
        fields.add(items: [])
        #expect(try html("{{#items}}x{{/items}}{{^items}}none{{/items}}", fields) == "none")
        let error = #expect(throws: CardError.self) { try html("{{items}}", fields) }
        #expect(error == .unknownVariable("items", card: "a"))
    }

    @Test func namesInsideAListAreKnown() throws {
        let library = try CardFolderFixture(["a.html": "---\nsubject: s\n---\n{{#items}}{{number}}{{#why}}{{why}}{{/why}}{{city}}{{/items}}{{why}}"]).library()
        #expect(library.variables(of: "a").map(\.name) == ["items", "city", "why"])
        #expect(library.unknownVariables(of: "a", known: ["why"]).map(\.message) == ["nothing fills {{city}}"])
    }

    // MARK: Optional names

    @Test func optionalNamesNeedNotBeFilled() throws {
        let text = "---\nsubject: s\noptional: order.item, lease\n---\n{{#order.item}}{{order.item}}{{/order.item}}{{^lease}}none{{/lease}}"
        let library = try CardFolderFixture(["a.html": text]).library()
        #expect(library.unknownVariables(of: "a", known: []) == [])
        #expect(library.variables(of: "a").allSatisfy { $0.isOptional && !$0.needsValue })
        #expect(try library.render("a", locale: nil, fields: CardFields()).html == "none")
        var fields = Fixture.fields(["lease": "x"])
        fields.set("order", .group(["item": .text("kettle")]))
        #expect(try library.render("a", locale: nil, fields: fields).html == "kettle")
    }

    // MARK: The card's own picture

    @Test func theFrontMatterNamesThePicture() throws {
        let text = "---\nsubject: s\npicture: dot.png\nalt: A dot & {{name}}.\n---\n{{> picture}}"
        let partial = "{{#card.picture}}<img src=\"{{card.picture}}\" alt=\"{{card.alt}}\">{{/card.picture}}"
        let png: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 1]
        let library = try CardFolderFixture(
            ["x/a.html": text, "b.html": "---\nsubject: s\n---\n{{> picture}}none", "partials/picture.html": partial],
            pictures: ["x/dot.png": png]
        ).library()
        let card = try library.render("x/a", locale: nil, fields: Fixture.fields(["name": "\"Ana\""]))
        let picture = try #require(card.pictures.first)
        #expect(picture.name == "dot.png" && picture.bytes == png)
        #expect(card.html == "<img src=\"cid:\(picture.contentID)\" alt=\"A dot &amp; &quot;Ana&quot;.\">")
        #expect(try library.render("b", locale: nil, fields: CardFields()).html == "none")
    }

    @Test func aPictureForEachAnimal() throws {
        let text = "---\nsubject: s\npicture: a-{zodiac}.png\nalt: x\n---\n<img src=\"{{card.picture}}\" alt=\"\">"
        let animals = ["rat", "ox", "tiger", "rabbit", "dragon", "snake", "horse", "goat", "monkey", "rooster", "dog", "pig"]
        var pictures = Dictionary(uniqueKeysWithValues: animals.enumerated().map { ("a-\($1).png", [0x89, 0x50, 0x4e, 0x47, UInt8($0)]) })
        pictures["a.png"] = [0x89, 0x50, 0x4e, 0x47, 99]
        let library = try CardFolderFixture(["a.html": text], pictures: pictures).library()
        for (year, name) in [(2027, "a-goat.png"), (2028, "a-monkey.png"), (2032, "a-rat.png"), (2150, "a.png")] {
            var fields = CardFields()
            fields.addOccasion(on: CivilDate(year: year, month: 5, day: 12)!, name: "x")
            #expect(try library.render("a", locale: nil, fields: fields).pictures.map(\.name) == [name])
        }
        #expect(try library.render("a", locale: nil, fields: CardFields()).pictures.map(\.name) == ["a.png"])
        pictures["a-ox.png"] = nil
        let mistakes = try CardFolderFixture(["a.html": text], pictures: pictures).mistakes()
        #expect(mistakes == ["cards/a.html:3:10: there is no picture a-ox.png in cards: No such file or directory"])
    }

    @Test(arguments: [("en", "Goat"), ("zh", "羊"), ("zh-Hant", "羊"), ("fr", "Goat")])
    func animals(_ locale: String, _ expected: String) throws {
        let card = "---\nsubject: s\n---\n{{occasion.zodiac}}"
        let library = try CardFolderFixture(["a.html": card, "a.zh.html": card, "a.zh-Hant.html": card, "a.fr.html": card]).library()
        var fields = CardFields()
        fields.addOccasion(on: CivilDate(year: 2027, month: 5, day: 12)!, name: "x")
        #expect(try library.render("a", locale: locale, fields: fields).html == expected)
        fields.addOccasion(on: CivilDate(year: 2024, month: 5, day: 12)!, name: "x")
        #expect(try library.render("a", locale: "zh-Hant", fields: fields).html == "龍")
    }

    @Test func datesAreWrittenInTheCardsLanguage() throws {
        let card = "---\nsubject: s\n---\n{{occasion.date}} {{occasion.month}} {{promise.limit}} {{promise.answer_within}} {{card.locale}}"
        let library = try CardFolderFixture(["a.en.html": card, "a.zh.html": card, "a.fr.html": card]).library()
        var fields = CardFields()
        fields.addOccasion(on: CivilDate(year: 2027, month: 12, day: 5)!, name: "x")
        fields.addPromise(limit: Instant(seconds: 1_810_116_300), zone: .utc, answerWithin: .minutes(90))
        func html(_ locale: String) throws -> String { try library.render("a", locale: locale, fields: fields).html }
        #expect(try html("en") == "5 December 2027 December Wednesday 12 May 2027 at 10:05 90 minutes en")
        #expect(try html("zh") == "2027年12月5日 十二月 2027年5月12日（星期三）10:05 90 分钟 zh")
        #expect(try html("fr") == "2027-12-05 12 2027-05-12 10:05 90 minutes fr")
    }

    @Test(arguments: [
        (TimeSpan.hours(1), "1 hour"), (.hours(24), "24 hours"), (.days(3), "3 days"), (.minutes(90), "90 minutes"),
        (.seconds(61), "61 seconds"), (.zero, "0 minutes"), (.hours(47), "47 hours"),
    ])
    func spans(_ span: TimeSpan, _ expected: String) throws {
        var fields = CardFields()
        fields.set("x", .span(span))
        #expect(try html("{{x}}", fields) == expected)
    }

    // MARK: Languages

    @Test(arguments: [
        ("zh-Hans-CN", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh_CN.UTF-8", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh-Hant-HK", "zh-Hant"),
        ("zh", "zh"), ("zh-Latn", "zh"), ("PT-br", "pt-BR"), ("pt-PT", "none"), ("de", "none"), ("", "none"), (nil, "none"), ("en-GB", "en"),
    ] as [(String?, String)])
    func languageOfTheReader(_ locale: String?, _ expected: String) throws {
        let names = ["zh-Hans", "zh-Hant", "zh", "pt-BR", "en"]
        var files = ["a.html": "---\nsubject: s\n---\nnone"]
        for name in names { files["a.\(name).html"] = "---\nsubject: s\n---\n\(name)" }
        let library = try CardFolderFixture(files).library()
        let card = try library.render("a", locale: locale, fields: CardFields())
        #expect(card.html == expected)
        #expect(card.locale == (expected == "none" ? "en" : expected))
        #expect(library.locales(of: "a") == ["en", "pt-BR", "zh", "zh-Hans", "zh-Hant"])
    }

    @Test func withoutANeutralFileTheDefaultLanguageServes() throws {
        let folder = try CardFolderFixture(["a.de.html": "---\nsubject: s\n---\n{{card.locale}}"])
        let (library, mistakes) = CardLibrary.load(folder: folder.path, needed: [], defaultLocale: "de")
        #expect(mistakes.isEmpty)
        #expect(try library?.render("a", locale: "fr", fields: CardFields()).html == "de")
    }

    @Test func onlyWhatIsNeededStays() throws {
        let folder = try CardFolderFixture([
            "a.html": "---\nsubject: s\n---\na", "b.html": "---\nsubject: s\n---\nb", "ping.json": "{}", "pong.json": "{}",
        ])
        let needed = [
            CardReference(name: "a", place: Place(file: "f", line: 1, column: 1)),
            CardReference(name: "ping", use: .webhook, place: Place(file: "f", line: 2, column: 1)),
        ]
        let library = try #require(CardLibrary.load(folder: folder.path, needed: needed).library).keeping(["a", "ping"])
        #expect(library.cards == ["a"])
        #expect(library.contains("a", for: .mail) && !library.contains("a", for: .webhook) && !library.contains("b", for: .mail))
        #expect(library.contains("ping", for: .webhook) && !library.contains("pong", for: .webhook))
        // What no rule names is checked all the same.
        try folder.write(Array("---\nsubject: s\n---\n{{#x}}".utf8), as: "b.html")
        let (none, mistakes) = CardLibrary.load(folder: folder.path, needed: needed)
        #expect(none == nil && mistakes.count == 1)
    }

    @Test func partialsFollowTheLanguage() throws {
        let library = try CardFolderFixture([
            "a.en.html": "---\nsubject: s\n---\n{{> footer}}", "a.zh.html": "---\nsubject: s\n---\n{{> footer}}{{> only}}", "a.zh.txt": "{{> footer}}",
            "partials/footer.html": "Stop", "partials/footer.zh.html": "退订", "partials/footer.zh.txt": "退订文", "partials/only.en.html": "!",
        ]).library()
        #expect(try library.render("a", locale: "en", fields: CardFields()).html == "Stop")
        let chinese = try library.render("a", locale: "zh-CN", fields: CardFields())
        #expect(chinese.html == "退订!")
        #expect(chinese.text == "退订文\n")
    }

    // MARK: Templates

    @Test func framesAndBlocks() throws {
        let library = try CardFolderFixture([
            "a.html": "---\nsubject: Hi {{name}}\npreheader: P & {{name}}\n---\n{{<frame}}\n{{$content}}<p>{{name}}</p>{{/content}}\n{{/frame}}\n",
            "partials/frame.html": "<t>{{card.subject}}|{{card.preheader}}</t>{{$content}}none{{/content}}{{$foot}}foot{{/foot}}",
        ]).library()
        let card = try library.render("a", locale: nil, fields: Fixture.fields(["name": "<A>"]))
        #expect(card.html == "<t>Hi &lt;A&gt;|P &amp; &lt;A&gt;</t><p>&lt;A&gt;</p>foot")
        #expect(card.subject == "Hi <A>")
    }

    @Test func textsAreNotEscaped() throws {
        let library = try CardFolderFixture([
            "a.html": "---\nsubject: s\n---\n", "a.txt": "\n\n{{name}} & co  \n{{#no}}\ngone\n{{/no}}\n\n\n{{> foot}}", "partials/foot.txt": "-- {{name}}",
        ]).library()
        let card = try library.render("a", locale: nil, fields: Fixture.fields(["name": "<O'Neil>", "no": nil]))
        #expect(card.text == "<O'Neil> & co\n\n-- <O'Neil>\n")
    }

    // MARK: Errors

    @Test func errorsNameTheCardAndNoValue() throws {
        let library = try CardFolderFixture(Fixture.echo.merging(["bad.json": "{\"a\": {{value}}}"]) { $1 }).library()
        let fields = Fixture.fields(["value": String(repeating: "x", count: 600_000)])
        func message(_ body: () throws -> Void) -> String {
            let error = #expect(throws: CardError.self) { try body() }
            return error?.description ?? ""
        }
        #expect(message { _ = try library.render("none", locale: nil, fields: fields) } == "there is no card \"none\"")
        #expect(
            message { _ = try library.render("echo", locale: nil, fields: fields) }
                == "card echo: the message would be 1200013 bytes; the limit is 1048576")
        #expect(message { _ = try library.render("echo", locale: nil, fields: CardFields()) } == "card echo: nothing fills {{value}}")
        let short = Fixture.fields(["value": "nope"])
        for id in ["", "a b@c", "a@b\r\nBcc: x", "a", "a@b@c", ".a@b"] {
            #expect(
                message { _ = try library.renderMail("echo", locale: nil, fields: short, header: Fixture.header(id: id)) }
                    == "the header line Message-ID cannot be written")
        }
        for name in ["X Y", "X:Y", "X\r\nBcc", "Subject", ""] {
            #expect(
                message { _ = try library.renderMail("echo", locale: nil, fields: short, header: Fixture.header(extra: [(name, "v")])) }
                    == "the header line \(name.replacing("\r\n", with: "  ")) cannot be written")
        }
        #expect(
            message { _ = try library.renderWebhook("bad", id: "1", type: "t", timestamp: Instant(seconds: 0), fields: short) }
                == "card bad: the result is no JSON at byte 7")
    }

    // MARK: Ids

    @Test func messageIDsAreStableAndTellNothing() {
        let key = OutreachKey(customer: "17", rule: "birthday-card", occasion: "2027", step: "send", recipient: "customer/0")
        let salt: [UInt8] = Array("salt".utf8)
        let id = MessageID.make(for: key, salt: salt, domain: "shop.example")
        // HMAC-SHA256 of the key's parts, computed with Python's hmac.
        #expect(id == "fcb802c72799f687e0c3d63d1973691e9d68361b@shop.example")
        #expect(MessageID.webhook(for: key, salt: salt) == "msg_" + id.prefix(40))
        #expect(MessageID.make(for: key, salt: [1], domain: "shop.example") != id)
        var shifted = key
        shifted.customer = "1"
        shifted.rule = "7birthday-card"
        #expect(MessageID.make(for: shifted, salt: salt, domain: "shop.example") != id)
    }
}
