import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import Testing

@testable import RegardsDaemon

/// A package of zone data is updated while the daemon runs: times on the wall stay, instants move.
@Suite struct ZoneUpdateTests {
    /// Zone files in a folder of their own, `Test/Town` among them, which an update can replace.
    private struct ZoneFolder {
        let folder: TemporaryFolder
        var catalog: ZoneCatalog { ZoneCatalog(directory: folder.path) }

        init(town: String) throws {
            folder = try TemporaryFolder()
            for name in ["Test", "Europe"] { try #require(mkdir("\(folder.path)/\(name)", 0o700) == 0) }
            try install("Europe/Berlin", as: "Europe/Berlin")
            try install(town, as: "Test/Town")
        }

        /// As a package manager does: beside the old file, then in its place.
        func install(_ zone: String, as name: String) throws {
            try folder.write(bytes: try TestShop.bytes("\(ZoneCatalog.systemDirectory)/\(zone)"), to: name + ".new")
            try #require(rename("\(folder.path)/\(name).new", "\(folder.path)/\(name)") == 0)
        }
    }

    private static let rules = """
        birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday}
        town-news: {purpose: care, when: {schedule: "*-*-* 10:00 Test/Town"}, send: birthday}
        """

    private func shop() throws -> TestShop {
        let shop = try TestShop(rules: [])
        try shop.rules(ZoneUpdateTests.rules)
        try shop.addCustomer(1, birthday: "1980-05-05", zone: "Test/Town")
        return shop
    }

    private func planned(_ daemon: TestDaemon) throws -> [String] {
        try daemon.rows().map { "\($0.key.rule) \($0.key.occasion) \($0.plan.dueAt) \($0.plan.zone)" }.sorted()
    }

    @Test func rowsMoveWithTheZone() async throws {
        let shop = try shop()
        let zones = try ZoneFolder(town: "Europe/Berlin")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T15:00:00Z"), zones: zones.catalog)
        await daemon.start()
        #expect(
            try planned(daemon) == [
                "birthday-card 2027 2027-05-05T07:00:00Z Test/Town", "town-news 2027-05-05 2027-05-05T08:00:00Z Test/Town",
            ])

        try zones.install("America/New_York", as: "Test/Town")
        // What the alarm does each minute, long before the next refresh.
        daemon.daemon.lookAgain()
        let told = await daemon.announcer.first(.reloaded)
        #expect(told?.detail.hasPrefix("the time zones of this machine changed") == true)
        let moved = await daemon.announcer.first { $0.kind == .planned && $0.numbers.contains { "\($0.0)" == "updated" && $0.1 == 2 } }
        #expect(moved != nil)
        #expect(
            try planned(daemon) == [
                "birthday-card 2027 2027-05-05T13:00:00Z Test/Town", "town-news 2027-05-05 2027-05-05T14:00:00Z Test/Town",
            ])

        try await daemon.cleanPass(at: "2027-05-05T12:59:00Z")
        #expect(try shop.mails().isEmpty)
        try await daemon.cleanPass(at: "2027-05-05T13:00:00Z")
        #expect(try shop.mails().map(\.recipient) == ["c1@mail.example"])
        try await daemon.stop()
    }

    /// Files that are being edited come into force by a reload and by nothing else, and a mistake in one of them does not
    /// keep the old zones.
    @Test func filesStayUnread() async throws {
        let shop = try shop()
        let zones = try ZoneFolder(town: "Europe/Berlin")
        let daemon = try TestDaemon(shop, now: try at("2027-05-04T15:00:00Z"), zones: zones.catalog)
        await daemon.start()
        try shop.rules("birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 25:00}, send: birthday}")
        #expect(!daemon.daemon.reload().isEmpty)
        try zones.install("America/New_York", as: "Test/Town")
        daemon.daemon.lookAgain()
        #expect(await daemon.announcer.first(.reloaded) != nil)
        let moved = await daemon.announcer.first { $0.kind == .planned && $0.numbers.contains { "\($0.0)" == "updated" && $0.1 == 2 } }
        #expect(moved != nil)
        #expect(daemon.announcer.notices(.reloadRefused).count == 1)
        #expect(daemon.daemon.status().contains("the last reload was refused"))
        #expect(try planned(daemon).first == "birthday-card 2027 2027-05-05T13:00:00Z Test/Town")
        try await daemon.stop()
    }

    @Test func anUntouchedFolderPlansNothingAnew() async throws {
        let zones = try ZoneFolder(town: "Europe/Berlin")
        let daemon = try TestDaemon(try shop(), now: try at("2027-05-04T15:00:00Z"), zones: zones.catalog)
        await daemon.start()
        daemon.daemon.lookAgain()
        // The first reload ends after the look began, the second after it ended.
        for _ in 1...2 { #expect(daemon.daemon.reload().isEmpty) }
        #expect(daemon.announcer.notices(.reloaded).map(\.detail) == ["", ""])
        try await daemon.stop()
    }

    @Test func itIsLookedAtEveryMinute() {
        #expect(Alarm.recheck == .minutes(1))
    }
}
