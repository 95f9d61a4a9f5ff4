import Glibc
import RegardsCalendar
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A library that lies to a process about its clock or its disk: Tests/Fixtures/faults/preload.c, compiled once.
enum Preload {
    /// nil where no C compiler is found, which is said; where Swift compiles there is one.
    static func find() -> String? {
        if library == nil { print("skipped: no C compiler") }
        return library
    }

    private static let library: String? = {
        guard let folder = try? TestTools.makeFolder("preload") else { return nil }
        let (source, library) = (TestTools.root + "/Tests/Fixtures/faults/preload.c", folder + "/preload.so")
        let works = ["clang", "cc", "gcc"].contains { compiler in
            TestTools.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]) == 0
        }
        if !works, TestTools.isCI { Issue.record("CI must have a C compiler") }
        return works ? library : nil
    }()
}

/// A clock that only the processes under it read, and that a test sets while they run.
final class SetClock: Sendable {
    let folder: TemporaryFolder
    private let descriptor: Int32
    private let library: String

    init?() throws {
        guard let library = Preload.find() else { return nil }
        self.library = library
        folder = try TemporaryFolder()
        try folder.write(bytes: [UInt8](repeating: 0, count: 8), to: "clock")
        descriptor = open(folder.path + "/clock", O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
    }

    deinit { close(descriptor) }

    var environment: [String: String] { ["LD_PRELOAD": library, "REGARDS_TEST_CLOCK": folder.path + "/clock"] }

    /// From now on it is this time.
    func set(_ instant: Instant) throws {
        var offset = (instant - SystemClock().now()).microseconds
        try #require(pwrite(descriptor, &offset, 8, 0) == 8)
    }
}

/// A folder that becomes read-only under open files, and writable again, for the processes that are told so. No real file
/// system does both: it refuses to be mounted read-only while files are open for writing, and one that an error has made
/// read-only stays so until it is mounted anew (`FailingDisk`).
final class ReadOnlyFolder: Sendable {
    let folder: TemporaryFolder
    private let library: String

    init?() throws {
        guard let library = Preload.find() else { return nil }
        self.library = library
        folder = try TemporaryFolder()
        try #require(mkdir(path, 0o700) == 0)
    }

    var path: String { folder.path + "/state" }
    var environment: [String: String] { ["LD_PRELOAD": library, "REGARDS_TEST_DISK": path] }

    func setReadOnly() throws { try folder.write("", to: "state.read-only") }
    func setWritable() throws { try #require(unlink(path + ".read-only") == 0) }
}

/// An ext4 in a file of its own, whose errors make it read-only, as Debian's installer sets it up. Where none can be
/// mounted, or brought to an error, a test says so.
///
/// It has no journal: when one is given up, Linux 6.18 now and then answers an fsync(2) that was under way as if all were
/// well, and what it acknowledged is gone after the repair (3 times in 60, seen with a program of ten lines). Of that
/// nobody can make a promise.
final class FailingDisk {
    let folder: TemporaryFolder
    private let device: String
    private let prefix: [String]
    var path: String { folder.path + "/disk" }
    private var image: String { folder.path + "/image" }

    init?(megabytes: Int) throws {
        folder = try TemporaryFolder()
        prefix = geteuid() == 0 ? [] : ["sudo", "-n"]
        let image = folder.path + "/image"
        try #require(mkdir(folder.path + "/disk", 0o700) == 0)
        try folder.write("", to: "image")
        try #require(truncate(image, off_t(megabytes << 20)) == 0)
        let options = "root_owner=\(getuid()):\(getgid())"
        let made = TestTools.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-e", "remount-ro", "-E", options, image]) == 0
        let loop = made ? try? ChildProcess.run(prefix + ["losetup", "--find", "--show", image]) : nil
        device = loop?.output.first ?? ""
        guard device.hasPrefix("/dev/"), TestTools.run(prefix + ["mount", device, path]) == 0 else {
            if !device.isEmpty { _ = TestTools.run(prefix + ["losetup", "--detach", device]) }
            print("skipped: this user can mount no ext4")
            return nil
        }
    }

    deinit {
        _ = TestTools.run(prefix + ["umount", "-l", path])
        _ = TestTools.run(prefix + ["losetup", "--detach", device])
    }

    /// Lets the kernel find an error in it.
    /// - Returns: whether this kernel can be asked to.
    func fail() -> Bool {
        let trigger = "/sys/fs/ext4/\(device.dropFirst("/dev/".count))/trigger_fs_error"
        return TestTools.run(prefix + ["sh", "-c", "echo 1 > \(trigger)"]) == 0
    }

    /// What is done about it: it is unmounted, which nobody may use it for, checked, and mounted again.
    func mend() throws {
        try #require(TestTools.run(prefix + ["umount", path]) == 0)
        // 1: it had errors and has none any more.
        try #require([0, 1].contains(TestTools.run(prefix + ["fsck.ext4", "-f", "-p", device])))
        try #require(TestTools.run(prefix + ["mount", device, path]) == 0)
    }
}
