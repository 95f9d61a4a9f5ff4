"""A made-up shop and two years of its life, from a seed: who its customers are, and every change of its database.

The world is written as data, not as answers: `shop.sqlite` as it stands on the first day, and `changes.jsonl`, one line
for each morning with the statements that bring the database to that morning. `who_is_due.py` computes from the same
files who is owed what; the daemon is let loose on them under a virtual clock; both must agree.
"""

import datetime as dt
import json
import random
import sqlite3
import sys

START = dt.date(2027, 1, 1)
# Mornings on which nobody looks: the daemon is down.
OUTAGES = [(100, 103), (300, 301), (520, 530)]
SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, given_name TEXT, family_name TEXT, email TEXT, country TEXT, time_zone TEXT, birthday TEXT,
    customer_since TEXT, lease_ends_on TEXT, last_order_at TEXT, order_count INTEGER, total_spent REAL,
    consent_marketing INTEGER, consent_survey INTEGER, do_not_contact INTEGER, advisor_email TEXT);
CREATE TABLE complaints (
    id INTEGER PRIMARY KEY, customer_id INTEGER, opened_at TEXT, answered_at TEXT, solved_at TEXT, subject TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, at TEXT, total REAL, delivered_on TEXT);
CREATE TABLE inquiries (id INTEGER PRIMARY KEY, at TEXT, email TEXT, name TEXT, decided_at TEXT);
CREATE INDEX orders_at ON orders (at);
"""

PLACES = [
    ("DE", "Europe/Berlin"), ("Germany", None), ("US", "America/New_York"), ("China", "Asia/Shanghai"), ("CN", None),
    ("AU", "Australia/Lord_Howe"), ("Chile", "America/Santiago"), ("IN", "Asia/Kolkata"), ("MA", "Africa/Casablanca"),
    ("NZ", "Pacific/Chatham"), ("US", "America/Los_Angeles"), (None, None),
]


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """One seed, one world. `mornings[k]` are the statements of morning k, k from 1."""

    def __init__(self, seed, customers, days):
        self.random = random.Random(seed)
        self.days = days
        self.mornings = [[] for _ in range(days + 1)]
        self.next = {"customers": 1, "complaints": 1, "orders": 1, "inquiries": 1}
        self.customers = {}
        self.first = [self.customer(START) for _ in range(customers)]

    # MARK: Who there is

    def day(self, low, high):
        return (START + dt.timedelta(days=self.random.randint(low, high))).isoformat()

    def customer(self, today):
        r = self.random
        number = self.next["customers"]
        self.next["customers"] += 1
        country, zone = r.choice(PLACES)
        birthday = None
        if r.random() < 0.9:
            birthday = dt.date(r.randint(1940, 2008), 1, 1) + dt.timedelta(days=r.randint(0, 364))
            if r.random() < 0.02:
                birthday = dt.date(r.choice([1960, 1984, 2000]), 2, 29)
            birthday = birthday.isoformat()
            if r.random() < 0.05:
                birthday = "--" + birthday[5:]
        since = today - dt.timedelta(days=r.randint(0, 4000))
        orders = r.choice([0, 1, 1, 2, 3, 5, 8])
        last = None
        if orders:
            last = stamp(
                dt.datetime.combine(since, dt.time(r.randint(0, 23), r.randint(0, 59)))
                + dt.timedelta(days=r.randint(0, max(0, (today - since).days - 1))))
        row = {
            "id": number, "given_name": f"Given{number}", "family_name": f"Family{number}",
            "email": f"c{number}@example.net" if r.random() < 0.95 else None, "country": country, "time_zone": zone,
            "birthday": birthday, "customer_since": since.isoformat(),
            "lease_ends_on": self.day(-30, 800) if r.random() < 0.3 else None, "last_order_at": last,
            "order_count": orders, "total_spent": round(r.lognormvariate(5, 1.2), 2) if orders else None,
            "consent_marketing": r.choice([None, 0, 1, 1, 1]), "consent_survey": r.choice([None, 1, 1]),
            "do_not_contact": 1 if r.random() < 0.02 else 0,
            "advisor_email": r.choice(["ann@shop.example", "bob@shop.example", None]),
        }
        self.customers[number] = row
        return dict(row)

    # MARK: What happens

    def live(self):
        for morning in range(1, self.days + 1):
            self.morning = morning
            self.now = dt.datetime.combine(START + dt.timedelta(days=morning), dt.time(0, 30))
            for _ in range(len(self.first) // 250 + 1):
                self.order()
            for _ in range(len(self.first) // 1000 + 1):
                self.complaint()
                self.correction()
            if self.random.random() < 0.3:
                self.newcomer()
            if self.random.random() < 0.1:
                self.leaver()
            if self.random.random() < 0.5:
                self.inquiry()

    def somebody(self):
        return self.customers[self.random.choice(list(self.customers))] if self.customers else None

    def write(self, sql, *values, morning=None):
        morning = self.morning if morning is None else morning
        if morning <= self.days:
            self.mornings[morning].append([sql, list(values)])

    def set(self, row, column, value):
        row[column] = value
        self.write(f"UPDATE customers SET {column} = ? WHERE id = ?", value, row["id"])

    def ago(self, hours):
        return self.now - dt.timedelta(seconds=self.random.randint(60, hours * 3600))

    def order(self):
        row, r = self.somebody(), self.random
        at = self.ago(24)
        total = round(r.lognormvariate(3.5, 1), 2)
        delivered = (at + dt.timedelta(days=r.randint(2, 9))).date().isoformat() if r.random() < 0.8 else None
        number = self.next["orders"]
        self.next["orders"] += 1
        self.write(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)", number, row["id"], stamp(at), total, delivered)
        row["order_count"] += 1
        row["total_spent"] = round((row["total_spent"] or 0) + total, 2)
        row["last_order_at"] = stamp(at)
        self.write(
            "UPDATE customers SET order_count = ?, total_spent = ?, last_order_at = ? WHERE id = ?",
            row["order_count"], row["total_spent"], row["last_order_at"], row["id"])
        if delivered and r.random() < 0.2:
            # The carrier is late: the delivery moves, before or after the day it was promised for.
            later = (at + dt.timedelta(days=r.randint(3, 14))).date().isoformat()
            self.write(
                "UPDATE orders SET delivered_on = ? WHERE id = ?", later, number, morning=self.morning + r.randint(1, 8))

    def complaint(self):
        row, r = self.somebody(), self.random
        opened = self.ago(r.choice([2, 6, 20, 60]))
        number = self.next["complaints"]
        self.next["complaints"] += 1
        answered = stamp(self.ago(1)) if r.random() < 0.1 else None
        self.write(
            "INSERT INTO complaints VALUES (?, ?, ?, ?, NULL, 'Late')", number, row["id"], stamp(opened), answered)
        days = 0
        if answered is None and r.random() < 0.9:
            days = r.choice([1, 1, 2, 4])
            at = stamp(self.now + dt.timedelta(days=days, hours=-r.randint(1, 20)))
            self.write("UPDATE complaints SET answered_at = ? WHERE id = ?", at, number, morning=self.morning + days)
        if r.random() < 0.8:
            days += r.randint(1, 6)
            at = stamp(self.now + dt.timedelta(days=days, hours=-r.randint(1, 20)))
            self.write("UPDATE complaints SET solved_at = ? WHERE id = ?", at, number, morning=self.morning + days)

    def correction(self):
        row, r = self.somebody(), self.random
        what = r.randint(0, 7)
        if what == 0:
            today = self.now.date() + dt.timedelta(days=r.randint(-5, 5))
            self.set(row, "birthday", today.replace(year=r.randint(1950, 2005), day=min(today.day, 28)).isoformat())
        elif what == 1:
            self.set(row, "lease_ends_on", (self.now.date() + dt.timedelta(days=r.randint(10, 70))).isoformat())
        elif what == 2:
            self.set(row, "do_not_contact", 1 - row["do_not_contact"])
        elif what == 3:
            self.set(row, "consent_marketing", r.choice([None, 0, 1]))
        elif what == 4:
            self.set(row, "email", None if row["email"] else f"c{row['id']}@example.net")
        elif what == 5:
            country, zone = r.choice(PLACES)
            self.set(row, "country", country)
            self.set(row, "time_zone", zone)
        elif what == 6:
            self.set(row, "total_spent", round(r.lognormvariate(5, 1.5), 2))
        else:
            self.set(row, "consent_survey", r.choice([None, 1]))

    def newcomer(self):
        row = self.customer(self.now.date())
        marks = ", ".join("?" * len(row))
        self.write(f"INSERT INTO customers VALUES ({marks})", *row.values())

    def leaver(self):
        row = self.somebody()
        del self.customers[row["id"]]
        self.write("DELETE FROM customers WHERE id = ?", row["id"])

    def inquiry(self):
        number = self.next["inquiries"]
        self.next["inquiries"] += 1
        email = f"i{number}@example.org" if self.random.random() < 0.9 else None
        self.write("INSERT INTO inquiries VALUES (?, ?, ?, ?, NULL)", number, stamp(self.ago(20)), email, f"Asker {number}")
        if self.random.random() < 0.6:
            days = self.random.randint(1, 12)
            at = stamp(self.now + dt.timedelta(days=days, hours=-1))
            self.write("UPDATE inquiries SET decided_at = ? WHERE id = ?", at, number, morning=self.morning + days)


def main():
    folder, seed, customers, days = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    world = World(seed, customers, days)
    world.live()
    database = sqlite3.connect(f"{folder}/shop.sqlite")
    database.executescript(SCHEMA)
    for row in world.first:
        database.execute(f"INSERT INTO customers VALUES ({', '.join('?' * len(row))})", list(row.values()))
    database.commit()
    looks = [k for k in range(days) if not any(first <= k < last for first, last in OUTAGES)]
    with open(f"{folder}/looks.json", "w") as file:
        json.dump({"looks": looks, "days": days}, file)
    with open(f"{folder}/changes.jsonl", "w") as file:
        for morning, statements in enumerate(world.mornings):
            if statements:
                file.write(json.dumps({"morning": morning, "statements": statements}) + "\n")


if __name__ == "__main__":
    main()
