import Foundation
import RegardsCalendar
import Testing

/// Reads the reference tables: the large set from `REGARDS_ORACLES`, the small one from
/// `Tests/Fixtures/calendar`, which is always there.
enum Oracle {
    static let packageRoot = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let fixtures = packageRoot.appending(path: "Tests/Fixtures/calendar")

    static let folder: URL? = {
        let named = ProcessInfo.processInfo.environment["REGARDS_ORACLES"]
        let folder =
            named.map { URL(filePath: $0, relativeTo: packageRoot) }
            ?? packageRoot.appending(path: "../shared/oracles")
        guard FileManager.default.fileExists(atPath: folder.path) else {
            print("REGARDS_ORACLES: \(folder.path) is MISSING, only the rows in \(fixtures.path) are checked")
            return nil
        }
        return folder
    }()

    /// Checks every row of a table in both folders and prints how many there were. `check` answers
    /// nil for a row that agrees, else what differs. A row with one of `excuses` may differ; each
    /// that does is listed with our answer.
    static func check<Row: Decodable>(
        _ table: String, _ type: Row.Type = Row.self, excused: (Row) -> Bool = { _ in false },
        _ check: (Row) throws -> String?
    ) throws {
        for folder in [fixtures, folder].compactMap({ $0 }) {
            let file = folder.appending(path: table + ".jsonl")
            guard let text = try? String(contentsOf: file, encoding: .utf8) else {
                print("oracle \(table): no file in \(folder.path)")
                #expect(folder != fixtures, "the fixture \(table).jsonl belongs to the repository")
                continue
            }
            var (count, excusedCount, wrong) = (0, 0, [String]())
            let start = ContinuousClock.now
            let decoder = JSONDecoder()
            for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
                let row = try decoder.decode(Row.self, from: Data(line))
                count += 1
                guard let difference = try check(row) else { continue }
                if excused(row) {
                    excusedCount += 1
                    print("oracle \(table), excused: \(difference)")
                } else {
                    wrong.append("\(String(decoding: line, as: UTF8.self)): \(difference)")
                }
            }
            let time = ContinuousClock.now - start
            print(
                "oracle \(table): \(count) rows of \(folder.lastPathComponent), \(excusedCount) excused, \(wrong.count) wrong, \(time)"
            )
            #expect(count > 0)
            #expect(wrong.isEmpty, "\(wrong.prefix(20).joined(separator: "\n"))")
        }
    }

    static let zones = ZoneCatalog()

    static func zone(_ name: String) throws -> Zone { try #require(zones.zone(named: name), "no zone \(name)") }
    static func date(_ text: String) throws -> CivilDate { try #require(CivilDate(text), "no date \(text)") }
    static func time(_ text: String) throws -> WallTime { try #require(WallTime(text), "no time \(text)") }
}
