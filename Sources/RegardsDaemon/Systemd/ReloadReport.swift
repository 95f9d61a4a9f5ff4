import Glibc

/// What became of the reloads of a running daemon, for `regards reload`, which asks for one and waits: a small file
/// beside the state.
///
/// Whoever changed the files before it read the report knows that a reload that begins afterwards reads them as they
/// are now; so it waits for the end of one that begins after those that had begun by then.
package struct ReloadReport: Hashable, Sendable {
    /// Reloads of this daemon that have begun, and that have ended.
    package var begun = 0
    package var ended = 0
    /// Those of the last one that ended: not empty where the old rules were kept. One line each.
    package var mistakes: [String] = []

    package init() {}

    /// - Parameter state: the path of the state file.
    package static func path(state: String) -> String { state + ".reload" }

    /// nil where there is none, or half of one.
    package static func read(state: String) -> ReloadReport? {
        guard let file = fopen(path(state: state), "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard !lines.isEmpty else { return nil }
        let numbers = lines.removeFirst().split(separator: " ").compactMap { Int($0) }
        guard numbers.count == 2 else { return nil }
        var report = ReloadReport()
        (report.begun, report.ended, report.mistakes) = (numbers[0], numbers[1], lines.map(String.init))
        return report
    }

    /// In place of the one before, whole or not at all.
    /// - Throws: `ReloadReportError`.
    package func write(state: String) throws(ReloadReportError) {
        let path = ReloadReport.path(state: state)
        let draft = "\(path).\(getpid())"
        let lines = mistakes.map { $0.split(whereSeparator: \.isNewline).joined(separator: " | ") }
        let text = (["\(begun) \(ended)"] + lines).joined(separator: "\n") + "\n"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ReloadReportError(path: path, code: errno) }
        let count = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        let failure = count == text.utf8.count ? 0 : (count < 0 ? errno : ENOSPC)
        close(descriptor)
        guard failure == 0, rename(draft, path) == 0 else {
            let code = failure == 0 ? errno : failure
            unlink(draft)
            throw ReloadReportError(path: path, code: code)
        }
    }

    /// Of a daemon that has just begun, or ended.
    package static func remove(state: String) { unlink(path(state: state)) }
}

package struct ReloadReportError: Error, Hashable, Sendable, CustomStringConvertible {
    package var path: String
    package var code: Int32
    package var description: String { "\(path): \(String(cString: strerror(code)))" }
}
