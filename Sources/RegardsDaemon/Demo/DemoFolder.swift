import Glibc
package import RegardsCalendar
import RegardsStore

/// The folder that a demo lives in: a shop's database, a `regards.yaml` that points to it, the shipped rules with their
/// cases, the cards, and later the mail itself.
///
/// Rules are copied, so that whoever tries things out edits a copy; cards are a link to the shipped ones.
package struct DemoFolder: Sendable {
    package let path: String
    package let shop: DemoShop
    /// False where the folder was there from an earlier start; then its shop, rules and mail are used as they are.
    package let isNew: Bool

    package var configurationFile: String { path + "/regards.yaml" }
    package var database: String { path + "/shop.sqlite" }
    package var maildir: String { path + "/mail" }
    package var rules: String { path + "/rules.d" }

    /// Makes the folder where it is not there, else finds out which shop it holds. A demo that was interrupted while
    /// it was being made begins again: `regards.yaml` is written last.
    /// - Parameters:
    ///   - shipped: the folder with the project's own `rules.d` and `cards`; asked for where the demo is new.
    ///   - seed: of a new shop; an old one keeps its own.
    ///   - today: the UTC date.
    package init(at path: String, shipped: @autoclosure () throws -> String, seed: UInt64, today: CivilDate) throws {
        self.path = path
        if let text = try DemoFiles.read(path + "/regards.yaml") {
            guard let (seed, day) = DemoFolder.origin(of: text) else { throw DemoError.notADemo(path) }
            (shop, isNew) = (DemoShop(seed: seed, today: day), false)
            return
        }
        let shipped = try shipped()
        (shop, isNew) = (DemoShop(seed: seed, today: today), true)
        try DemoFiles.makeFolder(path)
        try DemoFiles.makeFolder(rules)
        for name in try DemoFiles.names(in: shipped + "/rules.d") where name.hasSuffix(".yaml") {
            guard let text = try DemoFiles.read("\(shipped)/rules.d/\(name)") else { continue }
            try DemoFiles.write(DemoFolder.withBackfill(text), to: "\(rules)/\(name)")
        }
        try copyCases(from: shipped + "/tests")
        try DemoFiles.link(path + "/cards", to: shipped + "/cards")
        try DemoFiles.remove(database)
        _ = try shop.create(at: database)
        try DemoFiles.write(configuration, to: configurationFile)
    }

    private func copyCases(from shipped: String) throws {
        guard access(shipped, F_OK) == 0 else { return }
        try DemoFiles.makeFolder(path + "/tests")
        for name in try DemoFiles.names(in: shipped) where name.hasSuffix(".yaml") {
            guard let text = try DemoFiles.read("\(shipped)/\(name)") else { continue }
            try DemoFiles.write(text, to: "\(path)/tests/\(name)")
        }
    }

    /// A demo has no yesterday: without this a new rule leaves out what was due before it was first seen, which is
    /// every card of the first minute.
    static func withBackfill(_ rules: String) -> String {
        let lines = rules.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.flatMap { line -> [Substring] in
            let isRule = line.last == ":" && line.first?.isLetter == true
            return isRule ? [line, "  backfill: 1d                        # only in this demo"] : [line]
        }.joined(separator: "\n")
    }

    private var configuration: String {
        """
        # regards demo, seed \(shop.seed), day \(shop.today)
        business:
          name: The Corner Shop
          email: hello@example.org
          time_zone: Europe/Berlin
          postal_address: Marktplatz 1, 10115 Berlin, Germany
          phone: +49 30 0000000
        mode: live                       # a maildir reaches nobody
        guard: {new_rule: off}           # so nothing needs approval
        maildir: mail
        state: sqlite:state/regards.sqlite
        customers:
          database: sqlite:shop.sqlite
          query: |
            SELECT c.id, c.name, c.given_name, c.family_name, c.email, c.phone, c.locale, c.time_zone, c.country,
                   c.birthday, c.customer_since, c.tags, c.do_not_contact, c.consent_greeting, c.consent_marketing,
                   c.consent_survey, s.email AS advisor_email, s.name AS advisor_name, s.phone AS advisor_phone,
                   (SELECT max(o.ordered_at) FROM orders o WHERE o.customer_id = c.id) AS last_order_at,
                   (SELECT count(*)          FROM orders o WHERE o.customer_id = c.id) AS order_count,
                   (SELECT round(sum(o.total), 2) FROM orders o WHERE o.customer_id = c.id) AS total_spent
            FROM customers c LEFT JOIN staff s ON s.id = c.advisor_id
        events:
          complaint:
            query: |
              SELECT id, customer_id, opened_at AS at, answered_at, solved_at, subject
              FROM interactions WHERE kind = 'complaint'
            done: solved_at is present
            pauses: [greeting, marketing, survey]
          inquiry:
            query: |
              SELECT id, customer_id, opened_at AS at, answered_at, solved_at, subject
              FROM interactions WHERE kind = 'inquiry'
            done: solved_at is present
          order: {query: "SELECT id, customer_id, ordered_at AS at, total FROM orders", horizon: 60d}
          suggestion:
            query: |
              SELECT i.id, i.customer_id, i.opened_at AS at, i.solved_at, ltrim(substr(i.subject, 12)) AS subject,
                     (SELECT r.text FROM responses r WHERE r.interaction_id = i.id ORDER BY r.at DESC LIMIT 1) AS outcome
              FROM interactions i WHERE i.kind = 'request' AND i.subject LIKE 'Suggestion:%'
            done: solved_at is present
          recall:
            query: SELECT id, id AS customer_id, '2027-01-01' AS at FROM customers WHERE tags LIKE '%recall%'
            horizon: 3660d
        segments:
          gold: {top: 10%, by: total_spent}
        limits:
          budgets: {overall: 4 per 30d, marketing: 1 per 14d, survey: 1 per 90d}
          quiet: {hours: 21:00-08:00}
        people:
          advisor: {column: advisor_email, name_column: advisor_name, phone_column: advisor_phone, else: manager}
          manager: {name: Maria Manager, email: manager@example.org}
          director: {name: Dora Director, email: director@example.org}

        """
    }

    private static func origin(of configuration: String) -> (seed: UInt64, day: CivilDate)? {
        let words = configuration.prefix { $0 != "\n" }.split { $0 == " " || $0 == "," }
        guard words.count == 7, words[1] == "regards", words[2] == "demo", let seed = UInt64(words[4]),
            let day = CivilDate(String(words[6]))
        else { return nil }
        return (seed, day)
    }
}

/// Why a demo cannot be set up.
package enum DemoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The folder has a `regards.yaml` that no demo wrote.
    case notADemo(String)
    case file(String, Int32)

    package var description: String {
        switch self {
        case .notADemo(let path): "\(path): holds a regards.yaml of your own; choose another folder for the demo"
        case .file(let path, let code): "\(path): \(String(cString: strerror(code)))"
        }
    }
}

/// The few file operations that setting up a demo needs.
private enum DemoFiles {
    /// nil where there is no such file.
    static func read(_ path: String) throws -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw DemoError.file(path, errno) }
            return nil
        }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            guard count >= 0 else { throw DemoError.file(path, errno) }
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            all += part[..<count]
        }
    }

    /// Whole or not at all.
    static func write(_ text: String, to path: String) throws {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DemoError.file(draft, errno) }
        let bytes = Array(text.utf8)
        let count = Glibc.write(descriptor, bytes, bytes.count)
        let code = count < 0 ? errno : ENOSPC
        close(descriptor)
        guard count == bytes.count else { throw DemoError.file(draft, code) }
        guard rename(draft, path) == 0 else { throw DemoError.file(path, errno) }
    }

    /// With the folders above it; one that is there is fine.
    static func makeFolder(_ path: String) throws {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw DemoError.file(path, errno)
        }
        try makeFolder(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw DemoError.file(path, errno) }
    }

    static func names(in path: String) throws -> [String] {
        guard let folder = opendir(path) else { throw DemoError.file(path, errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.sorted()
    }

    /// The link holds the whole path, so that it works from wherever the demo's folder is.
    static func link(_ path: String, to target: String) throws {
        guard let whole = realpath(target, nil) else { throw DemoError.file(target, errno) }
        defer { free(whole) }
        if symlink(whole, path) == 0 || errno == EEXIST { return }
        throw DemoError.file(path, errno)
    }

    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw DemoError.file(path, errno) }
    }
}
