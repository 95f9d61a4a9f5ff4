package import RegardsCalendar
package import RegardsCore

/// The business's own database: read, never written, and never kept waiting.
///
/// Calls block the calling thread, so they belong on the daemon's own queues; they may come on any thread. Every call
/// throws `SourceError`, whose `isPassing` says whether to try again.
package protocol CustomerSource: AnyObject, Sendable {
    /// Looks at the queries' columns and at a sample of their values, and measures a look-up.
    func describe() throws -> SourceDescription

    /// Every customer once, in pages in the order of their ids. A page is read completely and the read ended before
    /// `body` is called, so `body` may take its time, write the outbox, and look customers up.
    ///
    /// Rows without an id and further rows of an id are left out and counted. A page's records are used again for the
    /// next page: copy what must outlive `body`.
    /// - Parameter size: customers a page at most; fewer when the database is slow.
    @discardableResult
    func forEachPage(size: Int, _ body: (CustomerPage) throws -> Void) throws -> ScanReport

    /// The customers with these ids as they are now; those that are not there are left out.
    func lookUp(_ ids: [String]) throws -> [String: Customer]

    /// Every event of a kind with `at` at or after the horizon, in pages like those of customers.
    @discardableResult
    func forEachEventPage(
        kind: String, since horizon: Instant, size: Int, _ body: (EventPage) throws -> Void
    ) throws -> ScanReport

    /// The events of a kind with these ids as they are now; those that are not there are left out.
    func lookUpEvents(kind: String, _ ids: [String]) throws -> [String: EventRow]

    /// Differs from the last one whenever the database may have changed.
    func changeToken() throws -> ChangeToken
}

/// Customers of one page, in slots that the next page uses again.
package struct CustomerPage: RandomAccessCollection, Sendable {
    var slots: [Customer] = []
    package internal(set) var count = 0

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }
    package subscript(index: Int) -> Customer { slots[index] }
}

/// One row of an event query.
package struct EventRow: Sendable {
    package var id: String
    /// nil where the row names no customer.
    package var customer: String?
    package var at: Instant
    package var record: Record
    /// `StableHash` of the columns in use: an edit shows in it.
    package var hash: UInt64

    package init(id: String, customer: String?, at: Instant, record: Record, hash: UInt64) {
        self.id = id
        self.customer = customer
        self.at = at
        self.record = record
        self.hash = hash
    }
}

package typealias EventPage = [EventRow]

/// What a scan met.
package struct ScanReport: Hashable, Sendable {
    /// Rows handed over.
    package var rows = 0
    package var pages = 0
    /// Rows whose id is NULL, empty or a blob.
    package var withoutID = 0
    /// Further rows of an id; across the edge of a page several count as one.
    package var duplicates = 0
    /// The first few ids that came more than once.
    package var duplicateIDs: [String] = []
    /// Event rows whose `at` is no instant: left out. The first few ids.
    package var withoutInstant = 0
    package var withoutInstantIDs: [String] = []
    /// The longest that one page kept the database's reader lock.
    package var longestRead = TimeSpan.zero

    package init() {}
}

/// Compares equal while nothing changed.
package struct ChangeToken: Hashable, Sendable {
    /// SQLite's `data_version`.
    var version: Int64
    var device: UInt64
    var inode: UInt64
    /// Rises when the connections are opened anew, because `data_version` counts for one connection.
    var opening: Int
}

package struct ColumnInfo: Hashable, Sendable {
    package var name: String
    /// Is it read by the planner, a condition or a card?
    package var isUsed: Bool
    /// Rows of the sample in which it is neither NULL nor empty.
    package var filled: Int
}

/// What `check` and the daemon's start say about the source.
package struct SourceDescription: Sendable {
    package var columns: [ColumnInfo] = []
    /// Columns of each event query.
    package var eventColumns: [String: [ColumnInfo]] = [:]
    /// Rows looked at.
    package var sampled = 0
    package var mistakes: [Mistake] = []
    /// Customers found a second by a look-up of 100; nil where there are none.
    package var lookUpsPerSecond: Double?

    package init() {}
}

/// Where the customers are.
package struct SourceSettings: Sendable {
    package var path: String
    /// The mapping query: one row a customer.
    package var query: String
    /// Returns the customers whose ids stand in `:ids`, a JSON array; nil: the mapping query is asked.
    package var lookup: String?
    package var customers: CustomerSchema
    package var events: [EventQuery]
    /// The business's zone, for instants written without an offset.
    package var zone: Zone
    /// Where the query stands in the operator's file, for mistakes without a place of their own.
    package var place: Place

    package init(
        path: String, query: String, lookup: String? = nil, customers: CustomerSchema, events: [EventQuery] = [],
        zone: Zone, place: Place = Place(file: "regards.yaml", line: 0, column: 0)
    ) {
        self.path = path
        self.query = query
        self.lookup = lookup
        self.customers = customers
        self.events = events
        self.zone = zone
        self.place = place
    }
}

/// A kind of event and its query.
package struct EventQuery: Sendable {
    package var kind: String
    package var query: String
    package var columns: RecordSchema
    package var place: Place

    package init(
        kind: String, query: String, columns: RecordSchema,
        place: Place = Place(file: "regards.yaml", line: 0, column: 0)
    ) {
        self.kind = kind
        self.query = query
        self.columns = columns
        self.place = place
    }
}
