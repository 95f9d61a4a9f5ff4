import Glibc
import RegardsCalendar
import RegardsCore
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// What `regards serve` finds out before it is ready, and who is mailed when it is.
@Suite("Starting")
struct StartTests {
    @Test("a column that is not there and a secret that cannot be read: 78, both named, nothing done")
    func everyMistake() throws {
        let served = try ServedShop(customers: 2)
        var settings = TestShop.Settings()
        settings.zone = "UTC"
        settings.events = ""
        settings.mail = "smtp: {host: 127.0.0.1, port: 25, security: none, user: me, password: {file: secret}}"
        try served.shop.configure(settings)
        try served.shop.rules(
            """
            birthday-card:
              purpose: greeting
              when: {anniversary: birthday, at: 09:00}
              where: [pionts >= 100]
              send: birthday
            """)
        let run = try served.run(["serve"])
        #expect(run.ending.status == 78)
        #expect(run.errors.count == 4, "\(run.errors)")
        #expect(run.errors.contains { $0.contains("regards.yaml") && $0.contains("secret") }, "\(run.errors)")
        #expect(
            run.errors.contains(
                "\(served.shop.path)/rules.d/birthday.yaml:4:11: there is no column called pionts in customers.query; did you mean \"points\"?"))
        #expect(run.errors.last == "regards: 2 mistakes; nothing was done")
        #expect(try served.rows().isEmpty)
    }

    @Test("values that are no dates: 78 where none of them is")
    func wrongColumn() throws {
        let served = try ServedShop(customers: 3)
        try served.shop.sql("UPDATE customers SET birthday = name")
        let check = try served.run(["check"])
        let serve = try served.run(["serve", "--once"])
        // The same severity at both places: what `check` calls an error refuses a start.
        #expect((check.ending.status == 78) == (serve.ending.status == 78))
        #expect(check.errors.contains { $0.contains("birthday: expected a date") }, "\(check.errors)")
        #expect(serve.errors.contains { $0.contains("db-") } == false, "\(serve.errors)")
    }

    @Test("a database that is away only warns: the daemon is ready, and says 69 when it was asked for one pass")
    func unreachable() throws {
        let served = try ServedShop(customers: 2)
        let database = served.shop.path + "/shop.sqlite"
        try #require(rename(database, database + ".away") == 0)
        let once = try served.run(["serve", "--once"])
        #expect(once.ending.status == 69)
        let child = try served.start(["serve"])
        try child.awaitError("ready")
        #expect(child.errors.all.contains { $0.contains("db-away") && $0.contains("customer database unreachable") })
        child.signal(SIGINT)
        #expect(try child.wait().status == 0)
        try #require(rename(database + ".away", database) == 0)
        #expect(try served.run(["serve", "--once"]).ending.status == 0)
        #expect(try served.shop.mails().count == 2)
    }

    @Test("under systemd each mistake is a notice of its own, and the last line has the priority of an error")
    func journal() throws {
        let served = try ServedShop(customers: 1)
        try served.shop.rules("birthday-card:\n  purpose: greting\n  when: {anniversary: birthday, at: 25:00}\n  send: birthday\n")
        // Standard error is the file that $JOURNAL_STREAM names, as systemd connects it.
        let errors = served.shop.path + "/journal"
        let script = """
            : > "$ERRORS"
            JOURNAL_STREAM=$(stat -c %d:%i "$ERRORS") exec "$0" serve --config "$1" 2>> "$ERRORS"
            """
        let run = try ChildProcess.run(
            ["/bin/sh", "-c", script, ChildProcess.regards, served.shop.file], environment: ["ERRORS": errors])
        #expect(run.ending.status == 78)
        let lines = try TestShop.text(errors).split(separator: "\n")
        #expect(lines.last == "<3>regards: 2 mistakes; nothing was done")
        // The journal has them where one runs; where none does, they are lines with a priority.
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("<3>configuration refused: ") }, "\(lines)")
    }

    @Test("rehearse, redirect, live without go-live: no customer is mailed")
    func modes() throws {
        for (mode, isLive, standing, words) in [
            ("rehearse", true, "skipped(rehearsed)", "mode is rehearse"),
            ("live", false, "skipped(rehearsed)", "this machine was not taken live; run regards go-live"),
            ("{redirect: me@office.example}", true, "skipped(redirected)", "all mail goes to one address"),
        ] {
            let served = try ServedShop(customers: 3, isLive: isLive)
            var settings = TestShop.Settings()
            (settings.zone, settings.events, settings.mode) = ("UTC", "", mode)
            try served.shop.configure(settings)
            let run = try served.run(["serve", "--once"])
            #expect(run.ending.status == 0)
            #expect(run.errors.contains { $0.contains("rehearsing  no customer is mailed: ") && $0.contains(words) }, "\(run.errors)")
            #expect(try served.rows().map(\.standing) == Array(repeating: standing, count: 3))
            let recipients = try served.shop.mails().map(\.recipient)
            #expect(recipients == (mode.contains("redirect") ? Array(repeating: "me@office.example", count: 3) : []))
            // Going live later sends what falls due from then on, not what was rehearsed.
            settings.mode = "live"
            try served.shop.configure(settings)
            #expect(try served.run(["go-live"]).ending.status == 0)
            #expect(try served.run(["serve", "--once"]).ending.status == 0)
            #expect(try served.shop.mails().map(\.recipient) == recipients)
        }
    }

    @Test("SIGHUP: a bad file keeps the old rules at work, a good one takes their place")
    func reload() throws {
        let served = try ServedShop(customers: 1)
        let child = try served.start(["serve"])
        try child.awaitError("ready")
        try child.awaitError("  sent  ")
        let good = try TestShop.text(served.shop.path + "/rules.d/birthday.yaml")
        try served.shop.rules(good + "\n  wehre: [email is present]\n")
        child.signal(SIGHUP)
        try child.awaitError("not-reloaded")
        let refused = try #require(child.errors.all.first { $0.contains("not-reloaded") })
        #expect(refused.contains("reload refused, old rules kept, 1 mistake"), "\(refused)")
        #expect(refused.contains("birthday.yaml:7:3"), "\(refused)")
        try served.shop.rules(good + "\n  where: [email is present]\n")
        child.signal(SIGHUP)
        try child.awaitError("reloaded    1 rule")
        child.signal(SIGTERM)
        #expect(try child.wait().status == 0)
        #expect(try served.shop.mails().count == 1)
    }
}
