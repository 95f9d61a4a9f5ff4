import GRDB
import Glibc
package import RegardsCalendar

/// The database that `regards init` makes for a business that has none: customers, who looks after them, what they
/// bought, what they asked and what they were told.
///
/// Regards itself only ever reads a business's database; this type is for `init`, `import` and `demo`, which stand on
/// the business's side of that line. Other programs may write the file at any time: it keeps SQLite's rollback
/// journal, so that a reader needs no write access to the folder.
package final class BusinessDatabase: Sendable {
    private let queue: DatabaseQueue

    /// Makes the file. The tables are there in full or the file is not.
    /// - Throws: `BusinessDatabaseError.exists` for a path that is taken, whatever is there.
    package static func create(at path: String) throws -> BusinessDatabase {
        let folder = path.contains("/") ? String(path[...(path.lastIndex(of: "/") ?? path.startIndex)]) : "."
        guard access(folder, F_OK) == 0 else {
            throw BusinessDatabaseError.cannotWrite(path, "the folder \(folder): \(String(cString: strerror(errno)))")
        }
        let draft = "\(path).\(getpid()).new"
        unlink(draft)
        defer { unlink(draft) }
        do {
            let queue = try DatabaseQueue(path: draft, configuration: configuration)
            try queue.write { try $0.execute(sql: BusinessSchema.sql) }
            try queue.close()
        } catch let error as DatabaseError {
            throw BusinessDatabaseError.cannotWrite(path, error.message ?? error.resultCode.description)
        }
        // Unlike rename(2), link(2) never replaces a file.
        guard link(draft, path) == 0 else {
            throw errno == EEXIST
                ? BusinessDatabaseError.exists(path) : .cannotWrite(path, String(cString: strerror(errno)))
        }
        return try BusinessDatabase(path: path)
    }

    /// Opens a database that `create` made.
    /// - Throws: `BusinessDatabaseError.notOurs` for any other file.
    package init(path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw BusinessDatabaseError.missing(path) }
        do {
            queue = try DatabaseQueue(path: path, configuration: Self.configuration)
            let id = try queue.read { try Int32.fetchOne($0, sql: "PRAGMA application_id") }
            guard id == BusinessSchema.applicationID else { throw BusinessDatabaseError.notOurs(path) }
        } catch is DatabaseError {
            throw BusinessDatabaseError.notOurs(path)
        }
    }

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(10)
        return configuration
    }

    /// Adds rows, all or none. Each kind of row goes in before those that name it.
    package func insert(_ batch: Batch) throws {
        try queue.write { database in
            for row in batch.staff { try BusinessSchema.insert(row, in: database) }
            for row in batch.customers { try BusinessSchema.insert(row, in: database) }
            for row in batch.orders { try BusinessSchema.insert(row, in: database) }
            for row in batch.interactions { try BusinessSchema.insert(row, in: database) }
            for row in batch.responses { try BusinessSchema.insert(row, in: database) }
        }
    }

    /// Rows of a table, for summaries.
    package func count(_ table: Table) throws -> Int {
        try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table.rawValue)") ?? 0 }
    }

    /// The matter is settled: sets `solved_at`, and `answered_at` where nobody answered before.
    package func solve(interaction id: Int64, at instant: Instant) throws {
        try queue.write { database in
            try database.execute(
                sql: """
                    UPDATE interactions SET solved_at = :at, answered_at = coalesce(answered_at, :at) WHERE id = :id
                    """,
                arguments: ["at": instant.description, "id": id])
        }
    }

    package enum Table: String, CaseIterable, Sendable { case staff, customers, orders, interactions, responses }
}

// MARK: - Rows

extension BusinessDatabase {
    /// Rows to add together.
    package struct Batch: Hashable, Sendable {
        package var staff: [StaffRow] = []
        package var customers: [CustomerRow] = []
        package var orders: [OrderRow] = []
        package var interactions: [InteractionRow] = []
        package var responses: [ResponseRow] = []

        package init() {}
    }

    /// Somebody who looks after customers.
    package struct StaffRow: Hashable, Sendable {
        package var id: Int64
        package var name: String
        package var email: String
        package var phone: String?
        package var role: StaffRole

        package init(id: Int64, name: String, email: String, phone: String? = nil, role: StaffRole = .advisor) {
            self.id = id
            self.name = name
            self.email = email
            self.phone = phone
            self.role = role
        }
    }

    package enum StaffRole: String, CaseIterable, Sendable { case advisor, manager, director }

    package struct CustomerRow: Hashable, Sendable {
        package var id: Int64
        /// As it is written and spoken where the customer lives.
        package var name: String
        package var givenName: String?
        package var familyName: String?
        package var email: String?
        package var phone: String?
        /// BCP 47, such as `pt-BR`.
        package var locale: String?
        /// IANA name.
        package var timeZone: String?
        /// ISO 3166 code of two letters.
        package var country: String?
        /// `YYYY-MM-DD`, or `--MM-DD` where the year is not known.
        package var birthday: String?
        package var customerSince: CivilDate?
        package var advisor: Int64?
        /// Words divided by spaces.
        package var tags: String?
        package var doNotContact: Bool

        package init(id: Int64, name: String) {
            self.id = id
            self.name = name
            doNotContact = false
        }
    }

    package struct OrderRow: Hashable, Sendable {
        package var id: Int64
        package var customer: Int64
        package var at: Instant
        /// In hundredths of the business's currency.
        package var cents: Int64

        package init(id: Int64, customer: Int64, at: Instant, cents: Int64) {
            self.id = id
            self.customer = customer
            self.at = at
            self.cents = cents
        }
    }

    package enum InteractionKind: String, CaseIterable, Sendable { case inquiry, `return`, complaint, request }

    /// Something a customer came with.
    package struct InteractionRow: Hashable, Sendable {
        package var id: Int64
        package var customer: Int64?
        package var kind: InteractionKind
        package var subject: String
        package var openedAt: Instant
        package var answeredAt: Instant?
        package var solvedAt: Instant?

        package init(
            id: Int64, customer: Int64?, kind: InteractionKind, subject: String, openedAt: Instant,
            answeredAt: Instant? = nil, solvedAt: Instant? = nil
        ) {
            self.id = id
            self.customer = customer
            self.kind = kind
            self.subject = subject
            self.openedAt = openedAt
            self.answeredAt = answeredAt
            self.solvedAt = solvedAt
        }
    }

    /// What somebody answered. The first response to an interaction sets its `answered_at`.
    package struct ResponseRow: Hashable, Sendable {
        package var interaction: Int64
        package var staff: Int64?
        package var at: Instant
        package var text: String

        package init(interaction: Int64, staff: Int64?, at: Instant, text: String) {
            self.interaction = interaction
            self.staff = staff
            self.at = at
            self.text = text
        }
    }
}

/// Why a business's own database cannot be made or opened.
package enum BusinessDatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    case exists(String)
    case missing(String)
    case notOurs(String)
    case cannotWrite(String, String)

    package var description: String {
        switch self {
        case .exists(let path): "\(path): is there already; nothing is overwritten"
        case .missing(let path): "\(path): no such file; run: regards init"
        case .notOurs(let path): "\(path): not a database made by regards init"
        case .cannotWrite(let path, let why): "\(path): cannot be made: \(why)"
        }
    }
}
