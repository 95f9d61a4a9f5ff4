"""What the scenario does to the booted machine, and how it waits: for lines of the journal, never for time to pass."""
import datetime
import email
import email.policy
import glob
import json
import os
import queue
import re
import socket
import socketserver
import sqlite3
import ssl
import struct
import subprocess
import threading
import time

UNIT = "regards.service"
CONFIGURATION = "/etc/regards/regards.yaml"
RULES = "/etc/regards/rules.d"
SHOP = "/srv/shop/shop.sqlite"
STATE = "/var/lib/regards"
DOCS = "/run/docs"
MAIL = f"{STATE}/maildir"


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


def systemd_version():
    return int(run("systemctl", "--version").stdout.split()[1])


def await_status(pattern, seconds=25):
    """The sentence of `systemctl status`, once it is as expected: it is renewed every ten seconds."""
    deadline = time.monotonic() + seconds
    while not re.search(pattern, text := show("StatusText")):
        assert time.monotonic() < deadline, f"{pattern}: not within {seconds} s; the status is: {text}"
        threading.Event().wait(0.2)
    return text


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


# ------------------------------------------------------------------ mail

def mails():
    """Every message that was delivered into the maildir: what lies in tmp/ is still being written."""
    found = []
    for path in glob.glob(f"{MAIL}/new/*.eml"):
        with open(path, "rb") as file:
            found.append(email.message_from_binary_file(file, policy=email.policy.SMTP))
    return found


def recipients(messages):
    return sorted(address.addr_spec for message in messages for address in message["to"].addresses)


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

    def next(self, matches, seconds=20, wanted=None):
        """The next entry that comes and matches, none that came before."""
        del self.seen[:]
        return self.wait_for(matches, seconds, wanted)

    def wait_any(self, notices, seconds=20):
        """The place of the notice that came first, of several kinds given as arguments of `wait`."""
        found = []

        def matches(entry):
            for place, notice in enumerate(notices):
                wanted = {"MESSAGE_ID": self.ids[notice["word"]]}
                wanted.update({f"REGARDS_{name.upper()}": str(value) for name, value in notice.items() if name != "word"})
                if all(entry.get(name) == value for name, value in wanted.items()):
                    found.append(place)
                    return True
            return False

        self.wait_for(matches, seconds, notices)
        return found[-1]

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


def make_shop(path=SHOP, people=None):
    """Customers with a birthday today, somewhere at noon; a table of complaints of the shop's own design."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    zone, offset = noon_zone()
    born = datetime.datetime.now(offset).date().strftime("1980-%m-%d")
    with sqlite3.connect(path) as shop:
        shop.executescript("""
            CREATE TABLE people (nr INTEGER PRIMARY KEY, full_name TEXT, mail TEXT, born TEXT, zone TEXT);
            CREATE TABLE complaints (nr INTEGER PRIMARY KEY, person INTEGER, since TEXT, answered TEXT, solved TEXT, what TEXT);
        """)
        shop.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?)",
            [(number, name, mail, born, zone) for number, (name, mail) in enumerate(people or PEOPLE, 1)])
    shop.close()
    os.chmod(path, 0o644)


def complain(number, person, what="It broke", hours_ago=0, path=SHOP):
    sql("INSERT INTO complaints VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?), NULL, NULL, ?)",
        number, person, f"-{hours_ago} hours", what, path=path)


def sql(statement, *values, path=SHOP):
    """What the shop's own program does: writes to its database, whatever Regards is doing."""
    shop = sqlite3.connect(path, timeout=0.5)
    with shop:
        result = shop.execute(statement, values).fetchall()
    shop.close()
    return result


def configure(mail="", rules=None, shop=SHOP, refresh="5s"):
    """Writes regards.yaml and the rules."""
    write(CONFIGURATION, f"""\
business: {{name: The Corner Shop, email: hello@example.com, time_zone: Europe/Berlin}}
mode: live
state: sqlite:{STATE}/regards.sqlite
{mail}
customers:
  database: sqlite:{shop}
  query: SELECT nr AS id, full_name AS name, full_name AS given_name, mail AS email, born AS birthday, zone AS time_zone FROM people
  refresh: {refresh}
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
  - {at: limit, tell: director, card: task-breach}
""",
}


# ------------------------------------------------------------------ a relay

class Relay(socketserver.ThreadingTCPServer):
    """A mail relay that keeps what it is given."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address="127.0.0.1", refuses=lambda recipient: False, keeps=True):
        """Refuses recipients with a reply that repeats all it knows of them, as many relays do."""
        super().__init__((address, 0), RelaySession)
        self.messages = []
        self.sessions = []
        self.refuses = refuses
        self.keeps = keeps
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        """Takes no new connection, and breaks those that are open."""
        self.shutdown()
        self.server_close()
        for session in self.sessions:
            try:
                session.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass        # it has ended by itself

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
                recipient = line.split(b"<", 1)[1].split(b">", 1)[0].decode()
                if self.server.refuses(recipient):
                    self.answer(f"550 5.1.1 <{recipient}> {recipient.split('@')[0]} is not known here")
                else:
                    recipients.append(recipient)
                    self.answer("250 2.1.5 ok")
            elif verb == b"DATA":
                self.answer("354 go on")
                lines = []
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part[1:] if part.startswith(b".") else part)
                if self.server.keeps:
                    self.server.messages.append((recipients, b"".join(lines)))
                recipients = []
                self.answer("250 2.0.0 kept")
            elif verb == b"QUIT":
                return self.answer("221 bye")
            else:
                self.answer("250 ok")

    def answer(self, text):
        self.wfile.write(text.encode() + b"\r\n")


# ------------------------------------------------------------------ names and endpoints

class Names(socketserver.ThreadingUDPServer):
    """A name server that knows one name, and whose address it is."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name, address):
        super().__init__(("127.0.0.1", 53), NamesAnswer)
        self.name = name
        self.address = address
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


class NamesAnswer(socketserver.BaseRequestHandler):
    def handle(self):
        """RFC 1035: the question is repeated; an A record follows for the name, nothing for all else."""
        query, reply = self.request
        labels, place = [], 12
        while query[place]:
            labels.append(query[place + 1:place + 1 + query[place]].decode("ascii"))
            place += 1 + query[place]
        kind, = struct.unpack(">H", query[place + 1:place + 3])
        question = query[12:place + 5]
        name = ".".join(labels).lower()
        self.server.asked.append(name)
        knows = name == self.server.name
        answers = knows and kind == 1
        header = query[:2] + struct.pack(">HHHHH", 0x8580 | (0 if knows else 3), 1, int(answers), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(self.server.address) if answers else b""
        reply.sendto(header + question + record, self.client_address)


class Endpoint(socketserver.ThreadingTCPServer):
    """A webhook's receiver behind TLS."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, certificate, key):
        super().__init__(("127.0.0.1", 0), EndpointRequest)
        self.requests = queue.Queue()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def end(self):
        self.shutdown()
        self.server_close()


class EndpointRequest(socketserver.StreamRequestHandler):
    def handle(self):
        headers = {}
        first = self.rfile.readline().decode("ascii").strip()
        while (line := self.rfile.readline().decode("utf-8").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        self.server.requests.put((first, headers, body))
        self.wfile.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
