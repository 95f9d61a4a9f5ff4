-- The state file as the first release made it, for tests that bring an old one up to date: as sqlite3's .dump would
-- print it, with the record of the migration that GRDB keeps. A test compares it with the migration in the code.
CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO grdb_migrations VALUES ('001-ledger');

PRAGMA application_id = 1380271940;

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
