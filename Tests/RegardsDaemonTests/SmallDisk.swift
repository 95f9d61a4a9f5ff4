import Glibc
import RegardsTestSupport
import Testing

/// A file system of some megabytes for one test, in memory. Where none can be mounted a test says so, and fails in CI.
final class SmallDisk {
    let folder: TemporaryFolder
    private let prefix: [String]
    var path: String { folder.path }

    init?(_ size: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        folder = try TemporaryFolder()
        let options = "size=\(size),mode=0700,uid=\(getuid()),gid=\(getgid())"
        let mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.path]
        let ways = geteuid() == 0 ? [[]] : [["sudo", "-n"]]
        guard let way = ways.first(where: { TestTools.run($0 + mount) == 0 }) else {
            print("skipped: this user can mount no small disk")
            if TestTools.isCI { Issue.record("CI must be able to mount a tmpfs", sourceLocation: sourceLocation) }
            return nil
        }
        prefix = way
    }

    deinit { _ = TestTools.run(prefix + ["umount", "-l", folder.path]) }

    /// Takes all the room there is.
    func fill() throws {
        let descriptor = open(path + "/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        for size in [65_536, 512, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while write(descriptor, bytes, size) == size {}
        }
    }

    func makeRoom() throws { try #require(unlink(path + "/ballast") == 0) }

    func remount(_ options: String) throws {
        try #require(TestTools.run(prefix + ["mount", "-o", "remount,\(options)", path]) == 0)
    }
}
