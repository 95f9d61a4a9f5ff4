import Glibc
import Synchronization

/// The lock that lets one daemon at a time work on a state file: flock(2) on `STATE.lock`, which the kernel gives up
/// when the process ends, however it ends.
///
/// The file holds the process id, for the error message only; and when the newest message was sent that its state knew
/// of, in microseconds, by which the next start finds out that the state is an older one: a backup that was put back.
final class StateLock: Sendable {
    private struct File {
        var descriptor: Int32
        var newestSent: Int64?
        /// Bytes that are known to stand in it; nil when they are not.
        var length: Int?

        /// Over what is there, and then cut: whoever reads meanwhile finds the process id, and a crash leaves the note. A
        /// lock without a readable process id is still a lock.
        mutating func write(_ newest: Int64?) {
            guard descriptor >= 0 else { return }
            var text = "\(getpid())\n" + (newest.map { "\($0)\n" } ?? "")
            let count = text.withUTF8 { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
            guard count == text.utf8.count else { return length = nil }
            newestSent = newest
            // A cut costs ten times the note, and a later instant is as long as the one before.
            if count != length { length = ftruncate(descriptor, off_t(count)) == 0 ? count : nil }
        }
    }

    private let file: Mutex<File>
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
        file = Mutex(File(descriptor: descriptor))
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
    func note(newestSent: Int64?) { file.withLock { $0.write(newestSent) } }

    /// As `note`, unless it names that instant or a later one: a clock that is set back takes no message away.
    func note(sentAt instant: Int64) { file.withLock { if instant > $0.newestSent ?? .min { $0.write(instant) } } }

    var isHeld: Bool { file.withLock { $0.descriptor >= 0 } }

    deinit { release() }

    /// May be called more than once.
    func release() {
        file.withLock { file in
            guard file.descriptor >= 0 else { return }
            // Unlocked first: a child that was just forked holds the file open until it executes its program.
            flock(file.descriptor, LOCK_UN)
            Glibc.close(file.descriptor)
            file.descriptor = -1
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

    private static func process(in descriptor: Int32) -> Int32? { lines(in: descriptor).first.flatMap { Int32($0) } }

    private static func lines(in descriptor: Int32) -> [Substring] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: "\n")
    }
}
