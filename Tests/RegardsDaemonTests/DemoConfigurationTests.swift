import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

@testable import RegardsDaemon

private let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
private let loader = ConfigurationLoader(environment: [:], zones: ZoneCatalog())

@Suite struct ShippedConfigurationTests {
    @Test func whatIsInstalledHasNoMistake() throws {
        let result = loader.load(file: root + "/config/regards.yaml")
        #expect(result.mistakes.map(\.description) == [])
        let configuration = try #require(result.configuration)
        #expect(configuration.ruleBook.rules.filter(\.isEnabled).map(\.name) == [
            "birthday-card", "customer-anniversary", "complaint-care", "inquiry-until-decided", "suggestion-answered",
            "monthly-card", "gold-thanks", "welcome", "order-thanks",
        ])
    }

    /// A newcomer reads why, and finds every card in use or named.
    @Test func everyRuleSaysWhyAndEveryCardIsNamed() throws {
        let configuration = try #require(loader.load(file: root + "/config/regards.yaml").configuration)
        for rule in configuration.ruleBook.rules { #expect(!rule.about.isEmpty, "\(rule.name)") }
        let used = Set(configuration.ruleBook.rules.flatMap { rule in rule.steps.flatMap(rule.cards) })
            .union(configuration.ruleBook.listCards)
        var cards: Set<String> = []
        for (folder, prefix) in [("", ""), ("/monthly", "monthly/")] {
            for name in try TemporaryFolder.names(in: root + "/config/cards" + folder) where name.hasSuffix(".html") {
                cards.insert(prefix + name.prefix { $0 != "." })
            }
        }
        #expect(cards.count == 42)
        #expect(cards.subtracting(used) == [])
    }

    /// Whoever reads the shipped rules with a database of their own need not have every column of those that are off.
    @Test func whatIsOffNeedsNoColumns() throws {
        let rules = try #require(loader.load(file: root + "/config/regards.yaml").configuration).ruleBook
        for column in ["lease_ends_at", "inspection_due_at", "birthday_calendar", "country"] {
            let slot = try #require(rules.customers.columns.slot(column))
            #expect(rules.customers.columns.places[slot] == nil, "\(column)")
        }
        let slot = try #require(rules.customers.columns.slot("customer_since"))
        #expect(rules.customers.columns.places[slot] != nil)
    }

    /// Whoever installs the package and starts it by mistake mails nobody.
    @Test func whatIsInstalledHarmsNobody() throws {
        let configuration = try #require(loader.load(file: root + "/config/regards.yaml").configuration)
        #expect(configuration.ruleBook.house.mode == .rehearse)
        #expect(configuration.smtp.isEmpty)
        #expect(configuration.maildir == "/var/lib/regards/maildir")
        #expect(configuration.webhooks.isEmpty)
        for rule in configuration.ruleBook.rules {
            guard case .none = rule.backfill else {
                Issue.record("\(rule.name) reaches back at a first start")
                continue
            }
        }
    }
}

@Suite struct DemoConfigurationTests {
    @Test func theDemoIsTheShippedRulesWithAPast() throws {
        let folder = try TemporaryFolder()
        let shipped = folder.path + "/shipped"
        // The cards are another matter here: a folder without one stands for them.
        for name in ["", "/cards"] { #expect(mkdir(shipped + name, 0o755) == 0) }
        #expect(symlink(root + "/config/rules.d", shipped + "/rules.d") == 0)
        let demo = try DemoFolder(
            at: folder.path + "/demo", shipped: shipped, seed: 1, today: CivilDate(year: 2027, month: 5, day: 5)!)
        let result = loader.load(file: demo.configurationFile)
        #expect(result.mistakes.map(\.description) == [])
        let configuration = try #require(result.configuration)
        let shippedRules = try #require(loader.load(file: root + "/config/regards.yaml").configuration).ruleBook.rules
        #expect(configuration.ruleBook.rules.map(\.name) == shippedRules.map(\.name))
        for rule in configuration.ruleBook.rules {
            guard case .since(.days(1)) = rule.backfill else {
                Issue.record("\(rule.name) has no backfill")
                continue
            }
        }
        #expect(configuration.ruleBook.house.mode == .live)
        #expect(configuration.maildir == demo.maildir)
        #expect(configuration.source.database == .sqlite(path: demo.database))
        #expect(configuration.state == .sqlite(path: demo.path + "/state/regards.sqlite"))
    }
}
