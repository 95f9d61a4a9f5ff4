import Glibc
import RegardsCore
import RegardsRules
import Testing

/// One file per mistake and per thing that is right: adding a case is adding a file.
@Suite struct FixtureTests {
    /// `house-*.yaml` is a regards.yaml; every other file lies in rules.d beside the house of house.yaml.
    private static func load(_ subfolder: String, _ name: String) -> LoadResult {
        let text = Fixture.bytes("\(Fixture.folder)/\(subfolder)/\(name).yaml") ?? []
        return name.hasPrefix("house-")
            ? Shop.load(bytes: ["regards.yaml": text])
            : Shop.load(bytes: ["regards.yaml": Array(Shop.house.utf8), "rules.d/\(name).yaml": text])
    }

    /// With REGARDS_RECORD set, a missing `.expected` file is written, to be read and committed.
    @Test(arguments: Fixture.names(in: "mistakes", ending: ".yaml"))
    func mistakesReadAsExpected(name: String) {
        let lines = Shop.lines(FixtureTests.load("mistakes", name))
        let path = "\(Fixture.folder)/mistakes/\(name).expected"
        if getenv("REGARDS_RECORD") != nil, Fixture.bytes(path) == nil {
            Fixture.write(lines.map { $0 + "\n" }.joined(), to: path)
        }
        let expected = Fixture.text("mistakes/\(name).expected").split(separator: "\n").map(String.init)
        #expect(!expected.isEmpty)
        #expect(lines == expected)
    }

    @Test(arguments: Fixture.names(in: "valid", ending: ".yaml"))
    func whatIsRightLoadsWithoutAWord(name: String) {
        let result = FixtureTests.load("valid", name)
        #expect(Shop.lines(result) == [])
        #expect(result.configuration != nil)
    }

    @Test func everyExpectationHasItsFile() {
        let folders = (Fixture.names(in: "mistakes", ending: ".yaml"), Fixture.names(in: "mistakes", ending: ".expected"))
        #expect(folders.0 == folders.1)
        #expect(folders.0.count > 50)
        #expect(!Fixture.names(in: "valid", ending: ".yaml").isEmpty)
    }

    @Test func shippedConfigurationIsRight() {
        let folder = Fixture.repository + "/config"
        let result = ConfigurationLoader(environment: [:], zones: Shop.zones).load(file: folder + "/regards.yaml")
        #expect(Shop.lines(result) == [])
        #expect(result.configuration?.ruleFiles.count == 6)
        #expect(result.configuration?.ruleBook.rules.count == 26)
    }
}
