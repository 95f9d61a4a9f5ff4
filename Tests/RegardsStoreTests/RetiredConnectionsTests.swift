import GRDB
import Glibc
import Testing

@testable import RegardsStore

/// Connections that are closed and stay in memory, so that Dispatch has no mark of theirs to free.
@Suite("Retired connections")
struct RetiredConnectionsTests {
    /// Retires a connection, and says whether it is still in memory.
    private func retire(_ path: String) throws -> Bool {
        weak var reference: DatabaseQueue?
        do {
            let queue = try DatabaseQueue(path: path)
            reference = queue
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x)") }
            #expect(access(path + "-wal", F_OK) == 0)
            RetiredConnections.take(queue)
        }
        return reference != nil
    }

    @Test func theyAreClosedAndOnlySoManyAreKept() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("one.db")
        // Other tests of this process retire some of theirs as well.
        var kept = 0
        for _ in 0...RetiredConnections.most {
            if try retire(path) { kept += 1 }
            // The last connection took its log away when it was closed.
            #expect(access(path + "-wal", F_OK) != 0)
        }
        #expect(kept <= RetiredConnections.most)
        // There is no room left, whoever took it: what comes now is released.
        #expect(try !retire(path))
    }
}
