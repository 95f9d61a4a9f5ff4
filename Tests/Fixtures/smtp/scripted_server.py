#!/usr/bin/env python3
"""An SMTP server that misbehaves as told. Standard library only.

Every `--on WHEN=ACTION` changes one answer:

    WHEN    CONNECT, EHLO, STARTTLS, AUTH (its end), TOKEN (instead: what a token is answered with), MAIL, RCPT, DATA, . (the final dot), RSET, QUIT
            or BODY@N: when N bytes of a message have come; `#n` after it: only the n-th time in the server's life
    ACTION  reply:TEXT          the answer (`|` separates lines)
            reply-close:TEXT    the answer, then the connection ends
            close               the connection ends without an answer
            reset               the same by a TCP reset
            stall               no answer, and nothing more is read
            hold:TEXT           the answer only after the line `go` on standard input
            trickle:TEXT        one byte of the answer every 50 ms
            flood:N             N bytes of one line without an end
            lines:N             N lines before the last one
            forget:TEXT         the answer; whatever had come behind the command is not looked at

Prints `port N`, then what happens, one line each:
    open S TLS | line S HEX | body S HEX | behind S | held S WHEN | gone S
where S is the number of the session, and `behind` says that more had come with the end of a message, or while a `hold` was held. Ends when its standard input ends.
"""

import argparse
import select
import socket
import ssl
import struct
import sys
import threading

lock = threading.Lock()
seen = {}
go = threading.Semaphore(0)
options = None
context = None


def say(text):
    with lock:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Gone(Exception):
    pass


class Session:
    def __init__(self, number, connection):
        self.number = number
        self.connection = connection
        self.buffer = b""
        self.encrypted = False

    def encrypt(self):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.encrypted = True

    def read(self):
        data = self.connection.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.read()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        say("line %d %s" % (self.number, line.hex()))
        return line.decode("utf-8", "replace")

    def reply(self, text):
        self.connection.sendall("".join(part + "\r\n" for part in text.split("|")).encode())

    def answer(self, when, usual):
        """Gives the usual answer or carries out what the script says. True when the usual one was given."""
        action = scripted(when)
        if action is None:
            self.reply(usual)
            return True
        kind, _, text = action.partition(":")
        if kind == "reply":
            self.reply(text)
        elif kind == "reply-close":
            self.reply(text)
            raise Gone
        elif kind == "close":
            raise Gone
        elif kind == "reset":
            plain = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, plain)
            raise Gone
        elif kind == "stall":
            say("held %d %s" % (self.number, when))
            threading.Event().wait()
        elif kind == "trickle":
            for byte in text.encode() + b"\r\n":
                self.connection.sendall(bytes([byte]))
                threading.Event().wait(0.05)
        elif kind == "lines":
            code = {"CONNECT": "220", "DATA": "354"}.get(when, "250")
            self.reply("|".join([code + "-" + "x" * 60] * int(text) + [code + " end"]))
        elif kind == "flood":
            self.connection.sendall(b"250 " + b"x" * int(text))
            raise Gone
        elif kind == "forget":
            self.buffer = b""
            self.reply(text)
        elif kind == "hold":
            say("held %d %s" % (self.number, when))
            go.acquire()
            if select.select([self.connection], [], [], 0)[0]:
                say("behind %d" % self.number)
            self.reply(text)
        else:
            raise SystemExit("unknown action " + action)
        return text[:1] in ("2", "3") and kind != "reply-close"

    def body(self):
        data = b""
        limits = sorted(int(when[5:].split("#")[0]) for when in options.on if when.startswith("BODY@"))
        while True:
            end = self.buffer.find(b"\r\n.\r\n")
            if self.buffer.startswith(b".\r\n"):
                data, self.buffer = data, self.buffer[3:]
                break
            if end >= 0:
                data, self.buffer = self.buffer[:end + 2], self.buffer[end + 5:]
                break
            if limits and len(self.buffer) >= limits[0]:
                self.answer("BODY@%d" % limits.pop(0), "")
            self.read()
        say("body %d %s" % (self.number, data.hex()))
        if self.buffer:
            say("behind %d" % self.number)

    def run(self):
        if options.tls == "implicit":
            self.encrypt()
        say("open %d %s" % (self.number, "tls" if self.encrypted else "plain"))
        self.answer("CONNECT", "220 scripted.test ESMTP")
        while True:
            line = self.line()
            verb = line.split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self.answer("EHLO", self.offers())
            elif verb == "STARTTLS":
                if self.answer("STARTTLS", "220 go ahead"):
                    self.encrypt()
            elif verb == "AUTH":
                self.login(line)
            elif verb == "DATA":
                if self.answer("DATA", "354 go ahead"):
                    self.body()
                    self.answer(".", "250 2.0.0 taken")
            elif verb == "QUIT":
                self.answer("QUIT", "221 bye")
                raise Gone
            elif verb in ("MAIL", "RCPT", "RSET", "NOOP"):
                self.answer(verb, "250 OK")
            else:
                self.reply("500 unknown command")

    def offers(self):
        words = list(options.offer)
        if options.tls == "starttls" and not self.encrypted:
            words.append("STARTTLS")
        if options.auth:
            words.append("AUTH " + options.auth)
        words.append("HELP")
        return "|".join(["250-scripted.test"] + ["250-" + word for word in words[:-1]] + ["250 " + words[-1]])

    def login(self, line):
        words = line.split(" ")
        if words[1].upper() == "LOGIN":
            if len(words) == 2:
                self.reply("334 VXNlcm5hbWU6")
                self.line()
            self.reply("334 UGFzc3dvcmQ6")
            self.line()
        elif len(words) == 2:
            self.reply("334 ")
            self.line()
        # A token that is not welcome is answered with the reason, and that with an empty line.
        if "TOKEN" in options.on:
            self.answer("TOKEN", "")
            self.line()
        self.answer("AUTH", "235 welcome")

    def serve(self):
        try:
            self.run()
        except (Gone, OSError):
            pass
        finally:
            # Said when it is over: whoever reads it finds the connection closed.
            try:
                self.connection.close()
            except OSError:
                pass
            say("gone %d" % self.number)


def scripted(when):
    with lock:
        seen[when] = seen.get(when, 0) + 1
        return options.on.get("%s#%d" % (when, seen[when]), options.on.get(when))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", action="append", default=[], metavar="WHEN=ACTION")
    parser.add_argument("--offer", action="append", default=[], metavar="KEYWORD")
    parser.add_argument("--auth", default="", metavar="MECHANISMS")
    parser.add_argument("--tls", choices=["starttls", "implicit"])
    parser.add_argument("--cert")
    parser.add_argument("--key")
    return parser.parse_args()


def main():
    global options, context
    options = arguments()
    options.on = dict(text.split("=", 1) for text in options.on)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    listener = socket.create_server(("127.0.0.1", 0))
    say("port %d" % listener.getsockname()[1])
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    for line in sys.stdin:
        if line.strip() == "go":
            go.release()
        elif line.startswith("ping "):
            say("pong " + line[5:].strip())


def accept(listener):
    number = 0
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number += 1
        threading.Thread(target=Session(number, connection).serve, daemon=True).start()


main()
