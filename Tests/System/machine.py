"""What the scenario does to the booted machine, and how it waits: for lines of the journal, never for time to pass."""
import datetime
import json
import os
import queue
import re
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time

UNIT = "regards.service"
CONFIGURATION = "/etc/regards/regards.yaml"
RULES = "/etc/regards/rules.d"
SHOP = "/srv/shop/shop.sqlite"
STATE = "/var/lib/regards"
DOCS = "/run/docs"


def run(*command, check=True, **options):
    """Runs a command; returns its CompletedProcess with text in stdout and stderr."""
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def show(name, unit=UNIT):
    """A property of the unit, as systemctl shows it."""
    return run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()


def main_pid():
    return int(show("MainPID"))


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def drop_in(name, text):
    write(f"/etc/systemd/system/{UNIT}.d/{name}.conf", text)
    run("systemctl", "daemon-reload")


def remove_drop_in(name):
    os.unlink(f"/etc/systemd/system/{UNIT}.d/{name}.conf")
    run("systemctl", "daemon-reload")


# ------------------------------------------------------------------ journal

def message_ids():
    """Word of each kind of notice to its MESSAGE_ID, from the table of docs/journal.md."""
    with open(f"{DOCS}/journal.md", encoding="utf-8") as file:
        return dict(re.findall(r"^\| `([a-z-]+)` \|.*`([0-9a-f]{32})` \|$", file.read(), re.MULTILINE))


class Journal:
    """The unit's journal from the moment this is made."""

    def __init__(self):
        last = json.loads(run("journalctl", "--lines=1", "--output=json").stdout)
        self.cursor = last["__CURSOR"]
        self.ids = message_ids()
        self.process = subprocess.Popen(
            ["journalctl", "--follow", "--no-tail", "--output=json", "--all", f"--after-cursor={self.cursor}",
             f"--unit={UNIT}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            if line.endswith("\n"):      # the last one is cut off when journalctl is ended
                self.lines.put(json.loads(line))

    def wait(self, word, seconds=20, **fields):
        """The first notice of a kind, among those that came and those to come, whose REGARDS_ fields are these."""
        wanted = {"MESSAGE_ID": self.ids[word]}
        wanted.update({f"REGARDS_{name.upper()}": str(value) for name, value in fields.items()})
        return self.wait_for(lambda entry: all(entry.get(name) == value for name, value in wanted.items()), seconds, wanted)

    def wait_for(self, matches, seconds=20, wanted=None):
        for entry in self.seen:
            if matches(entry):
                return entry
        deadline = time.monotonic() + seconds
        while True:
            try:
                entry = self.lines.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                shown = "\n".join("  " + str(entry.get("MESSAGE")) for entry in self.seen[-20:])
                raise AssertionError(f"{wanted}: not within {seconds} s; the journal said:\n{shown}") from None
            self.seen.append(entry)
            if matches(entry):
                return entry

    def all(self):
        """Every entry since the beginning, what was written up to now included."""
        run("journalctl", "--sync")
        text = run("journalctl", "--output=json", "--all", f"--after-cursor={self.cursor}", f"--unit={UNIT}").stdout
        return [json.loads(line) for line in text.splitlines()]

    def count(self, word, **fields):
        wanted = {"MESSAGE_ID": self.ids[word]}
        wanted.update({f"REGARDS_{name.upper()}": str(value) for name, value in fields.items()})
        return sum(all(entry.get(name) == value for name, value in wanted.items()) for entry in self.all())


# ------------------------------------------------------------------ a shop

def noon_zone():
    """A zone where it is about noon now, so that a card of nine o'clock is due today and not yet late."""
    hours = 12 - datetime.datetime.now(datetime.timezone.utc).hour   # east of UTC, -11 to 12
    return ("UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"), datetime.timezone(datetime.timedelta(hours=hours))


PEOPLE = [
    ("Luís Gonçalves", "luis.goncalves@example.com"),
    ("František Wichterlová", "frantisek@example.com"),
    ("王小明", "wang.xiaoming@example.com"),
]


def make_shop():
    """Three customers with a birthday today, somewhere at noon; a table of complaints of the shop's own design."""
    os.makedirs(os.path.dirname(SHOP), exist_ok=True)
    zone, offset = noon_zone()
    born = datetime.datetime.now(offset).date().strftime("1980-%m-%d")
    with sqlite3.connect(SHOP) as shop:
        shop.executescript("""
            CREATE TABLE people (nr INTEGER PRIMARY KEY, full_name TEXT, mail TEXT, born TEXT, zone TEXT);
            CREATE TABLE complaints (nr INTEGER PRIMARY KEY, person INTEGER, since TEXT, answered TEXT, solved TEXT, what TEXT);
        """)
        for number, (name, mail) in enumerate(PEOPLE, 1):
            shop.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?)", (number, name, mail, born, zone))
    os.chmod(SHOP, 0o644)


def sql(statement, *values):
    """What the shop's own program does: writes to its database, whatever Regards is doing."""
    shop = sqlite3.connect(SHOP, timeout=0.5)
    with shop:
        result = shop.execute(statement, values).fetchall()
    shop.close()
    return result


def configure(mail="", rules=None):
    """Writes regards.yaml and the rules."""
    write(CONFIGURATION, f"""\
business: {{name: The Corner Shop, email: hello@example.com, time_zone: Europe/Berlin}}
mode: live
state: sqlite:{STATE}/regards.sqlite
{mail}
customers:
  database: sqlite:{SHOP}
  query: SELECT nr AS id, full_name AS name, full_name AS given_name, mail AS email, born AS birthday, zone AS time_zone FROM people
  refresh: 5s
events:
  complaint:
    query: SELECT nr AS id, person AS customer_id, since AS at, answered AS answered_at, solved AS solved_at, what AS subject FROM complaints
    done: solved_at is present
    pauses: [greeting, marketing]
people:
  advisor: {{name: Ada Advisor, email: ada@example.org}}
  manager: {{name: Maria Manager, email: maria@example.org}}
  director: {{name: Dora Director, email: dora@example.org}}
""")
    for name in os.listdir(RULES):
        os.unlink(f"{RULES}/{name}")
    for name, text in (rules or RULE_FILES).items():
        write(f"{RULES}/{name}", text)


RULE_FILES = {
    "birthday-card.yaml": """\
birthday-card:
  purpose: greeting
  when: {anniversary: birthday, at: 09:00}
  send: birthday
  from: advisor
  if_late: {grace: 10h}
  backfill: 1d
""",
    "complaint-care.yaml": """\
complaint-care:
  purpose: care
  when: {event: complaint}
  promise: {answer_within: 24h}
  ends_when: complaint.answered_at is present
  from: advisor
  steps:
  - {at: start, send: complaint-received}
  - {at: start, tell: advisor, card: task-answer}
  - {at: 6h before limit, tell: manager, card: task-warning}
""",
}


# ------------------------------------------------------------------ a relay

class Relay(socketserver.ThreadingTCPServer):
    """A mail relay that keeps what it is given."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), RelaySession)
        self.messages = []
        self.sessions = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        """Takes no new connection, and breaks those that are open."""
        self.shutdown()
        self.server_close()
        for session in self.sessions:
            session.shutdown(socket.SHUT_RDWR)

    @property
    def port(self):
        return self.server_address[1]


class RelaySession(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.sessions.append(self.connection)
        recipients = []
        self.answer("220 relay.example.com")
        while line := self.rfile.readline():
            verb = line.split(maxsplit=1)[0].upper() if line.strip() else b""
            if verb == b"EHLO":
                self.answer("250-relay.example.com\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"RCPT":
                recipients.append(line.split(b"<", 1)[1].split(b">", 1)[0].decode())
                self.answer("250 2.1.5 ok")
            elif verb == b"DATA":
                self.answer("354 go on")
                lines = []
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part[1:] if part.startswith(b".") else part)
                self.server.messages.append((recipients, b"".join(lines)))
                recipients = []
                self.answer("250 2.0.0 kept")
            elif verb == b"QUIT":
                return self.answer("221 bye")
            else:
                self.answer("250 ok")

    def answer(self, text):
        self.wfile.write(text.encode() + b"\r\n")
