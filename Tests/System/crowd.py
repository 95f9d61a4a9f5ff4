"""Ten thousand customers on one morning, and nothing to do at all: what the journal keeps, what it never holds, and what
an idle daemon costs."""
import os
import re
import threading
import time

from machine import SHOP, UNIT, Journal, Relay, configure, main_pid, make_shop, message_ids, run, show, write

CROWD = 10_000
# So many records of one service journald lets through in 30 seconds by itself (and more where the disk is large).
BURST = 500


def person(number):
    return f"Vorname{number:05d} Nachname{number:05d}", f"mailbox{number:05d}@customers{number % 7}.example.net"


def test_ten_thousand_attempts_are_ten_thousand_lines_without_a_name():
    """At full speed, under a journald that limits everybody else; one in ten is refused by a relay that talks too much."""
    write("/etc/systemd/journald.conf.d/90-limit.conf", f"[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst={BURST}\n")
    run("systemctl", "restart", "systemd-journald")
    run("systemctl", "stop", UNIT)
    run("rm", "-rf", "/var/lib/private/regards")
    os.unlink(SHOP)
    make_shop(people=[person(number) for number in range(1, CROWD + 1)])
    relay = Relay(refuses=lambda recipient: "0@" in recipient, keeps=False)
    configure(mail=f"smtp: {{host: 127.0.0.1, port: {relay.port}, security: none, sessions: 20}}\nguard: {{new_rule: off, day: off}}")
    run("regards", "go-live")
    ids = message_ids()
    with Journal() as journal:
        began = time.monotonic()
        run("systemctl", "start", UNIT)
        for left in range(CROWD, 0, -1):
            journal.next(lambda entry: entry.get("MESSAGE_ID") in (ids["sent"], ids["refused"]), seconds=120, wanted=f"{left} more")
        took = time.monotonic() - began
        assert journal.count("sent") == CROWD * 9 // 10 and journal.count("refused") == CROWD // 10
    print(f"      {CROWD} attempts in {took:.1f} s")
    run("journalctl", "--sync")
    everything = run("journalctl", "--output=export", "--all", f"--unit={UNIT}").stdout
    assert everything.count("MESSAGE_ID=") >= CROWD
    found = re.search(r"(?i)mailbox\d|nachname\d|vorname\d|@customers|is not known here|happy birthday", everything)
    assert not found, everything[max(0, found.start() - 200):found.end() + 200]
    suppressed = run("journalctl", "--output=cat", "--unit=systemd-journald.service", "--grep=Suppressed .*regards", check=False).stdout
    assert suppressed == "", suppressed
    relay.end()


def switches(pid):
    """How often each thread gave up the processor by itself: it went to sleep, so it had woken up."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as file:
            text = file.read()
        found[tid] = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE)[1])
    return found


def test_idle_it_wakes_for_the_look_at_the_database_alone():
    """Over 30 seconds: every two seconds a look, every ten a sign of life, and nothing else."""
    configure()
    run("systemctl", "restart", UNIT)
    with Journal() as journal:
        run("regards", "pause", "--all")          # whatever is still owed waits
        journal.wait("paused")
    pid, seconds = main_pid(), 30
    passing = threading.Event()
    passing.wait(10)                              # until what a start leaves behind is done
    before = switches(pid)
    passing.wait(seconds)                         # what is measured
    after = switches(pid)
    woken = {tid: after[tid] - before.get(tid, 0) for tid in after if after[tid] != before.get(tid, 0)}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])
    print(f"      in {seconds} s: {sorted(woken.values(), reverse=True)} wake-ups of {len(after)} threads; {resident / 1024:.1f} MiB resident")
    run("regards", "pause", "lift", "--all")
    # A look is a timer's thread and a queue's thread; a sign of life asks each part once.
    looks, beats = seconds / 2 + 1, seconds / 10 + 1
    assert all(count <= looks + 8 * beats for count in woken.values()), woken
    assert sum(woken.values()) <= 4 * looks + 16 * beats, woken
    assert resident < 40 * 1024, f"{resident} KiB with {CROWD} customers"
    assert show("NRestarts") == "0"
