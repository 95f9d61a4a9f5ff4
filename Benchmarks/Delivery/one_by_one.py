#!/usr/bin/env python3
"""What a shop would write: read who is due, send, mark as sent, commit. One message after the other on one connection.

    one_by_one.py PORT COUNT BODY-FILE FOLDER      prints the seconds it took
"""

import smtplib
import sqlite3
import sys
import time

port, count, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
body = open(sys.argv[3], "rb").read()
database = sqlite3.connect(folder + "/script.sqlite")
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE due (id INTEGER PRIMARY KEY, address TEXT, sent_at REAL)")
database.executemany("INSERT INTO due (address) VALUES (?)", (("c%d@example.net" % i,) for i in range(count)))
database.commit()
start = time.monotonic()
relay = smtplib.SMTP("127.0.0.1", port)
for number, address in database.execute("SELECT id, address FROM due WHERE sent_at IS NULL").fetchall():
    relay.sendmail("shop@example.com", [address], body)
    database.execute("UPDATE due SET sent_at = ? WHERE id = ?", (time.time(), number))
    database.commit()
relay.quit()
print(time.monotonic() - start)
