#!/usr/bin/env python3
"""Says whether everybody got what they were owed, once: by what the shop's database says, what the outbox says, and what a
recorder received that had each message on disk before it answered.

    verdict.py SHOP STATE RECORD

Who is due is computed here from the shop alone: a card at 09:00 UTC of each birthday, up to four days late. Of Regards'
code nothing is used; of the outbox only what it claims. Prints one line of figures, and a line for each thing that is
wrong; exits with 1 when something is.
"""

import collections
import datetime
import email
import sqlite3
import sys

UTC = datetime.timezone.utc
EPOCH = datetime.date(1970, 1, 1)


def read_only(path):
    return sqlite3.connect("file:%s?mode=ro" % path, uri=True)


def who_is_due(path, now):
    """The day of each customer's card, by id."""
    due = {}
    for id, address, birthday in read_only(path).execute("SELECT id, email, birthday FROM customers"):
        if not address or not birthday:
            continue
        born = datetime.date.fromisoformat(birthday)
        for year in (now.year - 1, now.year):
            day = datetime.date(year, born.month, born.day)
            first, last = window(day)
            if first <= now < last:
                due[str(id)] = day
    return due


def window(day):
    """From when to when the card of a day may go."""
    at = datetime.datetime.combine(day, datetime.time(9), UTC)
    return at, at + datetime.timedelta(days=4)


def outbox(path):
    """State, local day, attempts and attempts in doubt of each row, by customer and occasion."""
    rows = {}
    for customer, occasion, state, reason, day, tries, doubts, unended in read_only(path).execute("""
            SELECT o.customer, o.occasion, o.state, o.reason, o.local_date, o.attempts,
                (SELECT count(*) FROM attempts a WHERE a.outreach_id = o.id AND a.outcome = 'in-doubt'),
                (SELECT count(*) FROM attempts a WHERE a.outreach_id = o.id AND a.outcome = '')
            FROM outreach o"""):
        if (customer, occasion) in rows:
            sys.exit("two rows of one occasion: %s %s" % (customer, occasion))
        rows[customer, occasion] = state, reason, EPOCH + datetime.timedelta(days=day), tries, doubts, unended
    return rows


def received(path):
    """What each customer got, by the address in the envelope: when, Message-ID and text."""
    messages = collections.defaultdict(list)
    with open(path, "rb") as file:
        for line in file:
            fields = line.rstrip(b"\n").split(b"\t")
            message = email.message_from_bytes(bytes.fromhex(fields[7].decode()))
            at = datetime.datetime.fromtimestamp(float(fields[8]), UTC)
            for recipient in fields[5].decode().split(","):
                messages[recipient.split("@")[0].removeprefix("c")].append((at, message["Message-ID"], text(message)))
    return messages


def text(message):
    """The first text part."""
    part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()


def main(shop, state, record):
    due = who_is_due(shop, datetime.datetime.now(UTC))
    rows = outbox(state)
    messages = received(record)
    wrong = []
    sent = {customer for (customer, _), row in rows.items() if row[0] == 10}
    for customer, day in due.items():
        found = rows.get((customer, str(day.year)))
        if found is None or customer not in messages:
            wrong.append("lost: customer %s, %s" % (customer, found))
        elif found[0] != 10 or found[5]:
            wrong.append("not ended: customer %s is %s %s" % (customer, found[0], found[1]))
        elif found[2] != day:
            wrong.append("wrong day: customer %s on %s instead of %s" % (customer, found[2], day))
    wrong += ["marked sent but not received: customer %s" % one for one in sorted(sent - set(messages))]
    wrong += ["wrong person: customer %s" % one for one in sorted(set(messages) - set(due))]
    twice = 0
    doubtful = collections.Counter()
    for (customer, _), row in rows.items():
        doubtful[customer] += row[4]
    for customer, copies in messages.items():
        twice += len(copies) - 1
        if len(copies) > 1 + doubtful[customer]:
            wrong.append("silently doubled: customer %s got %d, %d in doubt" % (customer, len(copies), doubtful[customer]))
        if len({id for _, id, _ in copies}) > 1:
            wrong.append("one occasion under two ids: customer %s" % customer)
        first, last = window(due[customer]) if customer in due else (None, None)
        for at, _, words in copies:
            if "Customer %s." % customer not in words:
                wrong.append("wrong person: customer %s got %r" % (customer, words[:60]))
            if first and not first <= at < last:
                wrong.append("wrong day: customer %s got it at %s" % (customer, at))
    doubts = sum(row[4] for row in rows.values())
    print("due %d, sent %d, received %d, in doubt %d, twice %d, wrong %d" % (
        len(due), len(sent), sum(map(len, messages.values())), doubts, twice, len(wrong)))
    for line in wrong[:20]:
        print(line)
    sys.exit(1 if wrong else 0)


main(*sys.argv[1:])
