import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsStore

/// Damaged state files, and what may be sent from what was salvaged.
@Suite struct StateRecoveryTests {
    /// Rows of all kinds: most were sent, some are owed, some failed, one is on its way.
    private struct Scene {
        var ledger: Ledger
        var sent: Set<OutreachKey> = []
        var unsent: Set<OutreachKey> = []
        var rows: [PlannedOutreach] = []

        init(_ count: Int) throws {
            ledger = try Ledger()
            rows = (0..<count).map { .row("customer-\($0)", due: noon - .minutes(5)) }
            try ledger.plan(rows)
            let claimed = try ledger.outbox.claim(limit: count, now: noon, channels: [.mail])
            for (index, row) in claimed.enumerated() {
                if index % 5 == 4 { unsent.insert(row.key) } else { sent.insert(row.key) }
            }
            let going = claimed.filter { sent.contains($0.key) }.map(\.id)
            let marks = going.map { SendMark(id: $0, card: "cake", address: "address-\($0)", counts: true) }
            _ = try ledger.outbox.commit(GroupCommit(now: noon, marks: marks))
            let endings = going.map { Ending(id: $0, .sent, report: AttemptReport(.delivered, code: 250, detail: "ok")) }
            _ = try ledger.outbox.commit(GroupCommit(now: noon, endings: endings))
            try ledger.outbox.release(claimed.filter { unsent.contains($0.key) }.map(\.id), now: noon)
            try ledger.outbox.setLiveMachine("machine-1", now: noon)
            try ledger.outbox.close()
        }
    }

    @Test func aSoundFileIsLeftAlone() throws {
        let ledger = try Ledger()
        try ledger.plan([.row("1")])
        try ledger.outbox.close()
        #expect(try StateRecovery.recover(path: ledger.path, now: noon) == nil)
    }

    @Test func aFileInUseIsLeftAlone() throws {
        let ledger = try Ledger()
        #expect(throws: OutboxError.inUse(lock: ledger.path + ".lock", process: getpid())) {
            try StateRecovery.recover(path: ledger.path, now: noon)
        }
    }

    @Test func aFileOfWhichNothingCanBeReadIsLeftAlone() throws {
        let ledger = try Ledger()
        try ledger.outbox.close()
        try damage(ledger.path, pages: 1...1)
        let error = #expect(throws: OutboxError.self) { try StateRecovery.recover(path: ledger.path, now: noon) }
        guard case .damaged(ledger.path, _) = error else {
            Issue.record("expected damaged, got \(String(describing: error))")
            return
        }
        #expect(access(ledger.path, F_OK) == 0 && access(ledger.path + ".recovering", F_OK) != 0)
    }

    /// The pages that hold the rows of a table.
    private func leaves(of name: String, _ path: String) throws -> [Int] {
        try DatabaseQueue(path: path).read { database in
            let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            let root = try Int.fetchOne(database, sql: "SELECT rootpage FROM sqlite_schema WHERE name = ?", arguments: [name]) ?? 0
            let bytes = try Self.bytes(path)
            // An interior page of a table b-tree begins with 5, of an index with 2: its cells name its children.
            return Self.children(of: root, bytes).filter { $0 <= pages }
        }
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        let file = fopen(path, "r")
        guard let file else { throw Failure("\(path) cannot be read") }
        defer { fclose(file) }
        var status = stat()
        fstat(fileno(file), &status)
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        guard fread(&bytes, 1, bytes.count, file) == bytes.count else { throw Failure("short read") }
        return bytes
    }

    private static func children(of page: Int, _ bytes: [UInt8]) -> [Int] {
        let start = (page - 1) * 4096
        func number(_ at: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
        guard bytes[start] == 5 || bytes[start] == 2 else { return [page] }
        let cells = number(start + 3, 2)
        let left = (0..<cells).map { number(start + number(start + 12 + 2 * $0, 2), 4) }
        return (left + [number(start + 8, 4)]).flatMap { children(of: $0, bytes) }
    }

    @Test func rowsWhosePagesAreLostArePiecedTogetherFromTheirKeys() throws {
        var scene = try Scene(400)
        let path = scene.ledger.path
        let pages = try leaves(of: "outreach", path)
        try #require(pages.count > 8)
        for page in [pages[1], pages[4], pages[5]] { try damage(path, pages: page...page) }
        let report = try #require(try StateRecovery.recover(path: path, now: noon))
        let rows = try #require(report.tables.first { $0.name == "outreach" })
        #expect(rows.read + rows.rebuilt == 400 && rows.rebuilt > 0 && rows.hasGaps)
        #expect(!report.hasUnknownRows && !report.isPaused && !report.lostLive)
        #expect(access(report.kept, F_OK) == 0)
        _ = try scene.ledger.reopen()
        let states = Dictionary(uniqueKeysWithValues: try scene.ledger.all().map { ($0.key, $0) })
        #expect(scene.sent.allSatisfy { states[$0]?.state == .sent })
        let doubtful = scene.unsent.filter { states[$0]?.state == .held && states[$0]?.reason == "in-doubt" }
        #expect(doubtful.count == report.inDoubt && report.inDoubt > 0)
        #expect(scene.unsent.subtracting(doubtful).allSatisfy { states[$0]?.state == .planned })
        // The operator ends the doubt, and the daemon goes on.
        let held = try #require(doubtful.first.flatMap { states[$0] })
        try scene.ledger.outbox.settle(held.id, as: .resend, now: noon)
        #expect(try scene.ledger.outbox.claim(limit: 1000, now: noon, channels: [.mail]).contains { $0.id == held.id })
    }

    @Test func whereKeysAreLostTooWhatIsPlannedAnewIsInDoubt() throws {
        var scene = try Scene(400)
        let path = scene.ledger.path
        for page in try leaves(of: "outreach", path) + leaves(of: "sqlite_autoindex_outreach_1", path) {
            try damage(path, pages: page...page)
        }
        let report = try #require(try StateRecovery.recover(path: path, now: noon))
        #expect(report.hasUnknownRows)
        _ = try scene.ledger.reopen()
        try scene.ledger.plan(scene.rows)
        #expect(try scene.ledger.claimAll().isEmpty)
        #expect(try scene.ledger.all().map(\.reason) == Array(repeating: "in-doubt", count: 400))
        // What falls due from now on is not in doubt.
        try scene.ledger.plan([.row("new", due: noon + .hours(1))] + scene.rows)
        #expect(try scene.ledger.claimAll(now: noon + .hours(2)).map(\.key.customer) == ["new"])
    }

    @Test func lostSuppressionsPauseEverything() throws {
        let ledger = try Ledger()
        for number in 0..<400 {
            try ledger.outbox.suppress("address-\(number)", Set(Purpose.allCases), reason: .request, now: noon)
        }
        try ledger.outbox.close()
        let pages = try leaves(of: "suppressions", ledger.path)
        try #require(pages.count > 4)
        try damage(ledger.path, pages: pages[2]...pages[2])
        let report = try #require(try StateRecovery.recover(path: ledger.path, now: noon))
        #expect(report.isPaused)
        let outbox = try SQLiteOutbox.openForDaemon(path: ledger.path, now: noon)
        #expect(try outbox.pauses(at: noon).map(\.scope) == [.all])
        // From both ends all that can be read was read.
        #expect(try outbox.suppressions(limit: 10_000, after: nil).count > 1000)
    }

    @Test func aRuleThatIsLostLeavesItsRows() throws {
        var scene = try Scene(40)
        let path = scene.ledger.path
        for name in ["rules", "sqlite_autoindex_rules_1"] {
            for page in try leaves(of: name, path) { try damage(path, pages: page...page) }
        }
        let report = try #require(try StateRecovery.recover(path: path, now: noon))
        _ = try scene.ledger.reopen()
        #expect(try scene.ledger.all().count == 40)
        // They belong to no rule that is in the files, and what they owe is not sent.
        _ = try scene.ledger.outbox.adoptRules([RuleAdoption(name: "birthday", hash: 1)], now: noon)
        #expect(try scene.ledger.claimAll().isEmpty)
        try scene.ledger.plan(scene.rows, rules: ["birthday"])
        #expect(try scene.ledger.claimAll().isEmpty)
        #expect(report.tables.first { $0.name == "rules" }?.hasGaps == true)
    }

    /// Whatever is destroyed: what was sent is never sent again by itself, what was owed is owed or in doubt.
    @Test(arguments: 0..<12) func randomDamage(_ run: Int) throws {
        var random = SeededGenerator("randomDamage \(run)")
        for _ in 0..<run { _ = random.next() }
        var scene = try Scene(300)
        let path = scene.ledger.path
        var status = stat()
        #expect(stat(path, &status) == 0)
        let pages = Int(status.st_size) / 4096
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let page = Int.random(in: 2...pages, using: &random)
            try damage(path, pages: page...page, with: UInt8.random(in: 0...255, using: &random))
        }
        if run % 4 == 3 { truncate(path, status.st_size - off_t(4096 * Int.random(in: 1...8, using: &random))) }
        do {
            // The pages that were hit may have been free.
            _ = try StateRecovery.recover(path: path, now: noon)
        } catch OutboxError.damaged {
            // The page of the schema itself: nothing can be read, and nothing was done.
            #expect(throws: OutboxError.self) { try SQLiteOutbox.openForDaemon(path: path, now: noon) }
            return
        }
        _ = try scene.ledger.reopen()
        _ = try scene.ledger.outbox.adoptRules(Ledger.rules.map { RuleAdoption(name: $0, hash: 1) }, now: noon)
        try scene.ledger.plan(scene.rows)
        let going = Set(try scene.ledger.claimAll(now: noon + .minutes(1)).map(\.key))
        #expect(going.isDisjoint(with: scene.sent))
        let rows = try scene.ledger.all()
        for key in scene.unsent {
            let row = rows.first { $0.key == key }
            #expect(row?.state == .claimed || row?.reason == "in-doubt", "\(key.customer): \(String(describing: row?.state))")
        }
    }
}

extension Ledger {
    /// As a daemon's next start, with the recovery that belongs to it.
    mutating func reopen(now: Instant = noon) throws -> Recovery {
        outbox = try SQLiteOutbox.openForDaemon(path: path, now: now)
        return try outbox.recover(now: now) { _ in .ask }
    }
}

/// What a disk may keep of a write-ahead log when the power goes.
@Suite struct LogCutTests {
    @Test(arguments: 0..<8) func aCutLogIsThePastAndNeverAMixture(_ run: Int) throws {
        var random = SeededGenerator("aCutLogIsThePast \(run)")
        for _ in 0..<run { _ = random.next() }
        let ledger = try Ledger()
        let folder = try TemporaryFolder()
        let copy = folder.file("state.db")
        // Each commit adds one row; none is put into the file itself before the copy.
        for number in 1...60 { try ledger.outbox.addOutreach([.row("\(number)")], now: noon) }
        for suffix in ["", "-wal"] { try #require(TemporaryFolder.run(["cp", ledger.path + suffix, copy + suffix]) == 0) }
        var status = stat()
        try #require(stat(copy + "-wal", &status) == 0)
        let cut = off_t(Int64.random(in: 0..<Int64(status.st_size), using: &random))
        if run % 2 == 0 {
            try #require(truncate(copy + "-wal", cut) == 0)
        } else {
            let descriptor = open(copy + "-wal", O_RDWR)
            let junk = (0..<512).map { _ in UInt8.random(in: 0...255, using: &random) }
            try #require(pwrite(descriptor, junk, junk.count, cut) == junk.count)
            close(descriptor)
        }
        // Cut so early that only the list of migrations is in it, it is the file of a first start that died.
        let outbox = try SQLiteOutbox.openForDaemon(path: copy, now: noon)
        let customers = try outbox.list(OutreachFilter(), limit: 100, after: 0).compactMap { Int($0.key.customer) }
        #expect(customers == Array(1...60).prefix(customers.count).map { $0 })
        #expect(try StateConnection.pragma(of: outbox, "integrity_check") == "ok")
    }
}

extension StateConnection {
    fileprivate static func pragma(of outbox: SQLiteOutbox, _ name: String) throws -> String {
        try outbox.read { try pragma($0, name) }
    }
}
