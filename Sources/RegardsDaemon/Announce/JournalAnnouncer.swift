import CSystemd
import Glibc

/// Sends each notice to journald by its native protocol, with every fact in a field of its own (sd_journal_sendv(3)).
package final class JournalAnnouncer: Announcer {
    private let identifier: String
    private let hash: AddressHash

    /// - Parameter identifier: SYSLOG_IDENTIFIER, what `journalctl -t` selects.
    package init(identifier: String = "regards", hash: AddressHash) {
        self.identifier = identifier
        self.hash = hash
    }

    /// True when standard error goes to the journal: `$JOURNAL_STREAM` holds the device and inode that systemd
    /// connected, and standard error still is that file (systemd.exec(5)).
    package static func isConnected(environment: [String: String], descriptor: Int32 = STDERR_FILENO) -> Bool {
        guard let stream = environment["JOURNAL_STREAM"] else { return false }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    package func announce(_ notice: Notice) {
        let entries = entries(of: notice)
        guard JournalAnnouncer.send(entries) < 0 else { return }
        // journald is not there just now: standard error is its stream, and `<4>` is how a priority travels on it.
        Output.write("<\(notice.kind.priority.rawValue)>\(NoticeText.line(notice, hash: hash))\n", to: STDERR_FILENO)
    }

    /// The record's fields as `NAME=value`.
    func entries(of notice: Notice) -> [String] {
        var entries = [
            "MESSAGE=" + NoticeText.line(notice, hash: hash),
            "MESSAGE_ID=" + notice.kind.messageID,
            "PRIORITY=\(notice.kind.priority.rawValue)",
            "SYSLOG_IDENTIFIER=" + identifier,
        ]
        for field in notice.fields(hash: hash) { entries.append("REGARDS_\(field.name.uppercased())=\(field.value)") }
        if !notice.detail.isEmpty { entries.append("REGARDS_DETAIL=" + notice.detail) }
        return entries
    }

    /// - Returns: 0, or a negative error number.
    private static func send(_ entries: [String]) -> Int32 {
        let bytes = entries.flatMap(\.utf8)
        return bytes.withUnsafeBytes { buffer in
            var start = 0
            let parts = entries.map { entry in
                let part = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress! + start), iov_len: entry.utf8.count)
                start += entry.utf8.count
                return part
            }
            return sd_journal_sendv(parts, Int32(parts.count))
        }
    }
}
