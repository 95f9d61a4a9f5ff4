import GRDB

/// The ledger's schema, one numbered step per release that changed it. A step that was released is never edited.
enum LedgerMigrations {
    /// "REGD": tells a state file from any other SQLite database (`PRAGMA application_id`).
    static let applicationID: Int32 = 0x5245_4744

    static let all: [(name: String, sql: String)] = [
        ("001-ledger", ledger001), ("002-language", language002), ("003-lost", lost003), ("004-looks", looks004),
        ("005-quiet-indexes", indexes005),
    ]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, sql) in all {
            migrator.registerMigration(name) { try $0.execute(sql: sql) }
        }
        return migrator
    }

    /// All instants are microseconds since 1970 (UTC); dates are days since 1970; wall times are seconds of the day.
    ///
    /// What the code relies on is a constraint here wherever SQL can say it: an ended row has `ended_at`, a claimed or
    /// sending row has a lease, no other has.
    static let ledger001 = """
        PRAGMA application_id = \(applicationID);

        -- epoch: number of daemon starts; live_machine: where go-live was given
        CREATE TABLE meta (
            key TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE rules (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            hash INTEGER NOT NULL,
            first_seen INTEGER NOT NULL,
            planned_through INTEGER NOT NULL,
            gone_at INTEGER
        );

        CREATE TABLE steps (
            id INTEGER PRIMARY KEY,
            rule_id INTEGER NOT NULL REFERENCES rules (id),
            name TEXT NOT NULL,
            UNIQUE (rule_id, name)
        );

        CREATE TABLE outreach (
            id INTEGER PRIMARY KEY,
            customer TEXT NOT NULL,
            rule_id INTEGER NOT NULL REFERENCES rules (id),
            occasion TEXT NOT NULL,
            step_id INTEGER NOT NULL REFERENCES steps (id),
            recipient TEXT NOT NULL,
            state INTEGER NOT NULL CHECK (state IN (0, 1, 2, 3, 10, 11, 12, 13)),
            reason TEXT NOT NULL DEFAULT '',
            due_at INTEGER NOT NULL,
            not_before INTEGER,
            wake_at INTEGER NOT NULL AS (max(due_at, coalesce(not_before, due_at))) VIRTUAL,
            expires_at INTEGER,
            zone TEXT NOT NULL,
            local_date INTEGER NOT NULL,
            local_time INTEGER NOT NULL,
            channel TEXT NOT NULL,
            lane INTEGER NOT NULL,
            rule_hash INTEGER NOT NULL,
            card TEXT,
            attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            lease_id INTEGER,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            ended_at INTEGER,
            UNIQUE (customer, rule_id, occasion, step_id, recipient),
            CHECK ((state >= 10) = (ended_at IS NOT NULL)),
            CHECK ((state IN (1, 2)) = (lease_id IS NOT NULL))
        );

        -- claim and the timer: the next row of each lane and channel, so that a channel that is down is not waded through
        CREATE INDEX outreach_due ON outreach (lane, channel, wake_at) WHERE state = 0;
        -- planning: the few open rows of a customer among years of history
        CREATE INDEX outreach_open ON outreach (customer) WHERE state < 10;
        -- start: what an earlier epoch left; holds a handful of rows at any time
        CREATE INDEX outreach_leased ON outreach (lease_id) WHERE state IN (1, 2);
        -- holds: what to release, what has expired
        CREATE INDEX outreach_held ON outreach (expires_at) WHERE state = 3;
        -- status: how many ended today
        CREATE INDEX outreach_ended ON outreach (ended_at, state) WHERE state >= 10;

        CREATE TABLE attempts (
            outreach_id INTEGER NOT NULL REFERENCES outreach (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER,
            outcome TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL DEFAULT '',
            code INTEGER NOT NULL DEFAULT 0,
            detail TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (outreach_id, number)
        ) WITHOUT ROWID;

        -- first_seen: end of the first complete sync; covered_from: events before it were never looked for
        CREATE TABLE event_kinds (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            first_seen INTEGER,
            covered_from INTEGER
        );

        -- last_seen: when the row was last seen to differ, so that a quiet sync writes nothing
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            kind_id INTEGER NOT NULL REFERENCES event_kinds (id),
            event_id TEXT NOT NULL,
            generation INTEGER NOT NULL CHECK (generation >= 1),
            customer TEXT,
            at INTEGER NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            is_open INTEGER NOT NULL,
            is_baseline INTEGER NOT NULL,
            is_gone INTEGER NOT NULL,
            hash INTEGER NOT NULL,
            UNIQUE (kind_id, event_id, generation)
        );
        CREATE INDEX events_open ON events (kind_id) WHERE is_open = 1;
        CREATE INDEX events_at ON events (kind_id, at);
        -- what pauses a customer's messages
        CREATE INDEX events_pausing ON events (customer) WHERE is_open = 1 AND is_baseline = 0;

        CREATE TABLE event_limits (
            event_row INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
            rule_id INTEGER NOT NULL REFERENCES rules (id),
            limit_at INTEGER NOT NULL,
            PRIMARY KEY (event_row, rule_id)
        ) WITHOUT ROWID;
        """

    /// Who was reached, and what is remembered about customers, rules and addresses beside their rows.
    static let language002 = """
        -- address: keyed hash of where the last attempt went, and 1 in counts where it uses up room in the budgets. A
        -- sent row was contacted when it ended, one being sent or in doubt when it came to stand so.
        ALTER TABLE outreach ADD COLUMN address TEXT;
        ALTER TABLE outreach ADD COLUMN purpose TEXT CHECK (address IS NULL OR purpose IS NOT NULL);
        ALTER TABLE outreach ADD COLUMN counts INTEGER NOT NULL DEFAULT 0 CHECK (counts IN (0, 1));
        ALTER TABLE outreach ADD COLUMN contacted_at INTEGER
            AS (CASE state WHEN 10 THEN ended_at ELSE updated_at END) VIRTUAL;

        -- budgets, one message to an address, what replaces what: who was reached lately
        CREATE INDEX outreach_address ON outreach (address, contacted_at)
            WHERE address IS NOT NULL AND (state IN (2, 10) OR (state = 3 AND reason = 'in-doubt'));
        -- conditions and card series: what each rule sent the customer, newest last
        CREATE INDEX outreach_received ON outreach (customer, rule_id, ended_at, card)
            WHERE state = 10 AND channel = 'mail' AND recipient = 'customer/0';
        -- holds: what one reason keeps
        CREATE INDEX outreach_held_reason ON outreach (reason) WHERE state = 3;

        -- approved_hash: what `regards approve` was given for; rules that were there before nobody was asked about
        ALTER TABLE rules ADD COLUMN purpose TEXT;
        ALTER TABLE rules ADD COLUMN approved_hash INTEGER;
        ALTER TABLE rules ADD COLUMN approved_at INTEGER;
        UPDATE rules SET approved_hash = hash;

        CREATE TABLE pauses (
            id INTEGER PRIMARY KEY,
            scope TEXT NOT NULL CHECK (scope IN ('all', 'rule', 'customer', 'purpose')),
            value TEXT NOT NULL DEFAULT '',
            since INTEGER NOT NULL,
            until INTEGER,
            reason TEXT NOT NULL DEFAULT '',
            ended_at INTEGER,
            CHECK ((scope = 'all') = (value = ''))
        );
        -- looked at before every group of messages: only what may still hold
        CREATE INDEX pauses_open ON pauses (coalesce(until, 9223372036854775807)) WHERE ended_at IS NULL;

        CREATE TABLE suppressions (
            address TEXT NOT NULL,
            purpose TEXT NOT NULL,
            reason TEXT NOT NULL,
            since INTEGER NOT NULL,
            PRIMARY KEY (address, purpose, reason)
        ) WITHOUT ROWID;

        -- first_seen: end of the first look at all customers under this definition; until then nobody comes or goes
        CREATE TABLE segments (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            hash INTEGER,
            first_seen INTEGER
        );

        CREATE TABLE segment_entries (
            id INTEGER PRIMARY KEY,
            segment_id INTEGER NOT NULL REFERENCES segments (id),
            customer TEXT NOT NULL,
            number INTEGER NOT NULL CHECK (number >= 1),
            entered_at INTEGER NOT NULL,
            left_at INTEGER,
            is_baseline INTEGER NOT NULL,
            left_quietly INTEGER NOT NULL DEFAULT 0,
            UNIQUE (segment_id, customer, number)
        );
        -- who belongs, once; and whom a pass did not meet
        CREATE UNIQUE INDEX segment_entries_open ON segment_entries (segment_id, customer) WHERE left_at IS NULL;

        -- recipient and owner: whose it is, as role and position, and as keyed hash of the address
        CREATE TABLE list_items (
            outreach_id INTEGER PRIMARY KEY REFERENCES outreach (id) ON DELETE CASCADE,
            list TEXT NOT NULL,
            customer TEXT NOT NULL,
            recipient TEXT NOT NULL,
            owner TEXT,
            why TEXT NOT NULL,
            since INTEGER NOT NULL,
            outcome TEXT NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'done', 'not-reached')),
            try_again_at INTEGER,
            ended_at INTEGER,
            mailed_on INTEGER,
            CHECK (ended_at IS NULL OR (outcome <> 'open' AND try_again_at IS NULL)),
            CHECK (outcome <> 'done' OR ended_at IS NOT NULL)
        );
        CREATE INDEX list_items_open ON list_items (list) WHERE ended_at IS NULL;
        """

    static let lost003 = """
        -- arbitration: what will never go, and so takes nobody's room
        CREATE INDEX outreach_lost ON outreach (customer, ended_at)
            WHERE state IN (11, 12) AND recipient = 'customer/0';
        """

    static let looks004 = """
        -- guard of the day: by when everything of a kind should have been seen
        ALTER TABLE event_kinds ADD COLUMN looked_at INTEGER;
        """

    /// What a message touches on its way, again and again, is left alone by the indexes that do not need to know: SQLite
    /// writes an index anew when a column changes that it holds or that its WHERE speaks of, be the entry the same or not.
    static let indexes005 = """
        -- marked_at: when an address was last going to be reached. contacted_at is later by the length of the attempt, and
        -- changes with its end; addresses have no order, so each change is a page of its own
        ALTER TABLE outreach ADD COLUMN marked_at INTEGER;
        UPDATE outreach SET marked_at = contacted_at WHERE address IS NOT NULL;
        DROP INDEX outreach_address;
        CREATE INDEX outreach_address ON outreach (address, marked_at) WHERE address IS NOT NULL;

        -- the same rows as before, said by columns that claims and marks do not set
        DROP INDEX outreach_open;
        CREATE INDEX outreach_open ON outreach (customer) WHERE ended_at IS NULL;
        DROP INDEX outreach_leased;
        CREATE INDEX outreach_leased ON outreach (lease_id) WHERE lease_id IS NOT NULL;
        DROP INDEX outreach_ended;
        CREATE INDEX outreach_ended ON outreach (ended_at, state) WHERE ended_at IS NOT NULL;
        """
}
