import Glibc
import RegardsDaemon

/// Where text goes: results to standard output, everything else to standard error, nothing kept back.
enum Terminal {
    static func write(_ line: String) { put(Array((line + "\n").utf8), STDOUT_FILENO) }
    static func write(bytes: [UInt8]) { put(bytes, STDOUT_FILENO) }
    static func error(_ line: String) { put(Array((line + "\n").utf8), STDERR_FILENO) }

    /// A question, without a line end.
    static func prompt(_ text: String) { put(Array(text.utf8), STDERR_FILENO) }

    /// What was asked for must arrive: a full disk behind standard output ends the command with 74. A reader that closed
    /// the pipe wants no more: that is no error.
    private static func put(_ bytes: [UInt8], _ descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                fail(errno, descriptor)
                return
            }
        }
    }

    private static func fail(_ code: Int32, _ descriptor: Int32) {
        guard descriptor == STDOUT_FILENO else { return }
        if code == EPIPE { exit(0) }
        error("regards: standard output: \(String(cString: strerror(code)))")
        exit(Failure.Status.io.rawValue)
    }

    static func bold(_ text: String) -> String { hasColours ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    static func green(_ text: String) -> String { hasColours ? "\u{1b}[1;32m\(text)\u{1b}[0m" : text }
    static func yellow(_ text: String) -> String { hasColours ? "\u{1b}[1;33m\(text)\u{1b}[0m" : text }
    static func red(_ text: String) -> String { hasColours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
    static func dim(_ text: String) -> String { hasColours ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

    /// Cells of the terminal; nil where standard output is none.
    static var width: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    private static let hasColours = TerminalAnnouncer.wantsColours(
        descriptor: STDOUT_FILENO, environment: Process.environment)
}

/// Long work that shows where it is, in one line of a terminal that the next replaces; elsewhere it says nothing.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1

    func show(_ text: String) { if isShown { put("\r\u{1b}[K\(text)") } }
    func clear() { if isShown { put("\r\u{1b}[K") } }

    private func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Columns of text, as wide as their widest cell. Cells come from other people's databases, so nothing in them is obeyed.
struct Table {
    private var rows: [[String]] = []

    init(_ header: [String]) { rows.append(header) }

    mutating func add(_ row: [String]) { rows.append(row.map(NoticeText.printable)) }

    /// Prints nothing when there are no rows.
    func print() {
        guard rows.count > 1 else { return }
        let columns = rows[0].indices
        let widths = columns.map { column in rows.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
        for (number, row) in rows.enumerated() {
            let cells = columns.map { column in
                column == columns.last ? row[column] : DisplayWidth.padded(row[column], widths[column])
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            Terminal.write(number == 0 ? Terminal.bold(line) : line)
        }
    }
}
