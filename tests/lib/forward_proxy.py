#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""forward_proxy.py - what $http_proxy and $https_proxy name: a proxy that clients know of

    forward_proxy.py [--user NAME:PASSWORD] [--cert FILE --key FILE] [--log FILE]
        PORTFILE UPSTREAM [FAULT]...

Whatever server is asked for, by CONNECT or by a whole URL, is UPSTREAM. With --user, nobody else may.
Faults are those of fault_proxy.py, of CONNECT, too.

The log has a line for each request: METHOD TARGET STATUS Authorization-or-"-"
Proxy-Authorization-or-"-".
"""
import base64
import socket
import threading
import urllib.parse

import fault_proxy


def pump(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Handler(fault_proxy.Handler):
    def note(self, status):
        words = [self.command, self.target, str(status), self.headers.get("Authorization", "-"),
                 self.headers.get("Proxy-Authorization", "-")]
        with self.server.lock, open(self.server.log, "a", encoding="utf-8") as f:
            f.write(" ".join(w.replace(" ", "_") for w in words) + "\n")

    def tunnel(self):
        with socket.create_connection(self.server.upstream) as upstream:
            self.note(200)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=pump, args=(upstream, self.connection), daemon=True).start()
            pump(self.connection, upstream)
        raise fault_proxy.Broken

    def forward(self, fault):
        if self.command == "CONNECT":
            self.tunnel()
        super().forward(fault)

    def serve(self):
        self.target = self.path
        if self.command != "CONNECT":
            url = urllib.parse.urlsplit(self.path)
            self.path = url._replace(scheme="", netloc="").geturl()
        user = self.server.user
        if user and self.headers.get("Proxy-Authorization") != user:
            for _ in self.chunks():
                pass
            self.answer(407, [("Proxy-Authenticate", 'Basic realm="proxy"')])
        else:
            super().serve()

    do_CONNECT = fault_proxy.Handler.handle_all


class Server(fault_proxy.Server):
    hidden = ("proxy-authorization", "proxy-connection")

    def __init__(self, args):
        super().__init__(Handler, args)
        self.user = args.user and "Basic " + base64.b64encode(args.user.encode()).decode()


if __name__ == "__main__":
    parser = fault_proxy.parser()
    parser.add_argument("--user")
    options = parser.parse_args()
    Server(options).run(options.portfile)
