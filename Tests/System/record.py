"""What is in the journal, and how it is found."""
import os
import re

from machine import DOCS, PEOPLE, UNIT, message_ids, run


def test_journal_names_nobody():
    """No name, address, body or secret in any field of any line since the installation."""
    run("journalctl", "--sync")
    text = run("journalctl", "--unit", UNIT, "--output=export", "--all").stdout.lower()
    assert text.count("message_id=") > 20
    for name, mail in PEOPLE + [("Ada Advisor", "ada@example.org"), ("s3cret-of-the-test", "it broke")]:
        assert mail not in text, mail
        assert name.lower() not in text, name


def test_queries_of_the_manual_work():
    with open(f"{DOCS}/journal.md", encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 10
    answered = 0
    for block in blocks:
        done = run("sh", "-c", "export SYSTEMD_PAGER= SYSTEMD_COLORS=0\n" + block, check=False)
        # 1 is journalctl's "no entries" in some releases; anything else, or words on stderr, is a wrong query.
        assert done.returncode in (0, 1) and done.stderr == "", f"{block}{done.returncode} {done.stderr}"
        answered += any(line for line in done.stdout.splitlines() if not line.startswith("-- "))
    # Of this machine's days all have something to tell, but for promises that broke and the like.
    assert answered >= len(blocks) - 3, f"{answered} of {len(blocks)} found anything"


def test_every_identifier_in_the_journal_is_in_the_manual():
    known = set(message_ids().values())
    text = run("journalctl", "--identifier=regards", "--output=cat", "--output-fields=MESSAGE_ID").stdout
    seen = set(text.split()) & set(re.findall(r"\b[0-9a-f]{32}\b", text))
    assert seen and seen <= known, seen - known


def test_catalogue_explains_the_journal():
    text = run("journalctl", "--unit", UNIT, "--catalog", "--no-pager", "MESSAGE_ID=" + message_ids()["not-reloaded"]).stdout
    assert "What to do: Mend what REGARDS_DETAIL names" in text, text


def test_every_kind_has_its_entry_in_english_and_chinese():
    """As `journalctl -x` finds it; the locale is made of the one that is there."""
    if not os.path.exists("/usr/lib/locale/zh_CN.utf8"):
        run("cp", "-R", "/usr/lib/locale/C.utf8", "/usr/lib/locale/zh_CN.utf8")
    ids = sorted(message_ids().values())
    for language, meant in (("C.UTF-8", r"^Subject: Regards: [a-z]"), ("zh_CN.UTF-8", "^Subject: Regards：[\u4e00-\u9fff]")):
        text = run("journalctl", "--dump-catalog", *ids, env=dict(os.environ, LC_ALL=language, LANG=language)).stdout
        entries = re.split(r"^-- ", text, flags=re.MULTILINE)[1:]
        assert sorted(entry[:32] for entry in entries) == ids, (language, len(entries))
        for entry in entries:
            assert re.search(meant, entry, re.MULTILINE), (language, entry)
