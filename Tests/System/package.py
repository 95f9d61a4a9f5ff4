"""Installed again, upgraded, removed, purged."""
import datetime
import glob
import grp
import os
import sqlite3

from machine import (
    CONFIGURATION, PEOPLE, RULES, SHOP, STATE, UNIT, Journal, complain, configure, mails, main_pid, make_shop, noon_zone,
    recipients, run, show, write)

(DEB,) = glob.glob("/run/host-debs/*.deb") or [None]
OLDER = "/run/older/regards-older.deb"
POLICY = "/usr/sbin/policy-rc.d"


def install(deb):
    """As an operator does it; what was edited stays as it is."""
    return run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", "--allow-downgrades", "--reinstall",
               "-o", "Dpkg::Options::=--force-confold", deb)


def version():
    return run("dpkg-query", "-W", "-f", "${Version}", "regards").stdout


def enabled():
    return run("systemctl", "is-enabled", UNIT, check=False).stdout.strip()


def test_removing_keeps_the_ledger_and_purging_forgets_it():
    run("systemctl", "start", UNIT)
    run("dpkg", "--remove", "regards")
    assert not os.path.exists("/usr/bin/regards")
    assert os.path.exists("/var/lib/private/regards/regards.sqlite") and os.path.exists(CONFIGURATION)
    assert run("systemctl", "is-active", UNIT, check=False).stdout.strip() != "active"
    run("dpkg", "--purge", "regards")
    for path in (STATE, "/var/lib/private/regards", "/etc/regards"):
        assert not os.path.lexists(path), path
    assert not glob.glob(f"/etc/systemd/system/**/{UNIT}", recursive=True), "no link and no mask is left"


def test_policy_of_the_machine_is_obeyed():
    """Where policy-rc.d forbids it (an image is made, a cluster decides) nothing is started."""
    write(POLICY, "#!/bin/sh\nexit 101\n", 0o755)
    install(OLDER)
    assert version() == "0.0.1"
    assert show("ActiveState") == "inactive" and enabled() == "enabled"
    assert not os.path.exists(STATE)
    os.unlink(POLICY)


def old_state():
    """The state of the first release with a live outbox: what was sent, what is due, and what was on the wire when the
    machine lost power."""
    zone, offset = noon_zone()
    now = datetime.datetime.now(datetime.timezone.utc)
    due = now.astimezone(offset).replace(hour=9, minute=0, second=0, microsecond=0)
    stamp = lambda instant: int(instant.timestamp() * 1_000_000)
    day = due.date().toordinal() - datetime.date(1970, 1, 1).toordinal()
    os.makedirs("/var/lib/private/regards", mode=0o700, exist_ok=True)
    state = sqlite3.connect("/var/lib/private/regards/regards.sqlite")
    with open("/run/state/001-ledger.sql", encoding="utf-8") as file:
        state.executescript(file.read())
    # What go-live notes, so that the daemon and no command brings the file up to date.
    machine = run("systemd-id128", "machine-id", "--app-specific=6f0c5a2c1e6a4c0f9a5d5b8d2f7f4e31").stdout.strip()
    state.execute("INSERT INTO meta VALUES ('epoch', '4'), ('live_machine', ?)", (machine,))
    week_ago = stamp(now - datetime.timedelta(days=7))
    state.execute("INSERT INTO rules VALUES (1, 'birthday-card', 7, ?, ?, NULL)", (week_ago, stamp(now)))
    state.execute("INSERT INTO steps VALUES (1, 1, 'send')")
    for number, (row_state, lease, ended) in enumerate([(10, None, stamp(due)), (0, None, None), (2, 4, None)], 1):
        state.execute(
            "INSERT INTO outreach (id, customer, rule_id, occasion, step_id, recipient, state, due_at, zone, local_date,"
            " local_time, channel, lane, rule_hash, card, attempts, lease_id, created_at, updated_at, ended_at)"
            " VALUES (?, ?, 1, ?, 1, 'customer/0', ?, ?, ?, ?, 32400, 'mail', 1, 7, 'birthday', ?, ?, ?, ?, ?)",
            (number, str(number), str(due.year), row_state, stamp(due), zone, day, 0 if row_state == 0 else 1, lease, week_ago,
             week_ago, ended))
        if row_state != 0:
            state.execute("INSERT INTO attempts (outreach_id, number, started_at) VALUES (?, 1, ?)", (number, stamp(due)))
    state.commit()
    state.close()


def test_upgrade_brings_an_old_state_up_to_date_and_loses_nothing():
    """From a lower version that was never started, over the state of the first release: what was sent stays sent, what
    was due goes, what was in doubt goes again and is listed, an edited conffile and a rule of one's own stay."""
    os.unlink(SHOP)
    make_shop()
    configure()
    mine = open(CONFIGURATION, encoding="utf-8").read() + "# mine\n"
    write(CONFIGURATION, mine)
    with open("/etc/regards/tests/birthdays.yaml", "a", encoding="utf-8") as file:
        file.write("# mine\n")
    old_state()
    install(DEB)
    assert version() != "0.0.1"
    assert open(CONFIGURATION, encoding="utf-8").read() == mine
    assert os.listdir(RULES), "rules of one's own stay"
    assert open("/etc/regards/tests/birthdays.yaml", encoding="utf-8").read().endswith("# mine\n")
    for folder in ("rules.d", "cards", "tests"):
        status = os.stat(f"/etc/regards/{folder}")
        assert status.st_mode & 0o7777 == 0o2775 and status.st_gid == grp.getgrnam("regards-editors").gr_gid, folder
    assert show("ActiveState") == "inactive", "what did not run before is not started by an upgrade"
    with Journal() as journal:
        run("systemctl", "start", UNIT)
        journal.wait("in-doubt", customer=3, rule="birthday-card")
        journal.wait("sent", customer=2, rule="birthday-card")
        journal.wait("sent", customer=3, rule="birthday-card")
        assert journal.count("sent", customer=1) == 0
    assert recipients(mails()) == sorted(mail for _, mail in PEOPLE[1:])


def test_upgrade_of_a_running_service_keeps_its_outbox():
    """Down and up again while complaints come in: nobody is forgotten, nobody hears twice."""
    install(OLDER)
    assert version() == "0.0.1" and show("ActiveState") == "active"
    pid = main_pid()
    before = {message["message-id"] for message in mails()}
    complain(80, 1)
    with Journal() as journal:
        install(DEB)
        complain(81, 2)
        journal.wait("sent", seconds=30, rule="complaint-care", customer=2, step="send")
        journal.wait("sent", seconds=30, rule="complaint-care", customer=2, step="tell-advisor")
    assert show("ActiveState") == "active" and main_pid() != pid, "restarted with the new program"
    assert enabled() == "enabled"
    after = mails()
    assert before <= {message["message-id"] for message in after}
    assert len(after) == len({message["message-id"] for message in after})
    assert len(after) == len(before) + 4, "an acknowledgement and a word to the advisor for each"


def test_upgrade_leaves_disabled_what_was_disabled():
    run("systemctl", "disable", "--now", UNIT)
    install(OLDER)
    install(DEB)
    assert enabled() == "disabled"
    assert show("ActiveState") == "inactive"
    run("systemctl", "start", UNIT)
    install(OLDER)
    assert enabled() == "disabled" and show("ActiveState") == "active", "what runs is restarted all the same"


def test_in_the_end_nothing_is_left():
    run("dpkg", "--purge", "regards")
    for path in (STATE, "/var/lib/private/regards", "/etc/regards", "/usr/share/regards"):
        assert not os.path.lexists(path), path
    assert run("systemctl", "is-active", UNIT, check=False).stdout.strip() != "active"
