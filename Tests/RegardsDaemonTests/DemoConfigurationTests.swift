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
        #expect(configuration.ruleBook.rules.map(\.name) == ["birthday-card", "complaint-care", "monthly-card"])
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
