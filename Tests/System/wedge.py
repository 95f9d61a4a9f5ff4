"""Threads that stand still, a start that lasts, a disk that is full."""
import errno
import os
import re
import sqlite3
import threading
import time

from machine import (
    PEOPLE, STATE, UNIT, Journal, Relay, complain, configure, drop_in, main_pid, remove_drop_in, run, show)
from threads import Wedged, threads


def test_each_thread_that_stands_still_is_noticed():
    """One after the other is stopped: systemd starts the daemon again, or, where others do the thread's work (Dispatch
    lends its threads), a complaint is answered all the same. Nothing goes twice."""
    relay = Relay()
    configure(mail=f"smtp: {{host: 127.0.0.1, port: {relay.port}, security: none}}")
    drop_in("watchdog", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\nRestartSec=100ms\n")
    run("systemctl", "restart", UNIT)
    number = 40
    verdicts, tried = {}, set()
    for _ in range(20):
        with Journal() as journal:
            # Its relay's thread runs once something was sent.
            complain(number, 1)
            journal.wait("sent", rule="complaint-care", step="tell-advisor", customer=1)
        pid = main_pid()
        # Each thread of a process once, and of those that were restarted none again under its name.
        left = [(tid, name) for tid, name in threads(pid)
                if tid not in tried and verdicts.get(kind(pid, tid, name)) != {"restarted"}]
        if not left:
            break
        tid, name = left[0]
        tried.add(tid)
        number += 2
        with Journal() as journal, Wedged(tid):
            complain(number - 1, 2)
            answered = journal.wait_any(
                [dict(word="sent", rule="complaint-care", step="send", customer=2), dict(word="ready")], seconds=20)
            if answered == 0 and is_restarted(journal, pid, seconds=4):
                answered = 1
        verdicts.setdefault(kind(pid, tid, name), set()).add("restarted" if answered else "others did its work")
    print("      " + "; ".join(f"{name}: {' or '.join(sorted(said))}" for name, said in sorted(verdicts.items())))
    assert verdicts["main"] == {"restarted"}, verdicts
    named = {name: said for name, said in verdicts.items() if name != "main" and "qos" not in name}
    assert named and all(said == {"restarted"} for said in named.values()), verdicts
    remove_drop_in("watchdog")
    configure()
    run("systemctl", "restart", UNIT)
    relay.end()


def kind(pid, tid, name):
    """Dispatch numbers its threads; a channel's has the channel's name."""
    return "main" if tid == pid else name


def is_restarted(journal, pid, seconds):
    """Whether another process took over within a few seconds."""
    try:
        journal.wait("ready", seconds=seconds)
    except AssertionError:
        return False
    return main_pid() != pid


def test_long_start_is_given_time():
    """Somebody else writes into the state for longer than a start may take: systemd is asked to wait."""
    run("systemctl", "stop", UNIT)
    drop_in("patience", "[Service]\nTimeoutStartSec=2\n")
    held = threading.Event()

    def hold():
        state = sqlite3.connect(f"{STATE}/regards.sqlite", isolation_level=None)
        state.execute("BEGIN EXCLUSIVE")
        held.set()
        threading.Event().wait(4)        # the fault itself lasts
        state.execute("ROLLBACK")
        state.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    began = time.monotonic()
    run("systemctl", "start", UNIT)
    took = time.monotonic() - began
    holder.join()
    assert took > 2.5, f"{took:.1f} s: it did not wait"
    assert show("ActiveState") == "active"
    remove_drop_in("patience")


def fill(path):
    """Until not a byte more goes in."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError as failure:
        assert failure.errno == errno.ENOSPC, failure
    finally:
        os.close(file)


def test_full_state_folder_stops_sending_until_there_is_room():
    """Nothing is sent that could not be remembered; it goes on by itself."""
    run("systemctl", "stop", UNIT)
    run("cp", "-a", "/var/lib/private/regards", "/run/regards-state")
    run("mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", "/var/lib/private/regards")
    run("cp", "-a", "/run/regards-state/.", "/var/lib/private/regards/")
    run("rm", "-rf", "/var/lib/private/regards/maildir")
    relay = Relay()
    configure(mail=f"smtp: {{host: 127.0.0.1, port: {relay.port}, security: none}}")
    run("systemctl", "start", UNIT)
    filler = "/var/lib/private/regards/filler"
    with Journal() as journal:
        fill(filler)
        complain(60, 3)
        entry = journal.wait("disk-full", seconds=30)
        assert entry["PRIORITY"] == "2", entry
        assert show("ActiveState") == "active"
        assert relay.messages == [], "sent, and not remembered"
        os.unlink(filler)
        journal.wait("disk-ok", seconds=30)
        journal.wait("sent", seconds=30, rule="complaint-care", customer=3, step="send")
        journal.wait("sent", seconds=30, rule="complaint-care", step="tell-advisor")
    assert sorted(sum((to for to, _ in relay.messages), [])) == sorted([PEOPLE[2][1], "ada@example.org"])
    run("systemctl", "stop", UNIT)
    run("umount", "/var/lib/private/regards")
    run("rm", "-rf", "/run/regards-state")
    relay.end()
    configure()
    run("systemctl", "start", UNIT)
    assert re.search(r"\d", show("StatusText"))
