import Glibc
import RegardsCalendar
import RegardsCore
import Testing

@testable import RegardsDaemon

@Suite struct NotifyTests {
    private let socket: NotifySocket
    private let notify: Notify
    init() throws {
        socket = try NotifySocket()
        notify = Notify(socket: socket.path)
    }

    private func received(_ act: (Notify) -> Void) throws -> String {
        act(notify)
        return try #require(socket.receive())
    }

    @Test func aNameWithoutAFileIsReachedToo() throws {
        let socket = try NotifySocket(abstract: true)
        #expect(socket.path.hasPrefix("@"))
        Notify(socket: socket.path).feedWatchdog()
        #expect(socket.receive() == "WATCHDOG=1")
    }

    @Test(arguments: [nil, "", "relative", "vsock:2:1", "/nonexistent/notify", "/" + String(repeating: "x", count: 108)])
    func whereNobodyListensNothingHappens(socket: String?) {
        let notify = Notify(socket: socket)
        notify.ready(status: "x")
        notify.feedWatchdog()
        #expect(self.socket.receive(within: 0) == nil)
    }

    @Test func everyStateIsOneDatagram() throws {
        #expect(try received { $0.ready(status: "3 due in the next hour") } == "READY=1\nSTATUS=3 due in the next hour")
        #expect(try received { $0.status("relay ok") } == "STATUS=relay ok")
        #expect(try received { $0.stopping(status: "2 messages on the wire") } == "STOPPING=1\nSTATUS=2 messages on the wire")
        #expect(try received { $0.feedWatchdog() } == "WATCHDOG=1")
        #expect(try received { $0.extendTimeout(by: .seconds(30)) } == "EXTEND_TIMEOUT_USEC=30000000")
    }

    @Test func aStatusCannotSayAnythingElse() throws {
        #expect(try received { $0.status("a\nREADY=1\r\nb") } == "STATUS=a READY=1 b")
    }

    @Test func aReloadCarriesTheMonotonicClock() throws {
        var before = timespec()
        clock_gettime(CLOCK_MONOTONIC, &before)
        let text = try received { $0.reloading() }
        var after = timespec()
        clock_gettime(CLOCK_MONOTONIC, &after)
        let parts = text.split(separator: "\n")
        #expect(parts.first == "RELOADING=1")
        let stamp = try #require(parts.last?.split(separator: "=").last.flatMap { Int($0) })
        #expect(stamp >= before.tv_sec * 1_000_000 + before.tv_nsec / 1000)
        #expect(stamp <= after.tv_sec * 1_000_000 + after.tv_nsec / 1000)
    }

    @Test func withoutAWatchdogThereIsNoInterval() {
        #expect(notify.watchdogInterval == nil)
    }
}

@Suite struct CredentialsTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func mistake(_ read: () throws(CredentialError) -> Secret) -> String? {
        do throws(CredentialError) {
            _ = try read()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func aCredentialIsReadWithoutItsLineEnd() throws {
        try folder.write("s3cret \n", to: "smtp-password", mode: 0o440)
        #expect(try Credentials.credential("smtp-password", directory: folder.path).reveal == "s3cret ")
        try folder.write("two\n\n", to: "two", mode: 0o400)
        #expect(try Credentials.credential("two", directory: folder.path).reveal == "two\n")
        try folder.write("dos\r\n", to: "dos", mode: 0o400)
        #expect(try Credentials.credential("dos", directory: folder.path).reveal == "dos")
    }

    @Test func aMissingCredentialSaysWhatToAdd() {
        #expect(
            mistake { () throws(CredentialError) in try Credentials.credential("k", directory: nil) }
                == "credential k: $CREDENTIALS_DIRECTORY is not set; run under systemd with LoadCredential=k:PATH, or use file: PATH")
        #expect(
            mistake { () throws(CredentialError) in try Credentials.credential("k", directory: folder.path) }
                == "credential k: not passed by systemd; add LoadCredential=k:PATH to the unit")
    }

    @Test(arguments: ["", ".", "..", "a/b", "../x"])
    func aNameIsNoPath(name: String) {
        #expect(
            mistake { () throws(CredentialError) in try Credentials.credential(name, directory: folder.path) }
                == "\(name): not the name of a credential; expected a file name without /")
    }

    @Test(arguments: [0o640, 0o604, 0o644, 0o666] as [mode_t])
    func aFileThatOthersReadIsRefused(mode: mode_t) throws {
        try folder.write("s3cret", to: "password", mode: mode)
        let path = folder.path + "/password"
        #expect(
            mistake { () throws(CredentialError) in try Credentials.file(path) }
                == "\(path): readable by group or others (mode 0\(String(mode, radix: 8))); run: chmod 600 \(path)")
    }

    @Test func aPrivateFileIsRead() throws {
        try folder.write("pässword\n", to: "password", mode: 0o600)
        #expect(try Credentials.file(folder.path + "/password").reveal == "pässword")
    }

    @Test func whatIsNoSecretIsRefused() throws {
        try folder.write("\n", to: "empty", mode: 0o600)
        try folder.write("a\u{0}b", to: "binary", mode: 0o600)
        try folder.write(String(repeating: "x", count: 64 * 1024 + 1), to: "large", mode: 0o600)
        #expect(mkfifo(folder.path + "/fifo", 0o600) == 0)
        let wrong: [(String, String)] = [
            ("empty", "empty; expected one secret"), ("binary", "not UTF-8 text"),
            ("large", "larger than 64 KiB; expected one secret"), ("fifo", "not a regular file"),
            ("none", "no such file"), (".", "not a regular file"),
        ]
        for (name, words) in wrong {
            let path = folder.path + "/" + name
            #expect(mistake { () throws(CredentialError) in try Credentials.file(path) } == "\(path): \(words)")
        }
    }
}
