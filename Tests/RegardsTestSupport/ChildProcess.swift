import Glibc
import Synchronization

/// The built `regards`, or another program, as a child: its lines as they come, and how it ended.
package final class ChildProcess: Sendable {
    package struct Ending: Hashable, Sendable, CustomStringConvertible {
        /// Of exit(3); nil when a signal ended it.
        package var status: Int32?
        package var signal: Int32?
        package var description: String { status.map { "exit \($0)" } ?? "signal \(signal ?? 0)" }
    }

    private let process: pid_t
    /// Standard error, line by line.
    package let errors = EventLog<String>()
    /// Standard output, line by line.
    package let output = EventLog<String>()
    private let ending = EventLog<Ending>()

    /// - Parameters:
    ///   - arguments: with the program's path first.
    ///   - environment: added to this process's.
    package init(_ arguments: [String], environment: [String: String] = [:]) throws {
        // With the lock held, so that no other child inherits these pipes.
        let (process, ends) = try ServerProcess.spawnLock.withLock { _ in
            try ChildProcess.spawn(arguments, environment)
        }
        self.process = process
        LineReader.start(descriptor: ends[0], log: output)
        LineReader.start(descriptor: ends[2], log: errors)
        ChildProcess.watch(process, ending)
    }

    private static func spawn(_ arguments: [String], _ environment: [String: String]) throws -> (pid_t, [Int32]) {
        var ends: [Int32] = []
        for _ in 0..<2 {
            var pair: [Int32] = [0, 0]
            guard pipe(&pair) == 0 else { throw ServerProcess.Failure.cannotStart("no pipe") }
            ends += pair
        }
        for descriptor in ends { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer {
            close(ends[1])
            close(ends[3])
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[3], 2)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables = ChildProcess.variables(environment)
        defer { for word in words + variables { free(word) } }
        var process = pid_t()
        let failure = posix_spawnp(&process, arguments[0], &actions, nil, &words, &variables)
        guard failure == 0 else {
            throw ServerProcess.Failure.cannotStart("\(arguments[0]): \(String(cString: strerror(failure)))")
        }
        return (process, ends)
    }

    /// A test that failed leaves nobody behind.
    deinit { if ending.all.isEmpty { kill(process, SIGKILL) } }

    /// What speaks of a service manager belongs to whoever runs the tests, or to the test of the notify socket that runs
    /// beside this one; a child must not write there.
    private static let ofTheServiceManager: Set<Substring> = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM"]

    private static func variables(_ added: [String: String]) -> [UnsafeMutablePointer<CChar>?] {
        var all: [UnsafeMutablePointer<CChar>?] = []
        var entry = environ
        while let text = entry.pointee {
            let name = String(cString: text).prefix { $0 != "=" }
            if added[String(name)] == nil, !ofTheServiceManager.contains(name) { all.append(strdup(text)) }
            entry += 1
        }
        return all + added.map { strdup("\($0.key)=\($0.value)") } + [nil]
    }

    private static func watch(_ process: pid_t, _ ending: EventLog<Ending>) {
        let watcher = Unmanaged.passRetained(Watcher(process: process, ending: ending))
        var thread = pthread_t()
        pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<Watcher>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, watcher.toOpaque())
        pthread_detach(thread)
    }

    /// Nothing happens where it has ended.
    package func signal(_ number: Int32) { if ending.all.isEmpty { kill(process, number) } }

    /// Waits for the end, and for the last line.
    /// - Parameter seconds: a guard against a test that would never end.
    package func wait(seconds: Int = FailureGuard.seconds) throws -> Ending {
        let ending = try ending.await("the end of process \(process)", seconds: seconds) { $0.first }
        for log in [output, errors] { try log.awaitEnd(seconds: seconds) }
        return ending
    }

    /// Runs a program to its end.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:], seconds: Int = FailureGuard.seconds
    ) throws -> (ending: Ending, output: [String], errors: [String]) {
        let child = try ChildProcess(arguments, environment: environment)
        let ending = try child.wait(seconds: seconds)
        return (ending, child.output.all, child.errors.all)
    }

    /// The `regards` that was built with these tests.
    package static let regards = product("regards")

    /// A program that was built with these tests.
    package static func product(_ name: String) -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let parts = String(decoding: path[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self).split(separator: "/")
        // `swift test` may run the bundle by a helper of the toolchain: then the bundle is named by an argument.
        let named = CommandLine.arguments.first { $0.hasSuffix(".xctest") }.map { String($0).split(separator: "/") }
        let folder = "/" + (named ?? parts).dropLast().joined(separator: "/")
        return folder + "/" + name
    }
}

private final class Watcher {
    private let process: pid_t
    private let ending: EventLog<ChildProcess.Ending>

    init(process: pid_t, ending: EventLog<ChildProcess.Ending>) {
        self.process = process
        self.ending = ending
    }

    func run() {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        ending.add(
            signal == 0 ? ChildProcess.Ending(status: status >> 8 & 0xff, signal: nil) : ChildProcess.Ending(status: nil, signal: signal))
        ending.end()
    }
}

extension TestTools {
    /// Takes a file system of a test away, whatever still uses it.
    package static func unmount(_ path: String) { _ = umount2(path, Int32(MNT_DETACH)) }
}
