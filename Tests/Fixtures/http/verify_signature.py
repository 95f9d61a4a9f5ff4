#!/usr/bin/env python3
"""Checks a webhook's signature with the reference library `standardwebhooks`.

verify_signature.py SECRET HEADERS-HEX BODY-HEX: prints `valid`, or why it is not.
The library compares the timestamp with the clock, so the request has to be a fresh one.
"""

import sys

from standardwebhooks import Webhook, WebhookVerificationError

secret, head, body = sys.argv[1], bytes.fromhex(sys.argv[2]).decode(), bytes.fromhex(sys.argv[3])
headers = dict(line.split(": ", 1) for line in head.splitlines())
try:
    Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    print("valid")
except WebhookVerificationError as error:
    print(error)
