-- A shop with two advisors; tests add customers and complaints of their own.
CREATE TABLE staff (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, given_name TEXT, email TEXT, locale TEXT, time_zone TEXT,
  birthday TEXT, points INTEGER NOT NULL DEFAULT 0, advisor_id INTEGER REFERENCES staff (id)
);
CREATE TABLE complaints (
  id INTEGER PRIMARY KEY, customer_id INTEGER, opened_at TEXT NOT NULL, answered_at TEXT, solved_at TEXT, subject TEXT
);
INSERT INTO staff VALUES (1, 'Ana Lima', 'ana@shop.example'), (2, 'Bo Berg', 'bo@shop.example');
