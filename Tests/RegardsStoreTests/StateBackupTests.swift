import Foundation
import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsStore

/// What is copied before a migration, and what is looked at before a file is used.
@Suite struct StateBackupTests {
    private func firstRelease(_ folder: TemporaryFolder, _ name: String = "state.db") throws -> String {
        let path = folder.file(name)
        let queue = try DatabaseQueue(path: path)
        try LedgerMigrations.migrator.migrate(queue, upTo: "001-ledger")
        try queue.write { try $0.execute(sql: "INSERT INTO rules VALUES (1, 'old', 7, 1, 2, NULL)") }
        try queue.close()
        return path
    }

    private func names(_ folder: TemporaryFolder) -> [String] {
        guard let open = opendir(folder.path) else { return [] }
        defer { closedir(open) }
        var names: [String] = []
        while let entry = readdir(open) {
            names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0.contains(".before-") }.sorted()
    }

    @Test func aMigrationLeavesTheFileOfTheReleaseBefore() throws {
        let folder = try TemporaryFolder()
        let path = try firstRelease(folder)
        try SQLiteOutbox.openForDaemon(path: path, now: noon).close()
        let backup = path + ".before-002-language"
        #expect(names(folder) == ["state.db.before-002-language"])
        var status = stat()
        #expect(stat(backup, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let copy = try DatabaseQueue(path: backup)
        let (rules, done) = try copy.read { database in
            (try String.fetchAll(database, sql: "SELECT name FROM rules"), try LedgerMigrations.migrator.appliedMigrations(database))
        }
        #expect(rules == ["old"] && done == ["001-ledger"])
    }

    @Test func aBackupOfAnEarlierMigrationGoesWhenTheNextHasSucceeded() throws {
        let folder = try TemporaryFolder()
        let path = try firstRelease(folder)
        try write("an older one", to: path + ".before-001-ledger")
        try SQLiteOutbox.openForDaemon(path: path, now: noon).close()
        #expect(names(folder) == ["state.db.before-002-language"])
        // Nothing to migrate, nothing to copy.
        try SQLiteOutbox.openForDaemon(path: path, now: noon).close()
        #expect(names(folder) == ["state.db.before-002-language"])
    }

    @Test func aNewFileHasNoBackup() throws {
        let ledger = try Ledger()
        #expect(names(ledger.folder) == [])
    }

    @Test func withoutRoomNothingIsTouched() throws {
        let error = OutboxError.noRoom(path: "/s", needed: 2_000_001, free: 999_999)
        #expect(
            error.description
                == "/s: an update of the state makes a backup first and needs 3 MB beside it, but 1 MB are free; make room and start again")
        let folder = try TemporaryFolder()
        let options = "size=256k,mode=0700,uid=\(getuid()),gid=\(getgid())"
        let sudo = geteuid() == 0 ? [] : ["sudo", "-n"]
        guard TemporaryFolder.run(sudo + ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.path]) == 0 else {
            if TestTools.isCI { Issue.record("CI must be able to mount a tmpfs") }
            return print("skipped: this user can mount no small disk")
        }
        defer { TemporaryFolder.run(sudo + ["umount", "-l", folder.path]) }
        let path = try firstRelease(folder)
        let refusal = #expect(throws: OutboxError.self) { try SQLiteOutbox.openForDaemon(path: path, now: noon) }
        guard case .noRoom(path, let needed, let free) = refusal else {
            Issue.record("expected no room, got \(String(describing: refusal))")
            return
        }
        #expect(needed > free)
        #expect(names(folder) == [])
        let done = try DatabaseQueue(path: path).read { try LedgerMigrations.migrator.appliedMigrations($0) }
        #expect(done == ["001-ledger"])
    }

    @Test func aSmallFileIsLookedAtWhole() throws {
        var ledger = try Ledger()
        try ledger.plan((0..<500).map { .row("customer-\($0)") })
        _ = try ledger.restart()
        #expect(ledger.outbox.isWholeChecked)
        try ledger.outbox.close()
        try damage(ledger.path, pages: 60...60)
        let error = #expect(throws: OutboxError.self) { try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon) }
        guard case .damaged(ledger.path, _) = error else {
            Issue.record("expected damaged, got \(String(describing: error))")
            return
        }
    }

    @Test func ofALargeFileTheRestIsLookedAtLaterAndRemembered() throws {
        let ledger = try Ledger()
        try ledger.plan((0..<500).map { .row("customer-\($0)") })
        try ledger.outbox.close()
        let page = try self.page(of: "outreach", ledger.path)
        try damage(ledger.path, pages: page...page)
        let queue = try DatabaseQueue(path: ledger.path)
        #expect(try !StateCheck.before(queue, path: ledger.path, small: 0))
        #expect(throws: OutboxError.self) { try StateCheck.whole(path: ledger.path) }
        #expect(access(StateCheck.suspect(ledger.path), F_OK) == 0)
        // Now nobody uses it before all of it was looked at.
        #expect(throws: OutboxError.self) { try StateCheck.before(queue, path: ledger.path, small: 0) }
        _ = try StateRecovery.recover(path: ledger.path, now: noon)
        #expect(access(StateCheck.suspect(ledger.path), F_OK) != 0)
    }

    private func page(of table: String, _ path: String) throws -> Int {
        try DatabaseQueue(path: path).read { try Int.fetchOne($0, sql: "SELECT rootpage FROM sqlite_schema WHERE name = ?", arguments: [table]) ?? 0 }
    }
}

/// Overwrites pages, which count from 1.
func damage(_ path: String, pages: ClosedRange<Int>, with byte: UInt8 = 0xa5) throws {
    let descriptor = open(path, O_RDWR)
    guard descriptor >= 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    let junk = [UInt8](repeating: byte, count: 4096)
    for page in pages { pwrite(descriptor, junk, junk.count, off_t((page - 1) * 4096)) }
}

/// A backup that was put back knows nothing of what was sent since.
@Suite struct OlderStateTests {
    private static let night = noon - .hours(12)

    /// A ledger of which a copy was made at night: some were sent before it, some after.
    private func scene() throws -> (ledger: Ledger, backup: String) {
        let ledger = try Ledger(now: Self.night)
        try ledger.send(.row("before", due: Self.night), at: Self.night)
        try ledger.plan([.row("after", due: noon - .hours(1)), .row("later", due: noon + .hours(3))], now: Self.night)
        let backup = ledger.folder.file("backup.db")
        try ledger.outbox.write { try $0.execute(sql: "SELECT 1") }
        let copy = try DatabaseQueue(path: backup)
        try DatabaseQueue(path: ledger.path).backup(to: copy)
        try copy.close()
        try ledger.plan([.row("after", due: noon - .hours(1)), .row("new", due: noon - .hours(1)), .row("later", due: noon + .hours(3))])
        let ids = try ledger.claimAll().map(\.id)
        try #require(ids.count == 2)
        _ = try ledger.outbox.commit(GroupCommit(now: noon, marks: ids.map { SendMark(id: $0) }))
        _ = try ledger.outbox.commit(GroupCommit(now: noon, endings: ids.map { Ending(id: $0, .sent) }))
        return (ledger, backup)
    }

    private func putBack(_ backup: String, _ ledger: inout Ledger, now: Instant) throws {
        try ledger.outbox.close()
        for suffix in ["-wal", "-shm"] { unlink(ledger.path + suffix) }
        try #require(rename(backup, ledger.path) == 0)
        ledger.outbox = try SQLiteOutbox.openForDaemon(path: ledger.path, now: now)
        _ = try ledger.outbox.recover(now: now) { _ in .resend }
    }

    @Test func whatFellDueSinceIsInDoubtAndTheRestGoes() throws {
        var (ledger, backup) = try scene()
        let now = noon + .hours(1)
        try putBack(backup, &ledger, now: now)
        #expect(ledger.outbox.heldAsOlder == 1)
        try ledger.plan(
            [.row("after", due: noon - .hours(1)), .row("new", due: noon - .hours(1)), .row("later", due: noon + .hours(3))], now: now)
        #expect(try ledger.claimAll(now: now).isEmpty)
        #expect(try ledger.all().map { "\($0.key.customer) \($0.state)" } == ["before sent", "after held", "later planned", "new held"])
        #expect(try ledger.claimAll(now: noon + .hours(3)).map(\.key.customer) == ["later"])
        // Once is enough.
        _ = try ledger.restart(now: noon + .hours(4))
        #expect(ledger.outbox.heldAsOlder == nil)
    }

    /// A daemon that is killed writes nothing at its end.
    @Test func eachGroupThatWasSentIsNotedAndAClockThatIsSetBackIsNot() throws {
        let (ledger, _) = try scene()
        let lock = ledger.path + ".lock"
        #expect(try String(contentsOfFile: lock, encoding: .utf8) == "\(getpid())\n\(noon.microseconds)\n")
        try ledger.plan([.row("again", due: Self.night)], now: Self.night)
        let id = try #require(try ledger.claimAll(now: Self.night).first?.id)
        _ = try ledger.outbox.commit(GroupCommit(now: Self.night, marks: [SendMark(id: id)]))
        _ = try ledger.outbox.commit(GroupCommit(now: Self.night, endings: [Ending(id: id, .sent)]))
        #expect(try String(contentsOfFile: lock, encoding: .utf8) == "\(getpid())\n\(noon.microseconds)\n")
    }

    @Test func theSameFileAndANewOneAreNotOlder() throws {
        var (ledger, _) = try scene()
        _ = try ledger.restart()
        #expect(ledger.outbox.heldAsOlder == nil)
        try ledger.outbox.close()
        for suffix in ["", "-wal", "-shm"] { unlink(ledger.path + suffix) }
        ledger.outbox = try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon)
        #expect(ledger.outbox.heldAsOlder == nil && ledger.outbox.epoch == 1)
        _ = try ledger.restart()
        #expect(ledger.outbox.heldAsOlder == nil)
    }
}
