#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""connect_proxy.py - a proxy for HTTPS, through which one gets to a server of the test, whatever
host is asked for

    connect_proxy.py PORTFILE UPSTREAM

UPSTREAM is HOST:PORT. The proxy listens on a free port of 127.0.0.1, which it writes to PORTFILE.
"""
import os
import socket
import socketserver
import sys
import threading

UPSTREAM = sys.argv[2].rsplit(":", 1)


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Handler(socketserver.StreamRequestHandler):
    rbufsize = 0  # what comes behind the request is for UPSTREAM

    def handle(self):
        is_connect = self.rfile.readline().startswith(b"CONNECT ")
        while self.rfile.readline().strip():
            pass
        if not is_connect:
            self.wfile.write(b"HTTP/1.1 405 CONNECT only\r\n\r\n")
            return
        with socket.create_connection(UPSTREAM) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=copy, args=(upstream, self.connection))
            back.start()
            copy(self.connection, upstream)
            back.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Handler) as server:
    with open(sys.argv[1] + ".new", "w", encoding="ascii") as f:
        print(server.server_address[1], file=f)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()
