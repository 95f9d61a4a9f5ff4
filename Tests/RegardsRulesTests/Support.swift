import Glibc
import RegardsCalendar
import RegardsCore
import RegardsRules
import Testing

/// Files in memory, a house that is complete, and what loading them gives.
enum Shop {
    static let zones = ZoneCatalog()

    /// The house of Tests/Fixtures/rules/house.yaml.
    static let house = Fixture.text("house.yaml")

    static func load(_ files: [String: String], environment: [String: String] = [:]) -> LoadResult {
        load(bytes: files.mapValues { Array($0.utf8) }, environment: environment)
    }

    static func load(bytes: [String: [UInt8]], environment: [String: String] = [:]) -> LoadResult {
        ConfigurationLoader(environment: environment, zones: zones).load(file: "regards.yaml", from: bytes)
    }

    /// Loads one rule file beside the house.
    static func load(rules: String, as file: String = "rules.d/rule.yaml") -> LoadResult {
        load(["regards.yaml": house, file: rules])
    }

    /// The last rule of a text without mistakes.
    static func rule(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Rule {
        let result = load(rules: text)
        #expect(result.mistakes.map(\.description) == [], sourceLocation: sourceLocation)
        return try #require(result.configuration?.ruleBook.rules.last, sourceLocation: sourceLocation)
    }

    static func lines(_ result: LoadResult) -> [String] { result.mistakes.map(\.description) }
}

/// The files of Tests/Fixtures/rules.
enum Fixture {
    static let repository: String = folder(of: folder(of: folder(of: #filePath)))
    static let folder = repository + "/Tests/Fixtures/rules"

    static func text(_ name: String) -> String { String(decoding: bytes(folder + "/" + name) ?? [], as: UTF8.self) }

    /// Names, without ending, of the files with this ending, in order.
    static func names(in subfolder: String, ending: String) -> [String] {
        names(at: folder + "/" + subfolder).filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.utf8.count)) }
    }

    static func names(at path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    /// nil when there is no such file.
    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return bytes
    }

    static func write(_ text: String, to path: String) {
        guard let file = fopen(path, "w") else { return }
        defer { fclose(file) }
        _ = Array(text.utf8).withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
