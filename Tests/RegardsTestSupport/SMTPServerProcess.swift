import Glibc
import Synchronization

/// A server of the tests that runs as a process of its own and tells on its standard output what happens.
///
/// Its standard input is a pipe that only this object holds: when the test process ends, however it ends, the server
/// reads the end of its input and ends too.
package final class ServerProcess: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case cannotStart(String)
        case timeout(waitingFor: String, seen: [String])
        case ended(seen: [String])

        package var description: String {
            switch self {
            case .cannotStart(let why): "the server cannot start: \(why)"
            case .timeout(let what, let seen): "waited too long for \(what); the server said: \(seen.suffix(20))"
            case .ended(let seen): "the server ended; it said: \(seen.suffix(20))"
            }
        }
    }

    private let process: pid_t
    private let input: Int32
    private let output = EventLog<String>()
    private let isStopped = Mutex(false)
    private let questions = Mutex(0)

    package init(_ arguments: [String]) throws {
        // A server that ended by itself must not end the tests.
        signal(SIGPIPE, SIG_IGN)
        let (process, input, output) = try Self.spawnLock.withLock { _ in try Self.spawn(arguments) }
        self.process = process
        self.input = input
        LineReader.start(descriptor: output, log: self.output)
    }

    deinit { stop() }

    /// Waits until `match` finds in the lines said so far what it looks for.
    /// - Parameter seconds: a guard against a test that would never end; no test waits for it to pass.
    package func await<Value>(_ what: String, seconds: Int = FailureGuard.seconds, _ match: ([String]) -> Value?) throws -> Value {
        try output.await(what, seconds: seconds, match)
    }

    package func awaitPort() throws -> Int {
        try self.await("its port") { lines in
            lines.first { $0.hasPrefix("port ") }.flatMap { Int($0.dropFirst(5)) }
        }
    }

    /// Everything that had happened when this was asked: the server is asked in turn to say so, because its lines may
    /// still be on their way.
    package var said: [String] {
        let number = questions.withLock { number in
            number += 1
            return number
        }
        tell("ping \(number)")
        do {
            try output.await("pong \(number)") { $0.contains("pong \(number)") ? () : nil }
        } catch {
            // A stopped server says nothing more: what it said stands in the log.
        }
        return output.all.filter { !$0.hasPrefix("pong ") }
    }

    /// Gives the server a line on its standard input.
    package func tell(_ line: String) {
        guard !isStopped.withLock({ $0 }) else { return }
        let bytes = Array((line + "\n").utf8)
        _ = Glibc.write(input, bytes, bytes.count)
    }

    /// Ends the server at once; may be called again.
    package func stop() {
        let wasStopped = isStopped.withLock { value in
            defer { value = true }
            return value
        }
        guard !wasStopped else { return }
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        Glibc.close(input)
    }

    // MARK: - Starting

    /// One at a time, so that no server inherits the pipe of another.
    static let spawnLock = Mutex(())

    private static func spawn(_ arguments: [String]) throws -> (pid_t, input: Int32, output: Int32) {
        var toServer: [Int32] = [0, 0]
        var fromServer: [Int32] = [0, 0]
        guard pipe(&toServer) == 0, pipe(&fromServer) == 0 else { throw Failure.cannotStart("no pipe") }
        for descriptor in toServer + fromServer { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        defer {
            Glibc.close(toServer[0])
            Glibc.close(fromServer[1])
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toServer[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromServer[1], 1)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        let failure = posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
        guard failure == 0 else { throw Failure.cannotStart(String(cString: strerror(failure))) }
        return (process, toServer[1], fromServer[0])
    }
}

/// Facts in the order they happened, for tests that wait for one of them.
package final class EventLog<Event: Sendable>: @unchecked Sendable {
    // Unchecked: `events` and `isOver` are touched under `mutex` only.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var events: [Event] = []
    private var isOver = false

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        mutex.deallocate()
        changed.deallocate()
    }

    package var all: [Event] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return events
    }

    package func add(_ event: Event) {
        pthread_mutex_lock(mutex)
        events.append(event)
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Nothing more will happen.
    package func end() {
        pthread_mutex_lock(mutex)
        isOver = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Waits until nothing more will happen.
    package func awaitEnd(seconds: Int = FailureGuard.seconds) throws {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += seconds
        while !isOver {
            if pthread_cond_timedwait(changed, mutex, &limit) == ETIMEDOUT {
                throw ServerProcess.Failure.timeout(waitingFor: "the end", seen: events.suffix(20).map { "\($0)" })
            }
        }
    }

    /// Waits until `match` finds in what happened so far what it looks for.
    /// - Parameter seconds: a guard against a test that would never end; no test waits for it to pass. The guard stands here
    ///   and not at the suites, because the clock of a suite's time limit also runs while a test waits for a thread.
    @discardableResult
    package func await<Value>(_ what: String, seconds: Int = FailureGuard.seconds, _ match: ([Event]) -> Value?) throws -> Value {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += seconds
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let value = match(events) { return value }
            let seen = events.suffix(20).map { "\($0)" }
            if isOver { throw ServerProcess.Failure.ended(seen: seen) }
            if pthread_cond_timedwait(changed, mutex, &limit) == ETIMEDOUT {
                throw ServerProcess.Failure.timeout(waitingFor: what, seen: seen)
            }
        }
    }
}

/// Reads lines until the writer is gone; the thread ends with the server.
final class LineReader {
    private let descriptor: Int32
    private let log: EventLog<String>

    static func start(descriptor: Int32, log: EventLog<String>) {
        let reader = LineReader(descriptor: descriptor, log: log)
        var thread = pthread_t()
        pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<LineReader>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, Unmanaged.passRetained(reader).toOpaque())
        pthread_detach(thread)
    }

    private init(descriptor: Int32, log: EventLog<String>) {
        self.descriptor = descriptor
        self.log = log
    }

    private func run() {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            var pieces = buffer[..<count].split(separator: 0x0a, omittingEmptySubsequences: false)
            let rest = pieces.removeLast()
            for piece in pieces {
                log.add(String(decoding: line + piece, as: UTF8.self))
                line.removeAll(keepingCapacity: true)
            }
            line += rest
        }
        Glibc.close(descriptor)
        log.end()
    }
}

/// Programs and files that the tests use but the product does not.
package enum TestTools {
    /// The repository's folder.
    package static let root: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    /// A Python that can import `module`: the one `REGARDS_TEST_PYTHON` names, the one `make test` installs, the
    /// system's. In CI the first is given back even if it cannot, so that a missing module fails the tests there.
    package static func python(with module: String) -> String? {
        found.withLock { found in
            if let known = found[module] { return known }
            let named = getenv("REGARDS_TEST_PYTHON").map { [String(cString: $0)] } ?? []
            let candidates = named + ["\(root)/.cache/python/bin/python3", "/usr/bin/python3", "python3"]
            let python = candidates.first { run([$0, "-c", "import \(module)"]) == 0 }
            let result = python ?? (isCI ? candidates.last : nil)
            found[module] = .some(result)
            return result
        }
    }

    /// True where a missing tool is a failure and not a reason to skip.
    package static var isCI: Bool { getenv("CI").map { String(cString: $0) == "true" } ?? false }

    /// Runs a program with its output thrown away and returns its exit status, or -1.
    package static func run(_ arguments: [String]) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        let failure = ServerProcess.spawnLock.withLock { _ in
            posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
        }
        guard failure == 0 else { return -1 }
        var status: Int32 = 0
        guard waitpid(process, &status, 0) == process, status & 0x7f == 0 else { return -1 }
        return status >> 8 & 0xff
    }

    private static let found = Mutex<[String: String?]>([:])

    /// A new folder that only this test uses; the caller removes it, or the system some day.
    package static func makeFolder(_ name: String) throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var path = Array("\(base)/regards-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&path) != nil else { throw ServerProcess.Failure.cannotStart("no folder in \(base)") }
        return String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package static func bytes(hex: some StringProtocol) -> [UInt8] {
        let digits = Array(hex.utf8).map { $0 >= 0x61 ? $0 - 0x57 : $0 - 0x30 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
