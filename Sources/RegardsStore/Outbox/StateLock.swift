import Glibc
import Synchronization

/// The lock that lets one daemon at a time work on a state file: flock(2) on `STATE.lock`, which the kernel gives up
/// when the process ends, however it ends.
///
/// The file holds the process id, for the error message only; and when the newest message was sent that its state knew
/// of, in microseconds, by which the next start finds out that the state is an older one: a backup that was put back.
final class StateLock: Sendable {
    private let descriptor: Mutex<Int32>
    /// What the last daemon left; nil where there was none.
    let newestSent: Int64?

    /// - Throws: `OutboxError.inUse` when another process holds it, `.unreachable` when the file cannot be made.
    init(state path: String) throws(OutboxError) {
        let lock = path + ".lock"
        let descriptor = Glibc.open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unreachable(path: lock, detail: String(cString: strerror(errno))) }
        guard StateLock.lock(descriptor) else {
            let code = errno
            let holder = StateLock.process(in: descriptor)
            Glibc.close(descriptor)
            guard code == EWOULDBLOCK else { throw .unreachable(path: lock, detail: String(cString: strerror(code))) }
            throw .inUse(lock: lock, process: holder)
        }
        let lines = StateLock.lines(in: descriptor)
        newestSent = lines.count > 1 ? Int64(lines[1]) : nil
        self.descriptor = Mutex(descriptor)
        note(newestSent: newestSent)
    }

    /// Whoever only asks for the holder has the lock for a moment, shared: that is waited for, and a daemon is not.
    /// - Returns: false with `errno` set.
    private static func lock(_ descriptor: Int32) -> Bool {
        for _ in 0..<1000 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK, flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return false }
            flock(descriptor, LOCK_UN)
            usleep(2000)
        }
        errno = EWOULDBLOCK
        return false
    }

    /// Nothing depends on its reaching the disk: a note that is too old only notices less.
    func note(newestSent: Int64?) {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            StateLock.write("\(getpid())\n" + (newestSent.map { "\($0)\n" } ?? ""), to: descriptor)
        }
    }

    var isHeld: Bool { descriptor.withLock { $0 >= 0 } }

    deinit { release() }

    /// May be called more than once.
    func release() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            // Unlocked first: a child that was just forked holds the file open until it executes its program.
            flock(descriptor, LOCK_UN)
            Glibc.close(descriptor)
            descriptor = -1
        }
    }

    /// Of the process that holds the lock of a state file now; nil where none does.
    static func holder(ofState path: String) -> Int32? {
        let descriptor = Glibc.open(path + ".lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        // Closing gives up what this asks for.
        defer { Glibc.close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return process(in: descriptor)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        // Over what is there, and then cut: whoever reads meanwhile finds the process id, and a crash leaves the note.
        // A lock without a readable process id is still a lock.
        let count = text.withUTF8 { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return }
        _ = ftruncate(descriptor, off_t(count))
    }

    private static func process(in descriptor: Int32) -> Int32? { lines(in: descriptor).first.flatMap { Int32($0) } }

    private static func lines(in descriptor: Int32) -> [Substring] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
    }
}
