import Glibc
import RegardsCalendar
import RegardsCore
import RegardsTestSupport
import Testing

@testable import RegardsDelivery

@Suite("Maildir")
struct MaildirTests {
    private func names(_ folder: String) -> [String] {
        guard let directory = opendir(folder) else { return ["no such folder"] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws {
        let file: UnsafeMutablePointer<FILE>? = fopen(path, "w")
        guard let file else { throw ServerProcess.Failure.cannotStart("cannot write \(path)") }
        fputs(text, file)
        fclose(file)
    }

    private func mode(_ path: String) -> UInt32 {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test(arguments: [true, false])
    func aMessageBecomesAFile(isDurable: Bool) throws {
        let folder = try TestTools.makeFolder("maildir") + "/deep/er"
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder, isDurable: isDurable))
        #expect(try probe.open() == .ready)
        #expect(try probe.send(try Fixture.mail()) == AttemptReport(.delivered))
        #expect(names("\(folder)/new") == ["1@regards.example.eml"])
        #expect(names("\(folder)/tmp").isEmpty)
        #expect(text("\(folder)/new/1@regards.example.eml") == """
            Return-Path: <shop@example.com>\r
            Delivered-To: customer@example.net\r
            Subject: Greetings\r
            \r
            Happy birthday!\r

            """)
        #expect(mode(folder) == 0o700)
        #expect(mode("\(folder)/new") == 0o700)
        #expect(mode("\(folder)/new/1@regards.example.eml") == 0o600)
        try probe.close()
        #expect(probe.states.all == [.ready, .closed])
    }

    @Test func aRepetitionReplacesTheFirst() throws {
        let folder = try TestTools.makeFolder("maildir")
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        try probe.open()
        #expect(try probe.send(try Fixture.mail(body: "Subject: first, and longer\r\n\r\nx\r\n")).outcome == .delivered)
        #expect(try probe.send(try Fixture.mail(body: "Subject: second\r\n\r\nx\r\n")).outcome == .delivered)
        #expect(names("\(folder)/new") == ["1@regards.example.eml"])
        #expect(text("\(folder)/new/1@regards.example.eml")?.contains("Subject: second\r\n\r\nx\r\n") == true)
        try probe.close()
    }

    /// What a crash left in `tmp` is in nobody's way.
    @Test func aHalfWrittenFileIsWrittenAnew() throws {
        let folder = try TestTools.makeFolder("maildir")
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        try probe.open()
        try write(String(repeating: "half a message ", count: 100), to: "\(folder)/tmp/1@regards.example.eml")
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        #expect(text("\(folder)/new/1@regards.example.eml")?.hasPrefix("Return-Path: <shop@example.com>\r\n") == true)
        #expect(text("\(folder)/new/1@regards.example.eml")?.contains("half") == false)
        #expect(names("\(folder)/tmp").isEmpty)
        try probe.close()
    }

    @Test func aWebhooksBodyIsKeptAsItIs() throws {
        let folder = try TestTools.makeFolder("maildir")
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        try probe.open()
        var outgoing = try Fixture.mail(id: "msg_1", body: "{}")
        outgoing.destination = .endpoint
        #expect(try probe.send(outgoing).outcome == .delivered)
        #expect(names("\(folder)/new") == ["msg_1.json"])
        #expect(text("\(folder)/new/msg_1.json") == "{}")
        try probe.close()
    }

    @Test func fileNames() {
        func name(_ id: String) -> String { Maildir.fileName(id: id, suffix: ".eml") }
        #expect(name("a.b-c_d+e@f.example") == "a.b-c_d+e@f.example.eml")
        #expect(name("../../etc/passwd") == "=2E.=2F..=2Fetc=2Fpasswd.eml")
        #expect(name(".hidden") == "=2Ehidden.eml")
        #expect(name("a b") == "a=20b.eml")
        #expect(name("a=20b") == "a=3D20b.eml")
        #expect(name("a\u{0}b:2,S") == "a=00b=3A2=2CS.eml")
        #expect(name("é") == "=C3=A9.eml")
        let long = [name(String(repeating: "x", count: 300)), name(String(repeating: "x", count: 301))]
        #expect(long[0] != long[1])
        #expect(long.allSatisfy { $0.utf8.count < 200 && $0.hasSuffix(".eml") })
    }

    /// Two ids never share a name.
    @Test func differentIdsHaveDifferentNames() {
        let alphabet = ["a", "=", "2", "0", "F", "/", ".", " ", "é", "\u{0}"]
        var ids = [""]
        for _ in 0..<4 { ids += ids.flatMap { id in alphabet.map { id + $0 } } }
        let unique = Set(ids)
        #expect(Set(unique.map { Maildir.fileName(id: $0, suffix: "") }).count == unique.count)
    }

    // MARK: - Failures

    private func failure(of folder: String) throws -> String {
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        guard case .down(.storage, let detail) = try probe.open() else { return "\(probe.states.all)" }
        let report = try probe.send(try Fixture.mail())
        #expect(report.outcome == .deferred(.storage, notBefore: nil))
        try probe.close()
        return detail
    }

    @Test func aFileInTheWay() throws {
        let folder = try TestTools.makeFolder("maildir")
        try write("", to: "\(folder)/file")
        #expect(try failure(of: "\(folder)/file")
            == "\(folder)/file: cannot make the folder: Not a directory; something that is no folder is in the way")
    }

    @Test func noRightToWrite() throws {
        // Not even root makes folders there.
        let detail = try failure(of: "/sys/regards-maildir")
        #expect(detail.hasPrefix("/sys/regards-maildir: cannot make the folder: "))
        #expect(detail.hasSuffix("; give the daemon's user the right to write there") || detail.hasSuffix("; the file system is read-only"))
    }

    @Test func aFolderThatVanishesComesBack() throws {
        let folder = try TestTools.makeFolder("maildir")
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        try probe.open()
        for name in ["new", "tmp"] { rmdir("\(folder)/\(name)") }
        let report = try probe.send(try Fixture.mail())
        #expect(report.outcome == .deferred(.storage, notBefore: nil))
        #expect(report.detail == "\(folder)/tmp/1@regards.example.eml: cannot create the file: No such file or directory")
        try probe.awaitState(.down(.storage, detail: report.detail))
        #expect(try probe.open() == .ready)
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        try probe.close()
    }

    @Test(.enabled(if: SmallDisk.works, "needs the right to mount a small tmpfs"))
    func aFullDisk() throws {
        let disk = try SmallDisk()
        defer { disk.unmount() }
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: "\(disk.path)/mail"))
        try probe.open()
        let big = try Fixture.mail(id: "big@x", body: String(repeating: "x", count: 300_000))
        let report = try probe.send(big)
        #expect(report.outcome == .deferred(.storage, notBefore: nil))
        #expect(report.detail == "\(disk.path)/mail/tmp/big@x.eml: cannot write the file: No space left on device; make space there")
        #expect(names("\(disk.path)/mail/tmp").isEmpty)
        #expect(names("\(disk.path)/mail/new").isEmpty)
        // Without space for more than a few bytes it stays down.
        try write(String(repeating: "x", count: 124_000), to: "\(disk.path)/filler")
        #expect(try probe.open() == .down(
            .storage, detail: "\(disk.path)/mail/tmp/.probe: cannot write the file: No space left on device; make space there"))
        unlink("\(disk.path)/filler")
        #expect(try probe.open() == .ready)
        #expect(try probe.send(try Fixture.mail()).outcome == .delivered)
        try probe.close()
    }

    @Test func theThreadAnswersTheWatchdog() throws {
        try ChannelProbe(MaildirChannel(name: "test", directory: try TestTools.makeFolder("maildir"))).pingThroughLife()
    }

    @Test func stopping() throws {
        let folder = try TestTools.makeFolder("maildir")
        let probe = ChannelProbe(MaildirChannel(name: "test", directory: folder))
        try probe.open()
        try probe.close()
        #expect(try probe.send(try Fixture.mail()).outcome == .deferred(.shutdown, notBefore: nil))
        #expect(names("\(folder)/new").isEmpty)
    }
}

/// A file system of 128 KiB.
private struct SmallDisk {
    let path: String

    static let works: Bool = {
        guard let disk = try? SmallDisk() else { return false }
        disk.unmount()
        return true
    }()

    init() throws {
        path = try TestTools.makeFolder("disk")
        guard TestTools.run(["mount", "-t", "tmpfs", "-o", "size=128k", "regards-test", path]) == 0 else {
            rmdir(path)
            throw ServerProcess.Failure.cannotStart("no mount")
        }
    }

    func unmount() {
        _ = TestTools.run(["umount", "-l", path])
        rmdir(path)
    }
}
