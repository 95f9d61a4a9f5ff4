#!/usr/bin/env python3
"""An HTTP server for tests of webhooks: it records each request and answers as told. Standard library only.

    --answer ACTION     for each request the next one; the last is repeated. Default: 200.
        STATUS                      an empty answer
        STATUS;HEADER: VALUE;...    with headers
        STATUS;body=N               with N bytes of body
        endless                     200 and a body that does not end
        huge                        200 and a body of 10 GB that says so
        bomb                        200 and 10 GB, packed by gzip into 10 MB
        trickle                     200, and of its body one byte now and then, without an end
        headers                     200 and header lines that do not end
        garbage                     something that is not HTTP
        close                       the connection ends without an answer
        stall                       no answer
        hold:STATUS                 the answer only after the line `go` on standard input
        drip                        a status line, one byte at a time, that never ends
        quiet                       the request is not even read
Prints `port N` and `request NUMBER HEADERS-HEX BODY-HEX TARGET`; `held N` where it waits. Ends when its input ends.
"""

import argparse
import http.server
import socket
import ssl
import sys
import threading
import zlib

lock = threading.Lock()
go = threading.Semaphore(0)
count = 0
options = None


def say(text):
    with lock:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global count
        with lock:
            count += 1
            number = count
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        head = "".join("%s: %s\n" % pair for pair in self.headers.items())
        say("request %d %s %s %s" % (number, head.encode().hex(), body.hex(), self.path))
        self.act(number, options.answer[min(number, len(options.answer)) - 1])

    def act(self, number, action):
        if action == "close":
            self.close_connection = True
        elif action == "stall":
            say("held %d" % number)
            threading.Event().wait()
        elif action.startswith("hold:"):
            say("held %d" % number)
            go.acquire()
            self.answer(action[5:])
        elif action == "endless":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            while True:
                self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        elif action == "huge":
            self.send_response(200)
            self.send_header("content-length", str(10 * 1024 ** 3))
            self.end_headers()
            self.stream(b"x" * 65536, 10 * 1024 ** 3 // 65536)
        elif action == "bomb":
            head, middle, count = packed(10 * 1024 ** 3)
            self.send_response(200)
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", str(len(head) + len(middle) * count))
            self.end_headers()
            self.wfile.write(head)
            self.stream(middle, count)
        elif action == "trickle":
            self.send_response(200)
            self.send_header("content-length", "1000000")
            self.end_headers()
            while True:
                self.wfile.write(b"x")
                threading.Event().wait(0.1)
        elif action == "headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self.stream(b"x-more: " + b"y" * 1000 + b"\r\n", 10 ** 9)
        elif action == "garbage":
            self.wfile.write(b"\x16\x03\x01 what?\r\n" * 100)
            self.close_connection = True
        elif action == "drip":
            self.wfile.write(b"HTTP/1.1 200 ")
            while True:
                self.wfile.write(b"O")
                threading.Event().wait(0.1)
        else:
            self.answer(action)

    def answer(self, action):
        status, *extras = action.split(";")
        body = b""
        self.send_response(int(status))
        for extra in extras:
            if extra.startswith("body="):
                body = b"x" * int(extra[5:])
            else:
                self.send_header(*extra.split(": ", 1))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, piece, count):
        """Until the other side has had enough, and says then how much went."""
        written = 0
        try:
            for _ in range(count):
                self.wfile.write(piece)
                written += len(piece)
        except OSError:
            pass
        say("wrote %d" % written)
        self.close_connection = True

    def log_message(self, *arguments):
        pass


def packed(size):
    """The beginning of a gzip file of that many zeros, and a piece that is repeated so many times. It has no end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1024 * 1024)
    head = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return head, middle, size // len(block) - 1


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def process_request(self, request, address):
        if options.answer == ["quiet"]:
            self.kept = getattr(self, "kept", []) + [request]
            return
        super().process_request(request, address)

    def handle_error(self, request, address):
        pass


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answer", action="append")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    found = parser.parse_args()
    found.answer = found.answer or ["200"]
    return found


def main():
    global options
    options = arguments()
    server = Server(("127.0.0.1", options.port), Handler)
    if options.answer == ["quiet"]:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    say("port %d" % server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        if line.strip() == "go":
            go.release()
        elif line.startswith("ping "):
            say("pong " + line[5:].strip())


main()
