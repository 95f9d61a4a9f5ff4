import Glibc

/// What the command was given by whoever started it.
enum Process {
    /// Variables by name; of two with one name the last counts.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }

    /// What to type to start this program again: the path it was started by, or its name where a path is not needed.
    static var command: String {
        guard let name = CommandLine.arguments.first, name.contains("/") else { return "regards" }
        return name
    }

    /// Starts a program of the path and does not wait for it. False where there is none.
    static func start(_ program: String, _ arguments: [String]) -> Bool {
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process = pid_t()
        return posix_spawnp(&process, program, nil, nil, &words, environ) == 0
    }

    /// Puts /dev/null where standard input, output or error is closed: else the next file that is opened takes the
    /// number, and what is meant for people ends up in the state's lock.
    static func openMissingStreams() {
        while true {
            let descriptor = open("/dev/null", O_RDWR)
            guard descriptor >= 0 else { return }
            if descriptor > STDERR_FILENO {
                close(descriptor)
                return
            }
        }
    }
}
