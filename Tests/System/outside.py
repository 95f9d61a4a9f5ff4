"""What the closed unit still must reach: names, endpoints over TLS, a database that one group owns; and nothing else."""
import grp
import os
import re
import sqlite3

from machine import (
    PEOPLE, RULE_FILES, SHOP, UNIT, Endpoint, Journal, Names, Relay, complain, configure, drop_in, make_shop, remove_drop_in,
    run, show, write)

EXAMPLES = "/usr/share/doc/regards/examples"
GROUP_SHOP = "/srv/group/shop.sqlite"


def example(name):
    with open(f"{EXAMPLES}/{name}.conf", encoding="utf-8") as file:
        return file.read()


def test_webhook_goes_over_tls_to_a_name():
    """The name is asked of a name server, the certificate is checked against the machine's authorities."""
    host = "hooks.shop.example"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}", "-addext",
        f"subjectAltName=DNS:{host}", "-keyout", "/run/hooks.key", "-out", "/run/hooks.crt")
    write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    write("/etc/credstore/regards.webhook-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600)
    names, endpoint = Names(host, "127.0.0.1"), Endpoint("/run/hooks.crt", "/run/hooks.key")
    rules = dict(RULE_FILES)
    rules["to-crm.yaml"] = "to-crm: {purpose: care, when: {event: complaint}, webhook: crm, card: to-crm}\n"
    write("/etc/regards/cards/to-crm.json", '{"kind": "complaint", "subject": "{{complaint.subject}}"}\n')
    settings = f"webhooks: {{crm: {{url: 'https://{host}:{endpoint.port}/in', secret: {{credential: webhook-secret}}, allow_private: yes}}}}"
    configure(mail=settings, rules=rules)
    with Journal() as journal:
        # An authority that this machine does not know is nobody.
        run("systemctl", "restart", UNIT)
        complain(20, 1)
        entry = journal.wait("relay-down", seconds=30)
        assert "certificate" in entry["REGARDS_DETAIL"].lower(), entry["REGARDS_DETAIL"]
        assert endpoint.requests.empty()
    run("cp", "/run/hooks.crt", "/usr/local/share/ca-certificates/hooks.crt")
    run("update-ca-certificates")
    with Journal() as journal:
        run("systemctl", "restart", UNIT)
        entry = journal.wait("sent", seconds=30, rule="to-crm", customer=1)
        assert entry["REGARDS_CODE"] == "204", entry
        first, headers, body = endpoint.requests.get(timeout=5)
        assert first == "POST /in HTTP/1.1" and headers["webhook-signature"].startswith("v1,"), (first, headers)
        assert b"complaint" in body, body
    assert host in names.asked
    names.end()
    endpoint.end()


def test_network_can_be_narrowed_to_the_relay():
    """By the example as it is shipped; another address is as good as not there."""
    for address in ("192.0.2.25", "192.0.2.26"):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    good, other = Relay("192.0.2.25"), Relay("192.0.2.26")
    drop_in("relay-only", example("relay-only"))
    for relay, address, word in ((other, "192.0.2.26", "opened"), (good, "192.0.2.25", "sent")):
        configure(mail=f"smtp: {{host: {address}, port: {relay.port}, security: none, allow_plaintext: yes}}")
        with Journal() as journal:
            run("systemctl", "restart", UNIT)
            if word == "opened":
                complain(21, 2)
            journal.wait(word, seconds=30)
    assert not other.sessions, "what is not allowed is not reached"
    assert good.messages
    # The same relay without the example is reached: it was the example that kept it away.
    remove_drop_in("relay-only")
    configure(mail=f"smtp: {{host: 192.0.2.26, port: {other.port}, security: none, allow_plaintext: yes}}")
    with Journal() as journal:
        run("systemctl", "restart", UNIT)
        complain(22, 2)
        journal.wait("sent", seconds=30)
    assert other.sessions
    good.end()
    other.end()
    for address in ("192.0.2.25", "192.0.2.26"):
        run("ip", "address", "delete", f"{address}/32", "dev", "lo")


def group_database(mode):
    """A database that only its group reads, in a folder that only the group enters."""
    run("rm", "-rf", os.path.dirname(GROUP_SHOP))
    make_shop(GROUP_SHOP)
    with sqlite3.connect(GROUP_SHOP) as shop:
        shop.execute(f"PRAGMA journal_mode={mode}")
    shop.close()
    group = grp.getgrnam("shop").gr_gid
    os.chown(GROUP_SHOP, 0, group)
    os.chmod(GROUP_SHOP, 0o640)
    os.chown(os.path.dirname(GROUP_SHOP), 0, group)
    os.chmod(os.path.dirname(GROUP_SHOP), 0o750)


def complaint_is_answered(number):
    with Journal() as journal:
        run("systemctl", "restart", UNIT)
        complain(number, 1, path=GROUP_SHOP)
        journal.wait("sent", rule="complaint-care", customer=1, step="send")


def test_database_of_a_group_in_rollback_mode():
    """Refused with the words that mend it; by the example it is read, and the daemon writes nothing beside it."""
    run("groupadd", "--force", "--system", "shop")
    group_database("delete")
    configure(shop=GROUP_SHOP)
    with Journal() as journal:
        run("systemctl", "restart", UNIT, check=False)
        journal.wait_for(lambda entry: "SupplementaryGroups=" in str(entry.get("MESSAGE", "")))
    # What `check` prints for the service is what the example has.
    done = run("regards", "check", check=False)
    assert "SupplementaryGroups=shop" in done.stderr, done.stderr
    run("systemctl", "reset-failed", UNIT, check=False)
    drop_in("customer-database", example("customer-database"))
    complaint_is_answered(30)
    assert sorted(os.listdir(os.path.dirname(GROUP_SHOP))) == ["shop.sqlite"]
    assert "SupplementaryGroups" not in run("regards", "check").stderr


def test_database_of_a_group_in_wal_mode():
    """While a writer has it open it is read as it is; without one the folder must be writable, which `check` says."""
    group_database("wal")
    with sqlite3.connect(GROUP_SHOP) as writer:
        writer.execute("SELECT count(*) FROM people").fetchone()
        for suffix in ("-wal", "-shm"):
            os.chown(GROUP_SHOP + suffix, 0, grp.getgrnam("shop").gr_gid)
            os.chmod(GROUP_SHOP + suffix, 0o660)
        complaint_is_answered(31)
        run("systemctl", "stop", UNIT)
    writer.close()
    assert sorted(os.listdir(os.path.dirname(GROUP_SHOP))) == ["shop.sqlite"], "the last to close removes the log"
    with Journal() as journal:
        run("systemctl", "restart", UNIT, check=False)
        journal.wait_for(lambda entry: "ReadWritePaths=/srv/group" in str(entry.get("MESSAGE", "")))
    done = run("regards", "check", check=False)
    assert re.search(r"ReadWritePaths=/srv/group\b", done.stderr), done.stderr
    run("systemctl", "reset-failed", UNIT, check=False)
    # The operator follows.
    os.chmod(os.path.dirname(GROUP_SHOP), 0o770)
    drop_in("customer-database", example("customer-database").replace("#ReadWritePaths=/srv/shop", "ReadWritePaths=/srv/group"))
    complaint_is_answered(32)
    remove_drop_in("customer-database")
    run("rm", "-rf", os.path.dirname(GROUP_SHOP))
    configure()
    run("systemctl", "restart", UNIT)
    assert show("ActiveState") == "active" and os.path.exists(SHOP) and PEOPLE
