import Glibc

/// Another program, and what it used.
final class Program {
    struct Usage {
        /// Of the processor, user and system together.
        var seconds: Double
        /// The most memory it held, in bytes.
        var memory: Int
        var status: Int32
    }

    let process: pid_t

    /// - Parameter output: a file that gets what it prints; nil: nobody does.
    init?(_ arguments: [String], environment: [String: String] = [:], output: String? = nil) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        for (name, value) in environment { setenv(name, value, 1) }
        defer { for name in environment.keys { unsetenv(name) } }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        guard posix_spawnp(&process, arguments[0], &actions, nil, &words, environ) == 0 else { return nil }
        self.process = process
    }

    func stop(_ signal: Int32 = SIGTERM) { kill(process, signal) }

    func wait() -> Usage {
        var status: Int32 = 0
        var usage = rusage()
        while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
        return Usage(seconds: cpuSeconds(usage), memory: usage.ru_maxrss * 1024, status: status)
    }
}

func cpuSeconds(_ usage: rusage) -> Double {
    Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6
}

/// Of this process so far.
func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return cpuSeconds(usage)
}

func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

enum Tools {
    /// Where `scripts/install-deps bench` puts Postfix's tools, without making the machine a mail server.
    private static let unpacked = ".cache/postfix"

    static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let folders = ["\(unpacked)/usr/sbin"] + path.split(separator: ":").map(String.init) + ["/usr/sbin"]
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    static let libraries = ["LD_LIBRARY_PATH": "\(unpacked)/usr/lib/postfix"]

    static func freePort() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = bind(descriptor, pointer, length)
                _ = getsockname(descriptor, pointer, &length)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Waits until somebody listens.
    static func awaitListener(_ port: Int) {
        for _ in 0..<1000 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            close(descriptor)
            if result == 0 { return }
            usleep(5000)
        }
        fail("nobody listens at port \(port)")
    }
}

/// Postfix's sink: takes mail as fast as anything does, and throws it away.
final class Sink {
    let port = Tools.freePort()
    private let program: Program

    init(_ tool: String) {
        // It refuses to stay root.
        let user = geteuid() == 0 ? ["-u", "nobody"] : []
        guard let program = Program([tool] + user + ["127.0.0.1:\(port)", "1000"], environment: Tools.libraries) else {
            fail("cannot start \(tool)")
        }
        self.program = program
        Tools.awaitListener(port)
    }

    func stop() -> Program.Usage {
        program.stop()
        return program.wait()
    }
}

// MARK: - Figures

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// How far the rounds of one thing lie apart: half of the distance from lowest to highest, in per cent of the median.
func noise(_ values: [Double]) -> Int {
    guard let low = values.min(), let high = values.max(), median(values) > 0 else { return 0 }
    return Int(((high - low) / 2 / median(values) * 100).rounded())
}

func round2(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths / 10 % 10)\(abs(hundredths) % 10)"
}

func round3(_ value: Double) -> String {
    let digits = String(1000 + Int((value * 1000).rounded()) % 1000).dropFirst()
    return "\(Int((value * 1000).rounded()) / 1000).\(digits)"
}

func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }

func fail(_ message: String) -> Never {
    print(message)
    exit(1)
}

func text(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
}

func write(_ text: String, to path: String) {
    guard let file = fopen(path, "w") else { fail("cannot write \(path)") }
    fputs(text, file)
    fclose(file)
}

func temporaryFolder() -> String {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/regards-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fail("mkdtemp failed") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The machine, and how long its disk takes to be sure of one page.
func describeMachine(_ folder: String) {
    let cpu = text(of: "/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
    let model = cpu?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "an unknown processor"
    let load = text(of: "/proc/loadavg").split(separator: " ").first.map(String.init) ?? "?"
    print("machine: \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) x \(model); load before: \(load)")
    let path = folder + "/fsync"
    let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
    let page = [UInt8](repeating: 1, count: 4096)
    let times = (0..<200).map { _ in
        let start = now()
        _ = pwrite(descriptor, page, page.count, 0)
        fsync(descriptor)
        return (now() - start) * 1e3
    }
    close(descriptor)
    print("fsync of one page: \(round2(median(times))) ms")
}
