import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

@Suite struct HouseTests {
    private static let first = """
        business: {name: The Corner Shop, email: hello@shop.example, time_zone: Europe/Berlin}
        customers:
          database: sqlite:/srv/shop.sqlite
          query: SELECT * FROM customers
        rules:
          birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}

        """

    private static func load(
        _ more: String = "", environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Configuration {
        let result = Shop.load(["regards.yaml": first + more], environment: environment)
        #expect(Shop.lines(result) == [], sourceLocation: sourceLocation)
        return try #require(result.configuration, sourceLocation: sourceLocation)
    }

    @Test func aFirstConfigurationIsShort() throws {
        #expect(HouseTests.first.split(separator: "\n").count < 15)
        let configuration = try HouseTests.load()
        #expect(configuration.file == "regards.yaml")
        #expect(configuration.state == .sqlite(path: "state/regards.sqlite"))
        #expect(configuration.maildir == "state/maildir")
        #expect(configuration.smtp.isEmpty)
        #expect(configuration.webhooks.isEmpty)
        #expect(configuration.rulesFolder == "rules.d")
        #expect(configuration.cardsFolder == "cards")
        #expect(configuration.ruleFiles.isEmpty)
        #expect(configuration.source.database == .sqlite(path: "/srv/shop.sqlite"))
        #expect(configuration.source.databasePlace.line == 3)
        #expect(configuration.source.query.text == "SELECT * FROM customers")
        #expect(configuration.source.query.place == Place(file: "regards.yaml", line: 4, column: 10))
        #expect(configuration.source.lookup == nil)
        #expect(configuration.source.refresh == .minutes(15))
        let house = configuration.ruleBook.house
        #expect(house.mode == .rehearse)
        #expect(house.ifInDoubt == .resend)
        #expect(house.business.name == "The Corner Shop")
        #expect(house.business.email.text == "hello@shop.example")
        #expect(house.business.zone.name == "Europe/Berlin")
        #expect(configuration.ruleBook.rules.map(\.name) == ["birthday-card"])
    }

    @Test func theBusinessMayHaveMore() throws {
        let text = HouseTests.first.replacing(
            "time_zone: Europe/Berlin", with: "time_zone: Asia/Tokyo, phone: +49 30 1, postal_address: \"Markt 1\\nBerlin\"")
        let business = try #require(Shop.load(["regards.yaml": text]).configuration?.ruleBook.house.business)
        #expect(business.phone == "+49 30 1")
        #expect(business.postalAddress == "Markt 1\nBerlin")
        #expect(business.zone.name == "Asia/Tokyo")
    }

    @Test func modes() throws {
        func mode(_ text: String) throws -> Mode { try HouseTests.load("mode: \(text)\n").ruleBook.house.mode }
        #expect(try mode("rehearse") == .rehearse)
        #expect(try mode("live") == .live)
        #expect(try mode("{redirect: me@shop.example}") == .redirect(Address("me@shop.example")))
    }

    // MARK: Where things lie

    @Test func pathsStartAtTheFolderOfTheFile() throws {
        let files = [
            "/etc/regards/regards.yaml": HouseTests.first.replacing("/srv/shop.sqlite", with: "shop.sqlite")
                + "state: sqlite:../s.sqlite\ncards: /usr/cards\n"
        ]
        let loader = ConfigurationLoader(environment: ["STATE_DIRECTORY": "/var/lib/regards"], zones: Shop.zones)
        let configuration = try #require(
            loader.load(file: "/etc/regards/regards.yaml", from: files.mapValues { Array($0.utf8) }).configuration)
        #expect(configuration.source.database == .sqlite(path: "/etc/regards/shop.sqlite"))
        #expect(configuration.state == .sqlite(path: "/etc/regards/../s.sqlite"))
        #expect(configuration.maildir == "/etc/regards/../maildir")
        #expect(configuration.rulesFolder == "/etc/regards/rules.d")
        #expect(configuration.cardsFolder == "/usr/cards")
    }

    @Test(arguments: [
        ("/var/lib/regards", "/var/lib/regards/regards.sqlite"), ("/a:/b", "/a/regards.sqlite"),
        ("", "state/regards.sqlite"),
    ])
    func systemdSaysWhereStateGoes(directory: String, expected: String) throws {
        let configuration = try HouseTests.load(environment: ["STATE_DIRECTORY": directory])
        #expect(configuration.state == .sqlite(path: expected))
    }

    @Test func queriesLoseTheirFinalSemicolon() throws {
        let text = HouseTests.first.replacing(
            "query: SELECT * FROM customers",
            with: "query: |\n    SELECT *\n    FROM c; ;\n  lookup: SELECT * FROM c WHERE id IN (:ids);\n  refresh: 1h")
        let source = try #require(Shop.load(["regards.yaml": text]).configuration?.source)
        #expect(source.query.text == "SELECT *\nFROM c")
        #expect(source.lookup?.text == "SELECT * FROM c WHERE id IN (:ids)")
        #expect(source.refresh == .hours(1))
    }

    // MARK: Events and people

    @Test func eventsArriveInTheirOrder() throws {
        let configuration = try HouseTests.load(
            """
            events:
              visit: {query: SELECT 1, horizon: 7d}
              complaint: {query: SELECT 2, done: solved_at is present, vanished: done, pauses: marketing}

            """)
        #expect(configuration.events.map(\.name) == ["visit", "complaint"])
        #expect(configuration.events.map(\.horizon) == [.days(7), .days(31)])
        #expect(configuration.events.map(\.query.text) == ["SELECT 1", "SELECT 2"])
        let kinds = configuration.ruleBook.eventKinds
        #expect(kinds.map(\.name) == ["visit", "complaint"])
        #expect(kinds.map(\.vanished) == [.stillOpen, .done])
        #expect(kinds.map(\.pauses) == [[], [.marketing]])
        #expect(kinds[0].done == nil)
        #expect(kinds[1].columns.names == ["id", "customer_id", "at", "solved_at"])
        #expect(kinds[1].columns.isUsed == [true, true, true, true])
    }

    @Test func rolesAreFilledByColumnOrByName() throws {
        let book = try HouseTests.load(
            """
            people:
              advisor: {column: advisor_email, name_column: advisor_name, else: manager}
              driver: {column: driver_mail}
              manager: {name: Maria, email: maria@shop.example, phone: "1"}
              night: [{name: A, email: a@shop.example}, {name: B, email: b@shop.example}]

            """
        ).ruleBook
        #expect(book.house.people.count == 4)
        guard case .column(let email, let name, nil)? = book.house.people[Role("advisor")]?.source,
            case .column(let driver, nil, nil)? = book.house.people[Role("driver")]?.source,
            case .fixed(let managers)? = book.house.people[Role("manager")]?.source,
            case .fixed(let night)? = book.house.people[Role("night")]?.source
        else { return #expect(Bool(false)) }
        #expect(email == CustomerColumn.advisorEmail.rawValue)
        #expect(name == CustomerColumn.advisorName.rawValue)
        #expect(book.customers.columns.names[driver] == "driver_mail")
        #expect(book.customers.columns.places[driver]?.line == 9)
        #expect(book.house.people[Role("advisor")]?.otherwise == Role("manager"))
        #expect(managers.map(\.name) == ["Maria"])
        #expect(managers.map(\.phone) == ["1"])
        #expect(night.map(\.address.text) == ["a@shop.example", "b@shop.example"])
    }

    // MARK: Ways out

    @Test(arguments: [
        ("{host: mail.example.com}", 587, SMTPSecurity.starttls), ("{host: mail.example.com, security: tls}", 465, .tls),
        ("{host: localhost}", 25, .none), ("{host: 127.0.0.1}", 25, .none), ("{host: \"[::1]\"}", 25, .none),
        ("{host: localhost, security: starttls}", 587, .starttls),
        ("{host: 10.0.0.1, security: none, allow_plaintext: yes}", 25, .none),
        ("{host: mail.example.com, port: 2525}", 2525, .starttls),
    ])
    func relays(text: String, port: Int, security: SMTPSecurity) throws {
        let configuration = try HouseTests.load("smtp: \(text)\n")
        #expect(configuration.smtp.map(\.port) == [port])
        #expect(configuration.smtp.map(\.security) == [security])
        #expect(configuration.smtp.map(\.secret) == [nil])
        #expect(configuration.smtp.map(\.sessions) == [4])
        #expect(configuration.maildir == nil)
    }

    @Test func aRelayWithALogin() throws {
        let smtp = try #require(
            try HouseTests.load(
                """
                smtp: {host: mail.example.com, user: me, password: {credential: smtp}, ca_file: ca.pem, helo: "[192.0.2.1]"}

                """
            ).smtp.first)
        #expect(smtp.name == "mail.example.com")
        #expect(smtp.user == "me")
        #expect(smtp.secret == .credential("smtp"))
        #expect(smtp.authentication == nil)
        #expect(smtp.caFile == "ca.pem")
        #expect(smtp.helo == "[192.0.2.1]")
        #expect(!smtp.allowPlaintext)
        #expect(smtp.place.line == 7)
    }

    @Test func severalRelays() throws {
        let configuration = try HouseTests.load(
            """
            smtp:
            - {host: mx1.example.com, name: main, weight: 3, sessions: 16, rate: 10/s}
            - {host: mx2.example.com, user: me, auth: xoauth2, token: {file: token}}
            - {host: localhost, weight: 0}
            limits: {rate: 20/s, rate_per_domain: {others: 5/s, Example.org: 100/h, our.example: none}}

            """)
        #expect(configuration.smtp.map(\.name) == ["main", "mx2.example.com", "localhost"])
        #expect(configuration.smtp.map(\.weight) == [3, 1, 0])
        #expect(configuration.smtp.map(\.sessions) == [16, 4, 4])
        #expect(configuration.smtp[1].authentication == .xoauth2)
        #expect(configuration.smtp[1].secret == .file("token"))
        #expect(
            configuration.pace
                == PaceLimits(
                    overall: Rate("20/s"), relays: ["main": try #require(Rate("10/s"))], everyDomain: Rate("5/s"),
                    domains: ["example.org": Rate("100/h"), "our.example": nil]))
        #expect(try HouseTests.load("limits: {rate_per_domain: 5/s}\n").pace == PaceLimits(everyDomain: Rate("5/s")))
        #expect(configuration.maildir == nil)
    }

    @Test func webhooks() throws {
        let webhooks = try HouseTests.load(
            """
            webhooks:
              crm: {url: "https://crm.example:8443/regards?x=1", secret: [{credential: crm}, {file: keys/old}]}
              local: {url: "http://127.0.0.1:8080/x", secret: none}
              inside: {url: "http://[fd00::1]/x", secret: {file: /k}, allow_private: yes, timeout: 90s, sessions: 32,
                headers: {X-Source: regards 1, Authorization: {credential: token}}}

            """
        ).webhooks
        #expect(webhooks.map(\.name) == ["crm", "local", "inside"])
        #expect(webhooks.map(\.secrets) == [[.credential("crm"), .file("keys/old")], [], [.file("/k")]])
        #expect(webhooks.map(\.allowPrivate) == [false, false, true])
        #expect(webhooks.map(\.timeout) == [.seconds(20), .seconds(20), .seconds(90)])
        #expect(webhooks.map(\.sessions) == [4, 4, 32])
        #expect(webhooks[0].headers == [])
        #expect(webhooks[2].headers == [
            HeaderSetting(name: "X-Source", value: .text("regards 1")),
            HeaderSetting(name: "Authorization", value: .secret(.credential("token"))),
        ])
        #expect(webhooks[0].url == "https://crm.example:8443/regards?x=1")
    }

    @Test(arguments: [
        "webhook-id: x", "Host: x", "content-length: 1", "\"X Y\": x", "X-A: \"a\\tb\"", "X-A: ü", "Authorization: open",
        "\"X-A\\nX-B\": x",
    ])
    func headersThatCannotBeSet(header: String) {
        let result = Shop.load([
            "regards.yaml": HouseTests.first + "\nwebhooks: {a: {url: \"https://a.example/x\", secret: none, headers: {\(header)}}}\n"
        ])
        #expect(result.configuration == nil)
        #expect(Shop.lines(result).count == 1 && Shop.lines(result)[0].contains("webhooks.a.headers"), "\(Shop.lines(result))")
        #expect(!Shop.lines(result).contains { $0.contains("open\"") }, "a secret is not repeated")
    }

    @Test func mailGoesIntoAFolder() throws {
        let configuration = try HouseTests.load("maildir: out\nif_in_doubt: ask\n")
        #expect(configuration.maildir == "out")
        #expect(configuration.ruleBook.house.ifInDoubt == .ask)
    }

    // MARK: Files

    private static let rule = "{purpose: care, when: {event: order}, send: x}"

    @Test func ruleFilesAreReadInTheOrderOfTheirNames() throws {
        let result = Shop.load([
            "regards.yaml": Shop.house, "rules.d/20-b.yml": "b: {purpose: care, when: {event: order}, send: y}",
            "rules.d/10-a.yaml": "a: \(HouseTests.rule)",
            "rules.d/.hidden.yaml": "[", "rules.d/c.yaml~": "[", "rules.d/notes.txt": "[", "rules.d/sub/d.yaml": "[",
            "rules.d/empty.yaml": "# none\n",
        ])
        #expect(Shop.lines(result) == [])
        #expect(result.configuration?.ruleFiles == ["rules.d/10-a.yaml", "rules.d/20-b.yml", "rules.d/empty.yaml"])
        #expect(result.configuration?.ruleBook.rules.map(\.name) == ["house-rule", "a", "b"])
    }

    @Test func aNameBelongsToOneRuleInAllFiles() {
        let result = Shop.load([
            "regards.yaml": Shop.house, "rules.d/a.yaml": "x: \(HouseTests.rule)",
            "rules.d/b.yaml": "y: \(HouseTests.rule)\nx: \(HouseTests.rule)",
            "rules.d/c.yaml": "house-rule: \(HouseTests.rule)",
        ])
        #expect(
            Shop.lines(result) == [
                "rules.d/b.yaml:2:1: the rule \"x\" is given at rules.d/a.yaml:1:1 already: choose another name",
                "rules.d/c.yaml:1:1: the rule \"house-rule\" is given at regards.yaml:36:3 already: choose another name",
            ])
        #expect(result.configuration == nil)
    }

    @Test func rulesAreCheckedThoughTheHouseIsUnreadable() {
        let result = Shop.load([
            "regards.yaml": "business: [",
            "rules.d/a.yaml":
                "a: {purpose: greting, when: {event: visit}, tell: boss, card: x, from: boss, where: visit.x is present}\nb: {purpose: care, when: {event: visit}, webhook: crm, card: x}",
        ])
        #expect(
            Shop.lines(result) == [
                "regards.yaml:2:1: YAML: expected a value here",
                "rules.d/a.yaml:1:14: purpose: expected greeting, marketing, survey or care, got \"greting\"; did you mean \"greeting\"?",
            ])
    }

    @Test func everyFileIsReadBeforeTheAnswer() {
        let result = Shop.load([
            "regards.yaml": "zzz: 1\n", "rules.d/a.yaml": "\t", "rules.d/b.yaml": "b: {}", "rules.d/c.yaml": "&",
        ])
        #expect(
            result.mistakes.map(\.place.file) == [
                "regards.yaml", "regards.yaml", "regards.yaml", "rules.d/a.yaml", "rules.d/b.yaml", "rules.d/b.yaml",
                "rules.d/b.yaml",
                "rules.d/c.yaml",
            ])
    }

    @Test func warningsDoNotStopAnything() {
        let result = Shop.load(rules: "a: {purpose: greeting, when: {schedule: weekly}, send: x}")
        #expect(result.mistakes.map(\.severity) == [.warning])
        #expect(result.configuration != nil)
    }

    // MARK: The disk

    @Test func filesOnDisk() throws {
        let folder = try temporaryFolder()
        let loader = ConfigurationLoader(environment: [:], zones: Shop.zones)
        #expect(
            Shop.lines(loader.load(file: folder + "/regards.yaml")) == [
                "\(folder)/regards.yaml: cannot be read: there is no such file"
            ])
        Fixture.write(Shop.house, to: folder + "/regards.yaml")
        #expect(loader.load(file: folder + "/regards.yaml").configuration?.ruleFiles == [])
        mkdir(folder + "/rules.d", 0o700)
        mkdir(folder + "/rules.d/b.yaml", 0o700)
        mkfifo(folder + "/rules.d/c.yaml", 0o600)
        symlink("nowhere", folder + "/rules.d/d.yaml")
        Fixture.write("a: \(HouseTests.rule)", to: folder + "/rules.d/a.yaml")
        #expect(
            Shop.lines(loader.load(file: folder + "/regards.yaml")) == [
                "\(folder)/rules.d/b.yaml: cannot be read: it is not a regular file",
                "\(folder)/rules.d/c.yaml: cannot be read: it is not a regular file",
                "\(folder)/rules.d/d.yaml: cannot be read: there is no such file",
            ])
    }

    @Test func aRulesFolderThatIsAFile() throws {
        let folder = try temporaryFolder()
        Fixture.write(Shop.house, to: folder + "/regards.yaml")
        Fixture.write("", to: folder + "/rules.d")
        let result = ConfigurationLoader(environment: [:], zones: Shop.zones).load(file: folder + "/regards.yaml")
        #expect(Shop.lines(result) == ["\(folder)/rules.d: cannot be read: Not a directory"])
    }

    private func temporaryFolder() throws -> String {
        let root = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(root)/regards-rules.XXXXXX".utf8CString)
        return String(cString: try #require(mkdtemp(&template)))
    }
}
