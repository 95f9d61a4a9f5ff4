import Dispatch
import GRDB
import Glibc
import RegardsCalendar
import RegardsCore
import RegardsDelivery
import RegardsRules
import RegardsStore
import RegardsTestSupport
import Testing

@testable import RegardsDaemon

/// A business in a folder of its own: a real SQLite database, `regards.yaml`, rules and cards.
final class TestShop: Sendable {
    /// What regards.yaml says; the rest of the file is the same for all tests.
    struct Settings: Sendable {
        var mode = "live"
        var zone = "Europe/Berlin"
        /// The lines that say where mail goes.
        var mail = "maildir: mail"
        var state = "sqlite:state/regards.sqlite"
        var query = """
            SELECT c.id, c.name, c.given_name, c.email, c.locale, c.time_zone, c.birthday, c.points,
                   s.email AS advisor_email, s.name AS advisor_name
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id
            """
        /// One line for each kind of event.
        var events = """
            complaint:
              query: SELECT id, customer_id, opened_at AS at, answered_at, solved_at, subject FROM complaints
              done: solved_at is present
              pauses: [greeting, marketing]
            """
        /// Whole shops of new rules and customers are made in these tests; those about the guards set them.
        var guards = "{new_rule: off}"
        var extra = ""
        init() {}
    }

    /// Where the customers come from.
    enum Database: Sendable {
        /// A file of statements among the fixtures.
        case statements(String)
        case copy(of: String)
    }

    static let fixtures = TestTools.root + "/Tests/Fixtures/shop"

    let folder: TemporaryFolder
    let database: DatabaseQueue

    /// - Parameters:
    ///   - rules: files of the fixtures' `rules`.
    init(
        rules: [String] = ["birthday", "complaints"], _ settings: Settings = Settings(),
        database origin: Database = .statements("shop.sql")
    ) throws {
        folder = try TemporaryFolder()
        for name in ["rules.d", "state", "cards", "cards/monthly"] { try #require(mkdir("\(folder.path)/\(name)", 0o755) == 0) }
        for cards in ["cards", "cards/monthly"] {
            for card in try TemporaryFolder.names(in: "\(TestShop.fixtures)/\(cards)") where card.hasSuffix(".html") {
                try folder.write(bytes: try TestShop.bytes("\(TestShop.fixtures)/\(cards)/\(card)"), to: "\(cards)/\(card)", mode: 0o644)
            }
        }
        if case .copy(let path) = origin { try folder.write(bytes: try TestShop.bytes(path), to: "shop.sqlite") }
        var configuration = GRDB.Configuration()
        configuration.busyMode = .timeout(10)
        database = try DatabaseQueue(path: folder.path + "/shop.sqlite", configuration: configuration)
        if case .statements(let name) = origin { try sql(try TestShop.text("\(TestShop.fixtures)/\(name)")) }
        for rule in rules { try folder.write(try TestShop.text("\(TestShop.fixtures)/rules/\(rule).yaml"), to: "rules.d/\(rule).yaml") }
        try configure(settings)
    }

    var path: String { folder.path }
    var file: String { path + "/regards.yaml" }
    var state: String { path + "/state/regards.sqlite" }

    func configure(_ settings: Settings) throws {
        try folder.write(TestShop.yaml(settings), to: "regards.yaml")
    }

    private static func yaml(_ settings: Settings) -> String {
        """
        business: {name: The Shop, email: house@shop.example, time_zone: \(settings.zone), postal_address: Marktplatz 1}
        mode: \(settings.mode)
        \(settings.mail)
        state: \(settings.state)
        customers:
          database: sqlite:shop.sqlite
          query: |
        \(indented(settings.query, 4))
        \(settings.events.isEmpty ? "" : "events:\n" + indented(settings.events, 2))
        people:
          advisor: {column: advisor_email, name_column: advisor_name, else: manager}
          manager: {name: Mia Muller, email: manager@shop.example}
          director: {name: Dirk Dahl, email: director@shop.example}
        guard: \(settings.guards)
        \(settings.extra)

        """
    }

    private static func indented(_ text: String, _ width: Int) -> String {
        text.split(separator: "\n").map { String(repeating: " ", count: width) + $0 }.joined(separator: "\n")
    }

    /// Writes a rule file; nil removes it.
    func rules(_ text: String?, file: String = "birthday") throws {
        let name = "rules.d/\(file).yaml"
        guard let text else { return try #require(unlink("\(path)/\(name)") == 0) }
        try folder.write(text, to: name)
    }

    func card(_ text: String, name: String) throws { try folder.write(text, to: "cards/\(name).html") }

    // MARK: The database

    func sql(_ statements: String) throws { try database.write { try $0.execute(sql: statements) } }

    /// A customer of Ana's in Berlin whose address is `c<id>@mail.example`.
    func addCustomer(_ id: Int, birthday: String? = nil, zone: String? = nil, name: String? = nil) throws {
        try database.write {
            try $0.execute(
                sql: """
                    INSERT INTO customers (id, name, given_name, email, time_zone, birthday, advisor_id)
                    VALUES (?, ?, ?, ?, ?, ?, 1)
                    """,
                arguments: [id, name ?? "Customer \(id)", name ?? "No. \(id)", "c\(id)@mail.example", zone, birthday])
        }
    }

    func complain(_ id: Int, customer: Int, at: Instant, subject: String = "The lid is missing") throws {
        try database.write {
            try $0.execute(
                sql: "INSERT INTO complaints (id, customer_id, opened_at, subject) VALUES (?, ?, ?, ?)",
                arguments: [id, customer, at.description, subject])
        }
    }

    // MARK: Files

    static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"), "\(path) cannot be read")
        defer { fclose(file) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&part, 1, part.count, file), count > 0 { all += part[..<count] }
        return all
    }

    /// Messages in the maildir, by file name.
    func mails(_ maildir: String = "mail") throws -> [Mail] {
        let directory = "\(path)/\(maildir)/new"
        guard access(directory, F_OK) == 0 else { return [] }
        return try TemporaryFolder.names(in: directory).map { Mail(text: try TestShop.text("\(directory)/\($0)")) }
    }

    func assembly(zones: ZoneCatalog = ZoneCatalog()) throws -> Assembly {
        let (assembly, mistakes) = Assembly.load(file: file, environment: [:], zones: zones)
        return try #require(assembly, "\(mistakes.map(\.description))")
    }
}

/// One `.eml` file, looked at as text.
struct Mail {
    var text: String

    /// The first header of this name, unfolded; empty when there is none.
    func header(_ name: String) -> String {
        var lines: [Substring] = []
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: false) {
            if line.isEmpty { break }
            if !lines.isEmpty, line.first == " " || line.first == "\t" { lines.append(line.drop { $0 == " " || $0 == "\t" }); continue }
            if !lines.isEmpty { break }
            if line.lowercased().hasPrefix(name.lowercased() + ":") { lines.append(line.dropFirst(name.count + 1)) }
        }
        return lines.map { String($0) }.joined(separator: " ").trimmed
    }

    var recipient: String { header("Delivered-To") }
    var id: String { header("Message-ID") }
    var subject: String { header("Subject") }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// Instants in tests: `at("2027-05-05T07:00:00Z")`.
func at(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Instant {
    try #require(Instant(text), sourceLocation: sourceLocation)
}
