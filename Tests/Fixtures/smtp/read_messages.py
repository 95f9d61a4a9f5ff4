#!/usr/bin/env python3
"""Reads every *.eml of a folder, as it came over the wire, and says what is wrong with it. Standard library only.

    read_messages.py FOLDER                 Python's own parser: defects, header lines that nobody wrote
    read_messages.py --readers FOLDER       and whether mblaze and ripmime find the same parts with the same content

Prints `fault FILE WHAT` for each fault, and at the end `read N`.
"""

import collections
import concurrent.futures
import email
import email.policy
import pathlib
import subprocess
import sys
import tempfile

ONCE = {"date", "from", "to", "subject", "message-id", "mime-version", "content-type"}
ALLOWED = ONCE | {"reply-to", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "content-transfer-encoding"}


def faults(path):
    found = []
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.SMTP)
    for part in message.walk():
        found += ["%s in a part" % type(defect).__name__ for defect in part.defects]
        for name, value in part.items():
            found += ["%s: %s" % (name, type(defect).__name__) for defect in getattr(value, "defects", ())]
        if not part.is_multipart() and part.get_content_maintype() == "text":
            part.get_content()
    names = [name.lower() for name in message.keys()]
    found += ["a header line %r" % name for name in names if name not in ALLOWED]
    found += ["%d times %s" % (names.count(name), name) for name in ONCE if names.count(name) != 1]
    found += ["%d mailboxes in %s" % (len(message[name].addresses), name)
              for name in ("from", "to") if message[name] is not None and len(message[name].addresses) != 1]
    return ["fault %s %s" % (path.name, one) for one in found]


def by_python(path):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.SMTP)
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart()]


def by_mblaze(path):
    listing = subprocess.run(["mshow", "-t", str(path)], capture_output=True, check=True).stdout.decode()
    parts = []
    for line in listing.splitlines()[1:]:
        number, _, rest = line.strip().partition(": ")
        kind = rest.split(" ")[0]
        if not kind.startswith("multipart/"):
            content = subprocess.run(["mshow", "-O", str(path), number], capture_output=True, check=True).stdout
            parts.append((kind, content))
    return parts


def by_ripmime(path):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["ripmime", "-i", str(path), "-d", folder], capture_output=True, check=True)
        return [one.read_bytes() for one in pathlib.Path(folder).iterdir()]


def text(content):
    """ripmime writes line ends of its own, one more at the end, and an empty file for the head."""
    return content.replace(b"\r\n", b"\n").strip(b"\n")


def repeated(content, parts):
    """ripmime looks for uuencoded files and further headers in the middle of texts, and where it believes to have found
    some it writes the rest of the text once more. That is no other part."""
    return any(content in part for part in parts)


def disagreements(path):
    mine = by_python(path)
    found = []
    if by_mblaze(path) != mine:
        found.append("mblaze finds other parts")
    parts = [text(content) for _, content in mine if text(content)]
    theirs = [text(content) for content in by_ripmime(path) if text(content)]
    missing = collections.Counter(parts) - collections.Counter(theirs)
    more = collections.Counter(theirs) - collections.Counter(parts)
    if missing or not all(repeated(one, parts) for one in more):
        found.append("ripmime misses %r and adds %r" % (list(missing)[:2], list(more)[:2]))
    return ["fault %s %s" % (path.name, one) for one in found]


def both(path):
    return faults(path) + disagreements(path)


def main():
    readers = sys.argv[1] == "--readers"
    paths = sorted(pathlib.Path(sys.argv[-1]).glob("*.eml"))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for lines in pool.map(both if readers else faults, paths, chunksize=20):
            for line in lines:
                print(line.encode("ascii", "backslashreplace").decode())
    print("read %d" % len(paths), flush=True)


main()
