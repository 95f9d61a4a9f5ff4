import Foundation
import RegardsCalendar
import RegardsTestSupport
import Testing

/// A folder of zone files that a test may damage, replace and remove.
private final class ZoneFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "regards-zones-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var catalog: ZoneCatalog { ZoneCatalog(directory: url.path) }

    /// As a package manager does: a new file, renamed over the old one.
    func put(_ bytes: [UInt8], as name: String) throws {
        try Data(bytes).write(to: url.appending(path: name), options: .atomic)
    }

    static func system(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(filePath: ZoneCatalog.systemDirectory).appending(path: name)))
    }
}

/// A small TZif file: version 2 with empty first block, one offset, no transition.
private func tzif(footer: String, offset: Int32 = 3600) -> [UInt8] {
    func number(_ value: Int32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    let header = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + [0, 0, 0, 0, 1, 4].flatMap(number)
    let block = number(offset) + [0, 0] + Array("ABC\0".utf8)
    return header + block + header + block + Array("\n\(footer)\n".utf8)
}

@Suite struct ZoneFileTests {
    @Test func everySystemZoneIsRead() throws {
        let names = try #require(FileManager.default.enumerator(atPath: ZoneCatalog.systemDirectory))
        var count = 0
        for case let name as String in names where name.contains("/") && !name.hasPrefix("right/") {
            let path = ZoneCatalog.systemDirectory + "/" + name
            guard FileManager.default.contents(atPath: path)?.prefix(4) == Data("TZif".utf8) else { continue }
            #expect(Oracle.zones.zone(named: name) != nil, "\(name)")
            count += 1
        }
        print("zones read: \(count), release \(Oracle.zones.release ?? "unknown")")
        #expect(count > 300)
    }

    @Test(arguments: [
        "", "/etc/passwd", "../zoneinfo/UTC", "Europe/../Europe/Berlin", "Europe//Berlin", "Europe/", "/Europe/Berlin",
        "Europe",
        "europe/berlin", "Europe/Berlin\0", "Europe/Berlin ", "zone.tab", "localtime", "posixrules",
        "right/Europe/Berlin",
        "leapseconds", String(repeating: "A", count: 65), "Ευρώπη",
    ])
    func badNamesAreUnknown(name: String) {
        #expect(Oracle.zones.zone(named: name) == nil)
    }

    @Test func aMachineWithoutZonesKnowsUTC() throws {
        let folder = try ZoneFolder()
        #expect(folder.catalog.zone(named: "UTC") == .utc)
        #expect(folder.catalog.zone(named: "Europe/Berlin") == nil)
        #expect(folder.catalog.release == nil)
        #expect(Zone.utc.offset(at: Instant(seconds: 0)) == 0)
    }

    @Test func damagedFilesAreRefusedAtEveryLength() throws {
        let folder = try ZoneFolder()
        let whole = try ZoneFolder.system("America/New_York")
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 400)) {
            try folder.put(Array(whole[..<length]), as: "Cut")
            #expect(folder.catalog.zone(named: "Cut") == nil, "\(length) of \(whole.count) bytes")
        }
        try folder.put(whole, as: "Cut")
        #expect(folder.catalog.zone(named: "Cut") != nil)
        try folder.put(whole + [UInt8](repeating: 0, count: 70_000), as: "Huge")
        #expect(folder.catalog.zone(named: "Huge") == nil)
    }

    @Test func randomDamageNeverCrashes() throws {
        var random = SeededGenerator()
        let folder = try ZoneFolder()
        let whole = try ZoneFolder.system("Europe/Dublin")
        let instants = [-4_000_000_000, 0, 1_700_000_000, 40_000_000_000].map { Instant(seconds: $0) }
        var accepted = 0
        for _ in 0..<400 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try folder.put(bytes, as: "Bad")
            guard let zone = folder.catalog.zone(named: "Bad") else { continue }
            accepted += 1
            for instant in instants { #expect(abs(zone.offset(at: instant)) < 100_000) }
        }
        #expect(accepted < 400)
    }

    @Test(arguments: [
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2100-07-01T00:00:00Z", 7200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2100-01-01T00:00:00Z", 3600),
        ("EST5EDT,M3.2.0,M11.1.0", "2500-07-04T12:00:00Z", -14_400),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2050-12-25T00:00:00Z", 0),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2050-07-25T00:00:00Z", 3600),
        ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2040-07-01T00:00:00Z", -7200),
        ("XXX3EDT4,0/0,J365/23", "2077-12-31T12:00:00Z", -14_400), ("AAA-1", "2077-12-31T12:00:00Z", 3600),
        ("AAA0BBB,J60/0,J61/0", "2096-03-01T12:00:00Z", 3600), ("AAA0BBB,59/0,60/0", "2096-02-29T12:00:00Z", 3600),
        ("", "2100-07-01T00:00:00Z", 3600),
    ])
    func theClosingRuleGoesOn(rule: String, instant: String, offset: Int) throws {
        let folder = try ZoneFolder()
        try folder.put(tzif(footer: rule), as: "Rule")
        let zone = try #require(folder.catalog.zone(named: "Rule"), "\(rule)")
        #expect(zone.offset(at: try #require(Instant(instant))) == offset)
    }

    @Test(arguments: [
        "CET", "CET-25", "C-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5", "CET-1CEST,366,5", "CET-1CEST,M3.5.0/168,M10.5.0", "<CET-1",
        "CET-1:60",
        "CET-1CEST,M3.5.0,M10.5.0 ", "\u{1F600}",
    ])
    func badClosingRulesAreRefused(rule: String) throws {
        let folder = try ZoneFolder()
        try folder.put(tzif(footer: rule), as: "Rule")
        #expect(folder.catalog.zone(named: "Rule") == nil)
    }

    @Test func anUpdateOfTheZoneDataIsPickedUp() throws {
        let folder = try ZoneFolder()
        try folder.put(tzif(footer: "", offset: 3600), as: "Town")
        let catalog = folder.catalog
        let before = try #require(catalog.zone(named: "Town"))
        #expect(catalog.zone(named: "Village") == nil)
        #expect(!catalog.reloadIfChanged())
        #expect(catalog.zone(named: "Town") === before)

        // The government decides that the town is two hours ahead.
        try folder.put(tzif(footer: "", offset: 7200), as: "Town")
        #expect(catalog.zone(named: "Town") === before, "tables change only on request")
        #expect(catalog.reloadIfChanged())
        let after = try #require(catalog.zone(named: "Town"))
        #expect(after != before)
        let nine = try #require(WallTime("09:00"))
        let date = try Oracle.date("2027-05-05")
        #expect(before.instant(date, nine) - after.instant(date, nine) == .hours(1))
        #expect(!catalog.reloadIfChanged())

        #expect(catalog.zone(named: "Village") == nil)
        try folder.put(tzif(footer: ""), as: "Village")
        #expect(catalog.reloadIfChanged(), "a zone that was unknown has appeared")
        #expect(catalog.zone(named: "Village") != nil)
        try FileManager.default.removeItem(at: folder.url.appending(path: "Village"))
        #expect(catalog.reloadIfChanged(), "a zone has vanished")
        #expect(catalog.zone(named: "Village") == nil)
    }

    @Test func theMachinesZoneHasAName() throws {
        let folder = try ZoneFolder()
        let link = folder.url.appending(path: "localtime").path
        #expect(Oracle.zones.systemZone(variable: nil, link: link) == nil)
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: "../usr/share/zoneinfo/Asia/Kathmandu")
        #expect(Oracle.zones.systemZone(variable: nil, link: link)?.name == "Asia/Kathmandu")
        #expect(Oracle.zones.systemZone(variable: ":Europe/Berlin", link: link)?.name == "Europe/Berlin")
        #expect(Oracle.zones.systemZone(variable: "", link: link) == .utc)
        let rule = Oracle.zones.systemZone(variable: "CET-1CEST,M3.5.0,M10.5.0/3", link: link)
        #expect(rule?.offset(at: try #require(Instant("2027-07-01T00:00:00Z"))) == 7200)
        #expect(Oracle.zones.systemZone(variable: "Mars/Phobos", link: link) == nil)
    }

    @Test func manyThreadsShareOneTable() async throws {
        let catalog = ZoneCatalog()
        let expected = try #require(Instant("2027-07-01T07:00:00Z"))
        let date = try Oracle.date("2027-07-01")
        let nine = try #require(WallTime("09:00"))
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<500).allSatisfy { round in
                        guard let zone = catalog.zone(named: "Europe/Berlin") else { return false }
                        // Far dates in between, so that the threads fight over the hint.
                        _ = zone.local(at: Instant(seconds: Int64(round) * 10_000_000))
                        return zone.instant(date, nine) == expected
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test func theFarFutureRepeats() throws {
        let zone = try Oracle.zone("America/New_York")
        for year in [2100, 2437, 2438, 2439, 2440, 2900, 9999] {
            let sameAs = 2000 + year % 400
            for (month, day) in [(1, 1), (3, 14), (7, 4), (11, 7), (12, 31)] {
                let far = try #require(CivilDate(year: year, month: month, day: day))
                let near = try #require(CivilDate(year: sameAs < 2038 ? sameAs + 400 : sameAs, month: month, day: day))
                let nine = try #require(WallTime("02:30"))
                let shift = TimeSpan.days(Int64(far - near))
                #expect(zone.instant(far, nine) - shift == zone.instant(near, nine), "\(far)")
                #expect(zone.local(at: zone.instant(far, nine)).date == far)
            }
        }
    }
}
