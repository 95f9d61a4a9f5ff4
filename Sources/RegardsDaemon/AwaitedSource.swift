import RegardsCalendar
import RegardsCore
import RegardsStore
import Synchronization

/// A customer database that is opened when it is first needed, and tried again at each call until it opens: a daemon
/// starts, and what staff must be told goes out, although the database is away.
final class AwaitedSource: CustomerSource {
    private let opened = Mutex<(any CustomerSource)?>(nil)
    private let open: @Sendable () throws -> any CustomerSource

    /// - Parameter open: throws `SourceError`; called under a lock, at each use until it succeeds.
    init(_ open: @escaping @Sendable () throws -> any CustomerSource) { self.open = open }

    private func source() throws -> any CustomerSource {
        try opened.withLock { opened in
            if let opened { return opened }
            let source = try open()
            opened = source
            return source
        }
    }

    func describe() throws -> SourceDescription { try source().describe() }

    func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport {
        try source().forEachPage(size: size, body)
    }

    func lookUp(_ ids: [String]) throws -> [String: Customer] { try source().lookUp(ids) }

    func forEachEventPage(
        kind: String, since horizon: Instant, size: Int, _ body: (EventPage) throws -> Void
    ) throws -> ScanReport {
        try source().forEachEventPage(kind: kind, since: horizon, size: size, body)
    }

    func lookUpEvents(kind: String, _ ids: [String]) throws -> [String: EventRow] {
        try source().lookUpEvents(kind: kind, ids)
    }

    func changeToken() throws -> ChangeToken { try source().changeToken() }
}
