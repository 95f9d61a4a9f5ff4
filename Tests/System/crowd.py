"""Ten thousand customers on one morning, and nothing to do at all: what the journal keeps, what it never holds, and what
an idle daemon costs."""
import os
import re
import statistics
import threading
import time

from machine import SHOP, STATE, UNIT, Journal, Relay, configure, main_pid, make_shop, message_ids, run, show, write

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
    run("rm", "-rf", "/var/lib/private/regards", STATE)
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
            journal.next(lambda entry: entry.get("MESSAGE_ID") in (ids["sent"], ids["refused"]), seconds=60, wanted=f"{left} more")
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
        try:
            with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii") as file:
                found[tid] = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.MULTILINE)[1])
        except (FileNotFoundError, ProcessLookupError):
            pass        # it ended meanwhile
    return found


def wakings(pid, seconds):
    """When the process woke up, in seconds, and how often its threads went to sleep again each time; and how many threads
    ended. What lies less than half a second apart is one waking: a machine that is busy hands out its processors late."""
    passing = threading.Event()
    began, before, found, ended = time.monotonic(), switches(pid), [], 0
    while (now := time.monotonic() - began) < seconds:
        passing.wait(0.02)
        after = switches(pid)
        slept = sum(count - before.get(tid, 0) for tid, count in after.items())
        ended += len(before.keys() - after.keys())
        if slept > 0 and found and now - found[-1][1] < 0.5:
            found[-1] = (found[-1][0], now, found[-1][2] + slept)
        elif slept > 0:
            found.append((now, now, slept))
        before = after
    return [(round(first, 2), slept) for first, _, slept in found], ended


def test_idle_it_wakes_for_the_look_at_the_database_alone():
    """Every two seconds, and never in between: signs of life, the status line and the look at the clock fall together with
    the look at the customer database. Passes over all customers come as often as the shipped configuration has them."""
    configure(refresh="15min")
    run("systemctl", "restart", UNIT)
    with Journal() as journal:
        run("regards", "pause", "--all")          # whatever is still owed waits
        journal.wait("paused")
    pid, seconds = main_pid(), 40
    threading.Event().wait(30)                    # until what a start leaves behind is done
    found, ended = wakings(pid, seconds)
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        text = file.read()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])
    own = int(re.search(r"RssAnon:\s+(\d+) kB", text)[1])
    run("regards", "pause", "lift", "--all")
    slept = [count for _, count in found]
    print(f"      in {seconds} s: {len(found)} times, {sum(slept)} switches of threads, {statistics.median(slept):.0f} as a rule;"
          f" {ended} threads ended; {resident / 1024:.1f} MiB resident, {own / 1024:.1f} of it data")
    # As often as there are looks, neither more nor less.
    assert abs(len(found) - seconds / 2) <= 1, found
    # At a look Dispatch's manager wakes, and a worker that looks; with it comes a turn of the signs of life, which takes a
    # worker, and at most one more to ask: a part's, or the main thread. Once a minute the clock and the zones are looked at.
    assert sum(slept) <= 6 * len(found), found
    # Dispatch has a worker end that had nothing to do for five seconds: one that came for the minute's look, or before
    # another had gone to sleep. Two of them at a time at most: 3 to 9 ended in five runs.
    assert ended <= 2 * seconds / 5, ended
    assert resident < 40 * 1024, f"{resident} KiB"
    assert show("NRestarts") == "0"
