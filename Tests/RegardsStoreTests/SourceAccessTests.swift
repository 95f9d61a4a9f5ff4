import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsStore

/// What a daemon without rights meets. As root, the calling thread's file-system user is switched (setfsuid(2)), which
/// is what the kernel checks when a file is opened.
@Suite struct SourceAccessTests {
    private func shop(journal: String, folder mode: mode_t) throws -> Shop {
        let shop = try Shop(journal: journal)
        #expect(chmod(shop.path, 0o644) == 0 && chmod(shop.folder.path, mode) == 0)
        return shop
    }

    /// The body must not suspend: the user belongs to the thread.
    private func withoutRights<Result>(_ body: () throws -> Result) rethrows -> Result {
        typealias SetFileSystemUser = @convention(c) (UInt32) -> Int32
        guard geteuid() == 0, let symbol = dlsym(nil, "setfsuid") else { return try body() }
        let setUser = unsafeBitCast(symbol, to: SetFileSystemUser.self)
        let nobody: UInt32 = 65_534
        _ = setUser(nobody)
        defer { _ = setUser(0) }
        return try body()
    }

    @Test func aWALDatabaseInAFolderWithoutWriteAccess() throws {
        let shop = try shop(journal: "WAL", folder: 0o555)
        let folder = shop.folder.path
        let error = #expect(throws: SourceError.self) { try withoutRights { _ = try shop.source() } }
        #expect(
            error?.description
                == "\(shop.path) is in WAL mode, and SQLite reads such a database only where it may write to the folder, "
                + "unless a writer has it open; let regards write to \(folder): systemctl edit regards, then [Service] "
                + "ReadWritePaths=\(folder) SupplementaryGroups=<the folder's group>")
        #expect(error?.isPassing == true)
    }

    @Test func aWALDatabaseThatAWriterHasOpen() throws {
        let shop = try shop(journal: "WAL", folder: 0o755)
        let writer = try DatabaseQueue(path: shop.path)
        try writer.writeWithoutTransaction { try $0.execute(sql: "UPDATE customers SET name = 'Eve' WHERE id = 1") }
        #expect(chmod(shop.folder.path, 0o555) == 0)
        let name = try withoutRights { try shop.source().lookUp(["1"])["1"]?.text(.name) }
        #expect(name == "Eve")
        try writer.close()
    }

    @Test func aRollbackJournalNeedsNoWriteAccess() throws {
        let shop = try shop(journal: "DELETE", folder: 0o555)
        let count = try withoutRights { try shop.source().pages(size: 9).1.rows }
        #expect(count == 3)
    }

    @Test func aFileThatMayNotBeRead() throws {
        let shop = try shop(journal: "DELETE", folder: 0o755)
        #expect(chmod(shop.path, 0o600) == 0)
        if geteuid() != 0 { #expect(chmod(shop.path, 0) == 0) }
        let error = #expect(throws: SourceError.self) { try withoutRights { _ = try shop.source() } }
        #expect(
            error?.description
                == "\(shop.path): this user (id \(geteuid())) may not read it; let it read the file and enter the folders "
                + "above it, for example by SupplementaryGroups= in a drop-in")
    }

    @Test func aFolderThatMayNotBeEntered() throws {
        let shop = try shop(journal: "DELETE", folder: geteuid() == 0 ? 0o700 : 0)
        let error = #expect(throws: SourceError.self) { try withoutRights { _ = try shop.source() } }
        #expect(chmod(shop.folder.path, 0o755) == 0)
        #expect(error?.description.hasPrefix("\(shop.path): this user (id \(geteuid())) may not read it") == true)
    }
}
