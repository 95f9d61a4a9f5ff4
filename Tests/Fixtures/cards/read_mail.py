"""Reads every NN.eml of a folder the way a strict mail program does and prints what it found as JSON."""

import email
import email.header
import email.policy
import email.utils
import json
import pathlib
import sys


def faults_of_bytes(raw):
    """What the parser forgives but a relay may not."""
    faults = []
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        faults.append("a line end that is not CR LF")
    if any(byte > 0x7E or byte == 0 for byte in raw):
        faults.append("a byte outside 7-bit text")
    head, _, body = raw.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if len(line) > 78 and b" " in line.strip():
            faults.append("a header line of %d that could be folded" % len(line))
        if b"=?" in line and len(line) > 76:
            faults.append("an encoded line of %d" % len(line))
        if not line.strip():
            faults.append("a header line of white space")
    for line in body.split(b"\r\n"):
        if len(line) > 76 and not line.startswith(b"Content-"):
            faults.append("a body line of %d" % len(line))
    return faults


def mailboxes(message, raw, name):
    """Names and addresses. Python's newer parser keeps the space between two encoded words of a name, against RFC 2047
    6.2, and joins runs of spaces; its older one does neither."""
    if message[name] is None:
        return []
    old = email.message_from_bytes(raw)[name].replace("\r\n", "")
    found = []
    for one in message[name].addresses:
        display = one.display_name
        if "=?" in old:
            display = str(email.header.make_header(email.header.decode_header(email.utils.parseaddr(old)[0])))
        found.append([display, one.addr_spec])
    return found


def describe(path):
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    parts = list(message.walk())
    defects = [type(defect).__name__ for part in parts for defect in part.defects]
    for part in parts:
        for name, value in part.items():
            defects += ["%s: %s" % (name, type(defect).__name__) for defect in getattr(value, "defects", ())]
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    return {
        "file": path.name,
        "defects": defects,
        "faults": faults_of_bytes(raw),
        "headers": [name for name in message.keys()],
        "subject": message["Subject"],
        "date": message["Date"].datetime.isoformat(),
        "from": mailboxes(message, raw, "From"),
        "to": mailboxes(message, raw, "To"),
        "replyTo": mailboxes(message, raw, "Reply-To"),
        "unsubscribe": message["List-Unsubscribe"] or "",
        "types": [part.get_content_type() for part in parts],
        "text": plain.get_content().replace("\r\n", "\n"),
        "html": html.get_content().replace("\r\n", "\n"),
        "pictures": [
            [part["Content-ID"], part.get_filename(), len(part.get_content())]
            for part in parts
            if part.get_content_maintype() == "image"
        ],
    }


print(json.dumps([describe(path) for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml"))]))
