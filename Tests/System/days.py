"""The first days: a first start, a birthday, complaints, reloads, faults, a relay and its password."""
import datetime
import glob
import grp
import json
import os
import re
import signal
import sqlite3
import time
import zoneinfo

from machine import (
    CONFIGURATION, PEOPLE, RULE_FILES, RULES, STATE, UNIT, Journal, Relay, await_status, complain, configure, drop_in, mails,
    main_pid, make_shop, recipients, remove_drop_in, run, show, sql, systemd_version, write)

PRIVATE_STATE = "/var/lib/private/regards"
SECRET = "s3cret-of-the-test"


# ------------------------------------------------------------------ the package

def test_installed_it_runs_at_once_and_harms_nobody():
    """With a customer database of its own, empty, in a mode that mails nobody; the status says what comes next."""
    run("dpkg", "--verify", "regards")
    assert show("ActiveState") == "active", show("ActiveState")
    assert run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    shown = run("systemctl", "status", "--no-pager", "--full", UNIT).stdout
    assert "nobody is mailed (next: edit /etc/regards/regards.yaml, regards check, systemctl reload regards)" in shown, shown
    with sqlite3.connect(f"file:{STATE}/business.sqlite?mode=ro", uri=True) as business:
        assert business.execute("SELECT count(*) FROM customers").fetchone() == (0,)
    assert "mode: rehearse" in open(CONFIGURATION, encoding="utf-8").read()
    run("regards", "check")
    run("regards", "status")
    assert mails() == []
    assert show("NRestarts") == "0"


def test_somebody_of_the_group_may_write_rules_and_cards_and_nothing_else():
    group = grp.getgrnam("regards-editors").gr_gid
    editor = ("setpriv", "--reuid=4321", "--regid=4321", f"--groups={group}")
    for folder in ("rules.d", "cards", "tests"):
        assert os.stat(f"/etc/regards/{folder}").st_mode & 0o7777 == 0o2775, folder
        run(*editor, "touch", f"/etc/regards/{folder}/mine")
        assert os.stat(f"/etc/regards/{folder}/mine").st_gid == group
        os.unlink(f"/etc/regards/{folder}/mine")
    run(*editor, "sh", "-c", "echo '# mine' >>/etc/regards/rules.d/birthdays.yaml")
    for forbidden in ("touch /etc/regards/mine", "echo x >>/etc/regards/regards.yaml", f"ls {STATE}/"):
        assert run(*editor, "sh", "-c", forbidden, check=False).returncode != 0, forbidden


def test_a_card_of_the_business_goes_before_the_shipped_one():
    with open("/usr/share/regards/config/cards/birthday.html", encoding="utf-8") as file:
        text = file.read()
    write("/etc/regards/cards/birthday.html", text + "{{never_heard_of}}\n")
    done = run("regards", "check", check=False)
    assert done.returncode == 78 and "/etc/regards/cards/birthday.html:" in done.stderr, done.stderr
    os.unlink("/etc/regards/cards/birthday.html")
    run("regards", "check")


def test_program_runs_without_anything_else():
    """The Swift runtime is inside; every library it names is a package's."""
    assert re.search(r"\d+\.\d+", run("regards", "--version").stdout)
    assert "not found" not in run("ldd", "/usr/bin/regards").stdout


def test_it_knows_zones_as_python_does():
    """Nine in the morning of each day of a year, in zones of every kind, by this machine's tables."""
    zones = ["UTC", "Europe/Berlin", "Europe/Dublin", "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe",
             "Asia/Kathmandu", "Asia/Shanghai", "Pacific/Chatham", "Africa/Casablanca", "America/Santiago", "Asia/Gaza"]
    for name in zones:
        zone = zoneinfo.ZoneInfo(name)
        text = run("regards", "calendar", "09:00", "--zone", name, "--from", "2027-01-01", "--count", "365", "--json").stdout
        elapses = json.loads(text)["next"]
        assert len(elapses) == 365
        for elapse in elapses:
            local, utc = datetime.datetime.fromisoformat(elapse["local"]), elapse["utc"].replace("Z", "+00:00")
            expected = datetime.datetime(local.year, local.month, local.day, 9, tzinfo=zone)
            assert local.utcoffset() == expected.utcoffset(), (name, elapse)
            assert datetime.datetime.fromisoformat(utc) == expected, (name, elapse)


def test_it_knows_lunar_feasts_and_easter():
    """The tables that the calendar itself is tested with, asked of the program as it is shipped."""
    feasts = {}

    def days(feast, year):
        if year not in feasts:
            text = run("regards", "calendar", "feasts", "--year", str(year), "--json").stdout
            feasts[year] = [(one["feast"], one["date"]) for one in map(json.loads, text.splitlines())]
        return [date for name, date in feasts[year] if name == feast]

    checked = 0
    for line in open("/run/calendar/lunar_holidays.jsonl", encoding="utf-8"):
        holiday = json.loads(line)
        name = {"new_years_eve": "lunar-new-years-eve"}.get(holiday["name"], holiday["name"].replace("_", "-"))
        # Twelve lunar months are shorter than a year, so a feast may fall twice in one.
        assert holiday["date"] in days(name, int(holiday["date"][:4])), holiday
        checked += 1
    for line in open("/run/calendar/easter.jsonl", encoding="utf-8"):
        easter = json.loads(line)
        assert days("easter", easter["year"]) == [easter["western"]], easter
        assert days("orthodox-easter", easter["year"]) == [easter["orthodox"]], easter
        checked += 1
    assert checked >= 80, checked


def test_unit_is_valid_and_closed():
    done = run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{UNIT}")
    assert done.stderr == "", done.stderr
    run("systemd-analyze", "security", "--offline=yes", "--threshold=11", f"/lib/systemd/system/{UNIT}")


# ------------------------------------------------------------------ mistakes before the first start

def test_wrong_configuration_ends_the_service_for_good():
    """Status 78, the mistakes in the journal, no restart."""
    run("systemctl", "stop", UNIT)
    write(CONFIGURATION, "business: {name: x, email: nobody}\n")
    with Journal() as journal:
        assert run("systemctl", "start", UNIT, check=False).returncode != 0
        entry = journal.wait("refused-config")
        assert "regards.yaml:1" in entry["REGARDS_DETAIL"], entry
        last = journal.wait_for(lambda entry: "nothing was done" in str(entry.get("MESSAGE", "")))
        assert last["PRIORITY"] == "3", last
    assert show("ExecMainStatus") == "78", show("ExecMainStatus")
    assert show("NRestarts") == "0"
    assert show("ActiveState") == "failed"
    run("systemctl", "reset-failed", UNIT)


# ------------------------------------------------------------------ a first day

def test_live_waits_for_go_live():
    drop_in("limit", "[Unit]\nStartLimitIntervalSec=0\n")   # tests start it more often than operators do
    run("rm", "-rf", "/var/lib/private/regards", STATE)
    make_shop()
    configure()
    run("regards", "check")
    with Journal() as journal:
        run("systemctl", "start", UNIT)
        journal.wait("rehearsing")
        journal.wait("ready")
    assert "(next: regards go-live)" in show("StatusText"), show("StatusText")
    run("systemctl", "stop", UNIT)
    assert mails() == []


def test_start_is_ready_and_greets():
    run("rm", "-rf", "/var/lib/private/regards", STATE)
    run("regards", "go-live")
    with Journal() as journal:
        run("systemctl", "start", UNIT)          # returns when READY=1 was said
        assert show("ActiveState") == "active"
        journal.wait("ready")
        for number in range(1, len(PEOPLE) + 1):
            entry = journal.wait("sent", customer=number, rule="birthday-card")
            assert entry["SYSLOG_IDENTIFIER"] == "regards"
            assert entry["PRIORITY"] == "6"
            assert entry["REGARDS_OUTCOME"] == "delivered"
            assert entry["REGARDS_CHANNEL"] == "mail"
            assert entry["REGARDS_ATTEMPT"] == "1"
            assert re.fullmatch(r"\d{4}", entry["REGARDS_OCCASION"])
    assert recipients(mails()) == sorted(mail for _, mail in PEOPLE)
    for message in mails():
        assert not message.defects and message.get_body(("html",)) is not None


def test_status_is_a_sentence_with_numbers():
    await_status(rf"^0 due in the next hour, {len(PEOPLE)} sent in 24 h, mail ok$")


def test_key_is_made_at_the_first_start_and_stays():
    """With it mailboxes are hashed for the journal, and Message-IDs are made."""
    path = f"{PRIVATE_STATE}/journal.key"
    status = os.stat(path)
    assert (status.st_mode & 0o7777, status.st_size) == (0o600, 16), oct(status.st_mode)
    with open(path, "rb") as file:
        key = file.read()
    assert len(set(key)) > 1
    run("systemctl", "restart", UNIT)
    with open(path, "rb") as file:
        assert file.read() == key


def test_state_belongs_to_nobody_else():
    assert os.stat("/var/lib/private/regards").st_mode & 0o077 == 0
    for path in glob.glob("/var/lib/private/regards/regards.sqlite*"):
        assert os.stat(path).st_mode & 0o077 == 0, path


def test_idle_memory_is_small():
    with open(f"/proc/{main_pid()}/status", encoding="ascii") as file:
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])
    print(f"      resident: {resident / 1024:.1f} MiB")
    assert resident < 40 * 1024, f"{resident} KiB"


# ------------------------------------------------------------------ complaints

def test_complaint_is_acknowledged_within_five_seconds():
    with Journal() as journal:
        began = time.monotonic()
        sql("INSERT INTO complaints VALUES (1, 1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), NULL, NULL, 'It broke')")
        journal.wait("sent", seconds=5, rule="complaint-care", customer=1, step="send")
        took = time.monotonic() - began
        journal.wait("sent", seconds=5, rule="complaint-care", step="tell-advisor")
        journal.wait("opened")
    print(f"      acknowledged after {took:.1f} s")
    assert took < 5
    await_status(r", complaint: 1 open for up to \d+ min, ")


def test_commands_of_root_leave_the_daemon_its_state():
    for command in (["status"], ["status", "--json"], ["outbox", "list"], ["check"], ["go-live"]):
        run("regards", *command)
    owners = {os.stat(path).st_uid for path in glob.glob("/var/lib/private/regards/*")}
    assert owners == {os.stat("/var/lib/private/regards").st_uid}, owners
    with Journal() as journal:
        sql("UPDATE complaints SET answered = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), solved = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE nr = 1")
        journal.wait("ended", customer=1)


def test_complaint_clock_climbs_its_ladder():
    """One that has waited for 19 hours of 24 is near its limit, one that has for 25 is past it: each is told of once."""
    with Journal() as journal:
        complain(11, 2, "It waits", hours_ago=19)
        journal.wait("sent", rule="complaint-care", customer=2, step="send")
        journal.wait("near-limit", rule="complaint-care", customer=2)
        journal.wait("sent", rule="complaint-care", customer=2, step="tell-manager")
        complain(12, 3, "It waits too long", hours_ago=25)
        journal.wait("broken", rule="complaint-care", customer=3)
        journal.wait("sent", rule="complaint-care", customer=3, step="tell-director")
        assert journal.count("near-limit") == journal.count("broken") == 1
        assert journal.count("sent", step="tell-director") == 1
        await_status(r", complaint: 2 open for up to 25 h and 1 past the limit, ")
        sql("UPDATE complaints SET answered = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), solved = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')")
        journal.wait("ended", customer=2)
        journal.wait("ended", customer=3)


# ------------------------------------------------------------------ reload

def test_reload_takes_new_rules():
    with Journal() as journal:
        write(f"{RULES}/birthday-card.yaml", RULE_FILES["birthday-card.yaml"].replace("09:00", "09:30"))
        run("systemctl", "reload", UNIT)
        # Whoever waited for the reload waited for the new rules.
        assert journal.count("reloaded") == 1
        assert show("ActiveState") == "active"
        assert journal.count("sent") == 0, "an edited rule never sends again"


def test_reload_of_bad_rules_fails_and_keeps_the_old():
    pid = main_pid()
    bad = RULE_FILES["birthday-card.yaml"].replace("at: 09:00", "at: 25:00")
    with Journal() as journal:
        write(f"{RULES}/birthday-card.yaml", bad)
        assert run("systemctl", "reload", UNIT, check=False).returncode != 0
        journal.wait_for(lambda entry: re.search(r"birthday-card\.yaml:\d+:\d+", str(entry.get("MESSAGE", ""))))
        assert journal.count("reloaded") == journal.count("not-reloaded") == 0, "refused before the daemon was asked"
    # The same by the signal alone, as other tools send it: the daemon refuses by itself.
    with Journal() as journal:
        run("systemctl", "kill", "--signal=HUP", "--kill-whom=main", UNIT)
        entry = journal.wait("not-reloaded")
        assert entry["PRIORITY"] == "3"
        assert re.search(r"birthday-card\.yaml:3:\d+", entry["REGARDS_DETAIL"]), entry["REGARDS_DETAIL"]
    assert main_pid() == pid and show("ActiveState") == "active"
    write(f"{RULES}/birthday-card.yaml", RULE_FILES["birthday-card.yaml"])
    run("systemctl", "reload", UNIT)


def test_reload_that_systemd_itself_sends():
    """Type=notify-reload, by the example as it is shipped, and by the daemon's word alone."""
    if systemd_version() < 253:
        print("      not with systemd 252, which does not know it")
        return
    good = RULE_FILES["birthday-card.yaml"]
    with open("/usr/share/doc/regards/examples/notify-reload.conf", encoding="utf-8") as file:
        drop_in("notify-reload", file.read())
    run("systemctl", "restart", UNIT)
    assert show("Type") == "notify-reload"
    pid = main_pid()
    with Journal() as journal:
        write(f"{RULES}/birthday-card.yaml", good.replace("09:00", "09:15"))
        run("systemctl", "reload", UNIT)
        assert journal.count("reloaded") >= 1 and show("ActiveState") == "active"
        journal.wait("changed", rule="birthday-card")
    with Journal() as journal:
        write(f"{RULES}/birthday-card.yaml", good.replace("at: 09:00", "at: 25:00"))
        assert run("systemctl", "reload", UNIT, check=False).returncode != 0
        journal.wait("not-reloaded")
        assert journal.count("reloaded") == 0 and show("ActiveState") == "active"
    # Without ExecReload= the end of the reload is when the daemon says READY=1 after RELOADING=1 with its time.
    drop_in("word-alone", "[Service]\nExecReload=\n")
    with Journal() as journal:
        write(f"{RULES}/birthday-card.yaml", good)
        run("systemctl", "reload", UNIT)
        assert journal.count("reloaded") == 1 and show("ActiveState") == "active"
    assert main_pid() == pid
    remove_drop_in("word-alone")
    remove_drop_in("notify-reload")
    run("systemctl", "restart", UNIT)
    assert show("Type") == "notify"


# ------------------------------------------------------------------ faults

def test_killed_daemon_comes_back_and_sends_nothing_twice():
    before = recipients(mails())
    with Journal() as journal:
        run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", UNIT)
        journal.wait("ready")
        sql("INSERT INTO complaints VALUES (2, 2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), NULL, NULL, 'It is late')")
        journal.wait("sent", rule="complaint-care", customer=2, step="send")
        journal.wait("sent", rule="complaint-care", customer=2, step="tell-advisor")
    assert show("NRestarts") == "1"
    added = sorted([PEOPLE[1][1], "ada@example.org"])
    assert recipients(mails()) == sorted(before + added)


def test_wedged_daemon_is_restarted_by_the_watchdog():
    drop_in("watchdog", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
    run("systemctl", "restart", UNIT)
    with Journal() as journal:
        os.kill(main_pid(), signal.SIGSTOP)
        journal.wait_for(lambda entry: "atchdog" in str(entry.get("MESSAGE", "")))
        journal.wait("ready", seconds=30)
    remove_drop_in("watchdog")
    run("systemctl", "restart", UNIT)


def test_watchdog_is_fed():
    """Twice its limit without a restart."""
    drop_in("watchdog", "[Service]\nWatchdogSec=3\n")
    with Journal() as journal:
        run("systemctl", "restart", UNIT)
        journal.wait("ready")
        pid = main_pid()
        fed = int(show("WatchdogTimestampMonotonic"))
        deadline = time.monotonic() + 20
        while int(show("WatchdogTimestampMonotonic")) < fed + 6_000_000:
            assert time.monotonic() < deadline, "not fed"
        assert main_pid() == pid
    remove_drop_in("watchdog")
    run("systemctl", "restart", UNIT)


def test_customer_database_away_and_back():
    with Journal() as journal:
        os.rename("/srv/shop/shop.sqlite", "/srv/shop/away.sqlite")
        journal.wait("db-away")
        assert show("ActiveState") == "active"
        os.rename("/srv/shop/away.sqlite", "/srv/shop/shop.sqlite")
        journal.wait("db-back")


# ------------------------------------------------------------------ the relay, and its password

def test_mail_goes_through_a_relay():
    relay = Relay()
    configure(mail=f"smtp: {{host: 127.0.0.1, port: {relay.port}, security: none}}")
    with Journal() as journal:
        run("systemctl", "restart", UNIT)
        journal.wait("ready")
        sql("INSERT INTO complaints VALUES (3, 3, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), NULL, NULL, 'Again')")
        entry = journal.wait("sent", rule="complaint-care", customer=3, step="send")
        assert entry["REGARDS_CODE"] == "250"
        journal.wait("sent", rule="complaint-care", customer=3, step="tell-advisor")
    assert sorted(sum((to for to, _ in relay.messages), [])) == sorted([PEOPLE[2][1], "ada@example.org"])
    with Journal() as journal:
        relay.end()
        sql("INSERT INTO complaints VALUES (4, 1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), NULL, NULL, 'And again')")
        journal.wait("relay-down", seconds=60)
        assert show("ActiveState") == "active"


def assert_secret_is_nowhere():
    """Not where other programs or people could read it, nor in what the daemon keeps."""
    pid = main_pid()
    for name in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            assert SECRET.encode() not in file.read(), name
    run("journalctl", "--sync")
    for command in (["systemctl", "show", UNIT], ["systemctl", "status", "--full", "--no-pager", UNIT], ["regards", "status"],
                    ["journalctl", "--unit", UNIT, "--output=export", "--all"]):
        assert SECRET not in run(*command).stdout, command
    for path in glob.glob(f"{PRIVATE_STATE}/**", recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert SECRET.encode() not in file.read(), path


def test_missing_password_is_named_and_a_given_one_is_passed():
    configure(mail="smtp: {host: 127.0.0.1, port: 9, security: none, user: shop, password: {credential: smtp-password}}")
    with Journal() as journal:
        assert run("systemctl", "restart", UNIT, check=False).returncode != 0
        journal.wait_for(lambda entry: "credential smtp-password" in str(entry.get("MESSAGE", "")))
    assert show("ExecMainStatus") == "78", show("ExecMainStatus")
    write("/etc/credstore/regards.smtp-password", SECRET + "\n", 0o600)
    run("systemctl", "reset-failed", UNIT)
    run("systemctl", "restart", UNIT)
    assert show("ActiveState") == "active"
    assert_secret_is_nowhere()


def test_encrypted_password_is_passed_too():
    os.unlink("/etc/credstore/regards.smtp-password")
    os.makedirs("/etc/credstore.encrypted", exist_ok=True)
    run("sh", "-c", f"echo {SECRET} | systemd-creds encrypt --with-key=host --name=smtp-password - "
        "/etc/credstore.encrypted/regards.smtp-password")
    with open("/run/units/examples/encrypted-credentials.conf", encoding="utf-8") as file:
        drop_in("encrypted", file.read())
    run("systemctl", "restart", UNIT)
    assert show("ActiveState") == "active"
    assert_secret_is_nowhere()
    remove_drop_in("encrypted")
    os.unlink("/etc/credstore.encrypted/regards.smtp-password")


def test_password_in_a_file_must_be_its_owners_alone():
    path = "/etc/regards/smtp-password"
    configure(mail="smtp: {host: 127.0.0.1, port: 9, security: none, user: shop, password: {file: smtp-password}}")
    write(path, SECRET + "\n", 0o644)
    with Journal() as journal:
        assert run("systemctl", "restart", UNIT, check=False).returncode != 0
        journal.wait_for(lambda entry: f"chmod 600 {path}" in str(entry.get("MESSAGE", "")))
    assert show("ExecMainStatus") == "78", show("ExecMainStatus")
    os.chmod(path, 0o600)
    os.chown(path, os.stat(PRIVATE_STATE).st_uid, 0)
    run("systemctl", "reset-failed", UNIT)
    run("systemctl", "restart", UNIT)
    assert show("ActiveState") == "active"
    assert_secret_is_nowhere()
    os.unlink(path)


# ------------------------------------------------------------------ the end of the day

def test_stop_is_quick_and_clean():
    configure()
    run("systemctl", "restart", UNIT)
    with Journal() as journal:
        began = time.monotonic()
        run("systemctl", "stop", UNIT)
        took = time.monotonic() - began
        journal.wait("stopping")
        journal.wait("stopped")
    assert took < 10, f"{took:.1f} s"
    assert show("Result") == "success"
