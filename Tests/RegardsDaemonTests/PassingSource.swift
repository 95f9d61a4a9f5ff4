import RegardsCalendar
import RegardsCore
import RegardsStore

/// A source that asks another; tests change what they are about. Holds nothing that changes.
class PassingSource: CustomerSource, @unchecked Sendable {
    private let source: any CustomerSource

    init(_ source: any CustomerSource) { self.source = source }

    func describe() throws -> SourceDescription { try source.describe() }

    func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport {
        try source.forEachPage(size: size, body)
    }

    func lookUp(_ ids: [String]) throws -> [String: Customer] { try source.lookUp(ids) }

    func forEachEventPage(
        kind: String, since horizon: Instant, size: Int, _ body: (EventPage) throws -> Void
    ) throws -> ScanReport { try source.forEachEventPage(kind: kind, since: horizon, size: size, body) }

    func lookUpEvents(kind: String, _ ids: [String]) throws -> [String: EventRow] { try source.lookUpEvents(kind: kind, ids) }

    func changeToken() throws -> ChangeToken { try source.changeToken() }
}
