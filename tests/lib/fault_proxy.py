#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fault_proxy.py - a proxy in front of a server of HTTP that does what networks and servers do

    fault_proxy.py [--cert FILE --key FILE] [--drop N] [--log FILE] PORTFILE UPSTREAM [FAULT]...

UPSTREAM is HOST:PORT of a server of plain HTTP. The proxy listens on a free port of 127.0.0.1,
which it writes to PORTFILE. The first N connections are closed as soon as they are there (--drop).
A fault is

    METHOD PATTERN TIMES KIND [ARGUMENT]

in one word with spaces. It applies to requests of METHOD ("*": all) whose path has the regular
expression PATTERN, TIMES times ("-": always); of several, the first one that is not used up.

    cut N	    of the answer's body, only N bytes come; then the connection is closed
    stall N	    the same, but nothing more happens, for a minute
    slow N	    N bytes come every tenth of a second
    status CODE	    this is the answer, without asking upstream
    wait CODE,N	    the same, with "Retry-After: N"
    longer N	    the length is said to be N bytes more than it is
    flip N	    byte N of the body is another one
    signed N	    the same, and the type is that of signed manifests of schema 1
    truncate N	    the body is cut, and its length is right for that
    nolength N	    the same, without any length: the connection's end is the end
    norange -	    Range is ignored
    deny -	    this asks for a name and a password (Basic), whatever was sent
    document TYPE,FILE	this is the answer: what is in FILE, of the media type TYPE
    redirect URL    to URL and the path; "{port}" in it is our port
    flood WHAT	    the answer does not end: "headers"; "interim", ones of 100; a "body"; or "drip", a
		    body of 100 bytes a second
    range TEXT	    this is the answer's Content-Range, and its status 206
    header NAME=V   the answer has this header, in place of what upstream says
    location URL    the answer's Location is that URL and the path of what it was; as above
    upcut N	    of the request's body, only N bytes go upstream; then all is closed
    upflip N	    byte N of the request's body is another one
    close -	    the connection is closed at once

The log has a line for each request: METHOD PATH STATUS Authorization-or-"-" Range-or-"-" HOST.
"""
import argparse
import http.client
import http.server
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse

HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


class Fault:
    def __init__(self, text):
        method, pattern, times, self.kind, *argument = text.split(" ", 4)
        self.method = method
        self.pattern = re.compile(pattern)
        self.left = -1 if times == "-" else int(times)
        self.argument = argument[0] if argument else "-"

    def take(self, method, path):
        if self.left == 0 or self.method not in ("*", method) or not self.pattern.search(path):
            return False
        self.left -= self.left > 0
        return True

    def number(self):
        return int(self.argument)


class Broken(Exception):
    """the connection is to end here"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "test"

    def log_message(self, *_):
        pass

    def note(self, status):
        words = [self.command, self.path, str(status), self.headers.get("Authorization", "-"),
                 self.headers.get("Range", "-"), self.headers.get("Host", "-")]
        with self.server.lock, open(self.server.log, "a", encoding="utf-8") as f:
            f.write(" ".join(w.replace(" ", "_") for w in words) + "\n")

    def find_fault(self):
        with self.server.lock:
            for fault in self.server.faults:
                if fault.take(self.command, self.path):
                    return fault
        return None

    # ---- the request's body --------------------------------------------------------------

    def chunks(self):
        """the body, in pieces"""
        left = int(self.headers.get("Content-Length", 0))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data = self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return
                yield data
        while left > 0:
            data = self.rfile.read(min(left, 65536))
            if not data:
                raise Broken
            left -= len(data)
            yield data

    def flipped(self, data, at):
        at %= len(data)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    # ---- floods --------------------------------------------------------------------------

    def flood(self, what):
        """till the other side has enough"""
        for _ in self.chunks():
            pass
        self.note(0)
        start = b"HTTP/1.1 200 OK\r\n"
        more = {"headers": b"X: " + b"x" * 1000 + b"\r\n", "interim": b"HTTP/1.1 100 Continue\r\n\r\n",
                "body": b" " * 65536, "drip": b" " * 10}[what]
        if what != "interim":
            self.wfile.write(start)
        if what in ("body", "drip"):
            self.wfile.write(b"Content-Type: application/json\r\n\r\n")
        while True:
            self.wfile.write(more)
            if what == "drip":
                time.sleep(0.1)

    # ---- answers -------------------------------------------------------------------------

    def answer(self, status, headers=(), body=b"", length=None):
        self.note(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def upstream(self, limit=None, flip=None):
        """ask, and return the answer; LIMIT: bytes of the body; FLIP: the one to be changed"""
        host, port = self.server.upstream
        c = http.client.HTTPConnection(host, port, timeout=120)
        c.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "expect") + self.server.hidden:
                c.putheader(name, value)
        c.endheaders()
        for data in self.chunks():
            if limit is not None:
                data = data[:limit]
                limit -= len(data)
            if flip is not None:
                data, flip = self.flipped(data, flip), None
            c.send(data)
            if limit == 0:
                time.sleep(0.3)
                c.close()
                raise Broken
        return c.getresponse()

    def forward(self, fault):
        kind = fault.kind if fault else ""
        if kind == "norange":
            del self.headers["Range"]
        r = self.upstream(fault.number() if kind == "upcut" else None,
                          fault.number() if kind == "upflip" else None)
        headers = [(n, v) for n, v in r.getheaders() if n.lower() not in HOP]
        length = r.getheader("Content-Length")
        if self.command == "HEAD":
            self.answer(r.status, headers, length=length or 0)
            return
        body = r.read()
        if kind == "signed":
            headers = [(n, v) for n, v in headers if n.lower() != "content-type"]
            headers.append(("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws"))
        if kind == "location":
            headers = [(n, self.moved(fault, v) if n.lower() == "location" else v) for n, v in headers]
        status = r.status
        if kind in ("range", "header"):
            status = 206 if kind == "range" else status
            name, value = (("Content-Range", fault.argument) if kind == "range"
                           else fault.argument.split("=", 1))
            headers = [(n, v) for n, v in headers if n.lower() != name.lower()] + [(name, value)]
        if kind in ("flip", "signed") and body:
            body = self.flipped(body, fault.number())
        if kind in ("truncate", "nolength"):
            body = body[:fault.number()]
        if kind in ("cut", "stall", "longer", "slow"):
            self.answer_badly(kind, fault.number(), status, headers, body)
            return
        self.answer(status, headers, body, "none" if kind == "nolength" else None)
        if kind == "nolength":
            raise Broken

    def moved(self, fault, url):
        return (fault.argument.format(port=self.server.server_port) +
                urllib.parse.urlsplit(url)._replace(scheme="", netloc="").geturl())

    def answer_badly(self, kind, n, status, headers, body):
        more = n if kind == "longer" else 0
        if kind == "slow":
            self.answer(status, headers, length=len(body))
            for i in range(0, len(body), n):
                self.wfile.write(body[i:i + n])
                time.sleep(0.1)
            return
        sent = body if kind == "longer" else body[:n]
        self.answer(status, headers, sent, len(body) + more)
        self.wfile.flush()
        if kind == "stall":
            time.sleep(60)
        if more or len(sent) < len(body):
            raise Broken

    def serve(self):
        fault = self.find_fault()
        kind = fault.kind if fault else ""
        if kind in ("status", "wait", "deny", "redirect"):
            for _ in self.chunks():
                pass
        if kind == "status":
            self.answer(fault.number())
        elif kind == "wait":
            status, seconds = fault.argument.split(",")
            self.answer(int(status), [("Retry-After", seconds)])
        elif kind == "deny":
            self.answer(401, [("WWW-Authenticate", 'Basic realm="test"')])
        elif kind == "document":
            content_type, path = fault.argument.split(",")
            with open(path, "rb") as f:
                self.answer(200, [("Content-Type", content_type)], f.read())
        elif kind == "redirect":
            to = fault.argument.format(port=self.server.server_port)
            self.answer(307, [("Location", to + self.path)])
        elif kind == "close":
            raise Broken
        elif kind == "flood":
            self.flood(fault.argument)
        else:
            self.forward(fault)

    def handle_all(self):
        try:
            self.serve()
        except (Broken, OSError, http.client.HTTPException):
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_all


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    hidden = ()

    def __init__(self, handler, args):
        super().__init__(("127.0.0.1", 0), handler)
        self.lock = threading.Lock()
        self.log = args.log
        host, port = args.upstream.split(":")
        self.upstream = host, int(port)
        self.faults = [Fault(text) for text in args.faults]
        self.drop = args.drop
        if args.cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(args.cert, args.key)
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              do_handshake_on_connect=False)

    def process_request(self, request, client_address):
        if self.drop > 0:
            self.drop -= 1
            self.close_request(request)
        else:
            super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass

    def run(self, portfile):
        with open(portfile + ".new", "w", encoding="ascii") as f:
            f.write(str(self.server_port))
        os.rename(portfile + ".new", portfile)
        self.serve_forever()


def parser():
    p = argparse.ArgumentParser()
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--drop", type=int, default=0)
    p.add_argument("--log", default="/dev/null")
    p.add_argument("portfile")
    p.add_argument("upstream")
    p.add_argument("faults", nargs="*")
    return p


if __name__ == "__main__":
    options = parser().parse_args()
    Server(Handler, options).run(options.portfile)
