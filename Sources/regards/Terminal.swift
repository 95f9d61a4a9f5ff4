import Glibc
import RegardsCalendar
import RegardsDaemon
import Synchronization

/// Where text goes: results to standard output, everything else to standard error, nothing kept back.
enum Terminal {
    static func write(_ line: String) { write(bytes: Array((line + "\n").utf8)) }
    static func write(bytes: [UInt8]) {
        clearProgress()
        put(bytes, STDOUT_FILENO)
    }
    static func error(_ line: String) {
        clearProgress()
        put(Array((line + "\n").utf8), STDERR_FILENO)
    }

    /// A sentence that goes on below itself where the terminal is narrow.
    static func error(wrapped text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            Wrapping.lines(String(line), width: cells(of: STDERR_FILENO), indent: 2).forEach { error($0) }
        }
    }

    /// A question, without a line end.
    static func prompt(_ text: String) { put(Array(text.utf8), STDERR_FILENO) }

    /// What was asked for must arrive: a full disk behind standard output ends the command with 74. A reader that closed
    /// the pipe wants no more: that is no error.
    fileprivate static func put(_ bytes: [UInt8], _ descriptor: Int32) {
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
    static func yellow(_ text: String) -> String { hasColours ? "\u{1b}[33m\(text)\u{1b}[0m" : text }
    static func red(_ text: String) -> String { hasColours ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
    static func dim(_ text: String) -> String { hasColours ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

    /// Cells of the terminal; nil where standard output is none.
    static var width: Int? { cells(of: STDOUT_FILENO) }

    fileprivate static func cells(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// When the line of progress was last shown; nil: it is not there.
    fileprivate static let progress = Mutex<Instant?>(nil)

    fileprivate static func clearProgress() {
        let isShown = progress.withLock { shown in
            defer { shown = nil }
            return shown != nil
        }
        if isShown { put(Array("\r\u{1b}[K".utf8), STDERR_FILENO) }
    }

    private static let hasColours = TerminalAnnouncer.wantsColours(
        descriptor: STDOUT_FILENO, environment: Process.environment)
}

/// Long work that shows where it is once it has lasted a second, in one line of a terminal that the next replaces and
/// every result clears; elsewhere it says nothing.
struct ProgressLine {
    private static let patience = TimeSpan.seconds(1)
    /// A terminal over a slow line must not hold up the work.
    private static let pause = TimeSpan(microseconds: 100_000)

    private let isTerminal = isatty(STDERR_FILENO) == 1 && Process.environment["TERM"] != "dumb"
    private let begun = SystemClock().now()

    func show(_ text: String) {
        guard isTerminal else { return }
        let now = SystemClock().now()
        guard now - begun >= ProgressLine.patience else { return }
        let isDue = Terminal.progress.withLock { shown in
            guard shown.map({ now - $0 >= ProgressLine.pause }) ?? true else { return false }
            shown = now
            return true
        }
        guard isDue else { return }
        let room = Terminal.cells(of: STDERR_FILENO).map { $0 - 1 } ?? 79
        Terminal.put(Array("\r\u{1b}[K\(DisplayWidth.cut(text, to: room))".utf8), STDERR_FILENO)
    }

    func clear() { Terminal.clearProgress() }
}

/// Columns of text, as wide as their widest cell. Cells come from other people's databases, so nothing in them is obeyed.
///
/// On a terminal the last column goes on below itself where there is no room; elsewhere a row is a line.
struct Table {
    private var rows: [[String]] = []
    private let numbers: Set<Int>

    /// - Parameter numbers: columns that are set flush right.
    init(_ header: [String], numbers: Set<Int> = []) {
        rows.append(header)
        self.numbers = numbers
    }

    mutating func add(_ row: [String]) { rows.append(row.map(NoticeText.printable)) }

    /// Of each column's widest cell.
    var widths: [Int] { rows[0].indices.map { column in rows.map { DisplayWidth.of($0[column]) }.max() ?? 0 } }

    /// Of the whole table.
    var width: Int { widths.reduce(-2) { $0 + $1 + 2 } }

    /// Prints nothing when there are no rows.
    /// - Parameters:
    ///   - fixed: the columns' widths, where earlier rows have set them.
    ///   - hasHeader: false for rows that follow others.
    func print(fixed: [Int]? = nil, hasHeader: Bool = true) {
        guard rows.count > 1 else { return }
        let widths = fixed ?? widths
        for (number, row) in rows.enumerated() where hasHeader || number > 0 {
            for line in lines(row, widths) { Terminal.write(number == 0 ? Terminal.bold(line) : line) }
        }
    }

    private func lines(_ row: [String], _ widths: [Int]) -> [String] {
        let last = row.count - 1
        let cells = row.indices.dropLast().map { column in
            numbers.contains(column)
                ? DisplayWidth.paddedLeft(row[column], widths[column]) : DisplayWidth.padded(row[column], widths[column])
        }
        let front = cells.map { $0 + "  " }.joined()
        let text = numbers.contains(last) ? DisplayWidth.paddedLeft(row[last], widths[last]) : row[last]
        let taken = DisplayWidth.of(front)
        guard let width = Terminal.width, !text.isEmpty, taken + DisplayWidth.of(text) > width else {
            return [(front + text).withoutEnd]
        }
        let parts = DisplayWidth.wrapped(text, to: max(1, width - taken))
        let below = DisplayWidth.wrapped(text, to: max(1, width - 4))
        // Where hardly anything is left beside the others, the last column goes below them.
        guard width - taken >= 16, parts.count <= below.count + 1 else { return [front.withoutEnd] + below.map { "    " + $0 } }
        return parts.enumerated().map { number, part in
            ((number == 0 ? front : String(repeating: " ", count: taken)) + part).withoutEnd
        }
    }
}

extension String {
    /// Without spaces at the end.
    fileprivate var withoutEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
