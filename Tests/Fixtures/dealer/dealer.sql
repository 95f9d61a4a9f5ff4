-- The dealer's own database, as another program made it: Regards reads it by the queries of regards.yaml.
-- Days and times are the dealer's wall time, in Europe/Berlin.

CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, phone TEXT);

CREATE TABLE customers (
  id                INTEGER PRIMARY KEY,
  name              TEXT NOT NULL,
  email             TEXT,
  phone             TEXT,
  language          TEXT,
  time_zone         TEXT,
  country           TEXT,              -- as people typed it: DE, Germany, CN, China
  birthday          TEXT,
  birthday_calendar TEXT,              -- lunar for customers who keep the Chinese calendar
  partner_birthday  TEXT,
  child_birthday    TEXT,              -- the eldest
  child2_birthday   TEXT,
  wedding_day       TEXT,
  customer_since    TEXT,
  salesman          INTEGER REFERENCES staff (id),
  no_mail           INTEGER NOT NULL DEFAULT 0,
  advertising       INTEGER,           -- 1 yes, 0 no, NULL never asked
  surveys           INTEGER,
  tags              TEXT
);

CREATE TABLE cars (                    -- what customers drive; the newest counts
  id             INTEGER PRIMARY KEY,
  customer_id    INTEGER NOT NULL REFERENCES customers (id),
  model          TEXT NOT NULL,
  delivered_at   TEXT NOT NULL,
  price          REAL NOT NULL,
  lease_ends_on  TEXT,
  warranty_until TEXT,
  inspection_due TEXT
);

CREATE TABLE jobs (                    -- the workshop
  id          INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  booked_at   TEXT NOT NULL,
  day         TEXT NOT NULL,           -- when the car is brought
  what        TEXT NOT NULL,
  finished_at TEXT,
  cancelled   INTEGER NOT NULL DEFAULT 0,
  total       REAL
);

CREATE TABLE delays (                  -- a promised time that was moved
  id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES jobs (id), told_at TEXT NOT NULL, ready_at TEXT NOT NULL, reason TEXT
);

CREATE TABLE complaints (
  id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, opened_at TEXT NOT NULL, subject TEXT NOT NULL,
  answered_at TEXT, solved_at TEXT
);

CREATE TABLE inquiries (               -- from the web form; hardly any is a customer yet
  id INTEGER PRIMARY KEY, customer_id INTEGER, name TEXT, email TEXT, country TEXT, asked_at TEXT NOT NULL, model TEXT,
  answered_at TEXT, drive_on TEXT, decided_at TEXT, bought INTEGER
);

CREATE TABLE recalls (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, announced_at TEXT NOT NULL, part TEXT NOT NULL, done_at TEXT);

CREATE TABLE referrals (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, at TEXT NOT NULL, friend TEXT NOT NULL, bought_at TEXT);

CREATE TABLE answers (customer_id INTEGER NOT NULL, asked TEXT NOT NULL, answer TEXT);   -- to invitations

CREATE TABLE calls (customer_id INTEGER NOT NULL, called_at TEXT NOT NULL);
