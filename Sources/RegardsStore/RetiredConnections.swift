import GRDB
import Synchronization

/// Connections that are closed and not released, a few dozen of them.
///
/// GRDB marks the queue of a connection as its own, and Dispatch frees such a mark on a thread of its global queues. Once
/// one of these has run, Dispatch wakes the process up every second to see whether they need another, for as long as it
/// lives. A daemon that opened a database twice should not pay for that ever after.
enum RetiredConnections {
    /// A few kilobytes each. A database that is opened again and again, because it fails each time, must not fill the
    /// memory: what is too much is released, and the process wakes up more often.
    static let most = 64
    private static let kept = Mutex<[DatabaseQueue]>([])

    /// Closes a connection that nobody uses any more.
    static func take(_ queue: DatabaseQueue) {
        do {
            try queue.close()
        } catch {
            // A statement is still open: SQLite closes the connection with the last of them.
            return
        }
        kept.withLock { if $0.count < most { $0.append(queue) } }
    }
}
