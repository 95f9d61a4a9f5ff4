import GRDB
import RegardsCalendar

/// The tables of `BusinessDatabase`, and the statements that fill them.
///
/// The comments inside the SQL stay in the file: `sqlite3 FILE .schema` shows them to whoever opens it next.
enum BusinessSchema {
    /// `REGB` in ASCII: what `file` and `init` know the file by.
    static let applicationID: Int32 = 0x5245_4742

    /// Times are UTC texts (`2027-05-05T07:00:00Z`), because text sorts, and every tool can read it.
    static let sql = """
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = 1;

        CREATE TABLE staff (          -- employees who look after customers
          id     INTEGER PRIMARY KEY,
          name   TEXT NOT NULL CHECK (name <> ''),
          email  TEXT NOT NULL CHECK (email LIKE '_%@_%'),
          phone  TEXT,
          role   TEXT NOT NULL DEFAULT 'advisor' CHECK (role IN ('advisor', 'manager', 'director')),
          active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
        ) STRICT;

        CREATE TABLE customers (
          id                INTEGER PRIMARY KEY,
          name              TEXT NOT NULL CHECK (name <> ''),   -- whole, as it is written where they live
          given_name        TEXT,
          family_name       TEXT,
          email             TEXT CHECK (email LIKE '_%@_%'),
          phone             TEXT,
          locale            TEXT,                               -- language of the cards, such as pt-BR
          time_zone         TEXT,                               -- such as America/Sao_Paulo
          country           TEXT,                               -- ISO 3166, such as BR
          birthday          TEXT CHECK (birthday GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'
                                     OR birthday GLOB '--[0-1][0-9]-[0-3][0-9]'),   -- the second without a year
          customer_since    TEXT CHECK (date(customer_since) IS customer_since),
          advisor_id        INTEGER REFERENCES staff (id) ON DELETE SET NULL,
          tags              TEXT,                               -- words divided by spaces
          do_not_contact    INTEGER NOT NULL DEFAULT 0 CHECK (do_not_contact IN (0, 1)),
          consent_greeting  INTEGER CHECK (consent_greeting IN (0, 1)),     -- NULL: not asked, counts as yes
          consent_marketing INTEGER CHECK (consent_marketing IN (0, 1)),    -- NULL: not asked, counts as no
          consent_survey    INTEGER CHECK (consent_survey IN (0, 1))        -- NULL: not asked, counts as no
        ) STRICT;
        CREATE INDEX customers_by_email ON customers (email);
        CREATE INDEX customers_by_advisor ON customers (advisor_id);

        CREATE TABLE orders (
          id          INTEGER PRIMARY KEY,
          customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
          ordered_at  TEXT NOT NULL CHECK (datetime(ordered_at) IS NOT NULL),
          total       REAL NOT NULL CHECK (total >= 0)
        ) STRICT;
        CREATE INDEX orders_by_customer ON orders (customer_id, ordered_at);

        CREATE TABLE interactions (   -- what customers came with
          id          INTEGER PRIMARY KEY AUTOINCREMENT,        -- an id is never used again
          customer_id INTEGER REFERENCES customers (id) ON DELETE CASCADE,
          kind        TEXT NOT NULL CHECK (kind IN ('inquiry', 'return', 'complaint', 'request')),
          subject     TEXT NOT NULL CHECK (subject <> ''),
          opened_at   TEXT NOT NULL CHECK (datetime(opened_at) IS NOT NULL),
          answered_at TEXT CHECK (answered_at IS NULL OR datetime(answered_at) IS NOT NULL),
          solved_at   TEXT CHECK (solved_at IS NULL OR datetime(solved_at) IS NOT NULL)
        ) STRICT;
        CREATE INDEX interactions_by_time ON interactions (kind, opened_at);
        CREATE INDEX interactions_by_customer ON interactions (customer_id);

        CREATE TABLE responses (      -- what they were told
          id             INTEGER PRIMARY KEY,
          interaction_id INTEGER NOT NULL REFERENCES interactions (id) ON DELETE CASCADE,
          staff_id       INTEGER REFERENCES staff (id) ON DELETE SET NULL,
          at             TEXT NOT NULL CHECK (datetime(at) IS NOT NULL),
          text           TEXT NOT NULL
        ) STRICT;
        CREATE INDEX responses_by_interaction ON responses (interaction_id, at);

        CREATE TRIGGER first_response AFTER INSERT ON responses
        BEGIN
          UPDATE interactions SET answered_at = NEW.at WHERE id = NEW.interaction_id AND answered_at IS NULL;
        END;
        """

    static func insert(_ row: BusinessDatabase.StaffRow, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO staff (id, name, email, phone, role) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [row.id, row.name, row.email, row.phone, row.role.rawValue])
    }

    static func insert(_ row: BusinessDatabase.CustomerRow, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO customers (id, name, given_name, family_name, email, phone, locale, time_zone, country,
                  birthday, customer_since, advisor_id, tags, do_not_contact)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            row.id, row.name, row.givenName, row.familyName, row.email, row.phone, row.locale, row.timeZone,
            row.country, row.birthday, row.customerSince?.description, row.advisor, row.tags, row.doNotContact,
        ])
    }

    static func insert(_ row: BusinessDatabase.OrderRow, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO orders (id, customer_id, ordered_at, total) VALUES (?, ?, ?, ?)"
        ).execute(arguments: [row.id, row.customer, row.at.description, Double(row.cents) / 100])
    }

    static func insert(_ row: BusinessDatabase.InteractionRow, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO interactions (id, customer_id, kind, subject, opened_at, answered_at, solved_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            row.id, row.customer, row.kind.rawValue, row.subject, row.openedAt.description,
            row.answeredAt?.description, row.solvedAt?.description,
        ])
    }

    static func insert(_ row: BusinessDatabase.ResponseRow, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO responses (interaction_id, staff_id, at, text) VALUES (?, ?, ?, ?)"
        ).execute(arguments: [row.interaction, row.staff, row.at.description, row.text])
    }
}
