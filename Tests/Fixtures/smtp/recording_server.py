#!/usr/bin/env python3
"""A real SMTP server (aiosmtpd) for tests: it records what it receives.

A message is on disk (fsync) before it is answered with 250, so whatever a client calls delivered
is in the file, even if this process is killed the next moment. Prints `port N` when it listens and
one line for each message; ends when its standard input ends, so it never outlives the test.

With --quiet it says nothing of messages. `alarm NUMBER STAGE COUNT` on its standard input asks for a line `alarm NUMBER`
when that many more commands of a stage have come: EHLO, MAIL, RCPT, DATA, DOT (a message is there, and nowhere else) or
KEPT (it is on disk, and not yet answered). `hold` in place of `alarm`: from then on no message is answered before `go`.

A record is one line of tab separated fields:
    number, session, "tls" or "plain", user or "-", sender, recipients (comma), MAIL parameters, message in hex,
    seconds since 1970
"""

import argparse
import asyncio
import logging
import os
import ssl
import sys
import time
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Recorder:
    def __init__(self, options):
        self.options = options
        self.refused = dict(text.rsplit("=", 1) for text in options.refuse)
        self.file = open(options.record, "ab") if options.record else None
        self.count = 0
        self.sessions = {}
        self.alarm = None
        self.holds = False
        self.is_held = False

    def stage(self, name):
        """A command has come. The tuple is put in place whole, so the thread that reads the input needs no lock."""
        if self.alarm and self.alarm[1] == name:
            number, _, left = self.alarm
            self.alarm = (number, name, left - 1) if left > 1 else None
            if left == 1:
                self.is_held = self.holds
                say("alarm " + number)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        """It carries out one command after the other, however they come: aiosmtpd only does not say so."""
        session.host_name = hostname
        return responses[:1] + ["250-PIPELINING"] + responses[1:]

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in self.refused:
            return self.refused[address] + " refused by the test"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.stage("DOT")
        self.count += 1
        number = self.sessions.setdefault(id(session), len(self.sessions) + 1)
        user = getattr(session, "user", "-")
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        fields = [
            str(self.count), str(number), "tls" if encrypted else "plain", user, envelope.mail_from or "",
            ",".join(envelope.rcpt_tos), " ".join(envelope.mail_options), envelope.content.hex(),
            "%.6f" % time.time(),
        ]
        if self.options.folder:
            # Named by the recipient's local part, which the test chose.
            path = os.path.join(self.options.folder, ",".join(envelope.rcpt_tos).split("@")[0] + ".eml")
            with open(path, "xb") as file:
                file.write(envelope.content)
            say("kept %s\t%s" % (envelope.mail_from, ",".join(envelope.rcpt_tos)))
            return "250 2.0.0 kept as %d" % self.count
        line = "\t".join(fields)
        if self.file:
            self.file.write(line.encode() + b"\n")
            self.file.flush()
            os.fsync(self.file.fileno())
        self.stage("KEPT")
        if not self.options.quiet:
            say("message " + line)
        while self.is_held:
            await asyncio.sleep(0.02)
        if self.options.slow and self.count % self.options.slow == 0:
            # One to six seconds, in turn.
            await asyncio.sleep(1 + self.count // self.options.slow % 6)
        if self.options.fail_after_dot:
            server.transport.abort()
        return "250 2.0.0 recorded as %d" % self.count


class Server(SMTP):
    """Tells the recorder which command has come, before it is carried out."""

    async def smtp_EHLO(self, hostname):
        self.event_handler.stage("EHLO")
        await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg):
        self.event_handler.stage("MAIL")
        await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        self.event_handler.stage("RCPT")
        await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        self.event_handler.stage("DATA")
        await super().smtp_DATA(arg)


def say(text):
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def answer(recorder):
    """Until the input ends. What was said before a `pong` happened before its `ping`."""
    for line in sys.stdin:
        words = line.split()
        if words[0] == "ping":
            say("pong " + words[1])
        if words[0] in ("alarm", "hold"):
            recorder.holds = words[0] == "hold"
            recorder.alarm = (words[1], words[2], int(words[3]))
        if words[0] == "go":
            recorder.is_held = False


def authenticator(login):
    def check(server, session, envelope, mechanism, data):
        found = data.login.decode() + ":" + data.password.decode()
        if found != login:
            return AuthResult(success=False, handled=False)
        session.user = data.login.decode()
        return AuthResult(success=True, auth_data=data)
    return check


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", help="file that gets one line for each message")
    parser.add_argument("--folder", help="where each message becomes a file, instead of being said and made durable")
    parser.add_argument("--quiet", action="store_true", help="say nothing of messages")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse", action="append", default=[], metavar="ADDRESS=CODE")
    parser.add_argument("--fail-after-dot", action="store_true", help="record, then cut the connection")
    parser.add_argument("--slow", type=int, metavar="N", help="answer each N-th message seconds after it is on disk")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--tls", choices=["starttls", "implicit"])
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="demand this login")
    parser.add_argument("--size", type=int, default=33554432)
    parser.add_argument("--no-smtputf8", action="store_true")
    return parser.parse_args()


def factory(options, recorder, context):
    keywords = {"data_size_limit": options.size, "enable_SMTPUTF8": not options.no_smtputf8, "hostname": "recorder.test"}
    if options.tls == "starttls":
        keywords.update(tls_context=context, require_starttls=True)
    if options.auth:
        keywords.update(authenticator=authenticator(options.auth), auth_required=True)
        keywords.update(auth_require_tls=options.tls == "starttls")
    return lambda: Server(recorder, **keywords)


async def serve(options):
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    loop = asyncio.get_running_loop()
    implicit = context if options.tls == "implicit" else None
    recorder = Recorder(options)
    make = factory(options, recorder, context)
    server = await loop.create_server(make, "127.0.0.1", options.port, ssl=implicit)
    say("port %d" % server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, answer, recorder)
    os._exit(0)


# A login without TLS is what some tests are about.
warnings.simplefilter("ignore")
logging.disable()
asyncio.run(serve(arguments()))
