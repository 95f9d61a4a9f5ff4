import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What becomes of messages around quiet hours, over a real shop.
@Suite struct QuietServingTests {
    private func served(_ rule: String, at now: String) async throws -> TestDaemon {
        var settings = TestShop.Settings()
        settings.extra = "limits: {quiet: {hours: 21:00-08:00}}"
        let shop = try TestShop(rules: [], settings)
        try shop.rules(rule)
        try shop.addCustomer(1, birthday: "1980-05-05")
        let daemon = try TestDaemon(shop, now: try at(now))
        try await daemon.cleanPass(at: now)
        return daemon
    }

    /// Its night lasts longer than its time: that is too late, whoever finds it out first, and no day that went away.
    @Test func whatCannotGoBeforeItsTimeIsOverIsLate() async throws {
        let daemon = try await served(
            "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 20:00}, send: birthday}\n",
            at: "2027-05-05T10:00:00Z")
        #expect(try daemon.row().standing == "planned")
        // Nothing ran at eight in the evening; at half past ten it is night until tomorrow.
        try await daemon.cleanPass(at: "2027-05-05T20:30:00Z")
        #expect(try daemon.row().standing == "skipped(late)")
        try await daemon.stop()
    }

    @Test func whatHasTimeGoesInTheMorning() async throws {
        let daemon = try await served(
            "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 20:00}, send: birthday, if_late: {grace: 1d}}\n",
            at: "2027-05-05T10:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T20:30:00Z")
        #expect(try daemon.row().plan.dueAt == (try at("2027-05-06T06:00:00Z")))
        try await daemon.cleanPass(at: "2027-05-06T06:00:00Z")
        #expect(try daemon.row().standing == "sent")
        try await daemon.stop()
    }

    /// What is printed is when it goes, and not only when it was meant to.
    @Test func theOutboxSaysWhenItGoes() async throws {
        let daemon = try await served(
            "birthday-card: {purpose: greeting, when: {anniversary: birthday, at: 20:00}, send: birthday, if_late: {grace: 1d}}\n",
            at: "2027-05-05T10:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T20:30:00Z")
        let row = try daemon.row()
        try await daemon.stop()
        func outbox(_ arguments: String...) throws -> [String] {
            try ChildProcess.run([ChildProcess.regards, "outbox"] + arguments + ["--config", daemon.shop.file]).output
        }
        #expect(try outbox("list").last?.hasPrefix("\(row.id)   planned  2027-05-06 08:00   1") == true)
        let show = try outbox("show", "\(row.id)")
        #expect(show.contains("due        2027-05-06 08:00 Europe/Berlin, 2027-05-06T06:00:00Z, moved from 2027-05-05 20:00"), "\(show)")
        #expect(try outbox("list", "--state", "sent") == ["no such rows"])
        #expect(try outbox("list", "--state", "sent", "--json") == [])
    }

    /// Without budgets too, planning knows that the card of the day before has gone and takes no place any more.
    @Test func whatWentTakesNoOtherDay() async throws {
        let daemon = try await served(
            """
            birthday-card:
              {purpose: greeting, when: {anniversary: birthday, at: 09:00}, send: birthday, instead_of: monthly-card, if_late: {grace: 4d}}
            monthly-card: {purpose: greeting, when: {schedule: "*-*-06", at: 10:00}, send: birthday, if_late: {grace: 3d}}
            """, at: "2027-05-05T06:00:00Z")
        try await daemon.cleanPass(at: "2027-05-05T08:00:00Z")
        // Nothing ran on the 6th, and now it is night.
        try await daemon.cleanPass(at: "2027-05-06T23:00:00Z")
        let rows = try daemon.rows(rule: "monthly-card")
        #expect(rows.map(\.plan.dueAt) == [try at("2027-05-07T06:00:00Z")])
        try await daemon.stop()
    }
}
