"""Who is owed what, computed a second time and in another way.

Reads the world that `world.py` wrote and computes, customer by customer, every message that the rules of `shop/` owe in
it: who, for which occasion, which step, and the second at which it goes. Nothing here comes from the daemon: zones are
Python's, dates are Python's, and the rules are written down again, as a manager would understand docs/rules.md.

The daemon looks every morning at 00:30 UTC, except in its outages, and sends what falls due until the next look.
"""

import bisect
import calendar
import concurrent.futures
import datetime as dt
import functools
import json
import math
import multiprocessing
import sqlite3
import sys
import zoneinfo

UTC = dt.timezone.utc
START = dt.datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
BUSINESS = "Europe/Berlin"
AHEAD, LOOK_BACK = 26 * HOUR, 20 * DAY  # thanks to a gold customer may wait so long
HORIZON = 60 * DAY
COUNTRIES = {"DE": "DE", "Germany": "DE", "China": "CN", "CN": "CN"}
ZONE_OF_COUNTRY = {"Germany": "Europe/Berlin"}
ZONES = {}
PARTS = 64


# MARK: The clock


def zone(name):
    if name not in ZONES:
        ZONES[name] = zoneinfo.ZoneInfo(name)
    return ZONES[name]


def wall(day, time, where):
    """The instant of a wall time; one that the clocks leave out comes later by the length of the gap."""
    return dt.datetime.combine(day, time, tzinfo=where).astimezone(UTC)


def local_day(instant, where):
    return instant.astimezone(where).date()


def first_at(time, instant, where):
    """The first such wall time that is not before the instant."""
    day = local_day(instant, where)
    found = wall(day, time, where)
    return found if found >= instant else wall(day + DAY, time, where)


def moment(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def day_of(text, where):
    return dt.date.fromisoformat(text) if len(text) == 10 else local_day(moment(text), where)


def easter(year):
    """Gauss's rule in the form of Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    l = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * l) // 451
    month, day = divmod(h + l - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


# MARK: The hash that spreads and samples


MASK = (1 << 64) - 1


def rounds(v0, v1, v2, v3, count):
    for _ in range(count):
        v0 = (v0 + v1) & MASK
        v2 = (v2 + v3) & MASK
        v1 = (v1 << 13 | v1 >> 51) & MASK ^ v0
        v3 = (v3 << 16 | v3 >> 48) & MASK ^ v2
        v0 = (v0 << 32 | v0 >> 32) & MASK
        v2 = (v2 + v1) & MASK
        v0 = (v0 + v3) & MASK
        v1 = (v1 << 17 | v1 >> 47) & MASK ^ v2
        v3 = (v3 << 21 | v3 >> 43) & MASK ^ v0
        v2 = (v2 << 32 | v2 >> 32) & MASK
    return v0, v1, v2, v3


@functools.lru_cache(maxsize=None)
def siphash(*parts):
    """SipHash-2-4 of the parts, each with a zero byte behind it, under the key of docs/architecture.md."""
    data = b"".join(part.encode() + b"\0" for part in parts)
    key0, key1 = 0x2F73647261676572, 0x312F656C62617473
    v0, v1 = key0 ^ 0x736F6D6570736575, key1 ^ 0x646F72616E646F6D
    v2, v3 = key0 ^ 0x6C7967656E657261, key1 ^ 0x7465646279746573
    whole = len(data) // 8 * 8
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        v0, v1, v2, v3 = rounds(v0, v1, v2, v3 ^ word, 2)
        v0 ^= word
    v0, v1, v2, v3 = rounds(v0, v1, v2 ^ 0xFF, v3, 4)
    return v0 ^ v1 ^ v2 ^ v3


# MARK: The rules, as people would say them

GREETING, MARKETING, SURVEY, CARE = "greeting", "marketing", "survey", "care"
PURPOSE = {
    "birthday": GREETING, "monthly": GREETING, "easter": GREETING, "lease": CARE, "open-day": MARKETING,
    "complaint": CARE, "after-sale": CARE, "delivered": CARE, "win-back": MARKETING, "rhythm": MARKETING,
    "gold-thanks": GREETING, "gold-lost": MARKETING, "survey": SURVEY, "inquiry": CARE, "inquiry-again": CARE,
    "jubilee": GREETING,
}
PRIORITY = {GREETING: 60, MARKETING: 20, SURVEY: 40, CARE: 90}
BUDGETS = [(None, 3, 30 * DAY), (MARKETING, 1, 14 * DAY)]
LONGEST = 30 * DAY


def priority(rule):
    return 80 if rule == "jubilee" else PRIORITY[PURPOSE[rule]]


def counts(message):
    return message.step == "send" and PURPOSE[message.rule] != CARE and message.rule != "monthly"


class Message:
    """One message that may be owed: the key of its row, and when it is due and too late."""

    __slots__ = ("rule", "occasion", "step", "recipient", "due", "expiry", "grace", "meant")

    def __init__(self, rule, occasion, due, step="send", recipient="customer/0", expiry=None, grace=None):
        self.rule, self.occasion, self.step, self.recipient = rule, occasion, step, recipient
        self.due, self.expiry, self.grace = due, expiry, grace
        self.meant = None  # the local date of the occasion, whatever day the message goes on

    @property
    def key(self):
        return (self.rule, self.occasion, self.step, self.recipient)


class Person:
    """A customer as the database has them between two mornings."""

    def __init__(self, row):
        self.row = row
        self.zone = zone(row["time_zone"] or ZONE_OF_COUNTRY.get(row["country"], BUSINESS))
        self.country = COUNTRIES.get(row["country"], row["country"])
        self.dated = None

    def unquiet(self, due):
        """Put off over quiet days (Sundays, and the 12th of May 2027 in China) and quiet hours (21:00 to 08:00)."""
        while True:
            local = due.astimezone(self.zone)
            if local.weekday() == 6 or (self.country == "CN" and local.date() == dt.date(2027, 5, 12)):
                due = wall(local.date() + DAY, local.time(), self.zone)
            elif local.time() >= dt.time(21):
                due = wall(local.date() + DAY, dt.time(8), self.zone)
            elif local.time() < dt.time(8):
                due = wall(local.date(), dt.time(8), self.zone)
            else:
                return due

    def first_open(self, at):
        """The first instant from this one on that is not quiet: never on a quiet day, and from 8:00 on."""
        while self.unquiet(at) != at:
            day = self.day(at)
            at = wall(day if at < wall(day, dt.time(8), self.zone) else day + DAY, dt.time(8), self.zone)
        return at

    def midnight_after(self, due):
        return wall(local_day(due, self.zone) + DAY, dt.time(0), self.zone)

    def greeting(self, rule, occasion, day, time, spread=0, within=None, grace=None):
        due = wall(day, time, self.zone)
        if spread:
            due += dt.timedelta(seconds=siphash(rule, str(self.row["id"])) % spread)
        due = self.unquiet(due)
        message = Message(rule, occasion, due, expiry=due + within if within else self.midnight_after(due), grace=grace)
        message.meant = day
        return message

    # MARK: What hangs on dates

    def dates(self):
        """Everything that hangs on dates, in two years; the same until a column changes."""
        if self.dated is None:
            found = []
            for part in (self.birthdays, self.calendar_rules, self.leases, self.idleness, self.jubilees):
                found += part()
            self.dated = sorted(found, key=lambda message: message.due)
            self.dues = [message.due for message in self.dated]
        return self.dated

    def day(self, instant):
        return local_day(instant, self.zone)

    def birthdays(self):
        text = self.row["birthday"]
        if not text:
            return []
        month, day = int(text[-5:-3]), int(text[-2:])
        for year in (2027, 2028, 2029):
            kept = day if not (month == 2 and day == 29 and not calendar.isleap(year)) else 28
            yield self.greeting(
                "birthday", str(year), dt.date(year, month, kept), dt.time(9), within=3 * DAY, grace=10 * HOUR)

    def calendar_rules(self):
        for year in (2027, 2028, 2029):
            for month in range(1, 13):
                first, middle = dt.date(year, month, 1), dt.date(year, month, 15)
                yield self.greeting("monthly", first.isoformat(), first, dt.time(10), spread=6 * 3600, within=2 * DAY)
                if siphash("survey", str(self.row["id"]), middle.isoformat()) / 2**64 < 0.25:
                    yield self.greeting("survey", middle.isoformat(), middle, dt.time(10))
            if self.country == "DE":
                yield self.greeting("easter", f"easter-{year}", easter(year), dt.time(9, 30))
        if (self.row["total_spent"] or 0) >= 100:
            yield self.greeting("open-day", "2027-06-12", dt.date(2027, 5, 29), dt.time(9))

    def leases(self):
        text = self.row["lease_ends_on"]
        for days in (60, 14) if text else ():
            day = dt.date.fromisoformat(text)
            yield Message("lease", f"{text}/-{days}", wall(day - days * DAY, dt.time(10), self.zone))

    def idleness(self):
        row = self.row
        if not row["last_order_at"]:
            return
        last = day_of(row["last_order_at"], self.zone)
        if (row["order_count"] or 0) >= 2 and wall(last + 180 * DAY, dt.time(10), self.zone) >= START:
            for number in range(3):
                name = last.isoformat() + (f"#{number + 1}" if number else "")
                yield self.greeting("win-back", name, last + (180 + 90 * number) * DAY, dt.time(10))
        if (row["order_count"] or 0) >= 3 and row["total_spent"] is not None and row["total_spent"] < 400:
            usual = (last - day_of(row["customer_since"], self.zone)).days / (row["order_count"] - 1)
            days = max(30, math.ceil(3 * usual))
            # Before the quiet hours put it off: what was idle then is old news.
            if wall(last + days * DAY, dt.time(22, 30), self.zone) >= START:
                yield self.greeting("rhythm", last.isoformat(), last + days * DAY, dt.time(22, 30))

    def jubilees(self):
        since = dt.date.fromisoformat(self.row["customer_since"])
        for years in (1, 5, 10):
            year = since.year + years
            day = since.day if not (since.month == 2 and since.day == 29 and not calendar.isleap(year)) else 28
            yield self.greeting("jubilee", str(year), dt.date(year, since.month, day) + DAY, dt.time(12))

    # MARK: Segments

    def stays(self, entry):
        if entry is None:
            return []
        number, entered, left, is_baseline = entry
        if left is None:
            if is_baseline:
                return []
            day = local_day(entered, self.zone) + DAY
            return [self.greeting("gold-thanks", str(number), day, dt.time(10), within=20 * DAY)]
        due = first_at(dt.time(15), left, self.zone)
        return [Message("gold-lost", str(number), due, step="tell-advisor", recipient="advisor/0")]


# MARK: Events


class Event:
    """One event; `seen` is when the daemon first saw it, `granted` how long it then had to answer a complaint."""

    def __init__(self, kind, seen):
        self.kind, self.seen, self.granted, self.versions = kind, seen, None, []
        self.row = None

    def anew(self):
        """The same event before anybody looked at it."""
        event = Event(self.kind, self.seen)
        event.versions = list(self.versions)
        return event

    @property
    def at(self):
        return moment(self.row["at"])

    @property
    def is_open(self):
        return {"complaint": "solved_at", "inquiry": "decided_at"}.get(self.kind) is not None and not self.row[
            {"complaint": "solved_at", "inquiry": "decided_at"}[self.kind]]

    def messages(self, person):
        where = person.zone if person else zone(BUSINESS)
        row, name = self.row, str(self.row["id"])
        if self.kind == "order":
            if row["total"] >= 40:
                day = local_day(self.at, where) + 3 * DAY
                yield Message("after-sale", name, wall(day, dt.time(10), where))
            if row["delivered_on"]:
                day = dt.date.fromisoformat(row["delivered_on"]) + DAY
                yield Message("delivered", name, wall(day, dt.time(11), where))
        elif self.kind == "inquiry":
            if not row["decided_at"]:
                yield Message("inquiry", name, self.at)
                yield Message("inquiry-again", name, self.at + 48 * HOUR)
        else:
            yield from self.complaint(name)

    def complaint(self, name):
        row = self.row
        if row["solved_at"]:
            yield Message("complaint", name, moment(row["solved_at"]) + 3 * DAY, step="survey")
        if row["answered_at"] or row["solved_at"]:
            return
        yield Message("complaint", name, self.at)
        limit = self.at + self.granted
        rungs = [
            Message("complaint", name, self.at, "tell-advisor", "advisor/0"),
            Message("complaint", name, max(self.at, limit - self.granted / 4), "tell-manager", "manager/0"),
        ]
        for number in range(3):
            step = "tell-director" + (f"#{number + 1}" if number else "")
            due = limit + number * DAY
            rungs.append(
                Message("complaint", name, due, step, "director/0", expiry=due + DAY if number < 2 else None))
        # One that came late: only the highest rung that was due when it was seen.
        due = [rung.due for rung in rungs if rung.due <= self.seen]
        yield from (rung for rung in rungs if rung.due > self.seen or rung.due == max(due))


# MARK: Budgets


def fits(at, purpose, taken):
    """Whether one more message at this instant leaves every budget unbroken in every span that holds it."""
    for of, most, per in BUDGETS:
        if of is not None and of != purpose:
            continue
        times = sorted([t for t, p in taken if (of is None or p == of) and abs(t - at) < per] + [at])
        for start in times:
            if start <= at < start + per and sum(start <= t < start + per for t in times) > most:
                return False
    return True


def rank(message):
    return (-priority(message.rule), message.due, message.rule, message.step)


# MARK: One customer's two years


class Story:
    """What one customer, or nobody in particular, was owed and got."""

    def __init__(self, oracle, number, versions, events, entries):
        self.oracle, self.number = oracle, number
        self.versions, self.events, self.entries = versions, events, entries
        self.person, self.entry, self.stays = None, None, []
        self.planned = set()  # keys with a row that has not ended
        self.ended = {}  # keys whose row has, and how
        self.sent = []  # (instant, message)

    def tell(self):
        through = START
        for morning in self.oracle.looks:
            self.now, self.end = self.oracle.look(morning), self.oracle.end(morning)
            self.update(morning)
            start, self.known = max(START, min(through, self.now - LOOK_BACK)), through
            through = self.now + AHEAD
            if self.person or self.open_events:
                self.plan(start, through)
                self.send(start)
        return self.sent

    def update(self, morning):
        """Brings the customer, the events and the stay in the segment to what this look finds."""
        while self.versions and self.versions[0][0] <= morning:
            row = self.versions.pop(0)[1]
            self.person = Person(row) if row else None
            self.stays = None
        while self.entries and self.entries[0][0] <= morning:
            self.entry = self.entries.pop(0)[1]
            self.stays = None
        if self.stays is None:
            self.stays = list(self.person.stays(self.entry)) if self.person else []
        self.is_gold = self.person is not None and self.oracle.is_gold(self.person.row["total_spent"], morning)
        self.open_events = []
        for event in self.events:
            while event.versions and event.versions[0][0] <= morning:
                event.row = event.versions.pop(0)[1]
            if event.row and event.granted is None:
                event.granted = 4 * HOUR if self.is_gold else 24 * HOUR
            if event.row and (event.at >= self.now - HORIZON or event.is_open):
                self.open_events.append(event)
        self.complains = any(e.kind == "complaint" and not e.row["solved_at"] for e in self.open_events)

    def candidates(self, start, through):
        """What hangs on dates and is due in the span, or has a row; and all that events owe."""
        if self.person:
            dated = self.person.dates()
            dues = self.person.dues
            for message in dated[bisect.bisect_left(dues, start) : bisect.bisect_left(dues, through)] + [
                stay for stay in self.stays if start <= stay.due < through
            ]:
                yield message
            for message in dated[: bisect.bisect_left(dues, start)] + [s for s in self.stays if s.due < start]:
                if message.key in self.planned:
                    yield message
        for event in self.open_events:
            yield from event.messages(self.person)

    def plan(self, start, through):
        for message in self.candidates(start, through):
            if message.key in self.ended:
                continue
            self.moment = self.now
            verdict, _ = self.judged(message, max(self.now, message.due))
            if verdict == "gone":
                self.planned.discard(message.key)
            elif verdict != "late" or message.due >= self.known:
                # What is late by now and was not known in time was never owed: no row says that it was.
                self.planned.add(message.key)

    def send(self, start):
        """What is due until the next look, in the order in which it falls due."""
        queue = [(max(m.due, self.now), PURPOSE[m.rule] != CARE, m.due, n, m)
                 for n, m in enumerate(self.candidates(start, self.end)) if m.due < self.end]
        queue.sort()
        while queue:
            at, lane, due, number, message = queue.pop(0)
            if message.key in self.ended or message.key not in self.planned:
                continue
            self.moment = at
            verdict, later = self.judged(message, at)
            if verdict == "send":
                self.sent.append((at, message))
                self.ended[message.key] = "sent"
            elif verdict in ("late", "lost"):
                self.ended[message.key] = verdict
            elif verdict == "gone":
                self.planned.discard(message.key)
            elif verdict == "move" and later < self.end:
                bisect.insort(queue, (later, lane, due, number, message))

    # MARK: The question

    def verdict(self, message, at, asked=()):
        """`send`, `gone` for what is not owed now, `wait`, or `late`; to others `lost`, `move` for later.

        `asked`: when surveys go that are foreseen."""
        rule, purpose = message.rule, PURPOSE[message.rule]
        to_customer = message.recipient == "customer/0"
        if to_customer and self.is_unwelcome(rule, purpose):
            return "gone"
        if rule == "survey" and (self.is_gold or self.was_asked(at, 170 * DAY, asked)):
            return "gone"
        if rule == "open-day" and self.was_asked(at, 20 * DAY, asked):
            return "gone"
        if message.expiry is not None and at >= message.expiry:
            return "late"
        if to_customer and purpose in (GREETING, MARKETING) and self.complains:
            return "wait"
        return "send"

    def is_unwelcome(self, rule, purpose):
        if rule in ("inquiry", "inquiry-again"):
            return not any(event.row["email"] for event in self.open_events)
        if self.person is None or not self.person.row["email"]:
            return True
        row = self.person.row
        if purpose == CARE:
            return False
        return bool(row["do_not_contact"]) or purpose != GREETING and row[f"consent_{purpose}"] != 1

    def was_asked(self, at, span, asked):
        # Ends between two days on which it is asked: what time makes true on a day is sent at the next pass, not at 10:00.
        surveys = [*asked, *(sent for sent, message in self.sent if message.rule == "survey")]
        return any(at - span <= sent <= at for sent in surveys)

    # MARK: Who gives way

    def judged(self, message, at):
        """The verdict, and the instant until which it is put off."""
        verdict = self.verdict(message, at)
        if verdict != "send" or message.recipient != "customer/0" or PURPOSE[message.rule] == CARE:
            return verdict, at
        taken, birthdays = self.others(message)
        later = self.place(message, at, taken, birthdays)
        if later is None:
            is_lost = message.rule == "monthly" or not fits(at, PURPOSE[message.rule], taken)
            return ("lost" if is_lost else "late"), at
        return ("send" if later == at else "move"), later

    def others(self, message):
        """What takes room before this message: when, and for which purpose; and on which days birthday cards go."""
        taken = [(sent, PURPOSE[other.rule]) for sent, other in self.sent if counts(other) and other.key != message.key]
        birthdays = [(other.meant, self.person.day(sent)) for sent, other in self.sent if other.rule == "birthday"]
        asked = []
        for other in sorted(self.rivals(message), key=rank):
            if counts(message) and rank(other) >= rank(message):
                break
            # The survey of a month that is still to come precludes those of the months after it.
            if self.verdict(other, max(other.due, self.moment), asked) != "send":
                continue
            goes = self.place(other, max(other.due, self.moment), taken, [])
            if goes is None:
                continue
            if other.rule == "survey":
                asked.append(goes)
            taken.append((goes, PURPOSE[other.rule]))
            if other.rule == "birthday":
                birthdays.append((other.meant, self.person.day(goes)))
        return taken, birthdays

    def rivals(self, message):
        """What else that uses up room this customer may be owed by dates, and may still get."""
        first = bisect.bisect_left(self.person.dues, max(START, self.moment - LOOK_BACK - DAY))
        last = bisect.bisect_right(self.person.dues, message.due + 200 * DAY)
        for other in self.person.dates()[first:last] + self.stays:
            if counts(other) and other.key != message.key and other.key not in self.ended:
                if other.due >= START:
                    yield other

    def place(self, message, at, taken, birthdays):
        """The first instant from this one on with room in every budget, out of the quiet, before it is too late."""
        is_monthly = message.rule == "monthly"
        if is_monthly and any(message.meant == meant or self.person.day(message.due) == day for meant, day in birthdays):
            return None
        while at < message.expiry:
            if not is_monthly and not fits(at, PURPOSE[message.rule], taken):
                at = min(t + per for t, _ in taken for _, _, per in BUDGETS if t + per > at)
                continue
            open_at = self.person.first_open(at)
            if is_monthly and open_at == at and any(self.person.day(at) == day for _, day in birthdays):
                open_at = wall(self.person.day(at) + DAY, dt.time(0), self.person.zone)
            if open_at == at:
                return at
            at = open_at
        return None


# MARK: Everybody's


class Oracle:
    def __init__(self, folder, still=None):
        """`still`: for so many days, in which nothing changes and somebody looks every morning."""
        with open(f"{folder}/looks.json") as file:
            looks = json.load(file)
        self.days, self.looks = (still, range(still)) if still else (looks["days"], looks["looks"])
        self.is_still = still is not None
        self.customers = {}  # number -> [(look, row or None)]
        self.events = {}  # (kind, id) -> Event
        self.bounds = {}  # look -> where gold begins
        self.entries = {}  # number -> [(look, entry)]
        self.read(folder)

    def look(self, morning):
        return START + morning * DAY

    def end(self, morning):
        """The daemon is up from a look to the next morning; in an outage it is down."""
        return self.look(morning + 1)

    def is_gold(self, total, morning):
        return total is not None and total >= self.bounds[morning]

    def read(self, folder):
        database = sqlite3.connect(":memory:")
        sqlite3.connect(f"{folder}/shop.sqlite").backup(database)
        database.row_factory = sqlite3.Row
        changes = {}
        with open(f"{folder}/changes.jsonl") as file:
            for line in () if self.is_still else file:
                change = json.loads(line)
                changes[change["morning"]] = change["statements"]
        self.values, self.members, self.totals = [], {}, {}
        first = {("customers", row["id"]) for row in database.execute("SELECT id FROM customers")}
        done = 0
        for morning in self.looks:
            touched = set(first)
            first = set()
            for number in range(done, morning + 1):
                for sql, values in changes.get(number, []):
                    database.execute(sql, values)
                    words = sql.split()
                    table = words[1] if words[0] == "UPDATE" else words[2]
                    touched.add((table, values[0] if words[0] == "INSERT" else values[-1]))
            done = morning + 1
            for table, number in sorted(touched):
                row = database.execute(f"SELECT * FROM {table} WHERE id = ?", [number]).fetchone()
                self.take(table, number, dict(row) if row else None, morning)
            self.rank(morning)

    def take(self, table, number, row, morning):
        if table == "customers":
            self.customers.setdefault(number, []).append((morning, row))
            old, new = self.totals.get(number), row["total_spent"] if row else None
            if old is not None:
                self.values.pop(bisect.bisect_left(self.values, old))
            if new is not None:
                bisect.insort(self.values, new)
            self.totals[number] = new
            return
        kind = {"complaints": "complaint", "orders": "order", "inquiries": "inquiry"}[table]
        if kind == "complaint":
            row["at"] = row["opened_at"]
        event = self.events.setdefault((kind, number), Event(kind, self.look(morning)))
        event.versions.append((morning, row))

    def rank(self, morning):
        """The top fifth of those who ever bought; whoever has spent as much as the last of them belongs too."""
        size = math.ceil(len(self.values) * 0.2)
        bound = self.values[-size] if size else math.inf
        self.bounds[morning] = bound
        now = self.look(morning)
        for number, total in self.totals.items():
            is_in = total is not None and total >= bound
            entry = self.members.get(number)
            was_in = entry is not None and entry[2] is None
            if is_in and not was_in:
                entry = ((entry[0] if entry else 0) + 1, now, None, morning == 0)
            elif was_in and not is_in:
                entry = (entry[0], entry[1], now, entry[3])
            else:
                continue
            self.members[number] = entry
            self.entries.setdefault(number, []).append((morning, entry))

    def stories(self):
        by_customer = {}
        for (kind, number), event in self.events.items():
            if kind == "inquiry":
                yield f"event:{number}", Story(self, number, [], [event.anew()], [])
            else:
                by_customer.setdefault(event.versions[0][1]["customer_id"], []).append(event.anew())
        for number, versions in self.customers.items():
            events, entries = by_customer.get(number, []), self.entries.get(number, [])
            yield str(number), Story(self, number, list(versions), events, list(entries))


def tell(part):
    """The lines of every n-th story: customers know nothing of each other."""
    lines = []
    for number, (customer, story) in enumerate(ORACLE.stories()):
        if number % PARTS != part:
            continue
        for at, message in story.tell():
            is_belated = message.grace is not None and at >= message.due + message.grace
            card = "staff" if message.step.startswith("tell") else "belated" if is_belated else "card"
            stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            lines.append("\t".join([customer, message.rule, message.occasion, message.step, message.recipient, stamp, card]))
    return lines


def main():
    global ORACLE
    ORACLE = Oracle(sys.argv[1], *map(int, sys.argv[2:]))
    with concurrent.futures.ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        lines = sorted(line for part in pool.map(tell, range(PARTS)) for line in part)
    sys.stdout.write("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
