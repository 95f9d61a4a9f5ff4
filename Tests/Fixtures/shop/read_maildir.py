#!/usr/bin/env python3
"""Reads every message of a maildir with Python's own parser and prints what a test compares.

    mail<TAB>file<TAB>recipient of the envelope<TAB>name in To<TAB>Subject<TAB>Message-ID<TAB>defects

in the order of the file names, and at last `end N`. A defect is anything the parser complains of: in the message, in
one of its parts, in a header, in a body that cannot be decoded, or a line that is longer than RFC 5322 allows.
"""

import email
import email.policy
import os
import sys


def defects(message, raw):
    found = [type(defect).__name__ for part in message.walk() for defect in part.defects]
    for part in message.walk():
        for name, value in part.items():
            found += [f"{name}:{type(defect).__name__}" for defect in value.defects]
        if not part.is_multipart() and part.get_content_maintype() == "text":
            text = part.get_content()
            if "\N{REPLACEMENT CHARACTER}" in text or "{{" in text:
                found.append("text")
    for line in raw.split(b"\r\n"):
        if len(line) > 998 or b"\n" in line or b"\r" in line:
            found.append("line")
    # What lies above is the envelope, written by the maildir.
    head, _, rest = raw.partition(b"\r\nFrom:")
    if max(rest) > 127:
        found.append("eighth-bit")
    for name in ("From", "To", "Date", "Message-ID", "MIME-Version"):
        if len(message.get_all(name, [])) != 1:
            found.append("no-" + name)
    return found


def main():
    folder = os.path.join(sys.argv[1], "new")
    names = sorted(os.listdir(folder))
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            raw = file.read()
        message = email.message_from_bytes(raw, policy=email.policy.SMTP)
        recipient = raw.split(b"\r\n")[1].decode().removeprefix("Delivered-To: ")
        group = message["To"].groups[0]
        fields = [
            "mail", name, recipient, group.display_name or group.addresses[0].display_name, message["Subject"],
            message["Message-ID"], ",".join(defects(message, raw)),
        ]
        sys.stdout.buffer.write("\t".join(fields).encode() + b"\n")
    sys.stdout.buffer.write(b"end %d\n" % len(names))
    sys.stdout.buffer.flush()


main()
