import Glibc
import RegardsTestSupport

struct SystemCallFailed: Error {
    let call: String
    let code = errno
}

/// A pipe whose reading end does not block.
final class Pipe: Sendable {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SystemCallFailed(call: "pipe") }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// What was written so far.
    func available() -> String {
        var wait = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 0) == 1 else { return "" }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(reading, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    /// Reads until so many bytes came, or none came for longer than a test should wait.
    func read(count wanted: Int) -> String {
        var all: [UInt8] = []
        while all.count < wanted {
            var wait = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, Int32(FailureGuard.seconds) * 1000) == 1 else { break }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = Glibc.read(reading, &bytes, bytes.count)
            guard count > 0 else { break }
            all += bytes[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }
}

/// A terminal that nobody looks at.
final class PseudoTerminal {
    let outer: Int32
    let inner: Int32

    init() throws {
        var ends: (outer: Int32, inner: Int32) = (-1, -1)
        guard openpty(&ends.outer, &ends.inner, nil, nil, nil) == 0 else { throw SystemCallFailed(call: "openpty") }
        (outer, inner) = ends
    }

    deinit {
        close(inner)
        close(outer)
    }

    /// The lines that a command writes to a terminal of so many columns. As much as a terminal holds unread, 4 KiB.
    static func output(of command: [String], columns: UInt16) throws -> [String] {
        let terminal = try PseudoTerminal()
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(terminal.inner, UInt(TIOCSWINSZ), &size) == 0 else { throw SystemCallFailed(call: "TIOCSWINSZ") }
        var name = [CChar](repeating: 0, count: 64)
        guard ttyname_r(terminal.inner, &name, name.count) == 0 else { throw SystemCallFailed(call: "ttyname_r") }
        let path = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let run = try ChildProcess.run(
            ["/bin/sh", "-c", "exec \"$@\" >\(path)", "sh"] + command, environment: ["NO_COLOR": "1"])
        guard run.ending.status == 0 else { throw SystemCallFailed(call: "sh: \(run.errors)") }
        _ = fcntl(terminal.outer, F_SETFL, O_NONBLOCK)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(terminal.outer, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }
}

/// Plays systemd's side of sd_notify(3).
final class NotifySocket: Sendable {
    /// As `$NOTIFY_SOCKET` would name it.
    let path: String
    private let descriptor: Int32
    private let folder: TemporaryFolder

    init(abstract: Bool = false) throws {
        folder = try TemporaryFolder()
        path = (abstract ? "@" : "") + folder.path + "/notify"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallFailed(call: "socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        if abstract { address.sun_path.0 = 0 }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard bound == 0 else { throw SystemCallFailed(call: "bind") }
    }

    deinit { close(descriptor) }

    /// The next datagram; nil when none comes within the limit, in seconds.
    func receive(within limit: Int32 = Int32(FailureGuard.seconds)) -> String? {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, limit * 1000) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// A folder of its own for one test, removed with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/regards-test-XXXXXX\0".utf8.map { CChar(bitPattern: $0) })
        guard let made = mkdtemp(&template) else { throw SystemCallFailed(call: "mkdtemp") }
        path = String(cString: made)
    }

    deinit { TemporaryFolder.remove(path) }

    /// Whatever it is, with everything in it; links are not followed.
    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? names(in: path)) ?? [] { remove("\(path)/\(name)") }
        rmdir(path)
    }

    func write(_ text: String, to name: String, mode: mode_t = 0o600) throws {
        try write(bytes: Array(text.utf8), to: name, mode: mode)
    }

    func write(bytes: [UInt8], to name: String, mode: mode_t = 0o600) throws {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0, fchmod(descriptor, mode) == 0 else { throw SystemCallFailed(call: "open") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw SystemCallFailed(call: "write") }
    }

    /// The names in it, sorted.
    func names() throws -> [String] { try TemporaryFolder.names(in: path) }

    static func names(in path: String) throws -> [String] {
        guard let folder = opendir(path) else { throw SystemCallFailed(call: "opendir") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
